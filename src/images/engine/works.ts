// The works of the image engine: everything that changes the image store or the boot tree. One
// process at a time does them, in one thread: the owner of the tree, or a command if none runs.
// Options, reports and results are plain values, because most callers are in another process or
// thread.

import { join } from 'node:path';
import { systemClock } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import { addBundle } from '../carry/bundle.ts';
import type { CopyOrder } from '../carry/region-copies.ts';
import { copyFromRegion } from '../carry/region-copy.ts';
import { BlobFile, checkSpace } from '../content/blob-writing.ts';
import type { ImageBytes } from '../content/disk-image.ts';
import { type AddRequest, addImage } from '../content/image-adding.ts';
import { bytesOfFile } from '../content/image-file.ts';
import { judgeSystem, SystemInspector } from '../content/image-system.ts';
import { DownloadQueue } from '../download/queue.ts';
import { DEFAULT_SETTINGS } from '../download/settings.ts';
import { importDisc } from '../make/disc-installer.ts';
import { type FinishOrder, finishUpload } from '../make/finish-upload.ts';
import { copyRoot, type RootRequest } from '../make/root-adding.ts';
import { removeKeptFiles, sweepDownloads } from '../run/left-downloads.ts';
import { checkParts, movePartAside } from '../run/part-check.ts';
import { createReplacementCheck, removePart, type TreePart } from '../run/tree-parts.ts';
import type { ImageSource } from '../sources/source.ts';
import { publishDirectory } from '../store/directory-publication.ts';
import { checkContent, moveAside } from '../store/image-check.ts';
import { beginCopy, removeImages, sweepBlobs } from '../store/image-removal.ts';
import { listBlobs, type StoredImage } from '../store/image-store.ts';
import { type FileContent, publishFile } from '../store/publication.ts';
import { asStoreError } from '../store/store-error.ts';
import { inStoreTurn, openStored } from '../store/stored-blob.ts';
import { listOffers, type OfferLookupOptions } from './asking.ts';
import { type ImportIo, importNamed } from './import-named.ts';
import { reportTenths } from './reports.ts';
import { holdTree } from './tree-lock.ts';

export interface GivenContent {
  /** Undefined: unknown. */
  readonly bytes: number | undefined;
  /**
   * Yields the content. Each piece is valid until the next is requested. Rejects if the file
   * changed meanwhile.
   */
  readonly pieces: () => AsyncIterable<Uint8Array>;
  /** The file with the content. Undefined if the content only arrives over a connection. */
  readonly file?: (ImageBytes & { checkUnchanged(): Promise<void> }) | undefined;
}

/** The reports, answers and content that a work exchanges with its client. */
export interface WorkIo extends ImportIo {
  /** Undefined if the work needs no file. */
  readonly content?: GivenContent | undefined;
}

