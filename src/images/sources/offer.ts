// Images, installers and boot loaders that a source offers.

import { RackError } from '../../ground/errors.ts';
import { findNearestName } from '../../ground/nearest-name.ts';
import type { Digest } from '../download/request.ts';
import { type ImageName, isSameName, type StoredImage } from '../store/image-store.ts';
import type { ImageOrigin } from '../store/stored-system.ts';

/** The number of names that a message lists. It only counts the others. */
export const NAMES_SHOWN_MAX = 8;

interface OfferBase extends Omit<ImageName, 'serial'> {
  readonly source: string;
  /**
   * The title, such as `Debian 12 (bookworm)`. For a boot loader, the site's name, such as
   * `grub-efi-signed`.
   */
  readonly title: string;
  /** The serial, such as `20240131` or `20240131.2`. Undefined if the source names none. */
  readonly serial: string | undefined;
  /** `24.04`, `lts`. */
  readonly aliases: readonly string[];
  /**
   * Subarchitectures that the offer supports, by the site's names, with its own first. Undefined if
   * it supports only its own.
   */
  readonly subarches?: readonly string[] | undefined;
  readonly files: readonly [OfferedFile, ...(readonly OfferedFile[])];
}

/** The first file is the disk, or the root of a system, followed by its kernel, initrd … */
export interface ImageOffer extends OfferBase {
  readonly kind: 'image';
  /** The day on which support ends, such as `2029-05-31`. Undefined if unknown. */
  readonly supportEnds: string | undefined;
  readonly system?: OfferedSystem | undefined;
}

export interface OfferedSystem {
  readonly subarch: string;
  readonly kind: 'squashfs' | 'root-archive' | 'root-image';
}

/**
 * A boot loader for one architecture. Its `os` is LOADER. Its `release` is its type: `uefi`, `pxe`
 * or `open-firmware`.
 */
export interface LoaderOffer extends OfferBase {
  readonly kind: 'loader';
}

/** An installer for one architecture: kernel, initrd and, if the initrd loads one, its disc. */
export interface InstallerOffer extends OfferBase {
  readonly kind: 'installer';
  readonly base: string;
  /** Why updates with a perhaps newer installer were left out. Undefined if they were not. */
  readonly leftOut?: string | undefined;
  /** The configuration key of the installer's mirror. */
  readonly mirrorKey?: string | undefined;
  /** True if another Rackboot offers the installer, which has already added the drivers. */
  readonly isPrebuilt?: boolean | undefined;
}

export type Offer = ImageOffer | LoaderOffer | InstallerOffer;
export type OfferOf<Kind extends Offer['kind']> = Extract<Offer, { readonly kind: Kind }>;

/** A file and its checksum from a trusted list. */
export interface OfferedFile {
  readonly name: string;
  readonly url: string;
  readonly mirrors: readonly string[];
  /** The size as published. Undefined if unknown. */
  readonly bytes: number | undefined;
  readonly digest: Digest;
  /** True for an archive with the files of a boot loader. */
  readonly isArchive?: boolean | undefined;
}

export type OfferNames = Pick<
  OfferBase,
  'source' | 'os' | 'release' | 'architecture' | 'subarchitecture' | 'subarches' | 'label' | 'aliases'
>;

/** Images that are selected; `*` stands for all. */
export interface Selection {
  readonly os: string;
  /** Its name, version or alias. */
  readonly release: string;
  readonly arches: readonly string[];
  readonly subarches: readonly string[];
  readonly labels: readonly string[];
}

export const hasAnyOf = (texts: readonly string[], accepted: readonly string[]): boolean =>
  accepted.includes(ANY) || texts.some((text) => accepted.includes(text));

/**
 * True if a selection includes an image. @param image an offer, or a stored image, of which only
 * the store's names are known
 */
export const matchesSelection = (
  { os, release, arches, subarches, labels }: Selection,
  image: Omit<ImageName, 'serial'> & Partial<OfferNames>,
): boolean =>
  hasAnyOf([image.os], [os]) &&
  hasAnyOf([image.release, ...(image.aliases ?? [])], [release]) &&
  hasAnyOf([image.architecture], arches) &&
  hasAnyOf([image.subarchitecture, ...(image.subarches ?? [])], subarches) &&
  hasAnyOf([image.label], labels);

/** True if the offer has this subarchitecture, by the store's name or by the source's name. */
export const hasSubarchitecture = ({ subarchitecture, subarches }: OfferNames, requestedName: string): boolean =>
  [subarchitecture, subarches?.[0]].includes(requestedName);

/** Stands for all systems, in a source and in a query. */
export const ANY = '*';

