// region.db: the contract, and what only a file can show: its mode, refused files, and two processes.

import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import { ipv4 } from '../../../src/ground/address.ts';
import { RackError } from '../../../src/ground/errors.ts';
import type { NewMachineEvent } from '../../../src/region/records/machine-event.ts';
import { NO_MARKS } from '../../../src/region/records/script-store.ts';
import type { RegionStore } from '../../../src/region/records/store.ts';
import { openCommandRegion } from '../../../src/store/sqlite/command-region.ts';
import { EVENT_BOUNDS, openRegionStore } from '../../../src/store/sqlite/region-sqlite.ts';
import { testAreaStore } from '../../contract/area-store.ts';
import { testBootStore } from '../../contract/boot-store.ts';
import { testFileStore } from '../../contract/file-store.ts';
import { testLoginStore } from '../../contract/login-store.ts';
import { testMachineStamps } from '../../contract/machine-stamps.ts';
import { testMachineVersions } from '../../contract/machine-versions.ts';
import { testNetworkStore } from '../../contract/network-store.ts';
import { testRackStore } from '../../contract/rack-store.ts';
import { testRegionStore } from '../../contract/region-store.ts';
import { testScriptStore } from '../../contract/script-store.ts';
import { testSessionStore } from '../../contract/session-store.ts';
import { testSshKeyStore } from '../../contract/ssh-key-store.ts';
import type { StorePlace } from '../../contract/store-place.ts';
import { testTransactions, testWaitingCallers } from '../../contract/transactions.ts';
import { testUploadStore } from '../../contract/upload-store.ts';
import { sentenceOf } from '../../support/sentences.ts';
import { storedRacks } from '../../support/stored-racks.ts';

function makeDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'rackboot-region-'));
}

function makePlace(): StorePlace {
  const stateDir = makeDirectory();
  return {
    open: () => openRegionStore({ stateDir }),
    remove: () => rmSync(stateDir, { recursive: true }),
  };
}

testRegionStore('sqlite', makePlace);
testRackStore('sqlite', makePlace);
testScriptStore('sqlite', makePlace);
testBootStore('sqlite', makePlace);
testNetworkStore('sqlite', makePlace);
testUploadStore('sqlite', makePlace);
testAreaStore('sqlite', makePlace);
testFileStore('sqlite', makePlace);
testMachineStamps('sqlite', makePlace);
testLoginStore('sqlite', makePlace);
testSessionStore('sqlite', makePlace);
testSshKeyStore('sqlite', makePlace);
testTransactions('sqlite', makePlace);
testWaitingCallers('sqlite', makePlace);
testMachineVersions('sqlite', makePlace);

async function withDirectory(work: (stateDir: string, file: string) => Promise<void>): Promise<void> {
  const stateDir = makeDirectory();
  try {
    await work(stateDir, join(stateDir, 'region.db'));
  } finally {
    rmSync(stateDir, { recursive: true });
  }
}

const hasCode = (code: string) => (error: unknown) => error instanceof RackError && error.code === code;

test('region.db and its companions are readable by their owner only', () =>
  withDirectory(async (stateDir, file) => {
    const store = openRegionStore({ stateDir });
    await store.recordEvent({ type: 'NEW', code: 'rack', params: { text: '' }, atMs: 1, username: '' }, undefined);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(statSync(`${file}-wal`).mode & 0o777, 0o600);
    await store.close();
  }));

test('somebody may make the file smaller by VACUUM while the region runs', () =>
  withDirectory(async (stateDir, file) => {
    const store = openRegionStore({ stateDir });
    const add = (count: number): Promise<void> =>
      store.boot.addResources(
        Array.from({ length: count }, (_, index) => `custom/${index}`),
        1,
      );
    await add(5000);
    const shell = new DatabaseSync(file);
    shell.exec('PRAGMA wal_checkpoint');
    const before = statSync(file).size;
    await add(1);
    shell.exec('DELETE FROM boot_resource; VACUUM; PRAGMA wal_checkpoint');
    shell.close();
    assert.ok(statSync(file).size < before, `${before}`);
    await add(2);
    await store.close();
  }));

