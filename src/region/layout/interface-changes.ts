// Making, changing and removing the bonds, bridges and VLAN interfaces of a machine. Pure.
//
// Source: the forms of MAAS's interfaces (create_bond, create_bridge, create_vlan, update, delete).
//
// 1. A bond consists of physical interfaces. A bridge is made of one interface other than a bridge,
//    a VLAN interface of one other than a VLAN interface. An interface belongs to at most one bond
//    or bridge.
// 2. An interface that joins a bond or a bridge loses its links: the address belongs to the bond or bridge.
// 3. Names are unique on the machine, among interfaces of all kinds.
// 4. The machine reports its hardware, so nobody removes a physical interface or changes its
//    hardware address.

import { isHostMac, type MacAddress } from '../../ground/address.ts';
import { subnetWithId, vlanWithId } from '../networks/network-view.ts';
import {
  type InterfaceKind,
  LAID_INTERFACES_MAX,
  type LaidInterface,
  PART_TAGS_MAX,
} from '../records/machine-layout.ts';
import { UNTAGGED_VID } from '../records/network-store.ts';
import { MACS, REQUIRED } from '../records/refusal.ts';
import { describeLink } from './interfaces.ts';
import {
  dropLinks,
  findLaidInterface,
  findMaster,
  inferVlan,
  type LayoutRefusal,
  macOfParents,
  type NetworkDraft,
  nextId,
  noSuchInterface,
  PART_TAGS_LIMIT,
  refuseChange,
  refuseField,
  startAll,
  withLayout,
} from './network-draft.ts';

/**
 * A name that Linux accepts for an interface (IFNAMSIZ), and that no network tool mistakes for
 * anything else.
 */
export const INTERFACE_NAME = /^[A-Za-z][A-Za-z0-9._-]{0,14}$/;

/**
 * Names that no further interface can have: the loopback, the settings of all and of future
 * interfaces (`sysctl_dev_name_is_allowed` in net/core), and a file of the bonding driver in the
 * directory of interfaces.
 */
export const RESERVED_NAMES: ReadonlySet<string> = new Set(['all', 'bonding_masters', 'default', 'lo']);

export interface InterfaceWish {
  /** Required for a bond or a bridge; the default for a VLAN interface is `parent.vid`. */
  readonly name?: string | undefined;
  readonly mac?: MacAddress | undefined;
  readonly parents?: readonly number[] | undefined;
  /** The id of a VLAN; null: disconnected. */
  readonly vlanId?: number | null | undefined;
  readonly mtu?: number | undefined;
  readonly speeds?: SpeedWish | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly params?: LaidInterface['params'] | undefined;
}

/** A person's description of the link of a physical interface; speeds in Mbit/s. */
interface SpeedWish {
  readonly link?: number | undefined;
  readonly interface?: number | undefined;
  readonly isConnected?: boolean | undefined;
}

export type MadeKind = Exclude<InterfaceKind, 'physical'>;

type Changed = { readonly kind: 'changed'; readonly draft: NetworkDraft; readonly id: number };

export const interfacesLimitText = (machine: string, max: number): string =>
  `${machine} may have at most ${max} interfaces: delete some.`;

export function makeInterface(draft: NetworkDraft, kind: MadeKind, wish: InterfaceWish): Changed | LayoutRefusal {
  const limit = LAID_INTERFACES_MAX;
  if (draft.layout.interfaces.length >= limit) {
    const machine = draft.machine.hostname;
    return refuseChange(interfacesLimitText(machine, limit));
  }
  const parents = findParents(draft, kind, wish.parents ?? [], undefined);
  if ('kind' in parents) return parents;
  const [parent] = parents;
  const vlanId = wish.vlanId ?? (kind === 'vlan' || parent === undefined ? undefined : parent.vlanId);
  const misfit = refuseVlan(draft, kind, vlanId, parent);
  if (misfit !== undefined) return misfit;
  const vid = vlanWithId(draft.networks, vlanId)?.vlan.vid;
  const name = wish.name ?? (kind === 'vlan' && parent !== undefined ? vlanName(parent, vid) : '');
  const named = refuseInterfaceName(draft, name, undefined);
  if (named !== undefined) return named;
  const mac = wish.mac ?? macOfParents(draft, parents);
  if (mac === undefined || !isHostMac(mac)) return refuseField('mac_address', MACS);
  const id = nextId(draft);
  const made: LaidInterface = {
    id,
    kind,
    name,
    mac,
    parents: parents.map((parent) => parent.id),
    vlanId,
    mtu: wish.mtu,
    tags: [...(wish.tags ?? [])],
    params: wish.params ?? {},
  };
  const joined = join(withLayout(draft, { interfaces: [...draft.layout.interfaces, made] }, 1), made);
  return { kind: 'changed', draft: startAll(joined), id };
}

