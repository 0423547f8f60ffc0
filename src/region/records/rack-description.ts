// How a rack describes itself at registration and with each heartbeat; an embedded rack does, too.
//
// Sources: the `interfaces` of `nodegroups/?op=register`.

/** Addresses are text; empty: none. */
export interface RackInterface {
  readonly name: string;
  /** Of the rack's host; empty for a network behind relay agents only. */
  readonly interface: string;
  /** Interfaces with the same name share a network. `undefined`: the shared network of its host's interface. */
  readonly shared?: string | undefined;
  /** The rack's own. */
  readonly ip: string;
  /** `10.20.0.0/24`. */
  readonly network: string;
  /** 0: no DHCP, 1: DHCP, 2: DHCP and DNS. */
  readonly management: 0 | 1 | 2;
  /** Another DHCP server gives the addresses; `undefined`: the rack does, or it is older. */
  readonly mode?: 'proxy' | undefined;
  readonly ip_range_low: string;
  readonly ip_range_high: string;
  readonly static_ip_range_low: string;
  readonly static_ip_range_high: string;
  readonly router_ip: string;
  /** The first other DHCP server seen there. */
  readonly foreign_dhcp_ip?: string | undefined;
  /** Possibly for clients that the region does not know. */
  readonly reservations?: readonly RackReservation[] | undefined;
}

interface RackReservation {
  /** `NO_MAC` if the client is not identified by its hardware address. */
  readonly mac: string;
  readonly ip: string;
  /** One label; `undefined`: none, or the rack does not report names. */
  readonly hostname?: string | undefined;
}

/** For a client without a known hardware address; no host has it. So every region keeps the address from its machines. */
export const NO_MAC = '00:00:00:00:00:00';

/** The widest network that a rack may have. */
export const NETWORK_PREFIX_MIN = 8;

/** Of one interface. The rack honours further ones without reporting them. */
export const RESERVATIONS_REPORTED_MAX = 4096;

/** UTF-16 units of `settingsRefused`. */
export const SETTINGS_REFUSED_LENGTH_MAX = 1000;

/** As text. */
export interface HostAddress {
  readonly interface: string;
  /** `10.20.0.1/24`. */
  readonly address: string;
  /** Of the interface; `undefined`: none, or the rack does not say. */
  readonly mac?: string | undefined;
  /** True if the interface leads to the host's default router: often a network that another DHCP server serves. */
  readonly isOutward?: boolean | undefined;
  /** The host's default router, if it is in the network of the address. */
  readonly router?: string | undefined;
}

/** A rack leaves out further ones, and those of the loopback network. */
export const HOST_ADDRESSES_MAX = 256;

/** How a rack describes itself. */
export interface RackDescription {
  /** Permanent. */
  readonly uuid: string;
  readonly name: string;
  readonly version: string;
  readonly interfaces: readonly RackInterface[];
  /** Keys set in its file: `dns.upstream`. */
  readonly pinned: readonly string[];
  /** Why it does not use the region's stored settings; `undefined` if it does. */
  readonly settingsRefused?: string | undefined;
  /** All of its host's; `undefined`: it does not say. */
  readonly addresses?: readonly HostAddress[] | undefined;
}
