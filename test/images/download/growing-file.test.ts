// Readers of a file while it is downloaded.

import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { sleep } from '../../../src/clock.ts';
import { GrowingFile, GrowthInterrupted } from '../../../src/images/download/growing-file.ts';
import { whenAtRest } from '../../support/download-at-rest.ts';
import type { Asked, Behaviour } from '../../support/hostile-file-server.ts';
import { type DownloadPlace, makeContent, placeForEach } from './download-place.ts';

const MIB = 1024 * 1024;
const CONTENT = makeContent(6 * MIB);

let place: DownloadPlace;
placeForEach((made) => {
  place = made;
});

/** A download from a server that the test directs: it holds its answers until the test sends. */
async function start(behave: Behaviour) {
  const server = await place.serve(CONTENT, behave);
  const queue = place.queue({ stallMs: 60_000, answerMs: 60_000 });
  return queue.add(place.request([server.url], CONTENT));
}

const isInterrupted =
  (kind: GrowthInterrupted['kind']) =>
  (error: unknown): boolean =>
    error instanceof GrowthInterrupted && error.kind === kind;

/** True if it is settled within a moment. */
const isSettled = (promise: Promise<unknown>): Promise<boolean> =>
  Promise.race([
    promise.then(
      () => true,
      () => true,
    ),
    sleep(300).then(() => false),
  ]);

describe('a growing file', () => {
  test('a read waits for its bytes and no longer, and the whole file is read as it arrives', async () => {
    const { promise, resolve } = Promise.withResolvers<Asked>();
    const download = await start(resolve);
    const opening = GrowingFile.open(download);
    assert.equal(await isSettled(opening), false);
    const asked = await promise;
    asked.head();
    asked.write(0, 2 * MIB);
    const file = await opening;
    assert.equal(file.bytes, CONTENT.length);
    assert.deepEqual(await file.read(100, MIB), CONTENT.slice(100, 100 + MIB));
    const beyond = file.read(3 * MIB, 100);
    const last = file.read(CONTENT.length - 10, 100);
    const verified = file.verified();
    assert.equal(await isSettled(beyond), false);
    asked.write(2 * MIB, 5 * MIB);
    assert.deepEqual(await beyond, CONTENT.slice(3 * MIB, 3 * MIB + 100));
    assert.equal(await isSettled(last), false);
    asked.write(5 * MIB, CONTENT.length);
    asked.response.end();
    assert.deepEqual(await last, CONTENT.slice(-10));
    await verified;
    // The part has its name by now, and the owner may move it.
    await rename(join(place.directory, 'image'), join(place.directory, 'moved'));
    assert.deepEqual(await file.read(0, CONTENT.length + 5), new Uint8Array(CONTENT));
    assert.equal((await file.read(CONTENT.length, 5)).length, 0);
    await file.close();
  });

  test('the last bytes before a stall are read soon, however few they are', async () => {
    const { promise, resolve } = Promise.withResolvers<Asked>();
    const download = await start(resolve);
    const asked = await promise;
    asked.write(asked.head(), MIB);
    const file = await GrowingFile.open(download);
    await file.read(0, MIB);
    asked.write(MIB, MIB + 100);
    const read = file.read(MIB, 100);
    assert.deepEqual(await Promise.race([read, sleep(5000)]), CONTENT.slice(MIB, MIB + 100));
    await file.close();
  });

  test('when the file begins again, its readers learn it, and read the new one', async () => {
    const asks: Asked[] = [];
    const download = await start((asked) => {
      asks.push(asked);
      if (asked.number === 1) {
        asked.head({ fields: { ETag: '"old"' } });
        asked.write(MIB, 3 * MIB);
      } else asked.serve();
    });
    const file = await GrowingFile.open(download);
    assert.deepEqual(await file.read(0, 100), CONTENT.slice(MIB, MIB + 100));
    const waiting = file.read(5 * MIB, 10);
    const verified = file.verified();
    const rejected = Promise.all([
      assert.rejects(waiting, isInterrupted('restarted')),
      assert.rejects(verified, isInterrupted('restarted')),
    ]);
    // A second answer with another validator; the first one's bytes are dropped.
    asks[0]?.cut();
    await rejected;
    await assert.rejects(file.read(0, 10), isInterrupted('restarted'));
    const again = await GrowingFile.open(download);
    assert.deepEqual(await again.read(0, CONTENT.length), new Uint8Array(CONTENT));
    await again.verified();
    await file.close();
    await again.close();
  });

  for (const command of ['cancel', 'remove'] as const) {
    test(`${command} ends its reads`, async () => {
      const download = await start((asked) => asked.write(asked.head(), MIB));
      const file = await GrowingFile.open(download);
      const waiting = assert.rejects(file.read(5 * MIB, 10), isInterrupted('ended'));
      await download[command]();
      await waiting;
      await assert.rejects(file.read(0, 10), isInterrupted('ended'));
      await file.close();
      await assert.rejects(GrowingFile.open(download), isInterrupted('ended'));
    });
  }

  test('a failure ends its reads, and a pause makes them wait', async () => {
    let answers = 0;
    const download = await start((asked) => {
      answers += 1;
      if (answers === 1) asked.write(asked.head(), 2 * MIB);
      else asked.response.writeHead(404).end();
    });
    const file = await GrowingFile.open(download);
    await file.read(0, 2 * MIB);
    const waiting = file.read(5 * MIB, 10);
    download.pause();
    assert.equal(await isSettled(waiting), false);
    assert.deepEqual(await file.read(10, 10), CONTENT.slice(10, 20));
    download.resume();
    await assert.rejects(waiting, isInterrupted('ended'));
    assert.equal((await whenAtRest(download)).kind, 'failed');
    await file.close();
  });

  test('a file of an earlier run is read at once', async () => {
    const download = await start(({ serve }) => serve());
    await whenAtRest(download);
    const again = place.queue().add(place.request(['http://127.0.0.1:1/'], CONTENT));
    const file = await GrowingFile.open(again);
    assert.deepEqual(await file.read(0, CONTENT.length), new Uint8Array(CONTENT));
    await file.verified();
    await file.close();
  });
});
