// A copy takes every row that a region wrote, and refuses one that no region can read before it writes anything.

import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { openRegionStore } from '../../../src/store/sqlite/region-sqlite.ts';
import { fillRegion } from '../../contract/region-operations.ts';
import { checkReadable, unreadableIn } from '../../support/readable-rows.ts';
import { runRackboot } from '../../support/running-rack.ts';

const FIXTURE = new URL('../../../fixtures/state/region-7.db', import.meta.url);
/** The largest number that JavaScript has exactly: the one after it is not. */
const LAST = 2 ** 53 - 1;

/** The changes, and the name that the refusal gives each. */
const DAMAGED: readonly (readonly [sql: string, named: string])[] = [
  [`UPDATE interface SET mac = ${2 ** 48} WHERE id = 1`, `table interface .* with id = 1: mac is out of its bounds`],
  ['UPDATE interface SET mac = -1 WHERE id = 1', 'table interface .* with id = 1: mac is out of its bounds'],
  [`UPDATE interface SET address = ${2 ** 32} WHERE id = 1`, `table interface .*: address is out of its bounds`],
  [
    'UPDATE machine SET status = 999 WHERE id = 1',
    'table machine .* with id = 1: status has a form or value that no region writes',
  ],
  [
    'UPDATE machine SET resting_status = 999 WHERE id = 1',
    'table machine .*: resting_status has a form or value that no region writes',
  ],
  [
    `UPDATE machine SET desired_version = ${LAST} WHERE id = 1`,
    `table machine .*: desired_version is out of its bounds`,
  ],
  [
    'UPDATE machine SET desired_version = 9223372036854775807',
    'table machine .*: desired_version is not an exact value of the type INTEGER',
  ],
  [`UPDATE machine SET updated_ms = ${LAST} WHERE id = 1`, `table machine .*: updated_ms is out of its bounds`],
  [`UPDATE machine SET status_message = '{"co' WHERE id = 1`, 'table machine .*: status_message is not JSON'],
  [
    `UPDATE machine SET status_message = '{"code":"scripts-failed"}' WHERE id = 1`,
    'table machine .*: status_message has a form or value that no region writes',
  ],
  ["UPDATE machine SET power_parameters = '[' WHERE id = 1", 'table machine .*: power_parameters is not JSON'],
  ["UPDATE machine SET owner_data = '' WHERE id = 1", 'table machine .*: owner_data is not JSON'],
  [
    `UPDATE machine SET facts = '{"disks":5}' WHERE id = 1`,
    'table machine .*: facts has a form or value that no region writes',
  ],
  ["UPDATE script SET tags = '{}'", 'table script .* with id = 1: tags has a form or value that no region writes'],
  ["UPDATE script SET hardware = 'x'", 'table script .*: hardware has a form or value that no region writes'],
  ["UPDATE script SET parallel = 'x'", 'table script .*: parallel has a form or value that no region writes'],
  ['UPDATE script SET is_destructive = 2', 'table script .*: is_destructive is out of its bounds'],
  ["UPDATE machine SET work = 'null' WHERE id = 1", 'table machine .*: work has a form or value that no region writes'],
  [
    `UPDATE counter SET value = ${LAST} WHERE name = 'desired-version'`,
    `table counter .* name = desired-version: value is out of its bounds`,
  ],
  ["UPDATE event SET params = '{' WHERE id = 1", 'table event .* with id = 1: params is not JSON'],
  [
    "UPDATE event SET code = 'scripts-failed', params = '{}' WHERE id = 1",
    'table event .* with id = 1: params has a form or value that no region writes',
  ],
  [`UPDATE sqlite_sequence SET seq = ${LAST} WHERE name = 'event'`, `table event has given the id ${LAST}`],
  [
    "UPDATE rack SET interfaces = '{}'",
    'table rack .* with id = 1: interfaces has a form or value that no region writes',
  ],
  [
    "INSERT INTO power_command VALUES ('a/1', 'a', 'null', 1, NULL, NULL)",
    'table power_command .*: command has a form or value that no region writes',
  ],
  [
    `INSERT INTO power_command VALUES ('a/1', 'a', '{"kind":"off","manner":"soft"}', 1, 2, 'null')`,
    'table power_command .*: outcome has a form or value that no region writes',
  ],
  ["UPDATE ssh_key SET digest = 'x'", 'table ssh_key .* id = 1: digest has a form or value that no region writes'],
  [`INSERT INTO fabric VALUES (1, 'f', '', '', 2)`, 'table fabric .* id = 1: is_touched is out of its bounds'],
  [`INSERT INTO setting VALUES ('', 'dns.domain', '{"', 1, 1)`, 'table setting .* key = dns.domain: value is not JSON'],
];

