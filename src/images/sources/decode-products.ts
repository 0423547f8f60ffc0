// Decodes a document of products, `products:1.0`.
//
//   products ─ name ─▶ product ─ versions ─ serial ─▶ version ─ items ─ name ─▶ item
//
// Source: simplestreams 0.1, and what images.maas.io, cloud-images.ubuntu.com and
// images.linuxcontainers.org serve. `tags.ts` says how the levels inherit.
//
// 1. Every path is contained (contained-path.ts), and every checksum has the length of its algorithm.
// 2. An item without a path, such as an image in a cloud, is not a file, and is skipped.
// 3. Each subarchitecture (`subarch`) that the items of a version name is one image. Items that
//    name none belong to all of them. The lists of all images together are bounded, because they
//    can be far larger than the document.
// 4. The variants of a release (`variant`, of LXD and Incus) are releases of their own: `bookworm` and
//    `bookworm-cloud`.
// 5. Unknown fields and file types become unchecked tags.

import type { Fields } from '../../ground/fields.ts';
import { CONTAINED_PATH, isContainedPath } from './contained-path.ts';
import { type DocumentDecoded, memberPath } from './document-fault.ts';
import { FieldReader } from './field-reader.ts';
import { compareSerials } from './serial.ts';
import type { StreamFile, StreamImage, StreamProduct, StreamProducts } from './stream-products.ts';
import { recogniseFileKind } from './stream-products.ts';
import { decodeStreamText } from './stream-text.ts';
import { findTag, getTag, TagReader, type Tags } from './tags.ts';

const PRODUCTS_MAX = 20_000;
const VERSIONS_MAX = 2000;
/** Bounds the items of one version: a document of a cloud has one for each region and kind of disk. */
const ITEMS_MAX = 2000;
/** A file counts for each image that has it. Ubuntu's released images have some 40 000. */
const FILES_MAX = 250_000;
/**
 * Bound on the entries of lists (aliases and subarchitectures) of all images. MAAS's site has some
 * 50 000.
 */
