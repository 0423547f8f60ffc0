// A region that serves: the region on its store, its power side, and its API. The thread in a
// rack's process and the process apart from racks open it in the same way, and differ in who
// receives their notices.

import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { hostAddresses } from '../config/host-check.ts';
import { fileSourcesReader } from '../config/image-sources.ts';
import { settingsRules } from '../config/settings-rules.ts';
import { type Clock, newUuid, systemClock } from '../ground/clock.ts';
import { RackError } from '../ground/errors.ts';
import { chooseProxy } from '../images/download/settings.ts';
import type { SourceOffers } from '../images/engine/asking.ts';
import type { EngineEndpoint } from '../images/engine/protocol.ts';
import { hasAllFiles, listTreeParts } from '../images/run/tree-parts.ts';
import { readHostMirrors } from '../images/sources/apt-sources.ts';
import { judgeKeyring } from '../images/sources/keyring.ts';
import { findMirror } from '../images/sources/package-mirrors.ts';
import type { ImageSource, InstallerSource } from '../images/sources/source.ts';
import {
  chooseImage,
  compareImages,
  findStoredImage,
  formatImageName,
  hasBlob,
  type ImageRequest,
  readImages,
} from '../images/store/image-store.ts';
import { hasTreeInstaller, listTreeInstallers } from '../images/store/installer-tree.ts';
import { isRootFormat } from '../images/store/stored-system.ts';
import type { DesiredState } from '../machines/machine.ts';
import { STEP_MS_MAX } from '../power/driver.ts';
import type { FetchKeys } from '../region/accounts/key-sources.ts';
import type { RegionConfig } from '../region/config.ts';
import type { RegionApi } from '../region/http/listening.ts';
import { startApi } from '../region/http/server.ts';
import type { ImageStream } from '../region/images/boot-images.ts';
import { NO_STORE } from '../region/images/offered-images.ts';
import { SITE_SOURCES } from '../region/images/region-source.ts';
import type { DeployableImage, ListedImage } from '../region/life/deployment.ts';
import { configuredMirrors } from '../region/preseed/configured-mirrors.ts';
import type { DutyHolder } from '../region/records/duty-store.ts';
import type { NetworkScan, ScanOutcome } from '../region/records/network-scan.ts';
import type { RackImage } from '../region/records/rack.ts';
import type { RegionStore } from '../region/records/store.ts';
import { openRegion, type Region, type RegionOptions } from '../region/region.ts';
import type { RackNote } from '../region/reports/notes.ts';
import { Duties, type DutiesDeps } from './duties.ts';
import { OwnImageStream } from './image-stream.ts';
import { HostImages } from './imports/host-images.ts';
import { ImageThread } from './imports/image-thread.ts';
import { ImportControl } from './imports/import-control.ts';
import { PowerSide } from './power-side.ts';
import { UploadWork } from './uploads/upload-work.ts';

interface ServedRegionDeps {
  readonly config: RegionConfig;
  readonly store: RegionStore;
  /** True if a rack in this process will report which state it has applied. */
  readonly hasRack: boolean;
  readonly onDesiredState: (state: DesiredState) => void;
  /** Asks the rack of this process to scan networks; `undefined`: it has none. */
  readonly scan?: ((scan: NetworkScan) => Promise<ScanOutcome>) | undefined;
  readonly onProblem: (id: string, note: RackNote) => void;
  /**
   * Called when the duties of the region's processes have another holder. `fromHere`: this process
   * had them.
   */
  readonly onDuties?: ((holder: DutyHolder, fromHere: boolean) => void) | undefined;
  /** Called before the first request is answered; may configure the region. */
  readonly prepare?: ((region: Region) => Promise<void>) | undefined;
}

export interface ServedRegion {
  readonly region: Region;
  readonly api: RegionApi;
  /** The holder of the duties, as far as known; undefined if this process alone has the store. */
  readonly dutyHolder: () => DutyHolder | undefined;
  /**
   * Opens the socket on which commands have images changed. @throws RackError `not-found` if this
   * host keeps none, `socket-refused`
   */
  readonly openImages: () => Promise<EngineEndpoint>;
  /** Ends requests and power commands, then closes the store. */
  close(): Promise<void>;
}

/**
 * Opens a region on an open store, and its listeners. If that fails, the store is closed.
 * @throws RackError `certificate-unusable`, `address-in-use`, `permission-denied`,
 * `socket-refused`, and those of the store
 */
