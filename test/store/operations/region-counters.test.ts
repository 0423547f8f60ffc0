// Counters that somebody deleted or lowered by hand: no number in use is given again, at the start or while a process runs, and each is reported.
// On SQLite and on PostgreSQL.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, afterEach, beforeEach, describe, test } from 'node:test';
import { mac } from '../../../src/net/address.ts';
import type { RegionStore } from '../../../src/region/records/store.ts';
import { noteText } from '../../../src/region/words/rack-reasons.ts';
import { openPostgresRegion } from '../../../src/store/postgres/region-postgres.ts';
import { REGION_FILE } from '../../../src/store/region/region-schema.ts';
import { openRegionStore } from '../../../src/store/sqlite/region-sqlite.ts';
import { EVENT } from '../../contract/region-operations.ts';
import { FIELDS } from '../../contract/region-store.ts';
import { missing } from '../../support/needs.ts';
import { RegionDatabases } from '../../support/postgres-server.ts';

const ON = { kind: 'on', netboot: true } as const;

interface Place {
  readonly store: RegionStore;
  edit(sql: string): Promise<void>;
  remove(): Promise<void>;
}

let databases: RegionDatabases | undefined;

function onSqlite(): Place {
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-counters-'));
  const store = openRegionStore({ stateDir });
  return {
    store,
    async edit(sql) {
      const database = new DatabaseSync(join(stateDir, REGION_FILE), { defensive: false });
      database.exec(sql);
      database.close();
    },
    async remove() {
      await store.close();
      rmSync(stateDir, { recursive: true });
    },
  };
}

async function onPostgres(): Promise<Place> {
  databases ??= await RegionDatabases.start();
  const { server } = databases;
  const name = await databases.make();
  const store = await openPostgresRegion(server.placeOf(name), 'hall');
  return {
    store,
    edit: async (sql) => void (await server.query(sql, name)),
    remove: async () => {
      await store.close();
      await server.removeDatabase(name);
    },
  };
}

const KINDS = [
  { title: 'SQLite', isPostgres: false, make: async () => onSqlite(), skip: false },
  { title: 'PostgreSQL', isPostgres: true, make: onPostgres, skip: missing('linux', '/usr/lib/postgresql') },
] as const;

