// What a machine, or a person on its behalf, says of it, and what of that identifies it.
//
// 1. What a machine, or a user who is no administrator, says of its power is cleaned before anybody sees it.

import type { Ipv4, MacAddress } from '../../net/address.ts';
import type { HardwareFacts } from '../records/hardware-facts.ts';
import type { Machine } from '../records/machine.ts';
import { type PowerParameters, reportedPower } from '../records/power-parameters.ts';
import { type Evidence, evidenceOf, identityKeys } from './evidence.ts';

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
  /** What of its facts was too much to keep, for a person. Default: nothing. */
  readonly leftOut?: string | undefined;
  /** Who reports; undefined: the machine itself, without a key. */
  readonly username: string | undefined;
  /** A user who is no administrator reports: how the machine is switched is a proposal, as if the machine itself had said it. */
  readonly isOrdinary?: boolean | undefined;
  /** The token of its boot, as it gave it; undefined: none. */
  readonly token?: string | undefined;
  /** The boot interface for which a rack vouches; undefined: none does. */
  readonly vouchedMac?: MacAddress | undefined;
  /** Where it reports from. */
  readonly address?: Ipv4 | undefined;
  /** Why the remote rack that passed it on is not believed what it says of a machine (`racks/machine-homes.ts`); undefined: it is. */
  readonly whyElsewhere?: ((machine: Machine) => string | undefined) | undefined;
  /** True when it came from another network than a machine's home; undefined: that was not asked. */
  readonly isAway?: ((machine: Machine) => boolean) | undefined;
}

/** A report with what identifies its machine. */
export interface WeighedReport {
  readonly report: EnlistmentReport;
  readonly evidence: Evidence;
  /** The boot interface, when a rack vouches for it and the report has it. */
  readonly vouched: MacAddress | undefined;
}

/** What identifies the machine of a report, and what the store shall look up. */
export function weighReport(report: EnlistmentReport): WeighedReport & { readonly keys: readonly string[] } {
  const own = report.username === undefined || report.isOrdinary === true ? cleaned(report) : report;
  const evidence = evidenceOf(own);
  const vouched = own.macs.find((mac) => mac === own.vouchedMac);
  return { report: own, evidence, vouched, keys: identityKeys(evidence) };
}

/** Of what is said of its power only that which a machine may say. */
const cleaned = (report: EnlistmentReport): EnlistmentReport => ({
  ...report,
  ...reportedPower(report.powerType, report.powerParameters),
});
