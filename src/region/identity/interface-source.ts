// Where it is known from that an interface is a machine's own. Everybody hears a machine's hardware address in its DISCOVER, so that
// somebody names it means little.
//
//   person    an administrator said so                vouched   a rack booted the machine by it
//   shown     a booted machine showed it beside       hearsay   a stranger said so, or an account without rights
//   replaced  its place was taken by another card: it may be another machine's by now
//
// 1. Racks are told of, and secrets are for, those that a machine holds: hearsay and what was replaced are not among them. Of a machine
//    that a person accepted, and of which there is hearsay only, it is the first, the one that was named first; otherwise it could not be
//    worked with at all. Of a New machine the rack is told only those that are vouched for or a person's: who boots by one card can show
//    anybody's beside it.
// 2. A report raises what is known of an interface, and never lowers it, but for a card that was swapped.
// 3. Hearsay that the machine itself does not show goes.

import { formatMac, type MacAddress } from '../../net/address.ts';
import { INTERFACE_SOURCES, type InterfaceSource, type Machine, type MachineInterface } from '../records/machine.ts';
import type { ReportedInterface } from '../records/store.ts';
import type { WeighedReport } from './enlistment-report.ts';
import type { Weighing } from './evidence.ts';

/** Of one machine; further ones of a report are refused, further known ones are forgotten. */
export const INTERFACES_MAX = 64;

type Interfaces = Pick<Machine, 'interfaces'>;

const rank = (source: InterfaceSource): number => INTERFACE_SOURCES.indexOf(source);
const isFirm = ({ source }: MachineInterface): boolean => source === 'person' || source === 'vouched';

/** The interfaces by which a rack booted it, or which a person gave it. */
export const firmMacs = ({ interfaces }: Interfaces): readonly MacAddress[] =>
  interfaces.filter(isFirm).map((nic) => nic.mac);

/** The interfaces that are its own, the boot interface first; of a machine that nobody but a report knows, the one that was named first. */
export function heldMacs({ interfaces }: Interfaces): readonly MacAddress[] {
  const held = interfaces.filter(({ source }) => source !== 'hearsay' && source !== 'replaced');
  return (held.length > 0 ? held : interfaces.slice(0, 1)).map((nic) => nic.mac);
}

/** The interfaces by which a rack may know it; empty: nobody but a stranger's report says that it is there. */
export const toldMacs = (machine: Pick<Machine, 'status' | 'interfaces'>): readonly MacAddress[] =>
  machine.status === 'new' ? firmMacs(machine) : heldMacs(machine);

/** True for a machine that a person made, merged or split. */
export const isMadeByPerson = ({ interfaces }: Interfaces): boolean =>
  interfaces.some(({ source }) => source === 'person');

/** True for a machine that more than a stranger's word speaks for: a person accepted or made it, or a rack booted it. */
export const isEstablished = (machine: Pick<Machine, 'status' | 'interfaces'>): boolean =>
  machine.status !== 'new' || machine.interfaces.some(isFirm);

/** True when so much is the same that the card was swapped: a UUID alone is heard by everybody, and a tag is guessed. */
export function isSwapped({ same, other }: Weighing): boolean {
  const serials = same.filter((kind) => kind === 'serial' || kind === 'board-serial').length;
  return !other.includes('serial') && (serials > 1 || (serials === 1 && same.includes('uuid')));
}

/**
 * True for a machine that merely claims the interface by which another booted: none of those that are surely its own is in the
 * report.
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

/** The interfaces of a machine after a report, and what of it went. */
export interface MergedInterfaces {
  readonly interfaces: readonly ReportedInterface[];
  /** Hearsay that the machine does not show. */
  readonly dropped: readonly MacAddress[];
  /** Those whose place the reported ones took. */
  readonly replaced: readonly MacAddress[];
}

/**
 * The reported interfaces in their order, then those known before; after a stranger's report those known before come first.
 * @param foreign those that stay with other machines
 * @param isProven the report shows the token of the machine's boot
 */
export function mergeInterfaces(
  weighed: WeighedReport,
  known: Machine | undefined,
  foreign: ReadonlySet<MacAddress>,
  isProven: boolean,
): MergedInterfaces {
  const { report, evidence, vouched } = weighed;
  const isOwnWord = vouched !== undefined || isProven;
  const before = known?.interfaces ?? [];
  const names = new Map<string, string>();
  for (const nic of before) names.set(formatMac(nic.mac), nic.name);
  for (const nic of report.facts?.nics ?? []) {
    if (nic.name !== '') names.set(nic.mac.toLowerCase().replace(/-/g, ':'), nic.name);
  }
  const shown = new Set(evidence.macs);
  const isSwap = vouched !== undefined && before.length > 0 && !before.some(({ mac }) => shown.has(mac));
  const isBack = before.some(({ mac, source }) => mac === vouched && source === 'replaced');
  const dropped: MacAddress[] = [];
  const replaced: MacAddress[] = [];
  const sources = new Map<MacAddress, InterfaceSource>();
  for (const { mac, source } of before) {
    if (isOwnWord && source === 'hearsay' && !shown.has(mac)) dropped.push(mac);
    else if ((isSwap || isBack) && (source === 'vouched' || source === 'shown') && !shown.has(mac)) replaced.push(mac);
    else sources.set(mac, source);
  }
  const isPerson = report.username !== undefined && report.isOrdinary !== true;
  const told = isPerson ? 'person' : isOwnWord ? 'shown' : 'hearsay';
  for (const mac of evidence.macs) {
    const now = mac === vouched && told !== 'person' ? 'vouched' : told;
    const was = sources.get(mac);
    // That a card which was replaced is there again only its own machine's word says.
    const isRaised = was === undefined || (rank(now) > rank(was) && (was !== 'replaced' || isOwnWord));
    sources.set(mac, isRaised ? now : was);
  }
  for (const mac of replaced) sources.set(mac, 'replaced');
  const order = isOwnWord || known === undefined ? [...evidence.macs, ...sources.keys()] : [...sources.keys()];
  const macs = [...new Set(order)].filter((mac) => sources.has(mac) && !foreign.has(mac)).slice(0, INTERFACES_MAX);
  return {
    interfaces: macs.map((mac) => ({ mac, name: names.get(formatMac(mac)) ?? '', source: sources.get(mac) })),
    dropped,
    replaced,
  };
}
