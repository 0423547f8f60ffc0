// The region's thread: opens the store, the region and its API with the given settings, and
// exchanges messages with the rack. The rack's loop never waits for it.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { newUuid, systemClock } from '../ground/clock.ts';
import { keepCompiledCode } from '../ground/compiled-code.ts';
import { errorText, RackError, reachesStore, unreachable } from '../ground/errors.ts';
import type { DesiredState } from '../machines/machine.ts';
import type { RegionConfig } from '../region/config.ts';
import type { RegionApi } from '../region/http/listening.ts';
import type { NetworkScan, ScanOutcome } from '../region/records/network-scan.ts';
import type { RackDescription } from '../region/records/rack-description.ts';
import type { Region } from '../region/region.ts';
import { type ServedRegion, serveRegion } from '../region-host/served-region.ts';
import { openRegionStore } from '../store/sqlite/region-sqlite.ts';
import { writeDesiredState } from '../uplink/desired-state-cache.ts';
import { DesiredStateKeeper } from '../uplink/desired-state-keeper.ts';
import { type RackMessage, type RegionMessage, UPLINK_VERSION, type UplinkEvent } from '../uplink/messages.ts';

const port = parentPort;
if (port === null) throw new Error('the region thread is started by the daemon');
const config: RegionConfig = workerData;

const sendToRack = (message: RegionMessage): void => port.postMessage(message);

const STORE_RETRY_MS = 1000;
/**
 * The number of events that are stored in one turn of the event loop, which takes some 10 ms. While
 * events queue, a page that takes many turns waits for as many such pieces.
 */
const EVENTS_PER_TURN = 64;
/**
 * How long the rack may take to answer a request for a scan, in milliseconds. The rack's loop only
 * starts the scan.
 */
const SCAN_ANSWER_MS = 4000;

let onScanAnswer: ((outcome: ScanOutcome) => void) | undefined;

/**
 * Identifies one run of the rack, because each run numbers its events separately. Undefined until a
 * rack of our uplink version has sent `hello`.
 */
let runSource: string | undefined;
/** The rack's UUID, which never changes. Undefined until the rack has sent `hello`. */
let rackUuid: string | undefined;
/** Resolves when everything the rack has sent so far is stored. */
let pendingWork: Promise<void> = Promise.resolve();
let isEnding = false;

const stateKeeper = new DesiredStateKeeper(systemClock, (state) =>
  writeDesiredState(config.stateDir, state, (problem) =>
    sendToRack({ kind: 'problem', id: 'desired-state', note: { note: 'state-unkept', ...problem } }),
  ),
);

async function startRegion(): Promise<void> {
  const served = await serveRegion({
    config,
    store: openRegionStore({ stateDir: config.stateDir }),
    hasRack: true,
    onDesiredState: sendDesiredState,
    scan: requestScan,
    onProblem: (id, note) => sendToRack({ kind: 'problem', id, note }),
  });
  const { region, api } = served;
  port?.on('message', (message: RackMessage) => receive(message, served));
  sendDesiredState(await region.desiredState());
  api.watch(
    (addresses) => sendToRack({ kind: 'listening', addresses }),
    (listeners) => sendToRack({ kind: 'unopened', listeners }),
  );
  keepCompiledCode();
}

/**
 * Sends the state to the rack, and stores a copy for a start without the region. The copy is
 * written in this thread, because the rack's loop writes no files.
 */
function sendDesiredState(state: DesiredState): void {
  sendToRack({ kind: 'desired-state', state });
  stateKeeper.keep(state);
}

