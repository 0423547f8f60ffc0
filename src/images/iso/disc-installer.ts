// Imports the installer on the disc of Ubuntu's live server: its kernel and its initrd, and the disc itself, which the initrd loads.
//
//   FILE.iso ─▶ .disk/info: release, architecture, title
//            ├▶ casper/vmlinuz, casper/initrd ─▶ TREE/ARCH/generic/RELEASE/install/{linux,initrd.gz}
//            └▶ the whole file ────────────────▶ TREE/ARCH/generic/RELEASE/install/installer.iso
//
// Sources: Ubuntu's documentation "netboot the live server installer"; `.disk/info` as Ubuntu's discs since 18.04 have it.
//
// 1. The directory appears whole or not at all.
// 2. Only a piece of a file is in memory at a time.

import { basename, join } from 'node:path';
import { RackError } from '../../errors.ts';
import { BlobFile, checkRoom } from '../blob-writing.ts';
import { publishDirectory } from '../directory-publication.ts';
import { checkNames, type Publication } from '../environment.ts';
import { beginCopy, type StoreCopy } from '../image-removal.ts';
import { assertOwnStore, storedTitle } from '../image-store.ts';
import { assertReplaceable, installerDirectory, replaceable } from '../parts/tree-parts.ts';
import { encodeManifest, makeDirectories, type PublishedFile } from '../publication.ts';
import type { ImageBytes } from '../qcow2/reading.ts';
import { asStoreError } from '../store-error.ts';
import { IsoDisc, IsoFault, type IsoFile } from './iso-reader.ts';

/** A disc to import. */
interface DiscRequest {
  /** The boot tree. */
  readonly tree: string;
  readonly file: ImageBytes;
  /** The name of the file in messages. */
  readonly fileName: string;
  /** The architecture to use if the disc does not state one. */
  readonly arch: string;
  /** The release to use instead of the one that the disc states; undefined: use the disc's. */
  readonly release: string | undefined;
  /** Called during the copy, in bytes. */
  readonly onProgress: (done: number, total: number) => void;
  /** Called after the copy: rejects if the disc has changed meanwhile; undefined: nobody else can write it. */
  readonly whenCopied?: (() => Promise<void>) | undefined;
}

/** The imported installer. */
interface DiscInstaller extends Publication {
  readonly title: string;
  readonly arch: string;
  readonly release: string;
}

/** The largest disc, kernel and initrd, in bytes. The disc of Ubuntu 24.04 has 3.3 GB, its initrd 75 MB. */
const DISC_BYTES_MAX = 32 * 1024 ** 3;
const KERNEL_BYTES_MAX = 512 * 1024 * 1024;
const INITRD_BYTES_MAX = 1024 * 1024 * 1024;
const INFO_BYTES_MAX = 4096;
const PIECE_BYTES = 1024 * 1024;
/** `Ubuntu-Server 24.04.1 LTS "Noble Numbat" - Release amd64 (20240827)`. */
const INFO = /^(Ubuntu\S* [\d.]+(?: LTS)?) "([A-Za-z]+) [^"]*" - .*?\b(amd64|arm64)\b/;

/** The content of `.disk/info`. */
interface DiscInfo {
  readonly title: string;
  readonly release: string | undefined;
  readonly arch: string | undefined;
}

/**
 * Imports the installer of a disc.
 * @throws RackError `bad-argument` for a file that is not a disc with Ubuntu's installer, `store-unwritable` if the disk lacks space
 */
