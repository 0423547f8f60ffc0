// The ranges that `rackboot init` proposes for a network, and by which the region knows them again. Pure.

import type { Ipv4, Ipv4Network, Ipv4Range } from '../../net/address.ts';
import { broadcastOf, formatIpv4, ipv4, parseIpv4 } from '../../net/address.ts';

export interface InterfaceProposal {
  readonly name: string;
  readonly address: Ipv4;
  readonly network: Ipv4Network;
  /** The default gateway of the host, whether or not it is offered as the router. */
  readonly gateway?: Ipv4 | undefined;
}

interface ProposedRanges {
  readonly low: string;
  readonly high: string;
  readonly staticLow: string;
  readonly staticHigh: string;
}

/** In addresses. */
const DYNAMIC_ADDRESSES_MAX = 4096;

/**
 * In the largest gap between the taken addresses (the rack, its gateway, the router): its upper half for unknown machines, its lower
 * half for deployed ones. In a gap of 64 addresses or more the lowest quarter stays free for hosts that are already
 * there.
 */
function proposeRanges(place: InterfaceProposal, router: Ipv4 | undefined): ProposedRanges {
  const gap = largestGap(place, takenIn(place, router));
  const size = gap.high - gap.low + 1;
  const start = size >= 64 ? gap.low + Math.floor(size / 4) : gap.low;
  const middle = start + Math.floor((gap.high - start + 1) / 2);
  return {
    staticLow: formatIpv4(ipv4(start)),
    staticHigh: formatIpv4(ipv4(middle - 1)),
    low: formatIpv4(ipv4(middle)),
    high: formatIpv4(ipv4(Math.min(gap.high, middle + DYNAMIC_ADDRESSES_MAX - 1))),
  };
}

const takenIn = ({ address, gateway }: InterfaceProposal, router: Ipv4 | undefined): readonly Ipv4[] => [
  address,
  ...(gateway === undefined ? [] : [gateway]),
  ...(router === undefined ? [] : [router]),
];

/** What a person has typed so far. */
export type TypedRanges = Readonly<Partial<Record<keyof ProposedRanges, string | undefined>>>;

/** Proposes the limits that the person has not typed, without overlap. */
export function proposeAlongside(
  place: InterfaceProposal,
  router: Ipv4 | undefined,
  typed: TypedRanges,
): ProposedRanges {
  const proposed = proposeRanges(place, router);
  const of = (field: keyof ProposedRanges): Ipv4 | undefined => parseIpv4(typed[field] ?? '');
  const taken: readonly number[] = takenIn(place, router);
  const [low, staticLow] = [of('low'), of('staticLow')];
  const end = low === undefined ? undefined : endOfGap(place, taken, low);
  const high =
    low === undefined || end === undefined
      ? proposed.high
      : formatIpv4(ipv4(Math.min(end, low + DYNAMIC_ADDRESSES_MAX - 1)));
  const [from, to] = [low ?? parseIpv4(proposed.low), of('high') ?? parseIpv4(high)];
  const [first, last] = [parseIpv4(proposed.staticLow), parseIpv4(proposed.staticHigh)];
  if (from === undefined || to === undefined || first === undefined || last === undefined) return { ...proposed, high };
  const isApart = last < from || first > to;
  const gap = isApart ? { low: first, high: last } : largestGap(place, [...taken, from, to], { from, to });
  const staticEnd = staticLow === undefined ? gap.high : (endOfGap(place, [...taken, from], staticLow) ?? gap.high);
  return { ...proposed, high, staticLow: formatIpv4(ipv4(gap.low)), staticHigh: formatIpv4(ipv4(staticEnd)) };
}

/** The last address before the next taken one; undefined: `address` is not in the network. */
function endOfGap({ network }: InterfaceProposal, taken: readonly number[], address: Ipv4): number | undefined {
  const last = broadcastOf(network) - 1;
  if (address <= network.address || address > last) return undefined;
  return Math.min(last, ...taken.filter((one) => one > address).map((one) => one - 1));
}

/** The largest gap between taken addresses outside `range`. */
function largestGap(
  { network }: InterfaceProposal,
  taken: readonly number[],
  range?: { readonly from: Ipv4; readonly to: Ipv4 },
): { readonly low: number; readonly high: number } {
  const end = broadcastOf(network);
  let from: number = network.address + 1;
  let gap = { low: from, high: from - 1 };
  const within = taken.filter((address) => address >= from && address < end);
  for (const address of [...within.toSorted((a, b) => a - b), end]) {
    const isOutside = range === undefined || from < range.from || from > range.to;
    if (isOutside && address - from > gap.high - gap.low + 1) gap = { low: from, high: address - 1 };
    from = address + 1;
  }
  return gap;
}

/** The ranges that stand in a network. */
interface Ranges {
  readonly dynamic: Ipv4Range | undefined;
  readonly fixed: Ipv4Range | undefined;
}

const isSpan = (one: Ipv4Range | undefined, low: string, high: string): boolean =>
  one !== undefined && formatIpv4(one.low) === low && formatIpv4(one.high) === high;

/**
 * The static range that `init` would propose beside a typed dynamic one, where the ranges are those that it proposes by itself.
 * `undefined`: a person chose the dynamic range. @returns `fixed` undefined: the static range stays as it is
 */
export function replaceProposed(
  place: InterfaceProposal,
  router: Ipv4 | undefined,
  { dynamic, fixed }: Ranges,
  wanted: Ipv4Range,
): { readonly fixed: Ipv4Range | undefined } | undefined {
  const proposed = proposeRanges(place, router);
  if (!isSpan(dynamic, proposed.low, proposed.high)) return undefined;
  if (!isSpan(fixed, proposed.staticLow, proposed.staticHigh)) return { fixed: undefined };
  const typed = { low: formatIpv4(wanted.low), high: formatIpv4(wanted.high) };
  const beside = proposeAlongside(place, router, typed);
  const [low, high] = [parseIpv4(beside.staticLow), parseIpv4(beside.staticHigh)];
  return { fixed: low === undefined || high === undefined || low > high ? undefined : { low, high } };
}
