// What a region asks of a rack by itself, and what the rack answers: a change of one lease, or a
// search for other DHCP servers.

import type { Ipv4 } from '../../ground/address.ts';
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

export type RackTask = LeaseChange | ServerSearch;

export interface RackRequest {
  /** Is also in the rack's answer. */
  readonly id: string;
  readonly task: RackTask;
}

export type RackAnswer = NonNullable<Heartbeat['answers']>[number];
export type TaskAnswer = Omit<RackAnswer, 'id'>;
