import assert from 'node:assert/strict';
import { it } from 'node:test';
import { instant } from '../../src/clock.ts';
import { type Deadline, DeadlineHeap } from '../../src/dns/deadline-heap.ts';
import { seededRandom } from '../support/seeded-random.ts';

it('nothing is due before its moment', () => {
  const heap = new DeadlineHeap<string>();
  heap.push(instant(10), 'a');
  assert.equal(heap.popDue(instant(9)), undefined);
  assert.equal(heap.popDue(instant(10)), 'a');
  assert.equal(heap.popDue(instant(10)), undefined);
  assert.equal(heap.next, undefined);
});

it('an item taken out twice is taken out once', () => {
  const heap = new DeadlineHeap<string>();
  const a = heap.push(instant(1), 'a');
  heap.push(instant(2), 'b');
  heap.remove(a);
  heap.remove(a);
  assert.equal(heap.size, 1);
  assert.equal(heap.popDue(instant(5)), 'b');
  heap.remove(a);
  assert.equal(heap.size, 0);
});

const seed = (process.hrtime()[1] ^ process.pid) >>> 0;
it(`what comes out is sorted, whatever was put in and taken out (seed ${seed})`, () => {
  const random = seededRandom(seed);
  for (let round = 0; round < 50; round += 1) {
    const heap = new DeadlineHeap<number>();
    const live = new Set<Deadline<number>>();
    for (let step = 0; step < 200; step += 1) {
      const [first] = [...live].slice(Math.floor(random() * live.size));
      if (random() < 0.35 && first !== undefined) {
        heap.remove(first);
        live.delete(first);
      } else {
        const at = Math.floor(random() * 50);
        live.add(heap.push(instant(at), at));
      }
    }
    const expected = [...live].map(({ item }) => item).sort((a, b) => a - b);
    const actual: number[] = [];
    for (let item = heap.popDue(instant(100)); item !== undefined; item = heap.popDue(instant(100))) actual.push(item);
    assert.deepEqual(actual, expected, `seed ${seed}, round ${round}`);
  }
});
