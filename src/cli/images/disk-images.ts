// `rackboot images list|remove`: the images from which machines are deployed.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { shellWord } from '../../ground/clean-text.ts';
import { counted, joinNames } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import { formatPartName, type KnownPart, listDamagedParts, listKnownParts } from '../../images/run/part-check.ts';
import {
  findOrigin,
  formatRemovalName,
  getInstallerDirectory,
  listTreeParts,
  type TreePart,
} from '../../images/run/tree-parts.ts';
import {
  COPY_SOURCE,
  formatImageName,
  hasBlob,
  type ImageName,
  readImages,
  type StoreContent,
  type StoredImage,
  sumImageBytes,
  type UnusableManifest,
} from '../../images/store/image-store.ts';
import { listAllInstallers } from '../../images/store/installer-tree.ts';
import { leftOutNote } from '../terminal/config-in-force.ts';
import { formatBytes, print, printError, printJson, printTable } from '../terminal/output.ts';
import { fetchedAgainNote } from './boot-selections.ts';
import { runJob } from './engine.ts';
import { openTreeAsOwner, toReaderError, treeOption } from './image-tree.ts';
import { readImageUse } from './image-use.ts';
import { addedNotes, CANDIDATES_MAX, nearestBeginning, partNote, toSeveralMatchError } from './named-images.ts';
import type { RemoveFlags, StoreFlags } from './options.ts';

function readTree(tree: string): StoreContent {
  try {
    return readImages(tree);
  } catch (error) {
    throw toReaderError(tree, error);
  }
}

/** Lists images and problems. @returns 1 if part of the store is unusable */
export async function listDiskImages(flags: StoreFlags): Promise<number> {
  const { tree, config } = await openTreeAsOwner(flags);
  if (flags.tree !== undefined && !existsSync(tree))
    throw new RackError('not-found', `there is no directory ${tree}: --tree names the boot tree`);
  const { images, problems, unusable } = readTree(tree);
  // The store of the state directory may name it.
  const leftOut = flags.tree !== undefined || config === undefined ? undefined : leftOutNote(config.stateDir);
  const isMissing = (image: StoredImage): boolean => !hasBlob(tree, image);
  const damaged = listDamagedParts(tree);
  if (flags.json) {
    printJson({
      images: images.map((image) => ({ ...image, missing: isMissing(image) })),
      installers: listAllInstallers(tree),
      loaders: listLoaderParts(tree),
      damaged: damaged.map(formatPartName),
      problems,
      notes: leftOut === undefined ? [] : [leftOut],
    });
  } else {
    const rows = images.map((image) => [
      formatImageName(image),
      isMissing(image) ? 'missing' : formatBytes(sumImageBytes(image)),
      formatBytes(image.diskBytes),
      image.sha256.slice(0, 12),
      image.title,
    ]);
    const empty =
      'There are no disk images. `rackboot images available` lists those that `sudo rackboot images import` fetches, such as ubuntu/noble; ' +
      '`sudo rackboot images make-debian` makes one; ' +
      '`rackboot images add FILE --os OS --release RELEASE` adds one that you have.';
    printTable(['IMAGE', 'SIZE', 'ON A DISK', 'SHA256', 'TITLE'], rows, empty);
    printInstallers(tree);
    printLoaders(tree);
    for (const problem of problems) printError(problem);
    for (const line of suggestRemovals(unusable, treeOption(flags))) printError(line);
    const missing = images.filter(isMissing);
    const fetchableCount = missing.filter(({ origin }) => origin !== undefined).length;
    const command = `sudo rackboot images fsck${treeOption(flags)}`;
    if (fetchableCount > 0)
      printError(
        `The bytes of ${counted(fetchableCount, 'image')} are missing or damaged; to get them back: ${command}`,
      );
    for (const [image, note] of [...addedNotes(missing, treeOption(flags))].slice(0, CANDIDATES_MAX))
      printError(`${formatImageName(image)} has lost its bytes: ${note}`);
    for (const line of describeDamage(damaged, treeOption(flags), command)) printError(line);
    if (leftOut !== undefined) printError(`Note: ${leftOut}`);
  }
  return problems.length > 0 || images.some(isMissing) || damaged.length > 0 ? 1 : 0;
}

