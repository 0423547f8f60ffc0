// Decides on a machine's own report: whether the machine is known, and which values to store.
//
//   recognised (recognition.ts) ─┬─ New ────────────────► amended if a rack vouches for a boot from an interface that may be the machine's;
//                                │                        before the first such boot, amended only from the address that reported it first
//                                ├─ Commissioning ──────► hardware amended if the report contains the boot token
//                                └─ otherwise ──────────► unchanged, gets its system id, and an event is logged
//   not recognised ──────────────► created as New, or as Deployed if an administrator says so; if too many are New, it replaces one (`new-machines.ts`) or is refused. It also replaces
//                                  the device of an ordinary user from whose interface it booted,
//                                  if the device has an address there or none
//
// 1. Only a report with the token of its current boot changes a machine in use. No report removes one.
// 2. A repeated report changes only the time.
// 3. A report adds interfaces and removes none, except hearsay that the machine itself does not
//    show (`interface-source.ts`), and a card that moves from a New machine to the one that now
//    reports it. A card that a vouched boot showed moves only with a vouched report; one from which
//    a rack booted the former machine, or which a person entered, only if a rack vouches for a boot
//    from it. An interface that a machine merely claims moves to the machine that boots from it.
// 4. Evidence that two machines are one is reported to a person, who decides. Nothing is merged here.

import { formatIpv4, formatMac, type Ipv4, type MacAddress } from '../../ground/address.ts';
import type { Clock } from '../../ground/clock.ts';
import type { EnlistmentDecision } from '../records/decisions.ts';
import type { EventParams, Happening, ReportIgnored } from '../records/events.ts';
import type { EnlistmentKnowledge, EnlistmentQuestion } from '../records/knowledge.ts';
import {
  BLANK_MACHINE,
  isDeviceOfUser,
  type Machine,
  type MachineFields,
  type UntouchedMachine,
} from '../records/machine.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import type { RefusalWord } from '../records/refusal.ts';
import type { ReportRefused } from '../records/report-refusal.ts';
import { refuseReport } from '../records/report-refusal.ts';
import { type BootProof, provesBoot } from './boot-token.ts';
import { creationEvents, decideEffects, findIdentityDoubt, verdictOn } from './enlistment-effects.ts';
import type { EnlistmentReport, WeighedReport } from './enlistment-report.ts';
import { identifyingSerial, identifyingUuid } from './hardware-identity.ts';
import { chooseNames, isPlaceholderHostname, type NameSource, nameFromFacts } from './hostname.ts';
import { firmMacs, heldMacs, isSwapped, type MergedInterfaces, mergeInterfaces } from './interface-source.ts';
import { findEvicted } from './new-machines.ts';
import { type Candidate, type Recognition, recognise } from './recognition.ts';

/**
 * Bound on the machines of one region, and thus on the racks' desired state. People with an API key
 * can reach it; anonymous reports stop at `region.new_machines_max`. Further machines are refused
 * by name. Deleting machines frees places.
 */
export const MACHINES_MAX = 100_000;

/**
 * Bound on the machines that one user without administrator's rights has added and that no rack has
 * booted. Another one is refused by name. A place becomes free when a rack boots one of them, or an
 * administrator deletes one.
 */
export const UNBOOTED_PER_USER_MAX = 1000;

export type EnlistmentRefusal = RefusalWord & ReportRefused;

interface EnlistmentOptions {
  readonly clock: Clock;
  readonly atMs: number;
  readonly newMachinesMax: number;
  readonly nameFrom?: NameSource | undefined;
}

type Decision = EnlistmentDecision<EnlistmentRefusal>;

export function decideEnlistment(
  weighed: WeighedReport,
  knowledge: EnlistmentKnowledge,
  options: EnlistmentOptions,
): Decision | EnlistmentQuestion {
  const { report } = weighed;
  const claim = knowledge.byMac.find(
    (machine) =>
      isDeviceOfUser(machine) &&
      machine.interfaces.some(({ mac }) => mac === weighed.vouched) &&
      report.isAway?.(machine) !== true,
  );
  if (claim !== undefined) {
    const others = { ...knowledge, byMac: knowledge.byMac.filter((machine) => machine !== claim) };
    const foundAmong = recognise(weighed, others);
    if (foundAmong.known === undefined) return decideCreation(weighed, foundAmong, others, options, claim);
  }
  const recognition = recognise(weighed, knowledge);
  if (report.username !== undefined) {
    const taken = knowledge.byMac[0] ?? recognition.known?.machine;
    if (taken === undefined) return decideCreation(weighed, recognition, knowledge, options);
    const { hostname: name, systemId } = taken;
    return { kind: 'refuse', refusal: refuseReport({ code: 'field.machine-exists', params: { name, systemId } }) };
  }
  if (recognition.known === undefined) return decideCreation(weighed, recognition, knowledge, options);
  // `MachineHomes` logs disbelieved reports: one an hour for each machine and rack, however the
  // rack reports the machine.
  if (report.whyElsewhere?.(recognition.known.machine) !== undefined) {
    return { kind: 'unchanged', systemId: recognition.known.machine.systemId, events: [] };
  }
  const ignored = whyIgnored(weighed, recognition.known);
  if (ignored === undefined)
    return decideAmendment(weighed, recognition, recognition.known.machine, knowledge, options);
  const { systemId } = recognition.known.machine;
  return {
    kind: 'unchanged',
    systemId,
    events: [
      buildEnlistmentEvent('NODE_ENLISTMENT_IGNORED', { code: 'report-ignored', params: ignored }, report, options),
    ],
  };
}

