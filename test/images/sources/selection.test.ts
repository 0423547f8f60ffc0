// Images of simplestreams are chosen by release, architecture and filters, and listed for people.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeStreamProducts } from '../../../src/images/sources/decode-products.ts';
import { chooseImages, type ImageFilter } from '../../../src/images/sources/selection.ts';
import { compareSerials, parseSerialDay } from '../../../src/images/sources/serial.ts';
import type { StreamImage, StreamProduct } from '../../../src/images/sources/stream-products.ts';
import { parseTagFilters, type TagFilter } from '../../../src/images/sources/tag-filter.ts';
import { productsDocument, type SiteProduct, WHOLE_SITE } from '../../support/stream-site.ts';

const CLOUD = 'com.ubuntu.cloud:released:download';
const BOOT = 'com.ubuntu.maas:stable:v3:download';

function productsOf(contentId: string, site: Readonly<Record<string, SiteProduct>>): readonly StreamProduct[] {
  const decoded = decodeStreamProducts(JSON.stringify(productsDocument(contentId, site)));
  assert.ok(decoded.ok);
  return decoded.value.products;
}

const cloud = productsOf(CLOUD, WHOLE_SITE[CLOUD] ?? {});
const boot = productsOf(BOOT, WHOLE_SITE[BOOT] ?? {});
const loaders = productsOf('l', WHOLE_SITE['com.ubuntu.maas:stable:1:bootloader-download'] ?? {});

const wishing = (wishes: Partial<ImageFilter>): ImageFilter => ({ versions: 1, ...wishes });

async function filtersOf(...texts: string[]): Promise<readonly TagFilter[]> {
  const parsed = await parseTagFilters(texts);
  if (!parsed.ok) assert.fail(parsed.problem);
  return parsed.filters;
}

/** `noble amd64 20261015` … */
const namesOf = (images: readonly StreamImage[]): readonly string[] =>
  images.map(({ release, os, arch, subarch, serial }) =>
    [release || os, arch, ...(subarch === 'generic' ? [] : [subarch]), serial].join(' '),
  );

describe('a wish', () => {
  const rows: readonly (readonly [name: string, wish: Partial<ImageFilter>, chosen: readonly string[]])[] = [
    ['of everything', {}, ['noble amd64 20261015', 'noble arm64 20261015', 'trusty amd64 20261015']],
    [
      'with a star in each field',
      { release: '*', arches: ['*'] },
      ['noble amd64 20261015', 'noble arm64 20261015', 'trusty amd64 20261015'],
    ],
    ['of a release', { release: 'trusty' }, ['trusty amd64 20261015']],
    ['of a release by its version', { release: '14.04' }, ['trusty amd64 20261015']],
    ['of a release by an alias', { release: 'lts' }, ['noble amd64 20261015', 'noble arm64 20261015']],
    ['of a part of an alias', { release: 'lt' }, []],
    ['of an architecture', { arches: ['arm64', 'riscv64'] }, ['noble arm64 20261015']],
    ['of no architecture', { arches: [] }, []],
  ];
  for (const [name, wish, chosen] of rows)
    it(`${name} chooses ${chosen.length === 0 ? 'nothing' : chosen.join(', ')}`, () =>
      assert.deepEqual(namesOf(chooseImages(cloud, wishing(wish))), chosen));

  it('takes the newest versions of each product, as many as are wanted', () => {
    const of = (versions: number) => chooseImages(boot.slice(0, 1), wishing({ versions })).map(({ serial }) => serial);
    assert.deepEqual(of(1), ['20261015.1']);
    assert.deepEqual(of(2), ['20261015.1', '20261015']);
    assert.deepEqual(of(9), ['20261015.1', '20261015', '20260901']);
  });

  it('of types of files chooses those files, and no version without one', () => {
    const [image] = chooseImages(cloud, wishing({ ftypes: ['disk1.img', 'uefi1.img'] }));
    assert.deepEqual(
      image?.files.map(({ name }) => name),
      ['disk1.img', 'uefi1.img'],
    );
    assert.deepEqual(chooseImages(cloud, wishing({ ftypes: ['vhd'] })), []);
    assert.deepEqual(namesOf(chooseImages(loaders, wishing({ ftypes: ['bootloader'] }))), [
      'pxelinux amd64 20221029.0',
    ]);
  });
});

