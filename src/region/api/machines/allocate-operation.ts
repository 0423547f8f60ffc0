// The operation that allocates a Ready machine by conditions, under the names of each MAAS API version.
//
// Sources: MAAS API 1.0 (`nodes/`: acquire) and 2.0 (`machines/`: allocate).
//
// 1. The search reads CANDIDATES_CHUNK machines in one transaction; other requests may run between
//    two of them.

import { z } from 'zod';
import { findNearestName } from '../../../ground/nearest-name.ts';
import { type Constraints, matchStorage, meets, parseStorage } from '../../life/allocation.ts';
import { refuseMachine } from '../../life/commands.ts';
import {
  isUnusable,
  matchInterfaces,
  meetsNetwork,
  parseLabels,
  parseNames,
  parseNetworks,
  type UnusableCondition,
} from '../../life/network-conditions.ts';
import { currentProfiles, findBoundProfile } from '../../racks/profiles.ts';
import type { MachineFilter } from '../../records/filters.ts';
import type { Machine } from '../../records/machine.ts';
import { COMMANDS } from '../../records/machine-commands.ts';
import { didYouMean, fieldRefusal } from '../../records/refusal.ts';
import { cleanWords } from '../../records/text-json.ts';
import { chooseAreas } from '../areas/chosen-areas.ts';
import {
  type Answer,
  combineOrRefuse,
  isRefusal,
  json,
  type Refusal,
  refuse,
  refuseField,
  refuseFields,
} from '../call/answer.ts';
import { searchFor } from '../call/long-answers.ts';
import {
  type ApiCall,
  flagParameter,
  ipv4Field,
  isTrue,
  numberText,
  type Operation,
  operation,
  optionalList,
  optionalText,
  ownTransaction,
  value,
} from '../call/operation.ts';
import { disksJson } from '../json/disk-json.ts';
import { showMachine } from '../json/shown-machine.ts';
import { acquiredBridgeParameters, acquiredBridges } from './deploy-calls.ts';
import { answerCommand } from './life-operations.ts';
import { agentName, comment, getUserActor, machinePaths } from './machine-calls.ts';

/** Candidates read in one step of the search for an allocation. */
const CANDIDATES_CHUNK = 10;

const size = (what: string) =>
  value(numberText(/^\d{1,9}(\.\d{1,3})?$/))
    .optional()
    .describe(what);

/** The conditions on machines that one of several machines meets, or all of a list. */
const conditionParameters = z.object({
  arch: optionalText(64, 'The architecture, `amd64` or `amd64/generic`.'),
  cpu_count: size('At least this many processors.'),
  mem: size('At least this much memory, in MiB.'),
  tags: optionalList(50, 'Machines with all of these tags.'),
  not_tags: optionalList(50, 'Machines with none of these tags.'),
  not_in_zone: optionalList(50, 'Machines in none of these zones.'),
  not_in_pool: optionalList(50, 'Machines in none of these pools.'),
  not_id: optionalList(50, 'None of the machines with these system ids.'),
  subnets: optionalList(50, 'Machines in each of these subnets: by name, id or CIDR, or `space:dmz`, `vid:100`.'),
  not_subnets: optionalList(50, 'Machines in none of these subnets, named likewise.'),
  vlans: optionalList(50, 'Machines in each of these VLANs: by name or id, or `vid:100`.'),
  not_vlans: optionalList(50, 'Machines in none of these VLANs.'),
  fabrics: optionalList(50, 'Machines in each of these fabrics, by name or id.'),
  not_fabrics: optionalList(50, 'Machines in none of these fabrics.'),
  fabric_classes: optionalList(50, 'Machines in a fabric of each of these classes.'),
  not_fabric_classes: optionalList(50, 'Machines in no fabric of any of these classes.'),
  link_speed: size('Machines with an interface whose link has at least this speed, in Mbit/s.'),
});

const allocateParameters = conditionParameters.extend({
  comment,
  name: optionalText(255, 'The machine with this name.'),
  system_id: optionalText(64, 'The machine with this system id.'),
  storage: optionalText(500, 'Disks of at least these sizes in GB, with these tags: `root:50(ssd),100`.'),
  zone: optionalText(255, 'Machines in this zone.'),
  pool: optionalText(255, 'Machines in this pool.'),
  agent_name: agentName
    .optional()
    .describe('A name by which lists can find the machine, such as that of the program that allocates it.'),
  interfaces: optionalText(
    2000,
    'For each label, an interface that meets its conditions: `0:space=dmz;1:subnet=lan,tag=fast`. Conditions: subnet, subnet_cidr, space, fabric, fabric_class, vlan, vid, ip, id, name, hostname, type, mode, link_speed, mac, tag.',
  ),
  dry_run: flagParameter('True: show the machine that would be allocated, without allocating it.'),
  ip_address: ipv4Field.optional().describe('The address to assign. Default: a free one.'),
});

