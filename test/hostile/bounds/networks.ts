// The bounds of networks as objects.

import type { HeldBound } from './row.ts';

const AT = 'region/records/network-store.ts';
const ADMINISTRATORS = {
  whoCanFill: 'an administrator',
  whatOthersNotice: 'one more is refused',
  harm: { kind: 'refused', stoppedBy: 'administrators you trust; remove unneeded entries' },
  test: 'region/networks/limits.test.ts',
} as const;
const RACKS = {
  whoCanFill: 'an administrator, and accepted racks that report many networks',
  whatOthersNotice: 'one more is refused, and a further network of a rack is not shown; the rack serves it as before',
  harm: { kind: 'refused', stoppedBy: 'administrators and racks you trust; remove unneeded entries' },
  howItEmpties: 'as they are removed; those that nobody changed go with the network of their rack',
  share: 'a rack has at most 256 networks; those that are there stay',
  test: 'region/networks/limits.test.ts',
} as const;

export const NETWORK_BOUNDS: readonly HeldBound[] = [
  { at: `${AT} FABRICS_MAX`, what: 'fabrics', ...RACKS },
  { at: `${AT} VLANS_MAX`, what: 'VLANs', ...RACKS },
  { at: `${AT} SUBNETS_MAX`, what: 'subnets', ...RACKS },
  {
    at: `${AT} SPACES_MAX`,
    what: 'spaces',
    ...ADMINISTRATORS,
    howItEmpties: 'as spaces are removed',
    share: 'none is needed: only administrators add spaces',
  },
  {
    at: `${AT} RANGES_MAX`,
    what: 'ranges of addresses',
    ...RACKS,
    whoCanFill: 'an administrator, accepted racks, and dozens of users who reserve ranges',
  },
  {
    at: `${AT} RESERVED_MAX`,
    what: 'addresses that users have reserved',
    ...ADMINISTRATORS,
    whoCanFill: 'dozens of users, each with as many as a user may have',
    harm: { kind: 'refused', stoppedBy: 'users you trust; release addresses of others by force' },
    howItEmpties: 'as addresses are released',
    share: 'a user without rights has at most 256',
  },
  {
    at: `${AT} RESERVED_PER_USER_MAX`,
    what: 'addresses and ranges that one user has reserved, linked with devices, or released while their hosts lease them',
    whoCanFill: 'that user',
    whatOthersNotice: 'nothing',
    howItEmpties: 'as the user releases or unlinks them, and the leases of their hosts end',
    share: 'it is the share of a user; administrators have none',
    test: 'region/networks/ranges-api.test.ts',
  },
  {
    at: `${AT} ROUTES_MAX`,
    what: 'static routes',
    ...ADMINISTRATORS,
    howItEmpties: 'as routes are removed',
    share: 'none is needed: only administrators add routes',
  },
  {
    at: `${AT} CONNECTIONS_MAX`,
    what: 'hardware addresses connected to networks',
    ...ADMINISTRATORS,
    howItEmpties: 'as they are disconnected',
    share: 'none is needed: only administrators connect them',
  },
];