test('a region does not start empty next to an interrupted copy, and does once that is removed', () =>
  withDirectory(async (stateDir, file) => {
    writeFileSync(`${file}.unfinished`, '');
    const refusal = {
      code: 'store-broken',
      message: /region\.db was not finished: .*region copy.*region restore.*\.unfinished/,
    };
    assert.throws(() => openRegionStore({ stateDir }), refusal);
    assert.throws(() => openCommandRegion(stateDir), refusal);
    assert.deepEqual(readdirSync(stateDir), ['region.db.unfinished']);
    rmSync(`${file}.unfinished`);
    await openRegionStore({ stateDir }).close();
  }));

test(
  'while another process holds the file for long, a write fails, and works afterwards',
  {
    timeout: 20_000,
  },
  () =>
    withDirectory(async (stateDir, file) => {
      const store = openRegionStore({ stateDir });
      const holder = new DatabaseSync(file);
      holder.exec('BEGIN IMMEDIATE');
      const event = { type: 'NEW', code: 'rack', params: { text: 'x' }, atMs: 1, username: '' } as const;
      await assert.rejects(store.recordEvent(event, undefined), hasCode('store-unavailable'));
      holder.exec('ROLLBACK');
      holder.close();
      await store.recordEvent(event, undefined);
      assert.equal((await store.listEvents({ limit: 5 })).length, 1);
      await store.close();
    }),
);

const WAITS: readonly (readonly [what: string, wait: () => Promise<unknown>])[] = [
  ['a turn of the event loop', () => turn()],
  ['a timer', () => wait(100)],
];

for (const [what, elsewhere] of WAITS) {
  test(`a transaction that waits for ${what} is doomed, and the store works afterwards`, () =>
    withDirectory(async (stateDir) => {
      const store = openRegionStore({ stateDir });
      const event = { type: 'NEW', code: 'rack', params: { text: 'x' }, atMs: 1, username: '' } as const;
      const waited = /a transaction waited for something other than its database/;
      const doomed = store.transact(async () => {
        await store.recordEvent(event, undefined);
        await elsewhere();
        await assert.rejects(store.recordEvent(event, undefined), waited);
      });
      await assert.rejects(doomed, waited);
      assert.deepEqual(await store.listEvents({ limit: 5 }), []);
      await store.recordEvent(event, undefined);
      assert.equal((await store.listEvents({ limit: 5 })).length, 1);
      await store.close();
    }));
}

test('by default EVENT_BOUNDS applies to strangers’ events', () =>
  withDirectory(async (stateDir) => {
    const store = openRegionStore({ stateDir });
    const { strangerEventsMax } = EVENT_BOUNDS;
    await store.recordEvent(
      { type: 'NEW', code: 'rack', params: { text: 'made a key' }, atMs: 1, username: 'ann' },
      undefined,
    );
    const reports = Array.from({ length: 2 * strangerEventsMax }, (_, sequence) => ({
      sequence,
      kind: 'dhcp.ack',
      at: 1,
      text: 'x',
    }));
    await store.recordReports('rack', reports);
    const events = await store.listEvents({ limit: 3 * strangerEventsMax });
    assert.ok(events.some(({ username }) => username === 'ann'));
    // Trimmed only now and then: a few more are there for a while.
    assert.ok(
      events.length >= strangerEventsMax && events.length <= 1.1 * strangerEventsMax,
      `${events.length} events`,
    );
    await store.close();
  }));

