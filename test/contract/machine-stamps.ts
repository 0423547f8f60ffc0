// The contract of lists by stamps of every region store: a caller that keeps what it has read never has an older machine than the store, whoever
// changed it.

import assert from 'node:assert/strict';
import { ipv4, mac } from '../../src/ground/address.ts';
import type { Machine } from '../../src/region/records/machine.ts';
import type { RegionStore } from '../../src/region/records/store.ts';
import { addMachine, EVENT, setFields } from './machines.ts';
import { type StorePlace, storeChecks } from './store-place.ts';

/** More than are read at a time, and than are stamped at a time. */
const [SOME, MANY] = [120, 700];
const idOf = (index: number): string => `s${String(index).padStart(4, '0')}`;
const macOf = (index: number) => mac(0x5254_0100_0000 + index);

/** A caller that keeps the machines that it has read. */
class Reader {
  readonly #store: RegionStore;
  readonly #kept = new Map<number, { readonly stamp: string; readonly machine: Machine }>();
  /** The machines that the last list read. */
  read: string[] = [];

  constructor(store: RegionStore) {
    this.#store = store;
  }

  async list(): Promise<readonly Machine[]> {
    this.read = [];
    const found: Machine[] = [];
    for (let afterId: number | undefined = 0; afterId !== undefined; ) {
      const part = await this.#store.listStamped({}, afterId, (id, stamp) => this.#kept.get(id)?.stamp === stamp);
      for (const { id, stamp, machine } of part.machines) {
        if (machine !== undefined) this.#kept.set(id, { stamp, machine });
        if (machine !== undefined) this.read.push(machine.systemId);
        found.push(this.#kept.get(id)?.machine ?? assert.fail(`machine ${id} is neither read nor known`));
      }
      afterId = part.lastId;
    }
    return found;
  }
}

async function create(store: RegionStore, from: number, upTo: number): Promise<void> {
  await store.transact(async () => {
    for (let index = from; index < upTo; index += 1) await addMachine(store, idOf(index), [macOf(index)]);
  });
}

const first = idOf(0);
/** Without fields that are undefined, which a machine may have or not. */
const shown = (machines: readonly Machine[]): unknown => JSON.parse(JSON.stringify(machines));

/** Changes of one machine or of all, by whatever a list of machines shows. */
const CHANGES: Readonly<Record<string, (store: RegionStore) => Promise<unknown>>> = {
  'its own fields': (store) => setFields(store, first, { description: 'x' }),
  'its address': (store) => setFields(store, first, {}, { addresses: [{ mac: macOf(0), address: ipv4(0x0a14_0007) }] }),
  'the address with which it was seen': (store) =>
    store.recordReports('s', [
      { sequence: 1, kind: 'dhcp.ack', at: 5, text: '', mac: '52:54:01:00:00:00', address: '10.20.0.7' },
    ]),
  'a tag': async (store) => {
    await store.life.addTag({ name: 'x', comment: '', kernelParams: '' }, 9, EVENT);
    await store.life.tagMachines('x', [first], [], EVENT);
  },
  'the parameters of its tag': (store) =>
    store.life.changeTag('x', { name: 'x', comment: '', kernelParams: 'quiet' }, EVENT),
  'the end of its tag': (store) => store.life.removeTag('x', EVENT),
  'its zone': async (store) => {
    await store.areas.add('zone', { name: 'z', description: '' }, EVENT);
    const [zone] = await store.areas.list('zone');
    await setFields(store, first, { zoneId: zone?.id });
  },
  'the name of its zone': async (store) => {
    const [zone] = await store.areas.list('zone');
    assert.ok(zone !== undefined);
    await store.areas.change('zone', { ...zone, name: 'y' }, EVENT);
  },
  'its removal': (store) => store.removeMachine(first, EVENT),
  'a new machine': (store) => create(store, SOME, SOME + 1),
};

export function testMachineStamps(title: string, makePlace: () => StorePlace): void {
  const check = storeChecks(title, makePlace);

  check('a list by stamps reads each machine once, and is the same list', async (store) => {
    await create(store, 0, MANY);
    const reader = new Reader(store);
    const whole = await store.listMachines({}, 0, 2 * MANY);
    for (const read of [MANY, 0, 0]) {
      assert.deepEqual(await reader.list(), whole);
      assert.equal(reader.read.length, read);
    }
    await setFields(store, idOf(600), { description: 'x' });
    assert.deepEqual(await reader.list(), await store.listMachines({}, 0, 2 * MANY));
    assert.deepEqual(reader.read, [idOf(600)]);
  });

  check('it shows each change of a machine at once, by this process and by another', async (store, place) => {
    await create(store, 0, SOME);
    const other = await place.open();
    const readers = [new Reader(store), new Reader(other)];
    for (const reader of readers) await reader.list();
    let turn = 0;
    for (const [what, change] of Object.entries(CHANGES)) {
      turn += 1;
      await change(turn % 2 === 0 ? store : other);
      const whole = await store.listMachines({}, 0, 2 * SOME);
      for (const reader of readers) {
        assert.deepEqual(shown(await reader.list()), shown(whole), what);
        await reader.list();
        assert.deepEqual(reader.read, [], `${what}: the second list reads nothing`);
      }
    }
    await other.close();
  });

  check('a change that was undone leaves no machine as it was meanwhile', async (store) => {
    await create(store, 0, 3);
    const reader = new Reader(store);
    const whole = await reader.list();
    const undone = store.transact(async () => {
      await setFields(store, first, { description: 'x' });
      assert.equal((await reader.list())[0]?.description, 'x');
      throw new Error('no');
    });
    await assert.rejects(undone, /^Error: no$/);
    assert.deepEqual(await reader.list(), whole);
  });

  check('a change of something else that was undone costs the next list nothing', async (store) => {
    await create(store, 0, 3);
    const reader = new Reader(store);
    const whole = await reader.list();
    const undone = store.transact(async () => {
      await store.areas.add('zone', { name: 'tried', description: '' }, EVENT);
      throw new Error('no');
    });
    await assert.rejects(undone, /^Error: no$/);
    assert.deepEqual([await reader.list(), reader.read], [whole, []]);
  });
}
