// The configuration as used: resolved, frozen, and divided into one part for each room.

import type { BootConfig } from '../boot/config.ts';
import type { DhcpConfig } from '../dhcp/networks/config.ts';
import type { DnsConfig } from '../dns/config.ts';
import type { Ipv4, Ipv4Network } from '../ground/address.ts';
import type { HttpConfig } from '../http/config.ts';
import type { LogDestination, LogLevelSettings } from '../observe/log-levels.ts';
import type { RegionConfig } from '../region/config.ts';
import type { PreseedConfig } from '../region/preseed/request.ts';
import type { TftpConfig } from '../tftp/config.ts';
import type { UplinkConfig } from './region-place.ts';

/** The most problems listed for one configuration. */
export const PROBLEMS_MAX = 100;

/** One network of this rack, whether or not the rack manages it. */
export interface ClusterInterface {
  readonly name: string;
  /** `undefined` if the network is reached only through relay agents. */
  readonly interfaceName: string | undefined;
  readonly management: 0 | 1 | 2;
  /** The rack's own address there; `undefined` for a relayed network. */
  readonly ip: Ipv4 | undefined;
  readonly network: Ipv4Network;
  /** True if another DHCP server gives the addresses there. */
  readonly proxy?: boolean | undefined;
  /** As written, with or without DHCP; `undefined` if none is written. */
  readonly router?: Ipv4 | undefined;
  readonly domain?: string | undefined;
  readonly dnsServers?: readonly Ipv4[] | undefined;
  /** In its own options. */
  readonly mtu?: number | undefined;
  /** True if the rack tells machines booting there that there is no IPv6 router. */
  readonly answersRouterSolicitations?: boolean | undefined;
}

export interface RackConfig {
  readonly name: string;
  readonly stateDir: string;
  readonly clusterInterfaces: readonly ClusterInterface[];
  readonly dhcp: DhcpConfig;
  readonly tftp: TftpConfig;
  readonly dns: DnsConfig;
  readonly boot: BootConfig;
  readonly http: HttpConfig;
  readonly uplink: UplinkConfig;
  /** Unused if the region is remote. The secrets are missing because each start makes new ones. */
  readonly region: Omit<RegionConfig, 'rackSecret' | 'controlSecret'>;
  readonly preseeds: PreseedConfig;
  /** Where metrics and health are served; empty: nowhere. */
  readonly metrics: { readonly listen: readonly { readonly address: Ipv4; readonly port: number }[] };
  readonly log: LogLevelSettings & LogDestination;
  /** The names of servers whose addresses the configuration needs. */
  readonly serverNames: readonly string[];
}

/** One problem of a configuration. */
export interface ConfigProblem {
  /** The place in the file: `cluster_interfaces[0].ip_range_low`; empty for the file as a whole. */
  readonly path: string;
  readonly line: number | undefined;
  /** The owner of the value; `undefined` if it is the file. */
  readonly owner?: 'store' | undefined;
  readonly message: string;
}
