// Commands, reservations and limits of a queue, with real sockets on loopback.
// @host waits, 10 s

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type Instant, sleep, systemClock } from '../../../src/clock.ts';
import { RackError } from '../../../src/errors.ts';
import { RESERVE_BYTES } from '../../../src/images/blob-writing.ts';
import { DiskRoom, Reservation } from '../../../src/images/download/disk-room.ts';
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
  test('its states come in order, and the file is there when it is done', async () => {
    const server = await serve();
    const download = place.queue().add(place.request([server.url], CONTENT));
    const kinds: string[] = [download.state.kind];
    download.watch(() => kinds.at(-1) === download.state.kind || kinds.push(download.state.kind));
    const state = await whenAtRest(download);
    assert.deepEqual(kinds, ['waiting', 'connecting', 'downloading', 'verifying', 'done']);
    assert.partialDeepStrictEqual(state, { kind: 'done', bytes: CONTENT.length });
    assert.deepEqual(place.finished(), Buffer.from(CONTENT));
    assert.deepEqual(place.files(), ['image']);
  });

  test('a file of no bytes completes', async () => {
    const server = await serve(HONEST, new Uint8Array());
    const { state } = await place.run(place.request([server.url], new Uint8Array()));
    assert.equal(state.kind, 'done');
    assert.equal(place.finished()?.length, 0);
  });

  test('without size and digest the length of the answer counts', async () => {
    const server = await serve();
    const { state } = await place.run(place.request([server.url], CONTENT, { bytes: undefined, digest: undefined }));
    assert.equal(state.kind, 'done');
    assert.deepEqual(place.finished(), Buffer.from(CONTENT));
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
});

test('a server whose documents came is not preferred for files', async () => {
  const [first, other] = [await serve(), await serve()];
  const queue = place.queue();
  for (let count = 0; count < 9; count += 1)
    await queue.fetchDocument({ urls: [other.url], bytesMax: 2 * CONTENT.length, known: undefined });
  const asked = other.requests.length;
  assert.equal((await whenAtRest(queue.add(place.request([first.url, other.url], CONTENT)))).kind, 'done');
  assert.deepEqual([first.requests.length, other.requests.length], [1, asked]);
});

describe('commands', () => {
  test('a pause takes effect at once, and the download continues where it was', async () => {
    let isHeld = true;
    const server = await serve((asked) => (isHeld ? upTo(2 * MIB)(asked) : asked.serve()));
    const queue = place.queue({ stallMs: 60_000 });
    const download = queue.add(place.request([server.url], CONTENT));
    await eventuallyWithin(8000, '2 MiB are sent', () => server.sent >= 2 * MIB);
    await eventuallyWithin(8000, '2 MiB are written', () => place.partBytes() >= 2 * MIB);
    download.pause();
    assert.equal(download.state.kind, 'paused');
    await download.settled();
    assert.equal(place.partBytes(), 2 * MIB);
    isHeld = false;
    download.resume();
    assert.equal(download.state.kind, 'waiting');
    assert.equal((await whenAtRest(download)).kind, 'done');
    assert.equal(server.sent, CONTENT.length);
  });

  for (const [name, behave] of [
    ['while it connects', () => undefined],
    ['while it downloads', upTo(MIB)],
    ['while it waits', ({ response }) => void response.writeHead(503, { 'Retry-After': '60' }).end()],
  ] as const satisfies readonly (readonly [string, Behaviour])[]) {
    test(`a download is cancelled and removed ${name}`, async () => {
      const server = await serve(behave);
      const queue = place.queue({ answerMs: 60_000, stallMs: 60_000 });
      const download = queue.add(place.request([server.url], CONTENT));
      await eventuallyWithin(8000, 'a request comes', () => server.requests.length > 0);
      await sleep(30);
      download.cancel();
      assert.equal(download.state.kind, 'cancelled');
      await download.remove();
      assert.deepEqual(place.files(), []);
      // The place is free again.
      assert.equal(queue.downloads.length, 0);
      queue.add(place.request([server.url], CONTENT)).cancel();
    });
  }

  test('commands at every moment of a download leave a state that its files confirm', async () => {
    const server = await serve();
    for (let ms = 0; ms < 40; ms += 2) {
      const queue = place.queue();
      const download = queue.add(place.request([server.url], CONTENT));
      await sleep(ms);
      if (ms % 4 === 0) {
        download.pause();
        download.resume();
        assert.equal((await whenAtRest(download)).kind, 'done');
        assert.deepEqual(place.files(), ['image']);
      }
      await download.remove();
      assert.equal(download.state.kind, 'cancelled');
      assert.deepEqual(place.files(), []);
    }
  });

  test('a failed download is resumed by hand', async () => {
    let isAway = true;
    const server = await serve((asked) => (isAway ? void asked.response.writeHead(404).end() : asked.serve()));
    const download = place.queue().add(place.request([server.url], CONTENT));
    assert.equal((await whenAtRest(download)).kind, 'failed');
    isAway = false;
    download.resume();
    assert.equal((await whenAtRest(download)).kind, 'done');
  });

  test('unusable requests are refused at once', async () => {
    const server = await serve(() => undefined);
    const queue = place.queue();
    const usual = place.request([server.url], CONTENT);
    queue.add(usual);
    const code = (request: typeof usual): string => {
      try {
        queue.add(request);
        return 'added';
      } catch (error) {
        return error instanceof RackError ? error.code : 'bug';
      }
    };
    assert.equal(code(usual), 'already-exists');
    const rows: readonly [name: string, change: Partial<typeof usual>][] = [
      ['no URL', { urls: [] }],
      ['another scheme', { urls: ['ftp://a.example/f'] }],
      ['a directory in the name', { name: '../x' }],
      ['a name of more bytes than characters', { name: 'é'.repeat(101) }],
      ['no name', { name: '' }],
      ['a name of dots', { name: '..' }],
      ['a digest in capitals', { digest: { algorithm: 'md5', hex: 'A'.repeat(32) } }],
      ['a digest of another length', { digest: { algorithm: 'sha256', hex: 'a'.repeat(32) } }],
      ['a size beyond the bound', { bytesMax: 10 }],
    ];
    for (const [name, change] of rows) assert.equal(code({ ...usual, name: 'other', ...change }), 'bad-argument', name);
  });
});

