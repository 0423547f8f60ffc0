// The last attempts of one download: when each began, what it added to the file, and why it ended.

import type { Clock, Instant } from '../../clock.ts';
import type { AttemptFault } from './fault.ts';
import { ATTEMPTS_KEPT_MAX } from './fault-words.ts';
import type { PartFile } from './part-file.ts';
import type { Attempt, Growth } from './request.ts';
import type { Source } from './source-plan.ts';
import { shownUrl } from './web-client.ts';

/** An attempt that has begun. */
export interface BegunAttempt extends Source {
  readonly at: Instant;
  /** The growth of the file before the attempt. */
  readonly growth: Growth;
}

/** The attempts of one download. */
export class AttemptLog {
  readonly #clock: Clock;
  readonly #kept: Attempt[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The last attempts, the oldest first. */
  get kept(): readonly Attempt[] {
    return this.#kept;
  }

  /** Why the last attempt ended; undefined if it completed the file, or there was none. */
  get lastFault(): AttemptFault | undefined {
    return this.#kept.at(-1)?.fault;
  }

  /** An attempt that begins now. */
  begin(url: URL, { growth }: PartFile): BegunAttempt {
    return { url, at: this.#clock.now(), growth };
  }

  /** Remembers an attempt that ends now. @param fault undefined: it completed the file */
  end({ url, at, growth }: BegunAttempt, part: PartFile, fault: AttemptFault | undefined): void {
    const before = part.growth.generation === growth.generation ? growth.bytes : 0;
    const ms = this.#clock.now() - at;
    this.#kept.push({ url: shownUrl(url), at, ms, bytes: part.bytes - before, fault });
    if (this.#kept.length > ATTEMPTS_KEPT_MAX) this.#kept.shift();
  }
}
