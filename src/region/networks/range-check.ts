// Whether new dynamic ranges and routers of a rack's cluster interfaces have addresses that are not free: those of reserved ranges, those that
// users reserved, routers of static routes, and those that machines have. Called within the transaction that stores them.
//
// 1. Only addresses that become dynamic are checked. A range that was dynamic before stays so, even if it is in conflict with something older.
// 2. A router that was one before stays so, likewise. Reserved ranges may contain it.
// 3. The check claims addresses (`network-store.ts`), so none is given away while it looks.

import type { Settings } from '../../machines/settings.ts';
import { formatIpv4, type Ipv4, type Ipv4Range, ipv4, rangeContains, rangesOverlap } from '../../net/address.ts';
import { dynamicRangesOf, readInterfaces } from '../racks/cluster-interface.ts';
import { isHeld, type NetworkRecords, type ReservedAddress, type UsedAddress } from '../records/network-store.ts';
import { fieldRefusal, type RefusalWord } from '../records/refusal.ts';
import type { RegionStore } from '../records/store.ts';
import { spanText } from './address-use.ts';

interface RangeProblem {
  /** The key of the router, or of the first address of the range: `cluster_interfaces.lab.ip_range_low`. */
  readonly key: string;
  readonly message: string;
}

const PIECE = 4096;

/** Names the owner of an address that a router should get; `undefined`: it is free. @param used what machines have of it */
export function whoseAddress(
  address: Ipv4,
  reserved: readonly ReservedAddress[],
  used: readonly UsedAddress[],
): RefusalWord | undefined {
  const machine = used.find((one) => one.kind === 'allocated' && one.address === address)?.hostname;
  if (machine !== undefined)
    return fieldRefusal(
      `${formatIpv4(address)} belongs to ${machine}: give that another address first, or another router.`,
    );
  const username = reserved.find((one) => one.address === address)?.username;
  if (username === undefined) return undefined;
  return fieldRefusal(`${formatIpv4(address)} is reserved by ${username}: release it first, or give another router.`);
}

/** @param username of a reserved range */
export const rangeOverlapText = (
  kind: 'dynamic' | 'reserved' | 'static',
  range: Ipv4Range,
  username: string | undefined,
): string =>
  `The range overlaps the ${kind} range ${spanText(range)}${username === undefined ? '' : ` of ${username}`}.`;

/**
 * Names a router or a reserved address in a range that should be dynamic; `undefined`: there is none.
 * @param routers those of its subnet, besides those of static routes
 */
export function heldText(
  range: Ipv4Range,
  { routes, reserved }: Pick<NetworkRecords, 'routes' | 'reserved'>,
  routers: readonly (Ipv4 | undefined)[],
  isLeftOut: (address: Ipv4) => boolean = () => false,
): string | undefined {
  const isIn = (one: Ipv4 | undefined): one is Ipv4 =>
    one !== undefined && rangeContains(range, one) && !isLeftOut(one);
  const router = [...routers, ...routes.map(({ gateway }) => gateway)].find(isIn);
  if (router !== undefined) return `The range contains the router ${formatIpv4(router)}.`;
  const held = reserved.find(({ address }) => isIn(address));
  return held && `The range contains ${formatIpv4(held.address)}, which ${held.username} has reserved.`;
}

export const rangeMachineText = (address: string, machine: string): string =>
  `The range contains the address ${address} of the machine ${machine}.`;

/**
 * The problems of the routers that a change adds and of the ranges that it makes dynamic; empty: none.
 * @param before the cluster interfaces of a rack in the form of a configuration file. @param after the same after the change
 */
export async function findTaken(
  store: RegionStore,
  before: readonly Settings[],
  after: readonly Settings[],
): Promise<readonly RangeProblem[]> {
  const former = dynamicRangesOf(before);
  const isKept = ({ low, high }: Ipv4Range): boolean => former.some((one) => one.low <= low && high <= one.high);
  const formerRouters = new Set(readInterfaces(before).map(({ router }) => router));
  const added = readInterfaces(after).map(({ key, router, dynamic }) => ({
    key,
    router: formerRouters.has(router) ? undefined : router,
    range: dynamic === undefined || isKept(dynamic) ? undefined : dynamic,
  }));
  if (added.every(({ router, range }) => router === undefined && range === undefined)) return [];
  const records = await store.networks.change((result) => ({ isClaim: true, result }));
  const wasDynamic = (address: Ipv4): boolean => former.some((one) => rangeContains(one, address));
  const problems: RangeProblem[] = [];
  for (const { key, router, range } of added) {
    if (router !== undefined) {
      const owned = whoseAddress(router, records.reserved, await store.networks.usedBetween(router, router, PIECE));
      if (owned !== undefined) problems.push({ key: `${key}.router_ip`, message: owned.text });
    }
    if (range === undefined) continue;
    const note = (message: string | undefined): void => {
      if (message !== undefined) problems.push({ key: `${key}.ip_range_low`, message });
    };
    const isRival = (one: Ipv4Range): boolean =>
      rangesOverlap(one, range) && !former.some((other) => rangesOverlap(one, other));
    const rival = records.ranges.filter(isHeld).find((one) => one.kind === 'reserved' && isRival(one));
    note(rival && rangeOverlapText('reserved', rival, rival.username));
    note(heldText(range, records, [], wasDynamic));
    const machine = await firstAllocated(store, range, wasDynamic);
    note(machine && rangeMachineText(formatIpv4(machine.address), machine.hostname));
  }
  return problems;
}

async function firstAllocated(
  store: RegionStore,
  { low, high }: Ipv4Range,
  isLeftOut: (address: Ipv4) => boolean,
): Promise<UsedAddress | undefined> {
  for (let from = low; from <= high; ) {
    const used = await store.networks.usedBetween(from, high, PIECE);
    const found = used.find(({ kind, address }) => kind === 'allocated' && !isLeftOut(address));
    const last = used.at(-1);
    if (found !== undefined || last === undefined || used.length < PIECE) return found;
    from = ipv4(last.address + 1);
  }
  return undefined;
}
