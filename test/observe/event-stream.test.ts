import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instant } from '../../src/clock.ts';
import { EVENT_STREAM_MAX, EventStream } from '../../src/observe/event-stream.ts';

const event = (count: number) => ({ kind: 'test.event', at: instant(0), count });

test('a consumer gets what was published since it last came, in order', () => {
  const stream = new EventStream();
  stream.publish(event(0));
  const cursor = stream.subscribe();
  stream.publish(event(1));
  stream.publish(event(2));
  assert.deepEqual(cursor.drain(), { events: [event(1), event(2)], missed: 0 });
  assert.deepEqual(cursor.drain(), { events: [], missed: 0 });
});

test('a consumer that is overtaken is told how many events it missed', () => {
  const stream = new EventStream();
  const cursor = stream.subscribe();
  for (let count = 0; count < EVENT_STREAM_MAX + 7; count += 1) stream.publish(event(count));
  const { events, missed } = cursor.drain();
  assert.equal(missed, 7);
  assert.equal(events.length, EVENT_STREAM_MAX);
  assert.deepEqual(events[0], event(7));
});

test('a consumer is woken once for many events, in a turn of its own', async () => {
  const stream = new EventStream();
  let wakes = 0;
  stream.subscribe(() => {
    wakes += 1;
  });
  for (let count = 0; count < 100; count += 1) stream.publish(event(count));
  assert.equal(wakes, 0);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(wakes, 1);
});
