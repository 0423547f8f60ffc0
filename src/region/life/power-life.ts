// The effects of power tasks, their outcomes, and observed power states on a machine's life cycle.
//
//   ended        Releasing            Exiting rescue mode        other work in progress          no work in progress
//   done         Ready                the state before           continues                       continues
//   unknown      continues until the machine is seen off or the state times out; work that       continues
//                has not begun fails after DOUBTED_MS_MAX without a sign of life
//   otherwise    failed, with the outcome's detail                                               continues
//   not done, and the driver only switches on: work waits for the first boot, with the outcome as its reason
//
//   interrupted by us ── seen off ──▶ `on` is ordered, and the state's time limit starts again
//                     ── not seen off, no sign of life ──▶ as `unknown`, but a restart is not counted
//
// 1. This file switches nothing: the records hold the task (`powerTask`), and `PowerControl` carries it out.
// 2. One task at a time: a person's task is refused while another is in progress. The task of a new
//    state replaces the previous one.
// 3. The outcome of a replaced task is logged, but has no effect on the state.

import type { Clock } from '../../ground/clock.ts';
import type { PowerDetail } from '../../power/detail.ts';
import type { PowerDriver, Switching } from '../../power/driver.ts';
import type { PowerOutcomeKind } from '../../power/outcome.ts';
import { bootPurpose } from '../records/boot-purpose.ts';
import type { MachineChange } from '../records/decisions.ts';
import { type Happening, SWITCHED } from '../records/events.ts';
import { statusRow } from '../records/lifecycle.ts';
import type { Machine, PowerState } from '../records/machine.ts';
import { isNetworkStart, type MachineEvent, type NewMachineEvent } from '../records/machine-event.ts';
import type { PowerParameters } from '../records/power-parameters.ts';
import type { PowerTask } from '../records/power-task.ts';
import { decideRefusal, type RefusalWord } from '../records/refusal.ts';
import { getReportClient, getReportFields } from '../records/report-fields.ts';
import { restingStatus } from './command-effects.ts';
import type { Actor, CommandRefusal } from './commands.ts';
import { isInterrupted, isOwnInterruption, taskOfState } from './state-power.ts';
import { type Change, computeDeadlineMs, enterStatus, enterStatuses } from './status-change.ts';
import { whose } from './transition.ts';

export interface PowerView {
  /** The last one observed; `error` if the query failed. */
  readonly state: PowerState;
  readonly atMs: number | undefined;
  readonly ageSeconds: number | undefined;
  /** Of a failed query. */
  readonly detail?: PowerDetail | undefined;
  /** The controller's raw answer, for administrators only. */
  readonly said?: string | undefined;
}

export type PowerDriverTable = Pick<PowerDriver, 'name' | 'switches' | 'parameters'>;

export interface PowerControl {
  readonly drivers: readonly PowerDriverTable[];
  /** `nothing` while a machine's proposed power settings are not accepted. */
  switches(machine: Machine): Switching;
  /** Why these parameters cannot work, without secrets; empty if they can. */
  problemsOf(powerType: string, values: PowerParameters): readonly RefusalWord[];
  /** Call when these may have a new task or new parameters, or were removed. Checks them after this turn. */
  follow(systemIds: readonly string[]): void;
  /** `undefined` if the machine is not watched. */
  reading(systemId: string): PowerView | undefined;
  /** Within a bounded time; `undefined` if this person queries too often. @param by a username */
  ask(machine: Machine, by: string): Promise<PowerView> | undefined;
}

export interface PowerResult {
  readonly id: string;
  readonly task: PowerTask;
  readonly kind: PowerOutcomeKind;
  readonly detail?: PowerDetail | undefined;
  readonly wasOff?: boolean;
  /** It was probably reported before: it was, unless the process died in between. */
  readonly isKnown?: boolean;
  /** When it was first reported, if the store may have taken that: wall clock, in milliseconds. */
  readonly reportedMs?: number | undefined;
}

interface PowerOptions {
  readonly atMs: number;
  readonly clock: Clock;
}

interface PowerEndOptions extends PowerOptions {
  readonly hasStarted: boolean;
  readonly isReported: boolean;
}

/**
 * Ample: a task waits at most WAITING_MS_MAX and takes at most COMMAND_MS_MAX (`power/`), and a
 * restart of the region repeats it.
 */
const POWER_ENDS_MS_MAX = 30 * 60_000;

/**
 * The wait for the first sign of life after an uncertain power-on: as long as a server's firmware
 * takes.
 */
const DOUBTED_MS_MAX = 5 * 60_000;

const NOTHING: Change = { kind: 'change', fields: {}, events: [] };
const AFTER: Readonly<Record<PowerTask, PowerState | undefined>> = {
  on: 'on',
  off: 'off',
  'soft-off': undefined,
  cycle: 'on',
};

/**
 * Since a person's last power task. A report of an earlier start may arrive late, so both its
 * arrival and its time must be later. @param events newest first
 */
