// The commands that people give to a machine, one row each: the states in which each is possible
// and what it does first, who may give it, and its words for the API, the command line, the log and
// the page. Data only, so that every reader may load it.
//
// Sources: the operations of MAAS's API, and the states in which it allows them.
//
// 1. The states' table adds what follows a first step: the ends of work, and the moves that only
//    MAAS has (`lifecycle.ts`).
// 2. The order is that of the API, of help, of refusals and of buttons.

import type { MachineStatus } from './lifecycle.ts';

/** The state before the work, or before Broken. */
export const BEFORE = 'before';
type Step = MachineStatus | typeof BEFORE;
type Moves = Readonly<Partial<Record<MachineStatus, Step>>>;

/** What a command does to a machine; `page/words.ts` has a sentence for each. */
export type EffectName =
  | 'starts'
  | 'ends'
  | 'measures'
  | 'dataLost'
  | 'getsAddress'
  | 'becomesYours'
  | 'fixed'
  | 'tests'
  | 'overridden'
  | 'rescueEnds'
  | 'newAgain'
  | 'freed'
  | 'revoked'
  | 'workStops'
  | 'halfWritten'
  | 'rescues'
  | 'broken'
  | 'missing'
  | 'retired';

export interface CommandButton {
  /** `{}` is the machine. */
  readonly heading: string;
  /** Default: the heading without the machine. */
  readonly label?: string;
  /** The notice after the command is accepted; it follows the machine's name. */
  readonly done: string;
  readonly effects: readonly EffectName[];
  /** The states of which it is the usual next step, so that the button stands out. */
  readonly next?: readonly MachineStatus[];
  /** In the menu of rare actions. */
  readonly isRare?: true;
  readonly isDangerous?: true;
}

interface CommandRow {
  /** The first step from each state; absent: the command changes no state. */
  readonly moves?: Moves;
  /** Besides administrators: the machine's owner; anyone, for a machine without an owner. */
  readonly by?: readonly ('owner' | 'anyone')[];
  /** The operation of API 2.0; default: the name with underscores. */
  readonly op?: string;
  /** The operation of API 1.0; default: that of 2.0. */
  readonly oldOp?: string;
  /**
   * For the API, its descriptions and `rackboot maas`. Its first sentence is the help of the
   * command line.
   */
  readonly doc: string;
  /** The operation takes more than a comment: `api/machines/` has its parameters. */
  readonly isOwn?: true;
  /** `rackboot machines WORD MACHINE`; absent: it takes more than a machine, or is no command there. */
  readonly cli?: {
    readonly about?: string;
    /** What it did, if the state stays. */
    readonly done?: string;
    /** It may leave the machine on. */
    readonly isEnding?: true;
  };
  readonly button?: CommandButton;
}

const from = (to: Step, ...states: readonly MachineStatus[]): Moves =>
  Object.fromEntries(states.map((state) => [state, to]));

