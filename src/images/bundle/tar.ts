// The heads of a tar archive with plain files, as bundles of images are.
//
// Source: POSIX.1-2017, pax, "ustar Interchange Format"; the size in base 256 is GNU tar's, for files of 8 GiB and more.
//
// 1. Only regular files are read. A link, a directory or a device is a fault: nothing in a bundle can point out of it.
// 2. A name is only compared with expected names; no path is ever made of one.

import { viewBytes } from '../../net/borrowed-bytes.ts';

/** The unit of an archive; each file is filled up to it. */
export const TAR_BLOCK_BYTES = 512;
const NAME_BYTES_MAX = 100;
const OCTAL_SIZE_MAX = 0o77_777_777_777;

/** A file in an archive. */
export interface TarFile {
  readonly name: string;
  readonly bytes: number;
}

/** The head of the next file, the end of the archive, or the problem. */
type TarHead =
  | { readonly kind: 'file'; readonly file: TarFile }
  | { readonly kind: 'end' }
  | { readonly kind: 'fault'; readonly problem: string };

/** The length of a file with its filling. */
export const filledBytes = (bytes: number): number => Math.ceil(bytes / TAR_BLOCK_BYTES) * TAR_BLOCK_BYTES;

/** Encodes a head. The same file gives the same bytes. @throws Error for a name that is too long */
export function encodeTarHead({ name, bytes }: TarFile): Uint8Array {
  if (Buffer.byteLength(name) > NAME_BYTES_MAX) throw new Error(`${name} is too long for a tar head`);
  const head = Buffer.alloc(TAR_BLOCK_BYTES);
  head.write(name, 0, 'latin1');
  head.write('0000644\0', 100, 'latin1');
  head.write('0000000\0', 108, 'latin1');
  head.write('0000000\0', 116, 'latin1');
  if (bytes <= OCTAL_SIZE_MAX) head.write(`${bytes.toString(8).padStart(11, '0')}\0`, 124, 'latin1');
  else {
    head[124] = 0x80;
    head.writeBigUInt64BE(BigInt(bytes), 128);
  }
  head.write('00000000000\0', 136, 'latin1');
  head.write('0', 156, 'latin1');
  head.write('ustar\u000000', 257, 'latin1');
  head.write(`${sumOf(head).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return head;
}

/** Decodes a head of 512 bytes; fewer are a fault. */
export function decodeTarHead(bytes: Uint8Array): TarHead {
  if (bytes.length < TAR_BLOCK_BYTES) return fault('it is cut short');
  const head = Buffer.from(viewBytes(bytes, 0, TAR_BLOCK_BYTES));
  if (head.every((byte) => byte === 0)) return { kind: 'end' };
  const text = (at: number, length: number): string => head.toString('latin1', at, at + length).split('\0', 1)[0] ?? '';
  if (text(257, 5) !== 'ustar') return fault('it is not a tar archive');
  if (Number.parseInt(text(148, 8), 8) !== sumOf(head)) return fault('a head has a wrong checksum');
  const name = text(0, NAME_BYTES_MAX);
  const type = text(156, 1);
  if (type !== '0' && type !== '') return fault(`${JSON.stringify(name)} is not a plain file`);
  if (text(345, 155) !== '') return fault(`${JSON.stringify(name)} is in a directory of its own`);
  const size = sizeOf(head, text(124, 12));
  return size === undefined
    ? fault(`${JSON.stringify(name)} has no readable size`)
    : { kind: 'file', file: { name, bytes: size } };
}

const fault = (problem: string): TarHead => ({ kind: 'fault', problem });

function sizeOf(head: Buffer, octal: string): number | undefined {
  if (head[124] !== 0x80) return /^[0-7]{1,11} ?$/.test(octal) ? Number.parseInt(octal, 8) : undefined;
  const size = Number(head.readBigUInt64BE(128));
  return Number.isSafeInteger(size) ? size : undefined;
}

/** The sum of all bytes, with spaces in the place of the sum. */
const sumOf = (head: Buffer): number => head.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 0x20 : byte), 0);
