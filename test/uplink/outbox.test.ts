import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OUTBOX_BATCH_MAX, OUTBOX_EVENTS_MAX, Outbox, OVERRUN_MAX } from '../../src/uplink/outbox.ts';

const event = (text: string) => ({ kind: 'test.event', at: 0, text });

test('one batch is in flight at a time, numbered from 1 without gaps', () => {
  const outbox = new Outbox();
  for (let index = 0; index < OUTBOX_BATCH_MAX + 3; index += 1) outbox.add(event(String(index)));
  const first = outbox.take();
  assert.equal(first?.events.length, OUTBOX_BATCH_MAX);
  assert.equal(first?.events[0]?.sequence, 1);
  assert.equal(outbox.take(), undefined);
  outbox.acknowledge(OUTBOX_BATCH_MAX);
  assert.deepEqual(
    outbox.take()?.events.map(({ sequence }) => sequence),
    [OUTBOX_BATCH_MAX + 1, OUTBOX_BATCH_MAX + 2, OUTBOX_BATCH_MAX + 3],
  );
});

test('an unacknowledged batch is sent again as a whole', () => {
  const outbox = new Outbox();
  outbox.add(event('a'));
  outbox.add(event('b'));
  const sent = outbox.take();
  assert.deepEqual(outbox.findUnacknowledged(), sent);
  outbox.acknowledge(1);
  assert.deepEqual(
    outbox.findUnacknowledged()?.events.map(({ text }) => text),
    ['b'],
  );
  outbox.acknowledge(2);
  assert.equal(outbox.findUnacknowledged(), undefined);
});

test('at the bound the oldest waiting events are dropped, counted, and reported to the region', () => {
  const outbox = new Outbox();
  for (let index = 0; index < OUTBOX_EVENTS_MAX + 5; index += 1) outbox.add(event(String(index)));
  assert.equal(outbox.dropped, 5);
  const batch = outbox.take();
  assert.equal(batch?.events[0]?.text, '5');
  assert.equal(batch?.missed, 5);
});

test('events beyond the bound are dropped once they are OVERRUN_MAX, even if nothing reads the outbox', () => {
  const outbox = new Outbox();
  let looks = 0;
  const watched = {
    ...event('oldest'),
    get level() {
      looks += 1;
      return 'info' as const;
    },
  };
  outbox.add(watched);
  for (let index = 1; index < OUTBOX_EVENTS_MAX + OVERRUN_MAX - 1; index += 1) outbox.add(event(String(index)));
  assert.equal(looks, 0);
  outbox.add(event('last'));
  assert.equal(looks, 1);
  assert.equal(outbox.dropped, OVERRUN_MAX);
});

test('warnings and errors stay at the bound while other events are left', () => {
  const outbox = new Outbox();
  outbox.add({ ...event('w'), level: 'warning' });
  outbox.add({ ...event('e'), level: 'error' });
  for (let index = 0; index < OUTBOX_EVENTS_MAX; index += 1) outbox.add(event(String(index)));
  assert.equal(outbox.dropped, 2);
  assert.deepEqual(
    outbox
      .take()
      ?.events.slice(0, 3)
      .map(({ text }) => text),
    ['w', 'e', '2'],
  );
});

test('events dropped while a batch is in flight are reported with the next one', () => {
  const outbox = new Outbox();
  outbox.addDropped(2);
  outbox.add(event('a'));
  assert.equal(outbox.take()?.missed, 2);
  outbox.addDropped(3);
  assert.equal(outbox.findUnacknowledged()?.missed, 2);
  outbox.acknowledge(1);
  assert.equal(outbox.unreportedCount, 3);
  outbox.add(event('b'));
  assert.equal(outbox.take()?.missed, 3);
});

test('an acknowledgement of a sequence never sent changes nothing', () => {
  const outbox = new Outbox();
  outbox.acknowledge(10);
  outbox.add(event('a'));
  outbox.take();
  outbox.acknowledge(0);
  assert.equal(outbox.length, 1);
  outbox.acknowledge(99);
  assert.equal(outbox.length, 0);
  outbox.add(event('b'));
  assert.equal(outbox.take()?.events[0]?.sequence, 2);
});

test('whatever messages are lost, a region that ignores repeats stores every event once and in order', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('add', 'take', 'again', 'ack'), { maxLength: 200 }), (steps) => {
      const outbox = new Outbox();
      const stored: string[] = [];
      let highest = 0;
      let added = 0;
      const store = (batch: ReturnType<Outbox['take']>): void => {
        for (const { sequence, text } of batch?.events ?? []) {
          if (sequence <= highest) continue;
          assert.equal(sequence, highest + 1);
          highest = sequence;
          stored.push(text);
        }
      };
      for (const step of steps) {
        if (step === 'add') outbox.add(event(String(added++)));
        else if (step === 'ack') outbox.acknowledge(highest);
        else store(step === 'take' ? outbox.take() : outbox.findUnacknowledged());
      }
      outbox.acknowledge(highest);
      for (let batch = outbox.findUnacknowledged() ?? outbox.take(); batch !== undefined; batch = outbox.take()) {
        store(batch);
        outbox.acknowledge(highest);
      }
      assert.deepEqual(
        stored,
        Array.from({ length: added }, (_, index) => String(index)),
      );
    }),
  );
});
