// The port to the store of uploads: images that people send to the region in pieces. The bytes are
// in a file on one host (`images/uploads/`).
//
//   begin ─► advance, advance … ─► all bytes arrived ─► removed: it has become an image, or was deleted or abandoned
//                                                    └► failed, with the reason, until it is replaced or removed
//
// Source: MAAS's uploads of boot resources.
//
// 1. One method is one transaction, as in `store.ts`.
// 2. A new upload replaces one of the same name.
// 3. A piece is added only at the current number of received bytes, so two senders cannot both add one.

import type { ImportReason } from './import-reason.ts';
import type { NewMachineEvent } from './machine-event.ts';

/**
 * Including failed ones. Administrators begin them. A place is free again when an upload ends, or
 * stands still for a day.
 */
export const UPLOADS_MAX = 16;
/** Of a file, as for an import. */
export const UPLOAD_BYTES_MAX = 64 * 1024 ** 3;

export interface ImageUpload {
  readonly id: number;
  /** `custom/site/amd64/generic/uploaded`. */
  readonly name: string;
  /** Empty: made from the name. */
  readonly title: string;
  /** As the sender named it: `ddraw`, `tgz` … */
  readonly fileType: string;
  readonly bytes: number;
  /** Of the whole file; hexadecimal, lower case. */
  readonly sha256: string;
  /** Bytes on disk. */
  readonly received: number;
  /** The host and directory with them; empty: none has arrived. */
  readonly place: string;
  /** `undefined`: it did not fail. */
  readonly reason?: ImportReason | undefined;
  readonly username: string;
  /** Wall times in milliseconds. */
  readonly createdMs: number;
  readonly changedMs: number;
}

export type NewUpload = Pick<
  ImageUpload,
  'name' | 'title' | 'fileType' | 'bytes' | 'sha256' | 'username' | 'createdMs'
>;

export interface UploadStep {
  /** Received bytes before it, and with it. */
  readonly from: number;
  readonly to: number;
  readonly place: string;
  /** Wall time in milliseconds. */
  readonly atMs: number;
}

export interface UploadStore {
  /** By id. */
  list(): Promise<readonly ImageUpload[]>;
  /** `limit`: UPLOADS_MAX others exist already. */
  begin(upload: NewUpload, event: NewMachineEvent): Promise<ImageUpload | 'limit'>;
  /** @returns false if it is gone, has failed, or has another number of received bytes than `from` */
  advance(id: number, step: UploadStep): Promise<boolean>;
  /** @returns false if it is gone */
  fail(id: number, reason: ImportReason, event: NewMachineEvent): Promise<boolean>;
  /** @returns false if it is gone */
  remove(id: number, event?: NewMachineEvent): Promise<boolean>;
}
