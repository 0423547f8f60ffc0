// Builds the ephemeral environment: a stock Debian kernel, and an initrd of busybox, drivers and
// the scripts in `environment/`.
//
// Sources: Documentation/admin-guide/initrd.rst and filesystems/ramfs-rootfs-initramfs.rst of
// Linux; RFC 1952 for gzip.
//
// 1. The same packages give the same bytes, except that the host's compressor may differ. The
//    manifest therefore also has the hash of the uncompressed archive.
// 2. Modules are not stripped: Secure Boot needs their signature.
// 3. Kernel and initrd are published together or not at all.
// 4. Nothing is built if the directory of the environment contains files of a person.

import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { kernelPackage } from '../../boot/architectures.ts';
import { counted } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import { publishDirectory, type ReplacementCheck } from '../store/directory-publication.ts';
import { describeFile, encodeManifest, type PublishedFile, type Publisher } from '../store/publication.ts';
import { Apt } from './apt.ts';
import type { BuildReports } from './build-reports.ts';
import { compress } from './compression.ts';
import { type CpioEntry, encodeCpio } from './cpio.ts';
import { type DebianPackage, openPackage, unpackPackages } from './debian-package.ts';
import type { ModuleInfo } from './kernel-module.ts';
import {
  findFirstExisting,
  findKernel,
  type KernelFiles,
  listModules,
  readModule,
  readModuleInfo,
} from './kernel-package.ts';
import {
  EXCLUDED_MODULE_DIRECTORIES,
  MODULE_DIRECTORIES,
  MODULE_NAMES,
  MODULES_NEEDING_FIRMWARE,
} from './module-choice.ts';
import { type ChosenModule, chooseModules, renderAliases, renderDependencies } from './module-set.ts';
import { buildPowerToolEntries, listPowerToolPackages, missingPowerTools } from './power-tools.ts';
import { listToolPackages, makeToolArchive, type ToolArchive } from './tool-archive.ts';

/**
 * The programs that a deployment needs and busybox lacks, each with its package. They form an
 * archive next to the initrd, which only machines that are deployed or rescued fetch.
 */
const DEPLOY_PROGRAMS: readonly (readonly [program: string, name: string])[] = [
  ['zstd', 'zstd'],
  ['sfdisk', 'fdisk'],
  ['mke2fs', 'e2fsprogs'],
  ['e2fsck', 'e2fsprogs'],
  ['resize2fs', 'e2fsprogs'],
];
/**
 * Further programs. Each is included if its package is given. Without them, xfs cannot grow, and
 * neither archives and squashfs with the roots of systems nor laid-out disks can be deployed.
 */
const OPTIONAL_PROGRAMS: typeof DEPLOY_PROGRAMS = [
  ['xfs_growfs', 'xfsprogs'],
  ['tar', 'tar'],
  ['unsquashfs', 'squashfs-tools'],
  ['lvm', 'lvm2'],
  ['mdadm', 'mdadm'],
  ['mkfs.xfs', 'xfsprogs'],
  ['mkfs.btrfs', 'btrfs-progs'],
  ['grep', 'grep'],
];
const listPackages = (programs: typeof DEPLOY_PROGRAMS): string[] => [...new Set(programs.map(([, name]) => name))];
const DEPLOY_PACKAGES = listPackages(DEPLOY_PROGRAMS);

/**
 * The package with the programs for logging in to the ephemeral environment: dropbear's server and
 * the generator of its host key. They form a separate archive, which a machine fetches only if a
 * login is allowed.
 */
const LOGIN_PACKAGE = 'dropbear-bin';

export interface EnvironmentRequest extends BuildReports {
  readonly tree: string;
  readonly arch: string;
  readonly release: string;
  /**
   * `.deb` files to build from: a kernel (`linux-image-…`), `busybox-static`, firmware;
   * `freeipmi-tools` and `ethtool` for finding the power driver; `zstd`, `fdisk` and `e2fsprogs` for deploying;
   * `dropbear-bin` for logins; and their libraries. Undefined: apt fetches them.
   */
  readonly packages?: readonly string[] | undefined;
  /** Holds packages and lists between builds, and unpacked files during a build. */
  readonly workDir: string;
  readonly signal?: AbortSignal | undefined;
}

/** The environment to build, and the check whether its directory may be replaced. */
export interface BuildRequest extends EnvironmentRequest {
  readonly mayReplace: ReplacementCheck;
  readonly publish?: Publisher | undefined;
}

/** The published files. */
export interface Publication {
  readonly directory: string;
  readonly files: readonly PublishedFile[];
}

const SCRIPTS = new URL('./environment/', import.meta.url);
const NAME_PATTERN = /^[a-z0-9][a-z0-9.-]{0,31}$/;

/**
 * Builds the environment and publishes it in the tree, as
 * `ARCH/generic/RELEASE/commissioning/{linux,initrd.gz,tools.cpio.gz,login.cpio.gz,manifest.json}`.
 *
 * @throws RackError `bad-argument` for an unusable architecture, release or set of packages;
 * `tool-missing` and `tool-failed` from apt and dpkg-deb, with the remedy; what `mayReplace` throws
 */
