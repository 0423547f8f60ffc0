// Slices of files in memory, shared by all readers, because many machines load one kernel at a
// time. Source: CONTRIBUTING.md ("The path of a datagram").
//
// 1. A slice is read only once at a time, however many readers wait for it.
// 2. Held slices and reads together stay within the bound, but one read is always allowed, so a
//    small bound never stops readers.
// 3. A slice is never written after it was handed out; a dropped one stays valid, a released one does not.

/** In bytes. */
export const SLICE_BYTES = 512 * 1024;
/** The default bound, in bytes held or being read. */
export const SLICE_CACHE_BYTES_MAX = 96 * 1024 * 1024;
/**
 * The most slices read at once; further ones wait. A disk that hangs leaves one of the four threads
 * of libuv's pool to everything else.
 */
export const READS_IN_FLIGHT_MAX = 3;
/** Slices that wait for their read; one more is refused. */
export const READS_WAITING_MAX = 8192;
/**
 * Readers that wait; one more is refused. Readers that gave up stay while the disk does not answer,
 * so clients can then fill it. It empties as the disk answers.
 */
export const READERS_WAITING_MAX = 16_384;

export interface SliceSource {
  /** Never reused for another file; below 2^31. */
  readonly id: number;
  readonly sizeBytes: number;
  /** Reads exactly `length` bytes at `offset`, or rejects. */
  readSlice(offset: number, length: number): Promise<Uint8Array>;
}

interface Load {
  readonly key: number;
  readonly source: SliceSource;
  readonly offset: number;
  readonly length: number;
  readerCount: number;
  /** The file was closed meanwhile: the slice goes to its waiting readers, not into the cache. */
  isForgotten: boolean;
  readonly promise: Promise<Uint8Array>;
  readonly resolve: (slice: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
}

/** 2^21 slices are 1 TiB. */
const SLICES_PER_FILE_MAX = 2 ** 21;

export class SliceCache {
  readonly #bytesMax: number;
  /** Least recently used first. */
  readonly #slices = new Map<number, Uint8Array>();
  readonly #loads = new Map<number, Load>();
  readonly #waitingLoads: Load[] = [];
  #readsInFlight = 0;
  #waitingReaderCount = 0;
  #cachedBytes = 0;
  #slicesRead = 0;
  #sliceHits = 0;

  /** @param bytesMax in bytes */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Synchronous if the slice is held. */
  get(source: SliceSource, index: number): Uint8Array | Promise<Uint8Array> {
    const key = sliceKey(source, index);
    const slice = this.#slices.get(key);
    if (slice === undefined) return this.#await(source, index);
    this.#sliceHits += 1;
    this.#slices.delete(key);
    this.#slices.set(key, slice);
    return slice;
  }

