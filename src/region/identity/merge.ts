// Decides a person's commands to merge two machines or to split one; the store applies them.
//
//   merge KEEP OTHER ─ KEEP gets OTHER's interfaces and events, and its hardware facts if they are newer; OTHER is removed
//   split MACHINE MACs ─ a New machine gets these interfaces, and the hardware facts if they contain only these interfaces
//
// 1. A machine in use is never removed: it may be KEEP but not OTHER, and two machines in use are not merged.
// 2. After a split, reports do not join the two again: their common values are stored as shared, and the machines as distinct.

import type { Clock } from '../../clock.ts';
import { formatMac, type MacAddress, parseMac } from '../../net/address.ts';
import type { MergeDecision, SplitDecision } from '../records/decisions.ts';
import type { Happening, MachineName } from '../records/event-params.ts';
import type { NameQuestion, SplitKnowledge } from '../records/knowledge.ts';
import { type MachineStatus, statusRow } from '../records/lifecycle.ts';
import type { Machine, MachineFields } from '../records/machine.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import { type RefusalNamed, refusal } from '../words/refusal.ts';
import { MACHINES_MAX } from './enlistment.ts';
import { identityKeys } from './evidence.ts';
import { chooseNames } from './hostname.ts';
import { INTERFACES_MAX } from './interface-source.ts';
import { machineEvidence } from './recognition.ts';

/** Why a merge or a split is refused. */
export type IdentityRefusal = RefusalNamed<'machine-in-use' | 'invalid-parameters' | 'machines-limit'>;

/** The circumstances of a command. */
interface IdentityTerms {
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

/** True for a machine with an owner, or with work in progress. */
export const isInUse = (machine: Machine): boolean => machine.owner !== undefined || !IDLE.has(machine.status);

const namedOf = ({ hostname, systemId }: Machine): MachineName => ({ hostname, systemId });
const named = ({ hostname, systemId }: Machine) => ({ name: hostname, systemId });
const inState = (machine: Machine) => ({ ...named(machine), state: statusRow(machine.status).name });

const refuse = (why: IdentityRefusal): { kind: 'refuse'; refusal: IdentityRefusal } => ({
  kind: 'refuse',
  refusal: why,
});

/** Decides a merge. */
export function decideMerge(keep: Machine, other: Machine, terms: IdentityTerms): MergeDecision<IdentityRefusal> {
  if (keep.id === other.id) return refuse(refusal('field.same-machine', named(keep)));
  if (isInUse(other)) {
    return refuse(
      isInUse(keep)
        ? refusal('machine-in-use.both', { keep: inState(keep), other: inState(other) })
        : refusal('machine-in-use.other', { keep: named(keep), other: inState(other) }),
    );
  }
  if (keep.interfaces.length + other.interfaces.length > INTERFACES_MAX) {
    return refuse(refusal('field.interfaces-limit', { max: INTERFACES_MAX }));
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
    events: [changed({ code: 'machines-merged', params: { machine: namedOf(other), macs } }, terms)],
  };
}

/** Decides a split. */
export function decideSplit(
  machine: Machine,
  macs: readonly MacAddress[],
  knowledge: SplitKnowledge,
  terms: IdentityTerms,
): SplitDecision<IdentityRefusal> | NameQuestion {
  const own = machine.interfaces.map((nic) => nic.mac);
  const foreign = macs.filter((mac) => !own.includes(mac));
  if (foreign.length > 0 || macs.length === 0) {
    return refuse(
      refusal('field.interfaces-foreign', {
        machine: named(machine),
        foreign: foreign.map((mac) => formatMac(mac)),
        own: own.map((mac) => formatMac(mac)),
      }),
    );
  }
  const left = own.filter((mac) => !macs.includes(mac));
  if (left.length === 0) return refuse(refusal('field.interfaces-all', named(machine)));
  if (knowledge.machines >= MACHINES_MAX) {
    return refuse(refusal('machines-limit.split', { count: knowledge.machines }));
  }
  const reported = reportedBy(machine, macs);
  const movesHardware = reported.byThese && !reported.byOthers;
  const names = chooseNames(terms.clock, knowledge, []);
  if (names.kind === 'ask') return names;
  const { systemId, hostname } = names;
  const moved = macs.map((mac) => formatMac(mac));
  return {
    kind: 'split',
    systemId,
    fields: newMachineFields(machine, macs, { hostname, movesHardware }, terms),
    macs,
    left: {
      ...(movesHardware ? { facts: undefined, factsMs: undefined } : {}),
      ...(machine.vouchedMac !== undefined && macs.includes(machine.vouchedMac) ? { vouchedMac: undefined } : {}),
    },
    // A report with addresses of both came from one machine, or a card has moved. So no shared value caused the confusion.
    shared: reported.byThese && reported.byOthers ? [] : identityKeys(machineEvidence(machine)),
    events: [changed({ code: 'machine-split', params: { machine: { hostname, systemId }, macs: moved } }, terms)],
    newEvents: [
      { ...changed({ code: 'machine-split-off', params: { machine: namedOf(machine) } }, terms), type: 'NEW' },
    ],
  };
}

/** The fields of the new machine. */
function newMachineFields(
  machine: Machine,
  macs: readonly MacAddress[],
  { hostname, movesHardware }: { readonly hostname: string; readonly movesHardware: boolean },
  terms: IdentityTerms,
): MachineFields {
  const vouched = machine.vouchedMac;
  return {
    hostname,
    domain: machine.domain,
    description: '',
    status: 'new',
    statusReason: undefined,
    statusSinceMs: terms.atMs,
    architecture: machine.architecture,
    subarchitecture: machine.subarchitecture,
    osystem: '',
    release: '',
    netboot: true,
    powerType: '',
    powerParameters: {},
    powerState: 'unknown',
    home: machine.home,
    ...(vouched !== undefined && macs.includes(vouched) ? { vouchedMac: vouched } : {}),
    ...(movesHardware
      ? { facts: machine.facts, factsMs: machine.factsMs, uuid: machine.uuid, serial: machine.serial }
      : {}),
  };
}

/** Whether the machine's newest report contained some of these interfaces, and whether it contained some of its other ones. */
function reportedBy(machine: Machine, macs: readonly MacAddress[]): { byThese: boolean; byOthers: boolean } {
  const shown = new Set((machine.facts?.nics ?? []).map((nic) => parseMac(nic.mac)));
  return {
    byThese: macs.some((mac) => shown.has(mac)),
    byOthers: machine.interfaces.some((nic) => !macs.includes(nic.mac) && shown.has(nic.mac)),
  };
}

function changed(happening: Happening, { atMs, username }: IdentityTerms): NewMachineEvent {
  return { type: 'NODE_IDENTITY_CHANGED', ...happening, atMs, username };
}
