// Finds the addresses with records of a client, or of a network card, for the lease table.
//
// 1. Per client, the index remembers a bounded number of addresses, so that a look-up stays cheap. A forgotten address is no longer its
//    client's first choice, but its lease stays.

import type { Instant } from '../../clock.ts';
import type { Ipv4 } from '../../net/address.ts';
import type { ClientIdentity } from '../networks/client-identity.ts';
import { NumberTable } from './number-table.ts';

/** Ended addresses remembered for one client. Older ones stop being its first choice; the lease stays. */
export const ADDRESSES_PER_CLIENT_MAX = 8;
/**
 * Addresses of running leases remembered for one client. A client has one per network. While identifiers do not count, and before the
 * networks are known, leases under many identifiers belong to one hardware address.
 */
export const RUNNING_PER_CLIENT_MAX = 64;

const NONE: readonly Ipv4[] = [];

/** Addresses by client, the most recently added last. */
export class ClientIndex {
  readonly #runs: (address: Ipv4, now: Instant) => boolean;
  readonly #byMac = new NumberTable<Ipv4 | readonly Ipv4[]>();
  readonly #byIdentifier = new Map<string, Ipv4 | readonly Ipv4[]>();
  /** The last client looked up and its addresses; cleared by every change. */
  #asked: { readonly client: ClientIdentity; readonly addresses: readonly Ipv4[] } | undefined;

  /** @param runs whether the lease of an address is running */
  constructor(runs: (address: Ipv4, now: Instant) => boolean) {
    this.#runs = runs;
  }

  addressesOf(client: ClientIdentity): readonly Ipv4[] {
    // One message looks up the same client several times, and with a hundred thousand clients each look-up misses the processor's cache.
    if (this.#asked?.client === client) return this.#asked.addresses;
    const known = typeof client === 'number' ? this.#byMac.get(client) : this.#byIdentifier.get(client);
    const addresses = known === undefined ? NONE : typeof known === 'number' ? [known] : known;
    this.#asked = { client, addresses };
    return addresses;
  }

  link(client: ClientIdentity, address: Ipv4, now: Instant): void {
    const known = this.addressesOf(client);
    if (known.includes(address)) return;
    const ended = known.length >= ADDRESSES_PER_CLIENT_MAX && known.find((other) => !this.#runs(other, now));
    const forgotten = ended || (known.length >= RUNNING_PER_CLIENT_MAX ? known[0] : undefined);
    const kept = forgotten === undefined ? known : known.filter((other) => other !== forgotten);
    this.#asked = undefined;
    this.#set(client, kept.length === 0 ? address : [...kept, address]);
  }

  unlink(client: ClientIdentity, address: Ipv4): void {
    const kept = this.addressesOf(client).filter((other) => other !== address);
    const [first] = kept;
    this.#asked = undefined;
    if (first !== undefined) this.#set(client, kept.length === 1 ? first : kept);
    else if (typeof client === 'number') this.#byMac.delete(client);
    else this.#byIdentifier.delete(client);
  }

  clear(): void {
    this.#asked = undefined;
    this.#byMac.clear();
    this.#byIdentifier.clear();
  }

  #set(client: ClientIdentity, addresses: Ipv4 | readonly Ipv4[]): void {
    if (typeof client === 'number') this.#byMac.set(client, addresses);
    else this.#byIdentifier.set(client, addresses);
  }
}