export function changeInterface(draft: NetworkDraft, id: number, wish: InterfaceWish): Changed | LayoutRefusal {
  const before = findLaidInterface(draft, id);
  if (before === undefined) return noSuchInterface(draft, String(id));
  const parents = wish.parents === undefined ? before.parents : parentsFor(draft, before, wish.parents);
  if ('kind' in parents) return parents;
  const vlanId = wish.vlanId === undefined ? before.vlanId : wish.vlanId;
  const parent = parents[0] === undefined ? undefined : findLaidInterface(draft, parents[0]);
  const misfit = wish.vlanId === undefined ? undefined : refuseVlan(draft, before.kind, vlanId, parent, id);
  if (misfit !== undefined) return misfit;
  const name = wish.name ?? followingName(draft, before, parent, vlanId);
  const named = name === before.name ? undefined : refuseInterfaceName(draft, name, id);
  if (named !== undefined) return named;
  const mac = wish.mac ?? followingMac(draft, before, parents);
  if (mac !== before.mac && before.kind === 'physical') {
    return refuseField(
      'mac_address',
      'The machine reports the address of a physical interface: it cannot be changed here.',
    );
  }
  if (!isHostMac(mac)) return refuseField('mac_address', MACS);
  const speeds = computeLinkSpeeds(draft, before, wish.speeds ?? {});
  if ('kind' in speeds) return speeds;
  const changed: LaidInterface = {
    ...before,
    ...speeds,
    name,
    mac,
    parents: [...parents],
    vlanId,
    mtu: wish.mtu ?? before.mtu,
    tags: [...(wish.tags ?? before.tags)],
    params: { ...before.params, ...wish.params },
  };
  const interfaces = draft.layout.interfaces.map((laidInterface) =>
    laidInterface.id === id ? changed : laidInterface,
  );
  const joined = join(withLayout(draft, { interfaces }), changed);
  const vlan = inferVlan(joined, changed);
  // A subnet of another VLAN is out of reach.
  const isStrange = (subnetId: number | undefined): boolean =>
    subnetId !== undefined && subnetWithId(draft.networks, subnetId)?.vlan.vlan.id !== vlan?.vlan.id;
  const fitting =
    wish.vlanId === undefined
      ? joined
      : dropLinks(joined, (link) => link.interfaceId === id && isStrange(link.subnetId));
  return { kind: 'changed', draft: startAll(fitting), id };
}

const KINDS = {
  physical: 'a physical interface',
  bond: 'a bond',
  bridge: 'a bridge',
  vlan: 'a VLAN interface',
} as const;

type Kind = keyof typeof KINDS;

export const notOfKindText = (kind: Kind): string => `${KINDS[kind]} has no such setting.`;

/**
 * The link and its speeds after a change. A link is not faster than its interface, and one without
 * a cable has no speed.
 */
function computeLinkSpeeds(
  { machine }: NetworkDraft,
  before: LaidInterface,
  wish: SpeedWish,
): Pick<LaidInterface, 'linkSpeed' | 'interfaceSpeed' | 'isConnected'> | LayoutRefusal {
  const { link, interface: own, isConnected } = wish;
  if (link === undefined && own === undefined && isConnected === undefined) return {};
  if (before.kind !== 'physical') {
    const field = link === undefined ? (own === undefined ? 'link_connected' : 'interface_speed') : 'link_speed';
    return refuseField(field, notOfKindText(before.kind));
  }
  const linkState = describeLink(machine, before);
  const isOn = isConnected ?? linkState.isConnected;
  if (!isOn && link !== undefined && link > 0)
    return refuseField('link_speed', 'A link without a cable has no speed: give 0, or link_connected=true.');
  const linkSpeed = isOn ? (link ?? linkState.linkSpeed) : 0;
  const interfaceSpeed = own ?? linkState.interfaceSpeed;
  if (linkSpeed > interfaceSpeed) {
    return refuseField(
      link === undefined ? 'interface_speed' : 'link_speed',
      `A link of ${linkSpeed} Mbit/s is faster than its interface with ${interfaceSpeed} Mbit/s: give both speeds.`,
    );
  }
  return { linkSpeed, interfaceSpeed, isConnected: isOn };
}

const vlanName = (parent: LaidInterface, vid: number | undefined): string => `${parent.name}.${vid}`;

