// The resolved DHCP settings, frozen; a reload replaces them whole.

import type { Ipv4, Ipv4Network, Ipv4Range, MacAddress } from '../../ground/address.ts';
import type { Seconds } from '../../ground/clock.ts';
import type { DhcpClass } from './classes.ts';
import type { IdentityRule } from './client-identity.ts';
import type { OptionTable } from './configured-options.ts';

/** The port of a proxied boot's second half (PXE 2.1 §2.2.3). */
export const PROXY_PORT = 4011;

/**
 * A fixed address for a hardware address, identifier, DUID or place. Without any, no client gets
 * the address. Bytes are text, one character a byte.
 */
export interface Reservation {
  readonly mac?: MacAddress | undefined;
  /** Option 61. */
  readonly clientId?: string | undefined;
  /** The end of an option 61 as in RFC 4361. */
  readonly duid?: string | undefined;
  /** The place by a relay agent (82.1, 82.2); if both are present, both must match. */
  readonly circuitId?: string | undefined;
  readonly remoteId?: string | undefined;
  readonly address: Ipv4;
  readonly hostname?: string | undefined;
  /** The domain of its name; undefined: the network's. */
  readonly domain?: string | undefined;
  /** Options for this client, before its network's. */
  readonly options?: OptionTable | undefined;
}

/** Other DHCP servers: there are none (`yes`), some (`no`), or find out (`auto`). */
type Authoritative = 'auto' | 'yes' | 'no';

/** A network that DHCP serves: a cluster interface with management 1 or 2. */
export interface DhcpSubnet {
  readonly name: string;
  /** Undefined: reached only through relay agents. */
  readonly interfaceName?: string | undefined;
  /**
   * The rack's own address in it: server identifier, boot server. Undefined for a relayed network:
   * the address that the relay agent asked.
   */
  readonly serverAddress?: Ipv4 | undefined;
  /** Its shared network's name; undefined: that of its interface alone. */
  readonly shared?: string | undefined;
  readonly network: Ipv4Network;
  readonly broadcast: Ipv4;
  readonly router?: Ipv4 | undefined;
  /** Addresses for unknown and ephemeral machines. */
  readonly dynamic?: Ipv4Range | undefined;
  /** Addresses for deployed machines, never handed out dynamically. */
  readonly static?: Ipv4Range | undefined;
  /** The rule that tells clients apart; undefined: `mac`. */
  readonly identity?: IdentityRule | undefined;
  readonly domain: string;
  /** True: this rack's DNS holds its clients' names (management 2). */
  readonly namesClients?: boolean | undefined;
  readonly dnsServers: readonly Ipv4[];
  readonly ntpServers: readonly Ipv4[];
  /** For a client that asks for no other time. */
  readonly leaseTime: Seconds;
  /** For firmware and loaders; undefined: 30 seconds. */
  readonly pxeLeaseTime?: Seconds | undefined;
  /** For a deployed machine's fixed address. */
  readonly deployedLeaseTime?: Seconds | undefined;
  /** The limits of what a client may ask for; undefined: leaseTime. */
  readonly leaseTimeMin?: Seconds | undefined;
  readonly leaseTimeMax?: Seconds | undefined;
  /** T1 and T2 of a lease of leaseTime, others in proportion; undefined: a half and seven eighths. */
  readonly renewalTime?: Seconds | undefined;
  readonly rebindingTime?: Seconds | undefined;
  /** Its own before the global ones. */
  readonly options?: OptionTable | undefined;
  readonly reservations: readonly Reservation[];
  /** Its own before the global ones. */
  readonly classes?: readonly DhcpClass[] | undefined;
  /** Boot information only, alongside another server that gives the addresses. */
  readonly proxy?: boolean | undefined;
  /** The relay agents allowed; undefined: any with an address in a served network. */
  readonly relays?: readonly Ipv4Network[] | undefined;
  /**
   * Further sources of relay agents; undefined: any served network. These may also ask without a
   * relay agent from another shared network (`relays.ts`).
   */
  readonly relaySources?: readonly Ipv4Network[] | undefined;
  /** Whether other DHCP servers may be there; undefined: auto. */
  readonly authoritative?: Authoritative | undefined;
  /** Whether addresses are probed before they are given; undefined: true. */
  readonly conflictCheck?: boolean | undefined;
}

export interface DhcpConfig {
  readonly subnets: readonly DhcpSubnet[];
  /**
   * New clients of one place offered an address per second; 0: no limit; undefined:
   * NEW_CLIENTS_PER_SECOND.
   */
  readonly newClientsPerSecond?: number | undefined;
  /** 67, and 68 for clients; others for a rack without privileges. */
  readonly serverPort: number;
  readonly clientPort: number;
  /** How often to probe for other DHCP servers, 60 s to a day; undefined: never. */
  readonly foreignProbe?: Seconds | undefined;
  /** Where boot clients in proxy mode ask for their boot server; undefined: PROXY_PORT. */
  readonly proxyPort?: number | undefined;
}
