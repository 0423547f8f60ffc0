// Migrations, shown with an invented second version; refused versions and their remedies; and that version 1 of each database matches its
// fixture.

import assert from 'node:assert/strict';
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, test } from 'node:test';
import { RackError } from '../../src/ground/errors.ts';
import { checkCopy, type DatabaseKind, openDatabaseFile } from '../../src/store/database-file.ts';
import { LEASE_DATABASE } from '../../src/store/leases/lease-database.ts';
import { OUTBOX_DATABASE } from '../../src/store/outbox/outbox-database.ts';
import { REGION_DATABASE } from '../../src/store/region/region-schema.ts';
import { all, run } from '../../src/store/steps.ts';

const FIXTURES = join(import.meta.dirname, '..', '..', 'fixtures', 'state');

/** A database with one version, and the same one in a later Rackboot. */
const FIRST: DatabaseKind = {
  title: 'book of notes',
  applicationId: 0x6e_6f_74_65,
  migrations: ['CREATE TABLE note (text TEXT NOT NULL) STRICT'],
};
const SECOND: DatabaseKind = {
  ...FIRST,
  migrations: [
    ...FIRST.migrations,
    "ALTER TABLE note ADD COLUMN author TEXT NOT NULL DEFAULT ''; UPDATE note SET author = 'nobody'",
  ],
};
/** Its second step succeeds at first and then fails. */
const FAILING: DatabaseKind = {
  ...FIRST,
  migrations: [...FIRST.migrations, 'ALTER TABLE note ADD COLUMN author TEXT; SELECT nonsense FROM nowhere'],
};

/** Its third step moves what the second has made room for. */
const THIRD: DatabaseKind = {
  ...SECOND,
  migrations: [
    ...SECOND.migrations,
    [
      'ALTER TABLE note ADD COLUMN page INTEGER',
      function* () {
        const { rows } = yield all('SELECT text FROM note WHERE author = ?', 'nobody');
        for (const { text = '' } of rows) {
          const [author = '', note = ''] = String(text).split(': ');
          yield run('UPDATE note SET author = ?, text = ?, page = 1 WHERE text = ?', author, note, text);
        }
      },
    ],
  ],
};

let directory = '';
let path = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rackboot-database-'));
  path = join(directory, 'notes.db');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Creates a file of the first version with one note. */
function writeFirst(): void {
  const database = openDatabaseFile(path, FIRST);
  database.exec("INSERT INTO note VALUES ('kept')");
  database.close();
}

/** The rows of a query, read without Rackboot. */
function read(file: string, sql: string): unknown[] {
  const database = new DatabaseSync(file);
  const rows = database.prepare(sql).all();
  database.close();
  return rows.map((row) => ({ ...row }));
}

const versionOf = (file: string): unknown => read(file, 'PRAGMA user_version')[0];

/** The error with which `work` refuses a file, leaving it unchanged. */
function refusal(file: string, work: () => unknown): RackError {
  const before = readFileSync(file);
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof RackError, String(error));
    assert.deepEqual(readFileSync(file), before, 'the file is left as it was');
    return error;
  }
  return assert.fail('not refused');
}

test('a migration copies the old file, as private as the file, and then migrates it to the next version', () => {
  writeFirst();
  openDatabaseFile(path, SECOND).close();
  assert.deepEqual(versionOf(path), { user_version: 2 });
  assert.deepEqual(read(path, 'SELECT * FROM note'), [{ text: 'kept', author: 'nobody' }]);
  const copy = `${path}.version-1`;
  assert.deepEqual(versionOf(copy), { user_version: 1 });
  assert.deepEqual(read(copy, 'SELECT * FROM note'), [{ text: 'kept' }]);
  assert.equal(statSync(copy).mode & 0o777, 0o600);
  openDatabaseFile(path, SECOND).close();
  assert.deepEqual(readdirSync(directory).sort(), ['notes.db', 'notes.db.version-1'], 'a second start copies nothing');
});

test('a new file takes all steps at once, without a copy', () => {
  openDatabaseFile(path, SECOND).close();
  assert.deepEqual(versionOf(path), { user_version: 2 });
  assert.deepEqual(readdirSync(directory), ['notes.db']);
});

