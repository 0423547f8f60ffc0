// Bounds the messages of a PostgreSQL server before the driver reads them. The driver makes a string of each value, and a string of more than
// 512 MiB ends the process: one row with such a value, written by hand, would end every process that lists it.
//
// Sources: postgresql.org/docs/15/protocol-overview.html (55.1.1: a byte for the type, then the length in 4 bytes, which counts itself);
// nodejs.org/api/buffer.html (buffer.constants.MAX_STRING_LENGTH).

/**
 * The largest message, in bytes. The largest row that a region writes is a file of a user, 64 MiB, which the server sends as twice as many
 * hexadecimal digits.
 */
const MESSAGE_BYTES_MAX = 192 * 1024 * 1024;
const HEADER_BYTES = 5;
const LENGTH_BYTES = 4;

/** Follows the messages of one connection. */
export class MessageBound {
  readonly #largest: number;
  readonly #header = new Uint8Array(HEADER_BYTES);
  #headerBytes = 0;
  /** Bytes of the current message that are still to come. */
  #left = 0;

  /** @param largest the bytes of the largest message */
  constructor(largest = MESSAGE_BYTES_MAX) {
    this.#largest = largest;
  }

  /** @returns true if the bytes begin a message that is larger than the bound */
  exceeds(bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.length; ) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, bytes.length - at);
        this.#left -= taken;
        at += taken;
        continue;
      }
      this.#header[this.#headerBytes] = bytes[at] ?? 0;
      this.#headerBytes += 1;
      at += 1;
      if (this.#headerBytes < HEADER_BYTES) continue;
      this.#headerBytes = 0;
      this.#left = Math.max(0, new DataView(this.#header.buffer).getUint32(1) - LENGTH_BYTES);
      if (this.#left > this.#largest) return true;
    }
    return false;
  }
}
