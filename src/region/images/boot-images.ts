// The boot images of a region: the sources and selections that people chose, and their requests to
// the importing process.
//
//   API, page ─► requestImport, stopImport, requestForImage ─► store ─► onImportRequested ─► the importing process (region-host/imports/) ─► progress in the store
//
// 1. Requests are stored first, so that they survive a killed process, and another process can
//    carry them out.

import type { Readable } from 'node:stream';
import type { Clock } from '../../ground/clock.ts';
import type { KeyringFaultCode } from '../../images/sources/keyring.ts';
import type { InstallerSource } from '../../images/sources/source.ts';
import type { ListedImage, ListImages } from '../life/deployment.ts';
import {
  type BootResource,
  type ImportProgress,
  type ImportRun,
  isImporting,
  withImportRequest,
} from '../records/boot-store.ts';
import type { Happening } from '../records/events.ts';
import { type ImportReason, isFinal } from '../records/import-reason.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import type { ReportedDownload } from '../records/reported-download.ts';
import type { ResourceWish } from '../records/resource-wish.ts';
import type { RegionStore } from '../records/store.ts';
import type { ImageUpload } from '../records/upload-store.ts';
import { type AskOffers, OfferedImages } from './offered-images.ts';
import {
  type FileProblem,
  type FileSources,
  formatResourceName,
  joinSelections,
  joinSources,
  type RegionSelection,
  type RegionSource,
} from './region-source.ts';
import { type UploadFiles, Uploads } from './uploads.ts';

/** A file of the region's own simplestreams site. */
export type StreamedFile =
  | { readonly kind: 'document'; readonly text: string }
  | {
      readonly kind: 'image';
      readonly bytes: number;
      readonly sha256: string;
      /**
       * Reads the bytes from `start` up to, but not including, `end`. Undefined if the image was
       * removed meanwhile.
       */
      read(start: number, end: number): Promise<Readable | undefined>;
    };

/** The region's own image store as a signed simplestreams site. */
export interface ImageStream {
  /** Finds a file. @param path below the site @returns undefined if there is no such file */
  find(path: string): Promise<StreamedFile | undefined>;
}

export interface BootImagesDeps {
  readonly store: RegionStore;
  readonly clock: Clock;
  /** Reads the sources of images that files name. Undefined if there are none. */
  readonly fileSources?: (() => Promise<FileSources>) | undefined;
  /**
   * False if the site has no file of sources, and so no selections in files. If undefined, it may have one.
   */
  readonly hasSourcesFile?: (() => boolean) | undefined;
  /** Lists the images that can be deployed. */
  readonly listImages?: ListImages | undefined;
  /**
   * Lists images as `listImages` does, and also those of a store from which no machine boots.
   * Undefined if there is no such store.
   */
  readonly listStoredImages?: ListImages | undefined;
  /** Lists the images of this host whose bytes are damaged or missing. Undefined if this is unknown. */
  readonly listDamagedImages?: ListImages | undefined;
  /** Opens the region's own store as a site with simplestreams. Undefined if this host serves no images. */
  readonly openImageStream?: (() => Promise<ImageStream>) | undefined;
  /** The files of uploads on this host. Undefined if it keeps no images. */
  readonly uploadFiles?: (() => UploadFiles) | undefined;
  /**
   * True if this host has a file, such as the file with the keys of a source. Undefined if this is
   * unknown.
   */
  readonly hasFile?: ((path: string) => Promise<boolean>) | undefined;
  /**
   * Finds the URL of the mirror from which this host imports the installers of a source. If
   * undefined, it is the mirror that the file of the source names.
   */
  readonly packageMirror?: ((source: InstallerSource) => Promise<string | undefined>) | undefined;
  /** Finds why keys of a source cannot be used. Undefined if this is unknown. */
  readonly judgeKeyring?: ((keys: Uint8Array) => Promise<KeyringFaultCode | undefined>) | undefined;
  /** Asks a source what it offers. Undefined if this host asks no source. */
  readonly askOffers?: AskOffers | undefined;
  /** Reads the free bytes of the disk of images. Undefined if this host keeps no images. */
  readonly freeBytes?: (() => Promise<number | undefined>) | undefined;
  /** Called after an import, or a change of one, was requested. Undefined if another process imports. */
  readonly onImportRequested?: (() => void) | undefined;
}

