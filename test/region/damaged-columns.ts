// Each column of the region's tables in turn holds a value that no region writes. No request fails inside the region: it is answered as before,
// without the row, or with 503, which names a row. No work in the background throws, and all is as before once the row is repaired.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { outcome } from '../../src/power/outcome.ts';
import { createApiKey } from '../../src/region/accounts/accounts.ts';
import { buildApp, makeContext } from '../../src/region/http/server.ts';
import { cookieName } from '../../src/region/page/login.ts';
import type { NewMachineEvent } from '../../src/region/records/machine-event.ts';
import { NO_MARKS } from '../../src/region/records/script-store.ts';
import { type CopiedColumn, type CopiedTable, copiedTables } from '../../src/store/copying/region-copy.ts';
import { REGION_FILE } from '../../src/store/region/region-schema.ts';
import { fillRegion } from '../contract/region-operations.ts';
import { authorizationOf } from '../support/oauth.ts';
import { addAdmin } from './accounts/administrator.ts';
import { facts, makeRegion, type RegionPlace } from './place.ts';
import { acceptRack, heartbeatOf, RACK_UUID, rackAuthorization, rackInterface } from './racks/rack-place.ts';

const FIRST = 'm00000';
const NETWORK = '10.60.0.0/24';
const EVENT: NewMachineEvent = { type: 'NODE', code: 'rack', params: { text: 'x' }, atMs: 1, username: 'ann' };
/** Longer than the pauses between looks at the store, in milliseconds. */
const LOOK_MS = 3000;
/** Damage in them ends the requests' own sign-in, so that they say no more than that. */
const SIGN_IN = ['account', 'api_key', 'session'];
/** The pages and operations that read the most tables. */
const PATHS: readonly string[] = [
  '',
  'machines/m00000/',
  'machines/m00000/edit/',
  'machines/m00000/do/deploy/',
  'images/',
  'images/sources/',
  'tags/',
  'tags/x0/',
  'scripts/',
  'settings/',
  'people/',
  'account/',
  ...['machines/', 'machines/m00000/', 'machines/m00000/?op=identity', 'machines/?op=power_parameters'].map(ofApi),
  ...['events/?op=query&level=DEBUG', 'nodegroups/', 'nodes/m00000/results/', 'tags/', 'tags/x0/?op=machines'].map(
    ofApi,
  ),
  ...['scripts/', 'users/', 'settings/', 'boot-sources/', 'boot-sources/1/selections/', 'boot-resources/'].map(ofApi),
  ...['boot-resources/?op=is_importing', 'account/prefs/sshkeys/', 'zones/', 'pools/', 'files/'].map(ofApi),
  ...['fabrics/', 'spaces/', 'subnets/', 'ipranges/', 'ipaddresses/?all=1', 'static-routes/'].map(ofApi),
].map((path) => `/MAAS/${path}`);
const WORK = { stage: 'writing', waitsForBoot: false, attempts: 0, before: 'ready', reportedMs: 1 } as const;

function ofApi(path: string): string {
  return `api/2.0/${path}`;
}

const DAMAGED_TEXTS = [
  `'[]'`,
  `'{"text":1,"code":"rack","params":{"text":{}}}'`,
  `'{"code":"rack","params":{}}'`,
  `'null'`,
];

/** Values for a column that no region writes in it. */
export function damagesOf({ type }: CopiedColumn): readonly string[] {
  if (type === 'TEXT') return DAMAGED_TEXTS;
  return type === 'INTEGER' ? ['9007199254740991'] : [];
}

