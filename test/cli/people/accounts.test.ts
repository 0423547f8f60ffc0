// The questions for a password.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askPassword } from '../../../src/cli/people/accounts.ts';

test('a short password, or one typed differently, is asked again with the reason', async () => {
  const typed = ['one', 'long enough', 'long enuogh', 'good enough', 'good enough'];
  const [asked, told]: [string[], string[]] = [[], []];
  const password = await askPassword(
    'ann',
    async (question) => {
      asked.push(question.slice(0, 4));
      return typed.shift() ?? assert.fail('too many questions');
    },
    (text) => void told.push(text),
  );
  assert.equal(password, 'good enough');
  assert.deepEqual(asked, ['Pass', 'Pass', 'Once', 'Pass', 'Once']);
  assert.deepEqual(told, ['A password has at least 8 characters.', 'The two passwords differ.']);
});

test('the questions end after too many mistakes', async () => {
  await assert.rejects(
    askPassword(
      'ann',
      async () => '',
      () => undefined,
    ),
    /no usable password; nothing was changed/,
  );
});
