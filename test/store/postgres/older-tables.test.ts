// A region's database with the tables of an earlier version: a process of the region brings them up to date where they are, and keeps every row.
// @host waits, 40 s
// @disk

import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { ipv4, mac } from '../../../src/ground/address.ts';
import type { NewMachineEvent } from '../../../src/region/records/machine-event.ts';
import type { NetworkRecords } from '../../../src/region/records/network-store.ts';
import type { RegionStore } from '../../../src/region/records/store.ts';
import { listSchemaTables } from '../../../src/store/copying/region-copy.ts';
import { readMigration } from '../../../src/store/database-file.ts';
import { POSTGRES_MIGRATIONS } from '../../../src/store/postgres/postgres-form.ts';
import { openPostgresRegion } from '../../../src/store/postgres/region-postgres.ts';
import { REGION_FILE } from '../../../src/store/region/region-schema.ts';
import { openRegionStore } from '../../../src/store/sqlite/region-sqlite.ts';
import { missing } from '../../support/needs.ts';
import { PostgresServer } from '../../support/postgres-server.ts';
import { storedRacks } from '../../support/stored-racks.ts';

const NEWEST = POSTGRES_MIGRATIONS.length;
const MARK =
  'CREATE TABLE rackboot (version BIGINT NOT NULL, the_only BOOLEAN PRIMARY KEY DEFAULT true CHECK (the_only))';
const tablesOf = (version: number): readonly string[] =>
  POSTGRES_MIGRATIONS.slice(0, version).map((step) => readMigration(step)[0]);
/** A script without the columns of later versions. */
const OLD_SCRIPT =
  'INSERT INTO script (name, kind, title, description, timeout_seconds, position, content, changed_ms) ' +
  "VALUES ('fan', 'testing', '', '', 60, 50, '#!/bin/sh', 1)";
const EVENT: NewMachineEvent = { type: 'NODE', code: 'rack', params: { text: 'x' }, atMs: 1, username: 'ann' };

/** A value of SQLite as PostgreSQL writes it. */
function literal(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  if (value instanceof Uint8Array) return `'\\x${Buffer.from(value).toString('hex')}'`;
  return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value);
}

const STATES = join(import.meta.dirname, '..', '..', '..', 'fixtures', 'state');
/** Those of the regions of every version, which may have several. */
const FILES = readdirSync(STATES).flatMap((name): readonly (readonly [name: string, version: number])[] => {
  const [, version] = /^region-(\d+)(?:-\w+)?\.db$/.exec(name) ?? [];
  return version === undefined ? [] : [[name, Number(version)]];
});

