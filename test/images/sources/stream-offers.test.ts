// The offers of a simplestreams site: a bound holds for those of all its documents together.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerOf, documentsAt, unsignedStream } from '../../support/offers.ts';
import { indexDocument } from '../../support/stream-site.ts';

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
  const downloads = documentsAt((url) => {
    const id = /(c\d+)\.json$/.exec(url)?.[1];
    return id === undefined ? index : productsOf(id);
  });
  return answerOf(unsignedStream(), {}, { downloads });
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
