// Settings that would keep every machine from booting, given the present boot tree of this host: a release that is missing, an installer
// that was never imported. A tree without any image is not judged: there the settings may come first. Loaders are not judged either: an
// entry of `boot.loaders` may be a prefix of names instead of a file.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { BootConfig } from '../boot/config.ts';
import { findImage, type ImageQuery, isPlainName } from '../boot/images.ts';
import { seenStats } from '../files/seen-stats.ts';

/** The boot settings that are judged. */
export type JudgedBoot = Pick<BootConfig, 'tree' | 'commissioningRelease' | 'enlistWith'>;

/** A setting that would keep machines from booting, and what to do first. */
interface BootStop {
  /** `boot.release` */
  readonly key: string;
  readonly message: string;
}

/** Names read from one directory of the tree. */
const NAMES_READ_MAX = 256;

/** A kernel and an initrd in the tree. */
interface FoundImage {
  readonly architecture: string;
  readonly release: string;
  readonly directory: ImageQuery['directory'];
}

/** Why machines would not boot, also those of one architecture. Settings unchanged from `before` are not judged. */
export function findBootStops(after: JudgedBoot, before?: JudgedBoot): readonly BootStop[] {
  const { tree, commissioningRelease: release, enlistWith } = after;
  const isNew = before === undefined || before.commissioningRelease !== release || before.enlistWith !== enlistWith;
  if (!isNew) return [];
  const hasFile = (path: string): boolean => isFile(join(tree, path));
  const images = findImages(tree, hasFile);
  if (images.length === 0) return [];
  const stops: BootStop[] = [];
  const judge = (key: string, directory: FoundImage['directory'], command: string): void => {
    const isThere = images.some((one) => one.release === release && one.directory === directory);
    const losing = losingArchitectures(images, directory, release, before);
    if (isThere && losing.length === 0) return;
    const message = isThere
      ? losingText({ losing, release, directory, tree, command }, images)
      : `${missingText(release, directory, images)}. First: ${command} --release ${release}`;
    stops.push({ key, message });
  };
  judge('boot.release', 'commissioning', 'rackboot images build');
  if (enlistWith === 'installer') judge('boot.enlist_with', 'install', 'rackboot images import-installer');
  return stops;
}

/** The architectures that have such images, but not of the release. After a change, only those that could boot before it. */
function losingArchitectures(
  images: readonly FoundImage[],
  directory: FoundImage['directory'],
  release: string,
  before: JudgedBoot | undefined,
): readonly string[] {
  const architecturesOf = (isOne: (image: FoundImage) => boolean): ReadonlySet<string> =>
    new Set(images.filter(isOne).map(({ architecture }) => architecture));
  const having = architecturesOf((one) => one.directory === directory && one.release === release);
  // Before a change to the installer, new machines enlisted with the environment.
  const former = directory === 'install' && before?.enlistWith !== 'environment' ? 'install' : 'commissioning';
  const judged =
    before === undefined
      ? architecturesOf((one) => one.directory === directory)
      : architecturesOf((one) => one.directory === former && one.release === before.commissioningRelease);
  return [...judged].filter((one) => !having.has(one)).toSorted();
}

interface Losing {
  readonly losing: readonly string[];
  readonly release: string;
  readonly directory: FoundImage['directory'];
  readonly tree: string;
  readonly command: string;
}

function losingText({ losing, release, directory, tree, command }: Losing, images: readonly FoundImage[]): string {
  const sentences = losing.map((architecture) => {
    const own = images.filter((one) => one.architecture === architecture);
    const text = missingText(release, directory, own, architecture);
    const build = `First: ${command} --release ${release} --arch ${architecture}`;
    return `${text}. ${build}; or, if you have no such machines, remove ${join(tree, architecture)}`;
  });
  return sentences.join('. ');
}

function missingText(
  release: string,
  directory: FoundImage['directory'],
  images: readonly FoundImage[],
  architecture?: string,
): string {
  const [kind, of] = architecture === undefined ? ['', ''] : [`${architecture} `, ` for ${architecture}`];
  const [what, end] =
    directory === 'install'
      ? ['installer', `no new ${kind}machine would enlist`]
      : ['environment', `no ${kind}machine could be commissioned or deployed`];
  const there = [...new Set(images.filter((one) => one.directory === directory).map((one) => one.release))].toSorted();
  const other = there.length === 0 ? `no other ${what}${of}` : `the ${what} of ${there.join(', ')}${of}`;
  return `the boot tree has no ${what} of ${release}${of}, so ${end}; the tree has ${other}`;
}

/** The images of a tree, as `findImage` recognises them. */
function findImages(tree: string, hasFile: (path: string) => boolean): readonly FoundImage[] {
  return namesIn(tree).flatMap((architecture) =>
    namesIn(join(tree, architecture)).flatMap((subarchitecture) =>
      namesIn(join(tree, architecture, subarchitecture)).flatMap((release) =>
        (['commissioning', 'install'] as const).flatMap((directory): readonly FoundImage[] => {
          const query: ImageQuery = { architecture, subarchitecture, releases: [release], directory };
          return findImage(query, hasFile) === undefined ? [] : [{ architecture, release, directory }];
        }),
      ),
    ),
  );
}

/** The names in a directory; empty if it cannot be read. Problems of the tree itself are reported elsewhere. */
function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory).filter(isPlainName).slice(0, NAMES_READ_MAX);
  } catch {
    return [];
  }
}

const isFile = (path: string): boolean => seenStats(path)?.isFile() ?? false;