/** Why a report of a known machine is ignored; `undefined` if it is accepted. */
function whyIgnored({ report, vouched }: WeighedReport, candidate: Candidate): ReportIgnored | undefined {
  const { machine, weighing } = candidate;
  const proof: BootProof = { token: report.token, vouchedMac: vouched, address: report.address };
  const { status, systemId } = machine;
  if (status === 'commissioning') {
    const isProven = provesBoot(proof, machine) && report.isAway?.(machine) !== true;
    return isProven ? undefined : { why: 'in-use', status, isWithoutToken: true };
  }
  if (status !== 'new') return { why: 'in-use', status, isWithoutToken: false };
  if (vouched === undefined) return whyUnproven(report, machine);
  if (firmMacs(machine).length === 0 || heldMacs(machine).includes(vouched) || isSwapped(weighing)) return undefined;
  const macs = weighing.macs.map((mac) => formatMac(mac));
  return { why: 'of-another-card', booted: formatMac(vouched), macs, systemId };
}

/**
 * Why the region ignores a report of a New machine if no rack vouches for its boot; `undefined` if
 * it accepts the report.
 */
function whyUnproven(report: EnlistmentReport, machine: Machine): ReportIgnored | undefined {
  if (machine.vouchedMac !== undefined) return { why: 'without-token', isOfPerson: false };
  const { enlistedFrom: first } = machine;
  // The interfaces that an ordinary user enters are hearsay, but their machine has no first
  // reporting address.
  const isOfPerson = first === undefined || machine.interfaces.some(({ source }) => source === 'person');
  if (isOfPerson) return { why: 'without-token', isOfPerson };
  if (first === report.address) return undefined;
  const address = report.address === undefined ? undefined : formatIpv4(report.address);
  return { why: 'from-elsewhere', address, first: formatIpv4(first) };
}

function decideCreation(
  weighed: WeighedReport,
  recognition: Recognition,
  knowledge: EnlistmentKnowledge,
  options: EnlistmentOptions,
  claim?: Machine,
): Decision | EnlistmentQuestion {
  const { report, vouched } = weighed;
  const isCrowded = report.username === undefined && knowledge.newMachines >= options.newMachinesMax;
  if (isCrowded && knowledge.untouched === undefined) return { kind: 'ask', untouched: true };
  const adder = report.isOrdinary === true ? report.username : undefined;
  if (adder !== undefined && knowledge.unbooted === undefined) return { kind: 'ask', unbootedOf: adder };
  const displaced = isCrowded ? goneFor(weighed, knowledge.untouched ?? [], options) : undefined;
  // A report replaces one machine or one device: if no more may be New, it is refused.
  const gone = claim === undefined ? displaced : deviceGone(claim, weighed, options);
  const isFull = displaced === undefined || claim !== undefined;
  const excess = isFull ? refuseCreation(isCrowded, knowledge, options) : undefined;
  if (excess !== undefined) return { kind: 'refuse', refusal: excess };
  const ownName = report.username === undefined ? undefined : reportedName(report);
  if (ownName !== undefined && knowledge.hostnames.get(ownName) === true) {
    return { kind: 'refuse', refusal: refuseReport({ code: 'field.hostname-taken', params: { hostname: ownName } }) };
  }
  const host = ownName === undefined ? undefined : { macs: report.macs, username: adder };
  const wanted = ownName === undefined ? proposedNames(report, options) : [ownName];
  const names = chooseNames(options.clock, knowledge, wanted, host);
  if (names.kind === 'ask') return names;
  const { systemId, hostname } = names;
  const effects = decideEffects(weighed, recognition, systemId, knowledge);
  const { interfaces } = mergeInterfaces(weighed, undefined, effects.foreign, false);
  if (interfaces.length === 0) return { kind: 'refuse', refusal: refuseForeign(recognition) };
  const fields: MachineFields = {
    ...BLANK_MACHINE,
    ...report.edit,
    hostname,
    domain: report.domain,
    status: report.isDeployed === true ? 'deployed' : 'new',
    statusSinceMs: options.atMs,
    netboot: report.isDeployed !== true,
    owner: report.isDeployed === true ? report.username : undefined,
    powerType: report.powerType,
    powerParameters: report.powerParameters,
    powerIsProposed: (report.username === undefined || report.isOrdinary === true) && report.powerType !== '',
    vouchedMac: vouched,
    home: vouched === undefined ? undefined : report.address,
    enlistedFrom: report.username === undefined ? report.address : undefined,
    addedBy: report.isOrdinary === true ? report.username : undefined,
    ...buildHardwareFields(report, options),
  };
  return {
    ...effects.changes,
    kind: 'create',
    systemId,
    fields,
    interfaces,
    gone,
    events: [
      ...creationEvents(weighed, recognition, effects, (type, happening) =>
        buildEnlistmentEvent(type, happening, report, options),
      ),
      ...powerEvents(report, options),
    ],
  };
}

