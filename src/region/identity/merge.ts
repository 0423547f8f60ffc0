// Decides a person's commands to merge two machines or to split one; the store applies them.
//
//   merge KEEP OTHER ─ KEEP gets OTHER's interfaces and events, and its hardware facts if they are newer; OTHER is removed
//   split MACHINE MACs ─ a New machine gets these interfaces, and the hardware facts if they contain only these interfaces
//
// 1. A machine in use is never removed: it may be KEEP but not OTHER, and two machines in use are not merged.
// 2. After a split, reports do not join the two again: their common values are stored as shared,
//    and the machines as distinct.

import { formatMac, type MacAddress, parseMac } from '../../ground/address.ts';
import type { Clock } from '../../ground/clock.ts';
import { counted } from '../../ground/counted.ts';
import type { MergeDecision, SplitDecision } from '../records/decisions.ts';
import { type Happening, pickMachineName } from '../records/events.ts';
import type { NameQuestion, SplitKnowledge } from '../records/knowledge.ts';
import { type MachineStatus, statusRow } from '../records/lifecycle.ts';
import { BLANK_MACHINE, type Machine, type MachineFields } from '../records/machine.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import { fieldRefusal, type RefusalWord, refusal } from '../records/refusal.ts';
import { formatNameAndId } from '../records/report-refusal.ts';
import { MACHINES_MAX } from './enlistment.ts';
import { identityKeys } from './evidence.ts';
import { chooseNames } from './hostname.ts';
import { INTERFACES_MAX } from './interface-source.ts';
import { machineEvidence } from './recognition.ts';

export type IdentityRefusal = RefusalWord;

interface MergeOptions {
  readonly clock: Clock;
  readonly atMs: number;
  readonly username: string;
}

const IDLE: ReadonlySet<MachineStatus> = new Set<MachineStatus>([
  'new',
  'ready',
  'failed-commissioning',
  'failed-testing',
  'missing',
  'retired',
  'broken',
]);

export const isInUse = (machine: Machine): boolean => machine.owner !== undefined || !IDLE.has(machine.status);

const formatName = (machine: Machine) => formatNameAndId({ name: machine.hostname, systemId: machine.systemId });
const inState = (machine: Machine) => `${formatName(machine)} is ${statusRow(machine.status).name}`;

const refuseMerge = (why: IdentityRefusal): { kind: 'refuse'; refusal: IdentityRefusal } => ({
  kind: 'refuse',
  refusal: why,
});

export function decideMerge(keep: Machine, other: Machine, options: MergeOptions): MergeDecision<IdentityRefusal> {
  if (keep.id === other.id) return refuseMerge(fieldRefusal(`${formatName(keep)} cannot be merged with itself`));
  if (isInUse(other)) {
    return refuseMerge(
      isInUse(keep)
        ? refusal('machine-in-use', `both are in use (${inState(keep)}, ${inState(other)}): release one of them first`)
        : refusal(
            'machine-in-use',
            `${inState(other)}, so it is the one to keep: rackboot machines merge ${other.systemId} ${keep.systemId}`,
          ),
    );
  }
  if (keep.interfaces.length + other.interfaces.length > INTERFACES_MAX) {
    return refuseMerge(fieldRefusal(`a machine may have at most ${INTERFACES_MAX} interfaces`));
  }
  const isNewer = other.facts !== undefined && (keep.facts === undefined || (other.factsMs ?? 0) > (keep.factsMs ?? 0));
  const hardware: Partial<MachineFields> = isNewer
    ? {
        facts: other.facts,
        factsMs: other.factsMs,
        uuid: other.uuid ?? keep.uuid,
        serial: other.serial ?? keep.serial,
        architecture: other.architecture,
        subarchitecture: other.subarchitecture,
      }
    : { uuid: keep.uuid ?? other.uuid, serial: keep.serial ?? other.serial };
  const power: Partial<MachineFields> =
    keep.powerType === '' && other.powerType !== ''
      ? {
          powerType: other.powerType,
          powerParameters: other.powerParameters,
          powerIsProposed: other.powerIsProposed,
        }
      : {};
  const macs = other.interfaces.map((nic) => formatMac(nic.mac));
  return {
    kind: 'merge',
    fields: { ...hardware, ...power, vouchedMac: keep.vouchedMac ?? other.vouchedMac, home: keep.home ?? other.home },
    events: [buildMergeEvent({ code: 'machines-merged', params: { machine: pickMachineName(other), macs } }, options)],
  };
}

