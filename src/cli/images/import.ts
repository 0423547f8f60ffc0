// `rackboot images import ubuntu/noble`, `installer/debian/trixie`: imports a disk image, an
// installer or a boot loader of a source. `rackboot images import ./FILE`: imports a file or a
// directory of this host by its content.
//
//   bundle, disc ─▶ their work; disk image, root of a system ─▶ as `images add` (add.ts), if they are named
//   anything else ─▶ refused, with the command for it

import { basename } from 'node:path';
import { readImageSources } from '../../config/image-sources.ts';
import { RackError } from '../../ground/errors.ts';
import type { BundledResult } from '../../images/carry/bundle.ts';
import { describeSystem } from '../../images/content/image-system.ts';
import type { ImportTarget } from '../../images/engine/import-named.ts';
import type { GivenContent, WorkResult } from '../../images/engine/works.ts';
import { KEPT_VERSIONS, removeOlder } from '../../images/run/older-images.ts';
import { describeRoot } from '../../images/run/root-check.ts';
import { readAptMirrors } from '../../images/sources/apt-sources.ts';
import { INSTALLER, LOADER } from '../../images/sources/offer.ts';
import { findSourcesByName, findSourcesOfSystem } from '../../images/sources/offers.ts';
import type { ImageSource } from '../../images/sources/source.ts';
import { findStartFiles, formatImageName, type StoredImage, sumImageBytes } from '../../images/store/image-store.ts';
import type { FileContent } from '../../images/store/publication.ts';
import { configuredMirrors } from '../../region/preseed/configured-mirrors.ts';
import { readGivenFile } from '../terminal/given-file.ts';
import { formatBytes, print, printError, printJson } from '../terminal/output.ts';
import { addOpenedPath } from './add.ts';
import { readSourcesOrWarn } from './boot-sources.ts';
import { configuredProxy, parseLimit } from './download-options.ts';
import { runJob } from './engine.ts';
import { type GivenPath, openGivenPath, readContent, toUnnamedSystemError, toWrongCommandError } from './given-path.ts';
import { type ImageTree, openTreeAsOwner, publishedLines } from './image-tree.ts';
import { readImageUse } from './image-use.ts';
import type { ImportFlags } from './options.ts';

/** Debian's kernels have at most 110 MB. */
const PACKAGE_BYTES_MAX = 512 * 1024 * 1024;

type FileFlags = Omit<ImportFlags, 'image'> & { readonly file: string };

async function importDisc(content: GivenContent, flags: FileFlags): Promise<number> {
  const { file: fileName, json: isSilent } = flags;
  const imageTree = await openTreeAsOwner(flags);
  const options = { fileName, arch: flags.arch, release: flags.release };
  const { directory, files, title, arch, release } = await runJob(imageTree, 'disc', options, { isSilent, content });
  if (isSilent) printJson({ directory, files, title, arch, release });
  else {
    print(`${title} for ${arch}: deploy it as ubuntu/${release} with --by installer`);
    for (const line of publishedLines({ directory, files })) print(line);
  }
  return 0;
}

/**
 * Adds everything in a bundle.
 * @returns 1 if anything was refused, except because this host has a newer one
 */
async function importBundle(content: GivenContent, { json: isSilent, ...flags }: FileFlags): Promise<number> {
  const results: BundledResult[] = [];
  const imageTree = await openTreeAsOwner(flags);
  await runJob(
    imageTree,
    'bundle',
    { fileName: flags.file },
    {
      isSilent,
      content,
      isStoppable: true,
      onResult: (result) => {
        results.push(result);
        if (isSilent) return;
        if (result.kind === 'added') print(`Imported ${result.name}: ${formatBytes(result.bytes)}`);
        if (result.kind === 'there') print(`${result.name} is already there.`);
      },
    },
  );
  if (isSilent) printJson({ images: results });
  for (const result of isSilent ? [] : results)
    if (result.kind === 'newer') print(`Left ${result.name} as it is: ${result.why}.`);
    else if (result.kind === 'refused') printError(`${result.name} was not imported: ${result.why}`);
  return results.some(({ kind }) => kind === 'refused') ? 1 : 0;
}

