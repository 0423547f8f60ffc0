// Decodes a document of products, `products:1.0`.
//
//   products ─ name ─▶ product ─ versions ─ serial ─▶ version ─ items ─ name ─▶ item
//
// Source: simplestreams 0.1, and what images.maas.io, cloud-images.ubuntu.com and
// images.linuxcontainers.org serve. `tags.ts` says how the levels inherit.
//
// 1. Every path is contained (contained-path.ts), and every checksum has the length of its algorithm.
// 2. An item without a path is no file (an image in a cloud, for example), and is skipped.
// 3. Each subarchitecture (`subarch`) that the items of a version name is one image. Items that
//    name none belong to all of them. The lists of all images together are bounded: they can be far
//    larger than the document.
// 4. The variants of a release (`variant`, of LXD and Incus) are releases of their own: `bookworm` and
//    `bookworm-cloud`.
// 5. Unknown fields and file types become unchecked tags.

import type { Fields } from '../../ground/fields.ts';
import { CONTAINED_PATH, isContainedPath } from './contained-path.ts';
import { type DocumentDecoded, memberPath } from './document-fault.ts';
import { FieldReader } from './field-reader.ts';
import { compareSerials } from './serial.ts';
import type { StreamFile, StreamImage, StreamProduct, StreamProducts } from './stream-products.ts';
import { kindOfFile } from './stream-products.ts';
import { decodeStreamText } from './stream-text.ts';
import { findTag, getTag, TagReader, type Tags } from './tags.ts';

const PRODUCTS_MAX = 20_000;
const VERSIONS_MAX = 2000;
/** Bounds the items of one version: a document of a cloud has one for each region and kind of disk. */
const ITEMS_MAX = 2000;
/** A file counts for each image that has it. Ubuntu's released images have some 40 000. */
const FILES_MAX = 250_000;
/** Other names of releases, and subarchitectures, of all images. MAAS's have some 50 000. */
const LISTED_MAX = 1_000_000;
const NAME_CHARACTERS_MAX = 256;
const SHA256_DIGITS = 64;
const SHA512_DIGITS = 128;

interface Level {
  readonly fields: Fields;
  readonly path: string;
  readonly tags: Tags;
}

/** Decodes a document of products. @param document its bytes, or its text without the clear signature */
export function decodeStreamProducts(document: Uint8Array | string): DocumentDecoded<StreamProducts> {
  const fields = decodeStreamText(document, 'products:1.0');
  return fields.ok ? new ProductsDecoder(fields.value).decode() : fields;
}

class ProductsDecoder {
  readonly #reader = new FieldReader();
  readonly #document: Fields;
  readonly #tags: TagReader;
  #files = 0;
  #listed = 0;

  constructor(document: Fields) {
    this.#document = document;
    this.#tags = new TagReader(this.#reader, document);
  }

