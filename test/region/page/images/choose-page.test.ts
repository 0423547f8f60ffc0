// The page on which images are ticked: what sources offer is a list, and each tick changes the selection of its release, and no other.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OfferedImage, SourceOffers } from '../../../../src/images/engine/asking.ts';
import type { Selection } from '../../../../src/images/sources/offer.ts';
import type { ImageSource } from '../../../../src/images/sources/source.ts';
import type { View } from '../../../../src/region/page/frame/view.ts';
import { CHOOSE_PAGE } from '../../../../src/region/page/images/choose-page.ts';
import { CHOOSE_PATH, IMAGES_PAGE } from '../../../../src/region/page/images/images-page.ts';
import { SOURCE_PAGES } from '../../../../src/region/page/images/sources-page.ts';
import { countStatements, sumOf, takeTexts } from '../../../support/counted-statements.ts';
import { makeRegion, type RegionPlace } from '../../place.ts';
import { ADMIN, addViewer, viewOf } from '../view.ts';

const GIB = 2 ** 30;
const imageOf = (release: string, architecture: string, more: Partial<OfferedImage> = {}): OfferedImage => ({
  kind: 'image',
  os: 'ubuntu',
  release,
  architecture,
  title: `Ubuntu ${release}`,
  aliases: [],
  day: '2023-10-15',
  bytes: GIB,
  supportEnds: '2029-05-31',
  ...more,
});
const NOBLE = { aliases: ['24.04', 'lts'], title: 'Ubuntu 24.04 <i>LTS</i>' };
const IMAGES = [
  imageOf('noble', 'arm64', NOBLE),
  imageOf('jammy', 'amd64', { title: 'Ubuntu 22.04' }),
  imageOf('noble', 'amd64', NOBLE),
  imageOf('trusty', 'amd64', { supportEnds: '2019-04-25' }),
  imageOf('bookworm', 'amd64', { os: 'debian', bytes: undefined, supportEnds: undefined }),
];
const EVENT = { type: 'SETTINGS', code: 'rack', params: { text: '' }, atMs: 1, username: '' } as const;

interface Place extends RegionPlace {
  readonly select: (more: Partial<Selection>) => Promise<void>;
  readonly selected: () => Promise<readonly string[]>;
  readonly shown: (query?: Readonly<Record<string, string>>) => Promise<string>;
  readonly send: (
    fields: Readonly<Record<string, string | readonly string[]>>,
  ) => Promise<Awaited<ReturnType<NonNullable<typeof CHOOSE_PAGE.act>>>>;
}

const fieldsOf = (values: Readonly<Record<string, string | readonly string[]>>) =>
  new Map(Object.entries(values).map(([name, value]) => [name, typeof value === 'string' ? [value] : value]));

/** A region with one source, the number 1. */
async function withSource(
  work: (place: Place) => Promise<void>,
  askOffers: (source: ImageSource) => Promise<SourceOffers> = async () => ({ images: IMAGES, problems: [] }),
) {
  const place = await makeRegion({}, 1, undefined, { askOffers, freeBytes: async () => 3 * GIB });
  try {
    const { boot } = place.store;
    await addViewer(place.store);
    const site = { url: 'https://site/', why: 'a test', keyringFilename: '', keyring: new Uint8Array(), updatedMs: 1 };
    await boot.addSource(site, EVENT);
    const view = (more: Partial<View>) => viewOf(place.region, { viewer: ADMIN, ...more });
    await work({
      ...place,
      select: async (more) => {
        const all = { os: 'ubuntu', release: 'noble', arches: ['*'], subarches: ['*'], labels: ['*'] };
        await boot.addSelection(1, { ...all, ...more }, EVENT);
      },
      selected: async () =>
        (await boot.listSelections()).map(({ os, release, arches }) => `${os}/${release} ${arches.join()}`),
      shown: async (query = {}) => String(await CHOOSE_PAGE.render(view({ query: fieldsOf(query) }))),
      send: async (fields) => await CHOOSE_PAGE.act?.(view({ form: fieldsOf(fields) })),
    });
  } finally {
    await place.remove();
  }
}

