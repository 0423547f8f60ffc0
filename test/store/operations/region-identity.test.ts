// Identity rows that strangers can cause are bounded: the oldest go first.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { mac } from '../../../src/ground/address.ts';
import type { EnlistmentEffects } from '../../../src/region/records/decisions.ts';
import type { Doubt } from '../../../src/region/records/events.ts';
import type { RegionStore } from '../../../src/region/records/store.ts';
import { CONFLICTS_MAX, SHARED_VALUES_MAX } from '../../../src/store/operations/region-identity.ts';
import { openRegionStore } from '../../../src/store/sqlite/region-sqlite.ts';
import { FIELDS } from '../../contract/machines.ts';

const ALIKE: Doubt = {
  code: 'maybe-one',
  params: { machine: { hostname: 'first0', systemId: 'first0' }, macs: [], same: ['uuid'], own: 'x' },
};

async function withStore(work: (store: RegionStore) => Promise<void>): Promise<void> {
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-identity-'));
  const store = openRegionStore({ stateDir });
  try {
    await work(store);
  } finally {
    await store.close();
    rmSync(stateDir, { recursive: true });
  }
}

async function create(store: RegionStore, systemId: string, address: number): Promise<void> {
  await store.enlist({ macs: [], values: [], atMs: 1 }, () => ({
    kind: 'create',
    systemId,
    fields: { ...FIELDS, hostname: systemId },
    interfaces: [{ mac: mac(address), name: '' }],
    events: [],
  }));
}

async function amend(store: RegionStore, systemId: string, atMs: number, effects: EnlistmentEffects): Promise<void> {
  const interfaces = (await store.findMachine(systemId))?.interfaces ?? [];
  await store.enlist({ macs: [], values: [], atMs }, () => ({
    kind: 'amend',
    systemId,
    fields: {},
    interfaces,
    events: [],
    ...effects,
  }));
}

test('the newest SHARED_VALUES_MAX shared values are remembered', () =>
  withStore(async (store) => {
    await create(store, 'aaaaaa', 0x525400000001);
    const part = (name: string): string[] =>
      Array.from({ length: SHARED_VALUES_MAX * 0.6 }, (_, index) => `serial ${name}${index}`);
    await amend(store, 'aaaaaa', 10, { shared: part('OLD') });
    await amend(store, 'aaaaaa', 20, { shared: part('NEW') });
    assert.equal((await store.sharedValues(part('NEW'))).size, SHARED_VALUES_MAX * 0.6);
    assert.equal((await store.sharedValues(part('OLD'))).size, SHARED_VALUES_MAX * 0.4);
  }));

test('the newest CONFLICTS_MAX conflicts are kept; a person’s verdicts stay', () =>
  withStore(async (store) => {
    await create(store, 'first0', 0x525400000001);
    await create(store, 'apart0', 0x525400000002);
    const event = {
      type: 'NODE_IDENTITY_CHANGED',
      code: 'rack',
      params: { text: 'two' },
      atMs: 1,
      username: 'bob',
    } as const;
    await store.keepApart('first0', 'apart0', event);
    await store.transact(async () => {
      for (let index = 0; index < CONFLICTS_MAX + 50; index += 1) {
        const systemId = `m${index}`;
        await create(store, systemId, 0x525400010000 + index);
        await amend(store, systemId, 100 + index, { conflicts: [{ with: 'first0', why: ALIKE }] });
      }
    });
    const kept = await store.listConflicts(CONFLICTS_MAX * 2);
    assert.equal(kept.length, CONFLICTS_MAX);
    assert.equal(kept[0]?.systemId, `m${CONFLICTS_MAX + 49}`);
    await amend(store, 'apart0', 1_000_000, { conflicts: [{ with: 'first0', why: ALIKE }] });
    assert.equal((await store.listConflicts(1))[0]?.systemId, `m${CONFLICTS_MAX + 49}`);
  }));
