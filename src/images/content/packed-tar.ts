// Reads a packed tar archive of a root with the program tar.
//
//   file ─▶ expand (gzip, xz, bzip2, Zstandard) ─▶ tar --list | tar --to-stdout
//
// Source: GNU tar 1.34 manual, "--verbose", "--to-stdout", "--quoting-style".
//
// 1. tar reads archives, not bsdtar: bsdtar accepts any of its formats, and entries of mtree name
//    files of this host.
// 2. Names are only compared, and never become paths; contents go only to a pipe.
// 3. An archive that expands far more than any system is refused.

import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { copyBytes } from '../../ground/borrowed-bytes.ts';
import type { ImageBytes } from './disk-image.ts';
import { beginExpansion, recogniseCompression } from './image-expansion.ts';
import { readImagePieces } from './image-file.ts';
import { runLimited } from './limited-program.ts';

export interface TarMember {
  /** The name without `./` or `/` at either end; empty for the top directory. */
  readonly name: string;
  /** As in the archive, for `readTar`. */
  readonly rawName: string;
  readonly isFile: boolean;
  readonly bytes: number;
}

/** An archive that cannot be used. */
export class TarFault extends Error {}

/** The expanded file is not an archive. */
export class NotTarFault extends Error {}

/** Matches the names of disk images. */
export const IMAGE_NAME = /\.(?:raw|img|qcow2|dd|disk|raw\.(?:gz|xz|zst)|img\.(?:gz|xz|zst)|qcow2\.(?:gz|xz|zst))$/i;
/** The size of a header. Contents are padded to a multiple of it. */
const BLOCK_BYTES = 512;
/**
 * Any archive may expand to EXPANDED_BYTES, and to EXPANDED_PER_BYTE_MAX more bytes for each of its
 * own. Systems need 3 to 5 for each.
 */
const EXPANDED_BYTES = 8 * 1024 ** 3;
const EXPANDED_PER_BYTE_MAX = 64;
/** `-rw-r--r-- 0/0  3 2026-11-29 05:04 ./etc/fstab`; a device has two numbers in place of the size. */
const LISTING_LINE = /^(.)\S+ +\S+ +(\d+)(?:,\d+)? +\S+ \S+ (.*)$/;
const LINK_TARGET = / (?:->|link to) .*$/;

/** Computes the most bytes to which a file may expand. */
export const expandedBytesMax = ({ bytes }: Pick<ImageBytes, 'bytes'>): number =>
  EXPANDED_BYTES + EXPANDED_PER_BYTE_MAX * bytes;

/** True if a file, once expanded, begins like a tar archive. */
export const isTar = (head: Uint8Array): boolean => Buffer.from(head).toString('latin1', 257, 262) === 'ustar';

/**
 * Lists the archive to its end. Rejects with NoTar, TarFault, an error of expansion (`isDamage` of
 * image-copy.ts), RackError `tool-missing`, or the error of `onMember`.
 */
export async function listTar(
  file: ImageBytes,
  onMember: (member: TarMember) => void,
  signal?: AbortSignal,
): Promise<void> {
  const lines = new PassThrough();
  let failure: { readonly error: unknown } | undefined;
  createInterface({ input: lines }).on('line', (line) => {
    const member = parseMember(line);
    try {
      if (member !== undefined && failure === undefined) onMember(member);
    } catch (error) {
      failure = { error };
    }
  });
  const args = ['--list', '--verbose', '--numeric-owner', '--quoting-style=escape'];
  const writeLines = async (piece: Buffer): Promise<void> => {
    if (!lines.write(piece)) await new Promise((resolve) => void lines.once('drain', resolve));
    if (failure !== undefined) throw failure.error;
  };
  await runTar(file, args, writeLines, signal).finally(() => lines.end());
  if (failure !== undefined) throw failure.error;
}

function parseMember(line: string): TarMember | undefined {
  const [, type, size, listedName = ''] = LISTING_LINE.exec(line) ?? [];
  if (type === undefined) return undefined;
  const rawName = type === 'l' || type === 'h' ? listedName.replace(LINK_TARGET, '') : listedName;
  const name = rawName.replace(/^(?:\.?\/)+/, '').replace(/(?<!\/)\/+$/, '');
  return { name: name === '.' ? '' : name, rawName, isFile: type === '-', bytes: Number(size) };
}

/**
 * Reads the contents of members in turn. Rejects as `listTar`. @param names raw names, without a
 * backslash
 */
export const readTar = (
  file: ImageBytes,
  names: readonly string[],
  consume: (piece: Buffer) => void | Promise<void>,
  signal?: AbortSignal,
): Promise<void> => runTar(file, ['--extract', '--to-stdout', '--no-wildcards', '--', ...names], consume, signal);

async function runTar(
  file: ImageBytes,
  words: readonly string[],
  consume: (piece: Buffer) => void | Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const why = await runLimited({
    program: 'tar',
    package: 'tar',
    task: 'Reading an archive',
    args: ['--file=-', ...words],
    feed: (write) => expandTo(file, write, signal),
    consume,
    signal,
  });
  if (why !== undefined) throw new TarFault(`the archive is damaged or was cut short (${why}): copy it again`);
}

async function expandTo(
  file: ImageBytes,
  write: (bytes: Uint8Array) => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const bytesMax = expandedBytesMax(file);
  let head: Uint8Array | undefined = new Uint8Array(0);
  let bytes = 0;
  const writeHead = async (): Promise<void> => {
    const first = head ?? new Uint8Array(0);
    head = undefined;
    if (!isTar(first)) throw new NotTarFault();
    await write(first);
  };
  const writeExpanded = async (piece: Uint8Array): Promise<void> => {
    bytes += piece.length;
    if (bytes > bytesMax)
      throw new TarFault(`it expands to more than ${bytesMax} bytes, unlike any system: pack it with tar --sparse`);
    if (head === undefined) return write(piece);
    head = Buffer.concat([head, copyBytes(piece)]);
    if (head.length >= BLOCK_BYTES) await writeHead();
  };
  const compression = recogniseCompression(await file.read(0, BLOCK_BYTES));
  const expansion = compression === undefined ? undefined : beginExpansion(compression, writeExpanded, signal);
  try {
    for await (const piece of readImagePieces(file)) await (expansion ?? { write: writeExpanded }).write(piece.bytes);
    await expansion?.end();
  } finally {
    expansion?.close();
  }
  if (head !== undefined) await writeHead();
  // tar(1) does not notice that an archive ends after the header of a short file.
  if (bytes % BLOCK_BYTES !== 0) throw new TarFault('the archive was cut short: copy it again');
}
