// Uploads of images. A file that people send, as a whole or in pieces, becomes an image of this host's store.
//
//   create ─► receivePiece, … ─► all bytes have arrived ─► finish (images/make/, in a thread of its own) ─┬─► image; the upload is removed
//                                                                                                      └─► failed, with the reason
//
// Source: MAAS's uploads of boot resources: a POST, then PUTs of at most 4 MiB.
//
// 1. A piece is acknowledged when it is on disk and the store has its length. An upload can
//    therefore continue after any restart, in any process whose host has the bytes. Any other
//    process refuses the piece and names that host.
// 2. An upload begins only if the disk has room for the missing bytes of all uploads, and for the
//    images made from them. The bytes of the one that it replaces count as free.
// 3. Two pieces of one upload never mix: the second one is refused while the first one arrives,
//    even at another process of this host.
// 4. Creating an upload that exists already continues it. A client that then sends a piece without
//    its offset (MAAS's clients send no offsets) reads its file from the beginning, so that piece
//    replaces all bytes that have arrived.

import { type Clock, withTimeout } from '../../ground/clock.ts';
import { counted } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import type { PieceCount, PieceResult, WholeFile } from '../../images/make/upload-part.ts';
import type { ImageName } from '../../images/store/image-store.ts';
import type { Happening } from '../records/events.ts';
import { type ImportReason, importText } from '../records/import-reason.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import { type RefusalWord, refusal } from '../records/refusal.ts';
import type { RegionStore } from '../records/store.ts';
import { type ImageUpload, type NewUpload, UPLOAD_BYTES_MAX, UPLOADS_MAX } from '../records/upload-store.ts';

/** The largest piece, in bytes: the size that the maas command line sends. */
export const PIECE_BYTES_MAX = 4 * 1024 * 1024;
/**
 * How long the answer to the last piece waits for the image, in milliseconds. A client waits a
 * minute. The image is made even if it takes longer.
 */
const FINISH_WAIT_MS = 20_000;
/**
 * The most whole files that may arrive at the same time. Only administrators send them, and each
 * counts until its request ends.
 */
export const WHOLE_FILES_MAX = 2;

/**
 * The files of uploads on this host. Its methods reject with RackError `store-unwritable`, which
 * names the disk.
 */
export interface UploadFiles {
  /** This host and the directory with the files, for people. */
  readonly place: string;
  /** The accepted values of `NewUpload.fileType`. */
  readonly fileTypes: readonly string[];
  /**
   * Counts the characters by which an image's name is too long for the files of this host. 0 or
   * less if it fits.
   */
  countExcessCharacters(name: Omit<ImageName, 'serial'>): number;
  /** True if the boot tree uses the name of the system itself, so that no root can have it. */
  isReserved(os: string, fileType: string): boolean;
  /** Finds why a complete upload has not become an image yet. Undefined if nothing prevents it. */
  findPendingReason(id: number): ImportReason | undefined;
  checkRoom(bytes: number): Promise<void>;
  /** True if this host has the received bytes of an upload, or is making its image. */
  hasBytes(upload: ImageUpload): Promise<boolean>;
  /**
   * Returns the bytes that the image needs in addition to the uploaded file. 0 if the file itself
   * becomes the image.
   */
  imageBytes(upload: Pick<NewUpload, 'fileType' | 'bytes'>): number;
  /**
   * Writes a piece. Resolves when it is on disk and counted. `short` if the content ended early.
   * `missing` if the bytes before it are not on this host. `busy` if another process of this host
   * writes the upload, or makes its image, or did so since `upload` was read.
   */
  write(upload: ImageUpload, piece: UploadPiece & PieceCount & { readonly offset: number }): Promise<PieceResult>;
  /** Receives a whole file. @throws RackError `bad-argument` if it has more than `bytesMax` */
  receive(content: AsyncIterable<Uint8Array>, bytesMax: number): Promise<WholeFile>;
  discard(file: WholeFile): Promise<void>;
  adopt(file: WholeFile, upload: ImageUpload): Promise<void>;
  /**
   * Makes the image. Resolves to true when the image has replaced the upload, and to false if it
   * failed, cannot be made for now, or the upload was removed.
   */
  finish(upload: ImageUpload): Promise<boolean>;
  /** Checks the uploads. Call it after an upload was removed, so that its files are removed, too. */
  checkUploads(): void;
}

/** A piece as it arrives. */
export interface UploadPiece {
  readonly bytes: number;
  readonly content: AsyncIterable<Uint8Array>;
}

/** The range of a piece, if the client states it. */
export interface PieceRange {
  /** The offset of the piece. */
  readonly from: number;
  /** The size of the whole file. Undefined if not stated. */
  readonly size?: number;
}

