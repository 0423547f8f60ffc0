// The one rule by which ranges and names of cluster interfaces are proposed, by `rackboot init` and
// `networks add`, on the page and in the API, and by which the region knows the ranges of `init`
// again. Pure.

import {
  computeBroadcastAddress,
  formatIpv4,
  type Ipv4,
  type Ipv4Network,
  type Ipv4Range,
  ipv4,
  networkContains,
  parseIpv4,
  rangeSize,
  rangesOverlap,
} from '../../ground/address.ts';
import { freeParts } from './address-use.ts';

/**
 * The name of a new cluster interface: that of its network interface, as in MAAS, and with a number
 * if it is taken.
 */
export function proposeName(nic: string, taken: ReadonlySet<string>): string {
  // A dot in a key would separate a field.
  const base = nic.replaceAll(/[^\w-]/gu, '-');
  let name = base;
  for (let number = 2; taken.has(name); number += 1) name = `${base}-${number}`;
  return name;
}

/** In addresses. */
const DYNAMIC_ADDRESSES_MAX = 4096;
/** From this size on, the lowest quarter of a free part stays free for hosts that are already there. */
const QUARTERED_FROM = 64;

interface Ranges {
  readonly dynamic: Ipv4Range | undefined;
  readonly fixed: Ipv4Range | undefined;
}

const rangeBetween = (low: number, high: number): Ipv4Range | undefined =>
  low > high ? undefined : { low: ipv4(low), high: ipv4(high) };

/** In the largest free part: its upper half for unknown machines, its lower half for deployed ones. */
function rangesIn(free: readonly Ipv4Range[]): Ranges {
  const largest = findLargest(free);
  if (largest === undefined) return { dynamic: undefined, fixed: undefined };
  const { low, high } = largest;
  const size = rangeSize(largest);
  const start = size >= QUARTERED_FROM ? low + Math.floor(size / 4) : low;
  const middle = start + Math.floor((high - start + 1) / 2);
  return {
    dynamic: rangeBetween(middle, Math.min(high, middle + DYNAMIC_ADDRESSES_MAX - 1)),
    fixed: rangeBetween(start, middle - 1),
  };
}

const findLargest = ([first, ...others]: readonly Ipv4Range[]): Ipv4Range | undefined =>
  first && others.reduce((best, part) => (rangeSize(part) > rangeSize(best) ? part : best), first);

/** What fits into the free parts of a network: the first address for a router, and ranges beside it. */
export function propose(free: readonly Ipv4Range[]): Ranges & { readonly router: Ipv4 | undefined } {
  const router = free[0]?.low;
  const beside = free.flatMap(({ low, high }) => rangeBetween(low === router ? low + 1 : low, high) ?? []);
  return { router, ...rangesIn(beside) };
}

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

const takenIn = ({ address, gateway, network }: InterfaceProposal, router: Ipv4 | undefined): readonly Ipv4Range[] =>
  [address, gateway, router].flatMap((taken) =>
    taken === undefined || !networkContains(network, taken) ? [] : [{ low: taken, high: taken }],
  );

const freeBeside = ({ network }: InterfaceProposal, taken: readonly Ipv4Range[]): readonly Ipv4Range[] =>
  freeParts(
    network,
    taken.toSorted((a, b) => a.low - b.low),
  );

/** What a person has typed so far. */
export type TypedRanges = Readonly<Partial<Record<keyof ProposedRanges, string | undefined>>>;

/** Proposes the limits that the person has not typed, without overlap; empty: none is free. */
export function proposeAlongside(
  place: InterfaceProposal,
  router: Ipv4 | undefined,
  typed: TypedRanges,
): ProposedRanges {
  const of = (field: keyof ProposedRanges): Ipv4 | undefined => parseIpv4(typed[field] ?? '');
  const taken = takenIn(place, router);
  const proposed = rangesIn(freeBeside(place, taken));
  const [low, staticLow] = [of('low'), of('staticLow')];
  const end = low === undefined ? undefined : endOfGap(place, taken, low);
  const high =
    low === undefined || end === undefined ? proposed.dynamic?.high : Math.min(end, low + DYNAMIC_ADDRESSES_MAX - 1);
  const [from, to] = [low ?? proposed.dynamic?.low, of('high') ?? high];
  const dynamic = from === undefined || to === undefined ? undefined : rangeBetween(from, to);
  const rest = [...taken, ...(dynamic === undefined ? [] : [dynamic])];
  const { fixed: first } = proposed;
  const isApart = first === undefined || dynamic === undefined || !rangesOverlap(first, dynamic);
  const fixed = isApart ? first : findLargest(freeBeside(place, rest));
  const staticEnd = staticLow === undefined ? undefined : endOfGap(place, rest, staticLow);
  return {
    low: addressText(proposed.dynamic?.low),
    high: addressText(high),
    staticLow: addressText(fixed?.low),
    staticHigh: addressText(staticEnd ?? fixed?.high),
  };
}

const addressText = (address: number | undefined): string => (address === undefined ? '' : formatIpv4(ipv4(address)));

/** The last address before the next taken one; `undefined`: `address` is not in the network. */
function endOfGap({ network }: InterfaceProposal, taken: readonly Ipv4Range[], address: Ipv4): number | undefined {
  const last = computeBroadcastAddress(network) - 1;
  if (address <= network.address || address > last) return undefined;
  return Math.min(last, ...taken.filter(({ low }) => low > address).map(({ low }) => low - 1));
}

const isSame = (a: Ipv4Range | undefined, b: Ipv4Range | undefined): boolean =>
  a !== undefined && a.low === b?.low && a.high === b.high;

/**
 * The static range that `init` would propose beside a typed dynamic one, where the ranges are those
 * that it proposes by itself. `undefined`: a person chose the dynamic range. @returns `fixed`
 * undefined: the static range stays as it is
 */
export function replaceProposed(
  place: InterfaceProposal,
  router: Ipv4 | undefined,
  { dynamic, fixed }: Ranges,
  wanted: Ipv4Range,
): { readonly fixed: Ipv4Range | undefined } | undefined {
  const proposed = rangesIn(freeBeside(place, takenIn(place, router)));
  if (!isSame(dynamic, proposed.dynamic)) return undefined;
  if (!isSame(fixed, proposed.fixed)) return { fixed: undefined };
  const typed = { low: formatIpv4(wanted.low), high: formatIpv4(wanted.high) };
  const beside = proposeAlongside(place, router, typed);
  const [low, high] = [parseIpv4(beside.staticLow), parseIpv4(beside.staticHigh)];
  return { fixed: low === undefined || high === undefined ? undefined : rangeBetween(low, high) };
}
