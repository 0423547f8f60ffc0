// A damaged row stops no process of a region and prevents no start. A request that needs the row gets its table and name in the error; other
// requests work. After the repair all requests work again.
// @host alone

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { authorizationOf } from '../support/oauth.ts';
import { RegionDatabases } from '../support/postgres-server.ts';
import { askRegion, REGION_SERVICE, regionProcess } from '../support/region-process.ts';
import { eventually, type RunningRack, runRackboot } from '../support/running-rack.ts';

const PLACE = labPlace(6);
const VERSION = ', desired_version = (SELECT max(desired_version) + 1 FROM machine) WHERE id = 1';
/** The machine with the id 1. */
const MACHINE = 'machines/?mac_address=52:54:00:11:22:33';

/** The damage, the path that needs the row, and the row as the answer names it. */
const DAMAGES: readonly (readonly [title: string, sql: string, path: string, named: RegExp])[] = [
  ['a status that does not exist', `UPDATE machine SET status = 99${VERSION}`, MACHINE, /table machine with id 1 /],
  ['facts', `UPDATE machine SET facts = '{'${VERSION}`, MACHINE, /table machine with id 1 /],
  [
    'facts of another form',
    `UPDATE machine SET facts = '[]'${VERSION}`,
    MACHINE,
    /table machine with id 1 .*another form/,
  ],
  [
    'work',
    `UPDATE machine SET work = 'null'${VERSION}`,
    MACHINE,
    /table machine with id 1 .*its work is not an object/,
  ],
  [
    'a time',
    'UPDATE machine SET created_ms = 9007199254740991 WHERE id = 1',
    MACHINE,
    /table machine with id 1 .*holds no time/,
  ],
  [
    'a role',
    'ALTER TABLE account ALTER COLUMN is_admin DROP NOT NULL; UPDATE account SET is_admin = NULL',
    'users/',
    /table account with id \d+ /,
  ],
];

