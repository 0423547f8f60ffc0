// The DHCP settings as used, after the configuration file was resolved. Frozen; a reload replaces it whole.

import type { Seconds } from '../clock.ts';
import type { Ipv4, Ipv4Network, Ipv4Range, MacAddress } from '../net/address.ts';

/** A fixed address for one hardware address. */
export interface Reservation {
  readonly mac: MacAddress;
  readonly address: Ipv4;
  readonly hostname?: string | undefined;
}

/** One network that DHCP serves: a cluster interface with management 1 or 2. */
export interface DhcpSubnet {
  readonly name: string;
  /** The interface it is on; undefined: reached only through relay agents. */
  readonly interfaceName?: string | undefined;
  /** The rack's own address in it: server identifier, boot server. Undefined for a relayed network: the address asked. */
  readonly serverAddress?: Ipv4 | undefined;
  readonly network: Ipv4Network;
  readonly broadcast: Ipv4;
  readonly router?: Ipv4 | undefined;
  /** Addresses for unknown and ephemeral machines; undefined: none. */
  readonly dynamic?: Ipv4Range | undefined;
  /** Addresses for deployed machines, never handed out dynamically; undefined: none. */
  readonly static?: Ipv4Range | undefined;
  readonly domain: string;
  readonly dnsServers: readonly Ipv4[];
  readonly ntpServers: readonly Ipv4[];
  readonly leaseTime: Seconds;
  readonly reservations: readonly Reservation[];
}

export interface DhcpConfig {
  readonly subnets: readonly DhcpSubnet[];
  /** 67, and 68 on the client's side; other ports for a rack without privileges. */
  readonly serverPort: number;
  readonly clientPort: number;
}
