/// <reference types="node" />
// What the product may not call, though it exists: `.slice` copies the bytes of a Uint8Array and shares those of a Buffer, and every
// Buffer passes for a Uint8Array. `copyBytes` and `viewBytes` (src/net/borrowed-bytes.ts) do what they say for both.

type UseCopyBytesOrViewBytes = { readonly refused: unique symbol };

declare global {
  interface Uint8Array<TArrayBuffer extends ArrayBufferLike> {
    slice(start?: number, end?: number): UseCopyBytesOrViewBytes;
  }
  interface Buffer<TArrayBuffer extends ArrayBufferLike = ArrayBufferLike> {
    slice(start?: number, end?: number): UseCopyBytesOrViewBytes;
    subarray(start?: number, end?: number): UseCopyBytesOrViewBytes;
  }
}

export {};
