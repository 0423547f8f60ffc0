// The DHCP settings as used, after the configuration file was resolved. Frozen; a reload replaces it whole.

import type { Seconds } from '../../clock.ts';
import type { Ipv4, Ipv4Network, Ipv4Range, MacAddress } from '../../net/address.ts';
import type { DhcpClass } from './classes.ts';
import type { IdentityRule } from './client-identity.ts';
import type { OptionTable } from './configured-options.ts';

/** The port of the second half of a proxied boot (PXE 2.1 §2.2.3). */
export const PROXY_PORT = 4011;

/**
 * A fixed address for who shows one of hardware address, identifier and DUID, or for who is at a place. At least one of them is there;
 * bytes are texts of one character each.
 */
export interface Reservation {
  readonly mac?: MacAddress | undefined;
  /** Option 61. */
  readonly clientId?: string | undefined;
  /** The end of an option 61 that is formed as in RFC 4361. */
  readonly duid?: string | undefined;
  /** What a relay agent says of the place (82.1, 82.2); both hold where both are there. */
  readonly circuitId?: string | undefined;
  readonly remoteId?: string | undefined;
  readonly address: Ipv4;
  readonly hostname?: string | undefined;
  /** Options for this client alone, before those of its network; undefined: none. */
  readonly options?: OptionTable | undefined;
}

/** What the operator says of other DHCP servers: none is there (`yes`), others are (`no`), or look and see (`auto`). */
export type Authoritative = 'auto' | 'yes' | 'no';

/** One network that DHCP serves: a cluster interface with management 1 or 2. */
export interface DhcpSubnet {
  readonly name: string;
  /** The interface it is on; undefined: reached only through relay agents. */
  readonly interfaceName?: string | undefined;
  /** The rack's own address in it: server identifier, boot server. Undefined for a relayed network: the address asked. */
  readonly serverAddress?: Ipv4 | undefined;
  /** What its wire is called, which it shares with the other networks that say so; undefined: that of its interface alone. */
  readonly shared?: string | undefined;
  readonly network: Ipv4Network;
  readonly broadcast: Ipv4;
  readonly router?: Ipv4 | undefined;
  /** Addresses for unknown and ephemeral machines; undefined: none. */
  readonly dynamic?: Ipv4Range | undefined;
  /** Addresses for deployed machines, never handed out dynamically; undefined: none. */
  readonly static?: Ipv4Range | undefined;
  /** By what clients are told apart; undefined: `mac`. */
  readonly identity?: IdentityRule | undefined;
  readonly domain: string;
  /** True: this rack's DNS enters the names of who is there (management 2); undefined: it does not. */
  readonly namesClients?: boolean | undefined;
  readonly dnsServers: readonly Ipv4[];
  readonly ntpServers: readonly Ipv4[];
  /** What a client gets that asks for no other time. */
  readonly leaseTime: Seconds;
  /** Of firmware and loaders; undefined: 30 seconds. */
  readonly pxeLeaseTime?: Seconds | undefined;
  /** Of a deployed machine's fixed address; undefined: as everybody's. */
  readonly deployedLeaseTime?: Seconds | undefined;
  /** The bounds of what a client may ask for; undefined: leaseTime. */
  readonly leaseTimeMin?: Seconds | undefined;
  readonly leaseTimeMax?: Seconds | undefined;
  /** T1 and T2 of a lease of leaseTime, others in proportion; undefined: a half and seven eighths. */
  readonly renewalTime?: Seconds | undefined;
  readonly rebindingTime?: Seconds | undefined;
  /** Options by configuration, its own before the global ones; undefined: none. */
  readonly options?: OptionTable | undefined;
  readonly reservations: readonly Reservation[];
  /** Its own before the global ones; undefined: none. */
  readonly classes?: readonly DhcpClass[] | undefined;
  /** Boot information only, beside another server that gives the addresses; undefined: false. */
  readonly proxy?: boolean | undefined;
  /** The relay agents through which its clients may ask; undefined: any that has an address in a served network. */
  readonly relays?: readonly Ipv4Network[] | undefined;
  /** From where relay agents send beside giaddr and `relays`; undefined: from any served network (`relays.ts`). */
  readonly relaySources?: readonly Ipv4Network[] | undefined;
  /** Whether other DHCP servers may be there; undefined: auto. */
  readonly authoritative?: Authoritative | undefined;
  /** Whether the wire is asked who uses an address before it is given; undefined: it is. */
  readonly conflictCheck?: boolean | undefined;
}

export interface DhcpConfig {
  readonly subnets: readonly DhcpSubnet[];
  /** New clients of one place that are offered an address, a second; 0: all; undefined: NEW_CLIENTS_PER_SECOND. */
  readonly newClientsPerSecond?: number | undefined;
  /** 67, and 68 on the client's side; other ports for a rack without privileges. */
  readonly serverPort: number;
  readonly clientPort: number;
  /** How often other DHCP servers are asked for, 60 s to a day; undefined: never. */
  readonly foreignProbe?: Seconds | undefined;
  /** Where boot clients of networks in proxy mode ask for their boot server; undefined: PROXY_PORT. */
  readonly proxyPort?: number | undefined;
}
