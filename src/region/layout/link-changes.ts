// Linking the interfaces of a machine to subnets, and the default gateway. Pure.
//
// Source: MAAS's link_subnet, unlink_subnet, disconnect and set_default_gateway of an interface.
//
// 1. A member of a bond or a bridge has no links: the bond or bridge has them.
// 2. A link with an address replaces a link that only starts its interface. An interface has at
//    most one DHCP link.
// 3. A link leads to a subnet of the interface's VLAN. An interface without a chosen VLAN takes the
//    VLAN of its first subnet.
// 4. Nothing gets the address of its subnet's router: the other hosts would send it what is for
//    other networks.
// 5. This file does not check whether a chosen address is free: that needs the store
//    (`life/link-addresses.ts`).

import { formatIpv4, type Ipv4, networkContains } from '../../ground/address.ts';
import { type SubnetView, subnetWithId } from '../networks/network-view.ts';
import { type InterfaceLink, LINKS_MAX, type LinkMode } from '../records/machine-layout.ts';
import { REQUIRED } from '../records/refusal.ts';
import {
  dropLinks,
  findLaidInterface,
  findMaster,
  type LayoutRefusal,
  listLinks,
  type NetworkDraft,
  nextId,
  noSuchInterface,
  refuseChange,
  refuseField,
  startAll,
  withLayout,
} from './network-draft.ts';

export interface LinkWish {
  readonly mode: LinkMode;
  readonly subnetId?: number | undefined;
  /** Given only for a static link. */
  readonly address?: Ipv4 | undefined;
  /** True to replace all other links of the interface. */
  readonly isForced: boolean;
  readonly isGateway: boolean;
}

/** Links an interface to a subnet. A static link without an address still needs one. */
export function linkSubnet(draft: NetworkDraft, id: number, wish: LinkWish): NetworkDraft | LayoutRefusal {
  const laidInterface = findLaidInterface(draft, id);
  if (laidInterface === undefined) return noSuchInterface(draft, String(id));
  const master = findMaster(draft, id);
  if (master !== undefined)
    return refuseChange(`${laidInterface.name} is a part of ${master.name}: link ${master.name} instead.`);
  const subnet = subnetWithId(draft.networks, wish.subnetId);
  const misfit = refuseSubnet(wish, subnet) ?? refuseGateway(wish, subnet);
  if (misfit !== undefined) return misfit;
  const own = listLinks(draft, id).filter((link) => !isPreliminary(link));
  const crowded = wish.isForced ? undefined : refuseAlongside(own, wish, laidInterface.name);
  if (crowded !== undefined) return crowded;
  const hasOthers = own.some(({ mode, subnetId }) => mode !== 'link_up' && subnetId !== undefined);
  const vlanId = wish.isForced || !hasOthers ? subnet?.vlan.vlan.id : undefined;
  // A VLAN interface keeps its VLAN: its frames would get another tag.
  const needed =
    laidInterface.kind === 'vlan' || hasOthers || typeof laidInterface.vlanId === 'number'
      ? laidInterface.vlanId
      : vlanId;
  if (subnet !== undefined && typeof needed === 'number' && needed !== subnet.vlan.vlan.id) {
    const { vlan } = subnet.vlan;
    return refuseField(
      'subnet',
      `${subnet.subnet.name} is in the VLAN ${vlan.name === '' ? String(vlan.vid) : vlan.name}, and ${laidInterface.name} in another one: change the VLAN of ${laidInterface.name} first.`,
    );
  }
  const link: InterfaceLink = {
    id: nextId(draft),
    interfaceId: id,
    mode: wish.mode,
    subnetId: wish.subnetId,
    address: wish.address,
  };
  const cleared = dropLinks(
    draft,
    (link) => link.interfaceId === id && (wish.isForced || link.mode === 'link_up' || isPreliminary(link)),
  );
  if (cleared.layout.links.length >= LINKS_MAX) {
    return refuseChange(`${draft.machine.hostname} may have at most ${LINKS_MAX} links: unlink some.`);
  }
  const interfaces = cleared.layout.interfaces.map((each) =>
    each.id === id && needed !== undefined && needed !== null ? { ...each, vlanId: needed } : each,
  );
  const links = [...cleared.layout.links, link];
  const gateway = wish.isGateway ? { gatewayLink: link.id } : {};
  return withLayout(cleared, { interfaces, links, ...gateway }, 1);
}

/**
 * True for the link of a machine of which nobody knows in which subnet it is
 * (`commissionedNetwork`): one that a person chooses replaces it.
 */
