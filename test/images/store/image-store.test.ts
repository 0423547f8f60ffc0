// The store of disk images on a real file system.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { BootTree } from '../../../src/files/file-tree.ts';
import { findPartitionTable, recogniseFormat } from '../../../src/images/content/disk-image.ts';
import { type AddRequest, addImage, publishImage } from '../../../src/images/content/image-adding.ts';
import { bytesOfFile } from '../../../src/images/content/image-file.ts';
import { removeImages } from '../../../src/images/store/image-removal.ts';
import {
  blobPath,
  chooseImage,
  decodeImage,
  encodeImage,
  findStoredImage,
  manifestPath,
  readImages,
  type StoredImage,
} from '../../../src/images/store/image-store.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { makeDisk } from '../disks.ts';

const DAY = Date.UTC(2024, 0, 31, 12);
const HOUR = 3_600_000;
const MIB = 1024 * 1024;
const NAME = { os: 'debian', release: 'bookworm', architecture: 'amd64', subarchitecture: 'generic', label: 'release' };

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const scratch = scratchDirectory();
let count = 0;
function newPath(): string {
  count += 1;
  return join(scratch, String(count));
}
function newTree(): string {
  const tree = newPath();
  mkdirSync(tree);
  return tree;
}

const IMAGE: StoredImage = {
  ...NAME,
  serial: '20240131',
  title: 'Debian 12 “bookworm”',
  sha256: 'ab'.repeat(32),
  bytes: 10,
  format: 'raw',
  diskBytes: 10,
  partitionTable: 'gpt',
};

test('the root of a system is found with the files that start it, only while all of them are there', () => {
  const tree = newTree();
  const file = (name: string, digit: string) => ({ name, sha256: digit.repeat(64), bytes: 4 });
  const files = [file('boot-initrd', 'c'), file('boot-kernel', 'd'), file('manifest', 'e')];
  const image: StoredImage = {
    ...IMAGE,
    format: 'squashfs',
    bytes: 4,
    partitionTable: 'none',
    system: { subarch: 'ga-12', subarches: ['ga-12', 'generic'], rootName: 'squashfs', files },
  };
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text);
  };
  put(manifestPath('', image), encodeImage(image));
  assert.deepEqual(decodeImage(encodeImage(image)), image);
  put(blobPath(image.sha256, 'squashfs'), 'hsqs');
  for (const { sha256 } of files) put(blobPath(sha256, 'file'), 'file');
  const pathOf = (digit: string): string => `/images/${digit}${digit}/${digit.repeat(64)}.file`;
  assert.deepEqual(findStoredImage(tree, NAME)?.starts, {
    kernel: { path: pathOf('d'), sha256: 'd'.repeat(64) },
    initrd: { path: pathOf('c'), sha256: 'c'.repeat(64) },
  });
  rmSync(join(tree, pathOf('e')));
  assert.equal(findStoredImage(tree, NAME), undefined);
});

