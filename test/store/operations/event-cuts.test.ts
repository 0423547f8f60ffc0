// No client wipes the region's event log: actions of users and changes of state have room of their own, and so has each machine and each unknown host.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { formatMac, mac } from '../../../src/ground/address.ts';
import type { RackReport } from '../../../src/region/records/machine-event.ts';
import type { RegionStore } from '../../../src/region/records/store.ts';
import { computeFairCut, type EventBounds } from '../../../src/store/operations/event-cuts.ts';
import { openRegionStore } from '../../../src/store/sqlite/region-sqlite.ts';
import { FIELDS } from '../../contract/machines.ts';
import { sentenceOf } from '../../support/sentences.ts';

const BOUNDS: EventBounds = { machineEventsMax: 1000, deedEventsMax: 300, strangerEventsMax: 200, rackEventsMax: 100 };
/** A bound and the tenth by which it may be exceeded. */
const most = (bound: number): number => bound + Math.ceil(bound / 10);

const idOf = (index: number): string => `machine-${index}`;

async function addMachine(store: RegionStore, index: number): Promise<void> {
  const own = mac(index);
  await store.enlist({ macs: [own], values: [], atMs: 1 }, () => ({
    kind: 'create',
    systemId: idOf(index),
    fields: { ...FIELDS, hostname: idOf(index) },
    interfaces: [{ mac: own, name: 'eth0', source: 'vouched' }],
    events: [],
  }));
}

interface Rig {
  readonly store: RegionStore;
  readonly load: (from: number, count: number, kind?: string) => Promise<void>;
  readonly kept: () => Promise<readonly string[]>;
}

/** Machines of the region with the hardware addresses 1 to `machines`. */
async function withStore(machines: number, body: (rig: Rig) => Promise<void>): Promise<void> {
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-cuts-'));
  try {
    const store = openRegionStore({ stateDir, bounds: BOUNDS });
    for (let index = 1; index <= machines; index += 1) await addMachine(store, index);
    let sequence = 0;
    const load = async (from: number, count: number, kind = 'http.file-sent'): Promise<void> => {
      const reports = Array.from({ length: count }, (_, index): RackReport => {
        sequence += 1;
        return { sequence, kind, at: 1, mac: formatMac(mac(from)), text: `${from} ${kind} ${index}` };
      });
      await store.recordReports('rack', reports);
    };
    await body({ store, load, kept: async () => (await store.listEvents({ limit: 100_000 })).map(sentenceOf) });
    await store.close();
  } finally {
    rmSync(stateDir, { recursive: true });
  }
}

const count = (kept: readonly string[], pattern: RegExp): number => kept.filter((text) => pattern.test(text)).length;

describe('the event log of the region', () => {
  it('actions of users and changes of state stay, even if a machine loads without end', async () => {
    await withStore(2, async ({ store, load, kept }) => {
      await store.recordEvent(
        { type: 'SETTINGS', code: 'rack', params: { text: 'set dns' }, atMs: 1, username: 'ann' },
        undefined,
      );
      await store.recordEvent(
        { type: 'NODE', code: 'rack', params: { text: 'took it' }, atMs: 1, username: 'ann' },
        idOf(1),
      );
      await store.recordEvent(
        { type: 'NODE_CHANGED_STATUS', code: 'rack', params: { text: 'is Ready' }, atMs: 1, username: '' },
        idOf(1),
      );
      await load(1, 20_000);
      const left = await kept();
      for (const text of ['set dns', 'took it', 'is Ready']) assert.ok(left.includes(text), text);
      assert.ok(left.length <= most(BOUNDS.machineEventsMax) + 3, `${left.length}`);
    });
  });

  it('a machine that loads without end pushes out its own oldest events', async () => {
    await withStore(4, async ({ load, kept }) => {
      for (const machine of [2, 3, 4]) await load(machine, 100);
      await load(1, 20_000);
      const left = await kept();
      for (const machine of [2, 3, 4]) assert.equal(count(left, new RegExp(`^${machine} `)), 100, `${machine}`);
      const own = count(left, /^1 /);
      assert.ok(own >= BOUNDS.machineEventsMax - 300 && own <= most(BOUNDS.machineEventsMax) - 300, `${own}`);
      assert.ok(left.includes('1 http.file-sent 19999'));
    });
  });

  it('user actions do not count towards a machine’s share', async () => {
    await withStore(2, async ({ store, load, kept }) => {
      for (let index = 0; index < 250; index += 1) {
        await store.recordEvent(
          { type: 'NODE', code: 'rack', params: { text: `deed ${index}` }, atMs: 1, username: 'ann' },
          idOf(2),
        );
      }
      await load(2, 100);
      await load(1, 20_000);
      const left = await kept();
      assert.equal(count(left, /^2 /), 100);
      assert.equal(count(left, /^deed/), 250);
    });
  });

  it('a stranger pushes out neither other strangers’ events nor its own of another kind', async () => {
    await withStore(0, async ({ store, load, kept }) => {
      await load(7, 5);
      await load(8, 3, 'dhcp.offer');
      await store.recordEvent(
        { type: 'NODE_RACK_EVENT', code: 'rack', params: { text: 'a socket is open' }, atMs: 1, username: '' },
        undefined,
      );
      await load(8, 20_000);
      const left = await kept();
      assert.deepEqual([count(left, /: 7 /), count(left, /: 8 dhcp/)], [5, 3]);
      assert.ok(left.includes('a socket is open'));
      assert.ok(left.length <= most(BOUNDS.strangerEventsMax), `${left.length}`);
      assert.ok(left.some((text) => text.endsWith('8 http.file-sent 19999')));
    });
  });

  it('a user who acts often pushes out their own events, and a machine that changes often its own', async () => {
    await withStore(1, async ({ store, kept }) => {
      const record = (
        description: string,
        username: string,
        type: 'NODE' | 'NODE_CHANGED_STATUS' = 'NODE',
      ): Promise<void> =>
        store.recordEvent({ type, code: 'rack', params: { text: description }, atMs: 1, username }, idOf(1));
      for (let index = 0; index < 20; index += 1) await record(`ann ${index}`, 'ann');
      for (let index = 0; index < 1000; index += 1) await record(`is ${index}`, '', 'NODE_CHANGED_STATUS');
      for (let index = 0; index < 2000; index += 1) await record(`bob ${index}`, 'bob');
      const left = await kept();
      assert.equal(count(left, /^ann/), 20);
      assert.ok(count(left, /^is/) >= BOUNDS.deedEventsMax / 3);
      assert.ok(left.includes('bob 1999'));
      assert.ok(left.length <= most(BOUNDS.deedEventsMax), `${left.length}`);
    });
  });

  it('the largest shares are lowered to one level, and no event goes needlessly', () => {
    const cut = (sizes: readonly number[], max: number): readonly number[] => {
      const taken = computeFairCut(new Map(sizes.entries()), max);
      return sizes.map((size, index) => size - (taken.get(index) ?? 0));
    };
    assert.deepEqual(cut([5, 3, 1], 9), [5, 3, 1]);
    assert.deepEqual(cut([5, 3, 1], 7), [3, 3, 1]);
    assert.deepEqual(cut([100, 3, 1], 10), [6, 3, 1]);
    assert.deepEqual(cut([4, 4, 4], 10).toSorted(), [3, 3, 4]);
    assert.deepEqual(cut([1, 1, 1], 0), [0, 0, 0]);
    assert.deepEqual(cut([], 0), []);
  });
});
