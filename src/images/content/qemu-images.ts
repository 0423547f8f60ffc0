// Converts images of QEMU (qcow2) with the program qemu-img.
//
//   header: needs it another file? ─▶ qemu-img info ─▶ qemu-img convert, to a raw file without a name ─▶ its extents, in order
//
// Sources: qemu-img(1) of QEMU 7.2; docs/interop/qcow2.rst of QEMU, "Header", for the two fields
// that are read here.
//
// 1. An image with a backing or external data file is refused before a program opens it: QEMU would
//    open these.
// 2. qemu-img is told the format, and gets open files: no name is a path or a URL.
//    limited-program.ts bounds it.
// 3. Only files that nobody else can write are converted: one could get a backing file later.
// 4. Holes of the disk are neither read nor written. RESERVE_BYTES of the store's disk stay free.

import { type FileHandle, open, rm } from 'node:fs/promises';
import { repeat, systemClock } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import { isFields, parseJson } from '../../ground/fields.ts';
import { checkSpace, SPACE_CHECK_BYTES } from './blob-writing.ts';
import { DISK_BYTES_MAX, type DiskPiece, type ImageBytes } from './disk-image.ts';
import { bytesOfFile, readImagePieces } from './image-file.ts';
import { readProgramText } from './limited-program.ts';

interface ConversionOptions {
  /** In a directory with room. */
  readonly part: string;
  /** The caller closes it. */
  readonly unnamed: () => Promise<FileHandle>;
  readonly refuse: (why: string) => RackError;
  readonly signal: AbortSignal | undefined;
}

const HEADER_BYTES = 112;
const BACKING_FILE_AT = 8;
const VERSION_AT = 4;
/** The lower half; only version 3 has them. */
const FEATURES_AT = 76;
const EXTERNAL_DATA = 4;
const INFO_BYTES_MAX = 1024 * 1024;
/** Some 600 000 extents. */
const MAP_BYTES_MAX = 64 * 1024 * 1024;
/** `qemu-img check` found unused clusters. */
const LEAKS = 3;
const SPACE_CHECK_MS = 100;
const MAKE_WHOLE = 'combine both into one image: qemu-img convert -O qcow2 FILE whole.qcow2';
const DAMAGED = 'it is damaged or cut short: copy it again, or see what `qemu-img check FILE` says';

/** Nothing is left of it, however this process ends. */
export async function openUnnamed(path: string): Promise<FileHandle> {
  const file = await open(path, 'wx+', 0o600);
  await rm(path);
  return file;
}

/**
 * @returns the pieces of its disk; each is valid until the next is requested
 * @throws RackError by `refuse`; `tool-missing`; `store-unwritable` if the disk lacks space
 */
export async function convertQcow2(
  image: ImageBytes,
  options: ConversionOptions,
): Promise<{ readonly pieces: AsyncIterable<DiskPiece>; readonly bytes: number }> {
  const { part, unnamed, refuse, signal } = options;
  refuseOtherFiles(await image.read(0, HEADER_BYTES), refuse);
  const own = image.own ?? (await copyToUnnamed(image, options));
  const qemuImg = (
    words: readonly string[],
    files: readonly FileHandle[],
    bytesMax: number,
    stop = signal,
  ): Promise<string> => {
    const task = 'Converting an image of QEMU';
    const fds = files.map(({ fd }) => fd);
    const program = { program: 'qemu-img', package: 'qemu-utils', task, alsoGood: LEAKS };
    return readProgramText({ ...program, words, files: fds, signal: stop }, bytesMax);
  };
  const refusing = (error: unknown): never => {
    if (!(error instanceof RackError && error.code === 'tool-failed')) throw error;
    throw refuse(`it cannot be converted (${error.message}): ${DAMAGED}`);
  };
  const from = ['-f', 'qcow2'];
  const info = parseJson(
    await qemuImg(['info', '--output=json', ...from, '/dev/fd/3'], [own], INFO_BYTES_MAX).catch(refusing),
  );
  const bytes = isFields(info) ? Number(info['virtual-size']) : Number.NaN;
  if (!isFields(info) || !Number.isSafeInteger(bytes)) throw refuse(`it says no size: ${DAMAGED}`);
  if (bytes > DISK_BYTES_MAX) throw refuse('it would fill more than 2 TiB of a disk: use an image that fits on a disk');
  if (info.encrypted === true)
    throw refuse(
      'it is encrypted: convert it with its key: qemu-img convert -O qcow2 --object secret,… --image-opts …',
    );
  // qemu-img reads zeroes after the end of a truncated file.
  await qemuImg(['check', '-q', ...from, '/dev/fd/3'], [own], INFO_BYTES_MAX).catch(refusing);
  const raw = await unnamed();
  await raw.truncate(bytes);
  const words = ['convert', '-n', '--target-is-zero', ...from, '-O', 'raw', '/dev/fd/3', '/dev/fd/4'];
  await whileSpace(part, signal, (stop) => qemuImg(words, [own, raw], INFO_BYTES_MAX, stop)).catch(refusing);
  const map = parseJson(await qemuImg(['map', '--output=json', '-f', 'raw', '/dev/fd/3'], [raw], MAP_BYTES_MAX));
  return { pieces: piecesIn(await bytesOfFile(raw, part), map), bytes };
}

