// What changes when a machine enters a state; every state change goes through this file.
//
// 1. A machine in a free state has no owner, no system and no bridges of `bridge_all`. It keeps
//    only addresses that a person chose for its links.
// 2. A machine's API key ends with the next deployment or commissioning, and at the release; one
//    made for a test, with the test.
// 3. A state in progress has a deadline, for a machine that only people switch on from its first boot.

import type { Clock } from '../../ground/clock.ts';
import { tokenFor } from '../identity/boot-token.ts';
import { withoutAcquiredBridges } from '../layout/acquired-bridges.ts';
import type { MachineChange } from '../records/decisions.ts';
import type { EventParams, Happening, Remark } from '../records/events.ts';
import { type MachineStatus, statusRow } from '../records/lifecycle.ts';
import type { Machine, MachineFields } from '../records/machine.ts';
import { decodeHappening, type MachineEvent, type NewMachineEvent } from '../records/machine-event.ts';
import { reportedPower } from '../records/power-parameters.ts';
import type { MachineWork } from '../records/work.ts';
import { staticAddresses } from './link-addresses.ts';

const MINUTE_MS = 60_000;

interface StatusChangeOptions {
  readonly atMs: number;
  readonly clock: Clock;
  /** Empty for the machine or a deadline. */
  readonly username: string;
  readonly reason?: Remark | undefined;
  readonly work?: Omit<MachineWork, 'before' | 'attempts'> | undefined;
}

export type Change = Extract<MachineChange<never>, { kind: 'change' }>;

const FREE: ReadonlySet<MachineStatus> = new Set(['new', 'ready', 'retired']);

const KEYLESS: ReadonlySet<MachineStatus> = new Set([
  'new',
  'commissioning',
  'failed-commissioning',
  'ready',
  'reserved',
  'allocated',
  'deploying',
  'releasing',
  'disk-erasing',
  'retired',
]);

/**
 * True for a state, also a failed one, from which the machine later returns to its resting state.
 */
const isInterlude = (status: MachineStatus): boolean => /rescue-mode|testing$/.test(status);

/** The caller has checked the transition. */
export function enterStatus(machine: Machine, to: MachineStatus, options: StatusChangeOptions): Change {
  const { atMs, username } = options;
  const params = { from: machine.status, to };
  const events: NewMachineEvent[] = [{ type: 'NODE_CHANGED_STATUS', code: 'status-changed', params, atMs, username }];
  const isFree = FREE.has(to);
  const free = {
    owner: undefined,
    ownerData: {},
    agentName: undefined,
    osystem: '',
    release: '',
    kernel: undefined,
    layout: withoutAcquiredBridges(machine.layout),
  };
  return {
    kind: 'change',
    fields: { ...statusFields(machine, to, options), ...(isFree ? free : {}) },
    events,
    ...(isFree ? { addresses: staticAddresses(machine), userData: null } : {}),
    ...(endsKey(machine, to) ? { endsKey: true } : {}),
  };
}

/** A key made for a test ends with the test; a deployed system keeps its key through a test. */
const endsKey = ({ status, restingStatus }: Machine, to: MachineStatus): boolean =>
  KEYLESS.has(to) || (status === 'testing' && restingStatus !== 'deployed');

export function enterStatuses(machine: Machine, path: readonly MachineStatus[], options: StatusChangeOptions): Change {
  let now = machine;
  let whole: Change = { kind: 'change', fields: {}, events: [] };
  path.forEach((to, index) => {
    const step = enterStatus(now, to, index === path.length - 1 ? options : { ...options, work: undefined });
    whole = {
      ...whole,
      ...step,
      fields: { ...whole.fields, ...step.fields },
      events: [...whole.events, ...step.events],
    };
    now = { ...now, ...step.fields };
  });
  return whole;
}

/**
 * Settings that a machine may not propose are removed: nobody asked the person whether the region
 * may open their URL, for example.
 */
