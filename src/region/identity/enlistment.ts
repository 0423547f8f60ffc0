// A machine reports itself: is it one we know, and what of the report is taken over?
//
//   recognised (recognition.ts) ─┬─ New ────────────────► amended: by a boot that a rack vouched for, unless it is another machine's;
//                                │                        while there was none, by the address alone that reported it first
//                                ├─ Commissioning ──────► hardware amended, when it shows the token of its boot
//                                └─ anything else ──────► unchanged, told who it is, and an event says so
//   not recognised ──────────────► created as New; when too many are New already in the place of one that gives way, or refused
//
// 1. A report never changes a machine that is in use, unless it shows the token of that machine's present boot; and never removes one.
// 2. The same report again changes nothing but the time.
// 3. Addresses are only ever added, but for hearsay that the machine itself does not show (`interface-source.ts`), and for a card that
//    was moved: it goes from a New machine to the one whose UUID and serial number it is now reported with, never from one for whose
//    boot by that very address a rack vouched, unless a rack vouches for the new one too. What a machine merely claims goes to the one
//    that boots by it.
// 4. Whatever speaks for two machines being one is told to a person, who decides: nothing is merged here.

import type { Clock } from '../../clock.ts';
import { counted } from '../../counted.ts';
import { formatIpv4, formatMac, type Ipv4, type MacAddress } from '../../net/address.ts';
import { statusRow } from '../records/lifecycle.ts';
import type { Machine, MachineFields } from '../records/machine.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import type { EnlistmentDecision, EnlistmentKnowledge } from '../records/store.ts';
import { type BootProof, provesBoot } from './boot-token.ts';
import { creationEvents, doubtOf, effectsOf, withoutText } from './enlistment-effects.ts';
import type { EnlistmentReport, WeighedReport } from './enlistment-report.ts';
import { identifyingSerial, identifyingUuid } from './hardware-identity.ts';
import { chooseHostname, chooseSystemId, isPlaceholderHostname, type NameSource, nameFromFacts } from './hostname.ts';
import { firmMacs, heldMacs, isSwapped, type MergedInterfaces, mergeInterfaces } from './interface-source.ts';
import { whoGivesWay } from './new-machines.ts';
import { type Candidate, type Recognition, recognise } from './recognition.ts';

/**
 * Machines that one region keeps; what a rack is told is bounded by it. People with a key fill it (strangers stop at
 * `region.new_machines_max`); further ones are refused by name. It empties when machines are deleted.
 */
export const MACHINES_MAX = 100_000;

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
  /** What a machine is named after. Default: two words. */
  readonly nameFrom?: NameSource | undefined;
}

/** What becomes of a report. */
export function decideEnlistment(
  weighed: WeighedReport,
  knowledge: EnlistmentKnowledge,
  terms: EnlistmentTerms,
): EnlistmentDecision<EnlistmentRefusal> {
  const { report } = weighed;
  const found = recognise(weighed, knowledge);
  if (report.username !== undefined) {
    const taken = knowledge.byMac[0] ?? found.known?.machine;
    if (taken === undefined) return decideCreation(weighed, found, knowledge, terms);
    const text = `${taken.hostname} (${taken.systemId}) is this machine already: edit or delete it instead`;
    return { kind: 'refuse', refusal: { reason: 'mac-taken', text } };
  }
  if (found.known === undefined) return decideCreation(weighed, found, knowledge, terms);
  // Told by `MachineHomes`, which tells it once an hour in whatever way a rack says it.
  if (report.whyElsewhere?.(found.known.machine) !== undefined) {
    return { kind: 'unchanged', systemId: found.known.machine.systemId, events: [] };
  }
  const ignored = whyIgnored(weighed, found.known);
  if (ignored === undefined) return decideAmendment(weighed, found, found.known.machine, knowledge, terms);
  const { systemId } = found.known.machine;
  return {
    kind: 'unchanged',
    systemId,
    events: [eventOf('NODE_ENLISTMENT_IGNORED', `${ignored}; nothing was changed`, report, terms)],
  };
}

