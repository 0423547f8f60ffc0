// The plan by which the agent lays out the disks of a machine, as lines of words that a shell can read. Pure.
//
// Sources: the Discoverable Partitions Specification and UEFI 2.10 §5.3 for the kinds of
// partitions; md(4) for the versions of RAID metadata.
//
//   disk ID PLACE                         a disk that gets a new partition table, or that is used whole; PLACE as in `formatDiskSelector`
//   loader ID                             a disk of these that must start the machine
//   partition ID DISK NUMBER MIB KIND UUID
//   raid ID NAME METADATA UUID MEMBER… [spare MEMBER…]
//   group NAME MEMBER…
//   volume ID GROUP NAME MIB
//   system ID TYPE UUID [LABEL]           a file system or swap on a partition, a RAID, a volume or a whole disk
//   mount ID OPTIONS PLACE                OPTIONS `-`: the usual; PLACE `none`: swap
//
// 1. A line refers only to lines before it; a mount comes after those of the directories above it.
// 2. The plan has the root, or else nothing on the boot disk: an image then fills that, and the
//    plan is for the other disks.
// 3. An image gives its file systems labels, UUIDs and mount options of its own. Others that a
//    person chose need a plan.

import type { FileSystem, Partition, Raid, StorageLayout } from '../records/machine-layout.ts';
import { type Disk, formatDiskSelector } from './disks.ts';
import {
  findBootDisk,
  findGroupName,
  formattable,
  freeBytes,
  isDrawnUuid,
  listMembers,
  MEBIBYTE,
  type StorageDraft,
} from './storage-draft.ts';

const FATS: ReadonlySet<string> = new Set(['fat32', 'vfat']);
export const isFat = (system: FileSystem | undefined): boolean => system !== undefined && FATS.has(system.fstype);

/** True if no person chose the label, the UUID or the mount options of a file system. */
const isUnnamed = ({ label, uuid, mountOptions = '' }: FileSystem): boolean =>
  label === '' && mountOptions === '' && isDrawnUuid(uuid);

/**
 * True if the layout is what an image makes of its disk itself: nothing, or one root that fills the
 * boot disk.
 */
export function isOfImage(draft: StorageDraft): boolean {
  const { partitions, volumeGroups, raids, wholeDisks = [] } = draft.layout;
  if (raids.length > 0 || volumeGroups.length > 0 || wholeDisks.length > 0) return false;
  if (partitions.length === 0) return true;
  const disk = findBootDisk(draft);
  if (disk === undefined) return false;
  const systems = partitions.map(({ fileSystem }) => fileSystem);
  return (
    partitions.every(({ diskId, uuid }) => diskId === disk.id && isDrawnUuid(uuid)) &&
    systems.every((system) => system !== undefined && isUnnamed(system)) &&
    systems.at(-1)?.mountPoint === '/' &&
    systems.at(-1)?.fstype === 'ext4' &&
    systems.slice(0, -1).every((system) => system?.mountPoint === '/boot/efi') &&
    freeBytes(draft, disk) < MEBIBYTE
  );
}

export const collectMounts = (draft: StorageDraft): ReadonlyMap<string, ReturnType<typeof formattable>[number]> =>
  new Map(
    formattable(draft.layout).flatMap((formatted) => {
      const at = formatted.part.fileSystem?.mountPoint;
      return at === undefined || at === 'none' ? [] : [[at, formatted]];
    }),
  );

export function under(draft: StorageDraft, id: number): Readonly<Record<'disks' | 'partitions', readonly number[]>> {
  const { partitions, raids, volumeGroups } = draft.layout;
  if (partitions.some((partition) => partition.id === id)) return { disks: [], partitions: [id] };
  if (draft.disks.some((disk) => disk.id === id)) return { disks: [id], partitions: [] };
  const raid = raids.find((raid) => raid.id === id);
  if (raid !== undefined) return raid;
  const group = volumeGroups.find(({ volumes }) => volumes.some((volume) => volume.id === id));
  if (group === undefined) return { disks: [], partitions: [] };
  const below = raids.filter((raid) => group.raids?.includes(raid.id));
  return {
    disks: [group, ...below].flatMap(({ disks }) => disks),
    partitions: [group, ...below].flatMap((raid) => raid.partitions),
  };
}

/**
 * The disks with the partitions from which the system starts, on each of which its boot loader
 * goes; empty without a root.
 */
