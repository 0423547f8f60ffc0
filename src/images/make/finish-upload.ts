// Makes an image of a complete upload: verifies, converts, checks and adds it.
//
//   part ─▶ sha256 right? ─┬─ a disk ─▶ convert (image-adding.ts) ─▶ could it start? ─┬─▶ image; the caller removes the part
//                          ├─ a root ─▶ is it one? (root-adding.ts) ────────────┘
//                          └─ wrong ─▶ refused; the part is removed
//
// 1. An upload appears in the store only if it has the announced hash and passes the checks of an import.
// 2. If the disk or the store is full, or the process ends, the part stays; finishing again gives
//    the same image.
// 3. One call at a time finishes an upload, and nothing writes its part any more (upload-part.ts).

import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { viewBytes } from '../../ground/borrowed-bytes.ts';
import { RackError } from '../../ground/errors.ts';
import { type AddResult, addImage } from '../content/image-adding.ts';
import { bytesOfFile } from '../content/image-file.ts';
import { judgeSystem, SystemInspector } from '../content/image-system.ts';
import { isRoot, ROOT_HEAD_BYTES } from '../run/root-check.ts';
import { hashFile } from '../store/file-hash.ts';
import { type ImageName, judgeImageName } from '../store/image-store.ts';
import { asStoreError } from '../store/store-error.ts';
import { openStored } from '../store/stored-blob.ts';
import type { RootFormat } from '../store/stored-system.ts';
import { addRoot, checkRootName } from './root-adding.ts';
import { findFileKind } from './upload-kind.ts';
import { partBytes, removePart, type UploadPart, uploadPartPath } from './upload-part.ts';

export interface FinishOrder extends UploadPart {
  readonly tree: string;
  readonly name: Omit<ImageName, 'serial'>;
  /** If empty, it is made from the name. */
  readonly title: string;
  readonly fileType: string;
  readonly nowMs: number;
  readonly serialsElsewhere: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

/** After `later`, another attempt may succeed. `isNew` is true if the store had no such image. */
type FinishResult =
  | { readonly kind: 'added'; readonly serial: string; readonly isNew: boolean }
  | { readonly kind: 'refused' | 'later'; readonly error: RackError };

const RETRYABLE_CODES: ReadonlySet<string> = new Set([
  'store-unwritable',
  'limit-reached',
  'already-running',
  'tool-missing',
  'not-found',
]);

/** Finishes an upload. A RackError becomes the result. Other errors are thrown. */
export async function finishUpload(order: FinishOrder): Promise<FinishResult> {
  try {
    const { image, added } = await finish(order);
    return { kind: 'added', serial: image.serial, isNew: added };
  } catch (thrown) {
    const error = asStoreError(thrown, join(order.tree, 'images'));
    if (!(error instanceof RackError)) throw error;
    if (RETRYABLE_CODES.has(error.code)) return { kind: 'later', error };
    await removePart(order.tree, order);
    return { kind: 'refused', error };
  }
}

type AddedImage = Pick<AddResult, 'image' | 'added'>;

async function finish(order: FinishOrder): Promise<AddedImage> {
  const { tree, name, sha256, fileType } = order;
  const problem = judgeImageName(name);
  if (problem !== undefined) throw new RackError('bad-argument', problem);
  const kind = findFileKind(fileType);
  if (kind === undefined) throw new RackError('bad-argument', `the file type ${JSON.stringify(fileType)} is unknown`);
  if (kind.kind === 'root') checkRootName(order);
  if ((await partBytes(tree, order)) === 0)
    throw new RackError('bad-argument', 'the bytes of the upload are gone: upload the file again');
  const file = await openStored(uploadPartPath(tree, order));
  try {
    const hash = await hashFile(file);
    if (hash !== sha256) {
      const why = `its content has the sha256 ${hash} instead of ${sha256}`;
      throw new RackError('bad-argument', `the upload cannot be used: ${why}; upload the file again`);
    }
    if (kind.kind === 'disk') return await addDisk(order, file);
    const head = Buffer.alloc(ROOT_HEAD_BYTES);
    const { bytesRead } = await file.read(head, 0, ROOT_HEAD_BYTES, 0);
    if (isRoot(kind.format, viewBytes(head, 0, bytesRead))) return await addUploadedRoot(order, kind.format, file);
    const remedy = 'give its real filetype: ddraw for the image of a disk, tgz for an archive of a root';
    throw new RackError('bad-argument', `the upload is not a ${fileType} file: ${remedy}`);
  } finally {
    await file.close();
  }
}

async function addDisk(order: FinishOrder, file: FileHandle): Promise<AddedImage> {
  const { tree, name, title, nowMs, serialsElsewhere, signal } = order;
  const inspector = new SystemInspector(name.architecture);
  return await addImage({
    tree,
    name,
    nowMs,
    serialsElsewhere,
    signal,
    file: { ...(await bytesOfFile(file, 'the upload')), safeHandle: file },
    fileName: 'the upload',
    compress: true,
    ...(title === '' ? {} : { title }),
    onProgress: () => undefined,
    onDisk: (piece) => inspector.inspect(piece),
    signs: () => inspector.signs(),
    whenVerified: async () => {
      const unfit = judgeSystem(inspector.facts(), name.architecture);
      if (unfit === undefined) return;
      const remedy = 'to add it nevertheless, use `rackboot images add` on the host of the region';
      throw new RackError('bad-argument', `the upload cannot be deployed: ${unfit}; ${remedy}`);
    },
  });
}

/** Adds a root by a hard link, so that the part still exists if the process is killed. */
async function addUploadedRoot(order: FinishOrder, format: RootFormat, file: FileHandle): Promise<AddedImage> {
  const { tree, name, title, sha256, fileType, nowMs, serialsElsewhere } = order;
  const rootName = fileType === 'squashfs' ? 'squashfs' : `root-${fileType}`;
  const request = { tree, name, nowMs, serialsElsewhere, format, rootName, fileName: 'the upload' };
  const rootRequest = title === '' ? request : { ...request, title };
  return await addRoot(rootRequest, { path: uploadPartPath(tree, order), file, sha256, how: 'link' });
}
