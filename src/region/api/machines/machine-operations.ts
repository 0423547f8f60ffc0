// Operations on known machines: list, read, change and delete; and on all nodes of MAAS 2.x.

import { z } from 'zod';
import { kernelParamsText, refuseKernelParams } from '../../../boot/quotable.ts';
import { findNearestName } from '../../../ground/nearest-name.ts';
import { type Constraints, meets } from '../../life/allocation.ts';
import { readPlacement } from '../../life/machine-placement.ts';
import type { MachineFilter } from '../../records/filters.ts';
import { type MachineStatus, statusRow } from '../../records/lifecycle.ts';
import { DEVICES_MAX, type Machine, type MachineEdit } from '../../records/machine.ts';
import {
  hasText,
  isWith,
  parseSearchText,
  parseStatuses,
  SEARCH_CHARACTERS_MAX,
  STATUS_NAMES,
} from '../../records/machine-search.ts';
import { didYouMean } from '../../records/refusal.ts';
import { cleanWords } from '../../records/text-json.ts';
import { chooseAreas, choosePlace, listAreas, machineFilter } from '../areas/chosen-areas.ts';
import {
  type Answer,
  combineOrRefuse,
  EMPTY,
  isRefusal,
  json,
  NO_MACHINE,
  type Refusal,
  refuse,
  refuseField,
  refuseFields,
} from '../call/answer.ts';
import { listFor } from '../call/long-answers.ts';
import {
  type ApiCall,
  type ApiVersion,
  flagParameter,
  getCallerUsername,
  isTrue,
  macFields,
  nothing,
  type Operation,
  operation,
  optionalList,
  optionalText,
  value,
} from '../call/operation.ts';
import { detailsAnswer } from '../json/details.ts';
import { deviceJson } from '../json/device-json.ts';
import { showMachine } from '../json/shown-machine.ts';
import { chosenRacks, controllerJson, readController } from '../racks/controller-calls.ts';
import { listConditions, parseConstraints } from './allocate-operation.ts';
import { parseArchitecture } from './enlistment-operations.ts';
import {
  answerOutcome,
  areaParameters,
  description,
  findMachineInPath,
  findNodeInPath,
  getSystemId,
  licenseKey,
  machineNotes,
  machinePaths,
  oldNodeFields,
  readNames,
  readNotes,
  readSystem,
  reportedFields,
  withMachine,
} from './machine-calls.ts';
import { answerMachineList, machineEntries } from './machine-list.ts';
import { powerFields, readPower, refusePower } from './power-fields.ts';

const FILTER_VALUES_MAX = 500;

/** The parameters that narrow a list of machines; events take the same. */
export const filterParameters = z.object({
  hostname: optionalList(FILTER_VALUES_MAX, 'Only machines with these hostnames.'),
  mac_address: macFields(FILTER_VALUES_MAX).optional().describe('Only machines with these hardware addresses.'),
  id: optionalList(FILTER_VALUES_MAX, 'Only machines with these system ids.'),
  domain: optionalList(FILTER_VALUES_MAX, 'Only machines in these domains.'),
  zone: optionalList(FILTER_VALUES_MAX, 'Only machines in these zones.'),
  pool: optionalList(FILTER_VALUES_MAX, 'Only machines in these pools.'),
  agent_name: optionalList(FILTER_VALUES_MAX, 'Only machines that were allocated under these names.'),
});

const listParameters = filterParameters.extend({
  status: optionalList(30, 'Only machines in these states, by name or number; `problem` and `work` stand for several.'),
  owner: optionalList(FILTER_VALUES_MAX, 'Only machines of these users.'),
  rack: optionalList(FILTER_VALUES_MAX, 'Only machines whose home is with these racks, by name.'),
  q: optionalText(
    SEARCH_CHARACTERS_MAX,
    'Only machines with this text in their name, owner, tags, addresses, note, product or serial number.',
  ),
});