test('strangers cannot push out the events of the region’s racks, nor one rack those of the others', () =>
  withDirectory(async (stateDir) => {
    const store = openRegionStore({
      stateDir,
      bounds: { machineEventsMax: 5000, deedEventsMax: 5000, strangerEventsMax: 100, rackEventsMax: 50 },
    });
    const record = async (type: NewMachineEvent['type'], description: string, username = ''): Promise<void> =>
      await store.recordEvent({ type, code: 'rack', params: { text: description }, atMs: 1, username }, undefined);
    const kept = async (): Promise<readonly string[]> => (await store.listEvents({ limit: 10_000 })).map(sentenceOf);
    const ofRacks = ['RACK_AWAY', 'RACK_BACK', 'RACK_EVENTS_LOST', 'RACK_CHANGED'] as const;
    for (const type of ofRacks) await record(type, `known ${type}`);
    await record('RACK_REGISTERED', 'a rack that an administrator brought', 'ann');
    await record('RACK_REGISTERED', 'a stranger registered');
    for (let count = 0; count < 1200; count += 1) await record('RACK_REGISTERED', `made-up rack ${count}`);
    const afterStrangers = await kept();
    for (const type of ofRacks) assert.ok(afterStrangers.includes(`known ${type}`), type);
    assert.ok(afterStrangers.includes('a rack that an administrator brought'));
    assert.ok(!afterStrangers.includes('a stranger registered'));
    for (let count = 0; count < 1200; count += 1) await record('RACK_EVENTS_LOST', `lost ${count}`);
    const afterRack = await kept();
    assert.ok(afterRack.filter((text) => text.startsWith('lost')).length < 50 + 500, 'they have a bound of their own');
    assert.ok(afterRack.includes('made-up rack 1199'), 'and take nothing from strangers');
    assert.ok(afterRack.includes('a rack that an administrator brought'), 'nor from people');
    await store.close();
  }));

/** What each version of the file added, and how it is read from the fixture. */
const STORED: readonly (readonly [
  version: number,
  what: string,
  read: (store: RegionStore) => Promise<unknown>,
  expected: unknown,
])[] = [
  [
    1,
    'an upload of which half has come',
    async ({ uploads }) => (await uploads.list()).map(({ received, bytes, place }) => [received, bytes, place]),
    [[4_194_304, 8_388_608, 'rack-1:/var/lib/rackboot/boot']],
  ],
  [1, 'events', async (store) => (await store.listEvents({ limit: 20 })).length, 12],
  [
    1,
    'the sources of images',
    async ({ boot }) => (await boot.listSources()).map(({ name, url, keyring }) => [name, url, [...keyring]]),
    [
      ['ubuntu', '', []],
      [undefined, 'http://images.example/', [0x99, 0, 0xff]],
    ],
  ],
  [
    1,
    'a selection',
    async ({ boot }) => {
      const [selection] = await boot.listSelections();
      const isOfSecond = selection?.sourceId === (await boot.listSources())[1]?.id;
      return { ...selection, sourceId: isOfSecond };
    },
    { id: 1, sourceId: true, os: 'ubuntu', release: 'noble', arches: ['amd64'], subarches: ['*'], labels: ['*'] },
  ],
  [
    1,
    'an import',
    async ({ boot }) => [
      (await boot.listResources()).map(({ name, wish, progress }) => [name, wish, progress?.state]),
      (await boot.findRun()).skipped[0]?.reason,
    ],
    [
      [
        ['custom/site/amd64/generic/uploaded', 'import', undefined],
        ['ubuntu/noble/amd64/generic/release', 'import', 'failed'],
      ],
      { code: 'said', params: { said: 'cut' } },
    ],
  ],
  [
    1,
    'a machine’s owner, address and tags',
    async (store) => {
      const [machine] = await store.listMachines({ hostnames: ['web3'] }, 0, 2);
      return [machine?.status, machine?.owner, machine?.addresses, machine?.tags];
    },
    [
      'allocated',
      'admin',
      [{ mac: 0x525400000031, address: 0x0a14000a }],
      [{ name: 'serial', kernelParams: 'console=ttyS1' }],
    ],
  ],
  [
    1,
    'an account with its keys, and a rack',
    async (store) => [
      (await store.accounts.findUser('admin'))?.isAdmin,
      (await store.accounts.listKeys('admin')).length,
      (await store.life.listSshKeys('admin')).length,
      (await storedRacks(store)).map(({ name }) => name),
    ],
    [true, 1, 1, ['rack-1']],
  ],
  [
    2,
    'the kernels of a machine',
    async (store) => {
      const [machine] = await store.listMachines({ hostnames: ['web3'] }, 0, 2);
      return [machine?.kernel, machine?.oldestKernel];
    },
    ['hwe-24.04', 'ga-24.04'],
  ],
  [
    3,
    'a source without signature, and its index',
    async ({ boot }) => (await boot.listSources()).map(({ url, index, why }) => [url, index, why]),
    [
      ['', undefined, undefined],
      ['http://images.example/', undefined, undefined],
      ['https://lab.example/', 'other/index.json', 'a mirror in the lab'],
    ],
  ],
  [
    4,
    'the host and the name of a reserved address, and the note about a rack',
    async (store) => [
      (await storedRacks(store))[0]?.description,
      (await store.networks.list()).reserved.map((one) => [one.address, one.mac, one.hostname, one.domain]),
    ],
    [
      'in the hall',
      [
        [0x0a140032, 0x525400000077, 'printer', 'maas'],
        [0x0a140033, undefined, undefined, undefined],
      ],
    ],
  ],
  [
    5,
    'a subnet in which racks name other DNS servers, and the newest runs of a machine',
    async (store) => [
      (await store.networks.list()).subnets.map(({ cidr, allowsDns }) => [cidr, allowsDns]),
      (await store.listMachines({ hostnames: ['web3'] }, 0, 2))[0]?.runs,
    ],
    [
      [
        ['10.20.0.0/24', true],
        ['10.21.0.0/24', false],
      ],
      { testing: { id: 1, status: 'passed' } },
    ],
  ],
  [
    7,
    'the tags and marks of a script',
    async ({ scripts }) => {
      const [script] = await scripts.listScripts();
      return [script?.name, script?.tags, script?.hardware, script?.parallel, script?.isDestructive];
    },
    ['wipe', ['slow', 'disks'], 'storage', 'instance', true],
  ],
  [
    7,
    'the leases of hosts, and who released their addresses',
    async ({ networks }) => {
      const nowMs = Date.UTC(2025, 11, 31);
      const leases = await networks.leasedBetween(ipv4(0x0a140000), ipv4(0x0a1400ff), nowMs);
      return [leases.map(({ address, mac, endsMs }) => [address, mac, endsMs]), await networks.heldBy('admin', nowMs)];
    },
    [
      [
        [0x0a140032, 0x525400000077, Date.UTC(2026, 0)],
        [0x0a140034, 0x525400000078, Date.UTC(2026, 0)],
      ],
      1,
    ],
  ],
];

