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

type UnnumberedEvent = Omit<UplinkEvent, 'sequence'>;

export class Outbox {
  #waitingEvents: UnnumberedEvent[] = [];
  #sentEvents: readonly UplinkEvent[] = [];
  #acknowledgedSequence = 0;
  #droppedCount = 0;
  #reportedDropCount = 0;
  /** The dropped events that the batch in flight reports. */
  #missedCount = 0;

  get length(): number {
    this.#trim();
    return this.#waitingEvents.length + this.#sentEvents.length;
  }
  /** True if enough events wait for a full batch. */
  get hasFullBatch(): boolean {
    return this.#waitingEvents.length >= OUTBOX_BATCH_MAX;
  }
  get dropped(): number {
    this.#trim();
    return this.#droppedCount;
  }
  /** Dropped events that the other side does not know of yet. */
  get unreportedCount(): number {
    return this.dropped - this.#reportedDropCount;
  }

  add(event: UnnumberedEvent): void {
    this.#waitingEvents.push(event);
    if (this.#waitingEvents.length >= OUTBOX_EVENTS_MAX + OVERRUN_MAX) this.#trim();
  }

  /** Counts events that were lost before they reached the outbox. */
  addDropped(count: number): void {
    this.#droppedCount += count;
  }

  /** Takes the next batch; `undefined` while one is in flight or none waits. */
  take(): { readonly events: readonly UplinkEvent[]; readonly missed: number } | undefined {
    if (this.#sentEvents.length > 0 || this.#waitingEvents.length === 0) return undefined;
    this.#trim();
    this.#missedCount = this.unreportedCount;
    this.#sentEvents = this.#waitingEvents
      .splice(0, OUTBOX_BATCH_MAX)
      .map((event, index) => ({ ...event, sequence: this.#acknowledgedSequence + 1 + index }));
    return this.#composeBatch();
  }

  /** The batch in flight, to send again to a region that came back; `undefined` if there is none. */
  findUnacknowledged(): { readonly events: readonly UplinkEvent[]; readonly missed: number } | undefined {
    return this.#sentEvents.length === 0 ? undefined : this.#composeBatch();
  }

  /** Call when the region has stored everything up to `sequence`. */
  acknowledge(sequence: number): void {
    const lastSequence = this.#sentEvents.at(-1)?.sequence;
    if (lastSequence === undefined || sequence <= this.#acknowledgedSequence) return;
    this.#acknowledgedSequence = Math.min(sequence, lastSequence);
    this.#sentEvents = this.#sentEvents.filter((event) => event.sequence > this.#acknowledgedSequence);
    if (this.#sentEvents.length === 0) this.#reportedDropCount += this.#missedCount;
  }

  #trim(): void {
    let excess = this.#waitingEvents.length - OUTBOX_EVENTS_MAX;
    if (excess <= 0) return;
    this.#droppedCount += excess;
    this.#waitingEvents = this.#waitingEvents.filter(({ level }) => {
      if (excess === 0 || level === 'warning' || level === 'error') return true;
      excess -= 1;
      return false;
    });
    this.#waitingEvents.splice(0, excess);
  }

  #composeBatch(): { readonly events: readonly UplinkEvent[]; readonly missed: number } {
    return { events: this.#sentEvents, missed: this.#missedCount };
  }
}
