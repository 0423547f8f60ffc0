// The images of this host, for the other processes of the region: reports them, and removes those that a person deleted at another process.
//
//   every LOOK_MS ─► remove condemned images ─► have the images changed, or was the last report REPORT_MS ago? ─► report
//
// 1. Loaded only if several processes have one store.
// 2. While the store is unavailable, or the directory of the images unreadable, nothing is lost: a later look continues. A host whose directory
//    stays unreadable no longer counts as present.
// 3. A place is known by the host's name and by an id, kept next to its images: hosts may have the same name, and a directory may be a copy
//    of another host's.

import { statSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type Clock, type Instant, later, newUuid, type Timer } from '../../clock.ts';
import { isStoreUnavailable } from '../../errors.ts';
import { formatImageName, hasBlob, manifestsOf, readImages, type StoredImage } from '../../images/image-store.ts';
import { publishFile, readIfThere } from '../../images/publication.ts';
import type { CondemnedImage, HostImage, HostImageStore } from '../../region/records/host-image-store.ts';
import type { Region } from '../../region/region.ts';
import { NAME_MAX } from './import-control.ts';
import { assertOutside, deletionReason } from './import-failure.ts';
import { removeNamed } from './removal.ts';

const LOOK_MS = 2000;
/** How often an unchanged list is reported, and how long a failed removal waits, in milliseconds: well within PRESENT_MS. */
const REPORT_MS = 60_000;
/** The file with the id of a place, in the directory of its images. */
const ID_FILE = '.place';
const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

interface HostImagesParts {
  readonly region: Region;
  readonly store: HostImageStore;
  readonly clock: Clock;
  /** The directory above the images of this host; undefined if it keeps none. */
  readonly tree: () => string | undefined;
}

export class HostImages {
  readonly #parts: HostImagesParts;
  /** By which the other processes know the images of this host. */
  readonly place: string;
  #timer: Timer | undefined;
  #looking: Promise<void> = Promise.resolve();
  #isClosed = false;
  /** The state of the directory that the last report describes. */
  #mark = '';
  #reportAt: Instant | undefined;
  /** When the next removal may be tried; undefined: at any time. */
  #removeAt: Instant | undefined;

  private constructor(parts: HostImagesParts, place: string) {
    this.#parts = parts;
    this.place = place;
  }

  static async open(parts: HostImagesParts): Promise<HostImages> {
    const tree = parts.tree();
    return new HostImages(parts, `${hostname()}:${tree === undefined ? '' : await idOf(tree)}`);
  }

  /** Looks now, and then at intervals. */
  begin(): void {
    void this.look().finally(() => {
      if (!this.#isClosed) this.#timer = this.#parts.clock.schedule(LOOK_MS, () => this.begin());
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

  async #look(): Promise<void> {
    const tree = this.#parts.tree();
    if (this.#isClosed || tree === undefined) return;
    try {
      const removed = await this.#removeCondemned(tree);
      const { clock, store } = this.#parts;
      const mark = markOf(tree);
      const isDue = this.#reportAt === undefined || clock.now() >= this.#reportAt;
      if (removed.length === 0 && mark === this.#mark && !isDue) return;
      await store.report(this.place, imagesIn(tree), removed);
      this.#mark = mark;
      this.#reportAt = later(clock.now(), REPORT_MS);
    } catch (error) {
      if (!isStoreUnavailable(error)) assertOutside(error);
    }
  }

  /** @returns the condemned images that are gone */
  async #removeCondemned(tree: string): Promise<readonly CondemnedImage[]> {
    const { region, store, clock } = this.#parts;
    const condemned = await store.condemned(this.place);
    if (condemned.length === 0 || (this.#removeAt !== undefined && clock.now() < this.#removeAt)) return [];
    this.#removeAt = undefined;
    const present = new Map(readImages(tree).images.map((image) => [formatImageName(image), image.sha256]));
    const removed: CondemnedImage[] = [];
    for (const image of condemned) {
      const name = `${image.resource}/${image.serial}`;
      try {
        if (present.get(name) === image.sha256) await removeNamed(region, tree, name);
        removed.push(image);
      } catch (error) {
        this.#removeAt = later(clock.now(), REPORT_MS);
        const skipped = [{ name: name.slice(0, NAME_MAX), reason: deletionReason(error) }];
        await region.store.boot.changeRun({ skipped, skippedMore: 0 });
      }
    }
    return removed;
  }
}

const imagesIn = (tree: string): readonly HostImage[] =>
  readImages(tree)
    .images.filter((image) => hasBlob(tree, image))
    .map(reported);

function reported({ origin, ...image }: StoredImage): HostImage {
  const { os, release, architecture, subarchitecture, label, serial, title, bytes, diskBytes, sha256 } = image;
  const facts = { os, release, architecture, subarchitecture, label, serial, title, bytes, diskBytes, sha256 };
  return origin === undefined ? facts : { ...facts, origin: { source: origin.source } };
}

/** Changes with each image that is added or removed. */
function markOf(tree: string): string {
  try {
    return `${tree} ${statSync(manifestsOf(tree)).mtimeMs}`;
  } catch {
    return tree;
  }
}

/** The id of a place, made at its first use; empty if it cannot be stored. */
async function idOf(tree: string): Promise<string> {
  const path = join(tree, 'images', ID_FILE);
  try {
    const stored = (await readIfThere(path))?.toString('latin1').trim() ?? '';
    if (ID.test(stored)) return stored;
    const made = newUuid();
    await publishFile(path, Buffer.from(`${made}\n`, 'latin1'));
    return made;
  } catch (error) {
    assertOutside(error);
    return '';
  }
}
