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
 * Events stored in one turn of the event loop, some 10 ms: a page that takes many turns waits for
 * as many pieces while events queue.
 */
const STORED_AT_ONCE = 64;
/** How long the rack may take to answer a request for a scan, in milliseconds: its loop only starts it. */
const SCAN_ANSWER_MS = 4000;

let takeScanAnswer: ((outcome: ScanOutcome) => void) | undefined;

/**
 * Identifies one run of the rack; each run numbers its events separately. Undefined until a rack of
 * our uplink version has said hello.
 */
let source: string | undefined;
/** The rack's UUID, which never changes; undefined until it has said hello. */
let ownUuid: string | undefined;
/** Resolves when everything the rack has sent so far is stored. */
let sent: Promise<void> = Promise.resolve();
let isEnding = false;

const keeper = new DesiredStateKeeper(systemClock, (state) =>
  writeDesiredState(config.stateDir, state, (problem) =>
    sendToRack({ kind: 'problem', id: 'desired-state', note: { note: 'state-unkept', ...problem } }),
  ),
);

async function startRegion(): Promise<void> {
  const served = await serveRegion({
    config,
    store: openRegionStore({ stateDir: config.stateDir }),
    hasRack: true,
    onDesiredState: announce,
    scan: askForScan,
    onProblem: (id, note) => sendToRack({ kind: 'problem', id, note }),
  });
  const { region, api } = served;
  port?.on('message', (message: RackMessage) => receive(message, served));
  announce(await region.desiredState());
  api.watch(
    (addresses) => sendToRack({ kind: 'listening', addresses }),
    (listeners) => sendToRack({ kind: 'unopened', listeners }),
  );
  keepCompiledCode();
}

/**
 * Sends the state to the rack, and keeps a copy for a start without the region. Written here
 * because the rack's loop writes no files.
 */
function announce(state: DesiredState): void {
  sendToRack({ kind: 'desired-state', state });
  keeper.keep(state);
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
      source = `${message.rack.name}/${message.life}`;
      carryRequests(message.rack.uuid, region);
      runInOrder(() => greet(message.rack, region));
      break;
    case 'events': {
      const from = source;
      if (from !== undefined) runInOrder(() => storeEvents(message.events, region, from));
      break;
    }
    case 'measured':
      // After the description, which makes the rack known.
      runInOrder(async () => region.racks.measuredOwn(message.measures));
      break;
    case 'applied':
      region.racks.acknowledgements.ownApplied(message.version);
      break;
    case 'post':
    case 'outbox':
      // Only for a rack whose region is remote; here the region itself answers.
      break;
    case 'open-images': {
      const answer = openImages().catch((error: unknown) => ({ problem: errorText(error) }));
      void answer.then((answer) => sendToRack({ kind: 'images-open', id: message.id, answer }));
      break;
    }
    case 'answered':
      region.racks.requests.answer(ownUuid ?? '', message.answer);
      break;
    case 'scan-answer':
      takeScanAnswer?.(message.outcome);
      break;
    case 'configure':
      region.configure(message.config);
      listenAsConfigured(message.config, api);
      break;
    case 'close':
      end(close);
      break;
    default:
      unreachable(message);
  }
}

/** Asks the rack of this process to scan networks; one request at a time. */
function askForScan(scan: NetworkScan): Promise<ScanOutcome> {
  if (takeScanAnswer !== undefined) return Promise.resolve('running');
  return new Promise((resolve) => {
    const late = systemClock.schedule(SCAN_ANSWER_MS, () => takeScanAnswer?.('silent'));
    takeScanAnswer = (outcome) => {
      late.cancel();
      takeScanAnswer = undefined;
      resolve(outcome);
    };
    sendToRack({ kind: 'scan', scan });
  });
}

function carryRequests(uuid: string, { racks }: Region): void {
  if (ownUuid === uuid) return;
  ownUuid = uuid;
  racks.requests.carry(uuid, (request) => sendToRack({ kind: 'request', request }));
}

/** Runs the work for the rack's messages one after another, in the order of arrival. */
function runInOrder(work: () => Promise<void>): void {
  sent = sent.then(work);
}

function end(close: () => Promise<void>): void {
  isEnding = true;
  // The store closes after the rest of the batch in progress.
  void sent.then(close).finally(() => {
    keeper.close();
    port?.close();
  });
}

/** Stores the rack's description; repeats while the store is unavailable. */
async function greet(rack: RackDescription, region: Region): Promise<void> {
  if (await reachesStore(() => region.racks.putOwn(rack))) return;
  systemClock.schedule(STORE_RETRY_MS, () => runInOrder(() => greet(rack, region)));
}

function listenAsConfigured(next: RegionConfig, api: RegionApi): void {
  api.configure(next).catch((error: unknown) => {
    sendToRack({ kind: 'problem', id: newUuid(), note: { note: 'listener-waits', reason: errorText(error) } });
  });
}

/**
 * Stores a batch in pieces, with a turn of the event loop for others between them, and acknowledges
 * it; repeats while the store is unavailable. The rack sends no other batch meanwhile.
 */
async function storeEvents(events: readonly UplinkEvent[], region: Region, source: string): Promise<void> {
  const last = events.at(-1);
  if (last === undefined) return;
  const isStored = await reachesStore(async () => {
    for (let from = 0; from < events.length; from += STORED_AT_ONCE) {
      if (from > 0) await nextTurn();
      // What is stored already is skipped when the batch comes again.
      await region.observe(events.slice(from, from + STORED_AT_ONCE), source);
    }
  });
  if (isStored) sendToRack({ kind: 'stored', sequence: last.sequence });
  else systemClock.schedule(STORE_RETRY_MS, () => runInOrder(() => storeEvents(events, region, source)));
}

/** Why the region cannot start. A bug has no code. */
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
