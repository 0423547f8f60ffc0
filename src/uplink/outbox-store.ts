// The durable outbox of a rack whose region is remote: the port. `store/outbox-database.ts` implements it.
//
// 1. What a method returned from is on disk; when it throws RackError `store-unavailable` nothing has changed, and the same store works
//    again once the disk does.
// 2. Entries leave in the order in which they came. An entry gets its sequence when it is first taken, the next whole number; it keeps
//    it for ever, and is never dropped from then on. So what the region sees has no gaps, however much was dropped in between.
// 3. At the bounds the least important go first: debug and info reports, then warnings and errors, the oldest of each. A post is never
//    dropped: where nothing but posts is left, or those that wait have half of the bytes, a further one is refused; so is one of a machine
//    whose posts would take more of that half than they leave to the others.

import type { RackReport } from '../region/records/machine-event.ts';

/** A report before it has its sequence. */
export type OutboxReport = Omit<RackReport, 'sequence'>;

/** An enlistment that a machine made while the region was away. */
export interface QueuedPost {
  /** Wall time in milliseconds. */
  readonly at: number;
  /** The machine's address, dotted decimal. */
  readonly peer: string;
  readonly contentType: string;
  /** In origin form, with the query. */
  readonly path: string;
  /** Base64. */
  readonly body: string;
  /** The token of the machine's boot: shown to nobody but the region. */
  readonly token?: string | undefined;
  /** The interface by which it was booted, for which this rack vouches. */
  readonly bootMac?: string | undefined;
}

export type OutboxItem =
  | { readonly kind: 'report'; readonly report: OutboxReport }
  | { readonly kind: 'post'; readonly post: QueuedPost };

/** An entry on its way. */
export type OutboxEntry = OutboxItem & { readonly sequence: number };

/** What the region refused. */
export interface DeadLetter {
  readonly id: number;
  readonly sequence: number;
  /** When it was refused: wall time in milliseconds. */
  readonly atMs: number;
  readonly reason: string;
  readonly item: OutboxItem;
}

/** A dead letter as a person sees it: a machine's post holds passwords and the token of its boot, and is not shown. */
export interface ListedLetter extends Omit<DeadLetter, 'item'> {
  readonly item:
    | Extract<OutboxItem, { kind: 'report' }>
    | {
        readonly kind: 'post';
        readonly post: Pick<QueuedPost, 'at' | 'peer' | 'path' | 'bootMac'> & { readonly bytes: number };
      };
}

/** What a person does with dead letters; `list` shows them. */
export type OutboxCommand =
  | { readonly action: 'list' }
  /** To the end of the queue, once more. */
  | { readonly action: 'retry'; readonly deadLetter: number }
  | { readonly action: 'drop'; readonly deadLetter: number };

/** What adding did. */
export interface Admission {
  /** How many of what was given or waited were dropped to keep the bounds. */
  readonly dropped: number;
  /** A post that found no room: nothing of this call was stored. */
  readonly refused: boolean;
}

export interface OutboxBounds {
  readonly entriesMax: number;
  readonly bytesMax: number;
  readonly deadLettersMax: number;
}

/**
 * Entries that may wait, and what they may take on disk: days of a busy rack. Events and posts fill it while the region is away; then the
 * least important events go, and a machine that posts is told 503. It empties when the region is back.
 */
export const OUTBOX_BOUNDS: OutboxBounds = { entriesMax: 200_000, bytesMax: 256 * 1024 * 1024, deadLettersMax: 500 };

export interface OutboxStore {
  /** Drawn with the store; the region counts the sequences of each id by itself. */
  readonly id: string;
  /** Entries that wait. */
  readonly length: number;
  /** What was dropped since the store was made, by the kind of event. */
  readonly dropped: Readonly<Record<string, number>>;
  /** How many dropped entries the region has not been told of. */
  readonly missed: number;
  readonly deadLetterCount: number;
  /** The highest sequence of the process's own numbering that is stored for this life of it; 0 for another life. */
  storedOf(life: string): number;
  /**
   * Adds what one message brought, in one transaction.
   * @param lost events that were lost before they came here
   */
  addReports(life: string, reports: readonly RackReport[], lost: number): Admission;
  addPost(post: QueuedPost): Admission;
  /** The oldest entries, at most so many and so many bytes (one at least), numbered. */
  take(entriesMax: number, bytesMax: number): readonly OutboxEntry[];
  /** The region has everything up to `sequence`, and was told of `missed` dropped ones. */
  acknowledge(sequence: number, missed: number): void;
  /** Moves an entry to the dead letters; those beyond their bound go, the oldest first, and are counted as dropped. */
  bury(sequence: number, reason: string, atMs: number): void;
  /** Begins under a new id, from sequence 1, with everything that waits. */
  renumber(): void;
  listDeadLetters(): readonly DeadLetter[];
  /** False: there is no such dead letter. */
  retry(deadLetter: number): boolean;
  /** False: there is no such dead letter. */
  drop(deadLetter: number): boolean;
  close(): void;
}
