// Events on their way to the region: kept until it says that it has stored them.
//
// 1. Sequences have no gaps. At the bound one that is not on the way yet is dropped: the oldest that is no warning and no error, else
//    the oldest. It is counted, and the region is told.
// 2. One batch is on the way at a time; a batch that was not acknowledged is sent again whole.

import type { UplinkEvent } from './messages.ts';

/** Events that may wait for the region. */
export const OUTBOX_EVENTS_MAX = 20_000;
/** Events in one message. */
export const OUTBOX_BATCH_MAX = 256;

/**
 * So many events may be over the bound until one looks: what is over is taken out together, because going through all that wait for each
 * event would hold up the rack in a flood.
 */
export const OVERRUN_MAX = 1024;

type Unnumbered = Omit<UplinkEvent, 'sequence'>;

export class Outbox {
  #waiting: Unnumbered[] = [];
  #sent: readonly UplinkEvent[] = [];
  #acknowledged = 0;
  #dropped = 0;
  #droppedTold = 0;
  /** How many the batch on the way tells of. */
  #missed = 0;

  /** Events that wait or are on the way. */
  get length(): number {
    this.#trim();
    return this.#waiting.length + this.#sent.length;
  }
  /** So many wait that the next batch has no room for more. */
  get hasFullBatch(): boolean {
    return this.#waiting.length >= OUTBOX_BATCH_MAX;
  }
  /** Events dropped at the bound since the start. */
  get dropped(): number {
    this.#trim();
    return this.#dropped;
  }
  /** Those of them that the other side does not know of yet. */
  get untold(): number {
    return this.dropped - this.#droppedTold;
  }

  add(event: Unnumbered): void {
    this.#waiting.push(event);
    if (this.#waiting.length >= OUTBOX_EVENTS_MAX + OVERRUN_MAX) this.#trim();
  }

  /** Counts events that were lost before they reached the outbox. */
  addDropped(count: number): void {
    this.#dropped += count;
  }

  /** The next batch, or undefined while one is on the way or nothing waits. */
  take(): { readonly events: readonly UplinkEvent[]; readonly missed: number } | undefined {
    if (this.#sent.length > 0 || this.#waiting.length === 0) return undefined;
    this.#trim();
    this.#missed = this.untold;
    this.#sent = this.#waiting
      .splice(0, OUTBOX_BATCH_MAX)
      .map((event, index) => ({ ...event, sequence: this.#acknowledged + 1 + index }));
    return this.#batch();
  }

  /** The batch on the way once more, for a region that came back; undefined when there is none. */
  again(): { readonly events: readonly UplinkEvent[]; readonly missed: number } | undefined {
    return this.#sent.length === 0 ? undefined : this.#batch();
  }

  /** The region has stored everything up to `sequence`. */
  acknowledge(sequence: number): void {
    const last = this.#sent.at(-1)?.sequence;
    if (last === undefined || sequence <= this.#acknowledged) return;
    this.#acknowledged = Math.min(sequence, last);
    this.#sent = this.#sent.filter((event) => event.sequence > this.#acknowledged);
    if (this.#sent.length === 0) this.#droppedTold += this.#missed;
  }

  /** Takes out what is over the bound. */
  #trim(): void {
    let excess = this.#waiting.length - OUTBOX_EVENTS_MAX;
    if (excess <= 0) return;
    this.#dropped += excess;
    this.#waiting = this.#waiting.filter(({ level }) => {
      if (excess === 0 || level === 'warning' || level === 'error') return true;
      excess -= 1;
      return false;
    });
    this.#waiting.splice(0, excess);
  }

  #batch(): { readonly events: readonly UplinkEvent[]; readonly missed: number } {
    return { events: this.#sent, missed: this.#missed };
  }
}
