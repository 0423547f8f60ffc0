// The images of this host, for the other processes of the region: reports them, and removes those
// that a person deleted at another process.
//
//   every LOOK_MS ─► remove condemned images ─► have the images changed, or was the last report REPORT_MS ago? ─► report
//   every SWEEP_MS ─► remove older images and unneeded bytes
//
// 1. Loaded only if several processes have one store.
// 2. While the store or the directory cannot be read, nothing is lost: a later look continues, and
//    the host no longer counts as present.
// 3. A place is known by the host's name and an id next to its images: names may be equal, and a
//    directory a copy of another host's.

import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type Clock, type Instant, later, newUuid, type Timer, UUID_PATTERN } from '../../ground/clock.ts';
import { assertOutside, osErrorCode } from '../../ground/errors.ts';
import { removeAllOlder } from '../../images/run/older-images.ts';
import { formatPartsVersion, hasAllFiles, listTreeParts, type TreePart } from '../../images/run/tree-parts.ts';
import {
  formatImageName,
  hasBlob,
  type ImageName,
  manifestDirectory,
  readImages,
  type StoredImage,
} from '../../images/store/image-store.ts';
import { publishFile } from '../../images/store/publication.ts';
import { resourceName } from '../../region/images/region-source.ts';
import type { ListedImage } from '../../region/life/deployment.ts';
import {
  type CondemnedImage,
  condemnedAmong,
  type HostImage,
  type HostImageStore,
} from '../../region/records/host-image-store.ts';
import type { Region } from '../../region/region.ts';
import type { ImageThread } from './image-thread.ts';
import { NAME_MAX } from './import-control.ts';
import { noteDeletion } from './import-events.ts';
import { deletionReason, FailureReports } from './import-failure.ts';
import { removal, removeNamed } from './removal.ts';

const CHECK_MS = 2000;
/**
 * How often an unchanged list is reported, and how long a failed removal waits, in milliseconds:
 * well within PRESENT_MS.
 */
const REPORT_MS = 60_000;
/**
 * How often older images are removed, in milliseconds: a removal keeps bytes that a machine may be
 * reading for an hour.
 */
const SWEEP_MS = 3_600_000;
/** The file with the id of a place, in the directory of its images. */
const ID_FILE = '.place';

interface HostImagesDeps {
  readonly region: Region;
  readonly store: HostImageStore;
  readonly clock: Clock;
  /** The thread that changes them. */
  readonly images: Pick<ImageThread, 'do'>;
  /** The directory above the images of this host; undefined if it keeps none. */
  readonly tree: () => string | undefined;
  /** Called once for each failure of the file system, with its text. */
  readonly onProblem: (reason: string) => void;
}

export class HostImages {
  readonly #deps: HostImagesDeps;
  /** By which the other processes know the images of this host. */
  readonly place: string;
  readonly #failures: FailureReports;
  #timer: Timer | undefined;
  #looking: Promise<void> = Promise.resolve();
  #isClosed = false;
  /** The state of the directory that the last report describes. */
  #mark = '';
  #reportAt: Instant | undefined;
  /** When the next removal may be tried; undefined: at any time. */
  #removeAt: Instant | undefined;
  #sweepAt: Instant | undefined;

  private constructor(deps: HostImagesDeps, place: string) {
    this.#deps = deps;
    this.#failures = new FailureReports(deps.onProblem);
    this.place = place;
  }

  static async open(deps: HostImagesDeps): Promise<HostImages> {
    const tree = deps.tree();
    return new HostImages(deps, `${hostname()}:${tree === undefined ? '' : await ensureTreeId(tree)}`);
  }

