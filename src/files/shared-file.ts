// One open file and all of its readers.
//
// 1. The descriptor is open while there is a reader or a reservation, and after that until the tree
//    retires the file.
// 2. A reader sees the file as it was when opened. If the file shrinks or is written in place
//    meanwhile, the read fails instead of returning a mixture of two files. A file that was
//    replaced by renaming is not affected.

import type { Stats } from 'node:fs';
import { type FileSource, overwrittenError } from './file-source.ts';
import type { OpenedFile } from './opened-file.ts';
import { SLICE_BYTES, type SliceCache, type SliceSource } from './slice-cache.ts';

/** What readers need of a `FileHandle`. */
export interface ReadHandle {
  readonly fd: number;
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
  stat(): Promise<Stats>;
  close(): Promise<void>;
}

let lastId = 0;

/** A file opened once for any number of readers. */
export class SharedFile implements SliceSource {
  readonly id: number;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly etag: string;
  readonly #handle: ReadHandle;
  readonly #path: string;
  readonly #openedStats: Stats;
  readonly #cache: SliceCache;
  #reservationCount = 0;
  #readerCount = 0;
  #isRetired = false;
  #isDoubtful = false;
  #isClosed = false;
  #onClosed: (() => void) | undefined;

  constructor(handle: ReadHandle, path: string, openedStats: Stats, cache: SliceCache) {
    lastId += 1;
    this.id = lastId;
    this.#handle = handle;
    this.#path = path;
    this.#openedStats = openedStats;
    this.#cache = cache;
    this.sizeBytes = openedStats.size;
    this.modifiedMs = Math.floor(openedStats.mtimeMs);
    this.etag = `"${openedStats.size.toString(16)}-${Math.floor(openedStats.mtimeMs * 1000).toString(16)}"`;
  }

  /** True if it has no readers and no reservations. */
  get isIdle(): boolean {
    return this.#readerCount === 0 && this.#reservationCount === 0;
  }

  /** True if `stats` describe the open file. Without `stats`: true if no reader doubts the file. */
  isSame(stats: Stats | undefined): boolean {
    const openedStats = this.#openedStats;
    if (stats === undefined) return !this.#isDoubtful;
    return (
      stats.ino === openedStats.ino &&
      stats.dev === openedStats.dev &&
      stats.size === openedStats.size &&
      stats.mtimeMs === openedStats.mtimeMs &&
      !this.#isRetired
    );
  }

  /** Keeps the file open for `count` future readers. */
  reserve(count: number): void {
    this.#reservationCount += count;
  }

  /** Returns an unused reservation. */
  unreserve(): void {
    this.#reservationCount -= 1;
    this.#closeIfDone();
  }

  reader(): OpenedFile {
    this.#reservationCount -= 1;
    this.#readerCount += 1;
    let isOpen = true;
    const source: FileSource = {
      fd: this.#handle.fd,
      path: this.#path,
      sizeBytes: this.sizeBytes,
      modifiedMs: this.#openedStats.mtimeMs,
    };
    return {
      source,
      sizeBytes: this.sizeBytes,
      modifiedMs: this.modifiedMs,
      etag: this.etag,
      read: (offset, length) => {
        if (!isOpen) throw new Error(`${this.#path} was read after it was closed`);
        return this.#read(offset, length);
      },
      close: (isDoubtful = false) => {
        if (!isOpen) return;
        isOpen = false;
        this.#isDoubtful ||= isDoubtful;
        this.#readerCount -= 1;
        this.#closeIfDone();
      },
    };
  }

  /** Closes the file once it has no readers, then calls `onClosed`. */
  retire(onClosed?: () => void): void {
    this.#isRetired = true;
    this.#onClosed = onClosed;
    this.#closeIfDone();
  }

  /** @throws RackError `tree-unreadable` if the file was changed in place. */
  async readSlice(offset: number, length: number): Promise<Uint8Array> {
    const slice = Buffer.allocUnsafeSlow(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await this.#handle.read(slice, filled, length - filled, offset + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    const currentStats = await this.#handle.stat();
    if (
      filled < length ||
      currentStats.size !== this.#openedStats.size ||
      currentStats.mtimeMs !== this.#openedStats.mtimeMs
    ) {
      this.#isDoubtful = true;
      throw overwrittenError(this.#path);
    }
    return slice;
  }

  #read(offset: number, length: number): Uint8Array | Promise<Uint8Array> {
    const end = Math.min(offset + length, this.sizeBytes);
    if (end <= offset) return EMPTY;
    const firstIndex = Math.floor(offset / SLICE_BYTES);
    const lastIndex = Math.floor((end - 1) / SLICE_BYTES);
    if (end - lastIndex * SLICE_BYTES >= SLICE_BYTES / 2) this.#cache.readAhead(this, lastIndex + 1);
    const cut = (slice: Uint8Array, index: number): Uint8Array =>
      slice.subarray(Math.max(0, offset - index * SLICE_BYTES), end - index * SLICE_BYTES);
    if (firstIndex === lastIndex) {
      const slice = this.#cache.get(this, firstIndex);
      return slice instanceof Uint8Array ? cut(slice, firstIndex) : slice.then((bytes) => cut(bytes, firstIndex));
    }
    const slices = Array.from({ length: lastIndex - firstIndex + 1 }, (_, sliceOffset) =>
      this.#cache.get(this, firstIndex + sliceOffset),
    );
    const cachedSlices = slices.filter((slice) => slice instanceof Uint8Array);
    const join = (loadedSlices: readonly Uint8Array[]) =>
      Buffer.concat(loadedSlices.map((slice, sliceOffset) => cut(slice, firstIndex + sliceOffset)));
    return cachedSlices.length === slices.length ? join(cachedSlices) : Promise.all(slices).then(join);
  }

  #closeIfDone(): void {
    if (!this.#isRetired || !this.isIdle || this.#isClosed) return;
    this.#isClosed = true;
    this.#cache.forget(this);
    // Closing waits for running reads. Its errors do not matter for a file that was only read.
    void this.#handle.close().catch(() => undefined);
    this.#onClosed?.();
  }
}

const EMPTY = new Uint8Array(0);
