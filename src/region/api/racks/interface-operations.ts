// The cluster interfaces of a rack over API 1.0, in the words of MAAS.
//
// Sources: MAAS 1.x `nodegroups/<uuid>/interfaces/`: paths, parameters, keys of the answer
// (`router_ip` is accepted but not returned), 204 on deletion.
//
// 1. A network from the rack's configuration file is shown but cannot be changed here; the refusal
//    says where it is written.

import { z } from 'zod';
import { computeBroadcastAddress, formatIpv4, formatNetwork, prefixToMask } from '../../../ground/address.ts';
import { INTERFACES_KEY, type Settings, type SettingValue } from '../../../machines/settings.ts';
import { networkIn, withMask } from '../../racks/cluster-interface.ts';
import { REQUIRED } from '../../records/refusal.ts';
import { pinnedText } from '../../records/settings-refusal.ts';
import type { SettingsReader } from '../../settings.ts';
import { type Answer, isRefusal, json, type Refusal, refuse, refuseField } from '../call/answer.ts';
import { type ApiCall, defineOperation, nothing, type Operation, value } from '../call/operation.ts';
import { reviseSettings, type SettingRevision } from '../call/revised-settings.ts';

const SHOWN_FIELDS = [
  'ip_range_high',
  'ip_range_low',
  'broadcast_ip',
  'static_ip_range_low',
  'static_ip_range_high',
  'name',
  'ip',
  'subnet_mask',
  'management',
  'interface',
] as const;
const ADDRESS_FIELDS = [
  'ip',
  'broadcast_ip',
  'router_ip',
  'ip_range_low',
  'ip_range_high',
  'static_ip_range_low',
  'static_ip_range_high',
] as const;

/**
 * A cluster interface as MAAS shows it; unset fields are null. `foreign_dhcp_ip`, which MAAS knows
 * but does not return, is present while another DHCP server is seen: `foreign`; our own `mode`, in
 * proxy mode.
 */
function interfaceJson(entry: Settings, foreign?: string): Record<string, unknown> {
  const network = networkIn(entry);
  const derived: Readonly<Record<string, SettingValue>> =
    network === undefined
      ? {}
      : {
          subnet_mask: formatIpv4(prefixToMask(network.prefix)),
          broadcast_ip: formatIpv4(computeBroadcastAddress(network)),
        };
  const all: Settings = { management: 2, ...derived, ...entry };
  const mode = entry.mode === 'proxy' ? { mode: 'proxy' } : {};
  const fields = { ...Object.fromEntries(SHOWN_FIELDS.map((name) => [name, all[name] ?? null])), ...mode };
  return foreign === undefined ? fields : { ...fields, foreign_dhcp_ip: foreign };
}

function seenAt(call: ApiCall, rack: string, entry: Settings): string | undefined {
  const described = call.region.racks.list().find(({ uuid }) => uuid === rack);
  return described?.interfaces.find(({ name }) => name === entry.name)?.foreign_dhcp_ip;
}

const clusterInterfaceJson = (call: ApiCall, rack: string, entry: Settings): Record<string, unknown> =>
  interfaceJson(entry, seenAt(call, rack, entry));

const text = value(z.string().max(64));
const fields = z.object({
  name: text.optional().describe('The name of the cluster interface: letters, digits and _ : . -'),
  ip: text.optional().describe("The rack's own address there."),
  interface: text.optional().describe("The network interface of the rack's host."),
  management: value(z.enum(['0', '1', '2'], 'Give 0 (no DHCP), 1 (DHCP) or 2 (DHCP and DNS).'))
    .optional()
    .describe('0 no DHCP, 1 DHCP, 2 DHCP and DNS.'),
  subnet_mask: text.optional().describe('Such as 255.255.255.0.'),
  broadcast_ip: text.optional().describe("Default: the network's last address."),
  router_ip: text.optional().describe('The router given to machines.'),
  ip_range_low: text
    .optional()
    .describe('First address of the dynamic range: enlistment, commissioning, unknown devices.'),
  ip_range_high: text.optional().describe('Last address of the dynamic range.'),
  static_ip_range_low: text.optional().describe('First address of the static range: deployed machines.'),
  static_ip_range_high: text.optional().describe('Last address of the static range.'),
});
type ClusterInterfaceInput = z.output<typeof fields>;