describe('a damaged row', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  let databases: RegionDatabases;
  let name: string;
  let region: RunningRack;
  let key: string;
  const exits: unknown[] = [];

  before(async () => {
    databases = await RegionDatabases.start();
    name = await databases.make();
    region = regionProcess(PLACE, databases.server.urlOf(name));
    await region.start({ command: REGION_SERVICE, onExit: (code) => exits.push(code) });
    const run = (...words: readonly string[]) => runRackboot([...words, '--config', region.configFile]);
    const file = join(region.directory, 'password');
    writeFileSync(file, 'correct horse battery\n', { mode: 0o600 });
    await run('createadmin', '--username', 'ann', '--password-file', file);
    key = (await run('apikey', '--username', 'ann')).output.join('').trim();
    for (const [hostname, address] of [
      ['box', '52:54:00:11:22:33'],
      ['other', '52:54:00:11:22:34'],
    ] as const) {
      await askRegion(PLACE, key, 'machines/', { hostname, mac_addresses: address, architecture: 'amd64' });
    }
    assert.equal((await run('config', 'set', 'dns.domain', 'example')).code, 0);
  });
  after(async () => {
    await region.remove();
    await databases.close();
  });

  const ask = async (path: string): Promise<{ readonly status: number; readonly text: string }> => {
    const url = `http://127.0.0.1:${PLACE.regionPort}/MAAS/api/2.0/${path}`;
    const answer = await fetch(url, { headers: { Authorization: authorizationOf(key) } });
    return { status: answer.status, text: await answer.text() };
  };

  for (const [title, sql, path, named] of DAMAGES) {
    test(`${title}: the answer names the row, the log reports it, and the process continues`, async () => {
      const table = /UPDATE (\w+)/.exec(sql)?.[1] ?? '';
      const { server } = databases;
      assert.equal((await ask(path)).status, 200, path);
      await server.query(`CREATE TABLE kept AS TABLE ${table}`, name);
      const from = region.lines.length;
      await server.query(`ALTER TABLE ${table} DISABLE TRIGGER USER; ${sql}`, name);
      const follower = new AbortController();
      const followed = fetch(`http://127.0.0.1:${PLACE.regionPort}/MAAS/api/2.0/events/?level=DEBUG&after=0`, {
        headers: { Authorization: authorizationOf(key), Accept: 'text/event-stream' },
        signal: follower.signal,
      });
      const { status, text } = await ask(path);
      assert.deepEqual([status, named.test(text)], [503, true], text);
      await region.reported('region.problem', { from, match: ({ text }) => named.test(String(text)) });
      follower.abort();
      await followed.catch(() => undefined);
      const columns = (await server.query(
        `SELECT column_name AS name FROM information_schema.columns WHERE table_name = '${table}'`,
        name,
      )) as readonly { readonly name: string }[];
      const all = columns.map((column) => column.name).filter((column) => column !== 'id');
      const mended = all.map((column) => `${column} = kept.${column}`).join(', ');
      await server.query(
        `UPDATE ${table} SET ${mended} FROM kept WHERE ${table}.id = kept.id; DROP TABLE kept; ALTER TABLE ${table} ENABLE TRIGGER USER`,
        name,
      );
      await eventually('it answers again', async () => (await ask(path)).status === 200);
      assert.deepEqual(exits, []);
    });
  }

  test('a process starts with a damaged machine, names its row and column in the log, and serves the others', async () => {
    const { server } = databases;
    await region.stop();
    exits.length = 0;
    await server.query("UPDATE machine SET status = 99 WHERE hostname = 'box'", name);
    const from = region.lines.length;
    await region.start({ command: REGION_SERVICE, onExit: (code) => exits.push(code) });
    const named = /table machine with id 1 .*column status: there is no status 99/;
    await region.reported('region.problem', { from, match: ({ text }) => named.test(String(text)) });
    const hostnames = async (): Promise<readonly string[]> =>
      JSON.parse((await ask('machines/')).text).map(({ hostname }: { readonly hostname: string }) => hostname);
    assert.deepEqual(await hostnames(), ['other']);
    const { status, text } = await ask(MACHINE);
    assert.deepEqual([status, named.test(text)], [503, true], text);
    await server.query("UPDATE machine SET status = 0 WHERE hostname = 'box'", name);
    await eventually('both are listed', async () => (await hostnames()).length === 2);
    assert.deepEqual(exits, []);
  });

  test('a process continues and starts with a damaged rack and a damaged power command, and names both rows', async () => {
    const { server } = databases;
    const rack = '11111111-2222-4333-8444-555555555501';
    await server.query(
      `INSERT INTO rack (uuid, name, state, is_embedded, interfaces, agreed, disputed, version, uplink, address, registered_ms, state_since_ms, refused, revision)
       VALUES ('${rack}', 'far', 'accepted', 0, '[]', '[]', '[]', '1', 1, '', 9223372036854775807, 1, '[]', 'x');
       INSERT INTO counter (name, value) VALUES ('racks-version', 77) ON CONFLICT (name) DO UPDATE SET value = counter.value + 1;
       INSERT INTO power_command (id, system_id, command, begun_ms) VALUES ('gone/1', 'gone', 'null', 1)`,
      name,
    );
    const reported = async (named: RegExp, from: number): Promise<void> => {
      await region.reported('region.problem', { from, match: ({ text }) => named.test(String(text)) });
    };
    const aRack = /table rack with id \d+ .*column registered_ms/;
    await reported(aRack, 0);
    assert.equal(exits.length, 0);
    await region.stop();
    exits.length = 0;
    const from = region.lines.length;
    await region.start({ command: REGION_SERVICE, onExit: (code) => exits.push(code) });
    await reported(aRack, from);
    await reported(/table power_command with id gone\/1 .*column command/, from);
    assert.equal((await ask('machines/')).status, 200);
    await server.query(`UPDATE rack SET registered_ms = 1; DELETE FROM power_command WHERE id = 'gone/1'`, name);
    await eventually('the rack is listed', async () => (await ask('rackcontrollers/')).text.includes('far'));
    assert.deepEqual(exits, []);
  });

  test('a process continues and starts with a damaged setting and a damaged event, leaves out these alone, and names both rows', async () => {
    const { server } = databases;
    const SETTINGS = 'settings/';
    const EVENTS = 'events/?op=query&level=DEBUG';
    const count = async (): Promise<number> => JSON.parse((await ask(EVENTS)).text).count;
    const isSet = async (): Promise<boolean> => (await ask(SETTINGS)).text.includes('dns.domain');
    const before = await count();
    assert.equal(await isSet(), true);
    await server.query(
      "UPDATE setting SET value = '{'; UPDATE event SET params = '{' WHERE id = (SELECT max(id) FROM event WHERE code = 'enlisted')",
      name,
    );
    const aSetting = /table setting with key dns\.domain .*\(column value: a value is not JSON\)/;
    const anEvent = /table event with id \d+ .*\(a value is not JSON\)/;
    for (const isNew of [false, true]) {
      if (isNew) await region.stop();
      exits.length = 0;
      const from = region.lines.length;
      if (isNew) await region.start({ command: REGION_SERVICE, onExit: (code) => exits.push(code) });
      assert.deepEqual([await isSet(), await count()], [false, before - 1]);
      for (const named of [aSetting, anEvent])
        await region.reported('region.problem', { from, match: ({ text }) => named.test(String(text)) });
    }
    const set = await runRackboot(['config', 'set', 'dns.domain', 'other', '--config', region.configFile]);
    assert.equal(set.code, 1);
    assert.match(set.complaints.join('\n'), aSetting);
    await server.query(
      "UPDATE setting SET value = '\"example\"'; UPDATE event SET params = '{}', code = 'x' WHERE params = '{'",
      name,
    );
    await eventually('it is set again', isSet);
    assert.equal(await count(), before);
    assert.deepEqual(exits, []);
  });
});
