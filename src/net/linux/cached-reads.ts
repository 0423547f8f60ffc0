// Reads of files that never wait for a disk: they bring what the kernel has in memory. Source:
// preadv2(2), RWF_NOWAIT.

import type { Libc } from './libc.ts';

const RWF_NOWAIT = 8;

export class CachedReads {
  readonly #libc: Libc;
  /** One `iovec`: address and length, each in two halves. */
  readonly #vector = new Uint32Array(new ArrayBuffer(16));
  readonly #vectorAddress: number;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#vectorAddress = Number(libc.addressOf(new Uint8Array(this.#vector.buffer)));
  }

  /**
   * Reads `length` bytes at `offset` of a file to an address of `Libc.addressOf`.
   * @returns false if they are not all in memory, or if the file system cannot tell (tmpfs,
   * overlayfs and NFS cannot)
   */
  read(fd: number, address: number, offset: number, length: number): boolean {
    this.#vector[0] = address;
    this.#vector[1] = address / 2 ** 32;
    this.#vector[2] = length;
    return this.#libc.preadv2(fd, this.#vectorAddress, 1, offset, RWF_NOWAIT) === length;
  }
}