/**
 * Describes how the files of parts come back. @param command the command that repairs parts of a
 * source
 */
function describeDamage(parts: readonly KnownPart[], treeWords: string, command: string): readonly string[] {
  const [withoutSource, withSource] = [
    parts.filter((part) => findOrigin(part) === undefined),
    parts.filter(findOrigin),
  ];
  return [
    ...(withSource.length === 0
      ? []
      : [
          `Files of ${joinNames(withSource.map(formatPartName), CANDIDATES_MAX)} are missing or damaged; to get them back: ${command}`,
        ]),
    ...withoutSource
      .slice(0, CANDIDATES_MAX)
      .map((part) => `Missing or damaged files of ${formatPartName(part)}: ${partNote(part, [], treeWords)}`),
  ];
}

/** Describes how the unusable manifests are removed. @param treeWords as `treeOption` */
export const suggestRemovals = (unusable: readonly UnusableManifest[], treeWords: string): readonly string[] =>
  unusable.map(({ name }) => `To give that image up: sudo rackboot images remove ${shellWord(name)}${treeWords}`);

function printInstallers(tree: string): void {
  const rows = listAllInstallers(tree).map(({ os, release, architecture, title }) => [
    os === undefined ? release : `${os}/${release}`,
    architecture,
    title,
  ]);
  if (rows.length === 0) return;
  print('');
  printTable(['INSTALLER', 'ARCHITECTURE', 'TITLE'], rows, '');
}

/**
 * The boot loaders and installers with this name, or whose names start with all its parts. An
 * installer is named as `images import` names it or, unless an image has that name, as in the list.
 */
export function findPartsByName(
  parts: readonly TreePart[],
  requestedName: string,
  hasImage: boolean,
): readonly TreePart[] {
  return parts.filter((part) => {
    const name = formatRemovalName(part);
    const shownName = name.slice(name.indexOf('/') + 1);
    return (
      hasNamePrefix(name, requestedName) ||
      (part.kind === 'installer' && !hasImage && hasNamePrefix(shownName, requestedName))
    );
  });
}

/**
 * Finds the directory of a listed installer that Rackboot did not import; undefined if there is
 * none.
 */
function findForeignInstaller(tree: string, requestedName: string): string | undefined {
  const installer = listAllInstallers(tree).find(({ os, release }) => os === undefined && release === requestedName);
  return installer && join(tree, getInstallerDirectory(installer));
}

const listLoaderParts = (tree: string) => listTreeParts(tree).filter(({ kind }) => kind === 'loader');

function printLoaders(tree: string): void {
  const rows = listLoaderParts(tree).map((part) => [formatImageName(part), part.title, part.origin?.source ?? '']);
  if (rows.length === 0) return;
  print('');
  printTable(['BOOT LOADER', 'TITLE', 'SOURCE'], rows, '');
}

/** Asks whether images with similar names were meant; empty if there are none. */
function suggestImages(requestedName: string, names: readonly string[]): string {
  const matchingNames = names.filter((name) => requestedName !== '' && name.startsWith(requestedName));
  return matchingNames.length > 0
    ? `did you mean ${joinNames(matchingNames, CANDIDATES_MAX)}? `
    : nearestBeginning(requestedName, names);
}

const hasNamePrefix = (full: string, name: string): boolean => `${full}/`.startsWith(`${name}/`);

/** The images with this name, or whose names start with all its parts. */
export const findImagesByName = <T extends ImageName>(images: readonly T[], name: string): readonly T[] =>
  images.filter((image) => hasNamePrefix(formatImageName(image), name));

/**
 * Describes what the next import fetches again after a removal; undefined without a running region,
 * which imports nothing now.
 */
