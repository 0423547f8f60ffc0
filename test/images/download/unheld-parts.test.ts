// A full disk gets room from parts that no import downloads any more, the oldest first, and only if that is enough.

import assert from 'node:assert/strict';
import { existsSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../../src/ground/clock.ts';
import { RESERVE_BYTES } from '../../../src/images/content/blob-writing.ts';
import { DownloadQueue } from '../../../src/images/download/queue.ts';
import { freeUnusedParts } from '../../../src/images/download/unheld-parts.ts';
import { holdFiles } from '../../../src/images/store/held-files.ts';
import { endOf } from '../../support/download-end.ts';
import { type DownloadPlace, makeContent, placeForEach, QUICK, sha256 } from './download-place.ts';

const CONTENT = makeContent(100_000);
const PART_BYTES = 60_000;

let place: DownloadPlace;
placeForEach((made) => {
  place = made;
});

/** Puts a part into the directory. @returns its path */
function putPart(pair: string, agedDays: number): string {
  const path = join(place.directory, `${pair.repeat(32)}-99.part`);
  writeFileSync(path, Buffer.alloc(PART_BYTES));
  writeFileSync(`${path}.json`, '{}');
  const at = Date.now() / 1000 - agedDays * 24 * 3600;
  utimesSync(path, at, at);
  return path;
}

for (const isHeld of [true, false])
  test(`a download ${isHeld ? 'takes the room of old parts that nobody uses' : 'that is not held takes nobody’s room'}`, async () => {
    const [older, held, newer, newest] = [putPart('aa', 4), putPart('bb', 5), putPart('cc', 3), putPart('dd', 1)];
    const lock = holdFiles([join(place.directory, 'bb'.repeat(32))], 'held');
    const kept = [older, held, newer, newest];
    const isThere = () => kept.map((path) => existsSync(path));
    // Two of the parts are as large as the file lacks.
    const readDisk = async () => {
      const removed = isThere().filter((one) => !one).length;
      return { disk: 1, freeBytes: RESERVE_BYTES + removed * PART_BYTES };
    };
    const server = await place.serve(CONTENT);
    const queue = new DownloadQueue(QUICK, systemClock, readDisk);
    try {
      const request = place.request([server.url], CONTENT, { isHeld, name: sha256(CONTENT) });
      const { kind } = await endOf(queue, request);
      assert.equal(kind, isHeld ? 'done' : 'failed');
      assert.deepEqual(isThere(), isHeld ? [false, true, false, true] : [true, true, true, true]);
      assert.equal(existsSync(`${older}.json`), !isHeld);
    } finally {
      lock.release();
      await queue.close();
    }
  });

test('no part is removed if all that are unused are not enough, and none that got bytes within a day', async () => {
  const kept = [putPart('aa', 4), putPart('bb', 3), putPart('cc', 0.9)];
  const isThere = () => kept.map((path) => existsSync(path));
  await freeUnusedParts(place.directory, 2 * PART_BYTES + 1, Date.now());
  assert.deepEqual(isThere(), [true, true, true]);
  const link = `${place.directory}-link`;
  symlinkSync(place.directory, link);
  await freeUnusedParts(link, 2 * PART_BYTES, Date.now());
  rmSync(link);
  assert.deepEqual(isThere(), [true, true, true]);
  await freeUnusedParts(place.directory, 2 * PART_BYTES, Date.now());
  assert.deepEqual(isThere(), [false, false, true]);
});
