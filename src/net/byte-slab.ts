// Allocates bytes for frequent messages from shared blocks, because a separate allocation would
// cost more than the rest of a message.
//
// 1. Each part is zeroed, has one owner and is never reused. A block lives as long as any of its parts.

/**
 * The size of a block: large messages waste some of its end, and a part that lives long keeps the
 * whole block alive.
 */
const BLOCK_BYTES = 64 * 1024;

let block = new Uint8Array(BLOCK_BYTES);
let usedBytes = 0;

/** `count` zeroed bytes for the caller alone. */
export function takeBytes(count: number): Uint8Array {
  if (count > BLOCK_BYTES / 4) return new Uint8Array(count);
  if (usedBytes + count > BLOCK_BYTES) {
    block = new Uint8Array(BLOCK_BYTES);
    usedBytes = 0;
  }
  usedBytes += count;
  return block.subarray(usedBytes - count, usedBytes);
}
