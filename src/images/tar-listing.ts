// Lists the members of a tar archive that arrives in pieces of any length, and passes on the contents that are wanted.
//
// Sources: POSIX.1-2017 pax, "ustar Interchange Format" and "pax Header Block"; GNU tar 1.35 manual, "Basic Tar Format".
//
// 1. Names are only compared with others; a name never becomes a path.
// 2. Only a header, or the extension of one, is in memory at a time.

import { copyBytes, viewBytes } from '../net/borrowed-bytes.ts';
import {
  AT,
  BLOCK_BYTES,
  EMPTY,
  EXTENSION_BYTES_MAX,
  EXTENSIONS_BYTES_MAX,
  extensionsFault,
  isHeader,
  nameOf,
  pad,
  paxRecords,
  readNumber,
  TarFault,
} from './image-tar.ts';

/** A member of an archive. */
export interface TarMember {
  /** Without `./` or `/` at its beginning, and without `/` at its end; empty for the directory of all others. */
  readonly name: string;
  /** POSIX's typeflag: `0` or NUL for a file, `5` for a directory, `2` for a symbolic link; GNU's `S` for a sparse file. */
  readonly type: string;
  /** The size of its content in the archive. */
  readonly bytes: number;
}

/** Takes a part of a content; it may use it only until it returns. */
type TakeContent = (bytes: Uint8Array) => void;

/** Called with each member. @returns what takes its content; undefined: nothing does */
type OnMember = (member: TarMember) => TakeContent | undefined;

/** With the extensions of their headers. Ample for a system: a large desktop has a million files. */
const MEMBERS_MAX = 20_000_000;
/** Beyond EXTENSIONS_BYTES_MAX, for each member on average: a time and two labels of SELinux have 180 bytes. */
const EXTENSION_BYTES_OF_MEMBER = 256;
const PAX = 'xg';
const EXTENSIONS = `${PAX}LK`;
/** After the 21 entries of a block of a sparse file's map. */
const MAP_CONTINUES_AT = 504;

/** Lists an archive. */
export class TarListing {
  readonly #onMember: OnMember;
  #state: 'header' | 'extension' | 'map' | 'content' | 'over' = 'header';
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  /** The type and the size of the extension that is being read. */
  #extension = '';
  #extensionBytes = 0;
  /** Remaining bytes of the content, and of the padding after it. */
  #left = 0;
  #padding = 0;
  #take: TakeContent | undefined;
  #members = 0;
  /** All extensions of headers so far. */
  #extensions = 0;
  #extensionsBytes = 0;
  #nextName: string | undefined;
  #nextSize: number | undefined;

  constructor(onMember: OnMember) {
    this.#onMember = onMember;
  }

  /** Throws TarFault, or the error of `onMember`. Uses `bytes` only until it returns. */
  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && this.#state !== 'over'; ) at += this.#step(viewBytes(bytes, at));
  }

  /** Ends the archive. Throws TarFault if it was cut short. */
  end(): void {
    if (this.#state === 'over' || (this.#state === 'header' && this.#gatheredBytes === 0 && this.#members > 0)) return;
    throw new TarFault('the archive was cut short: copy it again');
  }

  /** @returns how many bytes were used */
  #step(bytes: Uint8Array): number {
    switch (this.#state) {
      case 'header':
        return this.#gather(bytes, BLOCK_BYTES, (block) => this.#readHeader(block));
      case 'map':
        return this.#gather(bytes, BLOCK_BYTES, (block) => this.#readMap(block));
      case 'extension':
        return this.#gather(bytes, pad(this.#extensionBytes), (value) => this.#readExtension(value));
      case 'content':
        return this.#pass(bytes);
      default:
        return bytes.length;
    }
  }

  #gather(bytes: Uint8Array, wanted: number, use: (all: Uint8Array) => void): number {
    const taken = copyBytes(bytes, 0, Math.min(bytes.length, wanted - this.#gatheredBytes));
    this.#gathered.push(taken);
    this.#gatheredBytes += taken.length;
    if (this.#gatheredBytes === wanted) {
      const all = Buffer.concat(this.#gathered);
      this.#gathered = [];
      this.#gatheredBytes = 0;
      use(all);
    }
    return taken.length;
  }

  #readHeader(block: Uint8Array): void {
    if (block.every((byte) => byte === 0)) {
      this.#state = 'over';
      return;
    }
    if (!isHeader(block)) throw new TarFault('a header of the archive is damaged: copy it again');
    const type = String.fromCharCode(block[AT.type] ?? 0);
    const written = readNumber(block, AT.size, 12);
    if (written === undefined) throw new TarFault('a member of the archive has no readable size');
    if (EXTENSIONS.includes(type)) {
      if (written > EXTENSION_BYTES_MAX) throw new TarFault('a header of the archive is too large');
      this.#extension = type;
      this.#extensionBytes = written;
      this.#countExtension(written);
      if (written > 0) this.#state = 'extension';
      return;
    }
    this.#members += 1;
    this.#countHeaders();
    const bytes = EMPTY.has(type) ? 0 : (this.#nextSize ?? written);
    const name = withoutSlashes((this.#nextName ?? nameOf(block)).replace(/^(?:\.?\/)+/, ''));
    this.#nextName = undefined;
    this.#nextSize = undefined;
    this.#take = this.#onMember({ name: name === '.' ? '' : name, type, bytes });
    this.#left = bytes;
    this.#padding = pad(bytes) - bytes;
    this.#state = type === 'S' && block[AT.isExtended] !== 0 ? 'map' : bytes > 0 ? 'content' : 'header';
  }

  #countHeaders(): void {
    if (this.#members + this.#extensions <= MEMBERS_MAX) return;
    throw new TarFault(`the archive has more than ${MEMBERS_MAX} members`);
  }

  #countExtension(bytes: number): void {
    this.#extensions += 1;
    this.#countHeaders();
    this.#extensionsBytes += bytes;
    const bytesMax = EXTENSIONS_BYTES_MAX + this.#members * EXTENSION_BYTES_OF_MEMBER;
    if (this.#extensionsBytes > bytesMax) throw extensionsFault();
  }

  #readMap(block: Uint8Array): void {
    if (block[MAP_CONTINUES_AT] === 0) this.#state = this.#left > 0 ? 'content' : 'header';
  }

  #readExtension(padded: Uint8Array): void {
    this.#state = 'header';
    const value = Buffer.from(viewBytes(padded, 0, this.#extensionBytes));
    if (this.#extension === 'L') this.#nextName = value.toString('utf8').replace(/\0+$/, '');
    if (this.#extension !== 'x') return;
    for (const [key, text] of paxRecords(value)) {
      if (key === 'path') this.#nextName = text;
      if (key !== 'size') continue;
      const size = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
      if (!Number.isSafeInteger(size)) throw new TarFault('a member of the archive has no readable size');
      this.#nextSize = size;
    }
  }

  #pass(bytes: Uint8Array): number {
    if (this.#left > 0) {
      const part = viewBytes(bytes, 0, Math.min(bytes.length, this.#left));
      this.#take?.(part);
      this.#left -= part.length;
      if (this.#left === 0 && this.#padding === 0) this.#state = 'header';
      return part.length;
    }
    const passed = Math.min(bytes.length, this.#padding);
    this.#padding -= passed;
    if (this.#padding === 0) this.#state = 'header';
    return passed;
  }
}

/** Without those at its end. */
function withoutSlashes(name: string): string {
  let end = name.length;
  while (name[end - 1] === '/') end -= 1;
  return name.slice(0, end);
}
