// A qcow2 image that is added to the store: what is stored expands to its disk, and empty space costs little.

import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { RackError } from '../../src/errors.ts';
import { type AddRequest, addImage } from '../../src/images/image-adding.ts';
import { bytesOfFile } from '../../src/images/image-file.ts';
import { blobPath, type StoredImage } from '../../src/images/image-store.ts';
import { ZstdExpansion } from '../../src/images/zstd-expansion.ts';
import { missing } from '../support/needs.ts';
import { makeDisk, makeSystemDisk } from './disks.ts';
import { bytesOf, CLUSTER, COPIED, expandQcow2, L1_AT, makeQcow2 } from './qcow2-maker.ts';

const MIB = 1024 * 1024;
const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts');
const NAME = { os: 'debian', release: 'bookworm', architecture: 'amd64', subarchitecture: 'generic', label: 'release' };

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** An image of a disk with clusters only at its begin and its end. @param bytes a multiple of 2 MiB */
function makeSparse(bytes: number): Buffer {
  const image = Buffer.concat([makeQcow2(), Buffer.alloc(CLUSTER)]);
  const tables = bytes / (2 * MIB);
  image.writeBigUInt64BE(BigInt(bytes), 24);
  image.writeUInt32BE(tables, 36);
  image.writeBigUInt64BE(BigInt(7 * CLUSTER), L1_AT + 8 * (tables - 1));
  image.writeBigUInt64BE(COPIED | BigInt(6 * CLUSTER), 8 * CLUSTER - 8);
  return image;
}

async function expandZstd(packed: Uint8Array): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const expansion = new ZstdExpansion((piece) => void pieces.push(Buffer.from(piece)));
  await expansion.write(packed);
  await expansion.end();
  return Buffer.concat(pieces);
}

