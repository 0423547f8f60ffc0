// Reads the documents of a simplestreams site: its index, then the documents of products in it.

import { joinNames } from '../../ground/counted.ts';
import { decodeStreamProducts } from './decode-products.ts';
import { NAMED_MAX } from './offer.ts';
import type { StreamSource } from './source.ts';
import type { SourceDocument, SourceDocuments, TrustedDocument } from './source-documents.ts';
import { decodeStreamIndex, judgeDocument } from './stream-index.ts';
import type { StreamProducts } from './stream-products.ts';

const SIGNED_START = Buffer.from('-----BEGIN PGP SIGNED MESSAGE-----');

/**
 * Reads the documents of the source's content ids, or all.
 * @param onDocument gets each document, the index first
 * @throws RackError `source-failed`; `store-unwritable`
 */
export async function* readStream(
  source: StreamSource,
  documents: SourceDocuments,
  onDocument: (path: string, document: SourceDocument) => void = () => undefined,
): AsyncGenerator<StreamProducts> {
  /** `.sjson` is clear-signed; `.json` has a detached signature next to it. */
  const read = async (path: string): Promise<{ readonly url: string; readonly content: TrustedDocument }> => {
    const url = `${source.url}${path}`;
    const document = await documents.read({ url, signatureUrl: path.endsWith('.sjson') ? undefined : `${url}.gpg` });
    onDocument(path, document);
    return { url, content: withoutSignature(document.content) };
  };
  const { url, content } = await read(source.index);
  const index = documents.unwrap(url, decodeStreamIndex(content));
  await documents.refuseOlder(url, Date.parse(index.updated));
  const { contentIds } = source;
  const entries = index.entries.filter(({ contentId }) => contentIds.length === 0 || contentIds.includes(contentId));
  if (entries.length === 0 && contentIds.length > 0) {
    const ids = index.entries.map(({ contentId }) => contentId);
    const [found, wanted] = [joinNames(ids, NAMED_MAX), joinNames(contentIds, NAMED_MAX)];
    throw documents.failure(`its index lists ${found}, but none of ${wanted}: correct its content_ids`);
  }
  // Entries may share a document.
  for (const [path, named] of Map.groupBy(entries, (entry) => entry.path)) {
    const { url, content } = await read(path);
    const products = documents.unwrap(url, decodeStreamProducts(content));
    const wrong = judgeDocument(products, named);
    if (wrong !== undefined) throw documents.failure(`${url}: ${wrong}`);
    await documents.refuseOlder(url, Date.parse(products.updated));
    yield products;
  }
}

/**
 * The text of a clear-signed document of an unsigned source (RFC 9580 §7); any other document as it
 * is. No line of JSON begins with a dash, so none is escaped.
 */
function withoutSignature(document: TrustedDocument): TrustedDocument {
  if (typeof document === 'string' || !Buffer.from(document.subarray(0, SIGNED_START.length)).equals(SIGNED_START))
    return document;
  const text = Buffer.from(document).toString('utf8');
  const end = text.lastIndexOf('\n-----BEGIN PGP SIGNATURE-----');
  const start = /\r?\n\r?\n/.exec(text);
  return start === null || end === -1 ? document : text.slice(start.index + start[0].length, end);
}
