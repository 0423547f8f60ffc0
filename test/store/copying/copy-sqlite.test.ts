// A file as the target of a copy: new, private, written by one process at a time, and without the log of a former database of its name.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { SqliteTarget, TARGET_TEXTS } from '../../../src/store/copying/copy-sqlite.ts';
import { openRegionStore } from '../../../src/store/sqlite/region-sqlite.ts';
import { missing } from '../../support/needs.ts';

let directory = '';
let path = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rackboot-copy-sqlite-'));
  path = join(directory, 'region.db');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const open = (at = path): SqliteTarget => SqliteTarget.open(at, TARGET_TEXTS.copy);
const refused = (code: string, message: RegExp): void => assert.throws(() => open(), { code, message });

test('a finished file stands alone, is private, and a region opens it', async () => {
  const target = open();
  await target.finish(new Map());
  target.close();
  assert.deepEqual(readdirSync(directory), ['region.db']);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const store = openRegionStore({ stateDir: directory });
  assert.equal(await store.countMachines({}), 0);
  await store.close();
});

test('a missing directory is made', () => {
  open(join(directory, 'new', 'region.db')).close();
  assert.equal(statSync(join(directory, 'new')).mode & 0o777, 0o750);
});

for (const log of ['-wal', '-journal']) {
  test(`the ${log} of a former database, which SQLite would replay into the new one, is named, even if it appears during the copy`, async () => {
    writeFileSync(`${path}${log}`, 'changes');
    const named = new RegExp(
      `region\\.db${log} belongs to an earlier region\\.db, and its 7 bytes .* move it next to the earlier file`,
    );
    refused('already-exists', named);
    rmSync(`${path}${log}`);
    const target = open();
    writeFileSync(`${path}${log}`, 'changes');
    await assert.rejects(target.finish(new Map()), { code: 'already-exists', message: named });
    target.close();
    assert.equal(existsSync(path), false);
  });
}

test('a link without a file under the name of the target is refused, even if it appears during the copy, and stays', async () => {
  const missing = join(directory, 'missing', 'region.db');
  const message = /region\.db exists: name a new/;
  const target = open();
  symlinkSync(missing, path);
  refused('already-exists', message);
  await assert.rejects(target.finish(new Map()), { code: 'already-exists', message });
  target.close();
  assert.equal(readlinkSync(path), missing);
});

test('while one process writes a file, no other does; what a killed one left is written afresh', () => {
  const target = open();
  refused('already-running', /another process writes .*region\.db\.unfinished: wait/);
  copyFileSync(`${path}.unfinished`, `${path}.kept`);
  target.close();
  assert.deepEqual(readdirSync(directory), ['region.db.kept']);
  renameSync(`${path}.kept`, `${path}.unfinished`);
  open().close();
  assert.deepEqual(readdirSync(directory), []);
});

describe('a full disk', { skip: missing('linux', 'root') }, () => {
  const run = (...words: readonly string[]) => spawnSync(words[0] ?? '', words.slice(1));
  let small = '';
  beforeEach(() => {
    small = join(directory, 'small');
    mkdirSync(small);
    assert.equal(run('mount', '-t', 'tmpfs', '-o', 'size=1000k', 'tmpfs', small).status, 0);
  });
  afterEach(() => void run('umount', small));

  test('as a copy begins is named', () => {
    for (const room of [0, 8, 64]) {
      const ballast = join(small, 'ballast');
      run('dd', 'if=/dev/zero', `of=${ballast}`, 'bs=1k');
      truncateSync(ballast, statSync(ballast).size - room * 1024);
      const target = (): SqliteTarget => open(join(small, 'backup'));
      assert.throws(target, { code: 'store-unavailable', message: /the disk is full; make room/ });
    }
  });

  test('is named with its remedy, and what is left is removed', async () => {
    const target = open(join(small, 'backup'));
    const columns = ['name', 'value'].map((name) => ({ name, type: 'TEXT' }));
    const table = { name: 'counter', columns, key: ['name'], givesIds: false, rowsAtOnce: 100 };
    const rows = Array.from({ length: 500 }, (_, index) => [`${index}${'x'.repeat(4000)}`, 1] as const);
    await assert.rejects(target.write(table, rows), {
      code: 'store-unavailable',
      message: /small\/backup cannot be written: the disk is full/,
    });
    target.close();
    assert.deepEqual(readdirSync(small), []);
  });
});
