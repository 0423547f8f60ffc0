// Images that are damaged, or made to harm who reads them: each is refused by name, and none costs more than its size.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateRawSync, zstdCompressSync } from 'node:zlib';
import { describeQcow2Fault } from '../../src/images/qcow2/fault.ts';
import {
  bytesOf,
  CLUSTER,
  COMPRESSED,
  COPIED,
  DATA_AT,
  DISK_CLUSTERS,
  expandQcow2,
  L1_AT,
  L2_AT,
  makeQcow2,
  PACKED_AT,
  readAll,
} from './qcow2-maker.ts';

const MIB = 1024 * 1024;
const TIB = 1024 ** 4;
/** Clusters of an image with extended L2 entries are larger. */
const LARGE = 16_384;
const L2_AT_LARGE = 2 * LARGE;

type Spoil = (image: Buffer) => Buffer | undefined;

const word =
  (at: number, value: number): Spoil =>
  (image) => {
    image.writeUInt32BE(value, at);
    return undefined;
  };
const long =
  (at: number, value: bigint): Spoil =>
  (image) => {
    image.writeBigUInt64BE(value, at);
    return undefined;
  };
const all =
  (...spoils: readonly Spoil[]): Spoil =>
  (image) =>
    spoils.reduce<Buffer>((spoilt, spoil) => spoil(spoilt) ?? spoilt, image);
/** Replaces the compressed cluster; it still has 8 sectors. */
const packed =
  (bytes: Uint8Array): Spoil =>
  (image) => {
    image.fill(0, PACKED_AT, PACKED_AT + CLUSTER).set(bytes, PACKED_AT);
    image.writeBigUInt64BE(COMPRESSED | (7n << 58n) | BigInt(PACKED_AT), L2_AT + 8);
    return undefined;
  };
const cutTo =
  (bytes: number): Spoil =>
  (image) =>
    Buffer.from(image.buffer, image.byteOffset, bytes);

const PLAIN = 0;
const ZSTD = 8;
const EXTENDED = 16;

type Row = readonly [name: string, features: number, spoil: Spoil, code: string, offset: number, field: string];

const header: readonly Row[] = [
  ['nothing', PLAIN, cutTo(0), 'truncated', 0, 'header'],
  ['half a header', PLAIN, cutTo(71), 'truncated', 71, 'header'],
  ['half a header of version 3', PLAIN, cutTo(103), 'truncated', 103, 'header'],
  ['another magic number', PLAIN, word(0, 0x5146_49fa), 'bad-value', 0, 'magic'],
  ['the format before qcow2', PLAIN, word(4, 1), 'bad-value', 4, 'version'],
  ['a later version', PLAIN, word(4, 4), 'bad-value', 4, 'version'],
  ['a backing file', PLAIN, long(8, 200n), 'bad-value', 8, 'backing_file_offset'],
  ['a backing file, in version 2', PLAIN, all(word(4, 2), long(8, 200n)), 'bad-value', 8, 'backing_file_offset'],
  ['clusters of 256 bytes', PLAIN, word(20, 8), 'bad-value', 20, 'cluster_bits'],
  ['clusters of 4 MiB', PLAIN, word(20, 22), 'bad-value', 20, 'cluster_bits'],
  ['clusters of 2^4294967295 bytes', PLAIN, word(20, 0xffff_ffff), 'bad-value', 20, 'cluster_bits'],
  ['small clusters with subclusters', EXTENDED, word(20, 13), 'bad-value', 20, 'cluster_bits'],
  ['a disk of more than 2 TiB', PLAIN, long(24, 2n * 2n ** 40n + 512n), 'too-long', 24, 'size'],
  ['a disk of 16 EiB', PLAIN, long(24, 2n ** 64n - 1n), 'too-long', 24, 'size'],
  ['encryption by AES', PLAIN, word(32, 1), 'bad-value', 32, 'crypt_method'],
  ['encryption by LUKS', PLAIN, word(32, 2), 'bad-value', 32, 'crypt_method'],
  ['encryption by an unknown method', PLAIN, word(32, 3), 'bad-value', 32, 'crypt_method'],
  ['an L1 table of no entries', PLAIN, word(36, 0), 'bad-length', 36, 'l1_size'],
  ['an L1 table for half of the disk', PLAIN, long(24, BigInt(3 * MIB)), 'bad-length', 36, 'l1_size'],
  ['an L1 table between clusters', PLAIN, long(40, 4104n), 'bad-value', 40, 'l1_table_offset'],
  ['an L1 table after the end', PLAIN, long(40, 2n ** 40n), 'truncated', 40, 'l1_table_offset'],
  ['an L1 table at the end of all numbers', PLAIN, long(40, 2n ** 64n - 4096n), 'truncated', 40, 'l1_table_offset'],
  [
    'an L1 table of 8 MiB in a file of 28 KiB',
    PLAIN,
    all(long(24, BigInt(2 * TIB)), word(36, 0xffff_ffff)),
    'truncated',
    40,
    'l1_table_offset',
  ],
  ['the dirty bit', PLAIN, word(76, 1), 'bad-value', 72, 'dirty bit'],
  ['the corrupt bit', PLAIN, word(76, 2), 'bad-value', 72, 'corrupt bit'],
  ['an external data file', PLAIN, word(76, 4), 'bad-value', 72, 'external data file bit'],
  ['an unknown feature', PLAIN, word(76, 32), 'bad-value', 72, 'incompatible_features'],
  ['an unknown feature of the upper half', PLAIN, word(72, 0x8000_0000), 'bad-value', 72, 'incompatible_features'],
  ['a header of 100 bytes', PLAIN, word(100, 96), 'bad-length', 100, 'header_length'],
  ['a header of 105 bytes', PLAIN, word(100, 105), 'bad-length', 100, 'header_length'],
  ['zstd without its feature', PLAIN, word(104, 0x0100_0000), 'bad-value', 104, 'compression_type'],
  ['the feature of a compression, and none', ZSTD, word(104, 0), 'bad-value', 104, 'compression_type'],
  ['the feature of a compression, and no field', ZSTD, word(100, 104), 'bad-value', 104, 'compression_type'],
  ['an unknown compression', ZSTD, word(104, 0x0200_0000), 'bad-value', 104, 'compression_type'],
];

