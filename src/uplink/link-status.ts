// How a rack stands with its remote region, for people and programs. Plain data: it crosses threads.

/**
 * - `registering`: it introduces itself; nothing has been answered yet.
 * - `pending`: it waits for an administrator to accept it.
 * - `rejected`: an administrator does not want it.
 * - `incompatible`: rack and region speak different versions.
 * - `up`: the region answers.
 * - `away`: the region does not answer.
 */
export type LinkState = 'registering' | 'pending' | 'rejected' | 'incompatible' | 'up' | 'away';

export interface LinkStatus {
  readonly state: LinkState;
  /** Since when: wall time in milliseconds. */
  readonly since: number;
  /** Why it is so and what to do about it; empty when it is up. */
  readonly text: string;
  /** When the region last answered: wall time in milliseconds; undefined: not in this life. */
  readonly lastContact: number | undefined;
  /** When the last heartbeat was answered, likewise. */
  readonly lastHeartbeat: number | undefined;
  /** How long the last heartbeat took to be answered, in milliseconds. */
  readonly heartbeatMs: number | undefined;
  /** The version of Rackboot that the region runs; empty: it has not said. */
  readonly regionVersion: string;
  /** Entries on disk that wait. */
  readonly waiting: number;
  /** Events dropped at the outbox's bounds since its file was made. */
  readonly dropped: number;
  readonly deadLetters: number;
  /** Why the outbox cannot be written at the moment; empty: it can. */
  readonly outboxProblem: string;
}
