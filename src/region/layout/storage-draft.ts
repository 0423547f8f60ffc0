// A machine's disks while a person changes their layout: its free and used parts, and their uses. Pure.
//
// 1. A part has one use: partitions, a file system, or a volume group or a RAID made of it.
// 2. Sizes are whole MiB, as partitions are aligned. The partition table takes the first and the
//    last MiB of a disk.

import type { Machine } from '../records/machine.ts';
import {
  type DescribedDisk,
  type FileSystem,
  type LogicalVolume,
  type Partition,
  partId,
  type Raid,
  type StorageLayout,
  type VolumeGroup,
} from '../records/machine-layout.ts';
import { type Disk, listDisks } from './disks.ts';
import { type LayoutRefusal, refuseAbsent } from './network-draft.ts';

export const noPartitionText = (disk: string, name: string): string =>
  `${disk} has no partition ${name}: give the id or name of a partition, such as ${disk}-part1.`;

export const noSuchDiskText = (disk: string, names: readonly string[]): string =>
  `the machine has no ${disk}: it reported ${names.join(', ')}. If its disks have changed since, commission it again`;

export const MEBIBYTE = 1_048_576;
/**
 * The partition table and the alignment at both ends of a disk, and the metadata of a RAID or a
 * volume group.
 */
const OVERHEAD_BYTES = 4 * MEBIBYTE;

export interface StorageDraft {
  readonly kind: 'draft';
  readonly machine: Machine;
  readonly disks: readonly Disk[];
  readonly layout: StorageLayout;
  readonly next: number;
  readonly described: readonly DescribedDisk[];
}

const EMPTY: StorageLayout = { partitions: [], volumeGroups: [], raids: [] };

export const beginStorage = (machine: Machine): StorageDraft => ({
  kind: 'draft',
  machine,
  disks: listDisks(machine),
  layout: machine.layout?.storage ?? EMPTY,
  next: machine.layout?.next ?? 1,
  described: machine.layout?.disks ?? [],
});

export const storageWith = ({ machine, layout, next, described }: StorageDraft): NonNullable<Machine['layout']> => ({
  ...machine.layout,
  next,
  disks: described.length === 0 ? undefined : [...described],
  // A description of a disk alone does not lay out the machine.
  ...(layout === EMPTY ? {} : { storage: layout }),
});

export const withStorage = (draft: StorageDraft, change: Partial<StorageLayout>, drawn = 0): StorageDraft => ({
  ...draft,
  next: draft.next + drawn,
  layout: { ...draft.layout, ...change },
});

/**
 * The id for the next part of the machine. @param after how many other ids the same change draws
 * before it
 */
export const drawId = ({ machine, next }: StorageDraft, after = 0): number => partId(machine.id, next + after);

const UUID_START = '52616b62-0000-4000-8000-';

/** A UUID derived from the id of its part, so that repeating a decision gives the same UUID. */
export const derivePartUuid = (id: number): string => `${UUID_START}${id.toString(16).padStart(12, '0').slice(-12)}`;

/** True for the UUID of a part for which no person chose one. */
export const isDrawnUuid = (uuid: string): boolean => uuid.startsWith(UUID_START);

/** The first disk that a person chose for starting, or the first. */
export const findBootDisk = ({ disks, layout }: Pick<StorageDraft, 'disks' | 'layout'>): Disk | undefined =>
  disks.find(({ id }) => id === layout.bootDiskId) ?? disks[0];

export function findGroupName(
  { layout }: Pick<StorageDraft, 'layout'>,
  kind: 'disks' | 'partitions' | 'raids',
  id: number,
): string | undefined {
  const groups = layout.volumeGroups.map(({ name, disks, partitions, raids = [] }) => ({
    name,
    ids: { disks, partitions, raids },
  }));
  const raids = layout.raids.map((raid) => ({ name: raid.name, ids: { ...listMembers(raid), raids: [] } }));
  return [...groups, ...raids].find(({ ids }) => ids[kind].includes(id))?.name;
}

export const listMembers = ({ disks, partitions, spareDisks = [], sparePartitions = [] }: Raid) => ({
  disks: [...disks, ...spareDisks],
  partitions: [...partitions, ...sparePartitions],
});