function deviceGone(
  { hostname, systemId, addedBy = '' }: Machine,
  { report }: WeighedReport,
  options: EnlistmentOptions,
) {
  const event: NewMachineEvent = {
    ...buildEnlistmentEvent(
      'NODE_REMOVED',
      { code: 'device-enlisted', params: { hostname, systemId, user: addedBy } },
      report,
      options,
    ),
    level: 'warning',
  };
  return { systemId, event };
}

function goneFor(
  { report, vouched }: WeighedReport,
  untouched: readonly UntouchedMachine[],
  options: EnlistmentOptions,
) {
  const arrival = { address: report.address, isProven: vouched !== undefined };
  const gone = findEvicted(untouched, arrival, options.atMs);
  if (gone === undefined) return undefined;
  const place = (address: Ipv4 | undefined) => (address === undefined ? undefined : formatIpv4(address));
  const { hostname, systemId, isProven } = gone;
  const event: NewMachineEvent = {
    type: 'NODE_REMOVED',
    level: 'warning',
    code: 'machine-displaced',
    params: {
      hostname,
      systemId,
      isProven,
      max: options.newMachinesMax,
      from: place(gone.address),
      newFrom: place(report.address),
    },
    atMs: options.atMs,
    username: '',
  };
  return { systemId: gone.systemId, event };
}

function refuseCreation(
  isCrowded: boolean,
  knowledge: EnlistmentKnowledge,
  options: EnlistmentOptions,
): EnlistmentRefusal | undefined {
  if (isCrowded) {
    return refuseReport({
      code: 'new-machines-limit',
      params: { count: knowledge.newMachines, max: options.newMachinesMax },
    });
  }
  const count = knowledge.unbooted ?? 0;
  if (count >= UNBOOTED_PER_USER_MAX)
    return refuseReport({ code: 'added-machines-limit', params: { count, max: UNBOOTED_PER_USER_MAX } });
  if (knowledge.machines < MACHINES_MAX) return undefined;
  return refuseReport({ code: 'machines-limit.enlistment', params: { count: knowledge.machines } });
}

function refuseForeign(recognition: Recognition): EnlistmentRefusal {
  const holders = recognition.others
    .filter(({ weighing }) => weighing.macs.length > 0)
    .map(({ machine: { hostname, systemId }, weighing }) => ({
      name: hostname,
      systemId,
      macs: weighing.macs.map((mac) => formatMac(mac)),
    }));
  return refuseReport({ code: 'field.machines-mixed', params: { holders } });
}

const reportedName = ({ hostname }: EnlistmentReport) =>
  hostname !== undefined && !isPlaceholderHostname(hostname) ? hostname : undefined;

/** The hostnames to try for a machine's own report, in this order. */
function proposedNames(report: EnlistmentReport, { nameFrom }: EnlistmentOptions): readonly string[] {
  const named = nameFromFacts(nameFrom ?? 'generated', report.facts);
  return [named, reportedName(report)].filter((name) => name !== undefined);
}

