// The operations that add a machine: it enlists itself from a managed network, or a user adds it.
//
// Sources: the enlistment forms of MAAS 1.x (`nodes/?op=new`) and 2.x (`machines/`); our own
// agent's `hardware_facts`.
//
// 1. An anonymous caller learns only its own identity.

import { z } from 'zod';
import type { EnlistmentReport } from '../../identity/enlistment-report.ts';
import { isIdentifyingMac } from '../../identity/hardware-identity.ts';
import { INTERFACES_MAX } from '../../identity/interface-source.ts';
import { parseHardwareFacts } from '../../records/hardware-facts.ts';
import type { Machine } from '../../records/machine.ts';
import { isReportable } from '../../records/power-parameters.ts';
import type { SettingsReader } from '../../settings.ts';
import { choosePlace } from '../areas/chosen-areas.ts';
import {
  type Answer,
  combineOrRefuse,
  domainText,
  isRefusal,
  json,
  ONLY_ADMINISTRATORS,
  type Refusal,
  refuse,
  refuseField,
  refuseFields,
  refuseFor,
} from '../call/answer.ts';
import {
  type ApiCall,
  controls,
  flagParameter,
  isTrue,
  macFields,
  type Operation,
  operation,
  optionalText,
  requiredText,
  someMacFields,
} from '../call/operation.ts';
import { introductionJson } from '../json/machine-json.ts';
import { showMachine } from '../json/shown-machine.ts';
import { currentDomains, isOperatorsName } from '../names/dns-records.ts';
import { chosenRacks } from '../racks/controller-calls.ts';
import { commissioningFields, openSsh, parseNewCommissioning } from './commissioning-calls.ts';
import { answerCommand } from './life-operations.ts';
import {
  description,
  type GivenNames,
  getUserActor,
  licenseKey,
  machineNotes,
  machinePaths,
  nodeGroup,
  parseHostLabel,
  readNames,
  readNotes,
  reportedFields,
} from './machine-calls.ts';
import { powerFields, readPower, refusePower } from './power-fields.ts';

/** Architecture names of kernels, mapped to those of boot resources. */
const ARCHITECTURE_NAMES: Readonly<Record<string, string>> = {
  armv6l: 'armhf',
  armv7l: 'armhf',
  armv8l: 'armhf',
  loongarch64: 'loong64',
  x86_64: 'amd64',
  aarch64: 'arm64',
  i486: 'i386',
  i586: 'i386',
  i686: 'i386',
  ppc64le: 'ppc64el',
};
/** The architectures of MAAS's boot resources and of Debian. */
export const ARCHITECTURES: ReadonlySet<string> = new Set([
  'amd64',
  'arm64',
  'armel',
  'armhf',
  'i386',
  'loong64',
  'mips64el',
  'mipsel',
  'ppc64el',
  'riscv64',
  's390x',
]);
const SUBARCHITECTURE = /^[a-z0-9]([a-z0-9_.-]{0,30}[a-z0-9])?$/;

/**
 * Parses `amd64/generic`, or `amd64` with a separate subarchitecture. `undefined`: it is malformed,
 * or there is no such architecture.
 */
export function parseArchitecture(
  text: string,
  subarchitecture: string | undefined,
): { readonly architecture: string; readonly subarchitecture: string } | undefined {
  const [first = '', second, ...rest] = text.trim().toLowerCase().split('/');
  const ownSubarchitecture =
    subarchitecture === undefined || subarchitecture === '' ? undefined : subarchitecture.trim().toLowerCase();
  if (rest.length > 0 || (second !== undefined && ownSubarchitecture !== undefined && second !== ownSubarchitecture))
    return undefined;
  const architecture = ARCHITECTURE_NAMES[first] ?? first;
  const sub = second ?? ownSubarchitecture ?? 'generic';
  return ARCHITECTURES.has(architecture) && SUBARCHITECTURE.test(sub) && !sub.includes('..')
    ? { architecture, subarchitecture: sub }
    : undefined;
}

