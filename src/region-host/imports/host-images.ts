// Reports the images of this host to the other processes of the region, and removes images that a
// person deleted at another process.
//
//   every CHECK_MS ─► remove condemned images ─► have the images changed, or was the last report REPORT_MS ago? ─► report
//   every SWEEP_MS ─► remove older images and unneeded bytes
//
// 1. This file is loaded only if several processes use one store.
// 2. While the store or the directory cannot be read, nothing is lost. A later check continues, and
//    the host meanwhile does not count as present.
// 3. The location of images is identified by the host's name and by an id next to the images.
//    Either alone is not enough: two hosts may have the same name, and a directory may be a copy of
//    another host's.

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
import { formatResourceName } from '../../region/images/region-source.ts';
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
import { recordDeletionOutcome } from './import-events.ts';
import { buildDeletionReason, FailureReports } from './import-failure.ts';
import { buildRemovalDeps, removeNamed } from './removal.ts';

const CHECK_MS = 2000;
/**
 * How often an unchanged list is reported, and how long a failed removal waits, in milliseconds. It
 * is well within PRESENT_MS.
 */
const REPORT_MS = 60_000;
/**
 * How often older images are removed, in milliseconds. A removal keeps bytes that a machine may be
 * reading for an hour, and the next one deletes them.
 */
const SWEEP_MS = 3_600_000;
/** The file with the id of a location, in the directory of its images. */
const ID_FILE = '.place';

interface HostImagesDeps {
  readonly region: Region;
  readonly store: HostImageStore;
  readonly clock: Clock;
  /** The thread that changes the images. */
  readonly images: Pick<ImageThread, 'do'>;
  /** The directory above the images of this host. Undefined if this host keeps none. */
  readonly tree: () => string | undefined;
  /** Called once for each failure of the file system, with its text. */
  readonly onProblem: (reason: string) => void;
}

export class HostImages {
  readonly #deps: HostImagesDeps;
  /** The id by which the other processes know the images of this host. */
  readonly locationId: string;
  readonly #failures: FailureReports;
  #timer: Timer | undefined;
  #pendingCheck: Promise<void> = Promise.resolve();
  #isClosed = false;
  /** The state of the directory that the last report describes. */
  #reportedState = '';
  #nextReport: Instant | undefined;
  /** The time from which the next removal may be tried. Undefined if at any time. */
  #nextRemoval: Instant | undefined;
  #nextSweep: Instant | undefined;

  private constructor(deps: HostImagesDeps, place: string) {
    this.#deps = deps;
    this.#failures = new FailureReports(deps.onProblem);
    this.locationId = place;
  }

  static async open(deps: HostImagesDeps): Promise<HostImages> {
    const tree = deps.tree();
    return new HostImages(deps, `${hostname()}:${tree === undefined ? '' : await ensureTreeId(tree)}`);
  }

