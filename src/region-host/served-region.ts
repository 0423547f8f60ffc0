// A region that serves: the region on its store, its power side, and its API. The thread in a
// rack's process and the process apart from racks open it in the same way. They differ only in who
// receives their notices.

import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { readHostAddresses } from '../config/host-check.ts';
import { openFileSources } from '../config/image-sources.ts';
import { makeSettingsRules } from '../config/settings-rules.ts';
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
import { AskedRacks } from './power-racks.ts';
import { PowerSide } from './power-side.ts';
import { UploadWork } from './uploads/upload-work.ts';

interface ServedRegionDeps {
  readonly config: RegionConfig;
  readonly store: RegionStore;
  /** True if a rack in this process will report the state that it has applied. */
  readonly hasRack: boolean;
  readonly onDesiredState: (state: DesiredState) => void;
  /** Asks the rack of this process to scan networks. Undefined if there is none. */
  readonly scan?: ((scan: NetworkScan) => Promise<ScanOutcome>) | undefined;
  readonly onProblem: (id: string, note: RackNote) => void;
  /**
   * Called when the holder of the region's duties has changed. `fromHere` is true if this process had them.
   */
  readonly onDuties?: ((holder: DutyHolder, fromHere: boolean) => void) | undefined;
  /** Called before the first request is answered. It may configure the region. */
  readonly prepare?: ((region: Region) => Promise<void>) | undefined;
}

