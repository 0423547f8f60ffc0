// One machine goes from one state to the next: what of it changes with that. Every change of a state is made here.
//
// 1. A machine that nobody holds has neither owner nor addresses nor a system of its own: what it was given is taken back.
// 2. The key of a machine is that of one deployment or one commissioning: it ends where the next begins, and with its release;
//    one that was drawn for a test ends with the test.
// 3. A state in progress has its deadline, or waits for the machine's first boot, when nobody but a person can switch it on.

import type { Clock } from '../../clock.ts';
import { tokenFor } from '../identity/boot-token.ts';
import { type MachineStatus, statusRow } from '../records/lifecycle.ts';
import type { Machine, MachineFields } from '../records/machine.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import { reportedPower } from '../records/power-parameters.ts';
import type { MachineChange } from '../records/store.ts';
import type { MachineWork } from '../records/work.ts';

const MINUTE_MS = 60_000;

/** What a machine shows that nobody but a person can switch on. */
export const WAITING_TEXT = 'waiting to be switched on';

/** Who changes the state of a machine, and how. */
export interface StatusChangeTerms {
  readonly atMs: number;
  readonly clock: Clock;
  /** Empty: nobody but the machine or the time. */
  readonly username: string;
  /** Why, for a person. */
  readonly message?: string | undefined;
  /** What is to be done in the new state; undefined: nothing is known of it. */
  readonly work?: Omit<MachineWork, 'before' | 'attempts'> | undefined;
}

/** A change that is no refusal. */
export type Change = Extract<MachineChange<never>, { kind: 'change' }>;

/** States in which a machine is held by nobody. */
const FREE: ReadonlySet<MachineStatus> = new Set(['new', 'ready', 'retired']);

/** States with which what a machine had as its own key ends. */
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

const isAside = (status: MachineStatus): boolean => /rescue-mode|testing$/.test(status);

/** What changes of a machine that enters a state; whether it may, the caller has asked. */
export function enterStatus(machine: Machine, to: MachineStatus, terms: StatusChangeTerms): Change {
  const { atMs, username } = terms;
  const description = `From '${statusRow(machine.status).name}' to '${statusRow(to).name}'`;
  const events: NewMachineEvent[] = [{ type: 'NODE_CHANGED_STATUS', description, atMs, username }];
  const isFree = FREE.has(to);
  const free = { owner: undefined, ownerData: {}, osystem: '', release: '' };
  return {
    kind: 'change',
    fields: { ...statusFields(machine, to, terms), ...(isFree ? free : {}) },
    events,
    ...(isFree ? { addresses: [], userData: null } : {}),
    ...(endsKey(machine, to) ? { endsKey: true } : {}),
  };
}

/** What was drawn for a test is of no use after it; a system that is deployed keeps its own through a test. */
const endsKey = ({ status, restingStatus }: Machine, to: MachineStatus): boolean =>
  KEYLESS.has(to) || (status === 'testing' && restingStatus !== 'deployed');

/** Several states, one after the other, at once. */
export function enterStatuses(machine: Machine, path: readonly MachineStatus[], terms: StatusChangeTerms): Change {
  let now = machine;
  let whole: Change = { kind: 'change', fields: {}, events: [] };
  path.forEach((to, index) => {
    const step = enterStatus(now, to, index === path.length - 1 ? terms : { ...terms, work: undefined });
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
 * The power of a machine that a person accepts. A proposal that no machine may make is not taken over: nobody was asked whether the region
 * shall open its URL.
 */
export function acceptedPower({
  powerIsProposed,
  powerType,
  powerParameters,
}: Machine): Pick<MachineFields, 'powerIsProposed'> & Partial<Pick<MachineFields, 'powerType' | 'powerParameters'>> {
  return { powerIsProposed: false, ...(powerIsProposed === true ? reportedPower(powerType, powerParameters) : {}) };
}

function statusFields(machine: Machine, to: MachineStatus, terms: StatusChangeTerms): Partial<MachineFields> {
  const { atMs, username, clock, work } = terms;
  const waits = work?.waitsForBoot === true;
  return {
    status: to,
    statusMessage: terms.message ?? (waits ? WAITING_TEXT : ''),
    statusSinceMs: atMs,
    statusDeadlineMs: waits ? undefined : deadlineOf(to, atMs),
    restingStatus: restingOf(machine, to),
    bootToken: tokenFor(machine, to, username === '', clock),
    // Whoever accepts a machine accepts what it said of its power.
    ...(username !== '' && machine.status === 'new' ? acceptedPower(machine) : {}),
    netboot: to === 'deployed' ? false : to === 'deploying' || machine.netboot || to === 'ready' || to === 'new',
    work: work === undefined ? undefined : { ...work, before: machine.status, attempts: 0 },
  };
}

/** When a state that begins, or of which there is a sign of life, has lasted too long; undefined: it may last. */
export function deadlineOf(status: MachineStatus, fromMs: number): number | undefined {
  const minutes = statusRow(status).timeoutMinutes;
  return minutes === undefined ? undefined : fromMs + minutes * MINUTE_MS;
}

/** What a machine goes back to from rescue, testing and repair. */
function restingOf(machine: Machine, to: MachineStatus): MachineStatus | undefined {
  const isDeployed = machine.status === 'deployed' || machine.restingStatus === 'deployed';
  if (to === 'broken') return isDeployed ? 'deployed' : undefined;
  if (!isAside(to)) return undefined;
  // What a repair goes back to is not lost by a test.
  const isRepaired = to === 'testing' && machine.status === 'broken' && isDeployed;
  return isAside(machine.status) || isRepaired ? machine.restingStatus : machine.status;
}

/** Where a machine is when its tests have passed, or are given up. */
export const afterTesting = ({ work, restingStatus }: Machine): MachineStatus =>
  work?.before === 'broken' ? 'broken' : (restingStatus ?? 'ready');
