// Whether a write takes too long, and the cause, in virtual time.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Instant, later } from '../../../src/ground/clock.ts';
import { DiskWork, type SlowCause, STARVED_FACTOR, WriteWatch } from '../../../src/store/leases/write-watch.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const SLOW_MS = 2000;

/** The clock of a loop that can be blocked: timers then fire late. */
class StallingClock extends VirtualClock {
  #awayMs = 0;
  override now(): Instant {
    return later(super.now(), this.#awayMs);
  }
  stall(ms: number): void {
    this.#awayMs += ms;
  }
}

function rig() {
  const clock = new StallingClock();
  const verdicts: SlowCause[] = [];
  const disk: { call: number | undefined } = { call: undefined };
  const watch = new WriteWatch({
    clock,
    slowMs: SLOW_MS,
    findCall: () => disk.call,
    onSlow: (cause) => void verdicts.push(cause),
  });
  return { clock, verdicts, disk, watch };
}

test('one call that takes too long is blamed on the disk, once', () => {
  const { clock, verdicts, disk, watch } = rig();
  watch.begin();
  disk.call = 1;
  clock.advance(SLOW_MS - 1);
  assert.deepEqual(verdicts, []);
  clock.advance(1);
  assert.deepEqual(verdicts, ['disk']);
  clock.advance(10 * SLOW_MS);
  assert.deepEqual(verdicts, ['disk']);
  assert.equal(clock.pending, 0);
});

test('a write that starves in the journal’s thread is blamed on the host, after a longer wait', () => {
  const { clock, verdicts, watch } = rig();
  watch.begin();
  clock.advance(STARVED_FACTOR * SLOW_MS - 1);
  assert.deepEqual(verdicts, []);
  clock.advance(1);
  assert.deepEqual(verdicts, ['host']);
});

test('many short calls are not one long call, and a call that starts late has its own time', () => {
  const busy = rig();
  busy.watch.begin();
  for (let call = 1; busy.verdicts.length === 0 && call < 100; call += 2) {
    busy.disk.call = call;
    busy.clock.advance(500);
  }
  assert.deepEqual(busy.verdicts, ['host']);
  const late = rig();
  late.watch.begin();
  late.clock.advance(SLOW_MS - 250);
  late.disk.call = 1;
  late.clock.advance(SLOW_MS - 250);
  assert.deepEqual(late.verdicts, []);
  late.clock.advance(250);
  assert.deepEqual(late.verdicts, ['disk']);
});

test('time in which the loop was blocked does not count, and the next check gives no verdict', () => {
  const { clock, verdicts, disk, watch } = rig();
  watch.begin();
  disk.call = 1;
  for (let turn = 0; turn < 7; turn += 1) {
    clock.stall(5000);
    clock.advance(250);
  }
  assert.deepEqual(verdicts, [], 'seven checks in 37 s');
  clock.stall(5000);
  clock.advance(250);
  assert.deepEqual(verdicts, [], 'the eighth would be enough, but answers may wait behind it');
  clock.advance(250);
  assert.deepEqual(verdicts, ['disk']);
});

test('a write that ends in time is not reported, and each write has its own time', () => {
  const { clock, verdicts, disk, watch } = rig();
  for (let write = 0; write < 20; write += 1) {
    watch.begin();
    disk.call = 1;
    clock.advance(SLOW_MS - 300);
    watch.end();
    disk.call = undefined;
    clock.advance(40);
  }
  assert.deepEqual(verdicts, []);
  watch.begin();
  watch.close();
  clock.advance(10 * SLOW_MS);
  assert.deepEqual([verdicts, clock.pending], [[], 0]);
});

test('a call is visible through another view of its memory while it runs, and each call has its own number', () => {
  const work = new DiskWork();
  const seen = new DiskWork(work.memory);
  const calls: (number | undefined)[] = [seen.call];
  const look = (): void => void calls.push(seen.call);
  work.run(look);
  look();
  assert.throws(() =>
    work.run(() => {
      look();
      throw new Error('full');
    }),
  );
  look();
  assert.deepEqual(calls, [undefined, 1, undefined, 3, undefined]);
});