/** The conditions that only API 1.0 has. */
const oldParameters = z.object({
  networks: optionalList(50, 'Machines in each of these networks: by name, or `ip:10.20.0.7`, `vlan:100`.'),
  not_networks: optionalList(50, 'Machines in none of these networks, named likewise.'),
  connected_to: optionalList(50, 'Refused: it is unknown to which routers a machine is connected.'),
  not_connected_to: optionalList(50, 'Refused, likewise.'),
  routers: optionalList(50, 'Refused, likewise.'),
  not_routers: optionalList(50, 'Refused, likewise.'),
});

/** The conditions that only API 2.0 has. */
const newParameters = z.object({
  pod: optionalText(255, 'Refused: no machine is a virtual one that Rackboot made.'),
  pod_type: optionalText(255, 'Refused, likewise.'),
  devices: optionalText(2000, 'Refused: it is unknown which PCI and USB devices a machine has.'),
  verbose: flagParameter('Without effect: the answer has `constraints_by_type` anyway.'),
  ...acquiredBridgeParameters.shape,
});

/** The conditions that lists of machines have, too, with those that cannot be judged. */
export const listConditions = conditionParameters.extend({
  ...allocateParameters.pick({ storage: true, interfaces: true }).shape,
  ...oldParameters.pick({ connected_to: true, not_connected_to: true }).shape,
  ...newParameters.pick({ pod: true, pod_type: true, devices: true }).shape,
});

type AllocateInput = z.output<typeof allocateParameters> &
  z.output<typeof oldParameters> &
  z.output<typeof newParameters>;

/** The refusal of every condition that cannot be judged, because Rackboot does not know what it is about. */
function refuseUnknown(input: AllocateInput) {
  const routers = (['connected_to', 'not_connected_to', 'routers', 'not_routers'] as const).map((name) =>
    (input[name] ?? []).length === 0
      ? undefined
      : refuseField(
          name,
          `Rackboot does not know to which routers a machine is connected: omit ${name}, and choose by networks.`,
        ),
  );
  const pods = (['pod', 'pod_type'] as const).map((name) =>
    input[name]
      ? refuseField(name, `Rackboot makes no virtual machines, so none is in a pod: omit ${name}.`)
      : undefined,
  );
  const checked = combineOrRefuse(
    ...routers,
    ...pods,
    input.devices
      ? refuseField(
          'devices',
          'Rackboot does not know which PCI and USB devices a machine has: omit devices, and choose by tags.',
        )
      : undefined,
  );
  return isRefusal(checked) ? checked : undefined;
}

async function parseAreaConstraints(
  call: ApiCall,
  input: AllocateInput,
): Promise<Pick<Constraints, 'zoneIds' | 'poolIds' | 'notZoneIds' | 'notPoolIds'> | Refusal> {
  const named = (name: string | undefined) => (name === undefined || name === '' ? undefined : [name]);
  const chosen = combineOrRefuse(
    await chooseAreas(call, 'zone', 'zone', named(input.zone)),
    await chooseAreas(call, 'zone', 'not_in_zone', input.not_in_zone),
    await chooseAreas(call, 'pool', 'pool', named(input.pool)),
    await chooseAreas(call, 'pool', 'not_in_pool', input.not_in_pool),
  );
  if (isRefusal(chosen)) return chosen;
  const [zoneIds, notZoneIds, poolIds, notPoolIds] = chosen;
  return { zoneIds, notZoneIds, poolIds, notPoolIds };
}

/** The conditions on the network of a machine, to be asked with the networks of that moment. */
interface AskedNetwork {
  readonly isMet: (machine: Machine) => boolean;
  readonly match: (machine: Machine) => Readonly<Record<string, readonly number[]>>;
}

