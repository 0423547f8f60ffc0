// The cached desired state is written at once, but not all the time.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_DESIRED_STATE } from '../../src/machines/machine.ts';
import { DesiredStateKeeper } from '../../src/uplink/desired-state-keeper.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

test('the first state is written at once, then the newest after a pause of 20 times the writing, and the last at the end', () => {
  const clock = new VirtualClock();
  const written: number[] = [];
  const keeper = new DesiredStateKeeper(clock, ({ version }) => {
    written.push(version);
    clock.advance(10);
  });
  const keep = (version: number): void => keeper.keep({ ...EMPTY_DESIRED_STATE, version });
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

test('a write that stood still is followed by a short pause all the same', () => {
  const clock = new VirtualClock();
  const written: number[] = [];
  const keeper = new DesiredStateKeeper(clock, ({ version }) => {
    written.push(version);
    clock.advance(30_000);
  });
  keeper.keep({ ...EMPTY_DESIRED_STATE, version: 1 });
  keeper.keep({ ...EMPTY_DESIRED_STATE, version: 2 });
  clock.advance(5000);
  assert.deepEqual(written, [1, 2]);
  keeper.close();
});

test('a state that is kept after the pause is written at once', () => {
  const clock = new VirtualClock();
  const written: number[] = [];
  const keeper = new DesiredStateKeeper(clock, ({ version }) => {
    written.push(version);
    clock.advance(10);
  });
  keeper.keep({ ...EMPTY_DESIRED_STATE, version: 1 });
  clock.advance(200);
  keeper.keep({ ...EMPTY_DESIRED_STATE, version: 2 });
  assert.deepEqual(written, [1, 2]);
  keeper.close();
});