export function loaderDisks(draft: StorageDraft): readonly Disk[] {
  const mounts = collectMounts(draft);
  const start = mounts.get('/boot') ?? mounts.get('/');
  if (start === undefined || !mounts.has('/')) return [];
  const parts = under(draft, start.part.id).partitions;
  const ids = draft.layout.partitions.filter(({ id }) => parts.includes(id)).map(({ diskId }) => diskId);
  return draft.disks.filter(({ id }) => ids.includes(id));
}

export function plannedDisks({ disks, layout }: StorageDraft): readonly Disk[] {
  const used = new Set(usedDiskIds(layout));
  return disks.filter(({ id }) => used.has(id));
}

export const usedDiskIds = ({ partitions, volumeGroups, raids, wholeDisks = [] }: StorageLayout): readonly number[] => [
  ...partitions.map(({ diskId }) => diskId),
  ...[...raids.map(listMembers), ...volumeGroups].flatMap((raid) => raid.disks),
  ...wholeDisks.map(({ id }) => id),
];

type Words = readonly (string | number)[];

/** The plan for a machine; undefined: an image on the boot disk is all that it needs. */
export function planStorage(draft: StorageDraft): string | undefined {
  if (isOfImage(draft)) return undefined;
  const lines: readonly Words[] = [
    ...plannedDisks(draft).map(({ id, facts }) => ['disk', id, formatDiskSelector(draft.machine, facts.name)]),
    ...loaderDisks(draft).map(({ id }) => ['loader', id]),
    ...draft.disks.flatMap((disk) => partitionLines(draft, disk)),
    ...draft.layout.raids.map(raidLine),
    ...draft.layout.volumeGroups.flatMap(({ name, disks, partitions, raids = [], volumes }) => [
      ['group', name, ...disks, ...partitions, ...raids],
      ...volumes.map(({ id, name: own, bytes }) => ['volume', id, name, own, Math.floor(bytes / MEBIBYTE)]),
    ]),
    ...systemLines(draft),
  ];
  return lines.map((words) => `${words.join(' ')}\n`).join('');
}

const partitionLines = (draft: StorageDraft, disk: Disk): readonly Words[] =>
  draft.layout.partitions
    .filter(({ diskId }) => diskId === disk.id)
    .map((part, index) => {
      const mib = Math.floor(part.bytes / MEBIBYTE);
      return ['partition', part.id, disk.id, index + 1, mib, choosePartitionType(draft, part), part.uuid];
    });

/**
 * The type of a partition in the table. A RAID with the firmware's file system has type `efi`: each
 * member looks like that file system.
 */
function choosePartitionType({ layout }: StorageDraft, { id, fileSystem }: Partition): string {
  const raid = layout.raids.find((raid) => listMembers(raid).partitions.includes(id));
  if (raid !== undefined) return isFat(raid.fileSystem) ? 'efi' : 'raid';
  if (findGroupName({ layout }, 'partitions', id) !== undefined) return 'lvm';
  if (fileSystem?.fstype === 'swap') return 'swap';
  return isFat(fileSystem) ? 'efi' : 'linux';
}

/**
 * Version 1.0 keeps its metadata at the end, so the firmware finds the file system at the start of
 * a member. Version 1.2 keeps it near the start, so a member is not mistaken for a file system.
 */
function raidLine({
  id,
  name,
  uuid,
  fileSystem,
  disks,
  partitions,
  spareDisks = [],
  sparePartitions = [],
}: Raid): Words {
  const spares = [...spareDisks, ...sparePartitions];
  const words = ['raid', id, name, isFat(fileSystem) ? '1.0' : '1.2', uuid, ...disks, ...partitions];
  return spares.length === 0 ? words : [...words, 'spare', ...spares];
}

function systemLines({ layout }: StorageDraft): readonly Words[] {
  const made = formattable(layout).flatMap(({ part }) =>
    part.fileSystem === undefined ? [] : [{ id: part.id, ...part.fileSystem }],
  );
  const isMounted = ({ fstype, mountPoint }: FileSystem): boolean =>
    mountPoint !== undefined && (mountPoint === 'none') === (fstype === 'swap');
  const at = ({ mountPoint = '' }: FileSystem): string => mountPoint;
  return [
    ...made.map(({ id, fstype, uuid, label }) => ['system', id, fstype, uuid, ...(label === '' ? [] : [label])]),
    ...made
      .filter(isMounted)
      .sort((fileSystem, other) => (at(fileSystem) < at(other) ? -1 : 1))
      .map((fileSystem) => [
        'mount',
        fileSystem.id,
        fileSystem.mountOptions === '' ? '-' : (fileSystem.mountOptions ?? '-'),
        at(fileSystem),
      ]),
  ];
}
