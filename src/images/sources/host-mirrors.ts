// The mirrors that this host's apt uses, from /etc/apt/sources.list and the files of /etc/apt/sources.list.d.
//
// Source: sources.list(5) of apt 2.6: names of files in the directory end in .list or .sources.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readAptMirrors } from './apt-sources.ts';

const DIRECTORY = '/etc/apt';
const FILES_MAX = 256;

/** Reads the mirrors, those of sources.list first. A file that this user may not read is skipped. */
export function readHostMirrors(directory = DIRECTORY): readonly string[] {
  const parts = tryRead(() => readdirSync(join(directory, 'sources.list.d')), []).toSorted();
  const files = ['sources.list', ...parts.map((name) => join('sources.list.d', name))].slice(0, FILES_MAX);
  return files.flatMap((file) => {
    const form = /\.(list|sources)$/.exec(file)?.[1];
    if (form !== 'list' && form !== 'sources') return [];
    return readAptMirrors(
      tryRead(() => readFileSync(join(directory, file), 'utf8'), ''),
      form,
    );
  });
}

function tryRead<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
