// The clients of a load: those with leases from before the start and new ones, with their addresses.
//
//   numbers   0 … existing - 1: the server knows them │ existing … : never seen
//
// 1. No address is given to two clients, and none outside the range: the load ends with an error.
// 2. A client renews RENEW_AFTER_MS after its last ACK at the earliest, so that the stored end of its lease is another.

import { existingAddress, type LeaseRange } from './dhcp-existing.ts';

/** The ends of leases are stored in seconds. */
const RENEW_AFTER_MS = 1100;
const SEED = 20_261_120;

export class Clients {
  readonly #range: LeaseRange;
  /** The address of each client; 0 for none. */
  readonly #addresses: Uint32Array;
  /** The holder of each address of the range, plus 1; 0 for none. */
  readonly #holders: Uint32Array;
  readonly #leasedAt: Float64Array;
  #next: number;
  #order: Uint32Array = new Uint32Array(0);
  #renewed = 0;

  /** @param skip new clients that are never used */
  constructor(range: LeaseRange, existing: number, skip = 0) {
    this.#range = range;
    this.#addresses = new Uint32Array(range.size);
    this.#holders = new Uint32Array(range.size);
    this.#leasedAt = new Float64Array(range.size);
    this.#next = existing + skip;
    for (let client = 0; client < existing; client += 1) {
      const address = existingAddress(range, existing, client);
      this.#addresses[client] = address;
      this.#holders[address - range.low] = client + 1;
    }
  }

  addressOf(client: number): number {
    return this.#addresses[client] ?? 0;
  }

  /** A new client; undefined if the range has no room for more. */
  newcomer(): number | undefined {
    if (this.#next >= this.#range.size * 0.95) return undefined;
    this.#next += 1;
    return this.#next - 1;
  }

  /** The next client to renew; undefined if no lease is old enough. */
  renewer(now: number): number | undefined {
    const client = this.#order[this.#renewed % this.#order.length];
    if (client === undefined || now - (this.#leasedAt[client] ?? 0) < RENEW_AFTER_MS) return undefined;
    this.#renewed += 1;
    return client;
  }

  /** How long until a client may renew: with few clients, all may just have renewed in the previous part. */
  renewalWaitMs(now: number): number {
    const client = this.#order[this.#renewed % this.#order.length] ?? 0;
    return Math.max(0, (this.#leasedAt[client] ?? 0) + RENEW_AFTER_MS - now);
  }

  /**
   * Selects the clients that renew from now on, in an order unrelated to their addresses: at most `max`, the earliest ones first.
   */
  shuffle(max = Number.POSITIVE_INFINITY): void {
    const order = new Uint32Array(this.#addresses.length);
    let count = 0;
    for (let client = 0; client < this.#addresses.length && count < max; client += 1) {
      if (this.#addresses[client] === 0) continue;
      order[count] = client;
      count += 1;
    }
    let state = SEED;
    for (let index = count - 1; index > 0; index -= 1) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      const other = state % (index + 1);
      const kept = order[index] ?? 0;
      order[index] = order[other] ?? 0;
      order[other] = kept;
    }
    this.#order = order.subarray(0, count);
    this.#renewed = 0;
  }

  /** Records an ACK. @returns its fault */
  leased(client: number, address: number, now: number): string | undefined {
    const index = address - this.#range.low;
    if (index < 0 || index >= this.#range.size) return `${address} is outside the range`;
    const holder = this.#holders[index] ?? 0;
    if (holder !== 0 && holder !== client + 1) return `${address} is client ${holder - 1}'s`;
    this.#holders[index] = client + 1;
    this.#addresses[client] = address;
    this.#leasedAt[client] = now;
    return undefined;
  }
}
