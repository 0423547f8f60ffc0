// Shares the outbox's room for machines' posts by address, so that a machine that posts without end leaves room for others. Source:
// Choudhury and Hahne, "Dynamic Queue Length Thresholds for Shared-Memory Packet Switches" (1998).
//
// 1. At most `roomBytes` of posts wait.
// 2. One address may not hold more than is left to the others. So the first gets at most half of the room, the next one half of the rest,
//    and so on: a few addresses can never block a small post of another. Machines behind one router share.

/** Bytes of waiting posts, by the address of their machine. */
export class PostShares {
  readonly #roomBytes: number;
  readonly #bytesOf = new Map<string, number>();
  #total = 0;

  /** @param roomBytes for all posts together */
  constructor(roomBytes: number) {
    this.#roomBytes = roomBytes;
  }

  /** True if a further post of `bytes` from this address may wait. */
  admits(address: string, bytes: number): boolean {
    const left = this.#roomBytes - this.#total - bytes;
    return (this.#bytesOf.get(address) ?? 0) + bytes <= left;
  }

  add(address: string, bytes: number): void {
    this.#bytesOf.set(address, (this.#bytesOf.get(address) ?? 0) + bytes);
    this.#total += bytes;
  }

  /** Call when posts of `bytes` no longer wait. */
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