/** The bytes of a disk that no partition has, less than 0 if its partitions are too large for it. */
export function spareBytes({ layout }: Pick<StorageDraft, 'layout'>, { id, facts }: Disk): number {
  const used = layout.partitions.filter(({ diskId }) => diskId === id).reduce((sum, { bytes }) => sum + bytes, 0);
  return Math.floor((facts.bytes - OVERHEAD_BYTES - used) / MEBIBYTE) * MEBIBYTE;
}

export const freeBytes = (draft: Pick<StorageDraft, 'layout'>, disk: Disk): number =>
  Math.max(0, spareBytes(draft, disk));

function bytesOfParts(draft: Pick<StorageDraft, 'layout' | 'disks'>, whole: Raid | VolumeGroup): readonly number[] {
  const { layout, disks } = draft;
  const raids = 'raids' in whole ? (whole.raids ?? []) : [];
  return [
    ...whole.disks.map((id) => disks.find((disk) => disk.id === id)?.facts.bytes ?? 0),
    ...whole.partitions.map((id) => layout.partitions.find((partition) => partition.id === id)?.bytes ?? 0),
    ...layout.raids.filter(({ id }) => raids.includes(id)).map((raid): number => raidBytes(draft, raid)),
  ].map((bytes) => Math.max(0, bytes - OVERHEAD_BYTES));
}

/** A RAID 1 holds what its smallest part holds. */
export function raidBytes(draft: Pick<StorageDraft, 'layout' | 'disks'>, raid: Raid): number {
  const { disks, partitions } = listMembers(raid);
  return Math.min(...bytesOfParts(draft, { ...raid, disks, partitions }));
}

export const groupBytes = (draft: Pick<StorageDraft, 'layout' | 'disks'>, group: VolumeGroup): number =>
  bytesOfParts(draft, group).reduce((sum, bytes) => sum + bytes, 0);

export const groupFree = (draft: Pick<StorageDraft, 'layout' | 'disks'>, group: VolumeGroup): number =>
  Math.max(0, groupBytes(draft, group) - group.volumes.reduce((sum, { bytes }) => sum + bytes, 0));

export type Formattable =
  | { readonly kind: 'partition'; readonly part: Partition }
  | { readonly kind: 'volume'; readonly part: LogicalVolume }
  | { readonly kind: 'raid'; readonly part: Raid }
  | { readonly kind: 'disk'; readonly part: { readonly id: number; readonly fileSystem?: FileSystem | undefined } };

export const formattable = (layout: StorageLayout): readonly Formattable[] => [
  ...layout.partitions.map((part) => ({ kind: 'partition', part }) as const),
  ...layout.volumeGroups.flatMap(({ volumes }) => volumes.map((part) => ({ kind: 'volume', part }) as const)),
  ...layout.raids.map((part) => ({ kind: 'raid', part }) as const),
  ...(layout.wholeDisks ?? []).map((part) => ({ kind: 'disk', part }) as const),
];

export function withPart(
  draft: StorageDraft,
  id: number,
  change: Partial<Pick<Partition, 'fileSystem' | 'tags'>>,
): StorageDraft {
  const set = <P extends { readonly id: number }>(part: P): P => (part.id === id ? { ...part, ...change } : part);
  const { partitions, volumeGroups, raids } = draft.layout;
  return withStorage(draft, {
    partitions: partitions.map(set),
    volumeGroups: volumeGroups.map((group) => ({ ...group, volumes: group.volumes.map(set) })),
    raids: raids.map(set),
  });
}

/** Sets the file system of a part or of a whole disk; undefined: none. */
export function withFileSystem(draft: StorageDraft, id: number, fileSystem: FileSystem | undefined): StorageDraft {
  const others = (draft.layout.wholeDisks ?? []).filter((wholeDisk) => wholeDisk.id !== id);
  const isDisk = fileSystem !== undefined && draft.disks.some((disk) => disk.id === id);
  return withStorage(withPart(draft, id, { fileSystem }), {
    wholeDisks: isDisk ? [...others, { id, fileSystem }] : others,
  });
}

export const noVolumeGroupText = (machine: string, name: string): string =>
  `${machine} has no volume group ${name}: give the id of a volume group.`;
export const noBlockDeviceText = (machine: string, name: string): string =>
  `${machine} has no block device ${name}: give the id or name of a block device.`;

export const noSuchDevice = ({ machine }: StorageDraft, name: string): LayoutRefusal =>
  refuseAbsent(noBlockDeviceText(machine.hostname, name));
