// Changing the interfaces of a machine: bonds, bridges and VLAN interfaces, their links to subnets,
// and the default gateway.
//
// Source: MAAS's `nodes/{system_id}/interfaces/` with create_bond, create_bridge, create_vlan, and
// `{id}/` with PUT, DELETE, link_subnet, unlink_subnet, disconnect, set_default_gateway, add_tag,
// remove_tag.
//
// 1. The next deployment sets up the stored network (`layout/`).
// 2. An interface of a device with another address keeps its id, its links and their addresses: the
//    racks serve these to the new hardware address.
// 3. The addresses of a deleted interface are free. A machine may lose the last one, as in MAAS: its
//    next report finds it by its serial number.

import { z } from 'zod';
import { type Ipv4, isHostMac, type MacAddress, mac as macAddress } from '../../../ground/address.ts';
import {
  changeInterface,
  type InterfaceWish,
  type MadeKind,
  makeInterface,
  noSuchVlanText,
  notOfKindText,
  removeInterface,
  tagInterface,
} from '../../layout/interface-changes.ts';
import { buildNetInterfaces, findInterface, type NetInterface } from '../../layout/interfaces.ts';
import { disconnect, type LinkWish, linkSubnet, setGateway, unlinkSubnet } from '../../layout/link-changes.ts';
import { beginDraft, findLaidInterface, type LayoutRefusal, type NetworkDraft } from '../../layout/network-draft.ts';
import { chooseFor, judgeLinkAddress, refuseReserved } from '../../life/link-addresses.ts';
import { refuseHolding } from '../../networks/address-use.ts';
import { type NetworkView, subnetOfAddress, subnetWithId, vlanWithId } from '../../networks/network-view.ts';
import type { ChangeKnowledge } from '../../records/knowledge.ts';
import type { Machine } from '../../records/machine.ts';
import { LINK_MODES, PART_TAG_MAX } from '../../records/machine-layout.ts';
import { fieldRefusal, MACS, REQUIRED } from '../../records/refusal.ts';
import { cleanWords } from '../../records/text-json.ts';
import {
  type Answer,
  isRefusal,
  NO_MACHINE,
  type Refusal,
  refuseField,
  refuseFields,
  refuseFor,
} from '../call/answer.ts';
import {
  type ApiCall,
  defineOperation,
  flagParameter,
  getCallerUsername,
  idIn,
  ipv4Field,
  isTrue,
  macField,
  NOT_A_NUMBER,
  nothing,
  type Operation,
  value,
  values,
} from '../call/operation.ts';
import {
  bondParameters,
  bridgeParameters,
  commonParameters,
  linkStateParameters,
  parseInterfaceParams,
  whole,
} from '../machines/interface-parameters.ts';
import { findNodeInPath } from '../machines/machine-calls.ts';
import { type HostPlace, hostPlaces } from '../networks/host-places.ts';
import { findSubnet, isAdmin, readNetworks, refusalIn, refuseSubnet } from '../networks/network-calls.ts';
import {
  addPhysical,
  changeNetwork,
  changeOne,
  type Edit,
  putInterfaces,
  refuseOrdinary,
  showInterface,
  shows,
} from './interface-calls.ts';
import { refuseState } from './layout-calls.ts';
import { tagParameters } from './storage-parameters.ts';

const PARENTS_MAX = 128;

const parents = values(PARENTS_MAX)
  .refine((texts) => texts.every((text) => idIn(text, -1) >= 0), NOT_A_NUMBER)
  .describe('The ids of the interfaces.');
const ofOne = {
  parent: value(whole).optional().describe('The id of the interface.'),
  parents: parents.optional().describe('The same as `parent`.'),
};
const parseIds = (texts: readonly string[]): readonly number[] => texts.map((text) => idIn(text));

const subnetText = z.string().trim().max(256);

/** The wish in the parameters that all kinds of interfaces share. An empty VLAN: disconnected. */
function parseInterfaceWish(input: GivenInterface): InterfaceWish {
  const vlanId = input.vlan === '' ? null : input.vlan;
  return { name: input.name, mac: input.mac_address, vlanId, mtu: input.mtu, tags: input.tags };
}