export async function serveRegion(deps: ServedRegionDeps): Promise<ServedRegion> {
  const { store, onProblem } = deps;
  const opened: (() => Promise<void> | void)[] = [() => store.close()];
  const close = async (): Promise<void> => {
    for (const close of opened.splice(0).reverse()) await close();
  };
  store.troubles.watch((outage) => onProblem(newUuid(), outage));
  try {
    const duties = openDuties(deps, {
      onTaken: () => void beginDuties(),
      onLost: () => {
        power.suspend();
        imports?.suspend();
      },
    });
    await duties?.readTime();
    const clock = duties?.clock ?? systemClock;
    const mayStep = duties === undefined ? undefined : (signal: AbortSignal) => duties.areSure(signal);
    const power = new PowerSide({ store, clock, stateDir: deps.config.stateDir, mayStep });
    let imports: ImportControl | undefined;
    let hostImages: HostImages | undefined;
    const images = new ImageThread();
    const region = await openOn(deps, power, clock, duties, {
      onImportAsked: () => imports?.look(),
      uploadFiles: () => uploads,
      listStoredImages: () => listStoredImages(region, hostImages),
      askOffers: (source) => askOffers(source, images, region.config()),
    });
    opened.push(() => region.close());
    const unkept = (id: string) => (reason: string) => onProblem(id, { note: 'images-unkept', reason });
    hostImages = await openHostImages(region, clock, images, unkept('host-images'));
    const reports = hostImages;
    const onImages = reports && (() => reports.look());
    const serialsOf = reports && ((name: string) => reports.serialsOf(name));
    const tree = () => storeTree(region.config());
    const uploads = new UploadWork({ region, clock, images, tree, onImages, serialsOf, onProblem: unkept('uploads') });
    const importing = new ImportControl({
      region,
      clock,
      images,
      place: reports?.place ?? '',
      onImages,
      onProblem: unkept('imports'),
      onNote: (note) => onProblem(newUuid(), note),
    });
    imports = importing;
    await deps.prepare?.(region);
    const api = await startApi(region, region.config(), {
      onProblem: ({ id, note }) => onProblem(id, note),
    });
    opened.push(
      () => api.close(),
      () => duties?.close(),
      () => importing.close(),
      () => uploads.close(),
      () => reports?.close(),
      () => power.close(),
    );
    const { acknowledgements } = region.racks;
    // The rack of this process is about to say which state it has applied: wait for it from now on.
    if (deps.hasRack) acknowledgements.ownApplied(0);
    const onUnacknowledged = (note: RackNote): void => onProblem(newUuid(), note);
    const beginDuties = async (): Promise<void> => {
      await power.begin(region.life, { acknowledgements, onUnacknowledged }, duties === undefined ? 0 : STEP_MS_MAX);
      // The duties may be lost again by now.
      if (duties?.areHeld !== false) importing.begin();
    };
    if (duties === undefined) await beginDuties();
    else duties.begin();
    uploads.look();
    reports?.begin();
    const openImages = async (): Promise<EngineEndpoint> => {
      const held = tree();
      if (held === undefined) throw new RackError('not-found', 'this host keeps no images');
      return await images.open(deps.config.stateDir, held);
    };
    return { region, api, dutyHolder: () => duties?.holder, openImages, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openHostImages(
  region: Region,
  clock: Clock,
  images: ImageThread,
  onProblem: (reason: string) => void,
): Promise<HostImages | undefined> {
  const { hostImages: store } = region.store;
  if (store === undefined) return undefined;
  return await HostImages.open({ region, store, clock, images, tree: () => storeTree(region.config()), onProblem });
}

function openDuties(
  { store, onDuties }: ServedRegionDeps,
  changes: Pick<DutiesDeps, 'onTaken' | 'onLost'>,
): Duties | undefined {
  if (store.duties === undefined) return undefined;
  return new Duties({ store: store.duties, clock: systemClock, onHolder: onDuties, ...changes });
}

async function openOn(
  { config, store, onDesiredState, scan }: ServedRegionDeps,
  power: PowerSide,
  clock: Clock,
  duties: Duties | undefined,
  images: Required<Pick<RegionOptions, 'onImportAsked' | 'uploadFiles' | 'listStoredImages' | 'askOffers'>>,
): Promise<Region> {
  const file = config.ownRack?.file ?? config.ownFile?.file;
  const region: Region = await openRegion({
    config,
    store,
    clock,
    ...(duties === undefined ? {} : { isOnDuty: () => duties.areHeld }),
    power,
    rules: settingsRules(hostAddresses),
    findImage: (wish, reported) => findImage(wish, reported, region.config().imageTree),
    hasInstaller: (wish) => inOwnTree(region, (tree) => hasTreeInstaller(tree, wish)),
    listInstallers: (machine) => inOwnTree(region, (tree) => listTreeInstallers(tree, machine)),
    listImages: () => listImages(region, region.config().imageTree),
    listDamagedImages: () => damagedIn(storeTree(region.config())),
    fileSources: fileSourcesReader(file),
    hasSourcesFile: () => file !== undefined && existsSync(join(dirname(file), SITE_SOURCES)),
    hasFile: async (path) => existsSync(path),
    freeBytes: () => readFreeBytes(storeTree(region.config())),
    packageMirror: (source) => packageMirror(source, region.config()),
    judgeKeyring: async (keys) => await judgeKeyring(keys, systemClock.wallTimeMs()),
    fetchKeys: lazyKeys(clock),
    openImageStream: imageStream(config.stateDir, clock, () => region.config()),
    ...images,
    scan,
    onDesiredState,
  });
  return region;
}

/** The tree into which this host imports images; undefined if it has none. */
const storeTree = ({ imageStore, imageTree }: RegionConfig): string | undefined => imageStore ?? imageTree;

/** Has the thread of images ask a source. @throws RackError `not-found` if this host keeps no images */
async function askOffers(source: ImageSource, thread: ImageThread, config: RegionConfig): Promise<SourceOffers> {
  const tree = storeTree(config);
  if (tree === undefined) throw new RackError('not-found', NO_STORE);
  const proxy = chooseProxy(config.install?.httpProxy ?? '', process.env);
  return await thread.do('list-offers', tree, { source, configured: configuredMirrors(config.install), proxy });
}

/** @returns undefined if there is no tree, or it cannot be read */
async function readFreeBytes(tree: string | undefined): Promise<number | undefined> {
  if (tree === undefined) return undefined;
  try {
    const { bavail, bsize } = await statfs(tree);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}

function imageStream(stateDir: string, clock: Clock, config: () => RegionConfig): () => Promise<ImageStream> {
  const stream = new OwnImageStream({ stateDir, clock, tree: () => storeTree(config()) });
  return async () => stream;
}

function lazyKeys(clock: Clock): FetchKeys {
  let fetcher: Promise<FetchKeys> | undefined;
  return async (source, proxy) => {
    fetcher ??= import('./published-keys.ts').then(({ keyFetcher }) => keyFetcher(clock));
    return await (await fetcher)(source, proxy);
  };
}

async function packageMirror(source: InstallerSource, { install }: RegionConfig): Promise<string | undefined> {
  const [architecture = ''] = source.arches.keys();
  return findMirror(source, architecture, configuredMirrors(install), readHostMirrors());
}

function findImage(
  wish: ImageRequest,
  reported: readonly RackImage[] | undefined,
  tree: string | undefined,
): DeployableImage | undefined {
  if (reported !== undefined) return chooseImage(wish, reported);
  return tree === undefined ? undefined : findStoredImage(tree, wish);
}

/**
 * Looks into the tree of this host; undefined if other racks have trees of their own, which cannot
 * be seen from here.
 */
function inOwnTree<T>(region: Region, read: (tree: string) => T): T | undefined {
  const tree = region.config().imageTree;
  const isAlone = region.racks.list().every(({ state, isEmbedded }) => isEmbedded || state !== 'accepted');
  return tree !== undefined && isAlone ? read(tree) : undefined;
}

/**
 * The images of the stores of all hosts of the region, and those that remote racks report; each name once.
 * @param all the images of the hosts; undefined if no other host has images
 */
async function listStoredImages(region: Region, all: HostImages | undefined): Promise<readonly ListedImage[]> {
  const hosts = [hostname()];
  const stored =
    (await all?.list()) ?? (await listTreeImages(storeTree(region.config()))).map((image) => ({ ...image, hosts }));
  return onceEach([...(await reportedImages(region)), ...stored]);
}

async function listTreeImages(tree: string | undefined): Promise<readonly ListedImage[]> {
  if (tree === undefined) return [];
  return [...listBootableImages(tree), ...listTreeParts(tree).filter((part) => hasAllFiles(tree, part))];
}

/**
 * The images of a tree of this host whose bytes exist, and the images that remote racks report;
 * each name once.
 */
const listImages = async (region: Region, tree: string | undefined): Promise<readonly ListedImage[]> =>
  onceEach([...(await reportedImages(region)), ...listBootableImages(tree)]);

const listBootableImages = (tree: string | undefined): readonly ListedImage[] =>
  tree === undefined ? [] : readImages(tree).images.filter((image) => hasBlob(tree, image));

/** The images in a tree of this host whose bytes are damaged or missing. */
async function damagedIn(tree: string | undefined): Promise<readonly ListedImage[]> {
  if (tree === undefined) return [];
  const images = readImages(tree).images.filter((image) => !hasBlob(tree, image));
  return [...images, ...listTreeParts(tree).filter((part) => !hasAllFiles(tree, part))];
}

async function reportedImages(region: Region): Promise<readonly ListedImage[]> {
  const remote = [...(await region.racks.images()).values()].flat();
  return remote.map(({ format, ...image }) => {
    const { system: kernel, ...rest } = image;
    const system = isRootFormat(format) ? { system: { ...kernel, rootName: ROOT_NAMES[format], files: [] } } : {};
    return { ...rest, ...system, title: '', isReported: true };
  });
}

/** The names in MAAS's streams of the roots that racks report. */
const ROOT_NAMES = { squashfs: 'squashfs', 'root.tar': 'root-tgz', 'root.gz': 'root-image.gz' } as const;

const onceEach = (images: readonly ListedImage[]): readonly ListedImage[] =>
  [...new Map(images.map((image) => [formatImageName(image), image])).values()].sort(compareImages);
