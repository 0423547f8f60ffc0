// Small documents, with real sockets on loopback.
// @host waits, 10 s

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RackError } from '../../../src/errors.ts';
import type { DocumentRequest, DocumentResult } from '../../../src/images/download/document.ts';
import { eventuallyWithin } from '../../support/eventually.ts';
import { type Behaviour, ETAG } from '../../support/hostile-file-server.ts';
import { type DownloadPlace, makeContent, placeForEach } from './download-place.ts';

const CONTENT = makeContent(50_000);

let place: DownloadPlace;
placeForEach((made) => {
  place = made;
});

/** Fetches from one server for each behaviour, in this order. */
async function fetch(behaviours: readonly Behaviour[], change: Partial<DocumentRequest> = {}): Promise<DocumentResult> {
  for (const behave of behaviours) await place.serve(CONTENT, behave);
  const urls = place.servers.map(({ url }) => url);
  return place.queue().fetchDocument({ urls, bytesMax: 100_000, known: undefined, ...change });
}

const HONEST: Behaviour = ({ serve }) => serve();
const VALIDATOR = { kind: 'etag', value: ETAG } as const;

describe('a document', () => {
  test('comes whole, with its source and its validator', async () => {
    const result = await fetch([HONEST]);
    assert.deepEqual(result, {
      kind: 'document',
      bytes: new Uint8Array(CONTENT),
      source: place.servers[0]?.url,
      validator: VALIDATOR,
    });
  });

  test('that the caller has is not sent again', async () => {
    const behave: Behaviour = ({ request, response, serve }) =>
      request.headers['if-none-match'] === ETAG ? void response.writeHead(304).end() : serve();
    assert.deepEqual(await fetch([behave], { known: VALIDATOR }), { kind: 'unchanged' });
  });

  const rows: readonly { name: string; behave: Behaviour; code: string }[] = [
    { name: 'that is too long', behave: (asked) => void asked.response.end(makeContent(100_001)), code: 'too-large' },
    {
      name: 'that announces too much',
      behave: (asked) => {
        asked.head({ fields: { 'Content-Length': '100001' } });
        asked.write(0, 10);
      },
      code: 'too-large',
    },
    {
      name: 'that stalls',
      behave: (asked) => {
        asked.head();
        asked.write(0, 10);
      },
      code: 'stalled',
    },
    {
      name: 'that is cut',
      behave: (asked) => {
        asked.head();
        asked.write(0, 100);
        setTimeout(() => asked.cut(), 30);
      },
      code: 'cut',
    },
    {
      name: 'whose end cannot be told from a cut',
      behave: ({ request }) => void request.socket.end('HTTP/1.0 200 OK\r\n\r\nsome'),
      code: 'length-unknown',
    },
    {
      name: 'that is compressed',
      behave: ({ response }) => void response.writeHead(200, { 'Content-Encoding': 'br' }).end('x'),
      code: 'encoded',
    },
    { name: 'that does not exist', behave: ({ response }) => void response.writeHead(404).end(), code: 'http-refused' },
    {
      name: 'that a server says is unchanged, unasked',
      behave: ({ response }) => void response.writeHead(304).end(),
      code: 'http-failed',
    },
  ];
  for (const { name, behave, code } of rows) {
    test(`${name} ends with its reason (${code}), and a mirror has it`, async () => {
      assert.partialDeepStrictEqual(await fetch([behave]), { kind: 'failed', reason: { code } });
      const { kind } = await fetch([HONEST]);
      assert.equal(kind, 'document');
    });
  }

  test('that comes steadily, but takes too long, ends, and the same server is not asked again', async () => {
    const drip: Behaviour = (asked) => {
      asked.head();
      const timer = setInterval(() => asked.write(0, 100), 100);
      asked.response.once('close', () => clearInterval(timer));
    };
    const server = await place.serve(CONTENT, drip);
    const queue = place.queue({ bytesPerSecondMin: 1, documentMsMax: 2500 });
    const result = await queue.fetchDocument({ urls: [server.url], bytesMax: 100_000, known: undefined });
    assert.partialDeepStrictEqual(result, { kind: 'failed', reason: { code: 'late' } });
    assert.equal(server.requests.length, 1);
  });

  test('is given up at once when nobody wants it any more', async () => {
    const server = await place.serve(CONTENT, () => undefined);
    const stop = new AbortController();
    const request = { urls: [server.url], bytesMax: 1000, known: undefined };
    const fetching = place.queue({ answerMs: 60_000 }).fetchDocument(request, stop.signal);
    setTimeout(() => stop.abort(), 50);
    assert.deepEqual(await fetching, { kind: 'cancelled' });
  });

  test('does not wait for files, and ends with its queue', async () => {
    const server = await place.serve(CONTENT, ({ seen, serve }) => (seen.path === '/document' ? serve() : undefined));
    const queue = place.queue({ filesOfHostMax: 1, answerMs: 60_000 });
    queue.add(place.request([server.url], CONTENT));
    const urls = [server.url.replace('/file', '/document')];
    assert.equal((await queue.fetchDocument({ urls, bytesMax: 100_000, known: undefined })).kind, 'document');
    const fetching = queue.fetchDocument({ urls: [server.url], bytesMax: 100_000, known: undefined });
    await queue.close();
    assert.deepEqual(await fetching, { kind: 'cancelled' });
  });

  test('waits for others of its host alone (DOCUMENTS_OF_HOST_MAX)', async () => {
    const silent = await place.serve(CONTENT, () => undefined);
    const queue = place.queue({ answerMs: 60_000 });
    const ask = (url: string) => queue.fetchDocument({ urls: [url], bytesMax: 100_000, known: undefined });
    const fetching = Array.from({ length: 6 }, () => ask(silent.url));
    await eventuallyWithin(5000, 'four are asked for', () => silent.requests.length === 4);
    assert.equal((await ask((await place.serve(CONTENT)).url)).kind, 'document');
    assert.equal(silent.requests.length, 4);
    await queue.close();
    assert.deepEqual(new Set((await Promise.all(fetching)).map(({ kind }) => kind)), new Set(['cancelled']));
  });

  test('of another scheme is refused', async () => {
    const fetching = place.queue().fetchDocument({ urls: ['file:///etc/passwd'], bytesMax: 10, known: undefined });
    await assert.rejects(fetching, (error) => error instanceof RackError && error.code === 'bad-argument');
  });
});
