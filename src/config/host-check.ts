// Holds a configuration against the host it is to run on: a cluster network that another interface of the host is also in would
// make the rack answer on the wrong wire.

import type { Ipv4, Ipv4Network } from '../net/address.ts';
import { formatIpv4, formatNetwork, networkOf, networksOverlap } from '../net/address.ts';
import type { ConfigProblem, RackConfig } from './rack-config.ts';

/** The addresses of one interface of the host. */
export interface HostAddresses {
  readonly name: string;
  readonly addresses: readonly { readonly address: Ipv4; readonly prefix: number }[];
}

/**
 * Networks of other interfaces of this host that overlap a cluster interface's network. The interface itself may carry its
 * network; so may an interface that is not there yet. Host routes (/32) are no networks.
 */
export function findHostOverlaps(config: RackConfig, host: readonly HostAddresses[]): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  config.clusterInterfaces.forEach((entry, index) => {
    for (const other of host) {
      if (other.name === entry.interfaceName) continue;
      for (const { address, prefix } of other.addresses) {
        if (prefix === 32) continue;
        const network: Ipv4Network = networkOf(address, prefix);
        if (!networksOverlap(network, entry.network)) continue;
        problems.push({
          path: `cluster_interfaces[${index}].network`,
          line: undefined,
          message:
            `${formatNetwork(entry.network)} overlaps ${formatNetwork(network)}, in which this host has ${formatIpv4(address)} ` +
            `on ${other.name}; choose another network, or name ${other.name} as the interface`,
        });
      }
    }
  });
  return problems;
}
