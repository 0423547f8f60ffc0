// Writes log lines without ever blocking the loop: a paused reader, a full pipe or a hanging disk
// costs lines instead.
//
// Sources: open(2), write(2) and pipe(7) for O_NONBLOCK; Node's process documentation, "A note on
// process I/O".
//
// 1. At most one system call is in progress in libuv's pool: a hanging write blocks one of its
//    threads and no more.
// 2. Waiting lines never exceed WAITING_BYTES_MAX. Further ones are dropped and counted until the
//    gap is reported, where they are missing.
// 3. A terminal, pipe or FIFO is written without blocking: libuv would wait for a paused reader
//    when the process ends.

import { close, constants, open, openSync, write } from 'node:fs';
import { dirname } from 'node:path';
import { isatty } from 'node:tty';
import { makeDirectories } from '../files/durable-directory.ts';
import { viewBytes } from '../ground/borrowed-bytes.ts';
import { type Clock, sleep, systemClock } from '../ground/clock.ts';
import { osErrorCode } from '../ground/errors.ts';

/** The most bytes that wait for a reader or a disk, including the write in progress. */
const WAITING_BYTES_MAX = 1024 * 1024;
/** After a loss, lines are accepted again once at most this many bytes wait. */
const RESUME_BYTES_MAX = WAITING_BYTES_MAX / 2;
/** How soon a reader that takes nothing is retried, in milliseconds. */
const FULL_RETRY_MS = 50;
/** How soon a file that cannot be written is retried, in milliseconds. */
const FAILED_RETRY_MS = 1000;
/** How long the end of the process waits for remaining lines, in milliseconds. */
const FLUSH_MS_MAX = 1000;
const FLUSH_POLL_MS = 10;

const STANDARD_OUTPUT = 1;
const { O_APPEND, O_CREAT, O_NOCTTY, O_NONBLOCK, O_WRONLY } = constants;
/** With O_NONBLOCK, opening a FIFO without a reader fails immediately instead of blocking. */
const FILE_FLAGS = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY;
const FILE_MODE = 0o644;
const DIRECTORY_MODE = 0o755;

/** The callbacks for problems of writing. */
export interface LogTrouble {
  /** Writing fails; called once until it succeeds again. */
  readonly onFailure: (error: Error) => void;
  /** Lines are accepted again after `missed` were lost. */
  readonly onGap: (missed: number) => void;
  /** The process ends and `bytes` were not written. */
  readonly onUnwritten: (bytes: number) => void;
}

/** Writes to one file, or to standard output. */
export class LogWriter {
  #file: string | undefined;
  readonly #trouble: LogTrouble;
  readonly #clock: Clock = systemClock;
  #descriptor: number;
  #lines: string[] = [];
  #pendingWrite: Uint8Array = new Uint8Array(0);
  #waitingBytes = 0;
  #isBusy = false;
  #isPausing = false;
  #isFailing = false;
  #isReopenDue = false;
  /** An opened descriptor that will replace the one in use. */
  #successor: number | undefined;
  #missedCount = 0;

  /** @param file `undefined` for standard output. @throws the system's error when it cannot be opened */
  constructor(file: string | undefined, trouble: LogTrouble) {
    this.#file = file;
    this.#trouble = trouble;
    this.#descriptor = file === undefined ? openStandardOutput() : openFile(file);
  }

  write(text: string): void {
    const bytes = Buffer.byteLength(text);
    if (this.#missedCount > 0 || this.#waitingBytes + bytes > WAITING_BYTES_MAX) {
      this.#missedCount += 1;
      this.#reportGap();
      return;
    }
    this.#lines.push(text);
    this.#waitingBytes += bytes;
    this.#writeNext();
  }

