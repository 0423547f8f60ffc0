// Whether new dynamic ranges and routers of a rack's cluster interfaces have addresses that are not free: those of reserved ranges, those that
// users reserved, routers of static routes, and those that machines have. Called within the transaction that stores them.
//
// 1. Only addresses that become dynamic are checked. A range that was dynamic before stays so, even if it is in conflict with something older.
// 2. A router that was one before stays so, likewise. Reserved ranges may contain it.
// 3. The check claims addresses (`network-store.ts`), so none is given away while it looks.

import type { Settings } from '../../machines/settings.ts';
import { formatIpv4, type Ipv4, type Ipv4Range, ipv4, rangesOverlap } from '../../net/address.ts';
import { dynamicRangesOf, readInterfaces } from '../racks/cluster-interface.ts';
import type { UsedAddress } from '../records/network-store.ts';
import type { RegionStore } from '../records/store.ts';
import {
  AddressOwners,
  type Claim,
  findBar,
  type Owner,
  type OwnerKind,
  ownersOfRecords,
  ownersUsing,
} from './address-owners.ts';
import { spanText } from './address-use.ts';

interface RangeProblem {
  /** The key of the router, or of the first address of the range: `cluster_interfaces.lab.ip_range_low`. */
  readonly key: string;
  readonly message: string;
}

const PIECE = 4096;

/** Why an address cannot be that of a router. */
export function routerBarText(bar: Owner): string {
  const address = formatIpv4(bar.low);
  switch (bar.kind) {
    case 'dynamic':
      return `The address is in the dynamic range ${spanText(bar)}.`;
    case 'machine':
      return `${address} belongs to ${bar.name}: give that another address first, or another router.`;
    default:
      return `${address} is reserved by ${bar.name}: release it first, or give another router.`;
  }
}

const RANGES: Readonly<Partial<Record<OwnerKind, string>>> = {
  dynamic: 'dynamic',
  'reserved-range': 'reserved',
  static: 'static',
};

function rangeBarText(bar: Owner): string {
  const range = RANGES[bar.kind];
  if (range !== undefined)
    return `The range overlaps the ${range} range ${spanText(bar)}${bar.name === '' ? '' : ` of ${bar.name}`}.`;
  const address = formatIpv4(bar.low);
  switch (bar.kind) {
    case 'rack':
      return `The range contains the address ${address} of the rack ${bar.name}.`;
    case 'router':
    case 'route':
      return `The range contains the router ${address}.`;
    case 'machine':
      return `The range contains the address ${address} of the machine ${bar.name}.`;
    default:
      return `The range contains ${address}, which ${bar.name} has reserved.`;
  }
}

/** Why a range may not have its addresses, another range first; `undefined`: it may. @param owners of these addresses */
export function refuseRange(owners: readonly Owner[], claim: Claim): string | undefined {
  const isRange = ({ kind }: Owner): boolean => RANGES[kind] !== undefined;
  const bar =
    findBar(owners.filter(isRange), claim) ??
    findBar(
      owners.filter((owner) => !isRange(owner)),
      claim,
    );
  return bar && rangeBarText(bar);
}

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
  const owners = new AddressOwners(ownersOfRecords(records));
  const wasDynamic = (owner: Ipv4Range): boolean => former.some((one) => rangesOverlap(one, owner));
  const problems: RangeProblem[] = [];
  for (const { key, router, range } of added) {
    if (router !== undefined) {
      const used = await store.networks.usedBetween(router, router, PIECE);
      const bar = findBar([...owners.at(router), ...ownersUsing({ used })], { kind: 'router' });
      if (bar !== undefined) problems.push({ key: `${key}.router_ip`, message: routerBarText(bar) });
    }
    if (range === undefined) continue;
    const machine = await firstAllocated(store, range, (address) => wasDynamic({ low: address, high: address }));
    const used = machine === undefined ? [] : [machine];
    const all = [...owners.within(range), ...ownersUsing({ used })].filter((owner) => !wasDynamic(owner));
    const message = refuseRange(all, { kind: 'dynamic' });
    if (message !== undefined) problems.push({ key: `${key}.ip_range_low`, message });
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
