// Files that two imports need at the same time, bytes of the store that are not what their name says, and links in its way.
// @host waits

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { importImage } from '../../../src/images/run/image-import.ts';
import { importLoader } from '../../../src/images/run/loader-import.ts';
import type { ImageOffer } from '../../../src/images/sources/offer.ts';
import { tryLock } from '../../../src/images/store/file-lock.ts';
import { blobPath, hasBlob, type StoredImage } from '../../../src/images/store/image-store.ts';
import { eventuallyWithin } from '../../support/eventually.ts';
import type { Behaviour } from '../../support/hostile-file-server.ts';
import { imageOffer, loaderOffer, offeredFile } from '../../support/offers.ts';
import { makeSquashfs } from '../disks.ts';
import { DownloadPlace, makeContent, sha256 } from '../download/download-place.ts';

const MIB = 1024 * 1024;
const KERNEL = makeContent(3 * MIB, 1);
const ROOT = makeSquashfs('the rest of a root');

let tree = '';
let place: DownloadPlace;
beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), 'rackboot-shared-test-'));
  place = new DownloadPlace();
});
afterEach(async () => {
  await place.close();
  rmSync(tree, { recursive: true, force: true });
});

const kernelPath = (): string => join(tree, blobPath(sha256(KERNEL), 'file'));

async function offerOf(kernelUrl: string): Promise<ImageOffer> {
  const root = await place.serve(ROOT);
  const files = [
    offeredFile(ROOT, root.url, { name: 'squashfs' }),
    offeredFile(KERNEL, kernelUrl, { name: 'boot-kernel' }),
  ] as const;
  return imageOffer(files, { os: 'ubuntu', release: 'noble', system: { subarch: 'ga', kind: 'squashfs' } });
}

async function importSystem(kernelUrl: string): Promise<StoredImage> {
  // Each process has a queue of its own.
  const terms = { tree, downloads: place.queue(), nowMs: 0 };
  return (await importImage(await offerOf(kernelUrl), terms)).image;
}

describe('a file that two imports need', () => {
  test('is written by one of them at a time', async () => {
    let release = (): void => undefined;
    const isHeld = new Promise<void>((resolve) => {
      release = resolve;
    });
    const behave: Behaviour = (asked) => {
      asked.response.writeHead(200, { 'Content-Length': KERNEL.length });
      asked.write(0, 2 * MIB);
      void isHeld.then(() => asked.write(2 * MIB, KERNEL.length));
    };
    const server = await place.serve(KERNEL, behave);
    const first = importSystem(server.url);
    await eventuallyWithin(8000, 'the first import has begun', () => (server.requests[0]?.sent ?? 0) >= 2 * MIB);
    const loader = loaderOffer([offeredFile(KERNEL, server.url, { name: 'kernel' })]);
    const second = () => importLoader(loader, { tree, downloads: place.queue() });
    await assert.rejects(second, { code: 'already-running' });
    release();
    await first;
    await second();
    assert.deepEqual(readFileSync(kernelPath()), Buffer.from(KERNEL));
    assert.deepEqual(readFileSync(join(tree, 'bootloader/uefi/amd64/kernel')), Buffer.from(KERNEL));
    assert.deepEqual(readdirSync(join(tree, 'images', '.downloads')), []);
  });

  test('has no lock behind a link', () => {
    mkdirSync(join(tree, 'downloads'));
    const outside = join(tree, 'outside');
    symlinkSync(outside, join(tree, 'downloads', 'one.lock'));
    assert.throws(() => tryLock(join(tree, 'downloads', 'one.lock'), 0), { code: 'store-unwritable' });
    assert.equal(existsSync(outside), false);
  });
});

describe('bytes that are already in the store', () => {
  for (const [name, put] of [
    ['wrong ones', (path: string) => writeFileSync(path, Buffer.alloc(KERNEL.length))],
    [
      'a link to right ones outside',
      (path: string) => {
        writeFileSync(join(tree, 'outside'), KERNEL);
        symlinkSync(join(tree, 'outside'), path);
      },
    ],
    ['a link to itself', (path: string) => symlinkSync(path, path)],
    ['a directory', (path: string) => mkdirSync(join(path, 'inside'), { recursive: true })],
    ['a FIFO', (path: string) => void execFileSync('mkfifo', [path])],
  ] as const)
    test(`are not taken for a file of another image: ${name}`, async () => {
      mkdirSync(dirname(kernelPath()), { recursive: true });
      put(kernelPath());
      const server = await place.serve(KERNEL);
      const image = await importSystem(server.url);
      assert.ok(hasBlob(tree, image));
      assert.ok(lstatSync(kernelPath()).isFile());
      assert.deepEqual(readFileSync(kernelPath()), Buffer.from(KERNEL));
    });

  test('are used without a download if they are right', async () => {
    mkdirSync(dirname(kernelPath()), { recursive: true });
    writeFileSync(kernelPath(), KERNEL);
    const server = await place.serve(KERNEL);
    assert.ok(hasBlob(tree, await importSystem(server.url)));
    assert.deepEqual(server.requests, []);
  });

  test('are not written through a link in the place of their directory', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'rackboot-outside-'));
    try {
      mkdirSync(join(tree, 'images'));
      symlinkSync(outside, dirname(kernelPath()));
      const server = await place.serve(KERNEL);
      await assert.rejects(importSystem(server.url), { code: 'store-unwritable', message: /is a link/ });
      assert.deepEqual(readdirSync(outside), []);
      unlinkSync(dirname(kernelPath()));
      const image = await importSystem(server.url);
      assert.ok(hasBlob(tree, image));
      assert.equal(server.requests.length, 1, 'the download was kept');
    } finally {
      rmSync(outside, { recursive: true });
    }
  });
});
