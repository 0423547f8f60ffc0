// Installs the boot loaders of the boot policy into the tree, from Debian's packages.
//
// 1. Loaders stay as Debian signed them, so that shim and GRUB load under Secure Boot.
// 2. Only a file that an earlier run installed is replaced.
// 3. They come from LOADER_RELEASE, whatever release the environment has: the loaders of one
//    architecture go with any kernel.

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
  readIfThere,
} from '../store/publication.ts';
import { Apt } from './apt.ts';
import type { BuildReports } from './build-reports.ts';
import { type DebianPackage, openPackage, unpackPackage } from './debian-package.ts';
import type { Publication } from './environment.ts';

interface LoaderRequest extends BuildReports {
  readonly tree: string;
  readonly arch: string;
  /** `.deb` files that contain them; undefined: apt fetches them. */
  readonly packages?: readonly string[] | undefined;
  readonly workDir: string;
  readonly publish?: Publisher | undefined;
}

/** Files of one package: by name in the tree, the path in the package. */
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

/** shim, the GRUB that it starts, and MokManager, with which it enrols keys. */
const signedLoaders = (cpu: string, suffix: string, platform: string): readonly LoaderSource[] => [
  { package: 'shim-signed', files: { [`boot${suffix}.efi`]: `usr/lib/shim/shim${suffix}.efi.signed` } },
  { package: `shim-helpers-${cpu}-signed`, files: { [`mm${suffix}.efi`]: `usr/lib/shim/mm${suffix}.efi.signed` } },
  {
    package: `grub-efi-${cpu}-signed`,
    files: { [`grub${suffix}.efi`]: `${GRUB}/${platform}-signed/grubnet${suffix}.efi.signed` },
  },
];

/** GRUB alone, as the program that firmware asks for: Debian has no shim for this architecture. */
const grubAlone = (suffix: string, debianPackage: string, directory: string, ending = ''): LoaderSource => ({
  package: debianPackage,
  files: { [`boot${suffix}.efi`]: `${GRUB}/${directory}/grubnet${suffix}.efi${ending}` },
});

/**
 * iPXE for sites that name it in `boot.loaders`, and for profiles that another loader cannot start.
 * Not signed.
 */
const ipxe = (...files: readonly string[]): LoaderSource => ({
  package: 'ipxe',
  files: Object.fromEntries(files.map((name) => [name, `usr/lib/ipxe/${name}`])),
});

const LOADERS: ReadonlyMap<string, readonly LoaderSource[]> = new Map([
  ['amd64', [...BIOS, ...signedLoaders('amd64', 'x64', 'x86_64-efi'), ipxe(IPXE_UEFI.amd64, IPXE_BIOS)]],
  ['arm64', [...signedLoaders('arm64', 'aa64', 'arm64-efi'), ipxe(IPXE_UEFI.arm64)]],
  ['armhf', [grubAlone('arm', 'grub-efi-arm-unsigned', 'arm-efi/monolithic')]],
  ['i386', [...BIOS, grubAlone('ia32', 'grub-efi-ia32-signed', 'i386-efi-signed', '.signed')]],
  ['loong64', [ipxe('ipxe-loong64.efi')]],
  ['riscv64', [grubAlone('riscv64', 'grub-efi-riscv64-unsigned', 'riscv64-efi/monolithic')]],
]);

/**
 * The loaders of an architecture that the host's own packages have, by name in the tree, and the
 * packages that it lacks.
 */
export function findHostLoaders(arch: string): {
  readonly files: ReadonlyMap<string, string>;
  readonly missing: readonly string[];
} {
  const files = new Map<string, string>();
  const missing: string[] = [];
  for (const source of LOADERS.get(arch) ?? []) {
    const there = Object.entries(source.files).filter(([, path]) => existsSync(`/${path}`));
    for (const [name, path] of there) files.set(name, realpathSync(`/${path}`));
    if (there.length === 0) missing.push(source.package);
  }
  return { files, missing };
}

/** A loader that an architecture should have in the tree. */
interface ListedLoader {
  readonly architecture: string;
  readonly name: string;
  /** `changed`: not the file that was installed under this name. `own`: none was, so it is a person's. */
  readonly state: 'installed' | 'changed' | 'own' | 'missing';
  readonly package: string;
  /** Of the package that was installed, even if the file is missing now; undefined: none was. */
  readonly version: string | undefined;
}