interface UploadsDeps {
  readonly store: RegionStore;
  readonly clock: Clock;
  /** Undefined: this host keeps no images. */
  readonly files: () => UploadFiles | undefined;
}

type UploadRefusal = { readonly kind: 'refused'; readonly refusal: RefusalWord };

const buildRefusal = (word: RefusalWord): UploadRefusal => ({ kind: 'refused', refusal: word });

export const describeMissingUpload = (id: number | string): string =>
  `There is no upload ${id}: it has ended, was deleted, or was replaced by a newer one.`;

const NO_STORE = 'This host of the region has no boot tree, so it keeps no images.';

const BUSY = 'Another piece of this upload is arriving: send one piece at a time.';

export class Uploads {
  readonly #deps: UploadsDeps;
  /** The ids of uploads of which a piece is arriving. */
  readonly #uploadsReceiving = new Set<number>();
  /** The ids of uploads that were created again, and got no piece since. At most UPLOADS_MAX. */
  readonly #createdAgain = new Set<number>();
  #wholeFiles = 0;

  constructor(deps: UploadsDeps) {
    this.#deps = deps;
  }

  list(): Promise<readonly ImageUpload[]> {
    return this.#deps.store.uploads.list();
  }

  /** Undefined: this host keeps no images. */
  get fileTypes(): readonly string[] | undefined {
    return this.#deps.files()?.fileTypes;
  }

  /** Does the same as in `UploadFiles`. 0 if this host keeps no images. */
  countExcessCharacters(name: Omit<ImageName, 'serial'>): number {
    return this.#deps.files()?.countExcessCharacters(name) ?? 0;
  }

  /** Does the same as in `UploadFiles`. False if this host keeps no images. */
  isReserved(os: string, fileType: string): boolean {
    return this.#deps.files()?.isReserved(os, fileType) ?? false;
  }

  /** Finds why a complete upload has not become an image yet. */
  findPendingReason({ id, reason }: ImageUpload): ImportReason | undefined {
    return reason ?? this.#deps.files()?.findPendingReason(id);
  }

  /**
   * Begins an upload, or continues an existing one of the same file. Any other upload of this name
   * is replaced.
   * @param file its content, if it was already received
   */
  async create(newUpload: Omit<NewUpload, 'createdMs'>, file?: WholeFile): Promise<ImageUpload | UploadRefusal> {
    const files = this.#deps.files();
    if (files === undefined) return buildRefusal(refusal('uploads-limit', NO_STORE));
    try {
      return await this.#create(newUpload, files, file);
    } catch (error) {
      return buildDiskRefusal(error);
    }
  }

