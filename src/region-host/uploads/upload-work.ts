// The files of uploads on this host. Makes images of complete uploads, and removes abandoned uploads.
//
//   last piece, start, every CHECK_MS ─▶ check ┬─ complete, and its bytes are here ─▶ finish, two at a time ─▶ image, or failed
//                                            ├─ unchanged for ABANDONED_MS ─▶ removed
//                                            └─ a file without upload, or of an upload whose bytes another host has ─▶ removed
//
// 1. Every process of the region does this for the files of its own host. It also finishes a
//    complete upload that a killed process left.
// 2. An upload is removed only once its image is in the store.
// 3. A failure of the file system is reported once, and ends neither the region nor the work on
//    other uploads. A later check tries again.

import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock, type Timer } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import { FILE_TYPES, findFileKind } from '../../images/make/upload-kind.ts';
import {
  adoptWhole,
  checkUploadSpace,
  discardWhole,
  type PieceCount,
  type PieceResult,
  partBytes,
  receiveWhole,
  removePart,
  sweepParts,
  type WholeFile,
  writePart,
} from '../../images/make/upload-part.ts';
import { countExcessCharacters } from '../../images/store/image-store.ts';
import { judgeSystemName } from '../../images/store/stored-system.ts';
import { mayBelongToHost, type UploadFiles, type UploadPiece } from '../../region/images/uploads.ts';
import type { Happening } from '../../region/records/events.ts';
import type { ImportReason } from '../../region/records/import-reason.ts';
import type { NewMachineEvent } from '../../region/records/machine-event.ts';
import type { ImageUpload } from '../../region/records/upload-store.ts';
import type { Region } from '../../region/region.ts';
import type { ImageThread } from '../imports/image-thread.ts';
import { buildFailureReason, buildThreadReason, FailureReports } from '../imports/import-failure.ts';
import { removeNamed } from '../imports/removal.ts';

const CHECK_MS = 60_000;
/** An upload that is unchanged for this long is removed, in milliseconds. */
const ABANDONED_MS = 24 * 3_600_000;
/**
 * How many uploads become images at the same time. There are several, so that a long one does not
 * delay the others.
 */
export const FINISHED_AT_ONCE_MAX = 2;

/** The outcome of an upload: its image, or why there is none. After `later`, another attempt may succeed. */
type UploadResult =
  | { readonly kind: 'added'; readonly serial: string; readonly isNew: boolean }
  | { readonly kind: 'refused' | 'later'; readonly reason: ImportReason };

interface UploadWorkDeps {
  readonly region: Region;
  readonly clock: Clock;
  /** The thread that makes images of uploads. */
  readonly images: Pick<ImageThread, 'do' | 'end'>;
  readonly tree: () => string | undefined;
  /**
   * Called when an image has been added, before its upload is removed, so that the other processes
   * already know the image.
   */
  readonly onImages?: (() => Promise<void>) | undefined;
  /**
   * Lists the serials of the images of a name at all hosts of the region. Undefined if only this
   * host has images.
   */
  readonly listSerials?: ((name: string) => Promise<readonly string[]>) | undefined;
  /** Called once for each failure of the file system, with its text. */
  readonly onProblem: (reason: string) => void;
}

export class UploadWork implements UploadFiles {
  readonly fileTypes: readonly string[] = FILE_TYPES;
  readonly countExcessCharacters = countExcessCharacters;
  readonly #deps: UploadWorkDeps;
  /** Uploads that are being finished, or wait for it, by id. At most UPLOADS_MAX. */
  readonly #pendingFinishes = new Map<number, Promise<boolean>>();
  /** Why a complete upload has not become an image yet, by id. */
  readonly #reasons = new Map<number, ImportReason>();
  readonly #failures: FailureReports;
  /** Uploads that are becoming images, by id. */
  readonly #runningFinishes = new Map<number, { readonly name: string; readonly turn: Promise<boolean> }>();
  readonly #abortControllers = new Map<number, AbortController>();
  #timer: Timer | undefined;
  #pendingCheck: Promise<void> | undefined;
  #mustCheckAgain = false;
  #isClosed = false;

  constructor(deps: UploadWorkDeps) {
    this.#deps = deps;
    this.#failures = new FailureReports(deps.onProblem);
  }

  get place(): string {
    return `${hostname()}:${this.#deps.tree() ?? ''}`;
  }

