// A region's data moves between SQLite and PostgreSQL, and into backups and back, whole or not at all. Further refusals, and what a kill
// leaves, are in the long suite.
// @host waits, 30 s

import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { mac } from '../../../src/ground/address.ts';
import type { RegionStore } from '../../../src/region/records/store.ts';
import { writeToPostgres } from '../../../src/store/copying/copy-postgres.ts';
import { SqliteSource } from '../../../src/store/copying/copy-sqlite.ts';
import { copyRegion } from '../../../src/store/copying/region-copy.ts';
import { openPostgresRegion } from '../../../src/store/postgres/region-postgres.ts';
import { REGION_FILE } from '../../../src/store/region/region-schema.ts';
import { openRegionStore } from '../../../src/store/sqlite/region-sqlite.ts';
import { EVENT, FIELDS } from '../../contract/machines.ts';
import { configOf, everything, MACHINES, makeRegionData, readStore, runRegion } from '../../support/copied-region.ts';
import { missing } from '../../support/needs.ts';
import { PostgresServer } from '../../support/postgres-server.ts';
import { runRackboot } from '../../support/running-rack.ts';

let server: PostgresServer;
let directory: string;
/** A state directory with a region's data, and the database to which the first test moves them. */
let stateDir: string;
let moved: string;

describe('the data of a region, moved', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  before(async () => {
    server = await PostgresServer.start();
    ({ directory, stateDir } = await makeRegionData());
  });
  after(async () => {
    await server.close();
    rmSync(directory, { recursive: true, force: true });
  });

  /** New rows get higher ids and versions than all before. */
  async function checkGoesOn(opening: RegionStore | Promise<RegionStore>): Promise<void> {
    const store = await opening;
    const [version, { newest }] = [await store.desiredVersion(), await store.eventRange()];
    const made = await store.enlist({ macs: [], values: [], atMs: 1 }, () => ({
      kind: 'create',
      systemId: 'later',
      fields: { ...FIELDS, hostname: 'later' },
      events: [EVENT],
      interfaces: [{ mac: mac(0x5254ffff0001), name: '', source: 'vouched' }],
    }));
    assert.ok(made.kind === 'create' && made.machine.id > MACHINES);
    assert.ok((await store.desiredVersion()) > version);
    assert.ok((await store.eventRange()).newest > newest);
    await store.close();
  }

  test('a region moves to PostgreSQL and back, by the command line, and continues at both', async () => {
    const name = await server.makeDatabase();
    moved = name;
    const wanted = await readStore(openRegionStore({ stateDir }));
    const said = await runRegion('copy', '--from', `sqlite:${stateDir}`, '--to', server.urlOf(name));
    assert.match(said, /^\d{4} rows in \d+ tables copied\.$/);
    const again = ['region', 'copy', '--from', `sqlite:${stateDir}`, '--to', server.urlOf(name)];
    const { code, complaints } = await runRackboot(again);
    assert.equal(code, 2);
    assert.match(complaints.join('\n'), /is not empty \(table/);
    assert.deepEqual(await readStore(openPostgresRegion(server.placeOf(name))), wanted);
    const back = join(directory, 'back');
    await runRegion('copy', '--from', server.urlOf(name), '--to', `sqlite:${back}`);
    assert.deepEqual(await readStore(openRegionStore({ stateDir: back })), wanted);
    await checkGoesOn(openPostgresRegion(server.placeOf(name)));
    await checkGoesOn(openRegionStore({ stateDir: back }));
  });

  test('a backup of either is one file, made while the region runs, and fills an empty store of either', async () => {
    const name = await server.makeDatabase(moved);
    const [postgres, sqlite] = ['postgres', 'sqlite'].map((kind) => join(directory, `${kind}.backup`));
    assert.ok(postgres !== undefined && sqlite !== undefined);
    const stores = [await openPostgresRegion(server.placeOf(name)), openRegionStore({ stateDir })];
    const wanted = await Promise.all(stores.map(everything));
    const there = configOf(directory, 'there', `{ kind: postgresql, url: "${server.urlOf(name)}" }`);
    const here = join(directory, 'from.yaml');
    writeFileSync(here, `state_dir: ${stateDir}\n`);
    await runRegion('backup', postgres, '--config', there);
    await runRegion('backup', sqlite, '--config', here);
    await Promise.all(stores.map((store) => store.close()));
    const empty = await server.makeDatabase();
    await runRegion(
      'restore',
      sqlite,
      '--config',
      configOf(directory, 'new', `{ kind: postgresql, url: "${server.urlOf(empty)}" }`),
    );
    assert.deepEqual(await readStore(openPostgresRegion(server.placeOf(empty))), wanted[1]);
    await runRegion('restore', postgres, '--config', configOf(directory, 'other', '{ kind: sqlite }'));
    assert.deepEqual(await readStore(openRegionStore({ stateDir: join(directory, 'other') })), wanted[0]);
  });

  test('a copy that is cut leaves nothing on which a region starts, and is begun again', async () => {
    const place = server.placeOf(await server.makeDatabase());
    const source = new SqliteSource(join(stateDir, REGION_FILE));
    for (const stopAt of ['account', 'machine', 'counter']) {
      const cut = writeToPostgres(place, (target) => {
        const write = target.write.bind(target);
        target.write = async (table, rows) => {
          if (table.name === stopAt) throw new Error('cut');
          await write(table, rows);
        };
        return copyRegion(source, target, () => undefined);
      });
      await assert.rejects(cut, /^Error: cut$/);
      await assert.rejects(openPostgresRegion(place), /^RackError: a copy into the region's database was not finished/);
    }
    await writeToPostgres(place, (target) => copyRegion(source, target, () => undefined));
    source.close();
    assert.deepEqual(await readStore(openPostgresRegion(place)), await readStore(openRegionStore({ stateDir })));
  });

  test('nothing is copied into or from a database on which a region runs', async () => {
    const name = await server.makeDatabase();
    const [ended, running] = [
      await openPostgresRegion(server.placeOf(name)),
      await openPostgresRegion(server.placeOf(name)),
    ];
    // The one with the duties ends cleanly: the other does not have them yet.
    await ended.duties?.hold(60_000);
    await ended.duties?.leave();
    await ended.close();
    // An idle connection is closed after a while; a process of a region asks all the time.
    const asking = setInterval(() => void running.countMachines({}).catch(() => undefined), 1000);
    for (const args of [
      ['copy', '--from', `sqlite:${stateDir}`, '--to', server.urlOf(name)],
      ['copy', '--from', server.urlOf(name), '--to', `sqlite:${join(directory, 'x')}`],
    ]) {
      const { code, complaints } = await runRackboot(['region', ...args]);
      assert.notEqual(code, 0);
      assert.match(complaints.join('\n'), /run on this database \(on its own host\): stop them first/);
    }
    clearInterval(asking);
    assert.equal(await running.countMachines({}), 0);
    await running.close();
    await (await openPostgresRegion(server.placeOf(name))).close();
  });

  test('one database at both ends is recognised, whatever URLs name it', async () => {
    const name = await server.makeDatabase();
    await (await openPostgresRegion(server.placeOf(name))).close();
    const ends = ['--from', server.urlOf(name), '--to', server.urlOf(name, `${server.directory}/.`)];
    const { code, complaints } = await runRackboot(['region', 'copy', ...ends]);
    assert.notEqual(code, 0);
    const text = 'the source and the target of the copy are the same database: name another one';
    assert.ok(complaints.join('\n').includes(text), complaints.join('\n'));
    await (await openPostgresRegion(server.placeOf(name))).close();
  });
});
