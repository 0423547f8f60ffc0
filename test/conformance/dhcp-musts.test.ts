// The table of demands of the RFCs (docs/reference/dhcp-conformance.md) is whole: each row names tests that exist by file and name, and run on some host. A test begins its line, and its name
// is written out.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readDocument } from '../documents/markdown.ts';

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

/** The rows of the document: what is demanded, and the tests that show how this server stands to it. */
const DEMANDS = readDocument('docs/reference/dhcp-conformance.md')
  .split('\n')
  .filter((line) => /^\| RFC \d+ §/.test(line))
  .map((line) => {
    const cells = line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, ''));
    const tests = (cells.at(-1) ?? '').split('<br>').flatMap((text) => {
      const [, file, name] = /^`([\w/-]+)` (.+)$/.exec(text) ?? [];
      return file === undefined || name === undefined ? [] : [{ file: `test/${file}.test.ts`, name }];
    });
    return { row: cells.slice(0, 3).join(' '), tests };
  });

test('each demand is met or departed from, once, and says by which test', () => {
  const problems: string[] = [];
  const rows = DEMANDS.map(({ row }) => row);
  for (const [index, { row, tests }] of DEMANDS.entries()) {
    if (rows.indexOf(row) !== index) problems.push(`${row}: twice`);
    if (tests.length === 0) problems.push(`${row}: no test shows it`);
    for (const { file, name } of tests)
      if (!testsOf(file).has(name)) problems.push(`${row}: ${file} has no test '${name}'`);
  }
  assert.deepEqual(problems, []);
});

test('every test of the conformance files is named by some row', () => {
  const named = new Set(DEMANDS.flatMap(({ tests }) => tests.map(({ name }) => name)));
  for (const file of ['rfc2131-messages', 'rfc2131-exchanges', 'dhcp-options', 'dhcp-relays']) {
    const names = [...testsOf(`test/conformance/${file}.test.ts`)];
    assert.ok(names.length > 10, file);
    assert.deepEqual(
      names.filter((name) => !named.has(name)),
      [],
    );
  }
});
