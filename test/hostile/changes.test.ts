// The changes that make the cases fail still fit the source. Whether the cases fail with them is seen in `long/without.test.ts`.
// @host waits

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { changedTexts } from './changes.ts';
import { EVERY_CASE } from './every-case.ts';
import { testName } from './stand.ts';
import { BY_SHARES } from './without.ts';

const SRC = join(import.meta.dirname, '..', '..', 'src');
const read = (file: string): string => readFileSync(join(SRC, file), 'utf8');

describe('the changes that make a case fail', () => {
  for (const { attack, from, withoutIt } of EVERY_CASE) {
    it(`occurs once in its file, and the changed file still parses: ${attack} from ${from}`, () => {
      const texts = changedTexts(withoutIt, read);
      assert.ok(texts.size > 0, 'it changes nothing');
      for (const [file, text] of texts) {
        assert.notEqual(text, read(file));
        stripTypeScriptTypes(text);
      }
    });
  }

  it('belongs to one case, which has a name of its own', () => {
    assert.equal(new Set(EVERY_CASE.map(testName)).size, EVERY_CASE.length);
  });

  it('is refused if its text is missing, or occurs twice', () => {
    const change = { file: 'room/file.ts', of: 'a', by: 'b' };
    assert.throws(() => changedTexts([change], () => 'none'), /0 times: a/);
    assert.throws(() => changedTexts([change], () => 'aa'), /2 times: a/);
    assert.deepEqual(
      [...changedTexts([change, { ...change, of: 'c', by: '$&' }], () => 'ac')],
      [['room/file.ts', 'b$&']],
    );
  });

  it('each change of the shares names existing tests', () => {
    for (const [file, parts] of BY_SHARES) {
      const text = readFileSync(join(import.meta.dirname, '..', file), 'utf8');
      for (const part of parts) assert.ok(text.includes(part), `${file} has no test with the words: ${part}`);
    }
  });
});
