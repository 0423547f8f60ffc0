// The networks of API 1.0: the subnets of 2.0 under their names.
//
// Sources: MAAS API 1.0, `networks/` (list, create, read, update, delete, connect_macs,
// disconnect_macs, list_connected_macs): eight keys, null for what is not set, DNS servers as one
// text.
//
// 1. The tag of a network is that of its VLAN. A tag without a VLAN in the fabric gets one.
// 2. A connection records that a person knows a machine's interface to be in the network. Only
//    administrators make connections.

import { z } from 'zod';
import {
  formatIpv4,
  formatMac,
  formatNetwork,
  type MacAddress,
  maskToPrefix,
  networkWithPrefix,
  parseIpv4,
  prefixToMask,
} from '../../../ground/address.ts';
import { buildNetInterfaces } from '../../layout/interfaces.ts';
import {
  makeNetworkView,
  type NetworkView,
  oldNetworkName,
  type SubnetView,
  subnetWithId,
} from '../../networks/network-view.ts';
import type { NetworkDraft, WantedChange } from '../../networks/networks.ts';
import { newVlan } from '../../networks/reconcile.ts';
import type { Machine } from '../../records/machine.ts';
import { type Connection, UNTAGGED_VID, VID_MAX } from '../../records/network-store.ts';
import { REQUIRED } from '../../records/refusal.ts';
import type { AnswerOf } from '../answers/answer-types.ts';
import {
  type Answer,
  combineOrRefuse,
  isRefusal,
  type Refusal,
  refuse,
  refuseField,
  refuseMachines,
} from '../call/answer.ts';
import {
  type ApiCall,
  defineOperation,
  ipv4Field,
  macFields,
  nothing,
  type Operation,
  resource,
  value,
  values,
} from '../call/operation.ts';
import {
  addressOrNone,
  change,
  DNS_SERVERS,
  listed,
  makeChange,
  nameField,
  networkNameTakenText,
  networkObjects,
  noteField,
  readNetworks,
  VID,
} from './network-calls.ts';
import { areServers, type GivenSubnet, routerIn } from './subnet-fields.ts';
import { subnetAddition, subnetChange, subnetRemoval } from './subnet-operations.ts';

/** Machines in one request, and hardware addresses. */
const NODES_MAX = 64;
const REQUEST_MACS_MAX = 256;

const NETMASK = 'Give a mask such as 255.255.255.0.';

const maskField = value(
  z
    .string()
    .trim()
    .max(64)
    .refine((text) => {
      const mask = parseIpv4(text);
      return mask !== undefined && maskToPrefix(mask) !== undefined;
    }, NETMASK),
);
const changedNetwork = z.object({
  name: nameField.optional().describe('Its name.'),
  description: noteField.optional().describe('A note for people.'),
  ip: ipv4Field.optional().describe('Its first address, such as 10.20.0.0.'),
  netmask: maskField.optional().describe('Such as 255.255.255.0.'),
  default_gateway: addressOrNone.optional().describe('The router given to machines; empty: none.'),
  dns_servers: value(
    z
      .string()
      .max(1024)
      .refine((text) => areServers([text]), DNS_SERVERS),
  )
    .optional()
    .describe('DNS servers given to machines, separated by blanks.'),
  vlan_tag: value(
    z
      .string()
      .trim()
      .max(16)
      .refine((tag) => /^\d{0,5}$/.test(tag) && Number(tag) <= VID_MAX, VID),
  )
    .optional()
    .describe('The tag of its VLAN, 1 to 4094; empty or 0: untagged.'),
});
const newNetwork = changedNetwork.required({ name: true, ip: true, netmask: true });
type Given = z.output<typeof changedNetwork>;
const someMacs = z.object({ macs: macFields(REQUEST_MACS_MAX).describe('Hardware addresses of machines.') });

const findNetwork = (view: NetworkView, { name }: ApiCall['path']): SubnetView | undefined =>
  view.subnets.find((subnet) => oldNetworkName(subnet) === name);

const noNetwork = ({ name = '' }: ApiCall['path']): Refusal =>
  refuse('not-found', `There is no network ${name.slice(0, 64)}: networks lists them.`);