export function hasStartedSince(events: readonly MachineEvent[]): boolean {
  const startsMs: number[] = [];
  for (const event of events) {
    const { code, kind, atMs } = event;
    if (code === 'power-ordered') return startsMs.some((startMs) => startMs >= atMs);
    if (kind !== undefined && isNetworkStart(kind, getReportFields(event), getReportClient(event))) startsMs.push(atMs);
  }
  return startsMs.length > 0;
}

export const maySwitch = (machine: Pick<Machine, 'owner'>, by: Pick<Actor, 'username' | 'isAdmin'>): boolean =>
  by.isAdmin || (machine.owner !== undefined && machine.owner === by.username);

export function decidePower(machine: Machine, task: PowerTask, by: Actor, atMs: number): MachineChange<CommandRefusal> {
  if (!maySwitch(machine, by)) {
    return decideRefusal(
      'not-owner',
      `${machine.hostname} ${whose(machine.owner)}: only an administrator may switch it.`,
    );
  }
  if (machine.powerTask !== undefined) {
    return decideRefusal(
      'power-busy',
      `${machine.hostname} is being ${SWITCHED[machine.powerTask]} at this moment: try again when that has ended.`,
    );
  }
  const { username, comment } = by;
  const event = { type: 'NODE', code: 'power-ordered', params: { task, comment }, atMs, username } as const;
  return { kind: 'change', fields: { powerTask: task }, events: [event] };
}

/**
 * The state waits only for its power-off, and the power controller may be busy with many machines.
 * `undefined` if it does not wait for that, or has waited too long.
 */
export function awaitPower(machine: Machine, atMs: number): Change | undefined {
  const { powerTask, statusSinceMs } = machine;
  if (powerTask === undefined || taskOfState(machine) !== 'off' || powerTask !== 'off') return undefined;
  const endMs = statusSinceMs + POWER_ENDS_MS_MAX;
  return atMs >= endMs ? undefined : { kind: 'change', fields: { statusDeadlineMs: endMs }, events: [] };
}

/** A rack would tell it to power off when it boots. */
export const switchesItselfOff = (machine: Machine): boolean =>
  bootPurpose({ ...machine, deployBy: machine.work?.deployBy }) === 'poweroff';

export function decidePowerEnd(machine: Machine, result: PowerResult, options: PowerEndOptions): Change {
  const { task, kind } = result;
  const { atMs, hasStarted, isReported } = options;
  // The outcome is already recorded: a process with an older record started the task again, or the
  // store took a report without an answer.
  if ((result.isKnown === true || isReported) && machine.powerTaskId !== result.id) return NOTHING;
  // The machine started, was told to power off, and was off again when the driver checked.
  const isOffAgain = kind === 'unknown' && AFTER[task] === 'on' && hasStarted && switchesItselfOff(machine);
  const isDone = kind === 'done' || isOffAgain;
  const end = choosePowerEnd(machine, result, isOffAgain);
  const way = task === 'off' || task === 'soft-off' ? 'OFF' : 'ON';
  const type = isDone ? (`NODE_POWERED_${way}` as const) : (`NODE_POWER_${way}_FAILED` as const);
  const event: NewMachineEvent = { type, ...end, atMs, username: '' };
  const seen = isOffAgain ? 'off' : isDone ? AFTER[task] : undefined;
  const state = seen === undefined ? {} : { powerState: seen };
  if (machine.powerTaskId !== result.id) return { kind: 'change', fields: state, events: [event] };
  const then = afterEnd(machine, result, end, options);
  return { ...then, fields: { ...then.fields, powerTask: undefined, ...state }, events: [event, ...then.events] };
}

const POWER_ENDS = ['power-switched', 'power-off-again', 'power-uncertain', 'power-failed'] as const;
type PowerEnd = Happening<(typeof POWER_ENDS)[number]>;

/** A machine has one task at a time. @param events its newest events */
export const hasEndedSince = (events: readonly MachineEvent[], sinceMs: number): boolean =>
  events.some(({ code, atMs }) => POWER_ENDS.some((end) => end === code) && atMs >= sinceMs);

function choosePowerEnd(
  { status }: Machine,
  { task, kind, detail, wasOff }: PowerResult,
  isOffAgain: boolean,
): PowerEnd {
  // For a machine that was off, a cycle is only a power-on.
  const did = task === 'cycle' && wasOff === true ? 'on' : task;
  if (isOffAgain) return { code: 'power-off-again', params: { task: did, status } };
  if (kind === 'done') return { code: 'power-switched', params: { task: did, detail } };
  return { code: kind === 'unknown' ? 'power-uncertain' : 'power-failed', params: { task, detail } };
}

