// A directory of very many files.

import { existsSync, linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Names that one file may have: ext4 allows 65 000. */
const NAMES_PER_FILE = 50_000;

/** Where very many files are made: in memory, where the host has such a place. A disk takes half a minute for them. */
export const MANY_FILES_PLACE: string = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** Makes the directory with empty files that are called `0` to `count - 1`. Most are further names of one of them, which is quicker. */
export function makeManyFiles(directory: string, count: number): void {
  mkdirSync(directory, { recursive: true });
  for (let index = 0; index < count; index += 1) {
    const path = join(directory, String(index));
    const first = index - (index % NAMES_PER_FILE);
    if (index === first) writeFileSync(path, '');
    else linkSync(join(directory, String(first)), path);
  }
}
