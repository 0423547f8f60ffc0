// Converts images of QEMU (qcow2) with the program qemu-img.
//
//   header: is another file needed? ─▶ qemu-img info ─▶ qemu-img convert, to a raw file without a name ─▶ its extents, in order
//
// Sources: qemu-img(1) of QEMU 7.2; docs/interop/qcow2.rst of QEMU, "Header", for the two fields
// that are read here.
//
// 1. An image with a backing or external data file is refused before QEMU sees it: QEMU would open
//    that other file.
// 2. qemu-img is told the format, and gets open files, never a path or a URL.
//    limited-program.ts bounds it.
// 3. Only files that no other user can write are converted: another user could add a backing file
//    after the check.
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
  /** A path on the disk where `openUnnamedFile` makes its files, whose free space is checked. */
  readonly spaceCheckPath: string;
  /** The caller closes it. */
  readonly openUnnamedFile: () => Promise<FileHandle>;
  readonly refuse: (why: string) => RackError;
  readonly signal: AbortSignal | undefined;
}

const HEADER_BYTES = 112;
const BACKING_FILE_OFFSET = 8;
const VERSION_OFFSET = 4;
/** Offset of the lower half of the incompatible features, which only version 3 has. */
const FEATURES_OFFSET = 76;
const EXTERNAL_DATA = 4;
const INFO_BYTES_MAX = 1024 * 1024;
/** Some 600 000 extents. */
const MAP_BYTES_MAX = 64 * 1024 * 1024;
/** `qemu-img check` found unused clusters. */
const EXIT_WITH_LEAKS = 3;
const SPACE_CHECK_MS = 100;
const MAKE_WHOLE = 'combine both into one image: qemu-img convert -O qcow2 FILE whole.qcow2';
const DAMAGED = 'it is damaged or cut short: copy it again, or see what `qemu-img check FILE` says';

/** Opens a file without a name. Nothing is left of it, however this process ends. */
export async function openUnnamed(path: string): Promise<FileHandle> {
  const file = await open(path, 'wx+', 0o600);
  await rm(path);
  return file;
}

/**
 * Converts an image. @returns the pieces of its disk. Each is valid until the next is requested
 * @throws RackError by `refuse`; `tool-missing`; `store-unwritable` if the disk lacks space
 */
export async function convertQcow2(
  image: ImageBytes,
  options: ConversionOptions,
): Promise<{ readonly pieces: AsyncIterable<DiskPiece>; readonly bytes: number }> {
  const { spaceCheckPath, openUnnamedFile, refuse, signal } = options;
  refuseOtherFiles(await image.read(0, HEADER_BYTES), refuse);
  const sourceFile = image.safeHandle ?? (await copyToUnnamed(image, options));
  const qemuImg = (
    words: readonly string[],
    files: readonly FileHandle[],
    bytesMax: number,
    stop = signal,
  ): Promise<string> => {
    const task = 'Converting an image of QEMU';
    const fds = files.map(({ fd }) => fd);
    const program = { program: 'qemu-img', package: 'qemu-utils', task, otherSuccessCode: EXIT_WITH_LEAKS };
    return readProgramText({ ...program, args: words, files: fds, signal: stop }, bytesMax);
  };
  const refuseFailedTool = (error: unknown): never => {
    if (!(error instanceof RackError && error.code === 'tool-failed')) throw error;
    throw refuse(`it cannot be converted (${error.message}): ${DAMAGED}`);
  };
  const inputFormatArgs = ['-f', 'qcow2'];
  const info = parseJson(
    await qemuImg(['info', '--output=json', ...inputFormatArgs, '/dev/fd/3'], [sourceFile], INFO_BYTES_MAX).catch(
      refuseFailedTool,
    ),
  );
  const bytes = isFields(info) ? Number(info['virtual-size']) : Number.NaN;
  if (!isFields(info) || !Number.isSafeInteger(bytes)) throw refuse(`it says no size: ${DAMAGED}`);
  if (bytes > DISK_BYTES_MAX) throw refuse('it would fill more than 2 TiB of a disk: use an image that fits on a disk');
  if (info.encrypted === true)
    throw refuse(
      'it is encrypted: convert it with its key: qemu-img convert -O qcow2 --object secret,… --image-opts …',
    );
  // qemu-img reads zeroes after the end of a truncated file.
  await qemuImg(['check', '-q', ...inputFormatArgs, '/dev/fd/3'], [sourceFile], INFO_BYTES_MAX).catch(refuseFailedTool);
  const raw = await openUnnamedFile();
  await raw.truncate(bytes);
  const words = ['convert', '-n', '--target-is-zero', ...inputFormatArgs, '-O', 'raw', '/dev/fd/3', '/dev/fd/4'];
  await runWhileSpaceLasts(spaceCheckPath, signal, (stop) =>
    qemuImg(words, [sourceFile, raw], INFO_BYTES_MAX, stop),
  ).catch(refuseFailedTool);
  const map = parseJson(await qemuImg(['map', '--output=json', '-f', 'raw', '/dev/fd/3'], [raw], MAP_BYTES_MAX));
  return { pieces: readMappedPieces(await bytesOfFile(raw, spaceCheckPath), map), bytes };
}