/** At least a row of each table. */
async function fill({ region, store, clock, stateDir }: RegionPlace): Promise<void> {
  await fillRegion(store, 3);
  const known = { facts: facts({ serial: 'x' }, { disks: [{ name: 'sda', bytes: 1 }] }), work: WORK } as const;
  const shown = {
    powerParameters: { power_address: 'a' },
    statusReason: { code: 'said', params: { text: 'x' } },
  } as const;
  await store.changeMachine<never>(FIRST, 1, () => ({
    kind: 'change',
    fields: { ...known, ...shown, ownerData: { a: 'b' } },
    events: [EVENT],
    userData: Uint8Array.of(1),
  }));
  await addAdmin(store, clock, { username: 'admin', email: '', password: 'long enough' });
  await store.life.addSshKey({ username: 'admin', key: 'ssh-ed25519 x', createdMs: 1 }, 9, EVENT);
  await store.life.addTag({ name: 'x0', comment: '', kernelParams: '' }, 1000, EVENT);
  await store.life.tagMachines('x0', [FIRST], [], EVENT);
  const script = {
    ...NO_MARKS,
    name: 's0',
    kind: 'testing',
    title: '',
    description: '',
    timeoutSeconds: 9,
    position: 0,
  } as const;
  await store.scripts.addScript({ ...script, content: '#!/bin/sh', changedMs: 1 }, 1000, EVENT);
  const planned = (await store.scripts.listScripts('testing')).map((one) => ({ ...one, content: '#!/bin/sh' }));
  await store.scripts.beginRun(FIRST, 'testing', planned, 1);
  await acceptRack(region, { interfaces: [rackInterface(NETWORK)] });
  const source = { url: 'http://a/', keyringFilename: '/k', keyring: new Uint8Array(), updatedMs: 1 };
  await store.boot.addSource(source, EVENT);
  const selection = { os: 'ubuntu', release: 'noble', arches: ['*'], subarches: ['*'], labels: ['*'] };
  await store.boot.addSelection(1, selection, EVENT);
  const done = { state: 'done', source: 's', title: '', bytes: 1 } as const;
  await store.boot.noteProgress(new Map([['ubuntu/noble/amd64/generic/release', done]]), 1);
  await store.boot.changeRun({ askedMs: 1, begunMs: 1, endedMs: 2 });
  const on = { kind: 'on', netboot: true } as const;
  await store.power.begin({ id: 'a/1', machine: FIRST, command: on, begunAtMs: 1 });
  await store.power.end('a/1', outcome('done', { code: 'by-hand', params: {} }), 2);
  await store.sshKey.keep('a key', 1);
  const key = { consumerKey: 'c', tokenKey: 't', tokenSecret: 's', createdMs: 1 };
  await store.life.keepMachineKey({ ...key, systemId: FIRST });
  const login = { username: 'admin', openedMs: 1, expiresMs: 2e12, tokenDigest: undefined, hostKey: '' };
  await store.logins.openDebug(FIRST, login, EVENT);
  assert.equal(await region.settings.change('', [{ key: 'dns.upstream', value: '192.0.2.1' }], 'admin'), undefined);
  await store.recordReports(`${RACK_UUID}/life`, [{ sequence: 7, kind: 'dhcp.ack', at: 5, text: 'x' }]);
  const [subnet] = (await region.networks.look()).subnets;
  const inSubnet = subnet?.subnet.id ?? assert.fail('a subnet');
  const database = new DatabaseSync(join(stateDir, REGION_FILE));
  database.exec(
    `INSERT INTO machine_pair VALUES (1, 2, 'conflict', 'rack', '{"text":"x"}', 1, 1); INSERT INTO shared_identity VALUES ('x', 1);
     INSERT INTO identity VALUES ('serial:x', 1); INSERT INTO rack_images VALUES ('${RACK_UUID}', '[]');
     INSERT INTO gone_machine VALUES ('gone00', 1); INSERT INTO network_space VALUES (6001, 's0', '');
     INSERT INTO address_range VALUES (6002, ${inSubnet}, 'reserved', ${inSubnet + 5}, ${inSubnet + 6}, 'admin', '', '', '');
     INSERT INTO reserved_address VALUES (6003, ${inSubnet}, ${inSubnet + 7}, 'admin', 1, 1, 'printer', 'maas');
     INSERT INTO static_route VALUES (6004, ${inSubnet}, ${inSubnet}, ${inSubnet + 8}, 0);
     INSERT INTO host_lease (address, mac, ends_ms, rack, released_by) VALUES (${inSubnet + 9}, 9, 1, 1, 'admin');
     INSERT INTO subnet_connection VALUES (6005, ${inSubnet}, 1);
     INSERT INTO area (kind, name, description) VALUES ('zone', 'z0', ''), ('pool', 'p0', ''); UPDATE machine SET zone_id = 1, pool_id = 2;
     INSERT INTO boot_upload (name, title, file_type, bytes, sha256, received, place, username, created_ms, changed_ms)
       VALUES ('ubuntu/jammy/amd64/generic/release', '', 'root-dd', 1, 'a', 0, 'x', 'admin', 1, 1);
     INSERT INTO stored_file (account_id, name, key, content, created_ms) SELECT id, 'f0', 'k', x'00', 1 FROM account WHERE username = 'admin'`,
  );
  database.close();
}

