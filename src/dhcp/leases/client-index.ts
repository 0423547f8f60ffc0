// Finds a client's or a network card's addresses with records.
//
// 1. The index remembers a bounded number per client. A forgotten address is no longer its first
//    choice, but its lease stays.

import type { Ipv4 } from '../../ground/address.ts';
import type { Instant } from '../../ground/clock.ts';
import type { ClientIdentity } from '../networks/client-identity.ts';
import { NumberTable } from './number-table.ts';

/** Ended addresses per client; older ones stop being its first choice. */
export const ADDRESSES_PER_CLIENT_MAX = 8;
/**
 * Running leases per client: one a network, but more while many identifiers count as one hardware
 * address.
 */
export const RUNNING_PER_CLIENT_MAX = 64;

const NONE: readonly Ipv4[] = [];

/** The most recently added last. */
export class ClientIndex {
  readonly #runs: (address: Ipv4, now: Instant) => boolean;
  readonly #byMac = new NumberTable<Ipv4 | readonly Ipv4[]>();
  readonly #byIdentifier = new Map<string, Ipv4 | readonly Ipv4[]>();
  /** The last look-up; cleared by every change. */
  #asked: { readonly client: ClientIdentity; readonly addresses: readonly Ipv4[] } | undefined;

  constructor(runs: (address: Ipv4, now: Instant) => boolean) {
    this.#runs = runs;
  }

  findAddresses(client: ClientIdentity): readonly Ipv4[] {
    // One message looks up the same client several times, and each misses the processor's cache.
    if (this.#asked?.client === client) return this.#asked.addresses;
    const entry = typeof client === 'number' ? this.#byMac.get(client) : this.#byIdentifier.get(client);
    const addresses = entry === undefined ? NONE : typeof entry === 'number' ? [entry] : entry;
    this.#asked = { client, addresses };
    return addresses;
  }

  link(client: ClientIdentity, address: Ipv4, now: Instant): void {
    const addresses = this.findAddresses(client);
    if (addresses.includes(address)) return;
    const ended = addresses.length >= ADDRESSES_PER_CLIENT_MAX && addresses.find((other) => !this.#runs(other, now));
    const forgotten = ended || (addresses.length >= RUNNING_PER_CLIENT_MAX ? addresses[0] : undefined);
    const remaining = forgotten === undefined ? addresses : addresses.filter((other) => other !== forgotten);
    this.#asked = undefined;
    this.#set(client, remaining.length === 0 ? address : [...remaining, address]);
  }

  unlink(client: ClientIdentity, address: Ipv4): void {
    const remaining = this.findAddresses(client).filter((other) => other !== address);
    const [first] = remaining;
    this.#asked = undefined;
    if (first !== undefined) this.#set(client, remaining.length === 1 ? first : remaining);
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
