// The disks of a machine and their ids: those that it reports, and those that a person adds. Pure.
//
// 1. The id of a disk follows from its machine and its serial number, or from its name if its
//    serial number is missing or not unique. So a disk keeps its id if the kernel lists the disks
//    in another order at the next commissioning.
// 2. Two disks of one machine never have the same id: if their digests are equal, the disk reported
//    later takes the next number.
// 3. A disk that a person added keeps its id when the machine reports it: it has the same serial
//    number, or without one, the same kernel name.
// 4. A person's description of a disk (`DescribedDisk`) stands until a person changes it.

import { hashFnv1a } from '../records/digest.ts';
import type { HardwareFacts } from '../records/hardware-facts.ts';
import type { Machine } from '../records/machine.ts';
import type { DescribedDisk } from '../records/machine-layout.ts';

/** The number of ids among which the disks of one machine are spread. */
const DISK_IDS_PER_MACHINE = 100_000;

type DiskFacts = HardwareFacts['disks'][number];

export interface Disk {
  readonly id: number;
  readonly facts: DiskFacts;
  readonly kernelName: string;
  readonly tags: readonly string[];
}

type Disks = Pick<Machine, 'id' | 'facts' | 'layout'>;

export function listDisks({ id, facts, layout }: Disks): readonly Disk[] {
  const disks = facts?.disks ?? [];
  const described = layout?.disks ?? [];
  const taken = new Set<number>();
  const reported = disks.map((disk) => {
    const isOnly = disk.serial !== '' && disks.filter(({ serial }) => serial === disk.serial).length === 1;
    const added = described.find(
      (entry) => entry.isAdded === true && !taken.has(entry.id) && isSameDisk(entry, disk, isOnly),
    );
    const own = added?.id ?? freeId(id, isOnly ? disk.serial : '', disk.name, taken);
    taken.add(own);
    return diskWith(own, disk, added ?? described.find((entry) => entry.id === own));
  });
  const further = described.filter((entry) => entry.isAdded === true && !taken.has(entry.id));
  return [...reported, ...further.map((entry) => diskWith(entry.id, UNREPORTED, entry))];
}

const UNREPORTED: DiskFacts = {
  name: '',
  bytes: 0,
  model: '',
  serial: '',
  rotational: undefined,
  bus: undefined,
  firmware: undefined,
};

const isSameDisk = ({ serial = '', kernelName }: DescribedDisk, disk: DiskFacts, isOnly: boolean): boolean =>
  serial === '' ? kernelName === disk.name : isOnly && serial === disk.serial;

export function freeId(machineId: number, serial: string, name: string, taken: ReadonlySet<number>): number {
  const first = machineId * DISK_IDS_PER_MACHINE;
  let number = hashFnv1a(serial === '' ? `name ${name}` : `serial ${serial}`) % DISK_IDS_PER_MACHINE;
  while (taken.has(first + number)) number = (number + 1) % DISK_IDS_PER_MACHINE;
  return first + number;
}

function diskWith(id: number, disk: DiskFacts, described: DescribedDisk | undefined): Disk {
  if (described === undefined) return { id, facts: disk, kernelName: disk.name, tags: diskTags(disk) };
  const { name = disk.name, model = disk.model, serial = disk.serial, bytes = disk.bytes } = described;
  const facts = { ...disk, name, model, serial, bytes, block_size: described.blockSize ?? disk.block_size };
  const kernelName = described.kernelName ?? (disk.name === '' ? name : disk.name);
  return { id, facts, kernelName, tags: described.tags ?? (disk.name === '' ? [] : diskTags(disk)) };
}

const diskTags = ({ rotational }: DiskFacts): readonly string[] => [rotational === true ? 'rotary' : 'ssd'];

/** A serial number that the agent finds unchanged on the machine. */
const PLAIN_SERIAL = /^[A-Za-z0-9._:+-]{1,64}$/;

/**
 * How the agent finds a disk: `serial:` and its serial number if that is unique, else its kernel
 * name. A kernel may name disks differently at each boot, and the wrong one would be overwritten.
 */
export function formatDiskSelector(machine: Disks, name: string): string {
  const disks = listDisks(machine);
  const disk = disks.find(({ facts }) => facts.name === name);
  const serial = disk?.facts.serial ?? '';
  const isKnown = PLAIN_SERIAL.test(serial) && disks.filter(({ facts }) => facts.serial === serial).length === 1;
  return isKnown ? `serial:${serial}` : (disk?.kernelName ?? name);
}