export async function buildEnvironment(request: BuildRequest): Promise<Publication> {
  checkNames(request);
  const { tree, arch, release, mayReplace } = request;
  const environmentPath = join(arch, 'generic', release, 'commissioning');
  const directory = join(tree, environmentPath);
  mayReplace(directory);
  await mkdir(request.workDir, { recursive: true });
  const unpacked = await mkdtemp(join(request.workDir, 'unpacked-'));
  try {
    const packages = await choosePackages(request);
    await unpackPackages(packages, unpacked, request);
    const kernel = await findKernel(unpacked);
    const firmware = await findFirmware(unpacked);
    const modules = await chooseKernelModules(kernel, firmware);
    for (const name of missingPowerTools(packages.map(({ name }) => name)))
      request.onProgress(`Omitting a way to find the power driver: the package ${name} is missing`);
    request.onProgress(`Packing ${counted(modules.length, 'driver')} for Linux ${kernel.version}`);
    const tools = await makeTools(request, packages, unpacked, environmentPath);
    const archive = encodeCpio([
      ...(await buildSystemEntries(unpacked)),
      ...(await buildModuleEntries(kernel, modules)),
      ...(await buildFirmwareEntries(firmware, modules)),
      ...(await buildPowerToolEntries(unpacked)),
      ...tools.map(({ entry }) => entry),
    ]);
    const images = [
      { name: 'linux', data: await readFile(kernel.image) },
      { name: 'initrd.gz', data: await compress(archive) },
      ...tools.map(({ archive }) => archive),
    ];
    const files = images.map(describeFile);
    const manifest = encodeManifest({
      schema: 1,
      kernel: kernel.version,
      packages: packages.map(({ name, version, architecture, sha256 }) => ({ name, version, architecture, sha256 })),
      files,
      initrd: { bytes: archive.length, sha256: createHash('sha256').update(archive).digest('hex') },
      modules: modules.map(({ info }) => info.name),
    });
    if (request.publish === undefined) await publishDirectory(directory, [...images, manifest], mayReplace);
    else await request.publish(environmentPath, [...images, manifest]);
    return { directory, files: [...files, describeFile(manifest)] };
  } finally {
    await rm(unpacked, { recursive: true, force: true });
  }
}

async function makeTools(
  { onProgress }: EnvironmentRequest,
  packages: readonly DebianPackage[],
  unpacked: string,
  directory: string,
): Promise<readonly ToolArchive[]> {
  const names = packages.map(({ name }) => name);
  const tools: ToolArchive[] = [];
  if (DEPLOY_PACKAGES.every((name) => names.includes(name))) {
    const optional = OPTIONAL_PROGRAMS.filter(([, name]) => names.includes(name));
    const programs = [...DEPLOY_PROGRAMS, ...optional].map(([program]) => program);
    tools.push(await makeToolArchive({ unpacked, directory, name: 'tools', programs }));
  } else onProgress('Omitting the tools for deploying: zstd, fdisk or e2fsprogs is missing');
  if (names.includes(LOGIN_PACKAGE))
    tools.push(await makeToolArchive({ unpacked, directory, name: 'login', programs: ['dropbear', 'dropbearkey'] }));
  else onProgress(`Omitting logins to machines in rescue mode: the package ${LOGIN_PACKAGE} is missing`);
  return tools;
}

/**
 * Checks the names that become part of paths.
 *
 * @throws RackError `bad-argument`
 */
export function checkNames(request: Pick<EnvironmentRequest, 'arch' | 'release'>): void {
  for (const name of [request.arch, request.release]) {
    if (!NAME_PATTERN.test(name))
      throw new RackError('bad-argument', `${JSON.stringify(name)} is not the name of a release or an architecture`);
  }
}

/** Chooses the packages to build from, with the kernel first. If none are given, apt fetches them. */
async function choosePackages(request: EnvironmentRequest): Promise<DebianPackage[]> {
  const packages = request.packages
    ? await Promise.all(request.packages.map(openPackage))
    : await fetchPackages(request);
  const unsuitable = packages.find(({ architecture }) => architecture !== request.arch && architecture !== 'all');
  if (unsuitable !== undefined) {
    throw new RackError(
      'bad-argument',
      `${unsuitable.file} is for ${unsuitable.architecture}; use packages for ${request.arch}`,
    );
  }
  const kernels = packages.filter(({ name }) => name.startsWith('linux-image-'));
  const busyboxes = packages.filter(({ name }) => name === 'busybox-static');
  if (kernels.length !== 1 || busyboxes.length !== 1) {
    throw new RackError(
      'bad-argument',
      `the environment needs one linux-image package and one busybox-static; there are ${kernels.length} and ` +
        `${busyboxes.length} among: ${packages.map(({ name }) => name).join(', ') || 'no packages'}`,
    );
  }
  const otherPackages = packages.filter((candidate) => !kernels.includes(candidate) && !busyboxes.includes(candidate));
  return [...kernels, ...busyboxes, ...otherPackages.sort((a, b) => (a.name < b.name ? -1 : 1))];
}

