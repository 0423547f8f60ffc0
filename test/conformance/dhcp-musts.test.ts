// The table of demands is whole: each row names tests that exist by file and name, and run on some host. A test begins its line, and its name
// is written out.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DHCP_MUSTS } from './dhcp-musts.ts';
import type { Must } from './must-rows.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const COMMENT_BLOCK = /^[ \t]*\/\*[\s\S]*?\*\//gm;
const TEST = /^[ \t]*(?:test|it)\(\s*(?:'([^'\n]+)'|"([^"\n]+)"|`([^`\n]+)`)\s*,\s*(\{[^}]*\})?/gm;
const SKIPPED = /\b(?:skip|todo):\s*(?:true\b|['"`])/;

/** The names of the tests in a test file's text that run; tests with needs that a host may lack count. */
function testNamesIn(text: string): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [, single, double, template, options = ''] of text.replaceAll(COMMENT_BLOCK, '').matchAll(TEST)) {
    const name = single ?? double ?? template;
    if (name !== undefined && !SKIPPED.test(options)) names.add(name);
  }
  return names;
}

const namesByFile = new Map<string, ReadonlySet<string>>();

/** The tests of a file that run; none when there is no such file. */
function testsOf(file: string): ReadonlySet<string> {
  const known = namesByFile.get(file);
  if (known !== undefined) return known;
  const path = join(ROOT, file);
  const names = testNamesIn(existsSync(path) ? readFileSync(path, 'utf8') : '');
  namesByFile.set(file, names);
  return names;
}

const rowName = ({ rfc, section, level, demand }: Must): string => `RFC ${rfc} §${section} ${level}: ${demand}`;

test('each demand is met or departed from, once, and says by which test', () => {
  const problems: string[] = [];
  const names = DHCP_MUSTS.map(rowName);
  for (const [index, { tests }] of DHCP_MUSTS.entries()) {
    const row = names[index] ?? '';
    if (names.indexOf(row) !== index) problems.push(`${row}: twice`);
    if (tests.length === 0) problems.push(`${row}: no test shows it`);
    for (const { file, name } of tests)
      if (!testsOf(file).has(name)) problems.push(`${row}: ${file} has no test '${name}'`);
  }
  assert.deepEqual(problems, []);
});

test('every test of the conformance files is named by some row', () => {
  const named = new Set(DHCP_MUSTS.flatMap(({ tests }) => tests.map(({ name }) => name)));
  for (const file of ['rfc2131-messages', 'rfc2131-exchanges', 'dhcp-options', 'dhcp-relays']) {
    const names = [...testsOf(`test/conformance/${file}.test.ts`)];
    assert.ok(names.length > 10, file);
    assert.deepEqual(
      names.filter((name) => !named.has(name)),
      [],
    );
  }
});
