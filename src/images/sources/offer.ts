// Images, installers and boot loaders that a source offers.

import { RackError } from '../../ground/errors.ts';
import { nearestName } from '../../ground/nearest-name.ts';
import type { Digest } from '../download/request.ts';
import { type ImageName, isSameName, type StoredImage } from '../store/image-store.ts';
import type { ImageOrigin } from '../store/stored-system.ts';

/** A message lists so many names, and counts the others. */
export const NAMED_MAX = 8;

interface OfferBase extends Omit<ImageName, 'serial'> {
  readonly source: string;
  /** `Debian 12 (bookworm)`; of a boot loader, the site's name: `grub-efi-signed`. */
  readonly title: string;
  /** `20240131` or `20240131.2`; undefined: the source names none. */
  readonly serial: string | undefined;
  /** `24.04`, `lts`. */
  readonly aliases: readonly string[];
  /** By the site's names, its own first; undefined: only its own. */
  readonly subarches?: readonly string[] | undefined;
  readonly files: readonly [OfferedFile, ...(readonly OfferedFile[])];
}

/** The first file is the disk, or the root of a system, followed by its kernel, initrd … */
export interface ImageOffer extends OfferBase {
  readonly kind: 'image';
  /** `2029-05-31`; undefined: unknown. */
  readonly supportEnds: string | undefined;
  readonly system?: OfferedSystem | undefined;
}

export interface OfferedSystem {
  readonly subarch: string;
  readonly kind: 'squashfs' | 'root-archive' | 'root-image';
}

/**
 * A boot loader for one architecture. Its system is LOADER; its release is its type: `uefi`, `pxe`,
 * `open-firmware`.
 */
export interface LoaderOffer extends OfferBase {
  readonly kind: 'loader';
}

/** An installer for one architecture: kernel, initrd and, if the initrd loads one, its disc. */
export interface InstallerOffer extends OfferBase {
  readonly kind: 'installer';
  readonly base: string;
  /** Why updates with a perhaps newer installer were left out; undefined: they were not. */
  readonly leftOut?: string | undefined;
  /** The configuration key of its mirror. */
  readonly mirrorKey?: string | undefined;
  /** From another Rackboot, which has added the drivers. */
  readonly isPrebuilt?: boolean | undefined;
}

export type Offer = ImageOffer | LoaderOffer | InstallerOffer;
export type OfferOf<Kind extends Offer['kind']> = Extract<Offer, { readonly kind: Kind }>;

