// A table keyed by numbers behaves like a map, at every size and after removals.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NumberTable } from '../../../src/dhcp/leases/number-table.ts';
import { printedRandom } from '../../support/printed-random.ts';

const MAC_MAX = 0xffff_ffff_ffff;

test('after any operations, the table agrees with a map', () => {
  const random = printedRandom('number-table');
  for (const keys of [5, 300, 20_000]) {
    const [table, map] = [new NumberTable<string>(), new Map<number, string>()];
    // Close together like the addresses of one vendor, or anywhere.
    const key = (): number =>
      random(2) === 0 ? 0x5254_0000_0000 + random(keys) : (random(keys) * 0x1_0001_0001) % MAC_MAX;
    for (let step = 0; step < 10 * keys; step += 1) {
      const one = key();
      if (random(3) === 0) {
        table.delete(one);
        map.delete(one);
      } else {
        table.set(one, `${step}`);
        map.set(one, `${step}`);
      }
      const asked = key();
      assert.equal(table.get(asked), map.get(asked));
    }
    for (const [one, value] of map) assert.equal(table.get(one), value);
    table.clear();
    for (const one of map.keys()) assert.equal(table.get(one), undefined);
  }
});

test('the smallest and the largest number are ordinary keys', () => {
  const table = new NumberTable<string>();
  for (const key of [0, 1, 0xffff_ffff, 0x1_0000_0000, MAC_MAX, Number.MAX_SAFE_INTEGER]) {
    assert.equal(table.get(key), undefined);
    table.set(key, `${key}`);
    assert.equal(table.get(key), `${key}`);
  }
});

test('endless additions and removals leave only what was added last', () => {
  const table = new NumberTable<number>();
  for (let key = 0; key < 1_000_000; key += 1) {
    table.set(key, key);
    if (key >= 10) table.delete(key - 10);
  }
  let kept = 0;
  for (let key = 0; key < 1_000_000; key += 1) if (table.get(key) !== undefined) kept += 1;
  assert.equal(kept, 10);
  assert.equal(table.get(999_990), 999_990);
});
