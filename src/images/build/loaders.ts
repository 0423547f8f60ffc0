// Installs the boot loaders of the boot policy into the tree, from Debian's packages.
//
// 1. Loaders stay as Debian signed them, so that shim and GRUB load under Secure Boot.
// 2. Only a file that an earlier run installed is replaced.
// 3. The loaders come from LOADER_RELEASE, whatever release the environment has, because they can
//    start any kernel of their architecture.

import { existsSync, realpathSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { IPXE_BIOS, IPXE_UEFI, MEMDISK } from '../../boot/loader-limits.ts';
import { RackError } from '../../ground/errors.ts';
import {
  describeFile,
  encodeManifest,
  type FileContent,
  type PublishedFile,
  type Publisher,
  publishFile,
  readIfExists,
} from '../store/publication.ts';
import { Apt } from './apt.ts';
import type { BuildReports } from './build-reports.ts';
import { type DebianPackage, openPackage, unpackPackage } from './debian-package.ts';
import type { Publication } from './environment.ts';

interface LoaderRequest extends BuildReports {
  readonly tree: string;
  readonly arch: string;
  /** `.deb` files that contain the loaders. If undefined, apt fetches them. */
  readonly packages?: readonly string[] | undefined;
  readonly workDir: string;
  readonly publish?: Publisher | undefined;
}

/** Files of one package. `files` maps names in the tree to paths in the package. */
interface LoaderSource {
  readonly package: string;
  readonly files: Readonly<Record<string, string>>;
}

/**
 * Debian 13. Quirk: its signed GRUB 2.12 is the first with HTTP, which it needs after HTTP boot,
 * and the first that asks the boot server, not the server of its address, for its configuration;
 * 2.06 stops at its prompt. Its package of iPXE is the first with builds for other processors than
 * amd64.
 */
const LOADER_RELEASE = 'trixie';

const SYSLINUX = 'usr/lib/syslinux/modules/bios';
// ldlinux is pxelinux's core. The other modules load the libraries (`lib…`).
const SYSLINUX_MODULES = [
  'ldlinux',
  'libcom32',
  'libutil',
  'chain',
  'poweroff',
  'reboot',
  'menu',
  'vesamenu',
  'ifcpu64',
  'pxechn',
].map((name) => `${name}.c32`);

const BIOS: readonly LoaderSource[] = [
  {
    package: 'pxelinux',
    files: { 'pxelinux.0': 'usr/lib/PXELINUX/pxelinux.0', 'lpxelinux.0': 'usr/lib/PXELINUX/lpxelinux.0' },
  },
  {
    package: 'syslinux-common',
    files: {
      ...Object.fromEntries(SYSLINUX_MODULES.map((name) => [name, `${SYSLINUX}/${name}`])),
      [MEMDISK]: 'usr/lib/syslinux/memdisk',
    },
  },
];

const GRUB = 'usr/lib/grub';

/** Lists shim, the GRUB that shim starts, and MokManager, with which shim enrols keys. */
const listSignedLoaders = (cpu: string, suffix: string, platform: string): readonly LoaderSource[] => [
  { package: 'shim-signed', files: { [`boot${suffix}.efi`]: `usr/lib/shim/shim${suffix}.efi.signed` } },
  { package: `shim-helpers-${cpu}-signed`, files: { [`mm${suffix}.efi`]: `usr/lib/shim/mm${suffix}.efi.signed` } },
  {
    package: `grub-efi-${cpu}-signed`,
    files: { [`grub${suffix}.efi`]: `${GRUB}/${platform}-signed/grubnet${suffix}.efi.signed` },
  },
];

/** Returns GRUB as the program that firmware asks for, because Debian has no shim for this architecture. */
const buildGrubSource = (suffix: string, debianPackage: string, directory: string, ending = ''): LoaderSource => ({
  package: debianPackage,
  files: { [`boot${suffix}.efi`]: `${GRUB}/${directory}/grubnet${suffix}.efi${ending}` },
});

/**
 * Returns iPXE, for sites that name it in `boot.loaders`, and for profiles that another loader
 * cannot start. It is not signed.
 */
const buildIpxeSource = (...files: readonly string[]): LoaderSource => ({
  package: 'ipxe',
  files: Object.fromEntries(files.map((name) => [name, `usr/lib/ipxe/${name}`])),
});

const LOADERS: ReadonlyMap<string, readonly LoaderSource[]> = new Map([
  ['amd64', [...BIOS, ...listSignedLoaders('amd64', 'x64', 'x86_64-efi'), buildIpxeSource(IPXE_UEFI.amd64, IPXE_BIOS)]],
  ['arm64', [...listSignedLoaders('arm64', 'aa64', 'arm64-efi'), buildIpxeSource(IPXE_UEFI.arm64)]],
  ['armhf', [buildGrubSource('arm', 'grub-efi-arm-unsigned', 'arm-efi/monolithic')]],
  ['i386', [...BIOS, buildGrubSource('ia32', 'grub-efi-ia32-signed', 'i386-efi-signed', '.signed')]],
  ['loong64', [buildIpxeSource('ipxe-loong64.efi')]],
  ['riscv64', [buildGrubSource('riscv64', 'grub-efi-riscv64-unsigned', 'riscv64-efi/monolithic')]],
]);

/**
 * Finds the loaders of an architecture that the host's installed packages contain, by name in the
 * tree. Also returns the packages that are not installed.
 */
export function findHostLoaders(arch: string): {
  readonly files: ReadonlyMap<string, string>;
  readonly missing: readonly string[];
} {
  const files = new Map<string, string>();
  const missing: string[] = [];
  for (const source of LOADERS.get(arch) ?? []) {
    const presentFiles = Object.entries(source.files).filter(([, path]) => existsSync(`/${path}`));
    for (const [name, path] of presentFiles) files.set(name, realpathSync(`/${path}`));
    if (presentFiles.length === 0) missing.push(source.package);
  }
  return { files, missing };
}

/** A loader that an architecture should have in the tree. */
interface ListedLoader {
  readonly architecture: string;
  readonly name: string;
  /**
   * With `changed`, the file differs from the one that was installed under this name. With `own`,
   * none was installed, so the file is a person's.
   */
  readonly state: 'installed' | 'changed' | 'own' | 'missing';
  readonly package: string;
  /**
   * The version of the package that was installed, even if the file is missing now. Undefined if
   * none was.
   */
  readonly version: string | undefined;
}

const installedShape = z.object({
  packages: z.array(z.object({ name: z.string(), version: z.string() })),
  files: z.array(z.object({ name: z.string(), sha256: z.string() })),
});

/** Lists the loaders of all architectures, and compares those of the tree with what was installed. */
export async function listLoaders(tree: string): Promise<readonly ListedLoader[]> {
  const manifests = await readInstalled(tree);
  const loaders: ListedLoader[] = [];
  for (const [architecture, sources] of LOADERS) {
    for (const source of sources) {
      for (const name of Object.keys(source.files)) {
        const data = await readIfExists(join(tree, name));
        const sha256 = data === undefined ? undefined : describeFile({ name, data }).sha256;
        const sameContent = manifests.find(({ files }) => files.some((file) => file.sha256 === sha256));
        const installed = sameContent ?? manifests.find(({ files }) => files.some((file) => file.name === name));
        const version = installed?.packages.find(
          (installedPackage) => installedPackage.name === source.package,
        )?.version;
        const other = installed === undefined ? 'own' : 'changed';
        const state = data === undefined ? 'missing' : sameContent === undefined ? other : 'installed';
        loaders.push({ architecture, name, state, package: source.package, version });
      }
    }
  }
  return loaders;
}

/**
 * Reads the manifests of what was installed, of all architectures, because some share files. A
 * missing or damaged manifest is left out.
 */
async function readInstalled(tree: string): Promise<readonly z.output<typeof installedShape>[]> {
  const manifests = await Promise.all(
    [...LOADERS.keys()].map((architecture) => readIfExists(join(tree, formatManifestName(architecture)))),
  );
  return manifests.flatMap((manifest) => {
    try {
      return installedShape.safeParse(JSON.parse(manifest?.toString('utf8') ?? '')).data ?? [];
    } catch {
      return [];
    }
  });
}

const formatManifestName = (architecture: string): string => `.loaders-${architecture}.json`;

/**
 * Installs an architecture's loaders into the top directory of the tree, with `.loaders-ARCH.json`,
 * which names their packages.
 *
 * @throws RackError `bad-argument` for an architecture without loaders or a missing package;
 * `tool-missing` and `tool-failed` from apt and dpkg-deb, with the remedy
 */
export async function installLoaders(request: LoaderRequest): Promise<Publication> {
  const sources = LOADERS.get(request.arch);
  if (sources === undefined) {
    const supported = [...LOADERS.keys()].join(', ');
    throw new RackError(
      'bad-argument',
      `there are no loaders for ${JSON.stringify(request.arch)}; use one of ${supported}`,
    );
  }
  await mkdir(request.workDir, { recursive: true });
  const unpacked = await mkdtemp(join(request.workDir, 'unpacked-'));
  try {
    const packages = await choosePackages(request, sources);
    for (const { file } of packages) await unpackPackage(file, unpacked);
    return await publishLoaders(request, sources, packages, unpacked);
  } finally {
    await rm(unpacked, { recursive: true, force: true });
  }
}

async function choosePackages(request: LoaderRequest, sources: readonly LoaderSource[]): Promise<DebianPackage[]> {
  const names = sources.map((source) => source.package);
  if (request.packages === undefined) {
    const { arch, onProgress, onPart } = request;
    // Debian 13 has no loong64; the package of iPXE is for every architecture.
    const architecture = arch === 'loong64' ? 'amd64' : arch;
    // A directory apart from the environment's packages, whose lists may be of another release.
    const directory = join(request.workDir, 'loader-packages');
    const apt = await Apt.open({ architecture, release: LOADER_RELEASE, directory, onProgress, onPart });
    return apt.download(names);
  }
  const openedPackages = await Promise.all(request.packages.map(openPackage));
  const missing = names.filter((name) => !openedPackages.some((openedPackage) => openedPackage.name === name));
  if (missing.length > 0) {
    throw new RackError('bad-argument', `the loaders for ${request.arch} also need: ${missing.join(', ')}`);
  }
  return openedPackages.filter(({ name }) => names.includes(name));
}

async function publishLoaders(
  request: LoaderRequest,
  sources: readonly LoaderSource[],
  packages: readonly DebianPackage[],
  unpacked: string,
): Promise<Publication> {
  const installed = (await readInstalled(request.tree)).flatMap(({ files }) => files);
  const installedHashes = new Set(installed.map(({ sha256 }) => sha256));
  const files: PublishedFile[] = [];
  const changedFiles: FileContent[] = [];
  for (const [name, path] of sources.flatMap((source) => Object.entries(source.files))) {
    const data = await readIfExists(join(unpacked, path));
    if (data === undefined) {
      request.onProgress(`Omitting ${name}: the package does not have it`);
      continue;
    }
    const publishedFile = describeFile({ name, data });
    const target = join(request.tree, name);
    const present = await readIfExists(target);
    const presentHash = present && describeFile({ name, data: present }).sha256;
    if (presentHash !== undefined && presentHash !== publishedFile.sha256 && !installedHashes.has(presentHash)) {
      const isChanged = installed.some((file) => file.name === name);
      const why = isChanged ? 'it was changed since Rackboot installed it' : 'Rackboot did not install it';
      request.onProgress(`Keeping ${name}: ${why}. Remove it to get Debian's.`);
      continue;
    }
    if (presentHash !== publishedFile.sha256) changedFiles.push({ name, data });
    files.push(publishedFile);
  }
  const manifest = encodeManifest({
    schema: 1,
    packages: packages.map(({ name, version, architecture, sha256 }) => ({ name, version, architecture, sha256 })),
    files,
  });
  // The manifest comes last: files that it does not name count as a person's.
  changedFiles.push({ name: formatManifestName(request.arch), data: manifest.data });
  if (request.publish !== undefined) await request.publish(undefined, changedFiles);
  else for (const { name, data } of changedFiles) await publishFile(join(request.tree, name), data);
  request.onProgress(`Installed ${files.length} loader files for ${request.arch}`);
  return { directory: request.tree, files };
}
