// Finds the used addresses of a subnet with their purposes, and the free rest. Pure.
//
//   owners (`address-owners.ts`) ─► parts with all their purposes ─► the rest is free
//
// Sources: MAAS API 2.0, `subnets/<id>/?op=reserved_ip_ranges`, `unreserved_ip_ranges` and
// `statistics`, with its names of purposes.
//
// 1. Parts are in order and disjoint; neighbouring addresses with the same purposes are one part.
//    The network address and the broadcast address belong to no part.
// 2. The static range counts as free, because machines get their addresses from it.

import {
  computeBroadcastAddress,
  formatIpv4,
  type Ipv4,
  type Ipv4Network,
  type Ipv4Range,
  ipv4,
  rangeSize,
  rangesOverlap,
} from '../../ground/address.ts';
import { isHeldRange, type NetworkRecords, RESERVED_PER_USER_MAX } from '../records/network-store.ts';
import { fieldRefusal, type RefusalWord } from '../records/refusal.ts';
import { indexOwners, type Owner, type OwnerKind, ownersUsing, type StoredUse } from './address-owners.ts';
import type { NetworkView, SubnetView } from './network-view.ts';

const PURPOSES = ['reserved', 'dynamic', 'gateway-ip', 'dns-server', 'rack', 'assigned-ip'] as const;
type Purpose = (typeof PURPOSES)[number];

export interface UsedPart extends Ipv4Range {
  readonly purposes: readonly Purpose[];
}

interface Use extends Ipv4Range {
  readonly purpose: Purpose;
}

/** The most addresses of machines that count as used in one subnet; further ones count as free. */
export const USED_MAX = 65_536;

/** The first and the last address that hosts can have (RFC 3021 for /31). */
export function hostRange(network: Ipv4Network): Ipv4Range {
  const last = computeBroadcastAddress(network);
  return network.prefix >= 31
    ? { low: network.address, high: last }
    : { low: ipv4(network.address + 1), high: ipv4(last - 1) };
}

const PURPOSE_OF: Readonly<Partial<Record<OwnerKind, Purpose>>> = {
  rack: 'rack',
  'rack-host': 'rack',
  router: 'gateway-ip',
  route: 'gateway-ip',
  'dns-server': 'dns-server',
  machine: 'assigned-ip',
  configured: 'assigned-ip',
  reserved: 'assigned-ip',
  name: 'assigned-ip',
  seen: 'assigned-ip',
  dynamic: 'dynamic',
  'reserved-range': 'reserved',
};

/** In the order of the API. */
export function listPurposes(owners: readonly Owner[]): readonly Purpose[] {
  const purposes = new Set(owners.map(({ kind }) => PURPOSE_OF[kind]));
  return PURPOSES.filter((purpose) => purposes.has(purpose));
}

/** The used parts of a subnet. @param use the addresses of machines in it */
export function usedParts(view: NetworkView, { network }: SubnetView, use: StoredUse): readonly UsedPart[] {
  const within = hostRange(network);
  const uses = [...indexOwners(view).within(within), ...ownersUsing(use)].flatMap(({ kind, low, high }) => {
    const purpose = PURPOSE_OF[kind];
    return purpose === undefined ? [] : [{ low, high, purpose }];
  });
  return divideUses(uses, within);
}

function divideUses(uses: readonly Use[], within: Ipv4Range): readonly UsedPart[] {
  const inside = uses
    .map((use) => ({ ...use, low: Math.max(use.low, within.low), high: Math.min(use.high, within.high) }))
    .filter(({ low, high }) => low <= high);
  const steps = inside
    .flatMap(({ low, high, purpose }) => [
      { at: low, purpose, by: 1 },
      { at: high + 1, purpose, by: -1 },
    ])
    .sort((a, b) => a.at - b.at);
  const open = new Map<Purpose, number>();
  const parts: { low: number; high: number; purposes: readonly Purpose[] }[] = [];
  for (const [index, { at, purpose, by }] of steps.entries()) {
    open.set(purpose, (open.get(purpose) ?? 0) + by);
    const next = steps[index + 1]?.at;
    if (next === undefined || next === at) continue;
    const purposes = PURPOSES.filter((each) => (open.get(each) ?? 0) > 0);
    if (purposes.length === 0) continue;
    const last = parts.at(-1);
    if (last !== undefined && last.high === at - 1 && last.purposes.join() === purposes.join()) last.high = next - 1;
    else parts.push({ low: at, high: next - 1, purposes });
  }
  return parts.map(({ low, high, purposes }) => ({ low: ipv4(low), high: ipv4(high), purposes }));
}

