// The operation that allocates a Ready machine by conditions, under the names of each MAAS API version.
//
// Sources: MAAS API 1.0 (`nodes/`: acquire) and 2.0 (`machines/`: allocate).
//
// 1. The search reads CANDIDATES_CHUNK machines in one transaction; other requests may run between two of them.

import { z } from 'zod';
import { type Constraints, matchStorage, meets, parseStorage } from '../../life/allocation.ts';
import type { UnusableCondition } from '../../life/network-conditions.ts';
import type { MachineFilter } from '../../records/filters.ts';
import type { Machine } from '../../records/machine.ts';
import { cleanWords } from '../../records/text-json.ts';
import { chooseAreas } from '../areas/chosen-areas.ts';
import { type Answer, allOf, isRefusal, json, type Refusal, refuse, refuseField } from '../call/answer.ts';
import { searchFor } from '../call/long-answers.ts';
import { watchRights } from '../call/lost-rights.ts';
import { type ApiCall, defineOperation, type Operation, value, values } from '../call/operation.ts';
import { disksJson } from '../json/disk-json.ts';
import { showMachine } from '../json/shown-machine.ts';
import { addressOf, answerCommand } from './life-operations.ts';
import { actorOf, agentName, comment, flag, isTrue, machinePaths } from './machine-calls.ts';

/** Candidates read in one step of the search for an allocation. */
const CANDIDATES_CHUNK = 10;

const size = (what: string) =>
  value(z.string().regex(/^\d{1,9}(\.\d{1,3})?$/, 'field.not-a-number'))
    .optional()
    .describe(what);

const allocateParameters = z.object({
  comment,
  name: value(z.string().max(255)).optional().describe('The machine with this name.'),
  system_id: value(z.string().max(64)).optional().describe('The machine with this system id.'),
  arch: value(z.string().max(64)).optional().describe('The architecture, `amd64` or `amd64/generic`.'),
  cpu_count: size('At least this many processors.'),
  mem: size('At least this much memory, in MiB.'),
  tags: values(50).optional().describe('Machines with all of these tags.'),
  not_tags: values(50).optional().describe('Machines with none of these tags.'),
  storage: value(z.string().max(500)).optional().describe('Disks of at least these sizes in GB: `root:50,100`.'),
  zone: value(z.string().max(255)).optional().describe('Machines in this zone.'),
  pool: value(z.string().max(255)).optional().describe('Machines in this pool.'),
  not_in_zone: values(50).optional().describe('Machines in none of these zones.'),
  not_in_pool: values(50).optional().describe('Machines in none of these pools.'),
  agent_name: agentName
    .optional()
    .describe('A name by which lists can find the machine, such as that of the program that allocates it.'),
  subnets: values(50)
    .optional()
    .describe('Machines in each of these subnets: by name, id or CIDR, or `space:dmz`, `vid:100`.'),
  not_subnets: values(50).optional().describe('Machines in none of these subnets, named likewise.'),
  fabrics: values(50).optional().describe('Machines in each of these fabrics, by name or id.'),
  not_fabrics: values(50).optional().describe('Machines in none of these fabrics.'),
  interfaces: value(z.string().max(2000))
    .optional()
    .describe(
      'For each label, an interface that meets its conditions: `0:space=dmz;1:subnet=lan,tag=fast`. Conditions: subnet, space, fabric, vlan, vid, ip, name, mac, tag.',
    ),
  dry_run: flag('True: show the machine that would be allocated, without allocating it.'),
  ip_address: value(z.string().max(15)).optional().describe('The address to assign. Default: a free one.'),
});

