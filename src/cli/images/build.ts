// `rackboot images build`, `import-installer` and `loaders`: make boot files from Debian's
// packages. `build` makes the ephemeral environment and the loaders, `import-installer` Debian's
// installer.

import { Presets, SingleBar } from 'cli-progress';
import { shellWord } from '../../ground/clean-text.ts';
import { RackError } from '../../ground/errors.ts';
import type { StepPart } from '../../images/build/build-reports.ts';
import {
  buildEnvironment,
  checkNames,
  type EnvironmentRequest,
  type Publication,
} from '../../images/build/environment.ts';
import {
  importInstaller,
  isReleaseName,
  publishInstaller,
  requireInstallerPrograms,
} from '../../images/build/installer.ts';
import { installLoaders, listLoaders } from '../../images/build/loaders.ts';
import { type NeededProgram, requirePrograms } from '../../images/content/needed-programs.ts';
import { type NetbootTree, readNetbootTree } from '../../images/make/netboot-tree.ts';
import { assertReplaceable, createReplacementCheck, getInstallerDirectory } from '../../images/run/tree-parts.ts';
import type { Publisher } from '../../images/store/publication.ts';
import { asStoreError } from '../../images/store/store-error.ts';
import { printAnswer } from '../terminal/asking.ts';
import { checkGivenFile } from '../terminal/given-file.ts';
import { print, printError, printTable } from '../terminal/output.ts';
import { runJob } from './engine.ts';
import { openTreeAsOwner, openWorkDirectory, publishedLines } from './image-tree.ts';
import type { InstallerFlags, LoaderFlags, StoreFlags } from './options.ts';

// A line for each step, and on a terminal a bar for the packages of a step.

const FORMAT = '{bar} {value} of {total}';

interface OutputOptions {
  readonly isTerminal: boolean;
  readonly isVerbose: boolean;
  readonly isSilent: boolean;
}

export class BuildProgress {
  readonly #output: OutputOptions;
  readonly #bar: SingleBar;

  constructor(output: OutputOptions) {
    this.#output = output;
    this.#bar = new SingleBar({ format: FORMAT, clearOnComplete: true }, Presets.legacy);
  }

