// The effects of a report on other machines: moved network cards, values found to be shared, machines that may be one.
//
// 1. Each pair of machines that may be one is reported once, and not again after a person has decided that they are two.
// 2. The report names both machines and the commands to type.

import { formatMac, type MacAddress } from '../../net/address.ts';
import type { Machine } from '../records/machine.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import type { EnlistmentEffects, EnlistmentKnowledge } from '../records/store.ts';
import type { EnlistmentReport, WeighedReport } from './enlistment-report.ts';
import { kindsText } from './evidence.ts';
import { isEstablished } from './interface-source.ts';
import { type Candidate, keysInCommon, type Recognition } from './recognition.ts';

/** Machines named because of one report, and hardware addresses named of one machine. */
const CONFLICTS_MAX = 8;
/** A change of cards within this time of the last report is no deliberate swap. */
const SWAP_MS = 30 * 60 * 1000;

export interface Effects {
  readonly changes: EnlistmentEffects;
  /** Hardware addresses that stay with other machines. */
  readonly foreign: ReadonlySet<MacAddress>;
  /** Texts for the machine's log. */
  readonly notes: readonly string[];
}

/** The effects of a report on other machines. @param own the report's machine, or the system id of the one to create */
export function effectsOf(
  weighed: WeighedReport,
  found: Recognition,
  own: Machine | string,
  knowledge: EnlistmentKnowledge,
): Effects {
  const known = typeof own === 'string' ? undefined : own;
  const taken: MacAddress[] = [];
  const foreign = new Set<MacAddress>();
  const notes: string[] = [];
  for (const other of found.others) {
    const moved = other.weighing.macs.filter((mac) => isMoved(mac, other, weighed));
    taken.push(...moved);
    const kept = other.weighing.macs.filter((mac) => !moved.includes(mac));
    if (isMere(other)) notes.push(claimText(other, typeof own === 'string' ? own : own.systemId, moved));
    else if (moved.length > 0) notes.push(`${list(moved)} moved here from ${nameOf(other)}, ${whyOther(other)}`);
    if (kept.length > 0) notes.push(`it shows ${list(kept)}, which stays with ${nameOf(other)}, ${whyOther(other)}`);
  }
  for (const { machine } of [...found.others, ...found.rivals, ...found.suspects]) {
    for (const nic of machine.interfaces) if (!taken.includes(nic.mac)) foreign.add(nic.mac);
  }
  const conflicts: { with: string; text: string }[] = [];
  for (const candidate of [...found.rivals, ...found.suspects].slice(0, CONFLICTS_MAX)) {
    const verdict = known === undefined ? undefined : knowledge.verdictOn(known, candidate.machine);
    if (verdict === 'apart') continue;
    const text = `may be the same machine as ${nameOf(candidate)}: both show ${whatIsSame(candidate)}`;
    conflicts.push({ with: candidate.machine.systemId, text });
    if (verdict === undefined)
      notes.push(`it ${text}. ${commandsFor(typeof own === 'string' ? own : own.systemId, candidate.machine)}`);
  }
  for (const { machine, weighing } of found.others.filter(isMere)) {
    const text = `claimed ${list(weighing.macs)}, from which this machine booted`;
    conflicts.push({
      with: machine.systemId,
      text: `may be the same machine as ${machine.hostname} (${machine.systemId}), which ${text}`,
    });
  }
  // An unproven report, or one through a rack that is not the machine's home, takes nothing from an established machine.
  const isHeard = weighed.vouched !== undefined || weighed.report.username !== undefined;
  const isHeardOf = (machine: Machine): boolean => isHeard && weighed.report.whyElsewhere?.(machine) === undefined;
  const shared = found.others.flatMap(({ machine, weighing }) =>
    weighing.other.length > 0 && (isHeardOf(machine) || !isEstablished(machine))
      ? keysInCommon(weighed.evidence, machine)
      : [],
  );
  return { changes: { taken, shared: [...new Set(shared)], conflicts }, foreign, notes };
}

