// A product of Ubuntu's cloud stream whose versions have labels of their own: each selection gets the newest version that it matches.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EVERYTHING, type Selection } from '../../../src/images/sources/offer.ts';
import type { StreamSource } from '../../../src/images/sources/source.ts';
import { answerOf, documentsAt, unsignedStream } from '../../support/offers.ts';
import { indexDocument, productsDocument, type SiteContent, type SiteVersion } from '../../support/stream-site.ts';

const CONTENT_ID = 'com.ubuntu.cloud:released:download';
const SOURCE: StreamSource = unsignedStream({ name: 'ubuntu', title: 'Ubuntu', os: 'ubuntu', ftypes: ['disk1.img'] });

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

const downloads = documentsAt((url) =>
  url.includes('index') ? indexDocument(SITE, false) : productsDocument(CONTENT_ID, SITE[CONTENT_ID] ?? {}),
);

async function serialsFor(selections?: readonly Selection[]): Promise<readonly (string | undefined)[]> {
  const wish = { os: 'ubuntu', architectures: ['amd64'], selections };
  const { offers, problems } = await answerOf(SOURCE, wish, { downloads });
  assert.deepEqual(problems, []);
  return offers.map(({ serial }) => serial);
}

describe('of a product, the newest version is offered', () => {
  const rows: readonly (readonly [
    name: string,
    selections: readonly Partial<Selection>[],
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
      assert.deepEqual(await serialsFor(selections.map((one) => ({ ...EVERYTHING, ...one }))), serials);
    });
  }

  it('of all without a condition: 20261101', async () => assert.deepEqual(await serialsFor(), ['20261101']));
});
