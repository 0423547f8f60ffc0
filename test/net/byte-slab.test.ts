// Bytes allocated from blocks are zero and not shared.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { takeBytes } from '../../src/net/byte-slab.ts';

const sizes = [0, 1, 300, 548, 1472, 16 * 1024, 16 * 1024 + 1, 100_000];

for (const count of sizes) {
  test(`${count} bytes are zero, and stay so whatever is written to others`, () => {
    const taken = Array.from({ length: 40 }, () => takeBytes(count));
    taken.forEach((bytes, index) => {
      assert.equal(bytes.length, count);
      assert.ok(bytes.every((byte) => byte === 0));
      bytes.fill(index + 1);
    });
    taken.forEach((bytes, index) => {
      assert.ok(bytes.every((byte) => byte === index + 1));
    });
  });
}

test('many small allocations share a block, a large one has its own', () => {
  const small = Array.from({ length: 1000 }, () => takeBytes(300));
  assert.ok(new Set(small.map(({ buffer }) => buffer)).size <= 6);
  assert.equal(takeBytes(100_000).buffer.byteLength, 100_000);
});
