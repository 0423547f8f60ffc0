// The port to the durable outbox of a rack whose region is remote.
// `store/outbox/outbox-database.ts` implements it.
//
// 1. When a method returns, its change is on disk. If it throws RackError `store-unavailable`,
//    nothing has changed, and the same store works again once the disk does.
// 2. Entries leave in the order of their arrival. An entry gets its sequence when it is first
//    taken, and is never dropped afterwards: the region sees no gaps.
// 3. At the bounds the least important entries go first: debug and info reports, then warnings and
//    errors, oldest first. A post is never dropped; a new one is refused if only posts are left, if
//    posts take half of the bytes, or if its address would take more of that half than it leaves
//    free.

import type { RackReport } from '../region/records/machine-event.ts';

/** A report without its sequence. */
type OutboxReport = Omit<RackReport, 'sequence'>;

/** An enlistment that a machine posted while the region was away. */
export interface QueuedPost {
  /** Wall time in milliseconds. */
  readonly at: number;
  readonly peer: string;
  readonly contentType: string;
  /** The request target in origin form, query included. */
  readonly path: string;
  readonly body: string;
  /** The token of the machine's boot, shown only to the region. */
  readonly token?: string | undefined;
  /** The interface by which the machine booted; this rack vouches for it. */
  readonly bootMac?: string | undefined;
}

export type OutboxItem =
  | { readonly kind: 'report'; readonly report: OutboxReport }
  | { readonly kind: 'post'; readonly post: QueuedPost };

/** A numbered entry. */
export type OutboxEntry = OutboxItem & { readonly sequence: number };

/** An entry that the region refused. */
export interface DeadLetter {
  readonly id: number;
  readonly sequence: number;
  readonly atMs: number;
  readonly reason: string;
  readonly item: OutboxItem;
}

/** A dead letter as shown to people, without a post's body and token, which contain secrets. */
export interface ListedLetter extends Omit<DeadLetter, 'item'> {
  readonly item:
    | Extract<OutboxItem, { kind: 'report' }>
    | {
        readonly kind: 'post';
        readonly post: Pick<QueuedPost, 'at' | 'peer' | 'path' | 'bootMac'> & { readonly bytes: number };
      };
}

/** An operator's command about dead letters; `list` shows them. */
export type OutboxCommand =
  | { readonly action: 'list' }
  /** Moves a dead letter back to the end of the queue. */
  | { readonly action: 'retry'; readonly deadLetter: number }
  | { readonly action: 'drop'; readonly deadLetter: number };

/** The outcome of adding entries. */
export interface Admission {
  /** How many entries, new or waiting, were dropped to keep the bounds. */
  readonly dropped: number;
  /** True if a post found no room; then nothing was stored. */
  readonly refused: boolean;
}

export interface OutboxBounds {
  readonly entriesMax: number;
  readonly bytesMax: number;
  readonly deadLettersMax: number;
}

/**
 * Waiting entries, their bytes on disk, and dead letters: days of a busy rack. Events and posts
 * fill the outbox while the region is away; then the least important events are dropped, and posts
 * are answered with 503. It empties when the region is back.
 */
export const OUTBOX_BOUNDS: OutboxBounds = { entriesMax: 200_000, bytesMax: 256 * 1024 * 1024, deadLettersMax: 500 };

export interface OutboxStore {
  /** Drawn with the store; the region counts the sequences of each id separately. */
  readonly id: string;
  readonly length: number;
  /** Events dropped since the store was created, by kind. */
  readonly dropped: Readonly<Record<string, number>>;
  /** Dropped entries that the region does not know of yet. */
  readonly missed: number;
  readonly deadLetterCount: number;
  /**
   * The highest stored sequence of the rack's own numbering in this life of its process; 0 for
   * another life.
   */
  readStoredSequence(life: string): number;
  /**
   * Adds the events of one message, in one transaction.
   * @param lostCount how many events were lost before they reached the outbox
   */
  addReports(life: string, reports: readonly RackReport[], lostCount: number): Admission;
  addPost(post: QueuedPost): Admission;
  /** Numbers and returns the oldest entries, within both bounds, but at least one. */
  take(entriesMax: number, bytesMax: number): readonly OutboxEntry[];
  /** Call when the region has stored everything up to `sequence` and knows of `missed` dropped entries. */
  acknowledge(sequence: number, missed: number): void;
  /** Moves an entry to the dead letters. Beyond their bound the oldest are removed and counted as dropped. */
  bury(sequence: number, reason: string, atMs: number): void;
  /** Draws a new id, and numbers all waiting entries again from 1. */
  renumber(): void;
  listDeadLetters(): readonly DeadLetter[];
  /** False if there is no such dead letter. */
  retry(deadLetter: number): boolean;
  /** False if there is no such dead letter. */
  drop(deadLetter: number): boolean;
  close(): void;
}
