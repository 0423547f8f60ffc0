// Downloads of a queue: their states, the bounds that they share, and room on the disk, with real sockets on loopback.
// @host waits, 10 s

import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type Instant, sleep, systemClock } from '../../../src/clock.ts';
import { RESERVE_BYTES } from '../../../src/images/blob-writing.ts';
import { DiskRoom } from '../../../src/images/download/disk-room.ts';
import { DownloadQueue } from '../../../src/images/download/queue.ts';
import type { DownloadState } from '../../../src/images/download/request.ts';
import { whenAtRest } from '../../support/download-at-rest.ts';
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
    const download = place.queue().add(place.request([server.url], CONTENT));
    const kinds: string[] = [download.state.kind];
    download.watch(() => kinds.at(-1) === download.state.kind || kinds.push(download.state.kind));
    const state = await whenAtRest(download);
    process.umask(umask);
    assert.deepEqual(kinds, ['waiting', 'connecting', 'downloading', 'verifying', 'done']);
    assert.partialDeepStrictEqual(state, { kind: 'done', bytes: CONTENT.length });
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

  test('the last 16 attempts are remembered (ATTEMPTS_KEPT_MAX)', async () => {
    const server = await serve(({ response }) => void response.writeHead(500).end());
    const settings = { roundsMax: 30, pauseMs: 1, pauseMsMax: 2 };
    const { attempts } = await place.run(place.request([server.url], CONTENT), settings);
    assert.equal(server.requests.length, 30);
    assert.equal(attempts.length, 16);
  });

  for (const [name, behave, bytes] of [
    ['while it connects', () => undefined, -1],
    ['while it downloads', upTo(MIB), MIB],
    ['while it waits', ({ response }) => void response.writeHead(503, { 'Retry-After': '60' }).end(), -1],
  ] as const satisfies readonly (readonly [string, Behaviour, number])[]) {
    test(`is cancelled ${name}; its part stays, and its place is free again`, async () => {
      const server = await serve(behave);
      const queue = place.queue({ answerMs: 60_000, stallMs: 60_000 });
      const download = queue.add(place.request([server.url], CONTENT));
      await eventuallyWithin(8000, 'a request comes', () => server.requests.length > 0 && place.partBytes() >= bytes);
      await sleep(30);
      assert.throws(() => queue.add(place.request([server.url], CONTENT)), { code: 'already-exists' });
      download.cancel();
      assert.equal(download.state.kind, 'cancelled');
      await download.settled();
      assert.equal(place.partBytes(), bytes);
      queue.add(place.request([server.url], CONTENT)).cancel();
    });
  }

  test('of another scheme is refused at once', () => {
    const request = place.request(['ftp://a.example/f'], CONTENT);
    assert.throws(() => place.queue().add(request), { code: 'bad-argument' });
  });
});

describe('downloads together', () => {
  test('no more files than allowed are fetched from one host at a time', async () => {
    const [one, two] = [await serve(upTo(MIB)), await serve(upTo(MIB))];
    const queue = place.queue({ filesOfHostMax: 2, stallMs: 60_000 });
    const urls = [one.url, one.url, one.url, two.url];
    const downloads = urls.map((url, index) => queue.add(place.request([url], CONTENT, { name: `image-${index}` })));
    await eventuallyWithin(8000, 'three files are asked for', () => one.requests.length + two.requests.length === 3);
    await sleep(50);
    assert.deepEqual([one.requests.length, two.requests.length], [2, 1]);
    downloads.find(({ state }) => state.kind === 'downloading' && state.url === one.url)?.cancel();
    await eventuallyWithin(8000, 'the next one begins', () => one.requests.length === 3);
  });

  test('keep the bandwidth limit, and lose no time when it ends', async () => {
    const server = await serve();
    const queue = place.queue({ bytesPerSecondMax: 2 * MIB, stallMs: 1500 });
    const downloads = [1, 2].map((number) =>
      queue.add(place.request([server.url], CONTENT, { name: `image-${number}` })),
    );
    const startedAt: Instant = systemClock.now();
    const arrived = (): number =>
      downloads.reduce((sum, { state }) => sum + (state.kind === 'downloading' ? state.bytes : 0), 0);
    await eventuallyWithin(30_000, 'some of it arrives', () => arrived() > 3 * MIB);
    const rate = (arrived() * 1000) / (systemClock.now() - startedAt);
    assert.ok(rate < 2.6 * MIB, `${rate} bytes/s`);
    queue.limit(undefined);
    for (const download of downloads) assert.equal((await whenAtRest(download)).kind, 'done');
    assert.deepEqual(
      downloads.map(({ attempts }) => attempts.length),
      [1, 1],
    );
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
      const download = queue.add(place.request([server.url], CONTENT, { isConverted }));
      const state: DownloadState = await whenAtRest(download);
      await queue.close();
      assert.equal(state.kind, kind, JSON.stringify(state));
      if (state.kind !== 'failed') return;
      assert.ok(state.reason.code === 'no-room', JSON.stringify(state));
      assert.equal(state.reason.params.neededBytes, RESERVE_BYTES + spare + 1);
      assert.ok(place.partBytes() <= 0);
    });

  test('do not count the same free space; one that is written gives its reservation back', async () => {
    let freeBytes = RESERVE_BYTES + 100;
    const room = new DiskRoom(async (directory) => ({ disk: directory === 'a' ? 1 : 2, freeBytes }));
    const first = await room.reserve('a', 60);
    const params = { directory: 'a', freeBytes: RESERVE_BYTES + 40, neededBytes: RESERVE_BYTES + 60 };
    await assert.rejects(room.reserve('a', 60), { fault: { code: 'no-room', params } });
    await room.reserve('b', 60);
    await first.wrote(50);
    freeBytes -= 50;
    await room.reserve('a', 40);
    await assert.rejects(room.reserve('a', 1));
    first.release();
    await room.reserve('a', 10);
  });
});
