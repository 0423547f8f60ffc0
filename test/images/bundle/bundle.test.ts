// A bundle of images: from one store to another, and everything that a hostile one may be.
// @host waits

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { RackError } from '../../../src/errors.ts';
import { addBundle, writeBundle } from '../../../src/images/bundle/bundle.ts';
import { encodeTarHeader, paddedBytes } from '../../../src/images/bundle/tar.ts';
import { addImage } from '../../../src/images/image-adding.ts';
import { blobPath, encodeImage, readImages, type StoredImage } from '../../../src/images/image-store.ts';
import { viewBytes } from '../../../src/net/borrowed-bytes.ts';
import { makeDisk } from '../disks.ts';

const MIB = 1024 * 1024;
const DAY = Date.UTC(2024, 0, 31, 12);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

let scratch = '';
let from = '';
let to = '';
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'rackboot-bundle-test-'));
  [from, to] = [join(scratch, 'from'), join(scratch, 'to')];
  for (const tree of [from, to]) mkdirSync(tree);
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

const bytesOf = (content: Uint8Array) => ({
  bytes: content.length,
  read: async (at: number, length: number) =>
    Uint8Array.from(viewBytes(content, at, Math.min(content.length, at + length))),
});

async function add(release: string, seed: number, compress: boolean): Promise<StoredImage> {
  const { image } = await addImage({
    tree: from,
    file: bytesOf(makeDisk(3 * MIB, 'gpt', seed)),
    fileName: 'given',
    name: { os: 'debian', release, architecture: 'amd64', subarchitecture: 'generic', label: 'release' },
    title: `Debian “${release}”`,
    compress,
    nowMs: DAY,
    origin: { source: 'site', algorithm: 'sha256', hex: 'ab'.repeat(32) },
    onProgress: () => undefined,
  });
  return image;
}

async function exported(images: readonly StoredImage[]): Promise<Buffer> {
  const path = join(scratch, 'images.tar');
  const file = await open(path, 'w');
  try {
    await writeBundle(from, images, file, () => undefined);
  } finally {
    await file.close();
  }
  return readFileSync(path);
}

async function addAll(bundle: Uint8Array): Promise<readonly boolean[]> {
  const added: boolean[] = [];
  await addBundle({
    tree: to,
    file: bytesOf(bundle),
    fileName: 'images.tar',
    nowMs: DAY,
    onAdded: (result) => added.push(result.added),
  });
  return added;
}

const refused = (bundle: Uint8Array, words: RegExp): Promise<void> =>
  assert.rejects(addAll(bundle), (error) => {
    assert.ok(error instanceof RackError, String(error));
    assert.equal(error.code, 'bad-argument', error.message);
    assert.match(error.message, words);
    return true;
  });

/** An archive of these files. */
const tar = (files: readonly (readonly [name: string, content: Uint8Array])[], end = 1024): Buffer =>
  Buffer.concat([
    ...files.flatMap(([name, content]) => [
      encodeTarHeader({ name, bytes: content.length }),
      content,
      new Uint8Array(paddedBytes(content.length) - content.length),
    ]),
    new Uint8Array(end),
  ]);
const FIRST = ['rackboot-images-1', Buffer.from('1 image\n')] as const;

function manifestOf(image: StoredImage): readonly [string, Uint8Array] {
  const text = Buffer.from(encodeImage(image));
  return [`${sha256(text)}.json`, text];
}