describe('a qcow2 image in the store', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-qcow2-store-test-'));
  let tree = '';
  beforeEach(() => {
    tree = mkdtempSync(join(scratch, 'tree-'));
  });
  after(() => rmSync(scratch, { recursive: true, force: true }));

  async function add(content: Uint8Array, more: Partial<AddRequest> = {}) {
    const path = join(scratch, 'given.qcow2');
    writeFileSync(path, content);
    const file = await open(path);
    const request = {
      tree,
      file: await bytesOfFile(file, path),
      fileName: 'given',
      name: NAME,
      nowMs: 0,
      onProgress: () => undefined,
    };
    return await addImage({ ...request, ...more }).finally(() => file.close());
  }

  const blobOf = ({ sha256, format }: StoredImage): string => join(tree, blobPath(sha256, format));

  test('is converted while it is read, and kept compressed unless raw is asked', async () => {
    const given = makeQcow2();
    const disk = await expandQcow2(bytesOf(given));
    const reported: number[] = [];
    const packed = await add(given, { onProgress: (done) => reported.push(done) });
    assert.deepEqual([packed.given, packed.image.format, packed.image.diskBytes], ['qcow2', 'raw.zst', disk.length]);
    const kept = readFileSync(blobOf(packed.image));
    assert.deepEqual(await expandZstd(kept), disk);
    assert.deepEqual([packed.image.bytes, packed.image.sha256], [kept.length, hashOf(kept)]);
    assert.equal(reported.at(-1), disk.length);
    assert.equal((await add(given)).added, false);
    const { image } = await add(given, { compress: false });
    assert.deepEqual([image.format, image.bytes, image.sha256], ['raw', disk.length, hashOf(disk)]);
    assert.deepEqual(readFileSync(blobOf(image)), disk);
    await assert.rejects(add(given, { diskBytesMax: 4096 }), /would fill more than 4096 bytes/);
  });

  test('costs little for empty space, which is zeroes, in both forms', async () => {
    const given = makeSparse(70 * MIB);
    const disk = await expandQcow2(bytesOf(given));
    assert.ok(disk.length === 70 * MIB && disk.at(510 - CLUSTER) === 0x55);
    const packed = await add(given);
    const kept = readFileSync(blobOf(packed.image));
    assert.ok((await expandZstd(kept)).equals(disk));
    assert.ok(kept.length < 8 * CLUSTER, `${kept.length} bytes`);
    const { image } = await add(given, { compress: false });
    assert.ok(readFileSync(blobOf(image)).equals(disk));
    assert.equal(image.sha256, hashOf(disk));
    assert.ok(statSync(blobOf(image)).blocks * 512 < MIB, `${statSync(blobOf(image)).blocks} blocks`);
  });

  test('is expanded to the same disk by zstd, as machines have it', { skip: missing('zstd') }, async () => {
    const given = makeSparse(70 * MIB);
    const { image } = await add(given);
    const disk = execFileSync('zstd', ['-dc', blobOf(image)], { maxBuffer: 128 * MIB, timeout: 60_000 });
    assert.ok(disk.equals(await expandQcow2(bytesOf(given))));
  });

  test('of a large disk with little on it is added without its holes', { timeout: 60_000 }, async () => {
    const given = makeQcow2(16);
    // With clusters of 16 KiB and subclusters, one L2 table covers 16 MiB.
    const diskBytes = 2 * 1024 * 16 * MIB;
    given.writeBigUInt64BE(BigInt(diskBytes), 24);
    given.writeUInt32BE(2048, 36);
    const { image } = await add(given);
    assert.equal(image.diskBytes, diskBytes);
    assert.ok(image.bytes < 2 * MIB, `${image.bytes} bytes`);
  });

  test('does not fill the disk of the store, however small its file is', {
    skip: missing('root', 'mount'),
    timeout: 60_000,
  }, async () => {
    // Five tables that are one: 5120 clusters that are one compressed cluster.
    const given = makeQcow2(16);
    const [bytes, tables] = [16_384, 5];
    given.writeBigUInt64BE(BigInt(tables * 16 * MIB), 24);
    given.writeUInt32BE(tables, 36);
    for (let at = bytes; at < bytes + 8 * tables; at += 8) given.writeBigUInt64BE(BigInt(2 * bytes), at);
    const entry = Buffer.from(given.subarray(2 * bytes + 16, 2 * bytes + 32));
    for (let at = 2 * bytes; at < 3 * bytes; at += 16) entry.copy(given, at);
    // The store keeps 256 MiB free.
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=300m', 'rackboot-small-store', tree]);
    try {
      await assert.rejects(add(given, { compress: false }), (error) => {
        assert.ok(error instanceof RackError && error.code === 'store-unwritable', String(error));
        assert.match(error.message, /has 2\d\d MiB left, but 256 MiB are needed: free space/);
        return true;
      });
      assert.deepEqual(readdirSync(join(tree, 'images')), []);
    } finally {
      execFileSync('umount', [tree]);
    }
  });

  test('is added by the command, which names the format; the blob is the disk that qemu-img makes of it', {
    skip: missing('linux', 'qemu-img', 'zstd'),
    timeout: 120_000,
  }, async () => {
    const [raw, given] = [join(scratch, 'disk.raw'), join(scratch, 'disk.qcow2')];
    writeFileSync(raw, makeDisk(3 * MIB, 'gpt'));
    truncateSync(raw, 200 * MIB);
    execFileSync('qemu-img', ['convert', '-O', 'qcow2', '-c', raw, given]);
    const flags = ['--os', 'debian', '--release', 'bookworm', '--tree', tree];
    const run = (...more: readonly string[]) =>
      promisify(execFile)(process.execPath, [MAIN, 'images', 'add', given, ...flags, ...more]);
    const { stdout, stderr } = await run();
    assert.match(
      stdout,
      /^Added debian\/bookworm\/amd64\/generic\/release\/\d{8} from a QEMU image \(qcow2\): .* 200\.0 MiB on a disk/m,
    );
    const unfit =
      /^Note: the image was added, but judging by its content, a machine could not start it: it has no loader/m;
    assert.match(stderr, unfit);
    const packed = JSON.parse((await run('--json')).stdout);
    assert.deepEqual([packed.given, packed.added, packed.image.partitionTable], ['qcow2', false, 'gpt']);
    execFileSync('sh', ['-c', 'zstd -dc "$0" | cmp - "$1"', blobOf(packed.image), raw]);
    const plain = JSON.parse((await run('--json', '--no-compress')).stdout);
    assert.equal(plain.image.format, 'raw');
    execFileSync('cmp', [blobOf(plain.image), raw]);
    writeFileSync(given, makeSystemDisk(3 * MIB));
    const whole = await run('--serial', '20260101');
    assert.match(
      whole.stdout,
      /^Judging by its content, it starts by BIOS; its last partition \(ext4\) grows; it contains cloud-init\.$/m,
    );
    assert.equal(whole.stderr, '');
  });
});
