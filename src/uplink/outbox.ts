// Keeps events in memory until the region acknowledges that it has stored them.
//
// 1. Sequences have no gaps. At the bound a waiting event is dropped: the oldest one that is
//    neither a warning nor an error, or else the oldest of all. Dropped events are counted, and
//    their number is reported to the region.
// 2. One batch is in flight at a time; an unacknowledged batch is sent again as a whole.

import type { UplinkEvent } from './messages.ts';

/** Events that wait for the region. */
export const OUTBOX_EVENTS_MAX = 20_000;
/** Events in one message. */
export const OUTBOX_BATCH_MAX = 256;

/**
 * How many events may exceed the bound before the excess is dropped at once: in a flood, a pass
 * over all waiting events for each new one would block the rack.
 */
export const OVERRUN_MAX = 1024;

type Unnumbered = Omit<UplinkEvent, 'sequence'>;

export class Outbox {
  #waiting: Unnumbered[] = [];
  #sent: readonly UplinkEvent[] = [];
  #acknowledged = 0;
  #dropped = 0;
  #droppedReported = 0;
  /** The dropped events that the batch in flight reports. */
  #missed = 0;

  get length(): number {
    this.#trim();
    return this.#waiting.length + this.#sent.length;
  }
  /** True if enough events wait for a full batch. */
  get hasFullBatch(): boolean {
    return this.#waiting.length >= OUTBOX_BATCH_MAX;
  }
  get dropped(): number {
    this.#trim();
    return this.#dropped;
  }
  /** Dropped events that the other side does not know of yet. */
  get unreported(): number {
    return this.dropped - this.#droppedReported;
  }

  add(event: Unnumbered): void {
    this.#waiting.push(event);
    if (this.#waiting.length >= OUTBOX_EVENTS_MAX + OVERRUN_MAX) this.#trim();
  }

  /** Counts events that were lost before they reached the outbox. */
  addDropped(count: number): void {
    this.#dropped += count;
  }

  /** Takes the next batch; undefined while one is in flight or none waits. */
  take(): { readonly events: readonly UplinkEvent[]; readonly missed: number } | undefined {
    if (this.#sent.length > 0 || this.#waiting.length === 0) return undefined;
    this.#trim();
    this.#missed = this.unreported;
    this.#sent = this.#waiting
      .splice(0, OUTBOX_BATCH_MAX)
      .map((event, index) => ({ ...event, sequence: this.#acknowledged + 1 + index }));
    return this.#batch();
  }

  /** The batch in flight, to send again to a region that came back; undefined if there is none. */
  unacknowledged(): { readonly events: readonly UplinkEvent[]; readonly missed: number } | undefined {
    return this.#sent.length === 0 ? undefined : this.#batch();
  }

  /** Call when the region has stored everything up to `sequence`. */
  acknowledge(sequence: number): void {
    const last = this.#sent.at(-1)?.sequence;
    if (last === undefined || sequence <= this.#acknowledged) return;
    this.#acknowledged = Math.min(sequence, last);
    this.#sent = this.#sent.filter((event) => event.sequence > this.#acknowledged);
    if (this.#sent.length === 0) this.#droppedReported += this.#missed;
  }

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
