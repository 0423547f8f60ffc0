// Networks as people see them: the stored objects joined with what racks serve. Pure.
//
// 1. Of a served subnet, router, DNS servers and the bounds of dynamic and static ranges come from
//    the cluster interfaces; several racks may serve it, and the first one that has a router or
//    servers gives them. Where none has a router, that of the subnet is in force, unless it is that
//    of a cluster interface which is not. A dynamic range without a cluster interface has bounds of
//    its own.
// 2. A VLAN offers DHCP if a cluster interface of one of its subnets does.
// 3. Of static routes with the same destination and metric, which a machine cannot tell apart, a
//    subnet has the oldest one only.
// 4. The interfaces of machines are linked to these subnets and VLANs, so an id means the same everywhere.

import {
  formatIpv4,
  type Ipv4,
  type Ipv4Network,
  type Ipv4Range,
  networkContains,
  parseNetwork,
} from '../../ground/address.ts';
import {
  DEFAULT_VLAN_ID,
  type Fabric,
  isHeldRange,
  type NetworkRecords,
  type Space,
  type StoredRange,
  type Subnet,
  type Vlan,
} from '../records/network-store.ts';
import { defaultPlace, followedSubnets, idleSubnets, servedDns, usedSubnets } from './reconcile.ts';
import type { RackNetworks, ServedNetwork } from './served-networks.ts';

export interface VlanView {
  readonly vlan: Vlan;
  readonly fabric: Fabric;
  readonly space: Space | undefined;
  /** The largest packet in it, in bytes: what racks hand out there, else what is stored. */
  readonly mtu: number;
  readonly served: readonly ServedNetwork[];
}

/**
 * MAAS's number for which reverse names there are: 0 none, 1 of whole networks, 2 also of those
 * smaller than /24 (RFC 2317).
 */
export type ReverseMode = 0 | 1 | 2;

export interface RouteView {
  readonly destinationId: number;
  readonly destination: Ipv4Network;
  /** An address of the source. */
  readonly gateway: Ipv4;
  /** 0 or more; the lowest is preferred. */
  readonly metric: number;
}

export interface SubnetView {
  readonly subnet: Subnet;
  readonly network: Ipv4Network;
  readonly vlan: VlanView;
  readonly served: readonly ServedNetwork[];
  /** It is here only because an interface of a rack's host is in it. */
  readonly isDiscovered: boolean;
  readonly gateway: Ipv4 | undefined;
  /** Bytes: what a remote rack's file hands out there, else that of the VLAN. */
  readonly mtu: number;
  readonly dnsServers: readonly string[];
  /** False if racks name other DNS servers than themselves there, or will once they offer DHCP. */
  readonly allowsDns: boolean;
  readonly reverseMode: ReverseMode;
  /** The static routes of which it is the source, the lowest metric first. */
  readonly routes: readonly RouteView[];
}

export type RangeType = StoredRange['kind'];

export interface RangeView extends Ipv4Range {
  readonly range: StoredRange;
  readonly type: RangeType;
  readonly subnet: SubnetView;
  /**
   * The cluster interface that has it; `undefined`: a person reserved it, or it waits for a cluster
   * interface.
   */
  readonly served: ServedNetwork | undefined;
}

/** A dynamic range that waits for a cluster interface. */
export const isWaiting = ({ type, served }: RangeView): boolean => type === 'dynamic' && served === undefined;

/** An A record of `dns.records`. */
export interface NamedAddress {
  /** Fully qualified. */
  readonly name: string;
  readonly address: Ipv4;
}

export interface NetworkView extends RackNetworks {
  readonly records: NetworkRecords;
  readonly named: readonly NamedAddress[];
  readonly vlans: readonly VlanView[];
  readonly subnets: readonly SubnetView[];
  readonly ranges: readonly RangeView[];
  /** The VLAN of interfaces of which nothing else is known. */
  readonly defaultVlan: VlanView;
  readonly reverseMode: ReverseMode;
}

