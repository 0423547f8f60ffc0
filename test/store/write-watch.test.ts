// Whether a write takes too long, and whose doing that is, in virtual time.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Instant, later } from '../../src/clock.ts';
import { DiskWork } from '../../src/store/disk-work.ts';
import { type SlowCause, STARVED_FACTOR, WriteWatch } from '../../src/store/write-watch.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const SLOW_MS = 2000;

/** A clock of a loop that can be away: timers then fire late. */
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
  const told: SlowCause[] = [];
  const disk: { call: number | undefined } = { call: undefined };
  const watch = new WriteWatch({
    ...{ clock, slowMs: SLOW_MS, findCall: () => disk.call },
    onSlow: (cause) => void told.push(cause),
  });
  return { clock, told, disk, watch };
}

test('one call that takes too long is the disk’s doing, and told once', () => {
  const { clock, told, disk, watch } = rig();
  watch.begin();
  disk.call = 1;
  clock.advance(SLOW_MS - 1);
  assert.deepEqual(told, []);
  clock.advance(1);
  assert.deepEqual(told, ['disk']);
  clock.advance(10 * SLOW_MS);
  assert.deepEqual(told, ['disk']);
  assert.equal(clock.pending, 0);
});

test('a write that the journal’s thread does not come to is the host’s doing, and waited for longer', () => {
  const { clock, told, watch } = rig();
  watch.begin();
  clock.advance(STARVED_FACTOR * SLOW_MS - 1);
  assert.deepEqual(told, []);
  clock.advance(1);
  assert.deepEqual(told, ['host']);
});

test('many short calls are not one long one, and a call that begins late has its own time', () => {
  const busy = rig();
  busy.watch.begin();
  for (let call = 1; busy.told.length === 0 && call < 100; call += 2) {
    busy.disk.call = call;
    busy.clock.advance(500);
  }
  assert.deepEqual(busy.told, ['host']);
  const late = rig();
  late.watch.begin();
  late.clock.advance(SLOW_MS - 250);
  late.disk.call = 1;
  late.clock.advance(SLOW_MS - 250);
  assert.deepEqual(late.told, []);
  late.clock.advance(250);
  assert.deepEqual(late.told, ['disk']);
});

test('time in which the loop was away counts for nobody, and its first look decides nothing', () => {
  const { clock, told, disk, watch } = rig();
  watch.begin();
  disk.call = 1;
  for (let turn = 0; turn < 7; turn += 1) {
    clock.stall(5000);
    clock.advance(250);
  }
  assert.deepEqual(told, [], 'seven looks in 37 s');
  clock.stall(5000);
  clock.advance(250);
  assert.deepEqual(told, [], 'the eighth would be enough, but answers may wait behind it');
  clock.advance(250);
  assert.deepEqual(told, ['disk']);
});

test('what ends in time is not told, and each write has its own time', () => {
  const { clock, told, disk, watch } = rig();
  for (let write = 0; write < 20; write += 1) {
    watch.begin();
    disk.call = 1;
    clock.advance(SLOW_MS - 300);
    watch.end();
    disk.call = undefined;
    clock.advance(40);
  }
  assert.deepEqual(told, []);
  watch.begin();
  watch.close();
  clock.advance(10 * SLOW_MS);
  assert.deepEqual([told, clock.pending], [[], 0]);
});

test('a call is seen from another view of its memory while it is under way, and another number is another call', () => {
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
