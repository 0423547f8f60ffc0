// The leases in memory: the truth while the process runs. Changed synchronously, one record an address; what is not durable yet
// can be taken back.
//
// 1. One record for each address, so an address has one holder. A record stays after its end: it is the client's first choice,
//    and an address without a record was never used.
// 2. A change stays pending until its journal sequence is durable. Rolling back restores the record before it, newest first, so
//    that several pending changes of one address unwind in order.
// 3. A bound lease waits in the queue of ends until it is reported; whatever else is said of an address takes it out.
// 4. Engines read it through `LeaseView` and change nothing.

import type { Instant } from '../clock.ts';
import { DeadlineQueue, type Waiting } from '../deadline-queue.ts';
import { type Ipv4, type Ipv4Network, type MacAddress, networkContains } from '../net/address.ts';
import type { Lease } from './lease.ts';

/** Ended addresses remembered for one hardware address; older ones are forgotten as its first choice, never the lease itself. */
export const ADDRESSES_PER_MAC_MAX = 8;

/** What deciders may ask of the leases. */
export interface LeaseView {
  /** The record of an address, ended or not; undefined: never used. */
  find(address: Ipv4): Lease | undefined;
  /** The newest record of a client in a network, ended or not; a declined address is not the client's. */
  findByMac(mac: MacAddress, network: Ipv4Network): Lease | undefined;
  /** All records of a client that are remembered, ended or not. */
  findAllByMac(mac: MacAddress): readonly Lease[];
}

/** A change of the table: the record of an address before and after. */
export interface LeaseChange {
  readonly lease: Lease;
  readonly previous: Lease | undefined;
}

interface PendingChange extends LeaseChange {
  readonly sequence: number;
}

/** An address with its record; it waits for the end of its lease. */
interface Slot extends Waiting {
  lease: Lease;
}

/** True while the record keeps its address from everybody else: bound or declined, and not ended. */
export const isHeld = (lease: Lease | undefined, now: Instant): lease is Lease =>
  lease !== undefined && lease.state !== 'released' && lease.expiresAt > now;

/** True while the client may use the address. */
export const isActive = (lease: Lease | undefined, now: Instant): lease is Lease =>
  lease !== undefined && lease.state === 'bound' && lease.expiresAt > now;

/** Leases by address and by client, with their pending changes and their ends. */
export class LeaseTable implements LeaseView {
  readonly #slots = new Map<Ipv4, Slot>();
  readonly #byMac = new Map<MacAddress, Ipv4 | readonly Ipv4[]>();
  readonly #ends = new DeadlineQueue<Slot>();
  /** Pending changes by sequence, oldest first. */
  #pending: PendingChange[] = [];

  /** How many addresses have a record. */
  get size(): number {
    return this.#slots.size;
  }

  /** How many changes are not durable yet. */
  get pending(): number {
    return this.#pending.length;
  }

  /** When `expire` has something to do; undefined: no lease is running. */
  get nextExpiry(): Instant | undefined {
    return this.#ends.nextAt;
  }

  /** Takes over stored records; a lease that has ended by `now` is not reported by `expire`. */
  load(leases: Iterable<Lease>, now: Instant): void {
    for (const lease of leases) this.#set(lease.address, lease, now);
  }

  find(address: Ipv4): Lease | undefined {
    return this.#slots.get(address)?.lease;
  }

  findByMac(mac: MacAddress, network: Ipv4Network): Lease | undefined {
    let newest: Lease | undefined;
    for (const address of this.#addressesOf(mac)) {
      if (!networkContains(network, address)) continue;
      const lease = this.find(address);
      if (lease !== undefined && (newest === undefined || lease.grantedAt >= newest.grantedAt)) newest = lease;
    }
    return newest;
  }

  findAllByMac(mac: MacAddress): readonly Lease[] {
    return this.#addressesOf(mac).flatMap((address) => this.find(address) ?? []);
  }

  /** Every record, in no particular order. */
  all(): readonly Lease[] {
    return Array.from(this.#slots.values(), ({ lease }) => lease);
  }

  /** Sets the record of an address, pending until `settle` is told of its journal `sequence`; sequences grow. */
  apply(lease: Lease, sequence: number): void {
    const previous = this.find(lease.address);
    this.#pending.push({ lease, previous, sequence });
    this.#set(lease.address, lease, lease.grantedAt);
  }

  /** Everything up to `sequence` is durable. @returns the changes that became so, oldest first. */
  settle(sequence: number): readonly LeaseChange[] {
    const count = this.#pending.findIndex((change) => change.sequence > sequence);
    return this.#pending.splice(0, count === -1 ? this.#pending.length : count);
  }

  /** Takes back the pending changes from sequence `from` to `to`, inclusive. @returns what was taken back, newest first. */
  rollBack(from: number, to: number, now: Instant): readonly LeaseChange[] {
    const lost = this.#pending.filter(({ sequence }) => sequence >= from && sequence <= to).reverse();
    this.#pending = this.#pending.filter(({ sequence }) => sequence < from || sequence > to);
    for (const { lease, previous } of lost) {
      if (this.find(lease.address) === lease) this.#set(lease.address, previous, now, lease.grantedAt);
      // A later change of the address stands, and now rests on what was there before this one.
      else this.#pending = this.#pending.map((later) => (later.previous === lease ? { ...later, previous } : later));
    }
    return lost;
  }

  /** Leases whose time ran out by `now`, at most `limit`; each is reported once. */
  expire(now: Instant, limit: number): readonly Lease[] {
    const ended: Lease[] = [];
    while (ended.length < limit) {
      const slot = this.#ends.takeDue(now);
      if (slot === undefined) break;
      ended.push(slot.lease);
    }
    return ended;
  }

  #addressesOf(mac: MacAddress): readonly Ipv4[] {
    const known = this.#byMac.get(mac);
    return known === undefined ? [] : typeof known === 'number' ? [known] : known;
  }

  /** Sets the record of an address, or with undefined removes it; a lease that had ended by `reportedAt` is not reported. */
  #set(address: Ipv4, lease: Lease | undefined, now: Instant, reportedAt = now): void {
    const slot = this.#slots.get(address);
    const held = slot?.lease;
    if (held !== undefined && held.state !== 'declined' && held.mac !== lease?.mac) this.#unlink(held.mac, address);
    if (lease === undefined) {
      if (slot !== undefined) this.#ends.set(slot, undefined);
      this.#slots.delete(address);
      return;
    }
    if (lease.state === 'declined') this.#unlink(lease.mac, address);
    else this.#link(lease.mac, address, now);
    const next = slot ?? { lease, place: -1 };
    next.lease = lease;
    if (slot === undefined) this.#slots.set(address, next);
    this.#ends.set(next, lease.state === 'bound' && lease.expiresAt > reportedAt ? lease.expiresAt : undefined);
  }

  #link(mac: MacAddress, address: Ipv4, now: Instant): void {
    const known = this.#addressesOf(mac);
    if (known.includes(address)) return;
    const forgotten =
      known.length < ADDRESSES_PER_MAC_MAX ? undefined : known.find((other) => !isActive(this.find(other), now));
    const kept = forgotten === undefined ? known : known.filter((other) => other !== forgotten);
    this.#byMac.set(mac, kept.length === 0 ? address : [...kept, address]);
  }

  #unlink(mac: MacAddress, address: Ipv4): void {
    const kept = this.#addressesOf(mac).filter((other) => other !== address);
    const [first] = kept;
    if (first === undefined) this.#byMac.delete(mac);
    else this.#byMac.set(mac, kept.length === 1 ? first : kept);
  }
}
