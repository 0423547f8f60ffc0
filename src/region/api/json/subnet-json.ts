// Networks as MAAS's clients read them: the exact keys and types of API 2.0.
//
// Sources: MAAS API 2.0, `fabrics/`, `vlans/`, `subnets/`, `spaces/`, `ipranges/`,
// `reservedips/`, `static-routes/`; gomaasapi's schemas, in which a missing key fails the whole list; the Go
// structures of Terraform's provider, in which a number is not a text.
//
// 1. `description` of fabrics, VLANs and spaces is our own: MAAS takes it, and does not show it. So
//    is `dhcp_mode` of a subnet or VLAN in which another DHCP server gives the addresses, and
//    `is_discovered` of one that is here only because a rack's host is in it.

import { formatIpv4, formatMac, parseMac } from '../../../ground/address.ts';
import type { SettingValue } from '../../../machines/settings.ts';
import {
  dhcpRacks,
  isProxied,
  type NetworkView,
  type RangeView,
  type SubnetView,
  type VlanView,
} from '../../networks/network-view.ts';
import { type Fabric, type Space, type StaticRoute, UNTAGGED_VID } from '../../records/network-store.ts';
import type { SubnetHost } from '../../records/subnet-service.ts';
import type { AnswerOf } from '../answers/answer-types.ts';

/** The space of VLANs that have none. */
export const NO_SPACE = 'undefined';
const NO_SPACE_ID = -1;

const uri = (path: string) => `/MAAS/api/2.0/${path}/`;

const proxyMode = (view: Pick<VlanView, 'served'>) => (isProxied(view) ? { dhcp_mode: 'proxy' } : {});

export function vlanJson(view: VlanView): AnswerOf<'vlan'> {
  const { vlan, fabric, space, served } = view;
  const [primary, secondary] = dhcpRacks(view);
  return {
    id: vlan.id,
    vid: vlan.vid,
    name: vlan.name === '' ? null : vlan.name,
    description: vlan.description,
    mtu: view.mtu,
    fabric: fabric.name,
    fabric_id: fabric.id,
    dhcp_on: primary !== undefined,
    ...proxyMode(view),
    external_dhcp: served.find(({ foreignServer }) => foreignServer !== undefined)?.foreignServer ?? null,
    relay_vlan: null,
    primary_rack: primary?.rack ?? null,
    secondary_rack: secondary?.rack ?? null,
    space: space?.name ?? NO_SPACE,
    resource_uri: uri(`vlans/${vlan.id}`),
  };
}

/** The VLANs of a fabric: clients take the first for the default one, so the untagged one precedes. */
export const vlansInOrder = (view: NetworkView, { id }: Fabric): readonly VlanView[] => {
  const rank = ({ vlan }: VlanView): number => Number(vlan.vid !== UNTAGGED_VID);
  return view.vlans.filter(({ vlan }) => vlan.fabricId === id).toSorted((a, b) => rank(a) - rank(b));
};

export function fabricJson(view: NetworkView, fabric: Fabric): AnswerOf<'fabric'> {
  const { id, name, description, classType } = fabric;
  return {
    id,
    name,
    description,
    class_type: classType === '' ? null : classType,
    vlans: vlansInOrder(view, fabric).map((vlan) => vlanJson(vlan)),
    resource_uri: uri(`fabrics/${id}`),
  };
}

export function subnetJson(view: SubnetView): AnswerOf<'subnet'> {
  const { subnet, vlan, gateway, dnsServers, allowsDns, isDiscovered } = view;
  return {
    id: subnet.id,
    name: subnet.name,
    description: subnet.description,
    cidr: subnet.cidr,
    vlan: vlanJson(vlan),
    space: vlan.space?.name ?? NO_SPACE,
    gateway_ip: gateway === undefined ? null : formatIpv4(gateway),
    dns_servers: dnsServers,
    rdns_mode: view.reverseMode,
    allow_dns: allowsDns,
    allow_proxy: true,
    active_discovery: false,
    managed: true,
    disabled_boot_architectures: [],
    ...proxyMode(view),
    ...(isDiscovered ? { is_discovered: true } : {}),
    resource_uri: uri(`subnets/${subnet.id}`),
  };
}

/** A space, or without one all that is in none. */
export function spaceJson(view: NetworkView, space: Space | undefined): AnswerOf<'space'> {
  const isIn = (vlan: VlanView) => vlan.space?.id === space?.id;
  return {
    id: space?.id ?? NO_SPACE_ID,
    name: space?.name ?? NO_SPACE,
    description: space?.description ?? '',
    vlans: view.vlans.filter(isIn).map((vlan) => vlanJson(vlan)),
    subnets: view.subnets.filter(({ vlan }) => isIn(vlan)).map((subnet) => subnetJson(subnet)),
    resource_uri: uri(`spaces/${space?.id ?? NO_SPACE}`),
  };
}

/** @param user the account of its user, as `users/` shows it; null: it has none */
export function rangeJson(view: RangeView, user: AnswerOf<'user'> | null): AnswerOf<'ipRange'> {
  const { range, type, low, high, subnet } = view;
  return {
    id: range.id,
    type,
    start_ip: formatIpv4(low),
    end_ip: formatIpv4(high),
    comment: range.comment,
    user,
    subnet: subnetJson(subnet),
    resource_uri: uri(`ipranges/${range.id}`),
  };
}

/** @param subnet as the API has it: many addresses share one */
export const reservedIpJson = (host: SubnetHost, subnet: AnswerOf<'subnet'>): AnswerOf<'reservedIp'> => ({
  id: host.id,
  ip: formatIpv4(host.address),
  mac_address: formatWrittenMac(host.entry.mac),
  comment: host.comment,
  subnet,
  resource_uri: uri(`reservedips/${host.id}`),
});

/** `null` for a host that is known by another identity. */
function formatWrittenMac(written: SettingValue | undefined): string | null {
  const mac = typeof written === 'string' ? parseMac(written) : undefined;
  return mac === undefined ? null : formatMac(mac);
}

export function routeJson(view: NetworkView, route: StaticRoute): AnswerOf<'staticRoute'> {
  const findSubnetJson = (id: number) => {
    const subnet = view.subnets.find(({ subnet }) => subnet.id === id);
    return subnet === undefined ? null : subnetJson(subnet);
  };
  return {
    id: route.id,
    source: findSubnetJson(route.sourceId),
    destination: findSubnetJson(route.destinationId),
    gateway_ip: formatIpv4(route.gateway),
    metric: route.metric,
    resource_uri: uri(`static-routes/${route.id}`),
  };
}
