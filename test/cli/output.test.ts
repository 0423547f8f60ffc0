import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printFields } from '../../src/cli/output.ts';

test('fields stand in two columns, also beside a name that is longer than any before', (t) => {
  const lines: unknown[] = [];
  t.mock.method(console, 'log', (line: unknown) => void lines.push(line));
  printFields([
    ['Status', 'New'],
    ['mainboard_manufacturer_name', 'Maker'],
    ['Disks', ''],
  ]);
  assert.deepEqual(lines, ['Status                       New', 'mainboard_manufacturer_name  Maker', 'Disks']);
});
