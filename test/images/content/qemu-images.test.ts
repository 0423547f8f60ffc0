// Images of QEMU: what is stored expands to the disk that qemu-img reads of them; one that needs other files or harms is refused.

import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { before, beforeEach, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { RackError } from '../../../src/ground/errors.ts';
import { type AddRequest, addImage } from '../../../src/images/content/image-adding.ts';
import { bytesOfFile } from '../../../src/images/content/image-file.ts';
import { blobPath, type StoredImage } from '../../../src/images/store/image-store.ts';
import { missing } from '../../support/needs.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { makeDisk, makeSystemDisk } from '../disks.ts';

const MIB = 1024 * 1024;
const MAIN = join(import.meta.dirname, '..', '..', '..', 'src', 'main.ts');
const NAME = { os: 'debian', release: 'bookworm', architecture: 'amd64', subarchitecture: 'generic', label: 'release' };

describe('an image of QEMU', { skip: missing('linux', 'qemu-img', 'zstd'), timeout: 300_000 }, () => {
  const scratch = scratchDirectory();
  const place = (name: string): string => join(scratch, name);
  const run = (program: string, ...words: readonly string[]): void => {
    execFileSync(program, words, { cwd: scratch, stdio: ['ignore', 'ignore', 'pipe'], timeout: 60_000 });
  };
  const create = (...words: readonly string[]): void => run('qemu-img', 'create', '-f', 'qcow2', ...words);
  const convert = (...words: readonly string[]): void => run('qemu-img', 'convert', '-O', 'qcow2', ...words);
  const disk = Buffer.concat([makeDisk(2 * MIB, 'gpt'), Buffer.alloc(66 * MIB), makeDisk(2 * MIB, 'none', 7)]);
  let tree = '';
  before(() => writeFileSync(place('disk.raw'), disk));
  beforeEach(() => {
    tree = mkdtempSync(place('tree-'));
  });

  async function add(name: string, more: Partial<AddRequest> = {}) {
    const file = await open(place(name));
    const request = { tree, fileName: 'given', name: NAME, nowMs: 0, onProgress: () => undefined };
    const bytes = await bytesOfFile(file, name);
    return await addImage({ ...request, file: bytes, ...more }).finally(() => file.close());
  }
  const blobOf = ({ sha256, format }: StoredImage): string => join(tree, blobPath(sha256, format));
  const expanded = (image: StoredImage): Buffer =>
    execFileSync('zstd', ['-dc', blobOf(image)], { maxBuffer: 256 * MIB });

  const forms: readonly (readonly string[])[] = [
    ['-o', 'compat=0.10'],
    ['-c'],
    ['-c', '-o', 'compression_type=zstd'],
    ['-o', 'extended_l2=on,cluster_size=16k'],
    ['-o', 'preallocation=metadata'],
  ];
  for (const form of forms)
    test(`converted with ${form.join(' ')} is the same disk, and empty space costs little`, async () => {
      convert(...form, 'disk.raw', 'image.qcow2');
      const reported: number[] = [];
      const { given, image } = await add('image.qcow2', { onProgress: (done) => reported.push(done) });
      assert.deepEqual([given, image.format, image.diskBytes], ['qcow2', 'raw.zst', disk.length]);
      assert.ok(expanded(image).equals(disk));
      assert.equal(reported.at(-1), disk.length);
      assert.equal((await add('image.qcow2')).added, false);
      const plain = await add('image.qcow2', { compress: false });
      assert.ok(readFileSync(blobOf(plain.image)).equals(disk));
      assert.ok(statSync(blobOf(plain.image)).blocks * 512 < 8 * MIB);
      assert.deepEqual(
        readdirSync(join(tree, 'images')).filter((name) => name.startsWith('.part')),
        [],
      );
    });

  test('of a large disk with little on it is added without its holes', async () => {
    convert('disk.raw', 'image.qcow2');
    run('qemu-img', 'resize', 'image.qcow2', '1T');
    const { image } = await add('image.qcow2');
    assert.equal(image.diskBytes, 1024 ** 4);
    assert.ok(image.bytes < 64 * MIB, `${image.bytes} bytes`);
  });

  const key = ['--object', 'secret,id=key,data=abc'];
  const refused: readonly (readonly [title: string, make: () => void, why: RegExp])[] = [
    [
      'a backing file',
      () => create('-o', 'backing_file=disk.raw,backing_fmt=raw', 'bad.qcow2'),
      /backing file: combine .*qemu-img convert -O qcow2 given/,
    ],
    [
      'a backing file, in version 2',
      () => create('-o', 'compat=0.10,backing_file=disk.raw,backing_fmt=raw', 'bad.qcow2'),
      /backing file: combine/,
    ],
    [
      'an external data file',
      () => create('-o', 'data_file=data.raw', 'bad.qcow2', '6M'),
      /its data is in another file: combine/,
    ],
    [
      'a key',
      () => create(...key, '-o', 'encrypt.format=aes,encrypt.key-secret=key', 'bad.qcow2', '6M'),
      /it is encrypted/,
    ],
    ['a disk of 16 TiB', () => create('-o', 'cluster_size=2M', 'bad.qcow2', '16T'), /more than 2 TiB/],
    ['no partition table', () => create('bad.qcow2', '6M'), /no partition table/],
    [
      'half of its bytes',
      () => {
        convert('disk.raw', 'bad.qcow2');
        truncateSync(place('bad.qcow2'), MIB);
      },
      /`qemu-img check given`/,
    ],
    ['half a header', () => writeFileSync(place('bad.qcow2'), 'QFI\xfb', 'latin1'), /its header is incomplete/],
    [
      'the mark of a corrupt one',
      () => {
        convert('disk.raw', 'bad.qcow2');
        const image = readFileSync(place('bad.qcow2'));
        image[79] = 2;
        image.fill(0xff, 40, 48);
        writeFileSync(place('bad.qcow2'), image);
      },
      /cannot be converted/,
    ],
  ];
  for (const [title, make, message] of refused)
    test(`with ${title} is refused, and nothing is left of it`, async () => {
      rmSync(place('bad.qcow2'), { force: true });
      make();
      await assert.rejects(add('bad.qcow2'), { code: 'bad-argument', message });
      assert.deepEqual(readdirSync(join(tree, 'images')), []);
    });

  test('whose tables are damaged anywhere is refused, or is a disk', async () => {
    convert('-c', 'disk.raw', 'image.qcow2');
    const whole = readFileSync(place('image.qcow2'));
    for (let round = 0; round < 20; round += 1) {
      const bent = Buffer.from(whole);
      for (let change = 0; change < 4; change += 1) bent[8 + ((round * 97 + change * 31) % 104)] = 255 - round;
      bent[65_536 * (1 + (round % 4)) + 8 * round + 1] = 17 * round;
      writeFileSync(place('bent.qcow2'), bent);
      await add('bent.qcow2').catch((error: unknown) =>
        assert.ok(error instanceof RackError && error.code === 'bad-argument', String(error)),
      );
    }
  });

  test('does not fill the disk of the store', { skip: missing('root', 'mount') }, async () => {
    run(
      'sh',
      '-c',
      'head -c 100M /dev/zero | tr "\\0" x > full.raw; head -c 512 disk.raw | dd of=full.raw conv=notrunc',
    );
    convert('-c', 'full.raw', 'full.qcow2');
    // The store keeps 256 MiB free.
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=300m', 'rackboot-small-store', tree]);
    try {
      await assert.rejects(add('full.qcow2', { compress: false }), {
        code: 'store-unwritable',
        message: /has \d+ MiB left, but \d+ MiB are needed: free space/,
      });
      assert.deepEqual(readdirSync(join(tree, 'images')), []);
    } finally {
      execFileSync('umount', [tree]);
    }
  });

  test('needs qemu-img, which is named if this host lacks it', async () => {
    convert('disk.raw', 'image.qcow2');
    const path = process.env.PATH;
    process.env.PATH = scratch;
    try {
      await assert.rejects(add('image.qcow2'), {
        code: 'tool-missing',
        message: /needs (?:.*and )?qemu-img.*, which this host lacks: sudo apt-get install .*qemu-utils/,
      });
    } finally {
      process.env.PATH = path;
    }
  });

  test('is added by the command, which names the format', async () => {
    convert('-c', 'disk.raw', 'image.qcow2');
    const flags = ['--os', 'debian', '--release', 'bookworm', '--tree', tree];
    const added = async (name: string, ...more: readonly string[]) =>
      promisify(execFile)(process.execPath, [MAIN, 'images', 'add', place(name), ...flags, ...more]);
    const { stdout, stderr } = await added('image.qcow2');
    assert.match(
      stdout,
      /^Added debian\/bookworm\/amd64\/generic\/release\/\d{8} from a QEMU image \(qcow2\): .* 70\.0 MiB on a disk/m,
    );
    assert.match(stderr, /^Note: the image was added, .*could not start it/m);
    const packed = JSON.parse((await added('image.qcow2', '--json')).stdout);
    assert.deepEqual([packed.given, packed.added, packed.image.partitionTable], ['qcow2', false, 'gpt']);
    const hash = createHash('sha256')
      .update(readFileSync(blobOf(packed.image)))
      .digest('hex');
    assert.equal(hash, packed.image.sha256);
    writeFileSync(place('system.raw'), makeSystemDisk(3 * MIB));
    const whole = await added('system.raw', '--serial', '20260101');
    assert.match(
      whole.stdout,
      /^Judging by its content, it starts by BIOS; .*\(ext4\) grows; it contains cloud-init\.$/m,
    );
  });
});
