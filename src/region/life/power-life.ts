// What the power of a machine does to its life: what a person asks of it, how switching it ended, and what was seen of it.
//
//   ended        Releasing            Exiting rescue mode        other work in progress          no work in progress
//   done         Ready                where it was before        goes on                         goes on
//   unknown      goes on until it is seen off, or has lasted too long; what has not begun        goes on
//                to work is waited for DOUBTED_MS_MAX without a sign of life
//   otherwise    failed, with the driver's words                                                 goes on
//
// 1. Nothing is switched here: the records say what is to be done (`powerTask`), and the power follows them.
// 2. One task at a time: a person's is refused while another one is under way; that of a new state replaces the one before.
// 3. What came of a task that was replaced is told, and decides nothing.

import type { Clock } from '../../clock.ts';
import type { PowerDriver } from '../../power/driver.ts';
import type { PowerOutcomeKind } from '../../power/outcome.ts';
import { bootPurpose } from '../records/boot-purpose.ts';
import { statusRow } from '../records/lifecycle.ts';
import type { Machine, PowerState, PowerTask } from '../records/machine.ts';
import { isNetworkStart, type MachineEvent, type NewMachineEvent } from '../records/machine-event.ts';
import type { PowerParameters } from '../records/power-parameters.ts';
import type { MachineChange } from '../records/store.ts';
import { type Actor, type CommandRefusal, restingStatus } from './commands.ts';
import { taskOfState } from './state-power.ts';
import { type Change, enterStatus, enterStatuses } from './status-change.ts';

/** What is known of a machine's power. */
export interface PowerView {
  /** As it was seen last; `error`: whoever holds its power gave no good answer since. */
  readonly state: PowerState;
  /** Wall time in milliseconds at which it was seen; undefined: never since the start. */
  readonly atMs: number | undefined;
  /** How old that is, in whole seconds. */
  readonly ageSeconds: number | undefined;
  /** Why the last question had no good answer, in the driver's words; empty: it had one. */
  readonly text: string;
  /** What the controller answered, for administrators only; undefined: nothing is known of that. */
  readonly said?: string | undefined;
}

/** The text with what the controller answered: for administrators. */
export const fullPowerText = ({ text, said }: Pick<PowerView, 'text' | 'said'>): string =>
  said === undefined ? text : `${text}; the controller answered: ${said}`;

/** A driver, as a form shows it. */
export type PowerDriverTable = Pick<PowerDriver, 'name' | 'label' | 'byHand' | 'parameters'>;

/** What switches machines. */
export interface PowerControl {
  /** The drivers there are, each with its parameters, in the order in which they are offered. */
  readonly drivers: readonly PowerDriverTable[];
  /** True for a machine whose power we can switch. */
  switches(machine: Machine): boolean;
  /** Why a machine of these parameters could not be switched, a sentence each, none of which tells a secret; empty: they will do. */
  problemsOf(powerType: string, values: PowerParameters): readonly string[];
  /** These machines may have a task, or other parameters, or be gone: they are looked at in a later turn. */
  follow(systemIds: readonly string[]): void;
  /** Undefined: nobody looks after it. */
  reading(systemId: string): PowerView | undefined;
  /**
   * Asks whoever holds its power, within a bounded time. Undefined: this person has asked too much for now.
   * @param by the name of who asks
   */
  ask(machine: Machine, by: string): Promise<PowerView> | undefined;
}

/** How switching a machine ended. */
export interface PowerResult {
  /** `powerTaskId` of the machine when it was begun. */
  readonly id: string;
  readonly task: PowerTask;
  readonly kind: PowerOutcomeKind;
  /** What its driver said; empty: nothing. */
  readonly text: string;
  /** True: the machine was off when the task was begun. */
  readonly wasOff?: boolean;
}

interface Terms {
  readonly atMs: number;
  readonly clock: Clock;
}

interface PowerEndTerms extends Terms {
  /** The machine has started from the network since the task began, as its rack says. */
  readonly hasStarted: boolean;
}

/** Within this time a task has ended: it waits WAITING_MS_MAX, and takes COMMAND_MS_MAX (`power/`), at the most; a restart begins it anew. */
const POWER_ENDS_MS_MAX = 30 * 60_000;

