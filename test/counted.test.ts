// Every count in a text agrees with its noun, because `counted` writes both; a long list is cut, and the rest is counted.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { counted, listed } from '../src/counted.ts';

const SRC = join(import.meta.dirname, '..', 'src');
/** A value, and a word that could be the plural of a noun, or a verb of many. */
const COUNT = /\$\{([^{}`]+)\} ([a-z]+s|are|were|have)\b/g;
/** Words of this form behind a name, and units. */
const NO_PLURALS: ReadonlySet<string> = new Set(
  (
    'answers appears applies as belongs boots changes class contains contradicts decides differs does exceeds exists expires follows gets has hears ' +
    'holds inherits is lacks makes ms names needs overlaps owns pcbios redirects refuses reports serves shows takes tells waits was'
  ).split(' '),
);
/** Names of bounds, parameters included. A bound is known to be more than one, so its noun is always plural. */
const IS_BOUND = /[A-Z]_[A-Z]|^[A-Z_]+$|Max$|countMax|^(?:\w+\.)?(?:max|min)$/;
/** Expressions that hold a name or text, or a count that is never 1 there. */
const NO_COUNT: ReadonlySet<string> = new Set([
  ...['place', 'prefix', 'run', 'safeText(said.value)', 'this.directory', 'fqdn', 'other', 'real', 'machine'],
  ...['file', 'text', 'now', 'uri', 'release'],
  ...['blocks', 'blocks.length', 'own.length', 'node.names.length', 'total', 'gap.oldest - 1'],
  'mebibytes(needed + RESERVE_BYTES)',
]);
const isCounted = (what: string): boolean => what.startsWith('counted(');

/** Counts in a template whose noun is a fixed plural. */
const bareCounts = (source: string): string[] =>
  source
    .split('\n')
    .filter((line) => !/^\s*(?:\/\/|\/?\*)/.test(line))
    .flatMap((line) => [...line.matchAll(COUNT)])
    .filter(([, what = '', word = '']) => !NO_PLURALS.has(word) && !NO_COUNT.has(what) && !isCounted(what))
    .filter(([, what = '']) => !IS_BOUND.test(what))
    .map(([whole]) => whole);

test('a count and its noun agree', () => {
  assert.equal(counted(1, 'second'), '1 second');
  assert.equal(counted(2, 'second'), '2 seconds');
  assert.equal(counted(1, 'entry is', 'entries are'), '1 entry is');
});

test('a list names its first entries and counts the rest', () => {
  const cases: readonly (readonly [readonly string[], string])[] = [
    [[], ''],
    [['a', 'b'], 'a, b'],
    [['a', 'b', 'c'], 'a, b and 1 more'],
  ];
  for (const [names, expected] of cases) assert.equal(listed(names, 2), expected);
});

test('a count written without `counted` is found, and a bound is not reported', () => {
  const count = (what: string): string => `$\{${what}}`.replace('\\', '');
  const bare = [`${count('list.length')} entries`, `${count('steps')} llamas`, `${count('missed')} are`];
  assert.deepEqual(bareCounts(`say(${bare.join(' and ')})`), bare);
  assert.deepEqual(bareCounts(`${count('name')} is here, ${count('name')} needs it`), []);
  const bounds = [count('KEYS_MAX'), count('this.#bytesMax'), count('WAIT_MS / 1000')];
  assert.deepEqual(bareCounts(bounds.map((bound) => `at most ${bound} keys`).join()), []);
});

test('no text writes a count without `counted`', () => {
  const found = globSync('**/*.ts', { cwd: SRC }).flatMap((path) =>
    bareCounts(readFileSync(join(SRC, path), 'utf8')).map((count) => `${path}: ${count}`),
  );
  assert.deepEqual(found, [], 'write counted(count, noun) of src/counted.ts');
});
