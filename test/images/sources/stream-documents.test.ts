// Documents of simplestreams are decoded whole, and every bad one is refused by its path.
// @host computes, 10 s

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeStreamProducts } from '../../../src/images/sources/decode-products.ts';
import { type DocumentDecoded, describeDocumentFault } from '../../../src/images/sources/document-fault.ts';
import { decodeStreamIndex, judgeDocument } from '../../../src/images/sources/stream-index.ts';
import type { StreamFile, StreamImage, StreamProducts } from '../../../src/images/sources/stream-products.ts';
import { indexDocument, productsDocument, WHOLE_SITE } from '../../support/stream-site.ts';

const bytesOf = (document: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(document));
const products = (): Record<string, unknown> => ({ content_id: 'a:b', format: 'products:1.0', products: {} });
const SHA256 = 'ab'.repeat(32);

/** A document with one item. */
const withItem = (item: unknown): unknown => ({
  ...products(),
  products: { p: { versions: { '20260101': { items: { i: item } } } } },
});

function decodedOf<T>(decoded: DocumentDecoded<T>): T {
  if (!decoded.ok) assert.fail(describeDocumentFault(decoded.fault));
  return decoded.value;
}

/** The code of a fault, and its path. */
const faultOf = (decoded: DocumentDecoded<unknown>): string =>
  decoded.ok ? 'none' : `${decoded.fault.code} ${decoded.fault.path}`;

const decodeProducts = (document: unknown): DocumentDecoded<StreamProducts> => decodeStreamProducts(bytesOf(document));

function imageOf(document: unknown): StreamImage {
  const [image] = decodedOf(decodeProducts(document)).products[0]?.images ?? [];
  assert.ok(image !== undefined);
  return image;
}

function fileOf(item: unknown): StreamFile {
  const [file] = imageOf(withItem(item)).files;
  assert.ok(file !== undefined);
  return file;
}

