// The part of a file that has arrived: NAME-BYTES.part, hashed while it grows, and renamed to NAME once it is verified.
//
//   open ─▶ rehash (an earlier run's part) ─▶ begin (a new file) ─▶ append … flush ─▶ digest ─▶ publish
//                                                 ▲                    │
//                                                 └── drop ◀───────────┘
//
// 1. The hash covers exactly the bytes appended so far. After a failed write the file lacks some of them, so the part must be opened again.
// 2. Bytes are collected in memory and written in batches (write-batches.ts), while the next ones arrive. At most HELD_BYTES_MAX and one read
//    are waiting or being written, so a killed process loses no more than that. `flush` writes the rest; call it at the end of each attempt.
// 3. Only `publish` creates NAME, after its bytes are on disk.
// 4. Every CHECKPOINT_MS, and whenever CHECKPOINT_BYTES are written, the part is synced to disk and recorded, while the download continues. A
//    crash of the host loses at most the bytes that arrived since then. Checkpoints of several parts wait for one another.

import { createHash, type Hash } from 'node:crypto';
import { constants, type FileHandle, lstat, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, type Instant, later, readBootId } from '../../clock.ts';
import { UnfitFile } from '../../files/regular-file.ts';
import { viewBytes } from '../../net/borrowed-bytes.ts';
import { syncDirectory } from '../publication.ts';
import type { BodySink, SinkListener } from './body.ts';
import type { Digest } from './digest.ts';
import { adoptOldPart, type PartRecord, partPath, readRecord, recordPath, writeRecord } from './part-record.ts';
import type { KeptFile } from './range-answer.ts';
import type { DownloadRequest, Growth } from './request.ts';
import { BATCH_BYTES, WriteBatches } from './write-batches.ts';

/** The bytes held in memory. At this bound, reading pauses until some are written. */
const HELD_BYTES_MAX = 1024 * 1024;
const CHECKPOINT_MS = 30_000;
/** The disk works while bytes arrive, so that the last sync is short, and the syncs of others on this disk wait for few bytes. */
const CHECKPOINT_BYTES = 64 * 1024 * 1024;
/** The bytes of one read for a hash. */
const READ_BYTES = 1024 * 1024;

/** True during a checkpoint. One at a time: each occupies one of the few threads of Node's pool, which also reads the files that are served. */
let isCheckpointing = false;

/** An open part. */
export class PartFile implements BodySink {
  readonly #request: DownloadRequest;
  readonly #file: FileHandle;
  readonly #clock: Clock;
  #listener: SinkListener | undefined;
  #record: PartRecord | undefined;
  #hash: Hash;
  #generation: number;
  #appended = 0;
  #written = 0;
  readonly #waiting = new WriteBatches();
  #writing: Promise<void> | undefined;
  #checkpoint: Promise<void> | undefined;
  #checkpointAt: Instant;
  #failure: { readonly error: unknown } | undefined;

  private constructor(request: DownloadRequest, file: FileHandle, clock: Clock, generation: number) {
    this.#request = request;
    this.#file = file;
    this.#clock = clock;
    this.#generation = generation;
    this.#checkpointAt = later(clock.now(), CHECKPOINT_MS);
    this.#hash = this.#newHash();
  }