describe('the rows of a region', () => {
  let stateDir: string;
  let path: string;
  beforeEach(() => {
    stateDir = mkdtempSync(join(tmpdir(), 'rackboot-rows-'));
    path = join(stateDir, 'region.db');
  });
  afterEach(() => rmSync(stateDir, { recursive: true, force: true }));

  test('pass as a region wrote them', async () => {
    await fillRegionAt();
    await checkReadable(stateDir);
    copyFileSync(FIXTURE, path);
    await checkReadable(stateDir);
  });

  async function fillRegionAt(): Promise<void> {
    const store = openRegionStore({ stateDir });
    await fillRegion(store, 600);
    await store.close();
  }

  function change(sql: string): void {
    const database = new DatabaseSync(path);
    assert.ok(database.prepare(sql).run().changes > 0, sql);
    database.close();
  }

  for (const [sql, named] of DAMAGED) {
    test(`do not pass after ${sql}`, async () => {
      copyFileSync(FIXTURE, path);
      change(sql);
      assert.match((await unreadableIn(stateDir)) ?? '', new RegExp(`region\\.db: the ${named}`));
    });
  }

  test('the message shows no value: neither broken JSON nor another type may reveal a password', async () => {
    for (const [sql, named] of [
      [`UPDATE machine SET power_parameters = '{"power_pass":"hunter2"' WHERE id = 1`, /power_parameters is not JSON/],
      [
        `UPDATE machine SET power_parameters = '{"power_pass":["hunter2"]}' WHERE id = 1`,
        /power_parameters has a form/,
      ],
    ] as const) {
      copyFileSync(FIXTURE, path);
      change(sql);
      const said = (await unreadableIn(stateDir)) ?? '';
      assert.match(said, named);
      assert.doesNotMatch(said, /hunter2/);
    }
  });

  test('unreadable rows stop a restore before it writes; a backup names them', async () => {
    copyFileSync(FIXTURE, path);
    change('UPDATE machine SET status = 999 WHERE id = 1');
    const config = (name: string): string => {
      const file = join(stateDir, `${name}.yaml`);
      writeFileSync(file, `name: hall\nstate_dir: ${join(stateDir, name)}\nregion: { store: { kind: sqlite } }\n`);
      return file;
    };
    const restored = await runRackboot(['region', 'restore', path, '--config', config('target')]);
    assert.notEqual(restored.code, 0);
    assert.match(
      restored.complaints.join('\n'),
      /that with id = 1: status has a form or value that no region writes\. Correct or remove it there/,
    );
    const copied = await runRackboot([
      'region',
      'copy',
      '--from',
      `sqlite:${stateDir}`,
      '--to',
      `sqlite:${stateDir}/target`,
    ]);
    assert.match(copied.complaints.join('\n'), /that with id = 1: status has a form or value that no region writes/);
    assert.ok(!readdirSync(join(stateDir, 'target')).some((name) => name.startsWith('region.db')));
    const here = join(stateDir, 'here.yaml');
    writeFileSync(here, `state_dir: ${stateDir}\n`);
    const saved = await runRackboot(['region', 'backup', join(stateDir, 'x.backup'), '--config', here]);
    assert.equal(saved.code, 0);
    assert.match(
      saved.complaints.join('\n'),
      /status has a form or value that no region writes.*This backup contains the row as well/,
    );
  });
});
