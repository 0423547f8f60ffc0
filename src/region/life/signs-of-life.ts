// Signs of life, from racks' reports and from the machines' own requests.
//
//   started   a start from the network: counted; too many starts end the work as hung
//   seen      the time limit of the state starts again; a machine whose written disk does not start fails
//   leased    a machine whose disk is written becomes Deployed once its installed system has an address
//
// 1. The number of reads is the same for any number of machines, and of the machines that lease an
//    address or boot, only those at work are read: of the others nothing changes here.

import type { Clock } from '../../ground/clock.ts';
import { bootPurpose } from '../records/boot-purpose.ts';
import { STATUSES, statusRow } from '../records/lifecycle.ts';
import type { Machine } from '../records/machine.ts';
import type { RegionStore } from '../records/store.ts';
import type { MachineWork } from '../records/work.ts';
import { DISK_STARTS_MAX, type DiskStarts, readDiskStarts } from './disk-start.ts';
import { type Change, computeDeadlineMs, enterStatus, failStatus, type WhyHung } from './status-change.ts';

// Network boots since the last signal: a machine that loops through firmware and loader shows signs
// of life forever. Pure.
//
//   work begins ── starts from the network ──┬── a signal: the count returns to 0
//                        ▲                   └── starts from the network again: counted, at most BOOTS_MAX times
//                        └──────────────────────┘
//
// 1. The count is stored with the work.
// 2. One boot requests an address and a configuration several times within BOOT_APART_MS.

/** How often a machine may boot without a signal; after one more boot it is hung. */
export const BOOTS_MAX = 6;
/** Longer than one boot of firmware and loader, shorter than between two starts of a server. */
const BOOT_APART_MS = 60_000;

function countBoot(machine: Machine, seenMs: number): (MachineWork & { readonly boots: number }) | undefined {
  const { work, status, restingStatus, netboot, powerTask, statusSinceMs } = machine;
  // A pending power task will restart the machine anyway.
  if (work === undefined || powerTask !== undefined || statusRow(status).failed === undefined) return undefined;
  const purpose = bootPurpose({ status, restingStatus, netboot, deployBy: work.deployBy });
  if (purpose !== 'commissioning' && purpose !== 'install') return undefined;
  const { boots = 0, bootMs } = work;
  if (seenMs < statusSinceMs || (bootMs !== undefined && seenMs - bootMs < BOOT_APART_MS)) return undefined;
  return { ...work, boots: boots + 1, bootMs: seenMs };
}

const EVENTS_LOOKED_MAX = 200;
const NOTHING: Change = { kind: 'change', fields: {}, events: [] };

export interface SignsOfLife {
  readonly started?: ReadonlyMap<string, number>;
  readonly seen?: ReadonlyMap<string, number>;
  readonly leased?: ReadonlySet<string>;
}

interface SignOptions {
  readonly store: RegionStore;
  readonly clock: Clock;
  readonly atMs: number;
  readonly endHung: (machine: Machine, why: WhyHung) => Change;
}

/** @returns the changed machines, which the caller announces */
export async function takeSigns(
  { started = new Map(), seen = new Map(), leased = new Set() }: SignsOfLife,
  options: SignOptions,
): Promise<readonly Machine[]> {
  return [...(await noteSigns({ started, seen }, options)), ...(await findDeployed([...leased], options))];
}

async function noteSigns(
  { started, seen }: Required<Pick<SignsOfLife, 'started' | 'seen'>>,
  options: SignOptions,
): Promise<readonly Machine[]> {
  const { store, atMs } = options;
  const machines = await findMachines(store, [...new Set([...started.keys(), ...seen.keys()])]);
  const written = machines.filter((machine) => seen.has(machine.systemId) && isWritten(machine));
  const disks = await diskStarts(written, options);
  const decide = (machine: Machine): Change => {
    const { systemId } = machine;
    const counted = countStart(machine, started.get(systemId), options);
    const then = { ...machine, ...counted.fields };
    const renewed = renew(then, seen.get(systemId), disks.get(systemId)?.starts ?? 0, options);
    const fields = { ...counted.fields, ...renewed.fields };
    return { ...counted, ...renewed, fields, events: [...counted.events, ...renewed.events] };
  };
  const isChanged = (machine: Machine): boolean => Object.keys(decide(machine).fields).length > 0;
  const changed = await changeMachines(store, machines.filter(isChanged), atMs, decide);
  // A changed count or time limit alone is not announced.
  const before = new Map(machines.map((machine) => [machine.systemId, machine]));
  return changed.filter(({ systemId, status, bootToken }) => {
    const machine = before.get(systemId);
    return machine?.status !== status || machine.bootToken !== bootToken;
  });
}

