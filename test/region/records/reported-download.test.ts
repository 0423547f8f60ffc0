// The downloads that racks report: each file once, and no rack takes the places of the others.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  REPORTED_DOWNLOADS_MAX,
  REPORTED_OF_RACK_MAX,
  type ReportedDownload,
  withReport,
} from '../../../src/region/records/reported-download.ts';

const report = (rack: string, file: string, bytes = 1): ReportedDownload => ({ rack, file, bytes, error: '', atMs: 1 });

/** The reports after these, as `rack file`. */
function after(reports: readonly ReportedDownload[]): readonly string[] {
  let all: readonly ReportedDownload[] = [];
  for (const one of reports) all = withReport(all, one);
  return all.map(({ rack, file }) => `${rack} ${file}`);
}

const filesOf = (rack: string, count: number): readonly ReportedDownload[] =>
  Array.from({ length: count }, (_, at) => report(rack, `f${at}`));

test('a report takes the place of the one before on the same file of the same rack, and becomes the newest', () => {
  const reports = [report('a', 'one', 1), report('b', 'one'), report('a', 'two'), report('a', 'one', 2)];
  assert.deepEqual(after(reports), ['b one', 'a two', 'a one']);
  assert.equal(withReport(reports.slice(0, 3), reports[3] ?? assert.fail()).at(-1)?.bytes, 2);
});

test('a rack with many files has its newest ones alone (REPORTED_OF_RACK_MAX); the other racks keep theirs', () => {
  const left = after([report('other', 'only'), ...filesOf('many', 10 * REPORTED_OF_RACK_MAX)]);
  assert.equal(left.length, REPORTED_OF_RACK_MAX + 1);
  assert.equal(left[0], 'other only');
  assert.equal(left[1], `many f${9 * REPORTED_OF_RACK_MAX}`);
});

test('of many racks, the one with the most reports gives a place (REPORTED_DOWNLOADS_MAX)', () => {
  const full = Array.from({ length: REPORTED_DOWNLOADS_MAX / REPORTED_OF_RACK_MAX }, (_, at) => `full${at}`);
  const few = Array.from({ length: 2 * REPORTED_OF_RACK_MAX }, (_, at) => report(`few${at}`, 'only'));
  const left = after([...full.flatMap((rack) => filesOf(rack, REPORTED_OF_RACK_MAX)), ...few]);
  assert.equal(left.length, REPORTED_DOWNLOADS_MAX);
  assert.equal(left.filter((one) => one.startsWith('few')).length, few.length, 'no rack with one file lost it');
  for (const rack of full) {
    const own = left.filter((one) => one.startsWith(`${rack} `));
    assert.equal(own.at(-1), `${rack} f${REPORTED_OF_RACK_MAX - 1}`, 'the newest stay');
  }
});

test('with as many racks as places, each further rack takes the place of the oldest report', () => {
  const racks = Array.from({ length: REPORTED_DOWNLOADS_MAX + 3 }, (_, at) => report(`r${at}`, 'only'));
  const left = after(racks);
  assert.deepEqual([left.length, left[0]], [REPORTED_DOWNLOADS_MAX, 'r3 only']);
});
