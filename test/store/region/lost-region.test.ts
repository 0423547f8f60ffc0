// Which empty or missing region.db is refused as lost, and that nothing is touched then.

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { findOlderRegion } from '../../../src/store/region/lost-region.ts';
import { openRegionStore } from '../../../src/store/sqlite/region-sqlite.ts';

const empty = { schema: 2, version: 0, machines: [] };
const used = { ...empty, version: 7 };
const settings = { ...empty, settings: {} };

/** The first page of a database in which nothing was made yet. */
function newPage(): Buffer {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-page-'));
  const path = join(directory, 'x.db');
  const database = new DatabaseSync(path);
  database.exec('PRAGMA journal_mode = WAL');
  database.close();
  const page = readFileSync(path);
  rmSync(directory, { recursive: true });
  return page;
}

type Files = Readonly<Record<string, string | Buffer | object>>;
const rows: readonly (readonly [name: string, files: Files, refusal: RegExp | undefined])[] = [
  ['a new directory', {}, undefined],
  ['a start that was killed before its first page', { 'region.db': '' }, undefined],
  ['one killed with its rollback journal', { 'region.db': '', 'region.db-journal': Buffer.alloc(512) }, undefined],
  ['one killed before its tables', { 'region.db': newPage(), 'region.db-wal': '' }, undefined],
  ['a cache of a region without anything', { 'desired-state.json': empty }, undefined],
  ['a cache that cannot be read', { 'desired-state.json': '{}' }, undefined],
  ['a cache of a remote region', { 'desired-state.json': { ...used, origin: 'remote' } }, undefined],
  [
    'a used cache',
    { 'desired-state.json': { ...used, origin: 'embedded' } },
    /version 7, 0 machines.*restore a backup/,
  ],
  [
    'a used cache of an older release',
    { 'desired-state.json': used },
    /region\.db is empty or missing, but .* once held data/,
  ],
  ['a cache with settings', { 'desired-state.json': settings }, /and settings\) shows.*desired-state\.json away$/],
  ['a used cache and an empty file', { 'desired-state.json': used, 'region.db': '' }, /once held data/],
  ['a used cache and a page without tables', { 'desired-state.json': used, 'region.db': newPage() }, /once held data/],
  ['a log without its file', { 'region.db-wal': 'x' }, /write-ahead log is not.*1 byte .*backup of both/],
  ['a log next to an empty file', { 'region.db-wal': 'x', 'region.db': '' }, /write-ahead log is not/],
];

for (const [name, files, refusal] of rows) {
  test(`${name} is ${refusal === undefined ? 'a new region' : 'refused untouched'}`, async () => {
    const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-lost-region-'));
    const read = () => readdirSync(stateDir).map((file) => [file, readFileSync(join(stateDir, file))]);
    try {
      for (const [file, content] of Object.entries(files)) {
        const isRaw = typeof content === 'string' || Buffer.isBuffer(content);
        writeFileSync(join(stateDir, file), isRaw ? content : JSON.stringify(content));
      }
      const before = read();
      if (refusal === undefined) {
        await openRegionStore({ stateDir }).close();
        return;
      }
      for (let tries = 0; tries < 2; tries += 1) {
        assert.throws(() => openRegionStore({ stateDir }), { code: 'store-broken', message: refusal });
      }
      assert.deepEqual(read(), before);
    } finally {
      rmSync(stateDir, { recursive: true });
    }
  });
}

test('a database whose state is older than that of its own cache has lost changes', () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-lost-region-'));
  try {
    const write = (more: object) =>
      writeFileSync(join(stateDir, 'desired-state.json'), JSON.stringify({ ...used, ...more }));
    assert.equal(findOlderRegion(stateDir, 0), undefined, 'no cache');
    write({ origin: 'embedded' });
    const file = join(stateDir, 'desired-state.json');
    const older = { note: 'region-older', ownVersion: 6, otherVersion: 7, file };
    assert.deepEqual(findOlderRegion(stateDir, 6), older);
    assert.equal(findOlderRegion(stateDir, 7), undefined);
    assert.equal(findOlderRegion(stateDir, 8), undefined);
    write({ origin: 'remote' });
    assert.equal(findOlderRegion(stateDir, 6), undefined);
  } finally {
    rmSync(stateDir, { recursive: true });
  }
});
