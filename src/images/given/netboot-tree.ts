// Reads the kernel and the initrd of a network installer from a directory or an archive of this host: Debian's netboot.tar.gz, or the
// directory that it unpacks to.
//
// Sources: MANIFEST and netboot/ of dists/RELEASE/main/installer-ARCH/current/images/ of Debian 12 and Ubuntu 20.04; their `version.info`.
//
// 1. Names in an archive are only compared with expected ones; none becomes a path.
// 2. A link in a directory is not followed: it could lead to any file of this host.
// 3. Each file has at most FILE_BYTES_MAX: they are read into memory.

import type { FileHandle } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { cleanText } from '../../clean-text.ts';
import { listed } from '../../counted.ts';
import { osErrorCode, RackError } from '../../errors.ts';
import { fileFault } from '../../files/read-fault.ts';
import { copyBytes } from '../../net/borrowed-bytes.ts';
import { isDamage } from '../image-copy.ts';
import { bytesOfFile, openGiven } from '../image-file.ts';
import { REGULAR, TarFault } from '../image-tar.ts';
import { openStored } from '../stored-blob.ts';
import { isDirectory } from './directory-packing.ts';
import { listTar, NoTar } from './packed-tar.ts';
import { TarListing } from './tar-listing.ts';

/** A network installer. */
export interface NetbootTree {
  readonly kernel: Uint8Array;
  readonly initrd: Uint8Array;
  /** `debian`, `ubuntu`. */
  readonly os: string;
  /** The code name that it states: `bookworm`; undefined: none. */
  readonly release: string | undefined;
  /** For people. */
  readonly title: string | undefined;
  /** The name of its file or directory. */
  readonly source: string;
}

const FILE_BYTES_MAX = 512 * 1024 * 1024;
const INFO_BYTES_MAX = 4096;
const SYSTEMS = ['debian', 'ubuntu'] as const;
const ARCHITECTURES_SHOWN_MAX = 8;
/** `Debian version:  12 (bookworm)`. */
const INFO = /^(Debian|Ubuntu) version:\s+([\w.]{1,16})\s+\(([a-z]{1,32})\)/m;

/** The contents of a tree by their paths. */
type Contents = ReadonlyMap<string, Uint8Array>;

/** The place of an installer in a tree. */
interface Place {
  readonly os: string;
  readonly directory: string;
}

/** Where an installer may be, the likeliest first. */
const placesOf = (arch: string): readonly Place[] => [
  ...['', 'netboot/'].flatMap((above) => SYSTEMS.map((os) => ({ os, directory: `${above}${os}-installer/${arch}/` }))),
  { os: 'debian', directory: '' },
];
const FILES = ['linux', 'initrd.gz'] as const;
const INFO_NAMES = ['version.info', 'netboot/version.info'];

/**
 * Reads an installer.
 * @throws RackError `bad-argument` if there is none for this architecture; `tool-missing` without the program that expands it; as `fileFault`
 */
export async function readNetbootTree(path: string, arch: string): Promise<NetbootTree> {
  const wanted = new Set([
    ...placesOf(arch).flatMap(({ directory }) => FILES.map((name) => directory + name)),
    ...INFO_NAMES,
  ]);
  const architectures = new Set<string>();
  const contents = isDirectory(path)
    ? await readDirectory(path, wanted)
    : await readArchive(path, wanted, (name) => {
        const [, found] = /(?:debian|ubuntu)-installer\/([a-z0-9]{1,16})\/linux$/.exec(name) ?? [];
        if (found !== undefined) architectures.add(found);
      });
  for (const { os, directory } of placesOf(arch)) {
    const [kernel, initrd] = FILES.map((name) => contents.get(directory + name));
    if (kernel === undefined || initrd === undefined) continue;
    const info = INFO_NAMES.map((name) => contents.get(name)).find((text) => text !== undefined);
    const [, system, version, release] = INFO.exec(Buffer.from(info ?? []).toString('latin1')) ?? [];
    const title = release === undefined ? undefined : cleanText(`${system} ${version} (${release})`);
    return { kernel, initrd, os: system?.toLowerCase() ?? os, release, title, source: basename(path) };
  }
  const others = [...architectures].sort();
  const remedy =
    others.length > 0
      ? `it is for ${listed(others, ARCHITECTURES_SHOWN_MAX)}: name it with --arch`
      : `use the netboot.tar.gz of dists/RELEASE/main/installer-${arch}/current/images/netboot/ of a mirror, or its directory`;
  throw new RackError('bad-argument', `${path} has no network installer for ${arch} (linux and initrd.gz): ${remedy}`);
}

const bytesMaxOf = (name: string): number => (INFO_NAMES.includes(name) ? INFO_BYTES_MAX : FILE_BYTES_MAX);

async function readDirectory(path: string, wanted: ReadonlySet<string>): Promise<Contents> {
  const contents = new Map<string, Uint8Array>();
  for (const name of wanted) {
    const found = await readPlain(join(path, name), bytesMaxOf(name));
    if (found !== undefined) contents.set(name, found);
  }
  return contents;
}

/** @returns undefined if there is no such file, or a link in its place */
async function readPlain(path: string, bytesMax: number): Promise<Uint8Array | undefined> {
  let file: FileHandle;
  try {
    file = await openStored(path);
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(osErrorCode(cause) ?? '')) return undefined;
    throw fileFault(path, cause);
  }
  try {
    const facts = await file.stat();
    if (!facts.isFile()) return undefined;
    if (facts.size > bytesMax) throw tooLarge(path, bytesMax);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

const tooLarge = (path: string, bytesMax: number): RackError =>
  new RackError('bad-argument', `${path} has more than ${bytesMax} bytes, unlike the file of any installer`);

async function readArchive(
  path: string,
  wanted: ReadonlySet<string>,
  onFile: (name: string) => void,
): Promise<Contents> {
  const parts = new Map<string, Uint8Array[]>();
  const listing = new TarListing(({ name, type, bytes }) => {
    if (!REGULAR.has(type)) return undefined;
    onFile(name);
    if (!wanted.has(name)) return undefined;
    if (bytes > bytesMaxOf(name)) throw tooLarge(`${name} of ${path}`, bytesMaxOf(name));
    const pieces: Uint8Array[] = [];
    parts.set(name, pieces);
    return (piece) => void pieces.push(copyBytes(piece));
  });
  const file = await openGiven(path);
  try {
    await listTar(await bytesOfFile(file, path), listing);
  } catch (error) {
    const why =
      error instanceof NoTar ? 'it is not a tar archive' : error instanceof TarFault ? error.message : undefined;
    if (why === undefined && !isDamage(error)) throw error;
    throw new RackError('bad-argument', `${path} cannot be read: ${why ?? 'it is damaged: copy it again'}`, {
      cause: error,
    });
  } finally {
    await file.close();
  }
  return new Map([...parts].map(([name, pieces]) => [name, Buffer.concat(pieces)]));
}
