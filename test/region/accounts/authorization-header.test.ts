// The header as MAAS's clients send it, and in malformed forms.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAuthorization } from '../../../src/region/accounts/authorization-header.ts';

const KEY = { kind: 'key', consumerKey: 'C0n', tokenKey: 'T0k', secret: 'S3c' };

const ACCEPTED: readonly (readonly [string, string])[] = [
  [
    'the maas command line, without a realm',
    'OAuth oauth_nonce="123", oauth_timestamp="1700000000", oauth_version="1.0", oauth_signature_method="PLAINTEXT", ' +
      'oauth_consumer_key="C0n", oauth_token="T0k", oauth_signature="%26S3c"',
  ],
  [
    'the python client, with the realm OAuth',
    'OAuth realm="OAuth", oauth_nonce="1", oauth_timestamp="1", oauth_consumer_key="C0n", oauth_signature_method="PLAINTEXT", ' +
      'oauth_version="1.0", oauth_token="T0k", oauth_signature="%26S3c"',
  ],
  [
    'the Go client, with the realm MAAS API and without blanks',
    'OAuth realm="MAAS API",oauth_consumer_key="C0n",oauth_token="T0k",oauth_signature_method="PLAINTEXT",oauth_signature="%26S3c",' +
      'oauth_timestamp="1",oauth_nonce="9",oauth_version="1.0"',
  ],
  [
    'cloud-init, with an encoded realm and lower-case scheme',
    'oauth realm="", oauth_consumer_key="C0n", oauth_token="T0k", oauth_signature_method="PLAINTEXT", oauth_signature="%26S3c"',
  ],
  [
    'unquoted values',
    'OAuth oauth_consumer_key=C0n, oauth_token=T0k, oauth_signature_method=PLAINTEXT, oauth_signature=%26S3c',
  ],
];

for (const [name, header] of ACCEPTED) {
  test(`the key is found in the header of ${name}`, () => assert.deepEqual(parseAuthorization(header), KEY));
}

test('a secret encoded twice, as RFC 5849 requires, is decoded twice', () => {
  const header = ACCEPTED[0]?.[1].replace('%26S3c', '%26S%2525c') ?? '';
  assert.deepEqual(parseAuthorization(header), { ...KEY, secret: 'S%c' });
});

const REFUSED: readonly (readonly [string, string])[] = [
  ['empty', ''],
  ['of a scheme that we do not speak', 'Bearer abc'],
  ['without parameters', 'OAuth '],
  ['signed by another method', (ACCEPTED[0]?.[1] ?? '').replace('PLAINTEXT', 'HMAC-SHA1')],
  ['without an ampersand in its signature', (ACCEPTED[0]?.[1] ?? '').replace('%26', '')],
  ['with a consumer secret', (ACCEPTED[0]?.[1] ?? '').replace('%26', 'x%26')],
  ['with an empty secret', (ACCEPTED[0]?.[1] ?? '').replace('S3c', '')],
  ['with a parameter twice', `${ACCEPTED[0]?.[1]}, oauth_token="other"`],
  ['with a broken escape', (ACCEPTED[0]?.[1] ?? '').replace('%26S3c', '%2')],
  ['of version 2', (ACCEPTED[0]?.[1] ?? '').replace('"1.0"', '"2.0"')],
  ['longer than it may be', `OAuth ${'x'.repeat(5000)}`],
  ['Basic that is not base64', 'Basic :::'],
  ['Basic without a colon', `Basic ${Buffer.from('nobody').toString('base64')}`],
];

for (const [name, header] of REFUSED) {
  test(`a header ${name} holds no credentials`, () => assert.equal(parseAuthorization(header), undefined));
}

test('a header cut at any byte never throws, and never yields another secret of full length', () => {
  const header = ACCEPTED[0]?.[1] ?? '';
  for (let length = 0; length < header.length; length += 1) {
    const parsed = parseAuthorization(header.slice(0, length));
    if (parsed?.kind === 'key') assert.notEqual(parsed.secret, KEY.secret);
  }
});

test('in Basic, everything after the first colon is the password', () => {
  const header = `Basic ${Buffer.from('bob:a:b ü').toString('base64')}`;
  assert.deepEqual(parseAuthorization(header), { kind: 'password', username: 'bob', password: 'a:b ü' });
});
