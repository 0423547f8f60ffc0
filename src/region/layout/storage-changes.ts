// Partitions, file systems, mounts, RAID 1 and whole layouts of a machine's disks. Pure.
//
// Source: MAAS's partitions, RAIDs and set_storage_layout (flat, lvm, blank).
//
// 1. Mount points are unique on a machine. The file system of a mounted part cannot be removed.
// 2. A part in use can be neither removed nor given a second use.

import { type FileSystem, type Partition, type Raid, STORAGE_PARTS_MAX } from '../records/machine-layout.ts';
import { refusal } from '../words/refusal.ts';
import type { LayoutRefusal } from './network-draft.ts';
import {
  drawId,
  type Formattable,
  formattable,
  freeBytes,
  MEBIBYTE,
  noSuchDevice,
  refuseStorage,
  type StorageDraft,
  userOf,
  uuidOf,
  withFileSystem,
  withStorage,
} from './storage-draft.ts';

export const FILE_SYSTEMS = ['ext4', 'ext2', 'xfs', 'btrfs', 'fat32', 'vfat', 'swap'] as const;

/** A draft, and the id of the part that was made. */
export type MadePart = { readonly kind: 'made'; readonly draft: StorageDraft; readonly id: number };

/** Makes a partition. @param bytes undefined: all free bytes of the disk */
export function makePartition(
  draft: StorageDraft,
  diskId: number,
  bytes: number | undefined,
  isBootable: boolean,
): MadePart | LayoutRefusal {
  const disk = draft.disks.find(({ id }) => id === diskId);
  if (disk === undefined) return noSuchDevice(draft, String(diskId));
  const used = userOf(draft, 'disks', diskId);
  if (used !== undefined) return refuseStorage(refusal('layout-refused.used', { name: disk.facts.name, by: used }));
  if (draft.layout.partitions.length >= STORAGE_PARTS_MAX) return limitReached(draft);
  const free = freeBytes(draft, disk);
  const wanted = bytes === undefined ? free : Math.floor(bytes / MEBIBYTE) * MEBIBYTE;
  if (wanted < MEBIBYTE || wanted > free) {
    return refuseStorage(refusal('field.size', { name: disk.facts.name, free }), 'size');
  }
  const id = drawId(draft);
  const made: Partition = { ...{ id, uuid: uuidOf(id), diskId, bytes: wanted, isBootable, tags: [] } };
  return { kind: 'made', draft: withStorage(draft, { partitions: [...draft.layout.partitions, made] }, 1), id };
}

const limitReached = ({ machine }: StorageDraft): LayoutRefusal =>
  refuseStorage(refusal('layout-refused.parts-limit', { machine: machine.hostname, max: STORAGE_PARTS_MAX }));

const nameOf = ({ kind, part }: Formattable): string => ('name' in part ? part.name : `${kind} ${part.id}`);

/** An unused part that can have a file system. */
function freePart(draft: StorageDraft, id: number): Formattable | LayoutRefusal {
  const found = formattable(draft.layout).find(({ part }) => part.id === id);
  if (found === undefined) return noSuchDevice(draft, String(id));
  const used = found.kind === 'partition' ? userOf(draft, 'partitions', id) : undefined;
  return used === undefined ? found : refuseStorage(refusal('layout-refused.used', { name: nameOf(found), by: used }));
}

export function removePartition(draft: StorageDraft, id: number): StorageDraft | LayoutRefusal {
  const found = freePart(draft, id);
  if (found.kind === 'refuse') return found;
  return withStorage(draft, { partitions: draft.layout.partitions.filter((one) => one.id !== id) });
}

/** Gives a part a file system. */
export function format(
  draft: StorageDraft,
  id: number,
  wish: Pick<FileSystem, 'fstype' | 'label'> & { readonly uuid?: string | undefined },
): StorageDraft | LayoutRefusal {
  const found = freePart(draft, id);
  if (found.kind === 'refuse') return found;
  if (found.part.fileSystem?.mountPoint !== undefined) {
    const params = { name: nameOf(found), at: found.part.fileSystem.mountPoint };
    return refuseStorage(refusal('layout-refused.mounted', params));
  }
  const fileSystem = { fstype: wish.fstype, label: wish.label, uuid: wish.uuid ?? uuidOf(drawId(draft)) };
  return withStorage(withFileSystem(draft, id, fileSystem), {}, 1);
}

