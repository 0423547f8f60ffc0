// Runs that callers share: each caller gets one that begins after its call, and a caller that must not wait for others gets its own.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LatestRun } from '../../../src/region/shares/latest-run.ts';

/** Work that ends when the test says so. */
function slowWork() {
  const ends: (() => void)[] = [];
  const work = (): Promise<void> => new Promise((resolve) => void ends.push(resolve));
  return { work, ends };
}

test('callers at the same time share the run that begins after the one under way', async () => {
  const { work, ends } = slowWork();
  const runs = new LatestRun(work);
  const first = runs.run();
  await Promise.resolve();
  await new Promise(setImmediate);
  const both = [runs.run(), runs.run()];
  assert.equal(ends.length, 1);
  ends[0]?.();
  await first;
  await new Promise(setImmediate);
  assert.equal(ends.length, 2);
  ends[1]?.();
  await Promise.all(both);
});
