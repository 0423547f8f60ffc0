// The patterns of `boot.hint` for docs/reference/events.md.

import type { HintName } from '../../src/region/reports/hints.ts';

/** How each hint is recognised (`src/observe/hints.ts`). */
export const HINT_PATTERNS = {
  'asked-before-heard': 'The first DISCOVER to arrive says that the machine has been asking for a while.',
  'offer-not-taken': 'Addresses are offered again and again, and never requested.',
  'other-server': 'The machine takes the offer of another DHCP server.',
  'no-loader': 'There is no loader for the architecture of the firmware.',
  'loader-loop': 'The same loader is loaded again and again without a configuration or kernel.',
  'file-missing': 'A file that the boot needs is not in the boot tree.',
  'cannot-start': 'The configuration for the machine can only explain why there is nothing to start.',
  'transfer-stalled': 'The machine falls silent in the middle of a TFTP transfer.',
  'transfer-unheard': 'TFTP transfers start, but no block is ever acknowledged.',
  'packets-lost': 'A tenth or more of the blocks of a file had to be sent again.',
  'report-refused': "The region refuses the machine's report.",
} as const satisfies Readonly<Record<HintName, string>>;