const withVersion = async (version: number, work: (store: RegionStore) => Promise<void>): Promise<void> =>
  await withDirectory(async (stateDir, file) => {
    copyFileSync(new URL(`../../../fixtures/state/region-${version}.db`, import.meta.url), file);
    const store = openRegionStore({ stateDir });
    await work(store);
    await store.close();
  });

for (const [version, what, read, expected] of STORED)
  test(`version ${version} of the file is read unchanged: ${what}`, () =>
    withVersion(version, async (store) => assert.deepEqual(await read(store), expected)));

test('a script of version 5 of the file has no tags and no marks, and can get them', () =>
  withDirectory(async (stateDir, file) => {
    copyFileSync(new URL('../../../fixtures/state/region-5.db', import.meta.url), file);
    const older = new DatabaseSync(file);
    older.exec(`INSERT INTO script (name, kind, title, description, timeout_seconds, position, content, changed_ms)
      VALUES ('fan', 'testing', '', '', 60, 50, '#!/bin/sh', 1)`);
    older.close();
    const store = openRegionStore({ stateDir });
    const [script] = await store.scripts.listScripts();
    assert.deepEqual(script, {
      ...NO_MARKS,
      id: 1,
      name: 'fan',
      kind: 'testing',
      title: '',
      description: '',
      timeoutSeconds: 60,
      position: 50,
      changedMs: 1,
      bytes: 9,
    });
    const event = { type: 'SCRIPT', code: 'script-changed', params: { script: 'fan' }, atMs: 1, username: '' } as const;
    const tagged = await store.scripts.tagScript('fan', 'hot', true, 9, event);
    assert.deepEqual(typeof tagged === 'object' ? tagged.tags : tagged, ['hot']);
    await store.close();
  }));
