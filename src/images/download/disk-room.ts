// Reserves free space on disks for downloads before they use it.
//
//   free now ─ RESERVE_BYTES ─ missing bytes of every reservation on the same disk ≥ needed ─▶ reserved
//
// 1. No two files rely on the same free space. A reservation is made in the same turn of the event loop in which the free space was read. It
//    shrinks as its bytes are written, just as the free space does.
// 2. The disk keeps RESERVE_BYTES free.

import { stat, statfs } from 'node:fs/promises';
import { RESERVE_BYTES, ROOM_CHECK_BYTES } from '../blob-writing.ts';
import { AttemptFailure, type AttemptFault } from './fault.ts';

/** The disk of a directory. */
interface DiskFacts {
  /** Identifies the disk. */
  readonly disk: number;
  readonly freeBytes: number;
}

/** Reads the disk of a directory. Rejects with the system's error. */
export type ReadDisk = (directory: string) => Promise<DiskFacts>;

/** Reads the disks of this host. */
export const readHostDisk: ReadDisk = async (directory) => {
  const [{ dev }, { bavail, bsize }] = await Promise.all([stat(directory), statfs(directory)]);
  return { disk: dev, freeBytes: bavail * bsize };
};

/** The space that is missing. */
interface RoomShortage {
  /** Excluding the space that other downloads have reserved. */
  readonly freeBytes: number;
  /** Including RESERVE_BYTES. */
  readonly neededBytes: number;
}

/** Space for one file. */
export class Reservation {
  readonly disk: number;
  /** Reserved and not written yet. */
  #missing: number;
  readonly #onRelease: (reservation: Reservation) => void;

  constructor(disk: number, bytes: number, onRelease: (reservation: Reservation) => void) {
    this.disk = disk;
    this.#missing = bytes;
    this.#onRelease = onRelease;
  }

  get missing(): number {
    return this.#missing;
  }

  wrote(bytes: number): void {
    this.#missing = Math.max(0, this.#missing - bytes);
  }

  release(): void {
    this.#onRelease(this);
  }
}

/** The reservations of a queue. */
export class DiskRoom {
  readonly #readDisk: ReadDisk;
  readonly #reservations = new Set<Reservation>();

  constructor(readDisk: ReadDisk) {
    this.#readDisk = readDisk;
  }

  /** Reserves space on the disk of a directory; 0 bytes only check whether the disk is full. Rejects with the system's error. */
  async reserve(directory: string, bytes: number): Promise<Reservation | RoomShortage> {
    const { disk, freeBytes } = await this.#readDisk(directory);
    const reserved = [...this.#reservations]
      .filter((other) => other.disk === disk)
      .reduce((sum, { missing }) => sum + missing, 0);
    const left = freeBytes - reserved;
    if (left < bytes + RESERVE_BYTES) {
      return { freeBytes: Math.max(0, left), neededBytes: bytes + RESERVE_BYTES };
    }
    const reservation = new Reservation(disk, bytes, (over) => this.#reservations.delete(over));
    this.#reservations.add(reservation);
    return reservation;
  }
}

/** The space of one file during its download. */
export class FileRoom {
  readonly #room: DiskRoom;
  readonly #directory: string;
  readonly #onFull: (fault: AttemptFault) => void;
  #reservation: Reservation | undefined;
  #unchecked = 0;

  /** @param onFull called when the disk has filled up despite the reservation */
  constructor(room: DiskRoom, directory: string, onFull: (fault: AttemptFault) => void) {
    this.#room = room;
    this.#directory = directory;
    this.#onFull = onFull;
  }

  /** Reserves the missing bytes, and releases the earlier reservation. @throws AttemptFailure `no-room`; the system's error */
  async reserve(missing: number): Promise<void> {
    this.release();
    const found = await this.#room.reserve(this.#directory, missing);
    if (!(found instanceof Reservation)) throw new AttemptFailure(this.#fault(found));
    this.#reservation = found;
  }

  wrote(bytes: number): void {
    this.#reservation?.wrote(bytes);
    this.#unchecked += bytes;
    if (this.#unchecked < ROOM_CHECK_BYTES) return;
    this.#unchecked = 0;
    void this.#check();
  }

  release(): void {
    this.#reservation?.release();
    this.#reservation = undefined;
  }

  async #check(): Promise<void> {
    // If the free space cannot be read, the next write to the disk reports why.
    const found = await this.#room.reserve(this.#directory, 0).catch(() => undefined);
    if (found instanceof Reservation) found.release();
    else if (found !== undefined) this.#onFull(this.#fault(found));
  }

  #fault(shortage: RoomShortage): AttemptFault {
    return { code: 'no-room', params: { directory: this.#directory, ...shortage } };
  }
}
