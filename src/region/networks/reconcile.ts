// Creates the objects of the networks that racks serve or are in, and removes those of networks
// that are left. Pure.
//
//   served network ── has a subnet of its CIDR? ─ no ─► a subnet, in the default VLAN
//                  └─ its dynamic and static ranges ──► a row for each, by rack and kind: that of the range which
//                                                       waits in the subnet, if there is one
//   subnet in which racks offer DHCP ── allows DNS as they do? ─ no ─► changed, so that it is known while they do not
//   network of a rack's host, believed (`rack-hosts.ts`) ── has a subnet that overlaps it? ─ no ─► a subnet, discovered, in the VLAN of its
//                                                                                                  interface:
//                                                                                                  `eth1.100`
//                                                                                                  in
//                                                                                                  100
//   subnet that no rack serves ── did a person make or change it, or put anything into it? ─ no ─► discovered, or else removed
//
// Sources: MAAS 2.0, whose first network is in fabric-0 and its untagged VLAN, and which lists the
// networks of a rack's interfaces as subnets, each with the default router of the host as its
// gateway.
//
// 1. A person moves a served subnet to another VLAN; it stays there while it is served.
// 2. The default VLAN is there from the start: interfaces of machines are in it until a person moves them.
// 3. Racks report their networks, so the bounds of the tables hold here too: beyond them a network
//    has no row.
// 4. A discovered subnet is nobody's intent: it gives way to every other that overlaps it, and is
//    removed with the last address in it. As in MAAS, one that a person removes is listed again
//    while a host is in it, without what was set for it.
// 5. A VLAN that is here only for a discovered subnet goes with it, and is the caller's whom the
//    API lets make it.
// 6. The router of the host is the gateway of a subnet that racks do not serve; where they do, a
//    person has decided on the router.

import { isDeepStrictEqual } from 'node:util';
import { formatNetwork, type Ipv4Network, networksOverlap, parseNetwork } from '../../ground/address.ts';
import {
  DEFAULT_FABRIC_ID,
  DEFAULT_VLAN_ID,
  type Fabric,
  isHeldRange,
  isOfService,
  MTU_DEFAULT,
  type NetworkChange,
  type NetworkRecords,
  RANGES_MAX,
  type ServedRange,
  type StoredRange,
  SUBNETS_MAX,
  type Subnet,
  UNTAGGED_VID,
  VID_MAX,
  VLANS_MAX,
  type Vlan,
} from '../records/network-store.ts';
import { listHosts } from '../records/subnet-service.ts';
import { rowsBetween } from './changed-rows.ts';
import { parseTagged, type RackHostAddress } from './rack-hosts.ts';
import type { RackNetworks, ServedNetwork } from './served-networks.ts';

const UNTAGGED_NAME = 'untagged';

/** Stands for the ids of rows that are not stored yet. */
const UNSTORED_ID = 2 ** 52;

interface Reconciled {
  readonly records: NetworkRecords;
  /** `undefined`: nothing is missing or left over. */
  readonly change: NetworkChange<undefined> | undefined;
}

/** The objects as they should be stored. @param nextId without it, new ranges have no id to rely on */
export function reconcile(
  before: NetworkRecords,
  { served, rackHosts }: Pick<RackNetworks, 'served' | 'rackHosts'>,
  nextId: number = UNSTORED_ID,
): Reconciled {
  let next = nextId;
  const takeId = (): number => {
    next += 1;
    return next - 1;
  };
  const place = missingPlace(before);
  const placed = [...before.vlans, ...place.vlans];
  const findVlan = vlanFinder(placed, takeId);
  const subnets = reconciledSubnets(before, { served, rackHosts, takeId, findVlan });
  const vlans = placed.filter(isInUse(before.subnets, subnets));
  const ranges = reconciledRanges(before, subnets, served, takeId);
  const records = { ...before, fabrics: [...before.fabrics, ...place.fabrics], vlans, subnets, ranges };
  const { put, remove } = rowsBetween(before, records);
  const isChanged = [...Object.values(put), ...Object.values(remove)].some(({ length }) => length > 0);
  return {
    records,
    change: isChanged ? { put, remove, nextId: next, result: undefined } : undefined,
  };
}

/**
 * Whether the cluster interfaces of a subnet that offer DHCP name their rack as DNS server;
 * `undefined`: none offers DHCP.
 */
export function servedDns(served: readonly ServedNetwork[]): boolean | undefined {
  const serving = served.filter(({ management }) => management > 0);
  return serving.length === 0 ? undefined : serving.every(({ management }) => management === 2);
}

