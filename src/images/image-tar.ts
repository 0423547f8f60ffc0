// Finds the disk image in a tar archive that arrives in pieces of any length, and passes on its parts.
//
// Sources: POSIX.1-2017 pax, "ustar Interchange Format" and "pax Header Block"; GNU tar 1.35 manual, "Basic Tar Format" and "Storing Sparse
// Files" (old GNU format, in which cloud images are packed).
//
// 1. An archive has one image: a regular file whose name ends like that of an image. An archive with two is refused.
// 2. Other members are skipped. An archive in which they have more than OTHERS_BYTES_MAX bytes is refused.
// 3. Holes of an old GNU sparse file stay holes. Other formats of sparse files would be read wrongly, so they are refused by name.
// 4. The archive must end with its two empty blocks, or at least after a whole member. An archive that was cut short is refused.

import { copyBytes, viewBytes } from '../net/borrowed-bytes.ts';
import { DISK_BYTES_MAX } from './qcow2/header.ts';
import type { DiskPiece } from './qcow2/reading.ts';

/** The member with the image. */
interface TarImage {
  readonly name: string;
  /** Including its holes. */
  readonly bytes: number;
}

/** Takes the parts of the image, in order. */
interface TarTaker {
  begin(image: TarImage): void;
  take(piece: DiskPiece): Promise<void>;
  end(): Promise<void>;
}

/** An archive that cannot be used. */
export class TarFault extends Error {}

/** A header's size; contents are padded to a multiple of it. */
export const BLOCK_BYTES = 512;
/** Bound on a header that extends the next one (names, times), in bytes. */
export const EXTENSION_BYTES_MAX = 1024 * 1024;
/** Bound on all of them together: some 0.2 s of processor time for each MiB, if their records are short. */
export const EXTENSIONS_BYTES_MAX = 16 * 1024 * 1024;
/** Bound on the other members (manifests, signatures, documents), in bytes. */
const OTHERS_BYTES_MAX = 64 * 1024 * 1024;
const MEMBERS_MAX = 1000;
/** Parts of a sparse file. */
const PARTS_MAX = 1_000_000;
/** The names of disk images. */
export const IMAGE_NAME = /\.(?:raw|img|qcow2|dd|disk|raw\.(?:gz|xz|zst)|img\.(?:gz|xz|zst)|qcow2\.(?:gz|xz|zst))$/i;
/** Regular files: POSIX, old, contiguous. */
export const REGULAR: ReadonlySet<string> = new Set(['0', '\0', '7']);
/** Links, devices, directories, pipes: no content follows them, whatever size they state. */
export const EMPTY: ReadonlySet<string> = new Set(['1', '2', '3', '4', '5', '6']);
/** The places of the fields in a header. */
export const AT = {
  name: 0,
  size: 124,
  checksum: 148,
  type: 156,
  prefix: 345,
  sparse: 386,
  isExtended: 482,
  realSize: 483,
};
const ENTRY_BYTES = 24;

/** A part of a sparse file that is not a hole. */
interface Part {
  readonly at: number;
  readonly bytes: number;
}

type State =
  | { readonly kind: 'header' }
  /** The value of a pax header or of a long name. */
  | { readonly kind: 'extension'; readonly type: string; readonly padded: number }
  /** Blocks with more parts of a sparse file. */
  | { readonly kind: 'parts'; readonly image: TarImage; readonly stored: number; readonly parts: Part[] }
  | { readonly kind: 'skip' }
  | { readonly kind: 'image'; readonly image: TarImage; readonly parts: readonly Part[] }
  | { readonly kind: 'over' };

/** Reads an archive. */
export class TarReader {
  readonly #taker: TarTaker;
  #state: State = { kind: 'header' };
  /** The received bytes of a header or an extension. */
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  /** Remaining bytes of the member, with its padding. */
  #left = 0;
  #padding = 0;
  #part = 0;
  #partDone = 0;
  /** The position in the image, including its holes. */
  #at = 0;
  #members = 0;
  #others = 0;
  /** The sum of all extensions of headers. */
  #extensionBytes = 0;
  #found: string | undefined;
  #nextName: string | undefined;
  #nextSize: number | undefined;

