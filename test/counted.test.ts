// Every count in a text agrees with its noun, because `counted` writes both.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { counted } from '../src/counted.ts';

const SRC = join(import.meta.dirname, '..', 'src');
const NOUNS =
  'addresses|bytes|characters|datagrams|days|disks|entries|events|files|hosts|hours|images|interfaces|keys|leases|' +
  'lines|machines|minutes|networks|packages|problems|racks|records|scripts|seconds|steps|tests|times|users|words';
const COUNT = new RegExp(`\\$\\{([^{}\`]+)\\} (?:${NOUNS})\\b`, 'g');
/** Names of bounds, parameters included. A bound is known to be more than one, so its noun is always plural. */
const IS_BOUND = /[A-Z]_[A-Z]|^[A-Z_]+$|Max$|countMax|^(?:\w+\.)?(?:max|min)$/;
/** Expressions that hold a name or text, not a count. */
const NO_COUNT: ReadonlySet<string> = new Set(['file', 'text', 'now', 'uri', 'release', 'run', 'safeText(said.value)']);

/** Counts in a template whose noun is a fixed plural. */
const bareCounts = (source: string): string[] =>
  source
    .split('\n')
    .filter((line) => !/^\s*(?:\/\/|\/?\*)/.test(line))
    .flatMap((line) => [...line.matchAll(COUNT)].filter(([, what = '']) => !IS_BOUND.test(what) && !NO_COUNT.has(what)))
    .map(([whole]) => whole);

test('a count and its noun agree', () => {
  assert.equal(counted(1, 'second'), '1 second');
  assert.equal(counted(2, 'second'), '2 seconds');
  assert.equal(counted(1, 'entry is', 'entries are'), '1 entry is');
});

test('a count written without `counted` is found, and a bound is not reported', () => {
  const count = (what: string): string => `$\{${what}}`.replace('\\', '');
  const bare = [`${count('list.length')} entries`, `${count('steps')} steps`];
  assert.deepEqual(bareCounts(`say(${bare.join(' and ')})`), bare);
  const bounds = [count('KEYS_MAX'), count('this.#bytesMax'), count('WAIT_MS / 1000')];
  assert.deepEqual(bareCounts(bounds.map((bound) => `at most ${bound} keys`).join()), []);
});

test('no text writes a count without `counted`', () => {
  const found = globSync('**/*.ts', { cwd: SRC }).flatMap((path) =>
    bareCounts(readFileSync(join(SRC, path), 'utf8')).map((count) => `${path}: ${count}`),
  );
  assert.deepEqual(found, [], 'write counted(count, noun) of src/counted.ts');
});
