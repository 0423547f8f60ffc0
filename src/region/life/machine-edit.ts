// The edit of a machine by a person.

import type { MachineFields } from '../records/machine.ts';

/** The fields of a machine that a person may edit. */
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
