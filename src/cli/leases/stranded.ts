// Leases that a change of the ranges leaves outside them: their machines get other addresses when they renew.

import { isDeepStrictEqual } from 'node:util';
import { makeStrandedTest, type RunningLease } from '../../config/difference.ts';
import type { RackConfig } from '../../config/rack-config.ts';
import { formatIpv4, parseIpv4 } from '../../ground/address.ts';
import { errorText, RackError } from '../../ground/errors.ts';
import { askLeases } from './source.ts';

/** Stranded leases that are listed; further ones are only counted. */
const STRANDED_SHOWN_MAX = 20;

/** The leases in use, from the running daemon. @throws RackError as `askLeases` */
export async function runningLeases(stateDir: string): Promise<readonly RunningLease[]> {
  const leases = await askLeases(stateDir, { state: 'bound' });
  return leases.flatMap(({ address, mac }) => {
    const parsed = parseIpv4(address);
    return parsed === undefined ? [] : [{ address: parsed, mac }];
  });
}

/**
 * The lines about stranded leases; empty if none is stranded. @param ranges the words for the
 * ranges, such as `the new ranges`
 */
export function strandedLines(stranded: readonly RunningLease[], ranges: string): readonly string[] {
  if (stranded.length === 0) return [];
  const are = stranded.length === 1 ? 'is' : 'are';
  const lines = stranded.slice(0, STRANDED_SHOWN_MAX).map(({ address, mac }) => `  ${formatIpv4(address)}  ${mac}`);
  const rest = stranded.length - lines.length;
  return [
    `Leases: ${stranded.length} ${are} outside ${ranges}; their machines get other addresses when they renew:`,
    ...lines,
    ...(rest > 0 ? [`  and ${rest} more`] : []),
  ];
}

/**
 * Like `strandedLines`, for a change that is already in force. Asks for the leases only if the
 * networks differ.
 */
export async function strandedBy(before: RackConfig, after: RackConfig): Promise<readonly string[]> {
  if (isDeepStrictEqual(before.dhcp.subnets, after.dhcp.subnets)) return [];
  try {
    const stranded = (await runningLeases(after.stateDir)).filter(makeStrandedTest(before, after));
    const lines = strandedLines(stranded, 'the ranges in force');
    const hint =
      '`rackboot leases list --state bound` names their machines. If you restore the former value, they keep their addresses.';
    return lines.length === 0 ? [] : [...lines, hint];
  } catch (error) {
    if (!(error instanceof RackError)) throw error;
    return [`Leases: could not check for leases outside the ranges: ${errorText(error)}`];
  }
}