  constructor(taker: TarTaker) {
    this.#taker = taker;
  }

  /** Rejects with TarFault, or with the taker's error. Uses `bytes` only until it resolves. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length && this.#state.kind !== 'over'; ) {
      at += await this.#step(viewBytes(bytes, at));
    }
  }

  /** Ends the archive. Rejects with TarFault if it was cut short or has no image. */
  async end(): Promise<void> {
    const { kind } = this.#state;
    if (kind !== 'over' && (kind !== 'header' || this.#gatheredBytes > 0))
      throw new TarFault('the archive was cut short: copy it again');
    if (this.#found === undefined) {
      throw new TarFault(
        'the archive has no disk image: the name of an image must end in .raw, .img or .qcow2, as in disk.raw',
      );
    }
  }

  /** @returns how many bytes were used */
  async #step(bytes: Uint8Array): Promise<number> {
    const state = this.#state;
    switch (state.kind) {
      case 'header':
      case 'parts':
        return this.#gather(bytes, BLOCK_BYTES, async (block) =>
          state.kind === 'header' ? await this.#readHeader(block) : await this.#readParts(block, state),
        );
      case 'extension':
        return this.#gather(bytes, state.padded, async (value) => this.#readExtension(state.type, value));
      case 'skip':
        return this.#skip(bytes);
      case 'image':
        return await this.#takeImage(bytes, state);
      default:
        return bytes.length;
    }
  }