interface Called {
  readonly id: number;
  readonly name: string;
}

/**
 * The object that a text names: `7` or `id:7` by its id, `lan` or `name:lan` by its name. The id
 * comes first, so `name:7` is the form for a name that is a number. A name that begins like one of
 * the forms is found by the whole text, if the form finds nothing.
 */
export function specified<T extends Called>(all: readonly T[], text: string): T | undefined {
  const withId = (id: string) =>
    /^\d{1,15}$/.test(id) ? all.find((candidate) => candidate.id === Number(id)) : undefined;
  const withName = (wanted: string) => all.find(({ name }) => name === wanted);
  const [, form, own = ''] = /^(id|name):(.*)$/.exec(text) ?? [];
  const named = form === undefined ? withId(text) : form === 'id' ? withId(own) : withName(own);
  return named ?? withName(text);
}

const byId = <T extends { readonly id: number }>(list: readonly T[]): ReadonlyMap<number, T> =>
  new Map(list.map((row) => [row.id, row]));

/** Joins objects and served networks. Objects whose parents are missing are left out. */
export function makeNetworkView(
  records: NetworkRecords,
  { served, reported, rackHosts }: RackNetworks,
  reverseMode: ReverseMode,
  named: readonly NamedAddress[] = [],
): NetworkView {
  const fabrics = byId(records.fabrics);
  const spaces = byId(records.spaces);
  const byCidr = Map.groupBy(served, ({ cidr }) => cidr);
  const subnetsOf = Map.groupBy(records.subnets, ({ vlanId }) => vlanId);
  const vlans = records.vlans.flatMap((vlan): readonly VlanView[] => {
    const fabric = fabrics.get(vlan.fabricId);
    if (fabric === undefined) return [];
    const space = vlan.spaceId === undefined ? undefined : spaces.get(vlan.spaceId);
    const own = subnetsOf.get(vlan.id) ?? [];
    const serving = own.flatMap(({ cidr }) => byCidr.get(cidr) ?? []);
    return [
      { vlan, fabric, space, mtu: serving.find(({ mtu }) => mtu !== undefined)?.mtu ?? vlan.mtu, served: serving },
    ];
  });
  const routes = routesBySource(records);
  const used = usedSubnets(records);
  const idle = idleSubnets(records, { served, rackHosts });
  const followed = followedSubnets(records);
  const vlanViews = new Map(vlans.map((vlan) => [vlan.vlan.id, vlan]));
  const subnets = records.subnets.flatMap((subnet): readonly SubnetView[] => {
    const vlan = vlanViews.get(subnet.vlanId);
    const network = parseNetwork(subnet.cidr);
    if (vlan === undefined || network === undefined || idle.has(subnet.id)) return [];
    const own = byCidr.get(subnet.cidr) ?? [];
    const isOfPerson = !followed.has(subnet.id) || (own.length === 0 && subnet.isTouched);
    const servers = own.find(({ dnsServers }) => dnsServers.length > 0)?.dnsServers ?? [];
    return [
      {
        subnet,
        network,
        vlan,
        served: own,
        isDiscovered: own.length === 0 && !subnet.isTouched && !used.has(subnet.id),
        gateway: own.find(({ router }) => router !== undefined)?.router ?? (isOfPerson ? subnet.gateway : undefined),
        mtu: own.find(({ reportedMtu }) => reportedMtu !== undefined)?.reportedMtu ?? vlan.mtu,
        dnsServers: own.length === 0 ? subnet.dnsServers : servers,
        allowsDns: servedDns(own) ?? subnet.allowsDns,
        reverseMode,
        routes: routes.get(subnet.id) ?? [],
      },
    ];
  });
  const subnetViews = new Map(subnets.map((subnet) => [subnet.subnet.id, subnet]));
  const ranges = records.ranges.flatMap((range) => rangeView(range, subnetViews) ?? []);
  const defaultVlan = vlanViews.get(DEFAULT_VLAN_ID) ?? plainVlan(records);
  return { records, served, reported, rackHosts, named, vlans, subnets, ranges, defaultVlan, reverseMode };
}

