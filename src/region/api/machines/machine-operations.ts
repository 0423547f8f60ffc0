// Operations on known machines: list, read, change and delete.

import { z } from 'zod';
import { kernelParamsText, refuseKernelParams } from '../../../boot/quotable.ts';
import { nearestName } from '../../../nearest-name.ts';
import { type Constraints, meets } from '../../life/allocation.ts';
import type { MachineEdit } from '../../life/machine-edit.ts';
import type { MachineChangeOutcome } from '../../records/decisions.ts';
import type { MachineFilter } from '../../records/filters.ts';
import { type MachineStatus, statusRow } from '../../records/lifecycle.ts';
import type { Machine } from '../../records/machine.ts';
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
import { chooseAreas, choosePlace, machineFilter } from '../areas/chosen-areas.ts';
import {
  type Answer,
  allOf,
  isRefusal,
  json,
  NO_MACHINE,
  type Refusal,
  refuse,
  refuseField,
  refuseFields,
} from '../call/answer.ts';
import {
  type ApiCall,
  type ApiVersion,
  defineOperation,
  flag,
  isTrue,
  nothing,
  type Operation,
  usernameOf,
  value,
  values,
} from '../call/operation.ts';
import { showMachine } from '../json/shown-machine.ts';
import { constraintsOf, listConditions } from './allocate-operation.ts';
import { parseArchitecture } from './enlistment-operations.ts';
import {
  description,
  licenseKey,
  machineOf,
  machinePaths,
  oldestKernel,
  oldNodeFields,
  readDescription,
  readNames,
  readOldestKernel,
  readSystem,
  reportedFields,
  systemIdOf,
} from './machine-calls.ts';
import { listMachines } from './machine-list.ts';
import { powerFields, readPower, refusePower } from './power-fields.ts';

const FILTER_VALUES_MAX = 500;

/** The parameters that narrow a list of machines; events take the same. */
export const filterParameters = z.object({
  hostname: values(FILTER_VALUES_MAX).optional().describe('Only machines with these hostnames.'),
  mac_address: values(FILTER_VALUES_MAX).optional().describe('Only machines with these hardware addresses.'),
  id: values(FILTER_VALUES_MAX).optional().describe('Only machines with these system ids.'),
  domain: values(FILTER_VALUES_MAX).optional().describe('Only machines in these domains.'),
  zone: values(FILTER_VALUES_MAX).optional().describe('Only machines in these zones.'),
  pool: values(FILTER_VALUES_MAX).optional().describe('Only machines in these pools.'),
  agent_name: values(FILTER_VALUES_MAX).optional().describe('Only machines that were allocated under these names.'),
});

const listParameters = filterParameters.extend({
  status: values(30)
    .optional()
    .describe('Only machines in these states, by name or number; `problem` and `work` stand for several.'),
  owner: values(FILTER_VALUES_MAX).optional().describe('Only machines of these users.'),
  rack: values(FILTER_VALUES_MAX).optional().describe('Only machines whose home is with these racks, by name.'),
  q: value(z.string().max(SEARCH_CHARACTERS_MAX))
    .optional()
    .describe('Only machines with this text in their name, owner, tags, addresses, note, product or serial number.'),
});

/** The states that texts name, or the refusal of the first that names none. */
function statusesOf(texts: readonly string[]): readonly MachineStatus[] | Refusal {
  const statuses: MachineStatus[] = [];
  for (const text of texts) {
    const named = parseStatuses(text);
    if (named === undefined) {
      const meant = nearestName(text.toLowerCase(), STATUS_NAMES);
      return refuseField(
        'status',
        `'${cleanWords(text, 40)}' is not a state.${didYouMean(meant)} The states are ${STATUS_NAMES.join(', ')}.`,
      );
    }
    statuses.push(...named);
  }
  return statuses;
}

function refuseRacks({ region }: ApiCall, wanted: readonly string[] | undefined): Refusal | undefined {
  const names = region.racks.list().map(({ name }) => name);
  const unknown = wanted?.find((name) => !names.includes(name));
  if (unknown === undefined) return undefined;
  return refuseField(
    'rack',
    `No rack is called '${cleanWords(unknown, 40)}'.${didYouMean(nearestName(unknown, names))} \`rackboot racks list\` shows all.`,
  );
}

const newListParameters = listParameters.extend({
  ...listConditions.shape,
  not_zone: values(FILTER_VALUES_MAX).optional().describe('As `not_in_zone`.'),
  not_pool: values(FILTER_VALUES_MAX).optional().describe('As `not_in_pool`.'),
  power_state: values(10).optional().describe('Only machines whose power is so: on, off, unknown or error.'),
});

type ListWishes = z.output<typeof listParameters> & Partial<z.output<typeof newListParameters>>;

