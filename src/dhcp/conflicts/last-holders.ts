// Last holders of addresses that answer for them although their leases have ended: how long, and of how many addresses, they are believed.
// Firmware gets a short lease and loads on after its end, so its address must not go to another machine meanwhile. But whoever has heard the
// hardware addresses of a wire can answer in all their names.
//
//   an address is needed ─ its last holder answers ─┬─ kept, for HOLDER_MS_MAX after the first answer
//                                                   ├─ `stranger` after that: it used the address on and asked for nothing
//                                                   └─ `disbelieved`: as many addresses of the network as may be are kept so
//
// 1. A DHCP message of the holder, or a lease, begins anew: who renews in the end is a client like others.
// 2. Within REMEMBERED_MS the answers of last holders keep a bounded share of a range, which the caller names.

import { type Instant, later } from '../../clock.ts';
import type { Ipv4, MacAddress } from '../../net/address.ts';
import type { Lease } from '../leases/lease.ts';
import { isLastHolder } from '../leases/set-aside.ts';

/** How long the answers of a last holder keep its address for it without a DHCP message of its, in milliseconds. */
export const HOLDER_MS_MAX = 300_000;
/** How long an address that was kept counts, in milliseconds. */
const REMEMBERED_MS = 3_600_000;

/** What is to be made of somebody's answer. */
export type AnswerVerdict = 'holder' | 'stranger' | 'disbelieved';

interface Kept {
  readonly mac: MacAddress;
  /** When it answered first. */
  readonly since: Instant;
}

/** The addresses that are kept for those who answer for them. */
export class LastHolders {
  /** By network; the longest first. */
  readonly #kept = new Map<string, Map<Ipv4, Kept>>();

  /** Whose answer it is. Asking changes nothing. */
  isHolder(network: string, record: Lease | undefined, user: MacAddress, now: Instant): record is Lease {
    if (!isLastHolder(record, user)) return false;
    const since = this.#since(network, record, now);
    return since === undefined || later(since, HOLDER_MS_MAX) > now;
  }

  /** Whether the address is kept for `user`, which is noted. `max`: as many addresses of the network may be. */
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

  /** The client asked for an address: what counted against it as that address's holder counts no more. */
  heard(network: string, address: Ipv4, mac: MacAddress): void {
    const kept = this.#kept.get(network);
    if (kept?.get(address)?.mac === mac) kept.delete(address);
  }

  /** Forgets all networks but these. */
  keepOnly(networks: ReadonlySet<string>): void {
    for (const network of [...this.#kept.keys()]) if (!networks.has(network)) this.#kept.delete(network);
  }

  /** Since when the holder of a record answers without having asked for anything; undefined: it has not answered. */
  #since(network: string, { address, mac, grantedAt }: Lease, now: Instant): Instant | undefined {
    const kept = this.#kept.get(network)?.get(address);
    if (kept === undefined || kept.mac !== mac || grantedAt > kept.since) return undefined;
    return later(kept.since, REMEMBERED_MS) > now ? kept.since : undefined;
  }
}