/** @param chosen the values that a column holds in turn; `index` counts the columns of its table */
export function damageColumns(chosen: (column: CopiedColumn, index: number) => readonly string[]): void {
  let place: RegionPlace;
  let app: ReturnType<typeof buildApp>;
  let database: DatabaseSync;
  let authorization = '';
  let cookie = '';
  /** The status of each path with all rows whole. */
  const whole = new Map<string, number>();
  const unhandled: unknown[] = [];
  const onUnhandled = (error: unknown): void => void unhandled.push(error);

  before(async () => {
    place = await makeRegion({ newMachinesMax: 1000 });
    const { region, store, clock, stateDir } = place;
    await fill(place);
    const context = makeContext(region);
    app = buildApp(context);
    authorization = authorizationOf(await createApiKey(store, clock, 'admin'));
    const admin = (await store.accounts.findUser('admin')) ?? assert.fail('admin');
    cookie = `${cookieName(undefined)}=${await context.sessions.open(admin)}`;
    database = new DatabaseSync(join(stateDir, REGION_FILE), { defensive: false });
    database.exec('PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF');
    for (const path of PATHS) whole.set(path, (await ask(path)).status);
    process.on('unhandledRejection', onUnhandled);
  });
  after(async () => {
    process.off('unhandledRejection', onUnhandled);
    database.close();
    await app.close();
    await place.remove();
  });

  async function ask(url: string): Promise<{ readonly status: number; readonly text: string }> {
    const own = url.startsWith('/MAAS/api/') ? { authorization } : { cookie, accept: 'text/html' };
    const { statusCode: status, body } = await app.inject({ url, headers: { host: 'rack.example', ...own } });
    return { status, text: body.replaceAll(/<[^>]*>/g, '') };
  }

  /** Damages the first row of a table, meanwhile does `work`, and restores the table. */
  async function damaged(
    table: CopiedTable,
    column: CopiedColumn,
    value: string,
    work: () => Promise<void>,
  ): Promise<void> {
    const { name } = table;
    const triggers = database
      .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?")
      .all(name);
    // A rack is read again when its row has another revision.
    const touch =
      name === 'rack'
        ? `UPDATE rack SET revision = revision || 'x'; UPDATE counter SET value = value + 1 WHERE name = 'racks-version'`
        : '';
    for (const one of triggers) database.exec(`DROP TRIGGER ${one.name}`);
    database.exec(`CREATE TEMP TABLE kept AS SELECT * FROM ${name}`);
    const keys = table.order.map((key) => key.name).join(', ');
    const first = `(${keys}) IN (SELECT ${keys} FROM kept LIMIT 1)`;
    try {
      database.exec(`UPDATE ${name} SET ${column.name} = ${value} WHERE ${first}; ${touch}`);
      await work();
    } finally {
      database.exec(`DELETE FROM ${name}; INSERT INTO ${name} SELECT * FROM kept; DROP TABLE kept; ${touch}`);
      for (const one of triggers) database.exec(String(one.sql));
    }
  }

  async function heartbeat(): Promise<number> {
    const payload = JSON.stringify(heartbeatOf({ applied: 1, interfaces: [rackInterface(NETWORK)] }));
    const headers = { host: 'r', 'content-type': 'application/json', authorization: rackAuthorization() };
    return (await app.inject({ method: 'POST', url: `/MAAS/uplink/1/racks/${RACK_UUID}/heartbeat`, headers, payload }))
      .statusCode;
  }

  for (const table of copiedTables().filter(({ name }) => !SIGN_IN.includes(name)))
    test(`in a column of ${table.name} fails no request inside the region`, async () => {
      assert.ok(Number(database.prepare(`SELECT count(*) AS n FROM ${table.name}`).get()?.n) > 0, 'it has a row');
      const wrong: string[] = [];
      // An id that the table gives would count for all later ids.
      const columns = table.columns.filter(
        (column) => !table.givesIds || table.order.every(({ name }) => name !== column.name),
      );
      for (const [index, column] of columns.entries()) {
        for (const value of chosen(column, index)) {
          await damaged(table, column, value, async () => {
            await place.clock.pass(LOOK_MS);
            for (const path of PATHS) {
              const { status, text } = await ask(path);
              const isNamed = status === 503 && /(?:the|The) row of the table |a number in /.test(text);
              if (status !== whole.get(path) && status !== 404 && !isNamed)
                wrong.push(`${column.name} = ${value}: ${path} ${status} ${text.slice(0, 200)}`);
            }
            const status = await heartbeat();
            if (status === 500) wrong.push(`${column.name} = ${value}: heartbeat ${status}`);
          });
        }
      }
      await place.clock.pass(LOOK_MS);
      for (const path of PATHS) {
        const { status } = await ask(path);
        if (status !== whole.get(path)) wrong.push(`after the repair: ${path} ${status}`);
      }
      assert.deepEqual([wrong, unhandled], [[], []]);
    });
}
