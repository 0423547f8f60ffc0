// The layouts of a machine's whole boot disk: flat, LVM and blank. Pure.
//
// Source: MAAS's set_storage_layout with its parameters and names: `vgroot`, `lvroot`, an EFI
// partition of 512 MB.
//
//   flat   [EFI] [boot] root
//   lvm    [EFI] [boot] partition of the volume group ── lvroot, root
//   blank  nothing
//
// 1. A layout replaces the one before it; the other disks are empty afterwards.

import type { FileSystem, Partition, StorageLayout, WholeLayout } from '../records/machine-layout.ts';
import { type LayoutRefusal, refuseChange, refuseField } from './network-draft.ts';
import { freeSizeText } from './storage-changes.ts';
import {
  derivePartUuid,
  drawId,
  findBootDisk,
  freeBytes,
  groupFree,
  MEBIBYTE,
  type StorageDraft,
  withStorage,
} from './storage-draft.ts';
import { noSuchDeviceText, wholeMebibytes } from './volume-changes.ts';

/**
 * A person's request for a layout. Sizes in bytes; an undefined size: the rest of the disk; `boot`
 * undefined: no boot partition.
 */
interface LayoutWish {
  readonly layout: WholeLayout;
  readonly rootDiskId?: number | undefined;
  readonly bootBytes?: number | undefined;
  readonly rootBytes?: number | undefined;
  readonly groupName: string;
  readonly volumeName: string;
  readonly volumeBytes?: number | undefined;
}

const EFI_BYTES = 512 * MEBIBYTE;

export const noDiskText = (machine: string): string => `${machine} has reported no disks: commission it first.`;

export function layOut(draft: StorageDraft, wish: LayoutWish): StorageDraft | LayoutRefusal {
  const { rootDiskId, layout } = wish;
  const empty = withStorage(draft, { partitions: [], volumeGroups: [], raids: [], wholeDisks: [] });
  const disk = rootDiskId === undefined ? findBootDisk(draft) : draft.disks.find(({ id }) => id === rootDiskId);
  if (disk === undefined) {
    if (rootDiskId !== undefined) return refuseField('root_device', noSuchDeviceText(rootDiskId));
    return refuseChange(noDiskText(draft.machine.hostname));
  }
  const started = withStorage(empty, { bootDiskId: disk.id });
  if (layout === 'blank') return started;
  const isUefi = draft.machine.facts?.uefi === true;
  const sizes: readonly (readonly [bytes: number, mount: string, fstype: string])[] = [
    ...(isUefi ? ([[EFI_BYTES, '/boot/efi', 'fat32']] as const) : []),
    ...(wish.bootBytes === undefined ? [] : ([[wholeMebibytes(wish.bootBytes), '/boot', 'ext4']] as const)),
  ];
  const free = freeBytes(started, disk) - sizes.reduce((sum, [bytes]) => sum + bytes, 0);
  const rootBytes = wish.rootBytes === undefined ? wholeMebibytes(free) : wholeMebibytes(wish.rootBytes);
  if (rootBytes < MEBIBYTE || rootBytes > free) {
    const field = wish.rootBytes === undefined && wish.bootBytes !== undefined ? 'boot_size' : 'root_size';
    return refuseField(field, freeSizeText(disk.facts.name, Math.max(0, free)));
  }
  const all = layout === 'flat' ? [...sizes, [rootBytes, '/', 'ext4'] as const] : [...sizes, [rootBytes] as const];
  const partitions = all.map(([bytes, mount, fstype], index): Partition => {
    const id = drawId(draft, index);
    const isBootable = mount === '/boot/efi' || (index === 0 && !isUefi);
    const part = { id, uuid: derivePartUuid(id), diskId: disk.id, bytes, isBootable, tags: [] };
    if (mount === undefined || fstype === undefined) return part;
    return { ...part, fileSystem: buildFileSystem(drawId(draft, all.length + index), mount, fstype) };
  });
  const laid = withStorage(started, { partitions }, 2 * all.length);
  return layout === 'flat' ? laid : withRootVolume(laid, wish);
}

const buildFileSystem = (id: number, mountPoint: string, fstype: string): FileSystem => ({
  fstype,
  uuid: derivePartUuid(id),
  label: '',
  mountPoint,
  mountOptions: '',
});

function withRootVolume(draft: StorageDraft, wish: LayoutWish): StorageDraft | LayoutRefusal {
  const last = draft.layout.partitions.at(-1);
  const [groupId, volumeId, systemId] = [drawId(draft), drawId(draft, 1), drawId(draft, 2)];
  const empty: StorageLayout['volumeGroups'][number] = {
    id: groupId,
    uuid: derivePartUuid(groupId),
    name: wish.groupName,
    disks: [],
    volumes: [],
    partitions: last === undefined ? [] : [last.id],
  };
  const free = wholeMebibytes(groupFree(draft, empty));
  const bytes = wish.volumeBytes === undefined ? free : wholeMebibytes(wish.volumeBytes);
  if (bytes < MEBIBYTE || bytes > free) {
    return refuseField('lv_size', freeSizeText(wish.groupName, free));
  }
  const volume = {
    id: volumeId,
    uuid: derivePartUuid(volumeId),
    name: wish.volumeName,
    bytes,
    fileSystem: buildFileSystem(systemId, '/', 'ext4'),
  };
  return withStorage(draft, { volumeGroups: [{ ...empty, volumes: [volume] }] }, 3);
}
