// Downloads of a queue: their states, the bounds that they share, and room on the disk, with real sockets on loopback.
// @host waits, 10 s

import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type Instant, sleep, systemClock } from '../../../src/ground/clock.ts';
import { RESERVE_BYTES } from '../../../src/images/content/blob-writing.ts';
import { DiskSpace } from '../../../src/images/download/disk-space.ts';
import { DownloadQueue } from '../../../src/images/download/queue.ts';
import type { DownloadState } from '../../../src/images/download/request.ts';
import { endOf } from '../../support/download-end.ts';
import { eventuallyWithin } from '../../support/eventually.ts';
import type { Behaviour, HostileFileServer } from '../../support/hostile-file-server.ts';
import { type DownloadPlace, makeContent, placeForEach, QUICK, upTo } from './download-place.ts';

const MIB = 1024 * 1024;
const CONTENT = makeContent(8 * MIB);
const HONEST: Behaviour = ({ serve }) => serve();

let place: DownloadPlace;
placeForEach((made) => {
  place = made;
});

const serve = (behave: Behaviour = HONEST, content = CONTENT): Promise<HostileFileServer> =>
  place.serve(content, behave);

describe('a download', () => {
  test('its states come in order, and all users can read the file when it is done', async () => {
    const server = await serve();
    const umask = process.umask(0o077);
    const kinds: string[] = [];
    const onState = ({ kind }: DownloadState) => kinds.at(-1) === kind || kinds.push(kind);
    const bytes = await place.queue().fetch(place.request([server.url], CONTENT), { onState });
    process.umask(umask);
    assert.deepEqual(kinds, ['waiting', 'connecting', 'downloading', 'verifying', 'done']);
    assert.equal(bytes, CONTENT.length);
    assert.deepEqual(place.finished(), Buffer.from(CONTENT));
    assert.deepEqual(place.files(), ['image']);
    assert.equal(statSync(join(place.directory, 'image')).mode & 0o777, 0o644);
  });

  test('a file of no bytes completes', async () => {
    const server = await serve(HONEST, new Uint8Array());
    const { state } = await place.run(place.request([server.url], new Uint8Array()));
    assert.equal(state.kind, 'done');
    assert.equal(place.finished()?.length, 0);
  });

  for (const algorithm of ['sha512', 'md5'] as const) {
    test(`a wrong ${algorithm} is found`, async () => {
      const server = await serve();
      const digest = { algorithm, hex: '0'.repeat(algorithm === 'md5' ? 32 : 128) };
      const { state } = await place.run(place.request([server.url], CONTENT, { digest }));
      assert.partialDeepStrictEqual(state, { kind: 'failed', reason: { code: 'digest-wrong', params: { algorithm } } });
      assert.deepEqual(place.files(), []);
    });
  }

  test('a finished file is not downloaded again, and a wrong one is replaced', async () => {
    const server = await serve();
    writeFileSync(join(place.directory, 'image'), CONTENT);
    assert.equal((await place.run(place.request([server.url], CONTENT))).state.kind, 'done');
    assert.equal(server.requests.length, 0);
    writeFileSync(join(place.directory, 'image'), makeContent(CONTENT.length, 3));
    assert.equal((await place.run(place.request([server.url], CONTENT))).state.kind, 'done');
    assert.equal(server.requests.length, 1);
    assert.deepEqual(place.finished(), Buffer.from(CONTENT));
  });

  test('a directory that does not exist fails it, with the reason', async () => {
    const server = await serve();
    const request = place.request([server.url], CONTENT, { directory: join(place.directory, 'none') });
    const { state } = await place.run(request);
    assert.partialDeepStrictEqual(state, { kind: 'failed', reason: { code: 'disk-failed' } });
  });

  test('its error says how often it was tried', async () => {
    const server = await serve(({ response }) => void response.writeHead(500).end());
    const queue = place.queue({ roundsMax: 30, pauseMs: 1, pauseMsMax: 2 });
    const message = /^image could not be downloaded: .*gave up after 30 attempts/;
    await assert.rejects(queue.fetch(place.request([server.url], CONTENT)), { code: 'source-failed', message });
  });

  for (const [name, behave, bytes] of [
    ['while it connects', () => undefined, -1],
    ['while it downloads', upTo(MIB), MIB],
    ['while it waits', ({ response }) => void response.writeHead(503, { 'Retry-After': '60' }).end(), -1],
  ] as const satisfies readonly (readonly [string, Behaviour, number])[]) {
    test(`is cancelled ${name}; its part stays, and no state is reported any more`, async () => {
      const server = await serve(behave);
      const queue = place.queue({ answerMs: 60_000, stallMs: 60_000 });
      const stop = new AbortController();
      const onState = () => assert.ok(!stop.signal.aborted);
      const download = queue.fetch(place.request([server.url], CONTENT), { signal: stop.signal, onState });
      const ended = assert.rejects(download, { code: 'cancelled' });
      await eventuallyWithin(8000, 'a request comes', () => server.requests.length > 0 && place.partBytes() >= bytes);
      await sleep(30);
      stop.abort();
      await ended;
      assert.equal(place.partBytes(), bytes);
    });
  }

  test('of another scheme is refused at once', async () => {
    const request = place.request(['ftp://a.example/f'], CONTENT);
    await assert.rejects(place.queue().fetch(request), { code: 'bad-argument' });
  });
});