/** True for a hardware address that moves with its card to another machine. */
function isMoved(mac: MacAddress, from: Candidate, { vouched, report }: WeighedReport): boolean {
  if (report.whyElsewhere?.(from.machine) !== undefined) return false;
  if (vouched === mac && (from.isClaim || from.machine.status === 'new')) return true;
  if (from.isClaim || from.machine.status !== 'new') return false;
  const source = from.machine.interfaces.find((nic) => nic.mac === mac)?.source;
  return source === 'shown' ? vouched !== undefined : source === 'hearsay' || source === 'replaced';
}

/** True if the other machine has the boot interface, and no other value differs. */
const isMere = ({ isClaim, weighing }: Candidate): boolean => isClaim && weighing.other.length === 0;

/** The text for a machine that had the interface from which another booted. */
function claimText(other: Candidate, own: string, moved: readonly MacAddress[]): string {
  const claim = `it booted from ${list(moved)}, which ${nameOf(other)} had reported as its own and has lost to it`;
  return `${claim}. ${commandsFor(own, other.machine)}`;
}

/**
 * The text for a machine that may be two with the same UUID and serial number; `undefined` if there is no sign of that. The signs are a
 * different card soon after the last report, and the return of a replaced card.
 * @param replaced the hardware addresses that the reported ones replaced
 */
export function doubtOf(
  { vouched }: WeighedReport,
  known: Machine,
  replaced: readonly MacAddress[],
  atMs: number,
): string | undefined {
  if (vouched === undefined || replaced.length === 0) return undefined;
  const isBack = known.interfaces.some(({ mac, source }) => mac === vouched && source === 'replaced');
  const isSoon = known.factsMs !== undefined && atMs - known.factsMs < SWAP_MS;
  if (!isBack && !isSoon) return undefined;
  const macs = replaced.slice(0, CONFLICTS_MAX).map((mac) => formatMac(mac));
  return (
    `may be two machines with one UUID and one serial number: ${formatMac(vouched)} booted ${isBack ? 'again ' : ''}` +
    `without ${macs.join(', ')}, which ${isBack ? 'had taken its place' : 'reported shortly before'}. ` +
    `If they are two: rackboot machines split ${known.systemId} --mac ${macs.join(' ')}; if a card was swapped, accept the machine`
  );
}

/** The events of a newly created machine. */
export function creationEvents(
  { vouched, report }: WeighedReport,
  found: Recognition,
  effects: Effects,
  eventOf: (type: NewMachineEvent['type'], description: string) => NewMachineEvent,
): readonly NewMachineEvent[] {
  const unvouched =
    vouched === undefined && report.vouchedMac !== undefined ? ', not by the interface it booted from' : '';
  const others = found.others
    .filter(({ weighing }) => weighing.isRuledOut && weighing.same.length > 0)
    .slice(0, CONFLICTS_MAX)
    .map(
      (other) =>
        `it shows the ${kindsText(other.weighing.same)} of ${nameOf(other)}, ${whyOther(other)}: treated as another machine`,
    );
  return [
    eventOf('NEW', `it reported itself for the first time${unvouched}${withoutText(report)}`),
    ...[...others, ...effects.notes].map((text) => eventOf('NODE_ENLISTMENT_CONFLICT', text)),
  ];
}

const nameOf = ({ machine }: Candidate): string => `${machine.hostname} (${machine.systemId})`;
const list = (macs: readonly MacAddress[]): string => macs.map((mac) => formatMac(mac)).join(', ');

function whyOther({ weighing }: Candidate): string {
  return weighing.other.length === 0 ? 'which is another machine' : `which has another ${kindsText(weighing.other)}`;
}

function whatIsSame({ weighing }: Candidate): string {
  const same = weighing.same.length === 0 ? '' : `the same ${kindsText(weighing.same)}`;
  const parts = [list(weighing.macs), same].filter((text) => text !== '');
  return parts.join(' and ');
}

/** A suffix that names the hardware that was not stored. */
export const withoutText = ({ leftOut = '' }: Pick<EnlistmentReport, 'leftOut'>): string =>
  leftOut === '' ? '' : `; too large to store, without ${leftOut}`;

/** The commands with which a person decides. */
function commandsFor(own: string, other: Machine): string {
  return (
    `If they are one: rackboot machines merge ${other.systemId} ${own}; ` +
    `if they are two: rackboot machines keep-apart ${other.systemId} ${own}`
  );
}
