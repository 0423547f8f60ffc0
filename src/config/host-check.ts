// Checks a configuration against its host: if another interface of the host is also in a cluster
// network, the rack would answer on the wrong wire. It answers on no wire while the named interface
// is absent, such as after a move to a host where the interface has another name.

import { readAuthorities, readCertificatePair } from '../files/certificate.ts';
import type { Ipv4, Ipv4Network } from '../ground/address.ts';
import { formatIpv4, formatNetwork, isLoopback, networksOverlap, networkWithPrefix } from '../ground/address.ts';
import { RackError } from '../ground/errors.ts';
import { INTERFACES_KEY } from '../machines/settings.ts';
import { readHostInterfaces } from '../net/present-interfaces.ts';
import { locateProblem } from './file-problems.ts';
import { mergeSettings } from './merge.ts';
import type { ClusterInterface, ConfigProblem, RackConfig } from './rack-config.ts';
import type { UsableConfig } from './resolve-file.ts';

/** The addresses of one interface of the host. */
export interface HostAddresses {
  readonly name: string;
  readonly addresses: readonly { readonly address: Ipv4; readonly prefix: number }[];
}

/** The addresses of this host, for `findOverlaps`. */
export function readHostAddresses(): readonly HostAddresses[] {
  return readHostInterfaces();
}

type InterfaceNetwork = Pick<ClusterInterface, 'interfaceName' | 'network'>;

/** The remedy for a network of the host; `undefined` if it does not conflict with the cluster interface. */
function composeOverlapRemedy(entry: InterfaceNetwork, name: string, network: Ipv4Network): string | undefined {
  if (!networksOverlap(network, entry.network)) return undefined;
  if (name !== entry.interfaceName) return `choose another network, or name ${name} as the interface`;
  // All of 127.0.0.0/8 is one network, and a lab on loopback uses a part of it.
  if (isLoopback(network.address) || formatNetwork(network) === formatNetwork(entry.network)) return undefined;
  return `give the interface and the configuration the same network`;
}

/**
 * Networks of this host that overlap a cluster interface's network, with the index of the cluster
 * interface. The named interface may have exactly that network. Host routes (/32) do not count.
 */
export function findOverlaps(
  config: { readonly clusterInterfaces: readonly InterfaceNetwork[] },
  host: readonly HostAddresses[],
): { readonly index: number; readonly message: string }[] {
  const problems: { readonly index: number; readonly message: string }[] = [];
  config.clusterInterfaces.forEach((entry, index) => {
    const isAbsent = entry.interfaceName !== undefined && host.every(({ name }) => name !== entry.interfaceName);
    for (const hostInterface of host) {
      for (const { address, prefix } of hostInterface.addresses) {
        const network = networkWithPrefix(address, prefix);
        const remedy = composeOverlapRemedy(entry, hostInterface.name, network);
        if (prefix === 32 || remedy === undefined) continue;
        if (isAbsent && formatNetwork(network) === formatNetwork(entry.network)) continue;
        problems.push({
          index,
          message:
            `${formatNetwork(entry.network)} overlaps ${formatNetwork(network)}, in which this host has ${formatIpv4(address)} ` +
            `on ${hostInterface.name}; ${remedy}`,
        });
      }
    }
  });
  return problems;
}

/** The overlaps of a configuration's networks, each where the owner of the network would look for it. */
export function findHostOverlaps(
  { config, file, stored }: Pick<UsableConfig, 'config' | 'file' | 'stored'>,
  host: readonly HostAddresses[],
): ConfigProblem[] {
  const overlaps = findOverlaps(config, host);
  if (overlaps.length === 0) return [];
  const merge = mergeSettings(file.values, stored);
  return overlaps.map(({ index, message }) => locateProblem([INTERFACES_KEY, index, 'network'], message, merge, file));
}

/** The problems that the files of region.tls and boot.http.tls have now. */
export function findCertificateProblems({
  region,
  http,
}: Pick<RackConfig, 'region'> & Partial<Pick<RackConfig, 'http'>>): ConfigProblem[] {
  const settings = { 'region.tls': region.tls, 'boot.http.tls': http?.tls };
  return Object.entries(settings).flatMap(([path, files]) => {
    try {
      if (files !== undefined) readCertificatePair(files);
      return [];
    } catch (error) {
      if (!(error instanceof RackError)) throw error;
      return [{ path, line: undefined, message: error.message }];
    }
  });
}

/** The problem that region.ca_file, with which a rack verifies a remote region, has now. */
export function findAuthorityProblems({ uplink }: Pick<RackConfig, 'uplink'>): ConfigProblem[] {
  if (uplink.mode !== 'remote' || uplink.caFile === undefined) return [];
  try {
    readAuthorities(uplink.caFile);
    return [];
  } catch (error) {
    if (!(error instanceof RackError)) throw error;
    return [{ path: 'region.ca_file', line: undefined, message: error.message }];
  }
}
