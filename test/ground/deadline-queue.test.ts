// The heap of deadlines, against a plain sorted list.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instant, later } from '../../src/ground/clock.ts';
import { Alarm, DeadlineQueue } from '../../src/ground/deadline-queue.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

test('items come out in the order of their deadlines, even after these were moved', () => {
  const seed = 7;
  const random = seededRandom(seed);
  for (let round = 0; round < 100; round += 1) {
    const queue = new DeadlineQueue<{ heapIndex: number; readonly id: number }>();
    const items = Array.from({ length: 40 }, (_, id) => ({ heapIndex: -1, id }));
    const model = new Map<number, number>();
    for (let step = 0; step < 400; step += 1) {
      const item = items[Math.floor(random() * items.length)] ?? assert.fail();
      const dice = random();
      if (dice < 0.7) {
        const at = Math.floor(random() * 100);
        queue.set(item, instant(at));
        model.set(item.id, at);
      } else if (dice < 0.85) {
        queue.set(item, undefined);
        model.delete(item.id);
      } else {
        const now = Math.floor(random() * 50);
        const due = queue.takeDue(instant(now));
        const least = Math.min(...model.values());
        assert.equal(due === undefined, least > now, `seed ${seed} round ${round} step ${step}`);
        if (due !== undefined) assert.equal(model.get(due.id), least);
        if (due !== undefined) model.delete(due.id);
      }
      assert.equal(queue.size, model.size);
      assert.deepEqual(
        queue.earliest(5).map(({ id }) => model.get(id)),
        [...model.values()].sort((a, b) => a - b).slice(0, 5),
        `seed ${seed} round ${round} step ${step}`,
      );
      assert.equal(queue.nextAt, model.size === 0 ? undefined : Math.min(...model.values()));
    }
  }
});

test('no item is due before its deadline, and a removed item is never due', () => {
  const queue = new DeadlineQueue<{ heapIndex: number }>();
  const [first, second] = [{ heapIndex: -1 }, { heapIndex: -1 }];
  queue.set(first, instant(10));
  queue.set(second, instant(11));
  assert.equal(queue.takeDue(instant(9)), undefined);
  assert.equal(queue.takeDue(instant(10)), first);
  assert.equal(queue.takeDue(instant(10)), undefined);
  queue.set(first, undefined);
  queue.set(second, undefined);
  queue.set(second, undefined);
  assert.equal(queue.nextAt, undefined);
  assert.equal(queue.takeDue(instant(99)), undefined);
});

test('an alarm rings once, at the earliest expected time, and never after cancel', () => {
  const clock = new VirtualClock();
  const start = clock.now();
  const rung: number[] = [];
  const alarm = new Alarm(clock, () => rung.push(clock.now() - start));
  for (const ms of [500, 300, 400]) alarm.expect(later(start, ms));
  alarm.expect(undefined);
  clock.advance(1000);
  assert.deepEqual(rung, [300]);
  alarm.expect(later(start, 700));
  clock.advance(0);
  assert.deepEqual(rung, [300, 1000], 'a time in the past rings at once');
  alarm.expect(later(start, 1500));
  alarm.cancel();
  clock.advance(1000);
  assert.deepEqual(rung, [300, 1000]);
});

test('an alarm for a distant time rings every day, because system timers are limited', () => {
  const clock = new VirtualClock();
  const far = later(clock.now(), 1e12);
  let days = 0;
  const alarm = new Alarm(clock, () => {
    days += 1;
    alarm.expect(far);
  });
  alarm.expect(far);
  clock.advance(3 * 86_400_000);
  assert.equal(days, 3);
});
