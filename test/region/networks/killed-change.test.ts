// A change of a network by the API is one transaction with its changes of racks' services: a process that is killed within it leaves nothing of
// it, in either store.
// @host waits, 30 s

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { RegionStore } from '../../../src/region/records/store.ts';
import { openPostgresRegion } from '../../../src/store/postgres/region-postgres.ts';
import { openRegionStore } from '../../../src/store/sqlite/region-sqlite.ts';
import { ended } from '../../support/child.ts';
import { missing } from '../../support/needs.ts';
import { RegionDatabases } from '../../support/postgres-server.ts';
import { LAB } from './network-place.ts';

const CHILD = join(import.meta.dirname, 'killed-change-child.ts');
const SUBNET = 0x0a140000;

const CHANGES: readonly (readonly [what: string, path: string, fields: object])[] = [
  ['a subnet', `2.0/subnets/${SUBNET}/`, { name: 'changed', gateway_ip: '10.20.0.253', description: 'new' }],
  ['a VLAN', '2.0/vlans/5001/', { name: 'changed', mtu: 9000 }],
];

/** Runs the change in a process of its own, which is killed within it. */
async function runKilled(path: string, fields: object, place: string): Promise<void> {
  const child = spawn(process.execPath, [CHILD, path, JSON.stringify(fields), place], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await ended(child);
  assert.equal(child.signalCode, 'SIGKILL', said);
}

/** The store has the network as it was, and no event of the change. */
async function checkUnchanged(store: RegionStore): Promise<void> {
  const { subnets, vlans } = await store.networks.list();
  assert.deepEqual(
    [subnets.map(({ name, description }) => [name, description]), vlans.map(({ name, mtu }) => [name, mtu])],
    [[['maas-lab', 'Auto created when creating interface lab on cluster maas']], [['untagged', 1500]]],
  );
  const settings = await store.listSettings();
  assert.deepEqual(
    settings.map((one) => ('value' in one ? one.value : one)),
    [{ ...LAB, management: 2 }],
  );
  const events = await store.listEvents({ level: 'audit', limit: 9 });
  assert.deepEqual(
    events.filter(({ code }) => code === 'network-changed'),
    [],
  );
}

for (const [what, path, fields] of CHANGES)
  test(`SQLite: a process that is killed while it changes ${what} leaves all as it was`, async () => {
    const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-killed-'));
    try {
      await runKilled(path, fields, stateDir);
      const store = openRegionStore({ stateDir });
      await checkUnchanged(store);
      await store.close();
    } finally {
      rmSync(stateDir, { recursive: true });
    }
  });

describe('PostgreSQL', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  let databases: RegionDatabases;
  before(async () => {
    databases = await RegionDatabases.start();
  });
  after(() => databases?.close());

  for (const [what, path, fields] of CHANGES)
    test(`a process that is killed while it changes ${what} leaves all as it was`, async () => {
      const place = databases.server.placeOf(await databases.make());
      await runKilled(path, fields, place.url);
      const store = await openPostgresRegion(place);
      try {
        await checkUnchanged(store);
      } finally {
        await store.close();
      }
    });
});
