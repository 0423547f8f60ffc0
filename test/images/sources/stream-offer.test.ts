// Offers of a site with simplestreams: the subarchitecture of each kernel and of each disk image, and what selections by them choose.

import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { decodeStreamProducts } from '../../../src/images/sources/decode-products.ts';
import type { ImageOffer } from '../../../src/images/sources/offer.ts';
import { describeStore } from '../../../src/images/sources/own-stream.ts';
import { chooseImages } from '../../../src/images/sources/selection.ts';
import type { StreamSource } from '../../../src/images/sources/source.ts';
import { buildStreamOffer } from '../../../src/images/sources/stream-offer.ts';
import type { StreamImage } from '../../../src/images/sources/stream-products.ts';
import type { StoredImage } from '../../../src/images/store/image-store.ts';
import { unsignedStream } from '../../support/offers.ts';
import { productsDocument, type SiteTags } from '../../support/stream-site.ts';

const SOURCE: StreamSource = unsignedStream({ title: 'Site' });
const BOOT = ['boot-kernel', 'boot-initrd', 'squashfs'];

/** One version with these items; the tags of an item by its name. */
function imagesOf(tags: SiteTags, items: Readonly<Record<string, SiteTags>>): readonly StreamImage[] {
  const files = Object.entries(items).map(([name, { ftype = name, ...own }]) => [
    name,
    { ftype: String(ftype), path: String(own.path ?? `noble/${name}`), content: name, tags: own },
  ]);
  const level = { os: 'ubuntu', release: 'noble', version: '24.04', arch: 'amd64', label: 'stable', ...tags };
  const product = { tags: level, versions: { '20261015': { files: Object.fromEntries(files) } } };
  const decoded = decodeStreamProducts(JSON.stringify(productsDocument('a', { product })));
  if (!decoded.ok) assert.fail(JSON.stringify(decoded.fault));
  return chooseImages(decoded.value.products, { versions: 1 });
}

function offersOf(tags: SiteTags, items: Readonly<Record<string, SiteTags>>): readonly ImageOffer[] {
  return imagesOf(tags, items).map((image) => {
    const offer = buildStreamOffer(SOURCE, image);
    if (typeof offer === 'string' || offer.kind !== 'image') assert.fail(JSON.stringify(offer));
    return offer;
  });
}

const plain = (...names: readonly string[]): Readonly<Record<string, SiteTags>> =>
  Object.fromEntries(names.map((name) => [name, {}]));

describe('the subarchitecture of an offer', () => {
  const rows: readonly (readonly [string, SiteTags, readonly string[], string])[] = [
    ["the release's own kernel is generic", { subarch: 'ga-24.04' }, BOOT, 'generic'],
    ['a site without names has the generic one', {}, BOOT, 'generic'],
    ['a newer kernel keeps its name', { subarch: 'hwe-24.04' }, BOOT, 'hwe-24.04'],
    [
      'a flavour keeps its name',
      { subarch: 'ga-24.04-lowlatency', kflavor: 'lowlatency' },
      BOOT,
      'ga-24.04-lowlatency',
    ],
    [
      'a flavour that the name lacks is added',
      { subarch: 'ga-24.04', kflavor: 'lowlatency' },
      BOOT,
      'ga-24.04-lowlatency',
    ],
    ['the flavour generic is not', { subarch: 'hwe-24.04', kflavor: 'generic' }, BOOT, 'hwe-24.04'],
    ['trusty has its own kernel as hwe-t', { subarch: 'hwe-t', release: 'trusty' }, BOOT, 'generic'],
    ['and a newer one as hwe-x', { subarch: 'hwe-x', release: 'trusty' }, BOOT, 'hwe-x'],
    ['a disk image for a kind of machine keeps its name', { subarch: 'xgene-uboot' }, ['root-dd.raw'], 'xgene-uboot'],
    ['a disk image of no kind is generic', { subarch: 'ga-24.04' }, ['disk1.img'], 'generic'],
  ];
  for (const [name, tags, items, expected] of rows)
    it(`${name}: ${expected}`, () => {
      const [offer, ...others] = offersOf(tags, plain(...items));
      assert.deepEqual([offer?.subarchitecture, others], [expected, []]);
    });

  it('has a further name if the stream marks its kernel as rolling', () => {
    const rows = [
      [{ subarch: 'hwe-24.04', kflavor: 'generic' }, ['hwe-24.04', 'hwe-rolling']],
      [{ subarch: 'hwe-24.04-edge' }, ['hwe-24.04-edge', 'hwe-rolling-edge']],
      [{ subarch: 'ga-24.04', kflavor: 'lowlatency' }, ['ga-24.04-lowlatency', 'ga-rolling-lowlatency']],
    ] as const;
    for (const [tags, expected] of rows) {
      const [offer] = offersOf({ ...tags, subarches: expected[0], rolling: true }, plain(...BOOT));
      assert.deepEqual(offer?.subarches?.slice(0, 2), expected);
      const [other] = offersOf({ ...tags, subarches: expected[0], rolling: false }, plain(...BOOT));
      assert.ok(other?.subarches?.every((name) => !name.includes('rolling')));
    }
  });

  it('and all that it supports are kept, of a disk image, too', () => {
    for (const items of [BOOT, ['root-dd.raw']]) {
      const [offer] = offersOf({ subarch: 'ga-24.04', subarches: 'generic,hwe-t,ga-24.04' }, plain(...items));
      assert.deepEqual(offer?.subarches, ['ga-24.04', 'generic', 'hwe-t']);
    }
  });
});

