// Imports Debian's network installer: its kernel unchanged, and its initrd with a second archive
// appended. That archive has the search for a BMC, and drivers that the installer would fetch only
// after its first commands.
//
// Sources: Documentation/filesystems/ramfs-rootfs-initramfs.rst of Linux (concatenated archives
// make one file system); depmod(8).
//
// 1. The added drivers are those of exactly the installer's kernel, with the distribution's
//    signature. The index covers all drivers.
// 2. Of the installer's files, only the index of the drivers is replaced.
// 3. The same packages give the same bytes, and publishing them again changes nothing.

import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { createGunzip } from 'node:zlib';
import { systemClock } from '../../ground/clock.ts';
import { counted } from '../../ground/counted.ts';
import { osErrorCode, RackError } from '../../ground/errors.ts';
import { Conversion, PIECE_BYTES } from '../content/conversion.ts';
import { type NeededProgram, requirePrograms } from '../content/needed-programs.ts';
import { describeFile, encodeManifest, hasIntactFiles, readIfExists } from '../store/publication.ts';
import { Apt } from './apt.ts';
import { compress } from './compression.ts';
import { type CpioEntry, CpioPathReader, encodeCpio } from './cpio.ts';
import { type DebianPackage, openPackage, unpackPackages } from './debian-package.ts';
import { type BuildRequest, checkNames, type EnvironmentRequest, type Publication } from './environment.ts';
import { publishInstallerFiles } from './installer-files.ts';
import { findKernel, type KernelFiles, listModules, readModuleInfo } from './kernel-package.ts';
import { INSTALLER_DIRECTORIES, INSTALLER_NAMES } from './module-choice.ts';
import { chooseModules } from './module-set.ts';
import { buildPowerToolEntries, hasPowerTool, listPowerToolPackages, missingPowerTools } from './power-tools.ts';
import { runProgram } from './program.ts';

/** Bound on an expanded initrd; Debian 12's has 137 MB. */
const INITRD_BYTES_MAX = 1024 * 1024 * 1024;
const SCRATCH_PREFIX = 'unpacked-';
/** The age from which a directory of unpacked files was left by a killed process. */
const LEFTOVER_MS = 24 * 60 * 60 * 1000;
const RELEASE_NUMBERS: Readonly<Record<string, string>> = { bullseye: '11', bookworm: '12', trixie: '13', forky: '14' };
/** True for the name of a release of Debian. */
export const isReleaseName = (name: string): boolean => Object.hasOwn(RELEASE_NUMBERS, name);
/** The path of a script that the installer runs when it starts, before its first question. */
const WATCHDOG_PATH = 'lib/debian-installer-startup.d/S99rackboot';
const WATCHDOG = new URL('./environment/installer-watchdog', import.meta.url);
const INDEX_FILE = /^modules\.(?!order$)/;

const DEPMOD: NeededProgram = { program: 'depmod', package: 'kmod' };

export interface InstallerFiles {
  readonly kernel: Uint8Array;
  readonly initrd: Uint8Array;
  /** Files of the store with these bytes, which never change. Undefined if there are none. */
  readonly stored?: { readonly kernel: string; readonly initrd: string } | undefined;
}

interface Installer extends InstallerFiles {
  readonly paths: ReadonlySet<string>;
  /** `lib/modules/VERSION`. */
  readonly modules: string;
  readonly version: string;
}

/**
 * Imports the installer and publishes it as
 * `ARCH/generic/RELEASE/install/{linux,initrd.gz,manifest.json}` of the tree.
 *
 * @throws RackError `bad-argument` for an unusable architecture, release or set of packages;
 * `tool-missing` and `tool-failed` from apt, dpkg-deb and depmod, with the remedy
 */
