// Work that is repeated by time.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pause, repeat } from '../../src/ground/clock.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

test('work is repeated until its timer is cancelled, also by itself', () => {
  const clock = new VirtualClock();
  const startMs = clock.now();
  const times: number[] = [];
  const timer = repeat(
    clock,
    100,
    () => {
      times.push(clock.now() - startMs);
      if (times.length === 3) timer.cancel();
    },
    10,
  );
  clock.advance(1000);
  assert.deepEqual([times, clock.pending], [[10, 110, 210], 0]);
});

test('a promise of the work is waited for before the next time, and not if the timer is cancelled meanwhile', async () => {
  const clock = new VirtualClock();
  let begun = 0;
  const timer = repeat(clock, 100, async () => {
    begun += 1;
    await pause(clock, 50);
  });
  await clock.pass(300);
  assert.equal(begun, 2, 'at 100 and 250');
  await clock.pass(110);
  timer.cancel();
  await clock.pass(1000);
  assert.deepEqual([begun, clock.pending], [3, 0]);
});
