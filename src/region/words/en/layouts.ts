// Why a change of a machine's network or disks is refused, or a deployment with them.

import type { RefusalTable } from './table.ts';

type Named = { readonly name: string };
type Id = { readonly id: number };
type Limited = { readonly machine: string; readonly max: number };
type By = Named & { readonly by: string };

const KINDS = {
  physical: 'a physical interface',
  bond: 'a bond',
  bridge: 'a bridge',
  vlan: 'a VLAN interface',
} as const;
type Kind = keyof typeof KINDS;

const kindsText = (kinds: readonly Kind[]): string => kinds.map((kind) => KINDS[kind]).join(' or ');

/** By code. */
export const LAYOUTS = {
  'not-found.node-interface': ({ machine, name }: Named & { readonly machine: string }) =>
    `${machine} has no interface ${name}: give the id, the name or the hardware address of one.`,
  'not-found.block-device': ({ machine, name }: Named & { readonly machine: string }) =>
    `${machine} has no block device ${name}: give the id or the name of one.`,
  'layout-refused.state': ({
    machine,
    state,
    states,
  }: {
    readonly machine: string;
    readonly state: string;
    readonly states: readonly string[];
  }) => `${machine} is ${state}: its network and disks can be changed while it is ${states.join(', ')}.`,
  'layout-refused.hardware': ({ name }: Named) =>
    `${name} is hardware of the machine: disconnect it instead, or commission the machine again without it.`,
  'layout-refused.children': ({ name, child }: Named & { readonly child: string }) =>
    `${child} is made of ${name}: delete ${child} first.`,
  'layout-refused.joined': ({ name, by }: By) => `${name} is a part of ${by}: link ${by} instead.`,
  'layout-refused.vlan-needed': ({ name }: Named) => `${name} is only for the frames of its VLAN: delete it instead.`,
  'layout-refused.interfaces-limit': ({ machine, max }: Limited) =>
    `${machine} may have at most ${max} interfaces: delete some.`,
  'layout-refused.links-limit': ({ machine, max }: Limited) => `${machine} may have at most ${max} links: unlink some.`,
  'field.interface-name-form':
    'Give at most 15 letters, digits, dots, hyphens and underscores, a letter first: Linux takes no longer name.',
  'field.interface-name-taken': ({ name }: Named) => `The machine has an interface ${name}: choose another name.`,
  'field.mac-of-hardware': 'The address of a physical interface is what the machine reports.',
  'field.parents-of-hardware': 'A physical interface is made of no others.',
  'field.one-parent': 'Give one interface.',
  'field.no-such-parent': ({ id }: Id) => `The machine has no interface with the id ${id}.`,
  'field.parent-taken': ({ name, by }: By) => `${name} is already a part of ${by}.`,
  'field.parent-kind': ({ name, kind, kinds }: Named & { readonly kind: Kind; readonly kinds: readonly Kind[] }) =>
    `${name} cannot be a part of ${KINDS[kind]}: that is made of ${kindsText(kinds)}.`,
  'field.not-of-kind': ({ kind }: { readonly kind: Kind }) => `${KINDS[kind]} has no such setting.`,
  'field.no-such-vlan': ({ id }: Id) => `There is no VLAN with the id ${id}.`,
  'field.vlan-untagged': 'This VLAN is untagged: its frames need no interface of their own.',
  'field.vlan-twin': ({ name }: Named) => `${name} has the frames of this VLAN already.`,
  'field.no-such-subnet': ({ id }: Id) => `There is no subnet with the id ${id}.`,
  'field.subnet-vlan': ({ name, subnet, vlan }: Named & { readonly subnet: string; readonly vlan: string }) =>
    `${subnet} is in the VLAN ${vlan}, and ${name} in another one: change the VLAN of ${name} first, or give force=true.`,
  'field.link-mode': 'Give auto, static, dhcp or link_up.',
  'field.address-of-mode': ({ mode }: { readonly mode: string }) =>
    `A link of the mode ${mode} takes no address: give mode=static.`,
  'field.address-outside': ({ subnet }: { readonly subnet: string }) => `This address is not in ${subnet}.`,
  'field.no-gateway': 'No auto or static link of this interface is to a subnet that has a router.',
  'field.several-gateways': ({ ids }: { readonly ids: readonly number[] }) =>
    `Several links have a router: give the id of one, ${ids.join(' or ')}.`,
  'field.link-up-beside': ({ name }: Named) =>
    `${name} is linked to a subnet, and so it is started: unlink that first, or give force=true.`,
  'field.dhcp-twice': ({ name }: Named) => `${name} has a link by DHCP already.`,
  'field.no-such-link': ({ id }: Id) => `The interface has no link with the id ${id}.`,
  'address-refused.no-subnet': ({ id }: Id) =>
    `No accepted rack serves the subnet ${id} of this link: link the interface to another one.`,
  'address-refused.own': ({ address }: { readonly address: string }) => `The machine has ${address} already.`,
} as const satisfies RefusalTable;
