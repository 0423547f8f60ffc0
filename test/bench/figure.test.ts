// The arithmetic of the benchmarks: medians, quantiles, and their formatting.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Figures, formatReport, median, quantile, RACKBOOT } from '../../bench/figure.ts';

test('a median is the middle value, or the mean of the two in the middle', () => {
  const cases: readonly (readonly [readonly number[], number])[] = [
    [[7], 7],
    [[3, 1, 2], 2],
    [[10, 9, 100, 1], 9.5],
  ];
  for (const [values, expected] of cases) assert.equal(median(values), expected);
  assert.ok(Number.isNaN(median([])));
});

test('a quantile is a value that was measured', () => {
  const values = Array.from({ length: 100 }, (_, index) => index);
  assert.equal(quantile(values, 0.5), 50);
  assert.equal(quantile(values, 0.99), 99);
  assert.equal(quantile([5], 0.99), 5);
  assert.ok(Number.isNaN(quantile([], 0.5)));
});

test('medians over the rounds keep the order of the metrics, and a missing figure stays missing', () => {
  const figures = new Figures();
  for (const value of [120.4, 100, 140]) figures.add(RACKBOOT, [{ metric: 'leases', unit: 'leases/s', value }]);
  figures.add('kea', [{ metric: 'leases', unit: 'leases/s', value: 60.2 }]);
  figures.add('kea', [{ metric: 'memory', unit: 'MiB', value: 1.2345 }]);
  const results = figures.results();
  assert.deepEqual(results, [
    { metric: 'leases', unit: 'leases/s', rackboot: 120, peers: { kea: 60.2 } },
    { metric: 'memory', unit: 'MiB', rackboot: undefined, peers: { kea: 1.23 } },
  ]);
  const text = formatReport({ what: 'dhcp', host: 'a host', results, notes: ['a note'] });
  assert.match(text, /leases +leases\/s +120 +60\.2 +1\.99/);
  assert.match(text, /memory +MiB +– +1\.23/);
});
