// Partitions, RAIDs and file systems of a machine with two disks, and the layouts of its boot disk.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addDisk } from '../../../src/region/layout/disk-changes.ts';
import { listDisks } from '../../../src/region/layout/disks.ts';
import type { LayoutRefusal } from '../../../src/region/layout/network-draft.ts';
import { makePartition } from '../../../src/region/layout/storage-changes.ts';
import {
  beginStorage,
  freeBytes,
  MEBIBYTE,
  type StorageDraft,
  storageWith,
} from '../../../src/region/layout/storage-draft.ts';
import { makeGroup, makeRaid, makeVolume } from '../../../src/region/layout/volume-changes.ts';
import { layOut } from '../../../src/region/layout/whole-layouts.ts';
import type { Machine } from '../../../src/region/records/machine.ts';
import { STORAGE_PARTS_MAX } from '../../../src/region/records/machine-layout.ts';
import { FIELDS } from '../../contract/machines.ts';
import { facts } from '../place.ts';

const disk = (name: string, serial: string) => ({ name, bytes: 64e9, model: '', serial, rotational: false });
const machineWith = (disks: readonly object[], uefi = false): Machine => ({
  ...FIELDS,
  id: 3,
  systemId: 'aaaaaa',
  createdMs: 0,
  addresses: [],
  tags: [],
  interfaces: [],
  facts: facts({}, { disks, uefi }),
});
const MACHINE = machineWith([disk('sda', 'S1'), disk('sdb', 'S2')]);
const [FIRST = 0, SECOND = 0] = listDisks(MACHINE).map(({ id }) => id);

const saidOf = (outcome: { readonly kind: string } | LayoutRefusal): string =>
  'refusal' in outcome ? outcome.refusal.text : outcome.kind;

test('a machine has a bounded number of partitions and of RAIDs', () => {
  let draft: StorageDraft = beginStorage(MACHINE);
  const add = (on: number) => makePartition(draft, on, 2 * MEBIBYTE);
  for (let count = 0; count < STORAGE_PARTS_MAX; count += 1) {
    const made = add(count % 2 === 0 ? FIRST : SECOND);
    assert.ok(made.kind === 'made');
    draft = made.draft;
  }
  assert.match(saidOf(add(FIRST)), /at most 128 parts/);
  const ids = draft.layout.partitions.map(({ id }) => id);
  assert.equal(new Set(ids).size, STORAGE_PARTS_MAX);
  const raids = draft.layout.partitions.map(({ id }) => {
    const made = { id, uuid: 'u', name: `m${id}`, level: 'raid-1' as const, disks: [], partitions: [] };
    return made;
  });
  const full: StorageDraft = { ...draft, layout: { ...draft.layout, raids } };
  assert.match(saidOf(makeRaid(full, { name: 'md0', disks: [], partitions: ids.slice(0, 2) })), /at most 128 parts/);
});

test('two disks without a serial number, or with the same one, have ids of their names', () => {
  const ids = (disks: readonly object[]) => listDisks(machineWith(disks)).map(({ id }) => id);
  for (const serial of ['', 'S1']) {
    const [one, other] = ids([disk('sda', serial), disk('sdb', serial)]);
    assert.notEqual(one, other);
    assert.deepEqual(ids([disk('sdb', serial), disk('sda', serial)]), [other, one]);
  }
});

test('the flat layout has an EFI partition on UEFI alone, and fills the disk', () => {
  for (const uefi of [false, true]) {
    const wish = { layout: 'flat', groupName: 'vgroot', volumeName: 'lvroot' } as const;
    const draft = layOut(beginStorage(machineWith([disk('sda', 'S1')], uefi)), wish);
    assert.ok(draft.kind === 'draft', saidOf(draft));
    const mounts = draft.layout.partitions.map(({ fileSystem }) => fileSystem?.mountPoint);
    assert.deepEqual(mounts, uefi ? ['/boot/efi', '/'] : ['/']);
    const [only] = draft.disks;
    assert.ok(only !== undefined && freeBytes(draft, only) < MEBIBYTE);
  }
});

test('a machine has a bounded number of volume groups, of volumes and of disks that people add', () => {
  let draft: StorageDraft = beginStorage(MACHINE);
  const keep = (outcome: ReturnType<typeof addDisk>): number => {
    assert.ok(outcome.kind === 'made', saidOf(outcome));
    draft = outcome.draft;
    return outcome.id;
  };
  for (let count = 0; count < STORAGE_PARTS_MAX; count += 1) {
    const disk = keep(addDisk(draft, { name: `d${count}`, serial: `N${count}`, bytes: 1e9 }));
    const group = keep(makeGroup(draft, { name: `g${count}`, disks: [disk] }));
    keep(makeVolume(draft, group, { name: 'v', bytes: 2 * MEBIBYTE }));
  }
  const [group = { id: 0 }] = draft.layout.volumeGroups;
  assert.match(saidOf(addDisk(draft, { name: 'x', serial: 'X', bytes: 1e9 })), /at most 128 parts/);
  assert.match(saidOf(makeGroup(draft, { name: 'x', disks: [FIRST] })), /at most 128 parts/);
  assert.match(saidOf(makeVolume(draft, group.id, { name: 'x', bytes: MEBIBYTE })), /at most 128 parts/);
  assert.equal(new Set(draft.disks.map(({ id }) => id)).size, STORAGE_PARTS_MAX + 2);
});

test('a disk that a person added keeps its id when the machine reports it, by its serial number or its kernel name', () => {
  for (const place of [{ serial: 'S9' }, { kernelName: 'sdc' }]) {
    const made = addDisk(beginStorage(MACHINE), { name: 'data', bytes: 1e9, ...place });
    assert.ok(made.kind === 'made', saidOf(made));
    const layout = storageWith(made.draft);
    const reported = machineWith([disk('sda', 'S1'), disk('sdc', 'S9'), disk('sdb', 'S2')]);
    const disks = listDisks({ ...reported, layout });
    assert.deepEqual(
      disks.map(({ facts: { name } }) => name),
      ['sda', 'data', 'sdb'],
    );
    assert.equal(disks[1]?.id, made.id);
  }
});
