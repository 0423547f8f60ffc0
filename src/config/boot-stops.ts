// Finds settings with which machines would not boot from this host's present boot tree: a release
// that is missing, or an installer that was never imported. A tree without any image is not judged,
// because the settings may come before the images. Loaders are not judged either, because an entry
// of `boot.loaders` may be the beginning of file names.

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
    isSameWanted(buildWantedEnlistment(before), buildWantedEnlistment(after)) &&
    before.commissioningRelease === release
  )
    return [];
  const hasFile = (path: string): boolean => isFile(join(tree, path));
  const ownImages = findImages(tree, hasFile);
  if (ownImages.length === 0) return [];
  const images = [
    ...ownImages,
    ...(typeof enlistWith === 'object' ? findImportedImages(tree, enlistWith, hasFile) : []),
  ];
  const stops: BootStop[] = [];
  const judge = (key: string, wantedImage: WantedImage, formerImage: WantedImage | undefined): void => {
    const isPresent = images.some((image) => isSameWanted(image, wantedImage));
    const losing = findLosingArchitectures(images, wantedImage, formerImage);
    if (isPresent && losing.length === 0) return;
    const message = isPresent
      ? losing.map((architecture) => describeLosing(architecture, wantedImage, tree, images)).join('. ')
      : `${describeMissing(wantedImage, images)}. First: ${composeCommand(wantedImage)}`;
    stops.push({ key, message });
  };
  judge('boot.release', { kind: 'commissioning', release }, before && buildWantedEnvironment(before));
  if (enlistWith !== 'environment')
    judge('boot.enlist_with', buildWantedEnlistment(after), before && buildWantedEnlistment(before));
  return stops;
}

const buildWantedEnvironment = ({ commissioningRelease: release }: JudgedBoot): WantedImage => ({
  kind: 'commissioning',
  release,
});

/** The images with which new machines enlist. */
function buildWantedEnlistment(boot: JudgedBoot): WantedImage {
  const { commissioningRelease: release, enlistWith } = boot;
  if (enlistWith === 'environment') return buildWantedEnvironment(boot);
  if (enlistWith === 'installer') return { kind: 'install', release };
  return { kind: 'imported', release: formatImportedName(enlistWith) };
}

const isSameWanted = (a: WantedImage, b: WantedImage): boolean => a.kind === b.kind && a.release === b.release;

/**
 * The architectures that can boot with the former setting but not with the wanted one. Without a
 * former setting: those that have only other images of the wanted kind.
 */
function findLosingArchitectures(
  images: readonly FoundImage[],
  wantedImage: WantedImage,
  formerImage: WantedImage | undefined,
): readonly string[] {
  const listArchitectures = (isMatch: (image: FoundImage) => boolean): ReadonlySet<string> =>
    new Set(images.filter(isMatch).map(({ architecture }) => architecture));
  const architecturesWithImage = listArchitectures((image) => isSameWanted(image, wantedImage));
  const judgedArchitectures = listArchitectures((image) =>
    formerImage === undefined
      ? image.kind === wantedImage.kind && image.kind !== 'imported'
      : isSameWanted(image, formerImage),
  );
  return [...judgedArchitectures].filter((name) => !architecturesWithImage.has(name)).toSorted();
}

function describeLosing(
  architecture: string,
  wantedImage: WantedImage,
  tree: string,
  images: readonly FoundImage[],
): string {
  const ownImages = images.filter((image) => image.architecture === architecture);
  const text = describeMissing(wantedImage, ownImages, architecture);
  const command = `First: ${composeCommand(wantedImage, architecture)}`;
  return `${text}. ${command}; or, if you have no such machines, remove ${join(tree, architecture)}`;
}

/** The command that gets the images. @param architecture `undefined` for this host's */
function composeCommand({ kind, release }: WantedImage, architecture?: string): string {
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
const KIND_TEXTS: Readonly<Record<ImageKind, string>> = {
  commissioning: 'environment of',
  install: 'installer of',
  imported: 'imported system',
};

function describeMissing({ kind, release }: WantedImage, images: readonly FoundImage[], architecture?: string): string {
  const [architecturePrefix, architectureSuffix] =
    architecture === undefined ? ['', ''] : [`${architecture} `, ` for ${architecture}`];
  const consequence =
    kind === 'commissioning'
      ? `no ${architecturePrefix}machine could be commissioned or deployed`
      : `no new ${architecturePrefix}machine would enlist`;
  const presentReleases = [
    ...new Set(images.filter((image) => image.kind === kind).map((image) => image.release)),
  ].toSorted();
  const kindText = KIND_TEXTS[kind];
  const alternatives =
    presentReleases.length === 0
      ? `no other ${kindText.replace(/ of$/, '')}${architectureSuffix}`
      : `the ${kindText} ${presentReleases.join(', ')}${architectureSuffix}`;
  return `the boot tree has no ${kindText} ${release}${architectureSuffix}, so ${consequence}; the tree has ${alternatives}`;
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

/**
 * The imported systems with the operating system of the wanted system, which is included if the
 * tree has it.
 */
function findImportedImages(
  tree: string,
  wantedName: ImportedName,
  hasFile: (path: string) => boolean,
): readonly FoundImage[] {
  const { os } = wantedName;
  return listBootDirectory(join(tree, os)).flatMap((architecture) =>
    listBootDirectory(join(tree, os, architecture)).flatMap((subarchitecture) =>
      listBootDirectory(join(tree, os, architecture, subarchitecture)).flatMap((release): readonly FoundImage[] => {
        const name: ImportedName = release === wantedName.release ? wantedName : { os, release, label: undefined };
        const isPresent = findImported(name, { architecture, subarchitecture }, hasFile) !== undefined;
        return isPresent ? [{ architecture, release: formatImportedName(name), kind: 'imported' }] : [];
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
