// The map with a bound: against a plain list, and each rule alone.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BoundedMap, type EvictionOrder } from '../../src/ground/bounded-map.ts';
import { seededRandom } from '../support/seeded-random.ts';

const MAX = 6;
const KEYS = 2 * MAX;

/** The same by hand: a list, the oldest first. */
class ListedMap {
  #entries: (readonly [number, number])[] = [];
  readonly forgotten: number[] = [];
  readonly #firstToGo: EvictionOrder;

  constructor(firstToGo: EvictionOrder) {
    this.#firstToGo = firstToGo;
  }

  get entries(): readonly (readonly [number, number])[] {
    return this.#entries;
  }

  get(key: number): number | undefined {
    const found = this.#entries.find(([own]) => own === key);
    if (found !== undefined && this.#firstToGo === 'used longest ago') this.set(...found);
    return found?.[1];
  }

  set(key: number, value: number): void {
    this.delete(key);
    if (this.#entries.length === MAX) this.forgetOldest();
    this.#entries.push([key, value]);
  }

  delete(key: number): void {
    this.#entries = this.#entries.filter(([own]) => own !== key);
  }

  clear(): void {
    this.#entries = [];
  }

  forgetOldest(): boolean {
    const oldest = this.#entries.shift();
    if (oldest !== undefined) this.forgotten.push(oldest[1]);
    return oldest !== undefined;
  }
}

/** One random step on both; returns their answers. */
function step(map: BoundedMap<number, number>, model: ListedMap, random: () => number, value: number): unknown[] {
  const key = Math.floor(random() * KEYS);
  const dice = random();
  if (dice < 0.35) {
    map.set(key, value);
    model.set(key, value);
    return [undefined, undefined];
  }
  if (dice < 0.65) return [map.get(key), model.get(key)];
  if (dice < 0.8) {
    const known = model.get(key);
    if (known === undefined) model.set(key, value);
    return [map.getOrMake(key, () => value), known ?? value];
  }
  if (dice < 0.9) {
    map.delete(key);
    model.delete(key);
    return [map.has(key), false];
  }
  if (dice < 0.98) return [map.forgetOldest(), model.forgetOldest()];
  map.clear();
  model.clear();
  return [map.size, 0];
}

describe('a map with a bound', () => {
  for (const firstToGo of ['set longest ago', 'used longest ago'] as const) {
    it(`behaves like a plain list that evicts the entry ${firstToGo} first`, () => {
      for (let seed = 1; seed <= 100; seed += 1) {
        const random = seededRandom(seed);
        const forgotten: number[] = [];
        const map = new BoundedMap<number, number>(MAX, firstToGo, (value) => forgotten.push(value));
        const model = new ListedMap(firstToGo);
        for (let value = 0; value < 300; value += 1) {
          const at = `seed ${seed} step ${value}`;
          const [answer, expected] = step(map, model, random, value);
          assert.equal(answer, expected, at);
          assert.deepEqual([...map], model.entries, at);
          assert.equal(map.size, model.entries.length, at);
          assert.equal(map.oldest, model.entries[0]?.[1], at);
        }
        assert.deepEqual(forgotten, model.forgotten, `seed ${seed}`);
        assert.ok(forgotten.length > MAX, `seed ${seed}`);
      }
    });
  }

  it('forgets the entry set longest ago, even if it is read often', () => {
    const map = new BoundedMap<string, number>(2, 'set longest ago');
    map.set('a', 1);
    map.set('b', 2);
    assert.equal(map.get('a'), 1);
    map.set('c', 3);
    assert.deepEqual(
      [...map],
      [
        ['b', 2],
        ['c', 3],
      ],
    );
  });

  it('forgets the entry used longest ago, and reading counts as use', () => {
    const map = new BoundedMap<string, number>(2, 'used longest ago');
    map.set('a', 1);
    map.set('b', 2);
    assert.equal(map.get('a'), 1);
    map.set('c', 3);
    assert.deepEqual(
      [...map],
      [
        ['a', 1],
        ['c', 3],
      ],
    );
  });

  it('reports each forgotten entry after removing it, but no deleted or replaced one', () => {
    const forgotten: string[] = [];
    const map: BoundedMap<string, string> = new BoundedMap(2, 'set longest ago', (value) =>
      forgotten.push(`${value}, ${map.size} left`),
    );
    map.set('a', 'one');
    map.set('a', 'two');
    map.delete('a');
    map.set('b', 'three');
    map.clear();
    assert.deepEqual(forgotten, []);
    for (const key of ['c', 'd', 'e']) map.set(key, key);
    assert.deepEqual(forgotten, ['c, 1 left']);
  });

  it('keeps undefined as a value', () => {
    const map = new BoundedMap<string, undefined>(2, 'used longest ago');
    map.set('a', undefined);
    assert.equal(
      map.getOrMake('a', () => assert.fail()),
      undefined,
    );
    assert.deepEqual([map.has('a'), map.has('b')], [true, false]);
  });

  it('continues with the next entry where the one at hand is deleted, or set and so the newest', () => {
    const map = new BoundedMap<number, number>(MAX, 'set longest ago');
    for (let key = 0; key < MAX; key += 1) map.set(key, key);
    const seen: number[] = [];
    for (const [key, value] of map) {
      seen.push(value);
      if (key % 2 === 0) map.delete(key);
      else if (value === 1) map.set(key, 10);
    }
    assert.deepEqual(seen, [0, 1, 2, 3, 4, 5, 10]);
    assert.deepEqual([...map.values()], [3, 5, 10]);
  });
});
