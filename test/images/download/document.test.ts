// Small documents, with real sockets on loopback.
// @host waits, 10 s

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DownloadError } from '../../../src/images/download/fault.ts';
import { eventuallyWithin } from '../../support/eventually.ts';
import type { Behaviour } from '../../support/hostile-file-server.ts';
import { type DownloadPlace, makeContent, placeForEach } from './download-place.ts';

const CONTENT = makeContent(50_000);

let place: DownloadPlace;
placeForEach((made) => {
  place = made;
});

/** Fetches it from a server. */
async function fetch(behave: Behaviour) {
  const { url } = await place.serve(CONTENT, behave);
  return place.queue().fetchDocument({ url, bytesMax: 100_000 });
}

describe('a document', () => {
  test('comes whole', async () => {
    assert.deepEqual(await fetch(({ serve }) => serve()), new Uint8Array(CONTENT));
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
      name: 'whose end cannot be told from a cut',
      behave: ({ request }) => void request.socket.end('HTTP/1.0 200 OK\r\n\r\nsome'),
      code: 'length-unknown',
    },
  ];
  for (const { name, behave, code } of rows) {
    test(`${name} ends with its reason (${code})`, () =>
      assert.rejects(fetch(behave), ({ fault }: DownloadError) => fault.code === code));
  }

  test('that comes steadily, but takes too long, ends, and the same server is not asked again', async () => {
    const drip: Behaviour = (asked) => {
      asked.head();
      const timer = setInterval(() => asked.write(0, 100), 100);
      asked.response.once('close', () => clearInterval(timer));
    };
    const server = await place.serve(CONTENT, drip);
    const queue = place.queue({ bytesPerSecondMin: 1, documentMsMax: 2500 });
    const fetching = queue.fetchDocument({ url: server.url, bytesMax: 100_000 });
    await assert.rejects(fetching, ({ fault }: DownloadError) => fault.code === 'late');
    assert.equal(server.requests.length, 1);
  });

  test('is given up at once when nobody wants it any more', async () => {
    const server = await place.serve(CONTENT, () => undefined);
    const stop = new AbortController();
    const request = { url: server.url, bytesMax: 1000 };
    const fetching = place.queue({ answerMs: 60_000 }).fetchDocument(request, stop.signal);
    setTimeout(() => stop.abort(), 50);
    assert.equal(await fetching, undefined);
  });

  test('does not wait for files, and ends with its queue', async () => {
    const server = await place.serve(CONTENT, ({ seen, serve }) => (seen.path === '/document' ? serve() : undefined));
    const queue = place.queue({ filesOfHostMax: 1, answerMs: 60_000 });
    const file = assert.rejects(queue.fetch(place.request([server.url], CONTENT)), { code: 'cancelled' });
    const url = server.url.replace('/file', '/document');
    assert.notEqual(await queue.fetchDocument({ url, bytesMax: 100_000 }), undefined);
    const fetching = queue.fetchDocument({ url: server.url, bytesMax: 100_000 });
    await queue.close();
    assert.equal(await fetching, undefined);
    await file;
  });

  test('waits for others of its host alone (DOCUMENTS_OF_HOST_MAX)', async () => {
    const silent = await place.serve(CONTENT, () => undefined);
    const queue = place.queue({ answerMs: 60_000 });
    const ask = (url: string) => queue.fetchDocument({ url, bytesMax: 100_000 });
    const fetching = Array.from({ length: 6 }, () => ask(silent.url));
    await eventuallyWithin(5000, 'four are asked for', () => silent.requests.length === 4);
    assert.notEqual(await ask((await place.serve(CONTENT)).url), undefined);
    assert.equal(silent.requests.length, 4);
    await queue.close();
    assert.deepEqual(new Set(await Promise.all(fetching)), new Set([undefined]));
  });

  test('of another scheme is refused', async () => {
    const fetching = place.queue().fetchDocument({ url: 'file:///etc/passwd', bytesMax: 10 });
    await assert.rejects(fetching, { code: 'bad-argument' });
  });
});
