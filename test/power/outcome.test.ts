import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cleanWords, maskSecrets, SAID_CHARACTERS_MAX } from '../../src/power/outcome.ts';

const MASKS: readonly (readonly [name: string, text: string, secrets: readonly string[], expected: string])[] = [
  ['a secret is masked wherever it stands', 'pw=hunter2, hunter2!', ['hunter2'], 'pw=••••, ••••!'],
  ['a secret in a URL is masked', '/?p=a%26b%20c', ['a&b c'], '/?p=••••'],
  ['of two secrets the longer one is masked first', 'abcdef', ['abc', 'abcdef'], '••••'],
  ['a secret with signs of regular expressions is masked', 'say .*+ now', ['.*+'], 'say •••• now'],
  ['an empty secret masks nothing', 'nothing', [''], 'nothing'],
];
for (const [name, text, secrets, expected] of MASKS) {
  test(name, () => assert.equal(maskSecrets(text, secrets), expected));
}

const WORDS: readonly (readonly [name: string, said: string, expected: string])[] = [
  ['lines become one', ' first\r\n\n second \n', 'first; second'],
  [
    'control characters and bidirectional marks become visible',
    'a\u0000\u001b[31mb\u202ec\u009bd',
    'a\\x00\\x1b[31mb\\u202ec\\x9bd',
  ],
  ['nothing stays nothing', '\n \t', ''],
];
for (const [name, said, expected] of WORDS) test(name, () => assert.equal(cleanWords(said), expected));

test('64 KiB of white space become one space, in a few milliseconds', () => {
  const before = process.threadCpuUsage();
  assert.equal(cleanWords(`a${' '.repeat(65_536)}b`), 'a b');
  const { user } = process.threadCpuUsage(before);
  assert.ok(user < 30_000, `it worked for ${user} µs`);
});

test('words are cut at their bound, after a secret across it is masked', () => {
  const said = `${'x'.repeat(SAID_CHARACTERS_MAX - 4)}hunter2 and more`;
  const clean = cleanWords(said, ['hunter2']);
  assert.equal(clean.length, SAID_CHARACTERS_MAX);
  assert.doesNotMatch(clean, /hun/);
});
