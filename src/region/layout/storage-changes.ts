// Partitions, file systems, mounts and tags of the parts of a machine's disks. Pure.
//
// Source: MAAS's partitions and the operations of its block devices.
//
// 1. Mount points are unique on a machine. The file system of a mounted part cannot be removed.
// 2. A part in use can be neither removed nor given a second use.

import { counted } from '../../ground/counted.ts';
import {
  FILE_SYSTEMS,
  type FileSystem,
  type FileSystemKind,
  PART_TAGS_MAX,
  type Partition,
  STORAGE_PARTS_MAX,
} from '../records/machine-layout.ts';
import type { Disk } from './disks.ts';
import { type LayoutRefusal, PART_TAGS_LIMIT, refuseChange, refuseField } from './network-draft.ts';
import {
  derivePartUuid,
  drawId,
  type Formattable,
  findGroupName,
  formattable,
  freeBytes,
  MEBIBYTE,
  noSuchDevice,
  type StorageDraft,
  withFileSystem,
  withPart,
  withStorage,
} from './storage-draft.ts';

export const deviceTakenText = (name: string): string => `The machine already has ${name}: choose another name.`;

export type MadePart = { readonly kind: 'made'; readonly draft: StorageDraft; readonly id: number };

/**
 * Why a disk, a RAID or a volume group cannot have this name; `undefined`: it can. @param own the
 * id of the one that has it
 */
export function refuseDeviceName(
  { disks, layout }: StorageDraft,
  name: string | undefined,
  form: { readonly pattern: RegExp; readonly text: string },
  own = 0,
): LayoutRefusal | undefined {
  if (name === undefined) return undefined;
  if (!form.pattern.test(name)) return refuseField('name', form.text);
  const named = [...layout.raids, ...layout.volumeGroups, ...disks.map(({ id, facts }) => ({ id, name: facts.name }))];
  const isTaken = named.some((entry) => entry.name === name && entry.id !== own);
  return isTaken ? refuseField('name', deviceTakenText(name)) : undefined;
}

export const freeSizeText = (name: string, free: number): string =>
  `Give a size from 1 MiB to the free space of ${name}: ${counted(free, 'byte')}.`;

export function makePartition(
  draft: StorageDraft,
  diskId: number,
  bytes: number | undefined,
  { isBootable = false, uuid }: { readonly isBootable?: boolean; readonly uuid?: string | undefined } = {},
): MadePart | LayoutRefusal {
  const disk = draft.disks.find(({ id }) => id === diskId);
  if (disk === undefined) return noSuchDevice(draft, String(diskId));
  const inUse = refuseWhole(draft, disk);
  if (inUse !== undefined) return inUse;
  if (draft.layout.partitions.length >= STORAGE_PARTS_MAX) return limitReached(draft);
  const free = freeBytes(draft, disk);
  const wanted = bytes === undefined ? free : Math.floor(bytes / MEBIBYTE) * MEBIBYTE;
  if (wanted < MEBIBYTE || wanted > free) {
    return refuseField('size', freeSizeText(disk.facts.name, free));
  }
  const id = drawId(draft);
  const made: Partition = { id, uuid: uuid ?? derivePartUuid(id), diskId, bytes: wanted, isBootable, tags: [] };
  return { kind: 'made', draft: withStorage(draft, { partitions: [...draft.layout.partitions, made] }, 1), id };
}

export const usedText = (name: string, by: string): string => `${name} is already used by ${by}.`;

export const formattedText = (name: string): string => `${name} has a file system: unformat it first.`;

/** Why a disk is not free as a whole, its partitions apart; `undefined`: it is. */
export function refuseWhole(draft: StorageDraft, { id, facts: { name } }: Disk): LayoutRefusal | undefined {
  const by = findGroupName(draft, 'disks', id);
  if (by !== undefined) return refuseChange(usedText(name, by));
  const isFormatted = draft.layout.wholeDisks?.some((wholeDisk) => wholeDisk.id === id) === true;
  return isFormatted ? refuseChange(formattedText(name)) : undefined;
}

export const limitReached = ({ machine }: StorageDraft): LayoutRefusal =>
  refuseChange(`${machine.hostname} may have at most ${STORAGE_PARTS_MAX} parts of each kind: delete some.`);

export function getFormattableName({ disks }: StorageDraft, { kind, part }: Formattable): string {
  if ('name' in part) return part.name;
  return disks.find(({ id }) => id === part.id)?.facts.name ?? `${kind} ${part.id}`;
}

const USES = { partition: 'partitions', raid: 'raids', disk: 'disks' } as const;

