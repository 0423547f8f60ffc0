// A bundle of images: from one store to another, and everything that a hostile one may be.
// @host waits

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { RackError } from '../../../src/errors.ts';
import { addBundle, writeBundle } from '../../../src/images/bundle/bundle.ts';
import { encodeTarHeader, paddedBytes } from '../../../src/images/bundle/tar.ts';
import { addImage } from '../../../src/images/image-adding.ts';
import {
  blobPath,
  blobsOf,
  encodeImage,
  formatImageName,
  manifestPath,
  readImages,
  type StoredImage,
} from '../../../src/images/image-store.ts';
import { SystemInspector } from '../../../src/images/image-system.ts';
import { rootDiskBytes } from '../../../src/images/import/root-format.ts';
import { refreshTree } from '../../../src/images/system-tree.ts';
import { viewBytes } from '../../../src/net/borrowed-bytes.ts';
import { printedBy } from '../../support/printed.ts';
import { KERNELS, type Kernel, startFile } from '../../support/two-kernels.ts';
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
  const inspector = new SystemInspector('amd64');
  const { image } = await addImage({
    onDisk: (piece) => inspector.take(piece),
    signs: () => inspector.signs(),
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

/** Puts a system into the store, whose root has the other one's bytes. */
async function addSystem(kernel: Kernel): Promise<StoredImage> {
  const put = (content: string, format: 'squashfs' | 'file') => {
    const hash = sha256(Buffer.from(content));
    mkdirSync(dirname(join(from, blobPath(hash, format))), { recursive: true });
    writeFileSync(join(from, blobPath(hash, format)), content);
    return { sha256: hash, bytes: content.length };
  };
  const start = (['boot-kernel', 'boot-initrd'] as const).map((name) => {
    return { name, ...put(startFile(kernel, name), 'file') };
  });
  const files = [...start, { name: 'squashfs.manifest', ...put('dpkg\n', 'file') }];
  const subarchitecture = kernel === 'ga-24.04' ? 'generic' : kernel;
  const root = put('hsqs of noble', 'squashfs');
  const image: StoredImage = {
    os: 'ubuntu',
    release: 'noble',
    architecture: 'amd64',
    subarchitecture,
    label: 'stable',
    serial: '20261101',
    title: 'Noble',
    ...root,
    format: 'squashfs',
    diskBytes: rootDiskBytes(root.bytes),
    partitionTable: 'none',
    system: { subarch: kernel, subarches: [kernel, 'generic'], rootName: 'squashfs', files },
    origin: { source: 'maas', algorithm: 'sha256', hex: root.sha256 },
  };
  mkdirSync(dirname(manifestPath(from, image)), { recursive: true });
  writeFileSync(manifestPath(from, image), encodeImage(image));
  await refreshTree(from, [image]);
  return image;
}

async function exported(images: readonly StoredImage[]): Promise<Buffer> {
  const path = join(scratch, 'images.tar');
  const file = await open(path, 'w');
  try {
    await writeBundle(from, { images, parts: [] }, file, () => undefined);
  } finally {
    await file.close();
  }
  return readFileSync(path);
}

/** @param refusals gets what was not added, as a line each; undefined: everything must be added */
async function addAll(bundle: Uint8Array, refusals?: string[]): Promise<readonly boolean[]> {
  const added: boolean[] = [];
  await addBundle({
    tree: to,
    file: bytesOf(bundle),
    fileName: 'images.tar',
    nowMs: DAY,
    onAdded: (result) => added.push(result.added),
    onRefused: (image, why) => {
      assert.ok(refusals !== undefined, why);
      refusals.push(`${formatImageName(image)}: ${why}`);
    },
    onPart: () => assert.fail('no part was exported'),
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

/** Its one image is named, and not added. */
async function leftOut(bundle: Uint8Array, words: RegExp): Promise<void> {
  const refusals: string[] = [];
  assert.deepEqual(await addAll(bundle, refusals), []);
  assert.equal(refusals.length, 1);
  assert.match(refusals[0] ?? '', words);
}

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

/** An image as a bundle brings it: nobody has verified here where it came from. */
function bundled(image: StoredImage): StoredImage {
  assert.ok(image.origin);
  const { origin: _unverified, ...rest } = image;
  return { ...rest, bundle: 'images.tar' };
}

describe('a bundle', () => {
  test('brings images from one store into another, with bytes as they were, and manifests that name the bundle instead of their origins', async () => {
    const images = [await add('bookworm', 1, true), await add('trixie', 2, false), await add('forky', 1, true)];
    const bundle = await exported(images);
    assert.deepEqual(await addAll(bundle), [true, true, true]);
    assert.deepEqual(readImages(to).images, readImages(from).images.map(bundled));
    for (const { sha256: hash, format } of images) {
      const path = blobPath(hash, format);
      assert.ok(readFileSync(join(to, path)).equals(readFileSync(join(from, path))));
    }
    assert.deepEqual(await addAll(bundle), [false, false, false], 'a second time changes nothing');
  });

  test('with two manifests of one image is refused', async () => {
    const image = await add('bookworm', 1, true);
    const other = { ...image, title: 'Other' };
    const [blob] = blobsOf(image);
    assert.ok(blob);
    const content = [blob.path.slice('images/'.length), readFileSync(join(from, blob.path))] as const;
    const bundle = tar([FIRST, manifestOf(image), manifestOf(other), content]);
    await refused(bundle, /it has two manifests of debian\/bookworm/);
  });

  test('does not change the origin of an image that is already there', async () => {
    const image = await add('bookworm', 1, true);
    const bundle = await exported([image]);
    to = from;
    assert.deepEqual(await addAll(bundle), [false]);
    assert.deepEqual(readImages(from).images, [image]);
  });

  test('an image gets its origin when a source brings the same bytes', async () => {
    const image = await add('bookworm', 1, true);
    assert.deepEqual(await addAll(await exported([image])), [true]);
    from = to;
    assert.deepEqual(await add('bookworm', 1, true), image);
    assert.deepEqual(readImages(to).images, [image]);
  });

  test('with an image that was imported here leaves it its origin, even under another title', async () => {
    const { sha256: hash } = await add('bookworm', 1, true);
    const bundle = await exported(readImages(from).images);
    await addAll(bundle);
    const [image = assert.fail()] = readImages(to).images;
    const origin = { source: 'site', algorithm: 'sha256', hex: 'ab'.repeat(32) } as const;
    writeFileSync(manifestPath(to, image), encodeImage({ ...image, title: 'Ours', origin }));
    assert.deepEqual(await addAll(bundle), [false]);
    const [again] = readImages(to).images;
    assert.deepEqual([again?.title, again?.sha256, again?.origin], ['Debian “bookworm”', hash, origin]);
  });

  test('is not made of an image whose bytes have something else in their place, and says so of the image', async () => {
    const image = await add('bookworm', 1, true);
    const blob = join(from, blobPath(image.sha256, image.format));
    const away = join(scratch, 'away');
    renameSync(blob, away);
    const places: readonly (() => void)[] = [
      () => symlinkSync(away, blob),
      () => mkdirSync(blob),
      () => execFileSync('mkfifo', [blob]),
      () => {
        rmSync(dirname(blob), { recursive: true });
        mkdirSync(join(scratch, 'aside'));
        writeFileSync(join(scratch, 'aside', basename(blob)), readFileSync(away));
        symlinkSync(join(scratch, 'aside'), dirname(blob));
      },
    ];
    for (const put of places) {
      put();
      const message =
        /^debian\/bookworm\S+ is damaged, or its bytes are missing: `rackboot images fsck` repairs the store$/;
      await assert.rejects(exported([image]), { code: 'store-broken', message });
      rmSync(blob, { recursive: true, force: true });
    }
  });

  test('brings systems with all their files, next to disks, and links them into the tree', async () => {
    const images = [await addSystem('ga-24.04'), await addSystem('hwe-24.04'), await add('bookworm', 1, true)];
    const bundle = await exported(images);
    assert.deepEqual(await addAll(bundle), [true, true, true]);
    assert.deepEqual(readImages(to).images, readImages(from).images.map(bundled));
    for (const image of images)
      for (const { path } of blobsOf(image))
        assert.ok(readFileSync(join(to, path)).equals(readFileSync(join(from, path))));
    for (const kernel of KERNELS) {
      const directory = join(to, 'ubuntu/amd64', kernel, 'noble/stable');
      assert.deepEqual(readdirSync(directory).sort(), ['boot-initrd', 'boot-kernel', 'squashfs', 'squashfs.manifest']);
      assert.equal(readFileSync(join(directory, 'boot-kernel'), 'utf8'), startFile(kernel, 'boot-kernel'));
    }
    assert.deepEqual(await addAll(bundle), [false, false, false], 'a second time changes nothing');
    assert.deepEqual(
      readdirSync(join(to, 'images')).filter((name) => name.startsWith('.part')),
      [],
    );
  });

  test('with a system that is cut anywhere, or changed in any file, adds nothing', async () => {
    const image = await addSystem('hwe-24.04');
    const bundle = await exported([image]);
    for (let length = 0; length <= bundle.length - 1024; length += 256)
      await refused(viewBytes(bundle, 0, length), /is not a whole bundle of images: .*; export it again/);
    assert.deepEqual(readdirSync(to), []);
    for (const { path } of blobsOf(image)) {
      const changed = Buffer.from(bundle);
      const at = changed.lastIndexOf(readFileSync(join(from, path)));
      changed[at + 4] = (changed[at + 4] ?? 0) ^ 1;
      await leftOut(changed, /a file of it has the sha256 [0-9a-f]{64} instead of [0-9a-f]{64}; copy the file again/);
      assert.deepEqual(readImages(to).images, []);
      assert.deepEqual(readdirSync(to), ['images']);
      assert.deepEqual(readdirSync(join(to, 'images')), []);
    }
  });

  test('is not made of a system with a damaged or missing file', async () => {
    const image = await addSystem('hwe-24.04');
    const path = join(from, 'ubuntu/amd64/hwe-24.04/noble/stable/boot-initrd');
    writeFileSync(path, readFileSync(path, 'utf8').toUpperCase());
    await assert.rejects(exported([image]), /is damaged, or its bytes are missing: .*fsck/);
    rmSync(join(from, blobPath(image.system?.files[1]?.sha256 ?? '', 'file')));
    await assert.rejects(exported([image]), /is damaged, or its bytes are missing: .*fsck/);
  });

  test('with a system that no store may have is refused', async () => {
    const image = await addSystem('hwe-24.04');
    const { system = assert.fail() } = image;
    const contents = blobsOf(image).map(({ path }) => [basename(path), readFileSync(join(from, path))] as const);
    const bundleOf = (change: Partial<StoredImage>, files = contents): Buffer =>
      tar([FIRST, manifestOf({ ...image, ...change }), ...files]);
    const [kernel = assert.fail(), ...others] = system.files;
    const twice = { ...system, files: [kernel, { ...kernel, bytes: kernel.bytes + 1 }, ...others] };
    const large = { ...system, files: [{ ...kernel, bytes: kernel.bytes + 1 }, ...others] };
    const outside = { ...system, files: [{ ...kernel, name: '../../etc/passwd' }, ...others] };
    const asRoot = { ...system, files: [{ ...kernel, name: 'squashfs' }, ...others] };
    for (const [bundle, words] of [
      [bundleOf({ format: 'root.gz' }), /which belongs to no image/],
      [bundleOf({ system: twice }), /it does not say how its system starts/],
      [bundleOf({ system: asRoot }), /it does not say how its system starts/],
      [bundleOf({ system: outside }), /it does not say how its system starts/],
      [bundleOf({ system: large }), /the size of \S+ is not that of its image/],
      [bundleOf({}, contents.slice(0, 2)), /it lacks the bytes of ubuntu\/noble\//],
      [bundleOf({}, [...contents, [`${'0'.repeat(64)}.file`, Buffer.from('x')]]), /which belongs to no image/],
    ] as const)
      await refused(bundle, words);
    await leftOut(bundleOf({ os: 'images' }), /the boot tree already uses the name images/);
    await leftOut(bundleOf({ os: 'pxelinux.0' }), /the name pxelinux\.0 may be that of a boot loader/);
    const disk = Buffer.from('a disk');
    const wrong = { sha256: sha256(disk), bytes: disk.length };
    await leftOut(
      bundleOf(wrong, [[`${wrong.sha256}.squashfs`, disk], ...contents.slice(1)]),
      /its squashfs does not begin like one/,
    );
    assert.deepEqual(readdirSync(to), []);
    assert.deepEqual(await addAll(bundleOf({})), [true]);
    const other = { ...system, files: others };
    const fewer = contents.filter((_, at) => at !== 1);
    await leftOut(bundleOf({ system: other }, fewer), /already exists with other files: remove it first/);
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

  test('may be padded with zeroes, as tar(1) pads', async () => {
    const bundle = await exported([await add('bookworm', 1, true)]);
    assert.deepEqual(await addAll(Buffer.concat([bundle, new Uint8Array(9000)])), [true]);
  });

  test('is not begun if the bytes of any image are missing', async () => {
    const images = [await add('bookworm', 1, false), await add('trixie', 2, false)];
    rmSync(join(from, blobPath(images[1]?.sha256 ?? '', 'raw')));
    await assert.rejects(exported(images), /debian\/trixie\S+ is damaged, or its bytes are missing/);
    assert.equal(readFileSync(join(scratch, 'images.tar')).length, 0);
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

  test('with faulty images and systems brings all others, and names each of the faulty ones', async () => {
    const images = [await add('bookworm', 1, false), await addSystem('hwe-24.04'), await add('trixie', 2, false)];
    const bundle = await exported(images);
    for (const { path } of images.slice(0, 2).map((image) => blobsOf(image)[0] ?? assert.fail())) {
      const at = bundle.lastIndexOf(readFileSync(join(from, path)));
      bundle[at + 5] = (bundle[at + 5] ?? 0) ^ 1;
    }
    const refusals: string[] = [];
    assert.deepEqual(await addAll(bundle, refusals), [true]);
    assert.deepEqual(
      refusals.map((line) => /^(\S+): \S+ of images\.tar .*instead of/.exec(line)?.[1]),
      images.slice(0, 2).map(formatImageName),
    );
    assert.deepEqual(
      readImages(to).images.map(({ release }) => release),
      ['trixie'],
    );
    const path = join(scratch, 'faulty.tar');
    writeFileSync(path, bundle);
    const { result, text, complaint } = await printedBy(() => runCommandLine(['images', 'import', path, '--tree', to]));
    assert.equal(result, 1);
    assert.match(text, /^debian\/trixie\S+ is already there\.$/m);
    assert.match(complaint, /^debian\/bookworm\S+ was not imported: .*\n^ubuntu\/noble\S+ was not imported: /m);
  });

  test('whose content was changed adds nothing, and leaves nothing', async () => {
    const image = await add('bookworm', 1, false);
    const bundle = await exported([image]);
    bundle[bundle.length - 5000] = (bundle[bundle.length - 5000] ?? 0) ^ 1;
    await leftOut(bundle, /sha256 [0-9a-f]{64} instead of [0-9a-f]{64}; copy the file again/);
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
    // The upper bytes of a size in base 256 make it larger than any file.
    const large = Buffer.from(encodeTarHeader({ name: content[0], bytes: 2 ** 40 }));
    large[127] = 1;
    large.writeBigUInt64BE(BigInt(disk.length), 128);
    large.write(' '.repeat(8), 148, 'latin1');
    large.write(
      `${large
        .reduce((all, byte) => all + byte)
        .toString(8)
        .padStart(6, '0')}\0`,
      148,
      'latin1',
    );
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
      [Buffer.concat([tar([FIRST, manifest], 0), large, disk]), /has no readable size/],
      [Buffer.concat([tar([FIRST, manifest, content]), tar([FIRST, manifest, content])]), /something follows its end/],
      [Buffer.concat([tar([FIRST, manifest, content], 512), Buffer.from('x')]), /something follows its end/],
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