  step(text: string): void {
    this.close();
    if (!this.#output.isSilent) print(text);
  }

  part({ text, number, total }: StepPart): void {
    const { isSilent, isVerbose, isTerminal } = this.#output;
    if (isSilent) return;
    if (isVerbose) print(text);
    else if (isTerminal && this.#bar.isActive) this.#bar.update(number);
    else if (isTerminal) this.#bar.start(total, number);
  }

  close(): void {
    this.#bar.stop();
  }
}

type BuildFlags = Omit<InstallerFlags, 'from'>;

/** Builds the environment, fetches the loaders, and prints the files written. @returns 0 */
export async function buildImages(flags: BuildFlags): Promise<number> {
  requirePrograms('Building the boot environment', requiredPrograms(flags));
  return publishImages(flags, async (request) => {
    const environment = await buildEnvironment({ ...request, mayReplace: createReplacementCheck(request.tree) });
    return [environment, await installLoaders(request)];
  });
}

/** Installs the loaders of an architecture, and prints the files written. @returns 0 */
export async function installLoaderFiles(flags: LoaderFlags): Promise<number> {
  requirePrograms('Installing the loaders', requiredPrograms(flags));
  return publishImages({ ...flags, release: undefined }, async (request) => [await installLoaders(request)]);
}

const STATES = {
  installed: 'as installed',
  changed: 'changed since it was installed',
  own: 'not from here',
  missing: 'missing',
} as const;

/**
 * Lists the loaders of each architecture. An architecture without any is one line, with the command
 * that installs them. @returns 0
 */
export async function showLoaders(flags: StoreFlags): Promise<number> {
  const { tree } = await openTreeAsOwner(flags);
  const loaders = await listLoaders(tree);
  if (flags.json) return printAnswer(flags, loaders, '');
  const byArchitecture = Map.groupBy(loaders, ({ architecture }) => architecture);
  printTable(
    ['ARCHITECTURE', 'LOADER', 'STATE', 'PACKAGE'],
    [...byArchitecture].flatMap(([architecture, files]): readonly (readonly string[])[] =>
      files.every(({ state }) => state === 'missing')
        ? [[architecture, '-', STATES.missing, `sudo rackboot loaders install --arch ${architecture}`]]
        : files.map((file) => [architecture, file.name, STATES[file.state], `${file.package} ${file.version ?? ''}`]),
    ),
    '',
  );
  return 0;
}

/**
 * Imports Debian's installer and prints the files written.
 * @param flags.from a directory or an archive; undefined for Debian's packages
 * @returns 0
 */
export async function importInstallerImage(flags: InstallerFlags): Promise<number> {
  const { from, arch } = flags;
  if (from === undefined) {
    requireInstallerPrograms(flags.package);
    return publishImages(flags, async (request) => {
      checkBuildTarget(request, 'debian');
      return [await importInstaller({ ...request, mayReplace: createReplacementCheck(request.tree, 'debian') })];
    });
  }
  // Read the installer before switching users, because the owner of the state directory may be
  // unable to read it.
  const tree = await readNetbootTree(from, arch);
  const release = flags.release ?? tree.release;
  if (release === undefined) {
    const remedy = `name it: sudo rackboot images import-installer ${shellWord(from)} --release bookworm`;
    throw new RackError('bad-argument', `${from} does not say of which release its installer is: ${remedy}`);
  }
  const exitCode = await publishImages({ ...flags, release }, async (request) => [
    await publishNetbootTree(request, tree),
  ]);
  // The name of another release is probably a mistake.
  if (tree.release !== undefined && tree.release !== release && isReleaseName(release))
    printError(
      `Note: ${from} has the installer of ${tree.title ?? tree.release}; it is now named ${tree.os}/${release}.`,
    );
  return exitCode;
}

async function publishNetbootTree(request: PublishRequest, tree: NetbootTree): Promise<Publication> {
  checkNames(request);
  checkBuildTarget(request, tree.os);
  const { kernel, initrd, os, source, title = request.release } = tree;
  const base = tree.release ?? request.release;
  const facts = { os, release: request.release, base, title, source };
  return await publishInstaller(
    { ...request, mayReplace: createReplacementCheck(request.tree, os) },
    { kernel, initrd, debianRelease: base, hasPackages: os === 'debian', facts },
  );
}

const checkBuildTarget = ({ tree, arch, release }: EnvironmentRequest, os: string): void =>
  assertReplaceable(tree, getInstallerDirectory({ architecture: arch, release }), os);

/**
 * The programs that are checked first, because without one of them all packages would be fetched in
 * vain.
 */
const requiredPrograms = ({ package: packages }: Pick<BuildFlags, 'package'>): readonly NeededProgram[] => [
  { program: 'dpkg-deb', package: 'dpkg' },
  ...(packages === undefined ? [{ program: 'apt-get', package: 'apt' }] : []),
];

type PublishRequest = EnvironmentRequest & { readonly publish: Publisher };

/**
 * Runs `build` as the owner of the state directory. Its work directory is cleaned up on every exit.
 */
async function publishImages(
  flags: BuildFlags,
  build: (request: PublishRequest) => Promise<readonly Publication[]>,
): Promise<number> {
  const imageTree = await openTreeAsOwner(flags);
  const { tree, stateDir, config } = imageTree;
  for (const file of flags.package ?? []) checkGivenFile(file);
  const workDirectory = openWorkDirectory(stateDir);
  const { verbose, json } = flags;
  const progress = new BuildProgress({ isTerminal: process.stderr.isTTY, isVerbose: verbose, isSilent: json });
  const publish: Publisher = async (directory, files, os) =>
    runJob(imageTree, 'publish', { directory, os, files }, { isSilent: true });
  const request = {
    tree,
    publish,
    arch: flags.arch,
    release: flags.release ?? config?.boot.commissioningRelease ?? 'bookworm',
    packages: flags.package,
    workDir: workDirectory.path,
    onProgress: (text: string) => progress.step(text),
    onPart: (part: StepPart) => progress.part(part),
  };
  process.once('exit', workDirectory.close);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
  const published = await build(request)
    .catch((error: unknown) => {
      throw asStoreError(error, tree);
    })
    .finally(() => progress.close());
  return printAnswer(flags, published, published.flatMap(publishedLines).join('\n'));
}
