// The interfaces of a machine as they should be deployed: as commissioned, unless a person has laid
// them out otherwise. Pure.
//
// 1. A machine without a layout gets an address on its boot interface only: from the static range
//    of the subnet, or by DHCP if the subnet has no such range. If racks serve several subnets and
//    nobody knows in which it is, it gets one by DHCP wherever it is. Its other interfaces are
//    started without an address.
// 2. The list has the physical interfaces of the machine's newest report, with the names, VLANs,
//    tags and sizes that a person gave them.
// 3. An interface carries no larger packets than those below it. An interface below is raised to
//    the sizes above it that are over 1500 or chosen. If its own size was chosen, only chosen sizes
//    raise it.
// 4. An address of the machine belongs to one link. Links without an address of their own take the
//    others in their order.

import { formatMac, type Ipv4, type MacAddress } from '../../ground/address.ts';
import {
  hasStaticRange,
  type NetworkView,
  type SubnetView,
  specified,
  subnetOfAddress,
  subnetWithId,
  type VlanView,
  vlanWithId,
} from '../networks/network-view.ts';
import type { Machine, MachineInterface } from '../records/machine.ts';
import type { InterfaceKind, InterfaceLink, LaidInterface, NetworkLayout } from '../records/machine-layout.ts';
import { MTU_DEFAULT } from '../records/network-store.ts';

export interface NetLink {
  readonly id: number;
  readonly mode: InterfaceLink['mode'];
  /** `undefined`: the link names none, or it is gone. */
  readonly subnet: SubnetView | undefined;
  /** The id that the link names; `undefined`: none. */
  readonly subnetId: number | undefined;
  /** The address that the machine has there; `undefined`: none yet. */
  readonly address: Ipv4 | undefined;
}

/** The link of an interface, and its speeds in Mbit/s; 0: unknown. */
interface LinkState {
  readonly isConnected: boolean;
  readonly linkSpeed: number;
  readonly interfaceSpeed: number;
}

export interface NetInterface {
  readonly id: number;
  readonly kind: InterfaceKind;
  readonly name: string;
  readonly mac: MacAddress;
  /** Only parents that still exist. */
  readonly parents: readonly number[];
  readonly children: readonly number[];
  /** `undefined`: disconnected. */
  readonly vlan: VlanView | undefined;
  /** The largest packet that it carries, in bytes. */
  readonly mtu: number;
  readonly link: LinkState;
  readonly tags: readonly string[];
  readonly params: LaidInterface['params'];
  /**
   * `params` with the `mtu` that a person chose; `undefined`: the machine reported the interface,
   * and nobody changed it.
   */
  readonly settings: LaidInterface['params'] | undefined;
  readonly links: readonly NetLink[];
  /** Its hardware; `undefined` if it is not physical. */
  readonly nic: MachineInterface | undefined;
  /** The subnet of the address with which it was last seen; `undefined`: never seen, or in none. */
  readonly seenIn: SubnetView | undefined;
}

const chooseInterfaceName = (nic: MachineInterface, position: number): string =>
  nic.name === '' ? `eth${position}` : nic.name;

const buildPlainInterface = (nic: MachineInterface, position: number): LaidInterface => ({
  id: nic.id,
  kind: 'physical',
  name: chooseInterfaceName(nic, position),
  mac: nic.mac,
  parents: [],
  tags: [],
  params: {},
});

/** The settings of an interface that people see; `undefined`: it is as the machine reported it. */
function pickShownParams(
  laidInterface: LaidInterface,
  nic: MachineInterface | undefined,
  position: number,
): LaidInterface['params'] | undefined {
  const { mtu, params, tags, vlanId, linkSpeed, interfaceSpeed, isConnected } = laidInterface;
  const chosen = mtu === undefined ? params : { ...params, mtu };
  if (nic === undefined || nic.source === 'person' || laidInterface.name !== chooseInterfaceName(nic, position))
    return chosen;
  const isSpoken = [vlanId, linkSpeed, interfaceSpeed, isConnected].some((value) => value !== undefined);
  return isSpoken || tags.length > 0 || Object.keys(chosen).length > 0 ? chosen : undefined;
}

