// A file as the target of a copy: new, private, written by one process at a time, and without the log of a former database of its name.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
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
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { SqliteSource, SqliteTarget } from '../../../src/store/copying/copy-sqlite.ts';
import { checkWhole, copiedTables, copyRegion } from '../../../src/store/copying/region-copy.ts';
import { removeLeftBackups } from '../../../src/store/copying/unfinished-file.ts';
import { openRegionStore } from '../../../src/store/sqlite/region-sqlite.ts';
import { missing } from '../../support/needs.ts';

const FIXTURE = new URL('../../../fixtures/state/region-7.db', import.meta.url);

let directory = '';
let path = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rackboot-copy-sqlite-'));
  path = join(directory, 'region.db');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const refused = (isAfresh: boolean, code: string, message: RegExp): void =>
  assert.throws(() => SqliteTarget.open(path, isAfresh), { code, message });

test('a finished file stands alone, is private, and a region opens it', async () => {
  const target = SqliteTarget.open(path, false);
  await target.finish(new Map(), new Map());
  target.close();
  assert.deepEqual(readdirSync(directory), ['region.db']);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const store = openRegionStore({ stateDir: directory });
  assert.equal(await store.countMachines({}), 0);
  await store.close();
});

test('a missing directory is made, for a copy and for a backup', () => {
  for (const [index, isAfresh] of [false, true].entries()) {
    const target = SqliteTarget.open(join(directory, `new-${index}`, 'region.db'), isAfresh);
    target.close();
    assert.equal(statSync(join(directory, `new-${index}`)).mode & 0o777, 0o750);
  }
});

for (const log of ['-wal', '-journal']) {
  test(`the ${log} of a former database, which SQLite would replay into the new one, is named, even if it appears during the copy`, async () => {
    writeFileSync(`${path}${log}`, 'changes');
    const named = new RegExp(
      `region\\.db${log} belongs to an earlier region\\.db, and its 7 bytes .* move it next to the earlier file`,
    );
    refused(false, 'already-exists', named);
    rmSync(`${path}${log}`);
    const target = SqliteTarget.open(path, false);
    writeFileSync(`${path}${log}`, 'changes');
    await assert.rejects(target.finish(new Map(), new Map()), { code: 'already-exists', message: named });
    target.close();
    assert.equal(existsSync(path), false);
  });
}

test('a link without a file under the name of the target is refused, even if it appears during the copy, and stays', async () => {
  const missing = join(directory, 'missing', 'region.db');
  const message = new RegExp(`region\\.db is a link to ${missing}, which is missing: name a new`);
  for (const isAfresh of [true, false]) {
    const target = SqliteTarget.open(path, isAfresh);
    symlinkSync(missing, path);
    refused(isAfresh, 'already-exists', message);
    await assert.rejects(target.finish(new Map(), new Map()), { code: 'already-exists', message });
    target.close();
    assert.equal(readlinkSync(path), missing);
    rmSync(path);
  }
});

test('while one process writes a file, no other does, not even to begin afresh', () => {
  const target = SqliteTarget.open(path, false);
  for (const isAfresh of [true, false])
    refused(isAfresh, 'already-running', /another process writes .*region\.db\.unfinished: wait/);
  target.close();
  SqliteTarget.open(path, true).close();
});

test('a copy continues with what an interrupted one left, and a backup begins afresh', async () => {
  const [table] = copiedTables().filter(({ name }) => name === 'shared_identity');
  assert.ok(table);
  const first = SqliteTarget.open(path, false);
  await first.write(table, [['test', 1]]);
  const there = await first.count(table);
  first.close();
  const second = SqliteTarget.open(path, false);
  assert.equal(await second.count(table), there);
  second.close();
  const third = SqliteTarget.open(path, true);
  assert.equal(await third.count(table), there - 1);
  third.discard();
  assert.deepEqual(readdirSync(directory), []);
});

/** A region's file without the counter that finishing a copy writes. */
function sourceWithoutCounter(): SqliteSource {
  const from = join(directory, 'from.db');
  copyFileSync(FIXTURE, from);
  const database = new DatabaseSync(from);
  database.exec("DELETE FROM counter WHERE name = 'desired-version'");
  database.close();
  return SqliteSource.open(from);
}

const copy = (source: SqliteSource, target: SqliteTarget): Promise<unknown> =>
  copyRegion(source, target, () => undefined).finally(() => target.close());

const STRANGE: readonly (readonly [what: string, sql: string])[] = [
  [
    'a view without end in the place of a table',
    'DROP TABLE shared_identity; CREATE VIEW shared_identity AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) ' +
      'SELECT CAST(x AS TEXT) AS value, x AS seen_ms FROM c',
  ],
  ['a virtual table', 'DROP TABLE shared_identity; CREATE VIRTUAL TABLE shared_identity USING fts5(value, seen_ms)'],
];

