// Reading the interfaces of a machine, as they should be deployed, and those of the host of a rack.
//
// Source: MAAS's `nodes/{system_id}/interfaces/`. `machines/{system_id}/interfaces/` is the same,
// without racks. 1.0 has `nodes/{system_id}/macs/` instead.

import { z } from 'zod';
import { buildNetInterfaces, findInterface } from '../../layout/interfaces.ts';
import { noNodeInterfaceText } from '../../layout/network-draft.ts';
import { type Answer, json, refuse } from '../call/answer.ts';
import { type ApiCall, defineOperation, ipv4Field, macField, nothing, type Operation } from '../call/operation.ts';
import { interfaceJson, interfacesJson } from '../json/node-interface-json.ts';
import { findNodeInPath, withMachine } from '../machines/machine-calls.ts';
import { findRackInterface, rackInterfacesJson } from '../racks/rack-interfaces.ts';
import { findRackInPath } from './interface-calls.ts';
import { shownName } from './layout-calls.ts';
import { addMac, claimAddress, listMacs, readMac, removeMac } from './old-interface-calls.ts';

const noInterface = ({ path }: ApiCall, machine: string): Answer =>
  refuse('not-found', noNodeInterfaceText(machine, shownName(path.id)));

const listInterfaces = withMachine(
  (call, machine) => json(interfacesJson(machine, call.region.networks.known)),
  findNodeInPath,
);

const answerInterface = withMachine((call, machine) => {
  const all = buildNetInterfaces(machine, call.region.networks.known);
  const netInterface = findInterface(all, call.path.id ?? '');
  if (netInterface === undefined) return noInterface(call, machine.hostname);
  return json(interfaceJson(machine, netInterface, all));
}, findNodeInPath);

async function listOfNode(call: ApiCall, none: object): Promise<Answer> {
  const rack = findRackInPath(call);
  if (rack === undefined) return await listInterfaces(call, none);
  return json(rackInterfacesJson(rack, call.region.networks.known));
}

async function readOfNode(call: ApiCall, none: object): Promise<Answer> {
  const rack = findRackInPath(call);
  if (rack === undefined) return await answerInterface(call, none);
  const rackInterface = findRackInterface(rack, call.region.networks.known, call.path.id ?? '');
  return rackInterface === undefined ? noInterface(call, rack.name) : json(rackInterface);
}

const reading = { versions: ['2.0'], method: 'GET', access: 'user', parameters: nothing } as const;

const READING: readonly Operation[] = [
  defineOperation({
    ...reading,
    path: 'nodes/{system_id}/interfaces',
    handler: 'InterfacesHandler',
    answers: ['interface'],
    doc: 'List the interfaces of a machine, a device or a rack, those of its hardware first.',
    run: listOfNode,
  }),
  defineOperation({
    ...reading,
    path: 'nodes/{system_id}/interfaces/{id}',
    handler: 'InterfaceHandler',
    answers: 'interface',
    doc: 'Read one interface of a machine, a device or a rack, by its id, its name (name:eth0) or its hardware address.',
    run: readOfNode,
  }),
  defineOperation({
    ...reading,
    path: 'machines/{system_id}/interfaces',
    handler: 'MachineInterfacesHandler',
    answers: ['interface'],
    doc: 'List the interfaces of a machine, those of its hardware first.',
    run: listInterfaces,
  }),
  defineOperation({
    ...reading,
    path: 'machines/{system_id}/interfaces/{id}',
    handler: 'MachineInterfaceHandler',
    answers: 'interface',
    doc: 'Read one interface of a machine, by its id, its name or its hardware address.',
    run: answerInterface,
  }),
];

const newMac = z.object({ mac_address: macField.describe('The hardware address.') });
const claim = z.object({
  mac_address: macField
    .optional()
    .describe('The interface that gets the address. Default: the one with which the machine boots.'),
  requested_address: ipv4Field.optional().describe('The address. Default: a free one.'),
});

// Administrators, and users for their own devices (`refuseOrdinary`).
const old = { versions: ['1.0'], access: 'user' } as const;
const macs = { ...old, path: 'nodes/{system_id}/macs', handler: 'NodeMacsHandler' } as const;
const oneMac = { ...old, path: 'nodes/{system_id}/macs/{mac_address}', handler: 'NodeMacHandler' } as const;

const MACS: readonly Operation[] = [
  defineOperation({
    ...macs,
    method: 'GET',
    parameters: nothing,
    answers: ['macAddress'],
    doc: 'List the hardware addresses of a node.',
    run: listMacs,
  }),
  defineOperation({
    ...macs,
    method: 'POST',
    parameters: newMac,
    answers: 'macAddress',
    doc: 'Add an interface to a node by its hardware address.',
    run: async (call, input) => addMac(call, input.mac_address),
  }),
  defineOperation({
    ...oneMac,
    method: 'GET',
    parameters: nothing,
    answers: 'macAddress',
    doc: 'Read a hardware address of a node.',
    run: readMac,
  }),
  defineOperation({
    ...oneMac,
    method: 'DELETE',
    parameters: nothing,
    answers: 'nothing',
    doc: 'Delete an interface of a node. If the machine has it, its next report brings it back.',
    run: removeMac,
  }),
  defineOperation({
    ...old,
    path: 'nodes/{system_id}',
    handler: 'NodeHandler',
    method: 'POST',
    op: 'claim_sticky_ip_address',
    answers: ['ipAddress'],
    doc: 'Give an interface of a node an address that it keeps after a release of the node. Sent again, it changes nothing.',
    parameters: claim,
    run: claimAddress,
  }),
];

export const NODE_INTERFACE_OPERATIONS: readonly Operation[] = [...READING, ...MACS];
