// Until when the ends of leases were told, in a small file beside leases.db: what ended while no rack ran is told at its next start.
//
//   note ┄ WRITE_MS ┄ write ─ noted meanwhile? ┄ WRITE_MS ┄ write …
//
// 1. It is written after the telling. What was told in the last second before a kill or a loss of power is told again; nothing is
//    left out.
// 2. A file that is missing or damaged tells nothing: then what ended before the start is not told.
// 3. The moment is written on the clocks of leases, so that the two compare over restarts, reboots and steps of the clock.

import { constants } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Clock, Instant, Timer } from '../clock.ts';
import type { StoredMoment } from '../dhcp/leases/lease-clock.ts';
import { errorText, osErrorCode } from '../errors.ts';
import { readRegularFile } from '../files/regular-file.ts';
import { readHostMoment } from './host-clocks.ts';

/** The file's name in the state directory. */
export const TOLD_ENDS_FILE = 'lease-ends.json';
/** How long after a note it is written, in milliseconds: many ends share one write. */
export const TOLD_ENDS_WRITE_MS = 1000;

const FILE_BYTES_MAX = 4096;
/** A FIFO in the place of the part is refused at once instead of being waited for. */
const PART_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NONBLOCK;

const shape = z.object({ version: z.literal(1), wallMs: z.number(), bootId: z.string(), uptimeS: z.number().min(0) });

/** What was written last; undefined: nothing that can be read, which is told to `onProblem` where it is not simply missing. */
export function readToldEnds(stateDir: string, onProblem: (text: string) => void): StoredMoment | undefined {
  const path = join(stateDir, TOLD_ENDS_FILE);
  try {
    const { wallMs, bootId, uptimeS } = shape.parse(JSON.parse(readRegularFile(path, FILE_BYTES_MAX)));
    return { wallMs, bootId, uptimeS };
  } catch (error) {
    if (osErrorCode(error) !== 'ENOENT')
      onProblem(`${path}: ${errorText(error)}; leases that ended meanwhile are not told`);
    return undefined;
  }
}

/** Writes the file. */
export class ToldEnds {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #onProblem: (text: string) => void;
  #until: Instant | undefined;
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();
  #hasFailed = false;

  constructor(stateDir: string, clock: Clock, onProblem: (text: string) => void) {
    this.#path = join(stateDir, TOLD_ENDS_FILE);
    this.#clock = clock;
    this.#onProblem = onProblem;
  }

  /** Every lease that ended until then was told of. */
  note(until: Instant): void {
    this.#until = until;
    this.#timer ??= this.#clock.schedule(TOLD_ENDS_WRITE_MS, () => this.#write());
  }

  /** Writes what was noted, and ends. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    this.#write();
    await this.#writing;
  }

  #write(): void {
    this.#timer = undefined;
    const until = this.#until;
    if (until === undefined) return;
    this.#until = undefined;
    const moment = readHostMoment(this.#clock);
    const agoMs = moment.now - until;
    const { bootId } = moment;
    const uptimeS = Math.max(0, moment.uptimeS - agoMs / 1000);
    const text = JSON.stringify({ version: 1, wallMs: moment.wallMs - agoMs, bootId, uptimeS });
    this.#writing = this.#writing.then(() => this.#replace(text));
  }

  async #replace(text: string): Promise<void> {
    try {
      const part = await open(`${this.#path}.part`, PART_FLAGS, 0o600);
      try {
        await part.writeFile(text);
        await part.sync();
      } finally {
        await part.close();
      }
      await rename(`${this.#path}.part`, this.#path);
      this.#hasFailed = false;
    } catch (error) {
      if (!this.#hasFailed) this.#onProblem(`${this.#path}: ${errorText(error)}; ends of leases may be told twice`);
      this.#hasFailed = true;
    }
  }
}
