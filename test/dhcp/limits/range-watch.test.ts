// When a range is reported as filling up, full, and having room again: at edge values, and once each.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RangeUsage } from '../../../src/dhcp/leases/address-pool.ts';
import { EASED_SHARE, FILLING_SHARE, type RangeLevel, RangeWatch } from '../../../src/dhcp/limits/range-watch.ts';
import { ip } from '../../support/lab-facts.ts';

const usageOf = (usable: number, free: number, low = '10.20.0.100'): RangeUsage => ({
  subnet: 'lab',
  range: { low: ip(low), high: ip('10.20.9.255') },
  usable,
  free,
  offered: 0,
  declined: 0,
});

/** Checks a range of `usable` addresses with each of these free counts in turn; the reports, or `-`. */
function follow(usable: number, frees: readonly number[]): readonly string[] {
  const watch = new RangeWatch();
  return frees.map((free) => watch.look(usageOf(usable, free))?.kind.replace('dhcp.range-', '') ?? '-');
}

test('each step of a range is reported once, at its share, and not again before it was left', () => {
  const table: readonly (readonly [
    name: string,
    usable: number,
    frees: readonly number[],
    reported: readonly string[],
  ])[] = [
    ['an empty one', 100, [100, 100], ['-', '-']],
    ['one short of nine tenths', 100, [11], ['-']],
    ['nine tenths', 100, [10, 10, 9], ['filling', '-', '-']],
    ['back, still over eight tenths', 100, [10, 20], ['filling', '-']],
    ['back, under eight tenths', 100, [10, 21, 21], ['filling', 'eased', '-']],
    ['to and fro about nine tenths', 100, [10, 11, 10, 11, 10], ['filling', '-', '-', '-', '-']],
    ['full at once', 100, [0, 0], ['full', '-']],
    ['full, by way of nine tenths', 100, [10, 0], ['filling', 'full']],
    ['full, and too little free to say so', 100, [0, 4, 1, 0], ['full', '-', '-', '-']],
    ['full, and a twentieth free', 100, [0, 5, 4, 0], ['full', 'eased', '-', 'full']],
    ['full, and empty at once', 100, [0, 100], ['full', 'eased']],
    ['full, and between eight and nine tenths', 100, [0, 15, 21], ['full', 'eased', 'eased']],
    ['of two: full, one free, both free', 2, [0, 1, 2], ['full', '-', 'eased']],
    ['of one: full, and free', 1, [1, 0, 1], ['-', 'full', 'eased']],
    ['of ten: nine in use', 10, [2, 1, 0, 1, 2], ['-', 'filling', 'full', '-', 'eased']],
    ['that has no usable address', 0, [0, 0], ['-', '-']],
    ['of which nothing is usable any more', 10, [0], ['full']],
  ];
  for (const [name, usable, frees, reported] of table) assert.deepEqual(follow(usable, frees), reported, name);
});

test('a range that loses its addresses is gone, not full', () => {
  const watch = new RangeWatch();
  watch.look(usageOf(10, 0));
  assert.equal(watch.look(usageOf(0, 0))?.kind, 'dhcp.range-eased');
  assert.equal(watch.getLevel(usageOf(0, 0)), 'ok');
});

test('the level of a range follows its reports', () => {
  const watch = new RangeWatch();
  const at = (free: number): RangeLevel => {
    watch.look(usageOf(1000, free));
    return watch.getLevel(usageOf(1000, free));
  };
  const edge = Math.round(1000 * (1 - FILLING_SHARE));
  const eased = Math.round(1000 * (1 - EASED_SHARE));
  assert.deepEqual([1000, edge + 1, edge, eased, eased + 1, 0, 49, 50, 1000].map(at), [
    'ok',
    'ok',
    'filling',
    'filling',
    'ok',
    'full',
    'full',
    'filling',
    'ok',
  ]);
});

test('ranges are independent, and one that is no longer served is forgotten', () => {
  const watch = new RangeWatch();
  const other = usageOf(10, 0, '10.30.0.100');
  assert.equal(watch.look(usageOf(10, 0))?.kind, 'dhcp.range-full');
  assert.equal(watch.look(other)?.kind, 'dhcp.range-full');
  watch.keep([other]);
  assert.deepEqual([watch.getLevel(usageOf(10, 0)), watch.getLevel(other)], ['ok', 'full']);
  assert.equal(watch.look(usageOf(10, 0))?.kind, 'dhcp.range-full', 'reported again when it is served again');
  assert.equal(watch.look(other), undefined);
});
