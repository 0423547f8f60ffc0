// Imports the installer of an Ubuntu live server disc: its kernel, its initrd, and the disc, which
// the initrd loads.
//
//   FILE.iso ─▶ .disk/info: release, architecture, title
//            ├▶ casper/vmlinuz, casper/initrd ─▶ TREE/ARCH/generic/RELEASE/install/{linux,initrd.gz}
//            └▶ the whole file ────────────────▶ TREE/ARCH/generic/RELEASE/install/installer.iso
//
// Sources: Ubuntu's documentation "netboot the live server installer"; `.disk/info` as Ubuntu's
// discs since 18.04 have it; bsdtar(1) of libarchive 3.6; ECMA-119 §6.2.1 (the first 16 sectors are
// not part of the file system).
//
// 1. The directory appears whole or not at all.
// 2. bsdtar reads the disc through a pipe. The first 16 sectors are hidden from it: another format
//    could be there, and mtree names files of this host.

import { basename, join } from 'node:path';
import { RackError } from '../../ground/errors.ts';
import { checkNames, type Publication } from '../build/environment.ts';
import { BlobFile, checkSpace } from '../content/blob-writing.ts';
import type { ImageBytes } from '../content/disk-image.ts';
import { readImagePieces } from '../content/image-file.ts';
import { readProgramText, runLimited } from '../content/limited-program.ts';
import { assertReplaceable, createReplacementCheck, getInstallerDirectory } from '../run/tree-parts.ts';
import { publishDirectory } from '../store/directory-publication.ts';
import { beginCopy, type StoreCopy } from '../store/image-removal.ts';
import { assertOwnStore, toStoredTitle } from '../store/image-store.ts';
import { encodeManifest, makeDirectories, type PublishedFile } from '../store/publication.ts';
import { asStoreError } from '../store/store-error.ts';

interface DiscRequest {
  readonly tree: string;
  readonly file: ImageBytes;
  readonly fileName: string;
  /** The architecture, used if the disc does not state one. */
  readonly arch: string;
  /** Overrides the release that the disc states. */
  readonly release: string | undefined;
  /** In bytes. */
  readonly onProgress: (done: number, total: number) => void;
  /** Rejects if the disc has changed during the copy. Undefined if nobody else can write it. */
  readonly whenCopied?: (() => Promise<void>) | undefined;
}

interface DiscInstaller extends Publication {
  readonly title: string;
  readonly arch: string;
  readonly release: string;
}

/** Bounds in bytes; Ubuntu 24.04's disc has 3.3 GB, its initrd 75 MB. */
const DISC_BYTES_MAX = 32 * 1024 ** 3;
const KERNEL_BYTES_MAX = 512 * 1024 * 1024;
const INITRD_BYTES_MAX = 1024 * 1024 * 1024;
const INFO_BYTES_MAX = 4096;
const LISTING_BYTES_MAX = 16 * 1024 * 1024;
const HIDDEN_BYTES = 16 * 2048;
const VOLUME_DESCRIPTOR = /^\x01CD001/;
/** A line such as `-r--r--r--  0 0  0  9000 Nov 29 05:04 casper/vmlinuz`. A second name of the same content is a link. */
const LISTING_LINE = /^[-h]\S+ +\S+ +\S+ +\S+ +(\d+) +\S+ +\S+ +\S+ (.*?)(?: link to (.*))?$/;
/** `Ubuntu-Server 24.04.1 LTS "Noble Numbat" - Release amd64 (20240827)`. */
const INFO = /^(Ubuntu\S* [\d.]+(?: LTS)?) "([A-Za-z]+) [^"]*" - .*?\b(amd64|arm64)\b/;

interface DiscInfo {
  readonly title: string;
  readonly release: string | undefined;
  readonly arch: string | undefined;
}

interface DiscFile {
  readonly rawName: string;
  readonly bytes: number;
}

/**
 * Imports the installer of a disc.
 * @throws RackError `bad-argument` for a file that is not a disc with Ubuntu's installer,
 * `store-unwritable` if the disk lacks space, `tool-missing` without bsdtar
 */
export async function importDisc(request: DiscRequest): Promise<DiscInstaller> {
  const { file } = request;
  const refuse = (why: string, cause?: unknown): RackError =>
    new RackError('bad-argument', `${request.fileName} cannot be imported: ${why}`, { cause });
  try {
    if (file.bytes > DISC_BYTES_MAX) throw refuse(`a disc has at most ${DISC_BYTES_MAX} bytes`);
    const descriptor = Buffer.from(await file.read(HIDDEN_BYTES, 6)).toString('latin1');
    if (!VOLUME_DESCRIPTOR.test(descriptor)) throw refuse('it has no ISO 9660 file system');
    const files = await listDisc(file);
    const info = await readInfo(file, files);
    const [arch, release] = [info.arch ?? request.arch, request.release ?? info.release];
    if (release === undefined) throw refuse('it does not say its release: give it with --release');
    checkNames({ arch, release });
    const discPaths = { linux: 'casper/vmlinuz', 'initrd.gz': 'casper/initrd' } as const;
    const [kernel, initrd] = Object.values(discPaths).map((path) => files.get(path));
    if (kernel === undefined || initrd === undefined) {
      const remedy =
        "use a disc of Ubuntu's live server; `images import installer/debian/…` imports Debian's installer";
      throw refuse(`it has no ${kernel === undefined ? discPaths.linux : discPaths['initrd.gz']}: ${remedy}`);
    }
    if (kernel.bytes === 0 || initrd.bytes === 0) throw refuse('its kernel or initrd is empty: fetch the disc again');
    if (kernel.bytes > KERNEL_BYTES_MAX || initrd.bytes > INITRD_BYTES_MAX)
      throw refuse('its kernel or initrd is too large');
    const title = info.title === '' ? `Ubuntu ${release}` : info.title;
    return await publishDisc(request, { kernel, initrd, title, arch, release });
  } catch (error) {
    if (error instanceof RackError && error.code === 'tool-failed')
      throw refuse(`it is damaged or was cut short (${error.message}): copy it again`, error);
    throw asStoreError(error, request.tree);
  }
}

