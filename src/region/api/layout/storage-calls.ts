// The changes of a machine's disks by the API: each edits a draft in a transaction, and answers
// with the changed part.

import type { DiskWish } from '../../layout/disk-changes.ts';
import { addDisk, describeDisk, removeDisk, tagDisk } from '../../layout/disk-changes.ts';
import { type LayoutRefusal, refuseAbsent, refuseChange, refuseField } from '../../layout/network-draft.ts';
import {
  format,
  type MadePart,
  makePartition,
  mountPart,
  removePartition,
  tagPart,
  unformat,
} from '../../layout/storage-changes.ts';
import {
  beginStorage,
  noPartitionText,
  noSuchDevice,
  noSuchDiskText,
  type StorageDraft,
  storageWith,
  withStorage,
} from '../../layout/storage-draft.ts';
import { changeRaid, changeVolume, NO_MEMBERS, removeRaid, removeVolume } from '../../layout/volume-changes.ts';
import { layOut, noDiskText } from '../../layout/whole-layouts.ts';
import type { Machine } from '../../records/machine.ts';
import type { WholeLayout } from '../../records/machine-layout.ts';
import { type Answer, json } from '../call/answer.ts';
import { type ApiCall, idIn } from '../call/operation.ts';
import { blockDevicesJson, partitionNamed, partitionsJson } from '../json/disk-json.ts';
import { showMachine } from '../json/shown-machine.ts';
import { changeLayout, shownName } from './layout-calls.ts';
import { parseSizeBytes } from './storage-parameters.ts';

export type StorageTarget = 'partition' | 'device';

type Edited = StorageDraft | MadePart | LayoutRefusal;
type Edit = (draft: StorageDraft) => Edited;
type EditOne = (draft: StorageDraft, id: number) => Edited;
export type Show = (draft: StorageDraft, id: number, machine: Machine) => Answer;

export const nothingLeft: Show = () => ({ kind: 'empty' });

/** Changes the disks of the machine in the path. @param show renders what was made, or what the path names */
export async function changeDisks(
  call: ApiCall,
  edit: Edit,
  show: Show,
  part: 'disks' | 'tags' = 'disks',
): Promise<Answer> {
  let shownId = idIn(call.path.id);
  return await changeLayout(
    call,
    part,
    (machine) => {
      const edited = edit(beginStorage(machine));
      if (edited.kind === 'refuse') return edited;
      if (edited.kind === 'made') shownId = edited.id;
      const draft = edited.kind === 'made' ? edited.draft : edited;
      return {
        kind: 'layout',
        layout: storageWith(draft),
        facts: draft.machine === machine ? undefined : draft.machine.facts,
      };
    },
    (machine) => show(beginStorage(machine), shownId, machine),
  );
}

// ---- what a path names ----

const findDiskId = ({ disks }: StorageDraft, named: string | undefined): number =>
  disks.find(({ id, facts }) => String(id) === named || facts.name === named)?.id ?? 0;

function findDeviceId(draft: StorageDraft, named: string | undefined): number {
  const { raids, volumeGroups } = draft.layout;
  const volumes = volumeGroups.flatMap((group) =>
    group.volumes.map(({ id, name }) => ({ id, name: `${group.name}-${name}` })),
  );
  const virtualDevice = [...raids, ...volumes].find(({ id, name }) => String(id) === named || name === named);
  return findDiskId(draft, named) || (virtualDevice?.id ?? 0);
}

/**
 * Edits the disk that a segment of the path names. A RAID or a volume is refused: only disks have
 * partitions, and start a machine.
 */
function onDisk(draft: StorageDraft, segment: string | undefined, edit: EditOne): Edited {
  const id = findDiskId(draft, segment);
  if (id !== 0) return edit(draft, id);
  return findDeviceId(draft, segment) === 0
    ? noSuchDevice(draft, shownName(segment))
    : refuseChange(
        `${shownName(segment)} is a RAID or a volume: only disks have partitions and start a machine. Give it a file system, or make a volume group of a RAID.`,
      );
}

function findPartitionId(draft: StorageDraft, { device_id: device = '', id = '' }: ApiCall['path']) {
  const disk = draft.disks.find((disk) => disk.id === findDiskId(draft, device));
  if (disk === undefined) return noSuchDevice(draft, shownName(device));
  const partition = partitionNamed(partitionsJson(draft, disk), id);
  if (partition !== undefined) return Number(partition.id);
  return refuseAbsent(noPartitionText(disk.facts.name, shownName(id)));
}

const on =
  (call: ApiCall, aim: StorageTarget, edit: EditOne): Edit =>
  (draft) => {
    const id = aim === 'device' ? findDeviceId(draft, call.path.id) : findPartitionId(draft, call.path);
    if (typeof id !== 'number') return id;
    if (id === 0) return noSuchDevice(draft, shownName(call.path.id));
    const edited = edit(draft, id);
    return edited.kind === 'draft' ? { kind: 'made', draft: edited, id } : edited;
  };

const showPartition: Show = (draft, wanted) => {
  const partition = draft.disks.flatMap((disk) => partitionsJson(draft, disk)).find(({ id }) => id === wanted);
  return partition === undefined ? { kind: 'empty' } : json(partition);
};

export const showDevice: Show = (_draft, wanted, machine) =>
  json(blockDevicesJson(machine).find(({ id }) => id === wanted) ?? null);