function decideAmendment(
  weighed: WeighedReport,
  recognition: Recognition,
  machine: Machine,
  knowledge: EnlistmentKnowledge,
  options: EnlistmentOptions,
): Decision | EnlistmentQuestion {
  const { report, vouched } = weighed;
  const effects = decideEffects(weighed, recognition, machine, knowledge);
  // In Commissioning, only reports with the boot token reach this point.
  const merged = mergeInterfaces(weighed, machine, effects.foreign, machine.status === 'commissioning');
  const doubt = findIdentityDoubt(weighed, machine, merged.replaced, options.atMs);
  const notes = [...interfaceNotes(machine, merged, doubt, knowledge), ...effects.notes];
  const power = { powerType: report.powerType, powerParameters: report.powerParameters };
  const conflicts = [
    ...(effects.changes.conflicts ?? []),
    ...(doubt === undefined ? [] : [{ with: machine.systemId, why: { code: 'maybe-two', params: doubt } as const }]),
  ];
  return {
    ...effects.changes,
    conflicts,
    kind: 'amend',
    systemId: machine.systemId,
    fields: {
      ...buildHardwareFields(report, options),
      ...(vouched === undefined ? {} : { vouchedMac: vouched, home: report.address ?? machine.home }),
      ...(machine.status === 'new' && report.address !== undefined ? { enlistedFrom: report.address } : {}),
      ...(isStrangersPower(vouched, machine) ? { ...power, powerIsProposed: report.powerType !== '' } : {}),
      ...(takesPower(report, machine) ? power : {}),
      ...(takesPower(report, machine) && machine.status === 'new' ? { powerIsProposed: true } : {}),
    },
    interfaces: merged.interfaces,
    events: [
      buildEnlistmentEvent('NODE_COMMISSIONING_EVENT', hardwareReported(report), report, options),
      ...notes.map((note) => buildEnlistmentEvent('NODE_ENLISTMENT_CONFLICT', note, report, options)),
      ...(takesPower(report, machine) ? powerEvents(report, options) : []),
    ],
  };
}

/**
 * Notes on interfaces that a machine lost through its own report. The note that it may be two
 * machines is logged only once.
 */
function interfaceNotes(
  machine: Machine,
  { dropped, replaced }: MergedInterfaces,
  doubt: EventParams['maybe-two'] | undefined,
  knowledge: EnlistmentKnowledge,
): readonly Happening[] {
  const notes: Happening[] = [];
  if (dropped.length > 0)
    notes.push({ code: 'interfaces-removed', params: { macs: dropped.map((mac) => formatMac(mac)) } });
  if (doubt === undefined && replaced.length > 0) {
    notes.push({ code: 'interfaces-replaced', params: { macs: replaced.map((mac) => formatMac(mac)) } });
  }
  if (doubt !== undefined && verdictOn(knowledge, machine, machine) === undefined) {
    notes.push({ code: 'maybe-two', params: doubt });
  }
  return notes;
}

const hardwareReported = ({ leftOut = [] }: EnlistmentReport): Happening => ({
  code: 'hardware-reported',
  params: { leftOut },
});

/** True if the stored power settings come from an unproven report; the first proven boot replaces them. */
const isStrangersPower = (vouched: MacAddress | undefined, machine: Machine) =>
  vouched !== undefined &&
  machine.status === 'new' &&
  machine.vouchedMac === undefined &&
  machine.powerIsProposed === true;

/**
 * True if the reported power settings are stored. A machine's proposal does not replace settings of
 * a person, except the password of the same BMC account: a machine that creates its account at each
 * boot sets a new password each time, and only the newest works.
 */
function takesPower(report: EnlistmentReport, machine: Machine) {
  if (report.powerType === '') return false;
  if (machine.status === 'new' && machine.powerType === '') return true;
  const { power_address: address, power_user: user } = machine.powerParameters;
  const isSameAccount =
    report.powerType === machine.powerType &&
    address === report.powerParameters.power_address &&
    user === report.powerParameters.power_user &&
    report.powerParameters.power_pass !== undefined;
  if (machine.status === 'commissioning') return isSameAccount;
  return machine.powerIsProposed === true && report.powerType !== 'manual';
}

/** The fields in a report; fields it lacks stay as they are. */
function buildHardwareFields(
  report: EnlistmentReport,
  options: EnlistmentOptions,
): Pick<MachineFields, 'architecture' | 'subarchitecture'> &
  Partial<Pick<MachineFields, 'facts' | 'factsMs' | 'uuid' | 'serial'>> {
  const uuid = identifyingUuid(report.facts?.dmi.uuid);
  const serial = identifyingSerial(report.facts?.dmi.serial);
  return {
    architecture: report.architecture,
    subarchitecture: report.subarchitecture,
    ...(report.facts === undefined ? {} : { facts: report.facts, factsMs: options.atMs }),
    ...(uuid === undefined ? {} : { uuid }),
    ...(serial === undefined ? {} : { serial }),
  };
}

function powerEvents(report: EnlistmentReport, options: EnlistmentOptions): readonly NewMachineEvent[] {
  const { power_address: address, power_user: user, power_pass: password } = report.powerParameters;
  if (report.username !== undefined || address === undefined) return [];
  const account = password === undefined || user === undefined ? {} : { user: String(user) };
  const params = { address: String(address), driver: report.powerType, ...account };
  return [buildEnlistmentEvent('NODE_POWER_REPORTED', { code: 'bmc-reported', params }, report, options)];
}

function buildEnlistmentEvent(
  type: NewMachineEvent['type'],
  happening: Happening,
  report: EnlistmentReport,
  options: EnlistmentOptions,
): NewMachineEvent {
  return { type, ...happening, atMs: options.atMs, username: report.username ?? '' };
}
