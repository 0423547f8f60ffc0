// How much of a file waits for the disk.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../../src/clock.ts';
import { PartFile } from '../../../src/images/download/part-file.ts';
import { DownloadPlace, makeContent } from './download-place.ts';

const MIB = 1024 * 1024;
const PIECE = 64 * 1024;

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