/**
 * The hardware address after a change: that of a VLAN interface is its parent's, unless a person
 * chose another.
 */
function followingMac(draft: NetworkDraft, before: LaidInterface, parents: readonly number[]): LaidInterface['mac'] {
  const [former, next] = [before.parents[0], parents[0]].map((id) =>
    id === undefined ? undefined : findLaidInterface(draft, id),
  );
  const isFollowing = before.kind === 'vlan' && former !== undefined && before.mac === former.mac;
  return isFollowing && next !== undefined ? next.mac : before.mac;
}

/**
 * The name of an interface after a change: that of a VLAN interface follows its parent and its
 * VLAN, unless a person chose another.
 */
function followingName(
  draft: NetworkDraft,
  before: LaidInterface,
  parent: LaidInterface | undefined,
  vlanId: number | null | undefined,
): string {
  const former = before.parents[0] === undefined ? undefined : findLaidInterface(draft, before.parents[0]);
  const vidOf = (id: number | null | undefined): number | undefined => vlanWithId(draft.networks, id)?.vlan.vid;
  const isFollowing =
    before.kind === 'vlan' && former !== undefined && before.name === vlanName(former, vidOf(before.vlanId));
  return isFollowing && parent !== undefined ? vlanName(parent, vidOf(vlanId)) : before.name;
}

/** Adds words to the tags of an interface, or removes one. */
export function tagInterface(
  draft: NetworkDraft,
  id: number,
  tag: string,
  isAdded: boolean,
): NetworkDraft | LayoutRefusal {
  const before = findLaidInterface(draft, id);
  if (before === undefined) return noSuchInterface(draft, String(id));
  const others = before.tags.filter((entry) => entry !== tag);
  if (isAdded && others.length >= PART_TAGS_MAX) return refuseField('tag', PART_TAGS_LIMIT);
  const changed = { ...before, tags: isAdded ? [...others, tag] : others };
  return withLayout(draft, {
    interfaces: draft.layout.interfaces.map((laidInterface) => (laidInterface.id === id ? changed : laidInterface)),
  });
}

export const lastInterfaceText = (machine: string, name: string): string =>
  `${name} is the only interface of ${machine}, by which it is known: add another one first, or delete the machine.`;

/**
 * Removes an interface that is made of others, or one of a device, whose hardware is only what a
 * person wrote.
 */
export function removeInterface(draft: NetworkDraft, id: number): NetworkDraft | LayoutRefusal {
  const before = findLaidInterface(draft, id);
  if (before === undefined) return noSuchInterface(draft, String(id));
  const { hostname: machine, device, interfaces: nics } = draft.machine;
  if (before.kind === 'physical' && device !== undefined && nics.length === 1)
    return refuseChange(lastInterfaceText(machine, before.name));
  const child = draft.layout.interfaces.find(({ parents }) => parents.includes(id));
  if (child !== undefined) {
    return refuseChange(`${child.name} is made of ${before.name}: delete ${child.name} first.`);
  }
  const interfaces = draft.layout.interfaces.filter((laidInterface) => laidInterface.id !== id);
  return startAll(dropLinks(withLayout(draft, { interfaces }), ({ interfaceId }) => interfaceId === id));
}

function join(draft: NetworkDraft, whole: LaidInterface): NetworkDraft {
  if (whole.kind !== 'bond' && whole.kind !== 'bridge') return draft;
  return dropLinks(draft, ({ interfaceId }) => whole.parents.includes(interfaceId));
}

const FIELD_OF_PARENTS = { bond: 'parents', bridge: 'parent', vlan: 'parent' } as const;
const PARENT_KINDS: Readonly<Record<MadeKind, readonly InterfaceKind[]>> = {
  bond: ['physical'],
  bridge: ['physical', 'bond', 'vlan'],
  vlan: ['physical', 'bond', 'bridge'],
};

function parentsFor(
  draft: NetworkDraft,
  before: LaidInterface,
  wanted: readonly number[],
): readonly number[] | LayoutRefusal {
  if (before.kind === 'physical') return refuseField('parents', 'A physical interface has no parents.');
  const parents = findParents(draft, before.kind, wanted, before.id);
  return 'kind' in parents ? parents : parents.map(({ id }) => id);
}

const parentTakenText = (name: string, by: string): string => `${name} is already a part of ${by}.`;

const kindsText = (kinds: readonly Kind[]): string => kinds.map((kind) => KINDS[kind]).join(' or ');

/**
 * The interfaces of which a bond, bridge or VLAN interface will be made. @param own its id, if it
 * exists already
 */