/** The lowest free name of MAAS's kind: `fabric-0`. */
export function freeFabricName(fabrics: readonly Fabric[]): string {
  const names = new Set(fabrics.map(({ name }) => name));
  let number = 0;
  while (names.has(`fabric-${number}`)) number += 1;
  return `fabric-${number}`;
}

/** The subnets into which a person put something. */
export const usedSubnets = ({
  hosts,
  ranges,
  reserved,
  connections,
  routes,
}: Pick<NetworkRecords, 'hosts' | 'ranges' | 'reserved' | 'connections' | 'routes'>): ReadonlySet<number> =>
  new Set([
    ...[...listHosts({ hosts }, undefined), ...ranges.filter(isHeldRange), ...reserved, ...connections].map(
      ({ subnetId }) => subnetId,
    ),
    ...routes.flatMap(({ sourceId, destinationId }) => [sourceId, destinationId]),
  ]);

/** The subnets of which services have the router, so that it is theirs. */
export const followedSubnets = ({ services }: NetworkRecords): ReadonlySet<number> =>
  new Set(services.flatMap(({ subnetId, router }) => (router === undefined ? [subnetId] : [])));

/** The subnets of which there is nothing but services that are not in force; nobody sees them. */
export function idleSubnets(
  records: NetworkRecords,
  { served, rackHosts }: Pick<RackNetworks, 'served' | 'rackHosts'>,
): ReadonlySet<number> {
  const stored = new Set(records.services.map(({ subnetId }) => subnetId));
  if (stored.size === 0) return stored;
  const used = usedSubnets(records);
  const present = new Set([...served.map(({ cidr }) => cidr), ...hostNetworks(rackHosts).keys()]);
  const isIdle = ({ id, cidr, isTouched }: Subnet): boolean =>
    stored.has(id) && !isTouched && !used.has(id) && !present.has(cidr);
  return new Set(records.subnets.filter(isIdle).map(({ id }) => id));
}

/** The networks of racks' hosts, by CIDR; of several hosts in one, that which names a router. */
function hostNetworks(rackHosts: readonly RackHostAddress[]): ReadonlyMap<string, RackHostAddress> {
  const networks = new Map<string, RackHostAddress>();
  for (const host of rackHosts.filter(({ isListed }) => isListed)) {
    const cidr = formatNetwork(host.network);
    if (networks.get(cidr)?.router === undefined) networks.set(cidr, host);
  }
  return networks;
}

/** Finds the VLAN of a network interface in the default fabric, and makes one that is missing. */
const vlanFinder =
  (vlans: Vlan[], takeId: () => number) =>
  (nic: string): number => {
    const vid = parseTagged(nic)?.vid ?? UNTAGGED_VID;
    if (vid === UNTAGGED_VID || vid > VID_MAX) return DEFAULT_VLAN_ID;
    const former = vlans.find((vlan) => vlan.fabricId === DEFAULT_FABRIC_ID && vlan.vid === vid);
    if (former !== undefined) return former.id;
    if (vlans.length >= VLANS_MAX) return DEFAULT_VLAN_ID;
    // Layouts name it by its id, which is the same again after its interface was away.
    const made = newVlan(vlans.some(({ id }) => id === vid) ? takeId() : vid, DEFAULT_FABRIC_ID, vid);
    vlans.push(made);
    return made.id;
  };

/** False for a VLAN that nobody made or changed, and in which no subnet is or, in the store, still is. */
function isInUse(before: readonly Subnet[], after: readonly Subnet[]): (vlan: Vlan) => boolean {
  const left = new Set(after.map(({ id }) => id));
  const used = new Set([...after, ...before.filter(({ id }) => left.has(id))].map(({ vlanId }) => vlanId));
  return ({ id, isTouched }) => isTouched || id === DEFAULT_VLAN_ID || used.has(id);
}

export const newSubnet = (id: number, cidr: string): Subnet => ({
  id,
  cidr,
  name: cidr,
  description: '',
  vlanId: DEFAULT_VLAN_ID,
  gateway: undefined,
  dnsServers: [],
  allowsDns: true,
  isTouched: false,
});

const subnetTexts = ({ rackName, name }: ServedNetwork): Pick<Subnet, 'name' | 'description'> => ({
  name: `${rackName}-${name}`,
  description: `Auto created when creating interface ${name} on cluster ${rackName}`,
});

interface SubnetSources extends Pick<RackNetworks, 'served' | 'rackHosts'> {
  readonly takeId: () => number;
  readonly findVlan: (nic: string) => number;
}