describe('the image store', () => {
  async function add(tree: string, content: Uint8Array, more: Partial<AddRequest> = {}) {
    const path = newPath();
    writeFileSync(path, content);
    const file = await open(path);
    try {
      const request = {
        tree,
        file: await bytesOfFile(file, path),
        fileName: 'given',
        name: NAME,
        compress: false,
        nowMs: DAY,
        onProgress: () => undefined,
      };
      return await addImage({ ...request, ...more });
    } finally {
      await file.close();
    }
  }

  test('an image keeps the signs in its content, which an older one gets when its bytes are added again', async () => {
    const tree = newTree();
    const disk = makeDisk(MIB, 'gpt');
    const signs = { startsByBios: true, startsByUefi: false, hasCloudInit: true };
    assert.equal((await add(tree, disk)).image.signs, undefined);
    const again = await add(tree, disk, { signs: () => signs });
    assert.deepEqual([again.added, again.image.signs], [false, signs]);
    assert.deepEqual(readImages(tree).images, [again.image]);
    assert.deepEqual((await add(tree, disk)).image.signs, signs);
  });

  test('keeps a raw image under its hash, with its manifest, readable by all', async () => {
    const tree = newTree();
    const disk = makeDisk(3 * MIB, 'gpt');
    const reported: number[] = [];
    const before = process.umask(0o077);
    const { image, added } = await add(tree, disk, { onProgress: (done) => reported.push(done) }).finally(() =>
      process.umask(before),
    );
    assert.equal(added, true);
    assert.deepEqual(image, {
      ...NAME,
      serial: '20240131',
      title: 'debian/bookworm (amd64)',
      sha256: hashOf(disk),
      bytes: disk.length,
      format: 'raw',
      diskBytes: disk.length,
      partitionTable: 'gpt',
    });
    const blob = join(tree, blobPath(image.sha256, 'raw'));
    assert.deepEqual(readFileSync(blob), disk);
    for (const path of [blob, manifestPath(tree, image)]) {
      assert.equal(statSync(path).mode & 0o777, 0o644, path);
      assert.equal(statSync(dirname(path)).mode & 0o777, 0o755, dirname(path));
    }
    assert.deepEqual(readImages(tree), { images: [image], problems: [], unusable: [] });
    assert.equal(reported.at(-1), disk.length);
    assert.deepEqual(
      readdirSync(join(tree, 'images')).filter((name) => name.startsWith('.part')),
      [],
    );
  });

  test('keeps a compressed image as it is and knows its size on a disk', async () => {
    const tree = newTree();
    const disk = makeDisk(5 * MIB, 'mbr');
    // Frames of any size, and one to skip (RFC 8878 §3.1.2), as pzstd makes them.
    const frames = [disk.subarray(0, 1000), disk.subarray(1000, MIB), disk.subarray(MIB)].map((part) =>
      zstdCompressSync(part),
    );
    const packed = Buffer.concat([Buffer.from('502a4d180400000001020304', 'hex'), ...frames]);
    const { image } = await add(tree, packed);
    assert.deepEqual(
      [image.format, image.bytes, image.diskBytes, image.partitionTable, image.sha256],
      ['raw.zst', packed.length, disk.length, 'mbr', hashOf(packed)],
    );
    assert.deepEqual(readFileSync(join(tree, blobPath(image.sha256, 'raw.zst'))), packed);
  });

  test('compresses a raw image when that is asked', async () => {
    const tree = newTree();
    const disk = makeDisk(5 * MIB, 'gpt');
    const { image } = await add(tree, disk, { compress: true });
    const kept = readFileSync(join(tree, blobPath(image.sha256, 'raw.zst')));
    assert.deepEqual(zstdDecompressSync(kept), disk);
    assert.deepEqual([image.bytes, image.diskBytes, image.sha256], [kept.length, disk.length, hashOf(kept)]);
    assert.ok(kept.length < disk.length / 2);
  });

  const noImages: readonly [string, () => Uint8Array][] = [
    ['nothing', () => Buffer.alloc(0)],
    ['a file system', () => makeDisk(MIB, 'none')],
    ['a compressed file system', () => zstdCompressSync(makeDisk(MIB, 'none'))],
    // As qemu-img, lz4, xz, zip and mke2fs write them.
    ['a VMDK image', () => Buffer.from('KDMV and more', 'latin1')],
    ['a VMDK description', () => Buffer.from('# Disk DescriptorFile\nversion=1')],
    ['a VHDX image', () => Buffer.from('vhdxfile and more', 'latin1')],
    ['a dynamic VHD', () => Buffer.from('conectix\0\0\0\x02')],
    ['a VDI image', () => Buffer.from('7f10dabe'.padStart(136, '0'), 'hex')],
    ['a file of lz4', () => Buffer.from('04224d186440a7', 'hex')],
    ['a file of lzma', () => Buffer.from('5d00008000ffffffffffffffff00', 'hex')],
    ['a zip archive', () => Buffer.from('504b030414000000', 'hex')],
    ['a 7z archive', () => Buffer.from('377abcaf271c0004', 'hex')],
    ['a web page', () => Buffer.from('<!DOCTYPE html>\n<html>')],
    ['an ext4 file system', () => makeDisk(MIB, 'none').fill('53ef', 1080, 1082, 'hex')],
    ['an image compressed in another format', () => Buffer.from('BZh91AY')],
    ['half a sector', () => makeDisk(MIB + 100, 'gpt')],
    ['a compressed image that was cut', () => zstdCompressSync(makeDisk(3 * MIB, 'gpt')).subarray(0, -9)],
    [
      'a compressed image with bytes after its end',
      () => Buffer.concat([zstdCompressSync(makeDisk(MIB, 'gpt')), Buffer.from('tail!')]),
    ],
    [
      'a compressed image with bytes after its first frame',
      () => Buffer.concat([zstdCompressSync(makeDisk(8704, 'gpt')), Buffer.from('tail!')]),
    ],
    [
      'a compressed image with a larger window than machines accept',
      // RFC 8878 §3.1.1.1: a window of 2^28 bytes and one empty block.
      () => Buffer.from('28b52ffd0090010000', 'hex'),
    ],
    [
      'a damaged compressed image',
      () => {
        const packed = zstdCompressSync(makeDisk(3 * MIB, 'gpt'), { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
        return packed.fill(0xff, 1000, 1100);
      },
    ],
  ];
  for (const [name, make] of noImages) {
    test(`refuses ${name}, and leaves nothing behind`, async () => {
      const tree = newTree();
      await assert.rejects(add(tree, make()), { code: 'bad-argument' });
      assert.deepEqual(readdirSync(join(tree, 'images')), []);
    });
  }

  test('refuses an image that expands to more than the largest disk, however small its file is', async () => {
    const disk = makeDisk(3 * MIB, 'gpt');
    for (const content of [disk, zstdCompressSync(disk)]) {
      const tree = newTree();
      await assert.rejects(add(tree, content, { diskBytesMax: 2 * MIB }), { code: 'bad-argument' });
      assert.deepEqual(readdirSync(join(tree, 'images')), []);
      assert.equal((await add(tree, content, { diskBytesMax: 3 * MIB })).image.diskBytes, disk.length);
    }
  });

  test('is the same after the same bytes are added again', async () => {
    const tree = newTree();
    const disk = makeDisk(MIB, 'gpt');
    const first = await add(tree, disk);
    const again = await add(tree, disk, { nowMs: DAY + 48 * HOUR });
    assert.deepEqual(again, { image: first.image, added: false, given: 'raw' });
    assert.equal(readImages(tree).images.length, 1);
    const titled = await add(tree, disk, { title: 'Mine' });
    assert.deepEqual([titled.added, readImages(tree).images[0]?.title], [false, 'Mine']);
  });

  test('repairs an image whose bytes were lost', async () => {
    const tree = newTree();
    const disk = makeDisk(MIB, 'gpt');
    const { image } = await add(tree, disk);
    truncateSync(join(tree, blobPath(image.sha256, 'raw')), 100);
    assert.equal(findStoredImage(tree, NAME), undefined);
    await add(tree, disk);
    assert.equal(findStoredImage(tree, NAME)?.sha256, hashOf(disk));
  });

  test('numbers the images of one day, and does not replace the bytes of a serial', async () => {
    const tree = newTree();
    for (const seed of [1, 2, 3]) await add(tree, makeDisk(MIB, 'gpt', seed));
    assert.deepEqual(
      readImages(tree).images.map(({ serial }) => serial),
      ['20240131.2', '20240131.1', '20240131'],
    );
    const taken = { ...NAME, serial: '20240131' };
    await assert.rejects(add(tree, makeDisk(MIB, 'gpt', 4), { name: taken }), { code: 'already-exists' });
    assert.equal((await add(tree, makeDisk(MIB, 'gpt', 1), { name: taken })).added, false);
  });

  test('keeps bytes that two images share until neither needs them', async () => {
    const tree = newTree();
    const disk = makeDisk(MIB, 'gpt');
    const one = (await add(tree, disk)).image;
    const other = (await add(tree, disk, { name: { ...NAME, label: 'daily' } })).image;
    assert.equal(one.sha256, other.sha256);
    assert.equal(await removeImages(tree, [one], DAY, { areUsesKnown: true }), 0);
    assert.equal(findStoredImage(tree, NAME)?.label, 'daily');
    assert.equal(await removeImages(tree, [other], DAY, { areUsesKnown: true }), disk.length);
    assert.equal(existsSync(dirname(join(tree, blobPath(one.sha256, 'raw')))), false, 'nor its directory');
    assert.deepEqual(readImages(tree).images, []);
  });

  test('deletes old leftovers of a killed run, and nothing while a manifest cannot be read', async () => {
    const tree = newTree();
    const { image } = await add(tree, makeDisk(MIB, 'gpt', 1));
    const orphan = join(tree, blobPath('cd'.repeat(32), 'raw'));
    const part = join(tree, 'images/.part-0123-abcd');
    const foreign = join(tree, 'images/notes.txt');
    mkdirSync(dirname(orphan), { recursive: true });
    for (const path of [orphan, part, foreign]) writeFileSync(path, 'x');
    const now = Date.now();
    writeFileSync(join(tree, 'images/.manifests/broken.json'), '{');
    await removeImages(tree, [], now + 2 * HOUR, { areUsesKnown: true });
    assert.ok(existsSync(orphan), 'a manifest that cannot be read may name it');
    rmSync(join(tree, 'images/.manifests/broken.json'));
    await removeImages(tree, [], now + HOUR / 2, { areUsesKnown: true });
    assert.deepEqual([existsSync(orphan), existsSync(part)], [true, false], 'an addition may need the bytes');
    await removeImages(tree, [], now + 2 * HOUR, { areUsesKnown: true });
    assert.deepEqual([existsSync(orphan), existsSync(part), existsSync(foreign)], [false, false, true]);
    assert.equal(findStoredImage(tree, NAME)?.sha256, image.sha256);
  });

  test('says which manifests it cannot use, and uses the others', async () => {
    const tree = newTree();
    const { image } = await add(tree, makeDisk(MIB, 'gpt'));
    const write = (name: string, content: string): void =>
      writeFileSync(join(tree, 'images/.manifests', name), content);
    write('a.json', '{"schema":2}');
    write('b.json', encodeImage(image));
    write('c.json', 'x'.repeat(20_000));
    const { images, problems } = readImages(tree);
    assert.deepEqual(images, [image]);
    assert.deepEqual(
      problems.map((text) => /(\w)\.json is not used: (.*)\./.exec(text)?.slice(1, 3).join(' ')).sort(),
      ['a its schema cannot be used', 'b it names another image', 'c it is longer than 16384 bytes'],
    );
  });

  test('images that are added at the same time lose nothing', async () => {
    const tree = newTree();
    const disks = [1, 2, 3, 4].map((seed) => makeDisk(MIB, 'gpt', seed));
    await Promise.all(disks.map((disk, index) => add(tree, disk, { name: { ...NAME, release: `r${index}` } })));
    assert.deepEqual(
      readImages(tree)
        .images.map(({ sha256 }) => sha256)
        .sort(),
      disks.map(hashOf).sort(),
    );
  });

  test('the boot tree serves the bytes at the path that is found, and no manifest', async () => {
    const tree = newTree();
    const disk = makeDisk(MIB, 'gpt');
    const { image } = await add(tree, disk);
    const found = findStoredImage(tree, NAME);
    assert.equal(found?.path, `/images/${image.sha256.slice(0, 2)}/${image.sha256}.img`);
    const boot = await BootTree.open(tree);
    const file = await boot.open(found.path.slice(1));
    assert.equal(file?.sizeBytes, disk.length);
    file?.close();
    const manifest = manifestPath(tree, image).slice(tree.length + 1);
    assert.equal(await boot.open(manifest), undefined);
    boot.close();
  });

  const odd: readonly [string, Partial<StoredImage>][] = [
    ['a path', { os: '../etc' }],
    ['nothing', { release: '' }],
    ['a space', { label: 'my own' }],
    ['the separator', { release: 'a~b' }],
    ['a capital', { architecture: 'AMD64' }],
    ['a serial in words', { serial: 'today' }],
  ];
  for (const [name, more] of odd) {
    test(`refuses a name with ${name}`, async () => {
      const adding = add(newTree(), makeDisk(MIB, 'gpt'), { name: { ...NAME, ...more } });
      await assert.rejects(adding, { code: 'bad-argument' });
      assert.equal(typeof decodeImage(encodeImage({ ...IMAGE, ...more })), 'string');
    });
  }
});

test('the longest valid title and name are read as they were written, and fit into a file name', () => {
  const long = { os: 'a'.repeat(63), release: 'b'.repeat(63), label: 'c'.repeat(56) };
  const image = { ...IMAGE, ...long, title: '“'.repeat(128) };
  assert.deepEqual(decodeImage(encodeImage(image)), image);
  assert.equal(typeof decodeImage(encodeImage({ ...image, label: 'c'.repeat(63), release: 'b'.repeat(63) })), 'string');
  const cut = decodeImage(encodeImage({ ...IMAGE, title: 'a'.repeat(300) }));
  assert.equal(typeof cut === 'string' ? cut : cut.title.length, 128);
});

test('an image whose manifest could not be read again is not published', async () => {
  const tree = newTree();
  const publishing = publishImage(tree, () => ({ ...IMAGE, title: 'a'.repeat(17_000) }));
  await assert.rejects(publishing, /it is longer than 16384 bytes/);
  assert.deepEqual(readImages(tree), { images: [], problems: [], unusable: [] });
});

test('a manifest is read as it was written, and no shortened one is', () => {
  const text = encodeImage(IMAGE);
  assert.deepEqual(decodeImage(text), IMAGE);
  const signs = { startsByBios: true, startsByUefi: true, hasCloudInit: false };
  assert.deepEqual(decodeImage(encodeImage({ ...IMAGE, signs })), { ...IMAGE, signs });
  const odd = decodeImage(encodeImage({ ...IMAGE, title: 'a\u001b[2J\u009b\u202eb' }));
  assert.equal(typeof odd === 'string' ? odd : odd.title, 'a\\x1b[2J\\x9b\\u202eb');
  for (let length = 0; length < text.trimEnd().length; length += 1) {
    assert.equal(typeof decodeImage(text.slice(0, length)), 'string', String(length));
  }
});

const choices: readonly [string, Partial<StoredImage>[], Partial<StoredImage> | undefined][] = [
  ['the newest serial, by number', [{ serial: '20240131.9' }, { serial: '20240131.10' }], { serial: '20240131.10' }],
  ['a stable one before a newer daily one', [{ label: 'daily', serial: '20250101' }, {}], { label: 'release' }],
  ['any label where no stable image exists', [{ label: 'daily' }], { label: 'daily' }],
  [
    "the machine's own sub-architecture",
    [{ serial: '20250101' }, { subarchitecture: 'xgene' }],
    { subarchitecture: 'xgene' },
  ],
  ['nothing of another release', [{ release: 'trixie' }], undefined],
  ['nothing of another architecture', [{ architecture: 'arm64' }], undefined],
  ['nothing of another sub-architecture', [{ subarchitecture: 'hwe' }], undefined],
];
for (const [name, images, expected] of choices) {
  test(`${name} is chosen`, () => {
    const found = chooseImage(
      { ...NAME, subarchitecture: 'xgene' },
      images.map((more) => ({ ...IMAGE, ...more })),
    );
    assert.deepEqual(
      found,
      expected === undefined ? undefined : { ...IMAGE, ...expected, ...(found && { serial: found.serial }) },
    );
  });
}

const SYSTEM = { rootName: 'squashfs', files: [] };
const kernels: readonly StoredImage[] = (
  [
    ['generic', 'ga-24.04', '20261001'],
    ['hwe-24.04', 'hwe-24.04', '20261015'],
    ['hwe-24.04', 'hwe-24.04', '20261016'],
  ] as const
).map(([subarchitecture, subarch, serial]) => ({
  ...IMAGE,
  subarchitecture,
  serial,
  format: 'squashfs',
  partitionTable: 'none',
  system: { ...SYSTEM, subarch },
}));
for (const [kernel, serial] of [
  [undefined, '20261001'],
  ['generic', '20261001'],
  ['ga-24.04', '20261001'],
  ['hwe-24.04', '20261016'],
  ['hwe-22.04', undefined],
] as const) {
  test(`${kernel ?? 'no kernel'} chooses ${serial === undefined ? 'no system' : `the system ${serial}`}`, () =>
    assert.equal(chooseImage({ ...NAME, subarchitecture: 'xgene', kernel }, kernels)?.serial, serial));
}

test('boot sectors of file systems and truncated tables are rejected as partition tables', () => {
  const disk = makeDisk(8192, 'mbr');
  for (let length = 0; length < 512; length += 1) {
    assert.equal(findPartitionTable(disk.subarray(0, length)), undefined);
  }
  assert.equal(findPartitionTable(disk), 'mbr');
  assert.equal(findPartitionTable(makeDisk(8192, 'gpt')), 'gpt');
  const fat = Buffer.from(disk);
  fat.write('Non-system disk or disk error', 440, 'latin1');
  assert.equal(findPartitionTable(fat), undefined);
  const large = Buffer.alloc(8192);
  large.write('EFI PART', 4096, 'latin1');
  assert.equal(findPartitionTable(large), 'gpt');
  assert.deepEqual(recogniseFormat(Buffer.alloc(0)), { ok: true, format: 'raw' });
});