  begin(): void {
    void this.look().finally(() => {
      if (!this.#isClosed) this.#timer = this.#deps.clock.schedule(CHECK_MS, () => this.begin());
    });
  }

  /** Looks now; resolves when the images are reported, or cannot be. */
  look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look());
    return this.#looking;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#looking;
  }

  /**
   * The images of the stores of all hosts, each with its hosts. Those of this host are its present
   * ones. Of images with one name and different bytes, the last is the one that all processes
   * choose.
   * @throws RackError `store-unavailable`, `tree-unreadable`
   */
  async list(): Promise<readonly ListedImage[]> {
    const places = await this.#deps.store.list();
    const tree = this.#deps.tree();
    const isCondemned = condemnedAmong(places.find(({ place }) => place === this.place)?.condemned ?? []);
    const own = tree === undefined ? [] : listHostImages(tree).filter((image) => !isCondemned(condemnedImage(image)));
    const byKey = new Map<string, { readonly image: HostImage; readonly hosts: Set<string> }>();
    const others = places.filter(({ place, isPresent }) => isPresent && place !== this.place);
    const all = [...others, { place: this.place, images: own }].toSorted((place, other) =>
      place.place < other.place ? -1 : 1,
    );
    for (const { place, images } of all) {
      const host = place.split(':', 1)[0] ?? '';
      for (const image of images) {
        const key = `${image.sha256} ${formatImageName(image)}`;
        const entry = byKey.get(key);
        if (entry === undefined) byKey.set(key, { image, hosts: new Set([host]) });
        else entry.hosts.add(host);
      }
    }
    return [...byKey]
      .sort(([one], [other]) => (one > other ? -1 : 1))
      .map(([, { image, hosts }]) => ({ ...image, hosts: [...hosts].sort() }));
  }

  /**
   * The serials of the images of a name at all hosts, even at those that are down. @throws
   * RackError `store-unavailable`
   */
  async serialsOf(name: string): Promise<readonly string[]> {
    const places = await this.#deps.store.list();
    return places.flatMap(({ images }) =>
      images.filter((image) => resourceName(image) === name).map(({ serial }) => serial),
    );
  }

  async #look(): Promise<void> {
    const tree = this.#deps.tree();
    if (this.#isClosed || tree === undefined) return;
    try {
      const removed = await this.#removeCondemned(tree);
      const { clock, store } = this.#deps;
      if (this.#sweepAt === undefined || clock.now() >= this.#sweepAt) {
        this.#sweepAt = later(clock.now(), SWEEP_MS);
        await this.#removeOlder(tree);
      }
      const mark = readTreeMark(tree);
      const isDue = this.#reportAt === undefined || clock.now() >= this.#reportAt;
      if (removed.length === 0 && mark === this.#mark && !isDue) return;
      await store.report(this.place, listHostImages(tree), removed);
      this.#mark = mark;
      this.#reportAt = later(clock.now(), REPORT_MS);
      this.#failures.end();
    } catch (error) {
      this.#failures.note(error);
    }
  }

  /** @returns the condemned images that are gone */
  async #removeCondemned(tree: string): Promise<readonly CondemnedImage[]> {
    const { region, store, clock, images } = this.#deps;
    const condemned = await store.condemned(this.place);
    if (condemned.length === 0 || (this.#removeAt !== undefined && clock.now() < this.#removeAt)) return [];
    this.#removeAt = undefined;
    const present = [...readImages(tree).images.map(reported), ...partsIn(tree, () => true)].map(condemnedImage);
    const removed: CondemnedImage[] = [];
    for (const image of condemned) {
      const name = `${image.resource}/${image.serial}`;
      const shortName = name.slice(0, NAME_MAX);
      try {
        if (present.some(condemnedAmong([image]))) await removeNamed({ region, tree, images }, name);
        removed.push(image);
        await noteDeletion(region.store, shortName, undefined);
      } catch (error) {
        this.#removeAt = later(clock.now(), REPORT_MS);
        await noteDeletion(region.store, shortName, deletionReason(error));
      }
    }
    return removed;
  }

  /**
   * Removes the older imported images of this host, but for the one that a source offers: the next
   * import would fetch it again.
   */
  async #removeOlder(tree: string): Promise<void> {
    const { region, store, images } = this.#deps;
    const elsewhere = async (): Promise<readonly ImageName[]> =>
      (await store.list())
        .filter(({ place, isPresent }) => isPresent && place !== this.place)
        .flatMap(({ images }) => images.filter(({ origin }) => origin !== undefined));
    const resources = await region.store.boot.listResources();
    const offered = new Set(resources.map(({ name, progress }) => `${name}/${progress?.serial ?? ''}`));
    const options = removal({ region, tree, images });
    await removeAllOlder(options, elsewhere, (image) => offered.has(formatImageName(image)));
    await options.sweep([]);
  }
}

const condemnedImage = ({ serial, sha256, filesSha256, ...image }: HostImage): CondemnedImage => ({
  resource: resourceName(image),
  serial,
  sha256,
  ...(filesSha256 === undefined ? {} : { filesSha256 }),
});

/** The images, boot loaders and installers of a tree. */
const listHostImages = (tree: string): readonly HostImage[] => [
  ...readImages(tree)
    .images.filter((image) => hasBlob(tree, image))
    .map(reported),
  ...partsIn(tree, (part) => hasAllFiles(tree, part)),
];

const partsIn = (tree: string, isListed: (part: TreePart) => boolean): readonly HostImage[] =>
  listTreeParts(tree)
    .filter(isListed)
    .map(({ directory: _, files: _all, system, ...part }) => ({
      ...part,
      system: { rootName: system.rootName, files: [...system.files] },
      ...filesDigest(system.files),
    }));

function reported(stored: StoredImage): HostImage {
  const { origin, signs, ...image } = stored;
  const { os, release, architecture, subarchitecture, label, serial, title, bytes, diskBytes, sha256, system } = image;
  const names = { os, release, architecture, subarchitecture, label, serial };
  const files =
    system === undefined
      ? {}
      : { system: { subarch: system.subarch, rootName: system.rootName, files: [...system.files] } };
  const facts = {
    ...names,
    title,
    bytes,
    diskBytes,
    sha256,
    ...files,
    ...filesDigest(stored.system?.files),
    ...(signs === undefined ? {} : { signs }),
  };
  return origin === undefined ? facts : { ...facts, origin: { source: origin.source } };
}

/** Two systems may have the same root, and start it with different kernels. */
function filesDigest(files: readonly object[] | undefined): Pick<HostImage, 'filesSha256'> {
  if (files === undefined) return {};
  const hash = createHash('sha256').update(JSON.stringify(files));
  return { filesSha256: hash.digest('hex') };
}

/** Changes with each image, boot loader or installer that is added or removed. */
function readTreeMark(tree: string): string {
  try {
    return `${tree} ${statSync(manifestDirectory(tree)).mtimeMs} ${formatPartsVersion(tree)}`;
  } catch {
    return `${tree} ${formatPartsVersion(tree)}`;
  }
}

/**
 * The id of a place, made at its first use. If it cannot be stored, the place has another one after
 * the next start.
 */
async function ensureTreeId(tree: string): Promise<string> {
  const path = join(tree, 'images', ID_FILE);
  const made = newUuid();
  try {
    const stored = storedId(path);
    if (stored !== undefined) return stored;
    await publishFile(path, Buffer.from(`${made}\n`, 'latin1'));
  } catch (error) {
    assertOutside(error);
  }
  return made;
}

/** `undefined`: none is stored there. @throws the system's error */
function storedId(path: string): string | undefined {
  try {
    const stored = readFileSync(path, 'utf8').trim();
    return UUID_PATTERN.test(stored) ? stored : undefined;
  } catch (error) {
    if (osErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