  /**
   * Opens the part of an earlier run, or a new one. Call `rehash` next. Rejects with UnfitFile, or the system's error.
   * @param generation the generation of its first bytes
   */
  static async open(request: DownloadRequest, clock: Clock, generation: number): Promise<PartFile> {
    await adoptOldPart(request);
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
    const file = await open(partPath(request), flags, 0o644);
    try {
      const part = new PartFile(request, file, clock, generation);
      const record = readRecord(request);
      const facts = await file.stat();
      if (!facts.isFile()) throw new UnfitFile('it is not a file');
      const { size } = facts;
      const kept =
        record === undefined ? 0 : record.bootId === readBootId() ? size : Math.min(size, record.syncedBytes);
      const known = record?.file.total;
      part.#appended = known !== undefined && kept > known ? 0 : kept;
      part.#written = part.#appended;
      await file.truncate(part.#appended);
      if (part.#appended > 0) part.#record = record;
      return part;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** How many bytes of the file this host has. */
  get bytes(): number {
    return this.#appended;
  }

  /** The file to which the kept bytes belong; undefined: none are kept. */
  get kept(): KeptFile | undefined {
    return this.#record?.file;
  }

  /** The URL, as configured, from which the last bytes came; undefined: none are kept. */
  get source(): string | undefined {
    return this.#record?.source;
  }

  get growth(): Growth {
    return { generation: this.#generation, bytes: this.#written, total: this.#record?.file.total };
  }

  /** True while further bytes should wait for `onDrain`. */
  get isFull(): boolean {
    return this.#appended - this.#written >= HELD_BYTES_MAX;
  }

  /** After `onFailure` the part can only be closed. */
  listen(listener: SinkListener | undefined): void {
    this.#listener = listener;
  }

  /** Hashes the kept bytes. Rejects with the system's error. @returns false if the signal came first */
  async rehash(signal: AbortSignal, onProgress: (bytes: number) => void): Promise<boolean> {
    this.#hash = this.#newHash();
    return hashFile(this.#file, this.#appended, this.#hash, signal, onProgress);
  }

  /** Begins the file, from its first byte. Rejects with the system's error. */
  async begin(file: KeptFile, source: string): Promise<void> {
    // Readers that know another total must start over, too.
    const isOther = this.#record !== undefined && this.#record.file.total !== file.total;
    if (this.#appended > 0 || isOther) await this.drop();
    await this.recordFile(file, source);
  }

  /** Records that the next bytes belong to this file, even if another server sends them. Rejects with the system's error. */
  async recordFile(file: KeptFile, source: string): Promise<void> {
    await this.#checkpoint;
    const known = this.#record;
    if (known !== undefined && known.source === source && isSameFile(known.file, file)) return;
    this.#record = { file, source, bootId: readBootId(), syncedBytes: known?.syncedBytes ?? 0 };
    await writeRecord(this.#request, this.#record);
  }

  append(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.#waiting.append(bytes);
    this.#appended += bytes.length;
    if (this.#waiting.bytes >= BATCH_BYTES) this.store();
  }

  /** Writes the appended bytes that still wait. Rejects with the system's error. */
  async flush(): Promise<void> {
    while (this.#failure === undefined && (this.#waiting.bytes > 0 || this.#writing !== undefined)) {
      this.store();
      await this.#writing;
    }
    await this.#checkpoint;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** The digest of the appended bytes. */
  digest(): Digest {
    const algorithm = this.#request.digest?.algorithm ?? 'sha256';
    return { algorithm, hex: this.#hash.copy().digest('hex') };
  }

  /** Discards the bytes. The next ones belong to a file that starts over. Rejects with the system's error. */
  async drop(): Promise<void> {
    await this.flush();
    this.#generation += 1;
    this.#appended = 0;
    this.#written = 0;
    this.#hash = this.#newHash();
    // Empty the file before the next record is written. Otherwise a process killed in between would continue one file with another.
    this.#record = undefined;
    await this.#file.truncate(0);
  }

  /** Syncs the file to disk, renames it, and closes the part. Rejects with UnfitFile if the part is another file now, or the system's error. */
  async publish(): Promise<void> {
    await this.flush();
    const { directory, name } = this.#request;
    await this.#file.chmod(0o644);
    await this.#file.sync();
    await this.#checkFile();
    await this.close();
    await rename(partPath(this.#request), join(directory, name));
    await syncDirectory(directory);
    await rm(recordPath(this.#request), { force: true });
  }

  async close(): Promise<void> {
    this.#listener = undefined;
    await this.#writing;
    await this.#checkpoint;
    await this.#file.close();
  }

  /** The hash is that of the appended bytes. Nobody else may have cut or replaced the file meanwhile. */
  async #checkFile(): Promise<void> {
    const path = partPath(this.#request);
    const [own, found] = [await this.#file.stat(), await lstat(path)];
    if (own.size === this.#appended && own.ino === found.ino && own.dev === found.dev) return;
    throw new UnfitFile('something else has changed it during the download');
  }

  #newHash(): Hash {
    return createHash(this.#request.digest?.algorithm ?? 'sha256');
  }

  store(): void {
    if (this.#writing !== undefined || this.#waiting.bytes === 0 || this.#failure !== undefined) return;
    const batches = this.#waiting.take();
    this.#writing = writeAll(this.#file, batches, this.#written).then(
      (bytes) => {
        this.#waiting.giveBack(batches);
        this.#wrote(bytes);
      },
      (error: unknown) => this.#fail(error),
    );
  }

  #wrote(bytes: number): void {
    const wasFull = this.isFull;
    this.#writing = undefined;
    this.#written += bytes;
    this.#listener?.onGrown(bytes);
    if (this.#waiting.bytes >= BATCH_BYTES) this.store();
    if (wasFull && !this.isFull) this.#listener?.onDrain();
    const unsyncedBytes = this.#written - (this.#record?.syncedBytes ?? 0);
    if (unsyncedBytes >= CHECKPOINT_BYTES || this.#checkpointAt <= this.#clock.now()) this.#startCheckpoint();
  }

  #startCheckpoint(): void {
    if (isCheckpointing || this.#record === undefined) return;
    isCheckpointing = true;
    const record: PartRecord = { ...this.#record, syncedBytes: this.#written };
    const store = async (): Promise<void> => {
      await this.#file.datasync();
      await writeRecord(this.#request, record);
      this.#record = record;
    };
    this.#checkpoint = store()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        isCheckpointing = false;
        this.#checkpoint = undefined;
        this.#checkpointAt = later(this.#clock.now(), CHECKPOINT_MS);
      });
  }

  #fail(error: unknown): void {
    this.#writing = undefined;
    this.#failure ??= { error };
    this.#listener?.onFailure(error);
  }
}

const isSameFile = (one: KeptFile, other: KeptFile): boolean =>
  one.place === other.place &&
  one.total === other.total &&
  one.validator?.kind === other.validator?.kind &&
  one.validator?.value === other.validator?.value;

/** Writes a whole batch. @returns its length */
async function writeAll(file: FileHandle, batch: readonly Uint8Array[], at: number): Promise<number> {
  const length = batch.reduce((sum, bytes) => sum + bytes.length, 0);
  const { bytesWritten } = await file.writev(batch, at);
  let done = bytesWritten;
  if (done === length) return length;
  // Short writes are rare. Most mean a full disk, which the next write reports.
  const whole = Buffer.concat(batch);
  while (done < length) done += (await file.write(whole, done, length - done, at + done)).bytesWritten;
  return length;
}

/** Adds the first bytes of a file to a hash. @returns false if the signal came first, or the file is shorter */
async function hashFile(
  file: FileHandle,
  length: number,
  hash: Hash,
  signal: AbortSignal,
  onProgress: (bytes: number) => void,
): Promise<boolean> {
  // Two buffers: one is hashed while the other is filled.
  const buffers = [Buffer.allocUnsafe(READ_BYTES), Buffer.allocUnsafe(READ_BYTES)] as const;
  const read = (at: number, buffer: Buffer): Promise<{ readonly bytesRead: number }> =>
    file.read(buffer, 0, Math.min(READ_BYTES, length - at), at);
  let [current, spare] = buffers;
  let reading = read(0, current);
  for (let at = 0; at < length; ) {
    const { bytesRead } = await reading;
    if (bytesRead === 0 || signal.aborted) return false;
    at += bytesRead;
    reading = read(at, spare);
    hash.update(viewBytes(current, 0, bytesRead));
    onProgress(at);
    [current, spare] = [spare, current];
  }
  await reading;
  return true;
}

/**
 * The digest of the file under its final name. Rejects with the system's error.
 * @returns undefined if no file of the right size exists, the request has no digest, or the signal came first
 */
export async function digestOfFinished(
  request: DownloadRequest,
  signal: AbortSignal,
): Promise<{ bytes: number; digest: Digest } | undefined> {
  const { directory, name, digest } = request;
  if (digest === undefined) return undefined;
  let file: FileHandle;
  try {
    file = await open(join(directory, name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  try {
    const facts = await file.stat();
    if (!facts.isFile() || (request.bytes !== undefined && facts.size !== request.bytes)) return undefined;
    const hash = createHash(digest.algorithm);
    if (!(await hashFile(file, facts.size, hash, signal, () => undefined))) return undefined;
    return { bytes: facts.size, digest: { algorithm: digest.algorithm, hex: hash.digest('hex') } };
  } finally {
    await file.close();
  }
}
