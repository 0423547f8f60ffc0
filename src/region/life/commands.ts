// What people say to a machine, and what becomes of it: one table of commands, each with the states from which it leads somewhere.
//
// Sources: the operations of MAAS's API, and from which states it takes them.
//
//   command          from                                              to
//   accept           New                                               Commissioning, or Ready without it
//   commission       New, Ready, Broken, Missing, failures before use  Commissioning
//   allocate         Ready                                             Allocated
//   deploy           Ready, Allocated, Failed deployment               Deploying
//   release          whatever somebody holds, failed releases          Disk erasing, Releasing or Ready
//   abort            Commissioning, Deploying, Disk erasing, Testing   where it was before, off; of Failed testing: New
//   mark-broken      nearly everything                                 Broken
//   mark-fixed       Broken                                            Ready, or Deployed as before
//   mark-missing     nearly everything                                 Missing
//   rescue           whatever rests                                    Entering rescue mode
//   exit-rescue      all of rescue                                     where it was before
//   retire           what nobody holds                                 Retired
//   reinstate        Retired, Missing                                  New
//   override-failed  Failed testing                                    Ready, or Deployed as before
//   test             what rests and is not in use                      Testing
//
// 1. A command that leads nowhere from a state is refused with the commands that do.
// 2. Each step of its way is one of the table of states.
// 3. A command changes the records only; the machine's power follows them.

import type { Clock } from '../../clock.ts';
import { checkTransition, type MachineStatus, STATUSES, statusRow } from '../records/lifecycle.ts';
import type { Machine, PowerTask } from '../records/machine.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import type { EraseMode, MachineWork } from '../records/work.ts';
import { isRescueHeard, RESCUE_LEAVES_MS_MAX } from './rescue-end.ts';
import { lastingTask } from './state-power.ts';
import { afterTesting, type Change, enterStatuses } from './status-change.ts';

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

/** The command as people give it: `rackboot machines fixed`. */
export const commandWord = (name: CommandName): string => name.replace(/^mark-/, '');

/** A command with what it takes. */
export interface MachineCommand {
  readonly name: CommandName;
  /** `accept`: without commissioning, for a machine that cannot be measured. */
  readonly skipsCommissioning?: boolean | undefined;
  /** `release`: what is erased before. */
  readonly erase?: EraseMode | undefined;
  /** `commission`, `test`: the operators' scripts that are run; undefined: all of that kind. */
  readonly scripts?: readonly string[] | undefined;
  /** `deploy`: what is done, and of which system. */
  readonly deployment?: Deployment | undefined;
}

export interface Deployment {
  readonly osystem: string;
  readonly release: string;
  readonly deployBy: NonNullable<MachineWork['deployBy']>;
  readonly disk?: string | undefined;
  /** What the system runs at its first start. */
  readonly userData?: Uint8Array | undefined;
}

/** Who gives a command. */
export interface Actor {
  readonly username: string;
  readonly isAdmin: boolean;
  /** Why, as they say; empty: they do not. */
  readonly comment: string;
}

/** What else the decision takes. */
export interface CommandTerms {
  readonly atMs: number;
  readonly clock: Clock;
  readonly by: Actor;
  /** The machine's power can be switched by us. */
  readonly switches: boolean;
}

/** Why a command is not done. */
export interface CommandRefusal {
  readonly reason:
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
    | 'owner-data-limit';
  readonly text: string;
}

/** What a step back leads to is the machine's own matter. */
const BEFORE = 'before';
type Target = MachineStatus | typeof BEFORE;

/** Where each command leads from a state. `release` is here without erasure. */
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
    // Nothing of it is here to be switched off.
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

/** From every state that the table of states lets become this one. */
function whereverLeadsTo(to: MachineStatus): Readonly<Partial<Record<MachineStatus, Target>>> {
  return from(to, ...STATUSES.filter((row) => row.next.includes(to)).map((row) => row.status));
}

function from(
  to: MachineStatus,
  ...states: readonly MachineStatus[]
): Readonly<Partial<Record<MachineStatus, Target>>> {
  return Object.fromEntries(states.map((state) => [state, to]));
}

/** Commands that any user may give to a machine that nobody holds. */
const OPEN: ReadonlySet<CommandName> = new Set(['allocate', 'deploy']);
/** Commands that the owner of a machine may give; the others are an administrator's. */
const OWNERS: ReadonlySet<CommandName> = new Set([
  'deploy',
  'release',
  'abort',
  'rescue',
  'exit-rescue',
  'mark-broken',
  'test',
]);

/** The commands that lead somewhere from a state. */
export const commandsFrom = (status: MachineStatus): readonly CommandName[] =>
  COMMAND_NAMES.filter((name) => TARGETS[name][status] !== undefined);

/** True when this person may give the command to this machine; whether it leads anywhere, `commandsFrom` says. */
export const mayCommand = (machine: Machine, name: CommandName, by: Actor): boolean =>
  refuseActor(machine, name, by) === undefined;

/** What a command makes of a machine, or why not. */
export function decideCommand(
  machine: Machine,
  given: MachineCommand,
  terms: CommandTerms,
): Change | { readonly kind: 'refuse'; readonly refusal: CommandRefusal } {
  const { by, atMs } = terms;
  const command = ownOf(given);
  const refusal = refuseActor(machine, command.name, by) ?? refuseLocked(machine) ?? refusePath(machine, command);
  if (refusal !== undefined) return { kind: 'refuse', refusal };
  const path = pathOf(machine, command, terms.switches, atMs);
  const last = path.at(-1) ?? machine.status;
  const text = textOf(machine, command, terms.switches);
  const change = enterStatuses(machine, path, {
    atMs,
    clock: terms.clock,
    username: by.username,
    message: by.comment === '' ? text : by.comment,
    work: workOf(command, last, terms),
  });
  const why = by.comment === '' ? '' : `: ${by.comment}`;
  const audit: NewMachineEvent = { type: 'NODE', description: `${command.name}${why}`, atMs, username: by.username };
  const begun = isHeldBy(machine, command, by) ? { owner: by.username } : {};
  // What is still to be switched off stays so, when nothing else is asked.
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
    // What an earlier deployment was to run is not run by this one.
    ...(command.name === 'deploy' ? { userData: command.deployment?.userData ?? null } : {}),
  };
}

