// The region's thread: opens the store, the region and its API with the given settings, and exchanges messages with the rack. The rack's
// loop never waits for it.

import { flushCompileCache } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import { newUuid, systemClock } from '../clock.ts';
import { hostAddresses } from '../config/host-check.ts';
import { settingsRules } from '../config/settings-rules.ts';
import { errorText, RackError, unreachable } from '../errors.ts';
import {
  chooseImage,
  compareImages,
  formatImageName,
  hasBlob,
  imageFinder,
  readImages,
} from '../images/image-store.ts';
import { listTreeInstallers, treeHasInstaller } from '../images/installer-tree.ts';
import type { DesiredState } from '../machines/machine.ts';
import type { RegionConfig } from '../region/config.ts';
import type { RegionApi } from '../region/http/listening.ts';
import { startApi } from '../region/http/server.ts';
import type { DeployableImage, ImageWish, ListedImage } from '../region/life/deployment.ts';
import type { RackImage } from '../region/records/rack.ts';
import type { RackDescription } from '../region/records/rack-description.ts';
import { openRegion, type Region } from '../region/region.ts';
import { findOlderRegion } from '../store/lost-region.ts';
import { findRegionDamage } from '../store/region-damage.ts';
import { openRegionStore } from '../store/region-sqlite.ts';
import { writeDesiredState } from '../uplink/desired-state-cache.ts';
import { type RackMessage, type RegionMessage, UPLINK_VERSION, type UplinkEvent } from '../uplink/messages.ts';
import { PowerSide } from './power-side.ts';
import { returnMemory } from './start-memory.ts';

const port = parentPort;
if (port === null) throw new Error('the region thread is started by the daemon');
const config: RegionConfig = workerData;

const send = (message: RegionMessage): void => port.postMessage(message);

const STORE_RETRY_MS = 1000;
/** When the start's own work is over, in milliseconds. */
const SETTLED_AFTER_MS = 5000;
/** When the store is read whole, in milliseconds: by then the collection of SETTLED_AFTER_MS is over. */
const READ_AFTER_MS = 7000;

/** Identifies the rack's life, whose sequences are counted separately; undefined until a rack of our uplink version has said hello. */
let source: string | undefined;
/** The end of storing what the rack has said so far. */
let said: Promise<void> = Promise.resolve();
let isEnding = false;

async function start(): Promise<void> {
  const store = openRegionStore({ stateDir: config.stateDir });
  const power = new PowerSide({ store, clock: systemClock, stateDir: config.stateDir });
  const region = await openRegion({
    config,
    store,
    clock: systemClock,
    power,
    rules: settingsRules(hostAddresses),
    findImage: (wish, reported) => findImage(wish, reported, region.config().imageTree),
    hasInstaller: (wish) => inOwnTree(region, (tree) => treeHasInstaller(tree, wish)),
    listInstallers: (machine) => inOwnTree(region, (tree) => listTreeInstallers(tree, machine)),
    listImages: () => listImages(region),
    onDesiredState: announce,
  });
  const api = await startApi(region, config, {
    onProblem: ({ id, text, cause }) =>
      send({ kind: 'problem', id, text: cause === undefined ? text : `${text}: ${errorText(cause)}` }),
  });
  // The rack of this process is about to say which state it has applied: wait for it from now on.
  region.racks.acknowledgements.ownApplied(0);
  await power.begin(region.life, {
    acknowledgements: region.racks.acknowledgements,
    onUnacknowledged: (text) => send({ kind: 'problem', id: newUuid(), text }),
  });
  const close = async (): Promise<void> => {
    await power.close();
    await api.close();
    region.close();
    await store.close();
  };
  port?.on('message', (message: RackMessage) => receive(message, region, api, close));
  const state = await region.desiredState();
  const older = findOlderRegion(config.stateDir, state.version);
  announce(state);
  if (older !== undefined) send({ kind: 'damaged', text: older });
  api.watch(
    (addresses) => send({ kind: 'listening', addresses }),
    (listeners) => send({ kind: 'unopened', listeners }),
  );
  flushCompileCache();
  systemClock.schedule(SETTLED_AFTER_MS, returnMemory);
  systemClock.schedule(READ_AFTER_MS, () => void readStore());
}

/** Reads the whole store once, and reports damage to the rack. */
async function readStore(): Promise<void> {
  const damage = await findRegionDamage(config.stateDir, { clock: systemClock, isWanted: () => !isEnding });
  if (damage === undefined) return;
  const text = `${damage}: the region works with the rest of it. Stop Rackboot and restore a backup; the disk may be failing, see the kernel's log (dmesg)`;
  send({ kind: 'damaged', text });
}

