// The cached desired state is written at once, but not all the time.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_DESIRED_STATE } from '../../src/machines/machine.ts';
import { DesiredStateKeeper } from '../../src/uplink/desired-state-keeper.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** A keeper whose writes take a given time, and what it has written. */
function place(writeMs: number) {
  const clock = new VirtualClock();
  const written: number[] = [];
  const keeper = new DesiredStateKeeper(clock, ({ version }) => {
    written.push(version);
    clock.advance(writeMs);
  });
  const keep = (version: number): void => keeper.keep({ ...EMPTY_DESIRED_STATE, version });
  return { clock, written, keeper, keep };
}

test('the first state is written at once, then the newest after a pause of 20 times the writing, and the last at the end', () => {
  const { clock, written, keeper, keep } = place(10);
  keep(1);
  assert.deepEqual(written, [1]);
  keep(2);
  keep(3);
  clock.advance(199);
  assert.deepEqual(written, [1]);
  clock.advance(1);
  assert.deepEqual(written, [1, 3]);
  keep(4);
  keeper.close();
  assert.deepEqual(written, [1, 3, 4]);
  assert.equal(clock.pending, 0);
});

test('a stalled write is followed by a short pause all the same', () => {
  const { clock, written, keeper, keep } = place(30_000);
  keep(1);
  keep(2);
  clock.advance(5000);
  assert.deepEqual(written, [1, 2]);
  keeper.close();
});

test('a state that is kept after the pause is written at once', () => {
  const { clock, written, keeper, keep } = place(10);
  keep(1);
  clock.advance(200);
  keep(2);
  assert.deepEqual(written, [1, 2]);
  keeper.close();
});
