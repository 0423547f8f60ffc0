// RAIDs and volume groups of a machine's disks. Pure.
//
// Source: MAAS's RAIDs and volume groups, and the names of their parameters.
//
// 1. A member is a whole disk, a partition, or for a volume group a RAID; it has no other use.
// 2. The volumes of a group fit into it.

import {
  type LogicalVolume,
  type Raid,
  STORAGE_PARTS_MAX,
  type StorageLayout,
  type VolumeGroup,
} from '../records/machine-layout.ts';
import { REQUIRED } from '../records/refusal.ts';
import { type LayoutRefusal, refuseAbsent, refuseChange, refuseField } from './network-draft.ts';
import {
  deviceTakenText,
  formattedText,
  freePart,
  freeSizeText,
  getFormattableName,
  limitReached,
  type MadePart,
  refuseDeviceName,
  refuseWhole,
  usedText,
} from './storage-changes.ts';
import {
  derivePartUuid,
  drawId,
  findGroupName,
  groupBytes,
  groupFree,
  MEBIBYTE,
  noSuchDevice,
  noVolumeGroupText,
  type StorageDraft,
  withStorage,
} from './storage-draft.ts';

export interface Members {
  readonly disks: readonly number[];
  readonly partitions: readonly number[];
  readonly spareDisks: readonly number[];
  readonly sparePartitions: readonly number[];
}

/** The parameter that names each use. */
export const FIELDS = {
  disks: 'block_devices',
  partitions: 'partitions',
  spareDisks: 'spare_devices',
  sparePartitions: 'spare_partitions',
} as const;
export type Use = keyof Members;
export const USES: readonly Use[] = ['disks', 'partitions', 'spareDisks', 'sparePartitions'];

export const NO_MEMBERS: Members = { disks: [], partitions: [], spareDisks: [], sparePartitions: [] };

const once = (ids: readonly number[]): number[] => [...new Set(ids)];
export const isDiskUse = (use: Use): boolean => use === 'disks' || use === 'spareDisks';

export const noSuchDeviceText = (id: number): string =>
  `The machine has no block device or partition with the id ${id}.`;

function refuseMember(draft: StorageDraft, use: Use, id: number, prefix: string, isGroup: boolean) {
  const field = `${prefix}${FIELDS[use]}`;
  const disk = draft.disks.find((disk) => disk.id === id);
  const isKnown = isDiskUse(use)
    ? disk !== undefined || (isGroup && draft.layout.raids.some((raid) => raid.id === id))
    : draft.layout.partitions.some((partition) => partition.id === id);
  if (!isKnown) return refuseField(field, noSuchDeviceText(id));
  const whole = disk === undefined ? undefined : refuseWhole(draft, disk);
  if (whole !== undefined) return whole;
  const free = freePart(draft, id);
  if (free.kind === 'refuse') return free;
  if (free.part.fileSystem === undefined) return undefined;
  return refuseChange(formattedText(getFormattableName(draft, free)));
}

function refuseMembers(draft: StorageDraft, members: Members, prefix = '', isGroup = false): LayoutRefusal | undefined {
  const all = USES.flatMap((use) => members[use].map((id) => [use, id] as const));
  if (all.length > STORAGE_PARTS_MAX) return limitReached(draft);
  for (const [index, [use, id]] of all.entries()) {
    const refused = refuseMember(draft, use, id, prefix, isGroup);
    if (refused !== undefined) return refused;
    const isTwice = all.slice(0, index).some(([, other]) => other === id);
    if (isTwice) return refuseField(`${prefix}${FIELDS[use]}`, `The part ${id} is given twice.`);
  }
  return undefined;
}

export const DEVICE_NAME = 'Give at most 32 letters, digits, hyphens and underscores, a letter first.';
const NAME = { pattern: /^[A-Za-z][A-Za-z0-9_-]{0,31}$/, text: DEVICE_NAME };

