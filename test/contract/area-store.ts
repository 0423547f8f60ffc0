// The contract of every region store for zones and pools. Called by the test of each implementation.

import assert from 'node:assert/strict';
import { AREAS_MAX, type AreaKind } from '../../src/region/records/area.ts';
import type { RegionStore } from '../../src/region/records/store.ts';
import { RACK_UUID } from '../region/racks/rack-place.ts';
import { storedRacks } from '../support/stored-racks.ts';
import { addMachine, EVENT, idsOf, setFields } from './machines.ts';
import { rack } from './rack-store.ts';
import { type StorePlace, storeChecks } from './store-place.ts';

async function added(store: RegionStore, kind: AreaKind, name: string): Promise<number> {
  const area = await store.areas.add(kind, { name, description: `of ${name}` }, EVENT);
  assert.ok(typeof area === 'object');
  return area.id;
}

export function testAreaStore(title: string, makePlace: () => StorePlace): void {
  const check = storeChecks(title, makePlace);

  check('zones and pools have unique names among their kind, and a bound; each change is an event', async (store) => {
    const { areas } = store;
    const hall = await added(store, 'zone', 'hall');
    const pool = await added(store, 'pool', 'hall');
    assert.equal(await areas.add('zone', { name: 'hall', description: '' }, EVENT), 'exists');
    assert.equal(await areas.add('pool', { name: 'default', description: '' }, EVENT), 'exists');
    const cellar = await added(store, 'zone', 'cellar');
    assert.equal(await areas.change('zone', { id: cellar, name: 'hall', description: '' }, EVENT), 'exists');
    assert.equal(await areas.change('zone', { id: pool, name: 'x', description: '' }, EVENT), 'not-found');
    assert.equal(await areas.change('zone', { id: hall, name: 'attic', description: 'up' }, EVENT), 'changed');
    assert.deepEqual(await areas.list('zone'), [
      { id: hall, name: 'attic', description: 'up' },
      { id: cellar, name: 'cellar', description: 'of cellar' },
    ]);
    assert.deepEqual(await areas.list('pool'), [{ id: pool, name: 'hall', description: 'of hall' }]);
    assert.deepEqual([await areas.remove('pool', hall, EVENT), await areas.remove('zone', hall, EVENT)], [false, true]);
    assert.equal((await store.listEvents({ limit: 10 })).length, 5);
    for (let count = 1; count < AREAS_MAX; count += 1) await added(store, 'pool', `p${count}`);
    assert.equal(await areas.add('pool', { name: 'more', description: '' }, EVENT), 'limit');
  });

  check('machines are in a zone and a pool, which select them, until those are removed', async (store, place) => {
    const [zone, pool] = [await added(store, 'zone', 'hall'), await added(store, 'pool', 'lab')];
    await addMachine(store, 'aaaaaa', [1]);
    await addMachine(store, 'bbbbbb', [2]);
    await setFields(store, 'aaaaaa', { poolId: pool });
    await store.areas.moveToZone(zone, { systemIds: ['aaaaaa', 'cccccc'], rackUuids: [] }, EVENT);
    await store.areas.moveToZone(zone, { systemIds: ['dddddd'], rackUuids: ['unknown'] }, EVENT);
    const events = await store.listEvents({ limit: 10 });
    assert.deepEqual(
      events.map(({ systemId }) => systemId).toSorted(),
      ['aaaaaa', undefined, undefined],
      'the two areas, and the one machine that was moved: nothing is said of unknown ones',
    );
    const other = await place.open();
    const found = await other.findMachine('aaaaaa');
    assert.deepEqual(found?.zone, { id: zone, name: 'hall', description: 'of hall' });
    assert.deepEqual(found?.pool, { id: pool, name: 'lab', description: 'of lab' });
    const among = async (filter: object) => idsOf(await other.listMachines(filter, 0, 9));
    assert.deepEqual(await among({ zoneIds: [zone] }), ['aaaaaa']);
    assert.deepEqual(await among({ zoneIds: [0] }), ['bbbbbb']);
    assert.deepEqual(await among({ poolIds: [0, pool] }), ['aaaaaa', 'bbbbbb']);
    assert.deepEqual(await among({ poolIds: [pool], zoneIds: [0] }), []);
    await other.close();
    await store.changeMachines<never>(['aaaaaa', 'bbbbbb'], 3, () => ({
      kind: 'change',
      fields: { zoneId: zone, poolId: 0 },
      events: [],
    }));
    assert.equal(await store.countMachines({ zoneIds: [zone], poolIds: [0] }), 2);
    assert.equal(await store.areas.remove('zone', zone, EVENT), true);
    assert.equal(await store.countMachines({ zoneIds: [0] }), 2);
    assert.equal((await store.findMachine('bbbbbb'))?.zone, undefined);
  });

  check('a tag keeps its definition, and a key its source', async (store) => {
    const tag = { name: 'a', comment: '', kernelParams: '', definition: '//node' };
    assert.equal(await store.life.addTag(tag, 9, EVENT), 'added');
    assert.deepEqual(await store.life.listTags(), [tag]);
    const { definition: _definition, ...plain } = tag;
    assert.equal(await store.life.changeTag('a', plain, EVENT), 'changed');
    assert.deepEqual(await store.life.listTags(), [plain]);
    const key = { username: 'bob', key: 'ssh-ed25519 A', source: 'gh:bob', createdMs: 1 };
    const added = await store.life.addSshKey(key, 9, EVENT);
    assert.deepEqual(await store.life.listSshKeys('bob'), [added]);
    assert.equal(typeof added === 'object' && added.source, 'gh:bob');
  });

  check('racks are in a zone, which a later change of the rack keeps, until it is removed', async (store) => {
    const put = (name: string) =>
      store.racks.change((known) => ({ put: [{ ...(known[0] ?? rack()), name }], events: [], result: 0 }));
    const zoneOf = async () => (await storedRacks(store))[0]?.zoneId;
    await put('one');
    const zone = await added(store, 'zone', 'hall');
    await store.areas.moveToZone(zone, { systemIds: [], rackUuids: [RACK_UUID] }, EVENT);
    assert.equal(await zoneOf(), zone);
    await put('two');
    assert.equal(await zoneOf(), zone);
    await store.areas.remove('zone', zone, EVENT);
    assert.equal(await zoneOf(), undefined);
  });
}
