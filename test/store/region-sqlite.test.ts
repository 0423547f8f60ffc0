// region.db: the contract, and what only a file can show: its mode, refused files, and two processes.

import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { RackError } from '../../src/errors.ts';
import type { NewMachineEvent } from '../../src/region/records/machine-event.ts';
import { EVENT_BOUNDS, openRegionStore } from '../../src/store/region-sqlite.ts';
import { testLoginStore } from '../contract/login-store.ts';
import { testRackStore } from '../contract/rack-store.ts';
import { testRegionStore } from '../contract/region-store.ts';
import { testScriptStore } from '../contract/script-store.ts';
import type { StorePlace } from '../contract/store-place.ts';
import { sentenceOf } from '../support/sentences.ts';

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
testLoginStore('sqlite', makePlace);

function withDirectory(work: (stateDir: string, file: string) => void): void {
  const stateDir = makeDirectory();
  try {
    work(stateDir, join(stateDir, 'region.db'));
  } finally {
    rmSync(stateDir, { recursive: true });
  }
}

const hasCode = (code: string) => (error: unknown) => error instanceof RackError && error.code === code;

test('region.db and its companions are readable by their owner only', () => {
  withDirectory((stateDir, file) => {
    const store = openRegionStore({ stateDir });
    store.recordEvent({ type: 'NEW', code: 'rack', params: { text: '' }, atMs: 1, username: '' }, undefined);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(statSync(`${file}-wal`).mode & 0o777, 0o600);
    store.close();
  });
});

test('a file of a newer version, of another program or without a database is refused, and left unchanged', () => {
  withDirectory((stateDir, file) => {
    openRegionStore({ stateDir }).close();
    const newer = new DatabaseSync(file);
    newer.exec('PRAGMA user_version = 99');
    newer.close();
    assert.throws(() => openRegionStore({ stateDir }), hasCode('store-newer'));
    rmSync(file);
    const foreign = new DatabaseSync(file);
    foreign.exec('CREATE TABLE t (x); PRAGMA application_id = 7');
    foreign.close();
    assert.throws(() => openRegionStore({ stateDir }), hasCode('store-broken'));
    writeFileSync(file, 'these are not the pages of a database, but they are long enough to be read as such'.repeat(9));
    assert.throws(() => openRegionStore({ stateDir }), hasCode('store-broken'));
  });
});

test('while another process holds the file for long, a write fails, and works afterwards', {
  timeout: 20_000,
}, () => {
  withDirectory((stateDir, file) => {
    const store = openRegionStore({ stateDir });
    const holder = new DatabaseSync(file);
    holder.exec('BEGIN IMMEDIATE');
    const event = { type: 'NEW', code: 'rack', params: { text: 'x' }, atMs: 1, username: '' } as const;
    assert.throws(() => store.recordEvent(event, undefined), hasCode('store-unavailable'));
    holder.exec('ROLLBACK');
    holder.close();
    store.recordEvent(event, undefined);
    assert.equal(store.listEvents({ limit: 5 }).length, 1);
    store.close();
  });
});

test('events are kept up to their bounds, and strangers cannot push out those of machines and people', () => {
  withDirectory((stateDir) => {
    const store = openRegionStore({
      stateDir,
      bounds: { machineEventsMax: 1200, deedEventsMax: 1200, strangerEventsMax: 100, rackEventsMax: 100 },
    });
    const reports = Array.from({ length: 3000 }, (_, sequence) => ({ sequence, kind: 'dhcp.ack', at: 1, text: 'x' }));
    store.recordEvent(
      { type: 'NEW', code: 'rack', params: { text: 'a stranger came' }, atMs: 1, username: '' },
      undefined,
    );
    store.recordEvent(
      { type: 'NEW', code: 'rack', params: { text: 'made a key' }, atMs: 1, username: 'ann' },
      undefined,
    );
    store.recordReports('rack', reports);
    const events = store.listEvents({ limit: 10_000 });
    assert.deepEqual(
      events.flatMap((event) => (event.username === 'ann' ? [sentenceOf(event)] : [])),
      ['made a key'],
    );
    const count = events.length;
    assert.ok(count >= 100 && count < 100 + 500, `${count} events`);
    store.close();
  });
});

