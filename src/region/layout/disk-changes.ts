// Disks of a machine that people add, and the names, sizes and tags that they give to disks. Pure.
//
// Source: MAAS's physical block devices.
//
// 1. The agent can find every disk: by a serial number of its own, or by the kernel's name.

import type { Machine } from '../records/machine.ts';
import { type DescribedDisk, STORAGE_PARTS_MAX } from '../records/machine-layout.ts';
import { REQUIRED } from '../records/refusal.ts';
import { type Disk, freeId, listDisks } from './disks.ts';
import { type LayoutRefusal, PART_TAGS_LIMIT, refuseChange, refuseField } from './network-draft.ts';
import { limitReached, type MadePart, refuseDeviceName, tagged, usedText } from './storage-changes.ts';
import { findGroupName, noSuchDevice, type StorageDraft, withStorage } from './storage-draft.ts';

export type DiskWish = Pick<DescribedDisk, 'name' | 'model' | 'serial' | 'kernelName' | 'bytes' | 'blockSize'>;

const NAME = {
  pattern: /^[A-Za-z][A-Za-z0-9._-]{0,31}$/,
  text: 'Give at most 32 letters, digits, dots, hyphens and underscores, a letter first.',
};

/**
 * The draft with other words about its disks. Words about disks that are neither reported nor added
 * any longer are forgotten.
 */
function withDescribed(draft: StorageDraft, described: readonly DescribedDisk[]): StorageDraft | LayoutRefusal {
  const { machine, next } = draft;
  const ids = new Set(listDisks(machine).map(({ id }) => id));
  const remaining = described.filter(({ id, isAdded }) => isAdded === true || ids.has(id));
  if (remaining.length > STORAGE_PARTS_MAX) return limitReached(draft);
  const disks = listDisks({ ...machine, layout: { ...machine.layout, next, disks: remaining } });
  return { ...draft, disks, described: remaining };
}

export function addDisk(draft: StorageDraft, wish: DiskWish & { readonly bytes: number }): MadePart | LayoutRefusal {
  const { name, serial = '', kernelName } = wish;
  const taken = new Set([...draft.disks, ...draft.described].map(({ id }) => id));
  const isPlaced = serial !== '' || kernelName !== undefined;
  const refused = refuseDeviceName(draft, name, NAME) ?? (isPlaced ? refuseTwin(draft, serial, kernelName) : undefined);
  if (refused !== undefined) return refused;
  if (name === undefined) return refuseField('name', REQUIRED);
  if (!isPlaced)
    return refuseField(
      'id_path',
      "Give the serial number of the disk, or /dev/ and the kernel's name: a deployment finds the disk by it.",
    );
  const id = freeId(draft.machine.id, serial, kernelName ?? name, taken);
  const added = withDescribed(draft, [...draft.described, { ...wish, id, isAdded: true }]);
  return added.kind === 'refuse' ? added : { kind: 'made', draft: added, id };
}

const diskTwinText = (name: string): string => `${name} is already in this place: change it, or give another place.`;

function refuseTwin({ disks }: StorageDraft, serial: string, kernelName: string | undefined, own = 0) {
  const others = disks.filter(({ id }) => id !== own);
  const twin = others.find(({ facts }) => serial !== '' && facts.serial === serial);
  if (twin !== undefined) return refuseField('serial', diskTwinText(twin.facts.name));
  const place = serial === '' ? others.find((other) => other.kernelName === kernelName) : undefined;
  return place === undefined ? undefined : refuseField('id_path', diskTwinText(place.facts.name));
}

export function describeDisk(draft: StorageDraft, id: number, wish: DiskWish): StorageDraft | LayoutRefusal {
  const disk = draft.disks.find((disk) => disk.id === id);
  if (disk === undefined) return noSuchDevice(draft, String(id));
  const { name = disk.facts.name, serial = disk.facts.serial, kernelName = disk.kernelName } = wish;
  const refused =
    (wish.name === undefined ? undefined : refuseDeviceName(draft, name, NAME, id)) ??
    (wish.serial === undefined && wish.kernelName === undefined
      ? undefined
      : refuseTwin(draft, serial, kernelName, id));
  if (refused !== undefined) return refused;
  return withWords(draft, disk, wish);
}

function withWords(draft: StorageDraft, { id }: Disk, words: Partial<DescribedDisk>): StorageDraft | LayoutRefusal {
  const before = draft.described.find((entry) => entry.id === id) ?? { id };
  const defined = Object.fromEntries(Object.entries(words).filter(([, value]) => value !== undefined));
  return withDescribed(draft, [...draft.described.filter((entry) => entry.id !== id), { ...before, ...defined, id }]);
}

export function tagDisk(draft: StorageDraft, id: number, tag: string, isAdded: boolean): StorageDraft | LayoutRefusal {
  const disk = draft.disks.find((disk) => disk.id === id);
  if (disk === undefined) return noSuchDevice(draft, String(id));
  const tags = tagged(disk.tags, tag, isAdded);
  if (tags === undefined) return refuseField('tag', PART_TAGS_LIMIT);
  return withWords(draft, disk, { tags });
}

/** Forgets a disk with its partitions. If the machine has it, its next report brings it back. */
export function removeDisk(draft: StorageDraft, id: number): StorageDraft | LayoutRefusal {
  const disk = draft.disks.find((disk) => disk.id === id);
  if (disk === undefined) return noSuchDevice(draft, String(id));
  const own = draft.layout.partitions.filter(({ diskId }) => diskId === id);
  const by =
    findGroupName(draft, 'disks', id) ?? own.map((part) => findGroupName(draft, 'partitions', part.id)).find(Boolean);
  if (by !== undefined) return refuseChange(usedText(disk.facts.name, by));
  const { bootDiskId, partitions, wholeDisks = [] } = draft.layout;
  const isLaid = own.length > 0 || bootDiskId === id || wholeDisks.some((wholeDisk) => wholeDisk.id === id);
  const rest = {
    bootDiskId: bootDiskId === id ? undefined : bootDiskId,
    partitions: partitions.filter(({ diskId }) => diskId !== id),
    wholeDisks: wholeDisks.filter((wholeDisk) => wholeDisk.id !== id),
  };
  const machine = { ...draft.machine, facts: factsWithout(draft.machine, id) };
  return withDescribed(
    isLaid ? { ...withStorage(draft, rest), machine } : { ...draft, machine },
    draft.described.filter((entry) => entry.id !== id),
  );
}

function factsWithout({ facts, ...machine }: Machine, id: number): Machine['facts'] {
  if (facts === undefined) return undefined;
  const at = listDisks({ ...machine, facts }).findIndex((disk) => disk.id === id);
  return { ...facts, disks: facts.disks.filter((_disk, index) => index !== at) };
}