/** The conditions that also choose machines for allocations; `undefined`: none are given. */
async function conditionsOf(call: ApiCall, given: ListWishes): Promise<Constraints | Refusal | undefined> {
  const { not_zone, not_pool, power_state: powerStates } = given;
  const names: readonly (keyof ListWishes)[] = ['not_zone', 'not_pool', 'power_state', ...CONDITION_NAMES];
  if (names.every((name) => given[name] === undefined)) return undefined;
  // The filter has these three.
  const { zone: _, pool: __, agent_name: ___, ...asked } = given;
  const strange = allOf(
    await chooseAreas(call, 'zone', 'not_zone', not_zone),
    await chooseAreas(call, 'pool', 'not_pool', not_pool),
  );
  if (isRefusal(strange)) return strange;
  const joined = (a: readonly string[] = [], b: readonly string[] = []) => [...a, ...b];
  const wanted = await constraintsOf(call, {
    ...asked,
    not_in_zone: joined(given.not_in_zone, not_zone),
    not_in_pool: joined(given.not_in_pool, not_pool),
  });
  return isRefusal(wanted) ? wanted : { ...wanted, powerStates };
}
const CONDITION_NAMES = listConditions.keyof().options;

/** The selection of a list, or for each parameter that cannot be used a refusal in its place. */
const listWishes = async (call: ApiCall, given: ListWishes) =>
  [
    await machineFilter(call, given),
    statusesOf(given.status ?? []),
    refuseRacks(call, given.rack),
    await conditionsOf(call, given),
  ] as const;

async function list(call: ApiCall, given: ListWishes): Promise<Answer> {
  const found = allOf(...(await listWishes(call, given)));
  if (isRefusal(found)) return found;
  const [filter, statuses, , conditions] = found;
  const narrowed: MachineFilter = {
    ...filter,
    owners: given.owner,
    ...(given.status === undefined ? {} : { statuses }),
  };
  const text = parseSearchText(given.q ?? '');
  if (text.length === 0 && given.rack === undefined && conditions === undefined) return listMachines(call, narrowed);
  return listMachines(
    call,
    narrowed,
    (machine, where) =>
      hasText(machine, text) &&
      isWith(where.racksOf(machine), given.rack) &&
      (conditions === undefined || meets(machine, conditions)),
  );
}

async function read(call: ApiCall): Promise<Answer> {
  const machine = await machineOf(call);
  if (machine === undefined) return NO_MACHINE;
  return json(showMachine(call, machine));
}

export const removeParameters = z.object({
  force: flag('True: delete even a machine that has an owner or is at work.'),
});

/** Deletes the machine in the path. */
export async function removeMachine(call: ApiCall, given: z.output<typeof removeParameters>): Promise<Answer> {
  if ((await machineOf(call)) === undefined) return NO_MACHINE;
  const isForced = isTrue(given.force);
  switch (await call.region.removeMachine(systemIdOf(call), usernameOf(call), isForced)) {
    case 'removed':
      return { kind: 'empty' };
    case 'in-use':
      return refuseUsed(call);
    case 'not-found':
      return NO_MACHINE;
  }
}

/** Shown by the API, which has a parameter for it, on the command line, and on the page, whose form has a checkbox. */
const byForce = (machine: string): string =>
  `delete it by force (force=true, or \`rackboot machines remove ${machine} --force\`)`;

async function refuseUsed(call: ApiCall): Promise<Refusal> {
  const machine = await machineOf(call);
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
    `${hostname} is ${statusRow(status).name}${owner === undefined ? '' : ` and belongs to ${owner}`}: release it or abort its work first, or ${byForce(hostname)}.`,
  );
}

const editParameters = z.object({
  hostname: value(z.string().max(255)).optional().describe('The new hostname.'),
  domain: value(z.string().max(253)).optional().describe('Its domain, which `hostname` may also name.'),
  description,
  architecture: value(z.string().max(64)).optional().describe('The architecture, `amd64/generic`.'),
  kernel_params: value(z.string().max(4096))
    .optional()
    .describe('Kernel arguments that replace those of its tags and the global ones; empty: use those.'),
  min_hwe_kernel: oldestKernel,
  zone: value(z.string().max(256)).optional().describe('The name of its zone.'),
  pool: value(z.string().max(256)).optional().describe('The name of its pool.'),
  ...reportedFields,
  license_key: licenseKey,
  disable_ipv4: value(z.string().regex(/^(?:0|false|no|off)?$/i, 'Every machine has IPv4: give false, or nothing.'))
    .optional()
    .describe('False: every machine has IPv4.'),
  ...powerFields,
});

const oldEditParameters = editParameters.extend(oldNodeFields);
type GivenEdit = z.output<typeof oldEditParameters>;