/**
 * Why a RAID or a volume group cannot have this name; `undefined`: it can. @param own the id of the
 * one that has it
 */
function freeRaidName({ raids }: StorageLayout): string {
  let number = 0;
  while (raids.some(({ name }) => name === `md${number}`)) number += 1;
  return `md${number}`;
}

interface NamedWish extends Partial<Members> {
  readonly name?: string | undefined;
  readonly uuid?: string | undefined;
}

const membersIn = (wish: Partial<Members>): Members => ({
  disks: once(wish.disks ?? []),
  partitions: once(wish.partitions ?? []),
  spareDisks: once(wish.spareDisks ?? []),
  sparePartitions: once(wish.sparePartitions ?? []),
});

const RAID_MEMBERS = 'Give two block devices or partitions, or more.';

export function makeRaid(draft: StorageDraft, wish: NamedWish): MadePart | LayoutRefusal {
  const { raids } = draft.layout;
  if (raids.length >= STORAGE_PARTS_MAX) return limitReached(draft);
  const members = membersIn(wish);
  const name = wish.name ?? freeRaidName(draft.layout);
  const isSmall = members.disks.length + members.partitions.length < 2;
  const tooFew = isSmall ? refuseField('block_devices', RAID_MEMBERS) : undefined;
  const refused = refuseMembers(draft, members) ?? refuseDeviceName(draft, name, NAME);
  // A parameter that is wrong is named first, and what the machine does not allow is said last.
  const first = refused?.field === undefined ? (tooFew ?? refused) : refused;
  if (first !== undefined) return first;
  const id = drawId(draft);
  const made: Raid = { id, uuid: wish.uuid ?? derivePartUuid(id), name, level: 'raid-1', ...raidMembers(members) };
  return { kind: 'made', draft: withStorage(draft, { raids: [...raids, made] }, 1), id };
}

function raidMembers({ disks, partitions, spareDisks, sparePartitions }: Members) {
  return {
    disks: [...disks],
    partitions: [...partitions],
    spareDisks: [...spareDisks],
    sparePartitions: [...sparePartitions],
  };
}

/** A change of a RAID or a volume group. */
export interface WholeChange {
  readonly name?: string | undefined;
  readonly uuid?: string | undefined;
  readonly add: Members;
  readonly remove: Members;
}

function changeMembers(before: Members, { add, remove }: WholeChange): Members | LayoutRefusal {
  for (const use of USES) {
    const id = remove[use].find((memberId) => !before[use].includes(memberId));
    if (id !== undefined) return refuseField(`remove_${FIELDS[use]}`, `The part ${id} is not a member of it.`);
  }
  const of = (use: Use): number[] => once([...before[use].filter((id) => !remove[use].includes(id)), ...add[use]]);
  return {
    disks: of('disks'),
    partitions: of('partitions'),
    spareDisks: of('spareDisks'),
    sparePartitions: of('sparePartitions'),
  };
}

export function changeRaid(draft: StorageDraft, id: number, change: WholeChange): StorageDraft | LayoutRefusal {
  const before = draft.layout.raids.find((raid) => raid.id === id);
  if (before === undefined) return noSuchDevice(draft, String(id));
  const { disks, partitions, spareDisks = [], sparePartitions = [] } = before;
  const name = change.name ?? before.name;
  const refused = refuseMembers(draft, change.add, 'add_') ?? refuseDeviceName(draft, name, NAME, id);
  if (refused !== undefined) return refused;
  const members = changeMembers({ disks, partitions, spareDisks, sparePartitions }, change);
  if ('kind' in members) return members;
  if (members.disks.length + members.partitions.length < 2) return refuseField('remove_block_devices', RAID_MEMBERS);
  const after: Raid = { ...before, name, uuid: change.uuid ?? before.uuid, ...raidMembers(members) };
  const raids = draft.layout.raids.map((raid) => (raid.id === id ? after : raid));
  return fitting(withStorage(draft, { raids }));
}

