// `rackboot check`: every problem of a configuration file at once, by itself and on this host.

import { networkInterfaces } from 'node:os';
import { findHostOverlaps, type HostAddresses } from '../config/host-check.ts';
import { formatProblems, parseConfig, readConfigText } from '../config/load.ts';
import { formatNetwork, parseIpv4 } from '../net/address.ts';
import { printJson } from './output.ts';

/** The addresses of this host, as `findHostOverlaps` wants them. */
export function hostAddresses(): HostAddresses[] {
  return Object.entries(networkInterfaces()).map(([name, entries]) => ({
    name,
    addresses: (entries ?? []).flatMap((entry) => {
      const address = parseIpv4(entry.address);
      return entry.family === 'IPv4' && address !== undefined
        ? [{ address, prefix: Number(entry.cidr?.split('/')[1] ?? 32) }]
        : [];
    }),
  }));
}

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