const newBond = commonParameters.extend({ parents, ...bondParameters });
const newBridge = commonParameters.extend({ ...ofOne, ...bridgeParameters });
const newVlan = commonParameters.omit({ name: true, mac_address: true }).extend(ofOne);
// Judged with the other parameters, even if one of them is refused.
const NO_PARENT = { path: ['parent'], when: () => true };
const hasParent = (input: object): boolean => 'parent' in input || 'parents' in input;
type GivenInterface = z.output<typeof commonParameters>;

interface Parents {
  readonly parent?: number | undefined;
  readonly parents?: readonly string[] | undefined;
}

const parentsIn = ({ parent, parents }: Parents): readonly number[] | undefined =>
  parent === undefined ? parents && parseIds(parents) : [parent, ...parseIds(parents ?? [])];

const inSentName = ({ parents }: Parents, answer: Answer): Answer =>
  refusalIn(parents === undefined ? { parents: 'parent' } : { parent: 'parents' }, answer);

async function make(call: ApiCall, kind: MadeKind, input: GivenInterface & Parents): Promise<Answer> {
  const wish = parseInterfaceWish(input);
  const params = parseInterfaceParams({ ...input }, kind === 'vlan' ? undefined : kind);
  const answer = await changeNetwork(call, (draft) => {
    const made = makeInterface(draft, kind, { ...wish, parents: parentsIn(input), params });
    return made.kind === 'refuse' ? made : { draft: made.draft, shown: made.id };
  });
  return inSentName(input, answer);
}

const updateParameters = commonParameters.extend({
  ...linkStateParameters,
  parents: parents.optional().describe('The ids of the interfaces that it is made of.'),
  parent: value(whole).optional().describe('The id of the interface that it is made of.'),
  ...bondParameters,
  ...bridgeParameters,
});

const speedsIn = (
  input: Pick<z.output<typeof updateParameters>, 'link_connected' | 'link_speed' | 'interface_speed'>,
) => ({
  link: input.link_speed,
  interface: input.interface_speed,
  isConnected: input.link_connected === undefined ? undefined : isTrue(input.link_connected),
});

async function updateInterface(call: ApiCall, input: z.output<typeof updateParameters>): Promise<Answer> {
  const wish = parseInterfaceWish(input);
  const { mac } = wish;
  const barred = await refuseOrdinary(call);
  if (barred !== undefined) return barred;
  const node = mac === undefined ? undefined : await findNodeInPath(call);
  const own =
    node?.device === undefined
      ? undefined
      : findInterface(buildNetInterfaces(node, await readNetworks(call)), call.path.id ?? '');
  if (node === undefined || mac === undefined || own?.nic === undefined || own.mac === mac)
    return await changeGiven(call, input, wish);
  if (!isHostMac(mac)) return refuseField('mac_address', MACS);
  return await changeMac(call, node, own, mac, () => changeGiven(call, input, { ...wish, mac: undefined }));
}

async function changeGiven(
  call: ApiCall,
  input: z.output<typeof updateParameters>,
  wish: InterfaceWish,
): Promise<Answer> {
  const wanted = parentsIn(input);
  const params = parseInterfaceParams(input);
  const answer = await changeOne(call, (draft, { id }) => {
    const kind = findLaidInterface(draft, id)?.kind ?? 'physical';
    const strange = Object.keys(params).find((name) => name !== 'accept_ra' && !name.startsWith(`${kind}_`));
    if (strange !== undefined) return { kind: 'refuse', field: strange, refusal: fieldRefusal(notOfKindText(kind)) };
    const changed = changeInterface(draft, id, { ...wish, parents: wanted, params, speeds: speedsIn(input) });
    return changed.kind === 'refuse' ? changed : { draft: changed.draft, shown: id };
  });
  return inSentName(input, answer);
}

const linkParameters = z.object({
  mode: value(z.string().toLowerCase().pipe(z.enum(LINK_MODES, 'Give auto, static, dhcp or link_up.'))).describe(
    'How it gets an address there: auto (the region chooses one), static, dhcp, or link_up (none).',
  ),
  subnet: value(subnetText)
    .optional()
    .describe('The subnet, by its id, its network or its name; required for auto and static.'),
  ip_address: ipv4Field.optional().describe('The address of a static link. Default: a free one.'),
  force: flagParameter('True: replace all other links of the interface.'),
  default_gateway: flagParameter("True: the subnet's router is the default gateway."),
});

