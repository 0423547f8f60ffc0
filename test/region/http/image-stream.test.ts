// The images that a region sends at a time: each address has its share, and a newcomer takes a place of who holds most.

import assert from 'node:assert/strict';
import { request } from 'node:http';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { FILES_MAX, FILES_OF_ADDRESS_MAX } from '../../../src/region/http/image-stream-routes.ts';
import { eventuallyWithin } from '../../support/eventually.ts';
import { startRegion } from '../live.ts';

/** More than the buffers of a connection hold. */
const BYTES = 64 * 1024 * 1024;

interface Download {
  readonly status: number;
  readonly retryAfter: string | undefined;
  end(): void;
}

test('one address gets its share of downloads, and a newcomer takes a place of another', {
  timeout: 60_000,
}, async () => {
  const piece = Buffer.alloc(64 * 1024);
  let closed = 0;
  const read = async (start: number, end: number): Promise<Readable> => {
    function* pieces() {
      for (let at = start; at < end; at += piece.length) yield piece;
    }
    return Readable.from(pieces()).once('close', () => {
      closed += 1;
    });
  };
  const live = await startRegion(
    {},
    {
      openImageStream: async () => ({
        find: async () => ({ kind: 'image', bytes: BYTES, sha256: 'a'.repeat(64), read }),
      }),
    },
  );
  const downloads: Download[] = [];
  const begin = (localAddress: string): Promise<Download> =>
    new Promise((resolve, reject) => {
      const asking = request(`${live.origin}/MAAS/images-stream/x.img`, { agent: false, localAddress }, (answer) => {
        // It is never read, so its place stays taken.
        const { statusCode: status = 0, headers } = answer;
        const end = (): void => void asking.destroy();
        const download: Download = { status, retryAfter: headers['retry-after'], end };
        answer.on('error', () => undefined);
        resolve(download);
      });
      asking.once('error', reject);
      asking.end();
    });
  try {
    for (let network = 1; network <= FILES_MAX / FILES_OF_ADDRESS_MAX; network += 1) {
      for (let count = 0; count < FILES_OF_ADDRESS_MAX; count += 1) downloads.push(await begin(`127.0.${network}.1`));
      const more = await begin(`127.0.${network}.1`);
      assert.deepEqual([more.status, more.retryAfter], [503, '15']);
      more.end();
    }
    assert.ok(downloads.every(({ status }) => status === 200));
    assert.deepEqual([downloads.length, closed], [FILES_MAX, 0]);
    const newcomer = await begin('127.0.99.1');
    assert.equal(newcomer.status, 200);
    await eventuallyWithin(10_000, 'one has given its place', () => closed === 1);
    newcomer.end();
  } finally {
    for (const { end } of downloads) end();
    await live.close();
  }
});

test('the URL of the site itself shows its index', async () => {
  const index = async (path: string) =>
    path === 'streams/v1/index.json' ? ({ kind: 'document', text: '{"index":{}}\n' } as const) : undefined;
  const live = await startRegion({}, { openImageStream: async () => ({ find: index }) });
  try {
    const answer = await fetch(`${live.origin}/MAAS/images-stream/`);
    assert.deepEqual([answer.status, answer.headers.get('content-type')], [200, 'application/json; charset=utf-8']);
    assert.equal(await answer.text(), '{"index":{}}\n');
    assert.equal((await fetch(`${live.origin}/MAAS/images-stream/streams/`)).status, 404);
  } finally {
    await live.close();
  }
});