const entryAt = (index: number): number => L2_AT + index * 8;

const tables: readonly Row[] = [
  ['a reserved bit in the L1 table', PLAIN, long(L1_AT, COPIED | (2n ** 60n) | 8192n), 'bad-value', L1_AT, 'L1 entry'],
  ['a low reserved bit in the L1 table', PLAIN, long(L1_AT, 8193n), 'bad-value', L1_AT, 'L1 entry'],
  ['an L2 table between clusters', PLAIN, long(L1_AT, 8192n + 512n), 'bad-value', L1_AT, 'L1 entry'],
  ['an L2 table after the end', PLAIN, long(L1_AT, 2n ** 55n), 'truncated', 2 ** 55, 'L2 table'],
  ['a file that ends before its L2 table', PLAIN, cutTo(L2_AT), 'truncated', L2_AT, 'L2 table'],
  ['a reserved bit in an L2 table', PLAIN, long(entryAt(3), 2n ** 61n), 'bad-value', entryAt(3), 'L2 entry'],
  ['a low reserved bit in an L2 table', PLAIN, long(entryAt(3), 2n), 'bad-value', entryAt(3), 'L2 entry'],
  ['a cluster between clusters', PLAIN, long(entryAt(0), BigInt(DATA_AT + 512)), 'bad-value', entryAt(0), 'L2 entry'],
  ['a cluster at offset 0', PLAIN, long(entryAt(3), COPIED), 'bad-value', entryAt(3), 'L2 entry'],
  ['a cluster after the end', PLAIN, long(entryAt(3), 2n ** 50n), 'truncated', entryAt(3), 'cluster'],
  ['a file that ends in its last cluster', PLAIN, cutTo(7 * CLUSTER - 1), 'truncated', entryAt(4), 'cluster'],
  ['a cluster of zeroes in version 2', PLAIN, word(4, 2), 'bad-value', entryAt(2), 'L2 entry'],
  [
    'the bit of zeroes where subclusters have it',
    EXTENDED,
    long(L2_AT_LARGE + 32, 1n),
    'bad-value',
    L2_AT_LARGE + 32,
    'L2 entry',
  ],
  [
    'subclusters that are both data and zeroes',
    EXTENDED,
    long(L2_AT_LARGE + 8, 2n ** 32n + 1n),
    'bad-value',
    L2_AT_LARGE,
    'subcluster bitmap',
  ],
  [
    'subclusters of a cluster that does not exist',
    EXTENDED,
    long(L2_AT_LARGE + 48 + 8, 1n),
    'bad-value',
    L2_AT_LARGE + 48,
    'subcluster bitmap',
  ],
  [
    'a compressed cluster after the end',
    PLAIN,
    long(entryAt(1), COMPRESSED | (2n ** 40n)),
    'truncated',
    entryAt(1),
    'cluster',
  ],
  [
    'a compressed cluster that belongs to no other',
    PLAIN,
    long(entryAt(1), COPIED | COMPRESSED | BigInt(PACKED_AT)),
    'bad-value',
    entryAt(1),
    'L2 entry',
  ],
  [
    'a compressed cluster beyond 2^56',
    PLAIN,
    long(entryAt(1), COMPRESSED | (2n ** 57n)),
    'bad-value',
    entryAt(1),
    'L2 entry',
  ],
];