/** Removes the file system of a part. */
export function unformat(draft: StorageDraft, id: number): StorageDraft | LayoutRefusal {
  const found = freePart(draft, id);
  if (found.kind === 'refuse') return found;
  const { fileSystem } = found.part;
  if (fileSystem === undefined) return refuseStorage(refusal('layout-refused.unformatted', { name: nameOf(found) }));
  if (fileSystem.mountPoint === undefined) return withFileSystem(draft, id, undefined);
  return refuseStorage(refusal('layout-refused.mounted', { name: nameOf(found), at: fileSystem.mountPoint }));
}

/** Mounts or unmounts the file system of a part. @param mount undefined: unmount it */
export function mountPart(
  draft: StorageDraft,
  id: number,
  mount: { readonly at: string; readonly options: string } | undefined,
): StorageDraft | LayoutRefusal {
  const found = freePart(draft, id);
  if (found.kind === 'refuse') return found;
  const { fileSystem } = found.part;
  if (fileSystem === undefined) return refuseStorage(refusal('layout-refused.unformatted', { name: nameOf(found) }));
  const { fstype, uuid, label, mountPoint } = fileSystem;
  const bare: FileSystem = { fstype, uuid, label };
  if (mount === undefined) {
    if (mountPoint === undefined) return refuseStorage(refusal('layout-refused.unmounted', { name: nameOf(found) }));
    return withFileSystem(draft, id, bare);
  }
  const at = fstype === 'swap' ? 'none' : mount.at;
  const other = formattable(draft.layout).find(
    ({ part }) => part.id !== id && part.fileSystem?.mountPoint === at && at !== 'none',
  );
  if (other !== undefined) {
    return refuseStorage(refusal('field.mount-taken', { name: nameOf(other), at }), 'mount_point');
  }
  return withFileSystem(draft, id, { ...bare, mountPoint: at, mountOptions: mount.options });
}

/** A person's request for a RAID 1. */
interface RaidWish {
  readonly name: string | undefined;
  readonly disks: readonly number[];
  readonly partitions: readonly number[];
}

/** Makes a RAID 1. */
export function makeRaid(draft: StorageDraft, wish: RaidWish): MadePart | LayoutRefusal {
  const { raids, partitions } = draft.layout;
  if (raids.length >= STORAGE_PARTS_MAX) return limitReached(draft);
  const disks = [...new Set(wish.disks)];
  const parts = [...new Set(wish.partitions)];
  if (disks.length + parts.length < 2) return refuseStorage(refusal('field.raid-members'), 'block_devices');
  for (const id of disks) {
    const disk = draft.disks.find((one) => one.id === id);
    if (disk === undefined) return refuseStorage(refusal('field.no-such-device', { id }), 'block_devices');
    const { name } = disk.facts;
    const by = userOf(draft, 'disks', id);
    if (by !== undefined) return refuseStorage(refusal('layout-refused.used', { name, by }));
    const isPartitioned = partitions.some(({ diskId }) => diskId === id);
    if (isPartitioned) return refuseStorage(refusal('layout-refused.partitioned', { name }));
  }
  for (const id of parts) {
    if (!partitions.some((one) => one.id === id)) {
      return refuseStorage(refusal('field.no-such-device', { id }), 'partitions');
    }
    const found = freePart(draft, id);
    if (found.kind === 'refuse') return found;
    if (found.part.fileSystem !== undefined) {
      return refuseStorage(refusal('layout-refused.formatted', { name: nameOf(found) }));
    }
  }
  const name = wish.name ?? `md${raids.length}`;
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,31}$/.test(name)) return refuseStorage(refusal('field.device-name'), 'name');
  if (raids.some((one) => one.name === name)) return refuseStorage(refusal('field.device-taken', { name }), 'name');
  const id = drawId(draft);
  const made: Raid = { id, uuid: uuidOf(id), name, level: 'raid-1', disks, partitions: parts };
  return { kind: 'made', draft: withStorage(draft, { raids: [...raids, made] }, 1), id };
}

/** Removes a RAID; its parts stay. */
export function removeRaid(draft: StorageDraft, id: number): StorageDraft | LayoutRefusal {
  const isKnown = draft.layout.raids.some((one) => one.id === id);
  if (!isKnown) return noSuchDevice(draft, String(id));
  return withStorage(draft, { raids: draft.layout.raids.filter((one) => one.id !== id) });
}
