// Which state directories show that the leases of a rack are gone.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findLostLeases, LEASES_LOST } from '../../src/store/lost-leases.ts';

const rows: readonly (readonly [name: string, files: Readonly<Record<string, string>>, isLost: boolean])[] = [
  ['an empty directory', {}, false],
  ['what `init` and other commands write', { 'region.db': 'x', 'rack.json': '{}', 'desired-state.json': '{}' }, false],
  ['a state that was used, with leases', { 'lease-ends.json': '{}', 'leases.db': 'x' }, false],
  ['leases that stand in the log of SQLite', { 'lease-ends.json': '{}', 'leases.db': '', 'leases.db-wal': 'x' }, false],
  ['a state that was used, without the file', { 'lease-ends.json': '{}' }, true],
  ['one with an empty file', { 'lease-ends.json': '{}', 'leases.db': '' }, true],
];

for (const [name, files, isLost] of rows) {
  test(`${name} ${isLost ? 'has lost its leases' : 'has not lost its leases'}`, () => {
    const directory = mkdtempSync(join(tmpdir(), 'rackboot-lost-'));
    try {
      for (const [file, text] of Object.entries(files)) writeFileSync(join(directory, file), text);
      const said = findLostLeases(directory);
      assert.equal(said !== undefined, isLost);
      if (isLost)
        assert.match(said ?? '', new RegExp(`^${RegExp.escape(join(directory, 'leases.db'))} ${LEASES_LOST}.*backup`));
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
}
