// How a person wants a machine's network and disks to be deployed.
//
// Source: the interfaces, links, partitions, volume groups and RAIDs of MAAS's API 2.0.
//
// 1. Without a layout the machine is deployed as it was commissioned (`layout/interfaces.ts`,
//    `layout/disks.ts`).
// 2. Its parts get their numbers from `next`, which never repeats one.
// 3. A part may refer to hardware that is gone. The machine cannot be deployed with it
//    (`layout/deployable.ts`).

import { z } from 'zod';
import { type Ipv4, ipv4, mac } from '../../ground/address.ts';

/** Bounds on one layout; administrators add and delete its parts. Interfaces include physical ones. */
export const LAID_INTERFACES_MAX = 128;
export const LINKS_MAX = 256;
/**
 * Likewise of partitions, volume groups, logical volumes, RAIDs, and disks that a person added or
 * described.
 */
export const STORAGE_PARTS_MAX = 128;
/** Tags of one interface or one disk. */
export const PART_TAGS_MAX = 64;
/** Characters of one tag. */
export const PART_TAG_MAX = 256;

/** MAAS's names of their types. */
export const INTERFACE_KINDS = ['physical', 'bond', 'bridge', 'vlan'] as const;
export type InterfaceKind = (typeof INTERFACE_KINDS)[number];

/**
 * How an interface gets an address in a subnet. `auto`: the region chooses one. `static`: a person
 * chose one. `link_up`: it gets none.
 */
export const LINK_MODES = ['auto', 'static', 'dhcp', 'link_up'] as const;
export type LinkMode = (typeof LINK_MODES)[number];

/**
 * The file systems, with the most characters of a label, and whether the agent draws the identifier
 * itself: that of a FAT has eight digits, and BusyBox's mkswap takes none. Sources: mke2fs(8),
 * mkfs.xfs(8), mkfs.btrfs(8), mkfs.fat(8), mkswap(8).
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
  /** Of a physical one, that of its row in `interface`; otherwise drawn from `next`. */
  id,
  kind: z.enum(INTERFACE_KINDS),
  name,
  mac: z.int().min(0).transform(mac),
  /** Several for a bond, one for a bridge or a VLAN. */
  parents: z.array(id).max(LAID_INTERFACES_MAX),
  /** null: disconnected; undefined: the VLAN of its links, or the default one. */
  vlanId: z.int().nullable().optional(),
  /** Bytes; undefined: the MTU of its VLAN. */
  mtu: z.int().optional(),
  /** Mbit/s; undefined: as the machine reports it. */
  linkSpeed: z.int().min(0).optional(),
  interfaceSpeed: z.int().min(0).optional(),
  isConnected: z.boolean().optional(),
  tags,
  /** `bond_mode`, `bridge_stp`; of each kind `accept_ra`. */
  params: z.record(z.string().max(64), z.union([z.string().max(256), z.number(), z.boolean()])),
  /** True: a bridge of `bridge_all`, which goes when the machine is released. */
  isAcquired: z.boolean().optional(),
});

const link = z.object({
  id,
  interfaceId: id,
  mode: z.enum(LINK_MODES),
  subnetId: z.int().optional(),
  /** Only of a static link. */
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
  /** Its subnet has the default gateway; undefined: the first with a gateway. */
  gatewayLink: id.optional(),
  /** True: nobody laid it out; it is the network of the commissioning with the bridges of `bridge_all`. */
  isCommissioned: z.boolean().optional(),
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

/** The parts of which a volume group or a RAID consists. */
const members = {
  disks: z.array(id).max(STORAGE_PARTS_MAX),
  partitions: z.array(id).max(STORAGE_PARTS_MAX),
};

const volumeGroup = z.object({
  id,
  uuid: z.string().max(64),
  name,
  ...members,
  raids: z.array(id).max(STORAGE_PARTS_MAX).optional(),
  volumes: z.array(logicalVolume).max(STORAGE_PARTS_MAX),
});

const raid = z.object({
  id,
  uuid: z.string().max(64),
  name,
  level: z.literal('raid-1'),
  ...members,
  /** They take the place of a failed one. */
  spareDisks: z.array(id).max(STORAGE_PARTS_MAX).optional(),
  sparePartitions: z.array(id).max(STORAGE_PARTS_MAX).optional(),
  tags: tags.optional(),
  fileSystem: fileSystem.optional(),
});

const storageLayout = z.object({
  /** Undefined: the first. */
  bootDiskId: id.optional(),
  partitions: z.array(partition).max(STORAGE_PARTS_MAX),
  volumeGroups: z.array(volumeGroup).max(STORAGE_PARTS_MAX),
  raids: z.array(raid).max(STORAGE_PARTS_MAX),
  /** Of disks without partitions; `id` is that of the disk. */
  wholeDisks: z.array(z.object({ id, fileSystem })).max(STORAGE_PARTS_MAX).optional(),
});

/** Values left out are those that the machine reports. */
const describedDisk = z.object({
  id,
  /** A person added it; it is shown before the machine reports it. */
  isAdded: z.boolean().optional(),
  name: name.optional(),
  model: z.string().max(128).optional(),
  serial: z.string().max(128).optional(),
  /** By which the agent finds a disk without a serial number of its own. */
  kernelName: name.optional(),
  bytes: bytes.optional(),
  blockSize: z.int().min(1).optional(),
  tags: tags.optional(),
});

const machineLayout = z.object({
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

/** Above all ids of interfaces, which the database counts from 1. */
const PART_IDS = 1_000_000_000;
/** A machine that uses up more shares ids with the next one, but their paths in the API still differ. */
const PARTS_PER_MACHINE = 10_000;

/** True if a person laid out the network. */
export const hasLaidNetwork = ({ layout }: { readonly layout?: MachineLayout | undefined }): boolean =>
  layout?.network !== undefined && layout.network.isCommissioned !== true;

export const partId = (machineId: number, number: number): number => PART_IDS + machineId * PARTS_PER_MACHINE + number;
