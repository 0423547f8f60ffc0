// Fabrics, and the VLANs in them.
//
// Sources: MAAS API 2.0, `fabrics/`, `fabrics/<id>/vlans/`, `vlans/<id>/` (the URI that MAAS shows
// of a VLAN).
//
// 1. Every fabric has an untagged VLAN, which is deleted with it. `networks/networks.ts` refuses to
//    remove what machines use.
// 2. `dhcp_on`, `primary_rack` and `secondary_rack` of a VLAN come from the cluster interfaces of
//    its racks, and so does `mtu` where these have their own. A change of one changes those cluster
//    interfaces (`vlan-service.ts`), or makes the one that a dynamic range of the VLAN waits for. A
//    new VLAN has neither, so its DHCP is off.

import { z } from 'zod';
import { type NetworkView, specified, type VlanView } from '../../networks/network-view.ts';
import { freeFabricName, newVlan } from '../../networks/reconcile.ts';
import {
  DEFAULT_FABRIC_ID,
  DEFAULT_VLAN_ID,
  type Fabric,
  MTU_MAX,
  MTU_MIN,
  UNTAGGED_VID,
  VID_MAX,
  type Vlan,
} from '../../records/network-store.ts';
import { fieldRefusal } from '../../records/refusal.ts';
import { type Answer, type Refusal, refuse, refuseField, refuseFields } from '../call/answer.ts';
import { type ApiCall, defineOperation, nothing, type Operation, resource, value } from '../call/operation.ts';
import { fabricJson, NO_SPACE, vlanJson, vlansInOrder } from '../json/subnet-json.ts';
import {
  absent,
  countField,
  flagField,
  listed,
  makeChange,
  nameField,
  networkIdIn,
  networkNameTakenText,
  networkObjects,
  noteField,
  readNetworks,
  refuseStored,
  textField,
  VID,
  VLAN_NO_RANGE,
  wordsField,
} from './network-calls.ts';
import { vlanRows } from './vlan-service.ts';

const fabricFields = z.object({
  name: nameField.optional().describe('Its name. Default: fabric-N.'),
  description: noteField.optional().describe('A note for people.'),
  class_type: wordsField.optional().describe('Any word for its kind, such as 10g.'),
});
type GivenFabric = z.output<typeof fabricFields>;

const changedVlan = z.object({
  name: nameField.optional().describe('Its name.'),
  description: noteField.optional().describe('A note for people.'),
  vid: countField
    .refine((vid) => vid <= VID_MAX, VID)
    .optional()
    .describe('Its tag, 1 to 4094; 0: untagged.'),
  mtu: countField
    .refine((mtu) => mtu >= MTU_MIN && mtu <= MTU_MAX, 'Give 552 to 65535.')
    .optional()
    .describe('The largest packet in it, in bytes: 552 to 65535. Default: 1500.'),
  space: textField.optional().describe('The name or id of its space; empty: none.'),
  dhcp_on: flagField.optional().describe('Whether racks offer DHCP there, in the dynamic ranges of its subnets.'),
  primary_rack: textField
    .optional()
    .describe('The UUID or name of the rack that offers DHCP. Its host needs an address in each of these subnets.'),
  secondary_rack: textField
    .optional()
    .describe('The UUID or name of a second one, which has a cluster interface there.'),
  relay_vlan: value(z.literal('', 'Omit relay_vlan: a relay agent of the network passes requests to the racks.'))
    .optional()
    .describe('Refused: a relay agent of the network passes requests to the racks.'),
});
type GivenVlan = z.output<typeof changedVlan>;

const findFabric = (view: NetworkView, { fabric_id: ofVlan, id = '' }: ApiCall['path']): Fabric | undefined =>
  specified(view.records.fabrics, ofVlan ?? id);

const noFabric = ({ fabric_id: ofVlan, id }: ApiCall['path']): Refusal => absent('fabric', ofVlan ?? id);

const fabrics = networkObjects<Fabric>({
  all: ({ records }) => records.fabrics,
  idOf: ({ id }) => id,
  find: findFabric,
  notFound: noFabric,
  render: () => fabricJson,
});

/** Fields of VLANs by those of cluster interfaces. */
const FIELDS: Readonly<Record<string, string>> = Object.fromEntries(
  [
    'interface',
    'ip',
    'network',
    'subnet_mask',
    'broadcast_ip',
    'router_ip',
    'dns_servers',
    'management',
    'ip_range_low',
    'ip_range_high',
  ].map((field) => [field, 'dhcp_on']),
);

const vlans = networkObjects<VlanView>({
  all: (view) => view.vlans,
  idOf: ({ vlan }) => vlan.id,
  // By its tag in a fabric, or by its id.
  find(view, path) {
    if (path.fabric_id === undefined) return view.vlans.find(({ vlan }) => vlan.id === networkIdIn(path.id));
    const fabric = findFabric(view, path);
    const vid = path.vid === 'untagged' ? UNTAGGED_VID : networkIdIn(path.vid);
    return view.vlans.find(({ vlan }) => vlan.fabricId === fabric?.id && vlan.vid === vid);
  },
  notFound: ({ vid, id }) => absent('VLAN', vid ?? id),
  render: () => (_view, vlan) => vlanJson(vlan),
  fields: FIELDS,
});

