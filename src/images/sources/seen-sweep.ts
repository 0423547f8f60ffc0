// Forgets what imports remember of documents (seen-documents.ts) and need no longer.
//
// 1. A record that no import has needed for a year is removed.
// 2. A site can rename its documents for ever, so at most SEEN_MAX records stay: the site with the most loses its
//    oldest.

import { readFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { parseJson } from '../../fields.ts';
import { seenEntry } from '../../files/seen-stats.ts';
import { seenDirectory } from './seen-documents.ts';

/** Bounds all records; a large site has a hundred. */
const SEEN_MAX = 8192;
const FORGOTTEN_MS = 365 * 24 * 60 * 60 * 1000;
const NAME = /^[0-9a-f]{32}\.json$/;

const recordShape = z.union([z.object({ name: z.string() }), z.object({ url: z.string() })]);

interface SeenFile {
  readonly path: string;
  readonly neededMs: number;
}

/** Removes old and surplus records. Rejects with the system's error. */
export async function sweepSeen(tree: string, nowMs: number): Promise<void> {
  const directory = seenDirectory(tree);
  if (seenEntry(directory)?.isDirectory() !== true) return;
  const names = (await readdir(directory).catch(() => [])).filter((name) => NAME.test(name));
  const files = names.flatMap((name): readonly SeenFile[] => {
    const path = join(directory, name);
    const found = seenEntry(path);
    return found?.isFile() === true ? [{ path, neededMs: found.mtimeMs }] : [];
  });
  const [gone, kept] = [true, false].map((isOld) =>
    files.filter((file) => nowMs - file.neededMs > FORGOTTEN_MS === isOld),
  );
  for (const { path } of [...(gone ?? []), ...excess(kept ?? [])]) await rm(path, { force: true });
}

function excess(files: readonly SeenFile[]): readonly SeenFile[] {
  if (files.length <= SEEN_MAX) return [];
  const latestFirst = files.toSorted((one, other) => other.neededMs - one.neededMs);
  const sites = [...Map.groupBy(latestFirst, ({ path }) => siteOf(path)).values()];
  const removed: SeenFile[] = [];
  while (files.length - removed.length > SEEN_MAX) {
    const last = sites.reduce((most, site) => (site.length > most.length ? site : most)).pop();
    if (last !== undefined) removed.push(last);
  }
  return removed;
}

/** The host of a URL, or the source of delivered files (image-import.ts); empty if the record is unreadable. */
function siteOf(path: string): string {
  try {
    const found = recordShape.parse(parseJson(readFileSync(path, 'utf8')));
    return ('name' in found ? found.name.split(' ')[0] : URL.parse(found.url)?.host) ?? '';
  } catch {
    return '';
  }
}