export async function importDisc(request: DiscRequest): Promise<DiscInstaller> {
  const refuse = (why: string, cause?: unknown): RackError =>
    new RackError('bad-argument', `${request.fileName} cannot be imported: ${why}`, { cause });
  try {
    if (request.file.bytes > DISC_BYTES_MAX) throw refuse(`a disc has at most ${DISC_BYTES_MAX} bytes`);
    const disc = await IsoDisc.open(request.file);
    const info = await readInfo(disc);
    const [arch, release] = [info.arch ?? request.arch, request.release ?? info.release];
    if (release === undefined) throw refuse('it does not say its release: give it with --release');
    checkNames({ arch, release });
    const named = { linux: 'casper/vmlinuz', 'initrd.gz': 'casper/initrd' } as const;
    const [kernel, initrd] = await Promise.all(Object.values(named).map((path) => disc.find(path)));
    if (kernel === undefined || initrd === undefined) {
      const remedy =
        "use a disc of Ubuntu's live server; `images import installer/debian/…` imports Debian's installer";
      throw refuse(`it has no ${kernel === undefined ? named.linux : named['initrd.gz']}: ${remedy}`);
    }
    if (kernel.bytes === 0 || initrd.bytes === 0) throw refuse('its kernel or initrd is empty: fetch the disc again');
    if (kernel.bytes > KERNEL_BYTES_MAX || initrd.bytes > INITRD_BYTES_MAX)
      throw refuse('its kernel or initrd is too large');
    const title = info.title === '' ? `Ubuntu ${release}` : info.title;
    return await publish(request, disc, { kernel, initrd, title, arch, release });
  } catch (error) {
    if (error instanceof IsoFault) throw refuse(error.message, error);
    throw asStoreError(error, request.tree);
  }
}

async function readInfo(disc: IsoDisc): Promise<DiscInfo> {
  const file = (await disc.find('.disk/info')) ?? (await disc.find('_disk/info'));
  if (file === undefined || file.bytes > INFO_BYTES_MAX) return { title: '', release: undefined, arch: undefined };
  let text = '';
  for await (const piece of disc.read(file, INFO_BYTES_MAX)) text += Buffer.from(piece).toString('utf8');
  const [, title = '', release, arch] = INFO.exec(text) ?? [];
  return { title: storedTitle(title), release: release?.toLowerCase(), arch };
}

interface FoundInstaller {
  readonly kernel: IsoFile;
  readonly initrd: IsoFile;
  readonly title: string;
  readonly arch: string;
  readonly release: string;
}

async function publish(
  { tree, file, fileName, onProgress, whenCopied }: DiscRequest,
  disc: IsoDisc,
  { kernel, initrd, title, arch, release }: FoundInstaller,
): Promise<DiscInstaller> {
  assertOwnStore(tree);
  await makeDirectories(join(tree, 'images'));
  const place = installerDirectory({ architecture: arch, release });
  assertReplaceable(tree, place, 'ubuntu');
  const directory = join(tree, place);
  const whole = { at: 0, bytes: file.bytes };
  const contents = [
    { name: 'linux', ...kernel },
    { name: 'initrd.gz', ...initrd },
    { name: 'installer.iso', ...whole },
  ];
  const total = contents.reduce((sum, { bytes }) => sum + bytes, 0);
  const links: StoreCopy[] = [];
  try {
    for (const _ of contents) links.push(await beginCopy(tree));
    await checkRoom(join(tree, 'images', '.part'), total);
    const files: PublishedFile[] = [];
    let before = 0;
    for (const [index, { name, ...extent }] of contents.entries()) {
      const start = before;
      const sha256 = await copy(disc, extent, links[index]?.path ?? '', (done) => onProgress(start + done, total));
      files.push({ name, bytes: extent.bytes, sha256 });
      before += extent.bytes;
    }
    await whenCopied?.();
    const facts = { os: 'ubuntu', release, title, source: basename(fileName) };
    const manifest = encodeManifest({ schema: 1, ...facts, packages: [], files });
    const linked = files.map(({ name }, index) => ({ name, link: links[index]?.path ?? '' }));
    await publishDirectory(directory, [...linked, manifest], replaceable(tree, 'ubuntu'));
    return { directory, files, title, arch, release };
  } finally {
    for (const link of links) await link.end();
  }
}

/** @returns the hash of the content */
async function copy(disc: IsoDisc, extent: IsoFile, path: string, onProgress: (done: number) => void): Promise<string> {
  const out = await BlobFile.create(path);
  try {
    let done = 0;
    for await (const piece of disc.read(extent, PIECE_BYTES)) {
      await out.write(piece);
      done += piece.length;
      onProgress(done);
    }
    await out.end();
    return out.facts().sha256;
  } finally {
    await out.close();
  }
}
