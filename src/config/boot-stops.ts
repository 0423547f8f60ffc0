// Finds settings with which machines would not boot from this host's present boot tree: a release
// that is missing, an installer that was never imported. A tree without any image is not judged, as
// the settings may come before the images. Loaders are not judged either, as an entry of
// `boot.loaders` may be the beginning of file names.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { BootConfig } from '../boot/config.ts';
import { findImage, type ImageQuery, isPlainName } from '../boot/images.ts';
import { findImported, formatImportedName, type ImportedName } from '../boot/imported-images.ts';
import { statIfVisible } from '../files/seen-stats.ts';
import { unreachable } from '../ground/errors.ts';

/** The boot settings that are judged. */
export type JudgedBoot = Pick<BootConfig, 'tree' | 'commissioningRelease' | 'enlistWith'>;

/** A setting that would keep machines from booting. */
interface BootStop {
  /** `boot.release` */
  readonly key: string;
  readonly message: string;
}

/** The most names read from one directory of the tree. */
const NAMES_READ_MAX = 256;

/** The kinds of images that machines boot: our environment, an installer, an imported system. */
type ImageKind = ImageQuery['directory'] | 'imported';

/** A kernel and an initrd in the tree. */
interface FoundImage {
  readonly architecture: string;
  /** For an imported system its name: `ubuntu/noble`. */
  readonly release: string;
  readonly kind: ImageKind;
}

/** The images that a setting asks for. */
type WantedImage = Pick<FoundImage, 'release' | 'kind'>;

/**
 * The settings that would keep all machines, or those of one architecture, from booting. Settings
 * as in `before` are not judged.
 */
export function findBootStops(after: JudgedBoot, before?: JudgedBoot): readonly BootStop[] {
  const { tree, commissioningRelease: release, enlistWith } = after;
  if (
    before !== undefined &&
    isSameWanted(enlisting(before), enlisting(after)) &&
    before.commissioningRelease === release
  )
    return [];
  const hasFile = (path: string): boolean => isFile(join(tree, path));
  const own = findImages(tree, hasFile);
  if (own.length === 0) return [];
  const images = [...own, ...(typeof enlistWith === 'object' ? findImportedImages(tree, enlistWith, hasFile) : [])];
  const stops: BootStop[] = [];
  const judge = (key: string, wanted: WantedImage, former: WantedImage | undefined): void => {
    const isThere = images.some((image) => isSameWanted(image, wanted));
    const losing = losingArchitectures(images, wanted, former);
    if (isThere && losing.length === 0) return;
    const message = isThere
      ? losing.map((architecture) => losingText(architecture, wanted, tree, images)).join('. ')
      : `${missingText(wanted, images)}. First: ${commandFor(wanted)}`;
    stops.push({ key, message });
  };
  judge('boot.release', { kind: 'commissioning', release }, before && buildWantedEnvironment(before));
  if (enlistWith !== 'environment') judge('boot.enlist_with', enlisting(after), before && enlisting(before));
  return stops;
}

const buildWantedEnvironment = ({ commissioningRelease: release }: JudgedBoot): WantedImage => ({
  kind: 'commissioning',
  release,
});

/** The images with which new machines enlist. */
function enlisting(boot: JudgedBoot): WantedImage {
  const { commissioningRelease: release, enlistWith } = boot;
  if (enlistWith === 'environment') return buildWantedEnvironment(boot);
  if (enlistWith === 'installer') return { kind: 'install', release };
  return { kind: 'imported', release: formatImportedName(enlistWith) };
}

const isSameWanted = (a: WantedImage, b: WantedImage): boolean => a.kind === b.kind && a.release === b.release;

/**
 * The architectures that can boot with the former setting but not with the wanted one. Without a
 * former one, those that have only other images of the wanted kind.
 */
function losingArchitectures(
  images: readonly FoundImage[],
  wanted: WantedImage,
  former: WantedImage | undefined,
): readonly string[] {
  const architecturesOf = (isOne: (image: FoundImage) => boolean): ReadonlySet<string> =>
    new Set(images.filter(isOne).map(({ architecture }) => architecture));
  const having = architecturesOf((image) => isSameWanted(image, wanted));
  const judged = architecturesOf((image) =>
    former === undefined ? image.kind === wanted.kind && image.kind !== 'imported' : isSameWanted(image, former),
  );
  return [...judged].filter((name) => !having.has(name)).toSorted();
}