describe('a bundle', () => {
  test('brings images from one store into another, with manifests and bytes as they were', async () => {
    const images = [await add('bookworm', 1, true), await add('trixie', 2, false), await add('forky', 1, true)];
    const bundle = await exported(images);
    assert.deepEqual(await addAll(bundle), [true, true, true]);
    assert.deepEqual(readImages(to), readImages(from));
    for (const { sha256: hash, format } of images) {
      const path = blobPath(hash, format);
      assert.ok(readFileSync(join(to, path)).equals(readFileSync(join(from, path))));
    }
    assert.deepEqual(await addAll(bundle), [false, false, false], 'a second time changes nothing');
  });

  test('is an archive that tar(1) reads, and the same images give the same bytes', async () => {
    const images = [await add('bookworm', 1, true)];
    const bundle = await exported(images);
    assert.ok(bundle.equals(await exported(images)));
    const names = execFileSync('tar', ['tf', join(scratch, 'images.tar')], { encoding: 'utf8' })
      .trim()
      .split('\n');
    assert.deepEqual(names, [
      'rackboot-images-1',
      manifestOf(images[0] ?? assert.fail())[0],
      `${images[0]?.sha256}.img.zst`,
    ]);
  });

  test('is not made of damaged or missing content', async () => {
    const image = await add('bookworm', 1, false);
    const path = join(from, blobPath(image.sha256, 'raw'));
    const bytes = readFileSync(path);
    bytes[MIB] = (bytes[MIB] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    await assert.rejects(exported([image]), /is damaged, or its bytes are missing: .*fsck/);
    rmSync(path);
    await assert.rejects(exported([image]), /is damaged, or its bytes are missing: .*fsck/);
  });

  test('that is cut anywhere adds nothing', async () => {
    const bundle = await exported([await add('bookworm', 1, true)]);
    for (const length of [
      0,
      100,
      512,
      600,
      1024,
      2000,
      3000,
      bundle.length / 2,
      bundle.length - 1500,
      bundle.length - 1024,
    ]) {
      await refused(viewBytes(bundle, 0, Math.floor(length)), /is not a whole bundle of images: .*; export it again/);
    }
    assert.deepEqual(readdirSync(to), []);
  });

  test('whose content was changed adds nothing, and leaves nothing', async () => {
    const image = await add('bookworm', 1, false);
    const bundle = await exported([image]);
    bundle[bundle.length - 5000] = (bundle[bundle.length - 5000] ?? 0) ^ 1;
    await refused(bundle, /sha256 [0-9a-f]{64} instead of [0-9a-f]{64}; copy the file again/);
    assert.deepEqual(readImages(to).images, []);
    assert.deepEqual(readdirSync(join(to, 'images')), []);
  });

  test('that is hostile is refused by its first fault', async () => {
    const image = await add('bookworm', 1, false);
    const disk = readFileSync(join(from, blobPath(image.sha256, 'raw')));
    const content = [`${image.sha256}.img`, disk] as const;
    const manifest = manifestOf(image);
    const evil = (change: Partial<StoredImage>) => manifestOf({ ...image, ...change });
    // A link has the type 2; the sum of its head is 2 larger than that of a file.
    const link = Buffer.from(encodeTarHeader({ name: '../../etc/cron.d/x', bytes: 0 }));
    const sum = Number.parseInt(link.toString('latin1', 148, 154), 8) + 2;
    link.write('2', 156, 'latin1');
    link.write(sum.toString(8).padStart(6, '0'), 148, 'latin1');
    const rows: readonly (readonly [bundle: Uint8Array, words: RegExp])[] = [
      [tar([content]), /it begins with/],
      [tar([FIRST]), /it has no image/],
      [
        tar([FIRST, ['../../../etc/passwd', Buffer.from('x')]]),
        /"\.\.\/\.\.\/\.\.\/etc\/passwd", which belongs to no image/,
      ],
      [tar([FIRST, ['/etc/passwd', Buffer.from('x')]]), /"\/etc\/passwd", which belongs to no image/],
      [tar([FIRST, manifest]), /it lacks the bytes of debian\/bookworm\//],
      [tar([FIRST, manifest, content, content]), /belongs to no image/],
      [tar([FIRST, content, manifest]), /belongs to no image/],
      [tar([FIRST, manifest, [content[0], Buffer.alloc(10)]]), /the size of .* is not that of its image/],
      [tar([FIRST, [`${'0'.repeat(64)}.json`, manifest[1]]]), /it is damaged/],
      [tar([FIRST, evil({ release: '../../../../tmp/x' }), content]), /cannot be the release/],
      [tar([FIRST, evil({ sha256: '../'.repeat(20) }), content]), /lacks its hash/],
      [tar([FIRST, [`${sha256(Buffer.alloc(20_000))}.json`, Buffer.alloc(20_000)]]), /more than 16384 bytes/],
      [
        Buffer.concat([tar([FIRST, manifest], 0), encodeTarHeader({ name: content[0], bytes: 2 ** 50 }), disk]),
        /cut short/,
      ],
      [Buffer.concat([tar([FIRST], 0), link, new Uint8Array(1024)]), /is not a plain file/],
      [Buffer.from('PK\u0003\u0004'.padEnd(2048)), /it is not a tar archive/],
    ];
    for (const [bundle, words] of rows) await refused(bundle, words);
    assert.deepEqual(readdirSync(to), []);
    assert.equal(existsSync(join(scratch, 'etc')), false);
  });

  test('a file of 8 GiB and more has a size that tar(1) reads', () => {
    const bytes = 9 * 1024 ** 3;
    const path = join(scratch, 'large.tar');
    writeFileSync(path, encodeTarHeader({ name: 'x', bytes }));
    execFileSync('truncate', ['-s', String(512 + bytes + 1024), path]);
    assert.match(execFileSync('tar', ['tvf', path], { encoding: 'utf8' }), new RegExp(` ${bytes} `));
  });
});