  begin(): void {
    void this.check().finally(() => {
      if (!this.#isClosed) this.#timer = this.#deps.clock.schedule(CHECK_MS, () => this.begin());
    });
  }

  /** Checks the images now. Resolves when they are reported, or cannot be reported. */
  check(): Promise<void> {
    this.#pendingCheck = this.#pendingCheck.then(() => this.#checkOnce());
    return this.#pendingCheck;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#pendingCheck;
  }

  /**
   * Lists the images in the stores of all hosts, each with its hosts. The images of this host are
   * read now. Of images with the same name and different bytes, the last in the list is the one
   * that all processes choose.
   * @throws RackError `store-unavailable`, `tree-unreadable`
   */
  async list(): Promise<readonly ListedImage[]> {
    const places = await this.#deps.store.list();
    const tree = this.#deps.tree();
    const isOwnCondemned = condemnedAmong(places.find(({ place }) => place === this.locationId)?.condemned ?? []);
    const ownImages =
      tree === undefined ? [] : listHostImages(tree).filter((image) => !isOwnCondemned(toCondemnedImage(image)));
    const byKey = new Map<string, { readonly image: HostImage; readonly hosts: Set<string> }>();
    const others = places.filter(({ place, isPresent }) => isPresent && place !== this.locationId);
    const allLocations = [...others, { place: this.locationId, images: ownImages }].toSorted((place, other) =>
      place.place < other.place ? -1 : 1,
    );
    for (const { place, images } of allLocations) {
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
   * Lists the serials of the images of a name at all hosts, even at hosts that are down. @throws
   * RackError `store-unavailable`
   */
  async listSerials(name: string): Promise<readonly string[]> {
    const places = await this.#deps.store.list();
    return places.flatMap(({ images }) =>
      images.filter((image) => formatResourceName(image) === name).map(({ serial }) => serial),
    );
  }

  async #checkOnce(): Promise<void> {
    const tree = this.#deps.tree();
    if (this.#isClosed || tree === undefined) return;
    try {
      const removed = await this.#removeCondemned(tree);
      const { clock, store } = this.#deps;
      if (this.#nextSweep === undefined || clock.now() >= this.#nextSweep) {
        this.#nextSweep = later(clock.now(), SWEEP_MS);
        await this.#removeOlderImages(tree);
      }
      const treeState = readTreeState(tree);
      const isDue = this.#nextReport === undefined || clock.now() >= this.#nextReport;
      if (removed.length === 0 && treeState === this.#reportedState && !isDue) return;
      await store.report(this.locationId, listHostImages(tree), removed);
      this.#reportedState = treeState;
      this.#nextReport = later(clock.now(), REPORT_MS);
      this.#failures.clear();
    } catch (error) {
      this.#failures.report(error);
    }
  }

  /** Removes condemned images. @returns the condemned images that no longer exist */
  async #removeCondemned(tree: string): Promise<readonly CondemnedImage[]> {
    const { region, store, clock, images } = this.#deps;
    const condemned = await store.condemned(this.locationId);
    if (condemned.length === 0 || (this.#nextRemoval !== undefined && clock.now() < this.#nextRemoval)) return [];
    this.#nextRemoval = undefined;
    const presentImages = [...readImages(tree).images.map(toHostImage), ...listParts(tree, () => true)].map(
      toCondemnedImage,
    );
    const removed: CondemnedImage[] = [];
    for (const image of condemned) {
      const name = `${image.resource}/${image.serial}`;
      const shortName = name.slice(0, NAME_MAX);
      try {
        if (presentImages.some(condemnedAmong([image]))) await removeNamed({ region, tree, images }, name);
        removed.push(image);
        await recordDeletionOutcome(region.store, shortName, undefined);
      } catch (error) {
        this.#nextRemoval = later(clock.now(), REPORT_MS);
        await recordDeletionOutcome(region.store, shortName, buildDeletionReason(error));
      }
    }
    return removed;
  }

  /**
   * Removes the older imported images of this host, except one that a source offers, because the
   * next import would fetch it again.
   */
  async #removeOlderImages(tree: string): Promise<void> {
    const { region, store, images } = this.#deps;
    const listElsewhere = async (): Promise<readonly ImageName[]> =>
      (await store.list())
        .filter(({ place, isPresent }) => isPresent && place !== this.locationId)
        .flatMap(({ images }) => images.filter(({ origin }) => origin !== undefined));
    const resources = await region.store.boot.listResources();
    const offeredNames = new Set(resources.map(({ name, progress }) => `${name}/${progress?.serial ?? ''}`));
    const options = buildRemovalDeps({ region, tree, images });
    await removeAllOlder(options, listElsewhere, (image) => offeredNames.has(formatImageName(image)));
    await options.sweep([]);
  }
}

const toCondemnedImage = ({ serial, sha256, filesSha256, ...image }: HostImage): CondemnedImage => ({
  resource: formatResourceName(image),
  serial,
  sha256,
  ...(filesSha256 === undefined ? {} : { filesSha256 }),
});

/** Lists the images, boot loaders and installers of a tree. */
const listHostImages = (tree: string): readonly HostImage[] => [
  ...readImages(tree)
    .images.filter((image) => hasBlob(tree, image))
    .map(toHostImage),
  ...listParts(tree, (part) => hasAllFiles(tree, part)),
];

const listParts = (tree: string, isListed: (part: TreePart) => boolean): readonly HostImage[] =>
  listTreeParts(tree)
    .filter(isListed)
    .map(({ directory: _, files: _all, system, ...part }) => ({
      ...part,
      system: { rootName: system.rootName, files: [...system.files] },
      ...digestFiles(system.files),
    }));

function toHostImage(stored: StoredImage): HostImage {
  const { origin, signs, ...image } = stored;
  const { os, release, architecture, subarchitecture, label, serial, title, bytes, diskBytes, sha256, system } = image;
  const names = { os, release, architecture, subarchitecture, label, serial };
  const files =
    system === undefined
      ? {}
      : { system: { subarch: system.subarch, rootName: system.rootName, files: [...system.files] } };
  const hostImage = {
    ...names,
    title,
    bytes,
    diskBytes,
    sha256,
    ...files,
    ...digestFiles(stored.system?.files),
    ...(signs === undefined ? {} : { signs }),
  };
  return origin === undefined ? hostImage : { ...hostImage, origin: { source: origin.source } };
}

/**
 * Computes a digest of the files of a system, because two systems may have the same root and
 * different kernels.
 */
function digestFiles(files: readonly object[] | undefined): Pick<HostImage, 'filesSha256'> {
  if (files === undefined) return {};
  const hash = createHash('sha256').update(JSON.stringify(files));
  return { filesSha256: hash.digest('hex') };
}

/** Reads a text that changes with each image, boot loader or installer that is added or removed. */
function readTreeState(tree: string): string {
  try {
    return `${tree} ${statSync(manifestDirectory(tree)).mtimeMs} ${formatPartsVersion(tree)}`;
  } catch {
    return `${tree} ${formatPartsVersion(tree)}`;
  }
}

/**
 * Returns the id of a location, which is made at its first use. If it cannot be stored, the
 * location has another id after the next start.
 */
async function ensureTreeId(tree: string): Promise<string> {
  const path = join(tree, 'images', ID_FILE);
  const newId = newUuid();
  try {
    const stored = readStoredId(path);
    if (stored !== undefined) return stored;
    await publishFile(path, Buffer.from(`${newId}\n`, 'latin1'));
  } catch (error) {
    assertOutside(error);
  }
  return newId;
}

/** Reads the stored id. Undefined if there is none. @throws the system's error */
function readStoredId(path: string): string | undefined {
  try {
    const stored = readFileSync(path, 'utf8').trim();
    return UUID_PATTERN.test(stored) ? stored : undefined;
  } catch (error) {
    if (osErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
