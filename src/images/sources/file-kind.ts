// The kinds of files in simplestreams, by their `ftype`.
//
// Sources: the file types of MAAS (BOOT_RESOURCE_FILE_TYPE of its 3.x); the items of cloud-images.ubuntu.com and images.linuxcontainers.org.

/** The use of a file. */
export type FileKind =
  | 'kernel'
  | 'initrd'
  | 'device-tree'
  /** A root file system as squashfs. */
  | 'squashfs'
  /** A root file system as an archive. */
  | 'root-archive'
  /** A root file system as an image without a partition table. */
  | 'root-image'
  /** The image of a whole disk. */
  | 'disk'
  /** A list of the packages in a file. */
  | 'manifest'
  /** A boot loader, or an archive of its files. */
  | 'loader'
  /** The kernel or the initrd of an installer. */
  | 'installer'
  /** Any other file; only its name describes it. */
  | 'other';

const KINDS: ReadonlyMap<string, FileKind> = new Map([
  ['boot-kernel', 'kernel'],
  ['boot-initrd', 'initrd'],
  ['boot-dtb', 'device-tree'],
  ['squashfs', 'squashfs'],
  ['squashfs.manifest', 'manifest'],
  ['manifest', 'manifest'],
  ['root-image.gz', 'root-image'],
  ['root-tgz', 'root-archive'],
  ['root-tbz', 'root-archive'],
  ['root-txz', 'root-archive'],
  ['root.tar.gz', 'root-archive'],
  ['root.tar.xz', 'root-archive'],
  // Other Rackboots' (given-file.ts).
  ['root.tar', 'root-archive'],
  ['root.tar.zst', 'root-archive'],
  ['tar.gz', 'root-archive'],
  ['tar.xz', 'root-archive'],
  ['disk.img', 'disk'],
  ['disk1.img', 'disk'],
  ['disk-kvm.img', 'disk'],
  ['uefi1.img', 'disk'],
  ['disk.qcow2', 'disk'],
  ['archive.tar.xz', 'loader'],
  ['bootloader', 'loader'],
  // Other Rackboots' (own-stream.ts).
  ['linux', 'installer'],
  ['initrd.gz', 'installer'],
  ['installer.iso', 'installer'],
]);

/** MAAS's types of disk images: `root-dd`, `root-dd.tar`, `root-ddtgz`, `root-dd.xz` … */
const DISK = /^root-dd(?:[.a-z0-9]{0,16})$/;

/** The kind of a file. */
export const kindOfFile = (ftype: string): FileKind => KINDS.get(ftype) ?? (DISK.test(ftype) ? 'disk' : 'other');