/** The network of a machine as commissioned. The id of each link is that of its interface. */
function commissionedNetwork(machine: Machine, networks: NetworkView): NetworkLayout {
  const isServed = networks.subnets.some(({ served }) => served.length > 0);
  return {
    interfaces: machine.interfaces.map(buildPlainInterface),
    links: machine.interfaces.map((nic, position): InterfaceLink => {
      const link = { id: nic.id, interfaceId: nic.id };
      const isDeployed = machine.device === undefined && position === 0;
      const subnet = isDeployed ? homeSubnet(machine, nic, networks) : undefined;
      if (subnet === undefined) return { ...link, mode: isDeployed && isServed ? 'dhcp' : 'link_up' };
      return { ...link, mode: hasStaticRange(subnet) ? 'auto' : 'dhcp', subnetId: subnet.subnet.id };
    }),
  };
}

/**
 * The subnet of the interface with which a machine boots: that in which it was seen, that of the
 * address allocated to it, or the only one that racks serve.
 */
function homeSubnet(
  { home, addresses }: Machine,
  { address, mac }: MachineInterface,
  networks: NetworkView,
): SubnetView | undefined {
  const foundAddress = address ?? home ?? addresses.find((fixedAddress) => fixedAddress.mac === mac)?.address;
  if (foundAddress !== undefined) return subnetOfAddress(networks, foundAddress);
  const [subnetView, ...others] = networks.subnets.filter(({ served }) => served.length > 0);
  return others.length === 0 ? subnetView : undefined;
}

/** The network that should be deployed, with the machine's present physical interfaces. */
export function buildNetworkLayout(machine: Machine, networks: NetworkView): NetworkLayout {
  const laid = machine.layout?.network;
  if (laid === undefined) return commissionedNetwork(machine, networks);
  const physical = machine.interfaces.map((nic, position): LaidInterface => {
    const laidInterface = laid.interfaces.find(({ id }) => id === nic.id);
    return laidInterface === undefined ? buildPlainInterface(nic, position) : { ...laidInterface, mac: nic.mac };
  });
  return { ...laid, interfaces: [...physical, ...laid.interfaces.filter(({ kind }) => kind !== 'physical')] };
}

export function buildNetInterfaces(machine: Machine, networks: NetworkView): readonly NetInterface[] {
  const { interfaces, links } = buildNetworkLayout(machine, networks);
  const ids = new Set(interfaces.map(({ id }) => id));
  const hardware = new Map(machine.interfaces.map((nic) => [nic.id, nic]));
  const addressOf = linkAddresses(machine, interfaces, links, networks);
  const all = interfaces.map((laidInterface, position) => {
    const own = links.filter(({ interfaceId }) => interfaceId === laidInterface.id);
    const netLinks = own.map(({ id, mode, subnetId }): NetLink => {
      return { id, mode, subnet: subnetWithId(networks, subnetId), subnetId, address: addressOf.get(id) };
    });
    const linked = netLinks.find(({ subnet }) => subnet !== undefined)?.subnet;
    const vlan = chooseVlan(laidInterface, linked, networks);
    const nic = hardware.get(laidInterface.id);
    return {
      id: laidInterface.id,
      kind: laidInterface.kind,
      name: laidInterface.name,
      mac: laidInterface.mac,
      vlan,
      links: netLinks,
      parents: laidInterface.parents.filter((id) => ids.has(id)),
      children: interfaces.filter(({ parents }) => parents.includes(laidInterface.id)).map(({ id }) => id),
      mtu: laidInterface.mtu ?? linked?.mtu ?? vlan?.mtu ?? networks.defaultVlan.mtu,
      link: describeLink(machine, laidInterface),
      tags: laidInterface.tags,
      params: laidInterface.params,
      nic,
      settings: pickShownParams(laidInterface, nic, position),
      seenIn: nic?.address === undefined ? undefined : subnetOfAddress(networks, nic.address),
    };
  });
  return all.some(({ parents }) => parents.length > 0) ? fitSizes(all, interfaces) : all;
}

