// Uploads of images: a file that people send, whole or in pieces, becomes an image of this host's store.
//
//   create ─► take, take … ─► all bytes are there ─► finish (images/uploads/, in a thread of its own) ─┬─► image; the upload is gone
//                                                                                                      └─► failed, with the reason
//
// Source: MAAS's uploads of boot resources: a POST, then PUTs of at most 4 MiB.
//
// 1. A piece is acknowledged when it is on disk and the store has its length. So an upload
//    continues after any restart, in any process whose host has the bytes. Any other process
//    refuses the piece and names that host.
// 2. An upload begins only if the disk has room for the missing bytes of all uploads, and for the
//    images made from them. The bytes of the one that it replaces count as free.
// 3. Two pieces of one upload never mix: the second one is refused while the first one arrives,
//    even at another process of this host.
// 4. Creating an upload that exists already continues it. A client that then sends a piece without
//    its place (MAAS's clients know no places) reads its file from the beginning, so that piece
//    replaces all that has arrived.

import { type Clock, within } from '../../ground/clock.ts';
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
 * How long the answer to the last piece waits for the image, in milliseconds; a client waits a
 * minute. The image is made even if it takes longer.
 */
const FINISH_WAIT_MS = 20_000;
/**
 * The most whole files that may arrive at the same time. Administrators fill this bound; it empties
 * as their requests end.
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
   * How many characters an image's name has too many for the files of this host; 0 or less: it
   * fits.
   */
  nameExcess(name: Omit<ImageName, 'serial'>): number;
  /** True if the boot tree uses the name of the system itself, so that no root can have it. */
  isReserved(os: string, fileType: string): boolean;
  /** Why a complete upload has not become an image yet; undefined: nothing prevents it. */
  reasonOf(id: number): ImportReason | undefined;
  checkRoom(bytes: number): Promise<void>;
  /** True if this host has the received bytes of an upload, or is making its image. */
  holds(upload: ImageUpload): Promise<boolean>;
  /**
   * The bytes that the image needs in addition to the uploaded file; 0: the file itself becomes the
   * image.
   */
  imageBytes(upload: Pick<NewUpload, 'fileType' | 'bytes'>): number;
  /**
   * Writes a piece; resolves when it is on disk and counted. `short`: the content ended early.
   * `missing`: the bytes before it are not on this host. `busy`: another process of this host
   * writes the upload, or makes its image, or did so since `upload` was read.
   */
  write(upload: ImageUpload, piece: UploadPiece & PieceCount & { readonly offset: number }): Promise<PieceResult>;
  /** Receives a whole file. @throws RackError `bad-argument` if it has more than `bytesMax` */
  receive(content: AsyncIterable<Uint8Array>, bytesMax: number): Promise<WholeFile>;
  discard(file: WholeFile): Promise<void>;
  adopt(file: WholeFile, upload: ImageUpload): Promise<void>;
  /**
   * Makes the image. Resolves to true when the image has replaced the upload; to false if it has
   * failed, cannot be made for now, or the upload was removed.
   */
  finish(upload: ImageUpload): Promise<boolean>;
  /** Call after an upload was removed: its files are no longer needed. */
  look(): void;
}

/** A piece as it arrives. */
export interface UploadPiece {
  readonly bytes: number;
  readonly content: AsyncIterable<Uint8Array>;
}

/** The place of a piece, if the client says it. */
export interface PiecePlace {
  /** Its offset. */
  readonly from: number;
  /** The size of the whole file; undefined: not stated. */
  readonly size?: number;
}

interface UploadsDeps {
  readonly store: RegionStore;
  readonly clock: Clock;
  /** Undefined: this host keeps no images. */
  readonly files: () => UploadFiles | undefined;
}

type Refused = { readonly kind: 'refused'; readonly refusal: RefusalWord };

const buildRefusal = (word: RefusalWord): Refused => ({ kind: 'refused', refusal: word });

export const noUploadText = (id: number | string): string =>
  `There is no upload ${id}: it has ended, was deleted, or was replaced by a newer one.`;

const NO_STORE = 'This host of the region has no boot tree, so it keeps no images.';

const BUSY = 'Another piece of this upload is arriving: send one piece at a time.';

export class Uploads {
  readonly #deps: UploadsDeps;
  /** The ids of uploads of which a piece is arriving. */
  readonly #arriving = new Set<number>();
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

  /** Like `UploadFiles.nameExcess`; 0: this host keeps no images. */
  nameExcess(name: Omit<ImageName, 'serial'>): number {
    return this.#deps.files()?.nameExcess(name) ?? 0;
  }

  /** Like `UploadFiles.isReserved`; false: this host keeps no images. */
  isReserved(os: string, fileType: string): boolean {
    return this.#deps.files()?.isReserved(os, fileType) ?? false;
  }