/** Removes a RAID; its parts stay. */
export function removeRaid(draft: StorageDraft, id: number): StorageDraft | LayoutRefusal {
  const raid = draft.layout.raids.find((entry) => entry.id === id);
  if (raid === undefined) return noSuchDevice(draft, String(id));
  const by = findGroupName(draft, 'raids', id);
  if (by !== undefined) return refuseChange(usedText(raid.name, by));
  return withStorage(draft, { raids: draft.layout.raids.filter((entry) => entry.id !== id) });
}

/** The draft if the volumes of each group fit into it. */
function fitting(draft: StorageDraft): StorageDraft | LayoutRefusal {
  const full = draft.layout.volumeGroups.find(
    (group) => group.volumes.reduce((sum, { bytes }) => sum + bytes, 0) > groupBytes(draft, group),
  );
  return full === undefined
    ? draft
    : refuseField('remove_block_devices', `The volumes of ${full.name} would no longer fit: make them smaller first.`);
}

// ---- volume groups ----

const noSuchGroup = ({ machine }: StorageDraft, id: number): LayoutRefusal =>
  refuseAbsent(noVolumeGroupText(machine.hostname, String(id)));

/** The members of a group: its RAIDs are block devices, as its disks are. */
function groupMembers({ layout }: StorageDraft, { disks, partitions }: Members) {
  const isRaid = (id: number): boolean => layout.raids.some((raid) => raid.id === id);
  return {
    disks: disks.filter((id) => !isRaid(id)),
    raids: disks.filter(isRaid),
    partitions: [...partitions],
  };
}

const GROUP_MEMBERS = 'Give a block device or a partition.';

export function makeGroup(draft: StorageDraft, wish: NamedWish): MadePart | LayoutRefusal {
  const { volumeGroups } = draft.layout;
  if (volumeGroups.length >= STORAGE_PARTS_MAX) return limitReached(draft);
  const members = membersIn(wish);
  const { name } = wish;
  const refused = refuseMembers(draft, members, '', true) ?? refuseDeviceName(draft, name, NAME);
  if (refused !== undefined) return refused;
  if (name === undefined) return refuseField('name', REQUIRED);
  if (members.disks.length + members.partitions.length === 0) return refuseField('block_devices', GROUP_MEMBERS);
  const id = drawId(draft);
  const made: VolumeGroup = {
    id,
    uuid: wish.uuid ?? derivePartUuid(id),
    name,
    volumes: [],
    ...groupMembers(draft, members),
  };
  return { kind: 'made', draft: withStorage(draft, { volumeGroups: [...volumeGroups, made] }, 1), id };
}

export function changeGroup(draft: StorageDraft, id: number, change: WholeChange): StorageDraft | LayoutRefusal {
  const before = draft.layout.volumeGroups.find((volumeGroup) => volumeGroup.id === id);
  if (before === undefined) return noSuchGroup(draft, id);
  const { disks, partitions, raids = [] } = before;
  const name = change.name ?? before.name;
  const refused = refuseMembers(draft, change.add, 'add_', true) ?? refuseDeviceName(draft, name, NAME, id);
  if (refused !== undefined) return refused;
  const members = changeMembers({ ...NO_MEMBERS, disks: [...disks, ...raids], partitions }, change);
  if ('kind' in members) return members;
  if (members.disks.length + members.partitions.length === 0) return refuseField('remove_block_devices', GROUP_MEMBERS);
  const after = { ...before, name, uuid: change.uuid ?? before.uuid, ...groupMembers(draft, members) };
  return fitting(withGroup(draft, after));
}

const withGroup = (draft: StorageDraft, after: VolumeGroup, drawn = 0): StorageDraft =>
  withStorage(
    draft,
    {
      volumeGroups: draft.layout.volumeGroups.map((volumeGroup) => (volumeGroup.id === after.id ? after : volumeGroup)),
    },
    drawn,
  );

