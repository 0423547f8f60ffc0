// Disk images that come compressed, in archives, or both: what is stored expands to exactly the disk that qemu-img reads from the image.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { before, beforeEach, describe, test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { RackError } from '../../src/ground/errors.ts';
import { type AddRequest, addImage } from '../../src/images/content/image-adding.ts';
import { bytesOfFile } from '../../src/images/content/image-file.ts';
import { blobPath } from '../../src/images/store/image-store.ts';
import { missing } from '../support/needs.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { makeDisk } from './disks.ts';

const MIB = 1024 * 1024;
const NAME = { os: 'debian', release: 'bookworm', architecture: 'amd64', subarchitecture: 'generic', label: 'release' };

describe('a packed image', { skip: missing('linux', 'qemu-img', 'xz', 'zstd') }, () => {
  const scratch = scratchDirectory();
  const place = (name: string): string => join(scratch, name);
  let disk = Buffer.alloc(0);
  let hollow = Buffer.alloc(0);
  let tree = '';
  before(() => {
    disk = Buffer.concat([makeDisk(MIB + 512, 'gpt'), Buffer.alloc(MIB), makeDisk(MIB / 4, 'none', 5)]);
    // Empty enough to be stored in several frames.
    hollow = Buffer.concat([disk.subarray(0, MIB), Buffer.alloc(20 * MIB), disk.subarray(2 * MIB)]);
    writeFileSync(place('disk.raw'), disk);
    writeFileSync(place('hollow.raw'), hollow);
    execFileSync('fallocate', ['--dig-holes', place('disk.raw')]);
    execFileSync('fallocate', ['--dig-holes', place('hollow.raw')]);
    for (const [name, words] of Object.entries({ 'disk.qcow2': ['-c'], 'old.qcow2': ['-o', 'compat=0.10'] }))
      execFileSync('qemu-img', ['convert', '-O', 'qcow2', ...words, place('disk.raw'), place(name)]);
    writeFileSync(place('manifest.txt'), 'one\n'.repeat(1000));
  });
  beforeEach(() => {
    tree = mkdtempSync(join(scratch, 'tree-'));
  });

  const run = (line: string): void => void execFileSync('sh', ['-c', line], { cwd: scratch });

  async function add(name: string, more: Partial<AddRequest> = {}) {
    const file = await open(place(name));
    const means = { fileName: name, name: NAME, nowMs: 0, onProgress: () => undefined };
    return await addImage({ tree, file: await bytesOfFile(file, name), ...means, ...more }).finally(() => file.close());
  }

  /** The bytes that a machine writes to its disk. */
  async function added(name: string, length = disk.length): Promise<Buffer> {
    const { image, given } = await add(name);
    assert.deepEqual([given, image.format, image.diskBytes], ['packed', 'raw.zst', length]);
    const stored = readFileSync(join(tree, blobPath(image.sha256, image.format)));
    // qemu-img, zstd(1) and the machine expand all frames, Node only the first.
    return execFileSync('zstd', ['-dc'], { input: stored, maxBuffer: 64 * MIB });
  }

  const packings: readonly (readonly [name: string, line: string])[] = [
    ['disk.raw.gz', 'gzip -k -1 disk.raw'],
    ['disk.raw.xz', 'xz -k -0 disk.raw'],
    ['many.raw.xz', 'xz -k -0 --block-size=1MiB -c disk.raw > many.raw.xz'],
    ['two.raw.gz', '(head -c 1000000 disk.raw | gzip -1; tail -c +1000001 disk.raw | gzip -1) > two.raw.gz'],
    ['two.raw.xz', '(head -c 1000000 disk.raw | xz -0; tail -c +1000001 disk.raw | xz -0) > two.raw.xz'],
    ['disk.qcow2.gz', 'gzip -k -1 disk.qcow2'],
    ['disk.qcow2.xz', 'xz -k -0 disk.qcow2'],
    ['old.qcow2.zst', 'zstd -q -k old.qcow2'],
    ['disk.tar', 'tar -cf disk.tar manifest.txt disk.raw'],
    ['disk.tar.gz', 'tar -czf disk.tar.gz disk.raw manifest.txt'],
    ['disk.tar.xz', 'tar -cf - disk.raw | xz -0 > disk.tar.xz'],
    ['disk.tar.zst', 'tar -cf - ./disk.raw | zstd -q > disk.tar.zst'],
    ['sparse.tar.gz', 'tar -Sczf sparse.tar.gz disk.raw'],
    ['sparse.tar', 'tar -Scf sparse.tar manifest.txt disk.raw'],
    ['posix.tar', 'tar --format=posix -cf posix.tar disk.raw'],
    ['ps.tar', 'tar --format=posix -Scf ps.tar disk.raw'],
    [
      'links.tar',
      'mkdir -p links; ln -sf /etc/passwd links/a.img; mknod links/b.img c 1 3; cp disk.raw links; tar -Pcf links.tar links',
    ],
    ['qcow2.tar.gz', 'tar -czf qcow2.tar.gz disk.qcow2'],
    ['deep.tar.gz', 'gzip -1 -c disk.raw > inner.raw.gz && tar -czf deep.tar.gz inner.raw.gz'],
    [
      'long.tar',
      `mkdir -p ${'d'.repeat(120)}/${'e'.repeat(120)} && cp disk.raw ${'d'.repeat(120)}/${'e'.repeat(120)}/ && tar -cf long.tar ${'d'.repeat(120)}`,
    ],
  ];
  for (const [name, line] of [
    ['hollow.raw.gz', 'gzip -k -1 hollow.raw'],
    ['hollow.tar', 'tar -Scf hollow.tar manifest.txt hollow.raw'],
    ['hollow.qcow2.xz', 'qemu-img convert -O qcow2 -c hollow.raw hollow.qcow2 && xz -0 hollow.qcow2'],
  ] as const)
    test(`${name} is the disk, bit for bit`, async () => {
      run(line);
      assert.ok((await added(name, hollow.length)).equals(hollow));
    });

  for (const [name, line] of packings)
    test(`${name} is the disk, bit for bit`, async () => {
      run(line);
      assert.ok((await added(name)).equals(disk));
      assert.deepEqual(
        readdirSync(join(tree, 'images')).filter((entry) => entry.startsWith('.part')),
        [],
      );
    });

  test('a raw disk in Zstandard is kept as it is', async () => {
    run('zstd -q -f disk.raw');
    const { given, image } = await add('disk.raw.zst');
    assert.equal(given, 'raw.zst');
    assert.deepEqual(
      readFileSync(join(tree, blobPath(image.sha256, image.format))),
      readFileSync(place('disk.raw.zst')),
    );
  });

  test('with --no-compress is kept raw', async () => {
    run('gzip -1 -c disk.raw > plain.gz');
    const { image } = await add('plain.gz', { compress: false });
    assert.ok(readFileSync(join(tree, blobPath(image.sha256, 'raw'))).equals(disk));
  });

  test('cut short anywhere is refused, and nothing stays', async () => {
    run('gzip -1 -c disk.raw > c.gz; xz -0 -c disk.raw > c.xz; tar -cf c.tar disk.raw; tar -Scf s.tar disk.raw');
    run('gzip -1 -c disk.qcow2 > q.gz');
    for (const name of ['c.gz', 'c.xz', 'c.tar', 's.tar', 'q.gz']) {
      const { length } = readFileSync(place(name));
      for (const part of [0.02, 0.5, 0.98]) {
        run(`cp ${name} cut.${name}`);
        truncateSync(place(`cut.${name}`), Math.floor(length * part));
        const refusal = { code: 'bad-argument', message: /cut short/ };
        await assert.rejects(add(`cut.${name}`), refusal, `${name} ${part}`);
      }
    }
    assert.deepEqual(readdirSync(join(tree, 'images')), []);
  });

  const refused: readonly (readonly [title: string, name: string, make: string, why: RegExp])[] = [
    [
      'two images',
      'two.tar',
      'cp disk.raw b.img; tar -cf two.tar disk.raw b.img',
      /has two images, "disk\.raw" and "b\.img"/,
    ],
    ['no image', 'none.tar', 'tar -cf none.tar manifest.txt', /has no disk image: the name of an image must end in/],
    ['a link as image', 'link.tar', 'ln -sf disk.raw l.img; tar -cf link.tar l.img', /has no disk image/],
    ['another format', 'x.raw.bz2.tar', 'printf BZh9 > x.img; tar -cf x.raw.bz2.tar x.img', /compressed with bzip2/],
    [
      'five layers',
      'five.gz',
      'cp disk.raw five; for i in 1 2 3 4 5; do gzip -1 five; mv five.gz five; done; mv five five.gz',
      /packed more than 3 times/,
    ],
    [
      'too large a dictionary',
      'd.xz',
      'xz --lzma2=preset=0,dict=512MiB -c disk.raw > d.xz',
      /cannot be expanded \(Memory usage limit/,
    ],
    ['a file system', 'fs.gz', 'head -c 1000000 /dev/zero | gzip > fs.gz', /has no partition table/],
  ];
  for (const [title, name, make, why] of refused)
    test(`with ${title} is refused`, async () => {
      run(make);
      await assert.rejects(add(name), { code: 'bad-argument', message: why });
    });

  test('that expands to more than a disk is refused as soon as it does', async () => {
    const bomb = Buffer.concat([gzipSync(disk), ...Array(8).fill(gzipSync(Buffer.alloc(MIB)))]);
    writeFileSync(place('bomb.gz'), bomb);
    await assert.rejects(add('bomb.gz', { diskBytesMax: 2 * disk.length }), /would fill more than \d+ bytes of a disk/);
    // A QEMU image of a small disk, followed by zeroes.
    const head = readFileSync(place('disk.qcow2'));
    const zeroes = zstdCompressSync(Buffer.alloc(64 * MIB));
    writeFileSync(place('bomb.zst'), Buffer.concat([zstdCompressSync(head), ...Array(40).fill(zeroes)]));
    await assert.rejects(add('bomb.zst'), /expands to more than \d+ bytes, unlike any image/);
  });

  test('is refused whatever is changed in the headers of its archive, or is still the disk', async () => {
    mkdirSync(place('small'), { recursive: true });
    writeFileSync(place('small/disk.raw'), makeDisk(4096, 'mbr'));
    run('tar -Scf bent.tar -C small disk.raw');
    const archive = readFileSync(place('bent.tar'));
    for (let at = 0; at < 512; at += 37) {
      const bent = Buffer.from(archive);
      bent[at] = (bent[at] ?? 0) ^ 0x55;
      // With a right checksum, so that the other fields are judged.
      bent.fill(0x20, 148, 156);
      const sum = bent.subarray(0, 512).reduce((all, byte) => all + byte, 0);
      bent.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
      writeFileSync(place('bent2.tar'), bent);
      await add('bent2.tar').then(
        ({ image }) => assert.equal(image.diskBytes % 512, 0),
        (error) => assert.ok(error instanceof RackError, String(error)),
      );
    }
  });

  /** A header of an old GNU sparse file of this size, with one part at its beginning. */
  const sparseTar = (size: bigint): Buffer => {
    const header = Buffer.alloc(512);
    header.write('disk.raw', 0);
    for (const [at, text] of [
      [100, '0000644'],
      [124, '00000001000'],
      [136, '00000000000'],
      [156, 'S'],
      [257, 'ustar  '],
      [386, '00000000000'],
      [398, '00000001000'],
    ] as const)
      header.write(text, at);
    header[483] = 0x80;
    header.writeBigUInt64BE(size, 487);
    header.fill(0x20, 148, 156);
    header.write(
      `${header
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
    );
    return Buffer.concat([header, disk.subarray(0, 512), Buffer.alloc(1024)]);
  };
  const TIB = 2n ** 40n;
  const huge: readonly (readonly [title: string, make: () => Buffer, message: RegExp])[] = [
    ['a sparse file of tar', () => sparseTar(16n * TIB), /would fill more than 2199023255552 bytes of a disk/],
    ['a sparse file of tar, packed', () => gzipSync(sparseTar(16n * TIB)), /would fill more than 2199023255552 bytes/],
    ['an image of QEMU', () => hugeQcow2(), /would fill more than 2 TiB of a disk/],
    ['an image of QEMU, packed', () => zstdCompressSync(hugeQcow2()), /would fill more than 2 TiB of a disk/],
  ];
  const hugeQcow2 = (): Buffer => {
    run('qemu-img create -q -f qcow2 -o cluster_size=2M huge.qcow2 16T');
    return readFileSync(place('huge.qcow2'));
  };
  for (const [title, make, message] of huge) {
    test(`${title} with a hole of 16 TiB is refused at once, and leaves nothing on the disk`, {
      timeout: 60_000,
    }, async () => {
      writeFileSync(place('huge'), make());
      const began = process.cpuUsage();
      await assert.rejects(add('huge'), { code: 'bad-argument', message });
      const { user, system } = process.cpuUsage(began);
      assert.ok(user + system < 2_000_000, `${(user + system) / 1e6} s of a processor`);
      assert.deepEqual(readdirSync(tree, { recursive: true }), ['images']);
    });
  }

  test('zeroes that arrive as data are stored like a hole', async () => {
    const zeroes = Buffer.alloc(64 * 1024 * 1024);
    writeFileSync(place('zeroes'), gzipSync(Buffer.concat([disk, zeroes, disk, zeroes])));
    const { image } = await add('zeroes');
    assert.equal(image.diskBytes, 2 * (disk.length + zeroes.length));
    const stored = readFileSync(join(tree, blobPath(image.sha256, image.format)));
    const frames = stored.toString('latin1').split('(µ/ý').length - 1;
    assert.ok(frames >= 4, `${frames} frames`);
    const expanded = execFileSync('zstd', ['-dc'], { input: stored, maxBuffer: 256 * MIB });
    assert.ok(expanded.equals(Buffer.concat([disk, zeroes, disk, zeroes])));
  });

  test('a raw file of more than 2 TiB is refused before it is read', async () => {
    const file = { bytes: 2 ** 41 + 512, read: async () => disk.subarray(0, 64 * 1024) };
    const adding = addImage({ tree, file, fileName: 'huge', name: NAME, nowMs: 0, onProgress: () => undefined });
    await assert.rejects(adding, { code: 'bad-argument', message: /would fill more than 2199023255552 bytes/ });
  });
});