async function link(call: ApiCall, input: z.output<typeof linkParameters>): Promise<Answer> {
  const view = await readNetworks(call);
  const unknown = refuseSubnet(view, 'subnet', input.subnet);
  if (unknown !== undefined) return unknown;
  const { mode } = input;
  if (mode === undefined) return refuseField('mode', REQUIRED);
  const wish = {
    mode,
    subnetId: input.subnet === undefined ? undefined : findSubnet(view, input.subnet)?.subnet.id,
    isForced: isTrue(input.force),
    isGateway: isTrue(input.default_gateway),
  };
  const places = await listHostPlaces(call);
  return await changeOne(call, (draft, netInterface, knowledge) =>
    linkWith(call, draft, netInterface, { ...wish, address: input.ip_address }, knowledge, places),
  );
}

/** The places of the hosts with the interfaces of the node in the path. */
export const listHostPlaces = async (call: ApiCall): Promise<readonly HostPlace[]> =>
  hostPlaces(call, (await findNodeInPath(call))?.interfaces.map(({ mac }) => mac) ?? []);

/** Links the interface; a static link gets a free address if none is given. */
export function linkWith(
  call: ApiCall,
  draft: NetworkDraft,
  { id, mac }: NetInterface,
  linkWish: LinkWish,
  { addresses: addressKnowledge }: ChangeKnowledge,
  places: readonly HostPlace[],
): ReturnType<Edit> {
  // A device is never deployed, so its address is chosen now.
  const wish =
    linkWish.mode === 'auto' && draft.machine.device !== undefined
      ? { ...linkWish, mode: 'static' as const }
      : linkWish;
  const linked = linkSubnet(draft, id, wish);
  if (linked.kind === 'refuse' || wish.mode !== 'static') return shows(linked, id);
  const place = { subnet: subnetWithId(draft.networks, wish.subnetId), subnetId: wish.subnetId };
  const options = { networks: draft.networks, known: addressKnowledge, isOrdinary: !isAdmin(call) };
  const own = new Set<Ipv4>(draft.machine.addresses.map(({ address }) => address));
  const username = isAdmin(call) ? undefined : getCallerUsername(call);
  const reservedFault =
    username === undefined ? undefined : refuseReserved(draft.networks, mac, username, wish.subnetId);
  if (reservedFault !== undefined) return { kind: 'refuse', refusal: reservedFault };
  const choice =
    wish.address === undefined
      ? chooseFor(place, mac, own, options)
      : judgeLinkAddress(draft.machine, place, mac, wish.address, options);
  // A free address for a machine is not the one that another ordinary user reserved before the
  // machine was known.
  const { device, owner } = draft.machine;
  const isChosen = wish.address === undefined && device === undefined;
  const whose = isChosen ? (owner ?? getCallerUsername(call)) : username;
  if (choice.kind === 'ask') return { ...choice, host: { macs: [mac], username: whose } };
  if (choice.kind === 'refuse') return { kind: 'refuse', refusal: choice.refusal };
  const address = choice.addresses[0]?.address;
  const moved = places.find((place) => place.mac === mac && place.address !== address && !own.has(place.address));
  if (moved !== undefined) return { kind: 'refuse', refusal: moved.word };
  return shows(refuseHeld(call, linkSubnet(draft, id, { ...wish, address }), address), id);
}

function refuseHeld(call: ApiCall, linked: NetworkDraft | LayoutRefusal, address: Ipv4 | undefined) {
  if (linked.kind === 'refuse' || address === undefined || isAdmin(call)) return linked;
  const { machine, networks, layout } = linked;
  const subnet = subnetOfAddress(networks, address);
  const { records } = networks;
  // Reserved by this user already: `refuseReserved` has refused the address of another.
  if (subnet === undefined || records.reserved.some((reservation) => reservation.address === address)) return linked;
  const left = new Set(layout.links.map((link) => link.address));
  const ended = new Set(
    machine.addresses
      .filter((fixedAddress) => !left.has(fixedAddress.address))
      .map((fixedAddress) => fixedAddress.address),
  );
  const others = records.linked.filter(
    (linkedAddress) => linkedAddress.address !== address && !ended.has(linkedAddress.address),
  );
  const view = { ...networks, records: { ...records, linked: others } };
  const word = refuseHolding(view, subnet, { low: address, high: address }, getCallerUsername(call));
  return word === undefined ? linked : { kind: 'refuse' as const, field: 'ip_address', refusal: word };
}