const noise = Buffer.from('this is not compressed data at all');
const packedRow = (name: string, features: number, bytes: Uint8Array): Row => [
  name,
  features,
  packed(bytes),
  'bad-value',
  PACKED_AT,
  'compressed cluster',
];

const clusters: readonly Row[] = [
  packedRow('a compressed cluster of noise', PLAIN, noise),
  packedRow('the same with zstd', ZSTD, noise),
  packedRow(
    'a compressed cluster that expands to too much',
    PLAIN,
    deflateRawSync(Buffer.alloc(64 * MIB)).subarray(0, CLUSTER),
  ),
  packedRow('one byte too much', PLAIN, deflateRawSync(Buffer.alloc(CLUSTER + 1))),
  packedRow('one byte too much with zstd', ZSTD, zstdCompressSync(Buffer.alloc(CLUSTER + 1))),
  packedRow('a bomb of zstd', ZSTD, zstdCompressSync(Buffer.alloc(16 * MIB))),
  packedRow('a compressed cluster that expands to too little', PLAIN, deflateRawSync(Buffer.alloc(CLUSTER - 1))),
  packedRow('too little with zstd', ZSTD, zstdCompressSync(Buffer.alloc(CLUSTER - 1))),
  packedRow('a compressed cluster of nothing', PLAIN, new Uint8Array(0)),
  // RFC 8878 §3.1.1: a window of 2^28 bytes, and a block of 4096 zeroes.
  packedRow('a window of 256 MiB', ZSTD, Buffer.from('28b52ffd009003800000', 'hex')),
  [
    'a compressed cluster whose sectors end too early',
    PLAIN,
    long(entryAt(1), COMPRESSED | BigInt(PACKED_AT + 511)),
    'bad-value',
    PACKED_AT + 511,
    'compressed cluster',
  ],
  [
    'one table for many parts of the disk',
    PLAIN,
    all(long(24, BigInt(512 * 2 * MIB)), word(36, 512), (image) => {
      for (let at = L1_AT; at < L2_AT; at += 8) image.writeBigUInt64BE(BigInt(L2_AT), at);
      return undefined;
    }),
    'too-long',
    L2_AT,
    'clusters',
  ],
  [
    'one cluster for many parts of the disk',
    PLAIN,
    all(long(24, BigInt(2 * MIB)), (image) => {
      for (let at = L2_AT; at < DATA_AT; at += 8) image.writeBigUInt64BE(BigInt(DATA_AT), at);
      return undefined;
    }),
    'too-long',
    L2_AT,
    'clusters',
  ],
  [
    'an L1 table that is its own L2 table, and so on',
    PLAIN,
    all(long(24, BigInt(512 * 2 * MIB)), word(36, 512), (image) => {
      for (let at = L1_AT; at < L2_AT; at += 8) image.writeBigUInt64BE(BigInt(L1_AT), at);
      return undefined;
    }),
    'too-long',
    L1_AT,
    'clusters',
  ],
];

for (const [name, features, spoil, code, offset, field] of [...header, ...tables, ...clusters]) {
  test(`an image with ${name} is refused`, { timeout: 30_000 }, async () => {
    const image = makeQcow2(features);
    const source = bytesOf(spoil(image) ?? image);
    const { fault } = await readAll(source);
    assert.deepEqual(fault, { code, offset, field });
    assert.ok(source.taken() <= 4 * image.length, `${source.taken()} bytes were read`);
  });
}

