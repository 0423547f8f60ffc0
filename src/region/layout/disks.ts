// The disks of a machine and their ids. Pure.
//
// 1. The id of a disk follows from its machine and its serial number, or from its name if its serial number is missing or not unique. So a
//    disk keeps its id if the kernel lists the disks in another order at the next commissioning.
// 2. Two disks of one machine never have the same id: if their digests are equal, the disk reported later takes the next number.

import { numberOf } from '../records/digest.ts';
import type { HardwareFacts } from '../records/hardware-facts.ts';
import type { Machine } from '../records/machine.ts';

/** The number of ids among which the disks of one machine are spread. */
const DISK_IDS_PER_MACHINE = 100_000;

/** A disk of a machine. */
export interface Disk {
  readonly id: number;
  /** As the machine reported it. */
  readonly facts: HardwareFacts['disks'][number];
}

/** The disks of a machine, in the order of its report. */
export function disksOf({ id, facts }: Pick<Machine, 'id' | 'facts'>): readonly Disk[] {
  const disks = facts?.disks ?? [];
  const taken = new Set<number>();
  return disks.map((disk) => {
    const isOnly = disk.serial !== '' && disks.filter(({ serial }) => serial === disk.serial).length === 1;
    let number = numberOf(isOnly ? `serial ${disk.serial}` : `name ${disk.name}`) % DISK_IDS_PER_MACHINE;
    while (taken.has(number)) number = (number + 1) % DISK_IDS_PER_MACHINE;
    taken.add(number);
    return { id: id * DISK_IDS_PER_MACHINE + number, facts: disk };
  });
}

/** The tags of a disk, as its kind gives them. */
export const diskTags = ({ rotational }: Disk['facts']): readonly string[] => [rotational === true ? 'rotary' : 'ssd'];

/** A serial number that the agent finds unchanged on the machine. */
const PLAIN_SERIAL = /^[A-Za-z0-9._:+-]{1,64}$/;

/**
 * How the agent finds a disk: `serial:` and its serial number if that is unique, else its name. A kernel may name disks differently at each
 * boot, and the wrong one would be overwritten.
 */
export function placeOf({ facts }: Pick<Machine, 'facts'>, name: string): string {
  const disks = facts?.disks ?? [];
  const serial = disks.find((disk) => disk.name === name)?.serial ?? '';
  const isKnown = PLAIN_SERIAL.test(serial) && disks.filter((disk) => disk.serial === serial).length === 1;
  return isKnown ? `serial:${serial}` : name;
}
