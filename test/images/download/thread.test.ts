// The download thread behaves as the queue does, and its end is reported.
// @host waits, 10 s

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { systemClock } from '../../../src/clock.ts';
import { RackError } from '../../../src/errors.ts';
import { DownloadThread } from '../../../src/images/download/thread.ts';
import { whenAtRest } from '../../support/download-at-rest.ts';
import { eventuallyWithin } from '../../support/eventually.ts';
import type { Behaviour, HostileFileServer } from '../../support/hostile-file-server.ts';
import { type DownloadPlace, makeContent, placeForEach, QUICK } from './download-place.ts';

const MIB = 1024 * 1024;
const CONTENT = makeContent(6 * MIB);
const PART = `image-${CONTENT.length}.part`;

let place: DownloadPlace;
let thread: DownloadThread;
beforeEach(() => {
  thread = new DownloadThread({ ...QUICK, stallMs: 60_000, answerMs: 60_000 }, systemClock);
});
const closing: (() => void)[] = [];
afterEach(async () => {
  await thread.close();
  for (const close of closing.splice(0)) close();
});
placeForEach((made) => {
  place = made;
});

const serve = (behave: Behaviour): Promise<HostileFileServer> => place.serve(CONTENT, behave);

const until = (what: string, isTrue: () => boolean): Promise<boolean> => eventuallyWithin(8000, what, isTrue);

