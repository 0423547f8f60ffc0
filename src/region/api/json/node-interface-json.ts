// The interfaces of machines, and of the hosts of racks, as API 2.0 represents them, with their
// VLANs and subnets (`subnet-json.ts`).
//
// Sources: the keys that strict clients demand: gomaasapi's schemas of interface, link, subnet and
// VLAN, and the types of Terraform's provider.
//
// 1. Every object has every key, always with the same type. The exceptions: a link without `subnet`
//    and `ip_address` lacks these keys, as gomaasapi demands; `params` of an interface that nobody
//    made or changed is an empty text, as MAAS has it.
// 2. VLANs and subnets are made once for all machines of a list.

import { formatIpv4, formatMac, type Ipv4, type MacAddress } from '../../../ground/address.ts';
import { buildNetInterfaces, type NetInterface, type NetLink } from '../../layout/interfaces.ts';
import { type NetworkView, type SubnetView, subnetWithId, type VlanView } from '../../networks/network-view.ts';
import type { Machine } from '../../records/machine.ts';
import { MTU_DEFAULT } from '../../records/network-store.ts';
import type { AnswerOf } from '../answers/answer-types.ts';
import { API_2 } from './fixed-json.ts';
import { subnetJson, vlanJson } from './subnet-json.ts';

const vlans = new WeakMap<VlanView, AnswerOf<'vlan'>>();
const subnets = new WeakMap<SubnetView, AnswerOf<'subnet'>>();

function kept<Key extends object, Json>(cache: WeakMap<Key, Json>, key: Key, make: (key: Key) => Json): Json {
  const json = cache.get(key) ?? make(key);
  cache.set(key, json);
  return json;
}

const keptVlan = (vlan: VlanView) => kept(vlans, vlan, vlanJson);
const keptSubnet = (subnet: SubnetView) => kept(subnets, subnet, subnetJson);

const linkJson = ({ id, mode, address, subnet }: NetLink): AnswerOf<'link'> => ({
  id,
  mode,
  ...(address === undefined ? {} : { ip_address: formatIpv4(address) }),
  ...(subnet === undefined ? {} : { subnet: keptSubnet(subnet) }),
});

const ALIKE = { enabled: true, vendor: null, firmware_version: null, numa_node: 0, sriov_max_vf: 0 };
/** The values of an interface of which its host reports nothing. */
const UNREPORTED = {
  ...ALIKE,
  tags: [],
  params: '',
  link_connected: true,
  link_speed: 0,
  interface_speed: 0,
  product: null,
  driver: null,
  discovered: [],
};

/**
 * One interface of a machine. @param all the interfaces of the machine, for the names of its
 * parents and children
 */
export function interfaceJson(
  machine: Machine,
  netInterface: NetInterface,
  all: readonly NetInterface[],
): AnswerOf<'interface'> {
  const { id, kind, name, mac, mtu, link, tags, settings, vlan, links, nic, seenIn } = netInterface;
  const seen = nic?.address;
  const subnet = seenIn === undefined ? null : keptSubnet(seenIn);
  const address = formatMac(mac);
  const reported = machine.facts?.nics.find((other) => other.mac.toLowerCase().replace(/-/g, ':') === address);
  const nameOf = (wanted: number) => all.find((other) => other.id === wanted)?.name ?? '';
  return {
    id,
    name,
    type: kind,
    mac_address: address,
    system_id: machine.systemId,
    parents: netInterface.parents.map(nameOf),
    children: netInterface.children.map(nameOf),
    effective_mtu: mtu,
    tags,
    params: settings ?? '',
    link_connected: link.isConnected,
    link_speed: link.linkSpeed,
    interface_speed: link.interfaceSpeed,
    product: reported?.ids === undefined || reported.ids === '' ? null : reported.ids,
    driver: reported?.driver ?? null,
    resource_uri: `${API_2}/nodes/${machine.systemId}/interfaces/${id}/`,
    vlan: vlan === undefined ? null : keptVlan(vlan),
    links: links.map(linkJson),
    discovered: seen === undefined ? [] : [{ ip_address: formatIpv4(seen), subnet }],
    ...ALIKE,
  };
}

/** The interfaces of a machine; the first is the one with which it boots. */
export function interfacesJson(machine: Machine, networks: NetworkView): readonly AnswerOf<'interface'>[] {
  const all = buildNetInterfaces(machine, networks);
  return all.map((netInterface) => interfaceJson(machine, netInterface, all));
}

/** An interface of the host of a rack, of which less is known than of one of a machine. */
export interface HostInterfaceView extends Pick<NetInterface, 'id' | 'name' | 'vlan' | 'links'> {
  readonly systemId: string;
  readonly kind: 'physical' | 'vlan';
  /** Empty: unknown. */
  readonly mac: string;
  readonly parents: readonly string[];
  readonly children: readonly string[];
}

/** An interface of the host of a rack. */
export const hostInterfaceJson = (hostInterface: HostInterfaceView): AnswerOf<'interface'> => ({
  id: hostInterface.id,
  name: hostInterface.name,
  type: hostInterface.kind,
  mac_address: hostInterface.mac,
  system_id: hostInterface.systemId,
  parents: hostInterface.parents,
  children: hostInterface.children,
  effective_mtu: hostInterface.links.find(({ subnet }) => subnet !== undefined)?.subnet?.mtu ?? MTU_DEFAULT,
  resource_uri: `${API_2}/nodes/${hostInterface.systemId}/interfaces/${hostInterface.id}/`,
  vlan: hostInterface.vlan === undefined ? null : keptVlan(hostInterface.vlan),
  links: hostInterface.links.map(linkJson),
  ...UNREPORTED,
});

/** The interface of a host for which an address is reserved, of which nothing else is known. */
export const reservedInterfaceJson = (
  id: number,
  mac: MacAddress,
  address: Ipv4,
  subnet: SubnetView | undefined,
): AnswerOf<'interface'> => ({
  id,
  name: 'eth0',
  type: 'unknown',
  mac_address: formatMac(mac),
  system_id: null,
  parents: [],
  children: [],
  effective_mtu: subnet?.mtu ?? MTU_DEFAULT,
  ...UNREPORTED,
  vlan: subnet === undefined ? null : keptVlan(subnet.vlan),
  links: [linkJson({ id, mode: 'static', subnet, subnetId: subnet?.subnet.id, address })],
  resource_uri: `${API_2}/ipaddresses/`,
});

const NO_GATEWAY = { gateway_ip: null, link_id: null };

/** The machine's default gateways that a person chose. */
export function gatewaysJson({ layout }: Machine, networks: NetworkView): AnswerOf<'defaultGateways'> {
  const wanted = layout?.network?.gatewayLink;
  const link = layout?.network?.links.find(({ id }) => id === wanted);
  const router = subnetWithId(networks, link?.subnetId)?.gateway;
  const ipv4 = router === undefined ? NO_GATEWAY : { gateway_ip: formatIpv4(router), link_id: link?.id ?? null };
  return { ipv4, ipv6: NO_GATEWAY };
}