function networkJson(view: SubnetView): AnswerOf<'network'> {
  const { subnet, network, gateway, dnsServers, vlan } = view;
  const name = oldNetworkName(view);
  return {
    dns_servers: dnsServers.length === 0 ? null : dnsServers.join(' '),
    name,
    default_gateway: gateway === undefined ? null : formatIpv4(gateway),
    ip: formatIpv4(network.address),
    netmask: formatIpv4(prefixToMask(network.prefix)),
    vlan_tag: vlan.vlan.vid === UNTAGGED_VID ? null : vlan.vlan.vid,
    resource_uri: `/MAAS/api/1.0/networks/${encodeURIComponent(name)}/`,
    description: subnet.description,
  };
}

const { read, store, changeOne } = networkObjects<SubnetView>({
  all: (view) => view.subnets,
  idOf: ({ subnet }) => subnet.id,
  find: findNetwork,
  notFound: noNetwork,
  render: () => (_view, subnet) => networkJson(subnet),
  fields: { cidr: 'ip', gateway_ip: 'default_gateway', router_ip: 'default_gateway', vid: 'vlan_tag' },
});

const listing = z.object({
  node: values(NODES_MAX)
    .optional()
    .describe('System ids of machines: list only the networks that all of them are in.'),
});

async function listNetworks(call: ApiCall, { node = [] }: z.output<typeof listing>): Promise<Answer> {
  const view = await readNetworks(call);
  const common = node.length === 0 ? undefined : await commonTo(call, view, [...new Set(node)]);
  if (common !== undefined && 'kind' in common) return common;
  const matching = view.subnets.filter(({ subnet }) => common === undefined || common.has(subnet.id));
  return listed(call, matching, networkJson);
}

async function commonTo(
  call: ApiCall,
  view: NetworkView,
  systemIds: readonly string[],
): Promise<ReadonlySet<number> | Refusal> {
  const { store } = call.region;
  const machines = [
    ...(await store.listMachines({ systemIds }, 0, NODES_MAX)),
    ...(await store.listMachines({ systemIds, isDevice: true }, 0, NODES_MAX)),
  ];
  const missing = systemIds.filter((systemId) => machines.every((machine) => machine.systemId !== systemId));
  if (missing.length > 0) return refuseMachines('node', missing);
  const homes = machines.map((machine) => new Set(listSubnetIds(view, machine)));
  return new Set(view.subnets.map(({ subnet }) => subnet.id).filter((id) => homes.every((home) => home.has(id))));
}

function listSubnetIds(view: NetworkView, machine: Machine): readonly number[] {
  const recorded = view.records.connections.filter((connection) =>
    machine.interfaces.some(({ mac }) => mac === connection.mac),
  );
  const used = buildNetInterfaces(machine, view).flatMap(({ links, seenIn }) => [
    ...links.map(({ subnet }) => subnet),
    seenIn,
  ]);
  return [...recorded.map(({ subnetId }) => subnetId), ...used.flatMap((home) => home?.subnet.id ?? [])];
}

function readCidr({ ip, netmask }: Given, before: SubnetView | undefined): string | undefined | Refusal {
  if (ip === undefined && netmask === undefined) return undefined;
  const mask = netmask === undefined ? undefined : parseIpv4(netmask);
  const checked = combineOrRefuse(
    (ip === undefined ? before?.network.address : ip) ?? refuseField('ip', REQUIRED),
    (netmask === undefined ? before?.network.prefix : mask === undefined ? undefined : maskToPrefix(mask)) ??
      refuseField('netmask', NETMASK),
  );
  if (isRefusal(checked)) return checked;
  const [address, prefix] = checked;
  return formatNetwork(networkWithPrefix(address, prefix));
}

