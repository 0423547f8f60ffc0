// The images of this host, for the other processes of the region: reports them, and removes those that a person deleted at another process.
//
//   every LOOK_MS ─► remove condemned images ─► have the images changed, or was the last report REPORT_MS ago? ─► report
//
// 1. Loaded only if several processes have one store.
// 2. While the store is unavailable nothing is lost: the next look continues.

import { statSync } from 'node:fs';
import { type Clock, type Instant, later, type Timer } from '../../clock.ts';
import { isStoreUnavailable } from '../../errors.ts';
import { formatImageName, hasBlob, manifestsOf, readImages, type StoredImage } from '../../images/image-store.ts';
import { removeUnused } from '../../images/import/older-images.ts';
import type { HostImage, HostImageStore } from '../../region/records/host-image-store.ts';
import type { Region } from '../../region/region.ts';
import { deletionReason } from './import-failure.ts';
import { removal } from './removal.ts';

const LOOK_MS = 2000;
/** How often an unchanged list is reported, and how long a failed removal waits, in milliseconds: well within PRESENT_MS. */
const REPORT_MS = 60_000;

interface HostImagesParts {
  readonly region: Region;
  readonly store: HostImageStore;
  readonly clock: Clock;
  /** This host and the directory of its images; undefined if it keeps none. */
  readonly place: () => { readonly name: string; readonly tree: string } | undefined;
}

export class HostImages {
  readonly #parts: HostImagesParts;
  #timer: Timer | undefined;
  #looking: Promise<void> = Promise.resolve();
  #isClosed = false;
  /** The state of the directory that the last report describes. */
  #mark = '';
  #reportAt: Instant | undefined;
  #removeAt: Instant | undefined;

  constructor(parts: HostImagesParts) {
    this.#parts = parts;
  }

  /** Looks now, and then at intervals. */
  begin(): void {
    void this.look().finally(() => {
      if (!this.#isClosed) this.#timer = this.#parts.clock.schedule(LOOK_MS, () => this.begin());
    });
  }

  /** Looks now; resolves when the images are reported, or the store is unavailable. */
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
    const place = this.#parts.place();
    if (this.#isClosed || place === undefined) return;
    try {
      const removed = await this.#removeCondemned(place.name, place.tree);
      const { clock, store } = this.#parts;
      const mark = markOf(place.tree);
      const isDue = this.#reportAt === undefined || clock.now() >= this.#reportAt;
      if (removed.length === 0 && mark === this.#mark && !isDue) return;
      await store.report(place.name, imagesIn(place.tree), removed);
      this.#mark = mark;
      this.#reportAt = later(clock.now(), REPORT_MS);
    } catch (error) {
      if (!isStoreUnavailable(error)) throw error;
    }
  }

  /** @returns the names of the condemned images that are gone */
  async #removeCondemned(place: string, tree: string): Promise<readonly string[]> {
    const { region, store, clock } = this.#parts;
    const condemned = await store.condemned(place);
    if (condemned.length === 0 || (this.#removeAt !== undefined && clock.now() < this.#removeAt)) return [];
    const doomed = readImages(tree).images.filter((image) => condemned.includes(formatImageName(image)));
    try {
      await removeUnused(doomed, removal(region, tree, clock.wallTimeMs()));
      this.#removeAt = undefined;
      return condemned;
    } catch (error) {
      this.#removeAt = later(clock.now(), REPORT_MS);
      const skipped = [{ name: condemned[0] ?? '', reason: deletionReason(error) }];
      await region.store.boot.changeRun({ skipped, skippedMore: 0 });
      return [];
    }
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
