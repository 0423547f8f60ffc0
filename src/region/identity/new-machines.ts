// Chooses the New machine that a newcomer replaces when New is full. It is known only from reports: no person made, changed, tagged or
// accepted it. Source: RFC 970 (fairness). A machine is proven if a rack vouched for its boot.
//
//   the newcomer                          replaces
//   unproven ────────────────────────────► another unproven machine: `ofUnproven`
//   proven ──┬─ unproven machines exist ─► one of them
//            └─ all are proven ──────────► a proven machine: `ofProven`
//
// 1. A proven machine replaces an unproven one, whatever the address of its reports, and never the other way round.
// 2. Unproven machines share the places by the network and address of their reports.
// 3. Proven machines share the places by network (a relay agent, a rack). A newcomer takes a place from its own network, unless another
//    has at least two more of them; so it takes none from a network with fewer than its own. Within a network, an address has one holder,
//    the machine reported from it last. Earlier machines at that address have given up their lease, and give way first. Among equals, the
//    one heard longest ago gives way.
// 4. So a proven newcomer is never refused, whichever machines filled the places.

import type { Ipv4 } from '../../net/address.ts';
import { FairShares, networkOf, type Place } from '../../net/shares/fair-shares.ts';
import type { UntouchedMachine } from '../records/machine.ts';

/**
 * Machines examined to find one that gives way, beginning with the one heard longest ago; bounds the time that one report takes. Hosts
 * that enlist machines fill it.
 */
export const UNTOUCHED_LOOKED_MAX = 4096;
/** An unproven machine without a report for this many milliseconds gives way to every newcomer. */
const UNPROVEN_KEPT_MS = 7 * 86_400_000;

/** The names of the shares of machines with an unknown address, and of a proven newcomer. */
const UNKNOWN = 'unknown';
const PROVEN = 'proven';

/** The machine that needs a place. */
interface Newcomer {
  readonly address: Ipv4 | undefined;
  readonly isProven: boolean;
}

/**
 * The machine that gives way to a newcomer; undefined: none.
 * @param untouched the machines that may give way, the one heard longest ago first
 */
export function findEvicted(
  untouched: readonly UntouchedMachine[],
  newcomer: Newcomer,
  atMs: number,
): UntouchedMachine | undefined {
  const unproven = untouched.filter(({ isProven }) => !isProven);
  if (unproven.length > 0 || !newcomer.isProven) return ofUnproven(unproven, newcomer, atMs);
  return ofProven(untouched, newcomer.address);
}

function ofUnproven(
  unproven: readonly UntouchedMachine[],
  newcomer: Newcomer,
  atMs: number,
): UntouchedMachine | undefined {
  if (unproven.length === 0) return undefined;
  const shares = new FairShares<UntouchedMachine | undefined>({ max: unproven.length });
  for (const machine of unproven) {
    const admission = shares.admit(machine.address ?? UNKNOWN, machine);
    if (admission.kind !== 'admitted') continue;
    const place: Place<UntouchedMachine | undefined> = admission.place;
    shares.touch(place, newcomer.isProven || atMs - machine.heardMs > UNPROVEN_KEPT_MS);
  }
  const admission = shares.admit(newcomer.isProven ? PROVEN : (newcomer.address ?? UNKNOWN), undefined);
  return admission.kind === 'admitted' ? admission.evicted : undefined;
}

/** @param proven the one heard longest ago first */
function ofProven(proven: readonly UntouchedMachine[], address: Ipv4 | undefined): UntouchedMachine | undefined {
  const networks = Map.groupBy(proven, (machine) => networkKey(machine.address));
  const own = networks.get(networkKey(address)) ?? [];
  let from: readonly UntouchedMachine[] = own;
  for (const one of networks.values()) if (one.length > Math.max(from.length, own.length + 1)) from = one;
  if (from.length === 0) from = proven;
  const holders = new Map(from.map((machine) => [machine.address, machine]));
  const isHolder = (machine: UntouchedMachine): boolean =>
    machine.address !== address && holders.get(machine.address) === machine;
  return from.find((machine) => !isHolder(machine)) ?? from[0];
}

const networkKey = (address: Ipv4 | undefined): number | undefined =>
  address === undefined ? undefined : networkOf(address);