/** True for a path or the ending of a file, which images of sources lack. */
const isFileName = (name: string): boolean =>
  /^[./]|\.(?:tar|tgz|txz|tbz|gz|xz|zst|bz2|iso|img|raw|qcow2|squashfs|sqfs)$/i.test(name);

async function importFile(flags: FileFlags): Promise<number> {
  // Open the file before switching users, because the owner of the state directory may be unable to
  // read it.
  const opened = await openGivenPath(flags.file);
  try {
    return await importOpened(opened, flags);
  } finally {
    await opened.handle.close();
  }
}

async function importOpened(given: GivenPath, flags: FileFlags): Promise<number> {
  const { os, release, arch, file } = flags;
  if (given.kind === 'file' && given.recognised.kind === 'bundle')
    return await importBundle(await readContent(given.handle, file), flags);
  if (given.kind === 'file' && given.recognised.kind === 'disc')
    return await importDisc(await readContent(given.handle, file), flags);
  if (os !== undefined && release !== undefined) {
    if (arch.includes(',')) throw new RackError('bad-argument', `${file} is for one architecture: name it with --arch`);
    const defaultFields = { subarch: flags.subarch ?? 'generic', label: 'release' };
    return await addOpenedPath(given, { ...flags, ...defaultFields, os, release });
  }
  if (given.kind === 'file') throw toWrongCommandError(file, given.recognised);
  throw given.recognised === 'system'
    ? toUnnamedSystemError(file)
    : toWrongCommandError(file, { kind: given.recognised });
}

type ImportResult = WorkResult<'import'>;

interface ImportOptions extends Pick<ImportFlags, 'json'> {
  readonly bytesPerSecondMax?: number | undefined;
  readonly packages?: readonly FileContent[] | undefined;
}

/** Imports the named image for each architecture, or a file, and prints the results. @returns 0 */
export async function importByName(flags: ImportFlags & { readonly image: string }): Promise<number> {
  if (isFileName(flags.image)) return importFile({ ...flags, file: flags.image });
  for (const flag of ['os', 'title'] as const)
    if (flags[flag] !== undefined)
      throw new RackError(
        'bad-argument',
        `--${flag} is only for a file of this host, such as ./root.tar.xz: leave it out`,
      );
  const { os, release, isInstaller } = parseName(flags.image);
  const mirror = flags.mirror === undefined ? {} : { mirror: parseMirror(flags.mirror) };
  // Read the sources before switching users, because the owner of the state directory may be unable
  // to read them. Another Rackboot also offers installers, if its source is named.
  const hasNamedSource = isInstaller && flags.source !== undefined;
  const fileSources = readImageSources(flags).filter(
    ({ kind }) => hasNamedSource || (kind === 'installer') === isInstaller,
  );
  const bytesPerSecondMax = parseLimit(flags.limit);
  const packages = flags.package?.map((file) => ({
    name: basename(file),
    data: readGivenFile(file, PACKAGE_BYTES_MAX),
  }));
  const imageTree = await openTreeAsOwner(flags);
  const usesFileSources = (isInstaller && !hasNamedSource) || fileSources.some(({ name }) => name === flags.source);
  const availableSources = usesFileSources ? fileSources : await readSourcesOrWarn(fileSources, imageTree.config);
  const matchingSources =
    flags.source === undefined
      ? availableSources.filter((source) => source.kind !== 'simplestreams' || !source.isByName)
      : findSourcesByName(availableSources, flags.source);
  const sources = findSourcesOfSystem(matchingSources, os).map((source) => ({ ...source, ...mirror }));
  const kind = isInstaller ? 'installer' : os === LOADER ? 'loader' : 'image';
  const results: unknown[] = [];
  for (const architecture of flags.arch.split(',')) {
    const names = { os, release, architecture: architecture.trim(), subarchitecture: flags.subarch };
    const imported = await importFrom(imageTree, { kind, ...names }, sources, {
      ...flags,
      bytesPerSecondMax,
      packages,
    });
    results.push(await showImported(imported, imageTree, flags));
  }
  if (flags.json) printJson(results.length === 1 ? results[0] : results);
  return 0;
}

