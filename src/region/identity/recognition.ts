// Finds the known machine to which a report belongs. Every machine that shares a hardware address
// or a value with the report is weighed.
//
//   ruled out, or below SUSPECT_SCORE ───────────────────────► another machine
//   below SAME_SCORE, or one value and no address in common ─► possibly the machine; a person decides (`suspects`)
//   otherwise ───────────────────────────────────────────────► the machine; of several, the one with the boot address, while the others
//                                                              are reported (`rivals`)
//
// 1. A coincidence of values never merges machines: see `evidence.ts`.
// 2. Only the first interface's position matters: another order of the others finds the same machine.

import type { MacAddress } from '../../ground/address.ts';
import type { Machine } from '../records/machine.ts';
import type { WeighedReport } from './enlistment-report.ts';
import {
  collectEvidence,
  type Evidence,
  identityKeys,
  SAME_SCORE,
  SUSPECT_SCORE,
  type Weighing,
  weigh,
} from './evidence.ts';
import { claimsOnly, firmMacs, isSwapped } from './interface-source.ts';

export interface Candidate {
  readonly machine: Machine;
  readonly weighing: Weighing;
  readonly isClaim: boolean;
}

export interface Recognition {
  readonly known: Candidate | undefined;
  readonly rivals: readonly Candidate[];
  /** Machines that share some values with the report, but not enough for a match. */
  readonly suspects: readonly Candidate[];
  /**
   * Different machines that share some values with the report, including those that merely claim
   * its boot interface.
   */
  readonly others: readonly Candidate[];
}

export const machineEvidence = (machine: Machine): Evidence =>
  collectEvidence({ ...machine, macs: machine.interfaces.map((nic) => nic.mac), facts: machine.facts });

export function recognise(
  weighed: WeighedReport,
  knowledge: {
    readonly byMac: readonly Machine[];
    readonly byValue: readonly Machine[];
    readonly shared: ReadonlySet<string>;
  },
): Recognition {
  const { evidence, vouched } = weighed;
  // A portable adapter is weak evidence for the machine into which it is now plugged.
  const boot = evidence.macs.slice(0, 1).find((mac) => !evidence.portable.has(mac));
  const candidates = [...knowledge.byMac, ...knowledge.byValue].map((machine) => {
    const weighing = weigh(evidence, machineEvidence(machine), knowledge.shared);
    return { machine, weighing, isClaim: claimsOnly({ machine, weighing }, weighed) };
  });
  // If a machine has firm interfaces, values that any host can see or guess are not enough to match it.
  const isWeak = ({ machine, weighing }: Candidate) =>
    vouched !== undefined && weighing.macs.length === 0 && firmMacs(machine).length > 0 && !isSwapped(weighing);
  const isSame = (candidate: Candidate) =>
    !candidate.weighing.isRuledOut &&
    !candidate.isClaim &&
    candidate.weighing.score >= SAME_SCORE &&
    isProven(candidate.weighing) &&
    !isWeak(candidate);
  const isSuspect = (candidate: Candidate) =>
    !candidate.weighing.isRuledOut &&
    !isSame(candidate) &&
    candidate.weighing.score >= SUSPECT_SCORE &&
    candidate.weighing.macs.length === 0;
  const [best, ...rivals] = candidates.filter(isSame).sort((a, b) => compare(a, b, boot));
  return {
    known: best,
    rivals,
    suspects: candidates.filter(isSuspect),
    others: candidates.filter((candidate) => !isSame(candidate) && !isSuspect(candidate)),
  };
}

/** True for one common address or two common values; any number of machines may show one value. */
const isProven = ({ macs, same }: Weighing) => macs.length > 0 || same.length > 1;

/** Sorts the machine with the boot address first, then by score, then by age. */
function compare(a: Candidate, b: Candidate, boot: MacAddress | undefined) {
  const boots = ({ machine }: Candidate) => (machine.interfaces.some((nic) => nic.mac === boot) ? 1 : 0);
  return boots(b) - boots(a) || b.weighing.score - a.weighing.score || a.machine.id - b.machine.id;
}

/** The store's keys of the values that a report and a machine have in common. */
export function keysInCommon(evidence: Evidence, machine: Machine): readonly string[] {
  const theirs = new Set(identityKeys(machineEvidence(machine)));
  return identityKeys(evidence).filter((key) => theirs.has(key));
}
