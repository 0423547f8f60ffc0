// A machine's network while a person changes it. Pure.
//
// 1. A change takes the network as it would be deployed, and returns a new network or a refusal. A
//    refused change leaves no trace.

import type { MacAddress } from '../../ground/address.ts';
import { type NetworkView, type VlanView, vlanWithId } from '../networks/network-view.ts';
import type { Machine } from '../records/machine.ts';
import {
  type InterfaceLink,
  type LaidInterface,
  LINKS_MAX,
  type MachineLayout,
  type NetworkLayout,
  PART_TAGS_MAX,
  partId,
} from '../records/machine-layout.ts';
import { fieldRefusal, type RefusalWord, refusal } from '../records/refusal.ts';
import { buildNetworkLayout } from './interfaces.ts';

export const PART_TAGS_LIMIT = `It has ${PART_TAGS_MAX} tags, the maximum: remove one first.`;

/**
 * Why a change of a layout is refused. @property field the faulty parameter; `undefined`: no single
 * one is at fault
 */
export interface LayoutRefusal {
  readonly kind: 'refuse';
  readonly field?: string | undefined;
  readonly refusal: RefusalWord;
}

export interface NetworkDraft {
  readonly kind: 'draft';
  readonly machine: Machine;
  readonly networks: NetworkView;
  readonly layout: NetworkLayout;
  readonly next: number;
}

export const beginDraft = (machine: Machine, networks: NetworkView): NetworkDraft => ({
  kind: 'draft',
  machine,
  networks,
  layout: buildNetworkLayout(machine, networks),
  next: machine.layout?.next ?? 1,
});

/** The machine's layout with this network, which a person chose. */
export const layoutWith = ({ machine, layout, next }: NetworkDraft): MachineLayout => ({
  ...machine.layout,
  next,
  network: { ...layout, isCommissioned: undefined },
});

export const nextId = ({ machine, next }: NetworkDraft): number => partId(machine.id, next);

export const withLayout = (draft: NetworkDraft, change: Partial<NetworkLayout>, drawn = 0): NetworkDraft => ({
  ...draft,
  layout: { ...draft.layout, ...change },
  next: draft.next + drawn,
});

export const refuseField = (field: string, text: string): LayoutRefusal => ({
  kind: 'refuse',
  field,
  refusal: fieldRefusal(text),
});

export const refuseChange = (text: string): LayoutRefusal => ({
  kind: 'refuse',
  refusal: refusal('layout-refused', text),
});

export const refuseAbsent = (text: string): LayoutRefusal => ({ kind: 'refuse', refusal: refusal('not-found', text) });

export const findLaidInterface = ({ layout }: NetworkDraft, id: number): LaidInterface | undefined =>
  layout.interfaces.find((laidInterface) => laidInterface.id === id);

export const listLinks = ({ layout }: NetworkDraft, id: number): readonly InterfaceLink[] =>
  layout.links.filter(({ interfaceId }) => interfaceId === id);

export const findMaster = ({ layout }: NetworkDraft, id: number): LaidInterface | undefined =>
  layout.interfaces.find(({ kind, parents }) => (kind === 'bond' || kind === 'bridge') && parents.includes(id));

/** Gives each interface without a link, and without a master, one that only starts it. */
export function startAll(draft: NetworkDraft): NetworkDraft {
  const idle = draft.layout.interfaces.filter(
    ({ id, vlanId }) => vlanId !== null && listLinks(draft, id).length === 0 && findMaster(draft, id) === undefined,
  );
  const room = Math.max(0, LINKS_MAX - draft.layout.links.length);
  const links = idle.slice(0, room).map(
    ({ id }, index): InterfaceLink => ({
      id: partId(draft.machine.id, draft.next + index),
      interfaceId: id,
      mode: 'link_up',
    }),
  );
  return withLayout(draft, { links: [...draft.layout.links, ...links] }, links.length);
}

/** Removes links; the default gateway goes with its link. */
export function dropLinks(draft: NetworkDraft, isGone: (link: InterfaceLink) => boolean): NetworkDraft {
  const { links, gatewayLink } = draft.layout;
  const remaining = links.filter((link) => !isGone(link));
  const isGatewayKept = remaining.some(({ id }) => id === gatewayLink);
  return withLayout(draft, { links: remaining, gatewayLink: isGatewayKept ? gatewayLink : undefined });
}

/**
 * The VLAN that an interface without a chosen one has: that of a subnet to which it is linked, that
 * of its parent, or the default.
 */
export function inferVlan(draft: NetworkDraft, laidInterface: LaidInterface): VlanView | undefined {
  const { networks } = draft;
  if (laidInterface.vlanId === null) return undefined;
  const chosen = vlanWithId(networks, laidInterface.vlanId);
  if (chosen !== undefined) return chosen;
  const subnetIds = listLinks(draft, laidInterface.id).map(({ subnetId }) => subnetId);
  return networks.subnets.find(({ subnet }) => subnetIds.includes(subnet.id))?.vlan ?? networks.defaultVlan;
}

/**
 * The hardware address of a bond, bridge or VLAN interface: that of the boot interface among its
 * parts, or else of the first part.
 */
export function macOfParents({ machine }: NetworkDraft, parents: readonly LaidInterface[]): MacAddress | undefined {
  const boot = machine.interfaces[0]?.id;
  return (parents.find(({ id }) => id === boot) ?? parents[0])?.mac;
}

export const noNodeInterfaceText = (machine: string, name: string): string =>
  `${machine} has no interface ${name}: give the id, name or hardware address of an interface.`;

export const noSuchInterface = ({ machine }: NetworkDraft, name: string): LayoutRefusal =>
  refuseAbsent(noNodeInterfaceText(machine.hostname, name));
