// Writes cpio archives in the "newc" format, which Linux unpacks as its initial root, and lists the
// paths of an archive.
//
// Sources: Documentation/driver-api/early-userspace/buffer-format.rst of Linux; cpio(5) of FreeBSD,
// "New ASCII Format".
//
// 1. The same entries give the same bytes: sorted by path, numbered from 1, with every time and owner 0.
// 2. A directory comes before its contents; a missing parent is added with mode 0755.
// 3. The reader stays inside the bytes, whatever the headers say.

import { type Decoded, decoded, faulty } from '../../net/byte-reader.ts';

/** Paths are relative; modes are permission bits only. */
export type CpioEntry =
  | { readonly kind: 'directory'; readonly path: string; readonly mode: number }
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly data: Uint8Array }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | {
      readonly kind: 'character-device';
      readonly path: string;
      readonly mode: number;
      readonly major: number;
      readonly minor: number;
    };

const TYPE_BITS = { directory: 0o040000, file: 0o100000, link: 0o120000, 'character-device': 0o020000 } as const;
const TRAILER = 'TRAILER!!!';
const HEADER_BYTES = 110;
const MAGIC = '070701';
const ALIGNMENT = 4;
/** Archives are padded to a multiple of this, as by cpio(1). */
const BLOCK_BYTES = 512;
/** The size field has eight hexadecimal digits. */
const DATA_BYTES_MAX = 0xffff_ffff;
/** PATH_MAX of Linux. */
const NAME_BYTES_MAX = 4096;
/** Bounds all names of an archive together; Debian's installer has 260 kB. */
const PATHS_BYTES_MAX = 16 * 1024 * 1024;
const NAME_BYTES_FIELD = 11;
const DATA_BYTES_FIELD = 6;

const PATH_PATTERN = /^(?!.*(?:^|\/)\.{0,2}(?:\/|$))[^\0]+$/;

/**
 * Makes an archive of entries in any order.
 *
 * @param present existing paths, which are not added as parents
 * @throws Error if two entries have the same path, or a path is absolute, empty, or contains `.`,
 * `..` or a zero byte: a bug of the caller
 */
export function encodeCpio(entries: readonly CpioEntry[], present: ReadonlySet<string> = new Set()): Uint8Array {
  const sorted = addParents(entries, present).sort((a, b) => (a.path < b.path ? -1 : 1));
  const parts: Uint8Array[] = [];
  let inode = 0;
  for (const entry of sorted) {
    inode += 1;
    const data = encodeData(entry);
    if (data.length > DATA_BYTES_MAX) throw new Error(`cpio: ${entry.path} is too large`);
    const mode = TYPE_BITS[entry.kind] | (entry.kind === 'link' ? 0o777 : entry.mode & 0o7777);
    const [major, minor] = entry.kind === 'character-device' ? [entry.major, entry.minor] : [0, 0];
    parts.push(
      encodeHeader(entry.path, { inode, mode, links: entry.kind === 'directory' ? 2 : 1, data, major, minor }),
    );
    parts.push(data, padding(data.length, ALIGNMENT));
  }
  parts.push(encodeHeader(TRAILER, { inode: 0, mode: 0, links: 1, data: new Uint8Array(0), major: 0, minor: 0 }));
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  parts.push(padding(length, BLOCK_BYTES));
  return Buffer.concat(parts);
}

interface Header {
  readonly inode: number;
  readonly mode: number;
  readonly links: number;
  readonly data: Uint8Array;
  readonly major: number;
  readonly minor: number;
}

function encodeHeader(path: string, header: Header): Uint8Array {
  const name = Buffer.from(`${path}\0`, 'utf8');
  const fields = [
    header.inode,
    header.mode,
    0, // owner
    0, // group
    header.links,
    0, // time of modification
    header.data.length,
    0, // device of the file: major, minor
    0,
    header.major,
    header.minor,
    name.length,
    0, // used only by the "crc" format
  ];
  const head = Buffer.from(`${MAGIC}${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`, 'latin1');
  return Buffer.concat([head, name, padding(head.length + name.length, ALIGNMENT)]);
}

function encodeData(entry: CpioEntry): Uint8Array {
  if (entry.kind === 'file') return entry.data;
  return entry.kind === 'link' ? Buffer.from(entry.target, 'utf8') : new Uint8Array(0);
}

