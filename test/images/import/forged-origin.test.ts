// A bundle says of its images that they came from a source. Nobody has verified that, so an import downloads and verifies the source's own.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { addBundle, writeBundle } from '../../../src/images/bundle/bundle.ts';
import { addImage } from '../../../src/images/image-adding.ts';
import { readImages, type StoredImage } from '../../../src/images/image-store.ts';
import { importImage } from '../../../src/images/import/image-import.ts';
import type { ImageOffer } from '../../../src/images/offers/offer.ts';
import { viewBytes } from '../../../src/net/borrowed-bytes.ts';
import { makeSystemDisk } from '../disks.ts';
import { DownloadPlace, sha256 } from '../download/download-place.ts';

const MIB = 1024 * 1024;
const DAY = Date.UTC(2026, 10, 3);
const PUBLISHED = makeSystemDisk(2 * MIB);
const digestOf = (bytes: Uint8Array) => ({ algorithm: 'sha256', hex: sha256(bytes) }) as const;
const bytesOf = (content: Uint8Array) => ({
  bytes: content.length,
  read: async (at: number, length: number) => viewBytes(content, at, Math.min(content.length, at + length)),
});
const NAME = { os: 'x', release: 'y', architecture: 'amd64', subarchitecture: 'generic', label: 'release' };

describe('an image of a bundle whose manifest names a source', () => {
  let scratch = '';
  let tree = '';
  let place: DownloadPlace;
  beforeEach(() => {
    scratch = mkdtempSync(join(tmpdir(), 'rackboot-forged-'));
    tree = join(scratch, 'tree');
    place = new DownloadPlace();
  });
  afterEach(async () => {
    await place.close();
    rmSync(scratch, { recursive: true, force: true });
  });

  /** Adds a bundle with an image of these bytes, which claims to be what the site published. */
  async function bring(bytes: Uint8Array, name: Partial<StoredImage>): Promise<void> {
    const from = join(scratch, 'from');
    const { image } = await addImage({
      tree: from,
      file: bytesOf(bytes),
      fileName: 'given',
      name: { ...NAME, ...name },
      nowMs: DAY,
      compress: true,
      onProgress: () => undefined,
      origin: { source: 'site', ...digestOf(PUBLISHED) },
    });
    const path = join(scratch, 'images.tar');
    const file = await open(path, 'w');
    await writeBundle(from, { images: [image], parts: [] }, file, () => undefined);
    await file.close();
    const given = { file: bytesOf(readFileSync(path)), fileName: 'images.tar' };
    await addBundle({
      tree,
      ...given,
      nowMs: DAY,
      onAdded: () => undefined,
      onRefused: assert.fail,
      onPart: assert.fail,
    });
    assert.equal(readImages(tree).images[0]?.origin, undefined);
  }

  async function importIt() {
    const { url } = await place.serve(PUBLISHED);
    const offer: ImageOffer = {
      ...NAME,
      serial: '20261101',
      source: 'site',
      title: 'Y',
      aliases: [],
      supportEnds: undefined,
      mirrors: [],
      url,
      bytes: PUBLISHED.length,
      digest: digestOf(PUBLISHED),
    };
    return await importImage(offer, { tree, downloads: place.queue(), nowMs: DAY, onProgress: () => undefined });
  }

  const forged = Buffer.from(PUBLISHED);
  forged[MIB] = 1;
  for (const [name, as] of [
    ['under another name', { os: 'custom', release: 'tool' }],
    ['as a version that would hide the source’s', { serial: '99991231' }],
  ] as const)
    test(`does not take the place of the source’s own: ${name}`, async () => {
      await bring(forged, as);
      const { image, added } = await importIt();
      assert.equal(added, true);
      assert.deepEqual(image.origin, { source: 'site', ...digestOf(PUBLISHED) });
      assert.notEqual(image.sha256, readImages(tree).images.find(({ origin }) => origin === undefined)?.sha256);
    });

  test('gets its origin once the download was verified, so that the next import has nothing to do', async () => {
    await bring(PUBLISHED, { serial: '20261101' });
    const { image } = await importIt();
    assert.deepEqual(image.origin, { source: 'site', ...digestOf(PUBLISHED) });
    assert.deepEqual(readImages(tree).images, [image]);
    assert.equal((await importIt()).added, false);
    assert.equal(place.servers[1]?.requests.length, 0);
  });
});
