// A report of a machine, from the machine or a user, and the values in it that identify the machine.
//
// 1. Power settings from a machine or an ordinary user are filtered before anything uses them.

import type { Ipv4, MacAddress } from '../../ground/address.ts';
import type { LeftOut } from '../records/bounded-facts.ts';
import type { SeenElsewhere } from '../records/events.ts';
import type { HardwareFacts } from '../records/hardware-facts.ts';
import type { Machine, MachineEdit } from '../records/machine.ts';
import { type PowerParameters, reportedPower } from '../records/power-parameters.ts';
import { collectEvidence, type Evidence, identityKeys } from './evidence.ts';

export interface EnlistmentReport {
  /** The boot interface first; at least one. */
  readonly macs: readonly MacAddress[];
  readonly architecture: string;
  readonly subarchitecture: string;
  readonly hostname: string | undefined;
  readonly domain: string;
  readonly powerType: string;
  readonly powerParameters: PowerParameters;
  readonly facts: HardwareFacts | undefined;
  /** The facts that were too large to store. Default: none. */
  readonly leftOut?: readonly LeftOut[] | undefined;
  /** What its user says of it besides. */
  readonly edit?: MachineEdit | undefined;
  readonly username: string | undefined;
  /**
   * True for a user who is not an administrator; the power settings are then only a proposal, as in
   * a machine's own report.
   */
  readonly isOrdinary?: boolean | undefined;
  /** True if it runs a system that somebody else deployed; only an administrator says so. */
  readonly isDeployed?: boolean | undefined;
  readonly token?: string | undefined;
  readonly vouchedMac?: MacAddress | undefined;
  readonly address?: Ipv4 | undefined;
  /**
   * Returns why the region does not believe the forwarding rack's reports about a machine;
   * `undefined`: it does (`racks/machine-homes.ts`).
   */
  readonly whyElsewhere?: ((machine: Machine) => SeenElsewhere | undefined) | undefined;
  /**
   * Returns true if the report came from outside the machine's home network; `undefined` if the
   * caller does not check that.
   */
  readonly isAway?: ((machine: Machine) => boolean) | undefined;
}

export interface WeighedReport {
  readonly report: EnlistmentReport;
  readonly evidence: Evidence;
  /** The boot interface, if a rack vouches for it and the report contains it. */
  readonly vouched: MacAddress | undefined;
}

/** Extracts the evidence of a report, and the keys that the store must look up. */
export function weighReport(report: EnlistmentReport): WeighedReport & { readonly keys: readonly string[] } {
  const own = report.username === undefined || report.isOrdinary === true ? cleaned(report) : report;
  const evidence = collectEvidence(own);
  const vouched = own.macs.find((mac) => mac === own.vouchedMac);
  return { report: own, evidence, vouched, keys: identityKeys(evidence) };
}

const cleaned = (report: EnlistmentReport): EnlistmentReport => ({
  ...report,
  ...reportedPower(report.powerType, report.powerParameters),
});