/** Removes a volume group without volumes; its parts stay. */
export function removeGroup(draft: StorageDraft, id: number): StorageDraft | LayoutRefusal {
  const volumeGroup = draft.layout.volumeGroups.find((group) => group.id === id);
  if (volumeGroup === undefined) return noSuchGroup(draft, id);
  if (volumeGroup.volumes.length > 0) return refuseChange(`${volumeGroup.name} has volumes: delete them first.`);
  return withStorage(draft, { volumeGroups: draft.layout.volumeGroups.filter((group) => group.id !== id) });
}

interface VolumeWish {
  readonly name?: string | undefined;
  readonly uuid?: string | undefined;
  /** undefined: all free bytes of the group. */
  readonly bytes?: number | undefined;
}

function refuseVolume(
  draft: StorageDraft,
  group: VolumeGroup,
  { id, name, bytes }: Pick<LogicalVolume, 'id' | 'bytes'> & { readonly name: string | undefined },
) {
  if (name !== undefined && !NAME.pattern.test(name)) return refuseField('name', DEVICE_NAME);
  const others = group.volumes.filter((volume) => volume.id !== id);
  if (others.some((other) => other.name === name)) return refuseField('name', deviceTakenText(`${group.name}-${name}`));
  const free = wholeMebibytes(groupFree(draft, { ...group, volumes: others }));
  if (bytes >= MEBIBYTE && bytes <= free) return undefined;
  return refuseField('size', freeSizeText(group.name, Math.max(0, free)));
}

export const wholeMebibytes = (bytes: number): number => Math.floor(bytes / MEBIBYTE) * MEBIBYTE;

export function makeVolume(draft: StorageDraft, groupId: number, wish: VolumeWish): MadePart | LayoutRefusal {
  const group = draft.layout.volumeGroups.find((volumeGroup) => volumeGroup.id === groupId);
  if (group === undefined) return noSuchGroup(draft, groupId);
  const all = draft.layout.volumeGroups.flatMap(({ volumes }) => volumes);
  if (all.length >= STORAGE_PARTS_MAX) return limitReached(draft);
  const id = drawId(draft);
  const bytes = wholeMebibytes(wish.bytes ?? groupFree(draft, group));
  const { name } = wish;
  const refused = refuseVolume(draft, group, { id, name, bytes });
  if (refused !== undefined) return refused;
  if (name === undefined) return refuseField('name', REQUIRED);
  const made: LogicalVolume = { id, uuid: wish.uuid ?? derivePartUuid(id), name, bytes };
  return { kind: 'made', draft: withGroup(draft, { ...group, volumes: [...group.volumes, made] }, 1), id };
}

export function changeVolume(draft: StorageDraft, id: number, wish: VolumeWish): StorageDraft | LayoutRefusal {
  const group = draft.layout.volumeGroups.find(({ volumes }) => volumes.some((volume) => volume.id === id));
  const before = group?.volumes.find((volume) => volume.id === id);
  if (group === undefined || before === undefined) return noSuchDevice(draft, String(id));
  const { name = before.name, uuid = before.uuid, bytes = before.bytes } = wish;
  const after = { ...before, name, uuid, bytes: wholeMebibytes(bytes) };
  const refused = refuseVolume(draft, group, after);
  if (refused !== undefined) return refused;
  return withGroup(draft, { ...group, volumes: group.volumes.map((volume) => (volume.id === id ? after : volume)) });
}

export function removeVolume(draft: StorageDraft, id: number, groupId?: number): StorageDraft | LayoutRefusal {
  const group = draft.layout.volumeGroups.find(
    (volumeGroup) =>
      volumeGroup.volumes.some((each) => each.id === id) && (groupId === undefined || volumeGroup.id === groupId),
  );
  if (group === undefined) return noSuchDevice(draft, String(id));
  return withGroup(draft, { ...group, volumes: group.volumes.filter((volume) => volume.id !== id) });
}