export async function importInstaller(request: BuildRequest): Promise<Publication> {
  checkNames(request);
  requireInstallerPrograms(request.packages);
  const scratch = await openScratch(request.workDir);
  try {
    const source = new PackageSource(request);
    const netboot = await source.find(/^debian-installer-\d+-netboot-/, () => nameInstallerPackage(request));
    await unpackPackages([netboot], join(scratch, 'installer'), request);
    const installer = await openInstaller(await readUnpacked(join(scratch, 'installer'), request.arch));
    const { entries, packages } = await buildAdditions(installer, source, request, scratch);
    const installerContent = { files: installer, packages: [netboot, ...packages] };
    const facts = { ...describeDebian(request.release), kernel: installer.version };
    return await publishBuilt(request, installerContent, facts, encodeCpio(entries, installer.paths));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/**
 * Checks that this host has the programs for the drivers.
 * @param path as PATH. If undefined, the PATH of `requirePrograms`
 * @throws RackError `tool-missing`
 */
export function requireInstallerPrograms(packages: readonly unknown[] | undefined, path?: string): void {
  const always = [DEPMOD, { program: 'dpkg-deb', package: 'dpkg' }];
  const programs = packages === undefined ? [...always, { program: 'apt-get', package: 'apt' }] : always;
  requirePrograms('Adding drivers to an installer', programs, path);
}

/** Makes a directory for unpacked files, and removes such directories of killed processes. */
export async function openScratch(workDir: string): Promise<string> {
  await mkdir(workDir, { recursive: true, mode: 0o700 });
  for (const name of await readdir(workDir)) {
    const leftover = join(workDir, name);
    const stats = name.startsWith(SCRATCH_PREFIX) ? await stat(leftover).catch(() => undefined) : undefined;
    if (stats !== undefined && systemClock.wallTimeMs() - stats.mtimeMs > LEFTOVER_MS)
      await rm(leftover, { recursive: true, force: true });
  }
  return await mkdtemp(join(workDir, SCRATCH_PREFIX));
}

interface MirroredInstaller extends InstallerFiles {
  /** The release as the mirror names it. In the tree, the release is named as in the request. */
  readonly debianRelease: string;
  /** True if this host's apt can fetch packages of the distribution. */
  readonly hasPackages: boolean;
  readonly facts: Readonly<Record<string, unknown>>;
}

/**
 * Publishes an installer as `importInstaller` does. Without packages, it gets no drivers for disks.
 *
 * @throws RackError as `importInstaller`
 */
export async function publishInstaller(request: BuildRequest, mirrored: MirroredInstaller): Promise<Publication> {
  const { debianRelease, hasPackages, facts } = mirrored;
  const scratch = await openScratch(request.workDir);
  try {
    const installer = await openInstaller(mirrored);
    const manifest = { ...facts, kernel: installer.version };
    if (!hasPackages && request.packages === undefined) {
      const remedy = `to add the drivers, give the packages of linux-image-${installer.version} with --package`;
      request.onProgress(`Omitting the drivers for disks, so an enlistment reports no disks: ${remedy}`);
      return await publishBuilt(request, { files: mirrored, packages: [] }, manifest, new Uint8Array(0));
    }
    requireInstallerPrograms(request.packages);
    const source = new PackageSource({ ...request, release: debianRelease });
    const { entries, packages } = await buildAdditions(installer, source, request, scratch);
    return await publishBuilt(request, { files: mirrored, packages }, manifest, encodeCpio(entries, installer.paths));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Builds the entries of the second archive. Also returns their packages. */
async function buildAdditions(
  installer: Installer,
  source: PackageSource,
  request: EnvironmentRequest,
  scratch: string,
): Promise<{ readonly entries: readonly CpioEntry[]; readonly packages: readonly DebianPackage[] }> {
  const image = `linux-image-${installer.version}`;
  const kernelPackage = await source.find(/^linux-image-/, () => image);
  const tools = await source.findTools();
  await unpackPackages([kernelPackage, ...tools], join(scratch, 'added'), request);
  const kernel = await findKernel(join(scratch, 'added'));
  if (kernel.version !== installer.version) {
    const text = `${kernelPackage.file} has the drivers of Linux ${kernel.version}; use the package ${image}`;
    throw new RackError('bad-argument', `the installer runs Linux ${installer.version}, but ${text}`);
  }
  const entries = [
    ...(await buildDriverEntries(installer, kernel, { scratch, onProgress: request.onProgress })),
    { kind: 'file', path: WATCHDOG_PATH, mode: 0o755, data: await readFile(WATCHDOG) } as const,
    ...(tools.length > 0 ? await buildPowerToolEntries(join(scratch, 'added')) : []),
  ];
  return { entries, packages: [kernelPackage, ...tools] };
}

class PackageSource {
  readonly #request: EnvironmentRequest;
  #givenPackages: Promise<DebianPackage[]> | undefined;
  #apt: Promise<Apt> | undefined;

  constructor(request: EnvironmentRequest) {
    this.#request = request;
    if (request.packages === undefined) return;
    this.#givenPackages = Promise.all(request.packages.map(openPackage));
    // The promise is awaited later. Until then, a rejection must not count as unhandled.
    this.#givenPackages.catch(() => undefined);
  }

  /** Finds the given package whose name matches. Without given packages, apt fetches `name`. */
  async find(pattern: RegExp, name: () => string): Promise<DebianPackage> {
    const givenPackages = await this.#givenPackages;
    const matching =
      givenPackages === undefined
        ? await (await this.#open()).download([name()])
        : givenPackages.filter((debPackage) => pattern.test(debPackage.name));
    const [match, ...others] = matching;
    if (match === undefined || others.length > 0) {
      throw new RackError('bad-argument', `the installer needs one package ${name()}; there are ${matching.length}`);
    }
    const { arch } = this.#request;
    if (match.architecture === 'all' ? !match.name.endsWith(`-${arch}`) : match.architecture !== arch) {
      throw new RackError('bad-argument', `${match.file} is not for ${arch}; use packages for ${arch}`);
    }
    return match;
  }

  /** Finds the packages that find a machine's power driver. Empty if the given packages lack them. */
  async findTools(): Promise<DebianPackage[]> {
    const givenPackages = await this.#givenPackages;
    if (givenPackages === undefined) {
      const apt = await this.#open();
      return apt.download(await listPowerToolPackages(apt));
    }
    const names = givenPackages.map(({ name }) => name);
    for (const name of missingPowerTools(names))
      this.#request.onProgress(`Omitting a way to find the power driver: the package ${name} is missing`);
    if (hasPowerTool(names)) return givenPackages.filter(({ name }) => !/^(linux-image|debian-installer)-/.test(name));
    return [];
  }

  #open(): Promise<Apt> {
    const { arch: architecture, release, workDir, onProgress, onPart, signal } = this.#request;
    const directory = join(workDir, 'packages');
    this.#apt ??= Apt.open({ architecture, release, directory, onProgress, onPart, signal });
    return this.#apt;
  }
}

function describeDebian(release: string): Readonly<Record<string, string>> {
  const number = RELEASE_NUMBERS[release];
  return { os: 'debian', title: number === undefined ? `Debian ${release}` : `Debian ${number} (${release})` };
}

function nameInstallerPackage({ arch, release }: EnvironmentRequest): string {
  const number = RELEASE_NUMBERS[release];
  if (number !== undefined) return `debian-installer-${number}-netboot-${arch}`;
  const supported = Object.keys(RELEASE_NUMBERS).join(', ');
  throw new RackError('bad-argument', `no installer package is known for ${release}; use one of ${supported}`);
}

async function readUnpacked(unpacked: string, arch: string): Promise<InstallerFiles> {
  const images = join(unpacked, 'usr/lib/debian-installer/images');
  const [number = ''] = await readdir(images).catch(() => []);
  const directory = join(images, number, arch, 'text/debian-installer', arch);
  const [kernel, initrd] = await Promise.all(
    ['linux', 'initrd.gz'].map((name) => readFile(join(directory, name)).catch(() => undefined)),
  );
  if (kernel === undefined || initrd === undefined) {
    throw new RackError('bad-argument', `the installer's package has no kernel and initrd for ${arch}`);
  }
  return { kernel, initrd };
}

async function openInstaller({ kernel, initrd }: InstallerFiles): Promise<Installer> {
  const paths = await readInitrdPaths(initrd);
  const matches = [...paths].map((path) => /^((?:usr\/)?lib\/modules\/([^/]+))\/kernel\//.exec(path));
  const [, modules = '', version = ''] = matches.find((match) => match !== null) ?? [];
  if (version === '') throw new RackError('bad-argument', "the installer's initrd has no drivers");
  return { kernel, initrd, paths, modules, version };
}

/**
 * Reads the paths in an initrd.
 *
 * @throws RackError `bad-argument` if it is damaged or expands to more than INITRD_BYTES_MAX
 */
export async function readInitrdPaths(initrd: Uint8Array): Promise<ReadonlySet<string>> {
  const buildDamagedFault = (why: string, cause?: unknown): RackError =>
    new RackError('bad-argument', `the installer's initrd is damaged: ${why}`, { cause });
  const reader = new CpioPathReader();
  let bytes = 0;
  const expander = new Conversion(createGunzip({ chunkSize: PIECE_BYTES }), (piece) => {
    bytes += piece.length;
    if (bytes > INITRD_BYTES_MAX) throw buildDamagedFault(`it expands to more than ${INITRD_BYTES_MAX} bytes`);
    reader.write(piece);
  });
  try {
    await expander.write(initrd);
    await expander.end();
  } catch (error) {
    throw osErrorCode(error)?.startsWith('Z_') === true ? buildDamagedFault('it cannot be expanded', error) : error;
  } finally {
    expander.close();
  }
  const paths = reader.finish();
  if (paths.ok) return paths.value;
  throw buildDamagedFault(`${paths.fault.field} at ${paths.fault.offset}`);
}

async function buildDriverEntries(
  installer: Installer,
  kernel: KernelFiles,
  { scratch, onProgress }: { readonly scratch: string; readonly onProgress: (text: string) => void },
): Promise<CpioEntry[]> {
  const allPaths = await listModules(kernel);
  const choice = {
    directories: INSTALLER_DIRECTORIES,
    excludedDirectories: [],
    names: INSTALLER_NAMES,
    namesNeedingFirmware: [],
  };
  const chosenModules = await chooseModules(
    allPaths,
    choice,
    (path) => readModuleInfo(kernel, path),
    () => false,
  );
  const isInside = (path: string): boolean => installer.paths.has(`${installer.modules}/${path}`);
  const addedPaths = chosenModules.map(({ sourcePath }) => sourcePath).filter((path) => !isInside(path));
  onProgress(`Adding ${counted(addedPaths.length, 'driver')} for Linux ${kernel.version}`);
  const index = await indexModules(kernel, [...allPaths.filter(isInside), ...addedPaths], join(scratch, 'index'));
  const drivers = addedPaths.map(async (path): Promise<CpioEntry> => {
    const data = await readFile(join(kernel.modules, path));
    return { kind: 'file', path: `${installer.modules}/${path}`, mode: 0o644, data };
  });
  const lists = index.map(
    ({ name, data }): CpioEntry => ({ kind: 'file', path: `${installer.modules}/${name}`, mode: 0o644, data }),
  );
  return [...(await Promise.all(drivers)), ...lists];
}

/** Makes the index files of modules, in the format that the installer's modprobe and udev read. */
async function indexModules(
  kernel: KernelFiles,
  paths: readonly string[],
  directory: string,
): Promise<{ readonly name: string; readonly data: Uint8Array }[]> {
  const root = join(directory, 'lib/modules', kernel.version);
  const lists = (await readdir(kernel.modules)).filter((name) => name.startsWith('modules.'));
  for (const path of [...paths, ...lists]) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await cp(join(kernel.modules, path), join(root, path));
  }
  const task = `indexing the drivers of Linux ${kernel.version}`;
  await runProgram(DEPMOD.program, ['-b', directory, kernel.version], { package: DEPMOD.package, task });
  const names = (await readdir(root)).filter((name) => INDEX_FILE.test(name)).sort();
  return Promise.all(names.map(async (name) => ({ name, data: await readFile(join(root, name)) })));
}

async function publishBuilt(
  request: BuildRequest,
  { files: installer, packages }: { readonly files: InstallerFiles; readonly packages: readonly DebianPackage[] },
  facts: Readonly<Record<string, unknown>>,
  archive: Uint8Array,
): Promise<Publication> {
  const directory = join(request.tree, request.arch, 'generic', request.release, 'install');
  const compressedArchive = archive.length === 0 ? archive : await compress(archive);
  const { kernel, initrd, stored } = installer;
  const images = [
    { name: 'linux', data: kernel, storedPath: stored?.kernel },
    compressedArchive.length === 0
      ? { name: 'initrd.gz', data: initrd, storedPath: stored?.initrd }
      : { name: 'initrd.gz', data: Buffer.concat([initrd, compressedArchive]) },
  ];
  const files = images.map(describeFile);
  const manifest = encodeManifest({
    schema: 1,
    ...facts,
    packages: packages.map(({ name, version, architecture, sha256 }) => ({ name, version, architecture, sha256 })),
    files,
    added: { bytes: archive.length, sha256: createHash('sha256').update(archive).digest('hex') },
  });
  const presentManifest = await readIfExists(join(directory, manifest.name));
  if (presentManifest?.equals(manifest.data) === true && (await hasIntactFiles(directory, files))) {
    request.onProgress('The tree already has this installer; nothing was changed');
  } else if (request.publish === undefined) {
    await publishInstallerFiles(directory, images, manifest, request.mayReplace);
  } else {
    const { os } = facts;
    await request.publish(
      relative(request.tree, directory),
      [...images, manifest],
      typeof os === 'string' ? os : undefined,
    );
  }
  return { directory, files: [...files, describeFile(manifest)] };
}