/** The works by name: each gets the boot tree, its options and a WorkIo. */
const WORKS = {
  import: importNamed,

  /** Asks a source, which changes nothing. */
  'list-offers': (_: string, options: OfferLookupOptions & { readonly source: ImageSource }, { signal }: WorkIo) =>
    listOffers(options, signal),

  bundle: async (tree: string, { fileName }: { readonly fileName: string }, io: WorkIo) => {
    // The server is this process: another try would bring the same bytes.
    const downloads = new DownloadQueue({ ...DEFAULT_SETTINGS, roundsMax: 1 }, systemClock);
    const { signal, report } = io;
    const deps = { tree, fileName, downloads, clock: systemClock, signal };
    try {
      await withFile(tree, fileName, io, (file) =>
        addBundle({ ...deps, file, onResult: (result) => report({ result }) }),
      );
    } finally {
      await downloads.close();
    }
  },

  disc: (tree: string, options: Pick<Parameters<typeof importDisc>[0], 'fileName' | 'arch' | 'release'>, io: WorkIo) =>
    withFile(tree, options.fileName, io, (file) =>
      importDisc({ tree, ...options, file, whenCopied: file.checkUnchanged, onProgress: reportTenths(io.report) }),
    ),

  /**
   * In the result, `unfit` says why deploying the image would probably fail. It is undefined if no
   * reason is known.
   */
  'add-disk': async (
    tree: string,
    options: Pick<AddRequest, 'fileName' | 'name' | 'title' | 'compress' | 'isMade'>,
    io: WorkIo,
  ) => {
    const { architecture } = options.name;
    const inspector = new SystemInspector(architecture);
    const added = await withFile(tree, options.fileName, io, (file) =>
      addImage({
        tree,
        ...options,
        file,
        whenVerified: file.checkUnchanged,
        nowMs: systemClock.wallTimeMs(),
        signal: io.signal,
        onProgress: reportTenths(io.report),
        onDisk: (piece) => inspector.inspect(piece),
        signs: () => inspector.signs(),
      }),
    );
    const system = inspector.facts();
    return { ...added, system, unfit: judgeSystem(system, architecture) };
  },

  'add-root': async (
    tree: string,
    options: Pick<RootRequest, 'fileName' | 'name' | 'title' | 'format' | 'rootName'>,
    io: WorkIo,
  ) => {
    const { bytes, pieces } = requireContent(io);
    const onProgress = reportTenths(io.report);
    async function* withProgress(): AsyncGenerator<Uint8Array> {
      let sentBytes = 0;
      for await (const piece of pieces()) {
        sentBytes += piece.length;
        yield piece;
        if (bytes !== undefined) onProgress(sentBytes, bytes);
      }
    }
    return await copyRoot({ tree, ...options, nowMs: systemClock.wallTimeMs() }, withProgress(), bytes);
  },

  /**
   * Also moves unusable manifests aside.
   * @returns the freed bytes, and the new paths of the manifests
   */
  remove: async (
    tree: string,
    options: {
      readonly images?: readonly StoredImage[];
      /** Keeps the bytes of images for an hour, for machines that load them. */
      readonly keepsBytes?: boolean;
      readonly parts?: readonly Pick<TreePart, 'directory' | 'files'>[];
      /** The paths of manifests. */
      readonly unusable?: readonly string[];
    },
  ) => {
    const { images = [], keepsBytes = false, parts = [], unusable = [] } = options;
    const moved: string[] = [];
    for (const path of unusable) moved.push(await inStoreTurn(() => moveAside(tree, path)));
    const freedByImages = await removeImages(tree, images, systemClock.wallTimeMs(), { areUsesKnown: !keepsBytes });
    for (const part of parts) await removePart(tree, part);
    const freed = parts.flatMap(({ files }) => files).reduce((sum, { bytes }) => sum + bytes, freedByImages);
    return { freed, moved };
  },

  /** @returns the new path of its files */
  'move-part-aside': (tree: string, { directory }: { readonly directory: string }) => movePartAside(tree, directory),

  /**
   * Deletes the bytes that no image needs. The bytes of `doomed` images are deleted without the
   * usual delay. @returns the freed bytes
   */
  sweep: (tree: string, { doomed = [] }: { readonly doomed?: readonly StoredImage[] }) => {
    const paths = new Set(doomed.flatMap((image) => listBlobs(image).map(({ path }) => path)));
    return sweepBlobs(tree, systemClock.wallTimeMs(), paths);
  },

  /** Removes downloads that imports left unfinished long ago. @returns the freed bytes */
  'sweep-downloads': (tree: string, _: object) => sweepDownloads(tree, systemClock.wallTimeMs()),

  /** Removes kept downloads. @param names digests of their files */
  'remove-left': (tree: string, { names }: { readonly names: readonly string[] }) => removeKeptFiles(tree, names),

  'finish-upload': async (tree: string, order: Omit<FinishOrder, 'tree'>, { signal }: WorkIo) => {
    const result = await finishUpload({ ...order, tree, signal });
    if (result.kind === 'added') return result;
    const { code, message } = result.error;
    return { kind: result.kind, code, message };
  },

  copy: async (tree: string, { urls, ca }: CopyOrder, { report }: WorkIo) => {
    const authorities = ca === undefined ? undefined : [ca];
    const downloads = new DownloadQueue({ ...DEFAULT_SETTINGS, authorities }, systemClock);
    const deps = { tree, urls, downloads, clock: systemClock };
    try {
      return await copyFromRegion({ ...deps, onProgress: (copied) => report({ copied }) });
    } finally {
      await downloads.close();
    }
  },

  /** Reads and verifies all content. With `repairs`, takes damaged content out of the tree. */
  check: async (tree: string, { repairs }: { readonly repairs: boolean }, { report }: WorkIo) => {
    const contents = await checkContent({ tree, repairs, onProgress: reportTenths(report, 'Images') });
    const onProgress = reportTenths(report, 'Boot loaders, installers and environments');
    return { contents, ...(await checkParts({ tree, repairs, onProgress })) };
  },

  /** Replaces a directory of the tree, or files of its top directory. Called by a `Publisher`. */
  publish: async (
    tree: string,
    options: {
      readonly directory: string | undefined;
      readonly os: string | undefined;
      readonly files: readonly FileContent[];
    },
  ) => {
    const { directory, os, files } = options;
    const bytes = files.reduce((sum, { data }) => sum + data.length, 0);
    await checkSpace(join(tree, 'images'), bytes);
    if (directory !== undefined) await publishDirectory(join(tree, directory), files, createReplacementCheck(tree, os));
    else for (const { name, data } of files) await publishFile(join(tree, name), data);
  },
} as const;