test('a failed migration changes nothing, and leaves the copy', () => {
  writeFirst();
  assert.throws(() => openDatabaseFile(path, FAILING), { name: 'RackError', code: 'store-unavailable' });
  assert.deepEqual(versionOf(path), { user_version: 1 });
  assert.deepEqual(read(path, 'SELECT * FROM note'), [{ text: 'kept' }]);
  assert.deepEqual(readdirSync(directory).sort(), ['notes.db', 'notes.db.version-1']);
  openDatabaseFile(path, SECOND).close();
  assert.deepEqual(read(path, 'SELECT * FROM note'), [{ text: 'kept', author: 'nobody' }], 'a later start succeeds');
});

test('a step may end with an operation on the rows, in the same transaction', () => {
  writeFirst();
  const database = openDatabaseFile(path, FIRST);
  database.exec("UPDATE note SET text = 'ann: kept'");
  database.close();
  const failing = { ...THIRD, migrations: [...THIRD.migrations, 'SELECT nonsense FROM nowhere'] };
  assert.throws(() => openDatabaseFile(path, failing), { code: 'store-unavailable' });
  assert.deepEqual(read(path, 'SELECT * FROM note'), [{ text: 'ann: kept' }]);
  openDatabaseFile(path, THIRD).close();
  assert.deepEqual(read(path, 'SELECT * FROM note'), [{ text: 'kept', author: 'ann', page: 1 }]);
  checkCopy(path, THIRD);
  rmSync(path);
  openDatabaseFile(path, THIRD).close();
  assert.deepEqual([versionOf(path), read(path, 'SELECT * FROM note')], [{ user_version: 3 }, []]);
});

test('a later version is refused with both remedies, and its copy can be opened', () => {
  writeFirst();
  openDatabaseFile(path, SECOND).close();
  const { code, message } = refusal(path, () => openDatabaseFile(path, FIRST));
  assert.equal(code, 'store-newer');
  assert.match(message, /notes\.db has version 2, .*up to 1: /);
  renameSync(`${path}.version-1`, path);
  openDatabaseFile(path, FIRST).close();
  assert.deepEqual(read(path, 'SELECT * FROM note'), [{ text: 'kept' }]);
});

test('a file of another program, and one that is no database, are refused with the remedy', () => {
  const database = new DatabaseSync(path);
  database.exec('CREATE TABLE theirs (a); PRAGMA application_id = 7');
  database.close();
  assert.equal(refusal(path, () => openDatabaseFile(path, FIRST)).code, 'store-broken');
  writeFileSync(path, 'once upon a time '.repeat(500));
  const { code, message } = refusal(path, () => openDatabaseFile(path, FIRST));
  assert.equal(code, 'store-broken');
  assert.match(message, /restore a backup, or move it/);
});

test('an impossible directory is named with the remedy', () => {
  writeFileSync(path, '');
  assert.throws(() => openDatabaseFile(join(path, 'state', 'notes.db'), FIRST), {
    code: 'store-unwritable',
    message: /state_dir/,
  });
});

const SCHEMA_SQL = 'SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name';

/** Fixtures besides those of every version. */
const FURTHER: readonly string[] = ['region-7-networks.db'];

/** The databases, each with a fixture of every version. */
const KINDS: readonly (readonly [name: string, kind: DatabaseKind])[] = [
  ['leases', LEASE_DATABASE],
  ['region', REGION_DATABASE],
  ['outbox', OUTBOX_DATABASE],
];

for (const [name, kind] of KINDS) {
  test(`the first step of ${name}.db still makes the schema of ${name}-1.db`, () => {
    const fixture = join(directory, 'fixture.db');
    copyFileSync(join(FIXTURES, `${name}-1.db`), fixture);
    openDatabaseFile(path, { ...kind, migrations: kind.migrations.slice(0, 1) }).close();
    assert.deepEqual(read(path, SCHEMA_SQL), read(fixture, SCHEMA_SQL));
  });
}

test('every version of every database has its fixture, and is migrated', () => {
  const expected = KINDS.flatMap(([name, { migrations }]) => migrations.map((_, index) => `${name}-${index + 1}.db`));
  const found = readdirSync(FIXTURES).filter((name) => name.endsWith('.db'));
  assert.deepEqual(found.sort(), [...expected, ...FURTHER].sort());
  for (const [name, kind] of KINDS) {
    for (const fixture of found.filter((one) => one.startsWith(`${name}-`))) {
      copyFileSync(join(FIXTURES, fixture), path);
      openDatabaseFile(path, kind).close();
      assert.deepEqual(versionOf(path), { user_version: kind.migrations.length }, basename(fixture));
      rmSync(path);
    }
  }
});