/** A file and its checksum from a trusted list. */
export interface OfferedFile {
  readonly name: string;
  readonly url: string;
  readonly mirrors: readonly string[];
  /** As published; undefined: unknown. */
  readonly bytes: number | undefined;
  readonly digest: Digest;
  /** The files of a boot loader, to be unpacked. */
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

export const isAmong = (texts: readonly string[], wanted: readonly string[]): boolean =>
  wanted.includes(ANY) || texts.some((text) => wanted.includes(text));

/** @param image an offer, or an image that is there, of which only the store's names are known */
export const matches = (
  { os, release, arches, subarches, labels }: Selection,
  image: Omit<ImageName, 'serial'> & Partial<OfferNames>,
): boolean =>
  isAmong([image.os], [os]) &&
  isAmong([image.release, ...(image.aliases ?? [])], [release]) &&
  isAmong([image.architecture], arches) &&
  isAmong([image.subarchitecture, ...(image.subarches ?? [])], subarches) &&
  isAmong([image.label], labels);

/** True if a person may mean the offer by this name of the store's or the source's. */
export const hasSubarchitecture = ({ subarchitecture, subarches }: OfferNames, wanted: string): boolean =>
  [subarchitecture, subarches?.[0]].includes(wanted);

/** Stands for all systems, of a source and in a wish. */
export const ANY = '*';

/** The image that a person requests: `ubuntu/noble`, `debian/12`. */
export interface OfferWish {
  readonly os: string;
  /** Its name, version or alias; undefined: all. */
  readonly release: string | undefined;
  /** Empty: all. */
  readonly architectures: readonly string[];
  /** By the store's name or the source's; undefined: the generic one if there is a choice. */
  readonly subarchitecture?: string | undefined;
  /** The newest version of each product that each of them matches is offered. Default: the newest of all. */
  readonly selections?: readonly Selection[] | undefined;
  /** A further condition. */
  readonly isWanted?: ((names: OfferNames) => boolean) | undefined;
  /** Every matching version is offered, newest first. */
  readonly isEveryVersion?: boolean | undefined;
}

export const EVERYTHING: Selection = { os: ANY, release: ANY, arches: [ANY], subarches: [ANY], labels: [ANY] };

/** What an offer must match to be wished: one of these. */
export const wishConditions = ({
  subarchitecture,
  selections = [EVERYTHING],
  isWanted,
}: OfferWish): readonly ((names: OfferNames) => boolean)[] =>
  selections.map(
    (selection) => (names) =>
      matches(selection, names) &&
      (subarchitecture === undefined || hasSubarchitecture(names, subarchitecture)) &&
      isWanted?.(names) !== false,
  );

/** The offers of a source, and the reasons why others are missing. */
export interface SourceAnswer {
  readonly source: string;
  readonly offers: readonly Offer[];
  /** As `ubuntu/noble`, whatever was requested; undefined: unknown. */
  readonly releases?: readonly string[] | undefined;
  /** `source-failed`, with remedies. A failed download has an `DownloadError` as cause. */
  readonly problems: readonly RackError[];
  /** Nothing of the source could be read. */
  readonly isUnread?: boolean | undefined;
}

/** The site of MAAS has some 30. */
const RELEASES_MAX = 500;

export const knownReleases = (names: Iterable<string>): readonly string[] => [...new Set(names)].slice(0, RELEASES_MAX);

/**
 * The most similar release, as `ubuntu/noble`; undefined: none is similar, or the answers have this one.
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

/** True if every part of a source failed, and there was one. */
export const areUnread = (answers: readonly unknown[]): boolean =>
  answers.length > 0 && answers.every((answer) => answer instanceof RackError);

/** Leaves out repeated messages: without an answer, each release has the same problem. */
export const distinctProblems = (answers: readonly unknown[]): readonly RackError[] => [
  ...new Map(
    answers.flatMap((answer) => (answer instanceof RackError ? [[answer.message, answer] as const] : [])),
  ).values(),
];

export const pickOffers = <Kind extends Offer['kind']>(
  offers: readonly Offer[],
  kind: Kind,
): readonly OfferOf<Kind>[] => offers.filter((offer): offer is OfferOf<Kind> => offer.kind === kind);

/**
 * The name for people: `ubuntu/noble/amd64`; `installer/debian/bookworm/amd64`;
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

/** The sum of an offer's bytes as published; undefined: unknown. */
export const sumOfferBytes = ({ files }: Offer): number | undefined => sumOfSizes(files.map(({ bytes }) => bytes));

/** The sum of sizes; undefined if one is. */
export const sumOfSizes = (sizes: readonly (number | undefined)[]): number | undefined =>
  sizes.reduce((sum, bytes) => (sum === undefined || bytes === undefined ? undefined : sum + bytes), 0);

/** Differs for offers of different files, also of another kernel with the same root. */
export function offerContentKey(offer: Offer): string {
  if (offer.kind !== 'image') return contentOfFiles(listDigests(offer));
  const [{ digest }, ...others] = offer.files;
  return contentKey(
    digest,
    others.map((file) => [file.name, file.digest.hex]),
  );
}

/** The `offerContentKey` of a part with these digests. */
export const contentOfFiles = (digests: readonly string[]): string => JSON.stringify([...new Set(digests)].sort());

/** The `offerContentKey` of an image's offer; undefined: added by hand. */
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
export const isImportedFrom = (image: StoredImage, offer: ImageOffer): boolean =>
  isSameName(image, offer) &&
  (offer.serial === undefined || offer.serial === image.serial) &&
  importedContent(image) === offerContentKey(offer);

/** The first part of an installer's name, and its label in the region. */
export const INSTALLER = 'installer';

export const installerNames = (
  names: Pick<OfferNames, 'source' | 'os' | 'release' | 'architecture'>,
): Omit<OfferNames, 'subarches'> => ({ ...names, subarchitecture: GENERIC, label: INSTALLER, aliases: [] });

/** Why an installer is not from the updates of its release; undefined: it is. */
export const leftOutNote = (offer: InstallerOffer): string | undefined =>
  offer.leftOut === undefined
    ? undefined
    : `${offerName(offer)} is that of ${offer.base} itself, without ${offer.base}-updates, which may have a newer one: ${offer.leftOut}`;

/** The first part of a boot loader's name, and its directory in the boot tree. */
export const LOADER = 'bootloader';

/** Files of a boot loader or an installer. */
export const PART_FILES_MAX = 256;

/** Converts a serial into the store's form; undefined: it has no date. */
export function storedSerial(serial: string): string | undefined {
  const [, day = '', number] = /(?<!\d)(20\d{6})(?:[._](\d{1,4}))?(?!\d)/.exec(serial) ?? [];
  if (day === '') return undefined;
  return number === undefined ? day : `${day}.${Number(number)}`;
}

/**
 * Offers of one thing, the preferred one first. One with another checksum is tried only if no
 * server delivered the one before.
 */
export type Preferred<T> = readonly [T, ...(readonly T[])];

export function joinOffers<T extends Offer>([first, ...others]: Preferred<T>): Preferred<T> {
  const same = others.filter((offer) => offerContentKey(offer) === offerContentKey(first));
  const joined = withMirrors(first, same);
  const [next, ...rest] = others.filter((offer) => !same.includes(offer));
  return next === undefined ? [joined] : [joined, ...joinOffers([next, ...rest])];
}

function withMirrors<T extends Offer>(offer: T, others: readonly Offer[]): T {
  const otherFiles = others.flatMap(({ files }) => files);
  const join = (file: OfferedFile): OfferedFile => {
    const same = otherFiles.filter(({ digest }) => digest.hex === file.digest.hex);
    const urls = new Set([...file.mirrors, ...same.flatMap(({ url, mirrors }) => [url, ...mirrors])]);
    return { ...file, mirrors: [...urls].filter((url) => url !== file.url) };
  };
  const [first, ...rest] = offer.files;
  return { ...offer, files: [join(first), ...rest.map(join)] };
}