export function freePart(draft: StorageDraft, id: number): Formattable | LayoutRefusal {
  const isDisk = draft.disks.some((disk) => disk.id === id);
  const bare = isDisk ? ({ kind: 'disk', part: { id } } as const) : undefined;
  const target = formattable(draft.layout).find(({ part }) => part.id === id) ?? bare;
  if (target === undefined) return noSuchDevice(draft, String(id));
  const name = getFormattableName(draft, target);
  const by = target.kind === 'volume' ? undefined : findGroupName(draft, USES[target.kind], id);
  if (by !== undefined) return refuseChange(usedText(name, by));
  const isPartitioned = draft.layout.partitions.some(({ diskId }) => diskId === id);
  return isPartitioned ? refuseChange(`${name} has partitions: delete them first, or use them.`) : target;
}

export function removePartition(draft: StorageDraft, id: number): StorageDraft | LayoutRefusal {
  const free = freePart(draft, id);
  if (free.kind === 'refuse') return free;
  return withStorage(draft, { partitions: draft.layout.partitions.filter((partition) => partition.id !== id) });
}

const mountedText = (name: string, at: string): string => `${name} is mounted at ${at}: unmount it first.`;

export function format(
  draft: StorageDraft,
  id: number,
  {
    fstype,
    label = '',
    uuid,
  }: { readonly fstype: FileSystemKind; readonly label?: string | undefined; readonly uuid?: string | undefined },
): StorageDraft | LayoutRefusal {
  const free = freePart(draft, id);
  if (free.kind === 'refuse') return free;
  if (free.part.fileSystem?.mountPoint !== undefined) {
    return refuseChange(mountedText(getFormattableName(draft, free), free.part.fileSystem.mountPoint));
  }
  const { labelMax: max, drawsUuid } = FILE_SYSTEMS[fstype];
  if (label.length > max) return refuseField('label', `A label of ${fstype} has at most ${max} characters.`);
  if (drawsUuid && uuid !== undefined)
    return refuseField('uuid', `The agent draws the identifier of a ${fstype} file system: leave this out.`);
  const fileSystem = { fstype, label, uuid: uuid ?? derivePartUuid(drawId(draft)) };
  return withStorage(withFileSystem(draft, id, fileSystem), {}, 1);
}

const unformattedText = (name: string): string => `${name} has no file system: format it first.`;

export function unformat(draft: StorageDraft, id: number): StorageDraft | LayoutRefusal {
  const free = freePart(draft, id);
  if (free.kind === 'refuse') return free;
  const { fileSystem } = free.part;
  if (fileSystem === undefined) return refuseChange(unformattedText(getFormattableName(draft, free)));
  if (fileSystem.mountPoint === undefined) return withFileSystem(draft, id, undefined);
  return refuseChange(mountedText(getFormattableName(draft, free), fileSystem.mountPoint));
}

/** Mounts or unmounts the file system of a part. @param mount undefined: unmount it */
export function mountPart(
  draft: StorageDraft,
  id: number,
  mount: { readonly at: string; readonly options: string } | undefined,
): StorageDraft | LayoutRefusal {
  const free = freePart(draft, id);
  if (free.kind === 'refuse') return free;
  const { fileSystem } = free.part;
  if (fileSystem === undefined) return refuseChange(unformattedText(getFormattableName(draft, free)));
  const { fstype, uuid, label, mountPoint } = fileSystem;
  const bare: FileSystem = { fstype, uuid, label };
  if (mount === undefined) {
    if (mountPoint === undefined) return refuseChange(`${getFormattableName(draft, free)} is not mounted.`);
    return withFileSystem(draft, id, bare);
  }
  const at = fstype === 'swap' ? 'none' : mount.at;
  if (mount.at === 'none' && fstype !== 'swap')
    return refuseField('mount_point', `Give an absolute path: only swap is mounted nowhere, and this is ${fstype}.`);
  const other = formattable(draft.layout).find(
    ({ part }) => part.id !== id && part.fileSystem?.mountPoint === at && at !== 'none',
  );
  if (other !== undefined) {
    return refuseField('mount_point', `${getFormattableName(draft, other)} is already mounted at ${at}.`);
  }
  return withFileSystem(draft, id, { ...bare, mountPoint: at, mountOptions: mount.options });
}

export function tagPart(draft: StorageDraft, id: number, tag: string, isAdded: boolean): StorageDraft | LayoutRefusal {
  const { partitions, volumeGroups, raids } = draft.layout;
  const part = [...partitions, ...raids, ...volumeGroups.flatMap(({ volumes }) => volumes)].find(
    (entry) => entry.id === id,
  );
  if (part === undefined) return noSuchDevice(draft, String(id));
  const tags = tagged(part.tags ?? [], tag, isAdded);
  if (tags === undefined) return refuseField('tag', PART_TAGS_LIMIT);
  return withPart(draft, id, { tags });
}

/** The tags with this one, or without it; `undefined`: they would be too many. */
export function tagged(tags: readonly string[], tag: string, isAdded: boolean): string[] | undefined {
  const others = tags.filter((entry) => entry !== tag);
  if (!isAdded) return others;
  return others.length >= PART_TAGS_MAX ? undefined : [...others, tag];
}