  async #gather(bytes: Uint8Array, wanted: number, use: (all: Uint8Array) => Promise<void>): Promise<number> {
    const taken = copyBytes(bytes, 0, Math.min(bytes.length, wanted - this.#gatheredBytes));
    this.#gathered.push(taken);
    this.#gatheredBytes += taken.length;
    if (this.#gatheredBytes === wanted) {
      const all = Buffer.concat(this.#gathered);
      this.#gathered = [];
      this.#gatheredBytes = 0;
      await use(all);
    }
    return taken.length;
  }

  async #readHeader(block: Uint8Array): Promise<void> {
    if (block.every((byte) => byte === 0)) {
      this.#state = { kind: 'over' };
      return;
    }
    if (!isHeader(block)) throw new TarFault('a header of the archive is damaged: copy it again');
    this.#members += 1;
    if (this.#members > MEMBERS_MAX) throw new TarFault(`the archive has more than ${MEMBERS_MAX} members`);
    const type = String.fromCharCode(block[AT.type] ?? 0);
    const written = readNumber(block, AT.size, 12);
    if (written === undefined) throw new TarFault('a member of the archive has no readable size');
    if ('xgLK'.includes(type)) {
      if (written > EXTENSION_BYTES_MAX) throw new TarFault('a header of the archive is too large');
      this.#extensionBytes += written;
      if (this.#extensionBytes > EXTENSIONS_BYTES_MAX) throw extensionsFault();
      this.#state = written === 0 ? { kind: 'header' } : { kind: 'extension', type, padded: pad(written) };
      this.#left = written;
      return;
    }
    const name = this.#nextName ?? nameOf(block);
    const size = EMPTY.has(type) ? 0 : (this.#nextSize ?? written);
    this.#nextName = undefined;
    this.#nextSize = undefined;
    if (!IMAGE_NAME.test(name) || !(REGULAR.has(type) || type === 'S')) {
      this.#pass(size);
      return;
    }
    if (this.#found !== undefined)
      throw new TarFault(`the archive has two images, ${JSON.stringify(this.#found)} and ${JSON.stringify(name)}`);
    this.#found = name;
    if (type !== 'S') {
      await this.#begin({ name, bytes: size }, size, [{ at: 0, bytes: size }]);
      return;
    }
    const bytes = readNumber(block, AT.realSize, 12);
    if (bytes === undefined) throw new TarFault('a sparse file of the archive has no readable size');
    const parts = readEntries(block, AT.sparse, 4);
    const image = { name, bytes };
    if (block[AT.isExtended] === 0) await this.#begin(image, size, parts);
    else this.#state = { kind: 'parts', image, stored: size, parts };
  }

  async #readParts(block: Uint8Array, state: State & { readonly kind: 'parts' }): Promise<void> {
    const { parts } = state;
    parts.push(...readEntries(block, 0, 21));
    if (parts.length > PARTS_MAX) throw new TarFault(`a sparse file of the archive has more than ${PARTS_MAX} parts`);
    if (block[21 * ENTRY_BYTES] === 0) await this.#begin(state.image, state.stored, parts);
  }

  async #begin(image: TarImage, stored: number, parts: readonly Part[]): Promise<void> {
    let end = 0;
    let sum = 0;
    for (const { at, bytes } of parts) {
      if (at < end) throw new TarFault('the parts of a sparse file of the archive overlap');
      end = at + bytes;
      sum += bytes;
    }
    if (sum !== stored || end > image.bytes)
      throw new TarFault('the parts of a sparse file of the archive do not add up to its size');
    if (image.bytes > DISK_BYTES_MAX)
      throw new TarFault(
        `its image would fill more than ${DISK_BYTES_MAX} bytes of a disk; use an image that fits on a disk`,
      );
    this.#taker.begin(image);
    this.#state = { kind: 'image', image, parts };
    this.#padding = pad(stored) - stored;
    this.#part = 0;
    this.#partDone = 0;
    this.#at = 0;
    await this.#endOfPart(image, parts);
  }

  async #takeImage(bytes: Uint8Array, { image, parts }: State & { readonly kind: 'image' }): Promise<number> {
    const part = parts[this.#part];
    if (part === undefined) throw new Error('a part was expected');
    const taken = viewBytes(bytes, 0, part.bytes - this.#partDone);
    await this.#taker.take({ kind: 'data', bytes: taken });
    this.#partDone += taken.length;
    this.#at += taken.length;
    await this.#endOfPart(image, parts);
    return taken.length;
  }

  /** At the end of a part, continues to the next one that has bytes, or to the end of the image. */
  async #endOfPart(image: TarImage, parts: readonly Part[]): Promise<void> {
    for (;;) {
      const part = parts[this.#part];
      if (part !== undefined && this.#partDone === 0) await this.#hole(part.at - this.#at);
      if (part !== undefined && this.#partDone < part.bytes) return;
      if (part === undefined) break;
      this.#part += 1;
      this.#partDone = 0;
    }
    await this.#hole(image.bytes - this.#at);
    await this.#taker.end();
    this.#left = this.#padding;
    this.#state = this.#left === 0 ? { kind: 'header' } : { kind: 'skip' };
  }

  async #hole(length: number): Promise<void> {
    if (length <= 0) return;
    this.#at += length;
    await this.#taker.take({ kind: 'hole', length });
  }

  #pass(size: number): void {
    this.#others += size;
    if (this.#others > OTHERS_BYTES_MAX) {
      const remedy = 'the name of an image must end in .raw, .img or .qcow2';
      throw new TarFault(`the archive has more than ${OTHERS_BYTES_MAX} bytes besides an image: ${remedy}`);
    }
    this.#left = pad(size);
    this.#state = this.#left === 0 ? { kind: 'header' } : { kind: 'skip' };
  }

  #skip(bytes: Uint8Array): number {
    const passed = Math.min(bytes.length, this.#left);
    this.#left -= passed;
    if (this.#left === 0) this.#state = { kind: 'header' };
    return passed;
  }

  #readExtension(type: string, padded: Uint8Array): void {
    this.#state = { kind: 'header' };
    const value = Buffer.from(padded).toString('utf8', 0, this.#left);
    if (type === 'L') this.#nextName = value.replace(/\0+$/, '');
    if (type !== 'x' && type !== 'g') return;
    for (const [key, text] of paxRecords(Buffer.from(viewBytes(padded, 0, this.#left)))) {
      if (key.startsWith('GNU.sparse.')) {
        const remedy = 'pack it with tar without --sparse, or with --format=gnu';
        throw new TarFault(`a member is a sparse file in the POSIX format, which is not supported: ${remedy}`);
      }
      if (type === 'g') continue;
      if (key === 'path') this.#nextName = text;
      if (key !== 'size') continue;
      const size = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
      if (!Number.isSafeInteger(size)) throw new TarFault('a member of the archive has no readable size');
      this.#nextSize = size;
    }
  }
}

/** The fault of an archive with more extensions of headers than any real one has. */
export const extensionsFault = (): TarFault =>
  new TarFault('the names, times and attributes in the headers of the archive are too large: pack it again');

/** The length of a content with its padding. */
export const pad = (bytes: number): number => Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;

/** True if the checksum of a header is right: the sum of its bytes, in which the checksum itself counts as spaces. */
export function isHeader(block: Uint8Array): boolean {
  const field = AT.checksum;
  let sum = 0;
  for (const [at, byte] of block.entries()) sum += at >= field && at < field + 8 ? 0x20 : byte;
  return readNumber(block, field, 8) === sum;
}

/** True if a file, once expanded, begins like a tar archive. */
export const isTar = (head: Uint8Array): boolean => Buffer.from(head).toString('latin1', 257, 262) === 'ustar';

/** A number in octal digits, or in GNU's binary form, whose first bit is set; undefined: neither, or too large. */
export function readNumber(block: Uint8Array, at: number, length: number): number | undefined {
  const field = copyBytes(block, at, at + length);
  if ((field[0] ?? 0) === 0x80) {
    const value = viewBytes(field, 1).reduce((sum, byte) => sum * 256 + byte, 0);
    return Number.isSafeInteger(value) ? value : undefined;
  }
  const text = Buffer.from(field).toString('latin1').replace(/\0.*$/s, '').trim();
  return /^[0-7]{1,12}$/.test(text) ? Number.parseInt(text, 8) : undefined;
}

/** The name in a header. */
export function nameOf(block: Uint8Array): string {
  const text = (at: number, length: number): string =>
    Buffer.from(block)
      .toString('utf8', at, at + length)
      .replace(/\0.*$/s, '');
  // GNU's headers have other fields in place of the prefix of POSIX.
  const prefix = Buffer.from(block).toString('latin1', 257, 263) === 'ustar\0' ? text(AT.prefix, 155) : '';
  return prefix === '' ? text(AT.name, 100) : `${prefix}/${text(AT.name, 100)}`;
}

/** The map entries of a sparse file, up to the first empty one. */
function readEntries(block: Uint8Array, at: number, count: number): Part[] {
  const parts: Part[] = [];
  for (let index = 0; index < count; index += 1) {
    const entry = at + index * ENTRY_BYTES;
    if ((block[entry] ?? 0) === 0) break;
    const [from, bytes] = [readNumber(block, entry, 12), readNumber(block, entry + 12, 12)];
    if (from === undefined || bytes === undefined) throw new TarFault('a part of a sparse file cannot be read');
    parts.push({ at: from, bytes });
  }
  return parts;
}

/** Records `LENGTH KEY=VALUE\n` of a pax header. Throws TarFault for damaged ones. */
export function* paxRecords(bytes: Buffer): Generator<readonly [key: string, value: string]> {
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const digits = bytes.toString('latin1', at, Math.min(space, at + 8));
    const length = /^\d{1,7}$/.test(digits) ? Number(digits) : 0;
    const record = bytes.toString('utf8', space + 1, at + length - 1);
    const equals = record.indexOf('=');
    if (space < 0 || length < 5 || at + length > bytes.length || equals < 1)
      throw new TarFault('a header of the archive is damaged: copy it again');
    yield [record.slice(0, equals), record.slice(equals + 1)];
    at += length;
  }
}