export interface ServedRegion {
  readonly region: Region;
  readonly api: RegionApi;
  /** The holder of the duties, as far as known. Undefined if only this process uses the store. */
  readonly dutyHolder: () => DutyHolder | undefined;
  /**
   * Opens the socket by which commands change images. @throws RackError `not-found` if this
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
  const closers: (() => Promise<void> | void)[] = [() => store.close()];
  const close = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
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
    const power = new PowerSide({
      store,
      clock,
      stateDir: deps.config.stateDir,
      mayStep,
      racks: new AskedRacks({ store, racks: () => region.racks }),
    });
    let imports: ImportControl | undefined;
    let hostImages: HostImages | undefined;
    const imageThread = new ImageThread();
    const region = await openRegionOn(deps, power, clock, duties, {
      onImportRequested: () => imports?.check(),
      uploadFiles: () => uploads,
      listStoredImages: () => listStoredImages(region, hostImages),
      askOffers: (source) => askOffers(source, imageThread, region.config()),
    });
    closers.push(() => region.close());
    const reportUnkept = (id: string) => (reason: string) => onProblem(id, { note: 'images-unkept', reason });
    hostImages = await openHostImages(region, clock, imageThread, reportUnkept('host-images'));
    const ownHostImages = hostImages;
    const onImages = ownHostImages && (() => ownHostImages.check());
    const listSerials = ownHostImages && ((name: string) => ownHostImages.listSerials(name));
    const getTree = () => storeTree(region.config());
    const uploads = new UploadWork({
      region,
      clock,
      images: imageThread,
      tree: getTree,
      onImages,
      listSerials,
      onProblem: reportUnkept('uploads'),
    });
    const importControl = new ImportControl({
      region,
      clock,
      images: imageThread,
      locationId: ownHostImages?.locationId ?? '',
      onImages,
      onProblem: reportUnkept('imports'),
      onNote: (note) => onProblem(newUuid(), note),
    });
    imports = importControl;
    await deps.prepare?.(region);
    const api = await startApi(region, region.config(), {
      onProblem: ({ id, note }) => onProblem(id, note),
    });
    closers.push(
      () => api.close(),
      () => duties?.close(),
      () => importControl.close(),
      () => uploads.close(),
      () => ownHostImages?.close(),
      () => power.close(),
    );
    const { acknowledgements } = region.racks;
    // The rack of this process will soon report the state that it has applied. Wait for that from now on.
    if (deps.hasRack) acknowledgements.ownApplied(0);
    const onUnacknowledged = (note: RackNote): void => onProblem(newUuid(), note);
    const beginDuties = async (): Promise<void> => {
      await power.begin(region.life, { acknowledgements, onUnacknowledged }, duties === undefined ? 0 : STEP_MS_MAX);
      // The duties may be lost again by now.
      if (duties?.areHeld !== false) importControl.begin();
    };
    if (duties === undefined) await beginDuties();
    else duties.begin();
    uploads.checkUploads();
    ownHostImages?.begin();
    const openImages = async (): Promise<EngineEndpoint> => {
      const ownTree = getTree();
      if (ownTree === undefined) throw new RackError('not-found', 'this host keeps no images');
      return await imageThread.open(deps.config.stateDir, ownTree);
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

async function openRegionOn(
  { config, store, onDesiredState, scan }: ServedRegionDeps,
  power: PowerSide,
  clock: Clock,
  duties: Duties | undefined,
  imageOptions: Required<Pick<RegionOptions, 'onImportRequested' | 'uploadFiles' | 'listStoredImages' | 'askOffers'>>,
): Promise<Region> {
  const file = config.ownRack?.file ?? config.ownFile?.file;
  const region: Region = await openRegion({
    config,
    store,
    clock,
    ...(duties === undefined ? {} : { isOnDuty: () => duties.areHeld }),
    power,
    rules: makeSettingsRules(readHostAddresses),
    findImage: (request, reported) => findImage(request, reported, region.config().imageTree),
    hasInstaller: (request) => readOwnTree(region, (tree) => hasTreeInstaller(tree, request)),
    listInstallers: (machine) => readOwnTree(region, (tree) => listTreeInstallers(tree, machine)),
    listImages: () => listImages(region, region.config().imageTree),
    listDamagedImages: () => listDamagedImages(storeTree(region.config())),
    fileSources: openFileSources(file),
    hasSourcesFile: () => file !== undefined && existsSync(join(dirname(file), SITE_SOURCES)),
    hasFile: async (path) => existsSync(path),
    freeBytes: () => readFreeBytes(storeTree(region.config())),
    packageMirror: (source) => findPackageMirror(source, region.config()),
    judgeKeyring: async (keys) => await judgeKeyring(keys, systemClock.wallTimeMs()),
    fetchKeys: createLazyKeyFetcher(clock),
    openImageStream: createImageStream(config.stateDir, clock, () => region.config()),
    ...imageOptions,
    scan,
    onDesiredState,
  });
  return region;
}

/** Returns the tree into which this host imports images. Undefined if there is none. */
const storeTree = ({ imageStore, imageTree }: RegionConfig): string | undefined => imageStore ?? imageTree;

/** Queries a source in the thread of images. @throws RackError `not-found` if this host keeps no images */
async function askOffers(source: ImageSource, thread: ImageThread, config: RegionConfig): Promise<SourceOffers> {
  const tree = storeTree(config);
  if (tree === undefined) throw new RackError('not-found', NO_STORE);
  const proxy = chooseProxy(config.install?.httpProxy ?? '', process.env);
  return await thread.do('list-offers', tree, { source, configured: configuredMirrors(config.install), proxy });
}

/** Reads the free space of a tree's disk. @returns undefined if there is no tree, or it cannot be read */
async function readFreeBytes(tree: string | undefined): Promise<number | undefined> {
  if (tree === undefined) return undefined;
  try {
    const { bavail, bsize } = await statfs(tree);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}

function createImageStream(stateDir: string, clock: Clock, config: () => RegionConfig): () => Promise<ImageStream> {
  const stream = new OwnImageStream({ stateDir, clock, tree: () => storeTree(config()) });
  return async () => stream;
}

function createLazyKeyFetcher(clock: Clock): FetchKeys {
  let fetcher: Promise<FetchKeys> | undefined;
  return async (source, proxy) => {
    fetcher ??= import('./published-keys.ts').then(({ createKeyFetcher: keyFetcher }) => keyFetcher(clock));
    return await (await fetcher)(source, proxy);
  };
}

async function findPackageMirror(source: InstallerSource, { install }: RegionConfig): Promise<string | undefined> {
  const [architecture = ''] = source.arches.keys();
  return findMirror(source, architecture, configuredMirrors(install), readHostMirrors());
}

function findImage(
  request: ImageRequest,
  reported: readonly RackImage[] | undefined,
  tree: string | undefined,
): DeployableImage | undefined {
  if (reported !== undefined) return chooseImage(request, reported);
  return tree === undefined ? undefined : findStoredImage(tree, request);
}

/**
 * Reads the tree of this host. Undefined if other racks have trees of their own, which this host cannot read.
 */
function readOwnTree<T>(region: Region, read: (tree: string) => T): T | undefined {
  const tree = region.config().imageTree;
  const hasOnlyOwnTree = region.racks.list().every(({ state, isEmbedded }) => isEmbedded || state !== 'accepted');
  return tree !== undefined && hasOnlyOwnTree ? read(tree) : undefined;
}

/**
 * Lists the images in the stores of all hosts of the region, and images that remote racks report.
 * Each name appears once.
 * @param hostImages the images of the hosts. Undefined if no other host has images
 */
async function listStoredImages(region: Region, hostImages: HostImages | undefined): Promise<readonly ListedImage[]> {
  const hosts = [hostname()];
  const stored =
    (await hostImages?.list()) ??
    (await listTreeImages(storeTree(region.config()))).map((image) => ({ ...image, hosts }));
  return removeDuplicates([...(await listReportedImages(region)), ...stored]);
}

async function listTreeImages(tree: string | undefined): Promise<readonly ListedImage[]> {
  if (tree === undefined) return [];
  return [...listBootableImages(tree), ...listTreeParts(tree).filter((part) => hasAllFiles(tree, part))];
}

/**
 * Lists the images of a tree of this host whose bytes exist, and images that remote racks report.
 * Each name appears once.
 */
const listImages = async (region: Region, tree: string | undefined): Promise<readonly ListedImage[]> =>
  removeDuplicates([...(await listReportedImages(region)), ...listBootableImages(tree)]);

const listBootableImages = (tree: string | undefined): readonly ListedImage[] =>
  tree === undefined ? [] : readImages(tree).images.filter((image) => hasBlob(tree, image));

/** Lists the images in a tree of this host whose bytes are damaged or missing. */
async function listDamagedImages(tree: string | undefined): Promise<readonly ListedImage[]> {
  if (tree === undefined) return [];
  const images = readImages(tree).images.filter((image) => !hasBlob(tree, image));
  return [...images, ...listTreeParts(tree).filter((part) => !hasAllFiles(tree, part))];
}

async function listReportedImages(region: Region): Promise<readonly ListedImage[]> {
  const remote = [...(await region.racks.images()).values()].flat();
  return remote.map(({ format, ...image }) => {
    const { system: kernel, ...imageFields } = image;
    const system = isRootFormat(format) ? { system: { ...kernel, rootName: ROOT_NAMES[format], files: [] } } : {};
    return { ...imageFields, ...system, title: '', isReported: true };
  });
}

/** The names that the reported formats of roots have in MAAS's streams. */
const ROOT_NAMES = { squashfs: 'squashfs', 'root.tar': 'root-tgz', 'root.gz': 'root-image.gz' } as const;

const removeDuplicates = (images: readonly ListedImage[]): readonly ListedImage[] =>
  [...new Map(images.map((image) => [formatImageName(image), image])).values()].sort(compareImages);