describe('shared means', () => {
  test('no more files than allowed are fetched at a time, in all and from one host', async () => {
    const [one, two] = [await serve(upTo(MIB)), await serve(upTo(MIB))];
    const queue = place.queue({ filesMax: 3, filesOfHostMax: 2, stallMs: 60_000 });
    const urls = [one.url, one.url, one.url, two.url, two.url];
    for (const [index, url] of urls.entries()) queue.add(place.request([url], CONTENT, { name: `image-${index}` }));
    await eventuallyWithin(8000, 'three files are asked for', () => one.requests.length + two.requests.length === 3);
    await sleep(50);
    // Which file opens its part first is not settled.
    assert.deepEqual([one.requests.length, two.requests.length].toSorted(), [1, 2]);
    const kinds = (): string =>
      queue.downloads
        .map(({ state }) => state.kind)
        .sort()
        .join();
    await eventuallyWithin(
      8000,
      'all three arrive',
      () => kinds() === 'downloading,downloading,downloading,waiting,waiting',
    );
    queue.downloads.find(({ state }) => state.kind === 'downloading' && state.url === one.url)?.pause();
    await eventuallyWithin(
      8000,
      'the next one begins',
      () => kinds() === 'downloading,downloading,downloading,paused,waiting',
    );
  });

  test('all downloads together keep the bandwidth limit, and lose no time when it ends', async () => {
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

  test('a file for which there is no room is not begun, and says how much is missing', async () => {
    const server = await serve();
    const readDisk = async () => ({ disk: 1, freeBytes: RESERVE_BYTES + CONTENT.length - 1 });
    const queue = new DownloadQueue(QUICK, systemClock, readDisk);
    const state: DownloadState = await whenAtRest(queue.add(place.request([server.url], CONTENT)));
    await queue.close();
    assert.ok(state.kind === 'failed' && state.reason.code === 'no-room', JSON.stringify(state));
    assert.equal(state.reason.params.neededBytes, RESERVE_BYTES + CONTENT.length);
    assert.ok(place.partBytes() <= 0);
  });

  test('a file that is converted as it arrives is not begun without room for its copy, too', async () => {
    const server = await serve();
    const request = place.request([server.url], CONTENT, { isConverted: true });
    for (const [spare, kind] of [
      [2 * CONTENT.length - 1, 'failed'],
      [2 * CONTENT.length, 'done'],
    ] as const) {
      const queue = new DownloadQueue(QUICK, systemClock, async () => ({ disk: 1, freeBytes: RESERVE_BYTES + spare }));
      const state: DownloadState = await whenAtRest(queue.add(request));
      await queue.close();
      assert.equal(state.kind, kind, JSON.stringify(state));
      if (state.kind === 'failed' && state.reason.code === 'no-room')
        assert.equal(state.reason.params.neededBytes, RESERVE_BYTES + 2 * CONTENT.length);
    }
  });

  test('two files do not count the same free space; one that is written gives its reservation back', async () => {
    let freeBytes = RESERVE_BYTES + 100;
    const room = new DiskRoom(async (directory) => ({ disk: directory === 'a' ? 1 : 2, freeBytes }));
    const [first, second, elsewhere] = [
      await room.reserve('a', 60),
      await room.reserve('a', 60),
      await room.reserve('b', 60),
    ];
    assert.ok(first instanceof Reservation && elsewhere instanceof Reservation);
    assert.deepEqual(second, { freeBytes: RESERVE_BYTES + 40, neededBytes: RESERVE_BYTES + 60 });
    first.wrote(50);
    freeBytes -= 50;
    assert.ok((await room.reserve('a', 40)) instanceof Reservation);
    assert.ok(!((await room.reserve('a', 1)) instanceof Reservation));
    first.release();
    assert.ok((await room.reserve('a', 10)) instanceof Reservation);
  });
});
