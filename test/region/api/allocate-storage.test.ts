// Allocation by disks with tags, as Juju asks for them: each wish gets a disk of its own, and a trial says which.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withAskedApi } from '../asked-api.ts';
import { enlist, facts, report } from '../place.ts';

const DISKS = [
  { name: 'sda', bytes: 2000e9, model: 'M', serial: 'A', rotational: true },
  { name: 'sdb', bytes: 500e9, model: 'M', serial: 'B', rotational: false },
  { name: 'sdc', bytes: 100e9, model: 'M', serial: 'C', rotational: false },
];

/** The names of the disks by label; `undefined`: no machine meets the wish; a text: the refused fields. */
const CASES: readonly (readonly [storage: string, wanted: Readonly<Record<string, string>> | undefined | 'storage'])[] =
  [
    ['1:20(ssd)', { 1: 'sdb' }],
    ['root:20', { root: 'sda' }],
    ['root:20(ssd),data:1000(rotary)', { root: 'sdb', data: 'sda' }],
    ['data:50,root:20(rotary)', { root: 'sda', data: 'sdb' }],
    ['a:90(ssd),b:400(ssd),c:1', { a: 'sdc', b: 'sdb', c: 'sda' }],
    ['50,root:20( ssd )', { root: 'sdb' }],
    ['root:20()', { root: 'sda' }],
    ['root:600(ssd)', undefined],
    ['a:20(ssd),b:20(ssd),c:20(ssd)', undefined],
    ['root:20(ssd,rotary)', undefined],
    ['root:20(nvme)', undefined],
    ['root:20(ssd', 'storage'],
    ['root:20ssd', 'storage'],
    ['root:20(ssd)(x)', 'storage'],
  ];

test('disks are chosen by their size and their tags', () =>
  withAskedApi(async ({ ask, place: { region, store } }) => {
    const hardware = facts({ serial: 'SN1' }, { disks: DISKS });
    const { systemId } = await enlist(region, report([0x525400000001], { facts: hardware }));
    await store.changeMachine(systemId, 1, () => ({ kind: 'change', fields: { status: 'ready' }, events: [] }));
    for (const [storage, wanted] of CASES) {
      const { status, json } = await ask('POST', '2.0/machines/?op=allocate', { storage, dry_run: 'true' }, 'alice');
      if (wanted === undefined) assert.equal(status, 409, storage);
      else if (wanted === 'storage') assert.deepEqual([status, Object.keys(json)], [400, ['storage']], storage);
      else {
        const names = new Map(
          json.physicalblockdevice_set.map((one: { id: number; name: string }) => [one.id, one.name]),
        );
        const chosen: Readonly<Record<string, readonly number[]>> = json.constraints_by_type.storage;
        const found = Object.entries(chosen).map(([label, ids]) => [label, ids.map((id) => names.get(id)).join()]);
        assert.deepEqual(Object.fromEntries(found), wanted, storage);
      }
    }
  }));
