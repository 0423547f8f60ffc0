// A minimal machine, for tests of decisions by state alone.

import type { MachineStatus } from '../../../src/region/records/lifecycle.ts';
import type { Machine } from '../../../src/region/records/machine.ts';

/** A machine in a state, owned by bob, without hardware, addresses or power. */
export function bareMachine(status: MachineStatus, fields: Partial<Machine> = {}): Machine {
  return {
    id: 1,
    systemId: 'aaaaaa',
    createdMs: 0,
    interfaces: [],
    addresses: [],
    tags: [],
    hostname: 'calm-otter',
    domain: 'maas',
    description: '',
    status,
    statusSinceMs: 0,
    architecture: 'amd64',
    subarchitecture: 'generic',
    osystem: '',
    release: '',
    netboot: true,
    powerType: '',
    powerParameters: {},
    powerState: 'unknown',
    owner: 'bob',
    ...fields,
  };
}