describe('a document of products', () => {
  it('of every content id of MAAS and Ubuntu is decoded with all products, versions and files', () => {
    const kinds = new Set<string>();
    for (const [contentId, site] of Object.entries(WHOLE_SITE)) {
      const decoded = decodedOf(decodeProducts(productsDocument(contentId, site)));
      assert.equal(decoded.contentId, contentId);
      assert.deepEqual(
        decoded.products.map(({ name }) => name),
        Object.keys(site),
      );
      for (const { name, images } of decoded.products) {
        const written = site[name]?.versions ?? {};
        assert.equal(images.length, Object.keys(written).length);
        for (const { serial, files, arch } of images) {
          assert.deepEqual(new Set(files.map((file) => file.name)), new Set(Object.keys(written[serial]?.files ?? {})));
          assert.notEqual(arch, '');
          for (const { kind, sha256, bytes } of files) {
            kinds.add(kind);
            assert.match(sha256 ?? '', /^[0-9a-f]{64}$/);
            assert.ok((bytes ?? 0) > 0);
          }
        }
      }
    }
    const all = 'kernel initrd device-tree squashfs root-archive root-image disk manifest loader other';
    assert.deepEqual([...kinds].sort(), all.split(' ').sort());
  });

  it('has the fields of an image, its versions newest first', () => {
    const id = 'com.ubuntu.maas:stable:v3:download';
    const [boot] = decodedOf(decodeProducts(productsDocument(id, WHOLE_SITE[id] ?? {}))).products;
    assert.deepEqual(
      boot?.images.map(({ serial }) => serial),
      ['20261015.1', '20261015', '20260901'],
    );
    const { files, subarches, ...fields } = boot?.images[0] ?? assert.fail();
    assert.deepEqual(fields, {
      product: 'com.ubuntu.maas.stable:v3:boot:24.04:amd64:ga-24.04',
      serial: '20261015.1',
      os: 'ubuntu',
      release: 'noble',
      version: '24.04',
      aliases: ['24.04'],
      title: '24.04 LTS',
      arch: 'amd64',
      subarch: 'ga-24.04',
      label: 'stable',
      supportEnds: '2029-05-31',
    });
    assert.ok(subarches.includes('ga-24.04') && subarches.includes('hwe-t') && subarches.includes('generic'));
    assert.deepEqual(
      files.map(({ name }) => name),
      ['boot-initrd', 'boot-kernel', 'manifest', 'squashfs'],
    );
  });

  it('gives each level the tags of those above it, unless it has its own', () => {
    const item = { path: 'a', label: 'of the item' };
    const at = (document: object, product: object, version: object, own: object): StreamImage =>
      imageOf({
        ...products(),
        ...document,
        products: { p: { ...product, versions: { '20260101': { ...version, items: { i: { ...item, ...own } } } } } },
      });
    const image = at(
      { os: 'top', arch: 'top', label: 'top' },
      { arch: 'product', label: 'product' },
      { label: 'version' },
      {},
    );
    assert.deepEqual([image.os, image.arch, image.label], ['top', 'product', 'version']);
    const inherited = at({ ftype: 'squashfs' }, { sha256: SHA256.toUpperCase() }, { size: '17' }, {});
    const [file] = inherited.files;
    assert.deepEqual([file?.ftype, file?.kind, file?.sha256, file?.bytes], ['squashfs', 'squashfs', SHA256, 17]);
    assert.equal(at({}, { path: 'of-product' }, {}, {}).files[0]?.path, 'a');
  });

  it('gives a level the tags for which an alias stands, after its own', () => {
    const document = {
      ...products(),
      _aliases: { crsn: { ne1: { os: 'of the alias', arch: 'of the alias' } } },
      products: { p: { crsn: 'ne1', arch: 'own', versions: { '20260101': { items: { i: { path: 'a' } } } } } },
    };
    const { os, arch } = imageOf(document);
    assert.deepEqual([os, arch], ['of the alias', 'own']);
  });

  it('has no file without a path, and keeps unknown types by their name', () => {
    assert.deepEqual(imageOf(withItem({ id: 'ami-1', region: 'x' })).files, []);
    const { name, ftype, kind } = fileOf({ path: 'x/y', ftype: 'vhd.zip' });
    assert.deepEqual([name, ftype, kind], ['i', 'vhd.zip', 'other']);
    assert.equal(fileOf({ path: 'x/y' }).ftype, 'i');
  });

  const deep = `${'{"a":'.repeat(20)}1${'}'.repeat(20)}`;
  const many = `[${'[],'.repeat(2_000_001)}[]]`;
  const wide = `{"format":"products:1.0","a":{"b":0${',"b":0'.repeat(200_000)}}}`;
  const rows: readonly (readonly [name: string, document: Uint8Array | string, fault: string])[] = [
    ['33 MiB', new Uint8Array(32 * 1024 * 1024 + 1), 'too-large '],
    ['33 MiB of text', ' '.repeat(32 * 1024 * 1024 + 1), 'too-large '],
    ['nothing', '', 'not-readable '],
    ['other bytes', new Uint8Array([0xff, 0xfe]), 'not-readable '],
    ['deep nesting', deep, 'too-deep '],
    ['two million lists', many, 'too-large '],
    ['200 001 members in one object', wide, 'too-large '],
    ['a list', '[]', 'wrong-type '],
    ['another format', '{"format":"index:1.0"}', 'bad-value format'],
    ['no format', '{"__proto__":{"format":"products:1.0"}}', 'missing format'],
    ['no products', '{"format":"products:1.0","content_id":"a"}', 'missing products'],
    ['no content id', '{"format":"products:1.0","products":{}}', 'missing content_id'],
  ];
  for (const [name, document, fault] of rows)
    it(`of ${name} is refused`, () => assert.equal(faultOf(decodeStreamProducts(document)), fault));

  const paths = '../a|/a|a/../b|http://x/a|a\\b|a\0b|a//b|./a|a/||%2e%2e/a|a?b|a#b|javascript:x|a b|ä'.split('|');
  const items: readonly (readonly [name: string, item: unknown, fault: string])[] = [
    ...[...paths, 'a'.repeat(2000)].map(
      (path) => [`the path ${JSON.stringify(path.slice(0, 20))}`, { path }, 'bad-value .path'] as const,
    ),
    ['a list as path', { path: ['a'] }, 'wrong-type .path'],
    ...[-1, 1e30, 0.5, '9007199254740992', true].map(
      (size) => [`the size ${size}`, { path: 'a', size }, 'bad-value .size'] as const,
    ),
    ['an object as size', { path: 'a', size: {} }, 'wrong-type .size'],
    ['a short sha256', { path: 'a', sha256: 'ab' }, 'bad-value .sha256'],
    ['a sha256 of other letters', { path: 'a', sha256: 'x'.repeat(64) }, 'bad-value .sha256'],
    ['a long tag', { path: 'a', note: 'x'.repeat(5000) }, 'too-large .note'],
    ['201 tags', { ...Object.fromEntries(Array.from({ length: 201 }, (_, n) => [`t${n}`, 'x'])) }, 'too-large '],
    ['a text in its place', 'text', 'wrong-type '],
    ['nothing in its place', null, 'wrong-type '],
  ];
  for (const [name, item, fault] of items)
    it(`with an item that has ${name} is refused`, () => {
      const found = faultOf(decodeProducts(withItem(item)));
      assert.equal(found.replace('products.p.versions.20260101.items.i', ''), fault);
    });

  it('with wrong levels is refused by its path, in which keys are clean and short', () => {
    const product = (value: unknown) => ({ ...products(), products: { 'a\u001b[31m.b': value } });
    const at = 'products."a\\\\x1b[31m.b"';
    assert.equal(faultOf(decodeProducts(product(7))), `wrong-type ${at}`);
    assert.equal(faultOf(decodeProducts(product({}))), `missing ${at}.versions`);
    assert.equal(faultOf(decodeProducts({ ...products(), products: [] })), 'wrong-type products');
    const long = decodeProducts({ ...products(), products: { ['x'.repeat(100_000)]: {} } });
    assert.ok(!long.ok && describeDocumentFault(long.fault).length < 300);
    const versions = Object.fromEntries(Array.from({ length: 2001 }, (_, n) => [String(n), { items: {} }]));
    assert.equal(faultOf(decodeProducts(product({ versions }))), `too-large ${at}.versions`);
  });

  const several = <T>(count: number, make: (at: number) => T): Record<string, T> =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`n${at}`, make(at)]));
  const version = (tags: object, items: object) => ({
    ...products(),
    products: { p: { versions: { '20260101': { ...tags, items } } } },
  });
  const names = Array(1900).fill('a').join();
  const growing: readonly (readonly [name: string, document: object, expected: string])[] = [
    [
      'shared files for each of many subarchitectures',
      version(
        {},
        several(2000, (at) => (at % 2 === 0 ? { path: 'a' } : { path: 'a', subarch: `s${at}` })),
      ),
      'at most 250000 files',
    ],
    [
      'a list of subarchitectures for each of many',
      version(
        { subarches: names },
        several(1000, (at) => ({ path: 'a', subarch: `s${at}` })),
      ),
      'at most 1000000 names in the lists of all images',
    ],
    [
      'a list of empty names for each of many subarchitectures',
      version(
        { subarches: ','.repeat(4000) },
        several(1000, (at) => ({ path: 'a', subarch: `s${at}` })),
      ),
      'at most 1000000 names in the lists of all images',
    ],
    [
      'a list of subarchitectures for each of many files',
      version(
        {},
        several(2000, (at) => ({ path: 'a', subarches: `${at},${names}` })),
      ),
      'at most 1000000 names in the lists of all images',
    ],
    [
      'a list of other names for each of many versions',
      { ...products(), products: { p: { aliases: names, versions: several(1000, () => ({ items: {} })) } } },
      'at most 1000000 names in the lists of all images',
    ],
    [
      'a level with tags of many aliases',
      {
        ...products(),
        _aliases: several(199, (one) => ({
          x: Object.fromEntries(Array.from({ length: 199 }, (_, at) => [`${one} ${at}`, ''])),
        })),
        products: { p: { ...several(199, () => 'x'), versions: {} } },
      },
      'at most 200 tags',
    ],
    [
      'levels with tags of one alias',
      {
        ...products(),
        _aliases: { a: { x: several(190, () => '') } },
        products: several(6, () => ({ versions: { '20260101': { items: several(1000, () => ({ a: 'x' })) } } })),
      },
      'at most 1000000 tags in all levels',
    ],
  ];
  for (const [name, document, expected] of growing)
    it(`with ${name}, which is far larger once decoded, is refused`, () => {
      const decoded = decodeProducts(document);
      assert.partialDeepStrictEqual(decoded, { ok: false, fault: { code: 'too-large', expected } });
    });

  it('takes hardly longer for many subarchitectures in one version than for as many in several', () => {
    const decodeMs = (versions: number, items: number): number => {
      const made = several(items, (at) => ({ path: 'a', subarch: `s${at}` }));
      const document = bytesOf({
        ...products(),
        products: { p: { versions: several(versions, () => ({ items: made })) } },
      });
      const before = process.cpuUsage();
      assert.equal(decodedOf(decodeStreamProducts(document)).products[0]?.images.length, versions * items);
      return process.cpuUsage(before).user / 1000;
    };
    decodeMs(200, 50); // The first run is compiled, and takes longer.
    const split = decodeMs(200, 50);
    const whole = decodeMs(5, 2000);
    assert.ok(whole < 3 * split, `${whole} ms instead of ${split} ms`);
  });

  it('with __proto__ and constructor as names has them as names, and changes no object', () => {
    const text =
      '{"format":"products:1.0","content_id":"a","products":{"__proto__":{"__proto__":"x","os":"o","versions":' +
      '{"constructor":{"items":{"__proto__":{"path":"a/b","toString":"x"}}}}}}}';
    const { products: found } = decodedOf(decodeStreamProducts(text));
    assert.deepEqual([found[0]?.name, found[0]?.images[0]?.serial], ['__proto__', 'constructor']);
    assert.equal(found[0]?.images[0]?.files[0]?.name, '__proto__');
    assert.equal(Object.hasOwn(Object.prototype, 'os'), false);
  });

  it('cut short at any byte is refused, and one with trailing bytes, too', () => {
    const id = 'com.ubuntu.cloud:released:download';
    const [name = '', product] = Object.entries(WHOLE_SITE[id] ?? {})[0] ?? [];
    assert.ok(product !== undefined);
    const whole = bytesOf(productsDocument(id, { [name]: product }));
    for (let length = 0; length < whole.length; length += 7)
      assert.equal(decodeStreamProducts(whole.subarray(0, length)).ok, false, String(length));
    assert.equal(decodeStreamProducts(Buffer.concat([whole, Buffer.from('}')])).ok, false);
  });

  it('of any JSON, even within the right frame, is decoded or refused, but never throws', () => {
    const any = fc.jsonValue({ maxDepth: 6 });
    fc.assert(
      fc.property(any, (value) => {
        decodeProducts(value);
        for (const document of [
          { ...products(), products: value },
          { ...products(), products: { p: value } },
          { ...products(), products: { p: { versions: value } } },
          { ...products(), products: { p: { versions: { v: { items: value } } } } },
          { ...products(), _aliases: value, products: { p: { crsn: 'x', versions: {} } } },
          withItem(value),
        ])
          decodeProducts(document);
        decodeStreamIndex(bytesOf({ format: 'index:1.0', index: value }));
        decodeStreamIndex(bytesOf({ format: 'index:1.0', index: { a: value } }));
      }),
      { numRuns: 300 },
    );
  });
});

