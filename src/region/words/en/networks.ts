// Why a change to networks, ranges, addresses or routes is refused.

import { listed } from '../../../counted.ts';
import type { NetworkDoubt, NetworkNoun } from '../../records/event-params.ts';
import type { NetworkKind } from '../../records/network-store.ts';
import { type Reserved, reservedText } from './life.ts';
import type { RefusalTable } from './table.ts';

const MANY: Readonly<Record<NetworkKind, string>> = {
  spaces: 'spaces',
  fabrics: 'fabrics',
  vlans: 'VLANs',
  subnets: 'subnets',
  ranges: 'ranges',
  reserved: 'reserved addresses',
  routes: 'static routes',
  connections: 'connections',
};

/** Parameters that several sentences share. */
type In = { readonly network: string };
type Named = { readonly name: string };
type At = { readonly address: string };
type Used = Named & { readonly machine: string; readonly what: NetworkNoun };
type RangeKind = 'dynamic' | 'reserved' | 'static';
type OnRack = In & { readonly rack: string };
type Span = { readonly low: string; readonly high: string };

/** Addresses that a sentence names. */
const ADDRESSES_NAMED_MAX = 16;

/** By code. */
export const NETWORKS = {
  'networks-limit': ({ kind, max }: { readonly kind: NetworkKind; readonly max: number }) =>
    `The region has ${max} ${MANY[kind]}, the maximum: remove some.`,
  'not-found.network-object': ({ what, id }: { readonly what: NetworkNoun; readonly id: string }) =>
    `There is no ${what} ${id}.`,
  'not-found.reserved-address': ({ address }: At) =>
    // Terraform's provider ignores a refusal with the words "does not exist" when it deletes a DNS record, whose addresses it always releases.
    `A reservation of ${address} by you does not exist: ipaddresses lists your addresses.`,
  'not-found.network': ({ name }: Named) => `There is no network ${name}: networks lists them.`,
  'not-allowed.range': 'The range belongs to another user: an administrator may change it.',
  'not-allowed.dynamic': 'Only an administrator may create or change a dynamic or static range.',
  'in-use.fabric-served': ({ name, network }: Named & In) =>
    `The fabric ${name} has the subnet ${network}, which a rack serves: remove its cluster interface first.`,
  'in-use.fabric-subnets': ({ name }: Named) => `The fabric ${name} has subnets: remove or move them first.`,
  'in-use.fabric-default': ({ name }: Named) =>
    `${name} is the default fabric, in which the networks of racks appear: change it instead.`,
  'in-use.space-undefined':
    'The space undefined has the VLANs that are in no space, and cannot be changed or deleted: give its VLANs a space instead.',
  'in-use.vlan-untagged': 'This is the default VLAN of its fabric: remove the fabric instead.',
  'in-use.vlan-subnets': ({ network }: In) => `The VLAN has the subnet ${network}: remove or move it first.`,
  'in-use.space': ({ name }: Named) => `The space ${name} has VLANs: move them to another space first.`,
  'in-use.subnet-served': ({ network, rack, name }: In & Named & { readonly rack: string }) =>
    `The rack ${rack} serves ${network}: remove its cluster interface ${name} first.`,
  'in-use.range-served': ({ network, rack, name }: In & Named & { readonly rack: string }) =>
    `${network} has DHCP with this range by the cluster interface ${name} of the rack ${rack}: switch DHCP off first (dhcp_on=false of the VLAN, or management=0).`,
  'in-use.subnet-address': ({ network, address }: In & At) => `${address} of ${network} is reserved: release it first.`,
  'in-use.subnet-route': ({ network }: In) => `A static route leads from or to ${network}: delete it first.`,
  'in-use.interface': ({
    nic,
    machine,
    systemId,
    what,
    name,
  }: Used & { readonly nic: string; readonly systemId: string }) =>
    `The ${what} ${name} is used by ${nic} of ${machine}: change this interface first (nodes/${systemId}/interfaces).`,
  'in-use.machine-address': ({ machine, address, what, name }: Used & At) =>
    `${machine} has the address ${address} of the ${what} ${name}: release ${machine} first.`,
  'in-use.address': ({ address, purposes, reserved }: At & Reserved & { readonly purposes: readonly string[] }) =>
    `${address} cannot be reserved: it is in use (${purposes.join(', ')})${reservedText(reserved)}.`,
  'in-use.leased': ({ address, mac, until }: At & { readonly mac: string; readonly until: string }) =>
    `${address} cannot be reserved: the host ${mac} has it by a lease until ${until} UTC.`,
  'in-use.host-leased': ({ address, mac, until }: At & { readonly mac: string; readonly until?: string }) =>
    `The host ${mac} has ${address} by a lease${until === undefined ? '' : ` until ${until} UTC`}: only an administrator may give it another address.`,
  'in-use.host-configured': ({ address, mac }: At & { readonly mac: string }) =>
    `A rack's configuration gives ${address} to the host ${mac}: only an administrator may give it another address.`,
  'in-use.address-edge': ({ address }: At) =>
    `${address} cannot be reserved: it is the first or last address of its network.`,
  'in-use.exhausted': ({ network, reserved }: In & Reserved) =>
    `${network} has no address left that you may reserve${reservedText(reserved)}.`,
  'field.network-name': 'Give at most 255 characters without / and blanks; the first must be a letter or digit.',
  'field.network-name-taken': ({ name }: Named) => `The name ${name} is taken.`,
  'field.network-space-undefined': 'The name undefined stands for no space: choose another.',
  'field.vid': 'Give 0 (untagged) to 4094.',
  'field.vid-taken': ({ vid, name }: Named & { readonly vid: number }) =>
    `The fabric ${name} already has a VLAN ${vid}.`,
  'field.vid-untagged': 'The default VLAN of a fabric stays untagged.',
  'field.mtu': 'Give 552 to 65535.',
  'field.no-space': ({ name }: Named) => `There is no space ${name}.`,
  'field.no-fabric': ({ name }: Named) => `There is no fabric ${name}.`,
  'field.no-vlan': ({ name }: Named) => `There is no VLAN ${name}: give its id.`,
  'field.no-subnet': ({ name }: Named) => `There is no subnet ${name}: give its id, or a network such as 10.20.0.0/24.`,
  'field.cidr': 'Give an IPv4 network such as 10.20.0.0/24, without host bits. IPv6 is not supported.',
  'field.cidr-hostless': ({ network }: In) => `No host can have an address of ${network}: give another network.`,
  'field.cidr-taken': ({ network, id }: In & { readonly id: number }) =>
    `Subnet ${id} already has ${network}: change that one.`,
  'field.cidr-overlap': ({ network }: In) => `It overlaps the subnet ${network}.`,
  'field.cidr-range': ({ low, high }: Span) => `It would not contain the range ${low} to ${high} of the subnet.`,
  'field.cidr-reserved': ({ address }: At) => `It would not contain ${address}, which a user has reserved.`,
  'field.cidr-served': ({ rack, name }: Named & { readonly rack: string }) =>
    `The rack ${rack} serves this network: its cluster interface ${name} decides the addresses.`,
  'field.address': 'Give an IPv4 address.',
  'field.netmask': 'Give a mask such as 255.255.255.0.',
  'field.subnet-outside': ({ network }: In) => `The address is not in ${network}.`,
  'field.gateway-edge': ({ edge, network }: In & { readonly edge: 'first' | 'last' }) =>
    `The address is the ${edge} one of ${network}, which no machine can have.`,
  'field.gateway-dynamic': ({ low, high }: Span) => `The address is in the dynamic range ${low} to ${high}.`,
  'field.gateway-machine': ({ address, machine }: At & { readonly machine: string }) =>
    `${address} belongs to ${machine}: give that another address first, or another router.`,
  'field.gateway-reserved': ({ address, username }: At & { readonly username: string }) =>
    `${address} is reserved by ${username}: release it first, or give another router.`,
  'field.dns-servers': 'Give at most 16 IPv4 addresses, separated by commas or blanks.',
  'field.not-served': ({ network }: In) =>
    `No rack serves ${network}: add a cluster interface first (nodegroups/UUID/interfaces, or cluster_interfaces of the rack's file).`,
  'field.rdns-mode': ({ mode }: { readonly mode: number }) => `Give ${mode}: dns.reverse sets this for all subnets.`,
  'field.only-true': 'Give true: this cannot be changed for a subnet.',
  'field.range-type': 'Give dynamic, reserved or static.',
  'field.range-order': 'The last address comes before the first one.',
  'field.range-overlap': ({
    kind,
    low,
    high,
    username,
  }: Span & { readonly kind: RangeKind; readonly username: string | undefined }) =>
    `The range overlaps the ${kind} range ${low} to ${high}${username === undefined ? '' : ` of ${username}`}.`,
  'field.range-one': ({ network, rack, kind }: In & { readonly rack: string; readonly kind: RangeKind }) =>
    `The rack ${rack} has its ${kind} range in ${network}: change that one.`,
  'field.range-kept': ({ network, low, high }: In & Span) =>
    `${network} has its dynamic range ${low} to ${high}: change that one.`,
  'field.range-type-stays': ({ kind }: { readonly kind: RangeKind }) =>
    `Give ${kind}: a range keeps its type. Delete it, and create another.`,
  'field.range-subnet-stays': ({ network }: In) =>
    `Give ${network}: a range stays in its subnet. Delete it, and create another.`,
  'field.range-router': ({ address }: At) => `The range contains the router ${address}.`,
  'field.range-rack': ({ address, rack }: At & { readonly rack: string }) =>
    `The range contains the address ${address} of the rack ${rack}.`,
  'field.range-machine': ({ address, machine }: At & { readonly machine: string }) =>
    `The range contains the address ${address} of the machine ${machine}.`,
  'field.range-reserved': ({ address, username }: At & { readonly username: string }) =>
    `The range contains ${address}, which ${username} has reserved.`,
  'field.vlan-no-rack': ({ rack }: { readonly rack: string }) =>
    `There is no accepted rack ${rack}: give the system id or the name of one (rackcontrollers lists them).`,
  'field.vlan-rack': ({ rack }: { readonly rack: string }) =>
    `The rack ${rack} serves no subnet of this VLAN: give it a cluster interface with a dynamic range of its own first (nodegroups/UUID/interfaces).`,
  'field.vlan-primary': 'Give the rack that offers DHCP, or dhcp_on=false.',
  'field.vlan-no-range':
    'No subnet of this VLAN has a dynamic range: create one first (ipranges with type=dynamic and the subnet).',
  'field.vlan-rack-other': ({ network, rack, name }: OnRack & Named) =>
    `The rack ${rack} has the cluster interface ${name} in ${network}: name ${rack}, or remove that cluster interface first.`,
  'field.vlan-rack-silent': ({ rack }: { readonly rack: string }) =>
    `The rack ${rack} has not reported the addresses of its network interfaces: start it, or update it to the version of this region.`,
  'field.vlan-rack-address': ({ network, rack, addresses }: OnRack & { readonly addresses: readonly string[] }) =>
    `The rack ${rack} has no address in ${network}. Its network interfaces have ${addresses.length === 0 ? 'no IPv4 address' : listed(addresses, ADDRESSES_NAMED_MAX)}. Give one of them an address of ${network}, or name a rack that has one.`,
  'field.rack-host-address': ({
    rack,
    interface: nic,
    address,
    addresses,
  }: At & { readonly rack: string; readonly interface: string; readonly addresses: readonly string[] }) =>
    `${nic} of the rack ${rack} does not have ${address}, but ${listed(addresses, ADDRESSES_NAMED_MAX)}. Give an address that it has, or add ${address} to it first.`,
  'field.vlan-rack-overlap': ({ network, rack, addresses }: OnRack & { readonly addresses: readonly string[] }) =>
    `The rack ${rack} has ${listed(addresses, ADDRESSES_NAMED_MAX)}, which overlap ${network}. Leave one network interface in ${network}, with the prefix of the subnet.`,
  'field.vlan-rack-entry': ({ network, rack, name, taken }: OnRack & Named & { readonly taken: string }) =>
    `The cluster interface ${name} of the rack ${rack} has ${taken}, which overlaps ${network}: remove it first, or choose another network.`,
  'field.vlan-rack-doubt': ({ rack, doubt }: { readonly rack: string; readonly doubt: NetworkDoubt }) =>
    doubt.kind === 'overlap'
      ? `${doubt.network} overlaps ${doubt.other} of the rack ${doubt.owner}: name ${doubt.owner}, or choose another network.`
      : `${doubt.network} is too wide for the rack ${rack} without agreement: write the cluster interface into the file of ${rack}, and agree with rackboot racks accept ${rack} --share ${doubt.network}.`,
  'field.vlan-dhcp-off': 'DHCP is off in this VLAN: give dhcp_on=true too.',
  'field.vlan-unserved': 'No rack serves a subnet of this VLAN: give primary_rack too, the rack that offers DHCP.',
  'field.vlan-racks': 'Give different racks, and a primary one.',
  'field.reserve-machine': ({ machine }: { readonly machine: string }) =>
    `This is an interface of ${machine}, which you do not own: its owner or an administrator may reserve an address for it.`,
  'field.reserve-twice': ({ address, network }: At & In) =>
    `This host already has ${address} in ${network}: release that address first.`,
  'field.reserve-name': ({ name, address }: Named & At) =>
    `${name} is the name of the reserved address ${address}: choose another, or release that address first.`,
  'field.reserve-where': 'Give ip or subnet.',
  'field.scan-force': 'Give the networks to scan, or force=true to scan all.',
  'field.scan-arp': 'Give false: the hosts are asked by ARP, not by ping.',
  'field.scan-threads': 'Give 1 to 32.',
  'field.scan-unserved': ({ network }: In) => `No rack serves a network that contains ${network}.`,
  'field.scan-large': ({ network }: In) => `${network} is too large: give networks of at most 1024 addresses (/22).`,
  'field.scan-remote': ({ network, rack }: In & { readonly rack: string }) =>
    `${network} is served by the remote rack ${rack}: only the rack in the process of the region can be asked to scan.`,
  'field.scan-relayed': ({ network }: In) =>
    `The rack reaches ${network} only through relay agents, which pass no ARP.`,
  'bad-request.scan-nothing':
    'The rack in the process of this region serves no network of at most 1024 addresses on an interface of its own.',
  'field.route-same': 'Source and destination are the same subnet.',
  'field.route-metric': 'Give 0 to 4294967295.',
  'field.route-taken': ({ gateway }: { readonly gateway: string }) => `This route through ${gateway} exists already.`,
  'field.machine-macs': 'Give hardware addresses of machines, such as 52:54:00:12:34:56.',
  'field.reserved-static': ({ low, high }: Span) =>
    `Only an administrator may reserve a range of the static range ${low} to ${high}, from which machines get their addresses: choose addresses outside it.`,
  'field.reserved-half': ({ network, reserved }: In & Reserved) =>
    `Users may reserve, and link with devices, at most half of the addresses that ${network} has for machines${reservedText(reserved)}. Choose an address outside the static ranges, or ask an administrator.`,
  'field.reserved-per-user': ({ max }: { readonly max: number }) =>
    `A user may reserve, and link with devices, at most ${max} addresses; a released one counts until its host no longer leases it. Release some, or ask an administrator.`,
} as const satisfies RefusalTable;