function subnetFields(given: Given, before: SubnetView | undefined): GivenSubnet | Refusal {
  const { name, description, default_gateway: gateway, dns_servers: servers, vlan_tag: tag } = given;
  const vid = tag === undefined ? undefined : tag === '' ? UNTAGGED_VID : Number(tag);
  const isVid = vid === undefined || (Number.isInteger(vid) && vid >= UNTAGGED_VID && vid <= VID_MAX);
  const checked = combineOrRefuse(readCidr(given, before), isVid ? undefined : refuseField('vlan_tag', VID));
  if (isRefusal(checked)) return checked;
  const [cidr] = checked;
  return {
    ...(cidr === undefined ? {} : { cidr }),
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    ...(gateway === undefined ? {} : { gateway_ip: gateway }),
    ...(servers === undefined ? {} : { dns_servers: [servers] }),
    ...(vid === undefined ? {} : { vid }),
    ...(vid === undefined || before === undefined ? {} : { fabric: String(before.vlan.fabric.id) }),
  };
}

/**
 * Decides on a change with the VLAN of a tag, which comes with the change if its fabric has none.
 * @param fabricId `undefined`: the first fabric
 */
function withVlan(
  view: NetworkDraft,
  vid: number | undefined,
  fabricId: number | undefined,
  decide: (view: NetworkDraft) => WantedChange | Refusal,
): WantedChange | Refusal {
  const { records, reverseMode, nextId } = view;
  const fabric = fabricId === undefined ? records.fabrics[0] : records.fabrics.find(({ id }) => id === fabricId);
  const isThere = view.vlans.some(({ vlan }) => vlan.fabricId === fabric?.id && vlan.vid === vid);
  if (vid === undefined || fabric === undefined || isThere) return decide(view);
  const vlan = { ...newVlan(nextId, fabric.id, vid), isTouched: true };
  const added = makeNetworkView({ ...records, vlans: [...records.vlans, vlan] }, view, reverseMode);
  const wanted = decide({ ...view, ...added, nextId: nextId + 1 });
  if (wanted.kind === 'refusal') return wanted;
  return {
    ...wanted,
    put: { ...wanted.put, vlans: [...(wanted.put?.vlans ?? []), vlan] },
    nextId: wanted.nextId ?? nextId + 1,
    added: [{ what: 'VLAN', name: `${fabric.name}/${vid}` }],
  };
}

function refuseNetworkName(
  view: NetworkView,
  name: string | undefined,
  otherThan: number | undefined,
): Refusal | undefined {
  const isTaken =
    name !== undefined &&
    view.subnets.some((subnet) => oldNetworkName(subnet) === name && subnet.subnet.id !== otherThan);
  return isTaken ? refuseField('name', networkNameTakenText(name)) : undefined;
}

function networkChange(view: NetworkDraft, given: Given, before: SubnetView | undefined): WantedChange | Refusal {
  const checked = combineOrRefuse(subnetFields(given, before), refuseNetworkName(view, given.name, before?.subnet.id));
  if (isRefusal(checked)) return checked;
  const [fields] = checked;
  return withVlan(view, fields.vid, before?.vlan.fabric.id, (now) => {
    const current = subnetWithId(now, before?.subnet.id);
    return current === undefined ? subnetAddition(now, fields) : subnetChange(now, current, fields);
  });
}

const readRouter = ({ default_gateway: gateway }: Given) => routerIn({ gateway_ip: gateway });

const addNetwork = (call: ApiCall, input: Given): Promise<Answer> =>
  store(call, (view) => networkChange(view, input, undefined), readRouter(input));

const amendNetwork = (call: ApiCall, input: Given): Promise<Answer> =>
  changeOne(call, (before, view) => networkChange(view, input, before), readRouter(input));

const removeNetwork = (call: ApiCall): Promise<Answer> =>
  changeOne(call, (subnet, view) => subnetRemoval(view, subnet));

async function findOwners(call: ApiCall, macs: readonly MacAddress[]): Promise<ReadonlyMap<MacAddress, string>> {
  const homes = macs.length === 0 ? [] : await call.region.store.racks.findHomes(macs.map((mac) => ({ mac })));
  const owners = macs.map((mac, index) => [mac, homes[index]] as const);
  return new Map(owners.flatMap(([mac, home]) => (typeof home === 'object' ? [[mac, home.systemId] as const] : [])));
}