const noRack = (call: ApiCall): Answer =>
  refuse('not-found', `There is no rack ${(call.path.uuid ?? '').slice(0, 64)}: nodegroups/?op=list lists them.`);

function findEntry(call: ApiCall, rack: string, inForce: SettingsReader = call.region.settings): Settings | undefined {
  return inForce.interfacesOf(rack).find(({ name }) => name === call.path.name);
}

/**
 * The refusal if a file has the cluster interface of the path, so that it can neither go nor get
 * another name.
 */
function findPinRefusal(call: ApiCall, rack: string): Refusal | undefined {
  const key = `${INTERFACES_KEY}.${call.path.name ?? ''}`;
  const pin = call.region.settings.pinnedBy(key, rack);
  return pin === undefined ? undefined : refuse('setting-read-only', pinnedText(key, pin));
}

const noEntry = (call: ApiCall): Refusal =>
  refuse('not-found', `This rack has no cluster interface ${(call.path.name ?? '').slice(0, 64)}.`);

/** Runs with the rack in the path. */
const ofRack =
  <G>(run: (call: ApiCall, rack: string, input: G) => Promise<Answer>) =>
  async (call: ApiCall, input: G): Promise<Answer> => {
    const rack = call.region.settings.findRack(call.path.uuid ?? '');
    return rack === undefined ? noRack(call) : await run(call, rack, input);
  };

async function listClusterInterfaces(call: ApiCall, rack: string): Promise<Answer> {
  await call.region.settings.load();
  return json(call.region.settings.interfacesOf(rack).map((entry) => clusterInterfaceJson(call, rack, entry)));
}

async function answerClusterInterface(call: ApiCall, rack: string): Promise<Answer> {
  await call.region.settings.load();
  const entry = findEntry(call, rack);
  return entry === undefined ? noEntry(call) : json(clusterInterfaceJson(call, rack, entry));
}

function amendEntry(entry: Settings, input: ClusterInterfaceInput): Settings {
  const edited: Record<string, SettingValue> = { ...entry };
  const put = (name: string, written: SettingValue | undefined): void => {
    if (written === undefined) return;
    if (written === '') delete edited[name];
    else edited[name] = written;
  };
  for (const name of ADDRESS_FIELDS) put(name, input[name]?.trim());
  put('interface', input.interface?.trim());
  put('management', input.management === undefined ? undefined : Number(input.management));
  const before = networkIn(entry);
  // MAAS has no `network`: the network follows from the address and the mask, so a new address moves it.
  const own =
    input.ip === undefined || before === undefined || entry.relayed === true
      ? undefined
      : formatIpv4(prefixToMask(before.prefix));
  // Every network has a mask: there is none to remove.
  const mask = input.subnet_mask?.trim() || own;
  const next = mask === undefined ? edited : withMask(edited, mask);
  const after = networkIn(next);
  const hasMoved = before !== undefined && after !== undefined && formatNetwork(before) !== formatNetwork(after);
  if (!hasMoved || input.broadcast_ip !== undefined) return next;
  const { broadcast_ip: _, ...moved } = next;
  return moved;
}

async function createClusterInterface(call: ApiCall, rack: string, input: ClusterInterfaceInput): Promise<Answer> {
  // MAAS names a cluster interface without a name after its network interface.
  const name = (input.name || input.interface || '').trim();
  if (name === '') return refuseField('name', REQUIRED);
  return await storeEntry(call, rack, name, (inForce) =>
    inForce.interfacesOf(rack).some((entry) => entry.name === name)
      ? refuseField('name', 'Cluster interface with this name already exists: update it.')
      : amendEntry({ name, management: 0 }, input),
  );
}