/** A machine that starts again and again without a signal is hung. */
function countStart(machine: Machine, seenMs: number | undefined, { endHung }: SignOptions): Change {
  const work = seenMs === undefined ? undefined : countBoot(machine, seenMs);
  if (work === undefined) return NOTHING;
  if (work.boots <= BOOTS_MAX) return { ...NOTHING, fields: { work } };
  return endHung(machine, { code: 'boots-repeated', params: { boots: work.boots } });
}

/** @param starts how often it was told to boot its written disk */
function renew(machine: Machine, seenMs: number | undefined, starts: number, { atMs, clock }: SignOptions): Change {
  if (seenMs === undefined) return NOTHING;
  // The machine keeps booting from the network instead of its written disk.
  if (isWritten(machine) && starts > DISK_STARTS_MAX) {
    const why = { code: 'disk-not-starting', params: { starts } } as const;
    return failStatus(machine, 'failed-deployment', { atMs, clock, username: '', why });
  }
  return { ...NOTHING, fields: renewedFields(machine, seenMs, atMs) };
}

function renewedFields(machine: Machine, seenMs: number, nowMs: number): Change['fields'] {
  const waits = machine.work?.waitsForBoot === true;
  // Activity from before this work began does not count.
  if (waits && seenMs < machine.statusSinceMs) return {};
  // A rack whose clock is ahead must not extend the time limit.
  const statusDeadlineMs = computeDeadlineMs(machine.status, Math.min(seenMs, nowMs));
  // A late report must not shorten it.
  if (statusDeadlineMs === undefined || statusDeadlineMs <= (machine.statusDeadlineMs ?? 0)) return {};
  if (!waits || machine.work === undefined) return { statusDeadlineMs };
  const work = { ...machine.work, waitsForBoot: false };
  return { statusDeadlineMs, work, statusReason: { code: 'has-started', params: {} } };
}

/** The machines whose disk is written and whose installed system took or renewed the address. */
async function findDeployed(leased: readonly string[], options: SignOptions): Promise<readonly Machine[]> {
  const { store, clock, atMs } = options;
  const written = (await findMachines(store, leased)).filter(isWritten);
  const disks = await diskStarts(written, options);
  const up = written.filter(({ systemId }) => disks.get(systemId)?.isUp === true);
  const reason = { code: 'system-seen', params: {} } as const;
  return await changeMachines(store, up, atMs, (machine) =>
    isWritten(machine) ? enterStatus(machine, 'deployed', { atMs, clock, username: '', reason }) : NOTHING,
  );
}

const isWritten = ({ status, netboot }: Machine): boolean => status === 'deploying' && !netboot;

async function diskStarts(
  machines: readonly Machine[],
  { store, clock }: SignOptions,
): Promise<ReadonlyMap<string, DiskStarts>> {
  if (machines.length === 0) return new Map();
  const systemIds = machines.map(({ systemId }) => systemId);
  const events = await store.recentEvents(systemIds, EVENTS_LOOKED_MAX);
  const nowMs = clock.wallTimeMs();
  return new Map(systemIds.map((systemId) => [systemId, readDiskStarts(events.get(systemId) ?? [], nowMs)]));
}

/** Others have no time limit, and no work that could hang. */
const WORKING = STATUSES.filter(({ failed }) => failed !== undefined).map(({ status }) => status);

const findMachines = async (store: RegionStore, systemIds: readonly string[]): Promise<readonly Machine[]> =>
  systemIds.length === 0 ? [] : await store.listMachines({ systemIds, statuses: WORKING }, 0, systemIds.length);

async function changeMachines(
  store: RegionStore,
  machines: readonly Machine[],
  atMs: number,
  decide: (machine: Machine) => Change,
): Promise<readonly Machine[]> {
  const systemIds = machines.map(({ systemId }) => systemId);
  const outcomes = await store.changeMachines<never>(systemIds, atMs, decide);
  return outcomes.flatMap((outcome) => (outcome.kind === 'changed' ? [outcome.machine] : []));
}
