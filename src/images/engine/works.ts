// The works of the image engine: everything that changes the store of images or the boot tree. One process at a time does them, in one
// thread: the one that owns the tree, or a command if none runs. Terms, reports and results are plain values, because most callers are in
// another process or thread.

import { join } from 'node:path';
import { systemClock } from '../../clock.ts';
import { RackError } from '../../errors.ts';
import { checkRoom } from '../blob-writing.ts';
import type { BundledResult } from '../carry/bundle.ts';
import type { CopyOrder } from '../carry/region-copies.ts';
import type { CopyProgress } from '../carry/region-copy.ts';
import type { ImageBytes } from '../disk-image.ts';
import type { GivenName, StoredImage } from '../image-store.ts';
import type { SystemFacts } from '../image-system.ts';
import type { FinishOrder } from '../make/finish-upload.ts';
import type { FileContent } from '../publication.ts';
import type { TreePart } from '../run/tree-parts.ts';
import type { NamedImportTerms } from './import-named.ts';
import { type OnReport, reportTenths } from './reports.ts';
import { holdTree } from './tree-lock.ts';

/** The bytes of a person's file or directory. */
export interface GivenContent {
  /** Undefined: unknown. */
  readonly bytes: number | undefined;
  /** Each is valid until the next one is requested. Rejects if the file changed meanwhile. */
  readonly pieces: () => AsyncIterable<Uint8Array>;
  /** The file itself; undefined: it is only sent. */
  readonly file?: (ImageBytes & { checkUnchanged(): Promise<void> }) | undefined;
}

/** How a work and the one who asked for it talk. */
export interface WorkIo {
  /** Ends the work; what has arrived stays. */
  readonly signal: AbortSignal;
  readonly report: OnReport;
  /** Undefined: the work needs no file. */
  readonly content?: GivenContent | undefined;
}

interface AddTerms {
  /** In messages. */
  readonly fileName: string;
  readonly name: GivenName;
  readonly title: string | undefined;
}

/** An added disk image. */
export type AddedDisk = Awaited<ReturnType<typeof addDisk>>;

