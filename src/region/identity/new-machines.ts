// Who gives way when as many machines are New as may be: never one that a person made, changed, tagged or accepted, but one that is known by
// a report alone. Source: RFC 970 (fairness).
//
//   the newcomer                                      who gives way
//   no rack vouches for its boot ────────────────────► another such one: `ofStrangers`
//   its boot is proven ──┬─ there are such ones ─────► one of them
//                        └─ all others are proven ───► one of those: `ofProven`
//
// 1. A machine whose boot is proven takes the place of one whose boot is not, whoever reported it, and never the other way round.
// 2. Strangers share the places out by network and address that they reported from.
// 3. Proven machines share them out by network (a relay agent, a rack): a newcomer takes none from a network with fewer of them than its own.
//    Within the network an address has one holder: who was reported from it before somebody else was has given up its lease, and gives way
//    first. Among equals the one gives way that was not heard of for longest.
// 4. So a proven newcomer is never refused, whoever filled the places.

import { FairShares, networkOf, type Place } from '../../fair-shares.ts';
import type { Ipv4 } from '../../net/address.ts';
import type { UntouchedMachine } from '../records/machine.ts';

/**
 * Machines that are looked at for one that gives way, those heard longest ago: bounds the time of one report. Whoever enlists
 * machines fills it.
 */
export const UNTOUCHED_LOOKED_MAX = 4096;
/** A stranger that did not report for so long gives way to anybody, in milliseconds. */
export const UNPROVEN_KEPT_MS = 7 * 86_400_000;

/** Under these names those count whose address nobody knows, and one whose boot is proven. */
const UNKNOWN = 'unknown';
const PROVEN = 'proven';

/** What is known of the machine that asks for a place. */
export interface Newcomer {
  readonly address: Ipv4 | undefined;
  readonly isProven: boolean;
}

/**
 * The machine that gives way to a new one; undefined: none does.
 * @param untouched those heard longest ago first
 */
export function whoGivesWay(
  untouched: readonly UntouchedMachine[],
  newcomer: Newcomer,
  atMs: number,
): UntouchedMachine | undefined {
  const strangers = untouched.filter(({ isProven }) => !isProven);
  if (strangers.length > 0 || !newcomer.isProven) return ofStrangers(strangers, newcomer, atMs);
  return ofProven(untouched, newcomer.address);
}

function ofStrangers(
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

/** @param proven those heard longest ago first */
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
