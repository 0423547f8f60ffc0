// The rack's description for its region, derived from its configuration. Pure.

import type { RackConfig } from '../../config/rack-config.ts';
import type { ForeignServer } from '../../dhcp/foreign/foreign-servers.ts';
import type { DhcpSubnet } from '../../dhcp/networks/config.ts';
import { sharedNetworkKey } from '../../dhcp/networks/server-role.ts';
import {
  formatIpv4,
  formatMac,
  formatNetwork,
  type Ipv4,
  type Ipv4Network,
  isLoopback,
  networkContains,
  networkWithPrefix,
} from '../../ground/address.ts';
import type { HostInterface } from '../../net/host-interface.ts';
import {
  HOST_ADDRESSES_MAX,
  RESERVATIONS_REPORTED_MAX,
  SETTINGS_REFUSED_LENGTH_MAX,
} from '../../region/records/heartbeat-bounds.ts';
import {
  type HostAddress,
  NO_MAC,
  type RackDescription,
  type RackInterface,
} from '../../region/records/rack-description.ts';

const formatOptionalAddress = (address: Ipv4 | undefined): string => (address === undefined ? '' : formatIpv4(address));

/**
 * Describes the rack.
 * @param pinned keys that are set in the configuration file
 * @param settingsRefused why the settings of the region's store are not in force; `undefined` if
 * they are
 * @param foreign the other DHCP servers seen
 * @param host the interfaces of its host; `undefined` if it does not describe them
 * @param outward the default router of each that leads to one
 */
export function describeRack(
  config: RackConfig,
  uuid: string,
  version: string,
  pinned: readonly string[] = [],
  settingsRefused?: string,
  foreign: readonly ForeignServer[] = [],
  host?: readonly HostInterface[],
): RackDescription {
  const refused =
    settingsRefused === undefined ? {} : { settingsRefused: settingsRefused.slice(0, SETTINGS_REFUSED_LENGTH_MAX) };
  const addresses = host === undefined ? {} : { addresses: describeHost(host) };
  const interfaces = describeInterfaces(config, foreign);
  return { uuid, name: config.name, version, interfaces, pinned, ...refused, ...addresses };
}

/** The addresses of a host, without loopback ones, each with the hardware address of its interface. */
export const describeHost = (host: readonly HostInterface[]): readonly HostAddress[] =>
  host
    .flatMap(({ name, mac, addresses, outward }) =>
      addresses
        .filter(({ address }) => !isLoopback(address))
        .map(({ address, prefix }) => ({
          interface: name,
          address: `${formatIpv4(address)}/${prefix}`,
          ...(mac === undefined || mac === 0 ? {} : { mac: formatMac(mac) }),
          ...(outward === undefined ? {} : { isOutward: true }),
          ...describeRouter(networkWithPrefix(address, prefix), outward?.router),
        })),
    )
    .slice(0, HOST_ADDRESSES_MAX);

const describeRouter = (network: Ipv4Network, router: Ipv4 | undefined) =>
  router === undefined || !networkContains(network, router) ? {} : { router: formatIpv4(router) };

function describeForeignServer(subnet: DhcpSubnet | undefined, foreign: readonly ForeignServer[]) {
  const networkKey = subnet === undefined ? undefined : sharedNetworkKey(subnet);
  const foreignServer = foreign.find((server) => server.place === networkKey);
  return foreignServer === undefined ? {} : { foreign_dhcp_ip: formatIpv4(foreignServer.server) };
}

function describeInterfaces(config: RackConfig, foreign: readonly ForeignServer[]): RackInterface[] {
  return config.clusterInterfaces.map((entry) => {
    const subnet = config.dhcp.subnets.find(({ name }) => name === entry.name);
    const reservations = (subnet?.reservations ?? [])
      .slice(0, RESERVATIONS_REPORTED_MAX)
      .map(({ mac, address, hostname }) => ({
        mac: mac === undefined ? NO_MAC : formatMac(mac),
        ip: formatIpv4(address),
        ...(hostname === undefined ? {} : { hostname }),
      }));
    return {
      name: entry.name,
      interface: entry.interfaceName ?? '',
      ip: formatOptionalAddress(entry.ip),
      network: formatNetwork(entry.network),
      management: entry.management,
      ip_range_low: formatOptionalAddress(subnet?.dynamic?.low),
      ip_range_high: formatOptionalAddress(subnet?.dynamic?.high),
      static_ip_range_low: formatOptionalAddress(subnet?.static?.low),
      static_ip_range_high: formatOptionalAddress(subnet?.static?.high),
      router_ip: formatOptionalAddress(entry.router),
      ...(entry.domain === undefined ? {} : { domain: entry.domain }),
      ...(entry.dnsServers === undefined ? {} : { dns_servers: entry.dnsServers.map(formatIpv4) }),
      ...(entry.mtu === undefined ? {} : { mtu: entry.mtu }),
      ...(subnet?.proxy === true ? { mode: 'proxy' } : {}),
      ...(subnet?.shared === undefined ? {} : { shared: subnet.shared }),
      ...describeForeignServer(subnet, foreign),
      ...(reservations.length === 0 ? {} : { reservations }),
    };
  });
}
