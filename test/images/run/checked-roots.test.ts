// The root of a system that a site publishes is read to its end: one that is cut short, or not the root of a system, is refused; of the others,
// the import tells what they lack. Nothing is unpacked, so names in it lead nowhere.
// @host waits

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { viewBytes } from '../../../src/ground/borrowed-bytes.ts';
import { importImage } from '../../../src/images/run/image-import.ts';
import { describeRoot } from '../../../src/images/run/root-check.ts';
import type { OfferedSystem } from '../../../src/images/sources/offer.ts';
import { readImages } from '../../../src/images/store/image-store.ts';
import { missing } from '../../support/needs.ts';
import { imageOffer, offeredFile } from '../../support/offers.ts';
import { makeExtHead, makeRootTar, makeSquashfs } from '../disks.ts';
import { DownloadPlace } from '../download/download-place.ts';

type Kind = OfferedSystem['kind'];

const BARE = { './etc/os-release': 'ID=test\n', './usr/bin/true': '#!' };
const WHOLE = {
  ...BARE,
  './boot/vmlinuz-6.1': 'kernel',
  './usr/sbin/grub-install': '#!',
  './usr/lib/grub/i386-pc/boot.img': 'x',
  './usr/lib/systemd/system/cloud-init-local.service': '[Unit]',
};
const SIGNED = {
  ...BARE,
  './usr/lib/shim/shimx64.efi.signed': 'x',
  './usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed': 'x',
};
const cut = (bytes: Uint8Array): Uint8Array => viewBytes(bytes, 0, Math.floor((bytes.length * 2) / 3));
const xz = (bytes: Uint8Array): Buffer => execFileSync('xz', ['-c'], { input: bytes });
const NO_START = 'it has no kernel in /boot and no boot loader (GRUB), so deploying it fails';
const NO_INIT = 'it has no cloud-init, so user data has no effect';

describe('the root of a system that a site publishes', { skip: missing('xz') }, () => {
  let tree = '';
  let place: DownloadPlace;
  beforeEach(() => {
    tree = mkdtempSync(join(tmpdir(), 'rackboot-roots-'));
    place = new DownloadPlace();
  });
  afterEach(async () => {
    await place.close();
    rmSync(tree, { recursive: true, force: true });
  });

  async function importOf(kind: Kind, root: Uint8Array, isCopy = false) {
    const { url } = await place.serve(root);
    const file = offeredFile(root, url, { name: 'the-root' });
    const offer = imageOffer([file], { os: 'centos', release: 'c1', system: { subarch: 'generic', kind } });
    const terms = { tree, downloads: place.queue(), nowMs: 0, isCopy };
    return await importImage(offer, terms);
  }

  const refused: readonly (readonly [name: string, kind: Kind, root: Uint8Array, why: RegExp])[] = [
    ['an archive in gzip that was cut short', 'root-archive', cut(gzipSync(makeRootTar())), /cannot be expanded .*cut/],
    ['an archive in xz that was cut short', 'root-archive', cut(xz(makeRootTar())), /cannot be expanded .*cut short/],
    [
      'an archive that was cut before it was packed',
      'root-archive',
      gzipSync(viewBytes(makeRootTar(), 0, 1200)),
      /was cut short/,
    ],
    ['an archive without etc', 'root-archive', gzipSync(makeRootTar({ './usr/x': 'x' })), /no etc\/ and usr\//],
    ['a packed text', 'root-archive', gzipSync('no archive'), /is not a tar archive/],
    ['an image that is a text', 'root-image', gzipSync('no image'), /is not the image of an ext4 file system/],
    ['an image that was cut short', 'root-image', cut(gzipSync(makeExtHead('c'))), /cannot be expanded .*cut short/],
    ['a squashfs that was cut short', 'squashfs', cut(makeSquashfs('a root')), /the squashfs was cut short/],
    ['a text', 'squashfs', Buffer.from('a text'), /does not begin like one/],
  ];
  for (const [name, kind, root, why] of refused)
    test(`is refused, and that is remembered: ${name}`, async () => {
      const message = new RegExp(`^centos/c1/amd64 was not imported: its the-root .*${why.source}.*; report it`);
      await assert.rejects(importOf(kind, root), { code: 'bad-argument', message });
      await assert.rejects(importOf(kind, root), { code: 'bad-argument', message: /an earlier import found this/ });
      assert.equal(place.servers[1]?.requests.length, 0);
      assert.deepEqual(readImages(tree).images, []);
    });

  const accepted: readonly (readonly [name: string, files: Readonly<Record<string, string>>, sentence: string])[] = [
    ['that has everything', WHOLE, 'it has a kernel and a boot loader; it contains cloud-init'],
    ['that has a root only', BARE, `${NO_START}; ${NO_INIT}`],
    ['that has a signed boot loader only', SIGNED, `it has no kernel in /boot, so deploying it fails; ${NO_INIT}`],
    [
      ...(['with names that lead out of it', { ...BARE, '../../../boot/vmlinuz-6.1': 'x', '/../etc/x': 'x' }] as const),
      `${NO_START}; ${NO_INIT}`,
    ],
  ];
  for (const [name, files, sentence] of accepted)
    test(`is imported with its findings: one ${name}`, async () => {
      const { added, root } = await importOf('root-archive', gzipSync(makeRootTar(files)));
      assert.ok(added && root !== undefined);
      assert.equal(describeRoot(root, false), sentence);
      assert.deepEqual(readdirSync(tree).sort(), ['centos', 'images']);
    });

  test('with a kernel that comes with it lacks only the boot loader, and a copy is not read again', async () => {
    const { root } = await importOf('root-archive', gzipSync(makeRootTar()));
    assert.ok(root);
    assert.equal(describeRoot(root, true), `it has no boot loader (GRUB), so deploying it fails; ${NO_INIT}`);
    const copied = await importOf('root-archive', gzipSync('of another Rackboot'), true);
    assert.deepEqual([copied.added, copied.root], [true, undefined]);
  });

  test('is imported without findings if it is an image or a squashfs', async () => {
    assert.equal((await importOf('root-image', gzipSync(makeExtHead('c')))).root, undefined);
    assert.equal((await importOf('squashfs', makeSquashfs('a root'))).root, undefined);
  });
});
