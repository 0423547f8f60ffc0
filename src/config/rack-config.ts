// The configuration as used: everything resolved, frozen, and cut into what each room needs.

import type { BootConfig } from '../boot/config.ts';
import type { DhcpConfig } from '../dhcp/networks/config.ts';
import type { DnsConfig } from '../dns/config.ts';
import type { HttpConfig } from '../http/config.ts';
import type { Ipv4, Ipv4Network } from '../net/address.ts';
import type { LogLevelSettings } from '../observe/log-levels.ts';
import type { RegionConfig } from '../region/config.ts';
import type { PreseedConfig } from '../region/preseed/request.ts';
import type { TftpConfig } from '../tftp/config.ts';
import type { UplinkConfig } from './region-place.ts';

/** One network at which this rack works, whatever it manages there. */
export interface ClusterInterface {
  readonly name: string;
  /** Undefined: reached only through relay agents. */
  readonly interfaceName: string | undefined;
  readonly management: 0 | 1 | 2;
  /** The rack's own address there; undefined for a relayed network. */
  readonly ip: Ipv4 | undefined;
  readonly network: Ipv4Network;
  /** Another DHCP server gives the addresses there; undefined: no. */
  readonly proxy?: boolean | undefined;
  /** Whether machines that boot there are told that no IPv6 router is; undefined: no. */
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
  /** Of no use when the region is remote. Without the secret, which each start draws anew. */
  readonly region: Omit<RegionConfig, 'rackSecret'>;
  readonly preseeds: PreseedConfig;
  /** Where metrics and health are served; empty: nowhere. */
  readonly metrics: { readonly listen: readonly { readonly address: Ipv4; readonly port: number }[] };
  readonly log: LogLevelSettings & { readonly file: string | undefined };
}

/** One thing that is wrong with a configuration. */
export interface ConfigProblem {
  /** Where, as written in the file: `cluster_interfaces[0].ip_range_low`; empty for the file as a whole. */
  readonly path: string;
  /** The line of the file, from 1; undefined when the value is not there. */
  readonly line: number | undefined;
  /** Whose value it is; undefined: the file's. */
  readonly owner?: 'store' | undefined;
  /** What is wrong and what would be right. */
  readonly message: string;
}