/** By name: each gets the boot tree, its terms, and how it talks. */
const WORKS = {
  import: async (tree: string, terms: NamedImportTerms, io: WorkIo) => {
    const { importNamed } = await import('./import-named.ts');
    return await importNamed(tree, terms, io);
  },

  /** Adds everything in a bundle, and reports each result. */
  bundle: async (tree: string, { fileName }: { readonly fileName: string }, io: WorkIo) => {
    const [{ addBundle }, { DownloadQueue }, { DEFAULT_SETTINGS }] = await Promise.all([
      import('../carry/bundle.ts'),
      import('../download/queue.ts'),
      import('../download/settings.ts'),
    ]);
    // Its server is this process: another try would bring the same bytes.
    const downloads = new DownloadQueue({ ...DEFAULT_SETTINGS, roundsMax: 1 }, systemClock);
    const { signal } = io;
    const onResult = (result: BundledResult): void => io.report({ result });
    try {
      await withFile(tree, fileName, io, (file) =>
        addBundle({ tree, file, fileName, downloads, clock: systemClock, signal, onResult }),
      );
    } finally {
      await downloads.close();
    }
  },

  /** Imports the installer on a disc. */
  disc: async (
    tree: string,
    terms: { readonly fileName: string; readonly arch: string; readonly release: string | undefined },
    io: WorkIo,
  ) => {
    const { importDisc } = await import('../make/disc-installer.ts');
    return await withFile(tree, terms.fileName, io, (file) =>
      importDisc({ tree, ...terms, file, whenCopied: file.checkUnchanged, onProgress: reportTenths(io.report) }),
    );
  },

  'add-disk': addDisk,

  'add-root': async (
    tree: string,
    terms: AddTerms & Pick<import('../make/root-adding.ts').RootRequest, 'format' | 'rootName'>,
    io: WorkIo,
  ) => {
    const { copyRoot } = await import('../make/root-adding.ts');
    const { bytes, pieces } = contentOf(io);
    const onProgress = reportTenths(io.report);
    async function* watched(): AsyncGenerator<Uint8Array> {
      let done = 0;
      for await (const piece of pieces()) {
        done += piece.length;
        yield piece;
        if (bytes !== undefined) onProgress(done, bytes);
      }
    }
    return await copyRoot({ tree, ...terms, nowMs: systemClock.wallTimeMs() }, watched(), bytes);
  },

  /**
   * Removes images, boot loaders and installers, and moves unusable manifests aside.
   * @returns the freed bytes, and the new paths of the manifests
   */
  remove: async (
    tree: string,
    {
      images = [],
      keepsBytes = false,
      parts = [],
      unusable = [],
    }: {
      readonly images?: readonly StoredImage[];
      /** True: the bytes of images stay for an hour, for machines. */
      readonly keepsBytes?: boolean;
      readonly parts?: readonly Pick<TreePart, 'directory' | 'files'>[];
      /** The paths of manifests. */
      readonly unusable?: readonly string[];
    },
  ) => {
    const [{ moveAside }, { removeImages }, { removePart }, { inStoreTurn }, { asStoreError }] = await Promise.all([
      import('../image-check.ts'),
      import('../image-removal.ts'),
      import('../run/tree-parts.ts'),
      import('../stored-blob.ts'),
      import('../store-error.ts'),
    ]);
    const moved: string[] = [];
    for (const path of unusable) {
      try {
        moved.push(await inStoreTurn(() => moveAside(tree, path)));
      } catch (error) {
        throw asStoreError(error, join(path, '..'));
      }
    }
    const freedByImages = await removeImages(tree, images, systemClock.wallTimeMs(), { isKnown: !keepsBytes });
    for (const part of parts) await removePart(tree, part);
    const freed = parts.flatMap(({ files }) => files).reduce((sum, { bytes }) => sum + bytes, freedByImages);
    return { freed, moved };
  },

  /** Moves the files of a part with a damaged manifest aside. @returns their new path */
  'move-part-aside': async (tree: string, { directory }: { readonly directory: string }) => {
    const [{ movePartAside }, { asStoreError }] = await Promise.all([
      import('../run/part-check.ts'),
      import('../store-error.ts'),
    ]);
    try {
      return await movePartAside(tree, directory);
    } catch (error) {
      throw asStoreError(error, join(tree, directory, '..'));
    }
  },

  /** Deletes the bytes that no image needs: at once those of the doomed images, which are removed. @returns the freed bytes */
  sweep: async (tree: string, { doomed = [] }: { readonly doomed?: readonly StoredImage[] }) => {
    const [{ sweepBlobs }, { blobsOf }] = await Promise.all([
      import('../image-removal.ts'),
      import('../image-store.ts'),
    ]);
    const paths = new Set(doomed.flatMap((image) => blobsOf(image).map(({ path }) => path)));
    return await sweepBlobs(tree, systemClock.wallTimeMs(), paths);
  },

  /** Removes what imports have left for too long. @returns the freed bytes */
  'sweep-downloads': async (tree: string, _: object) => {
    const { sweepDownloads } = await import('../run/left-downloads.ts');
    return await sweepDownloads(tree, systemClock.wallTimeMs());
  },

  /** Removes what imports keep of files. @param names their digests */
  'remove-left': async (tree: string, { names }: { readonly names: readonly string[] }) => {
    const { removeLeft } = await import('../run/left-downloads.ts');
    await removeLeft(tree, names);
  },

  /** Makes an image of a complete upload. */
  'finish-upload': async (tree: string, order: Omit<FinishOrder, 'tree'>, { signal }: WorkIo) => {
    const { finishUpload } = await import('../make/finish-upload.ts');
    const result = await finishUpload({ ...order, tree, signal });
    if (result.kind === 'added') return result;
    const { code, message } = result.error;
    return { kind: result.kind, code, message };
  },

  /** Copies the images of a region that a rack lacks, and removes the copies of others. */
  copy: async (tree: string, { urls, ca }: CopyOrder, { report }: WorkIo) => {
    const [{ copyFromRegion }, { DownloadQueue }, { DEFAULT_SETTINGS }] = await Promise.all([
      import('../carry/region-copy.ts'),
      import('../download/queue.ts'),
      import('../download/settings.ts'),
    ]);
    const authorities = ca === undefined ? undefined : [ca];
    const downloads = new DownloadQueue({ ...DEFAULT_SETTINGS, authorities }, systemClock);
    const onProgress = (copied: CopyProgress): void => report({ copied });
    try {
      return await copyFromRegion({ tree, urls, downloads, clock: systemClock, onProgress });
    } finally {
      await downloads.close();
    }
  },

  /** Reads all content, and takes damaged content out of the store if it repairs. */
  check: async (tree: string, { repairs }: { readonly repairs: boolean }, { report }: WorkIo) => {
    const [{ checkContent }, { checkParts }] = await Promise.all([
      import('../image-check.ts'),
      import('../run/part-check.ts'),
    ]);
    const contents = await checkContent({ tree, repairs, onProgress: reportTenths(report, 'Images') });
    const onProgress = reportTenths(report, 'Boot loaders, installers and environments');
    return { contents, ...(await checkParts({ tree, repairs, onProgress })) };
  },

  /** Replaces a directory of the tree by one with these files, or files of the top directory: a `Publisher`. */
  publish: async (
    tree: string,
    {
      directory,
      os,
      files,
    }: {
      readonly directory: string | undefined;
      readonly os: string | undefined;
      readonly files: readonly FileContent[];
    },
  ) => {
    const [{ publishDirectory }, { publishFile }, { replaceable }] = await Promise.all([
      import('../directory-publication.ts'),
      import('../publication.ts'),
      import('../run/tree-parts.ts'),
    ]);
    await checkRoom(
      join(tree, 'images'),
      files.reduce((sum, { data }) => sum + data.length, 0),
    );
    if (directory !== undefined) await publishDirectory(join(tree, directory), files, replaceable(tree, os));
    else for (const { name, data } of files) await publishFile(join(tree, name), data);
  },
} as const;

