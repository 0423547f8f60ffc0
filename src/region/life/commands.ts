// The commands that people give to machines, with the states in which each is possible and to which it leads.
//
// Sources: the operations of MAAS's API, and the states in which it allows them.
//
//   command          from                                              to
//   accept           New                                               Commissioning, or Ready if that is skipped
//   commission       New, Ready, Broken, Missing, failures before use  Commissioning
//   allocate         Ready                                             Allocated
//   deploy           Ready, Allocated, Failed deployment               Deploying
//   release          states with an owner, failed releases             Disk erasing, Releasing or Ready
//   abort            Commissioning, Testing                            the state before, powered off; New instead of Failed testing
//                    Deploying, Disk erasing                           Allocated, or Failed disk erasing; powered off
//                    Entering rescue mode                              as exit-rescue
//   mark-broken      nearly every state                                Broken
//   mark-fixed       Broken                                            Ready, or Deployed as before
//   mark-missing     nearly every state                                Missing
//   rescue           states without work in progress                   Entering rescue mode
//   exit-rescue      every state of a rescue                           the state before
//   retire           states without an owner                           Retired
//   reinstate        Retired, Missing                                  New
//   override-failed  Failed testing                                    Ready, or Deployed as before
//   test             idle states without a running system              Testing
//
// 1. The refusal of an impossible command lists the possible ones.
// 2. A Broken machine may be marked as broken again, as in MAAS: only the reason changes, if one is given.

import type { Clock } from '../../clock.ts';
import { type MachineStatus, STATUSES, statusRow } from '../records/lifecycle.ts';
import type { Machine, MachineOutline } from '../records/machine.ts';
import type { LaidInterface } from '../records/machine-layout.ts';
import { type RefusalWord, refusal } from '../records/refusal.ts';
import type { EraseMode, MachineWork } from '../records/work.ts';
import { whose } from './transition.ts';

export const COMMAND_NAMES = [
  'accept',
  'commission',
  'allocate',
  'deploy',
  'release',
  'abort',
  'mark-broken',
  'mark-fixed',
  'mark-missing',
  'rescue',
  'exit-rescue',
  'retire',
  'reinstate',
  'override-failed',
  'test',
] as const;
export type CommandName = (typeof COMMAND_NAMES)[number];

/** On the command line: `rackboot machines fixed`. */
export const commandWord = (name: CommandName): string => name.replace(/^mark-/, '');

export interface MachineCommand {
  readonly name: CommandName;
  /** `accept`: skip commissioning, for a machine that cannot report its hardware. */
  readonly skipsCommissioning?: boolean | undefined;
  /** `release`: what to erase first. */
  readonly erase?: EraseMode | undefined;
  /** `commission`, `test`: the operators' scripts to run; `undefined`: all of that kind. */
  readonly scripts?: readonly string[] | undefined;
  /** `allocate`: the caller finds the machine again by it. */
  readonly agentName?: string | undefined;
  /** `allocate`, `deploy`: the settings of the bridges to make on the interfaces that get addresses; `undefined`: none. */
  readonly bridges?: LaidInterface['params'] | undefined;
  readonly deployment?: Deployment | undefined;
}

export interface Deployment {
  readonly osystem: string;
  readonly release: string;
  /** By its subarchitecture; undefined: the image's own. */
  readonly kernel?: string | undefined;
  readonly deployBy: NonNullable<MachineWork['deployBy']>;
  readonly disk?: string | undefined;
  readonly userData?: Uint8Array | undefined;
}

export interface Actor {
  readonly username: string;
  readonly isAdmin: boolean;
  /** May be empty. */
  readonly comment: string;
}

export interface CommandTerms {
  readonly atMs: number;
  readonly clock: Clock;
  readonly by: Actor;
  /** True if Rackboot can switch the machine's power. */
  readonly switches: boolean;
}

export type CommandRefusal = RefusalWord;

export const BEFORE = 'before';
type Target = MachineStatus | typeof BEFORE;

