// How text from outside is escaped before it is shown.

import assert from 'node:assert/strict';
import { globSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { cleanJson, cleanLines, cleanText } from '../../src/ground/clean-text.ts';
import { codePoint } from '../support/any-text.ts';

const UNFIT = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\p{Cs}]/u;

function heldBytes(collect: () => void): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

describe('text from outside', () => {
  for (const [name, text, shown] of [
    ['plain text stays', 'rack-1 näive 北京 🙂', 'rack-1 näive 北京 🙂'],
    ['a terminal escape sequence', '\u001b[2J\u001b]0;title\u0007', '\\x1b[2J\\x1b]0;title\\x07'],
    ['line ends and tabs', 'one\r\ntwo\tthree\0', 'one\\x0d\\x0atwo\\x09three\\x00'],
    ['DEL and C1: a CSI in one character', '\u007f\u009b31m\u0085', '\\x7f\\x9b31m\\x85'],
    [
      'characters that change direction',
      '\u202egpj.exe\u2066\u2069\u200f\u061c',
      '\\u202egpj.exe\\u2066\\u2069\\u200f\\u061c',
    ],
    ['invisible characters', 'a\u200bb\u2060c\ufeff', 'a\\u200bb\\u2060c\\ufeff'],
    ['line and paragraph separators', '\u2028\u2029', '\\u2028\\u2029'],
    ['a soft hyphen, a grapheme joiner', 'a\u00adb\u034f', 'a\\xadb\\u034f'],
    ['fillers: letters without a glyph', '\u115f\u3164\uffa0', '\\u115f\\u3164\\uffa0'],
    ['a vowel separator, a variation selector', '\u180e\ufe0f', '\\u180e\\ufe0f'],
    ['an annotation', '\ufff9a\ufffab\ufffb', '\\ufff9a\\ufffab\\ufffb'],
    ['invisible characters beyond U+FFFF, whole', 'a\u{e0041}\u{e01ef}\u{1d173}', 'a\\u{e0041}\\u{e01ef}\\u{1d173}'],
    ['halves of a surrogate pair', '\ud83d x \ude42', '\\ud83d x \\ude42'],
  ] as const) {
    test(name, () => {
      assert.equal(cleanText(text), shown);
      assert.equal(cleanLines(text), shown.replaceAll('\\x0a', '\n').replaceAll('\\x09', '\t'));
      const json = cleanJson(JSON.stringify(text));
      assert.doesNotMatch(json, UNFIT);
      assert.equal(JSON.parse(json), text);
    });
  }

  test('a long text is cut between whole characters', () => {
    assert.equal(cleanText('x'.repeat(600)).length, 512);
    assert.equal(cleanText('abcdef', 4), 'abc…');
    assert.equal(cleanText('abcd', 4), 'abcd');
    assert.equal(cleanText('ab🙂🙂', 4), 'ab…');
  });

  test('a cut text does not hold the whole one in memory', () => {
    const longBytes = 4 * 1024 * 1024;
    const cut = Array.from({ length: 32 }, (_, count) =>
      cleanText(Buffer.alloc(longBytes, 65 + count).toString(), 100),
    );
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    const before = heldBytes(collect);
    cut.length = 0;
    assert.ok(before - heldBytes(collect) < 16 * longBytes);
  });

  test('cleanLines keeps line ends and tabs, and no other control character', () => {
    assert.equal(cleanLines('a\n\tb\r\u001b[1m\u009b'), 'a\n\tb\\x0d\\x1b[1m\\x9b');
    assert.equal(cleanLines('x\n'.repeat(600)).length, 1200);
    assert.equal(cleanLines('a\ncdef', 4), 'a\nc…');
  });

  test('JSON escapes a character beyond U+FFFF as two units, and keeps line ends between values', () => {
    assert.equal(cleanJson('{\n\t"a": "\u{e0041}\u00ad"\n}'), '{\n\t"a": "\\udb40\\udc41\\u00ad"\n}');
  });

  test('no input leaves an unsafe character, and cleaned JSON keeps its meaning', () => {
    const text = fc.string({ unit: codePoint, maxLength: 200 });
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 100 }), (value, max) => {
        for (const shown of [
          cleanText(value, max),
          cleanLines(value).replace(/[\n\t]/g, ''),
          cleanJson(JSON.stringify(value)),
        ]) {
          assert.doesNotMatch(shown, UNFIT);
        }
        assert.ok(cleanText(value, max).length <= max);
        assert.equal(JSON.parse(cleanJson(JSON.stringify(value))), value);
      }),
    );
  });
});

describe('output of text', () => {
  const SOURCE = join(import.meta.dirname, '..', '..', 'src');
  const read = (file: string): string => readFileSync(join(SOURCE, file), 'utf8');

  /** The folders whose files print. */
  const ROOMS = ['cli', 'lab', 'doctor', 'capture'];

  /** Lines outside `cli/terminal/output.ts` that name an output of the process. */
  const elsewhere = new Set([
    // Detects that the reader has gone.
    "process.stdout.on('error', (error) => {",
    "process.stderr.on('error', () => undefined);",
    // The terminal of a prompt.
    'const output = silent ? new Writable({ write: (_chunk, _encoding, done) => done() }) : process.stdout;',
    // Cleans its text before colouring it.
    'constructor(clock: Clock, print: (line: string) => void = console.log) {',
  ]);

  test('every command, and each of its prompts, writes through output.ts, which cleans', () => {
    const output =
      /\bconsole\.[a-z]|\bprocess\.std(?:out|err)\b(?!\.(?:isTTY|columns)\b)|\bwriteSync\([12]\b|\/dev\/std(?:out|err)\b/;
    const files = globSync([`{${ROOMS.join(',')}}/**/*.ts`, 'main.ts'], { cwd: SOURCE });
    for (const room of ROOMS) {
      const all = readdirSync(join(SOURCE, room), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .map((name) => join(room, name));
      assert.deepEqual(
        files.filter((file) => file.startsWith(`${room}/`)).sort(),
        all.sort(),
        `not looked at: ${room}`,
      );
    }
    const direct = files
      .filter((file) => file !== join('cli', 'terminal', 'output.ts'))
      .flatMap((file) =>
        read(file)
          .split('\n')
          .map((line) => `${file}: ${line.trim()}`),
      )
      .filter((line) => {
        const text = line.slice(line.indexOf(': ') + 2);
        return output.test(text) && !/^(?:\/\/|\*|\/\*)/.test(text) && !elsewhere.has(text);
      });
    assert.deepEqual(
      direct,
      [],
      'use print, printError, printPart, printAside or printJson of src/cli/terminal/output.ts',
    );
  });
});
