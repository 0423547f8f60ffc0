// Who gives way when as many machines are New as may be: never one that somebody accepted or made, nor one for whose boot a rack
// vouched, but one that is known by a stranger's word alone. Source: RFC 970 (fairness).
//
// 1. A machine whose boot is proven takes the place of one whose boot is not, whoever reported it.
// 2. Among strangers the places are shared out by the address, and network, that they reported from.

import { FairShares, type Place } from '../../fair-shares.ts';
import type { Ipv4 } from '../../net/address.ts';
import type { UnprovenMachine } from '../records/machine.ts';

/**
 * Machines that are looked at for one that gives way, those heard longest ago: bounds the time of one report. Whoever enlists by a
 * stranger's word fills it.
 */
export const UNPROVEN_LOOKED_MAX = 4096;
/** One that did not report for so long gives way to anybody, in milliseconds. */
export const UNPROVEN_KEPT_MS = 7 * 86_400_000;

/** Under these names those count whose address nobody knows, and one whose boot is proven. */
const UNKNOWN = 'unknown';
const PROVEN = 'proven';

/**
 * The machine that gives way to a new one; undefined: none does.
 * @param unproven those heard longest ago first
 */
export function whoGivesWay(
  unproven: readonly UnprovenMachine[],
  newcomer: { readonly address: Ipv4 | undefined; readonly isProven: boolean },
  atMs: number,
): UnprovenMachine | undefined {
  if (unproven.length === 0) return undefined;
  const shares = new FairShares<UnprovenMachine | undefined>({ max: unproven.length });
  for (const machine of unproven) {
    const admission = shares.admit(machine.address ?? UNKNOWN, machine);
    if (admission.kind !== 'admitted') continue;
    const place: Place<UnprovenMachine | undefined> = admission.place;
    shares.touch(place, newcomer.isProven || atMs - machine.heardMs > UNPROVEN_KEPT_MS);
  }
  const admission = shares.admit(newcomer.isProven ? PROVEN : (newcomer.address ?? UNKNOWN), undefined);
  return admission.kind === 'admitted' ? admission.evicted : undefined;
}
