// `rackboot images import ubuntu/noble` and `installer/debian/trixie`: finds a disk image or an installer at its source, downloads and
// verifies it, and adds it to the store or the boot tree.
// `rackboot images import ./FILE`: imports a file or a directory of this host, by what it is (import-file.ts).

import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { readImageSources, type SourceFlags } from '../../config/image-sources.ts';
import { RackError } from '../../errors.ts';
import type { Publication } from '../../images/environment.ts';
import { bytesOfFile } from '../../images/image-file.ts';
import { formatImageName, imageBytes, startsOf } from '../../images/image-store.ts';
import { describeSystem } from '../../images/image-system.ts';
import { requireInstallerPrograms } from '../../images/installer.ts';
import { importDisc } from '../../images/make/disc-installer.ts';
import { describeRoot } from '../../images/run/root-check.ts';
import { readAptMirrors } from '../../images/sources/apt-sources.ts';
import {
  hasSubarchitecture,
  INSTALLER,
  joinOffers,
  LOADER,
  type OfferNames,
  type OfferWish,
} from '../../images/sources/offer.ts';
import { chooseOffers, hasOffer, sourceNamed, sourcesOf } from '../../images/sources/offers.ts';
import type { ImageSource } from '../../images/sources/source.ts';
import { checkGivenFile } from '../terminal/given-file.ts';
import { formatBytes, print, printJson } from '../terminal/output.ts';
import { addOpenedPath } from './add.ts';
import { knownSources } from './boot-sources.ts';
import { openWorkDirectory } from './build.ts';
import { importBundle } from './bundle-files.ts';
import { parseLimit } from './download-limit.ts';
import { type GivenPath, misplaced, openGivenPath, unnamedSystem } from './given-path.ts';
import { enterImageTree } from './image-tree.ts';
import { readImageUse } from './image-use.ts';
import { ImportRun } from './import-run.ts';
import { printTenths } from './tenths.ts';

// `rackboot images import ./FILE`: imports a file or a directory of this host, by its content.
//
//   bundle ─▶ bundle-files.ts; disc ─▶ disc-file.ts; disk image, root of a system ─▶ as `images add` (add.ts), if they are named
//   anything else ─▶ refused, with the command for it

// `rackboot images import FILE.iso`: the installer on the disc of Ubuntu's live server.

interface DiscFlags {
  readonly config: string;
  readonly tree?: string | undefined;
  readonly file: string;
  readonly arch: string;
  readonly release?: string | undefined;
  readonly json: boolean;
}

/** Imports the installer of a disc, and prints its files. @param file the open disc, which the caller closes @returns 0 */
async function importDiscFile(file: FileHandle, flags: DiscFlags): Promise<number> {
  const { tree } = await enterImageTree(flags);
  const bytes = await bytesOfFile(file, flags.file);
  const { directory, files, title, arch, release } = await importDisc({
    tree,
    file: bytes,
    fileName: flags.file,
    whenCopied: () => bytes.checkUnchanged(),
    arch: flags.arch,
    release: flags.release,
    onProgress: printTenths(flags.json),
  });
  if (flags.json) printJson({ directory, files, title, arch, release });
  else {
    print(`${title} for ${arch}: deploy it as ubuntu/${release} with --by installer`);
    for (const { name, bytes, sha256 } of files)
      print(`${join(directory, name)}  ${formatBytes(bytes)}  sha256 ${sha256.slice(0, 16)}…`);
  }
  return 0;
}

interface ImportFileFlags {
  readonly config: string;
  readonly tree?: string | undefined;
  readonly file: string;
  readonly arch: string;
  readonly os?: string | undefined;
  readonly release?: string | undefined;
  readonly subarch?: string | undefined;
  readonly title?: string | undefined;
  readonly json: boolean;
}

/** True for a path, or a name with the ending of a file: images of sources have neither. */
const isFileName = (name: string): boolean =>
  /^[./]|\.(?:tar|tgz|txz|tbz|gz|xz|zst|bz2|iso|img|raw|qcow2|squashfs|sqfs)$/i.test(name);