/** The command with what is its own: nothing is deployed or erased by another one. */
function ownOf({ name, skipsCommissioning, erase, deployment, scripts }: MachineCommand): MachineCommand {
  if (name === 'commission' || name === 'test') return { name, scripts };
  if (name === 'deploy') return { name, deployment };
  if (name === 'release') return { name, erase };
  return { name, skipsCommissioning };
}

function refuseActor(machine: Machine, name: CommandName, by: Actor): CommandRefusal | undefined {
  if (by.isAdmin) return undefined;
  const isFree = machine.owner === undefined && OPEN.has(name);
  if (isFree || (OWNERS.has(name) && machine.owner === by.username)) return undefined;
  const whose = machine.owner === undefined ? "is nobody's" : `belongs to ${machine.owner}`;
  return { reason: 'not-owner', text: `${machine.hostname} ${whose}: ${commandWord(name)} is for an administrator.` };
}

function refuseLocked({ hostname, systemId, isLocked }: Machine): CommandRefusal | undefined {
  if (isLocked !== true) return undefined;
  return { reason: 'machine-locked', text: `${hostname} is locked: rackboot machines unlock ${systemId} first.` };
}

function refusePath(machine: Machine, command: MachineCommand): CommandRefusal | undefined {
  const { status } = machine;
  if (TARGETS[command.name][status] === undefined) {
    const possible = commandsFrom(status).map(commandWord).join(', ');
    const state = `${machine.hostname} is in the state ${statusRow(status).name}`;
    const text = `${state}, in which ${commandWord(command.name)} is not possible; possible: ${possible || 'nothing'}.`;
    return { reason: 'transition-not-allowed', text };
  }
  let at = status;
  for (const to of pathOf(machine, command, true, 0)) {
    const refusal = checkTransition(at, to);
    if (refusal !== undefined) return { reason: 'transition-not-allowed', text: refusal.text };
    at = to;
  }
  return undefined;
}

/** The states that a machine goes through at once; in the last of them it stays. */
function pathOf(machine: Machine, command: MachineCommand, switches: boolean, atMs: number): readonly MachineStatus[] {
  const { status } = machine;
  const target = TARGETS[command.name][status];
  if (target === undefined) return [];
  // Somebody is waited for who switches it, or the machine itself.
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
      // Nothing ran, or nobody can be waited for who switches it off.
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

/** Where a machine is after its rescue; of one that came from nowhere a person must look. */
export const restingStatus = (machine: Machine): MachineStatus => machine.restingStatus ?? 'broken';

/** What a command goes back to. */
function beforeOf(machine: Machine): MachineStatus {
  const resting = machine.restingStatus ?? machine.work?.before;
  if (machine.status === 'commissioning') return beforeCommissioning(machine);
  if (machine.status === 'testing') return afterTesting(machine);
  return resting === 'deployed' ? 'deployed' : 'ready';
}

/** The state that was left for a commissioning, where the table of states leads back to it; else New. */
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
    // A machine that leaves its rescue runs.
    waitsForBoot: !switches && to !== 'exiting-rescue-mode',
    ...(command.name === 'rescue' ? { askedBy: by.username } : {}),
    ...(deployment === undefined ? {} : { deployBy: deployment.deployBy, disk: deployment.disk }),
    ...(erase === undefined ? {} : { erase }),
    ...(scripts === undefined ? {} : { scripts }),
  };
}

/** A command by which somebody comes to hold a machine. */
const isHeldBy = (machine: Machine, { name }: MachineCommand, by: Actor): boolean =>
  name === 'allocate' || (name === 'deploy' && machine.owner === undefined && by.username !== '');

const systemOf = ({ deployment }: MachineCommand): Partial<Machine> =>
  deployment === undefined ? {} : { osystem: deployment.osystem, release: deployment.release };

/** States in which a machine is off. */
const OFF: ReadonlySet<MachineStatus> = new Set([
  'ready',
  'new',
  'allocated',
  'releasing',
  'retired',
  'failed-disk-erasing',
]);

/** What the new state asks of the machine's power. */
function powerTaskOf(machine: Machine, to: MachineStatus, switches: boolean): PowerTask | undefined {
  if (!switches) return undefined;
  if (statusRow(to).failed !== undefined && to !== 'releasing' && to !== 'exiting-rescue-mode') return 'cycle';
  if (to === 'exiting-rescue-mode') return machine.restingStatus === 'deployed' ? 'cycle' : 'off';
  // Of what was not at work nothing runs that is to be ended.
  return OFF.has(to) && statusRow(machine.status).number !== statusRow('ready').number && machine.status !== 'new'
    ? 'off'
    : undefined;
}

/** What a person should know who reads the machine's state. */
function textOf(machine: Machine, { name, erase }: MachineCommand, switches: boolean): string | undefined {
  const isRunning = machine.status === 'deployed' || machine.status === 'rescue-mode';
  if (switches || !isRunning) return undefined;
  if (name === 'release' && erase === undefined) return 'nobody but a person can switch it off: it may still run';
  return undefined;
}
