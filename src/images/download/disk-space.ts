// Reserves disk space for downloads.
//
// 1. No two files rely on the same space, because a reservation is made in the same turn of the
//    event loop that reads the free space. It shrinks as its bytes are written.
// 2. The disk keeps RESERVE_BYTES free.

import { stat, statfs } from 'node:fs/promises';
import { RESERVE_BYTES, SPACE_CHECK_BYTES } from '../content/blob-writing.ts';
import { DownloadError } from './fault.ts';

/** Reads the disk of a directory: its id, and its free bytes. Rejects with the system's error. */
export type ReadDisk = (directory: string) => Promise<{ readonly disk: number; readonly freeBytes: number }>;

export const readHostDisk: ReadDisk = async (directory) => {
  const [{ dev }, { bavail, bsize }] = await Promise.all([stat(directory), statfs(directory)]);
  return { disk: dev, freeBytes: bavail * bsize };
};

/** Reserved bytes that are not written yet. */
interface Reservation {
  readonly disk: number;
  missing: number;
}

export class DiskSpace {
  readonly #readDisk: ReadDisk;
  readonly #reservations = new Set<Reservation>();

  constructor(readDisk: ReadDisk) {
    this.#readDisk = readDisk;
  }

  async reserve(directory: string, bytes: number) {
    const { disk } = await this.#check(directory, bytes);
    const reservation: Reservation = { disk, missing: bytes };
    this.#reservations.add(reservation);
    let unchecked = 0;
    return {
      recordWritten: async (writtenBytes: number): Promise<void> => {
        reservation.missing = Math.max(0, reservation.missing - writtenBytes);
        unchecked += writtenBytes;
        if (unchecked < SPACE_CHECK_BYTES) return;
        unchecked = 0;
        await this.#check(directory, 0);
      },
      release: (): void => void this.#reservations.delete(reservation),
    };
  }

  async #check(directory: string, bytes: number): Promise<{ readonly disk: number }> {
    const { disk, freeBytes } = await this.#readDisk(directory);
    const others = [...this.#reservations].filter((other) => bytes > 0 && other.disk === disk);
    const availableBytes = freeBytes - others.reduce((sum, { missing }) => sum + missing, 0);
    const neededBytes = bytes + RESERVE_BYTES;
    if (availableBytes >= neededBytes) return { disk };
    throw new DownloadError({
      code: 'no-room',
      params: { directory, freeBytes: Math.max(0, availableBytes), neededBytes },
    });
  }
}
