// Errors of the operating system that nobody expected are sentences with the place and what to do; bugs stay bugs.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { systemErrorText } from '../../../src/cli/terminal/system-error.ts';

const failure = (code: string, more: object): Error => Object.assign(new Error(code), { code, ...more });

const CASES: readonly (readonly [code: string, more: object, text: RegExp])[] = [
  [
    'EACCES',
    { path: '/var/lib/rackboot/rack.json' },
    /may not use \/var\/lib\/rackboot\/rack\.json: .*sudo.* \(EACCES\)$/,
  ],
  ['EPERM', { path: '/etc/rackboot' }, /may not use \/etc\/rackboot: .*sudo/],
  ['ENOENT', { path: '/tmp/none' }, /^there is no \/tmp\/none: /],
  ['ENOSPC', { path: '/backup/a.tar' }, /^there is no room for \/backup\/a\.tar: .*df -h/],
  ['EROFS', { path: '/mnt/a' }, /^\/mnt\/a is on a file system that is mounted read-only/],
  ['ECONNREFUSED', { address: '192.0.2.1', port: 5240 }, /^192\.0\.2\.1:5240 does not answer/],
  ['ENOSPC', {}, /^there is no room for a file or address/],
];
for (const [code, more, text] of CASES)
  test(`${code}${'path' in more ? ' with a path' : ''} is a sentence`, () =>
    assert.match(systemErrorText(failure(code, more)) ?? '', text));

test('a real refusal of the system names its path', () => {
  assert.throws(
    () => readFileSync('/no/such/file'),
    (error) => /^there is no \/no\/such\/file: /.test(systemErrorText(error) ?? ''),
  );
});

test('the first of several addresses that were tried is named', () => {
  const refused = failure('ECONNREFUSED', { address: '127.0.0.1', port: 80 });
  const all = Object.assign(new AggregateError([refused]), { code: 'ECONNREFUSED' });
  assert.match(systemErrorText(all) ?? '', /^127\.0\.0\.1:80 does not answer/);
});

test('a part of the program that this user cannot load is named with what to do', async () => {
  const unread = await import(`${import.meta.dirname}/no-such-file.ts`).catch((error: unknown) => error);
  for (const error of [unread, failure('MODULE_NOT_FOUND', {})])
    assert.match(systemErrorText(error) ?? '', /cannot load all of Rackboot in \/\S+: /);
});

test('an error of the program itself is none', () => {
  assert.equal(systemErrorText(new TypeError('x is not a function')), undefined);
  assert.equal(systemErrorText(failure('ERR_INVALID_ARG_TYPE', {})), undefined);
});
