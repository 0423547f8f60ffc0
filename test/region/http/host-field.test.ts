// The Host field: HTTP/1.1 has exactly one (RFC 9112 §3.2), HTTP/1.0 none or one.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ask } from '../../support/crowd.ts';
import { type LiveRegion, startRegion } from '../live.ts';

let live: LiveRegion;
before(async () => {
  live = await startRegion();
});
after(() => live.close());

const REQUESTS: readonly (readonly [name: string, version: string, fields: string, status: number, said?: RegExp])[] = [
  ['one Host', '1.1', 'Host: x\r\n', 200],
  ['an empty Host', '1.1', 'Host:\r\n', 200],
  ['no Host', '1.1', '', 400, /The request has no Host field\./],
  ['two Hosts', '1.1', 'Host: x\r\nHost: x\r\n', 400, /The request has several Host fields\./],
  ['two Hosts in other letters', '1.1', 'Host: x\r\nX: y\r\nHOST: y\r\n', 400],
  ['no Host', '1.0', '', 200],
  ['one Host', '1.0', 'Host: x\r\n', 200],
  ['two Hosts', '1.0', 'Host: x\r\nHost: y\r\n', 400],
];

for (const [name, version, fields, status, said] of REQUESTS)
  test(`HTTP/${version} with ${name} gets ${status}`, async () => {
    const request = `GET /MAAS/api/version/ HTTP/${version}\r\n${fields}Connection: close\r\n\r\n`;
    const { text } = await ask(live.port, '127.0.0.1', [request]);
    assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} `));
    if (said !== undefined) assert.match(text, said);
  });