const unlinkParameters = z.object({ id: value(whole).describe('The id of the link.') });
const gatewayParameters = z.object({
  link_id: value(whole)
    .optional()
    .describe('The id of the link; needed if several links of the interface have a gateway.'),
});

// Administrators, and users for their own devices (`refuseOrdinary`).
const common = { versions: ['2.0'], access: 'user' } as const;
const many = { ...common, path: 'nodes/{system_id}/interfaces', handler: 'InterfacesHandler', method: 'POST' } as const;
const item = { ...common, path: 'nodes/{system_id}/interfaces/{id}', handler: 'InterfaceHandler' } as const;

const tagging = (op: 'add_tag' | 'remove_tag', doc: string): Operation =>
  defineOperation({
    ...item,
    method: 'POST',
    op,
    doc,
    parameters: tagParameters,
    answers: 'interface',
    run: (call, { tag }) => {
      const word = cleanWords(tag, PART_TAG_MAX);
      const edit = (draft: NetworkDraft, { id }: NetInterface): ReturnType<Edit> =>
        shows(tagInterface(draft, id, word, op === 'add_tag'), id);
      return changeOne(call, edit, 'tags');
    },
  });

const physicalParameters = z.object({
  mac_address: macField.describe('Its hardware address.'),
  name: value(z.string().max(32)).optional().describe('Its name. Default: eth0, eth1, and so on.'),
  ...commonParameters.pick({ tags: true, vlan: true, mtu: true, accept_ra: true }).shape,
  ...linkStateParameters,
});

function refuseMore(node: Machine, view: NetworkView, wish: InterfaceWish): Refusal | undefined {
  const wanted = { id: 0, mac: macAddress(0x020000000000), name: 'new', source: 'person' } as const;
  const draft = beginDraft({ ...node, interfaces: [...node.interfaces, wanted] }, view);
  const changed = changeInterface(draft, wanted.id, wish);
  if (changed.kind !== 'refuse') return undefined;
  return changed.field === undefined
    ? refuseFor([changed.refusal])
    : refuseFields({ [changed.field]: [changed.refusal] });
}

async function makePhysical(call: ApiCall, input: z.output<typeof physicalParameters>): Promise<Answer> {
  const barred = await refuseOrdinary(call);
  if (barred !== undefined) return barred;
  const node = await findNodeInPath(call);
  if (node === undefined) return NO_MACHINE;
  const busy = refuseState(node, 'network');
  if (busy !== undefined) return refuseFor([busy.refusal]);
  const { mac_address: added, name, ...others } = input;
  const { vlan, mtu, tags } = others;
  const wish: InterfaceWish = {
    vlanId: vlan === '' ? null : vlan,
    mtu,
    tags,
    params: parseInterfaceParams(others),
    speeds: speedsIn(others),
  };
  const isMore = Object.values(others).some((value) => value !== undefined);
  const view = await readNetworks(call);
  if (typeof vlan === 'number' && vlanWithId(view, vlan) === undefined)
    return refuseField('vlan', noSuchVlanText(vlan));
  const misfit = isMore ? refuseMore(node, view, wish) : undefined;
  if (misfit !== undefined) return misfit;
  const after = await addPhysical(call, node, added, name);
  if (isRefusal(after)) return after;
  const id = after.interfaces.find((nic) => nic.mac === added)?.id ?? 0;
  if (!isMore) return showInterface(after, call.region.networks.known, id);
  return await changeNetwork(call, (draft) => {
    const changed = changeInterface(draft, id, wish);
    return changed.kind === 'refuse' ? changed : { draft: changed.draft, shown: id };
  });
}

const MAKING: readonly Operation[] = [
  defineOperation({
    ...many,
    op: 'create_physical',
    answers: 'interface',
    doc: 'Add an interface to a machine or a device. What a machine reports joins it.',
    parameters: physicalParameters,
    run: makePhysical,
  }),
  defineOperation({
    ...many,
    op: 'create_bond',
    answers: 'interface',
    doc: 'Make a bond of physical interfaces, which lose their links to it.',
    parameters: newBond,
    run: (call, input) => make(call, 'bond', input),
  }),
  defineOperation({
    ...many,
    op: 'create_bridge',
    answers: 'interface',
    doc: 'Make a bridge of one interface, which loses its links to it.',
    parameters: newBridge.refine(hasParent, NO_PARENT),
    run: (call, input) => make(call, 'bridge', input),
  }),
  defineOperation({
    ...many,
    op: 'create_vlan',
    answers: 'interface',
    doc: 'Make an interface for the tagged frames of a VLAN.',
    parameters: newVlan.refine(hasParent, NO_PARENT),
    run: (call, input) => make(call, 'vlan', input),
  }),
];

