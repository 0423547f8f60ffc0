import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { instant } from '../../src/ground/clock.ts';
import {
  BYSTANDERS_WAITING_MAX,
  EVENT_STREAM_MAX,
  EVENTS_PER_TURN_MAX,
  EventStream,
  WAKE_MS,
} from '../../src/observe/event-stream.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const event = (count: number) => ({ kind: 'test.event', at: instant(0), count });

test('a consumer gets the events published since its last drain, in order', () => {
  const stream = new EventStream();
  stream.publish(event(0));
  const cursor = stream.subscribe();
  stream.publish(event(1));
  stream.publish(event(2));
  assert.deepEqual(cursor.drain(), { events: [event(1), event(2)], missed: 0 });
  assert.deepEqual(cursor.drain(), { events: [], missed: 0 });
});

test('an overtaken consumer learns how many events it missed', () => {
  const stream = new EventStream();
  const cursor = stream.subscribe();
  for (let count = 0; count < EVENT_STREAM_MAX + 7; count += 1) stream.publish(event(count));
  const { events, missed } = cursor.drain();
  assert.equal(missed, 7);
  assert.equal(events.length, EVENT_STREAM_MAX);
  assert.deepEqual(events[0], event(7));
});

test('a consumer is woken once for many events, shortly after the first', async () => {
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
  assert.equal(clock.pending, 0, 'a consumer that took nothing is not woken again');
});

test('a flood is taken in slices, one consumer per turn with a pause after each, and overwritten events are counted', async () => {
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
  assert.equal(clock.pending, 0, 'no consumer is woken without events');
  assert.equal(slices.length, 4);

  for (let count = 0; count < EVENT_STREAM_MAX + 5; count += 1) stream.publish(event(count));
  await stream.waitUntilDrained();
  const taken = slices.slice(4).reduce((sum, [, events]) => sum + events, 0);
  assert.equal(taken, 2 * EVENT_STREAM_MAX, 'at the end everything is taken without pauses');
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

test('a flood of leases of hosts that do not boot does not displace other events', () => {
  const stream = new EventStream(new VirtualClock());
  const cursors = (['log', 'timeline'] as const).map((name) => stream.subscribe(() => undefined, name));
  const lease = (count: number) => ({ kind: 'dhcp.ack', at: instant(0), count });
  stream.publish(event(1));
  for (let count = 0; count < 10 * EVENT_STREAM_MAX; count += 1) stream.publish(lease(count));
  const boot = { kind: 'dhcp.ack', at: instant(0), client: 'bios' };
  stream.publish(boot);
  stream.publish(event(2));
  for (const cursor of cursors) {
    const { events, missed } = cursor.drain();
    assert.deepEqual([events[0], ...events.slice(-2)], [event(1), boot, event(2)]);
    assert.equal(events.length, BYSTANDERS_WAITING_MAX + 2);
    assert.equal(missed, 10 * EVENT_STREAM_MAX - (BYSTANDERS_WAITING_MAX - 1));
    assert.equal(cursor.drain().missed, 0, 'told once');
  }
  assert.equal(stream.counters().published, 10 * EVENT_STREAM_MAX + 3);
  stream.publish(lease(0));
  for (const cursor of cursors)
    assert.deepEqual(cursor.drain().events, [lease(0)], 'there is room once a consumer has drained');
});

test('events that every consumer has taken are released, and no others', async () => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const stream = new EventStream(new VirtualClock());
  const [fast, slow] = [stream.subscribe(), stream.subscribe()];
  const published = Array.from({ length: 4 }, (_, count) => {
    const own = event(count);
    stream.publish(own);
    return new WeakRef(own);
  });
  const held = async (): Promise<readonly boolean[]> => {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    return published.map((one) => one.deref() !== undefined);
  };
  fast.drain();
  assert.deepEqual(await held(), [true, true, true, true]);
  slow.drain(3);
  assert.deepEqual(await held(), [false, false, false, true]);
  for (let count = 0; count < EVENT_STREAM_MAX + 6; count += 1) stream.publish(event(count));
  fast.drain();
  const { events, missed } = slow.drain();
  assert.equal(missed, 7);
  assert.deepEqual(
    [events[0], events.at(-1), events.length],
    [event(6), event(EVENT_STREAM_MAX + 5), EVENT_STREAM_MAX],
  );
});

test('a consumer that takes nothing is not woken until the next event', async () => {
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