/** The zones and pools of the conditions, or a refusal. */
async function areasOf(
  call: ApiCall,
  given: z.output<typeof allocateParameters>,
): Promise<Pick<Constraints, 'zoneIds' | 'poolIds' | 'notZoneIds' | 'notPoolIds'> | Refusal> {
  const named = (name: string | undefined) => (name === undefined || name === '' ? undefined : [name]);
  const chosen = allOf(
    await chooseAreas(call, 'zone', 'zone', named(given.zone)),
    await chooseAreas(call, 'zone', 'not_in_zone', given.not_in_zone),
    await chooseAreas(call, 'pool', 'pool', named(given.pool)),
    await chooseAreas(call, 'pool', 'not_in_pool', given.not_in_pool),
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

/** The conditions on the network of the machine; `undefined`: none are given. Their code is loaded when it is needed. */
async function networkOf(
  { region }: ApiCall,
  { subnets, not_subnets, fabrics, not_fabrics, interfaces }: z.output<typeof allocateParameters>,
): Promise<AskedNetwork | Refusal | undefined> {
  if ([subnets, not_subnets, fabrics, not_fabrics, interfaces].every((one) => one === undefined)) return undefined;
  const { isUnusable, matchInterfaces, meetsNetwork, parseLabels, parseNames } = await import(
    '../../life/network-conditions.ts'
  );
  const usable = <T extends object>(field: string, parsed: T | UnusableCondition): T | Refusal =>
    isUnusable(parsed) ? refuseCondition(field, parsed) : parsed;
  const view = region.networks.known;
  const tests = (field: string, condition: string, names: readonly string[] | undefined) =>
    usable(field, parseNames(names ?? [], condition, view));
  const found = allOf(
    tests('subnets', 'subnet', subnets),
    tests('not_subnets', 'subnet', not_subnets),
    tests('fabrics', 'fabric', fabrics),
    tests('not_fabrics', 'fabric', not_fabrics),
    usable('interfaces', parseLabels(interfaces ?? '', view) ?? refuseField('interfaces', 'field.interfaces')),
  );
  if (isRefusal(found)) return found;
  const [inSubnets, notInSubnets, inFabrics, notInFabrics, labels] = found;
  const wanted = { some: [...inSubnets, ...inFabrics], none: [...notInSubnets, ...notInFabrics], labels };
  return {
    isMet: (machine) => meetsNetwork(machine, wanted, region.networks.known),
    match: (machine) => matchInterfaces(machine, wanted, region.networks.known),
  };
}

function refuseCondition(field: string, { condition, text, names }: UnusableCondition): Refusal {
  const shown = { condition: cleanWords(condition, 64), text: cleanWords(text, 64), names };
  return refuseField(field, 'field.network-condition', shown);
}

async function constraintsOf(
  call: ApiCall,
  given: z.output<typeof allocateParameters>,
): Promise<(Constraints & { readonly network: AskedNetwork | undefined }) | Refusal> {
  const found = allOf(
    parseStorage(given.storage ?? '') ?? refuseField('storage', 'field.storage'),
    await areasOf(call, given),
    await networkOf(call, given),
    addressOf(given.ip_address),
  );
  if (isRefusal(found)) return found;
  const [disks, areas, network] = found;
  return {
    name: given.name || undefined,
    systemId: given.system_id || undefined,
    architecture: given.arch || undefined,
    cpuCount: given.cpu_count === undefined ? undefined : Number(given.cpu_count),
    memoryMib: given.mem === undefined ? undefined : Number(given.mem),
    tags: given.tags,
    notTags: given.not_tags,
    diskBytes: disks,
    network,
    isNetworkMet: network?.isMet,
    ...areas,
  };
}

/** The Ready machines that the store can choose by the conditions; `meets` decides. */
const readyMachines = ({ name, systemId, tags = [], zoneIds, poolIds }: Constraints): MachineFilter => ({
  statuses: ['ready'],
  systemIds: systemId === undefined ? undefined : [systemId],
  hostnames: name?.toLowerCase().split('.', 1),
  tags: tags.length === 0 ? undefined : tags.slice(0, 1),
  zoneIds,
  poolIds,
});

/** Offers the machines that meet the conditions to `take`, a few in each step, which is a transaction, until it answers. */
async function* search(
  call: ApiCall,
  wanted: Constraints,
  take: (machines: readonly Machine[]) => Promise<Answer | undefined>,
): AsyncGenerator<undefined, Answer> {
  const lostRights = await watchRights(call);
  // Returns the answer, or the id after which the next step begins. Between two steps, other requests may run.
  const step = async (afterId: number): Promise<Answer | number> => {
    if ((await lostRights()) !== undefined) return refuse('not-allowed.changed');
    const machines = await call.region.store.listMachines(readyMachines(wanted), afterId, CANDIDATES_CHUNK);
    const answer = await take(machines.filter((machine) => meets(machine, wanted)));
    if (answer !== undefined) return answer;
    const last = machines.at(-1);
    return last === undefined || machines.length < CANDIDATES_CHUNK ? refuse('nothing-matches') : last.id;
  };
  for (let answer: Answer | number = 0; ; yield) {
    const afterId: number = answer;
    answer = await call.region.transact(() => step(afterId));
    if (typeof answer !== 'number') return answer;
  }
}

async function allocate(call: ApiCall, given: z.output<typeof allocateParameters>): Promise<Answer> {
  const wanted = await constraintsOf(call, given);
  if ('kind' in wanted) return wanted;
  const address = addressOf(given.ip_address);
  if (address !== undefined && 'kind' in address) return address;
  const by = actorOf(call, given.comment);
  const steps = search(call, wanted, async (machines) => {
    const [first] = machines;
    if (first !== undefined && isTrue(given.dry_run)) return json(showMachine(call, first));
    const outcome = await call.region.life.allocate(machines, by, {
      ...address,
      agentName: given.agent_name || undefined,
    });
    if (outcome === undefined) return undefined;
    return outcome.kind === 'changed'
      ? json(allocated(call, outcome.machine, given, wanted.network))
      : answerCommand(call, outcome);
  });
  return await searchFor(call, steps);
}

/** The machine, with the disks and interfaces that meet the conditions with labels. */
function allocated(
  call: ApiCall,
  machine: Machine,
  { storage = '' }: z.output<typeof allocateParameters>,
  network: AskedNetwork | undefined,
) {
  const disks = disksJson(machine);
  const matched = [...matchStorage(machine, storage)].map(([label, place]) => [label, [disks[place]?.id]] as const);
  const interfaces = network?.match(machine) ?? {};
  const constraints = {
    ...(matched.length === 0 ? {} : { storage: Object.fromEntries(matched) }),
    ...(Object.keys(interfaces).length === 0 ? {} : { interfaces }),
  };
  return { ...showMachine(call, machine), ...(call.version === '1.0' ? {} : { constraints_by_type: constraints }) };
}

/** The operation, in both versions. */
export const ALLOCATE_OPERATIONS: readonly Operation[] = (['2.0', '1.0'] as const).map((version) => {
  const { isOld, all } = machinePaths(version);
  return defineOperation({
    ...all,
    method: 'POST',
    access: 'user',
    op: isOld ? 'acquire' : 'allocate',
    ownTransaction: true,
    doc: 'Allocate a Ready machine that meets all conditions.',
    parameters: allocateParameters,
    run: allocate,
  });
});
