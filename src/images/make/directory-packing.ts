// Packs a system's root in a directory of this host into a tar archive, with the program tar, while
// it is read.
//
// Source: GNU tar 1.34 manual, "Creating archives", "Reproducibility".
//
// 1. Nothing outside the directory is read: links are packed as links, other file systems (proc, a
//    bind mount) as empty directories.
// 2. Owners, modes, times, hard links, holes and extended attributes are kept. The same files give
//    the same bytes.
// 3. If tar could not read a file, or one changed meanwhile, the packing fails.
// 4. The directory is opened once, and read through its descriptor: nobody can put a link in its
//    place meanwhile.
// 5. Only a few pieces are in memory; no copy is made.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, lstatSync, readlinkSync, realpathSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { toFileFault } from '../../files/read-fault.ts';
import { statIfVisible } from '../../files/seen-stats.ts';
import { cleanText, shellWord } from '../../ground/clean-text.ts';
import { osErrorCode, RackError } from '../../ground/errors.ts';
import { PIECE_BYTES } from '../content/conversion.ts';
import { requirePrograms, searchPath } from '../content/needed-programs.ts';
import type { RootForm } from './given-file.ts';

/** The form of a packed directory. Every host that imports it can read it, MAAS too. */
export const PACKED_FORM: RootForm = { kind: 'root', format: 'root.tar', rootName: 'root-tgz' };

/** The kinds of directories: the root of a system, a site with simplestreams, a network installer. */
export type DirectoryKind = 'system' | 'site' | 'netboot' | 'other';

const ERRORS_CHARACTERS_MAX = 4000;
const SHOWN_CHARACTERS_MAX = 300;
const TAR_ARGS = [
  // Later formats of sparse files contain the process id of tar.
  '--create',
  '--one-file-system',
  '--numeric-owner',
  '--sort=name',
  '--sparse',
  '--sparse-version=0.0',
  '--format=posix',
  '--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime',
  '--xattrs',
  '--xattrs-include=*',
];
const RELEASE_FILES = ['etc/os-release', 'usr/lib/os-release'];
/** Entries that show a site, or an unfinished mirror. */
const SITE_ENTRIES = ['streams/v1/index.sjson', 'streams/v1/index.json', '.rackboot-mirror'];
const NETBOOT_NAMES = ['debian-installer', 'ubuntu-installer', 'netboot/debian-installer', 'netboot/ubuntu-installer'];

/** The caller closes it. */
export interface OpenDirectory {
  readonly handle: FileHandle;
  readonly name: string;
}

/**
 * Opens a directory that a person names, also through a link of this user or root.
 * @throws RackError as `toFileFault`, `bad-argument` for the link of another user
 */
export async function openDirectory(name: string): Promise<OpenDirectory> {
  try {
    const stats = lstatSync(name);
    if (stats.isSymbolicLink() && stats.uid !== 0 && stats.uid !== process.geteuid?.()) {
      const remedy = `name the directory itself, if it is the right one: ${shellWord(readlinkSync(name))}`;
      throw new RackError('bad-argument', `${name} is a link of another user: ${remedy}`);
    }
    const path = stats.isSymbolicLink() ? realpathSync(name) : name;
    const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
    return { handle: await open(path, flags), name };
  } catch (cause) {
    throw cause instanceof RackError ? cause : toFileFault(name, cause);
  }
}

const descriptorPath = ({ handle }: OpenDirectory): string => `/proc/self/fd/${handle.fd}`;

export const readRealPath = (directory: OpenDirectory): string => readlinkSync(descriptorPath(directory));

