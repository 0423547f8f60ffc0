// What may be put onto a machine's disk: the port to the store of images.
//
// 1. The region knows where an image is and what it must be; it never opens one.

import type { RackImage } from '../records/rack.ts';

/** An image as a machine is told of it. */
export interface DeployableImage {
  readonly os: string;
  readonly release: string;
  /** Where the boot listener has it, with a leading `/`. */
  readonly path: string;
  /** Of the bytes as they are served; hexadecimal. */
  readonly sha256: string;
  /** As served. */
  readonly bytes: number;
  /** `raw`, `raw.zst`. */
  readonly format: string;
  /** What it fills of a disk; undefined: not known. */
  readonly diskBytes?: number | undefined;
}

/** An image as people choose it. */
export interface ListedImage {
  readonly os: string;
  readonly release: string;
  readonly architecture: string;
  readonly subarchitecture: string;
  readonly label: string;
  /** Grows with each newer image of the same name. */
  readonly serial: string;
  /** For people; empty: none. */
  readonly title: string;
  /** As it is kept. */
  readonly bytes: number;
  /** What it fills of a disk; undefined: not known. */
  readonly diskBytes?: number | undefined;
}

/** Lists what can be deployed, by name, of one name the newest first. */
export type ListImages = () => readonly ListedImage[];

/** What is to be deployed. */
export interface ImageWish {
  readonly os: string;
  readonly release: string;
  /** `amd64`. */
  readonly architecture: string;
  readonly subarchitecture: string;
}

/**
 * Finds the image for a wish; undefined: there is none.
 * @param told what the racks have that boot the machine; undefined: what this host has
 */
export type FindImage = (wish: ImageWish, told?: readonly RackImage[]) => DeployableImage | undefined;

/** What a person calls a system: `debian/trixie`, `trixie`, or its two parts apart. */
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
