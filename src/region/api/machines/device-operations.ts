// Devices: hosts that Rackboot does not start or deploy. It keeps their names and addresses, so
// nobody else gets them, and the racks serve them by DHCP and DNS.
//
// Source: MAAS's `devices/`, and create_physical of a node's interfaces, by which clients add
// interfaces to a device.
//
// 1. A device is stored as a machine that is always Deployed, so its claims and those of machines
//    are one. No list of machines has it, and no command to a machine takes it.
// 2. It belongs to the user who added it. Only they and administrators change or delete it; all users see it.
// 3. A device of an ordinary user keeps no machine out: one that boots from an interface of it is
//    enlisted, and the device removed (`identity/enlistment.ts`). A device of an administrator
//    boots its own disk.
// 4. An ordinary user adds devices only to the default domain, as machines.

import { z } from 'zod';
import type { MacAddress } from '../../../ground/address.ts';
import { chooseNames } from '../../identity/hostname.ts';
import { readPlacement } from '../../life/machine-placement.ts';
import type { EnlistmentDecision } from '../../records/decisions.ts';
import type { EnlistmentKnowledge, EnlistmentQuestion, NamedHost } from '../../records/knowledge.ts';
import { BLANK_MACHINE, DEVICES_MAX, type Machine, type MachineFields } from '../../records/machine.ts';
import type { NewMachineEvent } from '../../records/machine-event.ts';
import { fieldRefusal, type RefusalWord } from '../../records/refusal.ts';
import { hostnameTakenText, machineExistsText } from '../../records/report-refusal.ts';
import { cleanWords } from '../../records/text-json.ts';
import type { SettingsReader } from '../../settings.ts';
import { choosePlace, machineFilter } from '../areas/chosen-areas.ts';
import {
  type Answer,
  combineOrRefuse,
  domainText,
  EMPTY,
  isRefusal,
  json,
  type Refusal,
  refuse,
  refuseField,
  refuseFields,
} from '../call/answer.ts';
import {
  type ApiCall,
  eventBy,
  getCallerUsername,
  nothing,
  type Operation,
  operation,
  optionalText,
  ownTransaction,
  someMacFields,
} from '../call/operation.ts';
import { deviceJson } from '../json/device-json.ts';
import { currentDomains } from '../names/dns-records.ts';
import { removeController } from '../racks/controller-calls.ts';
import {
  areaParameters,
  description,
  findNodeInPath,
  getSystemId,
  readDescription,
  readNames,
} from './machine-calls.ts';
import { filterParameters, removeMachine, removeParameters } from './machine-operations.ts';

const MACS_MAX = 64;
const NO_DEVICE: Refusal = refuse('not-found', 'No device has this system id.');

const shared = {
  hostname: optionalText(255, 'Its name. Default: a generated one.', { hint: 'Default: a generated one.' }),
  domain: optionalText(253, 'Its domain. Default: the default domain.', { hint: '' }),
  parent: optionalText(16, 'The system id of the machine that it is a part of.'),
  description,
  ...areaParameters,
};
const newDevice = z.object({
  ...shared,
  mac_addresses: someMacFields(MACS_MAX).describe('The hardware addresses of its interfaces.'),
});

/** The names in the parameters, or a refusal. @param inForce the settings in the transaction of the change */
async function parseDeviceNames(
  call: ApiCall,
  input: { readonly [K in 'hostname' | 'domain' | 'parent']?: string | undefined },
  inForce: SettingsReader,
  before?: Machine,
): Promise<{ hostname?: string; domain?: string; device?: string } | Refusal> {
  const domains = currentDomains(call, inForce);
  const named = readNames(call, input, inForce, before);
  const domain = isRefusal(named) ? input.domain?.toLowerCase() : named.domain;
  const isAdmin = call.caller.kind === 'user' && call.caller.isAdmin;
  if (!isAdmin && domain !== undefined && domain !== domains[0] && domains.includes(domain)) {
    return refuse('not-allowed', domainText(domains[0]));
  }
  const parent = input.parent === undefined || input.parent === '' ? undefined : input.parent;
  const machine = parent === undefined ? undefined : await call.region.store.findMachine(parent);
  const isUnknown = parent !== undefined && (machine === undefined || machine.device !== undefined);
  const checked = combineOrRefuse(
    named,
    isUnknown ? refuseField('parent', `No machine has the system id ${cleanWords(parent, 16)}.`) : undefined,
  );
  if (isRefusal(checked)) return checked;
  if (
    !isAdmin &&
    machine !== undefined &&
    machine.owner !== getCallerUsername(call) &&
    machine.systemId !== before?.device
  ) {
    return refuse(
      'not-owner',
      `${machine.hostname} is not yours: a device can be a part of your own machines; administrators may name any.`,
    );
  }
  return {
    ...checked[0],
    ...(input.parent === undefined ? {} : { device: machine?.systemId ?? '' }),
  };
}