for (const [what, sql] of STRANGE)
  test(`${what} is refused before anything is read`, () => {
    const from = join(directory, 'from.db');
    copyFileSync(FIXTURE, from);
    const database = new DatabaseSync(from);
    database.exec(`PRAGMA foreign_keys = OFF; ${sql}`);
    database.close();
    assert.throws(() => SqliteSource.open(from), {
      code: 'store-broken',
      message: /from\.db: shared_identity\w* is not a table \(\w+\), so no region wrote the file/,
    });
  });

/** Makes a backup of the fixture's region. */
async function backedUp(): Promise<string> {
  const file = join(directory, 'monday.backup');
  const source = sourceWithoutCounter();
  await copy(source, SqliteTarget.open(file, true));
  source.close();
  return file;
}

/** Changes a file as SQLite does. */
function edit(file: string, sql: string): void {
  const database = new DatabaseSync(file);
  database.exec(sql);
  database.close();
}

async function check(file: string): Promise<void> {
  const source = SqliteSource.open(file);
  await checkWhole(source).finally(() => source.close());
}

for (const kind of ['VIRTUAL', 'STORED'])
  test(`a ${kind.toLowerCase()} generated column, which could have values of any size, is refused before anything is read`, () => {
    const from = join(directory, 'from.db');
    copyFileSync(FIXTURE, from);
    edit(
      from,
      'PRAGMA foreign_keys = OFF; DROP TABLE shared_identity; CREATE TABLE shared_identity (value TEXT PRIMARY KEY, ' +
        `seen_ms INTEGER AS (length(value)) ${kind}); INSERT INTO shared_identity VALUES ('x')`,
    );
    const message =
      /from\.db: the column seen_ms of the table shared_identity is generated, so no region wrote the file/;
    assert.throws(() => SqliteSource.open(from), { code: 'store-broken', message });
  });

test('a backup is whole as it was written', async () => {
  await check(await backedUp());
});

const CHANGED: readonly (readonly [what: string, table: string, sql: string])[] = [
  ['a value', 'machine', "UPDATE machine SET description = 'x' WHERE id = (SELECT max(id) FROM machine)"],
  ['a row less', 'counter', 'DELETE FROM counter'],
  ['ids that would be given again', 'event', "UPDATE sqlite_sequence SET seq = 1 WHERE name = 'event'"],
  ['no mark of a table', 'tag', "DELETE FROM backup_mark WHERE name = 'tag'"],
];

for (const [what, table, sql] of CHANGED)
  test(`a backup with another content, ${what}, is refused by file and table, unless somebody removes its marks`, async () => {
    const file = await backedUp();
    edit(file, sql);
    const removal = `sqlite3 ${file} 'DROP TABLE backup_mark'`;
    await assert.rejects(check(file), (error: Error) => {
      assert.ok(error.message.startsWith(`${file}: the table ${table} differs from what the backup wrote, because`));
      assert.ok(
        error.message.endsWith(
          `: take another backup; or, if you edited it on purpose, run ${removal}, and repeat the command`,
        ),
      );
      return true;
    });
    edit(file, 'DROP TABLE backup_mark');
    await check(file);
  });

test('a backup with one flipped bit is refused', async () => {
  const file = await backedUp();
  const bytes = readFileSync(file);
  const at = bytes.indexOf('console=tt');
  assert.ok(at > 0);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(file, bytes);
  await assert.rejects(check(file), {
    code: 'store-broken',
    message: /monday\.backup: the table \w+ differs from what/,
  });
});

