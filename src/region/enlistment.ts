// A machine reports itself: is it one we know, and what of the report is taken over?
//
//   same hardware address ─┐
//   else same UUID, and no ├─► known ── New ────────────► amended
//   contradicting serial  ─┘        ├── Commissioning ──► hardware amended, nothing that an operator may have set
//                                   └── anything else ──► unchanged, told who it is, and an event says so
//   none of these ────────────► created as New, unless too many are New already
//
// 1. A report never changes a machine that is in use, never removes a machine, and never takes an address from another machine.
// 2. The same report again changes nothing but the time.
// 3. Addresses are only ever added: a machine that shows part of its interfaces stays the same machine.

import type { Clock } from '../clock.ts';
import { formatMac, type MacAddress } from '../net/address.ts';
import type { HardwareFacts } from './hardware-facts.ts';
import { identifyingSerial, identifyingUuid, isIdentifyingMac } from './hardware-identity.ts';
import { chooseHostname, chooseSystemId, isPlaceholderHostname } from './hostname.ts';
import { statusRow } from './lifecycle.ts';
import type { Machine, MachineFields } from './machine.ts';
import type { NewMachineEvent } from './machine-event.ts';
import type { PowerParameters } from './power-parameters.ts';
import type { EnlistmentDecision, EnlistmentKnowledge, ReportedInterface } from './store.ts';

/** Of one machine; further ones of a report are refused, further known ones are forgotten. */
export const INTERFACES_MAX = 64;
/** Machines that one region keeps; what a rack is told is bounded by it. */
export const MACHINES_MAX = 100_000;

/** What a machine, or a person on its behalf, says of it; checked already. */
export interface EnlistmentReport {
  /** The boot interface first; at least one. */
  readonly macs: readonly MacAddress[];
  readonly architecture: string;
  readonly subarchitecture: string;
  /** A valid label, or undefined: choose one. */
  readonly hostname: string | undefined;
  readonly domain: string;
  readonly powerType: string;
  readonly powerParameters: PowerParameters;
  readonly facts: HardwareFacts | undefined;
  /** Who reports; undefined: the machine itself, without a key. */
  readonly username: string | undefined;
}

/** Why a report is not taken. */
export interface EnlistmentRefusal {
  readonly reason: 'new-machines-limit' | 'machines-limit' | 'hostname-taken' | 'mac-taken';
  readonly text: string;
}

/** Everything the decision takes besides the report and the store. */
export interface EnlistmentTerms {
  readonly clock: Clock;
  readonly atMs: number;
  readonly newMachinesMax: number;
}

/** The addresses and the UUID by which the store shall look. */
export function evidenceOf(report: EnlistmentReport): { macs: readonly MacAddress[]; uuid: string | undefined } {
  return { macs: report.macs.filter(isIdentifyingMac), uuid: identifyingUuid(report.facts?.dmi.uuid) };
}

/** The known machine that sent this report, or undefined. */
export function findReporter(report: EnlistmentReport, knowledge: EnlistmentKnowledge): Machine | undefined {
  const boot = report.macs[0];
  const { macs, uuid } = evidenceOf(report);
  const score = (machine: Machine): number =>
    (machine.interfaces.some((nic) => nic.mac === boot) ? 1000 : 0) +
    (uuid !== undefined && machine.uuid === uuid ? 500 : 0) +
    machine.interfaces.filter((nic) => macs.includes(nic.mac)).length;
  const byMac = [...knowledge.byMac].sort((a, b) => score(b) - score(a) || a.id - b.id)[0];
  if (byMac !== undefined) return byMac;
  const serial = identifyingSerial(report.facts?.dmi.serial);
  const alike = knowledge.byUuid.filter(
    (machine) => serial === undefined || machine.serial === undefined || machine.serial === serial,
  );
  // A machine with the very serial number is better evidence than one that never told its own.
  return alike.find((machine) => machine.serial !== undefined && machine.serial === serial) ?? alike[0];
}

/** What becomes of a report. */
export function decideEnlistment(
  report: EnlistmentReport,
  knowledge: EnlistmentKnowledge,
  terms: EnlistmentTerms,
): EnlistmentDecision<EnlistmentRefusal> {
  const known = findReporter(report, knowledge);
  if (known === undefined) return decideCreation(report, knowledge, terms);
  if (report.username !== undefined) {
    const text = `${known.hostname} (${known.systemId}) is this machine already: edit or delete it instead`;
    return { kind: 'refuse', refusal: { reason: 'mac-taken', text } };
  }
  if (known.status === 'new' || known.status === 'commissioning')
    return decideAmendment(report, known, knowledge, terms);
  const description = `it reported itself while it is ${statusRow(known.status).name}; nothing was changed`;
  return {
    kind: 'unchanged',
    systemId: known.systemId,
    events: [eventOf('NODE_ENLISTMENT_IGNORED', description, report, terms)],
  };
}