function findImage(
  wish: ImageWish,
  reported: readonly RackImage[] | undefined,
  tree: string | undefined,
): DeployableImage | undefined {
  if (reported !== undefined) return chooseImage(wish, reported);
  return tree === undefined ? undefined : imageFinder(tree)(wish);
}

/** Looks into the tree of this host; undefined if other racks have trees of their own, which cannot be seen from here. */
function inOwnTree<T>(region: Region, look: (tree: string) => T): T | undefined {
  const tree = region.config().imageTree;
  const isAlone = region.racks.list().every(({ state, isEmbedded }) => isEmbedded || state !== 'accepted');
  return tree !== undefined && isAlone ? look(tree) : undefined;
}

/** Local images whose bytes exist, and the images that remote racks report; each name once. */
async function listImages(region: Region): Promise<readonly ListedImage[]> {
  const tree = region.config().imageTree;
  const own = tree === undefined ? [] : readImages(tree).images.filter((image) => hasBlob(tree, image));
  const remote = [...(await region.racks.images()).values()].flat();
  const reported = remote.map((image) => ({ ...image, title: '' }));
  const byName = new Map([...reported, ...own].map((image) => [formatImageName(image), image]));
  return [...byName.values()].sort(compareImages);
}

/** Sends the state to the rack, and writes a copy for a start without the region. Written here because the rack's loop writes no files. */
function announce(state: DesiredState): void {
  send({ kind: 'desired-state', state });
  const onProblem = (text: string): void => send({ kind: 'problem', id: 'desired-state', text });
  writeDesiredState(config.stateDir, state, 'embedded', onProblem);
}

function receive(message: RackMessage, region: Region, api: RegionApi, close: () => Promise<void>): void {
  if (isEnding) return;
  switch (message.kind) {
    case 'hello':
      if (message.uplink !== UPLINK_VERSION) {
        send({ kind: 'refused', reason: `uplink version ${message.uplink} is not ${UPLINK_VERSION}` });
        end(close);
        break;
      }
      source = `${message.rack.name}/${message.life}`;
      inOrder(() => greet(message.rack, region));
      break;
    case 'events': {
      const from = source;
      if (from !== undefined) inOrder(() => store(message.events, region, from));
      break;
    }
    case 'applied':
      region.racks.acknowledgements.ownApplied(message.version);
      break;
    case 'post':
    case 'outbox':
      // Only for a rack whose region is remote; here the region itself answers.
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

/** Stores what the rack says in the order in which it says it. */
function inOrder(work: () => Promise<void>): void {
  said = said.then(work);
}

/** Closes the region and ends the thread. */
function end(close: () => Promise<void>): void {
  isEnding = true;
  void close().finally(() => port?.close());
}

/** Stores the rack's description of itself; repeats while the store is unavailable. */
async function greet(rack: RackDescription, region: Region): Promise<void> {
  try {
    await region.racks.greet(rack);
  } catch (error) {
    if (!(error instanceof RackError && error.code === 'store-unavailable')) throw error;
    systemClock.schedule(STORE_RETRY_MS, () => inOrder(() => greet(rack, region)));
  }
}

/** Opens the listeners of a new configuration. If one cannot be opened, it reports a problem and the old ones stay. */
function listenAsConfigured(next: RegionConfig, api: RegionApi): void {
  api.configure(next).catch((error: unknown) => send({ kind: 'problem', id: newUuid(), text: errorText(error) }));
}

/** Stores a batch and acknowledges it; repeats while the store is unavailable. The rack sends no other batch meanwhile. */
async function store(events: readonly UplinkEvent[], region: Region, source: string): Promise<void> {
  const last = events.at(-1);
  if (last === undefined) return;
  try {
    await region.observe(events, source);
  } catch (error) {
    if (!(error instanceof RackError && error.code === 'store-unavailable')) throw error;
    systemClock.schedule(STORE_RETRY_MS, () => inOrder(() => store(events, region, source)));
    return;
  }
  send({ kind: 'stored', sequence: last.sequence });
}

/** Why the region cannot start. Rows of a damaged file fail in many ways: then the damage is the reason. */
async function refusalOf(error: unknown): Promise<Extract<RegionMessage, { kind: 'refused' }>> {
  if (error instanceof RackError) return { kind: 'refused', reason: error.message, code: error.code };
  const damage = await findRegionDamage(config.stateDir, { clock: systemClock, isWanted: () => true });
  if (damage !== undefined) return { kind: 'refused', reason: `${damage}: restore a backup`, code: 'store-broken' };
  return { kind: 'refused', reason: errorText(error) };
}

start().catch(async (error: unknown) => {
  send(await refusalOf(error));
  process.exit(1);
});
