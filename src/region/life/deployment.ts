// The images that can be deployed: the port to the image store. The region knows an image's path and digest; it never opens one.

import type { ImageWish } from '../../images/image-store.ts';
import type { ImageSigns, StoredSystem } from '../../images/stored-system.ts';
import { nearestName } from '../../nearest-name.ts';
import type { Machine } from '../records/machine.ts';
import type { RackImage } from '../records/rack.ts';
import { didYouMean, type RefusalWord, refusal } from '../records/refusal.ts';

export interface DeployableImage {
  readonly os: string;
  readonly release: string;
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
  /** `raw`, `raw.zst` for a disk; `squashfs`, `root.tar`, `root.gz` for a root file system. */
  readonly format: string;
  /** The kernel and initrd that boot a root file system; undefined: the image contains its own. */
  readonly starts?: { readonly kernel: StartFile; readonly initrd: StartFile } | undefined;
  /** The stream's name of that kernel; undefined: unknown. */
  readonly system?: { readonly subarch: string } | undefined;
  /** `generic` if that kernel is the release's own; undefined: unknown. */
  readonly subarchitecture?: string | undefined;
  readonly diskBytes?: number | undefined;
}

interface StartFile {
  readonly path: string;
  readonly sha256: string;
}

export interface ListedImage {
  readonly os: string;
  readonly release: string;
  readonly architecture: string;
  readonly subarchitecture: string;
  readonly label: string;
  readonly serial: string;
  readonly title: string;
  readonly kind?: 'loader' | 'installer' | undefined;
  readonly bytes: number;
  /** Size on the disk; undefined: unknown. */
  readonly diskBytes?: number | undefined;
  readonly sha256: string;
  /**
   * The name of the root of a system, its further files, which racks do not report, and the stream's name of its kernel, which older racks do
   * not report; undefined: a disk.
   */
  readonly system?: (Pick<StoredSystem, 'rootName' | 'files'> & { readonly subarch?: string | undefined }) | undefined;
  /** How a disk image starts and is set up; undefined: unknown. */
  readonly signs?: ImageSigns | undefined;
  /** The source from which it was imported; undefined: a person added it, or a rack reported it. */
  readonly origin?: { readonly source: string } | undefined;
  /** The hosts of the region that have these bytes, by name; undefined: a rack reported it. */
  readonly hosts?: readonly string[] | undefined;
  /** True if only remote racks have it. */
  readonly isReported?: boolean | undefined;
  /** True if those racks copied it from the region. */
  readonly isCopy?: boolean | undefined;
}

/** Ordered by name; the newest image of a name comes first. */
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

/** The name of the kernel with which an image starts; undefined: it contains its own. */
export const kernelOf = ({ starts, system }: DeployableImage): string | undefined =>
  starts === undefined ? undefined : system?.subarch;

/** The first letters of Ubuntu's releases, from 12.04, each half a year after the last. Their kernels were named after them. */
const LETTERS = 'pqrstuvwxyz';
const FIRST_YEAR = 12;
const SPRING = 4;
const AUTUMN = 10;

/**
 * A number that orders Ubuntu's kernels by their age, from their names: `hwe-t`, `ga-24.04`, `hwe-24.04`, `hwe-24.04-edge`, `hwe-rolling`.
 * `undefined` for any other name.
 */
export function kernelRank(name: string): number | undefined {
  const [, kind, release = '', rest = ''] =
    /^(ga|hwe)-(\d{2}\.\d{2}|[p-z]|rolling)((?:-[a-z0-9.]{1,32}){0,3})$/.exec(name) ?? [];
  if (kind === undefined) return undefined;
  if (release === 'rolling') return Number.MAX_SAFE_INTEGER;
  const letter = LETTERS.indexOf(release);
  const [year = 0, month = 0] =
    letter >= 0
      ? [FIRST_YEAR + Math.floor(letter / 2), letter % 2 === 0 ? SPRING : AUTUMN]
      : release.split('.').map(Number);
  // `hwe-t` is the first kernel of its release, like `ga-14.04`; `hwe-24.04` is a later one than `ga-24.04`.
  const isFirst = kind === 'ga' || letter >= 0;
  const step = isFirst ? 0 : rest.split('-').includes('edge') ? 2 : 1;
  return (year * 100 + month) * 3 + step;
}

/** True if a kernel is older than the oldest that is wanted. One whose age is unknown is not. */
export function isOlderKernel(name: string | undefined, least: string | undefined): boolean {
  const [rank, wanted] = [name, least].map((one) => (one === undefined ? undefined : kernelRank(one)));
  return rank !== undefined && wanted !== undefined && rank < wanted;
}

/** The refusal for a system without an image that fits the machine. It suggests the name that the person probably meant, or any if none is named. */
export function refuseImage(
  { architecture, subarchitecture, hostname }: Pick<Machine, 'architecture' | 'subarchitecture' | 'hostname'>,
  osystem: string,
  release: string,
  images: readonly ListedImage[],
): RefusalWord {
  const fitting = images.filter((image) => image.architecture === architecture);
  const names = fitting.map((image) => `${image.os}/${image.release}`);
  if (release === '' && names.length > 0) {
    const example = names.find((name) => name.startsWith(`${osystem}/`)) ?? names[0] ?? '';
    return refusal(
      'image-missing',
      `name the system to deploy on ${hostname}, for example ${example}: there is no default, which default_osystem and default_distro_series set`,
    );
  }
  const nearest = nearestName(release, [...new Set(fitting.map((image) => image.release))]);
  const meant =
    osystem === ''
      ? names.find((name) => name.endsWith(`/${nearest}`))
      : nearestName(`${osystem}/${release}`, [...new Set(names)]);
  const system = `${osystem === '' ? '' : `${osystem}/`}${release}`;
  return refusal(
    'image-missing',
    `there is no image of ${system === '' ? 'any system' : system} for ${architecture}/${subarchitecture}.${didYouMean(meant)} \`rackboot images list\` shows all images; \`rackboot images make-debian\` builds one, \`rackboot images add\` adds an existing one.`,
  );
}