function refuseFabricName(view: NetworkView, name: string, otherThan: number): Refusal | undefined {
  const isTaken = view.records.fabrics.some((fabric) => fabric.name === name && fabric.id !== otherThan);
  return isTaken ? refuseField('name', networkNameTakenText(name)) : undefined;
}

const addFabric = (call: ApiCall, input: GivenFabric): Promise<Answer> =>
  fabrics.store(call, (view) => {
    const id = view.nextId;
    const name = input.name ?? freeFabricName(view.records.fabrics);
    const refused = refuseFabricName(view, name, id);
    if (refused !== undefined) return refused;
    const { description = '', class_type: classType = '' } = input;
    const fabric: Fabric = { id, name, description, classType, isTouched: true };
    const vlan = { ...newVlan(id + 1, id, UNTAGGED_VID), isTouched: true };
    return makeChange('added', 'fabric', name, id, { put: { fabrics: [fabric], vlans: [vlan] }, nextId: id + 2 });
  });

const changeFabric = (call: ApiCall, input: GivenFabric): Promise<Answer> =>
  fabrics.changeOne(call, (before, view) => {
    const { id } = before;
    const { name = before.name, description = before.description, class_type: classType = before.classType } = input;
    const put = { fabrics: [{ id, name, description, classType, isTouched: true }] };
    return refuseFabricName(view, name, id) ?? makeChange('changed', 'fabric', name, id, { put });
  });

const removeFabric = (call: ApiCall): Promise<Answer> =>
  fabrics.changeOne(call, ({ id, name }, view) => {
    const subnets = view.subnets.filter(({ vlan }) => vlan.vlan.fabricId === id);
    const served = subnets.find((subnet) => subnet.served.length > 0);
    if (served !== undefined)
      return refuse(
        'in-use',
        `The fabric ${name} has the subnet ${served.subnet.cidr}, which a rack serves: remove its cluster interface first.`,
      );
    if (subnets.length > 0) return refuse('in-use', `The fabric ${name} has subnets: remove or move them first.`);
    if (id === DEFAULT_FABRIC_ID)
      return refuse(
        'in-use',
        `${name} is the default fabric, in which the networks of racks appear: change it instead.`,
      );
    return makeChange('removed', 'fabric', name, id, { remove: { fabrics: [id] } });
  });

async function listVlans(call: ApiCall): Promise<Answer> {
  const view = await readNetworks(call);
  const fabric = findFabric(view, call.path);
  if (fabric === undefined) return noFabric(call.path);
  return listed(call, vlansInOrder(view, fabric), vlanJson);
}

function findSpace(view: NetworkView, text: string): number | undefined | Refusal {
  if (text === '' || text === NO_SPACE) return undefined;
  return specified(view.records.spaces, text)?.id ?? refuseField('space', `There is no space ${text.slice(0, 64)}.`);
}

function changedVlanRow(view: NetworkView, given: GivenVlan, before: Vlan, fabric: Fabric): Vlan | Refusal {
  const vid = given.vid ?? before.vid;
  const spaceId = given.space === undefined ? before.spaceId : findSpace(view, given.space);
  if (typeof spaceId === 'object') return spaceId;
  if (view.vlans.some(({ vlan }) => vlan.fabricId === fabric.id && vlan.vid === vid && vlan.id !== before.id))
    return refuseField('vid', `The fabric ${fabric.name} already has a VLAN ${vid}.`);
  return {
    ...before,
    vid,
    name: given.name ?? (before.name === String(before.vid) ? String(vid) : before.name),
    description: given.description ?? before.description,
    mtu: given.mtu ?? before.mtu,
    spaceId,
    isTouched: true,
  };
}

const vlanTitle = ({ vid }: Vlan, fabric: Fabric): string => `${fabric.name}/${vid}`;

/** Refuses DHCP in a new VLAN: it has no subnet, and so no dynamic range. */
function refuseService(given: GivenVlan): Refusal | undefined {
  const wanted = {
    dhcp_on: given.dhcp_on === true,
    primary_rack: (given.primary_rack ?? '') !== '',
    secondary_rack: (given.secondary_rack ?? '') !== '',
  };
  const names = Object.entries(wanted).flatMap(([name, isWanted]) => (isWanted ? [name] : []));
  if (names.length === 0) return undefined;
  return refuseFields(Object.fromEntries(names.map((name) => [name, [fieldRefusal(VLAN_NO_RANGE)]])));
}