/** Why a report of a machine that is known is not taken over; undefined: it is. */
function whyIgnored({ report, vouched }: WeighedReport, known: Candidate): string | undefined {
  const { machine, weighing } = known;
  const proof: BootProof = { token: report.token, vouchedMac: vouched, address: report.address };
  if (machine.status === 'commissioning') {
    return provesBoot(proof, machine) && report.isAway?.(machine) !== true
      ? undefined
      : 'it reported itself without the token of its boot while it is Commissioning';
  }
  if (machine.status !== 'new') return `it reported itself while it is ${statusRow(machine.status).name}`;
  if (vouched === undefined) return whyUnproven(report, machine);
  if (firmMacs(machine).length === 0 || heldMacs(machine).includes(vouched) || isSwapped(weighing)) return undefined;
  const shown = weighing.macs.map((mac) => formatMac(mac)).join(' ');
  return (
    `${formatMac(vouched)} reported as this machine, which is another by all that is known: it showed ${shown}. If it has that card now, ` +
    `\`rackboot machines split ${machine.systemId} --mac ${shown}\`, or delete this machine`
  );
}

/** Why a report without the word of a rack is not taken over by a New machine; undefined: it is. */
function whyUnproven(report: EnlistmentReport, machine: Machine): string | undefined {
  if (machine.vouchedMac !== undefined) {
    return 'somebody reported as this machine without the token that its rack gives to its boot';
  }
  if (machine.interfaces.some(({ source }) => source === 'person')) {
    return 'somebody reported as this machine, which a person made, without the token that its rack gives to its boot';
  }
  const { enlistedFrom: first } = machine;
  if (first === undefined || first === report.address) return undefined;
  const now = report.address === undefined ? 'an address that nobody knows' : formatIpv4(report.address);
  return (
    `${now} reported as this machine, which ${formatIpv4(first)} reported first, and no rack says that either of them booted it. ` +
    'Start it from the network: a boot proves which it is'
  );
}

function decideCreation(
  weighed: WeighedReport,
  found: Recognition,
  knowledge: EnlistmentKnowledge,
  terms: EnlistmentTerms,
): EnlistmentDecision<EnlistmentRefusal> {
  const { report, vouched } = weighed;
  const gone = isCrowded(report, knowledge, terms) ? goneFor(weighed, knowledge, terms) : undefined;
  const refusal = gone === undefined ? refuseCreation(report, knowledge, terms) : undefined;
  if (refusal !== undefined) return { kind: 'refuse', refusal };
  const systemId = chooseSystemId(terms.clock, (id) => knowledge.isSystemIdTaken(id));
  const effects = effectsOf(weighed, found, systemId, knowledge);
  const { interfaces } = mergeInterfaces(weighed, undefined, effects.foreign, false);
  if (interfaces.length === 0) return { kind: 'refuse', refusal: refuseForeign(found) };
  const hostname = chooseName(report, knowledge, terms);
  if (hostname === undefined) {
    const text = `the hostname ${report.hostname ?? ''} is taken: choose another`;
    return { kind: 'refuse', refusal: { reason: 'hostname-taken', text } };
  }
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
    powerIsProposed: (report.username === undefined || report.isOrdinary === true) && report.powerType !== '',
    powerState: 'unknown',
    vouchedMac: vouched,
    home: vouched === undefined ? undefined : report.address,
    enlistedFrom: report.username === undefined ? report.address : undefined,
    ...hardwareOf(report, terms),
  };
  return {
    ...effects.changes,
    kind: 'create',
    systemId,
    fields,
    interfaces,
    gone,
    events: [
      ...creationEvents(weighed, found, effects, (type, description) => eventOf(type, description, report, terms)),
      ...powerEvents(report, terms),
    ],
  };
}

/** True when as many machines are New as strangers may make. */
const isCrowded = (report: EnlistmentReport, knowledge: EnlistmentKnowledge, terms: EnlistmentTerms): boolean =>
  report.username === undefined && knowledge.newMachines >= terms.newMachinesMax;