function losingText(architecture: string, wanted: WantedImage, tree: string, images: readonly FoundImage[]): string {
  const own = images.filter((image) => image.architecture === architecture);
  const text = missingText(wanted, own, architecture);
  const command = `First: ${commandFor(wanted, architecture)}`;
  return `${text}. ${command}; or, if you have no such machines, remove ${join(tree, architecture)}`;
}

/** The command that gets the images. @param architecture undefined: this host's */
function commandFor({ kind, release }: WantedImage, architecture?: string): string {
  const arch = architecture === undefined ? '' : ` --arch ${architecture}`;
  switch (kind) {
    case 'commissioning':
      return `rackboot images build --release ${release}${arch}`;
    case 'install':
      return `rackboot images import-installer --release ${release}${arch}`;
    case 'imported':
      return `rackboot images import ${release.split('/').slice(0, 2).join('/')} --source maas${arch}`;
    default:
      return unreachable(kind);
  }
}

/** The kinds of images in words. */
const WHAT: Readonly<Record<ImageKind, string>> = {
  commissioning: 'environment of',
  install: 'installer of',
  imported: 'imported system',
};

function missingText({ kind, release }: WantedImage, images: readonly FoundImage[], architecture?: string): string {
  const [whose, of] = architecture === undefined ? ['', ''] : [`${architecture} `, ` for ${architecture}`];
  const end =
    kind === 'commissioning'
      ? `no ${whose}machine could be commissioned or deployed`
      : `no new ${whose}machine would enlist`;
  const there = [...new Set(images.filter((image) => image.kind === kind).map((one) => one.release))].toSorted();
  const what = WHAT[kind];
  const other =
    there.length === 0 ? `no other ${what.replace(/ of$/, '')}${of}` : `the ${what} ${there.join(', ')}${of}`;
  return `the boot tree has no ${what} ${release}${of}, so ${end}; the tree has ${other}`;
}

/** The images of a tree, as `findImage` recognises them. */
function findImages(tree: string, hasFile: (path: string) => boolean): readonly FoundImage[] {
  return listBootDirectory(tree).flatMap((architecture) =>
    listBootDirectory(join(tree, architecture)).flatMap((subarchitecture) =>
      listBootDirectory(join(tree, architecture, subarchitecture)).flatMap((release) =>
        (['commissioning', 'install'] as const).flatMap((directory): readonly FoundImage[] => {
          const query: ImageQuery = { architecture, subarchitecture, releases: [release], directory };
          return findImage(query, hasFile) === undefined ? [] : [{ architecture, release, kind: directory }];
        }),
      ),
    ),
  );
}

/** The imported systems with the operating system of the wanted one, including it if the tree has it. */
function findImportedImages(
  tree: string,
  wanted: ImportedName,
  hasFile: (path: string) => boolean,
): readonly FoundImage[] {
  const { os } = wanted;
  return listBootDirectory(join(tree, os)).flatMap((architecture) =>
    listBootDirectory(join(tree, os, architecture)).flatMap((subarchitecture) =>
      listBootDirectory(join(tree, os, architecture, subarchitecture)).flatMap((release): readonly FoundImage[] => {
        const name: ImportedName = release === wanted.release ? wanted : { os, release, label: undefined };
        const isThere = findImported(name, { architecture, subarchitecture }, hasFile) !== undefined;
        return isThere ? [{ architecture, release: formatImportedName(name), kind: 'imported' }] : [];
      }),
    ),
  );
}

/**
 * The names in a directory; empty if it cannot be read. Problems of the tree itself are reported
 * elsewhere.
 */
function listBootDirectory(directory: string): readonly string[] {
  try {
    return readdirSync(directory).filter(isPlainName).slice(0, NAMES_READ_MAX);
  } catch {
    return [];
  }
}

const isFile = (path: string): boolean => statIfVisible(path)?.isFile() ?? false;
