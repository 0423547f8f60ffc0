// What a person changes of a machine.

import type { MachineFields } from '../records/machine.ts';

export type MachineEdit = Partial<
  Pick<
    MachineFields,
    | 'hostname'
    | 'domain'
    | 'description'
    | 'architecture'
    | 'subarchitecture'
    | 'powerType'
    | 'powerParameters'
    | 'kernelParams'
    | 'osystem'
    | 'release'
    | 'kernel'
    | 'oldestKernel'
    | 'zoneId'
    | 'poolId'
  >
>;