  findPendingReason(id: number): ImportReason | undefined {
    const isWaiting = this.#pendingFinishes.has(id) && !this.#runningFinishes.has(id);
    if (!isWaiting) return this.#reasons.get(id);
    return { code: 'uploads-first', params: { names: [...this.#runningFinishes.values()].map(({ name }) => name) } };
  }

  async checkRoom(bytes: number): Promise<void> {
    await checkUploadSpace(this.#tree, bytes);
  }

  async hasBytes(upload: ImageUpload): Promise<boolean> {
    if (this.#pendingFinishes.has(upload.id)) return true;
    return (await partBytes(this.#tree, upload)) >= upload.received;
  }

  isReserved(os: string, fileType: string): boolean {
    return findFileKind(fileType)?.kind === 'root' && judgeSystemName(os) !== undefined;
  }

  imageBytes({ fileType, bytes }: Pick<ImageUpload, 'fileType' | 'bytes'>): number {
    return findFileKind(fileType)?.kind === 'disk' ? bytes : 0;
  }

  async write(
    upload: ImageUpload,
    piece: UploadPiece & PieceCount & { readonly offset: number },
  ): Promise<PieceResult> {
    return await writePart(this.#tree, upload, piece);
  }

  async receive(content: AsyncIterable<Uint8Array>, bytesMax: number): Promise<WholeFile> {
    return await receiveWhole(this.#tree, content, bytesMax);
  }

  async discard(file: WholeFile): Promise<void> {
    await discardWhole(file);
  }

  async adopt(file: WholeFile, upload: ImageUpload): Promise<void> {
    await adoptWhole(this.#tree, file, upload);
  }

  finish(upload: ImageUpload): Promise<boolean> {
    const pendingFinish = this.#pendingFinishes.get(upload.id);
    if (pendingFinish !== undefined) return pendingFinish;
    const turn = this.#finishWhenFree(upload).finally(() => this.#pendingFinishes.delete(upload.id));
    this.#pendingFinishes.set(upload.id, turn);
    return turn;
  }

  async #finishWhenFree(upload: ImageUpload): Promise<boolean> {
    while (this.#runningFinishes.size >= FINISHED_AT_ONCE_MAX)
      await Promise.race([...this.#runningFinishes.values()].map(({ turn }) => turn.catch(() => false)));
    const turn = this.#finish(upload).finally(() => this.#runningFinishes.delete(upload.id));
    this.#runningFinishes.set(upload.id, { name: upload.name, turn });
    return await turn;
  }

  /** Checks all uploads now, and then at intervals. */
  checkUploads(): void {
    if (this.#isClosed) return;
    this.#timer?.cancel();
    this.#mustCheckAgain = true;
    this.#pendingCheck ??= this.#checkUntilDone().finally(() => {
      this.#pendingCheck = undefined;
      if (!this.#isClosed) this.#timer = this.#deps.clock.schedule(CHECK_MS, () => this.checkUploads());
    });
  }

  /** Ends the work. Unfinished uploads are finished after the next start. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#deps.images.end();
    await this.#pendingCheck;
    await Promise.allSettled(this.#pendingFinishes.values());
  }

  /** The boot tree of this host. It must exist, because without one the region accepts no uploads. */
  get #tree(): string {
    const tree = this.#deps.tree();
    if (tree === undefined) throw new Error('this host has no tree for uploads');
    return tree;
  }

  async #checkUntilDone(): Promise<void> {
    while (this.#mustCheckAgain && !this.#isClosed) {
      this.#mustCheckAgain = false;
      await this.#checkOnce();
    }
  }

  async #checkOnce(): Promise<void> {
    const tree = this.#deps.tree();
    if (tree === undefined) return;
    const { uploads } = this.#deps.region.store;
    try {
      const nowMs = this.#deps.clock.wallTimeMs();
      const allUploads = await uploads.list();
      for (const [id, stop] of this.#abortControllers) if (allUploads.every((upload) => upload.id !== id)) stop.abort();
      for (const id of this.#reasons.keys())
        if (allUploads.every((upload) => upload.id !== id)) this.#reasons.delete(id);
      for (const upload of allUploads) await this.#checkUpload(upload, tree, nowMs);
      // Most hosts never get an upload.
      if (!existsSync(join(tree, 'images', '.uploads'))) return;
      // The times of files come from the clock of this host.
      const now = systemClock.wallTimeMs();
      const listPlacedUploads = async () =>
        (await uploads.list()).map((upload) => ({ ...upload, belongsToHost: mayBelongToHost(upload, this) }));
      const problem = await sweepParts(tree, listPlacedUploads, now);
      if (problem === undefined) this.#failures.clear();
      else this.#failures.report(problem);
    } catch (error) {
      this.#failures.report(error);
    }
  }

  async #checkUpload(upload: ImageUpload, tree: string, nowMs: number): Promise<void> {
    const { id, name, bytes, received, reason, changedMs } = upload;
    const isComplete = reason === undefined && received === bytes && mayBelongToHost(upload, this);
    if (isComplete && (await partBytes(tree, upload)) >= bytes) {
      void this.finish(upload);
      return;
    }
    if (nowMs - changedMs < ABANDONED_MS) return;
    const event =
      reason === undefined
        ? this.#event({ code: 'image-upload', params: { image: name, step: 'abandoned' } })
        : undefined;
    await this.#deps.region.store.uploads.remove(id, event);
  }

  /** Finishes an upload. @returns true if its image is in the store, and has replaced it */
  async #finish(upload: ImageUpload): Promise<boolean> {
    const { uploads } = this.#deps.region.store;
    const { id, name } = upload;
    try {
      const isStillPending = (await uploads.list()).some(
        (pending) => pending.id === id && pending.reason === undefined,
      );
      if (this.#isClosed || !isStillPending) return false;
      const result = await this.#makeImage(upload, (await this.#deps.listSerials?.(name)) ?? []);
      this.#reasons.delete(id);
      switch (result?.kind) {
        case 'added':
          return await this.#replaceByImage(upload, result);
        case 'refused': {
          const { reason } = result;
          await uploads.fail(id, reason, this.#event({ code: 'image-upload-failed', params: { image: name, reason } }));
          return false;
        }
        case 'later':
          this.#reasons.set(id, result.reason);
      }
    } catch (error) {
      this.#failures.report(error);
    }
    return false;
  }

  /**
   * Replaces the upload by its image. @returns false if somebody removed the upload meanwhile, at
   * any process. A new image is then removed, too
   */
  async #replaceByImage(
    upload: ImageUpload,
    { serial, isNew }: Extract<UploadResult, { readonly kind: 'added' }>,
  ): Promise<boolean> {
    const { region, images, onImages } = this.#deps;
    const tree = this.#tree;
    // The other processes must know the image before the upload is removed, so that a deletion
    // finds one of the two.
    await onImages?.();
    const params = { image: `${upload.name}/${serial}`, step: 'added' } as const;
    const wasStillPending = await region.store.uploads.remove(upload.id, this.#event({ code: 'image-upload', params }));
    await removePart(tree, upload);
    if (wasStillPending || !isNew) return wasStillPending;
    await removeNamed({ region, tree, images }, params.image);
    await onImages?.();
    return false;
  }

  /** Makes the image in the thread. @returns undefined if the thread was ended */
  async #makeImage(upload: ImageUpload, serialsElsewhere: readonly string[]): Promise<UploadResult | undefined> {
    const [os = '', release = '', architecture = '', subarchitecture = '', label = ''] = upload.name.split('/');
    const { id, sha256, title, fileType } = upload;
    const order = {
      id,
      sha256,
      title,
      fileType,
      nowMs: this.#deps.clock.wallTimeMs(),
      serialsElsewhere,
      name: { os, release, architecture, subarchitecture, label },
    };
    const stop = new AbortController();
    this.#abortControllers.set(id, stop);
    try {
      const result = await this.#deps.images.do('finish-upload', this.#tree, order, { signal: stop.signal });
      if (stop.signal.aborted) return undefined;
      if (result.kind === 'added') return result;
      return { kind: result.kind, reason: buildFailureReason(new RackError(result.code, result.message)) };
    } catch (error) {
      if (!(error instanceof RackError)) return { kind: 'refused', reason: buildThreadReason(error) };
      return error.code === 'cancelled' ? undefined : { kind: 'later', reason: buildFailureReason(error) };
    } finally {
      this.#abortControllers.delete(id);
    }
  }

  #event(happening: Happening): NewMachineEvent {
    const type = happening.code === 'image-upload-failed' ? 'REGION_IMPORT_ERROR' : 'REGION_IMPORT_INFO';
    return { type, ...happening, atMs: this.#deps.clock.wallTimeMs(), username: '' };
  }
}