/** What a copy of a region's file has. */
async function inFile<T>(name: string, read: (path: string) => T | Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-older-'));
  const path = join(directory, REGION_FILE);
  try {
    // Reading writes files next to it.
    copyFileSync(join(STATES, name), path);
    return await read(path);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const networksOf = (name: string): Promise<NetworkRecords> =>
  inFile(name, async (path) => {
    const store = openRegionStore({ stateDir: dirname(path) });
    const networks = await store.networks.list();
    await store.close();
    return networks;
  });

/** The statements that insert all rows of a region's file. */
function rowsIn(path: string): readonly string[] {
  const file = new DatabaseSync(path);
  const present = file.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
  const statements = listSchemaTables().flatMap(({ name, givesIds }) => {
    // A later version has added it.
    if (!present.some((one) => one.name === name)) return [];
    const inserts = file
      .prepare(`SELECT * FROM ${name}`)
      .all()
      .map(
        (row) =>
          `INSERT INTO ${name} (${Object.keys(row).join(', ')}) VALUES (${Object.values(row).map(literal).join(', ')})`,
      );
    const sequence = `pg_get_serial_sequence('${name}', 'id')`;
    const continues = `SELECT setval(${sequence}, (SELECT max(id) FROM ${name})) WHERE ${sequence} IS NOT NULL`;
    return inserts.length > 0 && givesIds ? [...inserts, continues] : inserts;
  });
  const events = 'SELECT coalesce(max(id), 0) FROM event';
  const numbers = "SELECT coalesce(max(value), 0) FROM counter WHERE name LIKE 'desired-%'";
  file.close();
  // Events and versions take their numbers from one sequence.
  return [...statements, `SELECT setval('change_number', greatest(2, (${events}), (${numbers})))`];
}

/** Something of each kind of row. */
async function contentsOf(store: RegionStore): Promise<unknown> {
  const machines = await store.listMachines({}, 0, 9);
  return [
    machines.map(({ hostname, kernel, addresses, owner, tags }) => [hostname, kernel, addresses, owner, tags.length]),
    (await storedRacks(store)).map(({ name, uuid, state, interfaces }) => [name, uuid, state, interfaces]),
    (await store.accounts.listUsers()).map(({ username, email, isAdmin }) => [username, email, isAdmin]),
    (await store.boot.listSources()).map(({ url, index, why }) => [url, index, why]),
    (await store.listEvents({ limit: 99 })).map(({ code }) => code),
  ];
}

describe('the tables of an earlier version in PostgreSQL', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  let server: PostgresServer;
  before(async () => {
    server = await PostgresServer.start();
  });
  after(() => server.close());

  for (const [file, version] of FILES) {
    test(`${file} is brought up to date in place, with all its rows`, async () => {
      const name = await server.makeDatabase();
      const place = server.placeOf(name);
      const steps = [...tablesOf(version), ...(await inFile(file, rowsIn)), OLD_SCRIPT, MARK];
      await server.query([...steps, `INSERT INTO rackboot (version) VALUES (${version})`].join(';'), name);
      const before = await server.query('SELECT count(*) AS rows FROM event', name);
      if (version < NEWEST)
        await assert.rejects(openPostgresRegion(place), { code: 'store-broken', message: /start the region once/ });
      const store = await openPostgresRegion(place, 'hall');
      assert.deepEqual(await server.query('SELECT version FROM rackboot', name), [{ version: String(NEWEST) }]);
      assert.deepEqual(await server.query('SELECT count(*) AS rows FROM event', name), before);
      const found = await contentsOf(store);
      assert.match(JSON.stringify(found), /"(?:web3|db)".*"(?:rack-1|hall)".*"accepted"/);
      assert.deepEqual(await store.networks.list(), await networksOf(file));
      await useNewColumns(store);
      await store.close();
      const again = await openPostgresRegion(place, 'hall');
      const [rack] = await storedRacks(again);
      const { reserved: all, subnets } = await again.networks.list();
      const reserved = all.find(({ address }) => address === ipv4(0x0a4d0032));
      assert.deepEqual([rack?.description, reserved?.mac, reserved?.hostname], ['in the hall', mac(7), 'printer']);
      assert.equal(subnets.find(({ cidr }) => cidr === '10.77.0.0/24')?.allowsDns, false);
      assert.equal((await again.listMachines({}, 0, 9))[0]?.runs?.testing?.status, 'pending');
      const [script] = await again.scripts.listScripts();
      assert.deepEqual(
        [script?.name, script?.tags, script?.hardware, script?.isDestructive],
        ['fan', ['hot'], 'node', false],
      );
      await again.close();
    });
  }

  test('the tables that were brought up to date are those of a new database', async () => {
    const [fresh, older] = [await server.makeDatabase(), await server.makeDatabase()];
    await (await openPostgresRegion(server.placeOf(fresh), 'hall')).close();
    const steps = [...tablesOf(1), MARK, 'INSERT INTO rackboot (version) VALUES (1)'];
    await server.query(steps.join(';'), older);
    await (await openPostgresRegion(server.placeOf(older), 'hall')).close();
    const columns =
      'SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns ' +
      'WHERE table_schema = current_schema() ORDER BY 1, 2';
    assert.deepEqual(await server.query(columns, older), await server.query(columns, fresh));
  });
});

/** Writes into the columns that later versions added. */
async function useNewColumns(store: RegionStore): Promise<void> {
  const [rack] = await storedRacks(store);
  assert.equal(await store.racks.describe(rack?.uuid ?? '', 'in the hall', EVENT), true);
  const [machine] = await store.listMachines({}, 0, 9);
  const planned = [{ name: 'fan', kind: 'testing', timeoutSeconds: 1 }] as const;
  await store.scripts.tagScript('fan', 'hot', true, 9, EVENT);
  await store.scripts.beginRun(machine?.systemId ?? '', 'testing', planned, 1);
  await store.networks.change((_records, nextId) => {
    const [fabric, vlan, subnet, reserved] = [nextId, nextId + 1, nextId + 2, nextId + 3];
    const texts = { name: 'x', description: '' } as const;
    return {
      nextId: nextId + 4,
      put: {
        fabrics: [{ id: fabric, ...texts, classType: '', isTouched: true }],
        vlans: [{ id: vlan, fabricId: fabric, vid: 0, ...texts, mtu: 1500, spaceId: undefined, isTouched: true }],
        subnets: [
          {
            id: subnet,
            cidr: '10.77.0.0/24',
            ...texts,
            vlanId: vlan,
            gateway: undefined,
            dnsServers: [],
            allowsDns: false,
            isTouched: true,
          },
        ],
        reserved: [
          {
            id: reserved,
            subnetId: subnet,
            address: ipv4(0x0a4d0032),
            username: 'ann',
            createdMs: 1,
            mac: mac(7),
            hostname: 'printer',
            domain: 'maas',
          },
        ],
      },
      result: undefined,
    };
  });
}