/** So long a machine that may have been started has for its first sign of life: as long as a server's firmware takes. */
const DOUBTED_MS_MAX = 5 * 60_000;

const NOTHING: Change = { kind: 'change', fields: {}, events: [] };
const AFTER: Readonly<Record<PowerTask, PowerState | undefined>> = {
  on: 'on',
  off: 'off',
  // It was asked to shut down: when it will have done so, nobody knows.
  'soft-off': undefined,
  cycle: 'on',
};
const WORDS: Readonly<Record<PowerTask, string>> = {
  on: 'switched on',
  off: 'switched off',
  'soft-off': 'asked to shut down',
  cycle: 'switched off and on',
};

/** How the event of what a person asks of a machine's power begins. */
const ORDERED = 'power ';

/**
 * True when a machine has started from the network since a person had it switched. What a rack tells of an earlier start may arrive behind the
 * order, so both must be later: their arrival and their time.
 *
 * @param events of it, newest first
 */
export function hasStartedSince(
  events: readonly Pick<MachineEvent, 'type' | 'kind' | 'description' | 'atMs'>[],
): boolean {
  const startsMs: number[] = [];
  for (const { type, kind, description, atMs } of events) {
    if (type === 'NODE' && description.startsWith(ORDERED)) return startsMs.some((startMs) => startMs >= atMs);
    if (kind !== undefined && isNetworkStart({ kind, text: description })) startsMs.push(atMs);
  }
  return startsMs.length > 0;
}

/** True when this person may have the machine switched. */
export const maySwitch = (machine: Machine, by: Pick<Actor, 'username' | 'isAdmin'>): boolean =>
  by.isAdmin || (machine.owner !== undefined && machine.owner === by.username);

/** What a person asks of a machine's power. */
export function decidePower(machine: Machine, task: PowerTask, by: Actor, atMs: number): MachineChange<CommandRefusal> {
  if (!maySwitch(machine, by)) {
    const whose = machine.owner === undefined ? "is nobody's" : `belongs to ${machine.owner}`;
    const text = `${machine.hostname} ${whose}: its power is for an administrator.`;
    return { kind: 'refuse', refusal: { reason: 'not-owner', text } };
  }
  if (machine.powerTask !== undefined) {
    const text = `${machine.hostname} is being ${WORDS[machine.powerTask]} at this moment: wait until that has ended.`;
    return { kind: 'refuse', refusal: { reason: 'power-busy', text } };
  }
  const why = by.comment === '' ? '' : `: ${by.comment}`;
  const description = `${ORDERED}${task}${why}`;
  const event: NewMachineEvent = { type: 'NODE', description, atMs, username: by.username };
  return { kind: 'change', fields: { powerTask: task }, events: [event] };
}

/**
 * More time for a state that waits for nothing but its power, while that has not ended: the machine's controller may be busy with many
 * others. Undefined: nothing is waited for, or for too long.
 */
export function awaitPower(machine: Machine, atMs: number): Change | undefined {
  const { powerTask, statusSinceMs } = machine;
  if (powerTask === undefined || taskOfState(machine) !== 'off' || powerTask !== 'off') return undefined;
  const endMs = statusSinceMs + POWER_ENDS_MS_MAX;
  return atMs >= endMs ? undefined : { kind: 'change', fields: { statusDeadlineMs: endMs }, events: [] };
}

/** True when a machine that starts now is told to switch off: nothing waits for it. */
export const switchesItselfOff = (machine: Machine): boolean =>
  bootPurpose({ ...machine, deployBy: machine.work?.deployBy }) === 'poweroff';