const LIST_ENTRIES_MAX = 1_000_000;
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
  #listEntries = 0;

  constructor(document: Fields) {
    this.#document = document;
    this.#tags = new TagReader(this.#reader, document);
  }

  decode(): DocumentDecoded<StreamProducts> {
    const reader = this.#reader;
    const root: Level = { fields: this.#document, path: '', tags: [] };
    const rootLevel = { ...root, tags: [this.#tags.readLevel(root.fields, '')] };
    const products = this.#readLevels(rootLevel, 'products', 'product_name', PRODUCTS_MAX);
    return reader.finish({
      contentId: reader.text(root.fields, 'content_id', '', NAME_CHARACTERS_MAX),
      datatype: getTag(rootLevel.tags, 'datatype'),
      updated: getTag(rootLevel.tags, 'updated'),
      products: Array.from(products, ([name, level]) => this.#readProduct(name, level)),
    });
  }

  /** Reads the levels below a level. Ends at the first fault. */
  *#readLevels(
    parent: Level,
    key: string,
    nameTag: string,
    max: number,
  ): Generator<readonly [name: string, level: Level]> {
    const reader = this.#reader;
    for (const [name, value] of reader.members(parent.fields, key, parent.path, key, max)) {
      if (reader.isFaulty) return;
      const path = memberPath(memberPath(parent.path, key), name);
      if (name.length > NAME_CHARACTERS_MAX)
        reader.fail('too-large', path, `a name of at most ${NAME_CHARACTERS_MAX} characters`, name);
      const fields = reader.object(value, path);
      yield [name, { fields, path, tags: [this.#tags.readLevel(fields, path, [[nameTag, name]]), ...parent.tags] }];
    }
  }

  #readProduct(name: string, level: Level): StreamProduct {
    const versions = Array.from(
      this.#readLevels(level, 'versions', 'version_name', VERSIONS_MAX),
      ([serial, version]) => this.#readImages(name, serial, version),
    );
    return { name, images: versions.flat().toSorted((a, b) => compareSerials(b.serial, a.serial)) };
  }

  /**
   * Reads one image for each subarchitecture, with the files of that subarchitecture and the files
   * that name none.
   */
  #readImages(product: string, serial: string, level: Level): readonly StreamImage[] {
    const { tags, path } = level;
    const files: StreamFile[] = [];
    for (const [name, item] of this.#readLevels(level, 'items', 'item_name', ITEMS_MAX)) {
      const file = this.#readFile(name, item);
      if (file !== undefined) files.push(file);
    }
    const variant = formatVariant(tags);
    const release = `${getTag(tags, 'release')}${variant}`;
    const version = getTag(tags, 'version');
    const aliasNames = this.#splitList(path, getTag(tags, 'aliases')).map(parseAliasRelease);
    const names = new Set([version, ...aliasNames].map((name) => (name === '' ? '' : `${name}${variant}`)));
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
    const bySubarch = Map.groupBy(files, getOwnSubarch);
    const namedSubarches = [...bySubarch.keys()].filter((subarch) => subarch !== undefined);
    const subarches = namedSubarches.length > 0 ? namedSubarches.toSorted() : [findTag(tags, 'subarch') ?? 'generic'];
    const images: StreamImage[] = [];
    for (const subarch of subarches) {
      if (this.#reader.isFaulty) break;
      const ownFiles = [undefined, subarch]
        .flatMap((subarch) => bySubarch.get(subarch) ?? [])
        .toSorted((a, b) => (a.name < b.name ? -1 : 1));
      this.#files += ownFiles.length;
      if (this.#files > FILES_MAX) this.#reader.fail('too-large', path, `at most ${FILES_MAX} files`, this.#files);
      const texts = new Set([tags, ...ownFiles.map((file) => file.tags)].map((level) => getTag(level, 'subarches')));
      const lists = [...texts].flatMap((text) => this.#splitList(path, text));
      images.push({ ...image, subarch, subarches: [...new Set([subarch, ...lists])], files: ownFiles });
    }
    return images;
  }

  /** Splits a comma-separated list. Empty after a fault. */
  #splitList(path: string, text: string): readonly string[] {
    if (this.#reader.isFaulty) return [];
    const list = text.split(',');
    // Empty entries count, too, because they take as long to read.
    this.#listEntries += list.length;
    if (this.#listEntries <= LIST_ENTRIES_MAX) return list.map((entry) => entry.trim()).filter((entry) => entry !== '');
    this.#reader.fail(
      'too-large',
      path,
      `at most ${LIST_ENTRIES_MAX} names in the lists of all images`,
      this.#listEntries,
    );
    return [];
  }

  #readFile(name: string, { path: itemPath, tags }: Level): StreamFile | undefined {
    const reader = this.#reader;
    const path = findTag(tags, 'path');
    if (path === undefined) return undefined;
    if (!isContainedPath(path)) reader.fail('bad-value', memberPath(itemPath, 'path'), CONTAINED_PATH, path);
    const ftype = findTag(tags, 'ftype') ?? name;
    return {
      name,
      ftype,
      path,
      tags,
      kind: recogniseFileKind(ftype),
      bytes: this.#readBytes(itemPath, tags),
      sha256: this.#readHash(itemPath, tags, 'sha256', SHA256_DIGITS),
      sha512: this.#readHash(itemPath, tags, 'sha512', SHA512_DIGITS),
    };
  }

  #readBytes(itemPath: string, tags: Tags): number | undefined {
    const text = findTag(tags, 'size');
    if (text === undefined) return undefined;
    const bytes = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(bytes)) return bytes;
    this.#reader.fail('bad-value', memberPath(itemPath, 'size'), 'a number of bytes', text);
    return undefined;
  }

  #readHash(itemPath: string, tags: Tags, name: string, digits: number): string | undefined {
    const hex = findTag(tags, name);
    if (hex === undefined || (hex.length === digits && /^[0-9a-f]+$/i.test(hex))) return hex?.toLowerCase();
    this.#reader.fail('bad-value', memberPath(itemPath, name), `${digits} hexadecimal digits`, hex);
    return undefined;
  }
}

/** Returns the subarchitecture that the item itself names. Undefined if it names none. */
const getOwnSubarch = ({ tags: [ownTags] }: StreamFile): string | undefined => ownTags?.get('subarch');

/**
 * Formats the variant of LXD and Incus: `cloud` becomes `-cloud`. Empty for `default`, which is the
 * release itself.
 */
function formatVariant(tags: Tags): string {
  const variant = getTag(tags, 'variant');
  return variant === '' || variant === 'default' ? '' : `-${variant}`;
}

/**
 * Parses the release of an alias. Aliases of LXD and Incus are `SYSTEM/RELEASE` or
 * `SYSTEM/RELEASE/VARIANT`.
 */
const parseAliasRelease = (alias: string): string => alias.split('/')[1] ?? alias;
