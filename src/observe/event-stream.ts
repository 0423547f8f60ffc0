// The stream of events: a bounded ring that publishers append to and consumers drain by cursor, each in its own turn.
//
//   publish ─ ring ┄ WAKE_MS ┄ wake one consumer that is behind ─ drain(EVENTS_PER_TURN_MAX) ─┬─ a full slice ┄ PAUSE_MS ┄ wake …
//                                                                                             └─ others behind ┄ next turn ┄ wake …
//
// 1. Publishing never throws, never blocks and never grows: the oldest event is overwritten.
// 2. A consumer that is overtaken is told how many events it missed. While BYSTANDERS_WAITING_MAX wait for all of them, what hosts do every
//    day that do not boot is not kept: a flood of leases takes no room from what else happens.
// 3. One turn of the event loop wakes one consumer, and a consumer that is woken takes EVENTS_PER_TURN_MAX at most: between two
//    slices the sockets are read, so a flood of events delays an answer by one slice, and costs events instead of answers.
// 4. After a full slice nobody is woken for PAUSE_MS: a flood takes a part of the loop's time, never all of it, which on a busy host would
//    also cost the process its precedence over others.
// 5. The first event after a rest waits WAKE_MS for company: the turns in which consumers are woken cost more than what they take.
// 6. What every consumer has taken is let go at once: an event that lives until it is overwritten is copied again and again by the
//    garbage collector (measured: 1 to 1.5 µs a lease, of 27).

import { type Clock, systemClock, type Timer } from '../clock.ts';
import { isOfBystander } from '../dhcp/everyday-events.ts';
import type { RackEvent } from '../event.ts';

/** Events kept for consumers that lag. */
export const EVENT_STREAM_MAX = 4096;
/** So many events wait before those of bystanders are left out. */
export const BYSTANDERS_WAITING_MAX: number = EVENT_STREAM_MAX / 2;
/** The most events that a consumer takes in the turn in which it is woken. */
export const EVENTS_PER_TURN_MAX = 256;
/** How long the first event after a rest waits until a consumer is woken, in milliseconds: nobody sees it later for that. */
export const WAKE_MS = 5;
/** How long after a full slice nobody is woken, in milliseconds. */
const PAUSE_MS = 1;
/** Turns of the event loop in which a full ring is taken by all consumers, with room to spare. */
const REST_TURNS_MAX = 1024;

export interface EventBatch {
  readonly events: readonly RackEvent[];
  /** Events that were left out, or overwritten before this consumer came for them. */
  readonly missed: number;
}

/** A consumer's place in the stream. */
export interface EventCursor {
  /** What was published since the last call, the oldest first, at most `limit`; without a limit everything. */
  drain(limit?: number): EventBatch;
}

/** Who consumes: a closed list, because the metrics count what each missed. */
export type EventConsumer = 'log' | 'uplink' | 'timeline' | 'followers' | 'other';

/** What the stream counted. */
export interface EventStreamCounters {
  readonly published: number;
  /** Events that consumers were overtaken by. */
  readonly missed: ReadonlyMap<EventConsumer, number>;
}

interface Consumer {
  readonly name: EventConsumer;
  readonly onWake: (() => void) | undefined;
  /** The number of the next event it takes. */
  at: number;
  /** How many events had been left out when it came last. */
  leftOut: number;
}

/** The ring. Consumers that want to be woken give `onWake`, called at most once a turn. */
export class EventStream {
  readonly #ring: (RackEvent | undefined)[] = new Array<RackEvent | undefined>(EVENT_STREAM_MAX).fill(undefined);
  readonly #consumers: Consumer[] = [];
  /** Those that nobody wakes, too. */
  readonly #all: Consumer[] = [];
  /** What stands in the ring before this was taken by all, and is gone. */
  #cleared = 0;
  readonly #missed = new Map<EventConsumer, number>();
  #next = 0;
  #leftOut = 0;
  /** Where the consumer is that has got furthest. */
  #furthest = 0;
  readonly #clock: Pick<Clock, 'schedule'>;
  #waking = false;
  #pausing: Timer | undefined;
  /** Everything is to be taken without a rest: the process ends. */
  #hurried = false;
  /** Whose turn it is among the consumers. */
  #turn = 0;

  constructor(clock: Pick<Clock, 'schedule'> = systemClock) {
    this.#clock = clock;
  }

