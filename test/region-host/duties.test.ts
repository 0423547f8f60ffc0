// When a process of a region is sure of its duties, and that a power command waits with its next step until it is.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { RackError } from '../../src/ground/errors.ts';
import { Duties } from '../../src/region-host/duties.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const HELD_MS = 6000;

/** A store of which the test says who holds the duties, and whether it answers. */
function place() {
  const clock = new VirtualClock(1_700_000_000_000, 1);
  const store = { isHolder: true, isAway: false };
  const moves: string[] = [];
  const reached = <T>(value: T): Promise<T> =>
    store.isAway ? Promise.reject(new RackError('store-unavailable', 'away')) : Promise.resolve(value);
  const duties = new Duties({
    store: {
      hold: () => reached({ isHere: store.isHolder, name: store.isHolder ? 'this' : 'other' }),
      leave: () => reached(undefined),
      timeMs: () => reached(clock.wallTimeMs()),
    },
    clock,
    onTaken: () => void moves.push('taken'),
    onLost: () => void moves.push('lost'),
    onHolder: ({ name }, fromHere) => void moves.push(`${fromHere ? 'this' : '?'} to ${name}`),
  });
  return { clock, store, duties, moves };
}

/** The answer of `areSure`; undefined: it waits. */
function watched(duties: Duties, signal = new AbortController().signal) {
  const answer: { sure?: boolean } = {};
  void duties.areSure(signal).then((sure) => {
    answer.sure = sure;
  });
  return answer;
}

test('a process that has just kept its duties is sure of them, one that never had them is not', async () => {
  const { clock, duties } = place();
  const before = watched(duties);
  await nextTurn();
  assert.equal(before.sure, false);
  duties.begin();
  await clock.pass(10);
  const held = watched(duties);
  await nextTurn();
  assert.equal(held.sure, true);
  await duties.close();
});

test('a step waits while the store cannot be asked, and is taken when the duties are kept again', async () => {
  const { clock, store, duties } = place();
  duties.begin();
  await clock.pass(10);
  store.isAway = true;
  await clock.pass(HELD_MS);
  const waiting = watched(duties);
  await clock.pass(30_000);
  assert.equal(waiting.sure, undefined, 'another process may have the duties');
  store.isAway = false;
  await clock.pass(2000);
  assert.equal(waiting.sure, true);
  await duties.close();
});

test('no step is taken by a process that has lost the duties, whose command is over, or that ends', async () => {
  for (const end of ['lost', 'aborted', 'closed'] as const) {
    const { clock, store, duties } = place();
    duties.begin();
    await clock.pass(10);
    store.isAway = true;
    await clock.pass(HELD_MS);
    const stop = new AbortController();
    const waiting = watched(duties, stop.signal);
    if (end === 'aborted') stop.abort();
    store.isHolder = false;
    if (end === 'lost') store.isAway = false;
    if (end === 'closed') await duties.close();
    await clock.pass(2000);
    assert.equal(waiting.sure, false, end);
    await duties.close();
  }
});

test('a process that has lost the duties continues without them, and may get them again', async () => {
  const { clock, store, duties, moves } = place();
  duties.begin();
  await clock.pass(3000);
  store.isHolder = false;
  await clock.pass(3000);
  assert.equal(duties.areHeld, false);
  assert.equal(duties.holder?.name, 'other');
  assert.deepEqual(moves.splice(0), ['? to this', 'taken', 'this to other', 'lost']);
  store.isHolder = true;
  await clock.pass(1500);
  assert.equal(await duties.areSure(new AbortController().signal), true);
  assert.deepEqual(moves, ['? to this', 'taken']);
  await duties.close();
});