export function decideSplit(
  machine: Machine,
  macs: readonly MacAddress[],
  knowledge: SplitKnowledge,
  options: MergeOptions,
): SplitDecision<IdentityRefusal> | NameQuestion {
  const own = machine.interfaces.map((nic) => nic.mac);
  const foreign = macs.filter((mac) => !own.includes(mac));
  if (foreign.length > 0 || macs.length === 0) {
    return refuseMerge(
      fieldRefusal(
        `${formatName(machine)} has no ${foreign.map((mac) => formatMac(mac)).join(' ') || 'such address'}; it has ${own.map((mac) => formatMac(mac)).join(' ')}`,
      ),
    );
  }
  const left = own.filter((mac) => !macs.includes(mac));
  if (left.length === 0)
    return refuseMerge(fieldRefusal(`${formatName(machine)} would have no interface left: name fewer`));
  if (knowledge.machines >= MACHINES_MAX) {
    return refuseMerge(
      refusal('machines-limit', `a region may have at most ${counted(knowledge.machines, 'machine')}: delete some`),
    );
  }
  const reported = reportedBy(machine, macs);
  const movesHardware = reported.byThese && !reported.byOthers;
  const names = chooseNames(options.clock, knowledge, []);
  if (names.kind === 'ask') return names;
  const { systemId, hostname } = names;
  const moved = macs.map((mac) => formatMac(mac));
  return {
    kind: 'split',
    systemId,
    fields: newMachineFields(machine, macs, { hostname, movesHardware }, options),
    macs,
    left: {
      ...(movesHardware ? { facts: undefined, factsMs: undefined } : {}),
      ...(machine.vouchedMac !== undefined && macs.includes(machine.vouchedMac) ? { vouchedMac: undefined } : {}),
    },
    // A report with addresses of both came from one machine, or a card has moved. So no shared
    // value caused the confusion.
    shared: reported.byThese && reported.byOthers ? [] : identityKeys(machineEvidence(machine)),
    events: [
      buildMergeEvent({ code: 'machine-split', params: { machine: { hostname, systemId }, macs: moved } }, options),
    ],
    newEvents: [
      {
        ...buildMergeEvent({ code: 'machine-split-off', params: { machine: pickMachineName(machine) } }, options),
        type: 'NEW',
      },
    ],
  };
}

function newMachineFields(
  machine: Machine,
  macs: readonly MacAddress[],
  { hostname, movesHardware }: { readonly hostname: string; readonly movesHardware: boolean },
  options: MergeOptions,
): MachineFields {
  const vouched = machine.vouchedMac;
  return {
    hostname,
    domain: machine.domain,
    ...BLANK_MACHINE,
    statusSinceMs: options.atMs,
    architecture: machine.architecture,
    subarchitecture: machine.subarchitecture,
    home: machine.home,
    ...(vouched !== undefined && macs.includes(vouched) ? { vouchedMac: vouched } : {}),
    ...(movesHardware
      ? { facts: machine.facts, factsMs: machine.factsMs, uuid: machine.uuid, serial: machine.serial }
      : {}),
  };
}

/**
 * Whether the machine's newest report contained some of these interfaces, and whether it contained
 * some of its other ones.
 */
function reportedBy(machine: Machine, macs: readonly MacAddress[]): { byThese: boolean; byOthers: boolean } {
  const shownMacs = new Set((machine.facts?.nics ?? []).map((nic) => parseMac(nic.mac)));
  return {
    byThese: macs.some((mac) => shownMacs.has(mac)),
    byOthers: machine.interfaces.some((nic) => !macs.includes(nic.mac) && shownMacs.has(nic.mac)),
  };
}

function buildMergeEvent(happening: Happening, { atMs, username }: MergeOptions): NewMachineEvent {
  return { type: 'NODE_IDENTITY_CHANGED', ...happening, atMs, username };
}
