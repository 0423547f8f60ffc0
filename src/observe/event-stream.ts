// The stream of events: a bounded ring that publishers append to and consumers drain by cursor, each in its own turn.
//
// 1. Publishing never throws, never blocks and never grows: the oldest event is overwritten.
// 2. A consumer that is overtaken is told how many events it missed.

import type { RackEvent } from '../event.ts';

/** Events kept for consumers that lag. */
export const EVENT_STREAM_MAX = 4096;

export interface EventBatch {
  readonly events: readonly RackEvent[];
  /** Events that were overwritten before this consumer came for them. */
  readonly missed: number;
}

/** A consumer's place in the stream. */
export interface EventCursor {
  /** Everything published since the last call. */
  drain(): EventBatch;
}

/** The ring. Consumers that want to be woken give `onWake`, called at most once a turn. */
export class EventStream {
  readonly #ring: (RackEvent | undefined)[] = new Array<RackEvent | undefined>(EVENT_STREAM_MAX).fill(undefined);
  readonly #wakes: (() => void)[] = [];
  #next = 0;
  #waking = false;

  /** Appends an event. */
  readonly publish = (event: RackEvent): void => {
    this.#ring[this.#next % EVENT_STREAM_MAX] = event;
    this.#next += 1;
    if (this.#waking) return;
    this.#waking = true;
    setImmediate(() => {
      this.#waking = false;
      for (const wake of this.#wakes) wake();
    });
  };

  /** A cursor at the present end of the stream. `onWake` is called in a turn of its own after something was published. */
  subscribe(onWake?: () => void): EventCursor {
    if (onWake !== undefined) this.#wakes.push(onWake);
    let at = this.#next;
    return {
      drain: () => {
        const from = Math.max(at, this.#next - EVENT_STREAM_MAX);
        const missed = from - at;
        const events: RackEvent[] = [];
        for (let index = from; index < this.#next; index += 1) {
          const event = this.#ring[index % EVENT_STREAM_MAX];
          if (event !== undefined) events.push(event);
        }
        at = this.#next;
        return { events, missed };
      },
    };
  }
}
