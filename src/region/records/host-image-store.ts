// The port to the images of each host of a region with several processes: every process lists all
// of them, and an image is deleted on each host that has it.
//
//   process ─► report ─► store ─► list: every process
//   deletion ─► condemn ─► condemned: the process of each host removes its own, and reports again
//
// House words: a place is the store of images of one host; a condemned image was deleted by a
// person, and still exists at a place.

import type { ImageSigns, StoredSystem } from '../../images/store/stored-system.ts';

/** An image, boot loader or installer as its host reports it. */
export interface HostImage {
  readonly os: string;
  readonly release: string;
  readonly architecture: string;
  readonly subarchitecture: string;
  readonly label: string;
  readonly serial: string;
  readonly title: string;
  readonly bytes: number;
  readonly kind?: 'loader' | 'installer' | undefined;
  /** Size on the disk; undefined: unknown. */
  readonly diskBytes?: number | undefined;
  readonly sha256: string;
  /** Of the root of a system: the digest of all its files, of which `sha256` is the first. */
  readonly filesSha256?: string | undefined;
  /**
   * The root of a system, its further files, which racks do not report, and its kernel, which older
   * racks do not report; undefined: a disk.
   */
  readonly system?: (Pick<StoredSystem, 'rootName' | 'files'> & Partial<Pick<StoredSystem, 'subarch'>>) | undefined;
  /** How a disk image starts and is set up; undefined: unknown. */
  readonly signs?: ImageSigns | undefined;
  /** The source from which it was imported; undefined: a person added it, or a rack reported it. */
  readonly origin?: { readonly source: string } | undefined;
}

/**
 * An image that a process must remove, unless it has other bytes by now. Without `filesSha256`, a
 * system with the same root is meant, too.
 */
export interface CondemnedImage {
  readonly resource: string;
  readonly serial: string;
  readonly sha256: string;
  readonly filesSha256?: string | undefined;
}

/** Tells the condemned images from others, by all their bytes. */
export function condemnedAmong(condemned: readonly CondemnedImage[]): (image: CondemnedImage) => boolean {
  const keys = new Set(condemned.map(condemnedKey));
  return (image) =>
    keys.has(condemnedKey(image)) ||
    (image.filesSha256 !== undefined && keys.has(condemnedKey({ ...image, filesSha256: undefined })));
}

export const condemnedKey = ({ resource, serial, sha256, filesSha256 = '' }: CondemnedImage): string =>
  `${resource}/${serial} ${sha256} ${filesSha256}`;

export interface PlaceImages {
  readonly place: string;
  /** Its process has reported within PRESENT_MS. */
  readonly isPresent: boolean;
  readonly images: readonly HostImage[];
  /** At most IMAGES_MAX. */
  readonly condemned: readonly CondemnedImage[];
}

/**
 * How long a host counts as present after its last report, in milliseconds: longer than its
 * restart.
 */
export const PRESENT_MS = 5 * 60_000;
/** A place that was silent for this long is forgotten, in milliseconds. */
export const PLACE_KEPT_MS = 7 * 24 * 3_600_000;
/** Bound on the places. A further one replaces the one that was silent for the longest time. */
export const PLACES_MAX = 64;

/** Every method is one transaction and may throw RackError `store-unavailable`. */
export interface HostImageStore {
  /** @param removed condemned images that its process has removed */
  report(place: string, images: readonly HostImage[], removed: readonly CondemnedImage[]): Promise<void>;
  condemned(place: string): Promise<readonly CondemnedImage[]>;
  /** Condemns a resource at all places but `exceptAt`, whose process has removed its own. */
  condemn(resource: string, exceptAt: string): Promise<void>;
  list(): Promise<readonly PlaceImages[]>;
}
