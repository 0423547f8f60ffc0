// Settings with which no machine would boot, as the boot tree of this host is now: a release that is not there, an installer that was never
// imported. A tree without any image stops nothing that could go on: there the settings may come first. Loaders are not judged: what
// `boot.loaders` names may be a prefix of names and no file.

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { BootConfig } from '../boot/config.ts';
import { findImage, type ImageQuery, isPlainName } from '../boot/images.ts';

/** What of the boot settings is judged. */
export type JudgedBoot = Pick<BootConfig, 'tree' | 'commissioningRelease' | 'enlistWith'>;

/** A setting with which machines would not boot, and what to do before. */
export interface BootStop {
  /** `boot.release` */
  readonly key: string;
  readonly message: string;
}

/** Names of one directory of the tree that are looked at. */
const NAMES_READ_MAX = 256;

/** A kernel and an initrd that the tree has. */
interface FoundImage {
  readonly architecture: string;
  readonly release: string;
  readonly directory: ImageQuery['directory'];
}

/** Why machines would not boot; a setting that is as in `before` is not judged. */
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
      : ['environment', 'no machine would be measured or deployed'];
  const there = [...new Set(images.filter((one) => one.directory === directory).map((one) => one.release))].toSorted();
  return `the boot tree has no ${what} of ${release}, so ${end}; there is ${there.length === 0 ? 'none' : there.join(', ')}`;
}

/** The images of a tree, by what `findImage` takes for one. */
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

/** Nothing where it is no directory or cannot be read: what is wrong with the tree itself is said elsewhere. */
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
