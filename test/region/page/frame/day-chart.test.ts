// The chart of a day: where a value is drawn, gaps, bounds, and what it says to those who do not see it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderDayChart } from '../../../../src/region/page/frame/day-chart.ts';
import {
  computeFills,
  computeRates,
  type Point,
  type RackMeasures,
  type RackSample,
  SAMPLE_MS,
  SAMPLES_MAX,
  withMeasure,
} from '../../../../src/region/records/rack-measures.ts';

const DAY_MS = SAMPLE_MS * SAMPLES_MAX;
const NOW = 10 * DAY_MS;

const chart = (points: readonly Point[], full?: number) =>
  renderDayChart({ label: 'a <b>', points, nowMs: NOW, format: String, full }).toString();
const linesIn = (text: string) => /class="line" d="([^"]*)"/.exec(text)?.[1] ?? '';

test('a value stands at its time and height: the edges of the day, zero and the largest', () => {
  const text = chart([
    { atMs: NOW - DAY_MS, value: 0 },
    { atMs: NOW - DAY_MS / 2, value: 10 },
    { atMs: NOW, value: 5 },
  ]);
  assert.equal(linesIn(text), 'M0 55L144 1L288 28');
  assert.match(text, /aria-label="a &lt;b&gt; in the last day: now 5, at most 10"/);
});

test('the upper edge is what is full, and never below the largest value', () => {
  const points = [{ atMs: NOW, value: 10 }];
  assert.equal(linesIn(chart(points, 20)), 'M288 28h0');
  assert.equal(linesIn(chart(points, 5)), 'M288 1h0');
});

test('an unknown value is a gap, and nothing known is no chart', () => {
  const at = (share: number, value: number | undefined): Point => ({ atMs: NOW - DAY_MS * share, value });
  const text = chart([at(0.75, 1), at(0.5, 1), at(0.4, undefined), at(0.25, 1), at(0, 1)]);
  assert.equal(linesIn(text).split('M').length - 1, 2);
  assert.equal(chart([at(0.5, undefined)]), '');
  assert.equal(chart([at(1.5, 3)]), '');
  assert.equal(chart([]), '');
});

test('a flat line of zeroes is drawn at the ground', () => {
  assert.equal(linesIn(chart([{ atMs: NOW, value: 0 }])), 'M288 55h0');
});

const measuresOf = (leases: number, taken = 0): RackMeasures => ({
  startedMs: 1,
  counts: { leases, tftpBytes: 0, httpBytes: 0, dnsQueries: 0 },
  taken,
  usable: 100,
  listening: { dhcp: [], tftp: [], http: [], dns: [] },
});

function measured(values: readonly (readonly [atMs: number, leases: number])[]): readonly RackSample[] {
  return values.reduce<readonly RackSample[]>(
    (samples, [atMs, leases]) => withMeasure(samples, measuresOf(leases, leases), atMs),
    [],
  );
}

test('of several measures of five minutes the last one counts, and a day is kept', () => {
  const samples = measured([
    [0, 1],
    [60_000, 2],
    [SAMPLE_MS, 3],
  ]);
  assert.deepEqual(
    computeFills(samples).map(({ atMs, value }) => [atMs, value]),
    [
      [60_000, 2],
      [SAMPLE_MS, 3],
    ],
  );
  const many = measured(Array.from({ length: SAMPLES_MAX + 50 }, (_, index) => [index * SAMPLE_MS, index]));
  assert.equal(many.length, SAMPLES_MAX);
  assert.equal(many[0]?.atMs, 50 * SAMPLE_MS);
});

test('a rate is what a counter grew in a second; after a restart or a silence it is unknown', () => {
  const samples = measured([
    [0, 0],
    [SAMPLE_MS, 600],
    [2 * SAMPLE_MS, 5],
    [3 * SAMPLE_MS, 305],
    [9 * SAMPLE_MS, 400],
  ]);
  assert.deepEqual(
    computeRates(samples, 'leases').map(({ value }) => value),
    [2, undefined, 1, undefined],
  );
});
