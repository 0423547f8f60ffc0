// Every form of qcow2 image that QEMU's own programs write is read as those programs read it; the long suite has further sizes and options.

import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { copyBytes } from '../../src/net/borrowed-bytes.ts';
import { missing } from '../support/needs.ts';
import { bytesOf, expandQcow2, makeQcow2, readAll } from './qcow2-maker.ts';
import { QemuImages, WRITES } from './qemu-images.ts';

/** The options of an image that qemu-img converts from a raw disk. */
const converted: readonly (readonly string[])[] = [
  ...['0.10', '1.1'].flatMap((compat) => [
    ['-o', `compat=${compat}`],
    ['-c', '-o', `compat=${compat}`],
  ]),
  ['-c', '-o', 'compression_type=zstd'],
  ...['512', '2M'].flatMap((size) => [
    ['-o', `cluster_size=${size}`],
    ['-c', '-o', `cluster_size=${size}`],
    ['-c', '-o', `compression_type=zstd,cluster_size=${size}`],
  ]),
  ...['16k', '2M'].flatMap((size) => [
    ['-o', `extended_l2=on,cluster_size=${size}`],
    ['-c', '-o', `extended_l2=on,cluster_size=${size}`],
  ]),
  ...[1, 64].map((bits) => ['-o', `refcount_bits=${bits}`]),
  ['-o', 'preallocation=metadata'],
  ['-o', 'lazy_refcounts=on'],
];

/** The options of an empty image into which qemu-io writes. */
const written: readonly string[] = [
  'compat=0.10',
  'compat=1.1',
  'cluster_size=512',
  'cluster_size=2M',
  'extended_l2=on,cluster_size=16k',
  'extended_l2=on,cluster_size=2M',
  'extended_l2=on,preallocation=metadata',
];

describe("images of QEMU's own programs", { skip: missing('linux', 'qemu-img') }, () => {
  const images = new QemuImages();
  const { run } = images;
  const place = (name: string): string => join(images.scratch, name);

  for (const options of converted) images.testConverted(options);
  for (const options of written) images.testWritten(options);

  test('compressed and plain clusters in one image are the same disk', { timeout: 120_000 }, async () => {
    for (const options of ['compat=1.1', 'compression_type=zstd', 'extended_l2=on']) {
      run('qemu-img', 'convert', '-O', 'qcow2', '-c', '-o', options, 'disk.raw', 'image.qcow2');
      run('qemu-io', '-d', 'unmap', ...WRITES.flatMap((write) => ['-c', write]), 'image.qcow2');
      await images.assertSame('image.qcow2');
    }
  });

  test('of an image with snapshots and a bitmap, the present disk is read', { timeout: 120_000 }, async () => {
    run('qemu-img', 'convert', '-O', 'qcow2', 'disk.raw', 'image.qcow2');
    for (const name of ['one', 'two']) {
      run('qemu-img', 'snapshot', '-c', name, 'image.qcow2');
      run('qemu-io', '-c', `write -P ${name.length} 64k 300k`, '-c', 'discard 2M 1M', 'image.qcow2');
    }
    await images.assertSame('image.qcow2');
    run('qemu-img', 'snapshot', '-a', 'one', 'image.qcow2');
    run('qemu-img', 'bitmap', '--add', 'image.qcow2', 'changes');
    await images.assertSame('image.qcow2');
  });

  test('an image that grew or shrank is the same disk', { timeout: 120_000 }, async () => {
    run('qemu-img', 'convert', '-O', 'qcow2', 'disk.raw', 'image.qcow2');
    run('qemu-img', 'resize', 'image.qcow2', '2G');
    run('qemu-io', '-c', 'write -P 0x45 2147418112 64k', 'image.qcow2');
    run('qemu-img', 'resize', '--shrink', 'image.qcow2', '3145728');
    await images.assertSame('image.qcow2');
  });

  test('images made by hand are what QEMU reads of them, even with a size that is not a whole number of sectors', {
    timeout: 120_000,
  }, async () => {
    for (const features of [0, 8, 16, 24]) {
      for (const less of [0, 511, 512, 4000, 5000]) {
        const image = makeQcow2(features);
        image.writeBigUInt64BE(image.readBigUInt64BE(24) - BigInt(less), 24);
        writeFileSync(place('image.qcow2'), image);
        await images.assertSame('image.qcow2');
      }
    }
  });

  const elsewhere: readonly (readonly [name: string, options: string, field: string])[] = [
    ['a backing file', 'backing_file=disk.raw,backing_fmt=raw', 'backing_file_offset'],
    ['an external data file', 'data_file=data.raw', 'external data file bit'],
    ['a key', 'encrypt.format=aes,encrypt.key-secret=key', 'crypt_method'],
  ];
  for (const [name, options, field] of elsewhere) {
    test(`one that needs ${name} is refused`, { timeout: 60_000 }, async () => {
      const key = ['--object', 'secret,id=key,data=abc'];
      run('qemu-img', 'create', '-f', 'qcow2', ...key, '-o', options, 'image.qcow2', '6M');
      const { fault } = await readAll(bytesOf(readFileSync(place('image.qcow2'))));
      assert.equal(fault?.field, field);
    });
  }

  test('an empty disk of 1 TiB is one hole', { timeout: 60_000 }, async () => {
    for (const options of ['cluster_size=64k', 'cluster_size=2M,extended_l2=on']) {
      run('qemu-img', 'create', '-f', 'qcow2', '-o', options, 'image.qcow2', '1T');
      const { bytes, pieces } = await readAll(bytesOf(readFileSync(place('image.qcow2'))));
      assert.deepEqual([bytes, pieces], [1024 ** 4, 1]);
    }
  });

  test('reading waits until a download has come as far as it needs', { timeout: 60_000 }, async () => {
    run('qemu-img', 'convert', '-O', 'qcow2', '-c', 'disk.raw', 'image.qcow2');
    const path = place('image.qcow2');
    const file = await open(path);
    const whole = statSync(path).size;
    let present = 0;
    const read = async (at: number, length: number): Promise<Uint8Array> => {
      while (present < Math.min(at + length, whole)) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        present += 64 * 1024;
      }
      const buffer = Buffer.alloc(length);
      const { bytesRead } = await file.read(buffer, 0, length, at);
      return copyBytes(buffer, 0, bytesRead);
    };
    const found = await expandQcow2({ bytes: whole, read });
    await file.close();
    assert.ok(found.equals(readFileSync(place('disk.raw'))));
  });
});