/** What the end of a power task makes of a machine. */
export function decidePowerEnd(machine: Machine, result: PowerResult, terms: PowerEndTerms): Change {
  const { task, kind, text, wasOff } = result;
  const { atMs, hasStarted } = terms;
  // Who looks finds it off, for it was on and was told to switch off.
  const isOffAgain = kind === 'unknown' && AFTER[task] === 'on' && hasStarted && switchesItselfOff(machine);
  const isDone = kind === 'done' || isOffAgain;
  const said = text === '' ? '' : `: ${text}`;
  const failed = kind === 'unknown' ? 'may have been' : 'could not be';
  const again = `, and is off again: it is ${statusRow(machine.status).name}, and has nothing to do`;
  // A cycle of a machine that was off is no more than a start.
  const did = WORDS[task === 'cycle' && wasOff === true ? 'on' : task];
  const done = `it was ${did}${isOffAgain ? again : said}`;
  const description = isDone ? done : `it ${failed} ${WORDS[task]}${said}`;
  const way = task === 'off' || task === 'soft-off' ? 'OFF' : 'ON';
  const type = isDone ? (`NODE_POWERED_${way}` as const) : (`NODE_POWER_${way}_FAILED` as const);
  const event: NewMachineEvent = { type, description, atMs, username: '' };
  const seen = isOffAgain ? 'off' : isDone ? AFTER[task] : undefined;
  const state = seen === undefined ? {} : { powerState: seen };
  if (machine.powerTaskId !== result.id) return { kind: 'change', fields: state, events: [event] };
  const then = afterEnd(machine, result, description, terms);
  return { ...then, fields: { ...then.fields, powerTask: undefined, ...state }, events: [event, ...then.events] };
}

function afterEnd(machine: Machine, { kind, task }: PowerResult, description: string, terms: Terms): Change {
  const change = { ...terms, username: '' };
  const row = statusRow(machine.status);
  if (kind === 'done') return task === taskOfState(machine) ? goOn(machine, change) : NOTHING;
  if (row.failed === undefined || task !== taskOfState(machine)) return NOTHING;
  if (kind === 'unknown') return waitInDoubt(machine, description, terms.atMs);
  return enterStatus(machine, row.failed, { ...change, message: description });
}

/** Nobody knows whether it was started for its work: its first sign of life is waited for, and no longer than before. */
function waitInDoubt({ status, netboot, work, statusDeadlineMs }: Machine, doubt: string, atMs: number): Change {
  const isToBegin = (status === 'commissioning' || (status === 'deploying' && netboot)) && work?.stage === undefined;
  const doubtEndsMs = atMs + DOUBTED_MS_MAX;
  if (!isToBegin || work === undefined || statusDeadlineMs === undefined || statusDeadlineMs <= doubtEndsMs) {
    return NOTHING;
  }
  const fields = { statusDeadlineMs: doubtEndsMs, work: { ...work, doubt, doubtEndsMs } };
  return { kind: 'change', fields, events: [] };
}

/** Why a machine whose time is over was given so little of it; undefined: it gave a sign of life, or had all of it. */
export const whyInDoubt = ({ work, statusDeadlineMs }: Machine): string | undefined =>
  work?.doubt === undefined || work.doubtEndsMs !== statusDeadlineMs
    ? undefined
    : `${work.doubt}; no sign of life within ${DOUBTED_MS_MAX / 60_000} minutes after it`;

/** What waits until the machine is switched goes on. */
function goOn(machine: Machine, terms: Terms & { readonly username: string }): Change {
  if (machine.status === 'releasing') return enterStatuses(machine, ['ready'], terms);
  if (machine.status === 'exiting-rescue-mode') return enterStatuses(machine, [restingStatus(machine)], terms);
  return NOTHING;
}

/** What was seen of a machine's power, without a task. @param text why nobody could say; empty: somebody could */
export function decidePowerSeen(machine: Machine, state: PowerState, text: string, terms: Terms): Change {
  const { atMs } = terms;
  const before = machine.powerState;
  const isUnderWay = machine.powerTask !== undefined;
  // It was to be switched off, and nobody knew whether it was.
  const isOffAtLast = state === 'off' && !isUnderWay && taskOfState(machine) === 'off';
  const then = isOffAtLast ? goOn(machine, { ...terms, username: '' }) : NOTHING;
  if (state === before && !isOffAtLast) return NOTHING;
  const events: NewMachineEvent[] = [];
  if (state === 'error' && before !== 'error') {
    const description = `whoever holds its power gave no good answer: ${text}`;
    events.push({ type: 'NODE_POWER_QUERY_FAILED', description, atMs, username: '' });
  } else if (!isUnderWay && (state === 'on' || state === 'off') && (before === 'on' || before === 'off')) {
    const type = state === 'on' ? 'NODE_POWERED_ON' : 'NODE_POWERED_OFF';
    events.push({ type, description: `it is ${state}: nobody here has switched it`, atMs, username: '' });
  }
  return { ...then, fields: { ...then.fields, powerState: state }, events: [...events, ...then.events] };
}
