// Text from outside: what is shown of it.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { cleanJson, cleanLines, cleanText } from '../src/clean-text.ts';

describe('text from outside', () => {
  for (const [name, text, shown] of [
    ['plain text stays', 'rack-1 näive 北京 🙂', 'rack-1 näive 北京 🙂'],
    ['a sequence of a terminal', '\u001b[2J\u001b]0;title\u0007', '\\x1b[2J\\x1b]0;title\\x07'],
    ['line ends and tabs', 'one\r\ntwo\tthree\0', 'one\\x0d\\x0atwo\\x09three\\x00'],
    ['DEL and C1: a CSI in one character', '\u007f\u009b31m\u0085', '\\x7f\\x9b31m\\x85'],
    ['what turns text around', '\u202egpj.exe\u2066\u2069\u200f\u061c', '\\u202egpj.exe\\u2066\\u2069\\u200f\\u061c'],
    ['what nobody sees', 'a\u200bb\u2060c\ufeff', 'a\\u200bb\\u2060c\\ufeff'],
    ['separators of lines and paragraphs', '\u2028\u2029', '\\u2028\\u2029'],
    ['halves of a pair', '\ud83d x \ude42', '\\ud83d x \\ude42'],
  ] as const) {
    test(name, () => assert.equal(cleanText(text), shown));
  }

  test('a long text is cut, at whole characters', () => {
    assert.equal(cleanText('x'.repeat(600)).length, 512);
    assert.equal(cleanText('abcdef', 4), 'abc…');
    assert.equal(cleanText('abcd', 4), 'abcd');
    assert.equal(cleanText('ab🙂🙂', 4), 'ab…');
  });

  test('lines and tabs stay where they may, and nothing else', () => {
    assert.equal(cleanLines('a\n\tb\r\u001b[1m\u009b'), 'a\n\tb\\x0d\\x1b[1m\\x9b');
  });

  test('whatever comes, what is shown has no such character, and JSON means the same', () => {
    const text = fc.string({ unit: 'binary', maxLength: 200 });
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 100 }), (value, max) => {
        for (const shown of [
          cleanText(value, max),
          cleanLines(value).replace(/[\n\t]/g, ''),
          cleanJson(JSON.stringify(value)),
        ]) {
          assert.doesNotMatch(shown, /[\p{Cc}\u2028-\u202e\u2066-\u2069\p{Cs}]/u);
        }
        assert.ok(cleanText(value, max).length <= max);
        assert.equal(JSON.parse(cleanJson(JSON.stringify(value))), value);
      }),
    );
  });
});