/** Imports a file or a directory, and prints the result. @returns 0 @throws RackError `bad-argument` with the right command */
async function importFile(flags: ImportFileFlags): Promise<number> {
  // Opened before switching users: the owner of the state directory may have no right to read it.
  const given = await openGivenPath(flags.file);
  try {
    return await importOpened(given, flags);
  } finally {
    await given.handle.close();
  }
}

async function importOpened(given: GivenPath, flags: ImportFileFlags): Promise<number> {
  if (given.kind === 'file' && given.is.kind === 'bundle') return await importBundle(given.handle, flags);
  if (given.kind === 'file' && given.is.kind === 'disc') return await importDiscFile(given.handle, flags);
  const { os, release, arch, file } = flags;
  if (os !== undefined && release !== undefined) {
    if (arch.includes(',')) throw new RackError('bad-argument', `${file} is for one architecture: name it with --arch`);
    const rest = { subarch: flags.subarch ?? 'generic', label: 'release' };
    return await addOpenedPath(given, { ...flags, ...rest, os, release });
  }
  if (given.kind === 'file') throw misplaced(file, given.is);
  throw given.is === 'system' ? unnamedSystem(file) : misplaced(file, { kind: given.is });
}

interface ImportFlags extends SourceFlags {
  /** `ubuntu/noble`, `installer/debian/trixie`, or a file: `/media/images.tar`. */
  readonly image: string;
  /** One architecture, or several separated by commas. */
  readonly arch: string;
  /** The name of the source, or the URL of one that people added; undefined: the first that has the image. */
  readonly source?: string | undefined;
  readonly subarch?: string | undefined;
  /** The system of a file that does not name it. */
  readonly os?: string | undefined;
  /** Its release, or the name of a disc's release instead of the disc's own. */
  readonly release?: string | undefined;
  readonly tree?: string | undefined;
  readonly limit?: string | undefined;
  /** The mirror of packages for an installer; undefined: that of its source. */
  readonly mirror?: string | undefined;
  /** `.deb` files with the drivers of an installer; undefined: apt fetches them. */
  readonly packages?: readonly string[] | undefined;
  readonly title?: string | undefined;
  readonly json: boolean;
}

/** Imports the named image for each architecture, or a file, and prints the results. @returns 0 */
export async function importByName(flags: ImportFlags): Promise<number> {
  if (isFileName(flags.image)) return importFile({ ...flags, file: flags.image });
  for (const flag of ['os', 'title'] as const)
    if (flags[flag] !== undefined)
      throw new RackError(
        'bad-argument',
        `--${flag} is only for a file of this host, such as ./root.tar.xz: leave it out`,
      );
  const { os, release, isInstaller } = parseName(flags.image);
  const architectures = flags.arch.split(',').map((one) => one.trim());
  const mirror = flags.mirror === undefined ? {} : { mirror: parseMirror(flags.mirror) };
  // Read before switching users: the owner of the state directory may have no right to read it.
  // Another Rackboot offers installers, too: its source is named.
  const isAny = isInstaller && flags.source !== undefined;
  const ofFiles = readImageSources(flags).filter(({ kind }) => isAny || (kind === 'installer') === isInstaller);
  const bytesPerSecondMax = parseLimit(flags.limit);
  for (const file of flags.packages ?? []) checkGivenFile(file);
  const place = await enterImageTree(flags);
  const isOfFile = (isInstaller && !isAny) || ofFiles.some(({ name }) => name === flags.source);
  const all = isOfFile ? ofFiles : await knownSources(ofFiles, place.config);
  const named = flags.source === undefined ? all.filter(isUnnamed) : sourceNamed(all, flags.source);
  const sources = sourcesOf(named, os).map((source) => ({ ...source, ...mirror }));
  const { subarch } = flags;
  const choices = subarch === undefined ? undefined : [(names: OfferNames) => hasSubarchitecture(names, subarch)];
  const run = new ImportRun(place, () => readImageUse(place), flags.json, bytesPerSecondMax);
  const results: unknown[] = [];
  try {
    for (const architecture of architectures) {
      const wish = { os, release, architectures: [architecture], subarchitecture: flags.subarch, choices };
      if (isInstaller) results.push(await importInstaller(run, sources, wish, flags, place.stateDir));
      else if (os === LOADER) results.push(await importLoader(run, sources, wish, flags.json));
      else results.push(await importImage(run, sources, wish, flags.json));
    }
    if (flags.json) printJson(results.length === 1 ? results[0] : results);
    return 0;
  } finally {
    await run.close();
  }
}

