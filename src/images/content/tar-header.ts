// The headers of tar archives: bundles, boot loaders and backups.
//
// Source: POSIX.1-2017, pax, "ustar Interchange Format"; the size in base 256 is GNU tar's, for
// files of 8 GiB and more.
//
// A bundle (`encodeTarHeader`, `decodeTarHeader`):
//
// 1. Only regular files are read. Anything else is a fault, so no link in a bundle can lead elsewhere.
// 2. Names are only compared, and never become paths.

import { viewBytes } from '../../ground/borrowed-bytes.ts';

/**
 * The first four of the twelve bytes of a size in base 256: the mark, and the three highest bytes,
 * which are zero for every file.
 */
const BASE_256 = 0x80_00_00_00;
/** The size of a block. Each file is padded to a multiple of it. */
export const TAR_BLOCK_BYTES = 512;
/** The longest name that a header can contain. */
export const NAME_BYTES_MAX = 100;
const OCTAL_SIZE_MAX = 0o77_777_777_777;

interface TarFile {
  readonly name: string;
  readonly bytes: number;
}

type TarHeader =
  | { readonly kind: 'file'; readonly file: TarFile }
  | { readonly kind: 'end' }
  | { readonly kind: 'fault'; readonly problem: string };

export const paddedBytes = (bytes: number): number => Math.ceil(bytes / TAR_BLOCK_BYTES) * TAR_BLOCK_BYTES;

/**
 * Encodes a header. The same file always gives the same bytes.
 * @param seconds time of the file, since 1970
 * @throws Error for a name that is too long
 */
export function encodeTarHeader({ name, bytes }: TarFile, mode = 0o644, seconds = 0): Uint8Array {
  if (Buffer.byteLength(name) > NAME_BYTES_MAX) throw new Error(`${name} is too long for a tar header`);
  const header = Buffer.alloc(TAR_BLOCK_BYTES);
  header.write(name, 0);
  const writeOctal = (value: number, at: number, digits: number): void =>
    void header.write(value.toString(8).padStart(digits, '0'), at, 'latin1');
  writeOctal(mode, 100, 7);
  writeOctal(0, 108, 7);
  writeOctal(0, 116, 7);
  if (bytes <= OCTAL_SIZE_MAX) writeOctal(bytes, 124, 11);
  else {
    header.writeUInt32BE(BASE_256, 124);
    header.writeBigUInt64BE(BigInt(bytes), 128);
  }
  writeOctal(seconds, 136, 11);
  // Two spaces after the checksum, and the type of a plain file.
  header.write('        0', 148, 'latin1');
  header.write('ustar\u000000', 257, 'latin1');
  writeOctal(headerChecksum(header), 148, 6);
  return header;
}

/** Reads a field of a header, up to the first NUL. */
type TarText = (at: number, length: number) => string;

type TarBlock =
  | { readonly kind: 'header'; readonly header: Buffer; readonly text: TarText }
  | { readonly kind: 'end' }
  | { readonly kind: 'fault'; readonly problem: string };

/** Checks a block and copies it. Fewer than TAR_BLOCK_BYTES are a fault. */
export function readTarBlock(bytes: Uint8Array): TarBlock {
  if (bytes.length < TAR_BLOCK_BYTES) return tarFault('it is cut short');
  const header = Buffer.from(viewBytes(bytes, 0, TAR_BLOCK_BYTES));
  if (header.every((byte) => byte === 0)) return { kind: 'end' };
  const text: TarText = (at, length) => header.toString('latin1', at, at + length).split('\0', 1)[0] ?? '';
  if (text(257, 5) !== 'ustar') return tarFault('it is not a tar archive');
  if (Number.parseInt(text(148, 8), 8) !== headerChecksum(header)) return tarFault('a header has a wrong checksum');
  return { kind: 'header', header, text };
}

/** Decodes a header of a bundle. Fewer than 512 bytes are a fault. */
export function decodeTarHeader(bytes: Uint8Array): TarHeader {
  const block = readTarBlock(bytes);
  if (block.kind !== 'header') return block;
  const { header, text } = block;
  const name = text(0, NAME_BYTES_MAX);
  const type = text(156, 1);
  if (type !== '0' && type !== '') return tarFault(`${JSON.stringify(name)} is not a plain file`);
  if (text(345, 155) !== '') return tarFault(`${JSON.stringify(name)} has a name that is too long`);
  const size = decodeSize(header, text(124, 12));
  return size === undefined
    ? tarFault(`${JSON.stringify(name)} has no readable size`)
    : { kind: 'file', file: { name, bytes: size } };
}

const tarFault = (problem: string) => ({ kind: 'fault', problem }) as const;

function decodeSize(header: Buffer, octal: string): number | undefined {
  if (header.readUInt32BE(124) !== BASE_256)
    return /^[0-7]{1,11} ?$/.test(octal) ? Number.parseInt(octal, 8) : undefined;
  const size = Number(header.readBigUInt64BE(128));
  return Number.isSafeInteger(size) ? size : undefined;
}

/** Sums the bytes of a header. The checksum itself counts as spaces. */
const headerChecksum = (header: Buffer): number =>
  header.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 0x20 : byte), 0);