async function describeFetchedAgain(stateDir: string, removed: readonly ImageName[]): Promise<string | undefined> {
  if (removed.length === 0) return undefined;
  try {
    return await fetchedAgainNote(stateDir, removed);
  } catch (error) {
    if (error instanceof RackError) return undefined;
    throw error;
  }
}

/** Removes images, and prints the freed space. @returns 0 */
export async function removeDiskImages(flags: RemoveFlags): Promise<number> {
  const imageTree = await openTreeAsOwner(flags);
  const { tree } = imageTree;
  const requestedName = flags.image.replace(/\/+$/, '');
  const { images, unusable } = readTree(tree);
  // A full name may also be the beginning of other names.
  const exactManifests = flags.all ? [] : unusable.filter(({ name }) => name === requestedName);
  const brokenManifests =
    exactManifests.length > 0 ? exactManifests : unusable.filter(({ name }) => hasNamePrefix(name, requestedName));
  const imagesToRemove = exactManifests.length > 0 ? [] : findImagesByName(images, requestedName);
  const allParts = listTreeParts(tree);
  const parts = exactManifests.length > 0 ? [] : findPartsByName(allParts, requestedName, imagesToRemove.length > 0);
  const names = [
    ...imagesToRemove.map(formatImageName),
    ...parts.map(formatRemovalName),
    ...brokenManifests.map(({ name }) => name),
  ];
  if (names.length === 0 && listKnownParts(tree).damagedDirectories.includes(requestedName)) {
    const moved = await runJob(imageTree, 'move-part-aside', { directory: requestedName }, { isSilent: flags.json });
    if (flags.json) printJson({ removed: [], moved: [moved], freed: 0 });
    else
      print(
        `Removed ${requestedName}\nIts manifest is damaged, so its files may be yours: they are now in ${moved}; delete what you do not need.`,
      );
    return 0;
  }
  if (names.length === 0) {
    const foreignDirectory = findForeignInstaller(tree, requestedName);
    if (foreignDirectory !== undefined)
      throw new RackError(
        'bad-argument',
        `no command of Rackboot made the installer ${requestedName}: remove ${foreignDirectory}`,
      );
    const names = [
      ...images.map(formatImageName),
      ...allParts.map(formatRemovalName),
      ...unusable.map(({ name }) => name),
    ];
    const all = `\`rackboot images list${treeOption(flags)}\` names all`;
    throw new RackError(
      'not-found',
      `there is no image ${JSON.stringify(requestedName)}; ${suggestImages(requestedName, names)}${all}`,
    );
  }
  if (names.length > 1 && !flags.all) throw toSeveralMatchError(names);
  const imageUse = await readImageUse(imageTree);
  for (const image of flags.force ? [] : imagesToRemove) {
    const [user] = imageUse.findUsers(image);
    if (user === undefined) continue;
    const why = `${user} is being deployed from ${formatImageName(image)}`;
    throw new RackError(
      'bad-argument',
      `${why}: wait until it ends, or add --force at the risk that the deployment fails`,
    );
  }
  const options = {
    images: imagesToRemove,
    keepsBytes: !imageUse.areUsesKnown,
    parts,
    unusable: brokenManifests.map(({ path }) => path),
  };
  const { moved, freed } = await runJob(imageTree, 'remove', options, { isSilent: flags.json });
  if (flags.json) printJson({ removed: [...imagesToRemove, ...parts], moved, freed });
  else for (const name of names) print(`Removed ${name}`);
  if (flags.json) return 0;
  for (const path of moved) print(`Its unusable manifest is now ${path}`);
  print(`Freed ${formatBytes(freed)}.`);
  const imported = [...imagesToRemove, ...parts].filter(
    ({ origin }) => origin !== undefined && origin.source !== COPY_SOURCE,
  );
  const note = imageTree.stateDir === undefined ? undefined : await describeFetchedAgain(imageTree.stateDir, imported);
  if (note !== undefined) printError(note);
  return 0;
}