async function readMacs(call: ApiCall, macs: readonly MacAddress[]): Promise<ReadonlySet<MacAddress> | Refusal> {
  const owners = await findOwners(call, macs);
  const isFit = macs.length > 0 && macs.every((mac) => owners.has(mac));
  return isFit ? new Set(macs) : refuseField('macs', 'Give hardware addresses of machines, such as 52:54:00:12:34:56.');
}

const ofNetwork = (view: NetworkView, id: number, macs: ReadonlySet<MacAddress>): readonly Connection[] =>
  view.records.connections.filter((connection) => connection.subnetId === id && macs.has(connection.mac));

async function connect(call: ApiCall, given: z.output<typeof someMacs>): Promise<Answer> {
  const macs = await readMacs(call, given.macs);
  if ('kind' in macs) return macs;
  return await change(call, (view) => {
    const { nextId } = view;
    const subnet = findNetwork(view, call.path);
    if (subnet === undefined) return noNetwork(call.path);
    const { id: subnetId, cidr: name } = subnet.subnet;
    const there = new Set(ofNetwork(view, subnetId, macs).map(({ mac }) => mac));
    const missing = [...macs].filter((mac) => !there.has(mac));
    const connections = missing.map((mac, index) => ({ id: nextId + index, subnetId, mac }));
    return makeChange('added', 'connection', name, subnetId, {
      put: { connections },
      nextId: nextId + connections.length,
    });
  });
}

async function disconnect(call: ApiCall, given: z.output<typeof someMacs>): Promise<Answer> {
  const macs = await readMacs(call, given.macs);
  if ('kind' in macs) return macs;
  return await change(call, (view) => {
    const subnet = findNetwork(view, call.path);
    if (subnet === undefined) return noNetwork(call.path);
    const { id, cidr: name } = subnet.subnet;
    const connections = ofNetwork(view, id, macs).map((connection) => connection.id);
    return makeChange('removed', 'connection', name, id, { remove: { connections } });
  });
}

async function listConnected(call: ApiCall): Promise<Answer> {
  const view = await readNetworks(call);
  const subnet = findNetwork(view, call.path);
  if (subnet === undefined) return noNetwork(call.path);
  const macs = view.records.connections.filter(({ subnetId }) => subnetId === subnet.subnet.id).map(({ mac }) => mac);
  const owners = await findOwners(call, macs);
  const owned = macs.filter((mac) => owners.has(mac));
  return listed(call, owned, (mac) => ({
    mac_address: formatMac(mac),
    resource_uri: `/MAAS/api/1.0/nodes/${owners.get(mac)}/macs/${encodeURIComponent(formatMac(mac))}/`,
  }));
}

const base = { versions: ['1.0'], ownTransaction: true } as const;
const networks = { ...base, path: 'networks', handler: 'NetworksHandler' } as const;
const network = { ...base, path: 'networks/{name}', handler: 'NetworkHandler' } as const;

export const NETWORK_OPERATIONS: readonly Operation[] = [
  ...resource({
    many: networks,
    one: network,
    answers: 'network',
    list: ['List all networks, or those that the given machines have in common.', listing, listNetworks],
    add: ['Create a network. The networks that racks serve exist already.', newNetwork, addNetwork],
    read: ['Read a network.', nothing, read],
    change: [
      'Change a network. Racks that serve it hand out a new router or new DNS servers at once.',
      changedNetwork,
      amendNetwork,
    ],
    remove: ['Delete a network that no rack serves.', nothing, removeNetwork],
  }),
  defineOperation({
    ...network,
    method: 'POST',
    op: 'connect_macs',
    access: 'admin',
    parameters: someMacs,
    answers: 'nothing',
    doc: 'Record that interfaces of machines are in the network.',
    run: connect,
  }),
  defineOperation({
    ...network,
    method: 'POST',
    op: 'disconnect_macs',
    access: 'admin',
    parameters: someMacs,
    answers: 'nothing',
    doc: 'Remove the record that interfaces of machines are in the network.',
    run: disconnect,
  }),
  defineOperation({
    ...network,
    method: 'GET',
    op: 'list_connected_macs',
    access: 'user',
    parameters: nothing,
    answers: ['macAddress'],
    doc: 'List the interfaces of machines that are recorded as being in the network.',
    run: listConnected,
  }),
];