const isUnnamed = (source: ImageSource): boolean => source.kind !== 'simplestreams' || !source.isByName;

async function importImage(
  run: ImportRun,
  sources: readonly ImageSource[],
  wish: OfferWish,
  isSilent: boolean,
): Promise<unknown> {
  const { offer, ...result } = await run.import(sources, wish, {
    choose: (answers) => chooseOffers(answers, 'image', wish),
    isHit: (answer) => hasOffer(answer, 'image', wish),
  });
  if (!isSilent) {
    const name = formatImageName(result.image);
    print(result.added ? `Imported ${name}: ${formatBytes(imageBytes(result.image))}` : `${name} is already there.`);
    if (result.added && result.system !== undefined) print(`Judging by its content, ${describeSystem(result.system)}.`);
    if (result.root !== undefined)
      print(`Judging by its content, ${describeRoot(result.root, startsOf(result.image).starts !== undefined)}.`);
    for (const image of result.removed) print(`Removed the older ${formatImageName(image)}`);
  }
  return { ...result, source: offer.source, url: offer.files[0].url };
}

async function importInstaller(
  run: ImportRun,
  sources: readonly ImageSource[],
  wish: OfferWish,
  { packages, json }: ImportFlags,
  stateDir: string | undefined,
): Promise<unknown> {
  const isMirror = sources.some(({ kind }) => kind === 'installer');
  if (isMirror && (wish.os === 'debian' || packages !== undefined)) requireInstallerPrograms(packages);
  const work = openWorkDirectory(stateDir);
  process.once('exit', work.close);
  const { offer, directory, files } = await run.importInstaller(
    sources,
    wish,
    {
      choose: (answers) => joinOffers(chooseOffers(answers, 'installer', wish))[0],
      isHit: (answer) => hasOffer(answer, 'installer', wish),
    },
    { workDir: work.path, packages },
  );
  if (!json) printFiles(directory, files);
  return { directory, files, source: offer.source, leftOut: offer.leftOut };
}

async function importLoader(
  run: ImportRun,
  sources: readonly ImageSource[],
  wish: OfferWish,
  isSilent: boolean,
): Promise<unknown> {
  // A loader has no release: its type takes that place in its name.
  const all = { ...wish, release: undefined };
  const { offer, directory, files } = await run.importLoader(sources, all, {
    choose: (answers) => joinOffers(chooseOffers(answers, 'loader', wish))[0],
    isHit: (answer) => hasOffer(answer, 'loader', wish),
  });
  if (!isSilent) printFiles(directory, files);
  return { directory, files, source: offer.source };
}

function printFiles(directory: string, files: Publication['files']): void {
  for (const { name, bytes, sha256 } of files)
    print(`${join(directory, name)}  ${formatBytes(bytes)}  sha256 ${sha256.slice(0, 16)}…`);
}

function parseName(image: string): { readonly os: string; readonly release: string; readonly isInstaller: boolean } {
  const parts = image.split('/');
  const isInstaller = parts[0] === INSTALLER;
  const [os = '', release = '', ...more] = isInstaller ? parts.slice(1) : parts;
  if (os !== '' && release !== '' && more.length === 0) return { os, release, isInstaller };
  const remedy =
    'name system and release, such as ubuntu/noble or installer/debian/trixie (`rackboot images available` lists all), or a file or directory of this host, such as ./images.tar';
  throw new RackError('bad-argument', `${JSON.stringify(image)} is not an image: ${remedy}`);
}

function parseMirror(mirror: string): string {
  const [found] = readAptMirrors(`deb ${mirror} x main`, 'list');
  if (found !== undefined) return found;
  throw new RackError(
    'bad-argument',
    `--mirror ${JSON.stringify(mirror)} is not a URL: write one such as http://ftp.debian.org/debian`,
  );
}