const parameters = z.object({
  architecture: requiredText(64, 'The architecture, `amd64` or `amd64/generic`.'),
  subarchitecture: optionalText(32, 'The sub-architecture, unless `architecture` includes it.'),
  mac_addresses: macFields(INTERFACES_MAX, isIdentifyingMac)
    .refine((list) => list.length > 0, 'At least one address of a network interface is required.')
    .describe('The hardware addresses, boot interface first; repeated or separated by commas.')
    .register(controls, { hint: 'That of the interface that boots from the network comes first.' }),
  hostname: optionalText(255, 'The hostname. Default: a generated one.', { hint: 'Default: a generated one.' }),
  domain: optionalText(253, 'The domain. Default: the default domain.', { hint: '' }),
  zone: optionalText(256, 'The name of its zone, for administrators.', { hint: '' }),
  pool: optionalText(256, 'The name of its pool, for administrators.', { hint: '' }),
  ...machineNotes,
  ...reportedFields,
  license_key: licenseKey,
  description,
  ...powerFields,
  hardware_facts: optionalText(524_288, "The enlistment agent's description of the hardware, JSON."),
});

const commissionField = flagParameter(
  'Whether the machine is commissioned at once, if it is New. Default: true for administrators, unless `deployed` is true. Others leave it New.',
);

/** The parameters that only API 2.0 has. */
const newParameters = z.object({
  commission: commissionField,
  ...commissioningFields,
  is_dpu: flagParameter('Must be false: Rackboot deploys a DPU as any other machine.'),
  deployed: flagParameter(
    'True: it runs a system that somebody else deployed. It is Deployed at once, and boots its own disk. For administrators.',
  ),
});

const allParameters = parameters.extend(newParameters.shape);

const oldParameters = z.object({ nodegroup: nodeGroup, commission: commissionField });

type Parameters = z.output<typeof parameters> & z.output<typeof newParameters>;

function parseReportedFacts(text: string | undefined) {
  if (text === undefined || text === '') return undefined;
  const facts = parseHardwareFacts(text);
  if (facts.kind !== 'fault') return facts;
  return refuseFields({ hardware_facts: facts.problems });
}

/**
 * The names of a new machine. Those that a machine reports are not used if they are unfit, and its
 * domain never is.
 */
function parseReportedNames(
  call: ApiCall,
  input: GivenNames,
  isOrdinary: boolean,
  inForce: SettingsReader = call.region.settings,
) {
  const label = parseHostLabel(input.hostname ?? '');
  if (call.caller.kind !== 'user')
    return label === undefined || isOperatorsName(call, label) ? {} : { hostname: label };
  const [byDefault] = currentDomains(call, inForce);
  const names = readNames(call, input, inForce);
  const wanted = input.domain?.toLowerCase() || (input.hostname?.toLowerCase().split('.').slice(1).join('.') ?? '');
  const isForeign = isOrdinary && wanted !== '' && wanted !== byDefault;
  return isForeign && label !== undefined ? refuse('not-allowed', domainText(byDefault)) : names;
}

function parseReportedPower(call: ApiCall, input: z.output<typeof allParameters>, isOrdinary: boolean) {
  const power = readPower(input, undefined);
  if (isRefusal(power)) return power;
  if (isOrdinary && !isReportable(power.powerType ?? '', power.powerParameters ?? {})) {
    return refuse(
      'not-allowed',
      'Only an administrator may set this: give power_type manual, or ipmi with a numeric address.',
    );
  }
  // A machine's own values are not checked: only harmless ones are kept, and the user who accepts
  // the machine sees if they work.
  return (call.caller.kind === 'user' ? refusePower(call, power, input, undefined) : undefined) ?? power;
}

const parseReportedArchitecture = (text: string, subarchitecture: string | undefined) =>
  parseArchitecture(text, subarchitecture) ??
  refuseField('architecture', 'Give amd64/generic, or amd64 and one subarchitecture, of an architecture that exists.');

function parseEnlistmentReport(call: ApiCall, input: Parameters, inForce: SettingsReader): EnlistmentReport | Refusal {
  const isOrdinary = call.caller.kind === 'user' && !call.caller.isAdmin;
  const checked = combineOrRefuse(
    parseReportedArchitecture(input.architecture, input.subarchitecture),
    parseReportedPower(call, input, isOrdinary),
    parseReportedFacts(input.hardware_facts),
    parseReportedNames(call, input, isOrdinary, inForce),
  );
  if (isRefusal(checked)) return checked;
  const [architecture, power, facts, names] = checked;
  const username = call.caller.kind === 'user' ? call.caller.username : undefined;
  return {
    macs: input.mac_addresses,
    ...architecture,
    hostname: names.hostname,
    domain: names.domain ?? currentDomains(call, inForce)[0],
    powerType: input.power_type ?? '',
    powerParameters: power.powerParameters ?? {},
    facts: facts?.value,
    leftOut: facts?.leftOut,
    username,
    isOrdinary,
    isDeployed: username !== undefined && isTrue(input.deployed),
    token: call.peer.bootToken,
    vouchedMac: call.peer.vouchedMac,
    address: call.peer.ipv4,
    isAway: (machine) => call.region.racks.homes.isAway(machine, call.peer.ipv4),
    whyElsewhere: (machine) => call.region.racks.homes.whyElsewhere(call.peer.rackUuid, machine),
  };
}

