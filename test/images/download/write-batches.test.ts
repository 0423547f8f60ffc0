// Bytes that wait for the disk.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BATCH_BYTES, WriteBatches } from '../../../src/images/download/write-batches.ts';
import { makeContent } from './download-place.ts';

test('bytes come out as they went in, whatever their pieces, and the memory of written ones is used again', () => {
  const batches = new WriteBatches();
  const memory = new Set<ArrayBufferLike>();
  for (const lengths of [[1], [BATCH_BYTES], [BATCH_BYTES - 1, 2, BATCH_BYTES], [3 * BATCH_BYTES + 5, 7], [0]]) {
    const pieces = lengths.map((length, seed) => makeContent(length, seed));
    for (const piece of pieces) batches.append(piece);
    const whole = Buffer.concat(pieces);
    assert.equal(batches.bytes, whole.length);
    const taken = batches.take();
    assert.equal(batches.bytes, 0);
    assert.deepEqual(Buffer.concat(taken), whole);
    for (const { buffer } of taken) memory.add(buffer);
    batches.giveBack(taken);
  }
  assert.equal(memory.size, 4);
});

test('bytes are copied: their memory may change afterwards', () => {
  const batches = new WriteBatches();
  const bytes = Uint8Array.of(1, 2, 3);
  batches.append(bytes);
  bytes.fill(0);
  assert.deepEqual(Buffer.concat(batches.take()), Buffer.of(1, 2, 3));
});