/**
 * Makes the sizes of interfaces fit those above and below them (invariant 3). @param laid with the
 * sizes that a person chose
 */
function fitSizes(all: readonly NetInterface[], laid: readonly LaidInterface[]): readonly NetInterface[] {
  const chosen = new Map(laid.map(({ id, mtu }) => [id, mtu]));
  const withIds = (ids: readonly number[]) => all.filter(({ id }) => ids.includes(id));
  const needed = ({ id, children }: NetInterface, isBound: boolean): number => {
    const onlyChosen = isBound || chosen.get(id) !== undefined;
    const sizes = withIds(children).map((child) => {
      const own = chosen.get(child.id) ?? (onlyChosen || child.mtu <= MTU_DEFAULT ? 0 : child.mtu);
      return Math.max(own, needed(child, onlyChosen));
    });
    return Math.max(0, ...sizes);
  };
  const sizeOf = (netInterface: NetInterface): number =>
    Math.min(Math.max(netInterface.mtu, needed(netInterface, false)), ...withIds(netInterface.parents).map(sizeOf));
  return all.map((netInterface) => ({ ...netInterface, mtu: sizeOf(netInterface) }));
}

export function describeLink(
  { facts }: Pick<Machine, 'facts'>,
  laidInterface: Pick<LaidInterface, 'mac' | 'isConnected' | 'linkSpeed' | 'interfaceSpeed'>,
): LinkState {
  const address = formatMac(laidInterface.mac);
  const reported = facts?.nics.find(({ mac }) => mac.toLowerCase().replace(/-/g, ':') === address);
  const speed = reported?.speed ?? 0;
  return {
    isConnected: laidInterface.isConnected ?? reported?.carrier ?? true,
    linkSpeed: laidInterface.linkSpeed ?? speed,
    interfaceSpeed: laidInterface.interfaceSpeed ?? speed,
  };
}

/**
 * The address of each link, by its id: the one that the link names, or for an `auto` link one that
 * the machine has there. No two links share an address.
 */
function linkAddresses(
  { addresses }: Pick<Machine, 'addresses'>,
  interfaces: readonly LaidInterface[],
  links: readonly InterfaceLink[],
  networks: NetworkView,
): ReadonlyMap<number, Ipv4> {
  const addressesById = new Map(
    links.flatMap(({ id, address }) => (address === undefined ? [] : [[id, address] as const])),
  );
  const used = new Set(addressesById.values());
  for (const { id, mode, subnetId, interfaceId } of links) {
    if (mode !== 'auto' || addressesById.has(id)) continue;
    const subnet = subnetWithId(networks, subnetId);
    const mac = interfaces.find((laidInterface) => laidInterface.id === interfaceId)?.mac;
    const fixedAddress = addresses.find(
      (candidate) =>
        candidate.mac === mac && !used.has(candidate.address) && isInSubnet(subnet, candidate.address, networks),
    );
    if (fixedAddress === undefined) continue;
    addressesById.set(id, fixedAddress.address);
    used.add(fixedAddress.address);
  }
  return addressesById;
}

const isInSubnet = (subnet: SubnetView | undefined, address: Ipv4, networks: NetworkView): boolean =>
  subnet !== undefined && subnetOfAddress(networks, address)?.subnet.id === subnet.subnet.id;

/** The VLAN that was chosen for the interface, that of its links, or the default. */
const chooseVlan = (
  { vlanId }: LaidInterface,
  linked: SubnetView | undefined,
  networks: NetworkView,
): VlanView | undefined =>
  vlanId === null ? undefined : (vlanWithId(networks, vlanId) ?? linked?.vlan ?? networks.defaultVlan);

/**
 * The interface that a path names, by its id, its name (also as `id:7`, `name:eth0`) or its
 * hardware address; `undefined`: none.
 */
export const findInterface = (interfaces: readonly NetInterface[], named: string): NetInterface | undefined =>
  specified(interfaces, named) ?? interfaces.find(({ mac }) => formatMac(mac) === named.toLowerCase());