async function updateClusterInterface(call: ApiCall, rack: string, input: ClusterInterfaceInput): Promise<Answer> {
  const before = call.path.name ?? '';
  const name = input.name?.trim() || before;
  const pin = name === before ? undefined : findPinRefusal(call, rack);
  if (pin !== undefined) return pin;
  const revise = (inForce: SettingsReader): Settings | Refusal => {
    const entry = findEntry(call, rack, inForce);
    if (entry === undefined) return noEntry(call);
    const isTaken = name !== before && inForce.interfacesOf(rack).some((other) => other.name === name);
    return isTaken ? refuseField('name', 'Cluster interface with this name already exists.') : amendEntry(entry, input);
  };
  return await storeEntry(call, rack, name, revise, name === before ? undefined : before);
}

/** @param revise makes the entry of those in force, in the transaction */
async function storeEntry(
  call: ApiCall,
  rack: string,
  name: string,
  revise: (inForce: SettingsReader) => Settings | Refusal,
  former?: string,
): Promise<Answer> {
  let value: Settings = {};
  const made: SettingRevision = {
    key: `${INTERFACES_KEY}.${name}`,
    revise(_stored, inForce) {
      const revised = revise(inForce);
      if (isRefusal(revised)) return revised;
      const { name: _name, ...rest } = revised;
      value = rest;
      return rest;
    },
  };
  const renamed = former === undefined ? [] : [{ key: `${INTERFACES_KEY}.${former}` }];
  const refusal = await reviseSettings(call, rack, [made, ...renamed]);
  return refusal ?? json(clusterInterfaceJson(call, rack, { ...value, name }));
}

async function removeClusterInterface(call: ApiCall, rack: string): Promise<Answer> {
  if (findEntry(call, rack) === undefined) return noEntry(call);
  const key = `${INTERFACES_KEY}.${call.path.name ?? ''}`;
  const pin = findPinRefusal(call, rack);
  if (pin !== undefined) return pin;
  const refused = await reviseSettings(call, rack, [{ key }]);
  if (refused === undefined) return { kind: 'empty' };
  // Somebody else may have deleted it meanwhile.
  return findEntry(call, rack) === undefined ? noEntry(call) : refused;
}

const common = { versions: ['1.0'], access: 'admin' } as const;
const many = { ...common, path: 'nodegroups/{uuid}/interfaces', handler: 'NodeGroupInterfacesHandler' } as const;
const item = { ...common, path: 'nodegroups/{uuid}/interfaces/{name}', handler: 'NodeGroupInterfaceHandler' } as const;

export const INTERFACE_OPERATIONS: readonly Operation[] = [
  defineOperation({
    ...many,
    method: 'GET',
    op: 'list',
    answers: ['rackInterface'],
    doc: 'List the cluster interfaces of a rack.',
    parameters: nothing,
    run: ofRack(listClusterInterfaces),
  }),
  defineOperation({
    ...many,
    method: 'POST',
    ownTransaction: true,
    op: 'new',
    answers: 'rackInterface',
    doc: 'Create a cluster interface of a rack.',
    parameters: fields,
    run: ofRack(createClusterInterface),
  }),
  defineOperation({
    ...item,
    method: 'GET',
    answers: 'rackInterface',
    doc: 'Read a cluster interface.',
    parameters: nothing,
    run: ofRack(answerClusterInterface),
  }),
  defineOperation({
    ...item,
    method: 'PUT',
    ownTransaction: true,
    answers: 'rackInterface',
    doc: 'Change a cluster interface. Fields left out stay as they are; an empty value removes a field other than the mask.',
    parameters: fields,
    run: ofRack(updateClusterInterface),
  }),
  defineOperation({
    ...item,
    method: 'DELETE',
    ownTransaction: true,
    answers: 'nothing',
    doc: 'Delete a cluster interface.',
    parameters: nothing,
    run: ofRack(removeClusterInterface),
  }),
];
