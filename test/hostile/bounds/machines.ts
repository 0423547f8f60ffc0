// The bounds of New machines, and of the requests of machines that have identified themselves.

import type { HeldBound } from './row.ts';

export const MACHINE_BOUNDS: readonly HeldBound[] = [
  {
    at: 'config/written.ts new_machines_max',
    what: 'New machines that no user created, changed or tagged (`region.new_machines_max`)',
    whoCanFill: 'a host that boots as one new machine after another and releases each lease, 1000 in a minute',
    whatOthersNotice:
      'a New machine that gave up its lease is forgotten until it boots again; a machine that no rack booted is refused while racks booted all of them',
    harm: { kind: 'refused', stoppedBy: 'port security; a tag or a change for each machine to keep' },
    howItEmpties: 'as users accept, change or delete machines; and one gives way to each newcomer whose boot is proven',
    share:
      'booted ones by network, and those that still hold their address stay longer; the others by network and address, and each gives way to a booted one',
    test: 'region/identity/claims.test.ts',
  },
  {
    at: 'region/shares/request-rates.ts WORKER_RATE',
    what: 'requests of one machine at work, by the token of its boot',
    whoCanFill: 'that machine',
    whatOthersNotice: 'nothing',
    howItEmpties: 'with time',
    share: 'it is the share',
    test: 'region/shares/request-rates.test.ts',
  },
  {
    at: 'region/shares/request-rates.ts WORKERS_PER_NETWORK',
    what: 'requests of the machines at work of one network, or of one remote rack',
    whoCanFill: 'fifty machines of it that ask without a pause, or the rack; an invented token counts as no machine',
    whatOthersNotice: 'a machine at work there gets 429 and asks again',
    harm: { kind: 'waits' },
    howItEmpties: 'with time: 250 a second',
    share: 'by machine through WORKER_RATE',
    test: 'region/api/rated-doors.ts',
  },
  {
    at: 'region/shares/request-rates.ts WORKERS_RATE',
    what: 'the same of all machines that reach the region directly; each remote rack has rates of its own',
    whoCanFill: 'a hundred machines at work, of two networks, that ask without a pause',
    whatOthersNotice: 'a machine at work gets 429 and asks again',
    harm: { kind: 'waits' },
    howItEmpties: 'with time: 500 a second',
    share: 'by network through WORKERS_PER_NETWORK, and by machine through WORKER_RATE',
    test: 'region/shares/request-rates.test.ts',
  },
  {
    at: 'region/http/metadata-routes.ts MACHINE_RATE',
    what: 'requests for metadata of one machine',
    whoCanFill: 'that machine',
    whatOthersNotice: 'nothing',
    howItEmpties: 'with time',
    share: 'it is the share',
    test: 'region/metadata/metadata.test.ts',
  },
  {
    at: 'region/http/metadata-routes.ts MACHINES_PER_NETWORK',
    what: 'the same of the machines of one network, or of one remote rack',
    whoCanFill: 'twenty-five machines of it that ask without a pause, or the rack',
    whatOthersNotice: 'cloud-init of a machine there gets 429 and asks again',
    harm: { kind: 'waits' },
    howItEmpties: 'with time: 250 a second',
    share: 'by machine through MACHINE_RATE',
    test: 'region/api/rated-doors.ts',
  },
  {
    at: 'region/http/metadata-routes.ts MACHINES_RATE',
    what: 'the same of all machines that reach the region directly; each remote rack has rates of its own',
    whoCanFill: 'fifty machines, of two networks, that ask without a pause',
    whatOthersNotice: 'cloud-init gets 429 and asks again',
    harm: { kind: 'waits' },
    howItEmpties: 'with time: 500 a second',
    share: 'by network through MACHINES_PER_NETWORK, and by machine through MACHINE_RATE',
    test: 'region/shares/request-rates.test.ts',
  },
];