  decode(): DocumentDecoded<StreamProducts> {
    const reader = this.#reader;
    const root: Level = { fields: this.#document, path: '', tags: [] };
    const document = { ...root, tags: [this.#tags.level(root.fields, '')] };
    const products = this.#levels(document, 'products', 'product_name', PRODUCTS_MAX);
    return reader.done({
      contentId: reader.text(root.fields, 'content_id', '', NAME_CHARACTERS_MAX),
      datatype: getTag(document.tags, 'datatype'),
      updated: getTag(document.tags, 'updated'),
      products: Array.from(products, ([name, level]) => this.#product(name, level)),
    });
  }

  /** Ends at the first fault. */
  *#levels(above: Level, key: string, nameTag: string, max: number): Generator<readonly [name: string, level: Level]> {
    const reader = this.#reader;
    for (const [name, value] of reader.members(above.fields, key, above.path, key, max)) {
      if (reader.isFaulty) return;
      const path = memberPath(memberPath(above.path, key), name);
      if (name.length > NAME_CHARACTERS_MAX)
        reader.fail('too-large', path, `a name of at most ${NAME_CHARACTERS_MAX} characters`, name);
      const fields = reader.object(value, path);
      yield [name, { fields, path, tags: [this.#tags.level(fields, path, [[nameTag, name]]), ...above.tags] }];
    }
  }

  #product(name: string, level: Level): StreamProduct {
    const versions = Array.from(this.#levels(level, 'versions', 'version_name', VERSIONS_MAX), ([serial, version]) =>
      this.#images(name, serial, version),
    );
    return { name, images: versions.flat().toSorted((a, b) => compareSerials(b.serial, a.serial)) };
  }

  /** One for each subarchitecture, with its own files and those that name none. */
  #images(product: string, serial: string, level: Level): readonly StreamImage[] {
    const { tags, path } = level;
    const files: StreamFile[] = [];
    for (const [name, item] of this.#levels(level, 'items', 'item_name', ITEMS_MAX)) {
      const file = this.#file(name, item);
      if (file !== undefined) files.push(file);
    }
    const variant = formatVariant(tags);
    const release = `${getTag(tags, 'release')}${variant}`;
    const version = getTag(tags, 'version');
    const listed = this.#list(path, getTag(tags, 'aliases')).map(releaseOfAlias);
    const names = new Set([version, ...listed].map((name) => (name === '' ? '' : `${name}${variant}`)));
    const image = {
      product,
      serial,
      release,
      version,
      os: getTag(tags, 'os'),
      aliases: [...names].filter((alias) => alias !== release && alias !== ''),
      title: `${getTag(tags, 'release_title')}${variant.replace(/^-(.*)/, ' ($1)')}`.trimStart(),
      arch: getTag(tags, 'arch'),
      label: getTag(tags, 'label'),
      supportEnds: getTag(tags, 'support_eol'),
    };
    const bySubarch = Map.groupBy(files, ownSubarch);
    const named = [...bySubarch.keys()].filter((subarch) => subarch !== undefined);
    const subarches = named.length > 0 ? named.toSorted() : [findTag(tags, 'subarch') ?? 'generic'];
    const images: StreamImage[] = [];
    for (const subarch of subarches) {
      if (this.#reader.isFaulty) break;
      const own = [undefined, subarch]
        .flatMap((subarch) => bySubarch.get(subarch) ?? [])
        .toSorted((a, b) => (a.name < b.name ? -1 : 1));
      this.#files += own.length;
      if (this.#files > FILES_MAX) this.#reader.fail('too-large', path, `at most ${FILES_MAX} files`, this.#files);
      const texts = new Set([tags, ...own.map((file) => file.tags)].map((level) => getTag(level, 'subarches')));
      const lists = [...texts].flatMap((text) => this.#list(path, text));
      images.push({ ...image, subarch, subarches: [...new Set([subarch, ...lists])], files: own });
    }
    return images;
  }

  /** Splits a comma-separated list; empty after a fault. */
  #list(path: string, text: string): readonly string[] {
    if (this.#reader.isFaulty) return [];
    const list = text.split(',');
    // Empty entries count, too: they cost as much to read.
    this.#listed += list.length;
    if (this.#listed <= LISTED_MAX) return list.map((entry) => entry.trim()).filter((entry) => entry !== '');
    this.#reader.fail('too-large', path, `at most ${LISTED_MAX} names in the lists of all images`, this.#listed);
    return [];
  }

  #file(name: string, { path: at, tags }: Level): StreamFile | undefined {
    const reader = this.#reader;
    const path = findTag(tags, 'path');
    if (path === undefined) return undefined;
    if (!isContainedPath(path)) reader.fail('bad-value', memberPath(at, 'path'), CONTAINED_PATH, path);
    const ftype = findTag(tags, 'ftype') ?? name;
    return {
      name,
      ftype,
      path,
      tags,
      kind: kindOfFile(ftype),
      bytes: this.#bytes(at, tags),
      sha256: this.#hash(at, tags, 'sha256', SHA256_DIGITS),
      sha512: this.#hash(at, tags, 'sha512', SHA512_DIGITS),
    };
  }

  #bytes(at: string, tags: Tags): number | undefined {
    const text = findTag(tags, 'size');
    if (text === undefined) return undefined;
    const bytes = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(bytes)) return bytes;
    this.#reader.fail('bad-value', memberPath(at, 'size'), 'a number of bytes', text);
    return undefined;
  }

  #hash(at: string, tags: Tags, name: string, digits: number): string | undefined {
    const hex = findTag(tags, name);
    if (hex === undefined || (hex.length === digits && /^[0-9a-f]+$/i.test(hex))) return hex?.toLowerCase();
    this.#reader.fail('bad-value', memberPath(at, name), `${digits} hexadecimal digits`, hex);
    return undefined;
  }
}

/** The subarchitecture that the item itself names; undefined: none. */
const ownSubarch = ({ tags: [own] }: StreamFile): string | undefined => own?.get('subarch');

/** LXD's and Incus's `cloud` is `-cloud`. Empty: the release itself, their `default`. */
function formatVariant(tags: Tags): string {
  const variant = getTag(tags, 'variant');
  return variant === '' || variant === 'default' ? '' : `-${variant}`;
}

/** LXD's and Incus's aliases are `SYSTEM/RELEASE` or `SYSTEM/RELEASE/VARIANT`. */
const releaseOfAlias = (alias: string): string => alias.split('/')[1] ?? alias;
