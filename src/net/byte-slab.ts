// Bytes for messages that are made by the thousand: cut from blocks, because an allocation for each would cost more than all the rest of
// the message.
//
// 1. What is cut is zero, and nobody else has it; it is never handed out again. A block lives as long as something cut from it.

/** What is cut from one block: large messages waste a part of its end, and one that lives long keeps all of it. */
const BLOCK_BYTES = 64 * 1024;

let block = new Uint8Array(BLOCK_BYTES);
let cutBytes = 0;

/** So many zero bytes that nobody else has. */
export function takeBytes(count: number): Uint8Array {
  if (count > BLOCK_BYTES / 4) return new Uint8Array(count);
  if (cutBytes + count > BLOCK_BYTES) {
    block = new Uint8Array(BLOCK_BYTES);
    cutBytes = 0;
  }
  cutBytes += count;
  return block.subarray(cutBytes - count, cutBytes);
}