  /** Appends an event. */
  readonly publish = (event: RackEvent): void => {
    const isBehind = this.#consumers.length > 0 && this.#next - this.#furthest >= BYSTANDERS_WAITING_MAX;
    if (isBehind && isOfBystander(event)) {
      this.#leftOut += 1;
      return;
    }
    this.#ring[this.#next % EVENT_STREAM_MAX] = event;
    this.#next += 1;
    if (!this.#waking) this.#wakeSoon(this.#consumers.length, WAKE_MS);
  };

  /**
   * A cursor at the present end of the stream. `onWake` is called in a turn of its own soon after something was published, and again
   * in later turns while it takes some and not all; it drains EVENTS_PER_TURN_MAX at most.
   */
  subscribe(onWake?: () => void, name: EventConsumer = 'other'): EventCursor {
    const consumer: Consumer = { name, onWake, at: this.#next, leftOut: this.#leftOut };
    this.#all.push(consumer);
    if (onWake !== undefined) {
      this.#consumers.push(consumer);
      this.#furthest = this.#next;
    }
    if (!this.#missed.has(name)) this.#missed.set(name, 0);
    return { drain: (limit = EVENT_STREAM_MAX) => this.#drain(consumer, limit) };
  }

  counters(): EventStreamCounters {
    return { published: this.#next + this.#leftOut, missed: new Map(this.#missed) };
  }

  /** Resolves when every consumer has taken what it can, at the latest after REST_TURNS_MAX turns. */
  async rest(): Promise<void> {
    this.#hurried = true;
    if (this.#pausing !== undefined) {
      this.#pausing.cancel();
      this.#pausing = undefined;
      this.#waking = false;
      this.#wakeSoon(this.#consumers.length);
    }
    for (let turns = 0; this.#waking && turns < REST_TURNS_MAX; turns += 1) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /**
   * @param left so many consumers may be without anything to do before the waking rests
   * @param delayMs undefined: in the next turn
   */
  #wakeSoon(left: number, delayMs?: number): void {
    if (this.#waking || left === 0) return;
    this.#waking = true;
    const wake = (): void => {
      this.#pausing = undefined;
      this.#wakeOne(left);
    };
    if (delayMs !== undefined && !this.#hurried) this.#pausing = this.#clock.schedule(delayMs, wake);
    else setImmediate(wake);
  }

  /** Wakes the next consumer that is behind, and sees to it that those after it are woken in later turns. */
  #wakeOne(left: number): void {
    for (let passed = 0; passed < this.#consumers.length; passed += 1) {
      const consumer = this.#consumers[this.#turn % this.#consumers.length];
      this.#turn += 1;
      if (consumer === undefined || consumer.at >= this.#next) continue;
      const before = Math.max(consumer.at, this.#next - EVENT_STREAM_MAX);
      // What it publishes itself waits as everything else does.
      consumer.onWake?.();
      this.#waking = false;
      const taken = consumer.at - before;
      // One that took nothing waits for the next event; the others have their turn yet.
      this.#wakeSoon(
        taken > 0 ? this.#consumers.length : left - 1,
        taken >= EVENTS_PER_TURN_MAX ? PAUSE_MS : undefined,
      );
      return;
    }
    this.#waking = false;
  }

  #drain(consumer: Consumer, limit: number): EventBatch {
    const from = Math.max(consumer.at, this.#next - EVENT_STREAM_MAX);
    const missed = from - consumer.at + this.#leftOut - consumer.leftOut;
    if (missed > 0) this.#missed.set(consumer.name, (this.#missed.get(consumer.name) ?? 0) + missed);
    const to = Math.min(this.#next, from + limit);
    const events: RackEvent[] = [];
    for (let index = from; index < to; index += 1) {
      const event = this.#ring[index % EVENT_STREAM_MAX];
      if (event !== undefined) events.push(event);
    }
    consumer.at = to;
    consumer.leftOut = this.#leftOut;
    this.#clear();
    if (consumer.onWake !== undefined) this.#furthest = Math.max(this.#furthest, to);
    return { events, missed };
  }

  /** Lets go of what everybody has taken. */
  #clear(): void {
    let taken = this.#next;
    for (const { at } of this.#all) taken = Math.min(taken, at);
    // Older places hold newer events by now.
    const from = Math.max(this.#cleared, this.#next - EVENT_STREAM_MAX);
    for (let index = from; index < taken; index += 1) this.#ring[index % EVENT_STREAM_MAX] = undefined;
    this.#cleared = Math.max(from, taken);
  }
}