describe('a filter', () => {
  const rows: readonly (readonly [filters: readonly string[], chosen: readonly string[]])[] = [
    [['arch=amd64', 'release~(trusty|precise)'], ['trusty amd64 20261015']],
    [['release!=noble'], ['trusty amd64 20261015']],
    [['release!~^no'], ['trusty amd64 20261015']],
    [['arch = arm64 '], ['noble arm64 20261015']],
    [['version_name=20260901', 'arch=arm64'], ['noble arm64 20260901']],
    [['product_name~:14[.]04:'], ['trusty amd64 20261015']],
    [['content_id=com.ubuntu.cloud:released:download', 'release=trusty'], ['trusty amd64 20261015']],
    [['supported=True', 'release=trusty'], ['trusty amd64 20261015']],
    [['missing=', 'release=trusty'], ['trusty amd64 20261015']],
    [['missing!='], []],
    [['release~'], ['noble amd64 20261015', 'noble arm64 20261015', 'trusty amd64 20261015']],
  ];
  for (const [texts, chosen] of rows)
    it(`${texts.join(' ')} chooses ${chosen.length === 0 ? 'nothing' : chosen.join(', ')}`, async () =>
      assert.deepEqual(namesOf(chooseImages(cloud, wishing({ filters: await filtersOf(...texts) }))), chosen));

  it('on the subarchitecture, as sstream-mirror has it, finds a part of its name', async () => {
    const filters = await filtersOf('subarch~(generic|hwe-2)', 'arch=amd64');
    assert.deepEqual(namesOf(chooseImages(boot, wishing({ filters }))), ['noble amd64 hwe-24.04 20261015.1']);
  });

  it('on an item chooses files', async () => {
    const [image] = chooseImages(cloud, wishing({ filters: await filtersOf('item_name~^disk') }));
    assert.deepEqual(
      image?.files.map(({ name }) => name),
      ['disk-kvm.img', 'disk1.img'],
    );
  });

  const bad: readonly (readonly [text: string, problem: RegExp])[] = [
    ['arch', /^arch is not a filter: write TAG=VALUE/],
    ['=amd64', /is not a filter: write/],
    ['arch==', /^none$/],
    ['a~(', /is not a filter: .*missing closing/],
    ['a~(a)\\1', /is not a filter: .*invalid escape/],
    ['a~(?=x)', /is not a filter: .*invalid/],
    ['a~((a{100}){100}){100}', /is not a filter: .*repeat/],
    [`a~${'x'.repeat(600)}`, /is not a filter: use at most 512 characters/],
  ];
  for (const [text, problem] of bad)
    it(`${text.slice(0, 30)} is ${String(problem) === '/^none$/' ? 'accepted' : 'refused'}`, async () => {
      const parsed = await parseTagFilters([text]);
      assert.match(parsed.ok ? 'none' : parsed.problem, problem);
    });

  it('is one of at most 64', async () => {
    assert.equal((await parseTagFilters(Array.from({ length: 65 }, () => 'a=b'))).ok, false);
  });

  it('with an expression that takes exponential time elsewhere comes to an end', async () => {
    const [filter] = await filtersOf('a~(a+)+$');
    assert.equal(filter?.matches([new Map([['a', `${'a'.repeat(4000)}b`]])]), false);
  });
});

describe('a serial', () => {
  it('is ordered by its numbers', () => {
    const sorted = [
      '14.04.20140528',
      '20160914',
      '20240128_01',
      '20240423',
      '20240423.1',
      '20240423.9',
      '20240423.10',
      '20250101',
    ];
    assert.deepEqual([...sorted].reverse().sort(compareSerials), sorted);
    assert.ok(compareSerials('0020240423', '20240424') < 0);
    assert.ok(compareSerials('9'.repeat(400), '1'.repeat(401)) < 0);
    assert.notEqual(compareSerials('a', 'b'), 0);
    assert.equal(compareSerials('20240423', '20240423'), 0);
  });

  const days: readonly (readonly [serial: string, day: string | undefined])[] = [
    ['20240423', '2024-04-23'],
    ['20240423.1', '2024-04-23'],
    ['20240128_01', '2024-01-28'],
    ['14.04.20140528', '2014-05-28'],
    ['20241323', undefined],
    ['20240400', undefined],
    ['202404231', undefined],
    ['latest', undefined],
    ['', undefined],
  ];
  for (const [serial, day] of days)
    it(`${serial || 'that is empty'} names ${day ?? 'no day'}`, () => assert.equal(parseSerialDay(serial), day));
});
