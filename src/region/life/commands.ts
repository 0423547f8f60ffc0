// The commands that people give to machines: one table of commands, the states in which each is possible, and the states to which it leads.
//
// Sources: the operations of MAAS's API, and the states in which it allows them.
//
//   command          from                                              to
//   accept           New                                               Commissioning, or Ready if that is skipped
//   commission       New, Ready, Broken, Missing, failures before use  Commissioning
//   allocate         Ready                                             Allocated
//   deploy           Ready, Allocated, Failed deployment               Deploying
//   release          states with an owner, failed releases             Disk erasing, Releasing or Ready
//   abort            Commissioning, Deploying, Disk erasing, Testing   the state before, powered off; of Failed testing: New
//   mark-broken      nearly every state                                Broken
//   mark-fixed       Broken                                            Ready, or Deployed as before
//   mark-missing     nearly every state                                Missing
//   rescue           states without work in progress                   Entering rescue mode
//   exit-rescue      every state of a rescue                           the state before
//   retire           states without an owner                           Retired
//   reinstate        Retired, Missing                                  New
//   override-failed  Failed testing                                    Ready, or Deployed as before
//   test             idle states, not in use                           Testing
//
// 1. A command that is impossible in a state is refused, and the refusal lists the possible ones.
// 2. Every step of a command's path is in the table of states (`lifecycle.ts`).
// 3. A command changes only records; the machine's power follows them.

import type { Clock } from '../../clock.ts';
import { type MachineStatus, STATUSES, statusRow } from '../records/lifecycle.ts';
import type { Machine, MachineOutline } from '../records/machine.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import type { PowerTask } from '../records/power-task.ts';
import type { Remark } from '../records/remark.ts';
import type { EraseMode, MachineWork } from '../records/work.ts';
import { type RefusalNamed, refusal } from '../words/refusal.ts';
import { isRescueHeard, RESCUE_LEAVES_MS_MAX } from './rescue-end.ts';
import { lastingTask } from './state-power.ts';
import { afterTesting, type Change, enterStatuses } from './status-change.ts';
import { checkTransition } from './transition.ts';

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

/** The command's name on the command line: `rackboot machines fixed`. */
export const commandWord = (name: CommandName): string => name.replace(/^mark-/, '');

/** A command with its options. */
export interface MachineCommand {
  readonly name: CommandName;
  /** `accept`: skip commissioning, for a machine that cannot be measured. */
  readonly skipsCommissioning?: boolean | undefined;
  /** `release`: what to erase first. */
  readonly erase?: EraseMode | undefined;
  /** `commission`, `test`: the operators' scripts to run; `undefined`: all of that kind. */
  readonly scripts?: readonly string[] | undefined;
  /** `deploy`: the system, and how to deploy it. */
  readonly deployment?: Deployment | undefined;
}

export interface Deployment {
  readonly osystem: string;
  readonly release: string;
  readonly deployBy: NonNullable<MachineWork['deployBy']>;
  readonly disk?: string | undefined;
  /** The user data that the system runs at its first start. */
  readonly userData?: Uint8Array | undefined;
}

/** The person who gives a command. */
export interface Actor {
  readonly username: string;
  readonly isAdmin: boolean;
  /** Their reason; may be empty. */
  readonly comment: string;
}

/** The circumstances of a command. */
export interface CommandTerms {
  readonly atMs: number;
  readonly clock: Clock;
  readonly by: Actor;
  /** True if Rackboot can switch the machine's power. */
  readonly switches: boolean;
}

/** Why a command is refused. */
export type CommandRefusal = RefusalNamed<
  | 'transition-not-allowed'
  | 'not-owner'
  | 'no-ssh-key'
  | 'image-missing'
  | 'preseed-faulty'
  | 'address-refused'
  | 'addresses-exhausted'
  | 'nothing-matches'
  | 'power-busy'
  | 'power-by-hand'
  | 'machine-locked'
  | 'owner-data-limit'
>;

/** Leads back to the machine's earlier state, which `beforeOf` finds. */
const BEFORE = 'before';
type Target = MachineStatus | typeof BEFORE;

/** The state to which each command leads, by the current state. `release` is listed without erasure. */
const TARGETS: Readonly<Record<CommandName, Readonly<Partial<Record<MachineStatus, Target>>>>> = {
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
    // The machine is not here to be switched off.
    missing: 'ready',
  },
  abort: {
    commissioning: BEFORE,
    deploying: 'allocated',
    'disk-erasing': 'failed-disk-erasing',
    testing: BEFORE,
    'entering-rescue-mode': 'exiting-rescue-mode',
  },
  'mark-broken': whereverLeadsTo('broken'),
  'mark-fixed': { broken: BEFORE },
  'mark-missing': whereverLeadsTo('missing'),
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

/** From every state with a transition to this one. */
function whereverLeadsTo(to: MachineStatus): Readonly<Partial<Record<MachineStatus, Target>>> {
  return from(to, ...STATUSES.filter((row) => row.next.includes(to)).map((row) => row.status));
}

