// A standby of PostgreSQL takes over that lacks the newest commits, and others follow: a process that had read the lost ones then shows what
// the database holds.
// @host waits, 20 s

import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { makeSettingsRules } from '../../src/config/settings-rules.ts';
import type { RegionConfig } from '../../src/region/config.ts';
import type { RegionStore } from '../../src/region/records/store.ts';
import { openRegion, type Region } from '../../src/region/region.ts';
import { openPostgresRegion } from '../../src/store/postgres/region-postgres.ts';
import { missing } from '../support/needs.ts';
import { PostgresServer } from '../support/postgres-server.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { bootReport, CONTROL_SECRET, SECRET } from './place.ts';
import { acceptRack, digestOf, OTHER_UUID, RACK_UUID, rackInterface } from './racks/rack-place.ts';

const FOUND_UUID = '11111111-2222-4333-8444-555555555503';
const KEPT = 0x525400000001;
const LOST = 0x525400000002;
const RACK = { takesChanges: true } as const;

describe('commits that a failover lost', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-lost-'));
  /** The name by which the processes reach the server that writes. */
  const current = join(directory, 'database');
  const ends: (() => Promise<void>)[] = [() => Promise.resolve(rmSync(directory, { recursive: true }))];

  function point(server: PostgresServer): void {
    symlinkSync(server.directory, `${current}.new`);
    renameSync(`${current}.new`, current);
  }

  /** A process of the region, with its store. */
  async function openProcess(url: string, seed: number): Promise<{ readonly store: RegionStore; region: Region }> {
    const config: RegionConfig = {
      listen: [],
      stateDir: directory,
      managedNetworks: [],
      domain: 'maas',
      newMachinesMax: 100,
      rackSecret: SECRET,
      controlSecret: CONTROL_SECRET,
    };
    const store = await openPostgresRegion({ url, pool: 2 });
    const clock = new VirtualClock(1_700_000_000_000, seed);
    const region = await openRegion({
      config,
      store,
      clock,
      rules: makeSettingsRules(() => []),
      onDesiredState: () => undefined,
      isOnDuty: () => false,
    });
    ends.unshift(async () => {
      region.close();
      await store.close();
    });
    return { store, region };
  }

  async function enlist({ region }: { readonly region: Region }, address: number): Promise<string> {
    const outcome = await region.enlist(bootReport([address]));
    assert.ok(outcome.kind === 'create');
    return outcome.machine.systemId;
  }

  const setUpstream = ({ region }: { readonly region: Region }, value: string) =>
    region.store.changeSettings(1, () => ({
      kind: 'change',
      events: [],
      changes: [{ rack: '', key: 'dns.upstream', value: [value] }],
    }));

  /** The state that a process gives to racks. */
  async function shownBy({ region }: { readonly region: Region }): Promise<unknown> {
    await region.racks.refresh();
    const racks = region.racks.list().map(({ uuid, state }) => [uuid, state]);
    const { machines, settings, version } = await region.desiredState();
    return { racks, machines, settings, version };
  }

  test('are forgotten by a process that had read them, although the database has since continued', async (t) => {
    t.after(async () => {
      for (const end of ends) await end();
    });
    const primary = await PostgresServer.start();
    ends.push(() => primary.close());
    await primary.query('CREATE DATABASE region');
    const standby = await primary.startStandby(false);
    ends.push(() => standby.close());
    point(primary);
    const url = primary.urlOf('region', current);
    const first = await openProcess(url, 1);
    const second = await openProcess(url, 2);
    const kept = await enlist(first, KEPT);
    await acceptRack(first.region);
    await setUpstream(first, '192.0.2.1');
    await shownBy(second);
    await primary.cutOff(standby);

    // Only the primary has these, and the first process has read them.
    await enlist(first, LOST);
    await first.region.editMachine(kept, { hostname: 'lost' }, 'ann');
    const key = { kind: 'own', token: 'token-of-the-lost', secretDigest: digestOf('x') } as const;
    await acceptRack(first.region, {
      uuid: OTHER_UUID,
      name: 'rack-lost',
      key,
      interfaces: [rackInterface('10.60.0.0/24')],
    });
    await setUpstream(first, '192.0.2.2');
    const lost = await first.region.desiredState();
    const tag = (await first.region.stateUpdate(RACK_UUID, { ifNoneMatch: undefined, ...RACK })).tag;
    assert.equal(lost.machines.length, 2);
    const { history } = await first.store.settledVersion();

    await primary.end('SIGKILL');
    point(standby);
    const isStandby = { code: 'store-unavailable', message: /it is a standby, which only reads.*: promote it/ };
    await assert.rejects(first.store.settledVersion(), isStandby, 'nothing is read there before it writes');
    await standby.promote();
    // Another rack is accepted, with as many changes as the lost one.
    await acceptRack(second.region, {
      uuid: FOUND_UUID,
      name: 'rack-found',
      interfaces: [rackInterface('10.70.0.0/24')],
      key: { kind: 'own', token: 'token-of-the-found', secretDigest: digestOf('y') },
    });
    // The second process writes on from where the standby was, to exactly the version that the first one has.
    await standby.query(`SELECT setval('change_number', ${lost.version - 2})`, 'region');
    assert.notEqual((await first.store.settledVersion()).history, history, 'even while its numbers are lower');
    await second.region.editMachine(kept, { hostname: 'found' }, 'ann');
    assert.equal(await second.store.desiredVersion(), lost.version);
    const fresh = await openProcess(url, 3);
    const stored = await shownBy(fresh);
    assert.deepEqual(await shownBy(first), stored, 'at the same version');
    assert.deepEqual(
      (await first.region.desiredState()).machines.map(({ hostname }) => hostname),
      ['found'],
    );
    // A rack that has the lost state gets the whole one.
    assert.equal((await first.region.stateUpdate(RACK_UUID, { ifNoneMatch: tag, ...RACK })).kind, 'state');

    await second.region.editMachine(kept, { hostname: 'further' }, 'ann');
    assert.deepEqual(await shownBy(first), await shownBy(second));
    assert.equal((await first.region.stateUpdate(RACK_UUID, { ifNoneMatch: tag, ...RACK })).kind, 'state');
  });
});
