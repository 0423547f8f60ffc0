// `rackboot check`: every problem of a configuration file at once, by itself and on this host.

import { findHostOverlaps, hostAddresses } from '../config/host-check.ts';
import { formatProblems, parseConfig, readConfigText } from '../config/load.ts';
import { formatNetwork } from '../net/address.ts';
import { printJson } from './output.ts';

/** Checks `file`. @returns 0 when it can be served here, else 1. */
export function checkFile(file: string, json: boolean): number {
  const parsed = parseConfig(readConfigText(file));
  const problems = parsed.ok ? findHostOverlaps(parsed.config, hostAddresses()) : parsed.problems;
  if (json) printJson({ file, ok: problems.length === 0, problems });
  else if (problems.length > 0) console.error(formatProblems(file, problems));
  else if (parsed.ok) {
    const networks = parsed.config.clusterInterfaces.map((entry) => `${entry.name} ${formatNetwork(entry.network)}`);
    console.log(`${file} is fine: ${networks.length === 0 ? 'it serves no network' : networks.join(', ')}.`);
  }
  return problems.length === 0 ? 0 : 1;
}