/** @throws RackError as `toFileFault` if this user may not enter the directory */
export function recogniseDirectory(directory: OpenDirectory): DirectoryKind {
  const hasEntry = (path: string): boolean => statEntry(directory, path) !== undefined;
  const isDirectory = (path: string): boolean => statEntry(directory, path)?.isDirectory() === true;
  if (isDirectory('etc') && isDirectory('usr') && RELEASE_FILES.some(hasEntry)) return 'system';
  if (SITE_ENTRIES.some(hasEntry)) return 'site';
  if (NETBOOT_NAMES.some(isDirectory) || (hasEntry('linux') && hasEntry('initrd.gz'))) return 'netboot';
  return 'other';
}

export const isDirectory = (path: string): boolean => statIfVisible(path)?.isDirectory() === true;

function statEntry(directory: OpenDirectory, path: string): ReturnType<typeof lstatSync> {
  try {
    return lstatSync(join(descriptorPath(directory), path), { throwIfNoEntry: false });
  } catch (cause) {
    if (osErrorCode(cause) === 'ENOTDIR') return undefined;
    throw toFileFault(directory.name, cause);
  }
}

export class DirectoryPacking {
  readonly #directory: string;
  readonly #tar: Readable;
  readonly #gzip = createGzip({ chunkSize: PIECE_BYTES });
  readonly #ended: Promise<unknown[]>;
  #errorOutput = '';

  /**
   * Starts tar as the current user of this process. It waits until pieces are requested.
   * @throws RackError `tool-missing` without tar
   */
  constructor({ handle, name }: OpenDirectory) {
    requirePrograms('Packing a directory', [{ program: 'tar', package: 'tar' }]);
    this.#directory = name;
    const args = [...TAR_ARGS, '--directory=/proc/self/fd/3', '--file=-', '.'];
    const env = { PATH: searchPath(), LC_ALL: 'C' };
    const child = spawn('tar', args, { env, stdio: ['ignore', 'pipe', 'pipe', handle.fd] });
    if (child.stdout === null || child.stderr === null) throw new Error('tar has no pipes');
    child.stderr.on('data', (bytes: Buffer) => {
      this.#errorOutput = (this.#errorOutput + bytes.toString('utf8')).slice(0, ERRORS_CHARACTERS_MAX);
    });
    // Read at once: when a child ends, Node discards output that nobody reads.
    this.#tar = child.stdout;
    this.#tar.pipe(this.#gzip);
    this.#ended = once(child, 'close');
    this.#ended.catch(() => undefined);
  }

  /**
   * Yields the archive, packed with gzip. A piece is valid until the next is requested. Rejects
   * with RackError `permission-denied`, or `bad-argument` if part of the directory could not be
   * read
   */
  async *pieces(): AsyncGenerator<Uint8Array> {
    for await (const piece of this.#gzip) yield piece;
    await this.#requireSuccess();
  }

  /** Ends tar by closing its output. A signal could fail, because tar may belong to another user by now. */
  stop(): void {
    this.#tar.destroy();
    this.#gzip.destroy();
  }

  async #requireSuccess(): Promise<void> {
    const [code] = await this.#ended;
    if (code === 0) return;
    const directory = this.#directory;
    const lines = this.#errorOutput.split('\n').map((line) => line.replace(/^tar: /, ''));
    const clean = (line: string): string => cleanText(line, SHOWN_CHARACTERS_MAX);
    const denied = lines.find((line) => /: (?:Permission denied|Operation not permitted)$/.test(line));
    if (denied !== undefined) {
      const remedy = 'run this with sudo, or let this user read all its files';
      throw new RackError('permission-denied', `${directory} cannot be added: ${clean(denied)}; ${remedy}`);
    }
    const changed = lines.find((line) => /(?:file changed as we read it|File removed before we read it)$/.test(line));
    const remedy =
      changed === undefined
        ? 'its disk may be damaged'
        : `stop the programs that use it: sudo fuser -vm ${shellWord(directory)}`;
    const why = clean(changed ?? lines.find((line) => line !== '') ?? `tar ended with ${String(code)}`);
    throw new RackError('bad-argument', `${directory} cannot be added: ${why}; ${remedy}`);
  }
}
