// The leases in memory: the truth while the process runs. Changes are synchronous and can be rolled
// back until durable.
//
// 1. Each address has one record, and so one holder. After its end a record stays as its client's
//    first choice.
// 2. A change stays pending until its journal sequence is durable. A rollback restores the record
//    before it, newest change first.
// 3. A record that holds its address (bound, declined) waits in the queue of ends until it is
//    reported or changed. An ended one waits in the pool of its range, if any.
// 4. Engines read the table through `LeaseView`, which may process due ends.

import { type Ipv4, type Ipv4Network, type Ipv4Range, type MacAddress, networkContains } from '../../ground/address.ts';
import type { Instant } from '../../ground/clock.ts';
import { DeadlineQueue } from '../../ground/deadline-queue.ts';
import type { MachineDirectory } from '../../machines/directory.ts';
import { type ClientIdentity, identityBy } from '../networks/client-identity.ts';
import type { ServedSubnet } from '../networks/subnet.ts';
import type { RangeUsage, Slot } from './address-pool.ts';
import { AddressPools, moveTo } from './address-pools.ts';
import { ClientIndex } from './client-index.ts';
import type { Lease } from './lease.ts';

const NONE: readonly Lease[] = [];

/** How many ended leases one choice of an address processes. */
const ENDS_PER_CHOICE_MAX = 256;

export interface LeaseView {
  /** Ended or not; undefined: never used. */
  find(address: Ipv4): Lease | undefined;
  /** The client's newest record in a network, ended or not; a declined address has no client. */
  findByClient(client: ClientIdentity, network: Ipv4Network): Lease | undefined;
  /** All remembered, ended or not. */
  findAllByClient(client: ClientIdentity): readonly Lease[];
  /** All records of a network card, ended or not, whatever tells clients apart. */
  findAllByMac(mac: MacAddress): readonly Lease[];
  /** The next never used address of a dynamic range from `offset` (up to 2^32). */
  findUnused(range: Ipv4Range, offset: number): Ipv4 | undefined;
  /** The address of a dynamic range whose lease ended longest ago. */
  findEnded(range: Ipv4Range, now: Instant): Ipv4 | undefined;
  /** At most `count` addresses of a dynamic range, the longest ended first. */
  findAllEnded(range: Ipv4Range, now: Instant, count: number): readonly Ipv4[];
  /** True while any client could get the address of a dynamic range. */
  isFree(address: Ipv4): boolean;
  /** Undefined: the range is not served. */
  usageOf(range: Ipv4Range): RangeUsage | undefined;
}

export interface LeaseChange {
  readonly lease: Lease;
  readonly previous: Lease | undefined;
}

interface PendingChange extends LeaseChange {
  readonly sequence: number;
}

/** True while the record keeps its address from other clients. */
export const isHeld = (lease: Lease | undefined, now: Instant): lease is Lease =>
  lease !== undefined && lease.state !== 'released' && lease.expiresAt > now;

/** True while the client may use the address. */
export const isActive = (lease: Lease | undefined, now: Instant): lease is Lease =>
  lease !== undefined && lease.state === 'bound' && lease.expiresAt > now;