const ROWS = {
  accept: {
    moves: { new: 'commissioning' },
    doc: 'Accept a New machine, and commission it at its next start.',
    isOwn: true,
    button: { heading: 'Accept {}', done: 'is accepted', effects: ['measures', 'starts'], next: ['new'] },
  },
  commission: {
    moves: from('commissioning', 'new', 'failed-commissioning', 'ready', 'broken', 'missing', 'failed-testing'),
    doc: 'Commission a machine at its next start.',
    isOwn: true,
    button: {
      heading: 'Commission {}',
      done: 'is being commissioned',
      effects: ['measures', 'starts'],
      next: ['failed-commissioning', 'failed-testing'],
    },
  },
  allocate: {
    moves: { ready: 'allocated' },
    by: ['anyone'],
    doc: 'Allocate a Ready machine that meets all conditions. One that boots a profile is allocated only by its name or system id. Not idempotent: each call allocates another one.',
    isOwn: true,
    button: { heading: 'Allocate {}', done: 'is yours', effects: ['becomesYours'] },
  },
  deploy: {
    moves: { ready: 'allocated', ...from('deploying', 'allocated', 'failed-deployment') },
    by: ['owner', 'anyone'],
    oldOp: 'start',
    doc: 'Deploy a system to the disk of a machine. Refused if the owner has no SSH key.',
    isOwn: true,
    button: {
      heading: 'Deploy {}',
      done: 'is being deployed',
      effects: ['dataLost', 'getsAddress', 'starts'],
      next: ['ready', 'allocated', 'failed-deployment'],
    },
  },
  release: {
    moves: {
      ...from(
        'releasing',
        'allocated',
        'reserved',
        'deployed',
        'deploying',
        'broken',
        'failed-deployment',
        'failed-releasing',
        'failed-disk-erasing',
        'failed-testing',
        'rescue-mode',
        'failed-entering-rescue-mode',
        'failed-exiting-rescue-mode',
      ),
      // A missing machine cannot be switched off.
      missing: 'ready',
    },
    by: ['owner'],
    doc: 'Release a machine, with its address and its name in DNS.',
    isOwn: true,
    // Not "is being released": its address and name are freed at once, and it may be Ready before
    // the notice is read.
    button: { heading: 'Release {}', done: 'is released', effects: ['freed', 'revoked', 'ends'] },
  },
  abort: {
    moves: {
      ...from(BEFORE, 'commissioning', 'testing'),
      deploying: 'allocated',
      'disk-erasing': 'failed-disk-erasing',
      'entering-rescue-mode': 'exiting-rescue-mode',
    },
    by: ['owner'],
    oldOp: 'abort_operation',
    doc: 'Abort what a machine is doing, and restore its previous state.',
    cli: { about: "Stop a machine's current work, and return it to its former state", isEnding: true },
    button: {
      heading: 'Abort the work of {}',
      label: 'Abort',
      done: 'was told to stop',
      effects: ['workStops', 'halfWritten', 'ends'],
      isDangerous: true,
    },
  },
  'mark-broken': {
    moves: from(
      'broken',
      'new',
      'commissioning',
      'failed-commissioning',
      'missing',
      'ready',
      'reserved',
      'deployed',
      'retired',
      'deploying',
      'allocated',
      'failed-deployment',
      'releasing',
      'failed-releasing',
      'disk-erasing',
      'failed-disk-erasing',
      'rescue-mode',
      'entering-rescue-mode',
      'failed-entering-rescue-mode',
      'exiting-rescue-mode',
      'failed-exiting-rescue-mode',
      'testing',
      'failed-testing',
    ),
    by: ['owner'],
    doc: 'Mark a machine as broken, so that nothing uses it. A broken machine stays so, with the new comment.',
    isOwn: true,
    cli: {},
    button: { heading: 'Mark {} as broken', done: 'is marked as broken', effects: ['broken'], isRare: true },
  },
  'mark-fixed': {
    moves: { broken: BEFORE },
    doc: 'Mark a broken machine as fixed, so that it may be used again.',
    cli: { about: 'Mark a broken machine as fixed' },
    button: { heading: 'Mark {} as fixed', done: 'is marked as fixed', effects: ['fixed'], next: ['broken'] },
  },
  lock: {
    doc: 'Lock a machine: until it is unlocked, it refuses commands that would change its state.',
    isOwn: true,
    cli: {
      about: 'Lock a machine: no command changes its state; power and debug-login stay allowed',
      done: 'locked',
    },
  },
  unlock: { doc: 'Unlock a machine.', isOwn: true, cli: { done: 'unlocked' } },
  'mark-missing': {
    moves: from(
      'missing',
      'new',
      'commissioning',
      'failed-commissioning',
      'ready',
      'reserved',
      'deployed',
      'retired',
      'deploying',
      'allocated',
      'failed-deployment',
      'releasing',
      'rescue-mode',
      'testing',
      'failed-testing',
    ),
    doc: 'Mark a machine as missing, so that nothing uses it.',
    cli: {},
    button: { heading: 'Mark {} as missing', done: 'is marked as missing', effects: ['missing'], isRare: true },
  },
  rescue: {
    moves: from(
      'entering-rescue-mode',
      'new',
      'failed-commissioning',
      'ready',
      'reserved',
      'deployed',
      'broken',
      'allocated',
      'failed-deployment',
      'failed-releasing',
      'failed-disk-erasing',
      'rescue-mode',
      'failed-entering-rescue-mode',
      'failed-exiting-rescue-mode',
      'failed-testing',
    ),
    by: ['owner'],
    op: 'rescue_mode',
    doc: 'Boot a machine from the network, for SSH logins with keys.',
    button: {
      heading: 'Put {} into rescue mode',
      label: 'Enter rescue mode',
      done: 'is entering rescue mode',
      effects: ['rescues', 'starts'],
      isRare: true,
    },
  },
  'exit-rescue': {
    moves: from(
      'exiting-rescue-mode',
      'rescue-mode',
      'entering-rescue-mode',
      'failed-entering-rescue-mode',
      'failed-exiting-rescue-mode',
    ),
    by: ['owner'],
    op: 'exit_rescue_mode',
    doc: 'End rescue mode, and restore the previous state.',
    cli: { about: 'End the rescue of a machine' },
    button: {
      heading: 'Take {} out of rescue mode',
      label: 'Exit rescue mode',
      done: 'is leaving rescue mode',
      effects: ['rescueEnds'],
      next: ['rescue-mode', 'failed-entering-rescue-mode', 'failed-exiting-rescue-mode'],
    },
  },
  'override-failed': {
    moves: { 'failed-testing': BEFORE },
    op: 'override_failed_testing',
    doc: 'Use a machine although its tests failed.',
    cli: {},
    button: {
      heading: 'Override the failed test of {}',
      label: 'Override failed test',
      done: 'can be used despite its failed test',
      effects: ['overridden'],
    },
  },
  retire: {
    moves: from('retired', 'new', 'failed-commissioning', 'ready', 'failed-testing'),
    doc: 'Take a machine out of use, and keep its records.',
    cli: {},
    button: { heading: 'Retire {}', done: 'is retired', effects: ['retired'], isRare: true },
  },
  reinstate: {
    moves: { retired: 'new', missing: 'new' },
    doc: 'Make a retired or missing machine New again.',
    cli: {},
    button: { heading: 'Reinstate {}', done: 'is New again', effects: ['newAgain'], next: ['missing', 'retired'] },
  },
  test: {
    moves: from(
      'testing',
      'ready',
      'allocated',
      'broken',
      'failed-commissioning',
      'failed-deployment',
      'failed-releasing',
      'failed-disk-erasing',
      'failed-testing',
    ),
    by: ['owner'],
    doc: 'Test a machine at its next start, and then restore its previous state.',
    isOwn: true,
    button: { heading: 'Test {}', done: 'is being tested', effects: ['tests', 'starts'] },
  },
} satisfies Readonly<Record<string, CommandRow>>;