function findParents(
  draft: NetworkDraft,
  kind: MadeKind,
  wanted: readonly number[],
  own: number | undefined,
): readonly LaidInterface[] | LayoutRefusal {
  const field = FIELD_OF_PARENTS[kind];
  const ids = [...new Set(wanted)];
  if (ids.length === 0) return refuseField(field, REQUIRED);
  if (kind !== 'bond' && ids.length > 1) return refuseField(field, 'Give one interface.');
  const laidInterfaces: LaidInterface[] = [];
  for (const id of ids) {
    const parent = findLaidInterface(draft, id);
    if (parent === undefined) return refuseField(field, `The machine has no interface with the id ${id}.`);
    const master = findMaster(draft, id);
    const isTaken = master !== undefined && master.id !== own && !(kind === 'vlan' && master.kind === 'bridge');
    if (isTaken) return refuseField(field, parentTakenText(parent.name, master.name));
    if (!PARENT_KINDS[kind].includes(parent.kind)) {
      return refuseField(
        field,
        `${parent.name} cannot be a part of ${KINDS[kind]}, which is made of ${kindsText(PARENT_KINDS[kind])}.`,
      );
    }
    // A VLAN interface on a part of a bond would get no frames. One on a part of a bridge gets its
    // own before the bridge (bridge(8)).
    const child = draft.layout.interfaces.find(
      (laidInterface) =>
        laidInterface.id !== own &&
        laidInterface.parents.includes(id) &&
        !(kind === 'bridge' && laidInterface.kind === 'vlan'),
    );
    if (kind !== 'vlan' && child !== undefined) {
      return refuseField(field, parentTakenText(parent.name, child.name));
    }
    laidInterfaces.push(parent);
  }
  return laidInterfaces;
}

export const INTERFACE_NAME_FORM =
  'Give at most 15 letters, digits, dots, hyphens and underscores, a letter first: that is the longest name that Linux allows.';

export const interfaceNameReservedText = (name: string): string =>
  `Linux uses ${name} for other things: choose another name.`;

export const interfaceNameTakenText = (name: string): string =>
  `The machine has an interface ${name}: choose another name.`;

function refuseInterfaceName(draft: NetworkDraft, name: string, own: number | undefined): LayoutRefusal | undefined {
  if (name === '') return refuseField('name', REQUIRED);
  if (!INTERFACE_NAME.test(name)) return refuseField('name', INTERFACE_NAME_FORM);
  if (RESERVED_NAMES.has(name)) return refuseField('name', interfaceNameReservedText(name));
  const isTaken = draft.layout.interfaces.some(
    (laidInterface) => laidInterface.id !== own && laidInterface.name === name,
  );
  return isTaken ? refuseField('name', interfaceNameTakenText(name)) : undefined;
}

export const noSuchVlanText = (id: number): string => `There is no VLAN with the id ${id}.`;

/**
 * Refuses a VLAN that an interface cannot have: only VLAN interfaces have tagged frames, of the
 * fabric of their parent, and each VLAN once on one parent.
 */
function refuseVlan(
  draft: NetworkDraft,
  kind: InterfaceKind,
  vlanId: number | null | undefined,
  parent: LaidInterface | undefined,
  own?: number,
): LayoutRefusal | undefined {
  const isTagging = kind === 'vlan';
  if (vlanId === undefined || vlanId === null) {
    return isTagging ? refuseField('vlan', REQUIRED) : undefined;
  }
  const vlan = vlanWithId(draft.networks, vlanId);
  if (vlan === undefined) return refuseField('vlan', noSuchVlanText(vlanId));
  if (!isTagging) return undefined;
  if (vlan.vlan.vid === UNTAGGED_VID)
    return refuseField('vlan', 'This VLAN is untagged: its frames need no interface of their own.');
  const home = parent === undefined ? undefined : inferVlan(draft, parent);
  if (home !== undefined && home.fabric.id !== vlan.fabric.id) {
    return refuseField(
      'vlan',
      `This VLAN is in ${vlan.fabric.name}, and ${parent?.name ?? ''} is connected to ${home.fabric.name}: give a VLAN of that fabric.`,
    );
  }
  const twin = draft.layout.interfaces.find(
    (laidInterface) =>
      laidInterface.id !== own &&
      laidInterface.kind === 'vlan' &&
      laidInterface.vlanId === vlanId &&
      laidInterface.parents[0] === parent?.id,
  );
  return twin === undefined ? undefined : refuseField('vlan', `${twin.name} already receives this VLAN.`);
}
