// HEAD at the routes of GET: the same status and fields, without the body (RFC 9110 §9.3.2).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertStatus } from '../../support/answered.ts';
import { startRegion } from '../live.ts';

const PATHS = [
  '',
  'favicon.ico',
  'MAAS/api/version/',
  'MAAS/api/2.0/describe/',
  'MAAS/api/2.0/openapi.json',
  'MAAS/api/2.0/machines/',
  'MAAS/login/',
  'MAAS/rackboot/agent.sh',
  'MAAS/metadata/latest/',
  'MAAS/images-stream/nothing',
  'MAAS/nothing',
];

test('HEAD gives the status and the length that GET gives, and no body', async () => {
  const live = await startRegion();
  try {
    for (const path of PATHS) {
      const ask = (method: string) =>
        fetch(`${live.origin}/${path}`, {
          method,
          redirect: 'manual',
          headers: { authorization: live.authorization },
        });
      const [read, head] = [await ask('GET'), await ask('HEAD')];
      const { length } = Buffer.from(await read.arrayBuffer());
      assert.equal(head.status, read.status, path);
      assert.equal(head.headers.get('content-type'), read.headers.get('content-type'), path);
      assert.equal(head.headers.get('content-length'), String(length), path);
      assert.equal(await head.text(), '', path);
    }
    await assertStatus(fetch(`${live.origin}/MAAS/uplink/1/racks/a/changes`, { method: 'HEAD' }), 404);
  } finally {
    await live.close();
  }
});
