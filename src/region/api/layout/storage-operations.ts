// Changing the disks of a machine: partitions, file systems, mounts, RAID 1, and layouts of the boot disk.
//
// Source: MAAS's `nodes/{system_id}/blockdevices/{device_id}/partitions/` and `partition/{id}`, `raids/`, `raid/{id}/`, `volume-groups/`, and
// set_storage_layout of a machine.
//
// 1. The next deployment sets up the stored disks. A layout that cannot be deployed is refused then, with the reason.

import { z } from 'zod';
import { disksOf } from '../../layout/disks.ts';
import type { LayoutRefusal } from '../../layout/network-draft.ts';
import {
  FILE_SYSTEMS,
  format,
  type MadePart,
  makePartition,
  makeRaid,
  mountPart,
  removePartition,
  removeRaid,
  unformat,
} from '../../layout/storage-changes.ts';
import { beginStorage, noSuchDevice, type StorageDraft, storageWith, withStorage } from '../../layout/storage-draft.ts';
import { layOut, WHOLE_LAYOUTS } from '../../layout/whole-layouts.ts';
import type { Machine } from '../../records/machine.ts';
import { refusal } from '../../words/refusal.ts';
import { type Answer, json, NO_MACHINE, refuse, refuseField } from '../call/answer.ts';
import { type ApiCall, defineOperation, idIn, type Operation, value, values } from '../call/operation.ts';
import { blockDevicesJson, partitionsJson, raidJson, volumeGroupJson } from '../json/disk-json.ts';
import { showMachine } from '../json/shown-machine.ts';
import { flag, isTrue, machineOf, machinePaths } from '../machines/machine-calls.ts';
import { changeLayout, shownName } from './layout-calls.ts';
import { bytesOf, mountParameters, size } from './storage-parameters.ts';

const RAID_PARTS_MAX = 64;

type Edit = (draft: StorageDraft) => StorageDraft | MadePart | LayoutRefusal;

/** Changes the disks of the machine in the path. @param answer renders what the path names, or what was made */
async function changeDisks(
  call: ApiCall,
  edit: Edit,
  answer: (draft: StorageDraft, madeId: number | undefined, machine: Machine) => Answer,
): Promise<Answer> {
  let madeId: number | undefined;
  return await changeLayout(
    call,
    'disks',
    (machine) => {
      const edited = edit(beginStorage(machine));
      if (edited.kind === 'refuse') return edited;
      madeId = edited.kind === 'made' ? edited.id : undefined;
      return { kind: 'layout', layout: storageWith(edited.kind === 'made' ? edited.draft : edited) };
    },
    (machine) => answer(beginStorage(machine), madeId, machine),
  );
}

/** The id of the disk that a path names by its id or its name; 0: none. */
const diskIdOf = (call: ApiCall, { disks }: StorageDraft, name = 'device_id'): number =>
  disks.find(({ id, facts }) => String(id) === call.path[name] || facts.name === call.path[name])?.id ?? 0;

const showPartition =
  (call: ApiCall) =>
  (draft: StorageDraft, madeId: number | undefined): Answer => {
    const wanted = madeId ?? idIn(call.path.id);
    const found = draft.disks.flatMap((disk) => partitionsJson(draft, disk)).find(({ id }) => id === wanted);
    return found === undefined ? { kind: 'empty' } : json(found);
  };

const showDevice =
  (call: ApiCall) =>
  (_draft: StorageDraft, _id: number | undefined, machine: Machine): Answer =>
    json(blockDevicesJson(machine).find(({ id }) => id === idIn(call.path.id)) ?? null);

/** A partition of the disk in the path, before it is changed. */
const ofDisk =
  (call: ApiCall, edit: (draft: StorageDraft, id: number) => ReturnType<Edit>): Edit =>
  (draft) => {
    const id = idIn(call.path.id);
    const diskId = diskIdOf(call, draft);
    const isThere = draft.layout.partitions.some((part) => part.id === id && part.diskId === diskId);
    return isThere ? edit(draft, id) : noSuchDevice(draft, shownName(call.path.id));
  };

/** A RAID or a logical volume. */
const ofVirtual =
  (call: ApiCall, edit: (draft: StorageDraft, id: number) => ReturnType<Edit>): Edit =>
  (draft) => {
    const id = idIn(call.path.id);
    const { raids, volumeGroups } = draft.layout;
    const isThere = [...raids, ...volumeGroups.flatMap(({ volumes }) => volumes)].some((one) => one.id === id);
    return isThere ? edit(draft, id) : noSuchDevice(draft, shownName(call.path.id));
  };

const formatParameters = z.object({
  fstype: value(z.string().max(32)).describe(`The file system: ${FILE_SYSTEMS.join(', ')}.`),
  uuid: value(z.uuid()).optional().describe('Its UUID. Default: a new one.'),
  label: value(z.string().regex(/^[A-Za-z0-9._-]{0,16}$/, 'field.device-name'))
    .optional()
    .describe('Its label.'),
});

