// Remembers in which order a source delivered the files of an image whose versions have no serial, so that a file that it delivered before
// does not count as a newer one.
//
//   TREE/images/.seen/HASH.json     the source and the name of the image, and the hashes of its contents, the last delivered one last
//
// 1. Only the last FILES_MAX are remembered.

import { createHash } from 'node:crypto';
import { isFields, parseJson } from '../../fields.ts';
import { publishFile } from '../publication.ts';
import { type ImageOffer, offeredContent, offerName } from '../sources/offer.ts';
import { prepareSeen, readSeenText } from '../sources/seen-documents.ts';
import { asStoreError } from '../store-error.ts';

const FILES_MAX = 64;

const nameOf = (offer: ImageOffer): string => `${offer.source} ${offerName(offer)} ${offer.label}`;
const hashOf = (content: string): string => createHash('sha256').update(content).digest('hex');

/** Remembers that the files of an offer were delivered last. @throws RackError `store-unwritable` */
export async function noteDelivered(tree: string, offer: ImageOffer): Promise<void> {
  const name = nameOf(offer);
  const own = hashOf(offeredContent(offer));
  try {
    const files = [...readDelivered(tree, name).filter((file) => file !== own), own].slice(-FILES_MAX);
    const path = await prepareSeen(tree, name);
    await publishFile(path, Buffer.from(`${JSON.stringify({ name, files })}\n`, 'utf8'));
  } catch (error) {
    throw asStoreError(error, tree);
  }
}

/**
 * True if the source delivered the files of an offer, and then others.
 * @param content of those others, as of `offeredContent`
 * @throws the system's error
 */
export function wasDeliveredBefore(tree: string, offer: ImageOffer, content: string): boolean {
  const files = readDelivered(tree, nameOf(offer));
  const at = files.indexOf(hashOf(offeredContent(offer)));
  return at !== -1 && files.indexOf(hashOf(content)) > at;
}

/** @throws the system's error */
function readDelivered(tree: string, name: string): readonly string[] {
  const text = readSeenText(tree, name);
  const found = text === undefined ? undefined : parseJson(text);
  if (!isFields(found) || found.name !== name || !Array.isArray(found.files)) return [];
  return found.files.filter((file) => typeof file === 'string').slice(-FILES_MAX);
}