/** The conditions on the network of the machine; `undefined`: none are given. */
function parseNetworkConstraints(
  { region }: ApiCall,
  { subnets, not_subnets, vlans, not_vlans, fabrics, not_fabrics, interfaces, ...input }: AllocateInput,
): AskedNetwork | Refusal | undefined {
  const { fabric_classes, not_fabric_classes, networks, not_networks } = input;
  const ofClasses = [fabric_classes, not_fabric_classes, networks, not_networks];
  const ofObjects = [subnets, not_subnets, vlans, not_vlans, fabrics, not_fabrics, interfaces];
  if ([...ofObjects, ...ofClasses].every((condition) => condition === undefined)) return undefined;
  const usable = <T extends object>(field: string, parsed: T | UnusableCondition) =>
    isUnusable(parsed) ? refuseCondition(field, parsed) : parsed;
  const view = region.networks.known;
  const tests = (field: string, condition: string, names: readonly string[] | undefined) =>
    usable(field, parseNames(names ?? [], condition, view));
  const checked = combineOrRefuse(
    usable(
      'interfaces',
      parseLabels(interfaces ?? '', view) ??
        refuseField('interfaces', 'Give a label and conditions for each interface: 0:space=dmz;1:subnet=lan,tag=fast.'),
    ),
    tests('subnets', 'subnet', subnets),
    tests('not_subnets', 'subnet', not_subnets),
    tests('vlans', 'vlan', vlans),
    tests('not_vlans', 'vlan', not_vlans),
    tests('fabrics', 'fabric', fabrics),
    tests('not_fabrics', 'fabric', not_fabrics),
    tests('fabric_classes', 'fabric_class', fabric_classes),
    tests('not_fabric_classes', 'fabric_class', not_fabric_classes),
    usable('networks', parseNetworks(networks ?? [], view)),
    usable('not_networks', parseNetworks(not_networks ?? [], view)),
  );
  if (isRefusal(checked)) return checked;
  const [
    labels,
    inSubnets,
    notInSubnets,
    inVlans,
    notInVlans,
    inFabrics,
    notInFabrics,
    inClasses,
    notInClasses,
    inNetworks,
    notInNetworks,
  ] = checked;
  const wanted = {
    some: [inSubnets, inVlans, inFabrics, inClasses, inNetworks].flat(),
    none: [notInSubnets, notInVlans, notInFabrics, notInClasses, notInNetworks].flat(),
    labels,
  };
  return {
    isMet: (machine) => meetsNetwork(machine, wanted, region.networks.known),
    match: (machine) => matchInterfaces(machine, wanted, region.networks.known),
  };
}

function refuseCondition(field: string, { condition, text, names, choices }: UnusableCondition) {
  const cleaned = { condition: cleanWords(condition, 64), text: cleanWords(text, 64) };
  if (choices !== undefined)
    return refuseField(field, `'${cleaned.text}' is not a value of ${cleaned.condition}: give ${choices.join(', ')}.`);
  return refuseField(
    field,
    names === undefined
      ? `No ${cleaned.condition} is called '${cleaned.text}': list them, and give a name or id of the list.`
      : `'${cleaned.condition}' is not a condition: choose one of ${names.join(', ')}.`,
  );
}

async function refuseTags({ region }: ApiCall, field: 'tags' | 'not_tags', names: readonly string[] = []) {
  if (names.length === 0) return undefined;
  const tagNames = new Set((await region.store.life.listTags()).map(({ name }) => name));
  const words = names.filter((name) => !tagNames.has(name)).map((name) => unknownTag(name, tagNames));
  return words.length === 0 ? undefined : refuseFields({ [field]: words });
}

const unknownTag = (name: string, tagNames: ReadonlySet<string>) =>
  fieldRefusal(
    `No tag is called '${cleanWords(name, 64)}'.${didYouMean(findNearestName(name, [...tagNames]))} \`rackboot tags list\` shows all.`,
  );

/** The parsed conditions, or for each that cannot be used a refusal in its place. */
const judged = async (call: ApiCall, input: AllocateInput) =>
  [
    parseStorage(input.storage ?? '') ??
      refuseField('storage', 'Give sizes in GB, and tags of the disk in parentheses: root:50(ssd),100.'),
    await parseAreaConstraints(call, input),
    parseNetworkConstraints(call, input),
    refuseUnknown(input),
  ] as const;

type WantedMachine = Constraints & { readonly network: AskedNetwork | undefined };

/** The conditions in the parameters, or a refusal. */
export async function parseConstraints(call: ApiCall, input: AllocateInput): Promise<WantedMachine | Refusal> {
  const checked = combineOrRefuse(...(await judged(call, input)));
  if (isRefusal(checked)) return checked;
  const [disks, areas, network] = checked;
  return {
    name: input.name || undefined,
    systemId: input.system_id || undefined,
    architecture: input.arch || undefined,
    cpuCount: input.cpu_count === undefined ? undefined : Number(input.cpu_count),
    memoryMib: input.mem === undefined ? undefined : Number(input.mem),
    tags: input.tags,
    notTags: input.not_tags,
    disks,
    notSystemIds: input.not_id,
    linkSpeed: input.link_speed === undefined ? undefined : Number(input.link_speed),
    network,
    isNetworkMet: network?.isMet,
    ...areas,
  };
}

const readyMachines = ({ name, systemId, tags = [], zoneIds, poolIds }: Constraints): MachineFilter => ({
  statuses: ['ready'],
  systemIds: systemId === undefined ? undefined : [systemId],
  hostnames: name?.toLowerCase().split('.', 1),
  tags: tags.length === 0 ? undefined : tags.slice(0, 1),
  zoneIds,
  poolIds,
});

const namesOneMachine = ({ name, systemId }: Constraints) => name !== undefined || systemId !== undefined;