/** @param used by their first addresses */
export function freeParts(network: Ipv4Network, used: readonly Ipv4Range[]): readonly Ipv4Range[] {
  const { low, high } = hostRange(network);
  const free: Ipv4Range[] = [];
  let next: number = low;
  for (const part of used) {
    if (part.low > next) free.push({ low: ipv4(next), high: ipv4(part.low - 1) });
    next = Math.max(next, part.high + 1);
  }
  if (next <= high) free.push({ low: ipv4(next), high });
  return free;
}

const NAMED_MAX = 8;

type Reserving = Pick<NetworkRecords, 'ranges' | 'reserved' | 'linked'>;
interface Held extends Ipv4Range {
  /** `undefined`: it is the address of a link. */
  readonly id?: number;
  readonly username: string;
  readonly device?: string;
}

function heldRanges({ ranges, reserved, linked }: Reserving): readonly Held[] {
  const addresses = new Set(reserved.map(({ address }) => address));
  return [
    ...ranges.filter(isHeldRange).filter(({ kind }) => kind === 'reserved'),
    ...reserved.map(({ id, address, username }) => ({ id, low: address, high: address, username })),
    ...linked
      .filter(({ address }) => !addresses.has(address))
      .map(({ address, username, device }) => ({ low: address, high: address, username, device })),
  ];
}

/** A range as people read it. */
export const spanText = ({ low, high }: Ipv4Range): string => `${formatIpv4(low)} to ${formatIpv4(high)}`;

export function reservedText(records: Reserving, within: readonly Ipv4Range[]): string {
  const texts = heldRanges(records)
    .filter((held) => within.some((range) => rangesOverlap(range, held)))
    .sort((a, b) => rangeSize(b) - rangeSize(a) || a.low - b.low)
    .slice(0, NAMED_MAX)
    .map(({ low, high, username, device }) => {
      const did = device === undefined ? 'reserved' : `linked the device ${device} with`;
      return `${username} has ${did} ${low === high ? formatIpv4(low) : spanText({ low, high })}`;
    });
  return texts.length === 0 ? '' : ` (${texts.join(', ')})`;
}

/**
 * Why a user who is not an administrator may not reserve these addresses, or link them with a
 * device; `undefined`: they may. Static ranges are for machines.
 * @param released how many addresses are released, but not free yet
 * @param except the id of a reservation that does not count
 */
export function refuseHolding(
  { records }: NetworkView,
  subnet: SubnetView,
  wanted: Ipv4Range,
  username: string,
  released = 0,
  except?: number,
): RefusalWord | undefined {
  const fixed = subnet.served.flatMap((service) => service.fixed ?? []).find((range) => rangesOverlap(range, wanted));
  if (fixed !== undefined)
    return fieldRefusal(
      `Only an administrator may reserve addresses of the static range ${spanText(fixed)}, or link a device with one: machines get theirs from it. Choose addresses outside it.`,
    );
  const own = heldRanges(records).filter(
    (held) => held.username === username && (except === undefined || held.id !== except),
  );
  const count = own.reduce((sum, held) => sum + rangeSize(held), released) + rangeSize(wanted);
  return count > RESERVED_PER_USER_MAX
    ? fieldRefusal(
        `A user may reserve, and link with devices, at most ${RESERVED_PER_USER_MAX} addresses; a released one counts until its host no longer leases it. Release some, or ask an administrator.`,
      )
    : undefined;
}

interface SubnetUse {
  readonly total: number;
  readonly available: number;
  readonly largest: number;
  readonly first: Ipv4;
  readonly last: Ipv4;
}

export function countUse(network: Ipv4Network, used: readonly Ipv4Range[]): SubnetUse {
  const range = hostRange(network);
  const sizes = freeParts(network, used).map(rangeSize);
  return {
    total: rangeSize(range),
    available: sizes.reduce((sum, size) => sum + size, 0),
    largest: sizes.reduce((most, size) => Math.max(most, size), 0),
    first: range.low,
    last: range.high,
  };
}
