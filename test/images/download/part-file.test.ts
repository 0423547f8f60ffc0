// How much of a file waits for the disk.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../../src/clock.ts';
import { PartFile } from '../../../src/images/download/part-file.ts';
import { readRecord } from '../../../src/images/download/part-record.ts';
import { DownloadPlace, makeContent } from './download-place.ts';

const MIB = 1024 * 1024;
const PIECE = 64 * 1024;
/** CHECKPOINT_BYTES of part-file.ts. */
const CHECKPOINT_BYTES = 64 * MIB;

test('a part is full when a MiB waits for the disk (HELD_BYTES_MAX), and says when it is written', async () => {
  const place = new DownloadPlace();
  const part = await PartFile.open(place.request(['http://a.example/'], makeContent(8 * MIB)), systemClock, 0);
  try {
    await part.begin({ place: 'http://a.example/', total: 8 * MIB, validator: undefined }, 'http://a.example/');
    const { promise: drained, resolve } = Promise.withResolvers<void>();
    part.listen({ onGrown: () => undefined, onDrain: resolve, onFailure: assert.fail });
    for (let bytes = 0; bytes < MIB; bytes += PIECE) {
      assert.equal(part.isFull, false, `after ${bytes} bytes`);
      part.append(new Uint8Array(PIECE));
    }
    assert.equal(part.isFull, true);
    await drained;
    assert.equal(part.isFull, false);
  } finally {
    await part.close();
    await place.close();
  }
});

test('a part is synced and recorded while it grows (CHECKPOINT_BYTES), long before CHECKPOINT_MS', async () => {
  const place = new DownloadPlace();
  const request = place.request(['http://a.example/'], makeContent(1), { bytes: 2 * CHECKPOINT_BYTES });
  const part = await PartFile.open(request, systemClock, 0);
  try {
    const file = { place: 'http://a.example/', total: 2 * CHECKPOINT_BYTES, validator: undefined };
    await part.begin(file, 'http://a.example/');
    for (let bytes = 0; bytes < CHECKPOINT_BYTES; bytes += MIB) {
      assert.equal(readRecord(request)?.syncedBytes, 0, `after ${bytes} bytes`);
      part.append(new Uint8Array(MIB));
      await part.flush();
    }
    assert.equal(readRecord(request)?.syncedBytes, CHECKPOINT_BYTES);
    assert.deepEqual(readRecord(request)?.file, file);
  } finally {
    await part.close();
    await place.close();
  }
});