function receive(message: RackMessage, { region, api, openImages, close }: ServedRegion): void {
  if (isEnding) return;
  switch (message.kind) {
    case 'hello':
      if (message.uplink !== UPLINK_VERSION) {
        sendToRack({
          kind: 'refused',
          note: { note: 'link-versions', ownVersion: message.uplink, otherVersion: UPLINK_VERSION },
        });
        end(close);
        break;
      }
      runSource = `${message.rack.name}/${message.life}`;
      startCarryingRequests(message.rack.uuid, region);
      runInOrder(() => registerRack(message.rack, region));
      break;
    case 'events': {
      const eventSource = runSource;
      if (eventSource !== undefined) runInOrder(() => storeEvents(message.events, region, eventSource));
      break;
    }
    case 'measured':
      // Queued after the description, which makes the rack known.
      runInOrder(async () => region.racks.measuredOwn(message.measures));
      break;
    case 'applied':
      region.racks.acknowledgements.ownApplied(message.version);
      break;
    case 'post':
    case 'outbox':
      // These messages are only for a remote region. Here the region itself answers machines.
      break;
    case 'open-images': {
      const answer = openImages().catch((error: unknown) => ({ problem: errorText(error) }));
      void answer.then((answer) => sendToRack({ kind: 'images-open', id: message.id, answer }));
      break;
    }
    case 'answered':
      region.racks.requests.answer(rackUuid ?? '', message.answer);
      break;
    case 'scan-answer':
      onScanAnswer?.(message.outcome);
      break;
    case 'configure':
      region.configure(message.config);
      configureListeners(message.config, api);
      break;
    case 'close':
      end(close);
      break;
    default:
      unreachable(message);
  }
}

/** Asks the rack of this process to scan networks, one request at a time. */
function requestScan(scan: NetworkScan): Promise<ScanOutcome> {
  if (onScanAnswer !== undefined) return Promise.resolve('running');
  return new Promise((resolve) => {
    const timeout = systemClock.schedule(SCAN_ANSWER_MS, () => onScanAnswer?.('silent'));
    onScanAnswer = (outcome) => {
      timeout.cancel();
      onScanAnswer = undefined;
      resolve(outcome);
    };
    sendToRack({ kind: 'scan', scan });
  });
}

function startCarryingRequests(uuid: string, { racks }: Region): void {
  if (rackUuid === uuid) return;
  rackUuid = uuid;
  racks.requests.carry(uuid, (request) => sendToRack({ kind: 'request', request }));
}

/** Runs the work for the rack's messages one after another, in the order of arrival. */
function runInOrder(work: () => Promise<void>): void {
  pendingWork = pendingWork.then(work);
}

function end(close: () => Promise<void>): void {
  isEnding = true;
  // The store is closed after the pending work, such as the rest of a batch.
  void pendingWork.then(close).finally(() => {
    stateKeeper.close();
    port?.close();
  });
}

/** Stores the rack's description. Repeats this while the store is unavailable. */
async function registerRack(rack: RackDescription, region: Region): Promise<void> {
  if (await reachesStore(() => region.racks.putOwn(rack))) return;
  systemClock.schedule(STORE_RETRY_MS, () => runInOrder(() => registerRack(rack, region)));
}

function configureListeners(next: RegionConfig, api: RegionApi): void {
  api.configure(next).catch((error: unknown) => {
    sendToRack({ kind: 'problem', id: newUuid(), note: { note: 'listener-waits', reason: errorText(error) } });
  });
}

/**
 * Stores a batch in pieces, with a turn of the event loop for other work between them, and
 * acknowledges it. Repeats this while the store is unavailable. The rack sends no other batch
 * meanwhile.
 */
async function storeEvents(events: readonly UplinkEvent[], region: Region, source: string): Promise<void> {
  const last = events.at(-1);
  if (last === undefined) return;
  const isStored = await reachesStore(async () => {
    for (let from = 0; from < events.length; from += EVENTS_PER_TURN) {
      if (from > 0) await nextTurn();
      // Events that are already stored are skipped when the batch is repeated.
      await region.observe(events.slice(from, from + EVENTS_PER_TURN), source);
    }
  });
  if (isStored) sendToRack({ kind: 'stored', sequence: last.sequence });
  else systemClock.schedule(STORE_RETRY_MS, () => runInOrder(() => storeEvents(events, region, source)));
}

/** Builds the message that says why the region cannot start. A bug has no code. */
function buildRefusal(error: unknown): Extract<RegionMessage, { kind: 'refused' }> {
  const { code, message: reason } =
    error instanceof RackError ? error : new RackError('region-failed', errorText(error));
  const note = { note: 'region-failed', reason } as const;
  return code === 'region-failed' ? { kind: 'refused', note } : { kind: 'refused', note, code };
}

startRegion().catch(async (error: unknown) => {
  sendToRack(buildRefusal(error));
  process.exit(1);
});
