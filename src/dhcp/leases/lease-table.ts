// The leases in memory: the truth while the process runs. Changed synchronously, one record an address; what is not durable yet
// can be taken back.
//
// 1. One record for each address, so an address has one holder. A record stays after its end: it is the client's first choice,
//    and an address without a record was never used.
// 2. A change stays pending until its journal sequence is durable. Rolling back restores the record before it, newest first, so
//    that several pending changes of one address unwind in order.
// 3. A record that keeps its address (bound, declined) waits in the queue of ends until it is reported; whatever else is said of an
//    address takes it out. One that has ended waits in the pool of its range, where there is one.
// 4. Engines read it through `LeaseView` and change nothing that another reader could see; ends that have come are taken note of on
//    the way.

import type { Instant } from '../../clock.ts';
import { DeadlineQueue } from '../../deadline-queue.ts';
import type { MachineDirectory } from '../../machines/directory.ts';
import { type Ipv4, type Ipv4Network, type Ipv4Range, type MacAddress, networkContains } from '../../net/address.ts';
import { type ClientIdentity, identityBy } from '../networks/client-identity.ts';
import type { ServedSubnet } from '../networks/subnet.ts';
import type { RangeUsage, Slot } from './address-pool.ts';
import { AddressPools, moveTo } from './address-pools.ts';
import { ClientIndex } from './client-index.ts';
import type { Lease } from './lease.ts';

const NONE: readonly Lease[] = [];

/** The most ended leases that choosing one address takes note of. */
const ENDS_PER_CHOICE_MAX = 256;

/** What deciders may ask of the leases. */
export interface LeaseView {
  /** The record of an address, ended or not; undefined: never used. */
  find(address: Ipv4): Lease | undefined;
  /** The newest record of a client in a network, ended or not; a declined address is not the client's. */
  findByClient(client: ClientIdentity, network: Ipv4Network): Lease | undefined;
  /** All records of a client that are remembered, ended or not. */
  findAllByClient(client: ClientIdentity): readonly Lease[];
  /** All records of a network card that are remembered, ended or not, by whatever its clients are told apart. */
  findAllByMac(mac: MacAddress): readonly Lease[];
  /** An address of a dynamic range that nobody ever had and that can be handed out, the next one `offset` (up to 2^32) into it. */
  findUnused(range: Ipv4Range, offset: number): Ipv4 | undefined;
  /** The address of a dynamic range whose lease ended longest ago and that can be handed out. */
  findEnded(range: Ipv4Range, now: Instant): Ipv4 | undefined;
  /** The addresses of a dynamic range whose leases ended longest ago and that can be handed out, `count` at most. */
  findAllEnded(range: Ipv4Range, now: Instant, count: number): readonly Ipv4[];
  /** True while an address of a dynamic range can be handed out to anybody: nobody has it, it is for nobody, and on offer to nobody. */
  isFree(address: Ipv4): boolean;
  /** How full a dynamic range is; undefined: it is not served. */
  usageOf(range: Ipv4Range): RangeUsage | undefined;
}

/** A change of the table: the record of an address before and after. */
export interface LeaseChange {
  readonly lease: Lease;
  readonly previous: Lease | undefined;
}

interface PendingChange extends LeaseChange {
  readonly sequence: number;
}

/** True while the record keeps its address from everybody else: bound or declined, and not ended. */
export const isHeld = (lease: Lease | undefined, now: Instant): lease is Lease =>
  lease !== undefined && lease.state !== 'released' && lease.expiresAt > now;

/** True while the client may use the address. */
export const isActive = (lease: Lease | undefined, now: Instant): lease is Lease =>
  lease !== undefined && lease.state === 'bound' && lease.expiresAt > now;

