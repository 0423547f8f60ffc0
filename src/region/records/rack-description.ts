// How a rack describes itself at registration and with each heartbeat. An embedded rack sends the same as a rack over HTTP.
//
// Sources: the `interfaces` of `nodegroups/?op=register`.

/** One cluster interface of a rack. Addresses are text; empty: none. */
export interface RackInterface {
  readonly name: string;
  /** The network interface of the rack's host; empty for a network behind relay agents only. */
  readonly interface: string;
  /** The name of its shared network: interfaces with the same name share one. `undefined`: the shared network of its host's interface. */
  readonly shared?: string | undefined;
  /** The rack's own address there. */
  readonly ip: string;
  /** `10.20.0.0/24`. */
  readonly network: string;
  /** 0: no DHCP, 1: DHCP, 2: DHCP and DNS. */
  readonly management: 0 | 1 | 2;
  readonly ip_range_low: string;
  readonly ip_range_high: string;
  readonly static_ip_range_low: string;
  readonly static_ip_range_high: string;
  readonly router_ip: string;
  /** The first other DHCP server seen there; undefined: none. */
  readonly foreign_dhcp_ip?: string | undefined;
  /** Addresses that its configuration reserves, possibly for clients that the region does not know; undefined: none. */
  readonly reservations?: readonly RackReservation[] | undefined;
}

/** An address that a rack's configuration reserves for one client, as text. */
interface RackReservation {
  /** `NO_MAC` if the client is not identified by its hardware address. */
  readonly mac: string;
  readonly ip: string;
  /** The name of the address, one label; `undefined`: none, or the rack does not report names. */
  readonly hostname?: string | undefined;
}

/**
 * Stands for a client without a known hardware address; no host has this one. A region that understands only reservations by hardware
 * address thus still keeps the reserved address from its machines.
 */
export const NO_MAC = '00:00:00:00:00:00';

/** The widest network that a rack may have. */
export const NETWORK_PREFIX_MIN = 8;

/** Reservations of one interface that a rack reports to the region. The rack honours further ones without reporting them. */
export const RESERVATIONS_REPORTED_MAX = 4096;

/** UTF-16 units of `settingsRefused`, which holds the first problems for people to read. */
export const SETTINGS_REFUSED_LENGTH_MAX = 1000;

/** An IPv4 address of a network interface of a rack's host, as text. */
export interface HostAddress {
  /** The name of the network interface. */
  readonly interface: string;
  /** With the length of its network's prefix: `10.20.0.1/24`. */
  readonly address: string;
  /** The hardware address of the interface: `52:54:00:00:00:01`; `undefined`: it has none, or the rack does not say. */
  readonly mac?: string | undefined;
}

/** Addresses of its host that a rack reports; it leaves out further ones, and those of the loopback network. */
export const HOST_ADDRESSES_MAX = 256;

/** How a rack describes itself. */
export interface RackDescription {
  /** Permanent; generated at the rack's first start. */
  readonly uuid: string;
  readonly name: string;
  /** Its Rackboot version. */
  readonly version: string;
  readonly interfaces: readonly RackInterface[];
  /** The keys set in its configuration file: `dns.upstream`. */
  readonly pinned: readonly string[];
  /** Why it does not use the region's stored settings; `undefined` if it does. */
  readonly settingsRefused?: string | undefined;
  /** The addresses of its host, whether a cluster interface has them or not; `undefined`: it does not say. */
  readonly addresses?: readonly HostAddress[] | undefined;
}
