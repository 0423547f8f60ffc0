// The bytes of a file while it is downloaded, for readers that convert it meanwhile.
//
//   open ─▶ read … read ─▶ verified
//              └──────────────┴─▶ GrowthInterrupted: discard what was made of the bytes; after `restarted` begin again with `open`
//
// 1. A read waits until its bytes are in the part, and gives bytes of one generation of the file only: that of `open`.
// 2. When the file begins again, all reads that wait, and all later ones, reject with `restarted`. So does one that was under way. If the
//    download runs in another thread, its message may come after a read that already found the new bytes; `verified` rejects then.
// 3. When the download fails, is cancelled or ends with its thread, they reject with `ended`. A paused download makes them wait.
// 4. The bytes are not verified. Publish what was made of them only after `verified` has resolved.
// 5. The part is opened once: renaming or removing it does not disturb a reader.

import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { osErrorCode } from '../../errors.ts';
import { viewBytes } from '../../net/borrowed-bytes.ts';
import type { ImageBytes } from '../qcow2/reading.ts';
import { partPath } from './part-record.ts';
import type { Download, DownloadState } from './request.ts';

/** The reason why the bytes of a growing file are of no use. */
export class GrowthInterrupted extends Error {
  /** `restarted`: open it again. `ended`: the download has failed or was cancelled. */
  readonly kind: 'restarted' | 'ended';
  readonly state: DownloadState;

  constructor(kind: 'restarted' | 'ended', state: DownloadState) {
    super(kind === 'restarted' ? 'the file begins again' : `the download is ${state.kind}`);
    this.name = 'GrowthInterrupted';
    this.kind = kind;
    this.state = state;
  }
}

/** A file that grows. */
export class GrowingFile implements ImageBytes {
  /** The size of the whole file. */
  readonly bytes: number;
  readonly #download: Download;
  readonly #generation: number;
  readonly #file: FileHandle;

  private constructor(download: Download, file: FileHandle, generation: number, bytes: number) {
    this.#download = download;
    this.#file = file;
    this.#generation = generation;
    this.bytes = bytes;
  }

  /**
   * Waits until the size of the file is known: at the latest when it is done. Rejects with the system's error if it cannot be opened.
   * @throws GrowthInterrupted `ended`
   */
  static async open(download: Download): Promise<GrowingFile> {
    for (;;) {
      await when(download, () => isOver(download.state) || download.growth.total !== undefined);
      if (isOver(download.state)) throw new GrowthInterrupted('ended', download.state);
      const { generation, total } = download.growth;
      const file = await openPart(download);
      // Since the state was read, the part may have been renamed to its final name, or the file may have begun again.
      if (file !== undefined && total !== undefined && download.growth.generation === generation) {
        return new GrowingFile(download, file, generation, total);
      }
      await file?.close();
      // The caller that ordered the download has already moved or removed the finished file.
      if (file === undefined && download.state.kind === 'done') throw new GrowthInterrupted('ended', download.state);
    }
  }

  /** `length` bytes from `at` on, or as many as the file has there. Rejects with the system's error. @throws GrowthInterrupted */
  async read(at: number, length: number): Promise<Uint8Array> {
    const end = Math.min(at + length, this.bytes);
    await when(this.#download, () => this.#interruption() !== undefined || this.#download.growth.bytes >= end);
    this.#check();
    const buffer = Buffer.allocUnsafeSlow(Math.max(0, end - at));
    let done = 0;
    while (done < buffer.length) {
      const { bytesRead } = await this.#file.read(buffer, done, buffer.length - done, at + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    this.#check();
    return viewBytes(buffer, 0, done);
  }

  /** Resolves when the file that was read has proved to be the right one. @throws GrowthInterrupted */
  async verified(): Promise<void> {
    await when(this.#download, () => this.#interruption() !== undefined || this.#download.state.kind === 'done');
    this.#check();
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  #interruption(): GrowthInterrupted | undefined {
    const { state, growth } = this.#download;
    if (isOver(state)) return new GrowthInterrupted('ended', state);
    return growth.generation === this.#generation ? undefined : new GrowthInterrupted('restarted', state);
  }

  #check(): void {
    const interruption = this.#interruption();
    if (interruption !== undefined) throw interruption;
  }
}

const isOver = ({ kind }: DownloadState): boolean => kind === 'failed' || kind === 'cancelled';

/** Opens the part, or the finished file. @returns undefined if neither is there at the moment */
async function openPart({ request }: Download): Promise<FileHandle | undefined> {
  for (const path of [partPath(request), join(request.directory, request.name)]) {
    try {
      return await open(path, 'r');
    } catch (error) {
      if (osErrorCode(error) !== 'ENOENT') throw error;
    }
  }
  return undefined;
}

/** Waits until something is true of a download. */
function when(download: Download, isTrue: () => boolean): Promise<void> {
  if (isTrue()) return Promise.resolve();
  return new Promise((resolve) => {
    const unwatch = download.watch(() => {
      if (!isTrue()) return;
      unwatch();
      resolve();
    });
  });
}
