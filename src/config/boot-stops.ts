// Settings that would keep every machine from booting, given the present boot tree of this host: a release that is missing, an installer
// that was never imported. A tree without any image is not judged: there the settings may come first. Loaders are not judged either: an
// entry of `boot.loaders` may be a prefix of names instead of a file.

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { BootConfig } from '../boot/config.ts';
import { findImage, type ImageQuery, isPlainName } from '../boot/images.ts';

/** The boot settings that are judged. */
export type JudgedBoot = Pick<BootConfig, 'tree' | 'commissioningRelease' | 'enlistWith'>;

/** A setting that would keep machines from booting, and what to do first. */
export interface BootStop {
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

/** Why machines would not boot. Settings unchanged from `before` are not judged. */
export function findBootStops(after: JudgedBoot, before?: JudgedBoot): readonly BootStop[] {
  const { tree, commissioningRelease: release, enlistWith } = after;
  const isNew = before === undefined || before.commissioningRelease !== release || before.enlistWith !== enlistWith;
  if (!isNew) return [];
  const hasFile = (path: string): boolean => isFile(join(tree, path));
  const images = findImages(tree, hasFile);
  if (images.length === 0) return [];
  const stops: BootStop[] = [];
  if (!images.some((one) => one.release === release && one.directory === 'commissioning')) {
    const first = `First: rackboot images build --release ${release}`;
    stops.push({ key: 'boot.release', message: `${missingText(release, 'commissioning', images)}. ${first}` });
  }
  if (enlistWith === 'installer' && !images.some((one) => one.release === release && one.directory === 'install')) {
    const first = `First: rackboot images import-installer --release ${release}`;
    stops.push({ key: 'boot.enlist_with', message: `${missingText(release, 'install', images)}. ${first}` });
  }
  return stops;
}

function missingText(release: string, directory: FoundImage['directory'], images: readonly FoundImage[]): string {
  const [what, end] =
    directory === 'install'
      ? ['installer', 'no new machine would enlist']
      : ['environment', 'no machine could be commissioned or deployed'];
  const there = [...new Set(images.filter((one) => one.directory === directory).map((one) => one.release))].toSorted();
  return `the boot tree has no ${what} of ${release}, so ${end}; it has ${there.length === 0 ? 'none' : there.join(', ')}`;
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

function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
  } catch {
    return false;
  }
}
