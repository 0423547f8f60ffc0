// A region.db of an older release: no command of a newer one changes its tables under a process that runs on them.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { openDatabaseFile } from '../../../src/store/database-file.ts';
import { REGION_DATABASE, REGION_FILE } from '../../../src/store/region/region-schema.ts';
import { openRegionStore } from '../../../src/store/sqlite/region-sqlite.ts';
import { lockState } from '../../../src/store/state-lock.ts';
import { runRackboot } from '../../support/running-rack.ts';

const NEWEST = REGION_DATABASE.migrations.length;
const OLDER = { ...REGION_DATABASE, migrations: REGION_DATABASE.migrations.slice(0, NEWEST - 1) };

function versionOf(file: string): unknown {
  const database = new DatabaseSync(file, { readOnly: true });
  const row = database.prepare('PRAGMA user_version').get();
  database.close();
  return row?.user_version;
}

test('a command leaves older tables as a running process knows them, and updates them when none runs', async (t) => {
  const place = mkdtempSync(join(tmpdir(), 'rackboot-older-'));
  t.after(() => rmSync(place, { recursive: true }));
  const [stateDir, config, password] = [join(place, 'state'), join(place, 'rackboot.yaml'), join(place, 'password')];
  const file = join(stateDir, REGION_FILE);
  writeFileSync(config, `name: rack\nstate_dir: ${stateDir}\nregion: { mode: embedded }\n`);
  writeFileSync(password, 'correct horse\n', { mode: 0o600 });
  const create = ['createadmin', '--username', 'ann', '--password-file', password];
  const running = lockState(stateDir);
  const older = openDatabaseFile(file, OLDER);
  for (const words of [
    create,
    ['apikey', '--username', 'ann'],
    ['password', 'ann', '--password-file', password],
    ['power', 'key'],
    ['region', 'backup', join(place, 'x.backup')],
    ['region', 'copy', '--from', `sqlite:${stateDir}`, '--to', `sqlite:${join(place, 'to')}`],
  ]) {
    const options = words[1] === 'copy' ? [] : ['--config', config];
    const { code, complaints } = await runRackboot([...words, ...options]);
    assert.notEqual(code, 0, words.join(' '));
    assert.equal(versionOf(file), NEWEST - 1, words.join(' '));
    const refusal = words[0] === 'region' ? /region\.db has version \d|already runs here/ : /restart or stop that one/;
    assert.match(complaints.join('\n'), refusal);
  }
  older.close();
  running.release();
  const { code, complaints } = await runRackboot([...create, '--config', config]);
  assert.equal(code, 0, complaints.join('\n'));
  assert.equal(versionOf(file), NEWEST);
});

test('the process that has the directory locked updates older tables', async (t) => {
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-older-'));
  t.after(() => rmSync(stateDir, { recursive: true }));
  const file = join(stateDir, REGION_FILE);
  openDatabaseFile(file, OLDER).close();
  const lock = lockState(stateDir);
  await openRegionStore({ stateDir }).close();
  assert.equal(versionOf(file), NEWEST);
  lock.release();
});