export function acceptedPower({
  powerIsProposed,
  powerType,
  powerParameters,
}: Machine): Pick<MachineFields, 'powerIsProposed'> & Partial<Pick<MachineFields, 'powerType' | 'powerParameters'>> {
  return { powerIsProposed: false, ...(powerIsProposed === true ? reportedPower(powerType, powerParameters) : {}) };
}

const RUNNING: ReadonlySet<MachineStatus> = new Set(['deployed', 'rescue-mode', 'exiting-rescue-mode']);

const isOn = ({ powerState, status }: Machine): boolean =>
  powerState === 'on' || (powerState !== 'off' && RUNNING.has(status));

function statusFields(machine: Machine, to: MachineStatus, options: StatusChangeOptions): Partial<MachineFields> {
  const { atMs, username, clock, work } = options;
  const waits = work?.waitsForBoot === true;
  return {
    status: to,
    statusReason:
      options.reason ??
      (waits ? { code: isOn(machine) ? 'waits-for-restart' : 'waits-for-hand', params: {} } : undefined),
    statusSinceMs: atMs,
    statusDeadlineMs: waits ? undefined : computeDeadlineMs(to, atMs),
    restingStatus: findRestingStatus(machine, to),
    bootToken: tokenFor(machine, to, username === '', clock),
    // Accepting a machine accepts its proposed power settings.
    ...(username !== '' && machine.status === 'new' ? acceptedPower(machine) : {}),
    netboot: to === 'deployed' ? false : to === 'deploying' || machine.netboot || to === 'ready' || to === 'new',
    work: work === undefined ? undefined : { ...work, before: machine.status, attempts: 0 },
  };
}

/** The deadline of a state that begins, or shows a sign of life, at `fromMs`; `undefined`: none. */
export function computeDeadlineMs(status: MachineStatus, fromMs: number): number | undefined {
  const minutes = statusRow(status).timeoutMinutes;
  return minutes === undefined ? undefined : fromMs + minutes * MINUTE_MS;
}

function findRestingStatus(machine: Machine, to: MachineStatus): MachineStatus | undefined {
  const isDeployed = machine.status === 'deployed' || machine.restingStatus === 'deployed';
  if (to === 'broken') return isDeployed ? 'deployed' : undefined;
  if (!isInterlude(to)) return undefined;
  // A test during a repair keeps the state to which the repair returns.
  const isRepaired = to === 'testing' && machine.status === 'broken' && isDeployed;
  return isInterlude(machine.status) || isRepaired ? machine.restingStatus : machine.status;
}

/** The state after passed or aborted tests. */
export const afterTesting = ({ work, restingStatus }: Machine): MachineStatus =>
  work?.before === 'broken' ? 'broken' : (restingStatus ?? 'ready');

/** Why work that hangs is restarted or fails. */
export type WhyHung = EventParams['work-restarted']['why'];

/**
 * Decodes what a machine's newest event says; for a restart after an overrun, the last event before
 * the overrun.
 */
export function decodeLastHappening(event: MachineEvent | undefined): Happening | undefined {
  if (event === undefined) return undefined;
  const why = event.code === 'work-restarted' ? event.params.why : undefined;
  return why?.code === 'work-overran' ? why.params.seen : decodeHappening(event);
}

/** Lets a machine's state fail, with the region's own reason. */
export function failStatus(
  machine: Machine,
  to: MachineStatus,
  { why, ...options }: StatusChangeOptions & { readonly why: WhyHung | Happening<'disk-not-starting'> },
): Change {
  const { atMs, username } = options;
  const change = enterStatus(machine, to, { ...options, reason: why });
  const event: NewMachineEvent = { type: 'NODE_STATUS_EVENT', level: 'error', ...why, atMs, username };
  return { ...change, events: [event, ...change.events] };
}

/** @param isCounted false if the machine did not cause the restart */
export function restarted(
  { stage: _stage, message: _message, report: _report, doneBytes: _done, totalBytes: _total, ...work }: MachineWork,
  atMs: number,
  isCounted: boolean,
): MachineWork {
  // `bootMs` makes late reports of earlier starts count as old.
  return { ...work, waitsForBoot: false, attempts: work.attempts + (isCounted ? 1 : 0), boots: 0, bootMs: atMs };
}