async function findAreasOrRefuse(call: ApiCall, input: z.output<typeof allParameters>) {
  if (call.caller.kind !== 'user' || (!input.zone && !input.pool)) return {};
  return call.caller.isAdmin ? await choosePlace(call, input) : refuse('not-allowed', ONLY_ADMINISTRATORS);
}

async function startCommissioning(
  call: ApiCall,
  machine: Machine,
  scripts: readonly string[] | undefined,
  input: Parameters,
) {
  const command = { name: 'commission', scripts } as const;
  const outcome = await call.region.life.command(machine.systemId, command, getUserActor(call));
  return await openSsh(call, machine, input, await answerCommand(call, outcome));
}

async function enlist(call: ApiCall, input: Parameters): Promise<Answer> {
  // A machine with a key is already known, and reports in other ways.
  if (call.caller.kind === 'machine') return refuse('not-allowed', 'A machine with a key cannot enlist again.');
  const checked = combineOrRefuse(
    parseEnlistmentReport(call, input, await call.region.settings.read()),
    await findAreasOrRefuse(call, input),
    call.caller.kind === 'user' ? readNotes(input) : {},
    ...(await parseNewCommissioning(call, input)),
  );
  if (isRefusal(checked)) return checked;
  const [report, place, notes, commissioning] = checked;
  const outcome = await call.region.enlist({ ...report, edit: { ...place, ...notes } });
  if (outcome.kind !== 'refuse') {
    const { machine } = outcome;
    if (outcome.kind === 'unchanged') await call.region.racks.homes.reportedBy(call.peer.rackUuid, machine);
    if (call.caller.kind !== 'user') return json(introductionJson(machine, call.version));
    if (commissioning === undefined || machine.status !== 'new') return json(showMachine(call, machine));
    return await startCommissioning(call, machine, commissioning.scripts, input);
  }
  const { refusal } = outcome;
  if (refusal.name !== 'invalid-parameters') return refuseFor([refusal]);
  return refuseFields({ [refusal.code === 'field.hostname-taken' ? 'hostname' : 'mac_addresses']: [refusal] });
}

const registration = z.object({
  mac_address: someMacFields(INTERFACES_MAX).describe('One or more hardware addresses.'),
});

async function isRegistered(call: ApiCall, input: z.output<typeof registration>): Promise<Answer> {
  const { mac_address: macs } = input;
  if ((await call.region.store.countMachines({ macs, isDevice: 'either' })) > 0) return json(true);
  return json(chosenRacks(call, { macs }).length > 0);
}

/**
 * The lists of nodes in which clients ask whether one is known: in MAAS, too, the answer is about
 * nodes of all kinds.
 */
const ASKED = [
  { versions: ['1.0', '2.0'], path: 'nodes', handler: 'NodesHandler' },
  { versions: ['2.0'], path: 'machines', handler: 'MachinesHandler' },
  { versions: ['2.0'], path: 'devices', handler: 'DevicesHandler' },
  { versions: ['2.0'], path: 'rackcontrollers', handler: 'RackControllersHandler' },
  { versions: ['2.0'], path: 'regioncontrollers', handler: 'RegionControllersHandler' },
] as const;

/** Enlistment, and the check whether a machine is already known. */
export const ENLISTMENT_OPERATIONS: readonly Operation[] = [
  operation(
    machinePaths('2.0').all,
    'POST',
    'managed',
    'enlistment',
    'Add a machine. One that an administrator adds is commissioned. A machine that enlists again stays the same machine.',
    allParameters,
    enlist,
  ),
  operation(
    machinePaths('1.0').all,
    'POST new',
    'managed',
    'enlistment',
    'Add a node. One that an administrator adds is commissioned. A node that enlists again stays the same node.',
    parameters.extend(oldParameters.shape),
    enlist,
  ),
  ...ASKED.map((place) =>
    operation(
      place,
      'GET is_registered',
      'managed',
      'boolean',
      'Check whether a machine, a device or a rack with one of these addresses is known.',
      registration,
      isRegistered,
    ),
  ),
];
