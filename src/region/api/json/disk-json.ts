// The block devices of a machine, its partitions, volume groups and RAIDs as the API represents them.
//
// Sources: the keys that strict clients demand: gomaasapi's schemas of block device, partition and
// file system; the texts of MAAS's `used_for`.
//
// 1. Every object has every key, always with the same type, as an object and as text.

import { counted } from '../../../ground/counted.ts';
import type { Disk } from '../../layout/disks.ts';
import {
  beginStorage,
  findGroupName,
  freeBytes,
  groupBytes,
  groupFree,
  raidBytes,
  type StorageDraft,
} from '../../layout/storage-draft.ts';
import type { Machine } from '../../records/machine.ts';
import type { FileSystem, LogicalVolume, Partition, Raid, VolumeGroup } from '../../records/machine-layout.ts';
import type { AnswerOf } from '../answers/answer-types.ts';
import { API_2 } from './fixed-json.ts';

type Device = AnswerOf<'blockDevice'>;
type PartitionJson = AnswerOf<'partition'>;

const UNUSED = {
  type: 'physical',
  used_size: 0,
  used_for: 'Unused',
  uuid: null,
  filesystem: null,
  partition_table_type: null,
  partitions: [],
  storage_pool: null,
  numa_node: 0,
};

function ownDiskJson(systemId: string, { id, facts, kernelName, tags }: Disk) {
  return {
    id,
    system_id: systemId,
    name: facts.name,
    path: `/dev/disk/by-dname/${facts.name}`,
    id_path: `/dev/${kernelName}`,
    model: facts.model,
    serial: facts.serial,
    size: facts.bytes,
    block_size: facts.block_size ?? 512,
    bus: facts.bus ?? null,
    available_size: facts.bytes,
    tags,
    firmware_version: facts.firmware === undefined || facts.firmware === '' ? null : facts.firmware,
    resource_uri: `${API_2}/nodes/${systemId}/blockdevices/${id}/`,
  };
}

const fileSystemJson = (fileSystem: FileSystem | undefined): AnswerOf<'filesystem'> | null =>
  fileSystem === undefined
    ? null
    : {
        fstype: fileSystem.fstype,
        label: fileSystem.label,
        uuid: fileSystem.uuid,
        mount_point: fileSystem.mountPoint ?? null,
        mount_options: fileSystem.mountOptions ?? null,
      };

/** MAAS's words for the use of a part. */
function usedFor(fileSystem: FileSystem | undefined, user: string | undefined) {
  if (user !== undefined) return `Part of ${user}`;
  if (fileSystem === undefined) return 'Unused';
  const { fstype, mountPoint } = fileSystem;
  const where = mountPoint === undefined ? 'Unmounted' : '';
  return where === ''
    ? `${fstype} formatted filesystem mounted at ${mountPoint}`
    : `${where} ${fstype} formatted filesystem`;
}

/** A partition, the `position`th of its disk from 1. */
function partitionJson(draft: StorageDraft, part: Partition, disk: Disk, position: number): PartitionJson {
  const { systemId } = draft.machine;
  const separator = /\d$/.test(disk.facts.name) ? 'p' : '';
  return {
    id: part.id,
    uuid: part.uuid,
    type: 'partition',
    system_id: systemId,
    device_id: disk.id,
    path: `/dev/disk/by-dname/${disk.facts.name}-part${position}`,
    name: `${disk.facts.name}${separator}${position}`,
    size: part.bytes,
    bootable: part.isBootable,
    tags: part.tags,
    used_for: usedFor(part.fileSystem, findGroupName(draft, 'partitions', part.id)),
    filesystem: fileSystemJson(part.fileSystem),
    resource_uri: `${API_2}/nodes/${systemId}/blockdevices/${disk.id}/partition/${part.id}`,
  };
}

/** The partitions of a disk. */
export const partitionsJson = (draft: StorageDraft, disk: Disk): readonly PartitionJson[] =>
  draft.layout.partitions
    .filter(({ diskId }) => diskId === disk.id)
    .map((part, index) => partitionJson(draft, part, disk, index + 1));

/**
 * The partition that a text names, as MAAS takes it: by its id, or as `sda-part1`, the last word of
 * its path; or by its `name`.
 */
export const partitionNamed = (partitions: readonly PartitionJson[], named: string): PartitionJson | undefined =>
  partitions.find(({ id }) => String(id) === named) ??
  partitions.find(({ path, name }) => partitionName(path) === named || name === named);

/** The name of a partition in its path: `sda-part1`. */
export const partitionName = (path: unknown): string => String(path).split('/').at(-1) ?? '';

function diskJson(draft: StorageDraft, disk: Disk): Device {
  const own = ownDiskJson(draft.machine.systemId, disk);
  const partitions = partitionsJson(draft, disk);
  const user = findGroupName(draft, 'disks', disk.id);
  const fileSystem = draft.layout.wholeDisks?.find(({ id }) => id === disk.id)?.fileSystem;
  const isWhole = user !== undefined || fileSystem !== undefined;
  if (partitions.length === 0 && !isWhole) return { ...own, ...UNUSED };
  const free = isWhole ? 0 : freeBytes(draft, disk);
  const count = counted(partitions.length, 'partition');
  return {
    ...own,
    ...UNUSED,
    available_size: free,
    used_size: disk.facts.bytes - free,
    used_for: isWhole ? usedFor(fileSystem, user) : `GPT partitioned with ${count}`,
    filesystem: fileSystemJson(fileSystem),
    partition_table_type: partitions.length === 0 ? null : 'GPT',
    partitions,
  };
}

