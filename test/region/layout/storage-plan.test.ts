// The plans by which laid-out disks are deployed, and the layouts that are refused before a machine is started.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refuseStorageLayout, storagePlan } from '../../../src/region/layout/deployable-storage.ts';
import { type StorageDraft, storageWith } from '../../../src/region/layout/storage-draft.ts';
import type { Machine } from '../../../src/region/records/machine.ts';
import type { FileSystem } from '../../../src/region/records/machine-layout.ts';
import { LaidDisks } from '../../support/laid-disks.ts';

const SIZES = [8 * 1024 ** 3, 8 * 1024 ** 3];
const laid = (uefi = false) => new LaidDisks(SIZES, uefi);
const machineOf = (draft: StorageDraft): Machine => ({ ...draft.machine, layout: storageWith(draft) });
/** The plan with short names for the ids and without UUIDs. */
function shortPlan({ draft, plan }: LaidDisks): string {
  const ids = new Map<string, string>();
  for (const { id, facts } of draft.disks) ids.set(String(id), facts.name);
  for (const { id } of draft.layout.partitions) ids.set(String(id), `p${ids.size - 1}`);
  for (const { id, name } of draft.layout.raids) ids.set(String(id), name);
  for (const { volumes } of draft.layout.volumeGroups) for (const { id, name } of volumes) ids.set(String(id), name);
  return plan
    .replace(/ [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '')
    .replace(/\b\d{5,}\b/g, (id) => ids.get(id) ?? id);
}

test('a layout that an image makes of its disk has no plan', () => {
  for (const draft of [laid().draft, laid().startFrom(1).draft, laid(true).layOut('flat').draft])
    assert.equal(storagePlan(machineOf(draft)), undefined);
});

const CHOSEN: Readonly<Record<string, Partial<FileSystem>>> = {
  'mount options': { mountOptions: 'noatime,discard' },
  label: { label: 'ROOTFS' },
  UUID: { uuid: '11111111-2222-4333-8444-555555555555' },
};
for (const [name, change] of Object.entries(CHOSEN))
  for (const mount of ['/', '/boot/efi'])
    test(`a flat layout has a plan if a person chose the ${name} of ${mount}`, () => {
      const { draft } = laid(true).layOut('flat');
      const partitions = draft.layout.partitions.map(({ fileSystem, ...part }) => {
        if (fileSystem?.mountPoint !== mount) return { ...part, fileSystem };
        return { ...part, fileSystem: { ...fileSystem, ...change } };
      });
      const machine = machineOf({ ...draft, layout: { ...draft.layout, partitions } });
      const plan = storagePlan(machine) ?? '';
      assert.match(plan, /^loader \d+\npartition /m);
      for (const value of Object.values(change)) assert.ok(plan.includes(` ${value}`), plan);
      assert.equal(refuseStorageLayout(machine, 'image', undefined), undefined);
      const refused = refuseStorageLayout(machine, 'installer', undefined);
      assert.match(refused === undefined ? '' : refused.text, /only images can apply a layout/);
    });

test('a flat layout has a plan if a person chose the UUID of a partition', () => {
  const { draft } = laid().layOut('flat');
  const uuid = '11111111-2222-4333-8444-555555555555';
  const partitions = draft.layout.partitions.map((part) => ({ ...part, uuid }));
  const plan = storagePlan(machineOf({ ...draft, layout: { ...draft.layout, partitions } })) ?? '';
  assert.ok(plan.includes(` linux ${uuid}\n`), plan);
});

test('the plan of a volume group names its disk by the serial number, and mounts directories after those above them', () => {
  const disks = laid(true).layOut('lvm', { bootBytes: 1024 ** 3 });
  disks.partition(1, 100, 'xfs', '/srv', 'noatime,nofail');
  disks.partition(1, 50, 'swap', 'none');
  assert.equal(
    shortPlan(disks),
    `disk vda serial:D0
disk vdb serial:D1
loader vda
partition p1 vda 1 512 efi
partition p2 vda 2 1024 linux
partition p3 vda 3 6652 lvm
partition p4 vdb 1 100 linux
partition p5 vdb 2 50 swap
group vgroot p3
volume lv-root vgroot lv-root 6648
system p1 fat32
system p2 ext4
system p4 xfs
system p5 swap
system lv-root ext4
mount lv-root - /
mount p2 - /boot
mount p1 - /boot/efi
mount p4 noatime,nofail /srv
mount p5 - none
`,
  );
});

test('the plan of a RAID has a loader on each of its disks, and metadata at the end for a file system of the firmware', () => {
  const disks = laid(true);
  const firmware = [0, 1].map((disk) => disks.partition(disk, 512));
  const roots = [0, 1].map((disk) => disks.partition(disk));
  disks.format(disks.raid('efi', firmware), 'fat32', '/boot/efi');
  disks.format(disks.raid('md0', roots), 'ext4', '/');
  const plan = shortPlan(disks);
  assert.match(plan, /^loader vda\nloader vdb$/m);
  assert.match(plan, /^partition p1 vda 1 512 efi$/m);
  assert.match(plan, /^partition p3 vda 2 \d+ raid$/m);
  assert.match(plan, /^raid efi efi 1\.0 p1 p2\nraid md0 md0 1\.2 p3 p4$/m);
  assert.equal(refuseStorageLayout(machineOf(disks.draft), 'image', undefined), undefined);
});

test('a disk that is used whole has no partitions in the plan, and the disk of the image is not in it', () => {
  const disks = new LaidDisks([...SIZES, ...SIZES]);
  disks.format(disks.raid('data', [], [1, 2]), 'xfs', '/srv');
  assert.match(shortPlan(disks), /^disk vdb serial:D1\ndisk vdc serial:D2\nraid data data 1\.2 vdb vdc\n/);
  assert.equal(refuseStorageLayout(machineOf(disks.draft), 'image', undefined), undefined);
});

const REFUSED: readonly (readonly [string, () => LaidDisks, RegExp])[] = [
  [
    'a layout of the boot disk without a root',
    () => lay((disks) => disks.partition(0, 100)),
    /No file system of .* is mounted at \//,
  ],
  ['a root on FAT', () => lay((disks) => disks.partition(0, 100, 'fat32', '/')), /must be ext4/],
  [
    'a root on whole disks',
    () => lay((disks) => disks.format(disks.raid('md0', [], [0, 1]), 'ext4', '/')),
    /whole disks/,
  ],
  [
    'a root on another disk than the machine starts from',
    () => lay((disks) => disks.partition(1, 100, 'ext4', '/')),
    /is on another disk/,
  ],
  [
    'a root without a place for the loader of UEFI',
    () => {
      const disks = laid(true);
      disks.partition(0, 100, 'ext4', '/');
      return disks;
    },
    /mounted at \/boot\/efi/,
  ],
];

function lay(step: (disks: LaidDisks) => unknown): LaidDisks {
  const disks = laid();
  step(disks);
  return disks;
}

for (const [name, make, said] of REFUSED)
  test(`${name} is refused`, () => {
    const problem = refuseStorageLayout(machineOf(make().draft), 'image', undefined);
    assert.match(problem === undefined ? '' : problem.text, said);
  });

test('an installer, another disk, a lost disk and a smaller one are refused', () => {
  const machine = machineOf(laid().layOut('lvm').draft);
  const said = (one: Machine, by: 'image' | 'installer' = 'image', named?: string): string => {
    const problem = refuseStorageLayout(one, by, named);
    return problem === undefined ? '' : problem.text;
  };
  assert.equal(said(machine), '');
  assert.equal(said(machine, 'image', 'vda'), '');
  assert.match(said(machine, 'installer'), /only images can apply a layout/);
  assert.match(said(machine, 'image', 'vdb'), /system on vda/);
  const { facts } = machine;
  const withDisks = (change: (disk: NonNullable<Machine['facts']>['disks'][number]) => object[]): Machine => ({
    ...machine,
    ...(facts === undefined ? {} : { facts: { ...facts, disks: facts.disks.flatMap(change) as typeof facts.disks } }),
  });
  assert.match(said(withDisks((disk) => (disk.name === 'vda' ? [] : [disk]))), /no longer has a disk/);
  assert.match(said(withDisks((disk) => [{ ...disk, bytes: disk.bytes - 64 * 1024 ** 2 }])), /vda of .* is smaller/);
});