describe('downloads together', () => {
  test('no more files than allowed are fetched from one host at a time', async () => {
    const [one, two] = [await serve(upTo(MIB)), await serve(upTo(MIB))];
    const queue = place.queue({ filesOfHostMax: 2, stallMs: 60_000 });
    const urls = [one.url, one.url, one.url, two.url];
    const states: DownloadState[] = [];
    const stops = urls.map(() => new AbortController());
    const ends = urls.map((url, index) =>
      queue.fetch(place.request([url], CONTENT, { name: `image-${index}` }), {
        signal: stops[index]?.signal,
        onState: (state) => {
          states[index] = state;
        },
      }),
    );
    const stopped = ends.map((end) => assert.rejects(end, { code: 'cancelled' }));
    await eventuallyWithin(8000, 'three files are asked for', () => one.requests.length + two.requests.length === 3);
    await sleep(50);
    assert.deepEqual([one.requests.length, two.requests.length], [2, 1]);
    stops[states.findIndex((state) => state.kind === 'downloading' && state.url === one.url)]?.abort();
    await eventuallyWithin(8000, 'the next one begins', () => one.requests.length === 3);
    await queue.close();
    await Promise.all(stopped);
  });

  test('keep the bandwidth limit, and lose no time when it ends', async () => {
    const server = await serve();
    const queue = place.queue({ bytesPerSecondMax: 2 * MIB, stallMs: 1500 });
    const bytes = [0, 0];
    const startedAt: Instant = systemClock.now();
    const downloads = bytes.map((_, index) =>
      queue.fetch(place.request([server.url], CONTENT, { name: `image-${index}` }), {
        onState: (state) => {
          if (state.kind === 'downloading') bytes[index] = state.bytes;
        },
      }),
    );
    const arrived = (): number => bytes.reduce((sum, each) => sum + each);
    await eventuallyWithin(30_000, 'some of it arrives', () => arrived() > 3 * MIB);
    const rate = (arrived() * 1000) / (systemClock.now() - startedAt);
    assert.ok(rate < 2.6 * MIB, `${rate} bytes/s`);
    queue.limit(undefined);
    assert.deepEqual(await Promise.all(downloads), [CONTENT.length, CONTENT.length]);
    assert.equal(server.requests.length, 2);
  });

  for (const [isConverted, spare, kind] of [
    [false, CONTENT.length - 1, 'failed'],
    [false, CONTENT.length, 'done'],
    [true, 2 * CONTENT.length - 1, 'failed'],
    [true, 2 * CONTENT.length, 'done'],
  ] as const)
    test(`a file ${isConverted ? 'with a copy ' : ''}is ${kind} with room for ${spare} bytes`, async () => {
      const server = await serve();
      const queue = new DownloadQueue(QUICK, systemClock, async () => ({ disk: 1, freeBytes: RESERVE_BYTES + spare }));
      const state = await endOf(queue, place.request([server.url], CONTENT, { isConverted }));
      await queue.close();
      assert.equal(state.kind, kind, JSON.stringify(state));
      if (state.kind !== 'failed') return;
      assert.ok(state.reason.code === 'no-room', JSON.stringify(state));
      assert.equal(state.reason.params.neededBytes, RESERVE_BYTES + spare + 1);
      assert.ok(place.partBytes() <= 0);
    });

  test('do not count the same free space; one that is written gives its reservation back', async () => {
    let freeBytes = RESERVE_BYTES + 100;
    const room = new DiskSpace(async (directory) => ({ disk: directory === 'a' ? 1 : 2, freeBytes }));
    const first = await room.reserve('a', 60);
    const params = { directory: 'a', freeBytes: RESERVE_BYTES + 40, neededBytes: RESERVE_BYTES + 60 };
    await assert.rejects(room.reserve('a', 60), { fault: { code: 'no-room', params } });
    await room.reserve('b', 60);
    await first.recordWritten(50);
    freeBytes -= 50;
    await room.reserve('a', 40);
    await assert.rejects(room.reserve('a', 1));
    first.release();
    await room.reserve('a', 10);
  });
});
