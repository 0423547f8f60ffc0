// The table of mended behaviour fits the tree: its tests and cases exist, and each break still fits the source. test/long/mended.test.ts shows that
// the tests fail with their breaks.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { EVERY_CASE } from '../hostile/every-case.ts';
import { brokenTexts, problemsOf } from './broken-tree.ts';
import { MENDED } from './mended.ts';
import { testNamesIn } from './written-tests.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const textOf = (file: string): string => (existsSync(join(ROOT, file)) ? readFileSync(join(ROOT, file), 'utf8') : '');
const sourceOf = (file: string): string => textOf(join('src', file));

/** True if a test has this name, or makes it from a pattern. */
function hasTest(file: string, name: string): boolean {
  for (const written of testNamesIn(textOf(file))) {
    const parts = written.split(/\$\{(?:[^{}]|\{[^}]*\})*\}/);
    const pattern = parts.map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('.*');
    if (new RegExp(`^${pattern}$`, 's').test(name)) return true;
  }
  // A name that is a value of a table.
  return /\b(?:test|it)\(name, /.test(textOf(file)) && textOf(file).includes(`['${name}'`);
}

test('each point has promises, and each promise has tests that exist', () => {
  const problems: string[] = [];
  for (const { point, rows } of MENDED) {
    if (rows.length === 0) problems.push(`${point}: nothing holds`);
    for (const { holds, tests } of rows) {
      if (!/^\S.*\.$/.test(holds)) problems.push(`${holds}: is not a sentence`);
      if (tests.length === 0) problems.push(`${holds}: no test shows it`);
      for (const { file, name } of tests)
        if (!hasTest(file, name)) problems.push(`${holds}: ${file} has no test '${name}'`);
    }
  }
  assert.deepEqual(problems, []);
});

test('no two promises have one name, and no point comes twice', () => {
  const names = MENDED.flatMap(({ point, rows }) => [point, ...rows.map(({ holds }) => `${point}: ${holds}`)]);
  assert.deepEqual(
    names.filter((name, index) => names.indexOf(name) !== index),
    [],
  );
});

test('the text that a break changes occurs once in its file, and the broken file still parses', () => {
  const problems: string[] = [];
  for (const { holds, breaks } of MENDED.flatMap(({ rows }) => rows)) {
    problems.push(...problemsOf(breaks, sourceOf).map((problem) => `${holds}: ${problem}`));
    for (const text of brokenTexts(breaks, sourceOf).values()) stripTypeScriptTypes(text);
  }
  assert.deepEqual(problems, []);
});

test('each case of the hostile suite that a point names exists', () => {
  const attacks = new Set(EVERY_CASE.map(({ attack }) => attack));
  assert.deepEqual(
    MENDED.flatMap(({ cases = [] }) => cases).filter((name) => !attacks.has(name)),
    [],
  );
});