  /** Why a complete upload has not become an image yet. */
  reasonOf({ id, reason }: ImageUpload): ImportReason | undefined {
    return reason ?? this.#deps.files()?.reasonOf(id);
  }

  /**
   * Begins an upload, or continues the same one; any other upload of this name is replaced.
   * @param file its content, if it has been received already
   */
  async create(wanted: Omit<NewUpload, 'createdMs'>, file?: WholeFile): Promise<ImageUpload | Refused> {
    const files = this.#deps.files();
    if (files === undefined) return buildRefusal(refusal('uploads-limit', NO_STORE));
    try {
      return await this.#create(wanted, files, file);
    } catch (error) {
      return diskRefusal(error);
    }
  }

  async #create(
    wanted: Omit<NewUpload, 'createdMs'>,
    files: UploadFiles,
    file: WholeFile | undefined,
  ): Promise<ImageUpload | Refused> {
    const { store, clock } = this.#deps;
    const resources = await store.boot.listResources();
    const { name, username } = wanted;
    if (
      resources.some((resource) => resource.name === name && resource.wish === 'delete') ||
      (await this.#isCondemned(name))
    )
      return buildRefusal(refusal('upload-conflict', `${name} is being deleted: try again in a moment.`));
    const uploads = await this.list();
    const begun = file === undefined ? await this.#findSame(uploads, wanted, files) : undefined;
    if (begun !== undefined) return begun;
    const others = uploads.filter((upload) => upload.name !== name && upload.reason === undefined);
    const own = { ...wanted, received: file === undefined ? 0 : wanted.bytes };
    const needed = [...others, own].map((upload) => upload.bytes - upload.received + files.imageBytes(upload));
    const replaced = uploads.find(
      (upload) => upload.name === name && upload.reason === undefined && isPlacedHere(upload, files),
    );
    const freed = replaced !== undefined && (await files.holds(replaced)) ? replaced.received : 0;
    await files.checkRoom(needed.reduce((sum, bytes) => sum + bytes) - freed);
    const atMs = clock.wallTimeMs();
    const event = this.#event(username, { code: 'image-upload', params: { image: name, step: 'begun' } });
    const upload = await store.transact(async () => {
      const begun = await store.uploads.begin({ ...wanted, createdMs: atMs }, event);
      // A refused upload leaves nothing behind.
      if (begun !== 'limit') await store.boot.addResources([name], atMs);
      return begun;
    });
    if (upload === 'limit')
      return buildRefusal(
        refusal(
          'uploads-limit',
          `There are already ${UPLOADS_MAX} uploads, the maximum: delete one, or wait until one has ended.`,
        ),
      );
    files.look();
    if (file === undefined) return upload;
    await files.adopt(file, upload);
    const step = { from: 0, to: file.bytes, place: files.place, atMs };
    if (!(await store.uploads.advance(upload.id, step)))
      return buildRefusal(
        refusal('upload-conflict', 'Another upload of this name has begun meanwhile: upload the file again.'),
      );
    const whole = { ...upload, received: file.bytes };
    return (await this.#finish(whole, files)) ?? whole;
  }

  /** The upload of the same file under the same name that can continue here; undefined: there is none. */
  async #findSame(
    uploads: readonly ImageUpload[],
    wanted: Omit<NewUpload, 'createdMs'>,
    files: UploadFiles,
  ): Promise<ImageUpload | undefined> {
    for (const id of this.#createdAgain) if (!uploads.some((upload) => upload.id === id)) this.#createdAgain.delete(id);
    const begun = uploads.find(({ name }) => name === wanted.name);
    if (begun === undefined || begun.reason !== undefined) return undefined;
    const keys = ['sha256', 'bytes', 'fileType', 'title'] as const;
    const isSame = keys.every((key) => begun[key] === wanted[key]) && isPlacedHere(begun, files);
    if (!isSame || !(await files.holds(begun))) return undefined;
    this.#createdAgain.add(begun.id);
    return begun;
  }

  /** True while a host removes the images of this name: it could take a new one for one of them. */
  async #isCondemned(name: string): Promise<boolean> {
    const places = (await this.#deps.store.hostImages?.list()) ?? [];
    return places.some(({ isPresent, condemned }) => isPresent && condemned.some(({ resource }) => resource === name));
  }

  /** Receives a whole file, for `create`. */
  async receive(content: AsyncIterable<Uint8Array>): Promise<WholeFile | Refused> {
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
      return diskRefusal(error);
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
    await store.afterCommit(() => this.#deps.files()?.look());
  }

  /** Accepts the next piece. @returns why it was refused; undefined if it was accepted */
  async take(id: number, piece: UploadPiece, place?: PiecePlace): Promise<RefusalWord | undefined> {
    const files = this.#deps.files();
    if (files === undefined) return refusal('uploads-limit', NO_STORE);
    const imageUpload = await this.#find(id);
    if (imageUpload === undefined) return refusal('not-found', noUploadText(id));
    const startsAgain = place === undefined && this.#createdAgain.has(id) && imageUpload.received < imageUpload.bytes;
    const upload = startsAgain ? { ...imageUpload, received: 0 } : imageUpload;
    const { received } = upload;
    const wrong = judgePiece(upload, piece.bytes, place);
    if (wrong !== undefined) return wrong;
    // A piece that lost a race against another host may have left as many bytes here.
    if (!isPlacedHere(upload, files)) return this.#missing(upload, files);
    if (this.#arriving.has(id)) return refusal('upload-conflict', BUSY);
    this.#arriving.add(id);
    try {
      const { store, clock } = this.#deps;
      const to = received + piece.bytes;
      const step = { from: imageUpload.received, to, place: files.place };
      const count = (): Promise<boolean> => store.uploads.advance(id, { ...step, atMs: clock.wallTimeMs() });
      const isUnchanged = async (): Promise<boolean> => (await this.#find(id))?.received === imageUpload.received;
      const written = await files.write(upload, { ...piece, offset: received, isUnchanged, count });
      if (written === 'short')
        return refusal(
          'bad-request',
          `The request ended before its ${counted(piece.bytes, 'byte')} had arrived: send this piece again.`,
        );
      if (written === 'missing') return this.#missing(upload, files);
      if (written === 'busy') return await this.#busy(id, files);
      this.#createdAgain.delete(id);
      if (to < upload.bytes) return undefined;
      return (await this.#finish({ ...upload, received: to }, files))?.refusal;
    } catch (error) {
      return diskRefusal(error).refusal;
    } finally {
      this.#arriving.delete(id);
    }
  }

  async #find(id: number): Promise<ImageUpload | undefined> {
    return (await this.list()).find((imageUpload) => imageUpload.id === id);
  }

  async #busy(id: number, files: UploadFiles): Promise<RefusalWord> {
    if ((await this.#find(id)) !== undefined) return refusal('upload-conflict', BUSY);
    // It was removed while this piece arrived, which kept its part.
    files.look();
    return refusal('not-found', noUploadText(id));
  }

  #missing({ place }: ImageUpload, files: UploadFiles): RefusalWord {
    return place === files.place
      ? refusal('upload-conflict', 'The bytes received for this upload are gone: begin a new one.')
      : refusal(
          'upload-conflict',
          `The bytes received for this upload are on ${place}: send the rest to that host, too.`,
        );
  }

  /**
   * Waits a limited time for the image. @returns why there will be none; undefined if there is one,
   * or it is still being made
   */
  async #finish(upload: ImageUpload, files: UploadFiles): Promise<Refused | undefined> {
    const { id } = upload;
    if (await within(this.#deps.clock, FINISH_WAIT_MS, files.finish(upload), () => false)) return undefined;
    const imageUpload = await this.#find(id);
    if (imageUpload === undefined) return buildRefusal(refusal('not-found', noUploadText(id)));
    const { reason } = imageUpload;
    return reason === undefined ? undefined : buildRefusal(refusal('bad-request', importText(reason)));
  }

  #event(username: string, happening: Happening): NewMachineEvent {
    return { type: 'IMAGES', ...happening, atMs: this.#deps.clock.wallTimeMs(), username };
  }
}

/** True if no other host holds the bytes of the upload. */
export const isPlacedHere = ({ place }: Pick<ImageUpload, 'place'>, files: Pick<UploadFiles, 'place'>): boolean =>
  place === '' || place === files.place;

export const UPLOAD_EMPTY =
  'A piece of an upload must have at least one byte, and its request must give the number in Content-Length.';

/** Why an upload refuses this piece now; undefined if it accepts it. */
function judgePiece(
  { bytes, received, reason }: ImageUpload,
  length: number,
  place?: PiecePlace,
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
  if (place?.size !== undefined && place.size !== bytes)
    return refusal(
      'bad-request',
      `The file of this upload has ${counted(bytes, 'byte')}, and Content-Range names one of ${place.size}: send the pieces of one file only.`,
    );
  if (place !== undefined && place.from !== received)
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

/** The refusal that says which disk cannot be written, and why. @throws any other error */
function diskRefusal(error: unknown): Refused {
  if (error instanceof RackError && error.code === 'store-unwritable')
    return buildRefusal(refusal('uploads-limit', `The disk of the images cannot take the file: ${error.message}.`));
  throw error;
}
