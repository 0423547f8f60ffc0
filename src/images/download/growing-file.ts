// Reads a file during its download, so that it can be converted at the same time.
//
//   open ─▶ read … read ─▶ verified
//              └──────────────┴─▶ GrowthInterrupted: discard the results; after `restarted` begin again with `open`
//
// 1. A read waits until its bytes are in the part. It returns only bytes of the generation that `open` found.
// 2. When the file starts over, all waiting, running and later reads reject with `restarted`. If the download runs in another thread, its
//    message may arrive after a read has returned new bytes; then `verified` rejects.
// 3. When the download fails, is cancelled or loses its thread, reads reject with `ended`. While it is paused, they wait.
// 4. The bytes are not verified. Publish nothing made from them before `verified` has resolved.
// 5. The part is opened once: renaming or removing it does not disturb a reader.

import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { osErrorCode } from '../../errors.ts';
import { viewBytes } from '../../net/borrowed-bytes.ts';
import type { ImageBytes } from '../qcow2/reading.ts';
import { partPath } from './part-record.ts';
import type { Download, DownloadState } from './request.ts';

/** Thrown when the bytes read from a growing file are useless. */
export class GrowthInterrupted extends Error {
  /** `restarted`: open it again. `ended`: the download has failed or was cancelled. */
  readonly kind: 'restarted' | 'ended';
  readonly state: DownloadState;

  constructor(kind: 'restarted' | 'ended', state: DownloadState) {
    super(kind === 'restarted' ? 'the download started over' : `the download is ${state.kind}`);
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
   * Waits until the size of the file is known, at the latest until the download is done. Rejects with the system's error if the file cannot
   * be opened.
   * @throws GrowthInterrupted `ended`
   */
  static async open(download: Download): Promise<GrowingFile> {
    for (;;) {
      await when(download, () => isOver(download.state) || download.growth.total !== undefined);
      if (isOver(download.state)) throw new GrowthInterrupted('ended', download.state);
      const { generation, total } = download.growth;
      const file = await openPart(download);
      // Since the state was read, the part may have been renamed to its final name, or the file may have started over.
      if (file !== undefined && total !== undefined && download.growth.generation === generation) {
        return new GrowingFile(download, file, generation, total);
      }
      await file?.close();
      // The caller that ordered the download has already moved or removed the finished file.
      if (file === undefined && download.state.kind === 'done') throw new GrowthInterrupted('ended', download.state);
    }
  }

  /** Reads `length` bytes from `at` on; fewer at the end of the file. Rejects with the system's error. @throws GrowthInterrupted */
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

  /** Resolves when the file that was read has been verified. @throws GrowthInterrupted */
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

/** Opens the part, or the finished file. @returns undefined if neither exists at the moment */
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

/** Waits until a condition on a download holds. */
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