const bsdtar = (disc: ImageBytes, words: readonly string[]): Omit<Parameters<typeof runLimited>[0], 'consume'> => ({
  program: 'bsdtar',
  package: 'libarchive-tools',
  task: 'Reading a disc',
  args: ['-f', '-', ...words],
  feed: async (write) => {
    await write(new Uint8Array(HIDDEN_BYTES));
    const rest = {
      bytes: disc.bytes - HIDDEN_BYTES,
      read: (at: number, length: number) => disc.read(HIDDEN_BYTES + at, length),
    };
    for await (const { bytes } of readImagePieces(rest)) await write(bytes);
  },
});

/** Lists the files of a disc by lower-case names, without the version of ISO 9660 (`;1`). */
async function listDisc(disc: ImageBytes): Promise<ReadonlyMap<string, DiscFile>> {
  const files = new Map<string, DiscFile>();
  const byRawName = new Map<string, DiscFile>();
  for (const line of (await readProgramText(bsdtar(disc, ['-tv']), LISTING_BYTES_MAX)).split('\n')) {
    const [, bytes, rawName, target] = LISTING_LINE.exec(line) ?? [];
    if (rawName === undefined) continue;
    const file = byRawName.get(target ?? '') ?? { rawName, bytes: Number(bytes) };
    byRawName.set(rawName, file);
    files.set(rawName.replace(/\.?(?:;\d+)?$/, '').toLowerCase(), file);
  }
  return files;
}

async function readInfo(disc: ImageBytes, files: ReadonlyMap<string, DiscFile>): Promise<DiscInfo> {
  const file = files.get('.disk/info') ?? files.get('_disk/info');
  if (file === undefined || file.bytes > INFO_BYTES_MAX) return { title: '', release: undefined, arch: undefined };
  const text = await readProgramText(bsdtar(disc, ['-xOq', file.rawName]), INFO_BYTES_MAX);
  const [, title = '', release, arch] = INFO.exec(text) ?? [];
  return { title: toStoredTitle(title), release: release?.toLowerCase(), arch };
}

interface InstallerContent {
  readonly kernel: DiscFile;
  readonly initrd: DiscFile;
  readonly title: string;
  readonly arch: string;
  readonly release: string;
}

async function publishDisc(
  { tree, file, fileName, onProgress, whenCopied }: DiscRequest,
  { kernel, initrd, title, arch, release }: InstallerContent,
): Promise<DiscInstaller> {
  assertOwnStore(tree);
  await makeDirectories(join(tree, 'images'));
  const installerPath = getInstallerDirectory({ architecture: arch, release });
  assertReplaceable(tree, installerPath, 'ubuntu');
  const directory = join(tree, installerPath);
  const contents = [
    { name: 'linux', ...kernel },
    { name: 'initrd.gz', ...initrd },
    { name: 'installer.iso', bytes: file.bytes, rawName: undefined },
  ];
  const total = contents.reduce((sum, { bytes }) => sum + bytes, 0);
  const copies: StoreCopy[] = [];
  try {
    for (const _ of contents) copies.push(beginCopy(tree));
    await checkSpace(join(tree, 'images', '.part'), total);
    const files: PublishedFile[] = [];
    let copiedBytes = 0;
    for (const [index, { name, rawName, bytes }] of contents.entries()) {
      const start = copiedBytes;
      const readContent = (consume: (piece: Uint8Array) => Promise<void>): Promise<void> =>
        rawName === undefined ? readWholeDisc(file, consume) : readDiscFile(file, rawName, consume);
      const copied = await copyContent(readContent, copies[index]?.path ?? '', (done) =>
        onProgress(start + done, total),
      );
      if (copied.bytes !== bytes) throw new RackError('tool-failed', `${name} has ${copied.bytes} of ${bytes} bytes`);
      files.push({ name, ...copied });
      copiedBytes += bytes;
    }
    await whenCopied?.();
    const facts = { os: 'ubuntu', release, title, source: basename(fileName) };
    const manifest = encodeManifest({ schema: 1, ...facts, packages: [], files });
    const linkedFiles = files.map(({ name }, index) => ({ name, link: copies[index]?.path ?? '' }));
    await publishDirectory(directory, [...linkedFiles, manifest], createReplacementCheck(tree, 'ubuntu'));
    return { directory, files, title, arch, release };
  } finally {
    for (const copy of copies) await copy.end();
  }
}

async function readWholeDisc(disc: ImageBytes, consume: (piece: Uint8Array) => Promise<void>): Promise<void> {
  for await (const { bytes } of readImagePieces(disc)) await consume(bytes);
}

async function readDiscFile(
  disc: ImageBytes,
  rawName: string,
  consume: (piece: Uint8Array) => Promise<void>,
): Promise<void> {
  const why = await runLimited({ ...bsdtar(disc, ['-xOq', rawName]), consume });
  if (why !== undefined) throw new RackError('tool-failed', why);
}

async function copyContent(
  read: (take: (piece: Uint8Array) => Promise<void>) => Promise<void>,
  path: string,
  onProgress: (done: number) => void,
): Promise<{ readonly sha256: string; readonly bytes: number }> {
  const out = await BlobFile.create(path);
  try {
    let done = 0;
    await read(async (piece) => {
      await out.write(piece);
      done += piece.length;
      onProgress(done);
    });
    await out.end();
    return out.facts();
  } finally {
    await out.close();
  }
}