  /** Reopens the file by its name; does nothing for standard output. */
  reopen(): void {
    if (this.#file === undefined) return;
    this.#isReopenDue = true;
    this.#writeNext();
  }

  /**
   * Writes to another file from now on, including waiting lines; `undefined` for standard output.
   * @throws the system's error when it cannot be opened; the former file then stays in use
   */
  async moveTo(file: string | undefined): Promise<void> {
    if (file === this.#file) return;
    const successor = file === undefined ? openStandardOutput() : await openFileSoon(file);
    if (this.#successor !== undefined) close(this.#successor, () => undefined);
    this.#file = file;
    this.#successor = successor;
    this.#isReopenDue = false;
    this.#writeNext();
  }

  /** Calls `done` when everything is written, when writing fails, or after FLUSH_MS_MAX. */
  flush(done: () => void): void {
    void this.#drain().then(done);
  }

  async #drain(): Promise<void> {
    const deadline = this.#clock.now() + FLUSH_MS_MAX;
    const isWaiting = (): boolean => this.#waitingBytes > 0 || this.#isBusy;
    while (isWaiting() && !this.#isFailing && this.#clock.now() < deadline) await sleep(FLUSH_POLL_MS);
    if (isWaiting() && !this.#isFailing) this.#trouble.onUnwritten(this.#waitingBytes);
  }

  #writeNext(): void {
    if (this.#isBusy || this.#isPausing) return;
    this.#takeSuccessor();
    if (this.#isReopenDue && this.#file !== undefined) {
      this.#reopenFile(this.#file);
      return;
    }
    if (this.#pendingWrite.length === 0) {
      if (this.#lines.length === 0) return;
      this.#pendingWrite = Buffer.from(this.#lines.join(''));
      this.#lines = [];
    }
    this.#isBusy = true;
    write(this.#descriptor, this.#pendingWrite, (error, written) => {
      this.#isBusy = false;
      if (error !== null) this.#handleFailure(error);
      else if (written === 0) this.#pause(FULL_RETRY_MS);
      else this.#handleWritten(written);
    });
  }

  #handleWritten(bytes: number): void {
    this.#pendingWrite = viewBytes(this.#pendingWrite, bytes);
    this.#waitingBytes -= bytes;
    if (this.#pendingWrite.length === 0) this.#isFailing = false;
    this.#reportGap();
    this.#writeNext();
  }

  #handleFailure(error: Error): void {
    if (osErrorCode(error) === 'EAGAIN') {
      this.#pause(FULL_RETRY_MS);
      return;
    }
    this.#pause(FAILED_RETRY_MS);
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#trouble.onFailure(error);
  }

  #pause(ms: number): void {
    this.#isPausing = true;
    this.#clock.schedule(ms, () => {
      this.#isPausing = false;
      this.#writeNext();
    });
  }

  #reportGap(): void {
    if (this.#missedCount === 0 || this.#waitingBytes > RESUME_BYTES_MAX) return;
    const missed = this.#missedCount;
    this.#missedCount = 0;
    this.#trouble.onGap(missed);
  }

  #takeSuccessor(): void {
    if (this.#successor === undefined) return;
    const formerDescriptor = this.#descriptor;
    this.#descriptor = this.#successor;
    this.#successor = undefined;
    // Standard output belongs to the process, so it stays open.
    if (formerDescriptor !== STANDARD_OUTPUT) close(formerDescriptor, () => undefined);
  }

  /** The next write uses the new descriptor, whatever the system does with the old one. */
  #reopenFile(file: string): void {
    this.#isReopenDue = false;
    this.#isBusy = true;
    open(file, FILE_FLAGS, FILE_MODE, (error, descriptor) => {
      this.#isBusy = false;
      if (error !== null) {
        this.#handleFailure(error);
        return;
      }
      close(this.#descriptor, () => undefined);
      this.#descriptor = descriptor;
      this.#writeNext();
    });
  }
}

function openFile(file: string): number {
  makeDirectories(dirname(file), DIRECTORY_MODE);
  return openSync(file, FILE_FLAGS, FILE_MODE);
}

/** Like `openFile`, without blocking the loop. */
function openFileSoon(file: string): Promise<number> {
  makeDirectories(dirname(file), DIRECTORY_MODE);
  return new Promise((resolve, reject) => {
    open(file, FILE_FLAGS, FILE_MODE, (error, descriptor) => (error === null ? resolve(descriptor) : reject(error)));
  });
}

/** A descriptor of standard output that does not block where it is a terminal, a pipe or a socket. */
function openStandardOutput(): number {
  if (!isatty(STANDARD_OUTPUT)) {
    // Node makes a pipe or a socket non-blocking when it creates its stream; nothing is written to
    // that stream here.
    void process.stdout;
    return STANDARD_OUTPUT;
  }
  try {
    // Open it separately: a shell shares the existing descriptor, whose mode must not change.
    return openSync('/dev/stdout', O_WRONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    // The terminal belongs to another user. If it is paused, it delays the end of the process, but
    // not the rack.
    return STANDARD_OUTPUT;
  }
}
