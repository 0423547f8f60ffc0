// Creates the objects of the networks that racks serve, and removes those of networks that no rack serves any more. Pure.
//
//   served network ── has a subnet of its CIDR? ─ no ─► a subnet, in the default VLAN
//                  └─ its dynamic and static ranges ──► a row for each, by rack, cluster interface and kind: that of the kept range, if
//                                                       the subnet has one
//   subnet in which racks offer DHCP ── allows DNS as they do? ─ no ─► changed, so that it is known while they do not
//   subnet that no rack serves ── did a person make or change it, or put anything into it? ─ no ─► removed
//
// Sources: MAAS 2.0, whose first network is in fabric-0 and its untagged VLAN.
//
// 1. A person moves a served subnet to another VLAN; it stays there while it is served.
// 2. The default VLAN is there from the start: interfaces of machines are in it until a person moves them.
// 3. Racks report their networks, so the bounds of the tables hold here too: beyond them a network has no row.

import {
  DEFAULT_FABRIC_ID,
  DEFAULT_VLAN_ID,
  FABRICS_MAX,
  type Fabric,
  MTU_DEFAULT,
  type NetworkChange,
  type NetworkRecords,
  RANGES_MAX,
  type ServedRange,
  type StoredRange,
  SUBNETS_MAX,
  type Subnet,
  UNTAGGED_VID,
  VLANS_MAX,
  type Vlan,
} from '../records/network-store.ts';
import type { ServedNetwork } from './served-networks.ts';

/** The objects, as completed so far. */
interface Draft {
  fabrics: readonly Fabric[];
  vlans: readonly Vlan[];
  subnets: readonly Subnet[];
  ranges: readonly StoredRange[];
  /** Rows of kept ranges that became those of cluster interfaces. */
  taken: readonly StoredRange[];
  /** Known subnets in which racks now allow DNS and did not, or the reverse. */
  switched: readonly Subnet[];
  nextId: number;
}

/** The name of MAAS's VLAN without a tag. */
const UNTAGGED_NAME = 'untagged';

/** The change that completes the objects; `undefined` if nothing is missing or left over. */
export function reconcile(
  records: NetworkRecords,
  served: readonly ServedNetwork[],
  nextId: number,
): NetworkChange<undefined> | undefined {
  const remove = leftOver(records, served);
  const kept = without(records, remove);
  const draft: Draft = { ...kept, taken: [], switched: switchedDns(kept.subnets, served), nextId };
  addDefaultVlan(draft);
  for (const one of served) addSubnet(draft, one);
  for (const one of served) addRanges(draft, one);
  // New objects come after the known ones.
  const put = {
    fabrics: draft.fabrics.slice(kept.fabrics.length),
    vlans: draft.vlans.slice(kept.vlans.length),
    subnets: [...draft.switched, ...draft.subnets.slice(kept.subnets.length)],
    ranges: [...draft.taken, ...draft.ranges.slice(kept.ranges.length)],
  };
  const count = [...Object.values(put), ...Object.values(remove)].reduce((sum, { length }) => sum + length, 0);
  return count === 0 ? undefined : { put, remove, nextId: draft.nextId, result: undefined };
}

/** Stands for the ids of rows that are not stored yet. */
const UNSTORED_ID = 2 ** 52;

/** The objects with what is missing, as the store will have them; ids of ranges aside, which only the store gives. */
export function completed(records: NetworkRecords, served: readonly ServedNetwork[]): NetworkRecords {
  const change = reconcile(records, served, UNSTORED_ID);
  if (change === undefined) return records;
  const { put = {} } = change;
  const kept = without(records, leftOver(records, served));
  return {
    ...kept,
    fabrics: [...kept.fabrics, ...(put.fabrics ?? [])],
    vlans: [...kept.vlans, ...(put.vlans ?? [])],
    subnets: replaced(kept.subnets, put.subnets),
    ranges: replaced(kept.ranges, put.ranges),
  };
}

/** The known objects, each in its place, then those that are new. */
function replaced<T extends { readonly id: number }>(known: readonly T[], put: readonly T[] = []): readonly T[] {
  const byId = new Map(put.map((one) => [one.id, one]));
  const kept = known.map((one) => {
    const now = byId.get(one.id) ?? one;
    byId.delete(one.id);
    return now;
  });
  return [...kept, ...byId.values()];
}

/** Whether the cluster interfaces of a subnet that offer DHCP name their rack as DNS server; `undefined`: none offers DHCP. */
export function servedDns(served: readonly ServedNetwork[]): boolean | undefined {
  const serving = served.filter(({ management }) => management > 0);
  return serving.length === 0 ? undefined : serving.every(({ management }) => management === 2);
}

/** The subnets of which the stored word on DNS is not that of the racks that offer DHCP there, with the racks’ word. */
function switchedDns(subnets: readonly Subnet[], served: readonly ServedNetwork[]): readonly Subnet[] {
  const byCidr = Map.groupBy(served, ({ cidr }) => cidr);
  return subnets.flatMap((subnet) => {
    const allowsDns = servedDns(byCidr.get(subnet.cidr) ?? []) ?? subnet.allowsDns;
    return allowsDns === subnet.allowsDns ? [] : [{ ...subnet, allowsDns }];
  });
}

/** The lowest free name of MAAS's kind: `fabric-0`. */
export function freeFabricName(fabrics: readonly Fabric[]): string {
  const names = new Set(fabrics.map(({ name }) => name));
  let number = 0;
  while (names.has(`fabric-${number}`)) number += 1;
  return `fabric-${number}`;
}