function decideCreation(
  report: EnlistmentReport,
  knowledge: EnlistmentKnowledge,
  terms: EnlistmentTerms,
): EnlistmentDecision<EnlistmentRefusal> {
  if (report.username === undefined && knowledge.newMachines >= terms.newMachinesMax) {
    const text =
      `${knowledge.newMachines} machines are New, and no more than ${terms.newMachinesMax} may be: ` +
      'accept or delete some of them, then start this machine again';
    return { kind: 'refuse', refusal: { reason: 'new-machines-limit', text } };
  }
  if (knowledge.machines >= MACHINES_MAX) {
    const text = `${knowledge.machines} machines are all that one region keeps: delete some that are gone`;
    return { kind: 'refuse', refusal: { reason: 'machines-limit', text } };
  }
  const wanted = report.hostname !== undefined && !isPlaceholderHostname(report.hostname) ? report.hostname : undefined;
  const isFree = wanted !== undefined && !knowledge.isHostnameTaken(wanted);
  if (report.username !== undefined && wanted !== undefined && !isFree) {
    return {
      kind: 'refuse',
      refusal: { reason: 'hostname-taken', text: `the hostname ${wanted} is taken: choose another` },
    };
  }
  const hostname = isFree ? wanted : chooseHostname(terms.clock, (name) => knowledge.isHostnameTaken(name));
  const fields: MachineFields = {
    hostname,
    domain: report.domain,
    description: '',
    status: 'new',
    statusMessage: '',
    statusSinceMs: terms.atMs,
    osystem: '',
    release: '',
    netboot: true,
    powerType: report.powerType,
    powerParameters: report.powerParameters,
    powerState: 'unknown',
    ...hardwareOf(report),
  };
  return {
    kind: 'create',
    systemId: chooseSystemId(terms.clock, (id) => knowledge.isSystemIdTaken(id)),
    fields,
    interfaces: mergeInterfaces(report, undefined, knowledge),
    events: [eventOf('NEW', 'it reported itself for the first time', report, terms)],
  };
}

function decideAmendment(
  report: EnlistmentReport,
  known: Machine,
  knowledge: EnlistmentKnowledge,
  terms: EnlistmentTerms,
): EnlistmentDecision<EnlistmentRefusal> {
  const events = [eventOf('NODE_COMMISSIONING_EVENT', 'it reported its hardware', report, terms)];
  for (const other of knowledge.byMac) {
    if (other.id === known.id) continue;
    const shared = other.interfaces.filter((nic) => report.macs.includes(nic.mac)).map((nic) => formatMac(nic.mac));
    const description = `it shows ${shared.join(', ')}, which belongs to ${other.hostname} (${other.systemId})`;
    events.push(eventOf('NODE_ENLISTMENT_CONFLICT', description, report, terms));
  }
  const takesPower = known.status === 'new' && known.powerType === '' && report.powerType !== '';
  return {
    kind: 'amend',
    systemId: known.systemId,
    fields: {
      ...hardwareOf(report),
      ...(takesPower ? { powerType: report.powerType, powerParameters: report.powerParameters } : {}),
    },
    interfaces: mergeInterfaces(report, known, knowledge),
    events,
  };
}

/** The fields that a report describes. What it does not know it does not erase. */
function hardwareOf(
  report: EnlistmentReport,
): Pick<MachineFields, 'architecture' | 'subarchitecture'> & Partial<Pick<MachineFields, 'facts' | 'uuid' | 'serial'>> {
  const uuid = identifyingUuid(report.facts?.dmi.uuid);
  const serial = identifyingSerial(report.facts?.dmi.serial);
  return {
    architecture: report.architecture,
    subarchitecture: report.subarchitecture,
    ...(report.facts === undefined ? {} : { facts: report.facts }),
    ...(uuid === undefined ? {} : { uuid }),
    ...(serial === undefined ? {} : { serial }),
  };
}

/** The reported interfaces in their order, then those known before; without those of other machines. */
function mergeInterfaces(
  report: EnlistmentReport,
  known: Machine | undefined,
  knowledge: EnlistmentKnowledge,
): readonly ReportedInterface[] {
  const foreign = new Set<MacAddress>();
  for (const other of knowledge.byMac) {
    if (other.id !== known?.id) for (const nic of other.interfaces) foreign.add(nic.mac);
  }
  const names = new Map<string, string>();
  for (const nic of known?.interfaces ?? []) names.set(formatMac(nic.mac), nic.name);
  for (const nic of report.facts?.nics ?? []) {
    if (nic.name !== '') names.set(nic.mac.toLowerCase().replace(/-/g, ':'), nic.name);
  }
  const macs = new Set([...report.macs.filter(isIdentifyingMac), ...(known?.interfaces ?? []).map((nic) => nic.mac)]);
  return [...macs]
    .filter((mac) => !foreign.has(mac))
    .slice(0, INTERFACES_MAX)
    .map((mac) => ({ mac, name: names.get(formatMac(mac)) ?? '' }));
}

function eventOf(
  type: NewMachineEvent['type'],
  description: string,
  report: EnlistmentReport,
  terms: EnlistmentTerms,
): NewMachineEvent {
  return { type, description, atMs: terms.atMs, username: report.username ?? '' };
}
