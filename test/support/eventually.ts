// Waits for a condition.

import assert from 'node:assert/strict';
import { sleep, systemClock } from '../../src/clock.ts';

/** Waits until `condition` returns a value; fails after `limitMs` with `what`. */
export async function eventuallyWithin<T>(
  limitMs: number,
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const end = systemClock.now() + limitMs;
  for (;;) {
    const found = await condition();
    if (found !== undefined && found !== false) return found;
    if (systemClock.now() > end) assert.fail(`not within ${limitMs} ms: ${what}`);
    await sleep(20);
  }
}