const CHANGING: readonly Operation[] = [
  defineOperation({
    ...item,
    method: 'PUT',
    answers: 'interface',
    doc: 'Change an interface. Fields left out stay as they are.',
    parameters: updateParameters,
    run: updateInterface,
  }),
  defineOperation({
    ...item,
    method: 'DELETE',
    answers: 'nothing',
    doc: 'Delete an interface. One that a machine has comes back with its next report.',
    parameters: nothing,
    // One of the hardware also there, in the same change.
    run: (call) =>
      changeOne(call, (draft, { id, nic }) => {
        const edited = shows(removeInterface(draft, id), undefined);
        if ('kind' in edited || nic === undefined) return edited;
        return { ...edited, interfaces: draft.machine.interfaces.filter((nic) => nic.id !== id) };
      }),
  }),
  defineOperation({
    ...item,
    method: 'POST',
    op: 'disconnect',
    answers: 'interface',
    doc: 'Remove all links of an interface and its VLAN: the deployed system gives it no address.',
    parameters: nothing,
    run: (call) => changeOne(call, (draft, { id }) => shows(disconnect(draft, id), id)),
  }),
];

const TAGGING: readonly Operation[] = [
  tagging('add_tag', 'Add a tag to an interface. Adding it again changes nothing.'),
  tagging('remove_tag', 'Remove a tag from an interface.'),
];

const LINKING: readonly Operation[] = [
  defineOperation({
    ...item,
    method: 'POST',
    op: 'link_subnet',
    answers: 'interface',
    doc: 'Link an interface to a subnet. Not idempotent without an address: each call adds another link.',
    parameters: linkParameters,
    run: link,
  }),
  defineOperation({
    ...item,
    method: 'POST',
    op: 'unlink_subnet',
    answers: 'interface',
    doc: 'Remove one link of an interface, and give back its address.',
    parameters: unlinkParameters,
    run: (call, input) => changeOne(call, (draft, { id }) => shows(unlinkSubnet(draft, id, input.id), id)),
  }),
  defineOperation({
    ...item,
    method: 'POST',
    op: 'set_default_gateway',
    answers: 'interface',
    doc: 'Use the router of a linked subnet as the default gateway.',
    parameters: gatewayParameters,
    run: (call, input) => changeOne(call, (draft, { id }) => shows(setGateway(draft, id, input.link_id), id)),
  }),
];

export const NODE_INTERFACE_CHANGE_OPERATIONS: readonly Operation[] = [...MAKING, ...CHANGING, ...TAGGING, ...LINKING];

async function changeMac(
  call: ApiCall,
  { systemId, interfaces, addresses }: Machine,
  { id, mac: formerMac, links }: NetInterface,
  mac: MacAddress,
  others: () => Promise<Answer>,
): Promise<Answer> {
  const after = interfaces.map((nic) => (nic.id === id ? { mac, formerMac, name: nic.name, source: nic.source } : nic));
  const judged = await putInterfaces(call, systemId, after, mac, true);
  if (isRefusal(judged)) return judged;
  const reservedFault = isAdmin(call)
    ? undefined
    : refuseReserved(await readNetworks(call), mac, getCallerUsername(call));
  if (reservedFault !== undefined) return refuseFor([reservedFault]);
  const places = links.some(({ address }) => address !== undefined) ? await hostPlaces(call, [mac]) : [];
  const moved = places.find((place) => !addresses.some(({ address }) => address === place.address));
  if (moved !== undefined) return refuseFor([moved.word]);
  const changed = await others();
  if (changed.kind === 'refusal') return changed;
  const machine = await putInterfaces(call, systemId, after, mac);
  return isRefusal(machine) ? machine : await changeNetwork(call, (draft) => ({ draft, shown: id }));
}
