// Checks that a region.db has only rows that a copy takes: whatever a region wrote, it can move.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { SqliteSource } from '../../src/store/copying/copy-sqlite.ts';
import { findUnreadable } from '../../src/store/copying/row-check.ts';
import { REGION_FILE } from '../../src/store/region/region-schema.ts';

/** The complaint of `region copy` about a closed region.db; undefined: it takes all rows. */
export async function unreadableIn(stateDir: string): Promise<string | undefined> {
  const source = SqliteSource.open(join(stateDir, REGION_FILE));
  try {
    return await findUnreadable(source);
  } finally {
    source.close();
  }
}

/** Call when a test's region has closed its store. */
export async function checkReadable(stateDir: string): Promise<void> {
  assert.equal(await unreadableIn(stateDir), undefined);
}