function refuseOtherFiles(header: Uint8Array, refuse: ConversionOptions['refuse']): void {
  if (header.length < HEADER_BYTES) throw refuse(`its header is incomplete: ${DAMAGED}`);
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  if (view.getBigUint64(BACKING_FILE_AT) !== 0n)
    throw refuse(`it contains only the differences from another image, its backing file: ${MAKE_WHOLE}`);
  if (view.getUint32(VERSION_AT) !== 2 && (view.getUint32(FEATURES_AT) & EXTERNAL_DATA) !== 0)
    throw refuse(`its data is in another file: ${MAKE_WHOLE}`);
}

async function copyToUnnamed(image: ImageBytes, { part, unnamed, refuse }: ConversionOptions): Promise<FileHandle> {
  const copy = await unnamed();
  let done = 0;
  for await (const { bytes } of readImagePieces(image)) {
    await keepBytes(copy, bytes, done, part);
    done += bytes.length;
  }
  // It may have changed since the first look.
  refuseOtherFiles(await (await bytesOfFile(copy, part)).read(0, HEADER_BYTES), refuse);
  return copy;
}

/** @throws RackError `store-unwritable` if the disk of `part` is nearly full */
export async function keepBytes(file: FileHandle, bytes: Uint8Array, at: number, part: string): Promise<void> {
  for (let done = 0; done < bytes.length; )
    done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
  if (Math.floor(at / SPACE_CHECK_BYTES) !== Math.floor((at + bytes.length) / SPACE_CHECK_BYTES))
    await checkSpace(part, 0);
}

async function whileSpace(
  part: string,
  signal: AbortSignal | undefined,
  work: (stop: AbortSignal) => Promise<unknown>,
): Promise<void> {
  const full = new AbortController();
  let shortage: unknown;
  const watch = repeat(systemClock, SPACE_CHECK_MS, () =>
    checkSpace(part, 0).catch((error: unknown) => {
      shortage = error;
      full.abort();
    }),
  );
  try {
    await work(AbortSignal.any([full.signal, ...(signal === undefined ? [] : [signal])]));
  } catch (error) {
    throw shortage ?? error;
  } finally {
    watch.cancel();
  }
}

/** @param map as qemu-img prints it: parts of the file, some with data */
async function* piecesIn(file: ImageBytes, map: unknown): AsyncGenerator<DiskPiece> {
  let done = 0;
  for (const part of Array.isArray(map) ? map : []) {
    if (!isFields(part) || part.start !== done || typeof part.length !== 'number') break;
    const start = done;
    done += part.length;
    if (part.data === true)
      yield* readImagePieces({
        bytes: part.length,
        read: (at, length) => file.read(start + at, Math.min(length, done - start - at)),
      });
    else yield { kind: 'hole', length: part.length };
  }
  if (done !== file.bytes) throw new Error(`qemu-img mapped ${done} of ${file.bytes} bytes`);
}