/** By the current state. `release` is listed without erasure. */
export const TARGETS: Readonly<Record<CommandName, Readonly<Partial<Record<MachineStatus, Target>>>>> = {
  accept: { new: 'commissioning' },
  commission: from('commissioning', 'new', 'failed-commissioning', 'ready', 'broken', 'missing', 'failed-testing'),
  allocate: { ready: 'allocated' },
  deploy: from('deploying', 'ready', 'allocated', 'failed-deployment'),
  release: {
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
  abort: {
    commissioning: BEFORE,
    deploying: 'allocated',
    'disk-erasing': 'failed-disk-erasing',
    testing: BEFORE,
    'entering-rescue-mode': 'exiting-rescue-mode',
  },
  'mark-broken': fromAnyStateTo('broken'),
  'mark-fixed': { broken: BEFORE },
  'mark-missing': fromAnyStateTo('missing'),
  rescue: Object.fromEntries(
    STATUSES.filter((row) => row.failed === undefined && row.next.includes('entering-rescue-mode')).map((row) => [
      row.status,
      'entering-rescue-mode' as const,
    ]),
  ),
  'exit-rescue': from(
    'exiting-rescue-mode',
    'rescue-mode',
    'entering-rescue-mode',
    'failed-entering-rescue-mode',
    'failed-exiting-rescue-mode',
  ),
  retire: from('retired', 'new', 'failed-commissioning', 'ready', 'failed-testing'),
  reinstate: { retired: 'new', missing: 'new' },
  'override-failed': { 'failed-testing': BEFORE },
  test: from(
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
};

function fromAnyStateTo(to: MachineStatus): Readonly<Partial<Record<MachineStatus, Target>>> {
  return from(to, ...STATUSES.filter((row) => row.next.includes(to)).map((row) => row.status));
}

function from(
  to: MachineStatus,
  ...states: readonly MachineStatus[]
): Readonly<Partial<Record<MachineStatus, Target>>> {
  return Object.fromEntries(states.map((state) => [state, to]));
}

/** Any user may give these to a machine without an owner. */
const OPEN: ReadonlySet<CommandName> = new Set(['allocate', 'deploy']);
/** A machine's owner may give these; the others are for administrators. */
const OWNERS: ReadonlySet<CommandName> = new Set([
  'deploy',
  'release',
  'abort',
  'rescue',
  'exit-rescue',
  'mark-broken',
  'test',
]);

export const commandsFrom = (status: MachineStatus): readonly CommandName[] =>
  COMMAND_NAMES.filter((name) => TARGETS[name][status] !== undefined);

/** In a state that allows it (`commandsFrom`). */
export const mayCommand = (machine: Machine, name: CommandName, by: Actor): boolean =>
  refuseActor(machine, name, by) === undefined;

/** Because of the person, a lock or the state. */
export const refuseCommand = (machine: MachineOutline, name: CommandName, by: Actor): CommandRefusal | undefined =>
  refuseActor(machine, name, by) ?? refuseMachine(machine, name);

/** Because of a lock or the state. */
export const refuseMachine = (machine: MachineOutline, name: CommandName): CommandRefusal | undefined =>
  refuseLocked(machine) ?? refuseState(machine, name);

function refuseActor(machine: MachineOutline, name: CommandName, by: Actor): CommandRefusal | undefined {
  if (by.isAdmin) return undefined;
  const isFree = machine.owner === undefined && OPEN.has(name);
  if (isFree || (OWNERS.has(name) && machine.owner === by.username)) return undefined;
  const { hostname, owner } = machine;
  return refusal('not-owner', `${hostname} ${whose(owner)}: only an administrator may use ${commandWord(name)}.`);
}

export const lockedText = (machine: string, systemId: string): string =>
  `${machine} is locked: run \`rackboot machines unlock ${systemId}\` first.`;

function refuseLocked({ hostname, systemId, isLocked }: MachineOutline): CommandRefusal | undefined {
  return isLocked === true ? refusal('machine-locked', lockedText(hostname, systemId)) : undefined;
}

export const isRepeated = ({ status }: Pick<Machine, 'status'>, name: CommandName): boolean =>
  name === 'mark-broken' && status === 'broken';

function refuseState({ hostname, status }: MachineOutline, name: CommandName): CommandRefusal | undefined {
  if (TARGETS[name][status] !== undefined || isRepeated({ status }, name)) return undefined;
  const params = { machine: hostname, state: statusRow(status).name, command: commandWord(name) };
  return refusal(
    'transition-not-allowed',
    `${params.machine} is in the state ${params.state}: ${params.command} is not possible. Possible: ${commandsFrom(status).map(commandWord).join(', ') || 'nothing'}.`,
  );
}