for (const { title, isPostgres, make, skip } of KINDS) {
  describe(`counters that were changed by hand, on ${title}`, { skip }, () => {
    let place: Place;
    let store: RegionStore;
    let reports: string[];

    beforeEach(async () => {
      place = await make();
      store = place.store;
      reports = [];
      store.troubles.watch((outage) => void reports.push(noteText(outage)));
      await store.duties?.hold(60_000);
      for (const systemId of ['a', 'b']) await enlist(systemId);
    });
    afterEach(() => place.remove());
    after(async () => {
      await databases?.close();
      databases = undefined;
    });

    let machines = 0;
    async function enlist(systemId: string): Promise<number> {
      machines += 1;
      const address = mac(0x5254_0000_0000 + machines);
      const made = await store.enlist({ macs: [address], values: [], atMs: 1 }, () => ({
        kind: 'create',
        systemId,
        fields: { ...FIELDS, hostname: systemId },
        events: [EVENT],
        interfaces: [{ mac: address, name: '' }],
      }));
      return made.kind === 'create' ? made.machine.id : assert.fail(made.kind);
    }

    async function giveTask(systemId: string, powerTask?: 'on'): Promise<string | undefined> {
      const changed = await store.changeMachine<never>(systemId, 1, () => ({
        kind: 'change',
        fields: { powerTask },
        events: [],
      }));
      return changed.kind === 'changed' ? changed.machine.powerTaskId : assert.fail(changed.kind);
    }

    const isReported = (name: string): void =>
      assert.match(reports.join('\n'), new RegExp(`the counter ${name} in the region's database was missing or lower`));

    for (const [how, sql] of [
      ['deleted', 'DELETE FROM counter'],
      ['lowered', 'UPDATE counter SET value = 1'],
      ['lowered to the number before one in use', "UPDATE counter SET value = 3 WHERE name = 'power-task'"],
    ] as const) {
      test(`${how}: a power task gets an id that neither the ledger nor a machine has`, async () => {
        const given = new Set<string | undefined>();
        for (let round = 0; round < 4; round += 1) {
          const id = (await giveTask('a', 'on')) ?? assert.fail('no id');
          given.add(id);
          if (round < 3) await store.power.begin({ id, machine: 'a', command: ON, begunAtMs: 1 });
        }
        assert.equal(given.size, 4);
        await place.edit(sql);
        for (let round = 0; round < 6; round += 1) {
          const id = await giveTask('a', 'on');
          assert.ok(!given.has(id), `${id} was given before`);
          given.add(id);
        }
        isReported('power-task');
      });

      test(`${how}: a new object of networks replaces none`, async () => {
        const add = (name: string): Promise<number> =>
          store.networks.change((_records, id) => ({
            put: { spaces: [{ id, name, description: '' }] },
            nextId: id + 1,
            result: id,
          }));
        const ids = [await add('x'), await add('y')];
        await place.edit(sql.replace('power-task', 'network-object'));
        ids.push(await add('z'));
        assert.equal(new Set(ids).size, 3);
        assert.deepEqual(
          (await store.networks.list()).spaces.map(({ name }) => name),
          ['x', 'y', 'z'],
        );
        isReported('network-object');
      });
    }

    test('a start raises all of them before one gives a number', async () => {
      const id = (await giveTask('a', 'on')) ?? assert.fail('no id');
      await store.power.begin({ id, machine: 'a', command: ON, begunAtMs: 1 });
      await giveTask('a');
      await store.removeMachine('b', EVENT);
      await store.networks.change((_records, next) => ({
        put: { spaces: [{ id: next, name: 'x', description: '' }] },
        nextId: next + 1,
        result: undefined,
      }));
      await place.edit('DELETE FROM counter');
      await store.checkCounters();
      isReported('power-task');
      isReported('network-object');
      if (!isPostgres) isReported('desired-version');
      const count = reports.length;
      await store.checkCounters();
      assert.equal(reports.length, count, 'they are raised once');
    });

    test('a version is never lower than one that racks have', async () => {
      const countOne = async (systemId: string): Promise<void> => {
        await enlist(systemId);
        await store.removeMachine(systemId, EVENT);
      };
      for (let round = 0; round < 9; round += 1) await countOne(`c${round}`);
      const { version } = await store.settledVersion();
      await place.edit(isPostgres ? "SELECT setval('change_number', 2)" : 'DELETE FROM counter');
      if (isPostgres) await store.checkCounters();
      assert.equal((await store.settledVersion()).version, version);
      isReported(isPostgres ? 'change_number' : 'desired-version');
      await countOne('later');
      assert.ok((await store.settledVersion()).version > version);
      await place.edit('DELETE FROM counter');
      await countOne('latest');
      assert.ok((await store.settledVersion()).version > version + 1, 'even if it is used before anybody looks');
    });

    test('the id of a deleted machine is not given to another, whose events would be mixed', async () => {
      const gone = await enlist('gone');
      await store.removeMachine('gone', EVENT);
      await place.edit(
        isPostgres
          ? "SELECT setval(pg_get_serial_sequence('machine', 'id'), 1)"
          : "DELETE FROM sqlite_sequence WHERE name = 'machine'",
      );
      await store.checkCounters();
      assert.ok((await enlist('new')) > gone);
      isReported('.*machine\\S*');
    });

    test('a damaged row with a number that no region gives raises no counter', async () => {
      await place.edit("UPDATE machine SET desired_version = 9007199254740991 WHERE system_id = 'b'");
      await place.edit(
        "INSERT INTO power_command (id, system_id, command, begun_ms) VALUES ('a/9007199254740991', 'a', '{}', 1)",
      );
      await store.checkCounters();
      assert.match((await giveTask('a', 'on')) ?? '', /^a\/\d{1,3}$/);
      assert.ok((await store.desiredVersion()) < 1e6);
      assert.deepEqual(reports, []);
      await place.edit("UPDATE machine SET desired_version = 1 WHERE system_id = 'b'; DELETE FROM power_command");
    });
  });
}
