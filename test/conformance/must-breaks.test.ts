// Each demand that is met or departed from has a break, and each break still fits the source, so a change of the product or the table of
// demands that invalidates one is noticed at once. test/long/musts.test.ts shows that each test of the rows fails with its break.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { brokenTexts, problemsOf } from './broken-tree.ts';
import { DHCP_MUSTS } from './dhcp-musts.ts';
import { nameOf, PARTIAL_BREAKS } from './must-breaks/partial.ts';
import type { Replacement } from './must-breaks/row.ts';
import { keyOf, MUST_BREAKS, NOT_BROKEN_YET } from './must-breaks.ts';

const SRC = join(import.meta.dirname, '..', '..', 'src');
/** The text of a file below `src`; empty: there is none. */
const textOf = (file: string): string => (existsSync(join(SRC, file)) ? readFileSync(join(SRC, file), 'utf8') : '');

test('every demand on this server has a break, or is listed as having none yet', () => {
  const broken = new Set(MUST_BREAKS.map(keyOf));
  const without = DHCP_MUSTS.filter(({ verdict }) => verdict.kind !== 'not-ours')
    .map(keyOf)
    .filter((key) => !broken.has(key));
  assert.deepEqual(without.toSorted(), [...NOT_BROKEN_YET].toSorted());
});

test('every break is that of one row', () => {
  const rows = new Map(DHCP_MUSTS.map((row) => [keyOf(row), row]));
  const keys = MUST_BREAKS.map(keyOf);
  assert.deepEqual(
    keys.filter(
      (key, index) => keys.indexOf(key) !== index || (rows.get(key)?.verdict.kind ?? 'not-ours') === 'not-ours',
    ),
    [],
  );
});

test('every break of one case is that of one row, and no other', () => {
  const rows = new Map(MUST_BREAKS.map((row) => [keyOf(row), row]));
  const names = PARTIAL_BREAKS.map(nameOf);
  assert.deepEqual(
    PARTIAL_BREAKS.filter((row, index) => !rows.has(keyOf(row)) || names.indexOf(nameOf(row)) !== index).map(nameOf),
    [],
  );
});

test('the text that a break changes occurs once in its file, and the broken file still parses', () => {
  const problems: string[] = [];
  const named = [
    ...MUST_BREAKS.map((row) => [keyOf(row), row] as const),
    ...PARTIAL_BREAKS.map((row) => [nameOf(row), row] as const),
  ];
  for (const [name, row] of named) {
    problems.push(...problemsOf(row.breaks, textOf).map((problem) => `${name}: ${problem}`));
    for (const text of brokenTexts(row.breaks, textOf).values()) stripTypeScriptTypes(text);
  }
  assert.deepEqual(problems, []);
});

test('two rows share a break only if it is one value for both', () => {
  const known = new Map<string, readonly Replacement[]>();
  const twice: string[] = [];
  for (const row of [...MUST_BREAKS, ...PARTIAL_BREAKS]) {
    const written = JSON.stringify(row.breaks);
    const before = known.get(written);
    if (before !== undefined && row.breaks.some((one, index) => one !== before[index])) twice.push(keyOf(row));
    known.set(written, row.breaks);
  }
  assert.deepEqual(twice, []);
});

test('break-musts.ts says that no row has the given words, and exits with 1', () => {
  const file = join(import.meta.dirname, 'break-musts.ts');
  const { status, stderr } = spawnSync(process.execPath, [file, 'no such row'], { encoding: 'utf8' });
  assert.equal(status, 1);
  assert.match(stderr, /^no row has all of these words: no such row$/m);
});