export type WorkName = keyof typeof WORKS;
/** Works that change nothing in the tree, and therefore do not lock it. */
const READ_ONLY_WORKS: ReadonlySet<WorkName> = new Set(['list-offers']);
export type WorkInput<N extends WorkName> = Parameters<(typeof WORKS)[N]>[1];
export type WorkResult<N extends WorkName> = Awaited<ReturnType<(typeof WORKS)[N]>>;

/**
 * Does a work. A work that changes the tree locks it first.
 * @throws RackError `already-running` if another process has it, `store-unwritable`, and as the work
 */
export async function doWork<N extends WorkName>(
  name: N,
  tree: string,
  options: WorkInput<N>,
  io: WorkIo,
): Promise<WorkResult<N>> {
  const works: {
    readonly [K in WorkName]: (tree: string, options: WorkInput<K>, io: WorkIo) => Promise<WorkResult<K>>;
  } = WORKS;
  const hold = READ_ONLY_WORKS.has(name) ? undefined : await holdTree(tree);
  try {
    return await works[name](tree, options, io);
  } catch (error) {
    throw asStoreError(error, tree);
  } finally {
    hold?.release();
  }
}

function requireContent({ content }: WorkIo): GivenContent {
  if (content === undefined) throw new RackError('bad-argument', 'the bytes of the file are missing');
  return content;
}

/**
 * Calls `use` with the content as a file. Content that arrives over a connection is a file of the
 * store until `use` ends.
 */
async function withFile<T>(
  tree: string,
  fileName: string,
  io: WorkIo,
  use: (file: NonNullable<GivenContent['file']>) => Promise<T>,
): Promise<T> {
  const content = requireContent(io);
  if (content.file !== undefined) return await use(content.file);
  const copy = beginCopy(tree);
  try {
    await checkSpace(copy.path, content.bytes ?? 0);
    const out = await BlobFile.create(copy.path);
    try {
      for await (const piece of content.pieces()) await out.write(piece);
      await out.end();
    } finally {
      await out.close();
    }
    const file = await openStored(copy.path);
    try {
      return await use(await bytesOfFile(file, fileName));
    } finally {
      await file.close();
    }
  } finally {
    await copy.end();
  }
}
