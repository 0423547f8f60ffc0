// The port to the store of uploads: images that people send to the region in pieces. The bytes are in a file on one host
// (`images/uploads/`); the store records how many have arrived.
//
//   begin ─► advance, advance … ─► all bytes arrived ─► removed: it has become an image, or was deleted or abandoned
//                                                    └► failed, with the reason, until it is replaced or removed
//
// Source: MAAS's uploads of boot resources.
//
// 1. One method is one transaction, as in `store.ts`.
// 2. A name has one upload at a time. A new upload of the same name replaces it.
// 3. A piece is added only if the sender knew the current number of received bytes, so two senders cannot both add a piece.

import type { ImportReason } from './import-reason.ts';
import type { NewMachineEvent } from './machine-event.ts';

/**
 * Bound on the uploads, including failed ones. Administrators begin them. A place is free again when an upload ends, or stands still for a
 * day.
 */
export const UPLOADS_MAX = 16;
/** The largest file, in bytes, as for an import. */
export const UPLOAD_BYTES_MAX = 64 * 1024 ** 3;

/** An image on its way to the region. */
export interface ImageUpload {
  readonly id: number;
  /** The image without its serial: `custom/site/amd64/generic/uploaded`. */
  readonly name: string;
  /** Empty: made from the name. */
  readonly title: string;
  /** As the sender named it: `ddraw`, `tgz` … */
  readonly fileType: string;
  /** The size of the file, in bytes. */
  readonly bytes: number;
  /** The hash that the whole file must have; hexadecimal, lower case. */
  readonly sha256: string;
  /** How many bytes have arrived and are on disk. */
  readonly received: number;
  /** The host and the directory that hold them; empty: none has arrived. */
  readonly place: string;
  /** Why it failed; `undefined`: it did not. */
  readonly reason?: ImportReason | undefined;
  readonly username: string;
  /** Wall times in milliseconds: when it began, and its last change. */
  readonly createdMs: number;
  readonly changedMs: number;
}

/** The facts with which an upload begins. */
export type NewUpload = Pick<
  ImageUpload,
  'name' | 'title' | 'fileType' | 'bytes' | 'sha256' | 'username' | 'createdMs'
>;

/** A piece that has arrived. */
export interface UploadStep {
  /** The number of received bytes before it, and with it. */
  readonly from: number;
  readonly to: number;
  readonly place: string;
  /** Wall time in milliseconds. */
  readonly atMs: number;
}

export interface UploadStore {
  /** By id. */
  list(): Promise<readonly ImageUpload[]>;
  /** Begins an upload; it replaces an upload of the same name. `limit`: UPLOADS_MAX others exist already. */
  begin(upload: NewUpload, event: NewMachineEvent): Promise<ImageUpload | 'limit'>;
  /** @returns false if it is gone, has failed, or has another number of received bytes than `from` */
  advance(id: number, step: UploadStep): Promise<boolean>;
  /** Stores why it failed. @returns false if it is gone */
  fail(id: number, reason: ImportReason, event: NewMachineEvent): Promise<boolean>;
  /** @returns false if it is gone */
  remove(id: number, event?: NewMachineEvent): Promise<boolean>;
}
