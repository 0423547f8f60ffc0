// The part of a file that has arrived, hashed while it grows, and renamed to NAME when verified.
//
//   NAME-BYTES.part         the first bytes of the file; NAME.part if its size is unknown
//   NAME-BYTES.part.json    the file that they belong to; `.new` while it is written
//
//   open ─▶ rehash (an earlier run's part) ─▶ begin (a new file) ─▶ append … ─▶ digest ─▶ publish
//
// 1. The record is written before the first byte of its part. A part is continued only if the
//    request states the same digest and size.
// 2. The size is in the name, so that sources that state different sizes for the same digest do not
//    share a part.
// 3. After a crash of the host, a part may end in zeroes. Its digest is then wrong, and the file is
//    fetched again.
// 4. Only `publish` creates NAME, after all bytes are on disk.

import { createHash, type Hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { constants, type FileHandle, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { replaceFile } from '../../files/new-file.ts';
import { errorText, osErrorCode, RackError } from '../../ground/errors.ts';
import { parseJson } from '../../ground/fields.ts';
import { hashFile, hashInto } from '../store/file-hash.ts';
import { syncDirectory } from '../store/publication.ts';
import { type KeptFile, keptFileShape } from './range-answer.ts';
import type { DownloadRequest } from './request.ts';

/** The file of a part, with the configured URL of its last bytes. */
const recordShape = z.object({ file: keptFileShape, source: z.string() });

export const getPartPath = ({ directory, name, bytes }: DownloadRequest): string =>
  join(directory, `${name}${bytes === undefined ? '' : `-${bytes}`}.part`);

export const listPartFiles = (request: DownloadRequest): readonly [part: string, record: string, fresh: string] => {
  const part = getPartPath(request);
  return [part, `${part}.json`, `${part}.json.new`];
};

const formatExpectedContent = ({ bytes, digest }: DownloadRequest): string =>
  `${bytes ?? ''} ${digest.algorithm}:${digest.hex}`;

export class PartFile {
  readonly #request: DownloadRequest;
  readonly #file: FileHandle;
  #record: z.output<typeof recordShape> | undefined;
  #hash: Hash;
  #bytes = 0;

  private constructor(request: DownloadRequest, file: FileHandle) {
    this.#request = request;
    this.#file = file;
    this.#hash = createHash(request.digest.algorithm);
  }

  /** Opens a part. Call `rehash` next. Rejects with the system's error. */
  static async open(request: DownloadRequest): Promise<PartFile> {
    const file = await open(getPartPath(request), constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o644);
    try {
      const stats = await file.stat();
      const part = new PartFile(request, file);
      const record = readRecord(request);
      if (record !== undefined && stats.size <= (record.file.total ?? stats.size)) {
        part.#bytes = stats.size;
        part.#record = record;
      }
      await file.truncate(part.#bytes);
      return part;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The file that the kept bytes belong to. Undefined if none are kept. */
  get kept(): KeptFile | undefined {
    return this.#record?.file;
  }

  /** The configured URL of the last bytes. Undefined if none are kept. */
  get source(): string | undefined {
    return this.#record?.source;
  }

  /** Hashes the kept bytes. Rejects with the system's error, or the error of `onProgress`. */
  rehash(onProgress: (bytes: number) => void): Promise<void> {
    return hashInto(this.#hash, this.#file, onProgress);
  }

  /**
   * Records the file that the next bytes belong to, even if they come from another server. Rejects
   * with the system's error.
   */
  async begin(file: KeptFile, source: string): Promise<void> {
    if (JSON.stringify(this.#record) === JSON.stringify({ file, source })) return;
    this.#record = { file, source };
    const [, path, newPath] = listPartFiles(this.#request);
    const text = JSON.stringify(
      { schema: 1, wanted: formatExpectedContent(this.#request), ...this.#record },
      undefined,
      2,
    );
    // A fixed name is safe, because only one process writes here.
    await replaceFile(path, newPath, () => `${text}\n`, 0o644);
    await syncDirectory(this.#request.directory);
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, this.#bytes);
      done += bytesWritten;
      this.#bytes += bytesWritten;
    }
  }

  digest(): string {
    return this.#hash.copy().digest('hex');
  }

  async drop(): Promise<void> {
    this.#bytes = 0;
    this.#hash = createHash(this.#request.digest.algorithm);
    // Emptied before the next record is written. Otherwise a process killed in between would
    // continue one file with bytes of another.
    this.#record = undefined;
    await this.#file.truncate(0);
  }

  /** Syncs the part and renames it to NAME. Rejects with the system's error. */
  async publish(): Promise<void> {
    const { directory, name } = this.#request;
    const [part, record] = listPartFiles(this.#request);
    await this.#file.chmod(0o644);
    await this.#file.sync();
    await rename(part, join(directory, name));
    await syncDirectory(directory);
    await rm(record, { force: true });
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

function readRecord(request: DownloadRequest): z.output<typeof recordShape> | undefined {
  let text: string;
  try {
    text = readFileSync(listPartFiles(request)[1], 'utf8');
  } catch (error) {
    if (osErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  return recordShape.extend({ wanted: z.literal(formatExpectedContent(request)) }).safeParse(parseJson(text)).data;
}

/**
 * Finds the size of a file that an earlier run published before it was killed. Undefined if there
 * is none.
 */
export async function findFinishedBytes({
  directory,
  name,
  digest,
  bytes,
}: DownloadRequest): Promise<number | undefined> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(join(directory, name), flags).catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const { size, ...stats } = await file.stat();
    if ((stats.mode & constants.S_IFMT) !== constants.S_IFREG || (bytes ?? size) !== size) return undefined;
    return (await hashFile(file, undefined, digest.algorithm)) === digest.hex ? size : undefined;
  } finally {
    await file.close();
  }
}

/** Removes the part and the finished file, if they exist. @throws RackError `store-unwritable` */
export const removeDownload = (request: DownloadRequest): Promise<void> =>
  removeFiles([...listPartFiles(request), join(request.directory, request.name)]);

/** Removes these files, if they exist. @throws RackError `store-unwritable` */
export async function removeFiles(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    try {
      await rm(path, { force: true });
    } catch (cause) {
      const code = osErrorCode(cause) ?? errorText(cause);
      const remedy = 'check the permissions of its directory';
      throw new RackError('store-unwritable', `${path} cannot be removed (${code}): ${remedy}`, { cause });
    }
  }
}
