// Reads kernel and initrd of a network installer of this host: Debian's netboot.tar.gz, or its directory.
//
// Sources: MANIFEST and netboot/ of dists/RELEASE/main/installer-ARCH/current/images/ of Debian 12
// and Ubuntu 20.04; their `version.info`.
//
// 1. Names in an archive are only compared, and never become paths.
// 2. Links are not followed: they could lead to any file of this host.
// 3. A tree is listed first. Only one kernel and initrd are read into memory, each once, together at most
//    INSTALLER_BYTES_MAX.

import { lstatSync, type Stats } from 'node:fs';
import { basename, join } from 'node:path';
import { toFileFault } from '../../files/read-fault.ts';
import { cleanText } from '../../ground/clean-text.ts';
import { joinNames } from '../../ground/counted.ts';
import { osErrorCode, RackError } from '../../ground/errors.ts';
import type { ImageBytes } from '../content/disk-image.ts';
import { isDamage } from '../content/image-copy.ts';
import { bytesOfFile, openNamedFile } from '../content/image-file.ts';
import { listTar, NotTarFault, readTar, TarFault, type TarMember } from '../content/packed-tar.ts';
import { openStored } from '../store/stored-blob.ts';
import { isDirectory } from './directory-packing.ts';

export interface NetbootTree {
  readonly kernel: Uint8Array;
  readonly initrd: Uint8Array;
  readonly os: string;
  /** The release, such as `bookworm`. Undefined if the installer names none. */
  readonly release: string | undefined;
  readonly title: string | undefined;
  readonly source: string;
}

/** Kernel and initrd together; Debian 12's graphical ones have 70 MB. */
const INSTALLER_BYTES_MAX = 512 * 1024 * 1024;
const INFO_BYTES_MAX = 4096;
const SYSTEMS = ['debian', 'ubuntu'] as const;
const ARCHITECTURES_SHOWN_MAX = 8;
/** `Debian version:  12 (bookworm)`. */
const INFO = /^(Debian|Ubuntu) version:\s+([\w.]{1,16})\s+\(([a-z]{1,32})\)/m;

interface FileTree {
  /** The sizes of the needed files that exist. */
  readonly sizes: ReadonlyMap<string, number>;
  readonly architectures: ReadonlySet<string>;
  /** Reads a file. @param name one of `sizes` */
  read(name: string): Promise<Uint8Array>;
}

interface InstallerLocation {
  readonly os: string;
  readonly directory: string;
}

/** Lists the directories where an installer may be, the likeliest first. */
const listCandidates = (arch: string): readonly InstallerLocation[] => [
  ...['', 'netboot/'].flatMap((parent) =>
    SYSTEMS.map((os) => ({ os, directory: `${parent}${os}-installer/${arch}/` })),
  ),
  { os: 'debian', directory: '' },
];
const FILES = ['linux', 'initrd.gz'] as const;
const INFO_NAMES = ['version.info', 'netboot/version.info'];

/**
 * Reads an installer.
 * @throws RackError `bad-argument` if there is none for this architecture; `tool-missing` without
 * the program that expands it; as `fileFault`
 */
export async function readNetbootTree(path: string, arch: string): Promise<NetbootTree> {
  const neededNames = new Set([
    ...listCandidates(arch).flatMap(({ directory }) => FILES.map((name) => directory + name)),
    ...INFO_NAMES,
  ]);
  const tree = isDirectory(path) ? listDirectory(path, neededNames) : await listArchive(path, neededNames);
  const { sizes } = tree;
  for (const { os, directory } of listCandidates(arch)) {
    const [kernelName, initrdName] = FILES.map((name) => directory + name);
    if (kernelName === undefined || initrdName === undefined) continue;
    const [kernelBytes, initrdBytes] = [sizes.get(kernelName), sizes.get(initrdName)];
    if (kernelBytes === undefined || initrdBytes === undefined) continue;
    if (kernelBytes === 0 || initrdBytes === 0)
      throw buildEmptyFault(kernelBytes === 0 ? kernelName : initrdName, path);
    if (kernelBytes + initrdBytes > INSTALLER_BYTES_MAX)
      throw buildTooLargeFault(`${kernelName} and ${initrdName}`, path);
    const infoName = INFO_NAMES.find((name) => sizes.has(name));
    if (infoName !== undefined && (sizes.get(infoName) ?? 0) > INFO_BYTES_MAX) throw buildTooLargeFault(infoName, path);
    const [kernel, initrd] = [await tree.read(kernelName), await tree.read(initrdName)];
    const info = infoName === undefined ? '' : Buffer.from(await tree.read(infoName)).toString('latin1');
    const [, system, version, release] = INFO.exec(info) ?? [];
    const title = release === undefined ? undefined : cleanText(`${system} ${version} (${release})`);
    return { kernel, initrd, os: system?.toLowerCase() ?? os, release, title, source: basename(path) };
  }
  const others = [...tree.architectures].sort();
  const remedy =
    others.length > 0
      ? `it is for ${joinNames(others, ARCHITECTURES_SHOWN_MAX)}: name it with --arch`
      : `use the netboot.tar.gz of dists/RELEASE/main/installer-${arch}/current/images/netboot/ of a mirror, or its directory`;
  throw new RackError('bad-argument', `${path} has no network installer for ${arch} (linux and initrd.gz): ${remedy}`);
}