async function fetchPackages(request: EnvironmentRequest): Promise<DebianPackage[]> {
  const { arch: architecture, release, onProgress, onPart } = request;
  const directory = join(request.workDir, 'packages');
  const apt = await Apt.open({ architecture, release, directory, onProgress, onPart });
  const metaPackage = kernelPackage(architecture);
  const kernel = (await apt.listDependencies(metaPackage)).find((name) => name.startsWith('linux-image-'));
  if (kernel === undefined)
    throw new RackError('tool-failed', `the package ${metaPackage} of ${release} depends on no kernel`);
  return apt.download([
    kernel,
    'busybox-static',
    ...new Set([
      ...(await listPowerToolPackages(apt)),
      ...(await listToolPackages(apt, [...DEPLOY_PACKAGES, ...listPackages(OPTIONAL_PROGRAMS), LOGIN_PACKAGE])),
    ]),
  ]);
}

/** Reads a module, and compresses it: a machine keeps the whole set in memory and loads few. */
async function packModule(file: string): Promise<{ data: Uint8Array; ending: string }> {
  const ending = /\.(xz|gz)$/.exec(file)?.[0];
  if (ending !== undefined) return { data: await readFile(file), ending };
  return { data: await compress(await readModule(file)), ending: '.gz' };
}

async function buildSystemEntries(unpacked: string): Promise<CpioEntry[]> {
  const busybox = await readFile(join(unpacked, 'bin/busybox')).catch(() =>
    readFile(join(unpacked, 'usr/bin/busybox')),
  );
  const directories = ['bin', 'dev', 'etc/modprobe.d', 'lib/rackboot', 'mnt', 'proc', 'run', 'sys'];
  const scripts = {
    init: 'init',
    'bin/rackboot-say': 'rackboot-say',
    'lib/rackboot/environment': 'environment',
    'lib/rackboot/lease': 'lease',
    // The kernel runs this path to load missing modules.
    'sbin/modprobe': 'modprobe',
  };
  const entries: CpioEntry[] = [
    ...directories.map((path) => ({ kind: 'directory', path, mode: 0o755 }) as const),
    { kind: 'directory', path: 'tmp', mode: 0o1777 },
    { kind: 'character-device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
    { kind: 'character-device', path: 'dev/null', mode: 0o666, major: 1, minor: 3 },
    { kind: 'file', path: 'bin/busybox', mode: 0o755, data: busybox },
  ];
  for (const [path, name] of Object.entries(scripts)) {
    entries.push({ kind: 'file', path, mode: 0o755, data: await readFile(new URL(name, SCRIPTS)) });
  }
  return entries;
}

async function chooseKernelModules(
  kernel: KernelFiles,
  firmware: ReadonlyMap<string, string>,
): Promise<ChosenModule[]> {
  const choice = {
    directories: MODULE_DIRECTORIES,
    excludedDirectories: EXCLUDED_MODULE_DIRECTORIES,
    names: MODULE_NAMES,
    namesNeedingFirmware: MODULES_NEEDING_FIRMWARE,
  };
  const read = (path: string): Promise<ModuleInfo> => readModuleInfo(kernel, path);
  return chooseModules(await listModules(kernel), choice, read, (name) => firmware.has(name));
}

async function buildModuleEntries(kernel: KernelFiles, modules: readonly ChosenModule[]): Promise<CpioEntry[]> {
  const root = `lib/modules/${kernel.version}`;
  const buildTextEntry = (name: string, content: string): CpioEntry => {
    return { kind: 'file', path: `${root}/${name}`, mode: 0o644, data: Buffer.from(content, 'latin1') };
  };
  const entries = [
    buildTextEntry('modules.dep', renderDependencies(modules)),
    buildTextEntry('modules.alias', renderAliases(modules)),
    buildTextEntry('modules.symbols', ''),
    buildTextEntry(
      'modules.builtin',
      await readFile(join(kernel.modules, 'modules.builtin'), 'latin1').catch(() => ''),
    ),
  ];
  for (const { path, sourcePath } of modules) {
    const packedModule = await packModule(join(kernel.modules, sourcePath));
    entries.push({ kind: 'file', path: `${root}/${path}${packedModule.ending}`, mode: 0o644, data: packedModule.data });
  }
  return entries;
}

/** Finds the paths of unpacked firmware, by the names that drivers request. */
async function findFirmware(unpacked: string): Promise<Map<string, string>> {
  const base = await findFirstExisting([join(unpacked, 'lib/firmware'), join(unpacked, 'usr/lib/firmware')]);
  if (base === undefined) return new Map();
  const entries = await readdir(base, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(files.map((file) => [relative(base, file), file]));
}

async function buildFirmwareEntries(
  firmware: ReadonlyMap<string, string>,
  modules: readonly ChosenModule[],
): Promise<CpioEntry[]> {
  const entries: CpioEntry[] = [];
  for (const name of new Set(modules.flatMap(({ info }) => info.firmware))) {
    const file = firmware.get(name);
    if (file === undefined) continue;
    entries.push({ kind: 'file', path: `lib/firmware/${name}`, mode: 0o644, data: await readFile(file) });
  }
  return entries;
}