/** The image that a person requests: `ubuntu/noble`, `debian/12`. */
export interface OfferQuery {
  readonly os: string;
  /** The name, version or alias of the release. Undefined for all. */
  readonly release: string | undefined;
  /** The architectures. Empty for all. */
  readonly architectures: readonly string[];
  /**
   * The store's name or the source's name. If undefined, the generic one is preferred where there
   * is a choice.
   */
  readonly subarchitecture?: string | undefined;
  /**
   * For each selection, the newest matching version of each product is offered. By default, the
   * newest version of all.
   */
  readonly selections?: readonly Selection[] | undefined;
  /** A further condition. */
  readonly isAccepted?: ((names: OfferNames) => boolean) | undefined;
  /** True if every matching version is offered, newest first. */
  readonly isEveryVersion?: boolean | undefined;
}

export const EVERYTHING: Selection = { os: ANY, release: ANY, arches: [ANY], subarches: [ANY], labels: [ANY] };

/** Lists the conditions of a query. An offer must satisfy one of them. */
export const listQueryConditions = ({
  subarchitecture,
  selections = [EVERYTHING],
  isAccepted,
}: OfferQuery): readonly ((names: OfferNames) => boolean)[] =>
  selections.map(
    (selection) => (names) =>
      matchesSelection(selection, names) &&
      (subarchitecture === undefined || hasSubarchitecture(names, subarchitecture)) &&
      isAccepted?.(names) !== false,
  );

/** The offers of a source, and the reasons why others are missing. */
export interface SourceAnswer {
  readonly source: string;
  readonly offers: readonly Offer[];
  /** All releases of the source, as `ubuntu/noble`, whatever was requested. Undefined if unknown. */
  readonly releases?: readonly string[] | undefined;
  /** Errors `source-failed`, with remedies. After a failed download, the cause is a `DownloadError`. */
  readonly problems: readonly RackError[];
  /** True if nothing of the source could be read. */
  readonly isUnread?: boolean | undefined;
}

/** Bound on the releases of a source. The site of MAAS has some 30. */
const RELEASES_MAX = 500;

export const limitReleases = (names: Iterable<string>): readonly string[] => [...new Set(names)].slice(0, RELEASES_MAX);

/**
 * Finds the most similar release, as `ubuntu/noble`. Undefined if none is similar, or if the
 * answers contain the release itself.
 * @param os ANY for releases of any system
 */
export function nearestRelease(
  answers: readonly Pick<SourceAnswer, 'releases'>[],
  { os, release }: { readonly os: string; readonly release: string },
): string | undefined {
  const allReleases = answers.flatMap(({ releases = [] }) => releases);
  const systemReleases = allReleases.filter((name) => os === ANY || name.startsWith(`${os}/`));
  const byRelease = new Map(systemReleases.map((name) => [name.slice(name.indexOf('/') + 1), name]));
  if (release === ANY || byRelease.has(release)) return undefined;
  if (byRelease.size === 0) return findNearestName(`${os}/${release}`, allReleases);
  return byRelease.get(findNearestName(release, [...byRelease.keys()]) ?? '');
}

/** True if every part of a source failed, and there was one. */
export const haveAllFailed = (answers: readonly unknown[]): boolean =>
  answers.length > 0 && answers.every((answer) => answer instanceof RackError);

/**
 * Lists problems without repeated messages. If a site does not answer, each of its releases has the
 * same problem.
 */
export const listDistinctProblems = (answers: readonly unknown[]): readonly RackError[] => [
  ...new Map(
    answers.flatMap((answer) => (answer instanceof RackError ? [[answer.message, answer] as const] : [])),
  ).values(),
];

export const pickOffers = <Kind extends Offer['kind']>(
  offers: readonly Offer[],
  kind: Kind,
): readonly OfferOf<Kind>[] => offers.filter((offer): offer is OfferOf<Kind> => offer.kind === kind);

/**
 * Formats the name for people: `ubuntu/noble/amd64`, `installer/debian/bookworm/amd64`, or
 * `bootloader/uefi/amd64`, which is also the directory in the boot tree.
 */
export const offerName = ({
  kind,
  os,
  release,
  architecture,
  subarchitecture = GENERIC,
}: Pick<Offer, 'kind' | 'os' | 'release' | 'architecture'> & { readonly subarchitecture?: string }): string =>
  [
    ...(kind === 'installer' ? [INSTALLER] : []),
    ...[os, release, architecture],
    ...(subarchitecture === GENERIC ? [] : [subarchitecture]),
  ].join('/');

const GENERIC = 'generic';

export const listDigests = ({ files }: Offer): readonly string[] => files.map(({ digest }) => digest.hex);

