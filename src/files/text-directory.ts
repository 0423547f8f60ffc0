// A directory of small text files that people edit. Each is read on request, and again only after a change.
//
// 1. A name means one file of this directory: names with a slash or a leading dot are not looked up.
// 2. Only regular files up to TEXT_FILE_BYTES_MAX are read; opening never waits.
// 3. The remembered files are bounded. A file is read again if its times, size or inode number changed.

import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BoundedMap } from '../ground/bounded-map.ts';
import { errorText, osErrorCode } from '../ground/errors.ts';

/** The longest file that is read, in bytes. */
export const TEXT_FILE_BYTES_MAX = 256 * 1024;
/** The most files that are remembered, and names that are listed. */
export const FILES_MAX = 4096;

type None = Readonly<Record<string, never>>;
/**
 * Why a file cannot be used: a code and its parameters.
 * @param said what the system says
 * @param max in bytes
 */
type FileFault =
  | { readonly code: 'file-unreadable'; readonly params: { readonly said: string } }
  | { readonly code: 'file-irregular'; readonly params: None }
  | { readonly code: 'file-long'; readonly params: { readonly max: number } }
  | { readonly code: 'file-not-utf8'; readonly params: None };

/** A file's text, or why it cannot be used. */
type FoundFile =
  | { readonly ok: true; readonly path: string; readonly text: string }
  | { readonly ok: false; readonly path: string; readonly fault: FileFault };

interface CachedFile {
  readonly stamp: string;
  readonly found: FoundFile;
}

const isFileName = (name: string): boolean => /^[^./\0][^/\0]{0,254}$/.test(name);

/** The text files of one directory. */
export class TextDirectory {
  readonly path: string;
  readonly #files = new BoundedMap<string, CachedFile>(FILES_MAX, 'used longest ago');

  /** @param path absolute; the directory need not exist */
  constructor(path: string) {
    this.path = path;
  }

  /** The file of that name; `undefined` if it does not exist. Never throws. */
  find(name: string): FoundFile | undefined {
    if (!isFileName(name)) return undefined;
    const path = join(this.path, name);
    try {
      return this.#readFile(name, path);
    } catch (error) {
      const code = osErrorCode(error);
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG') return undefined;
      return { ok: false, path, fault: { code: 'file-unreadable', params: { said: errorText(error) } } };
    }
  }

  /** The sorted names of its files; empty if it cannot be read. */
  list(): readonly string[] {
    try {
      const entries = readdirSync(this.path, { withFileTypes: true });
      const names = entries.filter((entry) => entry.isFile() || entry.isSymbolicLink()).map(({ name }) => name);
      return names.filter(isFileName).sort().slice(0, FILES_MAX);
    } catch {
      return [];
    }
  }

  #readFile(name: string, path: string): FoundFile {
    const handle = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { mtimeNs, ctimeNs, size, ino, dev, ...stats } = fstatSync(handle, { bigint: true });
      const stamp = [mtimeNs, ctimeNs, size, ino, dev].join(' ');
      const cached = this.#files.get(name);
      if (cached?.stamp === stamp) return cached.found;
      const content = readTextFile(handle, path, { size, isFile: (stats.mode & 0o170000n) === 0o100000n });
      this.#files.set(name, { stamp, found: content });
      return content;
    } finally {
      closeSync(handle);
    }
  }
}

function readTextFile(handle: number, path: string, { size, isFile }: { size: bigint; isFile: boolean }): FoundFile {
  if (!isFile) return { ok: false, path, fault: { code: 'file-irregular', params: {} } };
  if (size > TEXT_FILE_BYTES_MAX)
    return { ok: false, path, fault: { code: 'file-long', params: { max: TEXT_FILE_BYTES_MAX } } };
  try {
    return { ok: true, path, text: new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(handle)) };
  } catch (error) {
    if (osErrorCode(error) !== 'ERR_ENCODING_INVALID_ENCODED_DATA') throw error;
    return { ok: false, path, fault: { code: 'file-not-utf8', params: {} } };
  }
}
