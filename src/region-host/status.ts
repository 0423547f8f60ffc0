// The control socket's report on a region that runs apart from a rack, for `rackboot status`. It
// has the form of a rack's report, without the parts that only a rack has. Also the status line for
// the service manager, and the readiness.

import type { RegionFileConfig } from '../config/region-file.ts';
import type { ControlAnswers } from '../control/requests.ts';
import { judgeStatus } from '../daemon/answers/findings.ts';
import { findDiskProblem } from '../daemon/answers/full-disk.ts';
import { describeNotes, refusedNow } from '../daemon/answers/rack-status.ts';
import { NAMED_MAX } from '../daemon/rack/status-line.ts';
import type { Clock } from '../ground/clock.ts';
import { joinNames } from '../ground/counted.ts';
import { RackError } from '../ground/errors.ts';
import { valueAt, withValue } from '../machines/settings.ts';
import type { Readiness } from '../observe/instrument-server.ts';
import { withoutQuotes } from '../region/api/call/caller.ts';
import type { UnopenedListener } from '../region/http/listening.ts';
import type { DutyHolder } from '../region/records/duty-store.ts';
import { isAway } from '../region/records/rack.ts';
import type { RefusedChange } from '../region/records/store-state.ts';
import type { Region } from '../region/region.ts';
import { noteText, type Outage, type RackNote } from '../region/reports/notes.ts';
import type { RegionConfiguration } from './configuration.ts';

export interface RegionStatusSources {
  readonly version: string;
  readonly startedWallMs: number;
  readonly clock: Clock;
  readonly configuration: RegionConfiguration;
  /** The region. Undefined until it is open. */
  readonly region: () => Region | undefined;
  /** Which process has the duties. Undefined while unknown, or if only this process uses the store. */
  readonly dutyHolder: () => DutyHolder | undefined;
  readonly addresses: () => readonly string[];
  readonly unopened: () => readonly UnopenedListener[];
  readonly notes: () => readonly RackNote[];
  readonly metricsProblems: () => readonly string[];
}

/** Creates the handlers of the control socket's paths about the region. */
export function createRegionAnswers(sources: RegionStatusSources): ControlAnswers {
  return { '/status': () => buildStatus(sources), '/config': () => readConfigNow(sources) };
}

async function buildStatus(sources: RegionStatusSources) {
  const { clock, configuration, version, startedWallMs } = sources;
  const { config, refusal } = configuration;
  const region = sources.region();
  const { machines, problem } = await countMachines(region);
  const unconfirmed = region?.store.confirmation?.problem;
  // Instants begin at the wall time of the start, and do not change when the clock is set.
  const uptimeMs = clock.now() - startedWallMs;
  const statusFields = {
    name: config.name,
    version,
    pid: process.pid,
    startedAt: new Date(clock.wallTimeMs() - uptimeMs).toISOString(),
    uptimeMs,
    memoryBytes: process.memoryUsage.rss(),
    interfaces: [],
    machinesKnown: machines,
    region: {
      mode: 'apart',
      state: region === undefined ? 'starting' : problem === undefined ? 'up' : 'away',
      problem: problem ?? (unconfirmed && noteText(unconfirmed)),
      addresses: sources.addresses(),
      unopened: sources.unopened(),
      eventsWaiting: 0,
      eventsDropped: 0,
      desiredVersion: region?.announcedVersion ?? 0,
      store: describeStore(config),
      duties: describeDuties(sources),
    },
    // A region grants no leases, so no lease waits for the disk.
    journal: { available: true },
    refused: refusedNow(refusal, clock),
    restartKeys: configuration.restartKeys,
    diskProblem:
      describeRefusal(region?.store.confirmation?.refused) ??
      findDiskProblem(config.stateDir, config.store.kind === 'sqlite' ? 'region' : 'hypervisor-keys'),
    metricsProblems: sources.metricsProblems(),
    ...describeNotes(sources.notes()),
  };
  return { ...statusFields, findings: judgeStatus(statusFields, clock.wallTimeMs(), config.stateDir) };
}

/** Counts the machines in the store. This also shows whether the store answers. */
async function countMachines(
  region: Region | undefined,
): Promise<{ readonly machines: number; readonly problem?: string }> {
  try {
    return { machines: (await region?.store.countMachines({})) ?? 0 };
  } catch (error) {
    if (!(error instanceof RackError)) throw error;
    return { machines: 0, problem: error.message };
  }
}

const describeRefusal = (refused: RefusedChange | undefined): string | undefined =>
  refused && `${noteText(refused.outage)}; changes have been refused since ${new Date(refused.sinceMs).toISOString()}`;

function describeDuties({ dutyHolder }: RegionStatusSources) {
  const holder = dutyHolder();
  return holder && { holder: holder.name, isHere: holder.isHere };
}

const describeStore = ({ store, stateDir }: RegionFileConfig): string =>
  store.kind === 'sqlite' ? `region.db in ${stateDir}` : store.url;

/**
 * Returns the configuration for `rackboot config`, in the form of a rack's configuration. A rack's
 * configuration has no store, so `store` is a separate field. `stored` includes the settings that
 * only racks use.
 */
function readConfigNow({ configuration }: RegionStatusSources) {
  const { path, usable, stored, refusal } = configuration;
  const values = withValue(usable.file.values, 'region.store', undefined);
  const store = valueAt(usable.file.values, 'region.store');
  return { uuid: '', file: path, values, stored, store, refused: refusal?.problems ?? null };
}

/** `serving 10.20.0.1:5240; waiting: …; racks to accept: rack-2; racks away: rack-3`. */
export function formatRegionLine({ clock, region, addresses, unopened, dutyHolder }: RegionStatusSources): string {
  const parts = [addresses().length === 0 ? 'serving nowhere' : `serving ${addresses().join(', ')}`];
  if (unopened().length > 0)
    parts.push(
      `waiting: ${unopened()
        .map(({ text }) => text)
        .join(', ')}`,
    );
  const racks = region()?.racks.list() ?? [];
  const pending = racks.filter(({ state }) => state === 'pending');
  const away = racks.filter((rack) => isAway(rack, clock.wallTimeMs()));
  for (const [label, someRacks] of [
    ['racks to accept', pending],
    ['racks away', away],
  ] as const) {
    const names = someRacks.map(({ name }) => name);
    if (names.length > 0) parts.push(`${label}: ${joinNames(names, NAMED_MAX)}`);
  }
  const holder = dutyHolder();
  if (holder !== undefined) parts.push(holder.isHere ? 'duties here' : `duties at ${holder.name}`);
  return parts.join('; ');
}

/**
 * Builds the answer to /readyz. The region is ready when every configured listener is open and the
 * store answers. The request needs no password, so the answer shows no text of the database.
 * @param storeProblem why the store does not answer
 */
export function buildReadiness(
  { addresses, unopened }: Pick<RegionStatusSources, 'addresses' | 'unopened'>,
  storeProblem: Outage | undefined,
): Readiness {
  const waitingListeners = unopened().map(({ host, text }) => ({ what: host, reason: text }));
  const startingReason = { what: 'region', reason: 'still starting' };
  const problems = addresses().length === 0 && waitingListeners.length === 0 ? [startingReason] : waitingListeners;
  if (storeProblem !== undefined) problems.push({ what: 'store', reason: noteText(withoutQuotes(storeProblem)) });
  return { ready: problems.length === 0, notReady: problems };
}
