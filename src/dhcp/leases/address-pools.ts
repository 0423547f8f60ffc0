// The pools of all served dynamic ranges. The lease table reports changed records, the offers held
// and released addresses.
//
// 1. Each call costs one search among the ranges and a few steps in one. Only `serve` walks a whole
//    range, when it is new; later it looks only at changes in what is barred.
// 2. An address whose record has not ended waits in `ends`, which the pools never touch.

import { type Ipv4, type Ipv4Range, ipv4, rangeContains } from '../../ground/address.ts';
import type { DeadlineQueue } from '../../ground/deadline-queue.ts';
import type { MachineDirectory } from '../../machines/directory.ts';
import type { ServedSubnet } from '../networks/subnet.ts';
import { AddressPool, type RangeUsage, type Slot } from './address-pool.ts';
import type { OfferListener } from './offers.ts';

export class AddressPools implements OfferListener {
  readonly #slots: ReadonlyMap<Ipv4, Slot>;
  readonly #ends: DeadlineQueue<Slot>;
  /** Ordered by range. */
  #pools: readonly AddressPool[] = [];
  readonly #offered = new Set<Ipv4>();
  /** Pools whose usage may have changed. */
  readonly #changed = new Set<AddressPool>();

  /**
   * @param slots every address that has a record
   * @param ends those whose record has not ended
   */
  constructor(slots: ReadonlyMap<Ipv4, Slot>, ends: DeadlineQueue<Slot>) {
    this.#slots = slots;
    this.#ends = ends;
  }

  /** True if a usage may have changed since `visitChanged`. */
  get hasChanges(): boolean {
    return this.#changed.size > 0;
  }

  visitChanged(visit: (usage: RangeUsage) => void): void {
    for (const pool of this.#changed) visit(pool);
    this.#changed.clear();
  }

  serve(served: readonly ServedSubnet[], machines: MachineDirectory): void {
    const fresh = new Set<AddressPool>();
    const wanted = served.flatMap(({ subnet: { dynamic, name } }) => {
      if (dynamic === undefined) return [];
      let pool = this.#pools.find(({ range }) => range.low === dynamic.low && range.high === dynamic.high);
      if (pool === undefined) {
        pool = new AddressPool(dynamic);
        fresh.add(pool);
      }
      pool.subnet = name;
      return [pool];
    });
    for (const pool of this.#pools) if (!wanted.includes(pool)) emptyPool(pool);
    this.#pools = wanted.sort((a, b) => a.range.low - b.range.low);
    const barred = this.#barred(served, machines);
    for (const pool of this.#pools) {
      const next = barred.get(pool) ?? new Set();
      if (fresh.has(pool)) this.#fill(pool, next);
      else this.#bar(pool, next);
    }
    this.#changed.clear();
    for (const pool of this.#pools) this.#changed.add(pool);
  }

  /** The next never used address from `offset` (up to 2^32). */
  findUnused(range: Ipv4Range, offset: number): Ipv4 | undefined {
    return this.#findPool(range.low)?.findUnused(offset);
  }

  /** The address whose lease ended longest ago. */
  findEnded(range: Ipv4Range): Ipv4 | undefined {
    return this.#findPool(range.low)?.ended.firstItem?.lease.address;
  }

  /** At most `count` addresses, the longest ended first. */
  findAllEnded(range: Ipv4Range, count: number): readonly Ipv4[] {
    return (
      this.#findPool(range.low)
        ?.ended.earliest(count)
        .map(({ lease }) => lease.address) ?? []
    );
  }

  /** True while any client could get the address. */
  isFree(address: Ipv4): boolean {
    const pool = this.#findPool(address);
    if (pool === undefined) return false;
    return pool.unused.has(address - pool.range.low) || this.#slots.get(address)?.queue === pool.ended;
  }

  /** Stays current; undefined: the range is not served. */
  findUsage(range: Ipv4Range): RangeUsage | undefined {
    return this.#findPool(range.low);
  }

  usage(): readonly RangeUsage[] {
    return this.#pools.map((pool) => pool.usage());
  }

  /** Notes that a record was set, ended or removed, and whether it is and was set aside. */
  onRecord(address: Ipv4, wasSetAside: boolean, isSetAside: boolean): void {
    const pool = this.#findPool(address);
    if (pool === undefined) return;
    if (wasSetAside) pool.declined -= 1;
    if (isSetAside) pool.declined += 1;
    this.#changed.add(pool);
    this.#place(address, pool);
  }

  onOffered(address: Ipv4): void {
    this.#offered.add(address);
    this.#onOffer(address, 1);
  }

  onOfferGone(address: Ipv4): void {
    this.#offered.delete(address);
    this.#onOffer(address, -1);
  }

  #onOffer(address: Ipv4, change: 1 | -1): void {
    const pool = this.#findPool(address);
    if (pool === undefined) return;
    pool.offered += change;
    this.#changed.add(pool);
    this.#place(address, pool);
  }

  #findPool(address: Ipv4): AddressPool | undefined {
    let low = 0;
    let high = this.#pools.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const pool = this.#pools[middle];
      if (pool === undefined) return undefined;
      if (address < pool.range.low) high = middle - 1;
      else if (address > pool.range.high) low = middle + 1;
      else return pool;
    }
    return undefined;
  }

