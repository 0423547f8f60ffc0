// Reads the documents of a simplestreams site: its index, then the documents of products in it.

import { joinNames } from '../../ground/counted.ts';
import { decodeStreamProducts } from './decode-products.ts';
import { NAMES_SHOWN_MAX } from './offer.ts';
import type { StreamSource } from './source.ts';
import type { SourceDocument, SourceDocuments, TrustedDocument } from './source-documents.ts';
import { decodeStreamIndex, judgeDocument } from './stream-index.ts';
import type { StreamProducts } from './stream-products.ts';

const SIGNED_START = Buffer.from('-----BEGIN PGP SIGNED MESSAGE-----');

/**
 * Reads the documents of the source's content ids, or all documents.
 * @param onDocument called with each document, the index first
 * @throws RackError `source-failed`; `store-unwritable`
 */
export async function* readStream(
  source: StreamSource,
  documents: SourceDocuments,
  onDocument: (path: string, document: SourceDocument) => void = () => undefined,
): AsyncGenerator<StreamProducts> {
  /** Reads a document. `.sjson` is clear-signed. `.json` has a detached signature next to it. */
  const read = async (path: string): Promise<{ readonly url: string; readonly content: TrustedDocument }> => {
    const url = `${source.url}${path}`;
    const document = await documents.read({ url, signatureUrl: path.endsWith('.sjson') ? undefined : `${url}.gpg` });
    onDocument(path, document);
    return { url, content: removeClearSignature(document.content) };
  };
  const { url, content } = await read(source.index);
  const index = documents.unwrap(url, decodeStreamIndex(content));
  await documents.refuseOlder(url, Date.parse(index.updated));
  const { contentIds } = source;
  const entries = index.entries.filter(({ contentId }) => contentIds.length === 0 || contentIds.includes(contentId));
  if (entries.length === 0 && contentIds.length > 0) {
    const ids = index.entries.map(({ contentId }) => contentId);
    const [indexIds, requestedIds] = [joinNames(ids, NAMES_SHOWN_MAX), joinNames(contentIds, NAMES_SHOWN_MAX)];
    throw documents.failure(`its index lists ${indexIds}, but none of ${requestedIds}: correct its content_ids`);
  }
  // Several entries may share a document.
  for (const [path, pathEntries] of Map.groupBy(entries, (entry) => entry.path)) {
    const { url, content } = await read(path);
    const products = documents.unwrap(url, decodeStreamProducts(content));
    const mismatch = judgeDocument(products, pathEntries);
    if (mismatch !== undefined) throw documents.failure(`${url}: ${mismatch}`);
    await documents.refuseOlder(url, Date.parse(products.updated));
    yield products;
  }
}

/**
 * Returns the text of a clear-signed document of an unsigned source (RFC 9580 §7), and any other
 * document unchanged. No line of JSON begins with a dash, so no line is escaped.
 */
function removeClearSignature(document: TrustedDocument): TrustedDocument {
  if (typeof document === 'string' || !Buffer.from(document.subarray(0, SIGNED_START.length)).equals(SIGNED_START))
    return document;
  const text = Buffer.from(document).toString('utf8');
  const end = text.lastIndexOf('\n-----BEGIN PGP SIGNATURE-----');
  const start = /\r?\n\r?\n/.exec(text);
  return start === null || end === -1 ? document : text.slice(start.index + start[0].length, end);
}
