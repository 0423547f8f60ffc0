// The status of a rack's link to its remote region, for people and programs. Plain data: it crosses threads.

/**
 * - `registering`: the rack registers; the region has not answered yet.
 * - `pending`: the rack waits for an administrator to accept it.
 * - `rejected`: an administrator has rejected the rack, or the region does not know its key.
 * - `incompatible`: rack and region use different versions of the link.
 * - `up`: the region answers.
 * - `away`: the region does not answer.
 */
export type LinkState = 'registering' | 'pending' | 'rejected' | 'incompatible' | 'up' | 'away';

/** The last news of one address of region.url. Times are wall time in milliseconds. */
export interface AddressStatus {
  readonly url: string;
  /** True for the address that requests go to. */
  readonly isInUse: boolean;
  /** When the region last answered there; undefined if it has not since the start. */
  readonly answeredMs?: number | undefined;
  /** Why no region answers there, and since when; undefined if one does, or the address was not asked yet. */
  readonly failure?: { readonly text: string; readonly sinceMs: number } | undefined;
}

export interface LinkStatus {
  /** The addresses of region.url, in its order. */
  readonly addresses: readonly AddressStatus[];
  readonly state: LinkState;
  /** When the state began or, if it is up, when the rack moved to another address in it; wall time in milliseconds. */
  readonly since: number;
  /** The cause and the remedy; empty when the link is up. */
  readonly text: string;
  /**
   * Since when no address has served a request, wall time in milliseconds, and why not that in use; undefined: one does. The link itself is `away`
   * later: a single refusal may be one of a busy region.
   */
  readonly unserved?: { readonly sinceMs: number; readonly text: string } | undefined;
  /** When the region last answered, wall time in milliseconds; undefined if it has not since the start. */
  readonly lastContact: number | undefined;
  /** When the region last answered a heartbeat, likewise. */
  readonly lastHeartbeat: number | undefined;
  /** The round-trip time of the last heartbeat, in milliseconds. */
  readonly heartbeatMs: number | undefined;
  /** The region's version of Rackboot; empty if not known yet. */
  readonly regionVersion: string;
  /** Entries waiting on disk. */
  readonly waiting: number;
  /** Events dropped at the outbox's bounds since its file was created. */
  readonly dropped: number;
  readonly deadLetters: number;
  /** Why the outbox cannot be written at the moment; empty if it can. */
  readonly outboxProblem: string;
}
