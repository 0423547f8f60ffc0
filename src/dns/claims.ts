// Resolves conflicting claims to names. Machines, reservations, leases and the configuration may
// disagree, and each may go at any time.
//
// 1. A name belongs to the highest-ranked owner that claims it: configuration, rack, machine,
//    reservation, lease. All of its claims count together (a machine with two addresses). Among
//    leases the first client wins, with its newest lease.
// 2. A lease names an address only while no rack, machine or reservation does: a client's hostname
//    never appears beside the operator's.
// 3. The winners follow from the claims alone: removing one promotes the next.

import type { Ipv4, MacAddress } from '../ground/address.ts';

export type ClaimOwner = 'configured' | 'rack' | 'machine' | 'reservation' | 'lease';

/** One claim; compared by identity. */
export interface Claim {
  readonly owner: ClaimOwner;
  readonly name: string;
  readonly address: Ipv4;
  readonly ttl: number;
  /** False if reverse look-ups must not return this name (the rack's other domains, a zone's apex). */
  readonly reverse: boolean;
  /** The client of a lease. */
  readonly mac: MacAddress | undefined;
}

/** Leases waiting for one name; further clients have none until they renew. */
export const LEASE_CLAIMS_PER_NAME_MAX = 16;

const NAME_RANK: Readonly<Record<ClaimOwner, number>> = {
  configured: 5,
  rack: 4,
  machine: 3,
  reservation: 2,
  lease: 1,
};
/**
 * Ranks names for reverse look-ups: a configured A record is most often a second name (`www`), so
 * only leases rank below it. A configured PTR record is not a claim and overrides all.
 */
const ADDRESS_RANK: Readonly<Record<ClaimOwner, number>> = {
  rack: 5,
  machine: 4,
  reservation: 3,
  configured: 2,
  lease: 1,
};

const NONE: readonly Claim[] = [];

export class ClaimTable {
  readonly #byName = new Map<string, readonly Claim[]>();
  readonly #byAddress = new Map<Ipv4, readonly Claim[]>();

  /** False if too many leases wait for its name. */
  add(claim: Claim): boolean {
    if (claim.owner === 'lease' && this.isFull(claim.name)) return false;
    this.#byName.set(claim.name, [...this.ofName(claim.name), claim]);
    this.#byAddress.set(claim.address, [...this.ofAddress(claim.address), claim]);
    return true;
  }

  /** True if no further lease can wait. */
  isFull(name: string): boolean {
    return this.ofName(name).length >= LEASE_CLAIMS_PER_NAME_MAX;
  }

  remove(claim: Claim): void {
    removeClaim(this.#byName, claim.name, claim);
    removeClaim(this.#byAddress, claim.address, claim);
  }

  ofName(name: string): readonly Claim[] {
    return this.#byName.get(name) ?? NONE;
  }

  ofAddress(address: Ipv4): readonly Claim[] {
    return this.#byAddress.get(address) ?? NONE;
  }

  /** The claims that win: all of one owner, or none. */
  winners(name: string): readonly Claim[] {
    const claims = this.ofName(name);
    let best: Claim | undefined;
    for (const claim of claims) {
      if (claim.owner === 'lease' && this.#isNamedByOperator(claim.address)) continue;
      // The first client keeps the name when it roams.
      const roamed = claim.owner === 'lease' && best?.owner === 'lease' && best.mac === claim.mac;
      if (best === undefined || roamed || NAME_RANK[claim.owner] > NAME_RANK[best.owner]) best = claim;
    }
    if (best === undefined) return NONE;
    if (best.owner === 'lease') return [best];
    const owner = best.owner;
    return claims.every((claim) => claim.owner === owner) ? claims : claims.filter((claim) => claim.owner === owner);
  }

  /** The claim whose name a reverse look-up returns. @param hasItsName whether a claim won its name */
  pointer(address: Ipv4, hasItsName: (claim: Claim) => boolean): Claim | undefined {
    let best: Claim | undefined;
    for (const claim of this.ofAddress(address)) {
      if (!claim.reverse || (best !== undefined && ADDRESS_RANK[claim.owner] <= ADDRESS_RANK[best.owner])) continue;
      if (hasItsName(claim)) best = claim;
    }
    return best;
  }

  #isNamedByOperator(address: Ipv4): boolean {
    return this.ofAddress(address).some((claim) => claim.owner !== 'lease' && claim.owner !== 'configured');
  }
}

function removeClaim<K>(map: Map<K, readonly Claim[]>, key: K, claim: Claim): void {
  const rest = (map.get(key) ?? NONE).filter((other) => other !== claim);
  if (rest.length === 0) map.delete(key);
  else map.set(key, rest);
}
