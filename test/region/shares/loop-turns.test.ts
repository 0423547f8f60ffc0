// One part of the work in each turn of the event loop, the holders in rotation.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextRound } from 'node:timers/promises';
import { LoopTurns } from '../../../src/region/shares/loop-turns.ts';

test('a holder with much work alternates with one with little, and every part has its own turn', async () => {
  const turns = new LoopTurns();
  const done: string[] = [];
  const rounds: number[] = [];
  let round = 0;
  let isOver = false;
  const counting = (async () => {
    for (; !isOver; round += 1) await nextRound();
  })();
  const work = async (holder: string, parts: number): Promise<void> => {
    for (let part = 0; part < parts; part += 1) {
      await turns.next(holder);
      done.push(holder);
      rounds.push(round);
    }
  };
  await Promise.all([work('a', 3), work('a', 3), work('b', 2), work('c', 1)]);
  isOver = true;
  await counting;
  assert.deepEqual(done.slice(0, 5), ['a', 'b', 'c', 'a', 'b']);
  assert.deepEqual(done.slice(5), ['a', 'a', 'a', 'a']);
  assert.equal(new Set(rounds).size, rounds.length, rounds.join(' '));
});

test('turns continue after a rest', async () => {
  const turns = new LoopTurns();
  const done: string[] = [];
  const work = (holder: string): Promise<unknown> => turns.next(holder).then(() => done.push(holder));
  void work('a');
  for (let round = 0; round < 3; round += 1) await nextRound();
  assert.deepEqual(done, ['a']);
  void work('b');
  for (let round = 0; round < 3; round += 1) await nextRound();
  assert.deepEqual(done, ['a', 'b']);
});