function addSubnet(draft: Draft, one: ServedNetwork): void {
  if (draft.subnets.some(({ cidr }) => cidr === one.cidr) || draft.subnets.length >= SUBNETS_MAX) return;
  if (!addDefaultVlan(draft)) return;
  const isFree = draft.subnets.every(({ id }) => id !== one.network.address);
  const subnet: Subnet = {
    id: isFree ? one.network.address : draft.nextId,
    cidr: one.cidr,
    name: `${one.rackName}-${one.name}`,
    description: `Auto created when creating interface ${one.name} on cluster ${one.rackName}`,
    vlanId: DEFAULT_VLAN_ID,
    gateway: undefined,
    dnsServers: [],
    allowsDns: one.management !== 1,
    isTouched: false,
  };
  if (!isFree) draft.nextId += 1;
  draft.subnets = [...draft.subnets, subnet];
}

/** Adds the default VLAN if there is none. @returns false at a bound */
function addDefaultVlan(draft: Draft): boolean {
  if (draft.vlans.some(({ id }) => id === DEFAULT_VLAN_ID)) return true;
  // Somebody changed its id in the database: its place is taken until the row is repaired.
  if (draft.vlans.some(({ fabricId, vid }) => fabricId === DEFAULT_FABRIC_ID && vid === UNTAGGED_VID)) return false;
  if (draft.vlans.length >= VLANS_MAX || draft.fabrics.length >= FABRICS_MAX) return false;
  const { fabric, vlan } = defaultPlace(draft.fabrics);
  draft.fabrics = [...draft.fabrics, fabric];
  draft.vlans = [...draft.vlans, vlan];
  return true;
}

/** The default fabric and its untagged VLAN, before they are there. */
export const defaultPlace = (fabrics: readonly Fabric[]): { readonly fabric: Fabric; readonly vlan: Vlan } => ({
  fabric: {
    id: DEFAULT_FABRIC_ID,
    name: freeFabricName(fabrics),
    description: '',
    classType: '',
    isTouched: false,
  },
  vlan: newVlan(DEFAULT_VLAN_ID, DEFAULT_FABRIC_ID, UNTAGGED_VID),
});

/** A VLAN with MAAS's defaults, which nobody has touched. */
export const newVlan = (id: number, fabricId: number, vid: number): Vlan => ({
  id,
  fabricId,
  vid,
  description: '',
  mtu: MTU_DEFAULT,
  spaceId: undefined,
  isTouched: false,
  name: vid === UNTAGGED_VID ? UNTAGGED_NAME : String(vid),
});

/** The row of a cluster interface's range. */
const isRangeOf = (range: StoredRange, one: ServedNetwork, kind: ServedRange['kind']): boolean =>
  range.kind === kind && range.rack === one.rack && range.clusterInterface === one.name;

const kindsOf = ({ dynamic, fixed }: ServedNetwork): readonly ServedRange['kind'][] => [
  ...(dynamic === undefined ? [] : (['dynamic'] as const)),
  ...(fixed === undefined ? [] : (['static'] as const)),
];

function addRanges(draft: Draft, one: ServedNetwork): void {
  const subnet = draft.subnets.find(({ cidr }) => cidr === one.cidr);
  if (subnet === undefined) return;
  for (const kind of kindsOf(one)) {
    if (draft.ranges.length >= RANGES_MAX) return;
    if (draft.ranges.some((range) => range.subnetId === subnet.id && isRangeOf(range, one, kind))) continue;
    const { rack, name: clusterInterface } = one;
    const now = { kind, subnetId: subnet.id, rack, clusterInterface, username: '' };
    const before = draft.ranges.find((range) => range.kind === 'kept' && range.subnetId === subnet.id);
    if (kind === 'dynamic' && before !== undefined) {
      const taken: ServedRange = { ...now, id: before.id, comment: before.comment };
      draft.taken = [...draft.taken, taken];
      draft.ranges = draft.ranges.map((range) => (range === before ? taken : range));
      continue;
    }
    draft.ranges = [...draft.ranges, { ...now, id: draft.nextId, comment: '' }];
    draft.nextId += 1;
  }
}

interface LeftOver {
  readonly subnets: readonly number[];
  readonly ranges: readonly number[];
}

/** The objects of networks that no rack serves any more. */
function leftOver(records: NetworkRecords, served: readonly ServedNetwork[]): LeftOver {
  const cidrs = new Set(served.map(({ cidr }) => cidr));
  const cidrOf = new Map(records.subnets.map(({ id, cidr }) => [id, cidr]));
  const ranges = records.ranges.filter(
    (range) =>
      range.kind !== 'reserved' &&
      range.kind !== 'kept' &&
      !served.some(
        (one) =>
          one.cidr === cidrOf.get(range.subnetId) &&
          kindsOf(one).some((kind) => kind === range.kind && isRangeOf(range, one, kind)),
      ),
  );
  const used = new Set([
    ...records.ranges.filter(({ kind }) => kind === 'reserved' || kind === 'kept').map(({ subnetId }) => subnetId),
    ...records.reserved.map(({ subnetId }) => subnetId),
    ...records.connections.map(({ subnetId }) => subnetId),
    ...records.routes.flatMap(({ sourceId, destinationId }) => [sourceId, destinationId]),
  ]);
  const gone = records.subnets.filter(({ id, cidr, isTouched }) => !isTouched && !cidrs.has(cidr) && !used.has(id));
  const idsOf = (list: readonly { readonly id: number }[]): readonly number[] => list.map(({ id }) => id);
  return { subnets: idsOf(gone), ranges: idsOf(ranges) };
}

function without(records: NetworkRecords, remove: LeftOver): NetworkRecords {
  const keep =
    (ids: readonly number[]) =>
    ({ id }: { readonly id: number }): boolean =>
      !ids.includes(id);
  return {
    ...records,
    subnets: records.subnets.filter(keep(remove.subnets)),
    ranges: records.ranges.filter(keep(remove.ranges)),
  };
}