describe('an index', () => {
  it('lists the documents of a site, signed or not', () => {
    const { entries } = decodedOf(decodeStreamIndex(bytesOf(indexDocument(WHOLE_SITE, true))));
    assert.deepEqual(
      entries.map(({ contentId }) => contentId),
      Object.keys(WHOLE_SITE),
    );
    for (const { contentId, path, format, datatype, products: names } of entries) {
      assert.equal(path, `streams/v1/${contentId}.sjson`);
      assert.deepEqual([format, datatype], ['products:1.0', 'image-downloads']);
      assert.deepEqual(names, Object.keys(WHOLE_SITE[contentId] ?? {}));
    }
    const [unsigned] = decodedOf(decodeStreamIndex(bytesOf(indexDocument(WHOLE_SITE, false)))).entries;
    assert.ok(unsigned?.path.endsWith('.json'));
  });

  it('names the document at a path, by its content id and datatype', () => {
    const entry = { contentId: 'x:stable', path: 'a', format: '', datatype: 'image-downloads', products: [] };
    const judge = (contentId: string, datatype: string) => judgeDocument({ contentId, datatype }, [entry]);
    assert.equal(judge('x:stable', 'image-downloads'), undefined);
    assert.equal(judge('x:stable', ''), undefined);
    assert.match(judge('x:candidate', 'image-downloads') ?? '', /^it is "x:candidate", but the index has "x:stable"/);
    assert.match(judge('x:stable', 'image-ids') ?? '', /^it has the datatype "image-ids" instead of "image-downloads"/);
    const other = { ...entry, contentId: 'x:candidate' };
    assert.equal(judgeDocument({ contentId: 'x:candidate', datatype: '' }, [entry, other]), undefined);
  });

  const entry = { path: 'a', format: 'products:1.0' };
  const rows: readonly (readonly [name: string, index: unknown, fault: string])[] = [
    ['no path', { a: {} }, 'missing index.a.path'],
    ['a path to another site', { a: { ...entry, path: 'https://x/a' } }, 'bad-value index.a.path'],
    ['a path above the site', { a: { ...entry, path: '../../x' } }, 'bad-value index.a.path'],
    ['a number as format', { a: { ...entry, format: 1 } }, 'wrong-type index.a.format'],
    ['an object as products', { a: { ...entry, products: {} } }, 'wrong-type index.a.products'],
    ['a number among its products', { a: { ...entry, products: ['a', 7] } }, 'wrong-type index.a.products'],
    ['a long id', { ['a'.repeat(300)]: entry }, `too-large index."${'a'.repeat(79)}…"`],
    ['1001 entries', Object.fromEntries(Array.from({ length: 1001 }, (_, n) => [`e${n}`, entry])), 'too-large index'],
    ['a text in its place', 'x', 'wrong-type index'],
  ];
  for (const [name, index, fault] of rows)
    it(`with ${name} is refused`, () =>
      assert.equal(faultOf(decodeStreamIndex(bytesOf({ format: 'index:1.0', index }))), fault));
});