function from(
  to: MachineStatus,
  ...states: readonly MachineStatus[]
): Readonly<Partial<Record<MachineStatus, Target>>> {
  return Object.fromEntries(states.map((state) => [state, to]));
}

/** Commands that any user may give to a machine without an owner. */
const OPEN: ReadonlySet<CommandName> = new Set(['allocate', 'deploy']);
/** Commands that a machine's owner may give; the others are for administrators. */
const OWNERS: ReadonlySet<CommandName> = new Set([
  'deploy',
  'release',
  'abort',
  'rescue',
  'exit-rescue',
  'mark-broken',
  'test',
]);

/** The commands that are possible in a state. */
export const commandsFrom = (status: MachineStatus): readonly CommandName[] =>
  COMMAND_NAMES.filter((name) => TARGETS[name][status] !== undefined);

/** True if this person may give the command to this machine; `commandsFrom` says whether its state allows it. */
export const mayCommand = (machine: Machine, name: CommandName, by: Actor): boolean =>
  refuseActor(machine, name, by) === undefined;

/** The change that a command makes to a machine, or its refusal. */
export function decideCommand(
  machine: Machine,
  given: MachineCommand,
  terms: CommandTerms,
): Change | { readonly kind: 'refuse'; readonly refusal: CommandRefusal } {
  const { by, atMs } = terms;
  const command = ownOptionsOf(given);
  const refused = refuseCommand(machine, command.name, by) ?? refusePath(machine, command);
  if (refused !== undefined) return { kind: 'refuse', refusal: refused };
  const path = pathOf(machine, command, terms.switches, atMs);
  const last = path.at(-1) ?? machine.status;
  const change = enterStatuses(machine, path, {
    atMs,
    clock: terms.clock,
    username: by.username,
    reason:
      by.comment === '' ? remarkOn(machine, command, terms.switches) : { code: 'said', params: { text: by.comment } },
    work: workOf(command, last, terms),
  });
  const params = { command: command.name, comment: by.comment };
  const audit: NewMachineEvent = { type: 'NODE', code: 'command', params, atMs, username: by.username };
  const begun = takesOwnership(machine, command, by) ? { owner: by.username } : {};
  // A pending power-off stays unless the command needs another power task.
  const leaves = last === 'exiting-rescue-mode' && isRescueHeard(machine, atMs);
  const endsWork = command.name === 'abort' && last !== 'exiting-rescue-mode';
  const ended = endsWork && terms.switches ? 'off' : undefined;
  const powerTask = leaves ? undefined : (ended ?? powerTaskOf(machine, last, terms.switches));
  const isStillEnding = machine.powerTask === 'off' && OFF.has(last);
  const isKept = powerTask === undefined && (isStillEnding || lastingTask(machine) !== undefined);
  const power = isKept ? {} : { powerTask };
  const soon = leaves && terms.switches ? { statusDeadlineMs: atMs + RESCUE_LEAVES_MS_MAX } : {};
  return {
    ...change,
    fields: { ...change.fields, ...begun, ...systemOf(command), ...power, ...soon },
    events: [audit, ...change.events],
    // A deployment without user data drops that of an earlier one.
    ...(command.name === 'deploy' ? { userData: command.deployment?.userData ?? null } : {}),
  };
}

/** The command without options of other commands, so that only `deploy` deploys and only `release` erases. */
function ownOptionsOf({ name, skipsCommissioning, erase, deployment, scripts }: MachineCommand): MachineCommand {
  if (name === 'commission' || name === 'test') return { name, scripts };
  if (name === 'deploy') return { name, deployment };
  if (name === 'release') return { name, erase };
  return { name, skipsCommissioning };
}

/** Why a command is refused, as far as the outline of its machine tells; `undefined` if that allows it. */
export const refuseCommand = (machine: MachineOutline, name: CommandName, by: Actor): CommandRefusal | undefined =>
  refuseActor(machine, name, by) ?? refuseLocked(machine) ?? refuseState(machine, name);

function refuseActor(machine: MachineOutline, name: CommandName, by: Actor): CommandRefusal | undefined {
  if (by.isAdmin) return undefined;
  const isFree = machine.owner === undefined && OPEN.has(name);
  if (isFree || (OWNERS.has(name) && machine.owner === by.username)) return undefined;
  const { hostname, owner } = machine;
  return refusal('not-owner.command', { machine: hostname, owner, command: commandWord(name) });
}

function refuseLocked({ hostname, systemId, isLocked }: MachineOutline): CommandRefusal | undefined {
  return isLocked === true ? refusal('machine-locked.command', { machine: hostname, systemId }) : undefined;
}

function refuseState({ hostname, status }: MachineOutline, name: CommandName): CommandRefusal | undefined {
  if (TARGETS[name][status] !== undefined) return undefined;
  const params = { machine: hostname, state: statusRow(status).name, command: commandWord(name) };
  return refusal('transition-not-allowed.command', { ...params, possible: commandsFrom(status).map(commandWord) });
}