test('by default EVENT_BOUNDS applies to strangers’ events', () => {
  withDirectory((stateDir) => {
    const store = openRegionStore({ stateDir });
    const { strangerEventsMax } = EVENT_BOUNDS;
    store.recordEvent(
      { type: 'NEW', code: 'rack', params: { text: 'made a key' }, atMs: 1, username: 'ann' },
      undefined,
    );
    const reports = Array.from({ length: 2 * strangerEventsMax }, (_, sequence) => ({
      ...{ sequence, kind: 'dhcp.ack', at: 1, text: 'x' },
    }));
    store.recordReports('rack', reports);
    const events = store.listEvents({ limit: 3 * strangerEventsMax });
    assert.ok(events.some(({ username }) => username === 'ann'));
    // Trimmed only now and then: a few more are there for a while.
    assert.ok(
      events.length >= strangerEventsMax && events.length <= 1.1 * strangerEventsMax,
      `${events.length} events`,
    );
    store.close();
  });
});

test('strangers cannot push out the events of the region’s racks, nor one rack those of the others', () => {
  withDirectory((stateDir) => {
    const store = openRegionStore({
      stateDir,
      bounds: { machineEventsMax: 5000, deedEventsMax: 5000, strangerEventsMax: 100, rackEventsMax: 50 },
    });
    const record = (type: NewMachineEvent['type'], description: string, username = ''): void =>
      store.recordEvent({ type, code: 'rack', params: { text: description }, atMs: 1, username }, undefined);
    const kept = (): readonly string[] => store.listEvents({ limit: 10_000 }).map(sentenceOf);
    const ofRacks = ['RACK_AWAY', 'RACK_BACK', 'RACK_EVENTS_LOST', 'RACK_CHANGED'] as const;
    for (const type of ofRacks) record(type, `known ${type}`);
    record('RACK_REGISTERED', 'a rack that an administrator brought', 'ann');
    record('RACK_REGISTERED', 'a stranger registered');
    for (let count = 0; count < 1200; count += 1) record('RACK_REGISTERED', `made-up rack ${count}`);
    const afterStrangers = kept();
    for (const type of ofRacks) assert.ok(afterStrangers.includes(`known ${type}`), type);
    assert.ok(afterStrangers.includes('a rack that an administrator brought'));
    assert.ok(!afterStrangers.includes('a stranger registered'));
    for (let count = 0; count < 1200; count += 1) record('RACK_EVENTS_LOST', `lost ${count}`);
    const afterRack = kept();
    assert.ok(afterRack.filter((text) => text.startsWith('lost')).length < 50 + 500, 'they have a bound of their own');
    assert.ok(afterRack.includes('made-up rack 1199'), 'and take nothing from strangers');
    assert.ok(afterRack.includes('a rack that an administrator brought'), 'nor from people');
    store.close();
  });
});

test('version 1 of the file is read unchanged: a machine’s owner, address and tags, the racks and their sources', () => {
  withDirectory((stateDir, file) => {
    copyFileSync(new URL('../../fixtures/state/region-1.db', import.meta.url), file);
    const store = openRegionStore({ stateDir });
    const machine = store.listMachines({ hostnames: ['web3'] }, 0, 2)[0];
    assert.equal(machine?.status, 'allocated');
    assert.equal(machine?.owner, 'admin');
    assert.deepEqual(machine?.addresses, [{ mac: 0x525400000031, address: 0x0a14000a }]);
    assert.deepEqual(machine?.tags, [{ name: 'serial', kernelParams: 'console=ttyS1' }]);
    assert.equal(store.findUser('admin')?.isAdmin, true);
    assert.equal(store.listKeys('admin').length, 1);
    assert.equal(store.life.listSshKeys('admin').length, 1);
    assert.deepEqual(
      store.racks.list().map(({ name }) => name),
      ['rack-1'],
    );
    assert.equal(store.listEvents({ limit: 10 }).length, 9);
    store.close();
  });
});
