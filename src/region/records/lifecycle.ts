// A machine's life cycle: its states, the allowed transitions, and the states' names and numbers in
// each API version. Sources: the numbers, names and transitions that MAAS 1.4, 1.7 and 3.x publish;
// API 1.0 maps newer states to older ones.
//
//   New ── Commissioning ── Ready ── Allocated ── Deploying ── Deployed
//    │            │           ▲                        │            │
//    └ enlists    └ Failed    └──── Releasing ◄────────┴────────────┘        and Broken, Testing, Rescue mode
//
// Only a person marks a machine Missing; it leaves that state when it is found, written off or
// released. Nothing enters Reserved, which old clients know; a machine imported in it is released
// like an Allocated one.
//
// 1. Every status change passes `checkTransition` (`life/transition.ts`).
// 2. Every state in progress has exactly one failed state, which it may enter.
// 3. Clients compare numbers and names, so they never change.

/** A machine's state. */
export type MachineStatus =
  | 'new'
  | 'commissioning'
  | 'failed-commissioning'
  | 'missing'
  | 'ready'
  | 'reserved'
  | 'deployed'
  | 'retired'
  | 'broken'
  | 'deploying'
  | 'allocated'
  | 'failed-deployment'
  | 'releasing'
  | 'failed-releasing'
  | 'disk-erasing'
  | 'failed-disk-erasing'
  | 'rescue-mode'
  | 'entering-rescue-mode'
  | 'failed-entering-rescue-mode'
  | 'exiting-rescue-mode'
  | 'failed-exiting-rescue-mode'
  | 'testing'
  | 'failed-testing';

interface StatusRow {
  readonly status: MachineStatus;
  readonly number: number;
  /** `Failed commissioning`. */
  readonly name: string;
  /** The name in MAAS 1.4, if it had the state. */
  readonly oldName?: string | undefined;
  /** `status` in API 1.0, whose clients know 0 to 8 only; the number itself is `substatus` there. */
  readonly foldedNumber: number;
  /**
   * Besides the first steps of commands (`machine-commands.ts`) and `failed`: the end of work, the
   * way back, and moves that only MAAS has.
   */
  readonly also?: readonly MachineStatus[] | undefined;
  /** When the work fails or times out; `undefined`: no work is in progress. */
  readonly failed?: MachineStatus | undefined;
  /** Without a sign of life; `undefined`: indefinitely. */
  readonly timeoutMinutes?: number | undefined;
}

