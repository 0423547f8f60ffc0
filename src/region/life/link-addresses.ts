// Chooses the addresses of a machine's links. Pure.
//
// 1. An `auto` link gets an address of a static range of its subnet; without one, any address there
//    that is not dynamic, not reserved and not a rack's.
// 2. A static link keeps its address through a release. Every other address is given back.
// 3. A link never gets an address of another machine, or of another link of this machine.

import { formatIpv4, formatMac, type Ipv4, type MacAddress } from '../../ground/address.ts';
import type { MachineAddress } from '../../machines/machine.ts';
import { buildNetInterfaces, type NetInterface, type NetLink } from '../layout/interfaces.ts';
import { type NetworkView, subnetOfAddress } from '../networks/network-view.ts';
import type { AddressKnowledge } from '../records/knowledge.ts';
import type { Machine } from '../records/machine.ts';
import { decideRefusal, type RefusalWord, refusal } from '../records/refusal.ts';
import { type AddressChoice, addressForLink } from './static-addresses.ts';

interface AddressedLink {
  readonly one: NetInterface;
  readonly link: NetLink;
}

const listAutoLinks = (machine: Machine, networks: NetworkView): readonly AddressedLink[] =>
  buildNetInterfaces(machine, networks).flatMap((netInterface) =>
    netInterface.links.filter((link) => link.mode === 'auto').map((link) => ({ one: netInterface, link })),
  );

/** Chosen by a person for links. The machine keeps them when it is released. */
export function staticAddresses({
  layout,
  interfaces,
}: Pick<Machine, 'layout' | 'interfaces'>): readonly MachineAddress[] {
  const network = layout?.network;
  if (network === undefined) return [];
  return network.links.flatMap(({ mode, address, interfaceId }) => {
    const mac =
      interfaces.find(({ id }) => id === interfaceId)?.mac ??
      network.interfaces.find(({ id }) => id === interfaceId)?.mac;
    return mode !== 'static' || address === undefined || mac === undefined ? [] : [{ mac, address }];
  });
}

/**
 * The addresses of a machine after a change of its network: the static ones, and those of `auto`
 * links that still exist.
 */
export function addressesAfter(machine: Machine, changed: Machine, networks: NetworkView): readonly MachineAddress[] {
  const chosen = staticAddresses(changed);
  const before = new Set(staticAddresses(machine).map(({ address }) => address));
  const left = machine.addresses.filter(
    ({ address }) => !before.has(address) && !chosen.some((fixedAddress) => fixedAddress.address === address),
  );
  const former = new Map(listAutoLinks(machine, networks).map(({ link }) => [link.id, link.address]));
  const autos = listAutoLinks(changed, networks);
  const fixedAddresses: MachineAddress[] = [];
  // First the links that had an address, then links that replace others.
  for (const isFormer of [true, false]) {
    for (const { one, link } of autos) {
      if (former.has(link.id) !== isFormer) continue;
      const fixedAddress = left.find(
        ({ mac, address }) =>
          one.mac === mac &&
          (!isFormer || former.get(link.id) === address) &&
          subnetOfAddress(networks, address)?.subnet.id === link.subnet?.subnet.id &&
          !fixedAddresses.some((other) => other.address === address),
      );
      if (fixedAddress !== undefined) fixedAddresses.push(fixedAddress);
    }
  }
  return [...chosen, ...fixedAddresses];
}

interface AddressChoiceOptions {
  readonly networks: NetworkView;
  /** For which a decision has asked. */
  readonly known: readonly AddressKnowledge[];
  /** An ordinary user links a device. */
  readonly isOrdinary?: boolean | undefined;
}

/** Gives each `auto` link an address, or asks which addresses are used. */
export function chooseLinkAddresses(machine: Machine, options: AddressChoiceOptions): AddressChoice {
  const { networks } = options;
  const fixedAddresses: MachineAddress[] = [...staticAddresses(machine)];
  for (const { one, link } of listAutoLinks(machine, networks)) {
    if (link.address !== undefined && !fixedAddresses.some(({ address }) => address === link.address)) {
      fixedAddresses.push({ mac: one.mac, address: link.address });
      continue;
    }
    const choice = chooseFor(link, one.mac, new Set(fixedAddresses.map(({ address }) => address)), options);
    if (choice.kind !== 'given') return choice;
    fixedAddresses.push(...choice.addresses);
  }
  return { kind: 'given', addresses: fixedAddresses };
}

/**
 * Refuses a change if another user has reserved an address for the interface, which the host would
 * lose. @param subnetId `undefined`: any subnet
 */
export function refuseReserved(
  { records }: NetworkView,
  mac: MacAddress,
  username: string,
  subnetId?: number,
): RefusalWord | undefined {
  const others = records.reserved.find(
    (reservation) =>
      reservation.mac === mac &&
      reservation.username !== username &&
      (subnetId ?? reservation.subnetId) === reservation.subnetId,
  );
  if (others === undefined) return undefined;
  return refusal(
    'address-refused',
    `another user has reserved ${formatIpv4(others.address)} for ${formatMac(mac)}: ask them to release it, or an administrator to link the interface`,
  );
}

const noSubnetText = (id: number): string =>
  `No accepted rack serves the subnet ${id} of this link: link the interface to another one.`;

export function chooseFor(
  link: Pick<NetLink, 'subnet' | 'subnetId'>,
  mac: MacAddress,
  own: ReadonlySet<Ipv4>,
  { networks, known, isOrdinary = false }: AddressChoiceOptions,
): AddressChoice {
  const { subnet, subnetId } = link;
  if (subnet === undefined) {
    return decideRefusal('address-refused', noSubnetText(subnetId ?? 0));
  }
  const search = { view: networks, known, mac, had: [...own] };
  const requested = networks.records.reserved.find(
    (reservation) => reservation.mac === mac && reservation.subnetId === subnetId,
  )?.address;
  if (requested !== undefined && !own.has(requested)) {
    const choice = addressForLink(subnet, { ...search, asked: requested, isOrdinary: false });
    if (choice.kind !== 'refuse') return choice;
  }
  return addressForLink(subnet, { ...search, isOrdinary });
}

/** Judges a link's address: it is given, refused, or a question whether it is in use. */
export function judgeLinkAddress(
  machine: Machine,
  link: Pick<NetLink, 'subnet' | 'subnetId'>,
  mac: MacAddress,
  requested: Ipv4,
  { networks, known, isOrdinary = false }: AddressChoiceOptions,
): AddressChoice {
  const { subnet, subnetId } = link;
  if (subnet === undefined) {
    return decideRefusal('address-refused', noSubnetText(subnetId ?? 0));
  }
  if (machine.addresses.some(({ address }) => address === requested)) {
    return decideRefusal('address-refused', `The machine already has ${formatIpv4(requested)}.`);
  }
  return addressForLink(subnet, { view: networks, known, mac, had: [], asked: requested, isOrdinary });
}
