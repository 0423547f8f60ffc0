// Waits for a condition.

import assert from 'node:assert/strict';
import { sleep, systemClock } from '../../src/ground/clock.ts';

/** The pause between two looks: this part of the time that was waited so far, within these bounds. A look may cost milliseconds of a processor. */
const PAUSE_SHARE = 1 / 40;
const PAUSE_MS_MIN = 20;
const PAUSE_MS_MAX = 200;

/** A host that is busy with other things may take this many times as long as one that is not. */
const PATIENCE = 4;

/** Waits until `condition` returns a value; fails with `what` when it has not after several times `limitMs`, the time that an idle host may take. */
export async function eventuallyWithin<T>(
  limitMs: number,
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const begun = systemClock.now();
  for (;;) {
    const found = await condition();
    if (found !== undefined && found !== false) return found;
    const waitedMs = systemClock.now() - begun;
    if (waitedMs > PATIENCE * limitMs) assert.fail(`not within ${PATIENCE * limitMs} ms: ${what}`);
    await sleep(Math.min(PAUSE_MS_MAX, Math.max(PAUSE_MS_MIN, waitedMs * PAUSE_SHARE)));
  }
}
