// The table of refusals: every code has a known name and a sentence, is used, and a refusal is plain JSON until it becomes text.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { bodyOf, refuse, refuseField } from '../../../src/region/api/call/answer.ts';
import { REFUSALS } from '../../../src/region/api/call/refusal-status.ts';
import { EN } from '../../../src/region/words/en.ts';
import { LANGUAGE } from '../../../src/region/words/language.ts';
import { nameOf, type RefusalCode, refusal, sentenceOf } from '../../../src/region/words/refusal.ts';

const ROOT = join(import.meta.dirname, '../../..');
const isCode = (text: string): text is RefusalCode => Object.hasOwn(EN.refusals, text);
const CODES = Object.keys(EN.refusals).filter(isCode);

test('every code belongs to a name, which has an HTTP status and a meaning', () => {
  for (const code of CODES) assert.ok(Object.hasOwn(REFUSALS, nameOf(code)), code);
  assert.deepEqual(Object.keys(LANGUAGE.reasons).toSorted(), Object.keys(REFUSALS).toSorted());
});

test('every name is used by some refusal', () => {
  const names = new Set<string>(CODES.map((code) => nameOf(code)));
  assert.deepEqual(
    Object.keys(REFUSALS).filter((name) => !names.has(name)),
    [],
  );
});

test('every code is used outside the table', () => {
  const text = globSync('src/**/*.ts', { cwd: ROOT })
    .filter((path) => !path.startsWith('src/region/words/en'))
    .map((path) => readFileSync(join(ROOT, path), 'utf8'))
    .join('\n');
  assert.deepEqual(
    CODES.filter((code) => !text.includes(`'${code}'`)),
    [],
  );
});

test('no table takes a code of another one', () => {
  const tables = globSync('src/region/words/en/*.ts', { cwd: ROOT }).map((path) =>
    readFileSync(join(ROOT, path), 'utf8'),
  );
  const written = tables
    .filter((text) => /satisfies RefusalTable/.test(text))
    .flatMap((text) => [...text.matchAll(/^ {2}'([a-z.-]+)':/gm)].map(([, code]) => code));
  assert.deepEqual(written.filter((code = '') => isCode(code)).toSorted(), CODES.toSorted());
});

test('sentences without parameters are whole', () => {
  for (const [code, written] of Object.entries(EN.refusals)) {
    if (typeof written === 'string') assert.match(written, /^\S.{6,}\S$/, code);
  }
});

test('a refusal is plain JSON, and says the same after it has been written and read', () => {
  const made = refusal('image-missing.image', {
    system: 'debian/trixi',
    architecture: 'amd64/generic',
    meant: 'debian/trixie',
  });
  assert.equal(made.name, 'image-missing');
  const read: typeof made = JSON.parse(JSON.stringify(made));
  assert.deepEqual(read, made);
  assert.equal(sentenceOf(read), sentenceOf(made));
  assert.match(
    sentenceOf(read),
    /^there is no image of debian\/trixi for amd64\/generic\. Did you mean debian\/trixie\?/,
  );
});

test('the API makes sentences at its edge: plain text, or the messages of a field', () => {
  const unknown = refuse('not-found.user', { username: 'eve', meant: 'eva' });
  assert.equal(bodyOf(unknown), 'There is no user eve. Did you mean eva? `rackboot users list` shows all.');
  const field = refuseField('name', 'field.required');
  assert.equal(field.name, 'invalid-parameters');
  assert.deepEqual(bodyOf(field), { name: ['This field is required.'] });
});