/** The refusal if no machine is found: for a machine that the conditions name, its lock or its state. */
async function noMachine(call: ApiCall, { name, systemId }: Constraints): Promise<Answer> {
  const filter = { ...readyMachines({ name, systemId }), statuses: undefined };
  const machines = namesOneMachine({ name, systemId })
    ? await call.region.store.listMachines(filter, 0, CANDIDATES_CHUNK)
    : [];
  const named = machines.find((machine) => meets(machine, { name, systemId }));
  const why = named && refuseMachine(named, 'allocate');
  return why === undefined
    ? refuse(
        'nothing-matches',
        'No Ready machine meets these conditions and boots no profile: accept one, release one, or ask for less.',
      )
    : answerCommand(call, { kind: 'refuse', refusal: why });
}

/**
 * Offers the machines that meet the conditions to `take`, a few in each step, which is a
 * transaction, until it answers.
 */
async function* search(
  call: ApiCall,
  wanted: Constraints,
  take: (machines: readonly Machine[]) => Promise<Answer | undefined>,
): AsyncGenerator<undefined, Answer> {
  // Returns the answer, or the id after which the next step begins. Between two steps, other
  // requests may run.
  const step = async (afterId: number) => {
    const machines = await call.region.store.listMachines(readyMachines(wanted), afterId, CANDIDATES_CHUNK);
    // Who names a machine knows what it boots.
    const profiles = namesOneMachine(wanted) ? [] : currentProfiles(await call.region.settings.read());
    const isFree = (machine: Machine) => meets(machine, wanted) && findBoundProfile(profiles, machine) === undefined;
    const answer = await take(machines.filter(isFree));
    if (answer !== undefined) return answer;
    const last = machines.at(-1);
    return last === undefined || machines.length < CANDIDATES_CHUNK ? await noMachine(call, wanted) : last.id;
  };
  for (let answer: Answer | number = 0; ; yield) {
    const afterId: number = answer;
    answer = await call.region.transact(() => step(afterId));
    if (typeof answer !== 'number') return answer;
  }
}

async function allocate(call: ApiCall, input: AllocateInput): Promise<Answer> {
  const wanted = await parseConstraints(call, input);
  // Unlike an allocation, a list of machines is empty if no tag has such a name.
  const names = combineOrRefuse(
    await refuseTags(call, 'tags', input.tags),
    await refuseTags(call, 'not_tags', input.not_tags),
  );
  if ('kind' in wanted) return wanted;
  if (isRefusal(names)) return names;
  const { ip_address: address } = input;
  const by = getUserActor(call, input.comment);
  const steps = search(call, wanted, async (machines) => {
    const [first] = machines;
    if (first !== undefined && isTrue(input.dry_run)) {
      const why = await call.region.life.judgeAddress(first.systemId, 'allocate', by, { address });
      return why === undefined
        ? json(allocated(call, first, wanted))
        : answerCommand(call, { kind: 'refuse', refusal: why });
    }
    const outcome = await call.region.life.allocate(machines, by, {
      address,
      agentName: input.agent_name || undefined,
      bridges: acquiredBridges(input),
    });
    if (outcome?.kind !== 'changed') return outcome && answerCommand(call, outcome);
    const { machine } = outcome;
    return json(
      allocated(
        call,
        machine,
        wanted,
        machines.find(({ id }) => id === machine.id),
      ),
    );
  });
  return await searchFor(call, steps);
}

/**
 * The machine, with the disks and interfaces that meet the conditions with labels. @param before
 * without the bridges of the allocation
 */
function allocated(call: ApiCall, machine: Machine, { disks: wishes = [], network }: WantedMachine, before = machine) {
  const disks = disksJson(machine);
  const matched = [...matchStorage(machine, wishes)].map(([label, place]) => [label, [disks[place]?.id]] as const);
  const interfaces = network?.match(before) ?? {};
  const constraints = {
    ...(matched.length === 0 ? {} : { storage: Object.fromEntries(matched) }),
    ...(Object.keys(interfaces).length === 0 ? {} : { interfaces }),
  };
  return { ...showMachine(call, machine), ...(call.version === '1.0' ? {} : { constraints_by_type: constraints }) };
}

/** The operation, in both versions. */
export const ALLOCATE_OPERATIONS: readonly Operation[] = [
  operation(
    ownTransaction(machinePaths('2.0').all),
    'POST allocate',
    'user',
    'machine',
    COMMANDS.allocate.doc,
    allocateParameters.extend(newParameters.shape),
    allocate,
  ),
  operation(
    ownTransaction(machinePaths('1.0').all),
    'POST acquire',
    'user',
    'machine',
    COMMANDS.allocate.doc,
    allocateParameters.extend(oldParameters.shape),
    allocate,
  ),
];
