import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FEED_WAITING_MAX, Feed } from '../../../src/daemon/answers/feed.ts';

test('a bounded number of values waits for a slow reader; the oldest are dropped and counted', async () => {
  const feed = new Feed<number>(() => undefined);
  for (let value = 0; value < FEED_WAITING_MAX + 3; value += 1) feed.push(value);
  assert.equal(feed.takeDropped(), 3);
  assert.deepEqual(await feed.next(), { done: false, value: 3 });
  assert.equal(feed.takeDropped(), 0);
});

test('a waiting reader gets the next value immediately, and one that left gets none', async () => {
  let ends = 0;
  const feed = new Feed<string>(() => {
    ends += 1;
  });
  const next = feed.next();
  feed.push('first');
  assert.deepEqual(await next, { done: false, value: 'first' });
  const last = feed.next();
  await feed.return();
  await feed.return();
  feed.push('late');
  assert.deepEqual([(await last).done, (await feed.next()).done, ends], [true, true, 1]);
});
