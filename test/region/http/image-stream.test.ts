// The files of images that a region sends at a time: each address has its share, and a newcomer takes a place of who holds most. Nothing else
// delays a client that mirrors the store.

import assert from 'node:assert/strict';
import { Agent, type ClientRequest, request } from 'node:http';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { FILES_MAX, FILES_OF_ADDRESS_MAX } from '../../../src/region/http/image-stream-routes.ts';
import { ANONYMOUS_PER_ADDRESS, STREAM_PER_ADDRESS } from '../../../src/region/shares/request-rates.ts';
import { assertStatus } from '../../support/answered.ts';
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
  const read = async (start: number, end: number) => {
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
    const newcomer = await assertStatus(begin('127.0.99.1'), 200);
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
    await assertStatus(fetch(`${live.origin}/MAAS/images-stream/streams/`), 404);
  } finally {
    await live.close();
  }
});

test('a client that never repeats mirrors a store, whatever else its address asks', async () => {
  const files = Array.from({ length: 100 }, (_, index) => `ubuntu/${index}.img`);
  const image = {
    kind: 'image',
    bytes: 5,
    sha256: 'a'.repeat(64),
    read: async () => Readable.from(['image']),
  } as const;
  const live = await startRegion(
    {},
    {
      openImageStream: async () => ({
        find: async (path) =>
          path.endsWith('.json') ? { kind: 'document', text: '{}' } : files.includes(path) ? image : undefined,
      }),
    },
  );
  const ask = async (path: string) => {
    const answer = await fetch(`${live.origin}/MAAS/${path}`);
    await answer.arrayBuffer();
    return answer.status;
  };
  const mirror = async (): Promise<readonly number[]> => {
    const statuses: number[] = [];
    for (let count = 0; count < 5; count += 1) statuses.push(await ask('images-stream/streams/v1/index.json'));
    const left = [...files];
    const fetchAll = async () => {
      for (let path = left.shift(); path !== undefined; path = left.shift())
        statuses.push(await ask(`images-stream/${path}`));
    };
    await fetchAll();
    left.push(...files);
    await Promise.all(Array.from({ length: FILES_OF_ADDRESS_MAX }, fetchAll));
    return statuses;
  };
  try {
    const all = Array.from({ length: 205 }, () => 200);
    assert.deepEqual(await mirror(), all);
    const others: number[] = [];
    for (let count = 0; count < ANONYMOUS_PER_ADDRESS.burst; count += 1) others.push(await ask('metadata/'));
    assert.ok(!others.includes(429), others.join(' '));
    let isRefused = false;
    for (let count = 0; count < 300 && !isRefused; count += 1) isRefused = (await ask('images-stream/none')) === 429;
    assert.ok(isRefused, 'requests for files that do not exist count towards the rate limit');
    assert.deepEqual(await mirror(), all);
  } finally {
    await live.close();
  }
});

test('a client that repeats its requests without a pause is slowed down by all listeners, and others are not', async () => {
  const listen = ['127.0.0.1', '127.0.0.2'].map((host) => ({ host, port: 0 }));
  const live = await startRegion(
    { listen },
    { openImageStream: async () => ({ find: async () => ({ kind: 'document', text: '{}' }) as const }) },
  );
  const agent = new Agent({ keepAlive: true, maxSockets: FILES_OF_ADDRESS_MAX });
  const ask = (from: string, to: string | undefined): Promise<readonly [number, string | undefined]> =>
    new Promise((resolve, reject) => {
      const options = { agent, localAddress: from };
      const asking = request(`http://${to}/MAAS/images-stream/streams/v1/index.json`, options, (answer) => {
        answer.resume().once('end', () => resolve([answer.statusCode ?? 0, answer.headers['retry-after']]));
      });
      asking.once('error', reject).end();
    });
  try {
    const [first, second] = live.api.addresses.map((address) => /127\.[\d.:]+/.exec(address)?.[0]);
    assert.ok(first !== undefined && second !== undefined && first !== second);
    const firstRefusal = async (to: string, requestsMax: number) => {
      for (let count = 0; count < requestsMax; count += FILES_OF_ADDRESS_MAX) {
        const answers = await Promise.all(Array.from({ length: FILES_OF_ADDRESS_MAX }, () => ask('127.0.1.1', to)));
        const refused = answers.find(([status]) => status !== 200);
        if (refused !== undefined) return refused;
      }
      return undefined;
    };
    const { burst } = STREAM_PER_ADDRESS;
    assert.deepEqual(await firstRefusal(first, 4 * burst), [429, '5']);
    assert.deepEqual(await firstRefusal(second, burst / 2), [429, '5'], 'the rate is one for all listeners');
    assert.deepEqual(await ask('127.0.2.1', first), [200, undefined]);
  } finally {
    agent.destroy();
    await live.close();
  }
});

test('documents take places, too, and one whose client has left takes none', async () => {
  const text = 'x'.repeat(BYTES);
  const found = Promise.withResolvers<void>();
  const live = await startRegion(
    {},
    {
      openImageStream: async () => ({
        find: async (path) => {
          if (path === 'slow.img') await found.promise;
          if (path !== 'slow.img') return { kind: 'document', text: path === 'large.json' ? text : '{}' };
          return { kind: 'image', bytes: 1, sha256: 'a'.repeat(64), read: async () => Readable.from(['x']) };
        },
      }),
    },
  );
  const begin = (path: string) =>
    request(`${live.origin}/MAAS/images-stream/${path}`, { agent: false }).on('error', () => undefined);
  const statusOf = async (path: string) => {
    const answer = await fetch(`${live.origin}/MAAS/images-stream/${path}`);
    await answer.arrayBuffer();
    return answer.status;
  };
  const fill = async (path: string): Promise<readonly ClientRequest[]> => {
    const asked = Array.from({ length: FILES_OF_ADDRESS_MAX }, () => begin(path));
    for (const one of asked) one.on('response', (answer) => answer.on('error', () => undefined)).end();
    await eventuallyWithin(10_000, 'all places are taken', async () => (await statusOf('small.json')) === 503);
    return asked;
  };
  try {
    for (const path of ['large.json', 'slow.img']) {
      for (const one of await fill(path)) one.destroy();
      await eventuallyWithin(10_000, 'they are free again', async () => (await statusOf('small.json')) === 200);
    }
    found.resolve();
    const statuses = await Promise.all(Array.from({ length: FILES_OF_ADDRESS_MAX }, () => statusOf('small.json')));
    assert.ok(
      statuses.every((status) => status === 200),
      statuses.join(' '),
    );
  } finally {
    await live.close();
  }
});
