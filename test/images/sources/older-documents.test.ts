// A site, or somebody between it and this host, serves documents and versions that are older than those before.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { systemClock } from '../../../src/ground/clock.ts';
import { importImage } from '../../../src/images/run/image-import.ts';
import type { ImageOffer, SourceAnswer } from '../../../src/images/sources/offer.ts';
import type { StreamSource } from '../../../src/images/sources/source.ts';
import { removeImages } from '../../../src/images/store/image-removal.ts';
import { answerOf, documentsAt, imageOffer, offeredFile, unsignedStream } from '../../support/offers.ts';
import { directoryForEach } from '../../support/scratch.ts';
import { indexDocument, productsDocument, type SiteContent } from '../../support/stream-site.ts';
import { makeSquashfs } from '../disks.ts';
import { DownloadPlace } from '../download/download-place.ts';

const CONTENT_ID = 'com.ubuntu.cloud:released:download';
const SOURCE: StreamSource = unsignedStream({ name: 'ubuntu', title: 'Ubuntu', os: 'ubuntu', ftypes: ['disk1.img'] });
const SITE: SiteContent = {
  [CONTENT_ID]: {
    'com.ubuntu.cloud:server:24.04:amd64': {
      tags: { os: 'ubuntu', release: 'noble', version: '24.04', arch: 'amd64', label: 'release' },
      versions: { '20261001': { files: { 'disk1.img': { ftype: 'disk1.img', path: 'noble.img', content: 'noble' } } } },
    },
  },
};
const NEW = 'Tue, 24 Nov 2026 08:02:41 +0000';
const OLD = 'Mon, 23 Nov 2026 08:02:41 +0000';

let tree = '';
directoryForEach((made) => {
  tree = made;
});

/** Serves the documents, each with its own time. */
const serving = (index: string, products: string) =>
  documentsAt((url) =>
    url.includes('index')
      ? { ...indexDocument(SITE, false), updated: index }
      : { ...productsDocument(CONTENT_ID, SITE[CONTENT_ID] ?? {}), updated: products },
  );

async function ask(index: string, products: string, isRemembered = true): Promise<SourceAnswer> {
  const clock = { ...systemClock, wallTimeMs: () => Date.parse('2026-11-25T00:00:00Z') };
  const means = { downloads: serving(index, products), clock, ...(isRemembered ? { tree } : {}) };
  return answerOf(SOURCE, { os: 'ubuntu', architectures: ['amd64'] }, means);
}

describe('a document that is older than the one that this host has seen', () => {
  for (const [name, index, products] of [
    ['an index', OLD, NEW],
    ['a document of products', NEW, OLD],
  ] as const)
    test(`is refused, with both times: ${name}`, async () => {
      assert.equal((await ask(NEW, NEW)).offers.length, 1);
      const { offers, problems } = await ask(index, products);
      assert.deepEqual(offers, []);
      assert.match(
        problems[0]?.message ?? '',
        /it is of 2026-11-23T08:02:41Z, but this host has seen that of 2026-11-24T08:02:41Z: the mirror is behind, or serves old documents; use another mirror.*remove images\/\.seen\/[0-9a-f]{32}\.json below the boot tree$/,
      );
      assert.equal((await ask(NEW, NEW)).offers.length, 1, 'the same again is accepted');
      assert.equal((await ask(index, products, false)).offers.length, 1, 'without a tree nothing is remembered');
    });

  test('is accepted if nothing says when it was updated, and one of the future is remembered as one of now', async () => {
    assert.equal((await ask(NEW, NEW)).offers.length, 1);
    assert.equal((await ask('', 'yesterday, perhaps')).offers.length, 1);
    assert.equal((await ask('Tue, 24 Nov 2037 08:02:41 +0000', NEW)).offers.length, 1);
    assert.equal((await ask('Wed, 25 Nov 2026 00:00:00 +0000', NEW)).offers.length, 1);
    assert.equal(readdirSync(join(tree, 'images', '.seen')).length, 2);
  });
});

describe('a version that is older than the one of the same source that is there', () => {
  let place: DownloadPlace;
  beforeEach(() => {
    place = new DownloadPlace();
  });
  afterEach(() => place.close());

  /** A system with a root and without other files: that is enough for the store. */
  async function offerOf(serial: string | undefined, source: string, content = serial): Promise<ImageOffer> {
    const root = makeSquashfs(String(content));
    const { url } = await place.serve(root);
    const system = { subarch: 'ga', kind: 'squashfs' } as const;
    const names = { os: 'ubuntu', release: 'noble', label: 'stable', serial, source };
    return imageOffer([offeredFile(root, url, { name: 'squashfs' })], { ...names, system });
  }
  const importOf = async (serial: string, source: string, isCopy = false): Promise<boolean> => {
    const terms = { tree, downloads: place.queue(), nowMs: 0, isCopy };
    return (await importImage(await offerOf(serial, source), terms)).added;
  };

  test('is refused as well if it has no serial: a file that the source delivered before', async () => {
    const importFile = async (content: string, day: string) => {
      const terms = { tree, downloads: place.queue(), nowMs: Date.parse(day) };
      return await importImage(await offerOf(undefined, 'site', content), terms);
    };
    const { image: first } = await importFile('first', '2026-11-01');
    const { image: second } = await importFile('second', '2026-11-02');
    assert.equal(second.serial, '20261102');
    assert.equal((await importFile('first', '2026-11-03')).added, false, 'one that is there is not imported again');
    await removeImages(tree, [first], 0, { areUsesKnown: true });
    await assert.rejects(importFile('first', '2026-11-03'), {
      code: 'source-failed',
      message:
        'ubuntu/noble/amd64 was not imported: site now offers a file again that it delivered before, but the newer ' +
        '20261102 from it is already here; a mirror may be behind, or serve old documents; if the site has withdrawn ' +
        'the newer one, remove it: rackboot images remove ubuntu/noble/amd64/generic/stable/20261102',
    });
    await removeImages(tree, [second], 0, { areUsesKnown: true });
    assert.equal((await importFile('first', '2026-11-03')).added, true, 'after the remedy');
    assert.equal((await importFile('third', '2026-11-04')).added, true);
  });

  test('is refused with the remedy, but not that of another source, nor a copy', async () => {
    assert.equal(await importOf('20261101', 'site'), true);
    await assert.rejects(importOf('20261001', 'site'), {
      code: 'source-failed',
      message:
        'ubuntu/noble/amd64 was not imported: site now offers 20261001, but the newer 20261101 from it is already here; ' +
        'a mirror may be behind, or serve old documents; if the site has withdrawn the newer one, remove it: ' +
        'rackboot images remove ubuntu/noble/amd64/generic/stable/20261101',
    });
    assert.equal(await importOf('20261002', 'other'), true);
    assert.equal(await importOf('20261003', 'site', true), true);
    assert.equal(await importOf('20261201', 'site'), true);
    assert.equal(await importOf('20261101', 'site'), false, 'one that is there is not imported again');
  });
});