function refuseOtherFiles(header: Uint8Array, refuse: ConversionOptions['refuse']): void {
  if (header.length < HEADER_BYTES) throw refuse(`its header is incomplete: ${DAMAGED}`);
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  if (view.getBigUint64(BACKING_FILE_OFFSET) !== 0n)
    throw refuse(`it contains only the differences from another image, its backing file: ${MAKE_WHOLE}`);
  if (view.getUint32(VERSION_OFFSET) !== 2 && (view.getUint32(FEATURES_OFFSET) & EXTERNAL_DATA) !== 0)
    throw refuse(`its data is in another file: ${MAKE_WHOLE}`);
}

async function copyToUnnamed(
  image: ImageBytes,
  { spaceCheckPath, openUnnamedFile, refuse }: ConversionOptions,
): Promise<FileHandle> {
  const copy = await openUnnamedFile();
  let copiedBytes = 0;
  for await (const { bytes } of readImagePieces(image)) {
    await appendBytes(copy, bytes, copiedBytes, spaceCheckPath);
    copiedBytes += bytes.length;
  }
  // The image may have changed since the first check of its header.
  refuseOtherFiles(await (await bytesOfFile(copy, spaceCheckPath)).read(0, HEADER_BYTES), refuse);
  return copy;
}

/** @throws RackError `store-unwritable` if the disk of `spaceCheckPath` is nearly full */
export async function appendBytes(file: FileHandle, bytes: Uint8Array, offset: number, part: string): Promise<void> {
  for (let done = 0; done < bytes.length; )
    done += (await file.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
  if (Math.floor(offset / SPACE_CHECK_BYTES) !== Math.floor((offset + bytes.length) / SPACE_CHECK_BYTES))
    await checkSpace(part, 0);
}

async function runWhileSpaceLasts(
  part: string,
  signal: AbortSignal | undefined,
  work: (stop: AbortSignal) => Promise<unknown>,
): Promise<void> {
  const spaceShortage = new AbortController();
  let shortage: unknown;
  const watch = repeat(systemClock, SPACE_CHECK_MS, () =>
    checkSpace(part, 0).catch((error: unknown) => {
      shortage = error;
      spaceShortage.abort();
    }),
  );
  try {
    await work(AbortSignal.any([spaceShortage.signal, ...(signal === undefined ? [] : [signal])]));
  } catch (error) {
    throw shortage ?? error;
  } finally {
    watch.cancel();
  }
}

/** @param map as qemu-img prints it: parts of the file, some with data */
async function* readMappedPieces(file: ImageBytes, map: unknown): AsyncGenerator<DiskPiece> {
  let mappedBytes = 0;
  for (const extent of Array.isArray(map) ? map : []) {
    if (!isFields(extent) || extent.start !== mappedBytes || typeof extent.length !== 'number') break;
    const start = mappedBytes;
    mappedBytes += extent.length;
    if (extent.data === true)
      yield* readImagePieces({
        bytes: extent.length,
        read: (at, length) => file.read(start + at, Math.min(length, mappedBytes - start - at)),
      });
    else yield { kind: 'hole', length: extent.length };
  }
  if (mappedBytes !== file.bytes) throw new Error(`qemu-img mapped ${mappedBytes} of ${file.bytes} bytes`);
}
