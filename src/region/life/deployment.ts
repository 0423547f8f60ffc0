// The images that can be deployed: the port to the image store.
//
// 1. The region knows an image's path and digest; it never opens one.

import type { ImageWish } from '../../images/image-store.ts';
import { nearestName } from '../../nearest-name.ts';
import type { Machine } from '../records/machine.ts';
import type { RackImage } from '../records/rack.ts';
import { type RefusalNamed, refusal } from '../words/refusal.ts';

/** An image as described to a machine. */
export interface DeployableImage {
  readonly os: string;
  readonly release: string;
  /** Its path on the boot listener, with a leading `/`. */
  readonly path: string;
  /** Digest of the served bytes, hexadecimal. */
  readonly sha256: string;
  /** Served size. */
  readonly bytes: number;
  /** `raw`, `raw.zst` for a disk; `squashfs`, `root.tar`, `root.gz` for a root file system. */
  readonly format: string;
  /** The kernel and initrd that boot a root file system; undefined: the image contains its own. */
  readonly starts?: { readonly kernel: StartFile; readonly initrd: StartFile } | undefined;
  /** Size on the disk; undefined: unknown. */
  readonly diskBytes?: number | undefined;
}

/** A file on the boot listener. */
interface StartFile {
  /** With a leading `/`. */
  readonly path: string;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** An image in the list from which people choose. */
export interface ListedImage {
  readonly os: string;
  readonly release: string;
  readonly architecture: string;
  readonly subarchitecture: string;
  readonly label: string;
  /** Increases with each newer image of the same name. */
  readonly serial: string;
  /** For people; empty: none. */
  readonly title: string;
  /** Stored size. */
  readonly bytes: number;
  /** Size on the disk; undefined: unknown. */
  readonly diskBytes?: number | undefined;
  /** Digest of the stored bytes, hexadecimal. */
  readonly sha256: string;
  /** The source from which it was imported; undefined: a person added it, or a rack reported it. */
  readonly origin?: { readonly source: string } | undefined;
  /** The hosts of the region that have these bytes, by name; undefined: a rack reported it. */
  readonly hosts?: readonly string[] | undefined;
  /** True if only remote racks have it. */
  readonly isReported?: boolean | undefined;
}

/** Lists the deployable images, ordered by name; the newest image of a name comes first. */
export type ListImages = () => Promise<readonly ListedImage[]>;

/**
 * Finds the image for a wish; undefined: none.
 * @param available the images of the racks that boot the machine; `undefined`: the images of this host
 */
export type FindImage = (wish: ImageWish, available?: readonly RackImage[]) => DeployableImage | undefined;

/** Parses a system's name: `debian/trixie`, `trixie`, or its two parts separately. `undefined` if it is malformed. */
export function parseSystem(
  osystem: string | undefined,
  series: string | undefined,
): { readonly osystem: string; readonly release: string } | undefined {
  const [first = '', second] = (series ?? '').trim().toLowerCase().split('/');
  const os = (second === undefined ? osystem : first)?.trim().toLowerCase() ?? '';
  const release = second ?? first;
  const isName = (name: string): boolean => /^[a-z0-9][a-z0-9_.+-]{0,62}$/.test(name);
  if (!isName(release) || (os !== '' && !isName(os))) return undefined;
  return { osystem: os, release };
}

/** The refusal for a system without an image that fits the machine. It suggests the name that the person probably meant. */
export function refuseImage(
  { architecture, subarchitecture }: Pick<Machine, 'architecture' | 'subarchitecture'>,
  osystem: string,
  release: string,
  images: readonly ListedImage[],
): RefusalNamed<'image-missing'> {
  const fitting = images.filter((image) => image.architecture === architecture);
  const names = fitting.map((image) => `${image.os}/${image.release}`);
  const nearest = nearestName(release, [...new Set(fitting.map((image) => image.release))]);
  const meant =
    osystem === ''
      ? names.find((name) => name.endsWith(`/${nearest}`))
      : nearestName(`${osystem}/${release}`, [...new Set(names)]);
  const system = `${osystem === '' ? '' : `${osystem}/`}${release}`;
  return refusal('image-missing.image', { system, architecture: `${architecture}/${subarchitecture}`, meant });
}
