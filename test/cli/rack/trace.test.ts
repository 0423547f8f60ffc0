// The lines of a machine's steps, as they come.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StepPrinter } from '../../../src/cli/rack/trace.ts';
import { printedBy } from '../../support/printed.ts';

const START_MS = Date.parse('2026-01-02T03:04:05.000Z');
const at = (ms: number): string => new Date(START_MS + ms).toISOString();
const read = (number: number, times: number, lastMs: number) => ({
  number,
  boot: 1,
  at: at(0),
  lastAt: at(lastMs),
  times,
  kind: 'http.file-sent',
  level: 'info',
  text: `part ${number}`,
  fields: {},
});

test('a step that repeats has at most a line a second', async () => {
  const printer = new StepPrinter(false);
  const steps = [
    ...[read(1, 1, 0), read(1, 2, 1), read(1, 3, 999), read(1, 4, 1000), read(1, 5, 1999)],
    ...[read(2, 3, 1999), read(1, 2, 2000)],
  ];
  const { text } = await printedBy(async () => {
    for (const step of steps) printer.print(step);
  });
  const times = text.split('\n').flatMap((line) => /part \d(?: \(\d)?/.exec(line) ?? []);
  assert.deepEqual(times, ['part 1', 'part 1 (4', 'part 2 (3', 'part 1 (2']);
});
