// The variants of a release, as LXD's and Incus's image servers have them, are offered apart.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../../src/clock.ts';
import type { Downloads } from '../../../src/images/download/queue.ts';
import { offerName } from '../../../src/images/sources/offer.ts';
import { askSources } from '../../../src/images/sources/offers.ts';
import type { StreamSource } from '../../../src/images/sources/source.ts';
import { indexDocument } from '../../support/stream-site.ts';

const PRODUCTS = readFileSync(join(import.meta.dirname, '../../../fixtures/streams/incus-images.json'));
const SOURCE: StreamSource = {
  kind: 'simplestreams',
  name: 'incus',
  title: '',
  os: '*',
  url: 'https://site.example/',
  index: 'streams/v1/index.json',
  contentIds: [],
  ftypes: [],
  isByName: false,
  arches: new Map([['amd64', 'amd64']]),
  trust: { kind: 'unsigned', why: 'a test' },
};
const none = (): never => assert.fail('only documents are fetched');
const downloads: Downloads = {
  add: none,
  fetchDocument: async ({ urls: [url = ''] }) => {
    const bytes = url.includes('index') ? Buffer.from(JSON.stringify(indexDocument({ images: {} }, false))) : PRODUCTS;
    return { kind: 'document', bytes, source: url, validator: undefined };
  },
};

async function offersOf(os: string, release: string | undefined) {
  const wish = { os, release, architectures: [] };
  const [answer] = await askSources([SOURCE], wish, { downloads, clock: systemClock, mirrors: [] });
  assert.deepEqual(answer?.problems, []);
  return answer?.offers.map((offer) => [offerName(offer), offer.serial, offer.title, offer.url.slice(-36)]);
}

test('each variant is an image with a name of its own, and its disk is what is imported', async () => {
  assert.deepEqual(await offersOf('*', undefined), [
    ['debian/bookworm/amd64', '20261120.5', 'Debian bookworm', '64/default/20261120_05:24/disk.qcow2'],
    ['debian/bookworm-cloud/amd64', '20261120.5', 'Debian bookworm (cloud)', 'md64/cloud/20261120_05:24/disk.qcow2'],
  ]);
});

test('each variant is selected by its name, or by its version', async () => {
  const namesOf = async (release: string) => (await offersOf('debian', release))?.map(([name]) => name);
  assert.deepEqual(await namesOf('bookworm'), ['debian/bookworm/amd64']);
  assert.deepEqual(await namesOf('12'), ['debian/bookworm/amd64']);
  assert.deepEqual(await namesOf('bookworm-cloud'), ['debian/bookworm-cloud/amd64']);
  assert.deepEqual(await namesOf('12-cloud'), ['debian/bookworm-cloud/amd64']);
});