const buildTooLargeFault = (name: string, path: string): RackError =>
  new RackError('bad-argument', `${name} of ${path}: more bytes than those of any installer; copy it again`);

const buildEmptyFault = (name: string, path: string): RackError =>
  new RackError('bad-argument', `${name} of ${path} is empty: copy it again`);

const buildChangedFault = (path: string): RackError =>
  new RackError('bad-argument', `${path} changed while it was being read: wait until it is complete, then repeat this`);

function listDirectory(path: string, wanted: ReadonlySet<string>): FileTree {
  const sizes = new Map<string, number>();
  for (const name of wanted) {
    const entry = statEntry(join(path, name));
    if (entry?.isFile() === true) sizes.set(name, entry.size);
  }
  const read = (name: string): Promise<Uint8Array> => readUnchangedFile(join(path, name), sizes.get(name) ?? 0);
  return { sizes, architectures: new Set(), read };
}

function statEntry(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    if (osErrorCode(cause) === 'ENOTDIR') return undefined;
    throw toFileFault(path, cause);
  }
}

async function readUnchangedFile(path: string, bytes: number): Promise<Uint8Array> {
  const file = await openStored(path).catch((cause: unknown) => {
    throw toFileFault(path, cause);
  });
  try {
    const openedBytes = await bytesOfFile(file, path);
    if (openedBytes.bytes !== bytes) throw buildChangedFault(path);
    const content = await openedBytes.read(0, bytes);
    await openedBytes.checkUnchanged();
    return content;
  } finally {
    await file.close();
  }
}

async function listArchive(path: string, wanted: ReadonlySet<string>): Promise<FileTree> {
  const members = new Map<string, TarMember>();
  const architectures = new Set<string>();
  await openArchive(path, (archive) =>
    listTar(archive, (member) => {
      const { name, isFile } = member;
      if (!isFile) return;
      const [, architecture] = /(?:debian|ubuntu)-installer\/([a-z0-9]{1,16})\/linux$/.exec(name) ?? [];
      if (architecture !== undefined) architectures.add(architecture);
      if (!wanted.has(name)) return;
      if (members.has(name)) throw new TarFault(`it has ${name} twice`);
      members.set(name, member);
    }),
  );
  const read = async (name: string): Promise<Uint8Array> => {
    const { rawName, bytes } = members.get(name) ?? { rawName: name, bytes: 0 };
    const content = Buffer.alloc(bytes);
    let done = 0;
    await openArchive(path, (archive) =>
      readTar(archive, [rawName], (piece) => {
        if (done + piece.length > bytes) throw buildChangedFault(path);
        content.set(piece, done);
        done += piece.length;
      }),
    );
    if (done !== bytes) throw buildChangedFault(path);
    return content;
  };
  return { sizes: new Map([...members].map(([name, { bytes }]) => [name, bytes])), architectures, read };
}

async function openArchive(path: string, use: (archive: ImageBytes) => Promise<void>): Promise<void> {
  const file = await openNamedFile(path);
  try {
    const bytes = await bytesOfFile(file, path);
    await use(bytes);
    await bytes.checkUnchanged();
  } catch (error) {
    const why =
      error instanceof NotTarFault ? 'it is not a tar archive' : error instanceof TarFault ? error.message : undefined;
    if (why === undefined && !isDamage(error)) throw error;
    throw new RackError('bad-argument', `${path} cannot be read: ${why ?? 'it is damaged: copy it again'}`, {
      cause: error,
    });
  } finally {
    await file.close();
  }
}
