// The region's thread and racks of its own and of another uplink version.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { startRegionThread } from '../../src/daemon/rack/region-side.ts';
import type { RegionConfig } from '../../src/region/config.ts';
import { openRegionStore } from '../../src/store/sqlite/region-sqlite.ts';
import { type RackMessage, type RegionMessage, UPLINK_VERSION } from '../../src/uplink/messages.ts';
import { OUTBOX_BATCH_MAX } from '../../src/uplink/outbox.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { storedRacks } from '../support/stored-racks.ts';

const UUID = '00000000-0000-4000-8000-000000000001';
const WAIT_MS_MAX = 20_000;

const hello = (uplink: number): RackMessage => ({
  kind: 'hello',
  uplink,
  life: 'life',
  rack: { uuid: UUID, name: 'rack', version: '0.0.0', interfaces: [], pinned: [] },
});
const eventsUpTo = (last: number): RackMessage => ({
  kind: 'events',
  missed: 0,
  events: Array.from({ length: last }, (_, index) => ({
    sequence: index + 1,
    at: 1,
    kind: 'daemon.note',
    text: 'a note',
  })),
});
const events = eventsUpTo(1);

/** The answers of the thread to these messages; afterwards it is closed, unless it has ended on its own. */
async function speak(messages: readonly RackMessage[], until: (said: readonly RegionMessage[]) => boolean) {
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-worker-'));
  const config: RegionConfig = {
    listen: [],
    stateDir,
    managedNetworks: [],
    domain: 'maas',
    newMachinesMax: 10,
    rackSecret: 'secret',
  };
  const worker: Worker = startRegionThread(config);
  const said: RegionMessage[] = [];
  let hasEnded = false;
  worker.on('message', (message: RegionMessage) => said.push(message));
  worker.once('exit', () => {
    hasEnded = true;
  });
  try {
    for (const message of messages) worker.postMessage(message);
    await eventuallyWithin(WAIT_MS_MAX, 'the thread answers', () => until(said) || hasEnded);
    // By then, everything that it would do at once is done.
    const endedByItself = await eventuallyWithin(1000, 'it ends', () => hasEnded).catch(() => false);
    worker.postMessage({ kind: 'close' });
    await eventuallyWithin(WAIT_MS_MAX, 'the thread ends', () => hasEnded);
    const store = openRegionStore({ stateDir });
    const racks = (await storedRacks(store)).map(({ uuid }) => uuid);
    const highest = await store.highestSequence('rack/life');
    await store.close();
    return { said: said.map(({ kind }) => kind), endedByItself, racks, highest };
  } finally {
    await worker.terminate();
    rmSync(stateDir, { recursive: true });
  }
}

test('a rack of the same version is greeted, and its events are stored', async () => {
  const { said, endedByItself, racks } = await speak([hello(UPLINK_VERSION), events], (all) =>
    all.some(({ kind }) => kind === 'stored'),
  );
  assert.equal(endedByItself, false);
  assert.ok(!said.includes('refused'));
  assert.deepEqual(racks, [UUID]);
});

test('a batch of many events is stored whole before the thread ends, and acknowledged once', async () => {
  const messages: RackMessage[] = [hello(UPLINK_VERSION), eventsUpTo(OUTBOX_BATCH_MAX), { kind: 'close' }];
  const { said, highest } = await speak(messages, () => false);
  assert.equal(highest, OUTBOX_BATCH_MAX);
  assert.equal(said.filter((kind) => kind === 'stored').length, 1);
});

test('a rack of another version is only refused: no greeting, no events, and the thread ends', async () => {
  const { said, endedByItself, racks } = await speak([hello(UPLINK_VERSION + 1), events], (all) =>
    all.some(({ kind }) => kind === 'refused'),
  );
  assert.deepEqual(racks, []);
  assert.ok(said.includes('refused'));
  assert.ok(!said.includes('stored'), 'its message is not understood');
  assert.equal(endedByItself, true);
});