/** The New machine that gives its place to a reported one, with the event that says so; undefined: none does. */
function goneFor({ report, vouched }: WeighedReport, knowledge: EnlistmentKnowledge, terms: EnlistmentTerms) {
  const newcomer = { address: report.address, isProven: vouched !== undefined };
  const gone = whoGivesWay(knowledge.unproven(), newcomer, terms.atMs);
  if (gone === undefined) return undefined;
  const place = (address: Ipv4 | undefined): string => (address === undefined ? '' : ` from ${formatIpv4(address)}`);
  const description =
    `${gone.hostname} (${gone.systemId}), reported${place(gone.address)} and never booted by a rack, gave its place among the New machines ` +
    `to one reported${place(report.address)}: no more than ${terms.newMachinesMax} may be (region.new_machines_max)`;
  const event: NewMachineEvent = {
    type: 'NODE_REMOVED',
    level: 'warning',
    description,
    atMs: terms.atMs,
    username: '',
  };
  return { systemId: gone.systemId, event };
}

/** The bounds of how many machines there may be. */
function refuseCreation(
  report: EnlistmentReport,
  knowledge: EnlistmentKnowledge,
  terms: EnlistmentTerms,
): EnlistmentRefusal | undefined {
  if (isCrowded(report, knowledge, terms)) {
    const text =
      `${counted(knowledge.newMachines, 'machine is', 'machines are')} New, and no more than ${terms.newMachinesMax} may be (region.new_machines_max), none of which ` +
      'has to give way: accept or delete some of them, then start this machine again';
    return { reason: 'new-machines-limit', text };
  }
  if (knowledge.machines < MACHINES_MAX) return undefined;
  const text = `${counted(knowledge.machines, 'machine')} are all that one region keeps: delete some that are gone`;
  return { reason: 'machines-limit', text };
}

/** Every address that it shows belongs to machines that are not to give it away. */
function refuseForeign(found: Recognition): EnlistmentRefusal {
  const owners = found.others
    .filter(({ weighing }) => weighing.macs.length > 0)
    .map(({ machine, weighing }) => {
      const macs = weighing.macs.map((mac) => formatMac(mac)).join(' ');
      return `${machine.hostname} (${machine.systemId}) has ${macs}: \`rackboot machines split ${machine.systemId} --mac ${macs}\``;
    });
  const text = `its UUID or serial number is another machine's than its hardware addresses say. If a card was moved: ${owners.join('; ')}`;
  return { reason: 'mac-taken', text };
}

/** The name of a new machine; undefined: the one that a person wants is taken. */
function chooseName(
  report: EnlistmentReport,
  knowledge: EnlistmentKnowledge,
  terms: EnlistmentTerms,
): string | undefined {
  const isTaken = (name: string): boolean => knowledge.isHostnameTaken(name);
  const wanted = report.hostname !== undefined && !isPlaceholderHostname(report.hostname) ? report.hostname : undefined;
  if (wanted !== undefined && report.username !== undefined) return isTaken(wanted) ? undefined : wanted;
  const named = nameFromFacts(terms.nameFrom ?? 'generated', report.facts);
  const free = [named, wanted].find((name) => name !== undefined && !isTaken(name));
  return free ?? chooseHostname(terms.clock, isTaken);
}

function decideAmendment(
  weighed: WeighedReport,
  found: Recognition,
  known: Machine,
  knowledge: EnlistmentKnowledge,
  terms: EnlistmentTerms,
): EnlistmentDecision<EnlistmentRefusal> {
  const { report, vouched } = weighed;
  const effects = effectsOf(weighed, found, known, knowledge);
  // Only a report that shows the token of its boot amends a machine that is being commissioned.
  const merged = mergeInterfaces(weighed, known, effects.foreign, known.status === 'commissioning');
  const doubt = doubtOf(weighed, known, merged.replaced, terms.atMs);
  const told = [...toldOfInterfaces(known, merged, doubt, knowledge), ...effects.told];
  const power = { powerType: report.powerType, powerParameters: report.powerParameters };
  const conflicts = [
    ...(effects.changes.conflicts ?? []),
    ...(doubt === undefined ? [] : [{ with: known.systemId, text: doubt }]),
  ];
  return {
    ...effects.changes,
    conflicts,
    kind: 'amend',
    systemId: known.systemId,
    fields: {
      ...hardwareOf(report, terms),
      ...(vouched === undefined ? {} : { vouchedMac: vouched, home: report.address ?? known.home }),
      ...(known.status === 'new' && report.address !== undefined ? { enlistedFrom: report.address } : {}),
      ...(isStrangersPower(vouched, known) ? { ...power, powerIsProposed: report.powerType !== '' } : {}),
      ...(takesPower(report, known) ? power : {}),
      ...(takesPower(report, known) && known.status === 'new' ? { powerIsProposed: true } : {}),
    },
    interfaces: merged.interfaces,
    events: [
      eventOf('NODE_COMMISSIONING_EVENT', `it reported its hardware${withoutText(report)}`, report, terms),
      ...told.map((text) => eventOf('NODE_ENLISTMENT_CONFLICT', text, report, terms)),
      ...(takesPower(report, known) ? powerEvents(report, terms) : []),
    ],
  };
}