function afterEnd(machine: Machine, { kind, task }: PowerResult, end: PowerEnd, options: PowerOptions): Change {
  // It is waited for without a limit, and a person learns what to look at.
  if (machine.work?.waitsForBoot === true && kind !== 'done')
    return { kind: 'change', fields: { statusReason: end }, events: [] };
  const change = { ...options, username: '' };
  const row = statusRow(machine.status);
  if (kind === 'done') return task === taskOfState(machine) ? continueState(machine, change) : endInterruption(machine);
  const isOfState = task === taskOfState(machine) || (task === 'on' && isInterrupted(machine));
  if (row.failed === undefined || !isOfState) return endInterruption(machine);
  if (end.code === 'power-uncertain') return waitInDoubt(machine, end, options.atMs);
  return enterStatus(machine, row.failed, { ...change, reason: end });
}

/** A later task has ended, so the interrupted one need not be repeated. */
const endInterruption = ({ work }: Machine): Change =>
  work?.interruptedEndsMs === undefined
    ? NOTHING
    : { kind: 'change', fields: { work: { ...work, interruptedEndsMs: undefined } }, events: [] };

/** Never extends the wait. */
function waitInDoubt(
  { status, netboot, work, statusDeadlineMs }: Machine,
  doubt: Happening<'power-uncertain'>,
  atMs: number,
): Change {
  const awaitsFirstSignal =
    (status === 'commissioning' || (status === 'deploying' && netboot)) && work?.stage === undefined;
  if (work === undefined || statusDeadlineMs === undefined) return NOTHING;
  const doubtEndsMs = atMs + DOUBTED_MS_MAX;
  const isShortened = awaitsFirstSignal && statusDeadlineMs > doubtEndsMs;
  const endsMs = isShortened ? doubtEndsMs : statusDeadlineMs;
  const interruptedEndsMs = isOwnInterruption(doubt.params.detail) ? endsMs : undefined;
  const inDoubt = isShortened ? { doubt, doubtEndsMs } : {};
  const fields = { statusDeadlineMs: endsMs, work: { ...work, ...inDoubt, interruptedEndsMs } };
  return { kind: 'change', fields, events: [] };
}

/**
 * Why a machine fails whose shortened wait has ended; `undefined` if it showed a sign of life, or
 * its wait was not shortened.
 */
export const whyInDoubt = ({ work, statusDeadlineMs }: Machine): Happening<'power-doubted'> | undefined =>
  work?.doubt === undefined || work.doubtEndsMs !== statusDeadlineMs
    ? undefined
    : { code: 'power-doubted', params: { doubt: work.doubt, minutes: DOUBTED_MS_MAX / 60_000 } };

function continueState(machine: Machine, options: PowerOptions & { readonly username: string }): Change {
  if (machine.status === 'releasing') return enterStatuses(machine, ['ready'], options);
  if (machine.status === 'exiting-rescue-mode') return enterStatuses(machine, [restingStatus(machine)], options);
  return endInterruption(machine);
}

const order = (task: 'on' | 'off', powerState: PowerState, atMs: number): Change => ({
  kind: 'change',
  fields: { powerTask: task, powerState },
  events: [{ type: 'NODE', code: 'power-ordered', params: { task, comment: '' }, atMs, username: '' }],
});

/** An interrupted power cycle left it off. The time limit of its state starts again. */
function orderOn(machine: Machine, atMs: number): Change {
  const { status, work } = machine;
  const ordered = order('on', 'off', atMs);
  const statusDeadlineMs = computeDeadlineMs(status, atMs);
  const fields = work === undefined ? {} : { work: { ...work, interruptedEndsMs: statusDeadlineMs } };
  return { ...ordered, fields: { ...ordered.fields, ...fields, statusDeadlineMs } };
}

/** @param detail why the query failed */
export function decidePowerSeen(
  machine: Machine,
  state: PowerState,
  detail: PowerDetail | undefined,
  options: PowerOptions,
): Change {
  const { atMs } = options;
  const before = machine.powerState;
  const isUnderWay = machine.powerTask !== undefined;
  // A power-off with an unknown outcome is now confirmed.
  const isOffAtLast = state === 'off' && !isUnderWay && taskOfState(machine) === 'off';
  // A power-off with an unknown outcome did not take effect. Repeating it does no harm.
  const isStillOn = state === 'on' && !isUnderWay && taskOfState(machine) === 'off';
  if (isStillOn) return order('off', state, atMs);
  if (state === 'off' && !isUnderWay && isInterrupted(machine)) return orderOn(machine, atMs);
  const then = isOffAtLast ? continueState(machine, { ...options, username: '' }) : NOTHING;
  if (state === before && !isOffAtLast) return NOTHING;
  const events: NewMachineEvent[] = [];
  if (state === 'error' && before !== 'error') {
    events.push({
      type: 'NODE_POWER_QUERY_FAILED',
      code: 'power-query-failed',
      params: { detail },
      atMs,
      username: '',
    });
  } else if (!isUnderWay && (state === 'on' || state === 'off') && (before === 'on' || before === 'off')) {
    const type = state === 'on' ? 'NODE_POWERED_ON' : 'NODE_POWERED_OFF';
    events.push({ type, code: 'power-seen', params: { state }, atMs, username: '' });
  }
  return { ...then, fields: { ...then.fields, powerState: state }, events: [...events, ...then.events] };
}
