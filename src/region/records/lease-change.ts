// A change of one lease that a person has a rack make, and what the rack answers.

import type { Ipv4 } from '../../net/address.ts';

/** `end`: ends a running lease. `clear`: returns an address that was set aside to its range. */
export interface LeaseChange {
  readonly kind: 'end' | 'clear';
  readonly address: Ipv4;
}

export interface LeaseRequest {
  /** Is also in the rack's answer. */
  readonly id: string;
  readonly change: LeaseChange;
}

/**
 * What a rack answers.
 * - `done`: the change is on disk. - `absent`: the rack has no such lease. - `unwritten`: it cannot write leases now.
 */
export const LEASE_OUTCOMES = ['done', 'absent', 'unwritten'] as const;
export type LeaseOutcome = (typeof LEASE_OUTCOMES)[number];

export interface LeaseAnswer {
  readonly id: string;
  readonly outcome: LeaseOutcome;
}

/** Answers of one heartbeat; a rack that has more forgets the oldest. */
export const LEASE_ANSWERS_MAX = 64;
