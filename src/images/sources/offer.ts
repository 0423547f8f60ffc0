// Images, installers and boot loaders that a source offers.

import { RackError } from '../../errors.ts';
import { nearestName } from '../../nearest-name.ts';
import type { Digest } from '../download/digest.ts';
import { type ImageName, isSameName, type StoredImage } from '../image-store.ts';
import type { ImageOrigin } from '../stored-system.ts';

/** How many names a message lists; further ones are counted. */
export const NAMED_MAX = 8;

/** One image of a source, with everything that its download needs. */
export interface ImageOffer extends Omit<ImageName, 'serial'> {
  /** The name of its source. */
  readonly source: string;
  /** For people: `Debian 12 (bookworm)`. */
  readonly title: string;
  /** In the store's form, `20240131` or `20240131.2`; undefined if the source names none. */
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
  /** Every subarchitecture that it supports, by the site's names, its own one first; undefined: only its own. */
  readonly subarches?: readonly string[] | undefined;
  /** The further files if the offer is the root of a system; undefined for a disk image. */
  readonly system?: OfferedSystem | undefined;
}

/** The root of a system. The offer's `url` and `digest` are those of the root file; its `bytes` are the sum of all files. */
export interface OfferedSystem {
  /** The site's name of the subarchitecture: `ga-24.04`. */
  readonly subarch: string;
  readonly kind: 'squashfs' | 'root-archive' | 'root-image';
  /** The name of the root in the boot tree. */
  readonly rootName: string;
  /** As published; undefined: the source does not say. */
  readonly rootBytes: number | undefined;
  readonly files: readonly NamedFile[];
}

/** A file, with the name that it gets in the boot tree. */
export interface NamedFile extends PlacedFile {
  readonly name: string;
}

/** A boot loader that a source offers, for one architecture. */
export interface LoaderOffer {
  /** The name of its source. */
  readonly source: string;
  /** `uefi`, `pxe`, `open-firmware`: a directory of the boot tree. */
  readonly type: string;
  readonly architecture: string;
  /** `stable`, `candidate`. */
  readonly label: string;
  /** As the site names it: `grub-efi-signed`. */
  readonly title: string;
  readonly serial: string | undefined;
  /** Archives are unpacked; other files are used as they are. */
  readonly files: readonly (NamedFile & { readonly isArchive: boolean })[];
}

/** The names of an offer, by which it is selected. */
export type OfferNames = Pick<
  ImageOffer,
  'source' | 'os' | 'release' | 'architecture' | 'subarchitecture' | 'subarches' | 'label' | 'aliases'
>;

/** True if a person may mean the offer by a subarchitecture: the store's name or the source's. */
export const hasSubarchitecture = ({ subarchitecture, subarches }: OfferNames, wanted: string): boolean =>
  [subarchitecture, subarches?.[0]].includes(wanted);

/** Stands for all systems, of a source and in a wish. */
export const ANY = '*';

/** The image that a person requests: `ubuntu/noble`, `debian/12`. */
export interface OfferWish {
  /** ANY: all that the asked sources have. */
  readonly os: string;
  /** A release by its name, its version or an alias; undefined: all. */
  readonly release: string | undefined;
  /** By our names; empty means all. */
  readonly architectures: readonly string[];
  /** By the store's name or the source's: `hwe-24.04`; undefined: the generic one if there is a choice. */
  readonly subarchitecture?: string | undefined;
  /** Conditions: of each product, the newest version that matches is offered, for each condition on its own. Default: the newest of all. */
  readonly choices?: readonly ((names: OfferNames) => boolean)[] | undefined;
  /** True: of each product, every version that matches is offered, newest first; default: only the newest. */
  readonly isEveryVersion?: boolean | undefined;
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
  readonly kernel: PlacedFile;
  readonly initrd: PlacedFile;
  /** The disc that the initrd loads; undefined: it loads none. */
  readonly disc?: PlacedFile | undefined;
  /** Why the updates of the release, which may have a newer installer, were left out; undefined: they were not. */
  readonly leftOut: string | undefined;
  /** The key of the configuration that chooses its mirror; undefined: none does. */
  readonly mirrorKey?: string | undefined;
  /** Another Rackboot's: it has added the drivers, so the files are used as they are. Undefined for one of a mirror. */
  readonly finished?: { readonly serial: string | undefined } | undefined;
}

/** A file and its checksum from a signed list. */
interface PlacedFile {
  readonly url: string;
  /** The same file at other sources. */
  readonly mirrors: readonly string[];
  /** As published; undefined: the source does not say. */
  readonly bytes: number | undefined;
  readonly digest: Digest;
}

/** The offers of a source, and the reasons why others are missing. */
export interface SourceAnswer {
  readonly source: string;
  readonly offers: readonly ImageOffer[];
  readonly installers: readonly InstallerOffer[];
  readonly loaders: readonly LoaderOffer[];
  /** All releases that the source is known to have, as `ubuntu/noble`, whatever was requested; undefined: unknown. */
  readonly releases?: readonly string[] | undefined;
  /** Each with its remedy; `source-failed`. The cause of a failed download is an `AttemptFailure`. */
  readonly problems: readonly RackError[];
  /** True if nothing of the source could be read. */
  readonly isUnread?: boolean | undefined;
}

