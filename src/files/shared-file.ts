// One open file and all of its readers.
//
// 1. The descriptor is open while there is a reader or a reservation, and after that until the tree
//    retires the file.
// 2. A reader sees the file as it was when opened. If the file shrinks or is written in place
//    meanwhile, the read fails instead of returning a mixture of two files. A file that was
//    replaced by renaming is not affected.

import type { Stats } from 'node:fs';
import { type FileSource, overwritten } from './file-source.ts';
import type { OpenedFile } from './opened-file.ts';
import { SLICE_BYTES, type SliceCache, type SliceSource } from './slice-cache.ts';

/** What readers need of a `FileHandle`. */
export interface ReadHandle {
  readonly fd: number;
  read(into: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
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
  readonly #seen: Stats;
  readonly #cache: SliceCache;
  #reserved = 0;
  #readers = 0;
  #retired = false;
  #isDoubtful = false;
  #closed = false;
  #onClosed: (() => void) | undefined;

  constructor(handle: ReadHandle, path: string, seen: Stats, cache: SliceCache) {
    lastId += 1;
    this.id = lastId;
    this.#handle = handle;
    this.#path = path;
    this.#seen = seen;
    this.#cache = cache;
    this.sizeBytes = seen.size;
    this.modifiedMs = Math.floor(seen.mtimeMs);
    this.etag = `"${seen.size.toString(16)}-${Math.floor(seen.mtimeMs * 1000).toString(16)}"`;
  }

  /** True if it has no readers and no reservations. */
  get idle(): boolean {
    return this.#readers === 0 && this.#reserved === 0;
  }

  /** True if `stats` describe the file that is open here; undefined: if no reader doubts it. */
  isSame(stats: Stats | undefined): boolean {
    const seen = this.#seen;
    if (stats === undefined) return !this.#isDoubtful;
    return (
      stats.ino === seen.ino &&
      stats.dev === seen.dev &&
      stats.size === seen.size &&
      stats.mtimeMs === seen.mtimeMs &&
      !this.#retired
    );
  }

  /** Keeps the file open for `count` future readers. */
  reserve(count: number): void {
    this.#reserved += count;
  }

  /** Returns an unused reservation. */
  unreserve(): void {
    this.#reserved -= 1;
    this.#closeIfDone();
  }

  reader(): OpenedFile {
    this.#reserved -= 1;
    this.#readers += 1;
    let open = true;
    const source: FileSource = {
      fd: this.#handle.fd,
      path: this.#path,
      sizeBytes: this.sizeBytes,
      modifiedMs: this.#seen.mtimeMs,
    };
    return {
      source,
      sizeBytes: this.sizeBytes,
      modifiedMs: this.modifiedMs,
      etag: this.etag,
      read: (offset, length) => {
        if (!open) throw new Error(`${this.#path} was read after it was closed`);
        return this.#read(offset, length);
      },
      close: (isDoubtful = false) => {
        if (!open) return;
        open = false;
        this.#isDoubtful ||= isDoubtful;
        this.#readers -= 1;
        this.#closeIfDone();
      },
    };
  }

  /** Closes the file once it has no readers, then calls `onClosed`. */
  retire(onClosed?: () => void): void {
    this.#retired = true;
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
    const now = await this.#handle.stat();
    if (filled < length || now.size !== this.#seen.size || now.mtimeMs !== this.#seen.mtimeMs) {
      this.#isDoubtful = true;
      throw overwritten(this.#path);
    }
    return slice;
  }

  #read(offset: number, length: number): Uint8Array | Promise<Uint8Array> {
    const end = Math.min(offset + length, this.sizeBytes);
    if (end <= offset) return EMPTY;
    const first = Math.floor(offset / SLICE_BYTES);
    const last = Math.floor((end - 1) / SLICE_BYTES);
    if (end - last * SLICE_BYTES >= SLICE_BYTES / 2) this.#cache.readAhead(this, last + 1);
    const cut = (slice: Uint8Array, index: number): Uint8Array =>
      slice.subarray(Math.max(0, offset - index * SLICE_BYTES), end - index * SLICE_BYTES);
    if (first === last) {
      const slice = this.#cache.get(this, first);
      return slice instanceof Uint8Array ? cut(slice, first) : slice.then((bytes) => cut(bytes, first));
    }
    const slices = Array.from({ length: last - first + 1 }, (_, at) => this.#cache.get(this, first + at));
    const held = slices.filter((slice) => slice instanceof Uint8Array);
    const join = (all: readonly Uint8Array[]) => Buffer.concat(all.map((slice, at) => cut(slice, first + at)));
    return held.length === slices.length ? join(held) : Promise.all(slices).then(join);
  }

  #closeIfDone(): void {
    if (!this.#retired || !this.idle || this.#closed) return;
    this.#closed = true;
    this.#cache.forget(this);
    // Closing waits for running reads. Its errors do not matter for a file that was only read.
    void this.#handle.close().catch(() => undefined);
    this.#onClosed?.();
  }
}

const EMPTY = new Uint8Array(0);
