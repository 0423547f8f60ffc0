// Networks for tests of layouts: VLANs and subnets as people see them, without a store.

import assert from 'node:assert/strict';
import { formatNetwork, type Ipv4, ipv4, parseNetwork } from '../../../src/ground/address.ts';
import {
  makeNetworkView,
  type NetworkView,
  type SubnetView,
  type VlanView,
} from '../../../src/region/networks/network-view.ts';
import type { ServedNetwork } from '../../../src/region/networks/served-networks.ts';
import { NO_RECORDS } from '../../../src/region/records/network-store.ts';

/** A cluster interface with DHCP and DNS. */
export const SERVED: ServedNetwork = {
  rack: 'r',
  rackName: 'rack',
  name: 'lab',
  cidr: '10.20.0.0/24',
  management: 2,
  isProxy: false,
  network: { address: ipv4(0x0a140000), prefix: 24 },
  address: undefined,
  router: undefined,
  dnsServers: [],
  dynamic: undefined,
  fixed: undefined,
  mtu: undefined,
  reportedMtu: undefined,
  options: [],
  writtenHosts: () => [],
  foreignServer: undefined,
  key: 'cluster_interfaces.lab',
};

/** The networks of a region that has none. */
export const NO_NETWORKS = makeNetworkView(NO_RECORDS, { served: [], reported: [], rackHosts: [] }, 2);
export const { defaultVlan: UNTAGGED } = NO_NETWORKS;

/** A VLAN of the default fabric, unless another is given. */
export const vlanView = (
  vlan: { readonly id: number; readonly name: string; readonly vid: number; readonly mtu: number },
  fabric: VlanView['fabric'] = UNTAGGED.fabric,
): VlanView => ({ ...UNTAGGED, vlan: { ...UNTAGGED.vlan, ...vlan, fabricId: fabric.id }, fabric, mtu: vlan.mtu });

/** A subnet, and its name. @param gateway its router and its DNS server; `undefined`: none */
export function subnetView(id: number, vlan: VlanView, text: string, gateway?: Ipv4): SubnetView {
  const network = parseNetwork(text);
  assert.ok(network !== undefined);
  const dnsServers = gateway === undefined ? [] : ['10.20.0.1'];
  const cidr = formatNetwork(network);
  const texts = { cidr, name: text, description: '' };
  const subnet = { id, ...texts, vlanId: vlan.vlan.id, gateway, dnsServers, allowsDns: true, isTouched: true };
  const own = { served: [], isDiscovered: false, gateway, mtu: vlan.mtu, dnsServers, allowsDns: true };
  return { subnet, network, vlan, ...own, reverseMode: 2, routes: [] };
}

/** The networks with these VLANs and the default one, and these subnets. */
export const networksWith = (vlans: readonly VlanView[], subnets: readonly SubnetView[]): NetworkView => ({
  ...NO_NETWORKS,
  vlans: [UNTAGGED, ...vlans],
  subnets,
});