/** A host that the caller names. */
const hostNamedBy = (call: ApiCall, macs: readonly MacAddress[]): NamedHost => ({
  macs,
  username: call.caller.kind === 'user' && call.caller.isAdmin ? undefined : getCallerUsername(call),
});

interface Misfit {
  readonly field: string;
  readonly word: RefusalWord;
}

function takenBy(knowledge: EnlistmentKnowledge, field: string): Misfit | undefined {
  const [other] = knowledge.byMac;
  if (other === undefined) return undefined;
  const { hostname: name, systemId } = other;
  return { field, word: fieldRefusal(machineExistsText({ name, systemId })) };
}

async function addDevice(call: ApiCall, input: z.output<typeof newDevice>): Promise<Answer> {
  const inForce = await call.region.settings.read();
  const checked = combineOrRefuse(await parseDeviceNames(call, input, inForce), await choosePlace(call, input));
  if (isRefusal(checked)) return checked;
  const [names, place] = checked;
  const { mac_addresses: macs } = input;
  const { store, clock } = call.region;
  if ((await store.countMachines({ isDevice: true })) >= DEVICES_MAX) {
    return refuse('machines-limit', `There are already ${DEVICES_MAX} devices, the maximum: delete some.`);
  }
  const atMs = clock.wallTimeMs();
  const event: NewMachineEvent = {
    type: 'NODE',
    code: 'device-added',
    params: {},
    atMs,
    username: getCallerUsername(call),
  };
  const decide = (knowledge: EnlistmentKnowledge): EnlistmentDecision<Misfit> | EnlistmentQuestion => {
    const taken = takenBy(knowledge, 'mac_addresses');
    if (taken !== undefined) return { kind: 'refuse', refusal: taken };
    const { hostname } = names;
    if (hostname !== undefined && knowledge.hostnames.get(hostname) === true) {
      return { kind: 'refuse', refusal: { field: 'hostname', word: fieldRefusal(hostnameTakenText(hostname)) } };
    }
    const wanted = hostname === undefined ? [] : [hostname];
    const chosen = chooseNames(clock, knowledge, wanted, hostNamedBy(call, macs));
    if (chosen.kind === 'ask') return chosen;
    return {
      kind: 'create',
      systemId: chosen.systemId,
      events: [event],
      fields: {
        ...parseDeviceFields(call, inForce, chosen.hostname, names, input, atMs),
        ...place,
      },
      interfaces: macs.map((mac, index) => ({ mac, name: `eth${index}`, source: 'person' })),
    };
  };
  const outcome = await store.enlist<Misfit>({ macs, values: [], atMs }, decide);
  if (outcome.kind === 'refuse') return refuseFields({ [outcome.refusal.field]: [outcome.refusal.word] });
  await call.region.machinesChanged();
  return showDevice(call, outcome.machine);
}

const parseDeviceFields = (
  call: ApiCall,
  inForce: SettingsReader,
  hostname: string,
  names: { readonly domain?: string; readonly device?: string },
  input: { readonly description?: string | undefined },
  atMs: number,
): MachineFields => ({
  ...BLANK_MACHINE,
  hostname,
  description: '',
  ...readDescription(input.description),
  domain: names.domain ?? currentDomains(call, inForce)[0],
  device: names.device ?? '',
  status: 'deployed',
  statusSinceMs: atMs,
  netboot: false,
  owner: getCallerUsername(call) || undefined,
  addedBy: call.caller.kind === 'user' && !call.caller.isAdmin ? call.caller.username : undefined,
  architecture: 'amd64',
  subarchitecture: 'generic',
});

/** The answer with a device. */
export const showDevice = (call: ApiCall, device: Machine): Answer =>
  json(deviceJson(device, readPlacement(call.region)));

async function findDeviceInPath(call: ApiCall) {
  const node = await findNodeInPath(call);
  return node?.device === undefined ? undefined : node;
}

/** The device in the path if the caller may change it; otherwise the refusal. */
export async function ownDevice(call: ApiCall): Promise<Machine | Refusal> {
  const device = await findDeviceInPath(call);
  if (device === undefined) return NO_DEVICE;
  const { hostname, owner } = device;
  const isOwn = call.caller.kind === 'user' && (call.caller.isAdmin || owner === call.caller.username);
  return isOwn
    ? device
    : refuse('not-owner', `${hostname} belongs to another user: only they and administrators may change it.`);
}