export class LeaseTable implements LeaseView {
  readonly #slots = new Map<Ipv4, Slot>();
  readonly #byClient = new ClientIndex((address, now) => isActive(this.find(address), now));
  /** Like `#byClient`, keyed by hardware address. */
  readonly #byCard = new ClientIndex((address, now) => isActive(this.find(address), now));
  readonly #ends = new DeadlineQueue<Slot>();
  /** Ended records, ordered by their ends. */
  #unreported: { readonly slot: Slot; readonly lease: Lease }[] = [];
  /** Pending changes by sequence, oldest first. */
  #pending: PendingChange[] = [];
  /** The free addresses of the dynamic ranges; the offers report to it. */
  readonly pools = new AddressPools(this.#slots, this.#ends);
  /** Networks that tell clients apart by identifier. */
  #byIdentifier: readonly Ipv4Network[] = [];

  get size(): number {
    return this.#slots.size;
  }

  /** The sequence of the last change that is not durable; undefined: all are. */
  get lastPending(): number | undefined {
    return this.#pending.at(-1)?.sequence;
  }

  /** When `expire` next has work; undefined: no lease runs. */
  get nextExpiry(): Instant | undefined {
    return this.#unreported[0]?.lease.expiresAt ?? this.#ends.nextAt;
  }

  /** Loads stored records; `expire` does not report those that ended by `now`. */
  load(leases: Iterable<Lease>, now: Instant): void {
    for (const lease of leases) this.#set(lease.address, lease, now);
  }

  /**
   * Serves these networks and machines from now on. @returns true if clients are told apart
   * differently now
   */
  serve(served: readonly ServedSubnet[], machines: MachineDirectory): boolean {
    const isAnother = this.#serveIdentities(served);
    this.pools.serve(served, machines);
    return isAnother;
  }

  find(address: Ipv4): Lease | undefined {
    return this.#slots.get(address)?.lease;
  }

  findByClient(client: ClientIdentity, network: Ipv4Network): Lease | undefined {
    let newest: Lease | undefined;
    for (const address of this.#byClient.findAddresses(client)) {
      if (!networkContains(network, address)) continue;
      const lease = this.find(address);
      if (lease !== undefined && (newest === undefined || lease.grantedAt >= newest.grantedAt)) newest = lease;
    }
    return newest;
  }

  findAllByClient(client: ClientIdentity): readonly Lease[] {
    return this.#getLeases(this.#byClient.findAddresses(client));
  }

  findAllByMac(mac: MacAddress): readonly Lease[] {
    const own = this.findAllByClient(mac);
    if (this.#byIdentifier.length === 0) return own;
    return [...own, ...this.#getLeases(this.#byCard.findAddresses(mac))];
  }

  findRunning(macs: ReadonlySet<MacAddress>, now: Instant): readonly Lease[] {
    return [...macs].flatMap((mac) => this.findAllByMac(mac)).filter((lease) => isActive(lease, now));
  }

  findUnused(range: Ipv4Range, offset: number): Ipv4 | undefined {
    return this.pools.findUnused(range, offset);
  }

  findEnded(range: Ipv4Range, now: Instant): Ipv4 | undefined {
    this.#collect(now, ENDS_PER_CHOICE_MAX);
    return this.pools.findEnded(range);
  }

  findAllEnded(range: Ipv4Range, now: Instant, count: number): readonly Ipv4[] {
    this.#collect(now, ENDS_PER_CHOICE_MAX);
    return this.pools.findAllEnded(range, count);
  }

  isFree(address: Ipv4): boolean {
    return this.pools.isFree(address);
  }

  usageOf(range: Ipv4Range): RangeUsage | undefined {
    return this.pools.findUsage(range);
  }

  /** Every record, unordered; records may change meanwhile. */
  *records(): Generator<Lease, void> {
    for (const { lease } of this.#slots.values()) yield lease;
  }

  all(): readonly Lease[] {
    return Array.from(this.#slots.values(), ({ lease }) => lease);
  }

  /** Sets an address's record, pending until `settle` gets `sequence`; sequences grow. */
  apply(lease: Lease, sequence: number): void {
    const previous = this.find(lease.address);
    this.#pending.push({ lease, previous, sequence });
    this.#set(lease.address, lease, lease.grantedAt);
  }

  /** Marks everything up to `sequence` as durable. @returns the changes now durable, oldest first. */
  settle(sequence: number): readonly LeaseChange[] {
    const count = this.#pending.findIndex((change) => change.sequence > sequence);
    return this.#pending.splice(0, count === -1 ? this.#pending.length : count);
  }

  rollBack(from: number, to: number, now: Instant): readonly LeaseChange[] {
    const lost = this.#pending.filter(({ sequence }) => sequence >= from && sequence <= to).reverse();
    this.#pending = this.#pending.filter(({ sequence }) => sequence < from || sequence > to);
    for (const { lease, previous } of lost) {
      if (this.find(lease.address) === lease) this.#set(lease.address, previous, now, lease.grantedAt);
      // A later change stays, and now rests on the record before this one.
      else this.#pending = this.#pending.map((later) => (later.previous === lease ? { ...later, previous } : later));
    }
    return lost;
  }

  /** At most `limit` records that ended by `now`; each is reported once. */
  expire(now: Instant, limit: number): readonly Lease[] {
    const ended: Lease[] = [];
    this.#collect(now, limit);
    const looked = this.#unreported.splice(0, limit);
    // A change of the address since then has removed its end.
    for (const { slot, lease } of looked)
      if (slot.lease === lease && this.find(lease.address) === lease) ended.push(lease);
    return ended;
  }

  #getLeases(addresses: readonly Ipv4[]): readonly Lease[] {
    if (addresses.length === 0) return NONE;
    const leases: Lease[] = [];
    for (const address of addresses) {
      const lease = this.find(address);
      if (lease !== undefined) leases.push(lease);
    }
    return leases;
  }

  getIdentity(lease: Lease): ClientIdentity {
    // Usually there is no such network.
    const byIdentifier =
      this.#byIdentifier.length > 0 && this.#byIdentifier.some((network) => networkContains(network, lease.address));
    return byIdentifier ? identityBy('client-id', lease) : lease.mac;
  }

  /** Sets or removes an address's record; one that ended by `reportedAt` is not reported. */
  #set(address: Ipv4, lease: Lease | undefined, now: Instant, reportedAt = now): void {
    const slot = this.#slots.get(address);
    const held = slot?.lease;
    if (held !== undefined && held.state !== 'declined') this.#unlink(held, lease);
    const wasDeclined = slot !== undefined && isSetAside(slot, this.#ends);
    if (lease === undefined) {
      slot?.queue?.set(slot, undefined);
      this.#slots.delete(address);
      this.pools.onRecord(address, wasDeclined, false);
      return;
    }
    if (lease.state === 'declined') this.#unlink(lease, undefined);
    else this.#link(lease, now);
    const next = slot ?? { lease, heapIndex: -1, queue: undefined };
    next.lease = lease;
    if (slot === undefined) this.#slots.set(address, next);
    if (lease.state !== 'released' && lease.expiresAt > reportedAt) {
      const stays = slot !== undefined && slot.queue === this.#ends;
      // A later end keeps its place in the queue and is checked again then (`#collect`).
      if (!stays || held === undefined || lease.expiresAt < held.expiresAt) moveTo(next, this.#ends);
      // A renewal: only the end has changed.
      if (stays && !wasDeclined && lease.state === 'bound') return;
    } else moveTo(next, undefined);
    this.pools.onRecord(address, wasDeclined, isSetAside(next, this.#ends));
  }

  /** Takes at most `limit` due records out of the queue of ends. */
  #collect(now: Instant, limit: number): void {
    for (let count = 0; count < limit; count += 1) {
      const slot = this.#ends.takeDue(now);
      if (slot === undefined) return;
      if (slot.lease.expiresAt > now) {
        this.#ends.set(slot, slot.lease.expiresAt);
        continue;
      }
      slot.queue = undefined;
      this.#unreported.push({ slot, lease: slot.lease });
      this.pools.onRecord(slot.lease.address, slot.lease.state === 'declined', false);
    }
  }

  #serveIdentities(served: readonly ServedSubnet[]): boolean {
    const networks = served.filter(({ subnet }) => subnet.identity === 'client-id').map(({ subnet }) => subnet.network);
    const written = (all: readonly Ipv4Network[]): string =>
      all.map(({ address, prefix }) => `${address}/${prefix}`).join();
    if (written(networks) === written(this.#byIdentifier)) return false;
    this.#byIdentifier = networks;
    this.#byClient.clear();
    this.#byCard.clear();
    for (const { lease } of this.#slots.values()) {
      if (lease.state !== 'declined') this.#link(lease, lease.grantedAt);
    }
    return true;
  }

  #link(lease: Lease, now: Instant): void {
    const { address, mac } = lease;
    const client = this.getIdentity(lease);
    this.#byClient.link(client, address, now);
    if (client !== mac) this.#byCard.link(mac, address, now);
  }

  /** Removes a record from the indexes, except under names that its replacement shares. */
  #unlink(held: Lease, next: Lease | undefined): void {
    const { address, mac } = held;
    const client = this.getIdentity(held);
    const nextClient = next && this.getIdentity(next);
    if (client !== nextClient) this.#byClient.unlink(client, address);
    if (client !== mac && (mac !== next?.mac || mac === nextClient)) this.#byCard.unlink(mac, address);
  }
}

const isSetAside = (slot: Slot, ends: DeadlineQueue<Slot>): boolean =>
  slot.lease.state === 'declined' && slot.queue === ends;
