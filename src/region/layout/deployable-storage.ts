// Whether the disks of a machine can be deployed as they are laid out, and the plan for that. Pure.
//
// 1. A layout that the agent cannot make, or from which the machine could not start, is refused
//    before the machine is started.
// 2. Whether an image has the programs for the layout is known only on the machine, which looks
//    before it changes a disk.

import type { Machine } from '../records/machine.ts';
import { type RefusalWord, refusal } from '../records/refusal.ts';
import { beginStorage, findBootDisk, type StorageDraft, spareBytes } from './storage-draft.ts';
import {
  collectMounts,
  isFat,
  isOfImage,
  loaderDisks,
  plannedDisks,
  planStorage,
  under,
  usedDiskIds,
} from './storage-plan.ts';

export const problem = (text: string): RefusalWord => refusal('layout-refused', text);

/** File systems from which the agent starts a system. */
const ROOTS: ReadonlySet<string> = new Set(['ext2', 'ext4', 'xfs', 'btrfs']);

export const storagePlan = (machine: Machine): string | undefined => planStorage(beginStorage(machine));

/**
 * The disk that a person chose for the system, or for which the others are laid out, by its name;
 * `undefined`: none was chosen.
 */
export function chosenDisk(machine: Machine): string | undefined {
  const draft = beginStorage(machine);
  const { disks, layout } = draft;
  const chosen = disks.find(({ id }) => id === layout.bootDiskId);
  return (chosen ?? (isOfImage(draft) ? undefined : findBootDisk(draft)))?.facts.name;
}

/**
 * Why the disks of a machine cannot be deployed as they are laid out; `undefined`: they can.
 * @param named the disk that the command names; `undefined`: none
 */
export function refuseStorageLayout(
  machine: Machine,
  by: 'image' | 'installer',
  named: string | undefined,
): RefusalWord | undefined {
  const draft = beginStorage(machine);
  const { layout, disks } = draft;
  const { hostname } = machine;
  const isThere = (id: number): boolean => disks.some((disk) => disk.id === id);
  const needed = [...(layout.bootDiskId === undefined ? [] : [layout.bootDiskId]), ...usedDiskIds(layout)];
  if (!needed.every(isThere))
    return problem(`${hostname} no longer has a disk that its layout uses: lay out its disks again, or restore them.`);
  const isBare = layout.partitions.length === 0 && isOfImage(draft);
  if (isBare) return undefined;
  const disk = findBootDisk(draft);
  if (disk === undefined || (named !== undefined && named !== disk.facts.name)) {
    return problem(
      `The disks of ${hostname} are laid out for a system on ${disk?.facts.name ?? ''}: name that disk, or none.`,
    );
  }
  if (isOfImage(draft)) return undefined;
  if (by === 'installer')
    return problem(
      `The disks of ${hostname} are laid out, but only images can apply a layout: deploy an image, or restore the disks first.`,
    );
  const small = plannedDisks(draft).find((plannedDisk) => spareBytes(draft, plannedDisk) < 0);
  if (small !== undefined)
    return problem(
      `${small.facts.name} of ${hostname} is smaller than its partitions together: lay out its disks again.`,
    );
  return refuseStart(draft);
}

function refuseStart(draft: StorageDraft): RefusalWord | undefined {
  const { hostname, facts } = draft.machine;
  const mounts = collectMounts(draft);
  const root = mounts.get('/')?.part;
  const disk = findBootDisk(draft);
  const name = disk?.facts.name ?? '';
  if (root === undefined) {
    const isUsed = plannedDisks(draft).some(({ id }) => id === disk?.id);
    return isUsed
      ? problem(
          `No file system of ${hostname} is mounted at /, although its boot disk ${name} is laid out: mount one at /, or restore the disks.`,
        )
      : undefined;
  }
  if (!ROOTS.has(root.fileSystem?.fstype ?? ''))
    return problem(`The root of ${hostname} must be ext4, ext2, xfs or btrfs: format it again.`);
  const start = mounts.get('/boot')?.part ?? root;
  const at = start === root ? '/' : '/boot';
  if (under(draft, start.id).disks.length > 0)
    return problem(
      `${at} of ${hostname} is on whole disks, which have no room for a boot loader: use partitions for it.`,
    );
  const startsThere = loaderDisks(draft).some(({ id }) => id === disk?.id);
  if (!startsThere)
    return problem(
      `${hostname} starts from ${name}, but its ${at} is on another disk: choose that disk with set_boot_disk, or mount a partition of ${name} at /boot.`,
    );
  const firmware = mounts.get('/boot/efi')?.part;
  const isReadable = firmware !== undefined && isFat(firmware.fileSystem);
  const hasPlace = isReadable && under(draft, firmware.id).disks.length === 0;
  const isUnready = facts?.uefi === true && !hasPlace;
  return isUnready
    ? problem(
        `${hostname} starts by UEFI, but no fat32 partition of its disks is mounted at /boot/efi: add one of 512 MB.`,
      )
    : undefined;
}
