// A count stands with its noun in the right number everywhere: `counted` writes both.

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
/** A bound is a number that is known: more than one. A name that ends so holds one, be it in a parameter. */
const IS_BOUND = /[A-Z]_[A-Z]|^[A-Z_]+$|Max$|countMax/;
/** Where the word in front is a name, or text that was read. */
const NO_COUNT: ReadonlySet<string> = new Set(['file', 'text', 'now', 'uri', 'release', 'run', 'safeText(said.value)']);

/** Counts that are written without their noun's number. */
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

test('what is written without it is found, and a bound is not', () => {
  const count = (what: string): string => `$\{${what}}`.replace('\\', '');
  const bare = [`${count('list.length')} entries`, `${count('steps')} steps`];
  assert.deepEqual(bareCounts(`say(${bare.join(' and ')})`), bare);
  const bounds = [count('KEYS_MAX'), count('this.#bytesMax'), count('WAIT_MS / 1000')];
  assert.deepEqual(bareCounts(bounds.map((bound) => `at most ${bound} keys`).join()), []);
});

test('no text writes a count without it', () => {
  const found = globSync('**/*.ts', { cwd: SRC }).flatMap((path) =>
    bareCounts(readFileSync(join(SRC, path), 'utf8')).map((count) => `${path}: ${count}`),
  );
  assert.deepEqual(found, [], 'write counted(count, noun) of src/counted.ts');
});
