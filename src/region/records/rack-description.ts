// What a rack says of itself when it registers, and with each heartbeat: the same words embedded and over HTTP.
//
// Sources: the `interfaces` of `nodegroups/?op=register`.

/** One cluster interface of a rack; addresses as text, empty: none. */
export interface RackInterface {
  readonly name: string;
  /** The network interface of the rack's host; empty for a network that is reached through relay agents only. */
  readonly interface: string;
  /** What its wire is called, which it shares with the other networks that say so; undefined: that of its interface alone. */
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
  /** Another DHCP server that was seen there, the one seen first; undefined: none. */
  readonly foreign_dhcp_ip?: string | undefined;
  /** Addresses that its configuration gives to certain clients, whom the region need not know; undefined: none. */
  readonly reservations?: readonly RackReservation[] | undefined;
}

/** An address that a rack's configuration keeps for one client; both as text. */
export interface RackReservation {
  /** `NO_MAC`: it is kept for somebody that no hardware address tells. */
  readonly mac: string;
  readonly ip: string;
}

/** No host has it. A region that knows nothing of other reservations than by hardware address keeps such an address from everybody, too. */
export const NO_MAC = '00:00:00:00:00:00';

/** Reservations of one interface that the region is told; those beyond are known to the rack alone, which keeps them all the same. */
export const RESERVATIONS_TOLD_MAX = 4096;

/** In UTF-16 units: the first problems, for people. */
export const SETTINGS_REFUSED_LENGTH_MAX = 1000;

/** A rack, as it introduces itself. */
export interface RackDescription {
  /** Drawn at the rack's first start, for ever. */
  readonly uuid: string;
  readonly name: string;
  /** The version of Rackboot that it runs. */
  readonly version: string;
  readonly interfaces: readonly RackInterface[];
  /** Keys that its configuration file owns, as they are written there: `dns.upstream`. */
  readonly pinned: readonly string[];
  /** Why it does not use what the region's store owns of its configuration; undefined: it does. */
  readonly settingsRefused?: string | undefined;
}