/** The tick of an image: its attributes. */
const tickOf = (text: string, key: string) =>
  new RegExp(`<input type="checkbox" name="tick" value="${key}"([^>]*)>`).exec(text)?.[1];

test('the images of a source are listed by system, the newest first, and those without support are left out', () =>
  withSource(async ({ shown }) => {
    const text = await shown();
    assert.deepEqual(
      [...text.matchAll(/<details id="system-(\w+)"/g)].map(([, os]) => os),
      ['ubuntu', 'debian'],
    );
    assert.deepEqual(
      [...text.matchAll(/name="tick" value="([^"]+)"/g)].map(([, key]) => key),
      ['1/ubuntu/noble/amd64', '1/ubuntu/noble/arm64', '1/ubuntu/jammy/amd64', '1/debian/bookworm/amd64'],
    );
    assert.match(text, /Ubuntu 24\.04 &lt;i&gt;LTS&lt;\/i&gt;/);
    assert.match(text, /1\sGiB/);
    assert.match(text, /2023-10-15/);
    assert.match(text, /id="teach"/, 'nothing is ticked yet');
    assert.match(text, /3\sGiB free/);
    assert.match(await shown({ all: 'true' }), /value="1\/ubuntu\/trusty\/amd64"/);
    const found = await shown({ q: '24.04', arch: 'arm64' });
    assert.deepEqual(
      [...found.matchAll(/name="tick" value="([^"]+)"/g)].map(([, key]) => key),
      ['1/ubuntu/noble/arm64'],
    );
    assert.match(await shown({ q: 'plan9' }), /No image fits/);
  }));

test('ticks make, change and remove the selection of their release, and leave those that the form did not have', () =>
  withSource(async ({ shown, send, selected, select }) => {
    await select({ os: 'debian', release: 'bookworm', arches: ['amd64'] });
    const saved = await send({ do: 'save', tick: ['1/ubuntu/noble/amd64', '1/ubuntu/jammy/amd64'] });
    assert.deepEqual(saved?.kind === 'done' && saved.to, CHOOSE_PATH);
    assert.deepEqual(await selected(), ['debian/bookworm amd64', 'ubuntu/noble amd64', 'ubuntu/jammy amd64']);
    const text = await shown();
    assert.match(tickOf(text, '1/ubuntu/noble/amd64') ?? '', / checked/);
    assert.doesNotMatch(tickOf(text, '1/ubuntu/noble/arm64') ?? '', / checked/);
    assert.match(text, /<input type="hidden" name="was" value="1\/ubuntu\/noble\/amd64">/);
    assert.doesNotMatch(text, /id="teach"/);
    const was = ['1/ubuntu/noble/amd64', '1/ubuntu/jammy/amd64'];
    await send({ do: 'save', was, tick: ['1/ubuntu/noble/amd64', '1/ubuntu/noble/arm64'] });
    assert.deepEqual(await selected(), ['debian/bookworm amd64', 'ubuntu/noble amd64,arm64']);
    await send({ do: 'save', was: ['1/ubuntu/noble/amd64'], tick: [] });
    assert.deepEqual(await selected(), ['debian/bookworm amd64', 'ubuntu/noble arm64']);
  }));

test('of a selection of all architectures, the others that are offered stay', () =>
  withSource(async ({ send, selected, select }) => {
    await select({});
    await send({ do: 'save', was: ['1/ubuntu/noble/arm64'], tick: [] });
    assert.deepEqual(await selected(), ['ubuntu/noble amd64']);
  }));

test('what a selection for all covers, or one for some kernels, is not changed here', () =>
  withSource(async ({ shown, select }) => {
    await select({ release: '*', arches: ['amd64'] });
    await select({ os: 'debian', release: 'bookworm', subarches: ['ga-24.04'] });
    const text = await shown();
    assert.match(tickOf(text, '1/ubuntu/jammy/amd64') ?? '', / checked disabled/);
    assert.doesNotMatch(tickOf(text, '1/ubuntu/noble/arm64') ?? '', /checked|disabled/);
    assert.match(tickOf(text, '1/debian/bookworm/amd64') ?? '', / checked disabled/);
    assert.doesNotMatch(text, /name="was"/);
    assert.match(text, /Included by the selection <a href="\/MAAS\/images\/sources\/1\/">ubuntu\/\*/);
  }));

