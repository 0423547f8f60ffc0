// The status of a rack's side of its region, and of its link to a remote one, for people and
// programs. Plain data: it crosses threads.

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
  /** When the region last answered there; `undefined` if it has not since the start. */
  readonly answeredMs?: number | undefined;
  /**
   * Why no region answers there, and since when; `undefined` if one does, or the address was not
   * asked yet.
   */
  readonly failure?: { readonly text: string; readonly sinceMs: number } | undefined;
}

export interface LinkStatus {
  readonly addresses: readonly AddressStatus[];
  readonly state: LinkState;
  /**
   * When the state began or, if it is up, when the rack moved to another address in it; wall time
   * in milliseconds.
   */
  readonly since: number;
  readonly text: string;
  /**
   * When the last address stopped serving requests, wall time in milliseconds, and why the address
   * in use does not; `undefined` if an address serves requests. The link itself becomes `away`
   * later, because a single refusal may come from a busy region.
   */
  readonly unserved?: { readonly sinceMs: number; readonly text: string } | undefined;
  /** When the region last answered, wall time in milliseconds; `undefined` if it has not since the start. */
  readonly lastContact: number | undefined;
  /** When the region last answered a heartbeat, likewise. */
  readonly lastHeartbeat: number | undefined;
  /** The round-trip time of the last heartbeat, in milliseconds. */
  readonly heartbeatMs: number | undefined;
  /** The region's version of Rackboot; empty if not known yet. */
  readonly regionVersion: string;
  readonly waiting: number;
  /** Events dropped at the outbox's bounds since its file was created. */
  readonly dropped: number;
  readonly deadLetters: number;
  /** Why the outbox cannot be written at the moment; empty if it can. */
  readonly outboxProblem: string;
}

/** The status of the rack's side of its region. */
export interface UplinkStatus {
  readonly mode: 'embedded' | 'remote';
  /** The thread's state; once the thread is up and the region is remote, the link's. */
  readonly state: 'starting' | 'waiting' | LinkStatus['state'];
  readonly addresses: readonly string[];
  /**
   * Embedded only: the configured listeners that cannot be opened yet, each with the remedy;
   * `undefined` if there are none.
   */
  readonly unopened?: readonly { readonly host: string; readonly text: string }[] | undefined;
  readonly desiredVersion: number;
  /** When the current desired state arrived, wall time in milliseconds; `undefined` if there is none. */
  readonly desiredSince: number | undefined;
  readonly eventsWaiting: number;
  readonly eventsDropped: number;
  /** Everyday lease events of strangers that were only counted, not sent. */
  readonly eventsWithheld: number;
  /** Why the thread ended; `undefined` if it is up or starts for the first time. */
  readonly problem?: string | undefined;
  /** The status of the link; `undefined` if the region is embedded or nothing is known yet. */
  readonly link?: LinkStatus | undefined;
}