test('a region whose database was a backup has no marks, and may change', async () => {
  renameSync(await backedUp(), path);
  const store = openRegionStore({ stateDir: directory });
  await store.accounts.addUser({ username: 'zed', email: '', passwordHash: 'x', isAdmin: true, createdMs: 1 });
  await store.close();
  const database = new DatabaseSync(path);
  assert.deepEqual(database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'backup_mark'").all(), []);
  database.close();
  await check(path);
});

test('the marks of a database that an earlier release has opened mean nothing', async () => {
  const file = await backedUp();
  edit(file, 'PRAGMA journal_mode = WAL; DELETE FROM counter');
  await check(file);
});

test('a copy has no marks', async () => {
  const source = sourceWithoutCounter();
  await copy(source, SqliteTarget.open(path, false));
  source.close();
  const database = new DatabaseSync(path);
  assert.deepEqual(database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'backup_mark'").all(), []);
  database.close();
});

test('a copy that ended after it was finished, but before it got its name, is continued', async () => {
  const source = sourceWithoutCounter();
  const target = SqliteTarget.open(path, false);
  const finish = target.finish.bind(target);
  target.finish = async (...given) => {
    writeFileSync(`${path}-journal`, 'in the way');
    await finish(...given);
  };
  await assert.rejects(copy(source, target), { code: 'already-exists' });
  rmSync(`${path}-journal`);
  await copy(source, SqliteTarget.open(path, false));
  source.close();
  const store = openRegionStore({ stateDir: directory });
  assert.ok((await store.desiredVersion()) > 0);
  await store.close();
});

test('a new backup removes the unfinished files of killed ones in its directory, and nothing else', () => {
  const [left, copy, busy] = ['monday.backup', 'region.db', 'tuesday.backup'].map((name) => join(directory, name));
  assert.ok(left !== undefined && copy !== undefined && busy !== undefined);
  for (const one of [left, copy]) SqliteTarget.open(one, true).close();
  const other = SqliteTarget.open(busy, true);
  const strange = join(directory, 'strange.unfinished');
  writeFileSync(strange, 'a letter', { mode: 0o600 });
  const shared = join(directory, 'shared.unfinished');
  writeFileSync(shared, '', { mode: 0o600 });
  symlinkSync(strange, join(directory, 'link.unfinished'));
  assert.deepEqual(removeLeftBackups(join(directory, 'wednesday.backup')), [`${left}.unfinished`]);
  const kept = readdirSync(directory).filter((name) => name.endsWith('.unfinished'));
  const others = ['link', 'region.db', 'shared', 'strange', 'tuesday.backup'];
  assert.deepEqual(
    kept.sort(),
    others.map((name) => `${name}.unfinished`),
  );
  other.close();
  assert.deepEqual(removeLeftBackups(join(directory, 'missing', 'x.backup')), []);
});

const PLANTED: readonly (readonly [title: string, plant: (unfinished: string) => void])[] = [
  ['a link to a file', (unfinished) => symlinkSync(join(directory, 'elsewhere'), unfinished)],
  ['a file that others may read', (unfinished) => writeFileSync(unfinished, '', { mode: 0o600 })],
  ['a directory', (unfinished) => mkdirSync(unfinished)],
];

for (const [title, plant] of PLANTED) {
  test(`${title} under the name of the unfinished copy is refused, and gets nothing`, () => {
    writeFileSync(join(directory, 'elsewhere'), '');
    plant(`${path}.unfinished`);
    if (title.startsWith('a file')) chmodSync(`${path}.unfinished`, 0o640);
    for (const isAfresh of [true, false])
      refused(isAfresh, 'store-unwritable', /region\.db\.unfinished is not a private file of .*: remove it/);
    assert.equal(statSync(join(directory, 'elsewhere')).size, 0);
  });
}

describe('a full disk', { skip: missing('linux', 'root') }, () => {
  const run = (...words: readonly string[]) => spawnSync(words[0] ?? '', words.slice(1));
  let small = '';
  beforeEach(() => {
    small = join(directory, 'small');
    mkdirSync(small);
    assert.equal(run('mount', '-t', 'tmpfs', '-o', 'size=900k', 'tmpfs', small).status, 0);
  });
  afterEach(() => void run('umount', small));

  for (const isAfresh of [true, false])
    test(`as a ${isAfresh ? 'backup' : 'copy'} begins leaves nothing of it`, () => {
      for (const room of [0, 8, 64]) {
        const ballast = join(small, 'ballast');
        run('dd', 'if=/dev/zero', `of=${ballast}`, 'bs=1k');
        truncateSync(ballast, statSync(ballast).size - room * 1024);
        const target = (): SqliteTarget => SqliteTarget.open(join(small, 'backup'), isAfresh);
        assert.throws(target, { code: 'store-unavailable', message: /the disk is full; make room/ });
        assert.deepEqual(readdirSync(small), ['ballast']);
      }
    });

  test('as a copy is finished lets it continue once there is room', async () => {
    const source = sourceWithoutCounter();
    const [ballast, target] = ['ballast', 'region.db'].map((name) => join(small, name));
    assert.ok(ballast !== undefined && target !== undefined);
    run('mount', '-o', 'remount,size=2m', small);
    let refusals = 0;
    for (let room = 0; room <= 128; room += 8) {
      const first = SqliteTarget.open(target, false);
      const finish = first.finish.bind(first);
      first.finish = async (...given) => {
        run('dd', 'if=/dev/zero', `of=${ballast}`, 'bs=1k');
        truncateSync(ballast, Math.max(0, statSync(ballast).size - room * 1024));
        await finish(...given);
      };
      const why = await copy(source, first).then(
        () => undefined,
        (error: unknown) => error,
      );
      rmSync(ballast);
      if (why !== undefined) {
        refusals += 1;
        assert.match(String(why), /region\.db cannot be written: the disk is full; make room, and repeat the command/);
        await copy(source, SqliteTarget.open(target, false));
      }
      rmSync(target);
      assert.deepEqual(readdirSync(small), [], `${room} KiB`);
    }
    assert.ok(refusals > 2, `${refusals}`);
    source.close();
  });

  test('is named with its remedy, and what is left is removed', async () => {
    const target = SqliteTarget.open(join(small, 'backup'), true);
    const [table] = copiedTables().filter(({ name }) => name === 'counter');
    assert.ok(table);
    const rows = Array.from({ length: 500 }, (_, index) => [`${index}${'x'.repeat(4000)}`, 1] as const);
    await assert.rejects(target.write(table, rows), {
      code: 'store-unavailable',
      message: /small\/backup cannot be written: the disk is full; make room, and repeat the command/,
    });
    target.discard();
    assert.deepEqual(readdirSync(small), []);
  });
});
