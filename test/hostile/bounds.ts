// Every bound that an outside client can hold or fill and that others notice, by door. `docs/reference/bounds.md` is made from the rows.

import { DHCP_BOUNDS } from './bounds/dhcp.ts';
import { DNS_BOUNDS } from './bounds/dns.ts';
import { HTTP_BOUNDS } from './bounds/http.ts';
import { JOURNAL_BOUNDS } from './bounds/journal.ts';
import { NET_BOUNDS } from './bounds/net.ts';
import { REGION_BOUNDS } from './bounds/region.ts';
import type { Door, HeldBound } from './bounds/row.ts';
import { TFTP_BOUNDS, TREE_BOUNDS } from './bounds/tftp.ts';
import { UPLINK_BOUNDS } from './bounds/uplink.ts';

const POWER_BOUNDS: readonly HeldBound[] = [
  {
    at: 'power/queue.ts RUNNING_MAX',
    what: 'running commands and queries of power controllers',
    whoCanFill: 'controllers that do not answer: each keeps its place for 30 s',
    whatOthersNotice: 'commands for other machines wait',
    harm: 'waits',
    howItEmpties: 'as each ends, after COMMAND_MS_MAX at the latest',
    share: 'a controller has one; queries have half',
    test: 'power/queue.test.ts',
  },
  {
    at: 'power/queue.ts QUESTIONS_RUNNING_MAX',
    what: 'running queries of machines’ power state',
    whoCanFill: 'controllers of accepted machines that do not answer',
    whatOthersNotice: 'the state of other machines is seen later',
    harm: 'waits',
    howItEmpties: 'as each ends; a controller that does not answer is queried ever more rarely',
    share:
      'a controller has one; a controller that an enlisting machine names is not queried before the machine is accepted',
    test: 'power/queue.test.ts',
  },
  {
    at: 'power/queue.ts COMMANDS_MAX',
    what: 'waiting commands',
    whoCanFill: 'users who switch thousands of machines at once',
    whatOthersNotice: 'a further command is refused with its reason',
    harm: 'refused',
    stoppedBy: 'administrators you trust; remove unneeded entries',
    howItEmpties: 'as they run, or after 10 minutes',
    share: 'a machine has one',
    test: 'power/queue.test.ts',
  },
  {
    at: 'power/queue.ts QUESTIONS_MAX',
    what: 'waiting queries',
    whoCanFill: 'thousands of machines with controllers that do not answer',
    whatOthersNotice: 'a state is not queried until the next interval',
    harm: 'waits',
    howItEmpties: 'as they run, or after 10 minutes',
    share: 'a machine has one',
    test: 'power/queue.test.ts',
  },
];

const IMAGE_BOUNDS: readonly HeldBound[] = [
  {
    at: 'region-thread/imports/run-item.ts IMPORTS_MAX',
    what: 'images that a region imports at a time',
    whoCanFill: 'three selected sources that send their images slowly',
    whatOthersNotice: 'the images of further sources stay queued',
    harm: 'waits',
    howItEmpties:
      'an import ends, or its server asks for a pause of more than a minute; a person can pause or cancel it',
    share: 'IMPORTS_OF_SOURCE_MAX for one source; the last place is for a source that has none',
    test: 'region-thread/import-run.test.ts',
  },
];

/** The rows of each door, in the order of the document. */
export const HELD: Readonly<Record<Door, readonly HeldBound[]>> = {
  DHCP: DHCP_BOUNDS,
  TFTP: TFTP_BOUNDS,
  'Boot tree': TREE_BOUNDS,
  DNS: DNS_BOUNDS,
  'Boot HTTP': HTTP_BOUNDS,
  'Region: API and page': REGION_BOUNDS,
  'Uplink and racks': UPLINK_BOUNDS,
  Power: POWER_BOUNDS,
  Images: IMAGE_BOUNDS,
  'Journal and events': JOURNAL_BOUNDS,
  Net: NET_BOUNDS,
};
