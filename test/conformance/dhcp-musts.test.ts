// The table of demands is whole: each row is met or departed from with tests that exist by file and name, or has a reason for which
// it is not this server's.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DHCP_MUSTS } from './dhcp-musts.ts';
import type { Must } from './must.ts';
import { testNamesIn } from './written-tests.ts';

const ROOT = join(import.meta.dirname, '..', '..');
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

test('each demand is met, departed from or not a server’s, and says by which test or why', () => {
  const problems: string[] = [];
  for (const row of DHCP_MUSTS) {
    const { verdict } = row;
    const tests = verdict.kind === 'not-ours' ? [] : verdict.tests;
    if (verdict.kind !== 'not-ours' && tests.length === 0) problems.push(`${rowName(row)}: no test shows it`);
    if (verdict.kind !== 'met' && !/^\S.{20,}\.$/s.test(verdict.because)) problems.push(`${rowName(row)}: why?`);
    if (!/^\S.*\.$/.test(row.demand)) problems.push(`${rowName(row)}: the demand is a sentence`);
    for (const { file, name } of tests) {
      if (!testsOf(file).has(name)) problems.push(`${rowName(row)}: ${file} has no test '${name}'`);
    }
  }
  assert.deepEqual(problems, []);
});

test('a test counts where it begins a line, written out, and is neither commented out nor skipped', () => {
  const cases: readonly (readonly [string, boolean])[] = [
    ["test('named', () => {});", true],
    ["  it('named', async (t) => {});", true],
    ["test(\n  'named',\n  () => {});", true],
    ['test("named", { skip: missing("perfdhcp") }, () => {});', true],
    ["// test('named', () => {});", false],
    ["const text = 'x'; // as test('named', …) says", false],
    ["/* before\ntest('named', () => {});\n*/", false],
    ["test.skip('named', () => {});", false],
    ["test.todo('named', () => {});", false],
    ["test('named', { skip: true }, () => {});", false],
    ["test('named', {\n  skip: 'not now',\n}, () => {});", false],
    ["latest('named', () => {});", false],
    ["test('named otherwise', () => {});", false],
  ];
  for (const [text, expected] of cases) assert.equal(testNamesIn(text).has('named'), expected, text);
});

test('the table is as long as the RFCs are, and no row comes twice', () => {
  const names = DHCP_MUSTS.map(rowName);
  assert.deepEqual(
    names.filter((name, index) => names.indexOf(name) !== index),
    [],
  );
  const count = (rfc: number): number => DHCP_MUSTS.filter((row) => row.rfc === rfc).length;
  assert.ok(count(2131) >= 150, `RFC 2131 has ${count(2131)} rows`);
  for (const rfc of [2132, 3011, 3046, 3396, 3397, 3442, 3527, 3925, 4361, 4578, 4702, 5107, 6842])
    assert.ok(count(rfc) > 0, `RFC ${rfc}`);
});

test('every test of the conformance files is named by some row', () => {
  const named = new Set(
    DHCP_MUSTS.flatMap(({ verdict }) => (verdict.kind === 'not-ours' ? [] : verdict.tests.map(({ name }) => name))),
  );
  const unnamed: string[] = [];
  for (const file of ['rfc2131-messages', 'rfc2131-exchanges', 'dhcp-options', 'dhcp-relays']) {
    const names = [...testsOf(`test/conformance/${file}.test.ts`)];
    assert.ok(names.length > 10, file);
    unnamed.push(...names.filter((name) => !named.has(name)));
  }
  assert.deepEqual(unnamed, []);
});