export type WorkName = keyof typeof WORKS;
export type WorkTerms<N extends WorkName> = Parameters<(typeof WORKS)[N]>[1];
export type WorkResult<N extends WorkName> = Awaited<ReturnType<(typeof WORKS)[N]>>;

/**
 * Does a work, while this process has the tree.
 * @throws RackError `already-running` if another process has it, and as the work
 */
export async function doWork<N extends WorkName>(
  name: N,
  tree: string,
  terms: WorkTerms<N>,
  io: WorkIo,
): Promise<WorkResult<N>> {
  const works: {
    readonly [K in WorkName]: (tree: string, terms: WorkTerms<K>, io: WorkIo) => Promise<WorkResult<K>>;
  } = WORKS;
  const hold = await holdTree(tree);
  try {
    return await works[name](tree, terms, io);
  } finally {
    hold.release();
  }
}

async function addDisk(
  tree: string,
  {
    fileName,
    name,
    title,
    compress,
    isMade,
  }: AddTerms & {
    /** Undefined: unless it is raw. */
    readonly compress: boolean | undefined;
    /** True if `images make-debian` made the file. */
    readonly isMade: boolean | undefined;
  },
  io: WorkIo,
) {
  const [{ addImage }, { judgeSystem, SystemInspector }] = await Promise.all([
    import('../image-adding.ts'),
    import('../image-system.ts'),
  ]);
  const inspector = new SystemInspector(name.architecture);
  const added = await withFile(tree, fileName, io, (file) =>
    addImage({
      tree,
      file,
      whenVerified: file.checkUnchanged,
      fileName,
      name,
      title,
      compress,
      isMade,
      nowMs: systemClock.wallTimeMs(),
      signal: io.signal,
      onProgress: reportTenths(io.report),
      onDisk: (piece) => inspector.take(piece),
      signs: () => inspector.signs(),
    }),
  );
  const system: SystemFacts = inspector.facts();
  /** `unfit`: why deploying it would probably fail; undefined: no reason is known. */
  return { ...added, system, unfit: judgeSystem(system, name.architecture) };
}

function contentOf({ content }: WorkIo): GivenContent {
  if (content === undefined) throw new RackError('bad-argument', 'the bytes of the file are missing');
  return content;
}

/** Gives the content as a file: one that is only sent becomes a file of the store until the end. */
async function withFile<T>(
  tree: string,
  fileName: string,
  io: WorkIo,
  use: (file: NonNullable<GivenContent['file']>) => Promise<T>,
): Promise<T> {
  const content = contentOf(io);
  if (content.file !== undefined) return await use(content.file);
  const [{ BlobFile }, { beginCopy }, { bytesOfFile }, { openStored }, { makeDirectories }, { asStoreError }] =
    await Promise.all([
      import('../blob-writing.ts'),
      import('../image-removal.ts'),
      import('../image-file.ts'),
      import('../stored-blob.ts'),
      import('../publication.ts'),
      import('../store-error.ts'),
    ]);
  const directory = join(tree, 'images');
  try {
    await makeDirectories(directory);
    const copy = beginCopy(tree);
    try {
      await checkRoom(copy.path, content.bytes ?? 0);
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
  } catch (error) {
    throw asStoreError(error, directory);
  }
}