/** Sums the published sizes of an offer's files. Undefined if one is unknown. */
export const sumOfferBytes = ({ files }: Offer): number | undefined => sumOfSizes(files.map(({ bytes }) => bytes));

/** Sums sizes. Undefined if one is undefined. */
export const sumOfSizes = (sizes: readonly (number | undefined)[]): number | undefined =>
  sizes.reduce((sum, bytes) => (sum === undefined || bytes === undefined ? undefined : sum + bytes), 0);

/** Formats a key that differs for offers of different files, even if only the kernel differs. */
export function formatOfferContentKey(offer: Offer): string {
  if (offer.kind !== 'image') return formatFilesKey(listDigests(offer));
  const [{ digest }, ...others] = offer.files;
  return formatContentKey(
    digest,
    others.map((file) => [file.name, file.digest.hex]),
  );
}

/** The `formatOfferContentKey` of a part with the given digests. */
export const formatFilesKey = (digests: readonly string[]): string => JSON.stringify([...new Set(digests)].sort());

/**
 * The `formatOfferContentKey` of the offer from which an image was imported. Undefined if it was
 * added by hand.
 */
export const formatImportedContentKey = ({ origin, system }: StoredImage): string | undefined =>
  origin === undefined
    ? undefined
    : formatContentKey(
        origin,
        system?.files.map(({ name, sha256 }) => [name, sha256]),
      );

const formatContentKey = (
  { algorithm, hex }: Digest | ImageOrigin,
  files: readonly (readonly [name: string, hex: string])[] = [],
): string => JSON.stringify([algorithm, hex, files.toSorted(([oneName], [other]) => (oneName < other ? -1 : 1))]);

/** True if an image was imported from the offered files, under the offered name. */
export const isImportedFrom = (image: StoredImage, offer: ImageOffer): boolean =>
  isSameName(image, offer) &&
  (offer.serial === undefined || offer.serial === image.serial) &&
  formatImportedContentKey(image) === formatOfferContentKey(offer);

/** The first part of an installer's name, and its label in the region. */
export const INSTALLER = 'installer';

export const installerNames = (
  names: Pick<OfferNames, 'source' | 'os' | 'release' | 'architecture'>,
): Omit<OfferNames, 'subarches'> => ({ ...names, subarchitecture: GENERIC, label: INSTALLER, aliases: [] });

/** Describes why an installer is not from the updates of its release. Undefined if it is from them. */
export const describeLeftOutUpdates = (offer: InstallerOffer): string | undefined =>
  offer.leftOut === undefined
    ? undefined
    : `${offerName(offer)} is that of ${offer.base} itself, without ${offer.base}-updates, which may have a newer one: ${offer.leftOut}`;

/** The first part of a boot loader's name, and its directory in the boot tree. */
export const LOADER = 'bootloader';

/** Files of a boot loader or an installer. */
export const PART_FILES_MAX = 256;

/** Converts a serial into the store's form. Undefined if it has no date. */
export function storedSerial(serial: string): string | undefined {
  const [, day = '', number] = /(?<!\d)(20\d{6})(?:[._](\d{1,4}))?(?!\d)/.exec(serial) ?? [];
  if (day === '') return undefined;
  return number === undefined ? day : `${day}.${Number(number)}`;
}

/**
 * Offers of the same thing, the preferred one first. An offer with another checksum is tried only
 * if no server delivered the previous one.
 */
export type Preferred<T> = readonly [T, ...(readonly T[])];

export function joinOffers<T extends Offer>([first, ...others]: Preferred<T>): Preferred<T> {
  const sameContent = others.filter((offer) => formatOfferContentKey(offer) === formatOfferContentKey(first));
  const joinedOffer = addMirrors(first, sameContent);
  const [nextOffer, ...laterOffers] = others.filter((offer) => !sameContent.includes(offer));
  return nextOffer === undefined ? [joinedOffer] : [joinedOffer, ...joinOffers([nextOffer, ...laterOffers])];
}

function addMirrors<T extends Offer>(offer: T, others: readonly Offer[]): T {
  const otherFiles = others.flatMap(({ files }) => files);
  const addFileMirrors = (file: OfferedFile): OfferedFile => {
    const sameFiles = otherFiles.filter(({ digest }) => digest.hex === file.digest.hex);
    const urls = new Set([...file.mirrors, ...sameFiles.flatMap(({ url, mirrors }) => [url, ...mirrors])]);
    return { ...file, mirrors: [...urls].filter((url) => url !== file.url) };
  };
  const [first, ...rest] = offer.files;
  return { ...offer, files: [addFileMirrors(first), ...rest.map(addFileMirrors)] };
}