const isPreliminary = ({ id, interfaceId, mode, subnetId }: InterfaceLink): boolean =>
  id === interfaceId && mode === 'dhcp' && subnetId === undefined;

function refuseSubnet(
  { mode, subnetId, address }: LinkWish,
  subnet: SubnetView | undefined,
): LayoutRefusal | undefined {
  if (subnetId !== undefined && subnet === undefined) {
    return refuseField('subnet', `There is no subnet with the id ${subnetId}.`);
  }
  if (subnet === undefined && (mode === 'auto' || mode === 'static')) {
    return refuseField('subnet', REQUIRED);
  }
  if (address === undefined) return undefined;
  if (mode !== 'static')
    return refuseField('ip_address', `A link in the mode ${mode} takes no address: give mode=static.`);
  const isWithin = subnet !== undefined && networkContains(subnet.network, address);
  if (!isWithin) return refuseField('ip_address', `This address is not in ${subnet?.subnet.name ?? ''}.`);
  if (address !== subnet.gateway) return undefined;
  return refuseField(
    'ip_address',
    `${formatIpv4(address)} is the router of the subnet ${subnet.subnet.name}: choose another address.`,
  );
}

const NO_GATEWAY = 'No auto or static link of this interface leads to a subnet with a router.';

function refuseGateway({ isGateway, mode }: LinkWish, subnet: SubnetView | undefined): LayoutRefusal | undefined {
  if (!isGateway) return undefined;
  const isFit = subnet?.gateway !== undefined && (mode === 'auto' || mode === 'static');
  return isFit ? undefined : refuseField('default_gateway', NO_GATEWAY);
}

function refuseAlongside(own: readonly InterfaceLink[], { mode }: LinkWish, name: string): LayoutRefusal | undefined {
  if (mode === 'link_up' && own.some((link) => link.mode !== 'link_up')) {
    return refuseField(
      'mode',
      `${name} is linked to a subnet, so it is up anyway: unlink the subnet first, or give force=true.`,
    );
  }
  const isTwice = mode === 'dhcp' && own.some((link) => link.mode === 'dhcp');
  return isTwice ? refuseField('mode', `${name} already has a DHCP link.`) : undefined;
}

const noSuchLinkText = (id: number): string => `The interface has no link with the id ${id}.`;

export function unlinkSubnet(draft: NetworkDraft, id: number, linkId: number): NetworkDraft | LayoutRefusal {
  const isOwn = listLinks(draft, id).some((link) => link.id === linkId);
  if (!isOwn) return refuseField('id', noSuchLinkText(linkId));
  return startAll(dropLinks(draft, (link) => link.id === linkId));
}

/** Removes all links of an interface, and its VLAN: it is not started. */
export function disconnect(draft: NetworkDraft, id: number): NetworkDraft | LayoutRefusal {
  const laidInterface = findLaidInterface(draft, id);
  if (laidInterface === undefined) return noSuchInterface(draft, String(id));
  // A VLAN interface needs its VLAN.
  if (laidInterface.kind === 'vlan')
    return refuseChange(`${laidInterface.name} exists only for its VLAN: delete it instead.`);
  const interfaces = draft.layout.interfaces.map((each) => (each.id === id ? { ...each, vlanId: null } : each));
  return dropLinks(withLayout(draft, { interfaces }), ({ interfaceId }) => interfaceId === id);
}

/**
 * Makes a link that of the default gateway. @param linkId undefined: the only link of the interface
 * with a gateway
 */
export function setGateway(draft: NetworkDraft, id: number, linkId: number | undefined): NetworkDraft | LayoutRefusal {
  const fit = listLinks(draft, id).filter(
    ({ mode, subnetId }) =>
      (mode === 'auto' || mode === 'static') && subnetWithId(draft.networks, subnetId)?.gateway !== undefined,
  );
  const isUnknown = linkId !== undefined && listLinks(draft, id).every((link) => link.id !== linkId);
  if (isUnknown) return refuseField('link_id', noSuchLinkText(linkId));
  const chosen = linkId === undefined ? fit : fit.filter((link) => link.id === linkId);
  const [link, ...others] = chosen;
  if (link === undefined) return refuseField('link_id', NO_GATEWAY);
  if (others.length > 0)
    return refuseField(
      'link_id',
      `Several links have a router: give the id of one of them, ${chosen.map((link) => link.id).join(' or ')}.`,
    );
  return withLayout(draft, { gatewayLink: link.id });
}
