// Creates the objects of the networks that racks serve, and removes those of networks that no rack serves any more. Pure.
//
//   served network ── has a subnet of its CIDR? ─ no ─► a subnet, in the default VLAN
//                  └─ its dynamic and static ranges ──► a row for each, by rack, cluster interface and kind: that of the range which
//                                                       waits in the subnet, if there is one
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
  isHeld,
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

type Draft = { -readonly [Field in keyof NetworkRecords]: NetworkRecords[Field] } & { nextId: number };

const UNTAGGED_NAME = 'untagged';

/** The objects after the change that completes them, and that change; `undefined` if nothing is missing or left over. */
export function reconcile(
  records: NetworkRecords,
  served: readonly ServedNetwork[],
  nextId: number,
): { readonly change: NetworkChange<undefined>; readonly records: NetworkRecords } | undefined {
  const remove = leftOver(records, served);
  const kept = without(records, remove);
  const draft: Draft = { ...kept, subnets: withServedDns(kept.subnets, served), nextId };
  addDefaultVlan(draft);
  for (const one of served) addSubnet(draft, one);
  for (const one of served) addRanges(draft, one);
  const put = {
    fabrics: notIn(kept.fabrics, draft.fabrics),
    vlans: notIn(kept.vlans, draft.vlans),
    subnets: notIn(kept.subnets, draft.subnets),
    ranges: notIn(kept.ranges, draft.ranges),
  };
  const count = [...Object.values(put), ...Object.values(remove)].reduce((sum, { length }) => sum + length, 0);
  const { nextId: after, ...completed } = draft;
  return count === 0 ? undefined : { change: { put, remove, nextId: after, result: undefined }, records: completed };
}

function notIn<T>(before: readonly T[], after: readonly T[]): readonly T[] {
  const known = new Set(before);
  return after.filter((one) => !known.has(one));
}

/** Stands for the ids of rows that are not stored yet. */
const UNSTORED_ID = 2 ** 52;

/** The objects with what is missing, as the store will have them; ids of ranges aside, which only the store gives. */
export const completed = (records: NetworkRecords, served: readonly ServedNetwork[]): NetworkRecords =>
  reconcile(records, served, UNSTORED_ID)?.records ?? records;

/** Whether the cluster interfaces of a subnet that offer DHCP name their rack as DNS server; `undefined`: none offers DHCP. */
export function servedDns(served: readonly ServedNetwork[]): boolean | undefined {
  const serving = served.filter(({ management }) => management > 0);
  return serving.length === 0 ? undefined : serving.every(({ management }) => management === 2);
}

/** The subnets, with the word on DNS of the racks that offer DHCP there. */
function withServedDns(subnets: readonly Subnet[], served: readonly ServedNetwork[]): readonly Subnet[] {
  const byCidr = Map.groupBy(served, ({ cidr }) => cidr);
  return subnets.map((subnet) => {
    const allowsDns = servedDns(byCidr.get(subnet.cidr) ?? []) ?? subnet.allowsDns;
    return allowsDns === subnet.allowsDns ? subnet : { ...subnet, allowsDns };
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

function addDefaultVlan(draft: Draft): boolean {
  if (draft.vlans.some(({ id }) => id === DEFAULT_VLAN_ID)) return true;
  if (draft.vlans.length >= VLANS_MAX || draft.fabrics.length >= FABRICS_MAX) return false;
  const { fabric, vlan } = defaultPlace(draft.fabrics);
  draft.fabrics = [...draft.fabrics, fabric];
  draft.vlans = [...draft.vlans, vlan];
  return true;
}

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

const isRangeOf = (range: StoredRange, one: ServedNetwork, kind: ServedRange['kind']): boolean =>
  !isHeld(range) && range.kind === kind && range.rack === one.rack && range.clusterInterface === one.name;

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
    const before = draft.ranges
      .filter(isHeld)
      .find((range) => range.kind === 'dynamic' && range.subnetId === subnet.id);
    if (kind === 'dynamic' && before !== undefined) {
      const taken: ServedRange = { ...now, id: before.id, comment: before.comment };
      draft.ranges = draft.ranges.map((range) => (range === before ? taken : range));
      continue;
    }
    draft.ranges = [...draft.ranges, { ...now, id: draft.nextId, comment: '' }];
    draft.nextId += 1;
  }
}

function leftOver(records: NetworkRecords, served: readonly ServedNetwork[]) {
  const cidrs = new Set(served.map(({ cidr }) => cidr));
  const cidrOf = new Map(records.subnets.map(({ id, cidr }) => [id, cidr]));
  const ranges = records.ranges.filter(
    (range) =>
      !isHeld(range) &&
      !served.some(
        (one) => one.cidr === cidrOf.get(range.subnetId) && kindsOf(one).some((kind) => isRangeOf(range, one, kind)),
      ),
  );
  const used = new Set([
    ...records.ranges.filter(isHeld).map(({ subnetId }) => subnetId),
    ...records.reserved.map(({ subnetId }) => subnetId),
    ...records.connections.map(({ subnetId }) => subnetId),
    ...records.routes.flatMap(({ sourceId, destinationId }) => [sourceId, destinationId]),
  ]);
  const gone = records.subnets.filter(({ id, cidr, isTouched }) => !isTouched && !cidrs.has(cidr) && !used.has(id));
  return { subnets: gone.map(({ id }) => id), ranges: ranges.map(({ id }) => id) };
}

const without = (records: NetworkRecords, remove: ReturnType<typeof leftOver>): NetworkRecords => ({
  ...records,
  subnets: records.subnets.filter(({ id }) => !remove.subnets.includes(id)),
  ranges: records.ranges.filter(({ id }) => !remove.ranges.includes(id)),
});
