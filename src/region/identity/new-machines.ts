// Chooses the New machine that a new one replaces when the places for New machines are full: only
// among machines known from reports alone, which no person has added, changed, tagged or accepted.
// Source: RFC 970 (fairness). A machine is proven if a rack vouched for its boot.
//
//   the arrival                          replaces
//   unproven ────────────────────────────► another unproven machine: `findEvictedUnproven`
//   proven ──┬─ unproven machines exist ─► one of them
//            └─ all are proven ──────────► a proven machine: `findEvictedProven`
//
// 1. A proven machine may replace an unproven one, whatever the address of its reports; never the
//    reverse. So a proven arrival always gets a place.
// 2. The places of unproven machines are divided among the networks and addresses of their reports.
// 3. The places of proven machines are divided among networks (a relay agent, a rack). An arrival
//    takes a place from its own network, unless another has at least two more. Within a network, an
//    address has one holder: the machine reported from it last. Earlier machines at that address
//    have given up their lease, and give way first. Among equals, the machine heard longest ago
//    gives way.

import type { Ipv4 } from '../../ground/address.ts';
import { FairShares, type Place, shareNetwork } from '../../net/shares/fair-shares.ts';
import type { UntouchedMachine } from '../records/machine.ts';

/**
 * Bound on the machines examined to find one that gives way, beginning with the one heard longest
 * ago. It limits the time that one report takes. Hosts that enlist machines can reach it.
 */
export const UNTOUCHED_LOOKED_MAX = 4096;
/** An unproven machine that was silent for longer than this gives way to every arrival. */
const UNPROVEN_KEPT_MS = 7 * 86_400_000;

const UNKNOWN = 'unknown';
const PROVEN = 'proven';

interface Arrival {
  readonly address: Ipv4 | undefined;
  readonly isProven: boolean;
}

/**
 * The machine that gives way to an arrival; undefined: none.
 * @param untouched the machines that may give way, the one heard longest ago first
 */
export function findEvicted(
  untouched: readonly UntouchedMachine[],
  arrival: Arrival,
  atMs: number,
): UntouchedMachine | undefined {
  const unproven = untouched.filter(({ isProven }) => !isProven);
  if (unproven.length > 0 || !arrival.isProven) return findEvictedUnproven(unproven, arrival, atMs);
  return findEvictedProven(untouched, arrival.address);
}

function findEvictedUnproven(unproven: readonly UntouchedMachine[], arrival: Arrival, atMs: number) {
  if (unproven.length === 0) return undefined;
  const shares = new FairShares<UntouchedMachine | undefined>({ max: unproven.length });
  for (const machine of unproven) {
    const admission = shares.admit(machine.address ?? UNKNOWN, machine);
    if (admission.kind !== 'admitted') continue;
    const place: Place<UntouchedMachine | undefined> = admission.place;
    shares.touch(place, arrival.isProven || atMs - machine.heardMs > UNPROVEN_KEPT_MS);
  }
  const admission = shares.admit(arrival.isProven ? PROVEN : (arrival.address ?? UNKNOWN), undefined);
  return admission.kind === 'admitted' ? admission.evicted : undefined;
}

/** @param proven the one heard longest ago first */
function findEvictedProven(proven: readonly UntouchedMachine[], address: Ipv4 | undefined) {
  const networks = Map.groupBy(proven, (machine) => networkKey(machine.address));
  const own = networks.get(networkKey(address)) ?? [];
  let from: readonly UntouchedMachine[] = own;
  for (const network of networks.values()) if (network.length > Math.max(from.length, own.length + 1)) from = network;
  if (from.length === 0) from = proven;
  const holders = new Map(from.map((machine) => [machine.address, machine]));
  const isHolder = (machine: UntouchedMachine) =>
    machine.address !== address && holders.get(machine.address) === machine;
  return from.find((machine) => !isHolder(machine)) ?? from[0];
}

const networkKey = (address: Ipv4 | undefined) => (address === undefined ? undefined : shareNetwork(address));