const installedShape = z.object({
  packages: z.array(z.object({ name: z.string(), version: z.string() })),
  files: z.array(z.object({ name: z.string(), sha256: z.string() })),
});

/** Lists the loaders of all architectures, and compares those of the tree with what was installed. */
export async function listLoaders(tree: string): Promise<readonly ListedLoader[]> {
  const manifests = await readInstalled(tree);
  const listed: ListedLoader[] = [];
  for (const [architecture, sources] of LOADERS) {
    for (const source of sources) {
      for (const name of Object.keys(source.files)) {
        const data = await readIfThere(join(tree, name));
        const sha256 = data === undefined ? undefined : describeFile({ name, data }).sha256;
        const same = manifests.find(({ files }) => files.some((file) => file.sha256 === sha256));
        const installed = same ?? manifests.find(({ files }) => files.some((file) => file.name === name));
        const version = installed?.packages.find(
          (installedPackage) => installedPackage.name === source.package,
        )?.version;
        const other = installed === undefined ? 'own' : 'changed';
        const state = data === undefined ? 'missing' : same === undefined ? other : 'installed';
        listed.push({ architecture, name, state, package: source.package, version });
      }
    }
  }
  return listed;
}

/**
 * What was installed of each architecture: some share files. A manifest that is missing or damaged
 * names nothing.
 */
async function readInstalled(tree: string): Promise<readonly z.output<typeof installedShape>[]> {
  const manifests = await Promise.all(
    [...LOADERS.keys()].map((architecture) => readIfThere(join(tree, manifestName(architecture)))),
  );
  return manifests.flatMap((manifest) => {
    try {
      return installedShape.safeParse(JSON.parse(manifest?.toString('utf8') ?? '')).data ?? [];
    } catch {
      return [];
    }
  });
}

const manifestName = (architecture: string): string => `.loaders-${architecture}.json`;

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
    // Apart from the environment's packages, whose lists may be of another release.
    const directory = join(request.workDir, 'loader-packages');
    const apt = await Apt.open({ architecture, release: LOADER_RELEASE, directory, onProgress, onPart });
    return apt.download(names);
  }
  const opened = await Promise.all(request.packages.map(openPackage));
  const missing = names.filter((name) => !opened.some((openedPackage) => openedPackage.name === name));
  if (missing.length > 0) {
    throw new RackError('bad-argument', `the loaders for ${request.arch} also need: ${missing.join(', ')}`);
  }
  return opened.filter(({ name }) => names.includes(name));
}

async function publishLoaders(
  request: LoaderRequest,
  sources: readonly LoaderSource[],
  packages: readonly DebianPackage[],
  unpacked: string,
): Promise<Publication> {
  const installed = (await readInstalled(request.tree)).flatMap(({ files }) => files);
  const ours = new Set(installed.map(({ sha256 }) => sha256));
  const files: PublishedFile[] = [];
  const changed: FileContent[] = [];
  for (const [name, path] of sources.flatMap((source) => Object.entries(source.files))) {
    const data = await readIfThere(join(unpacked, path));
    if (data === undefined) {
      request.onProgress(`Omitting ${name}: the package does not have it`);
      continue;
    }
    const described = describeFile({ name, data });
    const target = join(request.tree, name);
    const present = await readIfThere(target);
    const presentHash = present && describeFile({ name, data: present }).sha256;
    if (presentHash !== undefined && presentHash !== described.sha256 && !ours.has(presentHash)) {
      const isChanged = installed.some((file) => file.name === name);
      const why = isChanged ? 'it was changed since Rackboot installed it' : 'Rackboot did not install it';
      request.onProgress(`Keeping ${name}: ${why}. Remove it to get Debian's.`);
      continue;
    }
    if (presentHash !== described.sha256) changed.push({ name, data });
    files.push(described);
  }
  const manifest = encodeManifest({
    schema: 1,
    packages: packages.map(({ name, version, architecture, sha256 }) => ({ name, version, architecture, sha256 })),
    files,
  });
  // The manifest comes last: files that it does not name count as a person's.
  changed.push({ name: manifestName(request.arch), data: manifest.data });
  if (request.publish !== undefined) await request.publish(undefined, changed);
  else for (const { name, data } of changed) await publishFile(join(request.tree, name), data);
  request.onProgress(`Installed ${files.length} loader files for ${request.arch}`);
  return { directory: request.tree, files };
}
