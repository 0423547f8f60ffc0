// Decides how far to believe a last holder that answers for its address after its lease has ended.
// Firmware loads on after its short lease, so its address must stay. But a host can answer in the
// name of any hardware address it has heard.
//
//   an address is needed ─ its last holder answers ─┬─ kept, for HOLDER_MS_MAX after the first answer
//                                                   ├─ `stranger` after that: it continued using the address and asked for nothing
//                                                   └─ `disbelieved`: the network already keeps as many addresses this way as it may
//
// 1. A DHCP message of the holder, or a lease, resets this.
// 2. Within REMEMBERED_MS, last holders keep at most the caller's share of a range.

import type { Ipv4, MacAddress } from '../../ground/address.ts';
import { type Instant, later } from '../../ground/clock.ts';
import type { Lease } from '../leases/lease.ts';
import { isLastHolder } from '../leases/set-aside.ts';

/** How long answers keep an address without a DHCP message, in milliseconds. */
export const HOLDER_MS_MAX = 300_000;
/** How long a kept address counts, in milliseconds. */
const REMEMBERED_MS = 3_600_000;

type AnswerVerdict = 'holder' | 'stranger' | 'disbelieved';

interface KeptAddress {
  readonly mac: MacAddress;
  readonly since: Instant;
}

export class LastHolders {
  /** By network, the longest kept first. */
  readonly #kept = new Map<string, Map<Ipv4, KeptAddress>>();

  /** Reading it changes nothing. */
  isHolder(network: string, record: Lease | undefined, user: MacAddress, now: Instant): record is Lease {
    if (!isLastHolder(record, user)) return false;
    const since = this.#since(network, record, now);
    return since === undefined || later(since, HOLDER_MS_MAX) > now;
  }

  /** Decides whether the address is kept for `user`, and notes it; `max` limits those of the network. */
  judge(network: string, record: Lease | undefined, user: MacAddress, max: number, now: Instant): AnswerVerdict {
    if (!this.isHolder(network, record, user, now)) return 'stranger';
    if (this.#since(network, record, now) !== undefined) return 'holder';
    const holders = this.#kept.get(network) ?? new Map<Ipv4, KeptAddress>();
    this.#kept.set(network, holders);
    for (const [address, { since }] of holders) {
      if (later(since, REMEMBERED_MS) > now) break;
      holders.delete(address);
    }
    holders.delete(record.address);
    if (holders.size >= max) return 'disbelieved';
    holders.set(record.address, { mac: user, since: now });
    return 'holder';
  }

  /** How many addresses were kept within REMEMBERED_MS. */
  count(network: string): number {
    return this.#kept.get(network)?.size ?? 0;
  }

  /** Notes a DHCP message: earlier answers no longer count. */
  heard(network: string, address: Ipv4, mac: MacAddress): void {
    const holders = this.#kept.get(network);
    if (holders?.get(address)?.mac === mac) holders.delete(address);
  }

  keepOnly(networks: ReadonlySet<string>): void {
    for (const network of [...this.#kept.keys()]) if (!networks.has(network)) this.#kept.delete(network);
  }

  /** Since when the holder has answered without asking; undefined: it has not. */
  #since(network: string, { address, mac, grantedAt }: Lease, now: Instant): Instant | undefined {
    const holder = this.#kept.get(network)?.get(address);
    if (holder === undefined || holder.mac !== mac || grantedAt > holder.since) return undefined;
    return later(holder.since, REMEMBERED_MS) > now ? holder.since : undefined;
  }
}