/** The most releases of an answer. The largest known site, that of MAAS, has some 30. */
const RELEASES_MAX = 500;

/** The releases of an answer, each once. */
export const knownReleases = (names: Iterable<string>): readonly string[] => [...new Set(names)].slice(0, RELEASES_MAX);

/**
 * The release of the answers whose name is most similar to one that they lack, as `ubuntu/noble`; undefined: none is, or they have this one.
 * @param os ANY: of any system
 */
export function nearestRelease(
  answers: readonly Pick<SourceAnswer, 'releases'>[],
  { os, release }: { readonly os: string; readonly release: string },
): string | undefined {
  const all = answers.flatMap(({ releases = [] }) => releases);
  const ofSystem = all.filter((name) => os === ANY || name.startsWith(`${os}/`));
  const byRelease = new Map(ofSystem.map((name) => [name.slice(name.indexOf('/') + 1), name]));
  if (release === ANY || byRelease.has(release)) return undefined;
  if (byRelease.size === 0) return nearestName(`${os}/${release}`, all);
  return byRelease.get(nearestName(release, [...byRelease.keys()]) ?? '');
}

/** True if every part that was read of a source failed; false if none was wanted: the source may lack what is selected. */
export const areUnread = (answers: readonly unknown[]): boolean =>
  answers.length > 0 && answers.every((answer) => answer instanceof RackError);

/** The problems with distinct messages: if a source does not answer, each of its releases has the same problem. */
export const distinctProblems = (answers: readonly unknown[]): readonly RackError[] => [
  ...new Map(answers.flatMap((one) => (one instanceof RackError ? [[one.message, one] as const] : []))).values(),
];

/** The name shown to people, which is the store's without the serial: `ubuntu/noble/amd64`. */
export const offerName = ({ os, release, architecture, subarchitecture }: ImageOffer): string =>
  [os, release, architecture, ...(subarchitecture === GENERIC ? [] : [subarchitecture])].join('/');

const GENERIC = 'generic';

/** Differs for offers of different files. A system has several: another kernel with the same root is another system. */
export const offeredContent = ({ digest, system }: ImageOffer): string =>
  contentKey(
    digest,
    system?.files.map(({ name, digest: { hex } }) => [name, hex]),
  );

/** The `offeredContent` of the offer from which an image was imported; undefined: it was added by hand. */
export const importedContent = ({ origin, system }: StoredImage): string | undefined =>
  origin === undefined
    ? undefined
    : contentKey(
        origin,
        system?.files.map(({ name, sha256 }) => [name, sha256]),
      );

const contentKey = (
  { algorithm, hex }: Digest | ImageOrigin,
  files: readonly (readonly [name: string, hex: string])[] = [],
): string => JSON.stringify([algorithm, hex, files.toSorted(([one], [other]) => (one < other ? -1 : 1))]);

/** True if an image was imported from the offered files, under the offered name. */
export const isImportOf = (image: StoredImage, offer: ImageOffer): boolean =>
  isSameName(image, offer) &&
  (offer.serial === undefined || offer.serial === image.serial) &&
  importedContent(image) === offeredContent(offer);

/** The first part of the name by which a person requests an installer, and its label among the resources of a region. */
export const INSTALLER = 'installer';

/** The name of an installer for people: `installer/debian/bookworm/amd64`. */
export const installerName = ({
  os,
  release,
  architecture,
}: Pick<InstallerOffer, 'os' | 'release' | 'architecture'>): string => `${INSTALLER}/${os}/${release}/${architecture}`;

/** The names by which an installer is selected. */
export const installerNames = ({
  source,
  os,
  release,
  architecture,
}: Pick<InstallerOffer, 'source' | 'os' | 'release' | 'architecture'>): OfferNames => ({
  source,
  os,
  release,
  architecture,
  subarchitecture: GENERIC,
  label: INSTALLER,
  aliases: [],
});

/** Tells that an installer is not from the updates of its release, and why; undefined if nothing was left out. */
export const leftOutNote = (offer: InstallerOffer): string | undefined =>
  offer.leftOut === undefined
    ? undefined
    : `${installerName(offer)} is that of ${offer.base} itself, without ${offer.base}-updates, which may have a newer one: ${offer.leftOut}`;

/** The first part of the name of a boot loader, and its directory in the boot tree. */
export const LOADER = 'bootloader';

/** The most files of a boot loader or an installer. */
export const PART_FILES_MAX = 256;

/** The names by which a boot loader is selected. */
export const loaderNames = ({ source, type, architecture, label }: LoaderOffer): OfferNames => ({
  source,
  os: LOADER,
  release: type,
  architecture,
  subarchitecture: GENERIC,
  label,
  aliases: [],
});

/** The name of a boot loader for people, and its directory in the boot tree: `bootloader/uefi/amd64`. */
export const loaderName = ({ type, architecture }: LoaderOffer): string => `${LOADER}/${type}/${architecture}`;

/** Converts a site's serial into the store's form; undefined if it contains no date. */
export function storedSerial(serial: string): string | undefined {
  const [, day = '', number] = /(?<!\d)(20\d{6})(?:[._](\d{1,4}))?(?!\d)/.exec(serial) ?? [];
  if (day === '') return undefined;
  return number === undefined ? day : `${day}.${Number(number)}`;
}