function parseStatusFilter(texts: readonly string[]): readonly MachineStatus[] | Refusal {
  const statuses: MachineStatus[] = [];
  for (const text of texts) {
    const named = parseStatuses(text);
    if (named === undefined) {
      const nearest = findNearestName(text.toLowerCase(), STATUS_NAMES);
      return refuseField(
        'status',
        `'${cleanWords(text, 40)}' is not a state.${didYouMean(nearest)} The states are ${STATUS_NAMES.join(', ')}.`,
      );
    }
    statuses.push(...named);
  }
  return statuses;
}

function refuseRacks({ region }: ApiCall, wanted: readonly string[] | undefined) {
  const names = region.racks.list().map(({ name }) => name);
  const unknown = wanted?.find((name) => !names.includes(name));
  if (unknown === undefined) return undefined;
  return refuseField(
    'rack',
    `No rack is called '${cleanWords(unknown, 40)}'.${didYouMean(findNearestName(unknown, names))} \`rackboot racks list\` shows all.`,
  );
}

const newListParameters = listParameters.extend({
  ...listConditions.shape,
  not_zone: optionalList(FILTER_VALUES_MAX, 'As `not_in_zone`.'),
  not_pool: optionalList(FILTER_VALUES_MAX, 'As `not_in_pool`.'),
  power_state: optionalList(10, 'Only machines whose power is so: on, off, unknown or error.'),
});

type ListWishes = z.output<typeof listParameters> & Partial<z.output<typeof newListParameters>>;

/** The conditions that also choose machines for allocations; `undefined`: none are given. */
async function parseListConstraints(call: ApiCall, input: ListWishes): Promise<Constraints | Refusal | undefined> {
  const { not_zone, not_pool, power_state: powerStates } = input;
  const names: readonly (keyof ListWishes)[] = ['not_zone', 'not_pool', 'power_state', ...CONDITION_NAMES];
  if (names.every((name) => input[name] === undefined)) return undefined;
  // The filter has these three.
  const { zone: _, pool: __, agent_name: ___, ...conditions } = input;
  const strange = combineOrRefuse(
    await chooseAreas(call, 'zone', 'not_zone', not_zone),
    await chooseAreas(call, 'pool', 'not_pool', not_pool),
  );
  if (isRefusal(strange)) return strange;
  const joined = (a: readonly string[] = [], b: readonly string[] = []) => [...a, ...b];
  const wanted = await parseConstraints(call, {
    ...conditions,
    not_in_zone: joined(input.not_in_zone, not_zone),
    not_in_pool: joined(input.not_in_pool, not_pool),
  });
  return isRefusal(wanted) ? wanted : { ...wanted, powerStates };
}
const CONDITION_NAMES = listConditions.keyof().options;

const listWishes = async (call: ApiCall, input: ListWishes) =>
  [
    await machineFilter(call, input),
    parseStatusFilter(input.status ?? []),
    refuseRacks(call, input.rack),
    await parseListConstraints(call, input),
  ] as const;

async function answerMachines(call: ApiCall, input: ListWishes): Promise<Answer> {
  const checked = combineOrRefuse(...(await listWishes(call, input)));
  if (isRefusal(checked)) return checked;
  const [filter, statuses, , conditions] = checked;
  const narrowed: MachineFilter = {
    ...filter,
    owners: input.owner,
    ...(input.status === undefined ? {} : { statuses }),
  };
  const text = parseSearchText(input.q ?? '');
  if (text.length === 0 && input.rack === undefined && conditions === undefined)
    return answerMachineList(call, narrowed);
  return answerMachineList(
    call,
    narrowed,
    (machine, where) =>
      hasText(machine, text) &&
      isWith(where.racksOf(machine), input.rack) &&
      (conditions === undefined || meets(machine, conditions)),
  );
}

const answerMachine = (call: ApiCall, machine: Machine): Answer => json(showMachine(call, machine));

export const removeParameters = z.object({
  force: flagParameter(
    'True: delete even a locked machine. False: not even one that has an owner. Default: as MAAS does; 2.0 deletes what has an owner, 1.0 does not.',
  ),
});

