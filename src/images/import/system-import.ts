// Imports the root file system of a system, together with its kernel and initrd. Downloads and verifies each file, moves it into the store,
// and links it into the boot tree (system-tree.ts).
//
//   each file ─▶ in the store? ─▶ download and verify ─▶ move into the store ─▶ manifest ─▶ boot tree ─▶ remove older images
//
// 1. A system becomes visible only when all its files are in the store. Systems of one stream share files; each file is downloaded once, by
//    the import that holds its lock, and verified again by each import that finds it in the store.
// 2. A root whose first bytes do not match its format is refused.

import { chmod, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { RackError } from '../../errors.ts';
import { viewBytes } from '../../net/borrowed-bytes.ts';
import type { Digest } from '../download/digest.ts';
import { removeDownload } from '../download/removal.ts';
import type { DownloadRequest } from '../download/request.ts';
import { lockImport, waitForImports } from '../file-lock.ts';
import {
  blobPath,
  encodeImage,
  formatImageName,
  hasBlob,
  isSameName,
  judgeImageName,
  manifestPath,
  readImages,
  type StoredImage,
} from '../image-store.ts';
import { makeDirectories, publishFile } from '../publication.ts';
import { judgeBlob, placeBlob } from '../stored-blob.ts';
import { type RootFormat, type SystemFile, subarchesIn } from '../stored-system.ts';
import { refreshTree } from '../system-tree.ts';
import { fetchFile, lockOf } from './file-fetch.ts';
import type { ImportTerms } from './import-terms.ts';
import { type ImageOffer, type NamedFile, type OfferedSystem, offerName } from './offer.ts';
import { isRoot, judgeSystemName, ROOT_HEAD_BYTES, rootDiskBytes } from './root-format.ts';

/** The largest root, in bytes. */
const ROOT_BYTES_MAX = 64 * 1024 ** 3;
/** The largest kernel, initrd or manifest, in bytes. The initrd of Ubuntu 22.04 has 116 MB. */
const FILE_BYTES_MAX = 1024 * 1024 * 1024;
/** Resolves when the import that was requested last has ended. Systems share files, so a process imports one system at a time. */
let last: Promise<unknown> = Promise.resolve();

/**
 * Imports a system.
 * @throws RackError `source-failed`, `cancelled`, `already-running`, `bad-argument` for a root or names that cannot be used
 */
export async function importSystem(
  offer: ImageOffer,
  system: OfferedSystem,
  terms: ImportTerms,
): Promise<{ readonly image: StoredImage; readonly added: boolean }> {
  const before = last;
  const { promise, resolve } = Promise.withResolvers<void>();
  last = promise;
  try {
    await before;
    return await importNow(offer, system, terms);
  } finally {
    resolve();
  }
}

async function importNow(
  offer: ImageOffer,
  system: OfferedSystem,
  terms: ImportTerms,
): Promise<{ readonly image: StoredImage; readonly added: boolean }> {
  const { tree, nowMs } = terms;
  const { os, release, architecture, subarchitecture, label, title, source, digest } = offer;
  const serial = offer.serial ?? new Date(nowMs).toISOString().slice(0, 10).replaceAll('-', '');
  const name = { os, release, architecture, subarchitecture, label, serial };
  const wrong = judgeImageName(name) ?? judgeSystemName(os);
  if (wrong !== undefined) throw new RackError('bad-argument', `${offerName(offer)} was not imported: ${wrong}`);
  const files = system.files.map((file) => ({ name: file.name, sha256: file.digest.hex }));
  const present = readImages(tree).images.find((image) => isSame(image, name, digest.hex, files));
  if (present !== undefined && hasBlob(tree, present)) {
    // Its links may be missing from the boot tree.
    await refreshTree(tree, [present]);
    return { image: present, added: false };
  }
  const directory = join(tree, 'images', '.downloads');
  await makeDirectories(directory);
  const lock = lockImport(lockOf({ directory, name: digest.hex }), offerName(offer));
  try {
    const stored: SystemFile[] = [];
    for (const file of system.files) stored.push(await importFile(file, offer, terms));
    const root = await importRoot(offer, system, terms);
    const image: StoredImage = {
      ...{ ...name, title, sha256: digest.hex, ...root },
      diskBytes: rootDiskBytes(root.bytes),
      partitionTable: 'none',
      system: {
        ...{ subarch: system.subarch, subarches: subarchesIn(offer.subarches ?? [system.subarch]) },
        ...{ rootName: system.rootName, files: stored },
      },
      origin: { source, ...digest },
    };
    await publishFile(manifestPath(tree, image), Buffer.from(encodeImage(image), 'utf8'));
    if (!hasBlob(tree, image))
      throw new RackError('not-found', `${formatImageName(image)} was removed while it was imported: import it again`);
    await refreshTree(tree, [image]);
    return { image, added: true };
  } finally {
    lock.release();
  }
}

function isSame(
  image: StoredImage,
  name: Parameters<typeof isSameName>[1] & { readonly serial: string },
  hex: string,
  files: readonly { readonly name: string; readonly sha256: string }[],
): boolean {
  const found = image.system?.files ?? [];
  return (
    isSameName(image, name) &&
    image.serial === name.serial &&
    image.sha256 === hex &&
    found.length === files.length &&
    files.every((file) => found.some(({ name: other, sha256 }) => other === file.name && sha256 === file.sha256))
  );
}

async function importFile(file: NamedFile, offer: ImageOffer, terms: ImportTerms): Promise<SystemFile> {
  const sha256 = file.digest.hex;
  const path = blobPath(sha256, 'file');
  const store = () => storeFile({ ...file, urls: [file.url, ...file.mirrors] }, path, FILE_BYTES_MAX, offer, terms);
  // The lock of the root is held already.
  if (sha256 === offer.digest.hex) return { name: file.name, sha256, bytes: await store() };
  const directory = join(terms.tree, 'images', '.downloads');
  const lock = await waitForImports([lockOf({ directory, name: sha256 })], offerName(offer), terms.signal);
  try {
    return { name: file.name, sha256, bytes: await store() };
  } finally {
    lock.release();
  }
}

async function importRoot(
  offer: ImageOffer,
  { kind, rootName, rootBytes }: OfferedSystem,
  terms: ImportTerms,
): Promise<{ readonly bytes: number; readonly format: RootFormat }> {
  const format: RootFormat = kind === 'squashfs' ? 'squashfs' : kind === 'root-image' ? 'root.gz' : 'root.tar';
  const { url, mirrors, digest } = offer;
  const path = blobPath(digest.hex, format);
  const file = { urls: [url, ...mirrors], digest, bytes: rootBytes };
  const check = async (downloaded: string): Promise<void> => {
    if (isRoot(format, await headOf(downloaded))) return;
    await rm(downloaded, { force: true });
    const why = `its ${rootName} does not begin like one`;
    throw new RackError(
      'bad-argument',
      `${offerName(offer)} was not imported: ${why}; report it to the operators of its source`,
    );
  };
  return { bytes: await storeFile(file, path, ROOT_BYTES_MAX, offer, terms, check), format };
}

/** Downloads a file into the store unless its bytes are already there. The caller holds its lock. @returns its size in bytes */
async function storeFile(
  { urls, digest, bytes }: Pick<DownloadRequest, 'urls' | 'bytes'> & { readonly digest: Digest },
  path: string,
  bytesMax: number,
  offer: ImageOffer,
  { tree, downloads, signal, onProgress }: ImportTerms,
  check: (downloaded: string) => Promise<void> = async () => undefined,
): Promise<number> {
  const wanted = { path, sha256: digest.hex };
  const found = await judgeBlob(tree, { ...wanted, bytes }, { isForUse: true });
  if (found.kind === 'whole' && found.bytes > 0) return found.bytes;
  const directory = join(tree, 'images', '.downloads');
  const request: DownloadRequest = { urls, bytes, digest, bytesMax, directory, name: digest.hex };
  await fetchFile(request, offerName(offer), { downloads, signal, onDownload: onProgress });
  const downloaded = join(directory, request.name);
  await check(downloaded);
  await chmod(downloaded, 0o644);
  const { size } = await stat(downloaded);
  if (size > 0) await placeBlob(tree, wanted, downloaded, 'rename');
  await removeDownload(request);
  if (size > 0) return size;
  throw new RackError('bad-argument', `${offerName(offer)} was not imported: ${urls.join(', ')} is empty`);
}

async function headOf(path: string): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const head = Buffer.alloc(ROOT_HEAD_BYTES);
    const { bytesRead } = await file.read(head, 0, ROOT_HEAD_BYTES, 0);
    return viewBytes(head, 0, bytesRead);
  } finally {
    await file.close();
  }
}
