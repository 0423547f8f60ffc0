// The port to the images of each host of a region with several processes. Each process reports the images of its own host, so that every
// process lists all of them, and an image is deleted on each host that has it.
//
//   process ─► report ─► store ─► list: every process
//   deletion ─► condemn ─► condemned: the process of each host removes its own, and reports again
//
// House words: a place is the store of images of one host; a condemned image was deleted by a person, and still exists at a place.

import { z } from 'zod';

const name = z.string().max(64);
/** The most files of one system besides its root; `images/stored-system.ts` reads no more. */
const FILES_MAX = 16;

const systemFile = z.object({
  name,
  sha256: z.string().max(64),
  bytes: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
});

/** An image, boot loader or installer as its host reports it; `region/life/deployment.ts` has the meanings. */
export const hostImage = z.object({
  os: name,
  release: name,
  architecture: name,
  subarchitecture: name,
  label: name,
  serial: name,
  title: z.string().max(1024),
  bytes: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  kind: z.enum(['loader', 'installer']).optional(),
  diskBytes: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
  sha256: z.string().max(64),
  /** Of the root of a system: the digest of all its files, of which `sha256` is the first. */
  filesSha256: z.string().max(64).optional(),
  system: z.object({ subarch: name.optional(), rootName: name, files: z.array(systemFile).max(FILES_MAX) }).optional(),
  signs: z.object({ startsByBios: z.boolean(), startsByUefi: z.boolean(), hasCloudInit: z.boolean() }).optional(),
  origin: z.object({ source: z.string().max(2048) }).optional(),
});
export type HostImage = z.output<typeof hostImage>;

/**
 * An image that a process must remove: that of this name and serial, unless it has other bytes by now. Without `filesSha256`, a system with
 * the same root is meant, too.
 */
export const condemnedImage = z.object({
  resource: z.string().max(512),
  serial: name,
  sha256: z.string().max(64),
  filesSha256: z.string().max(64).optional(),
});
export type CondemnedImage = z.output<typeof condemnedImage>;

/** Tells the condemned images from others, by all their bytes. */
export function condemnedAmong(condemned: readonly CondemnedImage[]): (image: CondemnedImage) => boolean {
  const keys = new Set(condemned.map(condemnedKey));
  return (image) =>
    keys.has(condemnedKey(image)) ||
    (image.filesSha256 !== undefined && keys.has(condemnedKey({ ...image, filesSha256: undefined })));
}

/** Differs for different condemned images. */
export const condemnedKey = ({ resource, serial, sha256, filesSha256 = '' }: CondemnedImage): string =>
  `${resource}/${serial} ${sha256} ${filesSha256}`;

/** The images of a place, without the condemned ones. */
export interface PlaceImages {
  readonly place: string;
  /** True if its process has reported within PRESENT_MS. */
  readonly isPresent: boolean;
  readonly images: readonly HostImage[];
  /** At most IMAGES_MAX. */
  readonly condemned: readonly CondemnedImage[];
}

/** How long a place counts as present after its last report, in milliseconds: longer than a restart of its host. */
export const PRESENT_MS = 5 * 60_000;
/** A place that was silent for this long is forgotten, with what is condemned there; in milliseconds. */
export const PLACE_KEPT_MS = 7 * 24 * 3_600_000;
/** Bound on the places. A further one replaces the one that was silent for the longest time. */
export const PLACES_MAX = 64;

/** Every method is one transaction and may throw RackError `store-unavailable`. */
export interface HostImageStore {
  /** Replaces the report of a place. @param removed condemned images that its process has removed */
  report(place: string, images: readonly HostImage[], removed: readonly CondemnedImage[]): Promise<void>;
  /** The images that the process of a place must remove. */
  condemned(place: string): Promise<readonly CondemnedImage[]>;
  /** Condemns the images of a resource at all places but `exceptAt`, whose process has removed its own. */
  condemn(resource: string, exceptAt: string): Promise<void>;
  /** All places. */
  list(): Promise<readonly PlaceImages[]>;
}
