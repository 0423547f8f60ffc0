// How a person wants a machine's network and disks to be deployed. Stored with the machine.
//
// Source: the interfaces, links, partitions, volume groups and RAIDs of MAAS's API 2.0.
//
// 1. Without a layout the machine is deployed as it was commissioned (`layout/interfaces.ts`, `layout/disks.ts`).
// 2. Its parts get their numbers from `next`, which never repeats one, so an id always means the same part.
// 3. A part may refer to hardware that is gone. It stays until a person changes it; the machine cannot be deployed with it
//    (`layout/deployable.ts`).

import { z } from 'zod';
import { type Ipv4, ipv4, mac } from '../../net/address.ts';

/** Bound on the interfaces of one layout, including physical ones. Administrators add and delete interfaces. */
export const LAID_INTERFACES_MAX = 128;
/** Bound on the links of one layout; administrators add and delete them. */
export const LINKS_MAX = 256;
/**
 * Bound on the partitions of one layout, and likewise on its volume groups, logical volumes and RAIDs, and on the disks that a person added or
 * described; administrators add and delete them.
 */
export const STORAGE_PARTS_MAX = 128;
/** Tags of one interface or one disk. */
export const PART_TAGS_MAX = 64;
/** Characters of one tag. */
export const PART_TAG_MAX = 256;

/** The kinds of interfaces, by MAAS's names of their types. */
export const INTERFACE_KINDS = ['physical', 'bond', 'bridge', 'vlan'] as const;
export type InterfaceKind = (typeof INTERFACE_KINDS)[number];

/** How an interface gets an address in a subnet. `auto`: the region chooses one. `static`: a person chose one. `link_up`: it gets none. */
export const LINK_MODES = ['auto', 'static', 'dhcp', 'link_up'] as const;
export type LinkMode = (typeof LINK_MODES)[number];

/**
 * The file systems that the agent makes: the most characters of a label, and whether it draws the identifier itself. That of a FAT has eight
 * digits, and BusyBox's mkswap takes none. Sources: mke2fs(8), mkfs.xfs(8), mkfs.btrfs(8), mkfs.fat(8), mkswap(8).
 */
export const FILE_SYSTEMS = {
  ext4: { labelMax: 16, drawsUuid: false },
  ext2: { labelMax: 16, drawsUuid: false },
  xfs: { labelMax: 12, drawsUuid: false },
  btrfs: { labelMax: 16, drawsUuid: false },
  fat32: { labelMax: 11, drawsUuid: true },
  vfat: { labelMax: 11, drawsUuid: true },
  swap: { labelMax: 15, drawsUuid: true },
} as const;
export type FileSystemKind = keyof typeof FILE_SYSTEMS;
export const FILE_SYSTEM_KINDS = Object.keys(FILE_SYSTEMS).filter(
  (kind): kind is FileSystemKind => kind in FILE_SYSTEMS,
);

/** The layouts of a whole boot disk, by MAAS's names. */
export const WHOLE_LAYOUTS = ['flat', 'lvm', 'blank'] as const;
export type WholeLayout = (typeof WHOLE_LAYOUTS)[number];

const id = z.int().min(1);
const name = z.string().min(1).max(32);
const tags = z.array(z.string().max(PART_TAG_MAX)).max(PART_TAGS_MAX);
const bytes = z.int().min(0);

const laidInterface = z.object({
  /** For a physical interface, the id of its row in `interface`; otherwise drawn from `next`. */
  id,
  kind: z.enum(INTERFACE_KINDS),
  name,
  mac: z.int().min(0).transform(mac),
  /** The interfaces below it: several for a bond, one for a bridge or a VLAN. */
  parents: z.array(id).max(LAID_INTERFACES_MAX),
  /** The id of its VLAN; null: disconnected; undefined: the VLAN of its links, or the default one. */
  vlanId: z.int().nullable().optional(),
  /** Bytes; undefined: the MTU of its VLAN. */
  mtu: z.int().optional(),
  /** Mbit/s; undefined: as the machine reports it. */
  linkSpeed: z.int().min(0).optional(),
  interfaceSpeed: z.int().min(0).optional(),
  isConnected: z.boolean().optional(),
  tags,
  /** Settings of a bond or a bridge: `bond_mode`, `bridge_stp`; and of each kind `accept_ra`. */
  params: z.record(z.string().max(64), z.union([z.string().max(256), z.number(), z.boolean()])),
});

const link = z.object({
  id,
  interfaceId: id,
  mode: z.enum(LINK_MODES),
  subnetId: z.int().optional(),
  /** Only for a static link: the chosen address. */
  address: z
    .int()
    .min(0)
    .max(0xffff_ffff)
    .transform((value): Ipv4 => ipv4(value))
    .optional(),
});

