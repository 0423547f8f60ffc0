// The evidence that an interface belongs to a machine. Every host of the network sees a machine's
// hardware address in its DISCOVER, so a report that names the address proves little.
//
//   person    an administrator entered it             vouched   a rack booted the machine from it
//   shown     a vouched boot reported it too          hearsay   an unproven report, or an ordinary user, named it
//   replaced  another card took its place; it may belong to another machine by now
//
// 1. Racks know a machine by the interfaces that it holds, and secrets go only to those: neither
//    hearsay nor replaced ones. A machine that a person accepted and that has only hearsay holds
//    the interface named first; otherwise it could not work. Of a New machine, racks get only
//    interfaces that are vouched for or entered, because a host that boots from one card can report
//    any other as well.
// 2. A report may raise an interface's evidence but never lowers it, except for a swapped card.
// 3. Hearsay that the machine itself does not show is removed.

import { formatMac, type MacAddress } from '../../ground/address.ts';
import type { ReportedInterface } from '../records/decisions.ts';
import { INTERFACE_SOURCES, type InterfaceSource, type Machine, type MachineInterface } from '../records/machine.ts';
import type { WeighedReport } from './enlistment-report.ts';
import type { Weighing } from './evidence.ts';

/**
 * Bound on the interfaces of one machine. A report with more is refused; known ones beyond the
 * bound are removed.
 */
export const INTERFACES_MAX = 64;

type Interfaces = Pick<Machine, 'interfaces'>;

const rank = (source: InterfaceSource) => INTERFACE_SOURCES.indexOf(source);
const isFirm = ({ source }: MachineInterface) => source === 'person' || source === 'vouched';

export const firmMacs = ({ interfaces }: Interfaces): readonly MacAddress[] =>
  interfaces.filter(isFirm).map((nic) => nic.mac);

/** The machine's own interfaces, the boot interface first; if there is only hearsay, the one named first. */
export function heldMacs({ interfaces }: Interfaces): readonly MacAddress[] {
  const held = interfaces.filter(({ source }) => source !== 'hearsay' && source !== 'replaced');
  return (held.length > 0 ? held : interfaces.slice(0, 1)).map((nic) => nic.mac);
}

/** The interfaces by which racks know the machine; empty if only unproven reports mention it. */
export const macsForRacks = (machine: Pick<Machine, 'status' | 'interfaces'>): readonly MacAddress[] =>
  machine.status === 'new' ? firmMacs(machine) : heldMacs(machine);

/** True for a machine that a person made, merged or split. */
export const isMadeByPerson = ({ interfaces }: Interfaces): boolean =>
  interfaces.some(({ source }) => source === 'person');

/**
 * True for a machine with better evidence than unproven reports: a person accepted or added it, or
 * a rack booted it.
 */
export const isEstablished = (machine: Pick<Machine, 'status' | 'interfaces'>): boolean =>
  machine.status !== 'new' || machine.interfaces.some(isFirm);

/**
 * True if enough values agree to conclude that a card was swapped. A UUID alone is visible to every
 * host, and an asset tag can be guessed.
 */
export function isSwapped({ same, other }: Weighing): boolean {
  const serials = same.filter((kind) => kind === 'serial' || kind === 'board-serial').length;
  return !other.includes('serial') && (serials > 1 || (serials === 1 && same.includes('uuid')));
}

/**
 * True for a machine that merely claims the interface from which the reporting machine booted: the
 * report contains none of the interfaces that certainly belong to the claiming machine.
 */
export function claimsOnly({ machine, weighing }: Held, { vouched, evidence }: WeighedReport): boolean {
  const nic = machine.interfaces.find(({ mac }) => mac === vouched);
  if (nic === undefined || isFirm(nic) || isSwapped(weighing)) return false;
  const firm = firmMacs(machine);
  const isOpen = machine.status === 'new' || machine.status === 'commissioning';
  if (nic.source === 'shown' && !isOpen) return false;
  if (firm.length === 0 && (machine.status === 'new' || heldMacs(machine).includes(nic.mac))) return false;
  return !(firm.length > 0 ? firm : heldMacs(machine)).some((mac) => evidence.macs.includes(mac));
}

interface Held {
  readonly machine: Machine;
  readonly weighing: Weighing;
}

export interface MergedInterfaces {
  readonly interfaces: readonly ReportedInterface[];
  /** Removed hearsay, which the machine does not show. */
  readonly dropped: readonly MacAddress[];
  /** Interfaces that the reported ones replaced. */
  readonly replaced: readonly MacAddress[];
}

/**
 * Merges a report into the known interfaces. The reported interfaces come first, in their order;
 * for an unproven report, the known ones come first.
 * @param foreign hardware addresses that stay with other machines
 * @param isProven whether the report shows the machine's boot token
 */
export function mergeInterfaces(
  weighed: WeighedReport,
  machine: Machine | undefined,
  foreign: ReadonlySet<MacAddress>,
  isProven: boolean,
): MergedInterfaces {
  const { report, evidence, vouched } = weighed;
  const isOwnReport = vouched !== undefined || isProven;
  const before = machine?.interfaces ?? [];
  const names = new Map<string, string>();
  for (const nic of before) names.set(formatMac(nic.mac), nic.name);
  for (const nic of report.facts?.nics ?? []) {
    if (nic.name !== '') names.set(nic.mac.toLowerCase().replace(/-/g, ':'), nic.name);
  }
  const shownMacs = new Set(evidence.macs);
  const isSwap = vouched !== undefined && before.length > 0 && !before.some(({ mac }) => shownMacs.has(mac));
  const isBack = before.some(({ mac, source }) => mac === vouched && source === 'replaced');
  const dropped: MacAddress[] = [];
  const replaced: MacAddress[] = [];
  const sources = new Map<MacAddress, InterfaceSource>();
  for (const { mac, source } of before) {
    if (isOwnReport && source === 'hearsay' && !shownMacs.has(mac)) dropped.push(mac);
    else if ((isSwap || isBack) && (source === 'vouched' || source === 'shown') && !shownMacs.has(mac))
      replaced.push(mac);
    else sources.set(mac, source);
  }
  const isPerson = report.username !== undefined && report.isOrdinary !== true;
  const reported = isPerson ? 'person' : isOwnReport ? 'shown' : 'hearsay';
  for (const mac of evidence.macs) {
    const now = mac === vouched && reported !== 'person' ? 'vouched' : reported;
    const was = sources.get(mac);
    // Only a proven report can bring back a replaced card.
    const isRaised = was === undefined || (rank(now) > rank(was) && (was !== 'replaced' || isOwnReport));
    sources.set(mac, isRaised ? now : was);
  }
  for (const mac of replaced) sources.set(mac, 'replaced');
  const order = isOwnReport || machine === undefined ? [...evidence.macs, ...sources.keys()] : [...sources.keys()];
  const macs = [...new Set(order)].filter((mac) => sources.has(mac) && !foreign.has(mac)).slice(0, INTERFACES_MAX);
  return {
    interfaces: macs.map((mac) => ({ mac, name: names.get(formatMac(mac)) ?? '', source: sources.get(mac) })),
    dropped,
    replaced,
  };
}
