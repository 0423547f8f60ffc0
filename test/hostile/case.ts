// A case of the hostile suite, and the parts of its rows.

import type { Readings } from './readings.ts';
import type { HostileSite, Place } from './site.ts';
import type { Want } from './wants.ts';

/** Whether the attack has its effect, by the rack's present and former readings. */
export type Bites = (now: Readings, before: Readings) => boolean;

/** @param attackers how many attack at once */
type Keeps = (now: Readings, before: Readings, attackers: number) => boolean;

export interface HostileCase {
  readonly door: 'DHCP' | 'TFTP' | 'DNS' | 'boot HTTP' | 'region' | 'metrics' | 'link' | 'wire';
  /** The attack, in words. */
  readonly attacker: string;
  /** The name in attackers.ts. */
  readonly attack: string;
  readonly from: Place;
  /** Further words for the attack. */
  readonly words?: readonly string[] | ((site: HostileSite) => readonly string[]);
  /** True once the attack has filled its target, with the protection and without it. Bystanders ask after that. */
  readonly bites: Bites;
  /** A condition that must still hold when the bystanders have been served. */
  readonly keeps?: { readonly what: string; readonly isTrue: Keeps };
  /** Machines that the attack has listed, which no other one replaces: they are deleted after it. */
  readonly leavesMachines?: true;
  /**
   * True if the case is about the attacker's own host, which must still be served: it is not a part of all attacks at once, where the other
   * attackers fill what this one is measured by, and take the processor from the host that asks.
   */
  readonly isAboutItself?: true;
  /** false: in the long suite only. */
  readonly short?: false;
  /** The services that bystanders must get, each with its seconds, including retries of their clients. */
  readonly others: Readonly<Partial<Record<Want, number>>>;
}

export const ON_THE_WIRE: Partial<Record<Want, number>> = {
  'a machine with a reservation gets its address': 8,
  'a lease is renewed': 3,
  'a loader comes by TFTP': 8,
  'a kernel comes by HTTP': 5,
  'the rack’s own names are answered': 5,
};
export const AT_THE_REGION: Partial<Record<Want, number>> = {
  'a machine enlists': 15,
  'an administrator lists the machines': 10,
  'a kernel comes by HTTP': 10,
};

/** How much a metric has grown. */
export const grown =
  (by: number, name: string, labels: Readonly<Record<string, string>> = {}): Bites =>
  (now, before) =>
    now.sum(name, labels) - before.sum(name, labels) >= by;
export const every =
  (...all: readonly Bites[]): Bites =>
  (now, before) =>
    all.every((one) => one(now, before));
/** So many connections to a port are there. */
export const connected =
  (count: number, port: number): Bites =>
  (now) =>
    now.connections(port) >= count;
/** More datagrams could not be sent: the buffer was full, or kept for hosts that are there. */
export const unsent = (server: string): Bites => grown(1000, 'rackboot_socket_send_errors_total', { server });
