// The fields of every answer: the one by which a rack tells the region's answers from those of any other server, and the type, for want of which
// MAAS's command ends with an error.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { REGION_FIELD } from '../../../src/net/region-http.ts';
import { ask } from '../../support/crowd.ts';
import { type LiveRegion, startRegion } from '../live.ts';
import { acceptRack, RACK_UUID, rackAuthorization } from '../racks/rack-place.ts';

let live: LiveRegion;
before(async () => {
  live = await startRegion();
  await acceptRack(live.region);
});
after(() => live.close());

const rack = `Authorization: ${rackAuthorization()}\r\n`;
const link = `/MAAS/uplink/1/racks/${RACK_UUID}`;

/** The beginnings of requests, and the status of their answers. */
const REQUESTS: readonly (readonly [name: string, status: number, request: string])[] = [
  ['a ping', 200, 'GET /MAAS/api/version/ HTTP/1.1\r\n'],
  ['a state', 200, `GET ${link}/state HTTP/1.1\r\n${rack}`],
  ['an unknown key', 401, `GET ${link}/state HTTP/1.1\r\nAuthorization: OAuth oauth_token="x"\r\n`],
  ['an unknown path', 404, 'GET /nowhere HTTP/1.1\r\n'],
  ['an empty answer', 204, 'GET /favicon.ico HTTP/1.1\r\n'],
  ['a redirect', 302, 'GET / HTTP/1.1\r\n'],
  ['a page', 401, 'GET /MAAS/ HTTP/1.1\r\n'],
  ['a target that cannot be decoded', 400, 'GET /%zz HTTP/1.1\r\n'],
  ['a malformed request', 400, 'NONSENSE\r\n'],
  ['fields that are too long', 431, `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n`],
];

for (const [name, status, request] of REQUESTS) {
  test(`${name}: the answer ${status} says that it is a region's, and its type`, async () => {
    const { text } = await ask(live.port, '127.0.0.1', [`${request}Host: x\r\nConnection: close\r\n\r\n`]);
    const [head = ''] = text.split('\r\n\r\n');
    assert.match(head, new RegExp(`^HTTP/1\\.1 ${status} `));
    assert.match(head, new RegExp(`^${REGION_FIELD.name}: ${REGION_FIELD.value}$`, 'im'));
    assert.match(head, /^content-type: [a-z]+\/[a-z]+/im);
  });
}

test('the answer to a removal is plain text of no length', async () => {
  const zones = `${live.origin}/MAAS/api/2.0/zones/`;
  const by = { headers: { authorization: live.authorization } };
  await fetch(zones, { ...by, method: 'POST', body: new URLSearchParams({ name: 'hall' }) });
  const { status, headers } = await fetch(`${zones}hall/`, { ...by, method: 'DELETE' });
  assert.deepEqual([status, headers.get('content-type'), headers.get('content-length')], [204, 'text/plain', null]);
});

test('so does a stream of changes', async () => {
  const stop = new AbortController();
  const { status, headers } = await fetch(`${live.origin}${link}/changes`, {
    signal: stop.signal,
    headers: { authorization: rackAuthorization() },
  });
  assert.deepEqual([status, headers.get(REGION_FIELD.name)], [200, REGION_FIELD.value]);
  stop.abort();
});
