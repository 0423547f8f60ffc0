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
}

/** The image that a person asks for: `ubuntu/noble`, `debian/12`. */
export interface OfferWish {
  readonly os: string;
  /** A release by its name, its version or another of its names; undefined: all. */
  readonly release: string | undefined;
  /** Our names; empty: all. */
  readonly architectures: readonly string[];
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
  /** Each with its remedy; empty: there was none. */
  readonly problems: readonly string[];
}

/** The name for people, as the store's without its serial: `ubuntu/noble/amd64`. */
export const offerName = ({ os, release, architecture }: ImageOffer): string => `${os}/${release}/${architecture}`;

/** The first part of the name of an installer, by which a person asks for it. */
export const INSTALLER = 'installer';

/** The name of an installer for people: `installer/debian/bookworm/amd64`. */
export const installerName = ({ os, release, architecture }: InstallerOffer): string =>
  `${INSTALLER}/${os}/${release}/${architecture}`;

/** A serial of a site in the store's form; undefined: it has none. */
export function storedSerial(serial: string): string | undefined {
  const [, day = '', number] = /(?<!\d)(20\d{6})(?:[._](\d{1,4}))?(?!\d)/.exec(serial) ?? [];
  if (day === '') return undefined;
  return number === undefined ? day : `${day}.${Number(number)}`;
}
