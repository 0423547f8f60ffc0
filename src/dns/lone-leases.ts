// Leases whose name and address nothing else claims: nearly all. Their records are computed on demand.
//
// 1. A name or address here has no other claim anywhere (`names.ts`).

import type { Ipv4 } from '../ground/address.ts';
import type { Claim } from './claims.ts';
import { makeNode, type NameNode } from './name-node.ts';
import { addressRdata, CLASS_IN, nameRdata, TYPE } from './record.ts';
import { parseReverseName, reverseName } from './reverse-name.ts';

export class LoneLeases {
  readonly #byName = new Map<string, Claim>();
  readonly #byAddress = new Map<Ipv4, Claim>();

  ofName(name: string): Claim | undefined {
    return this.#byName.get(name);
  }

  ofAddress(address: Ipv4): Claim | undefined {
    return this.#byAddress.get(address);
  }

  add(claim: Claim): void {
    this.#byName.set(claim.name, claim);
    this.#byAddress.set(claim.address, claim);
  }

  remove(claim: Claim): void {
    this.#byName.delete(claim.name);
    this.#byAddress.delete(claim.address);
  }

  /** Finds a lease's node by name or reverse name. */
  find(name: string): NameNode | undefined {
    const claim = this.#byName.get(name);
    if (claim !== undefined) return forwardNode(claim);
    const reversed = parseReverseName(name);
    const pointed = reversed?.octets === 4 ? this.#byAddress.get(reversed.address) : undefined;
    return pointed === undefined ? undefined : reverseNode(pointed);
  }

  /** Both nodes of each lease, unordered. */
  *nodes(): Generator<NameNode, void> {
    for (const claim of this.#byName.values()) {
      yield forwardNode(claim);
      yield reverseNode(claim);
    }
  }
}

export function forwardNode({ name, address, ttl }: Claim): NameNode {
  return makeNode(name, false, [{ name, type: TYPE.A, class: CLASS_IN, ttl, rdata: addressRdata(address) }]);
}

export function reverseNode({ name: target, address, ttl }: Claim): NameNode {
  const name = reverseName(address);
  return makeNode(name, false, [{ name, type: TYPE.PTR, class: CLASS_IN, ttl, rdata: nameRdata(target) }]);
}
