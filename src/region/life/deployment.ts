// The images that can be deployed: the port to the image store. The region never opens one.

import { findNearestName } from '../../ground/nearest-name.ts';
import type { ImageRequest } from '../../images/store/image-store.ts';
import type { HostImage } from '../records/host-image-store.ts';
import type { Machine } from '../records/machine.ts';
import type { RackImage } from '../records/rack.ts';
import { didYouMean, type RefusalWord, refusal } from '../records/refusal.ts';

export interface DeployableImage
  extends Pick<RackImage, 'os' | 'release' | 'path' | 'sha256' | 'bytes' | 'starts' | 'system'>,
    Partial<Pick<RackImage, 'subarchitecture' | 'diskBytes'>> {
  /** `raw`, `raw.zst` for a disk; `squashfs`, `root.tar`, `root.gz` for a root file system. */
  readonly format: string;
}

export interface ListedImage extends Omit<HostImage, 'filesSha256'> {
  /** By name; undefined: a rack reported it. */
  readonly hosts?: readonly string[] | undefined;
  /** Only remote racks have it. */
  readonly isReported?: boolean | undefined;
  /** They copied it from the region. */
  readonly isCopy?: boolean | undefined;
}

/** Lists the images by name; the newest of a name first. */
export type ListImages = () => Promise<readonly ListedImage[]>;

/** @param available the images of the racks that boot the machine; `undefined`: those of this host */
export type FindImage = (wish: ImageRequest, available?: readonly RackImage[]) => DeployableImage | undefined;

/** `debian/trixie`, `trixie`, or the two parts separately. `undefined` if it is malformed. */
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

/** Undefined: the image contains its own. */
export const findKernelPath = ({ starts, system }: DeployableImage): string | undefined =>
  starts === undefined ? undefined : system?.subarch;

/**
 * The letters of Ubuntu's releases from 12.04, each half a year after the last; kernels were named
 * after them.
 */
const LETTERS = 'pqrstuvwxyz';
const FIRST_YEAR = 12;
const SPRING = 4;
const AUTUMN = 10;

/**
 * Orders Ubuntu's kernels by age: `hwe-t`, `ga-24.04`, `hwe-24.04`, `hwe-24.04-edge`,
 * `hwe-rolling`. `undefined` for any other name.
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

/** True for a kernel that is too old; one of unknown age is not. */
export function isOlderKernel(name: string | undefined, least: string | undefined): boolean {
  const [rank, wanted] = [name, least].map((kernel) => (kernel === undefined ? undefined : kernelRank(kernel)));
  return rank !== undefined && wanted !== undefined && rank < wanted;
}

/** Suggests the name that the person probably meant, or any if none is named. */
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
  const nearest = findNearestName(release, [...new Set(fitting.map((image) => image.release))]);
  const closest =
    osystem === ''
      ? names.find((name) => name.endsWith(`/${nearest}`))
      : findNearestName(`${osystem}/${release}`, [...new Set(names)]);
  const system = `${osystem === '' ? '' : `${osystem}/`}${release}`;
  return refusal(
    'image-missing',
    `there is no image of ${system === '' ? 'any system' : system} for ${architecture}/${subarchitecture}.${didYouMean(closest)} \`rackboot images list\` shows all images; \`rackboot images make-debian\` builds one, \`rackboot images add\` adds an existing one.`,
  );
}