/** An HTTP proxy that answers every request with the file. */
async function startProxy(seen: string[]): Promise<string> {
  const server = createServer(({ url = '' }, response) => {
    seen.push(url);
    response.end(CONTENT);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

describe('the download thread', () => {
  test('sends further requests through a changed proxy', async () => {
    const seen: string[] = [];
    const proxy = { http: await startProxy(seen), https: undefined, except: undefined };
    const server = await serve((asked) => asked.serve());
    const fetchOne = () => thread.fetchDocument({ urls: [server.url], bytesMax: 2 * CONTENT.length, known: undefined });
    assert.equal((await fetchOne()).kind, 'document');
    assert.deepEqual([seen.length, server.requests.length], [0, 1]);
    thread.useProxy(proxy);
    assert.equal((await fetchOne()).kind, 'document');
    assert.deepEqual([seen, server.requests.length], [[server.url], 1]);
    await thread.close();
    assert.equal((await fetchOne()).kind, 'document');
    assert.deepEqual([seen.length, server.requests.length], [2, 1], 'the next thread uses it, too');
  });

  test('downloads a file, and reports its states and attempts', async () => {
    const server = await serve((asked) => {
      if (asked.number > 1) asked.serve();
      else asked.response.writeHead(500).end();
    });
    const download = thread.add(place.request([server.url], CONTENT));
    assert.deepEqual(thread.downloads, [download]);
    assert.partialDeepStrictEqual(await whenAtRest(download), { kind: 'done', bytes: CONTENT.length });
    assert.deepEqual(
      download.attempts.map(({ fault }) => fault?.code),
      ['http-failed', undefined],
    );
    assert.deepEqual(place.finished(), Buffer.from(CONTENT));
    assert.deepEqual(thread.downloads, []);
    await download.remove();
    assert.deepEqual(place.files(), []);
  });

  test('is settled when a cancelled download has closed its files', async () => {
    const server = await serve(() => undefined);
    for (const when of ['before', 'after'] as const) {
      const download = thread.add(place.request([server.url], CONTENT));
      await until('it asks', () => download.state.kind === 'connecting');
      assert.deepEqual(place.files(), [PART]);
      download.cancel();
      if (when === 'after') await whenAtRest(download);
      await download.settled();
      assert.deepEqual(place.files(), [], 'an empty part is removed');
    }
  });

  test('obeys commands, and keeps the part when it is closed', async () => {
    const server = await serve((asked) => asked.write(asked.head(), 2 * MIB));
    const download = thread.add(place.request([server.url], CONTENT));
    await until('bytes arrive', () => download.growth.bytes >= MIB);
    download.pause();
    assert.equal((await whenAtRest(download)).kind, 'paused');
    download.resume();
    await until('it continues', () => server.requests.length === 2);
    await thread.close();
    assert.equal(download.state.kind, 'paused');
    assert.deepEqual(place.files(), [PART, `${PART}.json`]);
    // Another thread continues with it.
    download.resume();
    await until('another one continues', () => server.requests.length === 3);
    assert.equal(server.requests[2]?.from, 2 * MIB);
    await download.remove();
    assert.equal(download.state.kind, 'cancelled');
    assert.deepEqual(place.files(), []);
  });

  const inChunks = (chunkBytes: number): Promise<HostileFileServer> =>
    serve(({ response }) => {
      const chunk = `${chunkBytes.toString(16)}\r\n${'x'.repeat(chunkBytes)}\r\n`;
      response.flushHeaders();
      response.socket?.end(`${chunk.repeat((2 * MIB) / chunkBytes)}0\r\n\r\n`);
    });

  test('keeps a document that comes in short pieces in as much memory as any other', async () => {
    const server = await inChunks(256);
    const result = await thread.fetchDocument({ urls: [server.url], bytesMax: 2 * MIB, known: undefined });
    assert.ok(result.kind === 'document', JSON.stringify(result));
    assert.equal(Buffer.from(result.bytes).toString('latin1'), 'x'.repeat(2 * MIB));
  });

  test('survives files and documents that come byte by byte from several hosts', async () => {
    const servers = await Promise.all([1, 1, 1, 1].map(inChunks));
    const ends = servers.map(async ({ url }, at) => {
      const state = await whenAtRest(thread.add(place.request([url], CONTENT, { name: `file-${at}` })));
      return state.kind === 'failed' ? state.reason.code : state.kind;
    });
    assert.deepEqual(await Promise.all(ends), Array(4).fill('pieces-short'));
    const result = await thread.fetchDocument({ urls: [servers[0]?.url ?? ''], bytesMax: 2 * MIB, known: undefined });
    assert.partialDeepStrictEqual(result, { kind: 'failed', reason: { code: 'pieces-short' } });
  });

  test('fetches documents, and gives them up', async () => {
    const server = await serve(({ seen, serve: answer }) => (seen.path === '/file' ? answer() : undefined));
    const request = { urls: [server.url], bytesMax: CONTENT.length, known: undefined };
    const result = await thread.fetchDocument(request);
    assert.deepEqual(result.kind === 'document' && result.bytes, new Uint8Array(CONTENT));
    const stop = new AbortController();
    const fetching = thread.fetchDocument({ ...request, urls: [`${server.url}/silent`] }, stop.signal);
    setTimeout(() => stop.abort(), 50);
    assert.deepEqual(await fetching, { kind: 'cancelled' });
  });

  test('a request that is refused throws at once, and starts no thread', () => {
    const isRefused = (error: unknown): boolean => error instanceof RackError && error.code === 'bad-argument';
    assert.throws(() => thread.add(place.request([], CONTENT)), isRefused);
    assert.throws(() => thread.fetchDocument({ urls: ['x'], bytesMax: 1, known: undefined }), isRefused);
  });

  test('a thread that runs out of memory fails its downloads and documents, and nothing else', async () => {
    const server = await serve(() => undefined);
    // A list that its own bound of memory cannot hold, in a message to the thread.
    const download = thread.add(place.request([server.url], CONTENT));
    const fetching = thread.fetchDocument({ urls: [server.url], bytesMax: 10, known: undefined });
    await until('both ask', () => server.requests.length === 2);
    const large: string[] = [];
    for (let number = 0; number < 1_500_000; number += 1) large.push(`http://a.example/${number}`);
    const failing = thread.fetchDocument({ urls: large, bytesMax: 1, known: undefined });
    const state = await whenAtRest(download);
    assert.partialDeepStrictEqual(state, { kind: 'failed', reason: { code: 'thread-ended' } });
    assert.partialDeepStrictEqual(await fetching, { kind: 'failed', reason: { code: 'thread-ended' } });
    assert.equal((await failing).kind, 'failed');
    download.resume();
    await until('a new thread asks', () => server.requests.length === 3);
  });
});