/** Deletes the machine in the path. */
export async function removeMachine(call: ApiCall, input: z.output<typeof removeParameters>): Promise<Answer> {
  if ((await findMachineInPath(call)) === undefined) return NO_MACHINE;
  const unforced = input.force === undefined && call.version === '2.0' ? 'locked' : 'owned';
  const spared = isTrue(input.force) ? 'none' : unforced;
  switch (await call.region.removeMachine(getSystemId(call), getCallerUsername(call), spared)) {
    case 'removed':
      return EMPTY;
    case 'in-use':
      return refuseUsed(call);
    case 'not-found':
      return NO_MACHINE;
  }
}

/**
 * Shown by the API, which has a parameter for it, on the command line, and on the page, whose form
 * has a checkbox.
 */
const byForce = (machine: string) =>
  `delete it by force (force=true, or \`rackboot machines remove ${machine} --force\`)`;

async function refuseUsed(call: ApiCall) {
  const machine = await findMachineInPath(call);
  if (machine === undefined) return NO_MACHINE;
  const { status, owner, hostname } = machine;
  if (machine.isLocked === true) {
    return refuse(
      'machine-locked',
      `${hostname} is locked: unlock it first (\`rackboot machines unlock ${hostname}\`), or ${byForce(hostname)}.`,
    );
  }
  return refuse(
    'machine-in-use',
    `${hostname} is ${statusRow(status).name}${owner === undefined ? '' : ` and belongs to ${owner}`}: release it first, or ${byForce(hostname)}.`,
  );
}

const editParameters = z.object({
  hostname: optionalText(255, 'The new hostname.', { label: 'Name', hint: '' }),
  domain: optionalText(253, 'Its domain, which `hostname` may also name.', { hint: '' }),
  description,
  architecture: optionalText(64, 'The architecture, `amd64/generic`.'),
  kernel_params: optionalText(
    4096,
    'Kernel arguments that replace those of its tags and the global ones; empty: use those.',
    {
      label: 'Kernel parameters',
      hint: 'These replace the parameters of its tags and the settings. Leave empty to use those.',
    },
  ),
  ...machineNotes,
  ...areaParameters,
  ...reportedFields,
  license_key: licenseKey,
  disable_ipv4: value(z.string().regex(/^(?:0|false|no|off)?$/i, 'Every machine has IPv4: give false, or nothing.'))
    .optional()
    .describe('False: every machine has IPv4.'),
  ...powerFields,
});

const oldEditParameters = editParameters.extend(oldNodeFields);
type GivenEdit = z.output<typeof oldEditParameters>;

async function parseMachineEdit(call: ApiCall, input: GivenEdit, before: Machine): Promise<MachineEdit | Refusal> {
  const power = readPower(input, before);
  const misfit = isRefusal(power) ? undefined : refusePower(call, power, input, before);
  const fault = refuseKernelParams(input.kernel_params ?? '');
  const checked = combineOrRefuse(
    readNames(call, input, await call.region.settings.read(), before),
    input.architecture === undefined
      ? undefined
      : (parseArchitecture(input.architecture, undefined) ??
          refuseField('architecture', 'Give an architecture that exists, such as amd64/generic.')),
    misfit ?? power,
    await choosePlace(call, input),
    fault === undefined ? undefined : refuseField('kernel_params', kernelParamsText(fault)),
    readNotes(input),
    readSystem(input, before),
  );
  if (isRefusal(checked)) return checked;
  const [names, architecture, powerEdit, place, , notes, system] = checked;
  return {
    ...names,
    ...place,
    ...(input.kernel_params === undefined ? {} : { kernelParams: input.kernel_params.trim() || undefined }),
    ...notes,
    ...system,
    ...(architecture ?? {}),
    ...powerEdit,
  };
}

async function edit(call: ApiCall, before: Machine, input: GivenEdit): Promise<Answer> {
  const changes = await parseMachineEdit(call, input, before);
  if ('kind' in changes) return changes;
  const outcome = await call.region.editMachine(getSystemId(call), changes, getCallerUsername(call));
  return answerOutcome(
    outcome,
    ({ machine }) => json(showMachine(call, machine)),
    (taken) => refuseFields({ hostname: [taken] }),
  );
}

