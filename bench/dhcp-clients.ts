// The clients of a load: those whose leases the server was started with, and those that come anew; who has which address.
//
//   numbers   0 … existing - 1: the server knows them │ existing … : never seen
//
// 1. No address is given to two clients, and none outside the range: the load ends with an error.
// 2. A client renews RENEW_AFTER_MS after its last ACK at the earliest, so that the stored end of its lease is another.

import { existingAddress, type LeaseRange } from './dhcp-existing.ts';

/** Ends of leases are kept in seconds. */
const RENEW_AFTER_MS = 1100;
const SEED = 20_261_120;

export class Clients {
  readonly #range: LeaseRange;
  /** The address of each client, 0: none. */
  readonly #addresses: Uint32Array;
  /** The holder of each address of the range, and 1; 0: nobody. */
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

  /** A client that nobody has seen; undefined: the range has no room for more. */
  newcomer(): number | undefined {
    if (this.#next >= this.#range.size * 0.95) return undefined;
    this.#next += 1;
    return this.#next - 1;
  }

  /** A client whose turn to renew it is; undefined: none was given its lease long enough ago. */
  renewer(now: number): number | undefined {
    const client = this.#order[this.#renewed % this.#order.length];
    if (client === undefined || now - (this.#leasedAt[client] ?? 0) < RENEW_AFTER_MS) return undefined;
    this.#renewed += 1;
    return client;
  }

  /** How long until a client may renew: where there are few, those of the part before have all renewed just now. */
  renewalWaitMs(now: number): number {
    const client = this.#order[this.#renewed % this.#order.length] ?? 0;
    return Math.max(0, (this.#leasedAt[client] ?? 0) + RENEW_AFTER_MS - now);
  }

  /**
   * From now on those that have leases renew, in an order that has nothing to do with their addresses: at most `max`, those that were there
   * first before the others.
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

  /** Notes an ACK. @returns what is wrong with it */
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
