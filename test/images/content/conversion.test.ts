import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createZstdCompress, createZstdDecompress, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { Conversion, PIECE_BYTES } from '../../../src/images/content/conversion.ts';
import { makeDisk } from '../disks.ts';

const MIB = 1024 * 1024;
const SETTINGS = { chunkSize: PIECE_BYTES };

test('a write is complete when everything its bytes expand to was accepted, piece by piece', {
  timeout: 30_000,
}, async () => {
  const frame = zstdCompressSync(Buffer.alloc(64 * MIB));
  let taken = 0;
  let underWay = 0;
  const expander = new Conversion(createZstdDecompress(SETTINGS), async (piece) => {
    underWay += 1;
    assert.equal(underWay, 1);
    assert.ok(piece.length <= PIECE_BYTES, `${piece.length} bytes at once`);
    await nextTurn();
    taken += piece.length;
    underWay -= 1;
  });
  await expander.write(frame);
  // The last output of zlib may still wait for the consumer.
  assert.ok(taken >= 64 * MIB - 2 * PIECE_BYTES, `${taken} bytes`);
  await expander.end();
  assert.equal(taken, 64 * MIB);
});

test('a disk that was compressed and expanded is the same, whatever its pieces were', { timeout: 30_000 }, async () => {
  const disk = makeDisk(3 * MIB + 17, 'gpt');
  for (const step of [1000, 65_537, 4 * MIB]) {
    const packed: Buffer[] = [];
    const packer = new Conversion(createZstdCompress(SETTINGS), (piece) => void packed.push(Buffer.from(piece)));
    for (let at = 0; at < disk.length; at += step) await packer.write(disk.subarray(at, at + step));
    await packer.end();
    assert.deepEqual(zstdDecompressSync(Buffer.concat(packed)), disk);
  }
});

const failures: readonly [name: string, bytes: Uint8Array, take: () => void, words: RegExp][] = [
  ['damaged bytes', Buffer.from('no frame of Zstandard'), () => undefined, /Unknown frame descriptor/],
  [
    'bytes that were cut short',
    zstdCompressSync(Buffer.alloc(MIB, 'ab')).subarray(0, -5),
    () => undefined,
    /unexpected end/,
  ],
  [
    'a consumer that fails in the middle of the expanded bytes',
    zstdCompressSync(Buffer.alloc(64 * MIB)),
    () => {
      throw new Error('the disk is full');
    },
    /the disk is full/,
  ],
];
for (const [name, bytes, take, words] of failures) {
  test(`${name}: the conversion rejects with the reason, and again when it is used after that`, {
    timeout: 30_000,
  }, async () => {
    const expander = new Conversion(createZstdDecompress(SETTINGS), take);
    const whole = async (): Promise<void> => {
      await expander.write(bytes);
      await expander.end();
    };
    await assert.rejects(whole(), words);
    await assert.rejects(whole(), words);
    expander.close();
  });
}
