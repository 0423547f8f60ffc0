// What a region asks of a rack by itself, and what the rack answers: a change of one lease, or a search for other DHCP servers.

import type { Ipv4 } from '../../net/address.ts';

/** `end`: ends a running lease. `clear`: returns an address that was set aside to its range. */
export interface LeaseChange {
  readonly kind: 'end' | 'clear';
  readonly address: Ipv4;
}

/** Asks once, as a client, which other servers give addresses on an interface of the rack's host, served or not. */
export interface ServerSearch {
  readonly kind: 'search';
  readonly interface: string;
}

export type RackTask = LeaseChange | ServerSearch;

export interface RackRequest {
  /** Is also in the rack's answer. */
  readonly id: string;
  readonly task: RackTask;
}

/**
 * What a rack answers.
 * - `done`: the change is on disk, or the search is over. - `absent`: the rack has no such lease, or cannot ask on such an interface.
 * - `unwritten`: it cannot write leases now.
 */
export const TASK_OUTCOMES = ['done', 'absent', 'unwritten'] as const;

export interface TaskAnswer {
  readonly outcome: (typeof TASK_OUTCOMES)[number];
  /** The addresses of the servers that a search found. */
  readonly servers?: readonly string[] | undefined;
}

export interface RackAnswer extends TaskAnswer {
  readonly id: string;
}

/** Answers of one heartbeat; a rack that has more forgets the oldest. */
export const RACK_ANSWERS_MAX = 64;

/** Servers that an answer names. */
export const SERVERS_NAMED_MAX = 8;