/** What a person is told of the interfaces that a machine lost by its own report; that it may be two machines, once. */
function toldOfInterfaces(
  known: Machine,
  { dropped, replaced }: MergedInterfaces,
  doubt: string | undefined,
  knowledge: EnlistmentKnowledge,
): readonly string[] {
  const list = (macs: readonly MacAddress[]): string => macs.map((mac) => formatMac(mac)).join(', ');
  return [
    ...(dropped.length === 0
      ? []
      : [
          `${list(dropped)} was in its record by a stranger's word, and the machine does not show it: it was taken out`,
        ]),
    ...(doubt === undefined && replaced.length > 0 ? [`another card took the place of ${list(replaced)}`] : []),
    ...(doubt === undefined || knowledge.verdictOn(known, known) !== undefined ? [] : [`it ${doubt}`]),
  ];
}

/** A stranger said how to switch it before its boot was proven: of that nothing stays. */
const isStrangersPower = (vouched: MacAddress | undefined, known: Machine): boolean =>
  vouched !== undefined && known.status === 'new' && known.vouchedMac === undefined && known.powerIsProposed === true;

/**
 * What a machine proposes replaces nothing that a person has set. A machine that makes an account of its own on its BMC at each
 * boot has a new password each time: the newest is the one that works.
 */
function takesPower(report: EnlistmentReport, known: Machine): boolean {
  if (report.powerType === '') return false;
  if (known.status === 'new' && known.powerType === '') return true;
  const { power_address: address, power_user: user } = known.powerParameters;
  const isSameAccount =
    report.powerType === known.powerType &&
    address === report.powerParameters.power_address &&
    user === report.powerParameters.power_user &&
    report.powerParameters.power_pass !== undefined;
  if (known.status === 'commissioning') return isSameAccount;
  return known.powerIsProposed === true && report.powerType !== 'manual';
}

/** The fields that a report describes. What it does not know it does not erase. */
function hardwareOf(
  report: EnlistmentReport,
  terms: EnlistmentTerms,
): Pick<MachineFields, 'architecture' | 'subarchitecture'> &
  Partial<Pick<MachineFields, 'facts' | 'factsMs' | 'uuid' | 'serial'>> {
  const uuid = identifyingUuid(report.facts?.dmi.uuid);
  const serial = identifyingSerial(report.facts?.dmi.serial);
  return {
    architecture: report.architecture,
    subarchitecture: report.subarchitecture,
    ...(report.facts === undefined ? {} : { facts: report.facts, factsMs: terms.atMs }),
    ...(uuid === undefined ? {} : { uuid }),
    ...(serial === undefined ? {} : { serial }),
  };
}

/** That a machine has found its own BMC, and whether it made an account on it. */
function powerEvents(report: EnlistmentReport, terms: EnlistmentTerms): readonly NewMachineEvent[] {
  const { power_address: address, power_user: user, power_pass: password } = report.powerParameters;
  if (report.username !== undefined || address === undefined) return [];
  const account = password === undefined || user === undefined ? '' : `; its user ${user} has a new password`;
  return [eventOf('NODE_POWER_REPORTED', `its BMC is at ${address} (${report.powerType})${account}`, report, terms)];
}

function eventOf(
  type: NewMachineEvent['type'],
  description: string,
  report: EnlistmentReport,
  terms: EnlistmentTerms,
): NewMachineEvent {
  return { type, description, atMs: terms.atMs, username: report.username ?? '' };
}
