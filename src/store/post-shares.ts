// The room for the posts of machines that wait in the outbox, shared out by address, so that one machine that posts without end leaves
// room for the others. Source: Choudhury and Hahne, "Dynamic Queue Length Thresholds for Shared-Memory Packet Switches" (1998).
//
// 1. No more than `roomBytes` of posts wait.
// 2. What one address has may not be more than what is left to the others. So one alone has half of the room, a second one half of the
//    rest, and so on: nobody is ever refused for a small post because of what a few others have. Machines behind one router share.

/** Bytes of posts that wait, by the address of their machine. */
export class PostShares {
  readonly #roomBytes: number;
  readonly #bytesOf = new Map<string, number>();
  #total = 0;

  /** @param roomBytes of all posts together */
  constructor(roomBytes: number) {
    this.#roomBytes = roomBytes;
  }

  /** True when `bytes` more of this address may wait. */
  admits(address: string, bytes: number): boolean {
    const left = this.#roomBytes - this.#total - bytes;
    return (this.#bytesOf.get(address) ?? 0) + bytes <= left;
  }

  add(address: string, bytes: number): void {
    this.#bytesOf.set(address, (this.#bytesOf.get(address) ?? 0) + bytes);
    this.#total += bytes;
  }

  /** They wait no longer. */
  remove(address: string, bytes: number): void {
    const before = this.#bytesOf.get(address) ?? 0;
    this.#total -= Math.min(before, bytes);
    if (before > bytes) this.#bytesOf.set(address, before - bytes);
    else this.#bytesOf.delete(address);
  }

  clear(): void {
    this.#bytesOf.clear();
    this.#total = 0;
  }
}
