// Decides how long, and for how many addresses, the rack believes last holders that answer for their addresses after their leases have
// ended. Firmware gets a short lease and continues loading after it ends, so its address must not go to another machine meanwhile. But a
// host that has heard the hardware addresses of a shared network can answer in the name of each.
//
//   an address is needed ─ its last holder answers ─┬─ kept, for HOLDER_MS_MAX after the first answer
//                                                   ├─ `stranger` after that: it continued using the address and asked for nothing
//                                                   └─ `disbelieved`: the network already keeps as many addresses this way as it may
//
// 1. A DHCP message of the holder, or a lease, resets this: a client that renews late is treated like any other.
// 2. Within REMEMBERED_MS, answers of last holders keep at most a share of a range, which the caller sets.

import { type Instant, later } from '../../clock.ts';
import type { Ipv4, MacAddress } from '../../net/address.ts';
import type { Lease } from '../leases/lease.ts';
import { isLastHolder } from '../leases/set-aside.ts';

/** How long a last holder's answers keep its address without a DHCP message from it, in milliseconds. */
export const HOLDER_MS_MAX = 300_000;
/** How long a kept address counts towards the share, in milliseconds. */
const REMEMBERED_MS = 3_600_000;

/** The meaning of an answer. */
type AnswerVerdict = 'holder' | 'stranger' | 'disbelieved';

interface Kept {
  readonly mac: MacAddress;
  /** When it first answered. */
  readonly since: Instant;
}

/** The addresses kept for last holders that answer. */
export class LastHolders {
  /** By network; the longest kept first. */
  readonly #kept = new Map<string, Map<Ipv4, Kept>>();

  /** True if the answer comes from the last holder. Reading it changes nothing. */
  isHolder(network: string, record: Lease | undefined, user: MacAddress, now: Instant): record is Lease {
    if (!isLastHolder(record, user)) return false;
    const since = this.#since(network, record, now);
    return since === undefined || later(since, HOLDER_MS_MAX) > now;
  }

  /** Decides whether the address is kept for `user`, and notes it. `max` limits the kept addresses of the network. */
  judge(network: string, record: Lease | undefined, user: MacAddress, max: number, now: Instant): AnswerVerdict {
    if (!this.isHolder(network, record, user, now)) return 'stranger';
    if (this.#since(network, record, now) !== undefined) return 'holder';
    const kept = this.#kept.get(network) ?? new Map<Ipv4, Kept>();
    this.#kept.set(network, kept);
    for (const [address, { since }] of kept) {
      if (later(since, REMEMBERED_MS) > now) break;
      kept.delete(address);
    }
    kept.delete(record.address);
    if (kept.size >= max) return 'disbelieved';
    kept.set(record.address, { mac: user, since: now });
    return 'holder';
  }

  /** How many addresses of a network are kept, or were within the last hour. */
  count(network: string): number {
    return this.#kept.get(network)?.size ?? 0;
  }

  /** Notes a DHCP message of the client: earlier answers no longer count against it. */
  heard(network: string, address: Ipv4, mac: MacAddress): void {
    const kept = this.#kept.get(network);
    if (kept?.get(address)?.mac === mac) kept.delete(address);
  }

  /** Forgets all networks but these. */
  keepOnly(networks: ReadonlySet<string>): void {
    for (const network of [...this.#kept.keys()]) if (!networks.has(network)) this.#kept.delete(network);
  }

  /** Since when the holder of a record has answered without asking for anything; undefined: it has not answered. */
  #since(network: string, { address, mac, grantedAt }: Lease, now: Instant): Instant | undefined {
    const kept = this.#kept.get(network)?.get(address);
    if (kept === undefined || kept.mac !== mac || grantedAt > kept.since) return undefined;
    return later(kept.since, REMEMBERED_MS) > now ? kept.since : undefined;
  }
}