/** Runs an import job. @throws RackError as the job */
export async function importFrom(
  imageTree: ImageTree,
  wanted: ImportTarget,
  sources: readonly ImageSource[],
  { bytesPerSecondMax, packages, json }: ImportOptions,
): Promise<ImportResult> {
  const { config } = imageTree;
  const deps = { configured: configuredMirrors(config), proxy: configuredProxy(config), bytesPerSecondMax };
  return await runJob(
    imageTree,
    'import',
    { wanted, sources, ...deps, packages },
    { isSilent: json, isStoppable: true },
  );
}

/** Prints what was imported, and removes older images. @returns the result for JSON */
async function showImported(imported: ImportResult, imageTree: ImageTree, { json }: ImportFlags): Promise<unknown> {
  if ('image' in imported) {
    const { offer: from, ...result } = imported;
    const removed = result.added ? await removeOlderThan(result.image, imageTree) : [];
    if (!json) {
      const name = formatImageName(result.image);
      print(
        result.added ? `Imported ${name}: ${formatBytes(sumImageBytes(result.image))}` : `${name} is already there.`,
      );
      if (result.added && result.system !== undefined)
        print(`Judging by its content, ${describeSystem(result.system)}.`);
      if (result.root !== undefined)
        print(
          `Judging by its content, ${describeRoot(result.root, findStartFiles(result.image).starts !== undefined)}.`,
        );
      for (const image of removed) print(`Removed the older ${formatImageName(image)}`);
    }
    return { ...result, removed, source: from.source, url: from.files[0].url };
  }
  const { directory, files, offer } = imported;
  if (!json) for (const line of publishedLines(imported)) print(line);
  return { directory, files, source: offer.source, ...('leftOut' in offer ? { leftOut: offer.leftOut } : {}) };
}

function removeOlderThan(image: StoredImage, imageTree: ImageTree): Promise<readonly StoredImage[]> {
  const { tree, config } = imageTree;
  const options = { isSilent: true };
  return removeOlder(image, {
    tree,
    keptVersions: config?.region.importKeptVersions ?? KEPT_VERSIONS,
    use: () => readImageUse(imageTree),
    remove: (images) => runJob(imageTree, 'remove', { images, keepsBytes: true }, options),
    sweep: (doomed) => runJob(imageTree, 'sweep', { doomed }, options),
  });
}

function parseName(image: string): { readonly os: string; readonly release: string; readonly isInstaller: boolean } {
  const parts = image.split('/');
  const isInstaller = parts[0] === INSTALLER;
  const [os = '', release = '', ...surplus] = isInstaller ? parts.slice(1) : parts;
  if (os !== '' && release !== '' && surplus.length === 0) return { os, release, isInstaller };
  const remedy =
    'name system and release, such as ubuntu/noble or installer/debian/trixie (`rackboot images available` lists all), or a file or directory of this host, such as ./images.tar';
  throw new RackError('bad-argument', `${JSON.stringify(image)} is not an image: ${remedy}`);
}

function parseMirror(mirror: string): string {
  const [mirrorUrl] = readAptMirrors(`deb ${mirror} x main`, 'list');
  if (mirrorUrl !== undefined) return mirrorUrl;
  throw new RackError(
    'bad-argument',
    `--mirror ${JSON.stringify(mirror)} is not a URL: write one such as http://ftp.debian.org/debian`,
  );
}
