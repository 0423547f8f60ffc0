// The effects of a report on other machines: moved network cards, values found on several machines,
// machines that may be one.
//
// 1. A pair of machines that may be one is logged once, and never again after a person has decided
//    that they are two.
// 2. The event names both machines and the commands to type.

import { formatMac, type MacAddress } from '../../ground/address.ts';
import type { EnlistmentEffects } from '../records/decisions.ts';
import { type Doubt, type EventParams, type Happening, pickMachineName } from '../records/events.ts';
import type { EnlistmentKnowledge, PairVerdict } from '../records/knowledge.ts';
import type { Machine } from '../records/machine.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import type { WeighedReport } from './enlistment-report.ts';
import { isEstablished } from './interface-source.ts';
import { type Candidate, keysInCommon, type Recognition } from './recognition.ts';

/**
 * Bound on the machines named in the notes about one report, and on the replaced hardware addresses
 * listed in one note.
 */
const CONFLICTS_MAX = 8;
/**
 * A different card within this time after the last report is probably another machine, not a
 * swapped card.
 */
const SWAP_MS = 30 * 60 * 1000;

interface Effects {
  readonly changes: EnlistmentEffects;
  readonly foreign: ReadonlySet<MacAddress>;
  readonly notes: readonly Happening[];
}

export function decideEffects(
  weighed: WeighedReport,
  recognition: Recognition,
  own: Machine | string,
  knowledge: EnlistmentKnowledge,
): Effects {
  const machine = typeof own === 'string' ? undefined : own;
  const taken: MacAddress[] = [];
  const foreign = new Set<MacAddress>();
  const ownId = typeof own === 'string' ? own : own.systemId;
  const notes: Happening[] = [];
  for (const other of recognition.others) {
    const moved = other.weighing.macs.filter((mac) => isMoved(mac, other, weighed));
    taken.push(...moved);
    const macs = other.weighing.macs.filter((mac) => !moved.includes(mac));
    const machine = pickMachineName(other.machine);
    const differs = other.weighing.other;
    if (isMereClaim(other))
      notes.push({ code: 'interface-claimed', params: { macs: formatMacs(moved), machine, own: ownId } });
    else if (moved.length > 0) {
      notes.push({ code: 'interfaces-moved', params: { macs: formatMacs(moved), machine, differs } });
    }
    if (macs.length > 0) notes.push({ code: 'interfaces-kept', params: { macs: formatMacs(macs), machine, differs } });
  }
  for (const { machine } of [...recognition.others, ...recognition.rivals, ...recognition.suspects]) {
    for (const nic of machine.interfaces) if (!taken.includes(nic.mac)) foreign.add(nic.mac);
  }
  const conflicts: { with: string; why: Doubt }[] = [];
  for (const candidate of [...recognition.rivals, ...recognition.suspects].slice(0, CONFLICTS_MAX)) {
    const verdict = machine === undefined ? undefined : verdictOn(knowledge, machine, candidate.machine);
    if (verdict === 'apart') continue;
    const { macs, same } = candidate.weighing;
    const why: Doubt = {
      code: 'maybe-one',
      params: { machine: pickMachineName(candidate.machine), macs: formatMacs(macs), same, own: ownId },
    };
    conflicts.push({ with: candidate.machine.systemId, why });
    if (verdict === undefined) notes.push(why);
  }
  for (const other of recognition.others.filter(isMereClaim)) {
    const params = { macs: formatMacs(other.weighing.macs), machine: pickMachineName(other.machine), own: ownId };
    conflicts.push({ with: other.machine.systemId, why: { code: 'interface-claimed', params } });
  }
  // An established machine loses nothing to an unproven report, or to a report through a rack
  // outside its home.
  const isTrusted = weighed.vouched !== undefined || weighed.report.username !== undefined;
  const isTrustedFor = (machine: Machine) => isTrusted && weighed.report.whyElsewhere?.(machine) === undefined;
  const shared = recognition.others.flatMap(({ machine, weighing }) =>
    weighing.other.length > 0 && (isTrustedFor(machine) || !isEstablished(machine))
      ? keysInCommon(weighed.evidence, machine)
      : [],
  );
  return { changes: { taken, shared: [...new Set(shared)], conflicts }, foreign, notes };
}

/**
 * The verdict on two of the machines found, or on a single one (`a` and `b` are the same);
 * undefined: none.
 */
export const verdictOn = ({ verdicts }: EnlistmentKnowledge, a: Machine, b: Machine): PairVerdict | undefined =>
  verdicts.find(({ lowId, highId }) => lowId === Math.min(a.id, b.id) && highId === Math.max(a.id, b.id))?.verdict;

/** True for a hardware address that moves with its card to another machine. */
function isMoved(mac: MacAddress, from: Candidate, { vouched, report }: WeighedReport) {
  if (report.whyElsewhere?.(from.machine) !== undefined) return false;
  if (vouched === mac && (from.isClaim || from.machine.status === 'new')) return true;
  if (from.isClaim || from.machine.status !== 'new') return false;
  const source = from.machine.interfaces.find((nic) => nic.mac === mac)?.source;
  return source === 'shown' ? vouched !== undefined : source === 'hearsay' || source === 'replaced';
}

/** True if the machine merely claims the boot interface, and none of its identifying values differ. */
const isMereClaim = ({ isClaim, weighing }: Candidate) => isClaim && weighing.other.length === 0;

/**
 * The doubt whether a machine is in fact two with the same UUID and serial number; `undefined` if
 * nothing suggests it. The signs are a different card soon after the last report, and the return of
 * a replaced card.
 * @param replaced the hardware addresses that the reported ones replaced
 */
export function findIdentityDoubt(
  { vouched }: WeighedReport,
  machine: Machine,
  replaced: readonly MacAddress[],
  atMs: number,
): EventParams['maybe-two'] | undefined {
  if (vouched === undefined || replaced.length === 0) return undefined;
  const isBack = machine.interfaces.some(({ mac, source }) => mac === vouched && source === 'replaced');
  const isSoon = machine.factsMs !== undefined && atMs - machine.factsMs < SWAP_MS;
  if (!isBack && !isSoon) return undefined;
  const macs = formatMacs(replaced.slice(0, CONFLICTS_MAX));
  return { booted: formatMac(vouched), isBack, macs, systemId: machine.systemId };
}

export function creationEvents(
  { vouched, report }: WeighedReport,
  recognition: Recognition,
  effects: Effects,
  eventOf: (type: NewMachineEvent['type'], happening: Happening) => NewMachineEvent,
): readonly NewMachineEvent[] {
  const isUnvouched = vouched === undefined && report.vouchedMac !== undefined;
  const others = recognition.others
    .filter(({ weighing }) => weighing.isRuledOut && weighing.same.length > 0)
    .slice(0, CONFLICTS_MAX)
    .map((other): Happening => {
      const { same, other: differs } = other.weighing;
      return { code: 'shown-of-another', params: { machine: pickMachineName(other.machine), same, differs } };
    });
  const isAdded = report.username === undefined ? {} : { isAdded: true };
  return [
    eventOf('NEW', { code: 'enlisted', params: { isUnvouched, leftOut: report.leftOut ?? [], ...isAdded } }),
    ...[...others, ...effects.notes].map((note) => eventOf('NODE_ENLISTMENT_CONFLICT', note)),
  ];
}

const formatMacs = (macs: readonly MacAddress[]): readonly string[] => macs.map((mac) => formatMac(mac));