function padding(length: number, alignment: number): Uint8Array {
  return new Uint8Array((alignment - (length % alignment)) % alignment);
}

function addParents(entries: readonly CpioEntry[], present: ReadonlySet<string>): CpioEntry[] {
  const byPath = new Map<string, CpioEntry>();
  for (const entry of entries) {
    if (!PATH_PATTERN.test(entry.path)) throw new Error(`cpio: not a relative path: ${JSON.stringify(entry.path)}`);
    if (byPath.has(entry.path)) throw new Error(`cpio: twice in one archive: ${entry.path}`);
    byPath.set(entry.path, entry);
  }
  for (const { path } of entries) {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const parent = path.slice(0, end);
      if (!byPath.has(parent) && !present.has(parent))
        byPath.set(parent, { kind: 'directory', path: parent, mode: 0o755 });
    }
  }
  return [...byPath.values()];
}

/** Reads the paths of an archive that arrives in pieces; keeps only these. */
export class CpioPathReader {
  readonly #paths = new Set<string>();
  #pathBytes = 0;
  /** The received bytes of the entry's header and name. */
  #head = new Uint8Array(0);
  /** The length of the header, or of header and name once the header was read. */
  #headBytes = HEADER_BYTES;
  #entryOffset = 0;
  /** Remaining bytes of the previous entry's content. */
  #skipBytes = 0;
  #receivedBytes = 0;
  #outcome: Decoded<ReadonlySet<string>> | undefined;

  write(piece: Uint8Array): void {
    this.#receivedBytes += piece.length;
    for (let offset = 0; offset < piece.length && this.#outcome === undefined; ) {
      if (this.#skipBytes > 0) {
        const skippedBytes = Math.min(this.#skipBytes, piece.length - offset);
        this.#skipBytes -= skippedBytes;
        offset += skippedBytes;
        continue;
      }
      const headPart = piece.subarray(offset, offset + this.#headBytes - this.#head.length);
      this.#head = Buffer.concat([this.#head, headPart]);
      offset += headPart.length;
      if (this.#head.length < this.#headBytes) return;
      if (this.#headBytes === HEADER_BYTES) this.#readHeader();
      else this.#readName();
    }
  }

  /** Returns the paths. Call it after `write` has received the whole archive. */
  finish(): Decoded<ReadonlySet<string>> {
    return this.#outcome ?? faulty({ code: 'truncated', offset: this.#receivedBytes, field: 'trailer' });
  }

  #readHeader(): void {
    const nameBytes = this.#readField(NAME_BYTES_FIELD);
    if (nameBytes === undefined) this.#fail('header of an entry');
    else if (nameBytes < 1 || nameBytes > NAME_BYTES_MAX) this.#fail('length of a name');
    else this.#headBytes = align(HEADER_BYTES + nameBytes);
  }

  #readName(): void {
    const [nameBytes = 0, dataBytes = 0] = [this.#readField(NAME_BYTES_FIELD), this.#readField(DATA_BYTES_FIELD)];
    const name = Buffer.from(this.#head).toString('utf8', HEADER_BYTES, HEADER_BYTES + nameBytes - 1);
    this.#pathBytes += nameBytes;
    if (name === TRAILER) this.#outcome = decoded(this.#paths);
    else if (this.#pathBytes > PATHS_BYTES_MAX) this.#fail('number of entries');
    else this.#paths.add(name.replace(/^(\.?\/)+/, ''));
    this.#skipBytes = align(dataBytes);
    this.#entryOffset += this.#headBytes + this.#skipBytes;
    this.#head = new Uint8Array(0);
    this.#headBytes = HEADER_BYTES;
  }

  /** Reads a field of the header. Undefined if the bytes are not a header. */
  #readField(index: number): number | undefined {
    const header = Buffer.from(this.#head).toString('latin1', 0, HEADER_BYTES);
    if (!/^070701[0-9A-Fa-f]{104}$/.test(header)) return undefined;
    return Number.parseInt(header.slice(6 + index * 8, 14 + index * 8), 16);
  }

  #fail(field: string): void {
    this.#outcome = faulty({ code: 'bad-value', offset: this.#entryOffset, field });
  }
}

const align = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
