// VLANs, subnets and interfaces of machines as API 2.0 represents them.
//
// Sources: the keys that strict clients demand: gomaasapi's schemas of interface, link, subnet and VLAN, and the types of Terraform's provider.
//
// 1. Every object has every key, always with the same type. `subnet` and `ip_address` of a link are the exceptions: a link without them has
//    no such key, as gomaasapi demands.
// 2. VLANs and subnets are rendered once for all machines of a list.

import { formatIpv4, formatMac, formatNetwork } from '../../net/address.ts';
import { interfacesOf, type NetInterface, type NetLink } from '../layout/interfaces.ts';
import type { Networks, Subnet, Vlan } from '../layout/networks.ts';
import type { Machine } from '../records/machine.ts';

const BASE = '/MAAS/api/2.0';
/** The space of networks of which nobody named another one, as MAAS calls it. */
const NO_SPACE = 'undefined';

type Json = Readonly<Record<string, unknown>>;

function makeVlanJson({ id, name, vid, fabric, fabricId, mtu, hasDhcp, rack }: Vlan): Json {
  return {
    ...{ id, name, vid, mtu, fabric, fabric_id: fabricId, space: NO_SPACE },
    dhcp_on: hasDhcp,
    external_dhcp: null,
    primary_rack: rack ?? null,
    secondary_rack: null,
    relay_vlan: null,
    resource_uri: `${BASE}/vlans/${id}/`,
  };
}

function makeSubnetJson(subnet: Subnet): Json {
  const { id, name, network, router, nameServers, vlan } = subnet;
  return {
    ...{ id, name, space: NO_SPACE, description: '' },
    cidr: formatNetwork(network),
    vlan: vlanJson(vlan),
    gateway_ip: router === undefined ? null : formatIpv4(router),
    dns_servers: nameServers.map(formatIpv4),
    // MAAS's mode 2: reverse names of networks smaller than /24 by RFC 2317.
    rdns_mode: 2,
    allow_dns: true,
    allow_proxy: true,
    active_discovery: false,
    managed: true,
    disabled_boot_architectures: [],
    resource_uri: `${BASE}/subnets/${id}/`,
  };
}

const vlans = new WeakMap<Vlan, Json>();
const subnets = new WeakMap<Subnet, Json>();

function kept<K extends object>(known: WeakMap<K, Json>, key: K, make: (key: K) => Json): Json {
  const found = known.get(key) ?? make(key);
  known.set(key, found);
  return found;
}

const vlanJson = (vlan: Vlan): Json => kept(vlans, vlan, makeVlanJson);
export const subnetJson = (subnet: Subnet): Json => kept(subnets, subnet, makeSubnetJson);

function linkJson({ id, mode, subnet, address }: NetLink): Json {
  return {
    id,
    mode,
    ...(subnet === undefined ? {} : { subnet: subnetJson(subnet) }),
    ...(address === undefined ? {} : { ip_address: formatIpv4(address) }),
  };
}

/** One interface of a machine. @param all the interfaces of the machine, for the names of its parents and children */
export function interfaceJson(machine: Machine, one: NetInterface, all: readonly NetInterface[]): Json {
  const { id, kind, name, mac, vlan, links, mtu, tags, params, nic, seenIn } = one;
  const address = formatMac(mac);
  const reported = machine.facts?.nics.find((other) => other.mac.toLowerCase().replace(/-/g, ':') === address);
  const nameOf = (wanted: number): string => all.find((other) => other.id === wanted)?.name ?? '';
  const seen = nic?.address;
  return {
    ...{ id, name, type: kind, enabled: true, mac_address: address, system_id: machine.systemId },
    vlan: vlan === undefined ? null : vlanJson(vlan),
    links: links.map(linkJson),
    parents: one.parents.map(nameOf),
    children: one.children.map(nameOf),
    effective_mtu: mtu,
    tags,
    params: Object.keys(params).length === 0 ? '' : params,
    discovered:
      seen === undefined
        ? []
        : [{ ip_address: formatIpv4(seen), subnet: seenIn === undefined ? null : subnetJson(seenIn) }],
    link_connected: reported?.carrier ?? true,
    link_speed: reported?.speed ?? 0,
    interface_speed: reported?.speed ?? 0,
    product: reported?.ids === undefined || reported.ids === '' ? null : reported.ids,
    driver: reported?.driver ?? null,
    vendor: null,
    firmware_version: null,
    numa_node: 0,
    sriov_max_vf: 0,
    resource_uri: `${BASE}/nodes/${machine.systemId}/interfaces/${id}/`,
  };
}

/** The interfaces of a machine; the first is the one with which it boots. */
export function interfacesJson(machine: Machine, networks: Networks): readonly Json[] {
  const all = interfacesOf(machine, networks);
  return all.map((one) => interfaceJson(machine, one, all));
}

const NO_GATEWAY = { gateway_ip: null, link_id: null };

/** The machine's default gateways that a person chose. */
export function gatewaysJson({ layout }: Machine, networks: Networks): Json {
  const wanted = layout?.network?.gatewayLink;
  const link = layout?.network?.links.find(({ id }) => id === wanted);
  const router = networks.subnets.find(({ id }) => id === link?.subnetId)?.router;
  const ipv4 = router === undefined ? NO_GATEWAY : { gateway_ip: formatIpv4(router), link_id: link?.id ?? null };
  return { ipv4, ipv6: NO_GATEWAY };
}
