// Remembers when the documents of a site were updated, so that an import does not fall back to older ones. A mirror, or an attacker between
// it and this host, can serve old documents for ever: their signatures stay right.
//
// Sources: apt, which ignores a Release file that is older than the one it has; simplestreams 0.1 (`updated`), which has no date of expiry.
//
//   TREE/images/.seen/HASH.json     the URL of a document, and the newest `updated` that it had
//
// 1. A document that was never seen may be an old one. One that says nothing of its time is not remembered.
// 2. A site whose clock was ahead does not lock itself out: nothing later than now is remembered.

import { createHash } from 'node:crypto';
import { join, relative } from 'node:path';
import { osErrorCode } from '../../errors.ts';
import { isFields, parseJson } from '../../fields.ts';
import { readRegularFile, UnfitFile } from '../../files/regular-file.ts';
import { makeDirectories, publishFile } from '../publication.ts';
import { asStoreError } from '../store-error.ts';

const RECORD_BYTES_MAX = 16 * 1024;

/** Where to remember documents. */
export interface SeenPlace {
  /** The boot tree. */
  readonly tree: string;
  /** Wall time. */
  readonly nowMs: number;
}

/**
 * Remembers the time of a verified document.
 * @param updated as the document says it: `Tue, 24 Nov 2026 08:02:41 +0000`; empty: it does not say
 * @returns why the document must not be used; undefined: it is the newest one that this host has seen
 * @throws RackError `store-unwritable`
 */
export async function noteSeen({ tree, nowMs }: SeenPlace, url: string, updated: string): Promise<string | undefined> {
  const updatedMs = Date.parse(updated);
  if (Number.isNaN(updatedMs)) return undefined;
  const directory = join(tree, 'images', '.seen');
  const path = join(directory, `${createHash('sha256').update(url).digest('hex').slice(0, 32)}.json`);
  try {
    const seenMs = readSeen(path, url);
    if (seenMs !== undefined && updatedMs < seenMs) {
      const remedy = `use another mirror, or try again later; if the site itself went back, remove ${relative(tree, path)} below the boot tree`;
      return `it is of ${timeOf(updatedMs)}, but this host has seen that of ${timeOf(seenMs)}: the mirror is behind, or serves old documents; ${remedy}`;
    }
    const newestMs = Math.min(updatedMs, nowMs);
    if (seenMs !== undefined && newestMs <= seenMs) return undefined;
    await makeDirectories(directory);
    await publishFile(path, Buffer.from(`${JSON.stringify({ url, updatedMs: newestMs })}\n`, 'utf8'));
    return undefined;
  } catch (error) {
    throw asStoreError(error, directory);
  }
}

/** @returns undefined if nothing usable is remembered @throws the system's error */
function readSeen(path: string, url: string): number | undefined {
  try {
    const found = parseJson(readRegularFile(path, RECORD_BYTES_MAX));
    return isFields(found) && found.url === url && typeof found.updatedMs === 'number' ? found.updatedMs : undefined;
  } catch (error) {
    if (error instanceof UnfitFile || osErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

const timeOf = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