function defineReadOperations(version: ApiVersion): readonly Operation[] {
  const { isOld, one, all } = machinePaths(version);
  const parameters = isOld ? listParameters : newListParameters;
  return [
    operation(all, isOld ? 'GET list' : 'GET', 'user', ['machine'], 'List machines.', parameters, answerMachines),
    operation(one, 'GET', 'machine', 'machine', 'Read one machine.', nothing, withMachine(answerMachine)),
  ];
}

function defineChangeOperations(version: ApiVersion): readonly Operation[] {
  const { isOld, one } = machinePaths(version);
  const parameters = isOld ? oldEditParameters : editParameters;
  return [
    operation(one, 'PUT', 'admin', 'machine', 'Change a machine.', parameters, withMachine(edit)),
    operation(
      one,
      'DELETE',
      'admin',
      'nothing',
      'Delete a machine. Its work ends, and if it starts again, it enlists as a new one. A locked machine is deleted only by force.',
      removeParameters,
      removeMachine,
    ),
  ];
}

const allNodes = { versions: ['2.0'], path: 'nodes', handler: 'NodesHandler' } as const;
const oneNode = { versions: ['2.0'], path: 'nodes/{system_id}', handler: 'NodeHandler' } as const;

async function listNodes(call: ApiCall, input: z.output<typeof filterParameters>): Promise<Answer> {
  const filter = await machineFilter(call, input);
  return 'kind' in filter ? filter : listFor(call, nodeEntries(call, filter));
}

/**
 * The machines, devices and racks that pass the filter, each as it is shown alone. Racks have an id,
 * a name, a zone and hardware addresses, and no pool or agent name.
 */
async function* nodeEntries(call: ApiCall, filter: MachineFilter): AsyncGenerator<unknown, void> {
  yield* machineEntries(call, filter);
  const { store } = call.region;
  const where = readPlacement(call.region);
  for (const device of await store.listMachines({ ...filter, isDevice: true }, 0, DEVICES_MAX))
    yield deviceJson(device, where);
  const zones = await listAreas(call, 'zone');
  for (const rack of chosenRacks(call, filter)) yield controllerJson(call, rack, zones, where);
}

/** Reads a machine, a device or a rack. */
async function readNode(call: ApiCall): Promise<Answer> {
  const node = await findNodeInPath(call);
  if (node === undefined) return await readController(call);
  return json(node.device === undefined ? showMachine(call, node) : deviceJson(node, readPlacement(call.region)));
}

async function nodeIn(call: ApiCall) {
  const node = await findNodeInPath(call);
  if (node !== undefined) return node;
  const rack = await readController(call);
  return isRefusal(rack) ? rack : undefined;
}

/** Reads the hardware of a machine; devices and racks report none. */
async function readDetails(call: ApiCall): Promise<Answer> {
  const node = await nodeIn(call);
  return isRefusal(node) ? node : detailsAnswer(node);
}

/** Reads the power parameters of a machine; devices and racks have none. */
async function readPowerParameters(call: ApiCall): Promise<Answer> {
  const node = await nodeIn(call);
  return isRefusal(node) ? node : json(node?.powerParameters ?? {});
}

/** The operations on machines, in both versions, and on nodes of all kinds in 2.0. */
export const MACHINE_OPERATIONS: readonly Operation[] = [
  ...(['2.0', '1.0'] as const).flatMap((version) => [
    ...defineReadOperations(version),
    ...defineChangeOperations(version),
  ]),
  operation(allNodes, 'GET', 'user', ['node'], 'List machines, devices and racks.', filterParameters, listNodes),
  operation(oneNode, 'GET', 'user', 'node', 'Read a machine, a device or a rack.', nothing, readNode),
  operation(
    oneNode,
    'GET details',
    'user',
    'bson',
    'Read the hardware of a machine as `details` of `machines/` does; null for devices and racks.',
    nothing,
    readDetails,
  ),
  operation(
    oneNode,
    'GET power_parameters',
    'admin',
    'map',
    'Read the parameters of the power driver of a machine, with their secrets; devices and racks have none.',
    nothing,
    readPowerParameters,
  ),
];
