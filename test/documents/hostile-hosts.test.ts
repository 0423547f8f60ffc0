// Every number of docs/hostile-hosts.md comes from somewhere: a bound is the value of its constant, and what else is a number says what it is.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { constantValue } from '../hostile/bound-scan.ts';
import { OTHERS, type Source, STATED } from './hostile-numbers.ts';

/** The text in one line, without code, the targets of links, and the spaces within numbers. */
const TEXT = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'hostile-hosts.md'), 'utf8')
  .replaceAll(/```.*?```/gs, '')
  .replaceAll(/`[^`]*`/g, '`code`')
  .replaceAll(/\]\([^)]*\)/g, ']')
  .replaceAll(/\*\*/g, '')
  .replaceAll(/\s+/g, ' ')
  .replaceAll(/(?<=(?<![\d/.])\d{1,3}(?: \d{3})*) (?=\d{3}(?!\d))/g, '')
  .replaceAll("'", '’');

function numberOf(source: Source): number {
  const [at, divisor] = typeof source === 'string' ? [source, 1] : source;
  const [file = '', name = '', part] = at.split(' ');
  const value = constantValue(`${file} ${name}`);
  const number: unknown = part === undefined ? value : Reflect.get(Object(value), part);
  if (typeof number !== 'number') throw new Error(`${at} is not a number`);
  return number / divisor;
}

test('a number that states a bound is the value of its constant', () => {
  const wrong = STATED.map(([text, ...sources]) => {
    const numbers = sources.map(numberOf);
    return text.replaceAll('{}', () => String(numbers.shift()));
  }).filter((text) => !TEXT.includes(text));
  assert.deepEqual(wrong, [], 'docs/hostile-hosts.md says otherwise');
});

test('every other number says that it was measured, or has another source', () => {
  const covered = new Uint8Array(TEXT.length);
  const patterns = [
    ...STATED.map(([text]) => new RegExp(RegExp.escape(text).replaceAll('\\{\\}', '[\\d.]+'), 'g')),
    ...Object.values(OTHERS).flat(),
  ];
  for (const pattern of patterns) {
    const found = [...TEXT.matchAll(pattern)];
    assert.ok(found.length > 0, `the text has none of ${pattern}`);
    for (const { index, 0: piece } of found) covered.fill(1, index, index + piece.length);
  }
  const left = [...TEXT.matchAll(/(?<![\w.])\d[\d.]*/g)].filter(({ index }) => covered[index] === 0);
  assert.deepEqual(
    left.map(({ index }) => TEXT.slice(Math.max(0, index - 60), index + 40)),
    [],
    'name the constant in STATED, or say in OTHERS what it is',
  );
});
