// Bounds of the interfaces and disks that people lay out, and of devices.

import type { HeldBound } from './row.ts';

const byAdministrators = {
  whoCanFill: 'an administrator',
  whatOthersNotice: 'one more is refused, for this machine alone',
  harm: { kind: 'refused', stoppedBy: 'administrators you trust; delete unneeded parts' },
  share: 'none is needed: each machine has its own',
} as const;

export const LAYOUT_BOUNDS: readonly HeldBound[] = [
  {
    at: 'region/records/machine-layout.ts LAID_INTERFACES_MAX',
    what: 'interfaces of one machine, laid out',
    ...byAdministrators,
    howItEmpties: 'as interfaces are deleted, or the network is restored',
    test: 'region/layout/interface-changes.test.ts',
  },
  {
    at: 'region/records/machine-layout.ts LINKS_MAX',
    what: 'links of one machine to subnets',
    ...byAdministrators,
    howItEmpties: 'as links are removed, or the network is restored',
    test: 'region/layout/interface-changes.test.ts',
  },
  {
    at: 'region/records/machine-layout.ts STORAGE_PARTS_MAX',
    what: 'partitions of one machine, laid out; likewise its RAIDs, volume groups, volumes, and disks that people added or described',
    ...byAdministrators,
    howItEmpties: 'as they are deleted, or the disks are restored',
    test: 'region/layout/storage-changes.test.ts',
  },
  {
    at: 'region/records/machine.ts DEVICES_MAX',
    what: 'devices of the region',
    whoCanFill: 'any user',
    whatOthersNotice: 'one more device is refused; machines enlist as before',
    harm: { kind: 'refused', stoppedBy: 'users you trust; an administrator deletes unneeded devices' },
    howItEmpties: 'as devices are deleted, or the machine that they are a part of',
    share: 'none: users are trusted not to take all',
    test: 'region/api/devices-api.test.ts',
  },
];
