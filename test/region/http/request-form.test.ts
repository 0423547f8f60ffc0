// Bodies with a Content-Encoding are refused, not read as if they had none.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { createApiKey } from '../../../src/region/accounts/accounts.ts';
import { parseRequestForm } from '../../../src/region/http/request-form.ts';
import { buildApp, makeContext } from '../../../src/region/http/server.ts';
import { authorizationOf } from '../../support/oauth.ts';
import { addAdmin } from '../accounts/administrator.ts';
import { makeRegion } from '../place.ts';

const FORM = 'application/x-www-form-urlencoded';
const TEXT = Buffer.from('name=hall');

test('an operation with a compressed body is answered 415, and changes nothing', async () => {
  const place = await makeRegion();
  const app = buildApp(makeContext(place.region));
  try {
    const { store, clock } = place;
    await addAdmin(store, clock, { username: 'admin', email: '', password: 'long enough' });
    const authorization = authorizationOf(await createApiKey(store, clock, 'admin'));
    const send = (headers: Readonly<Record<string, string>>, payload: Buffer) =>
      app.inject({
        method: 'POST',
        url: '/MAAS/api/2.0/zones/',
        payload,
        headers: { authorization, 'content-type': FORM, ...headers },
      });
    const refused = await send({ 'content-encoding': 'gzip' }, gzipSync(TEXT));
    assert.deepEqual([refused.statusCode, refused.headers['x-rackboot-refusal']], [415, 'unknown-body']);
    assert.match(refused.body, /Content-Encoding/);
    assert.equal((await send({}, TEXT)).statusCode, 200, 'the name is free');
  } finally {
    await app.close();
    await place.remove();
  }
});

test('a compressed body is refused, and one that is not is read', () => {
  for (const [encoding, body, expected] of [
    [undefined, TEXT, 'fields'],
    ['identity', TEXT, 'fields'],
    [' Identity', TEXT, 'fields'],
    ['gzip', Buffer.alloc(0), 'fields'],
    ['gzip', gzipSync(TEXT), 'fault'],
    ['GZIP', TEXT, 'fault'],
    ['identity, br', TEXT, 'fault'],
  ] as const) {
    const headers = { 'content-type': FORM, ...(encoding === undefined ? {} : { 'content-encoding': encoding }) };
    assert.equal(parseRequestForm({ headers, body }).kind, expected, encoding);
  }
});
