// A product of Ubuntu's cloud stream whose versions have labels of their own: each selection gets the newest version that it matches.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../../../src/clock.ts';
import type { Downloads } from '../../../src/images/download/queue.ts';
import type { OfferWish } from '../../../src/images/sources/offer.ts';
import { askSources } from '../../../src/images/sources/offers.ts';
import type { StreamSource } from '../../../src/images/sources/source.ts';
import type { WrittenBootSelection } from '../../../src/region/records/boot-store.ts';
import { matches } from '../../../src/region-thread/imports/plan.ts';
import { indexDocument, productsDocument, type SiteContent, type SiteVersion } from '../../support/stream-site.ts';

const CONTENT_ID = 'com.ubuntu.cloud:released:download';
const SOURCE: StreamSource = {
  kind: 'simplestreams',
  name: 'ubuntu',
  title: 'Ubuntu',
  os: 'ubuntu',
  url: 'https://site.example/',
  index: 'streams/v1/index.json',
  contentIds: [],
  ftypes: ['disk1.img'],
  isByName: false,
  arches: new Map([['amd64', 'amd64']]),
  trust: { kind: 'unsigned', why: 'a test' },
};

const version = (label: string, subarch = 'generic'): SiteVersion => ({
  tags: { label },
  files: {
    'disk1.img': { ftype: 'disk1.img', path: `${label}.img`, content: label, tags: { subarch } },
  },
});
const SITE: SiteContent = {
  [CONTENT_ID]: {
    'com.ubuntu.cloud:server:27.04:amd64': {
      tags: { os: 'ubuntu', release: 'other', version: '27.04', arch: 'amd64' },
      versions: {
        '20260901': version('release', 'xgene-uboot'),
        '20261001': version('release'),
        '20261101': version('beta2'),
      },
    },
  },
};

const downloads: Downloads = {
  add: () => assert.fail('only documents are read'),
  fetchDocument: async ({ urls: [url = ''] }) => {
    const document = url.includes('index')
      ? indexDocument(SITE, false)
      : productsDocument(CONTENT_ID, SITE[CONTENT_ID] ?? {});
    const bytes = Buffer.from(JSON.stringify(document));
    return { kind: 'document', bytes, source: url, validator: undefined };
  },
};

async function serialsFor(choices: OfferWish['choices']): Promise<readonly (string | undefined)[]> {
  const wish = { os: 'ubuntu', release: undefined, architectures: ['amd64'], choices };
  const [answer] = await askSources([SOURCE], wish, { downloads, clock: systemClock, mirrors: [] });
  assert.deepEqual(answer?.problems, []);
  return answer?.offers.map(({ serial }) => serial) ?? [];
}

describe('of a product, the newest version is offered', () => {
  const all: WrittenBootSelection = { os: '*', release: '*', arches: ['*'], subarches: ['*'], labels: ['*'] };
  const rows: readonly (readonly [
    name: string,
    selections: readonly Partial<WrittenBootSelection>[],
    serials: readonly string[],
  ])[] = [
    ['of all', [{}], ['20261101']],
    ['with a selected label', [{ labels: ['release'] }], ['20261001']],
    ['with one of two labels', [{ labels: ['release', 'beta2'] }], ['20261101']],
    ['with a selected subarchitecture', [{ subarches: ['xgene-uboot'] }], ['20260901']],
    ['for each selection', [{ labels: ['release'] }, { os: 'ubuntu', labels: ['*'] }], ['20261101', '20261001']],
    ['to none that matches no version', [{ labels: ['daily'] }], []],
  ];
  for (const [name, selections, serials] of rows) {
    it(`${name}: ${serials.join(', ') || 'none'}`, async () => {
      const choices = selections.map(
        (one): NonNullable<OfferWish['choices']>[number] =>
          (names) =>
            matches({ ...all, ...one }, names),
      );
      assert.deepEqual(await serialsFor(choices), serials);
    });
  }

  it('of all without a condition: 20261101', async () => assert.deepEqual(await serialsFor(undefined), ['20261101']));
});
