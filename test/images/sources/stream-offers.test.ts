// The offers of a simplestreams site: a bound holds for those of all its documents together.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../../src/clock.ts';
import type { Downloads } from '../../../src/images/download/queue.ts';
import { askSources } from '../../../src/images/sources/offers.ts';
import type { ImageSource } from '../../../src/images/sources/source.ts';
import { indexDocument } from '../../support/stream-site.ts';

const SOURCE: ImageSource = {
  kind: 'simplestreams',
  name: 'site',
  title: '',
  os: '*',
  url: 'https://site/',
  index: 'streams/v1/index.json',
  isByName: false,
  contentIds: [],
  ftypes: [],
  arches: new Map([['amd64', 'amd64']]),
  trust: { kind: 'unsigned', why: 'a test' },
};

/** Asks a site with so many documents of 500 images each. @param aliases of each image */
async function ask(documents: number, aliases: number) {
  const ids = Array.from({ length: documents }, (_, at) => `c${at}`);
  const names = Array.from({ length: aliases }, (_, at) => at.toString(36).padStart(3, '0')).join(',');
  const product = (id: string, at: number): object => ({
    os: 'ubuntu',
    arch: 'amd64',
    release: `${id}r${at}`,
    versions: {
      '20260101': { items: { a: { ftype: 'disk1.img', path: `${id}-${at}.img`, size: 1, sha256: 'a'.repeat(64) } } },
    },
  });
  const productsOf = (id: string): object => ({
    content_id: id,
    datatype: 'image-downloads',
    format: 'products:1.0',
    aliases: names,
    products: Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`p${at}`, product(id, at)])),
  });
  const index = indexDocument(Object.fromEntries(ids.map((id) => [id, {}])), false);
  const fetchDocument: Downloads['fetchDocument'] = ({ urls: [url = ''] }) => {
    const id = /(c\d+)\.json$/.exec(url)?.[1];
    const bytes = Buffer.from(JSON.stringify(id === undefined ? index : productsOf(id)));
    return Promise.resolve({ kind: 'document', bytes, source: url, validator: undefined });
  };
  const none = (): never => assert.fail('only documents are fetched');
  const downloads: Downloads = { add: none, fetchDocument };
  const wish = { os: '*', release: undefined, architectures: [] };
  const [answer] = await askSources([SOURCE], wish, { downloads, clock: systemClock, mirrors: [] });
  return answer ?? assert.fail('there is no answer');
}

test('a site whose documents together have too many names is refused, with the remedy (OFFERS_BYTES_MAX)', async () => {
  const { offers, problems } = await ask(3, 1000);
  assert.equal(offers.length, 0);
  assert.equal(
    problems[0]?.message,
    'the source site cannot be used: its offers take more than 33554432 bytes: name its content_ids in a file of sources',
  );
});

test('a site with as many names as the largest known one is read', async () => {
  const { offers, problems, releases = [] } = await ask(3, 50);
  assert.deepEqual(problems, []);
  assert.deepEqual([releases.length, releases[0], releases[499]], [500, 'ubuntu/c0r0', 'ubuntu/c0r499']);
  assert.equal(offers.length, 1500);
  assert.equal(offers.at(-1)?.aliases.length, 50);
});