function refusePath(machine: Machine, command: MachineCommand): CommandRefusal | undefined {
  let at = machine.status;
  for (const to of pathOf(machine, command, true, 0)) {
    const misstep = checkTransition(at, to);
    if (misstep !== undefined) return misstep;
    at = to;
  }
  return undefined;
}

/** The states that a command passes through at once; the machine stays in the last. */
function pathOf(machine: Machine, command: MachineCommand, switches: boolean, atMs: number): readonly MachineStatus[] {
  const { status } = machine;
  const target = TARGETS[command.name][status];
  if (target === undefined) return [];
  // Wait only if a driver can switch the machine or it still reports.
  const leaveRescue = (): readonly MachineStatus[] =>
    switches || isRescueHeard(machine, atMs)
      ? ['exiting-rescue-mode']
      : ['exiting-rescue-mode', restingStatus(machine)];
  switch (command.name) {
    case 'accept':
      return [command.skipsCommissioning === true ? 'ready' : 'commissioning'];
    case 'deploy':
      return status === 'ready' ? ['allocated', 'deploying'] : ['deploying'];
    case 'release':
      if (status === 'missing' && command.erase === undefined) return ['ready'];
      if (command.erase !== undefined) return ['disk-erasing'];
      // Nothing is running, or no driver can switch it off.
      return switches && status !== 'allocated' && status !== 'reserved' ? ['releasing'] : ['releasing', 'ready'];
    case 'exit-rescue':
      return leaveRescue();
    case 'abort':
      if (status === 'entering-rescue-mode') return leaveRescue();
      return [target === BEFORE ? beforeOf(machine) : target];
    default:
      return [target === BEFORE ? beforeOf(machine) : target];
  }
}

/** The state after a rescue; Broken if the state before is unknown, so that a person checks it. */
export const restingStatus = (machine: Machine): MachineStatus => machine.restingStatus ?? 'broken';

/** The state to which a command returns. */
function beforeOf(machine: Machine): MachineStatus {
  const resting = machine.restingStatus ?? machine.work?.before;
  if (machine.status === 'commissioning') return beforeCommissioning(machine);
  if (machine.status === 'testing') return afterTesting(machine);
  return resting === 'deployed' ? 'deployed' : 'ready';
}

/** The state before commissioning if the table of states allows returning to it; otherwise New. */
function beforeCommissioning({ work }: Machine): MachineStatus {
  const before = work?.before ?? 'new';
  return checkTransition('commissioning', before) === undefined ? before : 'new';
}

function workOf(
  command: MachineCommand,
  to: MachineStatus,
  { switches, by }: CommandTerms,
): Omit<MachineWork, 'before' | 'attempts'> | undefined {
  const row = statusRow(to);
  if (row.failed === undefined) return undefined;
  const { deployment, erase, scripts } = command;
  return {
    // A machine leaving its rescue is already running.
    waitsForBoot: !switches && to !== 'exiting-rescue-mode',
    ...(command.name === 'rescue' ? { askedBy: by.username } : {}),
    ...(deployment === undefined ? {} : { deployBy: deployment.deployBy, disk: deployment.disk }),
    ...(erase === undefined ? {} : { erase }),
    ...(scripts === undefined ? {} : { scripts }),
  };
}

/** True if the command makes this person the machine's owner. */
const takesOwnership = (machine: Machine, { name }: MachineCommand, by: Actor): boolean =>
  name === 'allocate' || (name === 'deploy' && machine.owner === undefined && by.username !== '');

const systemOf = ({ deployment }: MachineCommand): Partial<Machine> =>
  deployment === undefined ? {} : { osystem: deployment.osystem, release: deployment.release };

/** States in which a machine must be off. */
const OFF: ReadonlySet<MachineStatus> = new Set([
  'ready',
  'new',
  'allocated',
  'releasing',
  'retired',
  'failed-disk-erasing',
]);

/** The power task that the new state needs. */
function powerTaskOf(machine: Machine, to: MachineStatus, switches: boolean): PowerTask | undefined {
  if (!switches) return undefined;
  if (statusRow(to).failed !== undefined && to !== 'releasing' && to !== 'exiting-rescue-mode') return 'cycle';
  if (to === 'exiting-rescue-mode') return machine.restingStatus === 'deployed' ? 'cycle' : 'off';
  // A machine from Ready or New is already off.
  return OFF.has(to) && statusRow(machine.status).number !== statusRow('ready').number && machine.status !== 'new'
    ? 'off'
    : undefined;
}

/** A remark on the machine's state for people. */
function remarkOn(machine: Machine, { name, erase }: MachineCommand, switches: boolean): Remark | undefined {
  const isRunning = machine.status === 'deployed' || machine.status === 'rescue-mode';
  if (switches || !isRunning) return undefined;
  if (name === 'release' && erase === undefined) return { code: 'may-be-running', params: {} };
  return undefined;
}