function virtualJson(
  { machine: { systemId }, layout }: StorageDraft,
  { id, uuid, tags = [], fileSystem }: Raid | LogicalVolume,
  name: string,
  bytes: number,
): Device {
  return {
    id,
    system_id: systemId,
    name,
    path: `/dev/disk/by-dname/${name}`,
    id_path: null,
    model: null,
    serial: null,
    size: bytes,
    block_size: 512,
    bus: null,
    available_size: 0,
    tags,
    firmware_version: null,
    resource_uri: `${API_2}/nodes/${systemId}/blockdevices/${id}/`,
    ...UNUSED,
    type: 'virtual',
    used_size: bytes,
    used_for: usedFor(fileSystem, findGroupName({ layout }, 'raids', id)),
    uuid,
    filesystem: fileSystemJson(fileSystem),
  };
}

const virtualsJson = (draft: StorageDraft): readonly Device[] => [
  ...draft.layout.raids.map((raid) => virtualJson(draft, raid, raid.name, raidBytes(draft, raid))),
  ...draft.layout.volumeGroups.flatMap((group) =>
    group.volumes.map((volume) => virtualJson(draft, volume, `${group.name}-${volume.name}`, volume.bytes)),
  ),
];

/** The physical disks of a machine. */
export function disksJson(machine: Machine): readonly Device[] {
  const draft = beginStorage(machine);
  return draft.disks.map((disk) => diskJson(draft, disk));
}

/** The RAIDs and the logical volumes of a machine. */
export const virtualDevicesJson = (machine: Machine): readonly Device[] => virtualsJson(beginStorage(machine));

/** All block devices of a machine, the physical ones first. */
export const blockDevicesJson = (machine: Machine): readonly Device[] => [
  ...disksJson(machine),
  ...virtualDevicesJson(machine),
];

/** The place of the boot disk among the physical ones. */
export function bootDiskIndex(machine: Machine): number {
  const { disks, layout } = beginStorage(machine);
  return Math.max(
    0,
    disks.findIndex(({ id }) => id === layout.bootDiskId),
  );
}

function partsJson(
  draft: StorageDraft,
  { disks, partitions, raids = [] }: Pick<VolumeGroup, 'disks' | 'partitions' | 'raids'>,
): readonly (Device | PartitionJson)[] {
  return [
    ...draft.disks.filter(({ id }) => disks.includes(id)).map((disk) => diskJson(draft, disk)),
    ...draft.disks.flatMap((disk) =>
      partitionsJson(draft, disk).filter(({ id }) => partitions.some((partitionId) => partitionId === id)),
    ),
    ...draft.layout.raids
      .filter(({ id }) => raids.includes(id))
      .map((raid) => virtualJson(draft, raid, raid.name, raidBytes(draft, raid))),
  ];
}

export function raidJson(draft: StorageDraft, raid: Raid): AnswerOf<'raid'> {
  const { systemId } = draft.machine;
  const bytes = raidBytes(draft, raid);
  return {
    id: raid.id,
    uuid: raid.uuid,
    name: raid.name,
    level: raid.level,
    system_id: systemId,
    size: bytes,
    human_size: `${(bytes / 1e9).toFixed(1)} GB`,
    devices: partsJson(draft, raid),
    spare_devices: partsJson(draft, { disks: raid.spareDisks ?? [], partitions: raid.sparePartitions ?? [] }),
    virtual_device: virtualJson(draft, raid, raid.name, bytes),
    resource_uri: `${API_2}/nodes/${systemId}/raid/${raid.id}/`,
  };
}

export function volumeGroupJson(draft: StorageDraft, group: VolumeGroup): AnswerOf<'volumeGroup'> {
  const { systemId } = draft.machine;
  const [bytes, free] = [groupBytes(draft, group), groupFree(draft, group)];
  return {
    id: group.id,
    uuid: group.uuid,
    name: group.name,
    system_id: systemId,
    size: bytes,
    available_size: free,
    human_size: `${(bytes / 1e9).toFixed(1)} GB`,
    used_size: bytes - free,
    human_used_size: `${((bytes - free) / 1e9).toFixed(1)} GB`,
    human_available_size: `${(free / 1e9).toFixed(1)} GB`,
    devices: partsJson(draft, group),
    logical_volumes: group.volumes.map((volume) =>
      virtualJson(draft, volume, `${group.name}-${volume.name}`, volume.bytes),
    ),
    resource_uri: `${API_2}/nodes/${systemId}/volume-group/${group.id}/`,
  };
}

/** The volume groups and RAIDs of a machine, as its own fields. */
export function storageFields(machine: Machine) {
  const draft = beginStorage(machine);
  return {
    volume_groups: draft.layout.volumeGroups.map((group) => volumeGroupJson(draft, group)),
    raids: draft.layout.raids.map((raid) => raidJson(draft, raid)),
  };
}