test('a form can begin the import at once, and only an administrator sends it', () =>
  withSource(async ({ region, store, send }) => {
    const outcome = await send({ do: 'import', tick: '1/ubuntu/noble/amd64' });
    assert.deepEqual(outcome?.kind === 'done' && outcome.to, '/MAAS/images/');
    assert.ok((await store.boot.findRun()).askedMs > 0);
    const given = fieldsOf({ do: 'save', tick: '1/ubuntu/jammy/amd64' });
    const refused = await CHOOSE_PAGE.act?.(viewOf(region, { form: given }));
    assert.equal(refused?.kind, 'refusal');
    const wrong = await send({ do: 'save', tick: ['99/ubuntu/jammy/amd64', 'x'] });
    assert.equal(wrong?.kind, 'refusal', 'there is no such source');
  }));

test('while a source has never answered, the page has no form whose ticks could be lost', async () => {
  const open = Promise.withResolvers<SourceOffers>();
  await withSource(
    async ({ shown, clock }) => {
      const page = shown();
      const settle = async () => {
        for (let turn = 0; turn < 200; turn += 1) await new Promise(setImmediate);
      };
      await settle();
      clock.advance(2000);
      const text = await page;
      assert.match(text, /data-at-work/);
      assert.match(text, /class="fresh"/, 'it is live');
      assert.doesNotMatch(text, /name="tick"/);
      const late = shown();
      await settle();
      clock.advance(10_000);
      await late;
      const listed = shown();
      await settle();
      clock.advance(2000);
      assert.match(await listed, /1 source has not answered yet/, 'a silent source does not hide the others');
      open.resolve({ images: IMAGES, problems: [] });
      await settle();
      const next = await shown();
      assert.match(next, /name="tick"/);
      assert.doesNotMatch(next, /class="fresh"/);
    },
    () => open.promise,
  );
});

test('a source that cannot be read is named with the remedy, and asked again on request', () =>
  withSource(
    async ({ shown, send, region }) => {
      const text = await shown();
      assert.match(text, /1 of 1 source could not be read/);
      assert.match(text, /the key of &lt;site&gt; is missing/);
      assert.equal((await send({ do: 'ask' }))?.kind, 'done');
      const [, page] = SOURCE_PAGES;
      const one = String(await page?.render(viewOf(region, { viewer: ADMIN, path: { source: '1' } })));
      assert.match(one, /pill red.*the key of &lt;site&gt; is missing/s);
    },
    async () => ({ images: [], problems: ['the key of <site> is missing: install it'] }),
  ));

test('the number of statements does not grow with the offers', () => {
  const many = Array.from({ length: 500 }, (_, at) => imageOf(`release-${at}`, 'amd64'));
  let images: readonly OfferedImage[] = IMAGES;
  return withSource(
    async ({ shown, clock }) => {
      const statements = async () => {
        const end = countStatements();
        try {
          takeTexts();
          await shown();
          return sumOf(takeTexts());
        } finally {
          end();
        }
      };
      await shown();
      const few = await statements();
      images = many;
      clock.advance(60 * 60_000);
      await shown();
      await new Promise(setImmediate);
      assert.ok((await shown()).includes('further images are not listed'));
      assert.equal(await statements(), few);
    },
    async () => ({ images, problems: [] }),
  );
});

test('without a selection the page of images leads to the choice, and nothing can be imported', () =>
  withSource(async ({ region, select }) => {
    const images = async () => String(await IMAGES_PAGE.render(viewOf(region, { viewer: ADMIN })));
    assert.match(await images(), /class="button primary" href="\/MAAS\/images\/choose\/"/);
    assert.doesNotMatch(await images(), />Import now</);
    await select({});
    assert.match(await images(), /<button class="button primary">Import now</);
    assert.match(await images(), /class="button plain" href="\/MAAS\/images\/choose\/"/);
  }));
