// What a region asks of a rack by itself, and what the rack answers: a change of one lease, a search
// for other DHCP servers, or to wake or hear a host.

import { formatIpv4, formatMac, type Ipv4, type MacAddress } from '../../ground/address.ts';
import type { Heartbeat } from './heartbeat.ts';

/** `end`: ends a running lease. `clear`: returns an address that was set aside to its range. */
export interface LeaseChange {
  readonly kind: 'end' | 'clear';
  readonly address: Ipv4;
}

/**
 * Asks once, as a client, which other servers give addresses on an interface of the rack's host,
 * served or not.
 */
export interface ServerSearch {
  readonly kind: 'search';
  readonly interface: string;
}

/** Sends a magic packet (Wake-on-LAN). */
export interface HostWake {
  readonly kind: 'wake';
  readonly mac: MacAddress;
  /** Of SecureOn, in hexadecimal digits; undefined: none. */
  readonly password: string | undefined;
  /** An address in the host's network; if the rack serves none with it, all of its networks are tried. */
  readonly near: Ipv4 | undefined;
}

/** Asks by ARP whether a host uses one of these addresses, at most HEARD_ADDRESSES_MAX. */
export interface HostProbe {
  readonly kind: 'hear';
  readonly mac: MacAddress;
  readonly addresses: readonly Ipv4[];
}

export const HEARD_ADDRESSES_MAX = 8;

export type RackTask = LeaseChange | ServerSearch | HostWake | HostProbe;

/** A task as its rack gets it, with addresses as texts. */
export function rackTaskJson(task: RackTask): object {
  switch (task.kind) {
    case 'search':
      return task;
    case 'end':
    case 'clear':
      return { kind: task.kind, address: formatIpv4(task.address) };
    case 'wake': {
      const address = task.near === undefined ? undefined : formatIpv4(task.near);
      return { kind: task.kind, mac: formatMac(task.mac), password: task.password, address };
    }
    case 'hear':
      return { kind: task.kind, mac: formatMac(task.mac), addresses: task.addresses.map(formatIpv4) };
  }
}

export interface RackRequest {
  /** Is also in the rack's answer. */
  readonly id: string;
  readonly task: RackTask;
}

export type RackAnswer = NonNullable<Heartbeat['answers']>[number];
export type TaskAnswer = Omit<RackAnswer, 'id'>;
