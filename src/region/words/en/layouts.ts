// Why a change to a machine's network or disks, or a deployment with them, is refused.

import { counted } from '../../../counted.ts';
import type { RefusalTable } from './table.ts';

type Named = { readonly name: string };
type Id = { readonly id: number };
type Limited = { readonly machine: string; readonly max: number };
type Machine = { readonly machine: string };
type Disk = { readonly disk: string };
type At = Named & { readonly at: string };
type By = Named & { readonly by: string };

const KINDS = {
  physical: 'a physical interface',
  bond: 'a bond',
  bridge: 'a bridge',
  vlan: 'a VLAN interface',
} as const;
type Kind = keyof typeof KINDS;

const kindsText = (kinds: readonly Kind[]): string => kinds.map((kind) => KINDS[kind]).join(' or ');

/** With what there is instead. */
type Known = Named & { readonly names: readonly string[] };

const listed = (names: readonly string[]): string => (names.length === 0 ? '' : `: ${names.join(', ')}`);

/** By code. */
export const LAYOUTS = {
  'not-found.node-interface': ({ machine, name }: Named & { readonly machine: string }) =>
    `${machine} has no interface ${name}: give the id, name or hardware address of an interface.`,
  'not-found.block-device': ({ machine, name }: Named & { readonly machine: string }) =>
    `${machine} has no block device ${name}: give the id or name of a block device.`,
  'not-found.partition': ({ disk, name }: Named & { readonly disk: string }) =>
    `${disk} has no partition ${name}: give the id or name of a partition, such as ${disk}-part1.`,
  'not-found.volume-group': ({ machine, name }: Named & { readonly machine: string }) =>
    `${machine} has no volume group ${name}: give the id of a volume group.`,
  'not-found.discovery': 'No discovered host has this id.',
  'not-found.device': 'No device has this system id.',
  'not-owner.device': ({ device }: { readonly device: string }) =>
    `${device} belongs to another user: only they and administrators may change it.`,
  'not-owner.parent': ({ machine }: { readonly machine: string }) =>
    `${machine} is not yours: a device can be a part of your own machines; administrators may name any.`,
  'not-owner.interfaces': ({ machine }: { readonly machine: string }) =>
    `Only administrators may change the interfaces of ${machine}; the owner of a device may change those of the device.`,
  'machines-limit.devices': ({ max }: { readonly max: number }) =>
    `There are already ${max} devices, the maximum: delete some.`,
  'field.no-parent-machine': ({ systemId }: { readonly systemId: string }) =>
    `No machine has the system id ${systemId}.`,
  'layout-refused.not-a-disk': ({ name }: Named) =>
    `${name} is a RAID or a volume: only disks have partitions and start a machine. Give it a file system, or make a volume group of a RAID.`,
  'layout-refused.state': ({
    machine,
    state,
    states,
  }: {
    readonly machine: string;
    readonly state: string;
    readonly states: readonly string[];
  }) => `${machine} is ${state}: its network and disks can be changed while it is ${states.join(', ')}.`,
  'layout-refused.children': ({ name, child }: Named & { readonly child: string }) =>
    `${child} is made of ${name}: delete ${child} first.`,
  'layout-refused.joined': ({ name, by }: By) => `${name} is a part of ${by}: link ${by} instead.`,
  'layout-refused.vlan-needed': ({ name }: Named) => `${name} exists only for its VLAN: delete it instead.`,
  'layout-refused.interfaces-limit': ({ machine, max }: Limited) =>
    `${machine} may have at most ${max} interfaces: delete some.`,
  'layout-refused.links-limit': ({ machine, max }: Limited) => `${machine} may have at most ${max} links: unlink some.`,
  'layout-refused.addressed': ({ machine, name, address }: Machine & Named & { readonly address: string }) =>
    `${name} of ${machine} has the address ${address}: release the machine or unlink the interface first.`,
  'layout-refused.last-interface': ({ machine, name }: Machine & Named) =>
    `${name} is the only interface of ${machine}, by which it is known: add another one first, or delete the machine.`,
  'field.mac-of-node': 'No interface of this node has this hardware address: nodes/<system_id>/macs/ lists them.',
  'field.no-network-of-address':
    'No known subnet has this address, or without an address, the interface is in none: give an address of a subnet.',
  'field.interface-name-form':
    'Give at most 15 letters, digits, dots, hyphens and underscores, a letter first: that is the longest name that Linux allows.',
  'field.interface-name-reserved': ({ name }: Named) => `Linux uses ${name} for other things: choose another name.`,
  'field.interface-name-taken': ({ name }: Named) => `The machine has an interface ${name}: choose another name.`,
  'field.mac-of-hardware': 'The machine reports the address of a physical interface: it cannot be changed here.',
  'field.parents-of-hardware': 'A physical interface has no parents.',
  'field.one-parent': 'Give one interface.',
  'field.no-such-parent': ({ id }: Id) => `The machine has no interface with the id ${id}.`,
  'field.parent-taken': ({ name, by }: By) => `${name} is already a part of ${by}.`,
  'field.parent-kind': ({ name, kind, kinds }: Named & { readonly kind: Kind; readonly kinds: readonly Kind[] }) =>
    `${name} cannot be a part of ${KINDS[kind]}, which is made of ${kindsText(kinds)}.`,
  'field.not-of-kind': ({ kind }: { readonly kind: Kind }) => `${KINDS[kind]} has no such setting.`,
  'field.clear-what': 'Give all, neighbours or mdns as true.',
  'field.part-tags': ({ max }: { readonly max: number }) => `It has ${max} tags, the maximum: remove one first.`,
  'field.vlan-fabric': ({
    fabric,
    name,
    home,
  }: {
    readonly fabric: string;
    readonly name: string;
    readonly home: string;
  }) => `This VLAN is in ${fabric}, and ${name} is connected to ${home}: give a VLAN of that fabric.`,
  'field.vlan-id': 'Give the id of a VLAN, a number (vlans lists them); empty: disconnected.',
  'field.no-such-vlan': ({ id }: Id) => `There is no VLAN with the id ${id}.`,
  'field.vlan-untagged': 'This VLAN is untagged: its frames need no interface of their own.',
  'field.vlan-twin': ({ name }: Named) => `${name} already receives this VLAN.`,
  'field.no-such-subnet': ({ id }: Id) => `There is no subnet with the id ${id}.`,
  'field.subnet-vlan': ({ name, subnet, vlan }: Named & { readonly subnet: string; readonly vlan: string }) =>
    `${subnet} is in the VLAN ${vlan}, and ${name} in another one: change the VLAN of ${name} first.`,
  'field.link-off': 'A link without a cable has no speed: give 0, or link_connected=true.',
  'field.link-speed': ({ link, interface: own }: { readonly link: number; readonly interface: number }) =>
    `A link of ${link} Mbit/s is faster than its interface with ${own} Mbit/s: give both speeds.`,
  'field.bridge-type': 'Give standard: no other bridge (ovs) can be deployed.',
  'field.link-mode': 'Give auto, static, dhcp or link_up.',
  'field.address-of-mode': ({ mode }: { readonly mode: string }) =>
    `A link in the mode ${mode} takes no address: give mode=static.`,
  'field.address-outside': ({ subnet }: { readonly subnet: string }) => `This address is not in ${subnet}.`,
  'field.address-router': ({ address, subnet }: { readonly address: string; readonly subnet: string }) =>
    `${address} is the router of the subnet ${subnet}: choose another address.`,
  'field.no-gateway': 'No auto or static link of this interface leads to a subnet with a router.',
  'field.several-gateways': ({ ids }: { readonly ids: readonly number[] }) =>
    `Several links have a router: give the id of one of them, ${ids.join(' or ')}.`,
  'field.link-up-alongside': ({ name }: Named) =>
    `${name} is linked to a subnet, so it is up anyway: unlink the subnet first, or give force=true.`,
  'field.dhcp-twice': ({ name }: Named) => `${name} already has a DHCP link.`,
  'field.no-such-link': ({ id }: Id) => `The interface has no link with the id ${id}.`,
  'layout-refused.device': ({ machine }: Machine) => `${machine} is a device: it has no disks here.`,
  'layout-refused.rack': ({ rack }: { readonly rack: string }) =>
    `${rack} is a rack: it reports the interfaces of its host, which are changed there.`,
  'layout-refused.installer': ({ machine }: Machine) =>
    `The interfaces of ${machine} are laid out, but only images can apply a layout: deploy an image, or restore the network first.`,
  'layout-refused.parent-gone': ({ machine, name }: Machine & Named) =>
    `${name} of ${machine} is made of an interface that the machine no longer has: change or delete ${name}.`,
  'layout-refused.vlan-gone': ({ machine, name }: Machine & Named) =>
    `The VLAN of ${name} of ${machine} no longer exists: delete ${name}.`,
  'layout-refused.subnet-gone': ({ machine, name }: Machine & Named) =>
    `${name} of ${machine} is linked to a subnet that no rack serves any longer: unlink it.`,
  'layout-refused.no-address': ({ machine }: Machine) =>
    `No interface of ${machine} gets an address, so the system could not report: link one to a subnet.`,
  'layout-refused.disk-gone': ({ machine }: Machine) =>
    `${machine} no longer has a disk that its layout uses: lay out its disks again, or restore them.`,
  'layout-refused.installer-disks': ({ machine }: Machine) =>
    `The disks of ${machine} are laid out, but only images can apply a layout: deploy an image, or restore the disks first.`,
  'layout-refused.small': ({ machine, name }: Machine & Named) =>
    `${name} of ${machine} is smaller than its partitions together: lay out its disks again.`,
  'layout-refused.no-root': ({ machine, disk }: Machine & Disk) =>
    `No file system of ${machine} is mounted at /, although its boot disk ${disk} is laid out: mount one at /, or restore the disks.`,
  'layout-refused.root-system': ({ machine }: Machine) =>
    `The root of ${machine} must be ext4, ext2, xfs or btrfs: format it again.`,
  'layout-refused.whole-disks': ({ machine, at }: Machine & { readonly at: string }) =>
    `${at} of ${machine} is on whole disks, which have no room for a boot loader: use partitions for it.`,
  'layout-refused.boot-disk': ({ machine, disk, at }: Machine & Disk & { readonly at: string }) =>
    `${machine} starts from ${disk}, but its ${at} is on another disk: choose that disk with set_boot_disk, or mount a partition of ${disk} at /boot.`,
  'layout-refused.no-efi': ({ machine }: Machine) =>
    `${machine} starts by UEFI, but no fat32 partition of its disks is mounted at /boot/efi: add one of 512 MB.`,
  'layout-refused.other-disk': ({ machine, disk }: Machine & Disk) =>
    `The disks of ${machine} are laid out for a system on ${disk}: name that disk, or none.`,
  'layout-refused.used': ({ name, by }: By) => `${name} is already used by ${by}.`,
  'layout-refused.mounted': ({ name, at }: At) => `${name} is mounted at ${at}: unmount it first.`,
  'layout-refused.partitioned': ({ name }: Named) => `${name} has partitions: delete them first, or use them.`,
  'layout-refused.formatted': ({ name }: Named) => `${name} has a file system: unformat it first.`,
  'layout-refused.special': ({ machine }: Machine) =>
    `A deployment of ${machine} mounts only what is on its disks: add a mount of tmpfs to fstab by user data.`,
  'layout-refused.volumes': ({ name }: Named) => `${name} has volumes: delete them first.`,
  'layout-refused.unmounted': ({ name }: Named) => `${name} is not mounted.`,
  'layout-refused.unformatted': ({ name }: Named) => `${name} has no file system: format it first.`,
  'layout-refused.no-disk': ({ machine }: { readonly machine: string }) =>
    `${machine} has reported no disks: commission it first.`,
  'layout-refused.parts-limit': ({ machine, max }: Limited) =>
    `${machine} may have at most ${max} parts of each kind: delete some.`,
  'field.size': ({ name, free }: Named & { readonly free: number }) =>
    `Give a size from 1 MiB to the free space of ${name}: ${counted(free, 'byte')}.`,
  'field.size-form': 'Give bytes, or a number with K, M, G or T.',
  'field.no-such-device': ({ id }: Id) => `The machine has no block device or partition with the id ${id}.`,
  'field.unknown-device': ({ name, names }: Known) =>
    `The machine has no such block device as ${name}: give the id or name of one${listed(names)}.`,
  'field.unknown-partition': ({ name, names }: Known) =>
    `The machine has no partition ${name}: give the id or name of one${listed(names)}.`,
  'field.device-name': 'Give at most 32 letters, digits, hyphens and underscores, a letter first.',
  'field.device-taken': ({ name }: Named) => `The machine already has ${name}: choose another name.`,
  'field.disk-name': 'Give at most 32 letters, digits, dots, hyphens and underscores, a letter first.',
  'field.disk-place':
    "Give the serial number of the disk, or /dev/ and the kernel's name: a deployment finds the disk by it.",
  'field.disk-twin': ({ name }: Named) => `${name} is already in this place: change it, or give another place.`,
  'field.id-path':
    "Give /dev/ and the kernel's name, like /dev/sdb; other paths are unknown when a machine is deployed.",
  'field.not-of-device': 'A block device of this kind has no such setting.',
  'field.member-twice': ({ id }: Id) => `The part ${id} is given twice.`,
  'field.no-such-member': ({ id }: Id) => `The part ${id} is not a member of it.`,
  'field.group-members': 'Give a block device or a partition.',
  'field.group-full': ({ name }: Named) => `The volumes of ${name} would no longer fit: make them smaller first.`,
  'field.raid-members': 'Give two block devices or partitions, or more.',
  'field.raid-level': 'Give raid-1: no other level can be deployed.',
  'field.file-system': ({ known }: { readonly known: readonly string[] }) => `Give one of ${known.join(', ')}.`,
  'field.label': 'Give at most 16 letters, digits, dots, hyphens and underscores, and do not begin with a hyphen.',
  'field.label-long': ({ fstype, max }: { readonly fstype: string; readonly max: number }) =>
    `A label of ${fstype} has at most ${max} characters.`,
  'field.system-uuid': ({ fstype }: { readonly fstype: string }) =>
    `The agent draws the identifier of a ${fstype} file system: leave this out.`,
  'field.mount-none': ({ fstype }: { readonly fstype: string }) =>
    `Give an absolute path: only swap is mounted nowhere, and this is ${fstype}.`,
  'field.mount-point': 'Give an absolute path without `..`, spaces or control characters.',
  'field.mount-options': 'Give letters, digits and `,=._:/-`.',
  'field.mount-taken': ({ name, at }: At) => `${name} is already mounted at ${at}.`,
  'field.storage-layout': ({ known }: { readonly known: readonly string[] }) => `Give one of ${known.join(', ')}.`,
  'address-refused.not-static': ({ subnet }: { readonly subnet: string }) =>
    `Only administrators may use addresses outside the static ranges: choose one from a static range of ${subnet}, or ask an administrator.`,
  'address-refused.no-subnet': ({ id }: Id) =>
    `No accepted rack serves the subnet ${id} of this link: link the interface to another one.`,
  'address-refused.laid': ({ machine, systemId }: { readonly machine: string; readonly systemId: string }) =>
    `A person has laid out the interfaces of ${machine}: assign the address to one of its links (nodes/${systemId}/interfaces/<id>/?op=link_subnet).`,
  'address-refused.own': ({ address }: { readonly address: string }) => `The machine already has ${address}.`,
} as const satisfies RefusalTable;