test('a refusal says what is wrong, where, and what to do', () => {
  for (const [, , , code, offset, field] of header) {
    const text = describeQcow2Fault({ code, offset, field } as Parameters<typeof describeQcow2Fault>[0]);
    assert.match(text, new RegExp(`^it[s ].* \\(${field} at byte ${offset}\\): .+`));
  }
  assert.equal(
    describeQcow2Fault({ code: 'bad-value', offset: 8, field: 'backing_file_offset' }),
    'it contains only the differences from another image, its backing file (backing_file_offset at byte 8): ' +
      'combine both into one image: qemu-img convert -O qcow2 FILE whole.qcow2',
  );
});

test('an image that is cut short anywhere is refused, or lacks nothing', { timeout: 60_000 }, async () => {
  for (const features of [PLAIN, ZSTD]) {
    const image = makeQcow2(features);
    const whole = await expandQcow2(bytesOf(image));
    for (let length = 0; length < image.length; length += length < 120 ? 1 : 509) {
      const { fault } = await readAll(bytesOf(cutTo(length)(image) ?? image));
      assert.notEqual(fault, undefined, `${length} bytes`);
    }
    assert.deepEqual(await expandQcow2(bytesOf(Buffer.concat([image, noise]))), whole);
  }
});

/** The same numbers for the same seed. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b_3c6d) + 0x9e37_79b9) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Changes one to four places: mostly bytes of the header and the tables, to bits and numbers that matter. */
function mutate(image: Buffer, random: (below: number) => number): Buffer {
  const cluster = 2 ** image.readUInt32BE(20);
  for (let count = 1 + random(4); count > 0; count -= 1) {
    const places = [random(112), cluster + random(16), 2 * cluster + random(16 * DISK_CLUSTERS), random(image.length)];
    const at = places[random(places.length)] ?? 0;
    const entry = 2 * cluster + 8 * random(2 * DISK_CLUSTERS);
    const changes = [
      () => image.writeUInt8(random(256), at),
      () => image.writeUInt8((image[at] ?? 0) ^ (1 << random(8)), at),
      () => image.writeBigUInt64BE(BigInt(cluster * random(9)), entry),
      () =>
        image.writeBigUInt64BE(COMPRESSED | (BigInt(random(4)) << BigInt(54)) | BigInt(random(image.length)), entry),
      () => image.writeBigUInt64BE(2n ** BigInt(random(64)), 24 + 8 * random(3)),
    ];
    changes[random(changes.length)]?.();
  }
  return random(8) === 0 ? (cutTo(random(image.length))(image) ?? image) : image;
}

const MUTATIONS = 6000;
const SEED = 20_261_124;

test(`none of ${MUTATIONS} mutations (seed ${SEED}) does more than to be read or refused`, {
  timeout: 120_000,
}, async (t) => {
  const random = randomNumbers(SEED);
  const outcomes = new Map<string, number>();
  const before = process.memoryUsage().rss;
  for (let round = 0; round < MUTATIONS; round += 1) {
    const image = mutate(makeQcow2([PLAIN, ZSTD, EXTENDED, ZSTD | EXTENDED][round % 4] ?? PLAIN), random);
    const source = bytesOf(image);
    const { fault, diskBytes, bytes, longest } = await readAll(source);
    const outcome = fault?.field ?? 'read';
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    assert.ok(longest <= 2 * MIB, `round ${round}: a piece of ${longest} bytes`);
    assert.ok(fault !== undefined || bytes === diskBytes, `round ${round}: ${bytes} bytes of ${diskBytes}`);
    assert.ok(source.taken() <= 16 * MIB, `round ${round}: ${source.taken()} bytes were read`);
  }
  t.diagnostic([...outcomes].map(([name, count]) => `${name} ${count}`).join(', '));
  assert.ok((outcomes.get('read') ?? 0) > MUTATIONS / 20 && outcomes.size > 15, 'the mutations reach everything');
  const grownMib = (process.memoryUsage().rss - before) / MIB;
  assert.ok(grownMib < 200, `${grownMib} MiB`);
});
