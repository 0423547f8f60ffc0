// The questions for a password, and the API keys of an account.

import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { askPassword, nameAdministrator, printApiKey, readPassword } from '../../../src/cli/people/accounts.ts';
import { systemClock } from '../../../src/ground/clock.ts';
import {
  createAdmin,
  KEYS_PER_USER_MAX,
  newUserProblem,
  newUserProblems,
} from '../../../src/region/accounts/accounts.ts';
import { openRegionStore } from '../../../src/store/sqlite/region-sqlite.ts';

test('a short password, or one typed differently, is asked again with the reason', async () => {
  const typed = ['one', 'long enough', 'long enuogh', 'good enough', 'good enough'];
  const [asked, reported]: [string[], string[]] = [[], []];
  const password = await askPassword(
    'ann',
    async (question) => {
      asked.push(question.slice(0, 4));
      return typed.shift() ?? assert.fail('too many questions');
    },
    (text) => void reported.push(text),
  );
  assert.equal(password, 'good enough');
  assert.deepEqual(asked, ['Pass', 'Pass', 'Once', 'Pass', 'Once']);
  assert.deepEqual(reported, ['A password has at least 4 characters.', 'The two passwords differ.']);
});

test('a file with a password that others can read is warned of, with the remedy', async (t) => {
  const place = mkdtempSync(join(tmpdir(), 'rackboot-password-'));
  t.after(() => rmSync(place, { recursive: true }));
  const passwordFile = join(place, 'password');
  writeFileSync(passwordFile, 'long enough\n', { mode: 0o600 });
  const lines: string[] = [];
  t.mock.method(console, 'error', (line: string) => void lines.push(line));
  assert.equal(await readPassword({ username: 'ann', passwordFile }), 'long enough');
  assert.deepEqual(lines, []);
  chmodSync(passwordFile, 0o644);
  assert.equal(await readPassword({ username: 'ann', passwordFile }), 'long enough');
  assert.deepEqual(lines, [
    `Note: other users of this host can read ${passwordFile}; to change that: chmod 600 ${passwordFile}`,
  ]);
});

test('an administrator has any word as the e-mail address, as in MAAS; other accounts need an address', () => {
  const account = { username: 'admin', password: 'long enough' };
  for (const email of ['', 'admin', 'admin@maas', 'x'.repeat(254)])
    assert.equal(newUserProblem({ ...account, email }), undefined, email);
  for (const email of ['a b', 'a\u001b[31m', 'x'.repeat(255)])
    assert.match(newUserProblem({ ...account, email }) ?? '', /e-mail|254/, email);
  assert.deepEqual(Object.keys(newUserProblems({ ...account, email: 'admin' }) ?? {}), ['email']);
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

test('an account’s API keys are listed without their secrets, and one that is removed makes room for another', async (t) => {
  const place = mkdtempSync(join(tmpdir(), 'rackboot-keys-'));
  t.after(() => rmSync(place, { recursive: true }));
  const config = join(place, 'rackboot.yaml');
  const stateDir = join(place, 'state');
  writeFileSync(config, `name: rack\nstate_dir: ${stateDir}\nregion: { mode: embedded }\n`);
  const store = openRegionStore({ stateDir });
  await createAdmin(store, systemClock, { username: 'ann', email: '', password: 'long enough' });
  await store.close();
  const lines: string[] = [];
  t.mock.method(console, 'log', (line: string) => void lines.push(line));
  const account = { config, username: 'ann', name: 'ci' };
  await printApiKey({ ...account, list: true });
  assert.deepEqual(lines.splice(0), ['ann has no API keys.']);
  for (let count = 0; count < KEYS_PER_USER_MAX; count += 1) await printApiKey(account);
  const [, token = '', secret = ''] = lines.splice(0)[0]?.split(':') ?? [];
  await assert.rejects(printApiKey(account), { code: 'limit-reached', message: /--remove \w+.*--list/ });
  await printApiKey({ ...account, list: true });
  const listed = lines.splice(0);
  assert.equal(listed.length, 1 + KEYS_PER_USER_MAX);
  assert.match(listed.find((line) => line.startsWith(token)) ?? '', /^\w+ +ci +.* ago +-$/);
  assert.ok(!listed.join().includes(secret));
  await assert.rejects(printApiKey({ ...account, remove: 'nothing' }), { code: 'not-found', message: /--list/ });
  await printApiKey({ ...account, remove: token });
  assert.match(lines.splice(0).join(), /is removed: requests with it are refused from now on\.$/);
  await printApiKey(account);
  assert.match(lines.join(), /^\w+:\w+:\w+$/);
});

test('an administrator is named by the flags, or by a person who is asked', async () => {
  const answers = [' ann ', 'ann@example.com'];
  const asked: string[] = [];
  const ask = async (question: string): Promise<string> => {
    asked.push(question);
    return answers[asked.length - 1] ?? '';
  };
  assert.deepEqual(await nameAdministrator({ username: 'bob' }, ask), { username: 'bob', email: '' });
  assert.deepEqual(asked, []);
  assert.deepEqual(await nameAdministrator({}, ask), { username: 'ann', email: 'ann@example.com' });
  assert.deepEqual(asked, ['Username: ', 'E-mail address, or nothing: ']);
});
