// An image that a source offers.

import type { Digest } from '../download/digest.ts';
import type { ImageName } from '../image-store.ts';

/** Names in a message; the rest are counted. */
export const NAMED_MAX = 8;

/** One image of a source, with all that its download needs. */
export interface ImageOffer extends Omit<ImageName, 'serial'> {
  /** The name of its source. */
  readonly source: string;
  /** For people: `Debian 12 (bookworm)`. */
  readonly title: string;
  /** In the store's form, `20240131` or `20240131.2`; undefined: the source names none. */
  readonly serial: string | undefined;
  /** Other names of the release: `24.04`, `lts`. */
  readonly aliases: readonly string[];
  /** The last day of its support, `2029-05-31`; undefined: the source does not say. */
  readonly supportEnds: string | undefined;
  readonly url: string;
  /** The same file at other sources. */
  readonly mirrors: readonly string[];
  /** As published; undefined: the source does not say. */
  readonly bytes: number | undefined;
  readonly digest: Digest;
  /** Its other files, if it is the root of a system; undefined: it is the image of a disk. */
  readonly system?: OfferedSystem | undefined;
}

/** The root of a system, whose file is that of `url` and `digest`; `bytes` of the offer are those of all its files. */
export interface OfferedSystem {
  /** The site's name of the subarchitecture: `ga-24.04`. */
  readonly subarch: string;
  /** Every subarchitecture that it serves, by the site's names. */
  readonly subarches: readonly string[];
  readonly kind: 'squashfs' | 'root-archive' | 'root-image';
  /** The name of the root in the boot tree. */
  readonly rootName: string;
  /** As published; undefined: the source does not say. */
  readonly rootBytes: number | undefined;
  readonly files: readonly NamedFile[];
}

/** A file with its name in the boot tree. */
export interface NamedFile extends ListedFile {
  readonly name: string;
  readonly bytes: number | undefined;
}

/** A boot loader that a source offers, for one architecture. */
export interface LoaderOffer {
  /** The name of its source. */
  readonly source: string;
  /** `uefi`, `pxe`, `open-firmware`: a directory of the boot tree. */
  readonly type: string;
  readonly architecture: string;
  /** As the site names it: `grub-efi-signed`. */
  readonly title: string;
  readonly serial: string | undefined;
  /** The archives are unpacked, the others are used as they are. */
  readonly files: readonly (NamedFile & { readonly isArchive: boolean })[];
}

/** The image that a person asks for: `ubuntu/noble`, `debian/12`. */
export interface OfferWish {
  readonly os: string;
  /** A release by its name, its version or another of its names; undefined: all. */
  readonly release: string | undefined;
  /** Our names; empty: all. */
  readonly architectures: readonly string[];
  /** By the store's name or the source's: `hwe-24.04`; undefined: the generic one if there is a choice. */
  readonly subarchitecture?: string | undefined;
}

/** The installer of a release, for one architecture. */
export interface InstallerOffer {
  /** The name of its source. */
  readonly source: string;
  readonly os: string;
  /** Its name in the boot tree. */
  readonly release: string;
  /** The release that it installs, by the mirror's name. */
  readonly base: string;
  readonly architecture: string;
  /** For people. */
  readonly title: string;
  readonly kernel: ListedFile;
  readonly initrd: ListedFile;
}

/** A file, and what a signed list says of it. */
export interface ListedFile {
  readonly url: string;
  readonly digest: Digest;
}

/** The offers of a source, or a reason why it has none. */
export interface SourceAnswer {
  readonly source: string;
  readonly offers: readonly ImageOffer[];
  readonly installers: readonly InstallerOffer[];
  readonly loaders: readonly LoaderOffer[];
  /** Each with its remedy; empty: there was none. */
  readonly problems: readonly string[];
}

/** The name for people, as the store's without its serial: `ubuntu/noble/amd64`. */
export const offerName = ({ os, release, architecture, subarchitecture }: ImageOffer): string =>
  [os, release, architecture, ...(subarchitecture === GENERIC ? [] : [subarchitecture])].join('/');

const GENERIC = 'generic';

/** The first part of the name of an installer, by which a person asks for it. */
export const INSTALLER = 'installer';

/** The name of an installer for people: `installer/debian/bookworm/amd64`. */
export const installerName = ({ os, release, architecture }: InstallerOffer): string =>
  `${INSTALLER}/${os}/${release}/${architecture}`;

/** The first part of the name of a boot loader, and its directory in the boot tree. */
export const LOADER = 'bootloader';

/** The name of a boot loader for people, and its directory in the boot tree: `bootloader/uefi/amd64`. */
export const loaderName = ({ type, architecture }: LoaderOffer): string => `${LOADER}/${type}/${architecture}`;

/** A serial of a site in the store's form; undefined: it has none. */
export function storedSerial(serial: string): string | undefined {
  const [, day = '', number] = /(?<!\d)(20\d{6})(?:[._](\d{1,4}))?(?!\d)/.exec(serial) ?? [];
  if (day === '') return undefined;
  return number === undefined ? day : `${day}.${Number(number)}`;
}
