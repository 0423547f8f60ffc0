// What a report means for machines other than its own: cards that were moved, values that turn out to be shared, machines that may
// be one.
//
// 1. Each pair of machines that may be one is told once, and not again after a person has said that they are two.
// 2. What is told names both machines and what to type.

import { formatMac, type MacAddress } from '../../net/address.ts';
import type { Machine } from '../records/machine.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import type { EnlistmentEffects, EnlistmentKnowledge } from '../records/store.ts';
import type { EnlistmentReport, WeighedReport } from './enlistment-report.ts';
import { kindsText } from './evidence.ts';
import { isEstablished } from './interface-source.ts';
import { type Candidate, keysInCommon, type Recognition } from './recognition.ts';

/** Machines of one report that a person is told of, and addresses of one machine. */
const CONFLICTS_MAX = 8;
/** No card is swapped within this time of the last report. */
const SWAP_MS = 30 * 60 * 1000;

export interface Effects {
  readonly changes: EnlistmentEffects;
  /** Addresses that stay with other machines. */
  readonly foreign: ReadonlySet<MacAddress>;
  /** Sentences for the log of the machine. */
  readonly told: readonly string[];
}

/** What a report changes beside its own machine: one that is known, or a new one that will have this system id. */
export function effectsOf(
  weighed: WeighedReport,
  found: Recognition,
  own: Machine | string,
  knowledge: EnlistmentKnowledge,
): Effects {
  const known = typeof own === 'string' ? undefined : own;
  const taken: MacAddress[] = [];
  const foreign = new Set<MacAddress>();
  const told: string[] = [];
  for (const other of found.others) {
    const moved = other.weighing.macs.filter((mac) => isMoved(mac, other, weighed));
    taken.push(...moved);
    const kept = other.weighing.macs.filter((mac) => !moved.includes(mac));
    if (isMere(other)) told.push(claimText(other, typeof own === 'string' ? own : own.systemId, moved));
    else if (moved.length > 0)
      told.push(`${list(moved)} came from ${nameOf(other)}, ${whyOther(other)}: a card was moved`);
    if (kept.length > 0) told.push(`it shows ${list(kept)}, which stays with ${nameOf(other)}, ${whyOther(other)}`);
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
      told.push(`it ${text}. ${whatToType(typeof own === 'string' ? own : own.systemId, candidate.machine)}`);
  }
  for (const { machine, weighing } of found.others.filter(isMere)) {
    const text = `claimed ${list(weighing.macs)}, by which this machine booted`;
    conflicts.push({
      with: machine.systemId,
      text: `may be the same machine as ${machine.hostname} (${machine.systemId}), which ${text}`,
    });
  }
  // What only a stranger says, or a rack elsewhere, takes nothing away from a machine of which more is known.
  const isHeard = weighed.vouched !== undefined || weighed.report.username !== undefined;
  const isHeardOf = (machine: Machine): boolean => isHeard && weighed.report.whyElsewhere?.(machine) === undefined;
  const shared = found.others.flatMap(({ machine, weighing }) =>
    weighing.other.length > 0 && (isHeardOf(machine) || !isEstablished(machine))
      ? keysInCommon(weighed.evidence, machine)
      : [],
  );
  return { changes: { taken, shared: [...new Set(shared)], conflicts }, foreign, told };
}

/** True for an address that goes along with a card to another chassis. */
function isMoved(mac: MacAddress, from: Candidate, { vouched, report }: WeighedReport): boolean {
  if (report.whyElsewhere?.(from.machine) !== undefined) return false;
  if (vouched === mac && (from.isClaim || from.machine.status === 'new')) return true;
  if (from.isClaim || from.machine.status !== 'new') return false;
  const source = from.machine.interfaces.find((nic) => nic.mac === mac)?.source;
  return source === 'shown' ? vouched !== undefined : source === 'hearsay' || source === 'replaced';
}

/** It had the interface by which the machine booted, and nothing else says that it is another. */
const isMere = ({ isClaim, weighing }: Candidate): boolean => isClaim && weighing.other.length === 0;

/** That a machine had the interface by which another booted. */
function claimText(other: Candidate, own: string, moved: readonly MacAddress[]): string {
  const claim = `it booted by ${list(moved)}, which ${nameOf(other)} had shown as its own and has lost to it`;
  return `${claim}. ${whatToType(own, other.machine)}`;
}

/**
 * That a machine may be two with one UUID and one serial number; undefined: nothing says so. Another card soon after the last report,
 * or the old one again, is no swap.
 * @param replaced the addresses whose place the reported ones took
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

/** The events of a machine that was not known before. */
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
        `it shows the ${kindsText(other.weighing.same)} of ${nameOf(other)}, ${whyOther(other)}: it is taken for another machine`,
    );
  return [
    eventOf('NEW', `it reported itself for the first time${unvouched}${withoutText(report)}`),
    ...[...others, ...effects.told].map((text) => eventOf('NODE_ENLISTMENT_CONFLICT', text)),
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

/** What of the hardware is not kept, behind what was reported. */
export const withoutText = ({ leftOut = '' }: Pick<EnlistmentReport, 'leftOut'>): string =>
  leftOut === '' ? '' : `; that is too much to keep, ${leftOut} are left out`;

/** What a person types who knows the answer. */
function whatToType(own: string, other: Machine): string {
  return (
    `If they are one: rackboot machines merge ${other.systemId} ${own}; ` +
    `if they are two: rackboot machines keep-apart ${other.systemId} ${own}`
  );
}
