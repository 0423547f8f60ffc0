// The variants of a release, as LXD's and Incus's image servers have them, are offered apart.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { offerName } from '../../../src/images/sources/offer.ts';
import type { StreamSource } from '../../../src/images/sources/source.ts';
import { answerOf, documentsAt, unsignedStream } from '../../support/offers.ts';
import { indexDocument } from '../../support/stream-site.ts';

const PRODUCTS = readFileSync(join(import.meta.dirname, '../../../fixtures/streams/incus-images.json'));
const SOURCE: StreamSource = unsignedStream({ name: 'incus' });
const downloads = documentsAt((url) => (url.includes('index') ? indexDocument({ images: {} }, false) : PRODUCTS));

async function offersOf(os: string, release: string | undefined) {
  const { offers, problems } = await answerOf(SOURCE, { os, release }, { downloads });
  assert.deepEqual(problems, []);
  return offers.map((offer) => [offerName(offer), offer.serial, offer.title, offer.files[0].url.slice(-36)]);
}

test('each variant is an image with a name of its own, and its disk is what is imported', async () => {
  assert.deepEqual(await offersOf('*', undefined), [
    ['debian/bookworm/amd64', '20261120.5', 'Debian bookworm', '64/default/20261120_05:24/disk.qcow2'],
    ['debian/bookworm-cloud/amd64', '20261120.5', 'Debian bookworm (cloud)', 'md64/cloud/20261120_05:24/disk.qcow2'],
  ]);
});

test('each variant is selected by its name, or by its version', async () => {
  const namesOf = async (release: string) => (await offersOf('debian', release)).map(([name]) => name);
  assert.deepEqual(await namesOf('bookworm'), ['debian/bookworm/amd64']);
  assert.deepEqual(await namesOf('12'), ['debian/bookworm/amd64']);
  assert.deepEqual(await namesOf('bookworm-cloud'), ['debian/bookworm-cloud/amd64']);
  assert.deepEqual(await namesOf('12-cloud'), ['debian/bookworm-cloud/amd64']);
});
