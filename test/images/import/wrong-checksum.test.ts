// A site's file that does not match its checksum is requested once more, wherever its wrong bytes are, even when they make its conversion
// fail before the checksum is known.
// @host waits

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { systemClock } from '../../../src/clock.ts';
import { RackError } from '../../../src/errors.ts';
import { readImages } from '../../../src/images/image-store.ts';
import { importImage } from '../../../src/images/import/image-import.ts';
import type { ImageOffer } from '../../../src/images/offers/offer.ts';
import { type DownloadPlace, placeForEach, sha256 } from '../download/download-place.ts';
import { DATA_AT, L2_AT, makeQcow2, PACKED_AT } from '../qcow2-maker.ts';

const IMAGE = makeQcow2();

/** The image with one wrong byte. */
function spoilt(at: number, value: number): Buffer {
  const image = Buffer.from(IMAGE);
  image[at] = value;
  return image;
}

const ROWS = [
  { name: 'its first byte', wrong: spoilt(0, 1) },
  { name: 'the address of a cluster, which is then outside the file', wrong: spoilt(L2_AT + 4, 0x40) },
  { name: 'a compressed cluster', wrong: spoilt(PACKED_AT + 100, 0xff) },
  { name: 'the data of a cluster', wrong: spoilt(DATA_AT, 1) },
];

describe('a file whose checksum is wrong', () => {
  let place: DownloadPlace;
  placeForEach((made) => {
    place = made;
  });

  const offerOf = (url: string, content: Buffer): ImageOffer => ({
    os: 'tiny',
    release: 'one',
    architecture: 'amd64',
    subarchitecture: 'generic',
    label: 'release',
    source: 'site',
    title: 'Tiny',
    serial: '20261101',
    aliases: [],
    supportEnds: undefined,
    url,
    mirrors: [],
    bytes: content.length,
    digest: { algorithm: 'sha256', hex: sha256(content) },
  });

  const imported = (offer: ImageOffer, isCopy = true) =>
    importImage(offer, {
      tree: place.directory,
      downloads: place.queue(),
      nowMs: systemClock.wallTimeMs(),
      onProgress: () => undefined,
      isCopy,
    });

  test('whose content is right but is not a disk: the error names the image', async () => {
    const zeroes = Buffer.alloc(1024 * 1024);
    const server = await place.serve(zeroes);
    const message = /^tiny\/one\/amd64 was not imported: \S+ cannot be added: it has no partition table; /;
    await assert.rejects(imported(offerOf(server.url, zeroes), false), { code: 'bad-argument', message });
  });

  for (const { name, wrong } of ROWS) {
    test(`is requested again, and imported if the second one is right: ${name}`, async () => {
      const server = await place.serve(IMAGE, ({ number, response, serve }) => {
        if (number > 1) serve();
        else response.writeHead(200, { 'Content-Length': wrong.length }).end(wrong);
      });
      assert.equal((await imported(offerOf(server.url, IMAGE))).added, true);
      assert.equal(server.requests.length, 2);
    });

    test(`is requested twice, and then the site does not match its list: ${name}`, async () => {
      const server = await place.serve(wrong);
      await assert.rejects(imported(offerOf(server.url, IMAGE)), (error) => {
        assert.ok(error instanceof RackError);
        assert.equal(error.code, 'source-failed');
        assert.match(
          error.message,
          /^tiny\/one\/amd64 could not be downloaded: the file from \S+ has the sha256 [0-9a-f]{64} instead of [0-9a-f]{64}: the site's file does not match its list. Rackboot gave up after 2 attempts; /,
        );
        return true;
      });
      assert.equal(server.requests.length, 2);
      assert.deepEqual(readImages(place.directory).images, []);
    });
  }

  test('is not said to be so if only its content cannot be used', async () => {
    const { wrong } = ROWS[1] ?? assert.fail();
    const server = await place.serve(wrong);
    const message =
      /^tiny\/one\/amd64 was not imported: file cannot be added: one of its clusters is not inside the file/;
    await assert.rejects(imported(offerOf(server.url, wrong)), { code: 'bad-argument', message });
    assert.equal(server.requests.length, 1);
  });
});
