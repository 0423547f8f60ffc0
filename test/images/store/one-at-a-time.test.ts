// Pieces of work of which only one is done at a time.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SequentialQueue } from '../../../src/images/store/one-at-a-time.ts';

test('pieces are done one after the other, whatever becomes of the earlier ones', async () => {
  const queue = new SequentialQueue();
  const seen: string[] = [];
  const piece = (name: string, error?: Error) => async (): Promise<string> => {
    seen.push(`${name} begins`);
    await new Promise((next) => setImmediate(next));
    seen.push(`${name} ends`);
    if (error !== undefined) throw error;
    return name;
  };
  const first = queue.run(piece('a', new Error('failed')));
  const others = [
    queue.run(() => {
      throw new Error('at once');
    }),
    queue.run(piece('b')),
  ];
  await assert.rejects(first, /failed/);
  assert.deepEqual(
    (await Promise.allSettled(others)).map(({ status }) => status),
    ['rejected', 'fulfilled'],
  );
  assert.deepEqual(seen, ['a begins', 'a ends', 'b begins', 'b ends']);
});

test('a stopped piece leaves the queue at once, but one that has begun ends first', async () => {
  const queue = new SequentialQueue();
  const stop = new AbortController();
  const { promise, resolve } = Promise.withResolvers<string>();
  const first = queue.run(() => promise, stop.signal);
  await new Promise((next) => setImmediate(next));
  const second = queue.run(() => assert.fail('it was stopped'), stop.signal);
  const third = queue.run(() => Promise.resolve('third'));
  stop.abort();
  await assert.rejects(second, { code: 'cancelled' });
  await assert.rejects(
    queue.run(() => assert.fail('it was stopped'), stop.signal),
    { code: 'cancelled' },
  );
  resolve('first');
  assert.deepEqual(await Promise.all([first, third]), ['first', 'third']);
});
