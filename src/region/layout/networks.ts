// The VLANs and subnets to which machines' interfaces are linked. Pure.
//
// Source: fabrics, VLANs and subnets of MAAS's API 2.0.
//
// 1. Each network that an accepted rack is believed to serve is a subnet of the untagged VLAN of the default fabric. Its id is its first
//    address, so it stays the same as racks come and go.
// 2. Only this file knows where the objects come from.

import {
  formatNetwork,
  type Ipv4,
  type Ipv4Network,
  networkContains,
  parseIpv4,
  parseNetwork,
} from '../../net/address.ts';
import { believedInterfaces } from '../racks/rack-networks.ts';
import type { Rack } from '../records/rack.ts';

/** Frames of untagged Ethernet, bytes. */
const DEFAULT_MTU = 1500;

export interface Vlan {
  readonly id: number;
  readonly name: string;
  /** 0: untagged. */
  readonly vid: number;
  readonly fabricId: number;
  readonly fabric: string;
  readonly mtu: number;
  /** True if a rack gives addresses there. */
  readonly hasDhcp: boolean;
  /** The UUID of a rack that serves it; `undefined`: none does. */
  readonly rack: string | undefined;
}

export interface Subnet {
  readonly id: number;
  readonly name: string;
  readonly network: Ipv4Network;
  readonly router: Ipv4 | undefined;
  readonly nameServers: readonly Ipv4[];
  readonly vlan: Vlan;
  /** True if addresses of a static range are given there; otherwise machines get theirs by DHCP. */
  readonly hasStaticRange: boolean;
}

export interface Networks {
  readonly vlans: readonly Vlan[];
  readonly subnets: readonly Subnet[];
  /** The VLAN of interfaces of which nothing else is known. */
  readonly defaultVlan: Vlan;
}

const DEFAULT_FABRIC = { fabricId: 0, fabric: 'fabric-0' } as const;
/** As in MAAS, whose first VLAN has this id. */
const DEFAULT_VLAN_ID = 5001;

/** The networks that these racks serve. */
export function networksOf(racks: readonly Rack[]): Networks {
  const served = racks
    .filter(({ state }) => state === 'accepted')
    .flatMap((rack) => believedInterfaces(rack).map((nic) => ({ rack, nic })));
  const primary = served.find(({ nic }) => nic.management > 0);
  const defaultVlan: Vlan = {
    ...{ id: DEFAULT_VLAN_ID, name: 'untagged', vid: 0, ...DEFAULT_FABRIC, mtu: DEFAULT_MTU },
    hasDhcp: primary !== undefined,
    rack: primary?.rack.uuid,
  };
  const subnets = new Map<string, Subnet>();
  for (const { nic } of served) {
    const network = parseNetwork(nic.network);
    if (network === undefined) continue;
    const name = formatNetwork(network);
    const before = subnets.get(name);
    const server = nic.management === 2 ? parseIpv4(nic.ip) : undefined;
    subnets.set(name, {
      ...{ id: network.address, name, network, vlan: defaultVlan },
      router: before?.router ?? parseIpv4(nic.router_ip),
      nameServers: [...(before?.nameServers ?? []), ...(server === undefined ? [] : [server])],
      hasStaticRange: before?.hasStaticRange === true || (nic.management > 0 && nic.static_ip_range_low !== ''),
    });
  }
  return { vlans: [defaultVlan], subnets: [...subnets.values()], defaultVlan };
}

/** The smallest subnet that has this address; `undefined`: none. */
export function subnetAt({ subnets }: Networks, address: Ipv4): Subnet | undefined {
  const having = subnets.filter(({ network }) => networkContains(network, address));
  return having.toSorted((a, b) => b.network.prefix - a.network.prefix)[0];
}

/** The subnet with this id; `undefined`: none. */
export const findSubnet = ({ subnets }: Networks, id: number | undefined): Subnet | undefined =>
  subnets.find((subnet) => subnet.id === id);