const chooseShow = (aim: StorageTarget): Show => (aim === 'partition' ? showPartition : showDevice);

// ---- partitions and file systems ----

export const addPartition = (
  call: ApiCall,
  { bytes, ...wish }: { readonly bytes: number | undefined } & NonNullable<Parameters<typeof makePartition>[3]>,
): Promise<Answer> =>
  changeDisks(
    call,
    (draft) => onDisk(draft, call.path.device_id, (storageDraft, id) => makePartition(storageDraft, id, bytes, wish)),
    showPartition,
  );

export const deletePartition = (call: ApiCall): Promise<Answer> =>
  changeDisks(call, on(call, 'partition', removePartition), nothingLeft);

export function formatPart(call: ApiCall, aim: StorageTarget, wish: Parameters<typeof format>[2]): Promise<Answer> {
  const edit: EditOne = (draft, id) => format(draft, id, wish);
  return changeDisks(call, on(call, aim, edit), chooseShow(aim));
}

export const unformatPart = (call: ApiCall, aim: StorageTarget): Promise<Answer> =>
  changeDisks(call, on(call, aim, unformat), chooseShow(aim));

export function mount(call: ApiCall, aim: StorageTarget, wish: Parameters<typeof mountPart>[2]): Promise<Answer> {
  const edit: EditOne = (draft, id) => mountPart(draft, id, wish);
  return changeDisks(call, on(call, aim, edit), chooseShow(aim));
}

export function tag(call: ApiCall, aim: StorageTarget, word: string, isAdded: boolean): Promise<Answer> {
  const edit: EditOne = (draft, id) =>
    draft.disks.some((disk) => disk.id === id) ? tagDisk(draft, id, word, isAdded) : tagPart(draft, id, word, isAdded);
  return changeDisks(call, on(call, aim, edit), chooseShow(aim), 'tags');
}

// ---- block devices ----

export const createDisk = (call: ApiCall, wish: Parameters<typeof addDisk>[1]): Promise<Answer> =>
  changeDisks(call, (draft) => addDisk(draft, wish), showDevice);

interface DeviceChange {
  readonly disk: DiskWish;
  readonly uuid: string | undefined;
}

/** Changes a block device: a disk, a RAID or a volume. A parameter that its kind has not is refused. */
export function changeDevice(call: ApiCall, input: Readonly<Record<string, unknown>>, change: DeviceChange) {
  const { name, bytes } = change.disk;
  const strange = (own: string): LayoutRefusal | undefined => {
    const field = Object.keys(input).find((key) => input[key] !== undefined && !own.split(' ').includes(key));
    return field === undefined ? undefined : refuseField(field, 'A block device of this kind has no such setting.');
  };
  const edit: EditOne = (draft, id) => {
    if (draft.disks.some((disk) => disk.id === id))
      return strange('name model serial id_path size block_size') ?? describeDisk(draft, id, change.disk);
    if (draft.layout.raids.some((raid) => raid.id === id))
      return (
        strange('name uuid') ?? changeRaid(draft, id, { name, uuid: change.uuid, add: NO_MEMBERS, remove: NO_MEMBERS })
      );
    return strange('name uuid size') ?? changeVolume(draft, id, { name, uuid: change.uuid, bytes });
  };
  return changeDisks(call, on(call, 'device', edit), showDevice);
}

export function deleteDevice(call: ApiCall): Promise<Answer> {
  const edit: EditOne = (draft, id) => {
    if (draft.disks.some((disk) => disk.id === id)) return removeDisk(draft, id);
    return draft.layout.raids.some((raid) => raid.id === id) ? removeRaid(draft, id) : removeVolume(draft, id);
  };
  return changeDisks(call, on(call, 'device', edit), nothingLeft);
}

export function chooseBootDisk(call: ApiCall): Promise<Answer> {
  const edit: Edit = (draft) =>
    onDisk(draft, call.path.id, (storageDraft, bootDiskId) => withStorage(storageDraft, { bootDiskId }));
  return changeDisks(call, edit, (_draft, _id, machine) => json(showMachine(call, machine)));
}

// ---- whole layouts ----

interface LayoutGiven {
  readonly storage_layout: WholeLayout;
  readonly root_device?: string | undefined;
  readonly boot_size?: string | undefined;
  readonly root_size?: string | undefined;
  readonly vg_name?: string | undefined;
  readonly lv_name?: string | undefined;
  readonly lv_size?: string | undefined;
}

export function layOutDisks(call: ApiCall, input: LayoutGiven): Promise<Answer> {
  const { root_device: named } = input;
  const edit: Edit = (draft) => {
    const rootDiskId = named === undefined ? undefined : findDiskId(draft, named);
    if (rootDiskId === 0) {
      const names = draft.disks.map(({ facts }) => facts.name);
      return names.length === 0
        ? refuseChange(noDiskText(draft.machine.hostname))
        : refuseField('root_device', noSuchDiskText(shownName(named), names));
    }
    return layOut(draft, {
      layout: input.storage_layout,
      rootDiskId,
      bootBytes: parseSizeBytes(input.boot_size),
      rootBytes: parseSizeBytes(input.root_size),
      groupName: input.vg_name ?? 'vgroot',
      volumeName: input.lv_name ?? 'lvroot',
      volumeBytes: parseSizeBytes(input.lv_size),
    });
  };
  return changeDisks(call, edit, (_draft, _id, machine) => json(showMachine(call, machine)));
}