async function editOf(call: ApiCall, given: GivenEdit, before: Machine): Promise<MachineEdit | Refusal> {
  const power = readPower(given, before);
  const misfit = isRefusal(power) ? undefined : refusePower(call, power, given, before);
  const fault = refuseKernelParams(given.kernel_params ?? '');
  const found = allOf(
    readNames(call, given, await call.region.settings.read(), before),
    given.architecture === undefined
      ? undefined
      : (parseArchitecture(given.architecture, undefined) ??
          refuseField('architecture', 'Give an architecture that exists, such as amd64/generic.')),
    misfit ?? power,
    await choosePlace(call, given),
    fault === undefined ? undefined : refuseField('kernel_params', kernelParamsText(fault)),
    readOldestKernel(given.min_hwe_kernel),
    readSystem(given, before),
  );
  if (isRefusal(found)) return found;
  const [names, architecture, powerEdit, place, , least, system] = found;
  return {
    ...names,
    ...place,
    ...(given.kernel_params === undefined ? {} : { kernelParams: given.kernel_params.trim() || undefined }),
    ...least,
    ...system,
    ...readDescription(given.description),
    ...(architecture ?? {}),
    ...powerEdit,
  };
}

async function edit(call: ApiCall, given: GivenEdit): Promise<Answer> {
  const before = await machineOf(call);
  if (before === undefined) return NO_MACHINE;
  const changes = await editOf(call, given, before);
  if ('kind' in changes) return changes;
  const outcome = await call.region.editMachine(systemIdOf(call), changes, usernameOf(call));
  return answerChange(call, outcome, (taken) => refuseFields({ hostname: [taken] }));
}

/** The changed machine, or the refusal. */
function answerChange<R>(call: ApiCall, outcome: MachineChangeOutcome<R>, answerRefusal: (refusal: R) => Answer) {
  switch (outcome.kind) {
    case 'changed':
      return json(showMachine(call, outcome.machine));
    case 'not-found':
      return NO_MACHINE;
    case 'refuse':
      return answerRefusal(outcome.refusal);
  }
}

/** Looking at machines. */
function readingOf(version: ApiVersion): readonly Operation[] {
  const { isOld, one, all } = machinePaths(version);
  return [
    defineOperation({
      ...all,
      method: 'GET',
      op: isOld ? 'list' : undefined,
      access: 'user',
      answers: ['machine'],
      doc: 'List machines.',
      parameters: isOld ? listParameters : newListParameters,
      run: list,
    }),
    defineOperation({
      ...one,
      method: 'GET',
      access: 'machine',
      answers: 'machine',
      doc: 'Read one machine.',
      parameters: nothing,
      run: read,
    }),
  ];
}

/** Changing one machine. */
function changingOf(version: ApiVersion): readonly Operation[] {
  const { isOld, one } = machinePaths(version);
  const common = { ...one, access: 'admin' } as const;
  return [
    defineOperation({
      ...common,
      method: 'PUT',
      answers: 'machine',
      doc: 'Change a machine.',
      parameters: isOld ? oldEditParameters : editParameters,
      run: edit,
    }),
    defineOperation({
      ...common,
      method: 'DELETE',
      answers: 'nothing',
      doc: 'Delete a machine. If it starts again, it enlists as a new one. A machine in use is deleted only by force.',
      parameters: removeParameters,
      run: removeMachine,
    }),
  ];
}

/** Code for nodes of all kinds, loaded when it is needed. */
const nodeCalls = () => import('./node-calls.ts');

const oneNode = { versions: ['2.0'], path: 'nodes/{system_id}', handler: 'NodeHandler', method: 'GET' } as const;

const NODES: readonly Operation[] = [
  defineOperation({
    versions: ['2.0'],
    path: 'nodes',
    handler: 'NodesHandler',
    method: 'GET',
    access: 'user',
    answers: ['node'],
    doc: 'List machines, devices and racks.',
    parameters: filterParameters,
    run: async (call, given) => {
      const filter = await machineFilter(call, given);
      return 'kind' in filter ? filter : (await nodeCalls()).listNodes(call, filter);
    },
  }),
  defineOperation({
    ...oneNode,
    access: 'user',
    parameters: nothing,
    answers: 'node',
    doc: 'Read a machine, a device or a rack.',
    run: async (call) => (await nodeCalls()).readNode(call),
  }),
  defineOperation({
    ...oneNode,
    op: 'details',
    access: 'user',
    parameters: nothing,
    answers: 'bson',
    doc: 'Read the hardware of a machine as `details` of `machines/` does; null for devices and racks.',
    run: async (call) => (await nodeCalls()).readDetails(call),
  }),
  defineOperation({
    ...oneNode,
    op: 'power_parameters',
    access: 'admin',
    parameters: nothing,
    answers: 'map',
    doc: 'Read the parameters of the power driver of a machine, with their secrets; devices and racks have none.',
    run: async (call) => (await nodeCalls()).readPowerParameters(call),
  }),
];

/** The operations on machines, in both versions, and on nodes of all kinds in 2.0. */
export const MACHINE_OPERATIONS: readonly Operation[] = [
  ...(['2.0', '1.0'] as const).flatMap((version) => [...readingOf(version), ...changingOf(version)]),
  ...NODES,
];
