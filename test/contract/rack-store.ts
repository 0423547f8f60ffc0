// The contract of every region store for racks: store them and their sequences.

import assert from 'node:assert/strict';
import type { Rack } from '../../src/region/records/rack.ts';
import type { RegionStore } from '../../src/region/records/store.ts';
import { SOURCES_MAX } from '../../src/store/operations/region-events.ts';
import { OTHER_UUID, RACK_UUID, registration } from '../region/racks/rack-place.ts';
import { storedRacks } from '../support/stored-racks.ts';
import { EVENT } from './machines.ts';
import { type StorePlace, storeChecks } from './store-place.ts';

/** A pending rack. */
export function rack(more: Partial<Rack> = {}): Rack {
  const { key: _key, ...said } = registration();
  return {
    ...said,
    state: 'pending',
    isEmbedded: false,
    token: 'token',
    secretDigest: 'ab'.repeat(32),
    registeredMs: 1000,
    stateSinceMs: 1000,
    seenMs: undefined,
    awayMs: undefined,
    source: undefined,
    agreed: [],
    disputed: [],
    refused: [],
    pulse: undefined,
    zoneId: undefined,
    description: undefined,
    ...more,
  };
}

const put = (store: RegionStore, ...racks: readonly Rack[]): Promise<void> =>
  store.racks.change(() => ({ put: racks, events: [], result: undefined }));

const REPORT = { kind: 'tftp.sent', at: 5, text: 'x' } as const;

export function testRackStore(title: string, makePlace: () => StorePlace): void {
  const check = storeChecks(title, makePlace);

  check(
    'racks are stored unchanged, in the order of their arrival, and other processes see them',
    async (store, place) => {
      assert.deepEqual(await storedRacks(store), []);
      const first = rack();
      const pulse = { life: 'x', applied: 1, waiting: 2, dropped: 3, deadLetters: 4, pinned: ['a'], startedMs: 5 };
      const full = {
        seenMs: 2000,
        awayMs: 3000,
        source: 's',
        agreed: ['10.50.0.0/24'],
        disputed: ['10.0.0.0/8'],
        refused: [{ sequence: 7, reason: 'no' }],
        pulse,
      } as const;
      const second = rack({ uuid: OTHER_UUID, state: 'accepted', isEmbedded: true, token: undefined, ...full });
      await put(store, first, second);
      const other = await place.open();
      assert.deepEqual(await storedRacks(other), [first, { ...second, secretDigest: first.secretDigest }]);
      await put(other, { ...first, state: 'rejected', interfaces: [] });
      assert.deepEqual(
        (await storedRacks(store)).map(({ uuid, state, interfaces }) => [uuid, state, interfaces.length]),
        [
          [RACK_UUID, 'rejected', 0],
          [OTHER_UUID, 'accepted', 1],
        ],
      );
      await store.racks.change(() => ({ put: [], remove: [RACK_UUID], events: [], result: undefined }));
      assert.deepEqual(
        (await storedRacks(other)).map(({ uuid }) => uuid),
        [OTHER_UUID],
      );
      await other.close();
    },
  );

  check('the version of the racks is another one after every change of racks, and only then', async (store, place) => {
    const other = await place.open();
    await put(store, rack());
    const version = (await other.racks.look(0))?.version ?? 0;
    assert.ok(version > 0);
    await store.racks.change(() => ({ put: [], events: [], result: undefined }));
    await store.recordReports('rack', [{ ...REPORT, sequence: 1 }]);
    assert.equal(await other.racks.look(version), undefined);
    await store.racks.change(() => ({ put: [], remove: [RACK_UUID], events: [], result: undefined }));
    assert.notEqual((await other.racks.look(version))?.version ?? version, version);
    assert.equal(await other.desiredVersion(), 0);
    await other.close();
  });

  check('the note about a rack is kept while the rack reports, and other processes see it', async (store, place) => {
    const other = await place.open();
    await put(store, rack());
    const version = (await other.racks.look(0))?.version ?? 0;
    assert.equal(await store.racks.describe(RACK_UUID, 'in the hall', EVENT), true);
    assert.equal(await store.racks.describe(OTHER_UUID, 'nowhere', EVENT), false);
    assert.equal((await other.racks.look(version))?.racks[0]?.description, 'in the hall');
    await put(other, rack({ name: 'renamed', description: undefined }));
    assert.deepEqual(await storedRacks(store), [rack({ name: 'renamed', description: 'in the hall' })]);
    assert.equal((await store.listEvents({ limit: 9 })).length, 1);
    await store.racks.describe(RACK_UUID, '', EVENT);
    assert.deepEqual(await storedRacks(other), [rack({ name: 'renamed' })]);
    await other.close();
  });

  check('a decision about racks that throws leaves no racks and no events', async (store) => {
    await store.racks.change(() => ({ put: [rack()], events: [EVENT], result: undefined }));
    const failed = store.racks.change(() => {
      throw new Error('no');
    });
    await assert.rejects(failed, /^Error: no$/);
    assert.equal((await storedRacks(store)).length, 1);
    assert.equal((await store.listEvents({ limit: 5 })).length, 1);
  });

  check('a sequence is accepted once, alongside reports of the same source', async (store, place) => {
    assert.equal(await store.highestSequence('s'), -1);
    assert.equal(await store.acceptSequence('s', 0, 1), true);
    assert.equal(await store.acceptSequence('s', 0, 1), false);
    assert.equal((await store.recordReports('s', [{ ...REPORT, sequence: 5 }])).added, 1);
    assert.equal(await store.acceptSequence('s', 4, 1), false);
    assert.equal(await store.acceptSequence('s', 6, 1), true);
    const other = await place.open();
    assert.equal(await other.highestSequence('s'), 6);
    assert.equal((await other.recordReports('s', [{ ...REPORT, sequence: 6 }])).added, 0);
    await other.close();
  });

  check('the source of a rack is always remembered, and others up to SOURCES_MAX', async (store) => {
    await put(store, rack({ source: 'mine' }));
    await store.recordReports('mine', [{ ...REPORT, sequence: 9 }]);
    for (let index = 0; index < 3 * SOURCES_MAX; index += 1) {
      await store.recordReports(`life ${index}`, [{ ...REPORT, at: 1000 + index, sequence: 1 }]);
    }
    assert.equal(await store.highestSequence('mine'), 9);
    assert.equal(await store.highestSequence(`life ${2 * SOURCES_MAX - 1}`), -1);
    assert.equal(await store.highestSequence(`life ${2 * SOURCES_MAX}`), 1);
    assert.equal(await store.highestSequence(`life ${3 * SOURCES_MAX - 1}`), 1);
  });

  check('the oldest and newest event of the log are known', async (store) => {
    assert.deepEqual(await store.eventRange(), { oldest: 0, newest: 0, history: 0 });
    for (let index = 0; index < 3; index += 1) {
      await store.recordEvent(EVENT, undefined);
    }
    const ids = (await store.listEvents({ limit: 5 })).map(({ id }) => id);
    const { history, ...range } = await store.eventRange();
    assert.deepEqual(range, { oldest: ids.at(-1), newest: ids[0] });
    assert.deepEqual(await Promise.all([store.nearestEvent('after', -9), store.nearestEvent('before', 1e15)]), [
      ids.at(-1),
      ids[0],
    ]);
    assert.equal(await store.nearestEvent('after', range.newest), undefined);
    assert.equal(await store.nearestEvent('before', range.oldest), undefined);
    assert.deepEqual([history > 0, await store.historyEnd(history)], [true, undefined]);
  });
}
