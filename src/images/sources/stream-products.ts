// The products of a simplestreams site: images with versions and files, whose kinds `ftype` shows.
//
// Sources: the file types of MAAS (BOOT_RESOURCE_FILE_TYPE of its 3.x); the items of
// cloud-images.ubuntu.com and images.linuxcontainers.org.

import type { Tags } from './tags.ts';

export interface StreamProducts {
  /** `com.ubuntu.maas:stable:v3:download`. */
  readonly contentId: string;
  /** The datatype, such as `image-downloads`. Empty if unknown. */
  readonly datatype: string;
  /** The time of the last change, as the site writes it. Empty if unknown. */
  readonly updated: string;
  readonly products: readonly StreamProduct[];
}

/** The images of one release, architecture, kernel and label, or one boot loader. */
export interface StreamProduct {
  /** Unique in the document: `com.ubuntu.cloud:server:24.04:amd64`. */
  readonly name: string;
  /** The images, newest first. A version has one image for each subarchitecture. */
  readonly images: readonly StreamImage[];
}

/**
 * One version of a product. The texts come from the site, so clean them before they are shown. A
 * text is empty if unknown.
 */
export interface StreamImage {
  readonly product: string;
  /** `20240423`, `20240423.1`, `20240128_01`. */
  readonly serial: string;
  /** The system, or the name of a boot loader, such as `grub-efi-signed`. */
  readonly os: string;
  /** `noble`; empty for a boot loader. */
  readonly release: string;
  /** `24.04`. */
  readonly version: string;
  /** Without `release`: `24.04`, `n`, `lts`. */
  readonly aliases: readonly string[];
  /** `24.04 LTS`. */
  readonly title: string;
  /** The site's name: `amd64`. */
  readonly arch: string;
  /** `generic` unless the site names another. */
  readonly subarch: string;
  /** Includes `subarch`. */
  readonly subarches: readonly string[];
  /** `release`, `daily`, `stable`, `candidate`. */
  readonly label: string;
  /** `2029-05-31`. */
  readonly supportEnds: string;
  readonly files: readonly StreamFile[];
}

export interface StreamFile {
  /** Within the version: `boot-kernel`, `disk1.img`. */
  readonly name: string;
  readonly ftype: string;
  readonly kind: FileKind;
  /** Below the site's URL, which it cannot leave. */
  readonly path: string;
  /** Undefined if unknown. */
  readonly bytes: number | undefined;
  /** 64 lower-case hexadecimal digits. Undefined if the site gives none. */
  readonly sha256: string | undefined;
  /** As `sha256`, with 128 digits. */
  readonly sha512: string | undefined;
  readonly tags: Tags;
}

export type FileKind =
  | 'kernel'
  | 'initrd'
  | 'device-tree'
  | 'squashfs'
  | 'root-archive'
  | 'root-image'
  | 'disk'
  | 'manifest'
  | 'loader'
  | 'installer'
  /** A file of an unknown type. */
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
  // Other Rackboots have this type (given-file.ts).
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
  // Other Rackboots have these types (own-stream.ts).
  ['linux', 'installer'],
  ['initrd.gz', 'installer'],
  ['installer.iso', 'installer'],
]);

/** MAAS's types of disk images: `root-dd`, `root-dd.tar`, `root-ddtgz`, `root-dd.xz` … */
const DISK = /^root-dd(?:[.a-z0-9]{0,16})$/;

export const recogniseFileKind = (ftype: string): FileKind => KINDS.get(ftype) ?? (DISK.test(ftype) ? 'disk' : 'other');
