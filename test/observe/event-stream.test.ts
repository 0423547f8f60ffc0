import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instant } from '../../src/clock.ts';
import { EVENT_STREAM_MAX, EVENTS_PER_TURN_MAX, EventStream, WAKE_MS } from '../../src/observe/event-stream.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

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

test('a consumer is woken once for many events, a little after the first of them', async () => {
  const clock = new VirtualClock();
  const stream = new EventStream(clock);
  let wakes = 0;
  stream.subscribe(() => {
    wakes += 1;
  });
  for (let count = 0; count < 100; count += 1) stream.publish(event(count));
  assert.equal(wakes, 0);
  clock.advance(WAKE_MS - 1);
  stream.publish(event(100));
  assert.equal(wakes, 0);
  clock.advance(1);
  assert.equal(wakes, 1);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(clock.pending, 0, 'it took nothing, and is not woken again');
});

test('a flood is taken in slices, one consumer a turn and a pause after each, and what is overwritten is counted', async () => {
  const clock = new VirtualClock();
  const stream = new EventStream(clock);
  const slices: [who: string, events: number][] = [];
  for (const who of ['log', 'uplink'] as const) {
    const cursor = stream.subscribe(
      () => void slices.push([who, cursor.drain(EVENTS_PER_TURN_MAX).events.length]),
      who,
    );
  }
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  for (let count = 0; count < EVENTS_PER_TURN_MAX + 10; count += 1) stream.publish(event(count));
  clock.advance(WAKE_MS);
  await turn();
  assert.deepEqual(slices, [['log', EVENTS_PER_TURN_MAX]], 'one slice, then a pause');
  clock.advance(1);
  clock.advance(1);
  await turn();
  await turn();
  assert.deepEqual(slices.slice(1), [
    ['uplink', EVENTS_PER_TURN_MAX],
    ['log', 10],
    ['uplink', 10],
  ]);
  await turn();
  assert.equal(clock.pending, 0, 'nothing is woken without events');
  assert.equal(slices.length, 4);

  for (let count = 0; count < EVENT_STREAM_MAX + 5; count += 1) stream.publish(event(count));
  await stream.rest();
  const taken = slices.slice(4).reduce((sum, [, events]) => sum + events, 0);
  assert.equal(taken, 2 * EVENT_STREAM_MAX, 'in the end everything that is there is taken without a pause');
  const { published, missed } = stream.counters();
  assert.equal(published, EVENTS_PER_TURN_MAX + 10 + EVENT_STREAM_MAX + 5);
  assert.deepEqual(
    [...missed],
    [
      ['log', 5],
      ['uplink', 5],
    ],
  );
});

test('a consumer that takes nothing is not woken again until something is published', async () => {
  const clock = new VirtualClock();
  const stream = new EventStream(clock);
  let idle = 0;
  stream.subscribe(() => {
    idle += 1;
  });
  const busy = stream.subscribe(() => void busy.drain());
  stream.publish(event(1));
  clock.advance(WAKE_MS);
  for (let turns = 0; turns < 10; turns += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(idle >= 1 && idle <= 3, String(idle));
  assert.deepEqual(busy.drain().events, []);
});