const NO_FILE_SOURCES: FileSources = { sources: [], selections: [], problem: undefined, inForce: 'all' };

/** A resource with its images, newest first. It has no images until its first import has ended. */
export interface ListedResource extends BootResource {
  readonly images: readonly ListedImage[];
  /** True if the image was imported, and then removed or lost on its host. */
  readonly isGone: boolean;
  /**
   * The serial of the version that is being imported while an older one is present. Undefined if
   * none is being imported, or it is the first version.
   */
  readonly coming?: string | undefined;
  /** The upload under way; `progress` then describes it. */
  readonly upload?: ImageUpload | undefined;
}

export class BootImages {
  readonly #deps: BootImagesDeps;
  readonly uploads: Uploads;
  readonly offered: OfferedImages;

  constructor(deps: BootImagesDeps) {
    this.#deps = deps;
    const { store, clock, uploadFiles } = deps;
    this.uploads = new Uploads({ store, clock, files: () => uploadFiles?.() });
    this.offered = new OfferedImages(clock, deps.askOffers);
  }

  async #fileSources(): Promise<FileSources> {
    return (await this.#deps.fileSources?.()) ?? NO_FILE_SOURCES;
  }

  /** True if this host has a file, as far as that is known. */
  async hasFile(path: string): Promise<boolean> {
    return (await this.#deps.hasFile?.(path)) ?? true;
  }

  /** The free bytes of the disk of images, as far as they are known. */
  async freeBytes(): Promise<number | undefined> {
    return await this.#deps.freeBytes?.();
  }

  /** Finds why the keys of a source cannot be used, as far as known. Undefined if they can be used. */
  async judgeKeyring(keys: Uint8Array): Promise<KeyringFaultCode | undefined> {
    return await this.#deps.judgeKeyring?.(keys);
  }

  /** Finds the problem of the site's file of sources. Undefined if it has none or does not exist. */
  async fileProblem(): Promise<FileProblem | undefined> {
    if (this.#deps.hasSourcesFile?.() === false) return undefined;
    const { problem, inForce } = await this.#fileSources();
    return problem === undefined ? undefined : { text: problem, inForce };
  }

  /**
   * Lists the sources from which the region may import. Leaves out sources of files while the
   * site's file, which may replace them, cannot be read.
   */
  async listImportable(): Promise<readonly RegionSource[]> {
    const problem = await this.fileProblem();
    const sources = await this.listSources();
    return problem?.inForce === 'none' ? sources.filter(({ definingFile: pin }) => pin === undefined) : sources;
  }

  /** Lists the sources. Sources from files come first. */
  async listSources(): Promise<readonly RegionSource[]> {
    const { store, clock } = this.#deps;
    const files = await this.#fileSources();
    let rows = await store.boot.listSources();
    const knownNames = new Set(rows.map(({ name }) => name));
    const missing = files.sources.map(({ source }) => source.name).filter((name) => !knownNames.has(name));
    if (missing.length > 0) {
      await store.boot.addFileSources(missing, clock.wallTimeMs());
      rows = await store.boot.listSources();
    }
    return await Promise.all(joinSources(rows, files).map((source) => this.#addHostMirror(source)));
  }

  /** Gives a source of installers the URL of the mirror that an import on this host uses. */
  async #addHostMirror(source: RegionSource): Promise<RegionSource> {
    const { images } = source;
    const url = images.kind === 'installer' ? await this.#deps.packageMirror?.(images) : undefined;
    return url === undefined || url === source.url ? source : { ...source, url, isHostMirror: true };
  }

  /** Finds a file of the region's own site. @returns undefined if no file has this path */
  async findStreamedFile(path: string): Promise<StreamedFile | undefined> {
    return (await this.#deps.openImageStream?.())?.find(path);
  }

  async findSource(id: number): Promise<RegionSource | undefined> {
    return (await this.listSources()).find((source) => source.id === id);
  }

  /** Lists the selections of one source or of all. Selections from the site's file come first. */
  async listSelections(source?: RegionSource): Promise<readonly RegionSelection[]> {
    const { store, hasSourcesFile } = this.#deps;
    const rows = await store.boot.listSelections(source?.id);
    if (hasSourcesFile?.() === false) return rows;
    const { selections } = await this.#fileSources();
    if (selections.length === 0) return rows;
    return joinSelections(rows, source === undefined ? await this.listSources() : [source], selections);
  }

  /**
   * Lists the images that are stored or being imported, by name. An image whose bytes no longer
   * exist has an empty list of stored images.
   */
  async listResources(): Promise<readonly ListedResource[]> {
    const { store, clock, listImages, listStoredImages = listImages, listDamagedImages } = this.#deps;
    // The rows are read before the images. Otherwise an image that is deleted in between would look new.
    let rows = await store.boot.listResources();
    const images = new Map<string, ListedImage[]>();
    for (const image of (await listStoredImages?.()) ?? []) {
      const name = formatResourceName(image);
      const existing = images.get(name);
      if (existing === undefined) images.set(name, [image]);
      else existing.push(image);
    }
    const damagedImages = new Map(
      ((await listDamagedImages?.()) ?? []).map((image) => [formatResourceName(image), image]),
    );
    const uploads = new Map((await this.uploads.list()).map((upload) => [upload.name, upload]));
    const knownNames = new Set(rows.map(({ name }) => name));
    // A copy on a rack may still exist for minutes after its image was deleted, so it alone is not
    // a resource.
    const namesBesideCopies = [...images]
      .filter(([, versions]) => !versions.every(({ isCopy }) => isCopy))
      .map(([name]) => name);
    const missing = [...new Set([...namesBesideCopies, ...damagedImages.keys(), ...uploads.keys()])].filter(
      (name) => !knownNames.has(name),
    );
    if (missing.length > 0) {
      await store.boot.addResources(missing, clock.wallTimeMs());
      rows = await store.boot.listResources();
    }
    const next = rows.some(mayBeRetried) ? await this.#readNextRun() : NO_NEXT_RUN;
    const listStored = (name: string): readonly ListedImage[] =>
      (images.get(name) ?? []).filter(({ isReported }) => isReported !== true);
    return (
      rows
        .filter(({ wish }) => wish !== 'delete')
        .map((row) => withoutOutdatedFailure(row, listStored(row.name)))
        .map((row) => addNextAttempt(row, next))
        // A rack's copy does not replace damaged bytes of the region, because machines of other
        // racks do not get it.
        .map((row) => (listStored(row.name).length > 0 ? row : addDamage(row, damagedImages.get(row.name))))
        .map((row) => ({ ...row, ...this.#describeUpload(uploads.get(row.name)) }))
        .map((row) => addImages(row, listVisibleImages(row, images.get(row.name) ?? [])))
        .filter((row) => row.images.length > 0 || row.progress !== undefined)
    );
  }

  async #readNextRun(): Promise<NextRun> {
    const { nextMs } = await this.run();
    if (nextMs === 0) return NO_NEXT_RUN;
    const selections = await this.listSelections();
    const sources = await this.listImportable();
    const names = new Map(sources.map(({ id, images }) => [id, images.name]));
    return { nextMs, selected: selections.map(({ sourceId, os }) => ({ source: names.get(sourceId), os })) };
  }

  #describeUpload(upload: ImageUpload | undefined): Pick<ListedResource, 'upload' | 'progress'> {
    return upload === undefined
      ? {}
      : { upload, progress: describeUploadProgress(upload, this.uploads.findPendingReason(upload)) };
  }

  /**
   * Requests an import as soon as possible. It also resumes stopped imports.
   * @returns why the import will bring nothing. Undefined if something is selected
   */
  async requestImport(username: string): Promise<ImportReason | undefined> {
    const { store, clock } = this.#deps;
    const isEmpty = (await this.listSelections()).length === 0;
    await store.transact(async () => {
      const run = withImportRequest(await store.boot.findRun(), clock.wallTimeMs());
      await store.boot.changeRun(
        run,
        this.event(username, { code: 'import-asked', params: { isStop: false, isEmpty } }),
      );
    });
    await this.#notify();
    return isEmpty ? { code: 'nothing-selected', params: {} } : undefined;
  }

  /** Stops the running import. The next import continues with the downloaded bytes. */
  async stopImport(username: string): Promise<void> {
    const { store, clock } = this.#deps;
    const change = { stoppedMs: clock.wallTimeMs() };
    await store.boot.changeRun(change, this.event(username, { code: 'import-asked', params: { isStop: true } }));
    await this.#notify();
  }

  /**
   * Stores a person's request for one image. `import` requests the import of only this image.
   * @returns false if there is no such image
   */
  async requestForImage({ id, name }: BootResource, wish: ResourceWish, username: string): Promise<boolean> {
    const { store, clock } = this.#deps;
    const event = this.event(username, { code: 'image-wished', params: { image: name, wish } });
    const isKnown = await store.transact(async () => {
      if (!(await store.boot.wish(id, wish, event))) return false;
      if (wish === 'delete') await this.uploads.removeNamed(name);
      if (wish === 'import')
        await store.boot.changeRun(withImportRequest(await store.boot.findRun(), clock.wallTimeMs(), name));
      return true;
    });
    if (isKnown) await this.#notify();
    return isKnown;
  }

  async isImporting(): Promise<boolean> {
    return isImporting(await this.run());
  }

  run(): Promise<ImportRun> {
    return this.#deps.store.boot.findRun();
  }

  /**
   * Stores a rack's report on one of its downloads.
   * @param report with clean texts @param rackName for people @param username the person who
   * reported it; empty for the rack itself
   */
  async recordDownload(report: Omit<ReportedDownload, 'atMs'>, rackName: string, username: string): Promise<void> {
    const { store, clock } = this.#deps;
    const { file, bytes, total = 0, error } = report;
    const params = { rack: rackName, file, bytes, size: total, error };
    const event = this.event(username, { code: 'download-reported', params });
    const type = error === '' ? 'REGION_IMPORT_INFO' : 'REGION_IMPORT_ERROR';
    await store.boot.noteDownload(
      { ...report, atMs: clock.wallTimeMs() },
      { ...event, type, ...(error === '' ? { level: 'debug' } : {}) },
    );
  }

  /** The event of a person's action on images. */
  event(username: string, happening: Happening): NewMachineEvent {
    return { type: 'IMAGES', ...happening, atMs: this.#deps.clock.wallTimeMs(), username };
  }

  #notify(): Promise<void> {
    return this.#deps.store.afterCommit(() => this.#deps.onImportRequested?.());
  }
}

const GONE_REASON: ImportReason = { code: 'gone', params: {} };
/**
 * Lists the images to show. While the region is importing an image, copies of an earlier, deleted
 * image that racks may still have are left out.
 */
const listVisibleImages = ({ progress }: BootResource, images: readonly ListedImage[]): readonly ListedImage[] =>
  progress === undefined || progress.state === 'done' || images.some(({ isReported }) => isReported !== true)
    ? images
    : images.filter(({ isCopy }) => isCopy !== true);

function addImages<T extends BootResource>(row: T, images: readonly ListedImage[]): T & ListedResource {
  const { state, serial } = row.progress ?? {};
  const isPresent = serial === undefined || images.some((image) => image.serial === serial);
  const coming = images.length > 0 && state !== 'done' && !isPresent ? serial : undefined;
  const isGone = state === 'done' && images.length === 0;
  return {
    ...row,
    // The last message of the import, such as that the version was already present, is outdated.
    ...(isGone && row.progress !== undefined ? { progress: { ...row.progress, bytes: 0, reason: GONE_REASON } } : {}),
    images,
    isGone,
    ...(coming === undefined ? {} : { coming }),
  };
}

/**
 * True if the next run may import the image: its last import ended with its run, or failed for a
 * reason that may pass.
 */
const mayBeRetried = ({ wish, progress }: BootResource): boolean =>
  wish === 'import' &&
  (progress?.state === 'cancelled' ||
    (progress?.state === 'failed' && (progress.reason === undefined || !isFinal(progress.reason))));

/** The next run by the schedule. */
interface NextRun {
  /** The time of the next run. 0 if none is scheduled, or one is under way. */
  readonly nextMs: number;
  /** Pairs of a source that the run asks and a system that is selected there. */
  readonly selected: readonly { readonly source: string | undefined; readonly os: string }[];
}

const NO_NEXT_RUN: NextRun = { nextMs: 0, selected: [] };

/**
 * Adds the time of the next attempt. There is none if the source of the image, or the last
 * selection of its system there, was removed.
 */
function addNextAttempt(row: BootResource, { nextMs, selected }: NextRun): BootResource {
  const { name, progress } = row;
  if (progress === undefined || nextMs === 0 || !mayBeRetried(row)) return row;
  const isSelected = selected.some(
    ({ source, os }) => source === progress.source && (os === '*' || name.startsWith(`${os}/`)),
  );
  return isSelected ? { ...row, progress: { nextMs, ...progress } } : row;
}

/**
 * Leaves out the failure of an import if its version was added in another way since: by a command,
 * or by a repair. An import that failed because another image has its serial counts as failed only
 * while that image exists. Without it, the next run imports the version.
 */
function withoutOutdatedFailure(row: BootResource, stored: readonly ListedImage[]): BootResource {
  const { progress, ...withoutProgress } = row;
  const hasEnded = progress?.state === 'cancelled' || progress?.state === 'failed';
  if (!hasEnded) return row;
  const sameVersion = stored.find(({ serial }) => serial === progress.serial);
  if (progress.reason?.code !== 'other-bytes' || progress.serial === undefined)
    return sameVersion === undefined ? row : withoutProgress;
  const { reason: _untrue, ...otherProgress } = progress;
  if (sameVersion === undefined) return { ...row, progress: { ...otherProgress, state: 'cancelled' } };
  return isOtherImage(sameVersion, progress) ? row : withoutProgress;
}

/** True if a stored image differs from the one that the import should bring. */
function isOtherImage({ origin, sha256, system }: ListedImage, { source, files = [] }: ImportProgress): boolean {
  const digests = [sha256, ...(system?.files ?? []).map((file) => file.sha256)];
  return origin?.source !== source && !digests.every((digest) => files.includes(digest));
}

/**
 * Adds a failure to an image with damaged or missing bytes that is not being imported. It shows why
 * machines do not get the image.
 */
function addDamage(row: BootResource, image: ListedImage | undefined): BootResource {
  const isComing = row.progress !== undefined && row.progress.state !== 'done';
  return image === undefined || isComing ? row : { ...row, progress: buildLostProgress(image) };
}

function buildLostProgress({ title, serial, bytes, origin }: ListedImage): ImportProgress {
  const reason: ImportReason = { code: 'bytes-lost', params: {} };
  return { state: 'failed', source: origin?.source ?? '', title, serial, bytes: 0, total: bytes, reason };
}

/** Describes the progress of an upload in the form of an import's progress. */
function describeUploadProgress(
  { title, bytes, received, ...upload }: ImageUpload,
  reason?: ImportReason,
): ImportProgress {
  const state = upload.reason !== undefined ? 'failed' : received < bytes ? 'downloading' : 'verifying';
  return { state, source: '', title, bytes: received, total: bytes, ...(reason === undefined ? {} : { reason }) };
}