const changedDevice = z.object(shared);

async function updateDevice(call: ApiCall, input: z.output<typeof changedDevice>): Promise<Answer> {
  const device = await ownDevice(call);
  if ('kind' in device) return device;
  const checked = combineOrRefuse(
    await parseDeviceNames(call, input, await call.region.settings.read(), device),
    await choosePlace(call, input),
  );
  if (isRefusal(checked)) return checked;
  const [names, place] = checked;
  const { store, clock } = call.region;
  const atMs = clock.wallTimeMs();
  const fields: Partial<MachineFields> = { ...names, ...readDescription(input.description), ...place };
  const outcome = await store.changeMachine<RefusalWord>(device.systemId, atMs, (before, { hostnames }) => {
    const { hostname } = names;
    const isTaken = hostname === undefined || hostname === before.hostname ? false : hostnames.get(hostname);
    const macs = before.interfaces.map(({ mac }) => mac);
    if (isTaken === undefined) return { kind: 'ask', hostnames: [hostname ?? ''], host: hostNamedBy(call, macs) };
    if (isTaken && hostname !== undefined) {
      return { kind: 'refuse', refusal: fieldRefusal(hostnameTakenText(hostname)) };
    }
    const event = eventBy(call, 'NODE', { code: 'machine-edited', params: { fields: [] } });
    return { kind: 'change', fields, events: [event] };
  });
  if (outcome.kind === 'not-found') return NO_DEVICE;
  if (outcome.kind === 'refuse') return refuseFields({ hostname: [outcome.refusal] });
  await call.region.machinesChanged();
  return showDevice(call, outcome.machine);
}

async function removeDevice(call: ApiCall): Promise<Answer> {
  const device = await ownDevice(call);
  if ('kind' in device) return device;
  await call.region.removeMachine(getSystemId(call), getCallerUsername(call), 'none');
  return EMPTY;
}

async function listDevices(call: ApiCall, input: z.output<typeof filterParameters>): Promise<Answer> {
  const filter = await machineFilter(call, input);
  if ('kind' in filter) return filter;
  const devices = await call.region.store.listMachines({ ...filter, isDevice: true }, 0, DEVICES_MAX);
  const where = readPlacement(call.region);
  return json(devices.map((device) => deviceJson(device, where)));
}

async function answerDevice(call: ApiCall): Promise<Answer> {
  const device = await findDeviceInPath(call);
  return device === undefined ? NO_DEVICE : showDevice(call, device);
}

async function removeNode(call: ApiCall, input: z.output<typeof removeParameters>) {
  const node = await findNodeInPath(call);
  if (node === undefined) return removeController(call);
  const remove = () => (node.device === undefined ? removeMachine(call, input) : removeDevice(call));
  return call.region.transact(remove);
}

const many = { versions: ['2.0'], path: 'devices', handler: 'DevicesHandler' } as const;
const item = { versions: ['2.0'], path: 'devices/{system_id}', handler: 'DeviceHandler' } as const;
const node = { versions: ['2.0'], path: 'nodes/{system_id}', handler: 'NodeHandler' } as const;
/** API 1.0 only reads devices. */
const both = { versions: ['1.0', '2.0'] } as const;

/** Devices, and the removal of a node of any kind. */
export const DEVICE_OPERATIONS: readonly Operation[] = [
  operation({ ...many, ...both }, 'GET', 'user', ['device'], 'List devices.', filterParameters, listDevices),
  operation(
    { ...many, versions: ['1.0'] },
    'GET list',
    'user',
    ['device'],
    'List devices.',
    filterParameters,
    listDevices,
  ),
  operation(
    many,
    'POST',
    'user',
    'device',
    'Add a device, which then belongs to the caller. No other host can then get its name or its hardware addresses.',
    newDevice,
    addDevice,
  ),
  operation({ ...item, ...both }, 'GET', 'user', 'device', 'Read one device.', nothing, answerDevice),
  operation(item, 'PUT', 'user', 'device', 'Change a device.', changedDevice, updateDevice),
  operation(
    item,
    'DELETE',
    'user',
    'nothing',
    'Delete a device. Its name and its addresses are then free again.',
    nothing,
    removeDevice,
  ),
  operation(
    ownTransaction(node),
    'DELETE',
    'admin',
    'nothing',
    'Delete a machine, a device or a rack, as `machines/`, `devices/` and `rackcontrollers/` do.',
    removeParameters,
    removeNode,
  ),
];