  #place(address: Ipv4, pool: AddressPool): void {
    const slot = this.#slots.get(address);
    const isFree = !pool.barred.has(address) && !this.#offered.has(address);
    if (slot === undefined && isFree) pool.unused.add(address - pool.range.low);
    else pool.unused.delete(address - pool.range.low);
    if (slot === undefined || slot.queue === this.#ends) return;
    moveTo(slot, isFree ? pool.ended : undefined);
  }

  #fill(pool: AddressPool, barred: ReadonlySet<Ipv4>): void {
    const { range, unused } = pool;
    pool.barred = barred;
    unused.fill();
    for (const address of barred) unused.delete(address - range.low);
    for (const address of this.#offered) {
      if (!rangeContains(range, address)) continue;
      pool.offered += 1;
      unused.delete(address - range.low);
    }
    const take = (address: Ipv4, slot: Slot): void => {
      unused.delete(address - range.low);
      if (slot.queue !== this.#ends) {
        moveTo(slot, barred.has(address) || this.#offered.has(address) ? undefined : pool.ended);
      } else if (slot.lease.state === 'declined') pool.declined += 1;
    };
    if (this.#slots.size < unused.length) {
      for (const [address, slot] of this.#slots) if (rangeContains(range, address)) take(address, slot);
      return;
    }
    for (let member = 0; member < unused.length; member += 1) {
      const address = ipv4(range.low + member);
      const slot = this.#slots.get(address);
      if (slot !== undefined) take(address, slot);
    }
  }

  #bar(pool: AddressPool, barred: ReadonlySet<Ipv4>): void {
    const before = pool.barred;
    pool.barred = barred;
    for (const address of before) if (!barred.has(address)) this.#place(address, pool);
    for (const address of barred) if (!before.has(address)) this.#place(address, pool);
  }

  /** What configuration and region keep from dynamic use, by pool. */
  #barred(served: readonly ServedSubnet[], machines: MachineDirectory): ReadonlyMap<AddressPool, ReadonlySet<Ipv4>> {
    const barred = new Map<AddressPool, Set<Ipv4>>();
    const bar = (address: Ipv4): void => {
      const pool = this.#findPool(address);
      if (pool === undefined) return;
      const poolAddresses = barred.get(pool);
      if (poolAddresses === undefined) barred.set(pool, new Set([address]));
      else poolAddresses.add(address);
    };
    for (const { excluded, reservations, subnet } of served) {
      for (const address of excluded) bar(address);
      for (const address of reservations.byAddress.keys()) bar(address);
      const { static: fixed, dynamic } = subnet;
      if (fixed === undefined || dynamic === undefined) continue;
      // A checked configuration keeps the two apart.
      for (let at = Math.max(fixed.low, dynamic.low); at <= Math.min(fixed.high, dynamic.high); at += 1) bar(ipv4(at));
    }
    for (const { addresses } of machines.all) for (const { address } of addresses) bar(address);
    return barred;
  }
}

function emptyPool({ ended }: AddressPool): void {
  for (let { firstItem } = ended; firstItem !== undefined; firstItem = ended.firstItem) moveTo(firstItem, undefined);
}

/** Moves a slot to a queue, ordered by its record's end, or to none. */
export function moveTo(slot: Slot, queue: DeadlineQueue<Slot> | undefined): void {
  if (slot.queue !== queue) slot.queue?.set(slot, undefined);
  slot.queue = queue;
  queue?.set(slot, slot.lease.expiresAt);
}
