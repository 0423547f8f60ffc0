// What this rack says of itself to its region, made from its configuration. Pure.

import type { RackConfig } from '../config/rack-config.ts';
import { formatIpv4, formatNetwork, type Ipv4 } from '../net/address.ts';
import { type RackDescription, type RackInterface, SETTINGS_REFUSED_LENGTH_MAX } from '../region/rack-description.ts';

const text = (address: Ipv4 | undefined): string => (address === undefined ? '' : formatIpv4(address));

/**
 * @param pinned keys that the configuration file owns
 * @param settingsRefused why what the region's store owns is not in force; undefined: it is
 */
export function describeRack(
  config: RackConfig,
  uuid: string,
  version: string,
  pinned: readonly string[] = [],
  settingsRefused?: string,
): RackDescription {
  const refused =
    settingsRefused === undefined ? {} : { settingsRefused: settingsRefused.slice(0, SETTINGS_REFUSED_LENGTH_MAX) };
  return { uuid, name: config.name, version, interfaces: describeInterfaces(config), pinned, ...refused };
}

function describeInterfaces(config: RackConfig): RackInterface[] {
  return config.clusterInterfaces.map((entry) => {
    const subnet = config.dhcp.subnets.find(({ name }) => name === entry.name);
    return {
      name: entry.name,
      interface: entry.interfaceName ?? '',
      ip: text(entry.ip),
      network: formatNetwork(entry.network),
      management: entry.management,
      ip_range_low: text(subnet?.dynamic?.low),
      ip_range_high: text(subnet?.dynamic?.high),
      static_ip_range_low: text(subnet?.static?.low),
      static_ip_range_high: text(subnet?.static?.high),
      router_ip: text(subnet?.router),
    };
  });
}