describe('the stream of a region', () => {
  const stored: StoredImage = {
    os: 'ubuntu',
    release: 'noble',
    architecture: 'amd64',
    subarchitecture: 'generic',
    label: 'stable',
    serial: '20261015',
    title: '',
    sha256: 'a'.repeat(64),
    bytes: 1,
    diskBytes: 1,
    format: 'raw',
    partitionTable: 'gpt',
  };
  function readBack(image: StoredImage): StreamImage {
    const { documents } = describeStore([image], 0);
    const decoded = decodeStreamProducts(documents('json').get('streams/v1/io.rackboot:images:download') ?? '');
    return (decoded.ok && decoded.value.products[0]?.images[0]) || assert.fail();
  }

  it('says what a system of its store supports', () => {
    const system = { subarch: 'ga-24.04', subarches: ['ga-24.04', 'hwe-t'], rootName: 'squashfs', files: [] };
    const image = readBack({ ...stored, format: 'squashfs', partitionTable: 'none', system });
    assert.deepEqual(image.subarches, ['ga-24.04', 'generic', 'hwe-t']);
  });

  it('keeps a title, whatever the title of the source', () => {
    for (const title of ['Our system', 'x'.repeat(128)])
      for (const ofSource of ['', 'Another Rackboot']) {
        const offer = buildStreamOffer({ ...SOURCE, title: ofSource }, readBack({ ...stored, os: 'custom', title }));
        assert.equal(typeof offer === 'string' ? offer : offer.title, title);
      }
  });
});

it('the title of an offer names its system, by the source or by the site', () => {
  const rows = [
    ['Ubuntu Server', 'ubuntu', '24.04 LTS', 'Ubuntu Server 24.04 LTS'],
    ['', 'ubuntu', '24.04 LTS', 'Ubuntu 24.04 LTS'],
    ['', 'ubuntu', 'Ubuntu 24.04 LTS', 'Ubuntu 24.04 LTS'],
    ['', 'centos', 'CentOS 8', 'CentOS 8'],
    ['', 'custom', 'custom mine (amd64)', 'custom mine (amd64)'],
  ] as const;
  for (const [title, os, release_title, expected] of rows) {
    const [image] = imagesOf({ os, release_title }, plain('disk1.img'));
    const offer = image === undefined ? '' : buildStreamOffer({ ...SOURCE, title }, image);
    assert.equal(typeof offer === 'string' ? offer : offer.title, expected);
  }
});

it('a version with sizes that no disk has is refused by name', () => {
  const size = Number.MAX_SAFE_INTEGER;
  for (const items of [
    { squashfs: { size }, 'boot-kernel': { size }, 'boot-initrd': { size } },
    { 'disk1.img': { size } },
  ]) {
    const [image] = imagesOf({}, items);
    assert.ok(image !== undefined);
    assert.match(
      String(buildStreamOffer(SOURCE, image)),
      /^ubuntu\/noble of the source site would have \d+ bytes, more than 2199023255552: /,
    );
  }
});

test('a boot loader that is not an archive keeps the name of its file, and another Rackboot’s that of its item', () => {
  const tags = { release: '', arches: 'amd64', 'bootloader-type': 'pxe' };
  const items = { syslinux: { ftype: 'bootloader', path: 'bl/pxe/pxelinux.0' } };
  for (const [product, expected] of [
    ['com.ubuntu.maas:stable:1:pxelinux:pxe:i386', 'pxelinux.0'],
    ['io.rackboot:loader:bootloader:pxe:amd64:stable', 'syslinux'],
  ] as const) {
    const [image] = imagesOf(tags, items);
    assert.ok(image !== undefined);
    const offer = buildStreamOffer(SOURCE, { ...image, product });
    if (typeof offer === 'string' || offer.kind !== 'loader') assert.fail(JSON.stringify(offer));
    assert.deepEqual(
      offer.files.map(({ name }) => name),
      [expected],
    );
  }
});

describe('a version whose items name several subarchitectures', () => {
  const items = {
    squashfs: {},
    'hwe-kernel': { ftype: 'boot-kernel', subarch: 'hwe-24.04', subarches: 'generic,hwe-24.04' },
    'hwe-initrd': { ftype: 'boot-initrd', subarch: 'hwe-24.04' },
    'boot-kernel': { subarch: 'ga-24.04' },
    'boot-initrd': { subarch: 'ga-24.04' },
  };

  it('offers a system for each, with the root that they share', () => {
    const offers = offersOf({}, items);
    assert.deepEqual(
      offers.map(({ subarchitecture, system, files }) => [
        subarchitecture,
        system?.subarch,
        ...files.map((file) => `${file.name} of ${file.url}`),
      ]),
      [
        [
          'generic',
          'ga-24.04',
          'squashfs of https://site.example/noble/squashfs',
          'boot-initrd of https://site.example/noble/boot-initrd',
          'boot-kernel of https://site.example/noble/boot-kernel',
        ],
        [
          'hwe-24.04',
          'hwe-24.04',
          'squashfs of https://site.example/noble/squashfs',
          'boot-initrd of https://site.example/noble/hwe-initrd',
          'boot-kernel of https://site.example/noble/hwe-kernel',
        ],
      ],
    );
    assert.deepEqual(offers[1]?.subarches, ['hwe-24.04', 'generic']);
  });

  it('has the same image if all of its items name one', () => {
    const [image, ...others] = imagesOf({ subarch: 'generic' }, { 'boot-kernel': { subarch: 'hwe-t' }, squashfs: {} });
    assert.deepEqual([image?.subarch, image?.files.length, others], ['hwe-t', 2, []]);
  });
});
