// Which known machine does a report come from? Every machine that shares a hardware address or a value with it is weighed.
//
//   ruled out, or below SUSPECT_SCORE ─────────────────────► another machine
//   below SAME_SCORE, or one value and no address in common ─► perhaps: a person is asked (`suspects`)
//   else ──────────────────────────────────────────────────► the machine; of several the one with the boot address, the others are
//                                                            told of (`rivals`)
//
// 1. A machine is never merged with another by what both merely happen to show: see `evidence.ts`.
// 2. The same report finds the same machine, whatever the order of its interfaces behind the first.

import type { MacAddress } from '../../net/address.ts';
import type { Machine } from '../records/machine.ts';
import type { WeighedReport } from './enlistment-report.ts';
import {
  type Evidence,
  evidenceOf,
  identityKeys,
  SAME_SCORE,
  SUSPECT_SCORE,
  type Weighing,
  weigh,
} from './evidence.ts';
import { claimsOnly, firmMacs, isSwapped } from './interface-source.ts';

/** A known machine, held against a report. */
export interface Candidate {
  readonly machine: Machine;
  readonly weighing: Weighing;
  /** It has the interface by which the report's machine booted, and it is another machine. */
  readonly isClaim: boolean;
}

export interface Recognition {
  /** The machine that it is; undefined: none that is known. */
  readonly known: Candidate | undefined;
  /** Others that it could be as well. */
  readonly rivals: readonly Candidate[];
  /** Machines that share something with it, but not enough. */
  readonly suspects: readonly Candidate[];
  /** Machines with something in common that are other machines all the same; those that merely claim its boot interface too. */
  readonly others: readonly Candidate[];
}

/** What a machine of the records shows. */
export const machineEvidence = (machine: Machine): Evidence =>
  evidenceOf({ ...machine, macs: machine.interfaces.map((nic) => nic.mac), facts: machine.facts });

/** Finds the machine of a report among those that have something in common with it. */
export function recognise(
  weighed: WeighedReport,
  knowledge: {
    readonly byMac: readonly Machine[];
    readonly byValue: readonly Machine[];
    isShared(key: string): boolean;
  },
): Recognition {
  const { evidence, vouched } = weighed;
  // An adapter that is carried about says little of the machine that it is plugged into now.
  const boot = evidence.macs.slice(0, 1).find((mac) => !evidence.portable.has(mac));
  const shared = new Map<string, boolean>();
  const isShared = (key: string): boolean => {
    const known = shared.get(key) ?? knowledge.isShared(key);
    shared.set(key, known);
    return known;
  };
  const machines = new Map([...knowledge.byMac, ...knowledge.byValue].map((machine) => [machine.id, machine]));
  const candidates = [...machines.values()].map((machine) => {
    const weighing = weigh(evidence, machineEvidence(machine), isShared);
    return { machine, weighing, isClaim: claimsOnly({ machine, weighing }, weighed) };
  });
  // Whose boot a rack vouched for is not joined by what everybody hears, or guesses.
  const isWeak = ({ machine, weighing }: Candidate): boolean =>
    vouched !== undefined && weighing.macs.length === 0 && firmMacs(machine).length > 0 && !isSwapped(weighing);
  const isSame = (candidate: Candidate): boolean =>
    !candidate.weighing.isRuledOut &&
    !candidate.isClaim &&
    candidate.weighing.score >= SAME_SCORE &&
    isProven(candidate.weighing) &&
    !isWeak(candidate);
  const isSuspect = (candidate: Candidate): boolean =>
    !candidate.weighing.isRuledOut &&
    !isSame(candidate) &&
    candidate.weighing.score >= SUSPECT_SCORE &&
    candidate.weighing.macs.length === 0;
  const [known, ...rivals] = candidates.filter(isSame).sort((a, b) => compare(a, b, boot));
  return {
    known,
    rivals,
    suspects: candidates.filter(isSuspect),
    others: candidates.filter((candidate) => !isSame(candidate) && !isSuspect(candidate)),
  };
}

/** An address, or two values that agree: of one value alone nobody knows how many machines were made with it. */
const isProven = ({ macs, same }: Weighing): boolean => macs.length > 0 || same.length > 1;

/** The one with the boot address first, then the one of which more speaks, then the one that was known first. */
function compare(a: Candidate, b: Candidate, boot: MacAddress | undefined): number {
  const boots = ({ machine }: Candidate): number => (machine.interfaces.some((nic) => nic.mac === boot) ? 1 : 0);
  return boots(b) - boots(a) || b.weighing.score - a.weighing.score || a.machine.id - b.machine.id;
}

/** The values that a report and another machine show alike, as a store remembers them. */
export function keysInCommon(evidence: Evidence, machine: Machine): readonly string[] {
  const theirs = new Set(identityKeys(machineEvidence(machine)));
  return identityKeys(evidence).filter((key) => theirs.has(key));
}
