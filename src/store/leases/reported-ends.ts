// Stores up to when lease ends have been reported, in a small file next to leases.db. The next
// start reports leases that ended while the rack did not run.
//
//   note ┄ REPORTED_ENDS_WRITE_MS ┄ write ─ noted meanwhile? ┄ REPORTED_ENDS_WRITE_MS ┄ write …
//
// 1. The file is written after the report. Ends of the last second before a kill or power loss are
//    reported twice; none is missed.
// 2. If the file is missing or damaged, leases that ended before the start are not reported.
// 3. The time is stored on the same clocks as leases, so that the two compare across restarts,
//    reboots and clock steps.

import { join } from 'node:path';
import { z } from 'zod';
import type { StoredMoment } from '../../dhcp/leases/lease-clock.ts';
import { replaceFile } from '../../files/new-file.ts';
import { readStateText } from '../../files/regular-file.ts';
import type { Clock, Instant, Timer } from '../../ground/clock.ts';
import { errorText } from '../../ground/errors.ts';
import type { RackNote } from '../../region/reports/notes.ts';
import { readHostMoment } from './host-clocks.ts';

export const REPORTED_ENDS_FILE = 'lease-ends.json';
/** The delay between a note and its write, in milliseconds. */
export const REPORTED_ENDS_WRITE_MS = 1000;

const endsShape = z.object({
  version: z.literal(1),
  wallMs: z.number(),
  bootId: z.string(),
  uptimeS: z.number().min(0),
});

/** `undefined` if none is known. */
export function readReportedEnds(stateDir: string): StoredMoment | undefined {
  const path = join(stateDir, REPORTED_ENDS_FILE);
  try {
    const { wallMs, bootId, uptimeS } = endsShape.parse(JSON.parse(readStateText(path)));
    return { wallMs, bootId, uptimeS };
  } catch {
    return undefined;
  }
}

/** Writes the file, in the background. */
export class ReportedEnds {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #onProblem: (note: RackNote) => void;
  #reportedUntil: Instant | undefined;
  #timer: Timer | undefined;
  #pendingWrite: Promise<void> = Promise.resolve();
  #hasFailed = false;

  constructor(stateDir: string, clock: Clock, onProblem: (note: RackNote) => void) {
    this.#path = join(stateDir, REPORTED_ENDS_FILE);
    this.#clock = clock;
    this.#onProblem = onProblem;
  }

  /** Every lease that ended before `until` has been reported. */
  note(until: Instant): void {
    this.#reportedUntil = until;
    this.#timer ??= this.#clock.schedule(REPORTED_ENDS_WRITE_MS, () => this.#write());
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    this.#write();
    await this.#pendingWrite;
  }

  #write(): void {
    this.#timer = undefined;
    const until = this.#reportedUntil;
    if (until === undefined) return;
    this.#reportedUntil = undefined;
    const moment = readHostMoment(this.#clock);
    const agoMs = moment.now - until;
    const { bootId } = moment;
    const uptimeS = Math.max(0, moment.uptimeS - agoMs / 1000);
    const text = JSON.stringify({ version: 1, wallMs: moment.wallMs - agoMs, bootId, uptimeS });
    this.#pendingWrite = this.#pendingWrite.then(() => this.#replace(text));
  }

  async #replace(text: string): Promise<void> {
    try {
      await replaceFile(this.#path, `${this.#path}.part`, () => text);
      this.#hasFailed = false;
    } catch (error) {
      if (!this.#hasFailed) this.#onProblem({ note: 'ends-unwritten', file: this.#path, reason: errorText(error) });
      this.#hasFailed = true;
    }
  }
}
