// Searches in pieces: they delay no other client, and no user takes all places.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Instant, instant } from '../../../src/ground/clock.ts';
import { SEARCHES_MAX, Searches } from '../../../src/region/shares/searches.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

/** A clock on which every look takes longer than a piece. */
class SlowClock extends VirtualClock {
  #nowMs = 0;

  override now(): Instant {
    this.#nowMs += 10;
    return instant(this.#nowMs);
  }
}

async function* steps(count: number, name = 'found'): AsyncGenerator<undefined, { name: string }> {
  for (let step = 0; step < count; step += 1) yield;
  return { name };
}

const refused = () => ({ name: 'refused' });

/** Asserts that every place is free: one user alone gets them all. */
async function findInAllPlaces(searches: Searches): Promise<void> {
  const all = Array.from({ length: SEARCHES_MAX }, () => searches.run('eve 1', steps(5), refused));
  const found = (await Promise.all(all)).filter(({ name }) => name === 'found');
  assert.equal(found.length, SEARCHES_MAX);
}

test('a short search answers at once; a long one takes turns with those of other users', async () => {
  assert.deepEqual(await new Searches(new VirtualClock()).run('joe 1', steps(100), refused), { name: 'found' });
  const searches = new Searches(new SlowClock());
  const ended: string[] = [];
  const run = async (holder: string, count: number): Promise<void> => {
    ended.push((await searches.run(holder, steps(count, holder), refused)).name);
  };
  await Promise.all([run('joe 1', 20), run('joe 2', 20), run('joe 3', 20), run('ann 1', 20)]);
  assert.equal(ended[0], 'ann 1', 'she has every other turn');
});

test(`of ${SEARCHES_MAX} places, the user with the most gives one to each newcomer, and gets no more`, async () => {
  const searches = new Searches(new SlowClock());
  const all = Array.from({ length: SEARCHES_MAX }, (_, place) => searches.run(`joe ${place}`, steps(5), refused));
  // Until all have ended their first piece.
  await nextTurn();
  assert.deepEqual(await searches.run('joe 0', steps(5), refused), { name: 'refused' });
  assert.deepEqual(await searches.run('ann 1', steps(5), refused), { name: 'found' });
  const names = (await Promise.all(all)).map(({ name }) => name);
  assert.equal(names.filter((name) => name === 'refused').length, 1);
  await findInAllPlaces(searches);
});

test('a search whose client has left ends before its next piece, and frees its place', async () => {
  const searches = new Searches(new SlowClock());
  let read = 0;
  let isOver = false;
  async function* long(): AsyncGenerator<undefined, { name: string }> {
    try {
      for (; read < 1000; read += 1) yield;
      return { name: 'found' };
    } finally {
      isOver = true;
    }
  }
  assert.deepEqual(await searches.run('joe 1', long(), refused, () => read >= 3), { name: 'refused' });
  assert.deepEqual([read, isOver], [3, true]);
  await findInAllPlaces(searches);
});

test('a search that fails rejects and frees its place', async () => {
  const searches = new Searches(new SlowClock());
  async function* failing(): AsyncGenerator<undefined, { name: string }> {
    yield;
    throw new Error('the disk is full');
  }
  await assert.rejects(async () => searches.run('joe 1', failing(), refused), /the disk is full/);
  await findInAllPlaces(searches);
});
