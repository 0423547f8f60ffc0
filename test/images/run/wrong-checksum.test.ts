// A site's file that does not match its checksum is requested once more, wherever its wrong bytes are.
// @host waits

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { systemClock } from '../../../src/ground/clock.ts';
import { RackError } from '../../../src/ground/errors.ts';
import { importImage } from '../../../src/images/run/image-import.ts';
import type { ImageOffer } from '../../../src/images/sources/offer.ts';
import { readImages } from '../../../src/images/store/image-store.ts';
import { imageOffer, offeredFile } from '../../support/offers.ts';
import { makeDisk } from '../disks.ts';
import { type DownloadPlace, placeForEach } from '../download/download-place.ts';

const IMAGE = makeDisk(64 * 1024, 'gpt');
/** Not even a disk any more. */
const wrong = Buffer.alloc(IMAGE.length);

describe('a file whose checksum is wrong', () => {
  let place: DownloadPlace;
  placeForEach((made) => {
    place = made;
  });

  const offerOf = (url: string, content: Buffer) => imageOffer([offeredFile(content, url)]);

  const imported = (offer: ImageOffer, isCopy = true) =>
    importImage(offer, {
      tree: place.directory,
      downloads: place.queue(),
      nowMs: systemClock.wallTimeMs(),
      isCopy,
    });

  test('whose content is right but is not a disk: the error names the image', async () => {
    const zeroes = Buffer.alloc(1024 * 1024);
    const server = await place.serve(zeroes);
    const message = /^tiny\/one\/amd64 was not imported: \S+ cannot be added: it has no partition table; /;
    await assert.rejects(imported(offerOf(server.url, zeroes), false), { code: 'bad-argument', message });
  });

  test('is requested again, and imported if the second one is right', async () => {
    const server = await place.serve(IMAGE, ({ number, response, serve }) => {
      if (number > 1) serve();
      else response.writeHead(200, { 'Content-Length': wrong.length }).end(wrong);
    });
    assert.equal((await imported(offerOf(server.url, IMAGE))).added, true);
    assert.equal(server.requests.length, 2);
  });

  test('is requested twice, and then the site does not match its list', async () => {
    const server = await place.serve(wrong);
    await assert.rejects(imported(offerOf(server.url, IMAGE)), (error) => {
      assert.ok(error instanceof RackError);
      assert.equal(error.code, 'source-failed');
      assert.match(
        error.message,
        /^tiny\/one\/amd64 could not be downloaded: .*sha256 [0-9a-f]{64} instead of [0-9a-f]{64}: .*gave up after 2 attempts; /,
      );
      return true;
    });
    assert.equal(server.requests.length, 2);
    assert.deepEqual(readImages(place.directory).images, []);
  });
});
