// A region.db of an older or later release: no command changes its tables under a process that runs on them, nor later ones at all.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { openDatabaseFile } from '../../../src/store/database-file.ts';
import { REGION_DATABASE, REGION_FILE } from '../../../src/store/region/region-schema.ts';
import { openCommandRegion } from '../../../src/store/sqlite/command-region.ts';
import { openRegionStore } from '../../../src/store/sqlite/region-sqlite.ts';
import { lockState } from '../../../src/store/state-lock.ts';
import { runRackboot } from '../../support/running-rack.ts';

/** The newest version of the tables. */
const NEWEST = REGION_DATABASE.migrations.length;
/** The tables of a later Rackboot, with a made-up version. */
const LATER = { ...REGION_DATABASE, migrations: [...REGION_DATABASE.migrations, 'CREATE TABLE made_up (id INTEGER)'] };

function versionOf(file: string): unknown {
  const database = new DatabaseSync(file, { readOnly: true });
  const row = database.prepare('PRAGMA user_version').get();
  database.close();
  return row?.user_version;
}

function makeState(t: TestContext): { readonly stateDir: string; readonly file: string } {
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-older-'));
  t.after(() => rmSync(stateDir, { recursive: true }));
  return { stateDir, file: join(stateDir, REGION_FILE) };
}

test('a command leaves older tables as a running process knows them, and updates them when none runs', async (t) => {
  const { stateDir, file } = makeState(t);
  const running = lockState(stateDir);
  const older = openDatabaseFile(file, REGION_DATABASE);
  assert.throws(() => openCommandRegion(stateDir, LATER), {
    code: 'already-running',
    message: /region\.db has the tables of an older Rackboot, .* restart or stop that one/,
  });
  assert.equal(versionOf(file), NEWEST);
  older.close();
  running.release();
  await openCommandRegion(stateDir, LATER).close();
  assert.equal(versionOf(file), NEWEST + 1);
  assert.equal(versionOf(`${file}.version-${NEWEST}`), NEWEST, 'a copy is left');
});

test('the process that has the directory locked updates older tables', async (t) => {
  const { stateDir, file } = makeState(t);
  openDatabaseFile(file, REGION_DATABASE).close();
  const lock = lockState(stateDir);
  await openRegionStore({ stateDir, kind: LATER }).close();
  assert.equal(versionOf(file), NEWEST + 1);
  lock.release();
});

test('every command refuses the tables of a later Rackboot, and leaves them', async (t) => {
  const { stateDir, file } = makeState(t);
  const [config, password] = [join(stateDir, 'rackboot.yaml'), join(stateDir, 'password')];
  writeFileSync(config, `name: rack\nstate_dir: ${stateDir}\nregion: { mode: embedded }\n`);
  writeFileSync(password, 'correct horse\n', { mode: 0o600 });
  openDatabaseFile(file, LATER).close();
  for (const words of [
    ['createadmin', '--username', 'ann', '--password-file', password],
    ['apikey', '--username', 'ann'],
    ['password', 'ann', '--password-file', password],
    ['power', 'key'],
    ['region', 'backup', join(stateDir, 'x.backup')],
    ['region', 'copy', '--from', `sqlite:${stateDir}`, '--to', `sqlite:${join(stateDir, 'to')}`],
  ]) {
    const options = words[1] === 'copy' ? [] : ['--config', config];
    const { code, complaints } = await runRackboot([...words, ...options]);
    assert.notEqual(code, 0, words.join(' '));
    assert.match(complaints.join('\n'), new RegExp(`region\\.db has version ${NEWEST + 1}, `), words.join(' '));
    assert.equal(versionOf(file), NEWEST + 1, words.join(' '));
  }
});

test('an import that was paused or cancelled in an older release is one for the next run', async (t) => {
  const { stateDir, file } = makeState(t);
  await openRegionStore({ stateDir }).close();
  const database = new DatabaseSync(file);
  const row = database.prepare('INSERT INTO boot_resource (name, wish, progress, changed_ms) VALUES (?, ?, ?, 1)');
  for (const [wish, state] of [
    ['pause', 'paused'],
    ['cancel', 'cancelled'],
  ])
    row.run(String(wish), String(wish), JSON.stringify({ state, source: 'site', title: '', bytes: 1 }));
  database.close();
  const store = openRegionStore({ stateDir });
  assert.deepEqual(
    (await store.boot.listResources()).map(({ wish, progress }) => [wish, progress?.state]),
    [
      ['import', 'cancelled'],
      ['import', 'cancelled'],
    ],
  );
  await store.close();
});