const networkLayout = z.object({
  interfaces: z.array(laidInterface).max(LAID_INTERFACES_MAX),
  links: z.array(link).max(LINKS_MAX),
  /** The id of the link whose subnet has the default gateway; undefined: the first link with a gateway. */
  gatewayLink: id.optional(),
});

const fileSystem = z.object({
  fstype: z.string().max(32),
  uuid: z.string().max(64),
  label: z.string().max(64),
  /** An absolute path, `none` for swap; undefined: not mounted. */
  mountPoint: z.string().max(255).optional(),
  mountOptions: z.string().max(255).optional(),
});

const partition = z.object({
  id,
  uuid: z.string().max(64),
  /** The id of its disk. */
  diskId: id,
  bytes,
  isBootable: z.boolean(),
  tags,
  fileSystem: fileSystem.optional(),
});

const logicalVolume = z.object({
  id,
  uuid: z.string().max(64),
  name,
  bytes,
  tags: tags.optional(),
  fileSystem: fileSystem.optional(),
});

/** The ids of the disks and partitions of which a volume group or a RAID consists. */
const members = {
  disks: z.array(id).max(STORAGE_PARTS_MAX),
  partitions: z.array(id).max(STORAGE_PARTS_MAX),
};

const volumeGroup = z.object({
  id,
  uuid: z.string().max(64),
  name,
  ...members,
  /** The ids of the RAIDs of which it consists, too. */
  raids: z.array(id).max(STORAGE_PARTS_MAX).optional(),
  volumes: z.array(logicalVolume).max(STORAGE_PARTS_MAX),
});

const raid = z.object({
  id,
  uuid: z.string().max(64),
  name,
  level: z.literal('raid-1'),
  ...members,
  /** The ids of the disks and partitions that take the place of a failed one. */
  spareDisks: z.array(id).max(STORAGE_PARTS_MAX).optional(),
  sparePartitions: z.array(id).max(STORAGE_PARTS_MAX).optional(),
  tags: tags.optional(),
  fileSystem: fileSystem.optional(),
});

const storageLayout = z.object({
  /** The disk from which the firmware boots; undefined: the first. */
  bootDiskId: id.optional(),
  partitions: z.array(partition).max(STORAGE_PARTS_MAX),
  volumeGroups: z.array(volumeGroup).max(STORAGE_PARTS_MAX),
  raids: z.array(raid).max(STORAGE_PARTS_MAX),
  /** The file systems of disks without partitions; `id` is that of the disk. */
  wholeDisks: z.array(z.object({ id, fileSystem })).max(STORAGE_PARTS_MAX).optional(),
});

/** A person's description of a disk. Values left out are those that the machine reports. */
const describedDisk = z.object({
  id,
  /** True: a person added the disk, so it is shown before the machine reports it. */
  isAdded: z.boolean().optional(),
  name: name.optional(),
  model: z.string().max(128).optional(),
  serial: z.string().max(128).optional(),
  /** The kernel's name, by which the agent finds a disk without a serial number of its own. */
  kernelName: name.optional(),
  bytes: bytes.optional(),
  blockSize: z.int().min(1).optional(),
  tags: tags.optional(),
});

const machineLayout = z.object({
  /** The number of the next part. */
  next: z.int().min(1),
  network: networkLayout.optional(),
  storage: storageLayout.optional(),
  disks: z.array(describedDisk).max(STORAGE_PARTS_MAX).optional(),
});

export type MachineLayout = Readonly<z.output<typeof machineLayout>>;
export type NetworkLayout = Readonly<z.output<typeof networkLayout>>;
export type LaidInterface = Readonly<z.output<typeof laidInterface>>;
export type InterfaceLink = Readonly<z.output<typeof link>>;
export type StorageLayout = Readonly<z.output<typeof storageLayout>>;
export type DescribedDisk = Readonly<z.output<typeof describedDisk>>;
export type FileSystem = Readonly<z.output<typeof fileSystem>>;
export type Partition = Readonly<z.output<typeof partition>>;
export type VolumeGroup = Readonly<z.output<typeof volumeGroup>>;
export type LogicalVolume = Readonly<z.output<typeof logicalVolume>>;
export type Raid = Readonly<z.output<typeof raid>>;

/** Ids of parts begin above all ids of interfaces, which the database counts from 1. */
const PART_IDS = 1_000_000_000;
/** Ids of parts per machine. A machine that uses up more shares ids with the next machine, but their paths in the API still differ. */
const PARTS_PER_MACHINE = 10_000;

/** The id of a machine's part by its number. */
export const partId = (machineId: number, number: number): number => PART_IDS + machineId * PARTS_PER_MACHINE + number;