type Aim = (call: ApiCall, edit: (draft: StorageDraft, id: number) => ReturnType<Edit>) => Edit;
type Shows = (call: ApiCall) => Parameters<typeof changeDisks>[2];

/** Formatting and mounting, of partitions and of virtual block devices. */
function fileSystemOperations(
  common: Pick<Operation, 'versions' | 'path' | 'handler' | 'access'> & { readonly method: 'POST' },
  aim: Aim,
  show: Shows,
): readonly Operation[] {
  const run = (call: ApiCall, edit: (draft: StorageDraft, id: number) => ReturnType<Edit>): Promise<Answer> =>
    changeDisks(call, aim(call, edit), show(call));
  return [
    defineOperation({
      ...{ ...common, op: 'format' },
      doc: 'Put a file system on a partition or a virtual block device.',
      parameters: formatParameters,
      run: (call, { fstype, uuid, label = '' }) => {
        const known = FILE_SYSTEMS.find((one) => one === fstype);
        if (known === undefined) return refuseField('fstype', 'field.file-system', { known: FILE_SYSTEMS });
        return run(call, (draft, id) => format(draft, id, { fstype: known, uuid, label }));
      },
    }),
    defineOperation({
      ...{ ...common, op: 'unformat' },
      doc: 'Remove the file system of a partition or a virtual block device.',
      parameters: z.object({}),
      run: (call) => run(call, unformat),
    }),
    defineOperation({
      ...{ ...common, op: 'mount' },
      doc: 'Let the deployed system mount the file system.',
      parameters: mountParameters,
      run: (call, { mount_point: at, mount_options: options = '' }) => {
        return run(call, (draft, id) => mountPart(draft, id, { at, options }));
      },
    }),
    defineOperation({
      ...{ ...common, op: 'unmount' },
      doc: 'Let the deployed system no longer mount the file system.',
      parameters: z.object({}),
      run: (call) => run(call, (draft, id) => mountPart(draft, id, undefined)),
    }),
  ];
}

const versions = ['2.0'] as const;
const admin = { versions, access: 'admin' } as const;
const reader = { versions, access: 'user', method: 'GET', parameters: z.object({}) } as const;
const devices = 'nodes/{system_id}/blockdevices';
const partition = { ...admin, path: `${devices}/{device_id}/partition/{id}`, handler: 'PartitionHandler' } as const;
const device = { ...admin, path: `${devices}/{id}`, handler: 'BlockDeviceHandler', method: 'POST' } as const;

/** Reads a part of the machine's disks. */
const reading =
  (find: (draft: StorageDraft, call: ApiCall) => unknown) =>
  async (call: ApiCall): Promise<Answer> => {
    const machine = await machineOf(call);
    if (machine === undefined) return NO_MACHINE;
    const found = find(beginStorage(machine), call);
    const name = shownName(call.path.id);
    return found === undefined ? refuse('not-found.block-device', { machine: machine.hostname, name }) : json(found);
  };

const partitionAt = (draft: StorageDraft, call: ApiCall): unknown =>
  draft.disks
    .filter(({ id }) => id === diskIdOf(call, draft))
    .flatMap((disk) => partitionsJson(draft, disk))
    .find(({ id }) => id === idIn(call.path.id));

const PARTITIONS: readonly Operation[] = [
  defineOperation({
    ...{ ...admin, path: `${devices}/{device_id}/partitions`, handler: 'PartitionsHandler', method: 'POST' },
    doc: 'Make a partition on a block device.',
    parameters: z.object({
      size: value(size).optional().describe('Its size in bytes, or with K, M, G or T. Default: all that is free.'),
      bootable: flag('True: firmware may start it.'),
    }),
    run: (call, given) =>
      changeDisks(
        call,
        (draft) => makePartition(draft, diskIdOf(call, draft), bytesOf(given.size), isTrue(given.bootable)),
        showPartition(call),
      ),
  }),
  defineOperation({ ...{ ...partition, ...reader }, doc: 'Read one partition.', run: reading(partitionAt) }),
  defineOperation({
    ...{ ...partition, method: 'DELETE' },
    doc: 'Delete a partition.',
    parameters: z.object({}),
    run: (call) => changeDisks(call, ofDisk(call, removePartition), () => ({ kind: 'empty' })),
  }),
  ...fileSystemOperations({ ...partition, method: 'POST' }, ofDisk, showPartition),
  ...fileSystemOperations(device, ofVirtual, showDevice),
  defineOperation({
    ...{ ...device, op: 'set_boot_disk' },
    doc: 'Deploy to this disk, from which the machine then starts.',
    parameters: z.object({}),
    run: (call) =>
      changeDisks(
        call,
        (draft) => {
          const bootDiskId = diskIdOf(call, draft, 'id');
          if (bootDiskId === 0) return noSuchDevice(draft, shownName(call.path.id));
          return withStorage(draft, { bootDiskId });
        },
        (_draft, _id, machine) => json(showMachine(call, machine)),
      ),
  }),
];

