// The contract of every region store for what racks get: which machines have changed, and which are gone, since a version.

import assert from 'node:assert/strict';
import { mac } from '../../src/ground/address.ts';
import type { EnlistmentEffects } from '../../src/region/records/decisions.ts';
import type { RegionStore } from '../../src/region/records/store.ts';
import { GONE_VERSIONS } from '../../src/store/operations/region-versions.ts';
import { addMachine, EVENT, FIELDS, idsOf, setFields } from './machines.ts';
import { type StorePlace, storeChecks } from './store-place.ts';

/** The news for racks since a version: changed machines, and gone ones. */
interface News {
  readonly changed: readonly string[];
  readonly gone: readonly string[] | undefined;
}

async function newsSince(store: RegionStore, since: number): Promise<News> {
  const changed = idsOf(await store.listMachinesForRacks(since, 0, 100));
  return { changed, gone: await store.listGone(since) };
}

async function amend(store: RegionStore, systemId: string, effects: EnlistmentEffects, more = {}): Promise<void> {
  const interfaces = (await store.findMachine(systemId))?.interfaces ?? [];
  await store.enlist({ macs: [], values: [], atMs: 2 }, () => ({
    kind: 'amend',
    systemId,
    fields: more,
    interfaces,
    events: [],
    ...effects,
  }));
}

const set = (store: RegionStore, value: string) =>
  store.changeSettings<never>(1, () => ({
    kind: 'change',
    events: [],
    changes: [{ rack: '', key: 'dns.upstream', value: [value] }],
  }));

const NOTHING: News = { changed: [], gone: [] };

/** Each step on the machines a (addresses 1 and 2), b (3) and c (4), and what is then new for racks. */
const STEPS: readonly (readonly [what: string, step: (store: RegionStore) => Promise<unknown>, news: News])[] = [
  ['a new machine', (store) => addMachine(store, 'd', [5]), { changed: ['d'], gone: [] }],
  [
    'a new machine that replaces one',
    (store) => addMachine(store, 'd', [5], {}, { gone: { systemId: 'b', event: EVENT } }),
    { changed: ['d'], gone: ['b'] },
  ],
  ['a changed machine', (store) => setFields(store, 'b', { hostname: 'other' }), { changed: ['b'], gone: [] }],
  ['a change that racks do not get', (store) => setFields(store, 'b', { description: 'x' }), NOTHING],
  ['an event', (store) => store.recordEvent(EVENT, 'b'), NOTHING],
  ['an amended machine', (store) => amend(store, 'b', {}, { architecture: 'arm64' }), { changed: ['b'], gone: [] }],
  [
    'an interface that moves to another machine',
    (store) => amend(store, 'b', { taken: [mac(2)] }),
    { changed: ['a', 'b'], gone: [] },
  ],
  ['a tagged machine', (store) => store.life.tagMachines('new', ['b'], [], EVENT), { changed: ['b'], gone: [] }],
  [
    'a machine without its tag',
    (store) => store.life.tagMachines('old', [], ['c'], EVENT),
    { changed: ['c'], gone: [] },
  ],
  [
    'a changed tag',
    (store) => store.life.changeTag('old', { name: 'old', comment: '', kernelParams: 'quiet' }, EVENT),
    { changed: ['c'], gone: [] },
  ],
  ['a removed tag', (store) => store.life.removeTag('old', EVENT), { changed: ['c'], gone: [] }],
  [
    'two machines that become one',
    (store) => store.mergeMachines<never>('a', 'b', 2, () => ({ kind: 'merge', fields: {}, events: [] })),
    { changed: ['a'], gone: ['b'] },
  ],
  [
    'a machine that becomes two',
    (store) =>
      store.splitMachine<never>('a', 2, () => ({
        kind: 'split',
        systemId: 'd',
        fields: { ...FIELDS, hostname: 'd' },
        macs: [mac(2)],
        left: {},
        shared: [],
        events: [],
        newEvents: [],
      })),
    { changed: ['a', 'd'], gone: [] },
  ],
  ['a removed machine', (store) => store.removeMachine('b', EVENT), { changed: [], gone: ['b'] }],
  [
    'a machine that comes back under its name',
    async (store) => {
      await store.removeMachine('b', EVENT);
      await addMachine(store, 'b', [3]);
    },
    { changed: ['b'], gone: ['b'] },
  ],
  ['a setting', (store) => set(store, '192.0.2.1'), NOTHING],
];

export function testMachineVersions(title: string, makePlace: () => StorePlace): void {
  const check = storeChecks(title, makePlace);

  async function fill(store: RegionStore): Promise<void> {
    await addMachine(store, 'a', [1, 2]);
    await addMachine(store, 'b', [3]);
    await addMachine(store, 'c', [4]);
    for (const name of ['new', 'old']) await store.life.addTag({ name, comment: '', kernelParams: name }, 9, EVENT);
    await store.life.tagMachines('old', ['c'], [], EVENT);
  }

  for (const [what, step, news] of STEPS) {
    check(`racks get exactly what is new with ${what}`, async (store, place) => {
      await fill(store);
      const since = await store.desiredVersion();
      assert.deepEqual(await newsSince(store, since), NOTHING);
      await step(store);
      const other = await place.open();
      assert.deepEqual(await newsSince(other, since), news);
      const now = await other.desiredVersion();
      if (news !== NOTHING) assert.ok(now > since, `${now} after ${since}`);
      assert.deepEqual(await newsSince(other, now), NOTHING);
      await other.close();
    });
  }

  check('racks get all that is new since a version, in pages, and all machines since 0', async (store) => {
    await fill(store);
    const since = await store.desiredVersion();
    await setFields(store, 'c', { hostname: 'three' });
    await setFields(store, 'a', { hostname: 'one' });
    await addMachine(store, 'd', [5]);
    await store.removeMachine('d', EVENT);
    assert.deepEqual(await newsSince(store, since), { changed: ['a', 'c'], gone: ['d'] });
    const [first] = await store.listMachinesForRacks(since, 0, 1);
    assert.equal(first?.systemId, 'a');
    const rest = await store.listMachinesForRacks(since, first?.id ?? 0, 1);
    assert.deepEqual(
      rest.map(({ hostname }) => hostname),
      ['three'],
    );
    assert.deepEqual((await newsSince(store, 0)).changed, ['a', 'b', 'c']);
  });

  check(
    `gone machines are known for ${GONE_VERSIONS} versions, and it is known when they no longer are`,
    async (store, { useNumbers }) => {
      await fill(store);
      const since = await store.desiredVersion();
      await store.removeMachine('a', EVENT);
      const gone = await store.desiredVersion();
      for (let count = 0; count < 5; count += 1) await set(store, `192.0.2.${count}`);
      const later = await store.desiredVersion();
      assert.ok(later > gone);
      // An event may take a number, too.
      const further = GONE_VERSIONS - 10;
      await useNumbers?.(further - 1);
      await store.transact(async () => {
        for (let count = useNumbers === undefined ? 0 : further - 1; count < further; count += 1)
          await set(store, `192.0.2.${count % 250}`);
      });
      assert.ok((await store.desiredVersion()) >= later + further);
      assert.deepEqual(await store.listGone(since), ['a']);
      await store.removeMachine('b', EVENT);
      for (let count = 0; count < 5; count += 1) await set(store, `192.0.2.${count}`);
      assert.equal(await store.listGone(since), undefined);
      assert.deepEqual(await store.listGone(later), ['b']);
    },
  );
}