const addVlan = (call: ApiCall, input: GivenVlan): Promise<Answer> =>
  vlans.store(call, (view) => {
    const fabric = findFabric(view, call.path);
    if (fabric === undefined) return noFabric(call.path);
    const refused = refuseService(input);
    if (refused !== undefined) return refused;
    // That of a discovered subnet becomes the caller's.
    const discovered = view.vlans.find(
      ({ vlan: { id, fabricId, vid, isTouched } }) =>
        fabricId === fabric.id && vid === input.vid && !isTouched && id !== DEFAULT_VLAN_ID,
    );
    const nextId = discovered === undefined ? view.nextId + 1 : undefined;
    const before = discovered?.vlan ?? newVlan(view.nextId, fabric.id, input.vid ?? UNTAGGED_VID);
    const vlan = changedVlanRow(view, input, { ...before, isTouched: true }, fabric);
    if ('kind' in vlan) return vlan;
    return makeChange('added', 'VLAN', vlanTitle(vlan, fabric), vlan.id, { put: { vlans: [vlan] }, nextId });
  });

function changeVlan(call: ApiCall, given: GivenVlan): Promise<Answer> {
  const { racks, settings } = call.region;
  return vlans.changeOne(call, (before, view) => {
    const service = vlanRows(view, before, given, { racks: racks.list(), settings });
    if ('kind' in service) return service;
    if (before.vlan.vid === UNTAGGED_VID && (given.vid ?? UNTAGGED_VID) !== UNTAGGED_VID)
      return refuseField('vid', 'The default VLAN of a fabric stays untagged.');
    const vlan = changedVlanRow(view, given, before.vlan, before.fabric);
    if ('kind' in vlan) return vlan;
    const put = { vlans: [vlan], ...service };
    return makeChange('changed', 'VLAN', vlanTitle(vlan, before.fabric), vlan.id, { put });
  });
}

const removeVlan = (call: ApiCall): Promise<Answer> =>
  vlans.changeOne(call, ({ vlan, fabric }, view) => {
    if (vlan.vid === UNTAGGED_VID)
      return refuse('in-use', 'This is the default VLAN of its fabric: remove the fabric instead.');
    const used = view.subnets.find(({ subnet }) => subnet.vlanId === vlan.id);
    if (used !== undefined)
      return refuse('in-use', `The VLAN has the subnet ${used.subnet.cidr}: remove or move it first.`);
    const stored = refuseStored(view, ({ vlanId }) => vlanId === vlan.id);
    if (stored !== undefined) return stored;
    return makeChange('removed', 'VLAN', vlanTitle(vlan, fabric), vlan.id, { remove: { vlans: [vlan.id] } });
  });

const newVlanFields = changedVlan.required({ vid: true });

const base = { versions: ['2.0'], ownTransaction: true } as const;
const vlansPlace = { ...base, path: 'fabrics/{fabric_id}/vlans', handler: 'VlansHandler' } as const;
const READ = { method: 'GET', access: 'user', parameters: nothing } as const;
const REMOVE = { method: 'DELETE', access: 'admin', parameters: nothing } as const;

const vlanAt = (path: string, handler: string): readonly Operation[] => {
  const vlan = { ...base, path, handler } as const;
  return [
    defineOperation({ ...vlan, ...READ, answers: 'vlan', doc: 'Read a VLAN.', run: vlans.read }),
    defineOperation({
      ...vlan,
      method: 'PUT',
      access: 'admin',
      answers: 'vlan',
      doc: 'Change a VLAN. A change of DHCP takes effect at the racks that serve its subnets.',
      parameters: changedVlan,
      run: changeVlan,
    }),
    defineOperation({
      ...vlan,
      ...REMOVE,
      answers: 'nothing',
      doc: 'Delete a VLAN that no subnet and no machine uses.',
      run: removeVlan,
    }),
  ];
};

export const FABRIC_OPERATIONS: readonly Operation[] = [
  ...resource({
    many: { versions: ['2.0'], path: 'fabrics', handler: 'FabricsHandler', ownTransaction: true },
    one: { versions: ['2.0'], path: 'fabrics/{id}', handler: 'FabricHandler', ownTransaction: true },
    answers: 'fabric',
    list: ['List the fabrics, each with its VLANs.', nothing, fabrics.list],
    add: [
      'Create a fabric with an untagged VLAN. Not idempotent without a name: each call makes another one.',
      fabricFields,
      addFabric,
    ],
    read: ['Read a fabric by its id or its name (name:hall).', nothing, fabrics.read],
    change: ['Change a fabric.', fabricFields, changeFabric],
    remove: [
      'Delete a fabric with its VLANs. Refused while it has subnets, or while an interface of a machine is in one of the VLANs.',
      nothing,
      removeFabric,
    ],
  }),
  defineOperation({ ...vlansPlace, ...READ, answers: ['vlan'], doc: 'List the VLANs of a fabric.', run: listVlans }),
  defineOperation({
    ...vlansPlace,
    method: 'POST',
    access: 'admin',
    answers: 'vlan',
    doc: 'Create a VLAN in a fabric. It has no subnet yet, so DHCP is off: change dhcp_on and the racks later.',
    parameters: newVlanFields,
    run: addVlan,
  }),
  ...vlanAt('fabrics/{fabric_id}/vlans/{vid}', 'VlanHandler'),
  ...vlanAt('vlans/{id}', 'VlanByIdHandler'),
];