type RowName = keyof typeof ROWS;
/** A command that changes the state. */
export type CommandName = {
  [Name in RowName]: (typeof ROWS)[Name] extends { readonly moves: object } ? Name : never;
}[RowName];

export const COMMANDS: Readonly<Record<RowName, CommandRow>> = ROWS;

const isRowName = (name: string): name is RowName => Object.hasOwn(ROWS, name);
const isCommandName = (name: RowName): name is CommandName => COMMANDS[name].moves !== undefined;

export const ROW_NAMES: readonly RowName[] = Object.keys(ROWS).filter(isRowName);
export const COMMAND_NAMES: readonly CommandName[] = ROW_NAMES.filter(isCommandName);

const isComplete = <T>(made: Partial<Record<CommandName, T>>): made is Record<CommandName, T> =>
  COMMAND_NAMES.every((name) => name in made);

export function forEachCommand<T>(make: (name: CommandName) => T): Readonly<Record<CommandName, T>> {
  const made: Partial<Record<CommandName, T>> = {};
  for (const name of COMMAND_NAMES) made[name] = make(name);
  if (!isComplete(made)) throw new Error('a command is missing');
  return made;
}

/** A command's word on the command line: `rackboot machines fixed`. */
export const commandWord = (name: RowName): string => name.replace(/^mark-/, '');

/** Refusals list the operations that fit a state by their API names, so those names work as well. */
export function commandAliases(name: RowName): readonly string[] {
  const alias = operationName(name).replaceAll('_', '-');
  return COMMANDS[name].cli === undefined || alias === commandWord(name) ? [] : [alias];
}

export const operationName = (name: RowName): string => COMMANDS[name].op ?? name.replaceAll('-', '_');

/** The label of a command's button, `Mark as fixed`; for a command without a button its name. */
export function commandLabel(name: string): string {
  const button = isRowName(name) ? COMMANDS[name].button : undefined;
  return button?.label ?? button?.heading.replace(' {}', '') ?? name;
}
