// Decodes the index of a simplestreams site, `streams/v1/index.json`: the list of its documents of products.
//
// Source: the format `index:1.0` as simplestreams 0.1 writes and reads it, and as images.maas.io
// and cloud-images.ubuntu.com serve it.

import { joinNames } from '../../ground/counted.ts';
import { CONTAINED_PATH, isContainedPath } from './contained-path.ts';
import { type DocumentDecoded, memberPath } from './document-fault.ts';
import { FieldReader } from './field-reader.ts';
import type { StreamProducts } from './stream-products.ts';
import { decodeStreamText } from './stream-text.ts';

interface StreamIndex {
  /** The time of the last change, as the site writes it. Empty if unknown. */
  readonly updated: string;
  readonly entries: readonly IndexEntry[];
}

interface IndexEntry {
  /** Unique: `com.ubuntu.maas:stable:v3:download`. */
  readonly contentId: string;
  /** Below the site's URL, which it cannot leave. */
  readonly path: string;
  /** The format. `products:1.0` is a document of products. Other formats may follow. */
  readonly format: string;
  /** The datatype, such as `image-downloads` or `image-ids`. Empty if unknown. */
  readonly datatype: string;
  /** The products of the document. Empty if the index does not list them. */
  readonly products: readonly string[];
}

const ENTRIES_MAX = 1000;
const PRODUCTS_MAX = 20_000;
const NAME_CHARACTERS_MAX = 256;
const TEXT_CHARACTERS_MAX = 1024;
const CONTENT_IDS_SHOWN_MAX = 3;

/**
 * Finds why a document of products is not the one that the index names at its path. Undefined if it
 * is the right one. A mirror could serve the signed document of another path, such as candidate
 * images instead of a release.
 * @param entries the entries of the index with this path
 */
export function judgeDocument(
  { contentId, datatype }: Pick<StreamProducts, 'contentId' | 'datatype'>,
  entries: readonly IndexEntry[],
): string | undefined {
  const entry = entries.find((candidate) => candidate.contentId === contentId);
  if (entry === undefined) {
    const names = joinNames(
      entries.map((candidate) => JSON.stringify(candidate.contentId)),
      CONTENT_IDS_SHOWN_MAX,
    );
    return `it is ${JSON.stringify(contentId)}, but the index has ${names} at this path; the mirror may be damaged or false: use another one`;
  }
  const hasOtherDatatype = datatype !== '' && entry.datatype !== '' && datatype !== entry.datatype;
  return hasOtherDatatype
    ? `it has the datatype ${JSON.stringify(datatype)} instead of ${JSON.stringify(entry.datatype)}, as the index has it`
    : undefined;
}

/** Decodes an index. @param document its bytes, or its text without the clear signature */
export function decodeStreamIndex(document: Uint8Array | string): DocumentDecoded<StreamIndex> {
  const fields = decodeStreamText(document, 'index:1.0');
  if (!fields.ok) return fields;
  const reader = new FieldReader();
  const members = reader.members(fields.value, 'index', '', 'entries', ENTRIES_MAX);
  const entries = members.map(([contentId, value]) => decodeEntry(reader, contentId, value));
  const updated = reader.optionalText(fields.value, 'updated', '', TEXT_CHARACTERS_MAX) ?? '';
  return reader.finish({ updated, entries });
}

function decodeEntry(reader: FieldReader, contentId: string, value: unknown): IndexEntry {
  const entryPath = memberPath('index', contentId);
  if (contentId.length > NAME_CHARACTERS_MAX)
    reader.fail('too-large', entryPath, `at most ${NAME_CHARACTERS_MAX} characters`, contentId);
  const fields = reader.object(value, entryPath);
  const path = reader.text(fields, 'path', entryPath, TEXT_CHARACTERS_MAX);
  if (!isContainedPath(path)) reader.fail('bad-value', memberPath(entryPath, 'path'), CONTAINED_PATH, path);
  return {
    contentId,
    path,
    format: reader.optionalText(fields, 'format', entryPath, TEXT_CHARACTERS_MAX) ?? '',
    datatype: reader.optionalText(fields, 'datatype', entryPath, TEXT_CHARACTERS_MAX) ?? '',
    products: reader.optionalTexts(fields, 'products', entryPath, PRODUCTS_MAX, NAME_CHARACTERS_MAX),
  };
}