function routesBySource({ routes, subnets }: NetworkRecords): ReadonlyMap<number, readonly RouteView[]> {
  const networks = new Map(subnets.map(({ id, cidr }) => [id, parseNetwork(cidr)]));
  const own = routes.flatMap(({ sourceId, destinationId, gateway, metric }) => {
    const destination = networks.get(destinationId);
    return destination === undefined ? [] : [{ sourceId, destinationId, destination, gateway, metric }];
  });
  const sorted = own.toSorted((a, b) => a.metric - b.metric);
  const alike = Map.groupBy(sorted, (route) => [route.sourceId, route.destinationId, route.metric].join(' '));
  return Map.groupBy(
    [...alike.values()].flatMap((routes) => routes.slice(0, 1)),
    ({ sourceId }) => sourceId,
  );
}

function plainVlan({ fabrics }: NetworkRecords): VlanView {
  const { fabric, vlan } = defaultPlace(fabrics);
  return { vlan, fabric, space: undefined, mtu: vlan.mtu, served: [] };
}

function rangeView(range: StoredRange, subnets: ReadonlyMap<number, SubnetView>): RangeView | undefined {
  const subnet = subnets.get(range.subnetId);
  if (subnet === undefined) return undefined;
  const { kind } = range;
  if (isHeldRange(range)) return { range, type: kind, subnet, served: undefined, low: range.low, high: range.high };
  const boundsOf = ({ dynamic, fixed }: ServedNetwork) => (kind === 'dynamic' ? dynamic : fixed);
  const served = subnet.served.find((service) => service.rack === range.rack && boundsOf(service) !== undefined);
  const bounds = served && boundsOf(served);
  return bounds && { range, type: kind, subnet, served, ...bounds };
}

export function subnetOfAddress(view: NetworkView, address: Ipv4): SubnetView | undefined {
  let best: SubnetView | undefined;
  for (const subnet of view.subnets) {
    const isCloser = best === undefined || subnet.network.prefix > best.network.prefix;
    if (isCloser && networkContains(subnet.network, address)) best = subnet;
  }
  return best;
}

export const subnetWithId = ({ subnets }: NetworkView, id: number | undefined): SubnetView | undefined =>
  subnets.find(({ subnet }) => subnet.id === id);

export const vlanWithId = ({ vlans }: NetworkView, id: number | null | undefined): VlanView | undefined =>
  vlans.find(({ vlan }) => vlan.id === id);

/** True if racks give addresses of a static range there; otherwise machines get theirs by DHCP. */
export const hasStaticRange = ({ served }: SubnetView): boolean =>
  served.some(({ management, fixed }) => management > 0 && fixed !== undefined);

/** The DNS servers of machines in a subnet: those that are named, else the racks that answer there. */
export function listNameServers({ dnsServers, served }: SubnetView): readonly string[] {
  if (dnsServers.length > 0) return dnsServers;
  return served.flatMap(({ management, address }) =>
    management === 2 && address !== undefined ? [formatIpv4(address)] : [],
  );
}

/**
 * True if another DHCP server gives the addresses: every rack that answers DHCP there only says
 * what to boot.
 */
export function isProxied({ served }: Pick<VlanView, 'served'>): boolean {
  const serving = served.filter(({ management }) => management > 0);
  return serving.length > 0 && serving.every(({ isProxy }) => isProxy);
}

export function dhcpRacks({ served }: VlanView): readonly ServedNetwork[] {
  const racks = new Map<string, ServedNetwork>();
  for (const service of served)
    if (service.management > 0 && !racks.has(service.rack)) racks.set(service.rack, service);
  return [...racks.values()];
}

/** The name of a subnet in API 1.0: `10.20.0.0-24` if nobody named it. */
export const oldNetworkName = ({ subnet }: SubnetView): string => subnet.name.replaceAll('/', '-');