function reconciledSubnets(
  records: NetworkRecords,
  { served, rackHosts, takeId, findVlan }: SubnetSources,
): readonly Subnet[] {
  const byCidr = Map.groupBy(served, ({ cidr }) => cidr);
  const used = usedSubnets(records);
  const hosts = hostNetworks(rackHosts);
  const stored = new Set(records.services.map(({ subnetId }) => subnetId));
  const followed = followedSubnets(records);
  const after = records.subnets.flatMap((subnet): Subnet[] => {
    const serving = byCidr.get(subnet.cidr) ?? [];
    const [first] = serving;
    if (first === undefined && !subnet.isTouched && !used.has(subnet.id) && !stored.has(subnet.id)) return [];
    const allowsDns = servedDns(serving) ?? subnet.allowsDns;
    if (subnet.isTouched) return [allowsDns === subnet.allowsDns ? subnet : { ...subnet, allowsDns }];
    const ofHost = first === undefined ? hosts.get(subnet.cidr)?.router : undefined;
    const gateway = followed.has(subnet.id) ? subnet.gateway : ofHost;
    const texts = first !== undefined && subnet.name === subnet.cidr ? subnetTexts(first) : {};
    return [sameOr(subnet, { ...subnet, ...texts, allowsDns, gateway })];
  });
  const idFor = ({ address }: Ipv4Network): number => (after.every(({ id }) => id !== address) ? address : takeId());
  const cidrs = new Set(after.map(({ cidr }) => cidr));
  for (const [cidr, [one]] of byCidr) {
    if (one === undefined || cidrs.has(cidr) || after.length >= SUBNETS_MAX) continue;
    after.push({ ...newSubnet(idFor(one.network), cidr), ...subnetTexts(one), allowsDns: one.management !== 1 });
  }
  const idle = idleSubnets(records, { served, rackHosts });
  const taken = after.flatMap(({ id, cidr }) => (idle.has(id) ? [] : (parseNetwork(cidr) ?? [])));
  for (const [cidr, { network, router: gateway, interface: nic }] of hosts) {
    if (after.length >= SUBNETS_MAX || taken.some((other) => networksOverlap(other, network))) continue;
    const former = records.subnets.find((subnet) => subnet.cidr === cidr);
    const subnet = { ...newSubnet(former?.id ?? idFor(network), cidr), vlanId: findVlan(nic), gateway };
    after.push(former === undefined ? subnet : sameOr(former, subnet));
    taken.push(network);
  }
  return after;
}

const sameOr = (before: Subnet, after: Subnet): Subnet => (isDeepStrictEqual(before, after) ? before : after);

const rangeKey = ({ kind, subnetId, rack }: Pick<ServedRange, 'kind' | 'subnetId' | 'rack'>): string =>
  [kind, subnetId, rack].join(' ');

function reconciledRanges(
  { ranges }: NetworkRecords,
  subnets: readonly Subnet[],
  served: readonly ServedNetwork[],
  takeId: () => number,
): readonly StoredRange[] {
  const idOf = new Map(subnets.map(({ id, cidr }) => [cidr, id]));
  const stubs = new Map(ranges.flatMap((range) => (isHeldRange(range) ? [] : [[rangeKey(range), range]])));
  const waiting = new Map(
    ranges.flatMap((range) => (isHeldRange(range) && range.kind === 'dynamic' ? [[range.subnetId, range]] : [])),
  );
  const after = new Map<string, ServedRange>();
  for (const { cidr, rack, dynamic, fixed } of served) {
    const subnetId = idOf.get(cidr);
    if (subnetId === undefined) continue;
    for (const kind of ['dynamic', 'static'] as const) {
      const service = { kind, subnetId, rack };
      const key = rangeKey(service);
      if ((kind === 'dynamic' ? dynamic : fixed) === undefined || after.has(key)) continue;
      let range = stubs.get(key);
      if (range === undefined) {
        const before = kind === 'dynamic' ? waiting.get(subnetId) : undefined;
        if (before !== undefined) waiting.delete(subnetId);
        range = { ...service, id: before?.id ?? takeId(), username: '', comment: before?.comment ?? '' };
      }
      after.set(key, range);
    }
  }
  const ofRacks = [...after.values()];
  const ids = new Set(ofRacks.map(({ id }) => id));
  return [...ranges.filter((range) => (isHeldRange(range) || isOfService(range)) && !ids.has(range.id)), ...ofRacks]
    .toSorted((a, b) => a.id - b.id)
    .filter((range, index) => index < RANGES_MAX || isOfService(range));
}

/** The default fabric and its VLAN, if they are not stored yet. */
export function missingPlace({ fabrics, vlans }: NetworkRecords): Pick<NetworkRecords, 'fabrics' | 'vlans'> {
  if (vlans.some(({ id }) => id === DEFAULT_VLAN_ID)) return { fabrics: [], vlans: [] };
  const { fabric, vlan } = defaultPlace(fabrics);
  return { fabrics: [fabric], vlans: [vlan] };
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
