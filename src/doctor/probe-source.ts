// Chooses the source address for the doctor's downloads, so that the rack recognises them (`own-probes.ts`).

import { formatIpv4, isLoopback, parseIpv4 } from '../ground/address.ts';
import { PROBE_SOURCE } from '../ground/own-probes.ts';
import { readHostInterfaces } from '../net/present-interfaces.ts';

/**
 * The source address for a download from this host; undefined for another host, which a loopback
 * address cannot reach.
 */
export function probeSource(host: string): string | undefined {
  const address = parseIpv4(host);
  if (address === undefined) return undefined;
  const isThisHost =
    isLoopback(address) ||
    readHostInterfaces().some(({ addresses }) => addresses.some((own) => own.address === address));
  return isThisHost ? formatIpv4(PROBE_SOURCE) : undefined;
}