  async #create(
    newUpload: Omit<NewUpload, 'createdMs'>,
    files: UploadFiles,
    file: WholeFile | undefined,
  ): Promise<ImageUpload | UploadRefusal> {
    const { store, clock } = this.#deps;
    const resources = await store.boot.listResources();
    const { name, username } = newUpload;
    if (
      resources.some((resource) => resource.name === name && resource.wish === 'delete') ||
      (await this.#isCondemned(name))
    )
      return buildRefusal(refusal('upload-conflict', `${name} is being deleted: try again in a moment.`));
    const uploads = await this.list();
    const continued = file === undefined ? await this.#findContinuable(uploads, newUpload, files) : undefined;
    if (continued !== undefined) return continued;
    const otherUploads = uploads.filter((upload) => upload.name !== name && upload.reason === undefined);
    const ownUpload = { ...newUpload, received: file === undefined ? 0 : newUpload.bytes };
    const neededBytes = [...otherUploads, ownUpload].map(
      (upload) => upload.bytes - upload.received + files.imageBytes(upload),
    );
    const replacedUpload = uploads.find(
      (upload) => upload.name === name && upload.reason === undefined && mayBelongToHost(upload, files),
    );
    const freedBytes =
      replacedUpload !== undefined && (await files.hasBytes(replacedUpload)) ? replacedUpload.received : 0;
    await files.checkRoom(neededBytes.reduce((sum, bytes) => sum + bytes) - freedBytes);
    const atMs = clock.wallTimeMs();
    const event = this.#event(username, { code: 'image-upload', params: { image: name, step: 'begun' } });
    const upload = await store.transact(async () => {
      const beginning = await store.uploads.begin({ ...newUpload, createdMs: atMs }, event);
      // A refused upload adds no resource.
      if (beginning !== 'limit') await store.boot.addResources([name], atMs);
      return beginning;
    });
    if (upload === 'limit')
      return buildRefusal(
        refusal(
          'uploads-limit',
          `There are already ${UPLOADS_MAX} uploads, the maximum: delete one, or wait until one has ended.`,
        ),
      );
    files.checkUploads();
    if (file === undefined) return upload;
    await files.adopt(file, upload);
    const step = { from: 0, to: file.bytes, place: files.place, atMs };
    if (!(await store.uploads.advance(upload.id, step)))
      return buildRefusal(
        refusal('upload-conflict', 'Another upload of this name has begun meanwhile: upload the file again.'),
      );
    const completeUpload = { ...upload, received: file.bytes };
    return (await this.#finish(completeUpload, files)) ?? completeUpload;
  }

  /**
   * Finds the upload of the same file under the same name that can continue on this host. Undefined
   * if there is none.
   */
  async #findContinuable(
    uploads: readonly ImageUpload[],
    newUpload: Omit<NewUpload, 'createdMs'>,
    files: UploadFiles,
  ): Promise<ImageUpload | undefined> {
    for (const id of this.#createdAgain) if (!uploads.some((upload) => upload.id === id)) this.#createdAgain.delete(id);
    const candidate = uploads.find(({ name }) => name === newUpload.name);
    if (candidate === undefined || candidate.reason !== undefined) return undefined;
    const keys = ['sha256', 'bytes', 'fileType', 'title'] as const;
    const isSameFile = keys.every((key) => candidate[key] === newUpload[key]) && mayBelongToHost(candidate, files);
    if (!isSameFile || !(await files.hasBytes(candidate))) return undefined;
    this.#createdAgain.add(candidate.id);
    return candidate;
  }

  /** True while a host removes the images of this name, because it could remove a new image, too. */
  async #isCondemned(name: string): Promise<boolean> {
    const locations = (await this.#deps.store.hostImages?.list()) ?? [];
    return locations.some(
      ({ isPresent, condemned }) => isPresent && condemned.some(({ resource }) => resource === name),
    );
  }

  /** Receives a whole file, for `create`. */
  async receive(content: AsyncIterable<Uint8Array>): Promise<WholeFile | UploadRefusal> {
    const files = this.#deps.files();
    if (files === undefined) return buildRefusal(refusal('uploads-limit', NO_STORE));
    if (this.#wholeFiles >= WHOLE_FILES_MAX)
      return buildRefusal(
        refusal(
          'uploads-limit',
          `${WHOLE_FILES_MAX} whole files are arriving, the maximum: try again later, or send the file in pieces.`,
        ),
      );
    this.#wholeFiles += 1;
    try {
      return await files.receive(content, UPLOAD_BYTES_MAX);
    } catch (error) {
      if (error instanceof RackError && error.code === 'bad-argument')
        return buildRefusal(refusal('body-too-large', `An uploaded file may have at most ${UPLOAD_BYTES_MAX} bytes.`));
      return buildDiskRefusal(error);
    } finally {
      this.#wholeFiles -= 1;
    }
  }

  /** Removes a received file, unless it belongs to an upload now. */
  async discard(file: WholeFile): Promise<void> {
    await this.#deps.files()?.discard(file);
  }

  /** Removes the upload of a name, if there is one. */
  async removeNamed(name: string): Promise<void> {
    const { store } = this.#deps;
    const upload = (await this.list()).find((imageUpload) => imageUpload.name === name);
    if (upload === undefined) return;
    await store.uploads.remove(upload.id);
    await store.afterCommit(() => this.#deps.files()?.checkUploads());
  }

  /** Receives the next piece. @returns why it was refused. Undefined if it was accepted */
  async receivePiece(id: number, piece: UploadPiece, range?: PieceRange): Promise<RefusalWord | undefined> {
    const files = this.#deps.files();
    if (files === undefined) return refusal('uploads-limit', NO_STORE);
    const imageUpload = await this.#find(id);
    if (imageUpload === undefined) return refusal('not-found', describeMissingUpload(id));
    const startsAgain = range === undefined && this.#createdAgain.has(id) && imageUpload.received < imageUpload.bytes;
    const upload = startsAgain ? { ...imageUpload, received: 0 } : imageUpload;
    const { received } = upload;
    const refusedBecause = findPieceRefusal(upload, piece.bytes, range);
    if (refusedBecause !== undefined) return refusedBecause;
    // This host may have as many bytes from a piece that lost a race against another host, so their
    // number proves nothing.
    if (!mayBelongToHost(upload, files)) return this.#refuseMissing(upload, files);
    if (this.#uploadsReceiving.has(id)) return refusal('upload-conflict', BUSY);
    this.#uploadsReceiving.add(id);
    try {
      const { store, clock } = this.#deps;
      const to = received + piece.bytes;
      const step = { from: imageUpload.received, to, place: files.place };
      const count = (): Promise<boolean> => store.uploads.advance(id, { ...step, atMs: clock.wallTimeMs() });
      const isUnchanged = async (): Promise<boolean> => (await this.#find(id))?.received === imageUpload.received;
      const result = await files.write(upload, { ...piece, offset: received, isUnchanged, count });
      if (result === 'short')
        return refusal(
          'bad-request',
          `The request ended before its ${counted(piece.bytes, 'byte')} had arrived: send this piece again.`,
        );
      if (result === 'missing') return this.#refuseMissing(upload, files);
      if (result === 'busy') return await this.#refuseBusy(id, files);
      this.#createdAgain.delete(id);
      if (to < upload.bytes) return undefined;
      return (await this.#finish({ ...upload, received: to }, files))?.refusal;
    } catch (error) {
      return buildDiskRefusal(error).refusal;
    } finally {
      this.#uploadsReceiving.delete(id);
    }
  }

  async #find(id: number): Promise<ImageUpload | undefined> {
    return (await this.list()).find((imageUpload) => imageUpload.id === id);
  }

  async #refuseBusy(id: number, files: UploadFiles): Promise<RefusalWord> {
    if ((await this.#find(id)) !== undefined) return refusal('upload-conflict', BUSY);
    // The upload was removed while this piece arrived. The part was still in use then, so it is removed now.
    files.checkUploads();
    return refusal('not-found', describeMissingUpload(id));
  }

  #refuseMissing({ place }: ImageUpload, files: UploadFiles): RefusalWord {
    return place === files.place
      ? refusal('upload-conflict', 'The bytes received for this upload are gone: begin a new one.')
      : refusal(
          'upload-conflict',
          `The bytes received for this upload are on ${place}: send the rest to that host, too.`,
        );
  }

  /**
   * Waits a limited time for the image. @returns why there will be no image. Undefined if it
   * exists, or is still being made
   */
  async #finish(upload: ImageUpload, files: UploadFiles): Promise<UploadRefusal | undefined> {
    const { id } = upload;
    if (await withTimeout(this.#deps.clock, FINISH_WAIT_MS, files.finish(upload), () => false)) return undefined;
    const imageUpload = await this.#find(id);
    if (imageUpload === undefined) return buildRefusal(refusal('not-found', describeMissingUpload(id)));
    const { reason } = imageUpload;
    return reason === undefined ? undefined : buildRefusal(refusal('bad-request', importText(reason)));
  }

  #event(username: string, happening: Happening): NewMachineEvent {
    return { type: 'IMAGES', ...happening, atMs: this.#deps.clock.wallTimeMs(), username };
  }
}

/** True if no other host has the bytes of the upload. */
export const mayBelongToHost = ({ place }: Pick<ImageUpload, 'place'>, files: Pick<UploadFiles, 'place'>): boolean =>
  place === '' || place === files.place;

export const UPLOAD_EMPTY =
  'A piece of an upload must have at least one byte, and its request must give the number in Content-Length.';

/** Finds why an upload refuses this piece now. Undefined if it accepts the piece. */
function findPieceRefusal(
  { bytes, received, reason }: ImageUpload,
  length: number,
  range?: PieceRange,
): RefusalWord | undefined {
  if (reason !== undefined)
    return refusal('upload-conflict', `This upload has failed: ${importText(reason)}. Begin a new one.`);
  if (received >= bytes) return refusal('upload-conflict', 'All bytes of this upload have arrived.');
  if (length === 0) return refusal('bad-request', UPLOAD_EMPTY);
  if (length > PIECE_BYTES_MAX)
    return refusal(
      'body-too-large',
      `A piece of an upload may have at most ${PIECE_BYTES_MAX} bytes: send the file in smaller pieces.`,
    );
  if (range?.size !== undefined && range.size !== bytes)
    return refusal(
      'bad-request',
      `The file of this upload has ${counted(bytes, 'byte')}, and Content-Range names one of ${range.size}: send the pieces of one file only.`,
    );
  if (range !== undefined && range.from !== received)
    return refusal(
      'upload-conflict',
      `${counted(received, 'byte')} of this upload ${received === 1 ? 'has' : 'have'} arrived: continue from there.`,
    );
  return received + length > bytes
    ? refusal(
        'bad-request',
        `The file has ${counted(bytes, 'byte')}, and ${counted(received, 'byte has', 'bytes have')} arrived: this piece is too long.`,
      )
    : undefined;
}

/** Builds the refusal that says which disk cannot be written, and why. @throws any other error */
function buildDiskRefusal(error: unknown): UploadRefusal {
  if (error instanceof RackError && error.code === 'store-unwritable')
    return buildRefusal(refusal('uploads-limit', `The disk of the images cannot take the file: ${error.message}.`));
  throw error;
}