  /**
   * Reads a slice before a reader needs it. Does nothing if the slice is already being read, or the
   * disk is busy.
   */
  readAhead(source: SliceSource, index: number): void {
    if (index * SLICE_BYTES >= source.sizeBytes || this.#readsInFlight >= READS_IN_FLIGHT_MAX / 2) return;
    const key = sliceKey(source, index);
    if (this.#slices.has(key) || this.#loads.has(key)) return;
    // The reader will meet the failure again and report it.
    this.#load(source, index).promise.catch(() => undefined);
  }

  forget(source: SliceSource): void {
    this.#drop(source);
    for (const [key, load] of this.#loads) {
      if (load.source !== source) continue;
      load.isForgotten = true;
      this.#loads.delete(key);
    }
  }

  /**
   * Drops the slices of a file that nobody reads any more, and returns their memory at once instead
   * of at V8's next full collection, which an idle thread does not begin. A write that was cut off
   * may still send from a slice: release only what was not read for a while.
   * @returns true if it held any
   */
  release(source: SliceSource): boolean {
    const bytesBefore = this.#cachedBytes;
    for (const slice of this.#drop(source)) if (slice.buffer instanceof ArrayBuffer) slice.buffer.transfer(0);
    return this.#cachedBytes < bytesBefore;
  }

  /** Bytes held or being read now; slices read from disk and found in memory since start. */
  counters(): { readonly cachedBytes: number; readonly slicesRead: number; readonly sliceHits: number } {
    return { cachedBytes: this.#cachedBytes, slicesRead: this.#slicesRead, sliceHits: this.#sliceHits };
  }

  #drop(source: SliceSource): readonly Uint8Array[] {
    const firstKey = sliceKey(source, 0);
    const sliceEntries = [...this.#slices].filter(([key]) => key >= firstKey && key < firstKey + SLICES_PER_FILE_MAX);
    for (const [key, slice] of sliceEntries) {
      this.#slices.delete(key);
      this.#cachedBytes -= slice.length;
    }
    return sliceEntries.map(([, slice]) => slice);
  }

  #await(source: SliceSource, index: number): Promise<Uint8Array> {
    if (this.#waitingReaderCount >= READERS_WAITING_MAX)
      return Promise.reject(new Error(`${READERS_WAITING_MAX} readers already wait for slices of files`));
    const load = this.#load(source, index);
    // A refused slice has no waiting readers.
    if (this.#loads.get(load.key) === load) {
      load.readerCount += 1;
      this.#waitingReaderCount += 1;
    }
    return load.promise;
  }

  #load(source: SliceSource, index: number): Load {
    const key = sliceKey(source, index);
    const pendingLoad = this.#loads.get(key);
    if (pendingLoad !== undefined) return pendingLoad;
    const offset = index * SLICE_BYTES;
    const load: Load = {
      key,
      source,
      offset,
      length: Math.min(SLICE_BYTES, source.sizeBytes - offset),
      readerCount: 0,
      isForgotten: false,
      ...Promise.withResolvers<Uint8Array>(),
    };
    if (this.#waitingLoads.length >= READS_WAITING_MAX) {
      load.reject(new Error(`${READS_WAITING_MAX} slices of files already wait to be read`));
      return load;
    }
    this.#loads.set(key, load);
    this.#waitingLoads.push(load);
    this.#startReads();
    return load;
  }

  #startReads(): void {
    for (let nextLoad = this.#waitingLoads[0]; nextLoad !== undefined; nextLoad = this.#waitingLoads[0]) {
      if (this.#readsInFlight >= READS_IN_FLIGHT_MAX) return;
      this.#evict(nextLoad.length);
      if (this.#cachedBytes + nextLoad.length > this.#bytesMax && this.#readsInFlight > 0) return;
      this.#waitingLoads.shift();
      this.#readsInFlight += 1;
      this.#cachedBytes += nextLoad.length;
      void this.#perform(nextLoad);
    }
  }

  async #perform(load: Load): Promise<void> {
    try {
      const slice = await load.source.readSlice(load.offset, load.length);
      this.#slicesRead += 1;
      this.#finishLoad(load, slice);
      load.resolve(slice);
    } catch (error) {
      this.#finishLoad(load, undefined);
      load.reject(error);
    }
    this.#startReads();
  }

  #finishLoad(load: Load, slice: Uint8Array | undefined): void {
    this.#readsInFlight -= 1;
    this.#waitingReaderCount -= load.readerCount;
    if (!load.isForgotten) this.#loads.delete(load.key);
    if (slice !== undefined && !load.isForgotten && this.#cachedBytes <= this.#bytesMax)
      this.#slices.set(load.key, slice);
    else this.#cachedBytes -= load.length;
  }

  /** Drops those unused for longest, until `length` more bytes fit. */
  #evict(length: number): void {
    for (const [key, slice] of this.#slices) {
      if (this.#cachedBytes + length <= this.#bytesMax) return;
      this.#slices.delete(key);
      this.#cachedBytes -= slice.length;
    }
  }
}

const sliceKey = (source: SliceSource, index: number): number => source.id * SLICES_PER_FILE_MAX + index;
