// Remembers when the documents of a site were updated. Otherwise a mirror, or an attacker, could
// serve old documents with valid signatures for ever.
//
// Sources: apt, which ignores a Release file that is older than the one it has (`Date`);
// simplestreams 0.1 (`updated`), which has no date of expiry; RFC 9580 §5.2.3.11 for lists of
// checksums, whose only time is that of their signature.
//
//   TREE/images/.seen/HASH.json     the URL of a document, and its newest time; 0 if only its presence is recorded (`recordPresence`)
//
// 1. A document that was never seen before may be old. A document without a time is not remembered.
// 2. No time later than now is remembered. So a site whose clock was ahead does not lock itself out.
// 3. The time of a record's file is when an import last needed it. A record that no import has
//    needed for a year is removed.
// 4. A site can rename its documents for ever, so at most SEEN_MAX records stay. The site with the
//    most records loses its oldest.

import { createHash } from 'node:crypto';
import { readFileSync, utimesSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { z } from 'zod';
import { composeOwnEntryPath } from '../../files/own-names.ts';
import { statLinkIfVisible } from '../../files/seen-stats.ts';
import { systemClock } from '../../ground/clock.ts';
import { osErrorCode } from '../../ground/errors.ts';
import { parseJson } from '../../ground/fields.ts';
import { makeDirectories, publishFile } from '../store/publication.ts';
import { asStoreError } from '../store/store-error.ts';

export interface SeenRecords {
  readonly tree: string;
  /** Wall time. */
  readonly nowMs: number;
}

const getSeenDirectory = (tree: string): string => composeOwnEntryPath(tree, '.seen');
const documentRecordPath = (tree: string, url: string): string =>
  join(getSeenDirectory(tree), `${createHash('sha256').update(url).digest('hex').slice(0, 32)}.json`);

const getRecordName = (tree: string, url: string): string => relative(tree, documentRecordPath(tree, url));

/**
 * Remembers the time of a verified document.
 * @param updatedMs since 1970. Undefined or NaN if the document states none
 * @returns why the document must not be used. Undefined if no newer one was seen
 * @throws RackError `store-unwritable`
 */
export async function recordSeen(
  { tree, nowMs }: SeenRecords,
  url: string,
  updatedMs: number | undefined,
): Promise<string | undefined> {
  if (updatedMs === undefined || Number.isNaN(updatedMs)) return undefined;
  const seenMs = readSeen(tree, url);
  if (seenMs !== undefined && updatedMs < seenMs) {
    const remedy = `use another mirror, or try again later; if the site itself went back, remove ${getRecordName(tree, url)} below the boot tree`;
    return `it is of ${formatSeconds(updatedMs)}, but this host has seen that of ${formatSeconds(seenMs)}: the mirror is behind, or serves old documents; ${remedy}`;
  }
  const newestMs = Math.min(updatedMs, nowMs);
  if (seenMs === undefined || newestMs > seenMs) await writeSeen(tree, url, newestMs);
  return undefined;
}

/** Remembers that a site had a document, without its time. @throws RackError `store-unwritable` */
export async function recordPresence({ tree }: SeenRecords, url: string): Promise<void> {
  if (readSeen(tree, url) === undefined) await writeSeen(tree, url, 0);
}

/**
 * The record of `recordPresence`, relative to the tree. Undefined if there is none. @throws
 * RackError `store-unwritable`
 */
export const findPresenceRecord = ({ tree }: SeenRecords, url: string): string | undefined =>
  readSeen(tree, url) === undefined ? undefined : getRecordName(tree, url);

async function writeSeen(tree: string, url: string, updatedMs: number): Promise<void> {
  try {
    await publishFile(
      await prepareSeenRecord(tree, url),
      Buffer.from(`${JSON.stringify({ url, updatedMs })}\n`, 'utf8'),
    );
  } catch (error) {
    throw asStoreError(error, getSeenDirectory(tree));
  }
}

/** Reads the remembered time. @returns undefined if there is no usable one */
const readSeen = (tree: string, url: string): number | undefined =>
  readDocumentRecord(tree, url, z.object({ url: z.literal(url), updatedMs: z.number() }))?.updatedMs;

/**
 * Makes the directory of the records. @returns the path of the record of `key`. Rejects with the
 * system's error.
 */
export async function prepareSeenRecord(tree: string, key: string): Promise<string> {
  await makeDirectories(getSeenDirectory(tree));
  return documentRecordPath(tree, key);
}

/**
 * Reads the record of `key`. Undefined if there is none of this shape. @throws RackError
 * `store-unwritable`
 */
export function readDocumentRecord<T>(tree: string, key: string, shape: z.ZodType<T>): T | undefined {
  try {
    const text = readFileSync(documentRecordPath(tree, key), 'utf8');
    touchRecord(documentRecordPath(tree, key));
    return shape.safeParse(parseJson(text)).data;
  } catch (error) {
    if (osErrorCode(error) === 'ENOENT') return undefined;
    throw asStoreError(error, getSeenDirectory(tree));
  }
}

/**
 * Renews the time of a record. If the record belongs to another user, its time cannot be set. That
 * does no harm, because the next write replaces the file.
 */
function touchRecord(path: string): void {
  const nowSeconds = systemClock.wallTimeMs() / 1000;
  try {
    utimesSync(path, nowSeconds, nowSeconds);
  } catch (error) {
    if (osErrorCode(error) !== 'EPERM') throw error;
  }
}

const formatSeconds = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');

/** Bound on all records. A large site has a hundred. */
const SEEN_MAX = 8192;
const RECORD_LIFETIME_MS = 365 * 24 * 60 * 60 * 1000;
const NAME = /^[0-9a-f]{32}\.json$/;

const siteRecordShape = z.union([z.object({ name: z.string() }), z.object({ url: z.string() })]);

interface SeenFile {
  readonly path: string;
  readonly neededMs: number;
}

/** Removes old and surplus records. Rejects with the system's error. */
export async function sweepSeen(tree: string, nowMs: number): Promise<void> {
  const directory = getSeenDirectory(tree);
  if (statLinkIfVisible(directory)?.isDirectory() !== true) return;
  const names = (await readdir(directory).catch(() => [])).filter((name) => NAME.test(name));
  const files = names.flatMap((name): readonly SeenFile[] => {
    const path = join(directory, name);
    const stats = statLinkIfVisible(path);
    return stats?.isFile() === true ? [{ path, neededMs: stats.mtimeMs }] : [];
  });
  const [expired, current] = [true, false].map((isOld) =>
    files.filter((file) => nowMs - file.neededMs > RECORD_LIFETIME_MS === isOld),
  );
  for (const { path } of [...(expired ?? []), ...listExcess(current ?? [])]) await rm(path, { force: true });
}

function listExcess(files: readonly SeenFile[]): readonly SeenFile[] {
  if (files.length <= SEEN_MAX) return [];
  const latestFirst = files.toSorted((file, other) => other.neededMs - file.neededMs);
  const sites = [...Map.groupBy(latestFirst, ({ path }) => readSite(path)).values()];
  const removed: SeenFile[] = [];
  while (files.length - removed.length > SEEN_MAX) {
    const oldest = sites.reduce((most, site) => (site.length > most.length ? site : most)).pop();
    if (oldest !== undefined) removed.push(oldest);
  }
  return removed;
}

/**
 * Reads the site of a record: the host of a URL, or the source of delivered files
 * (image-import.ts). Empty if the record is unreadable.
 */
function readSite(path: string): string {
  try {
    const record = siteRecordShape.parse(parseJson(readFileSync(path, 'utf8')));
    return ('name' in record ? record.name.split(' ')[0] : URL.parse(record.url)?.host) ?? '';
  } catch {
    return '';
  }
}