/** Every state, ordered by number. */
export const STATUSES: readonly StatusRow[] = [
  {
    status: 'new',
    number: 0,
    name: 'New',
    oldName: 'Declared',
    foldedNumber: 0,
    also: ['ready', 'testing'],
  },
  {
    status: 'commissioning',
    number: 1,
    name: 'Commissioning',
    oldName: 'Commissioning',
    foldedNumber: 1,
    also: ['ready', 'retired', 'new', 'testing'],
    failed: 'failed-commissioning',
    timeoutMinutes: 20,
  },
  {
    status: 'failed-commissioning',
    number: 2,
    name: 'Failed commissioning',
    oldName: 'Failed tests',
    foldedNumber: 2,
  },
  {
    status: 'missing',
    number: 3,
    name: 'Missing',
    oldName: 'Missing',
    foldedNumber: 3,
    also: ['allocated'],
  },
  {
    status: 'ready',
    number: 4,
    name: 'Ready',
    oldName: 'Ready',
    foldedNumber: 4,
    also: ['reserved'],
  },
  {
    status: 'reserved',
    number: 5,
    name: 'Reserved',
    oldName: 'Reserved',
    foldedNumber: 5,
    also: ['ready', 'allocated', 'retired', 'disk-erasing'],
  },
  {
    status: 'deployed',
    number: 6,
    name: 'Deployed',
    oldName: 'Allocated',
    foldedNumber: 6,
    also: ['allocated', 'ready', 'disk-erasing', 'deploying', 'testing'],
  },
  {
    status: 'retired',
    number: 7,
    name: 'Retired',
    oldName: 'Retired',
    foldedNumber: 7,
    also: ['ready'],
  },
  {
    status: 'broken',
    number: 8,
    name: 'Broken',
    foldedNumber: 8,
    also: ['ready', 'disk-erasing', 'deployed'],
  },
  {
    status: 'deploying',
    number: 9,
    name: 'Deploying',
    foldedNumber: 6,
    also: ['deployed', 'ready', 'disk-erasing'],
    failed: 'failed-deployment',
    timeoutMinutes: 40,
  },
  {
    status: 'allocated',
    number: 10,
    name: 'Allocated',
    foldedNumber: 6,
    also: ['ready', 'retired', 'disk-erasing'],
  },
  {
    status: 'failed-deployment',
    number: 11,
    name: 'Failed deployment',
    foldedNumber: 6,
    also: ['allocated', 'ready', 'disk-erasing'],
  },
  {
    status: 'releasing',
    number: 12,
    name: 'Releasing',
    foldedNumber: 6,
    also: ['ready'],
    failed: 'failed-releasing',
    timeoutMinutes: 5,
  },
  {
    status: 'failed-releasing',
    number: 13,
    name: 'Releasing failed',
    foldedNumber: 6,
    also: ['disk-erasing', 'ready'],
  },
  {
    status: 'disk-erasing',
    number: 14,
    name: 'Disk erasing',
    foldedNumber: 6,
    also: ['disk-erasing', 'ready', 'releasing'],
    failed: 'failed-disk-erasing',
    timeoutMinutes: 30,
  },
  {
    status: 'failed-disk-erasing',
    number: 15,
    name: 'Failed disk erasing',
    foldedNumber: 6,
    also: ['disk-erasing', 'allocated', 'ready'],
  },
  {
    status: 'rescue-mode',
    number: 16,
    name: 'Rescue mode',
    foldedNumber: 6,
  },
  {
    status: 'entering-rescue-mode',
    number: 17,
    name: 'Entering rescue mode',
    foldedNumber: 6,
    also: ['rescue-mode'],
    failed: 'failed-entering-rescue-mode',
    timeoutMinutes: 30,
  },
  {
    status: 'failed-entering-rescue-mode',
    number: 18,
    name: 'Failed to enter rescue mode',
    foldedNumber: 6,
  },
  {
    status: 'exiting-rescue-mode',
    number: 19,
    name: 'Exiting rescue mode',
    foldedNumber: 6,
    also: [
      'new',
      'failed-commissioning',
      'ready',
      'reserved',
      'allocated',
      'deployed',
      'failed-deployment',
      'failed-releasing',
      'failed-disk-erasing',
      'failed-testing',
    ],
    failed: 'failed-exiting-rescue-mode',
    timeoutMinutes: 5,
  },
  {
    status: 'failed-exiting-rescue-mode',
    number: 20,
    name: 'Failed to exit rescue mode',
    foldedNumber: 6,
    also: ['ready'],
  },
  {
    status: 'testing',
    number: 21,
    name: 'Testing',
    foldedNumber: 1,
    also: [
      'commissioning',
      'new',
      'failed-commissioning',
      'ready',
      'allocated',
      'deployed',
      'failed-deployment',
      'failed-releasing',
      'failed-disk-erasing',
    ],
    failed: 'failed-testing',
    timeoutMinutes: 30,
  },
  {
    status: 'failed-testing',
    number: 22,
    name: 'Failed testing',
    foldedNumber: 2,
    also: ['ready', 'deployed', 'allocated'],
  },
];

const BY_STATUS: ReadonlyMap<string, StatusRow> = new Map(STATUSES.map((row) => [row.status, row]));

export function statusRow(status: MachineStatus): StatusRow {
  const row = BY_STATUS.get(status);
  if (row === undefined) throw new Error(`no row for status ${status}`);
  return row;
}

export function findStatusByNumber(number: number): MachineStatus | undefined {
  return STATUSES[number]?.status;
}

/**
 * The state that an API filter names: a number, or a name in any case with spaces, `_` or `-`; or
 * undefined.
 */
export function parseStatus(text: string): MachineStatus | undefined {
  if (/^\d{1,2}$/.test(text)) return findStatusByNumber(Number(text));
  const wanted = text.toLowerCase().replace(/[ _]/g, '-');
  return STATUSES.find((row) => row.status === wanted || row.name.toLowerCase().replace(/ /g, '-') === wanted)?.status;
}
