// Creates a directory with very many files.

import { linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The most hard links to one file: ext4 allows 65 000. */
const NAMES_PER_FILE = 50_000;

/** Creates the directory, in `MEMORY_PLACE` if the host has one: on a disk this takes half a minute. It gets empty files named `0` to `count - 1`. Most are hard links, which is faster. */
export function makeManyFiles(directory: string, count: number): void {
  mkdirSync(directory, { recursive: true });
  for (let index = 0; index < count; index += 1) {
    const path = join(directory, String(index));
    const first = index - (index % NAMES_PER_FILE);
    if (index === first) writeFileSync(path, '');
    else linkSync(join(directory, String(first)), path);
  }
}