/** Leases by address and by client, with their pending changes and their ends, and what of the ranges is free. */
export class LeaseTable implements LeaseView {
  readonly #slots = new Map<Ipv4, Slot>();
  readonly #byClient = new ClientIndex((address, now) => isActive(this.find(address), now));
  /** By hardware address what `#byClient` has by an identifier. */
  readonly #byCard = new ClientIndex((address, now) => isActive(this.find(address), now));
  readonly #ends = new DeadlineQueue<Slot>();
  /** Records that have ended and of which nobody was told, in the order of their ends. */
  #unreported: { readonly slot: Slot; readonly lease: Lease }[] = [];
  /** Pending changes by sequence, oldest first. */
  #pending: PendingChange[] = [];
  /** What of the dynamic ranges can be handed out; told of offers by their keeper. */
  readonly pools = new AddressPools(this.#slots, this.#ends);
  /** Networks whose clients are told apart by their identifiers. */
  #byIdentifier: readonly Ipv4Network[] = [];

  /** How many addresses have a record. */
  get size(): number {
    return this.#slots.size;
  }

  /** How many changes are not durable yet. */
  get pending(): number {
    return this.#pending.length;
  }

  /** The journal sequence of the last change that is not durable yet; undefined: all are. */
  get lastPending(): number | undefined {
    return this.#pending.at(-1)?.sequence;
  }

  /** When `expire` has something to do, at the earliest; undefined: nothing runs. */
  get nextExpiry(): Instant | undefined {
    return this.#unreported[0]?.lease.expiresAt ?? this.#ends.nextAt;
  }

  /** Takes over stored records; one that has ended by `now` is not reported by `expire`. */
  load(leases: Iterable<Lease>, now: Instant): void {
    for (const lease of leases) this.#set(lease.address, lease, now);
  }

  /**
   * From now on these networks are served, and these machines have addresses; what does not change costs little.
   * @returns true where clients are told apart otherwise than before
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
    for (const address of this.#byClient.addressesOf(client)) {
      if (!networkContains(network, address)) continue;
      const lease = this.find(address);
      if (lease !== undefined && (newest === undefined || lease.grantedAt >= newest.grantedAt)) newest = lease;
    }
    return newest;
  }

  findAllByClient(client: ClientIdentity): readonly Lease[] {
    return this.#leasesOf(this.#byClient.addressesOf(client));
  }

  findAllByMac(mac: MacAddress): readonly Lease[] {
    const own = this.findAllByClient(mac);
    if (this.#byIdentifier.length === 0) return own;
    return [...own, ...this.#leasesOf(this.#byCard.addressesOf(mac))];
  }

  /** The running leases of these network cards. */
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
    return this.pools.usageOf(range);
  }

  /** Every record, in no particular order; records may change while they are gone through. */
  *records(): Generator<Lease, void> {
    for (const { lease } of this.#slots.values()) yield lease;
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

  /** Records whose time ran out by `now`, leases and declined addresses, at most `limit`; each is reported once. */
  expire(now: Instant, limit: number): readonly Lease[] {
    const ended: Lease[] = [];
    this.#collect(now, limit);
    const looked = this.#unreported.splice(0, limit);
    // What was said of an address since then has taken its end out of the account.
    for (const { slot, lease } of looked)
      if (slot.lease === lease && this.find(lease.address) === lease) ended.push(lease);
    return ended;
  }

  #leasesOf(addresses: readonly Ipv4[]): readonly Lease[] {
    if (addresses.length === 0) return NONE;
    const leases: Lease[] = [];
    for (const address of addresses) {
      const lease = this.find(address);
      if (lease !== undefined) leases.push(lease);
    }
    return leases;
  }

  /** Whose a record is, as its network tells clients apart. */
  identityOf(lease: Lease): ClientIdentity {
    // Nearly always there is no such network.
    const byIdentifier =
      this.#byIdentifier.length > 0 && this.#byIdentifier.some((network) => networkContains(network, lease.address));
    return byIdentifier ? identityBy('client-id', lease) : lease.mac;
  }

  /** Sets the record of an address, or with undefined removes it; one that had ended by `reportedAt` is not reported. */
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
    const next = slot ?? { lease, place: -1, queue: undefined };
    next.lease = lease;
    if (slot === undefined) this.#slots.set(address, next);
    if (lease.state !== 'released' && lease.expiresAt > reportedAt) {
      const stays = slot !== undefined && slot.queue === this.#ends;
      // An end that moves on stays where it was in the queue, and is looked at again when that time has come (`#collect`).
      if (!stays || held === undefined || lease.expiresAt < held.expiresAt) moveTo(next, this.#ends);
      // A renewal: nothing but its end has changed.
      if (stays && !wasDeclined && lease.state === 'bound') return;
    } else moveTo(next, undefined);
    this.pools.onRecord(address, wasDeclined, isSetAside(next, this.#ends));
  }

  /** Takes records whose end has come out of the queue of ends, at most `limit`. */
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

  /** Finds every client anew when the networks change in which identifiers count. */
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

  /** From now on a record is found by its client. */
  #link(lease: Lease, now: Instant): void {
    const { address, mac } = lease;
    const client = this.identityOf(lease);
    this.#byClient.link(client, address, now);
    if (client !== mac) this.#byCard.link(mac, address, now);
  }

  /** A record is found no more, but by what the one that takes its place shows, too. */
  #unlink(held: Lease, next: Lease | undefined): void {
    const { address, mac } = held;
    const client = this.identityOf(held);
    const nextClient = next && this.identityOf(next);
    if (client !== nextClient) this.#byClient.unlink(client, address);
    if (client !== mac && (mac !== next?.mac || mac === nextClient)) this.#byCard.unlink(mac, address);
  }
}

/** True while nobody gets the address because somebody was found using it. */
const isSetAside = (slot: Slot, ends: DeadlineQueue<Slot>): boolean =>
  slot.lease.state === 'declined' && slot.queue === ends;