const idsOf = (texts: readonly string[] | undefined): readonly number[] => (texts ?? []).map((text) => idIn(text));
const raid = { versions, path: 'nodes/{system_id}/raid/{id}', handler: 'RaidHandler' } as const;
const raids = { versions, path: 'nodes/{system_id}/raids', handler: 'RaidsHandler' } as const;
const groups = { versions, path: 'nodes/{system_id}/volume-groups', handler: 'VolumeGroupsHandler' } as const;

const RAIDS: readonly Operation[] = [
  defineOperation({
    ...{ ...raids, ...reader },
    doc: 'List the RAIDs of a machine.',
    run: reading((draft) => draft.layout.raids.map((one) => raidJson(draft, one))),
  }),
  defineOperation({
    ...{ ...raids, method: 'POST', access: 'admin' },
    doc: 'Make a RAID 1 of disks and partitions.',
    parameters: z.object({
      name: value(z.string().max(32)).optional().describe('Its name. Default: md0, md1, and so on.'),
      level: value(z.literal('raid-1', 'field.raid-level')).describe('The level: raid-1.'),
      block_devices: values(RAID_PARTS_MAX).optional().describe('The ids of disks.'),
      partitions: values(RAID_PARTS_MAX).optional().describe('The ids of partitions.'),
    }),
    run: (call, given) =>
      changeDisks(
        call,
        (draft) =>
          makeRaid(draft, { name: given.name, disks: idsOf(given.block_devices), partitions: idsOf(given.partitions) }),
        (draft, madeId) =>
          json(draft.layout.raids.flatMap((one) => (one.id === madeId ? raidJson(draft, one) : []))[0]),
      ),
  }),
  defineOperation({
    ...{ ...raid, ...reader },
    doc: 'Read one RAID.',
    run: reading(
      (draft, call) =>
        draft.layout.raids.filter(({ id }) => id === idIn(call.path.id)).map((one) => raidJson(draft, one))[0],
    ),
  }),
  defineOperation({
    ...{ ...raid, method: 'DELETE', access: 'admin' },
    doc: 'Delete a RAID; its disks and partitions stay.',
    parameters: z.object({}),
    run: (call) =>
      changeDisks(
        call,
        (draft) => removeRaid(draft, idIn(call.path.id)),
        () => ({ kind: 'empty' }),
      ),
  }),
  defineOperation({
    ...{ ...groups, ...reader },
    doc: 'List the volume groups of a machine; set_storage_layout makes one.',
    run: reading((draft) => draft.layout.volumeGroups.map((group) => volumeGroupJson(draft, group))),
  }),
];

const layoutParameters = z.object({
  storage_layout: value(z.string().max(32)).describe(`The layout of the boot disk: ${WHOLE_LAYOUTS.join(', ')}.`),
  root_device: value(z.string().max(64))
    .optional()
    .describe('The disk to use, by its id or its name. Default: the boot disk.'),
  boot_size: value(size).optional().describe('The size of a partition for /boot. Default: none.'),
  root_size: value(size)
    .optional()
    .describe('The size of the partition of the root, or of the volume group. Default: all.'),
  vg_name: value(z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,31}$/, 'field.device-name'))
    .optional()
    .describe('lvm: the name of the group; vgroot.'),
  lv_name: value(z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,31}$/, 'field.device-name'))
    .optional()
    .describe('lvm: the name of the volume; lvroot.'),
  lv_size: value(size).optional().describe('lvm: the size of the volume of the root. Default: all.'),
});

function layOutDisks(call: ApiCall, given: z.output<typeof layoutParameters>): Answer | Promise<Answer> {
  const layout = WHOLE_LAYOUTS.find((one) => one === given.storage_layout.toLowerCase());
  if (layout === undefined) return refuseField('storage_layout', 'field.storage-layout', { known: WHOLE_LAYOUTS });
  const { root_device: named } = given;
  const edit: Edit = (draft) => {
    const rootDiskId = disksOf(draft.machine).find(({ id, facts }) => String(id) === named || facts.name === named)?.id;
    if (named !== undefined && rootDiskId === undefined) {
      return { kind: 'refuse', field: 'root_device', refusal: refusal('field.no-such-device', { id: 0 }) };
    }
    return layOut(draft, {
      ...{ layout, rootDiskId, bootBytes: bytesOf(given.boot_size), rootBytes: bytesOf(given.root_size) },
      ...{ groupName: given.vg_name ?? 'vgroot', volumeName: given.lv_name ?? 'lvroot' },
      volumeBytes: bytesOf(given.lv_size),
    });
  };
  return changeDisks(call, edit, (_draft, _id, machine) => json(showMachine(call, machine)));
}

/** Changes of the disks of machines, in version 2.0. */
export const STORAGE_OPERATIONS: readonly Operation[] = [
  ...PARTITIONS,
  ...RAIDS,
  defineOperation({
    ...machinePaths('2.0').one,
    ...{ method: 'POST', op: 'set_storage_layout', access: 'admin' },
    doc: 'Lay out the boot disk of a machine. This replaces the previous layout of its disks.',
    parameters: layoutParameters,
    run: layOutDisks,
  }),
];
