// The stream of events: a bounded ring that publishers append to and consumers drain by cursor,
// each in its own turn.
//
//   publish ─ ring ┄ WAKE_MS ┄ wake one consumer that is behind ─ drain(EVENTS_PER_TURN_MAX) ─┬─ a full slice ┄ PAUSE_MS ┄ wake …
//                                                                                             └─ others behind ┄ next turn ┄ wake …
//
// 1. Publishing never throws, blocks or grows memory: the oldest event is overwritten.
// 2. An overtaken consumer learns how many events it missed. While BYSTANDERS_WAITING_MAX events
//    wait for every consumer, everyday events of hosts that do not boot are dropped.
// 3. One turn of the event loop wakes one consumer. The sockets are read between two slices, so a
//    flood costs events, not replies.
// 4. The pause after a full slice leaves time to the rest of the loop, and the process its
//    scheduling priority.
// 5. The first event after a pause waits WAKE_MS for more: waking the consumers costs more than their work.
// 6. Events that every consumer has taken are released at once: the garbage collector would
//    otherwise copy them again and again (measured: 1 to 1.5 µs per lease, of 27).

import { isOfBystander } from '../dhcp/events/everyday-events.ts';
import { type Clock, systemClock, type Timer } from '../ground/clock.ts';
import type { RackEvent } from '../ground/event.ts';

/** The most events kept for lagging consumers. */
export const EVENT_STREAM_MAX = 4096;
/** From this many waiting events on, events of hosts that do not boot are dropped. */
export const BYSTANDERS_WAITING_MAX: number = EVENT_STREAM_MAX / 2;
/** The most events that a woken consumer takes in one turn. */
export const EVENTS_PER_TURN_MAX = 256;
/**
 * How long the first event after a pause waits before a consumer is woken, in milliseconds: too
 * short to be noticed.
 */
export const WAKE_MS = 5;
/** How long no consumer is woken after a full slice, in milliseconds. */
const PAUSE_MS = 1;
/** Turns of the event loop; ample for all consumers to take a full ring. */
const REST_TURNS_MAX = 1024;

interface EventBatch {
  readonly events: readonly RackEvent[];
  /** Events that were dropped, or overwritten before this consumer took them. */
  readonly missed: number;
}

interface EventCursor {
  /** The events published since the last call, the oldest first; at most `limit` if given. */
  drain(limit?: number): EventBatch;
}

/** The consumers: a closed list, because the metrics count the missed events of each. */
type EventConsumer = 'log' | 'uplink' | 'timeline' | 'followers' | 'other';

/** The stream's counters. */
export interface EventStreamCounters {
  readonly published: number;
  /** Events that each consumer missed. */
  readonly missed: ReadonlyMap<EventConsumer, number>;
}

interface Consumer {
  readonly name: EventConsumer;
  readonly onWake: (() => void) | undefined;
  /** The number of the next event it takes. */
  at: number;
  /** The stream's count of dropped events when this consumer last drained. */
  droppedBefore: number;
}

/** The ring. A consumer's `onWake`, if given, is called at most once per turn. */
export class EventStream {
  readonly #ring: (RackEvent | undefined)[] = new Array<RackEvent | undefined>(EVENT_STREAM_MAX).fill(undefined);
  readonly #consumers: Consumer[] = [];
  /** All consumers, including those without `onWake`. */
  readonly #all: Consumer[] = [];
  /** Every event before this number was taken by all consumers and released. */
  #cleared = 0;
  readonly #missed = new Map<EventConsumer, number>();
  #next = 0;
  #dropped = 0;
  /** The position of the most advanced consumer. */
  #furthest = 0;
  readonly #clock: Pick<Clock, 'schedule'>;
  #waking = false;
  #pausing: Timer | undefined;
  /** The process is ending, so consumers are woken without pauses. */
  #hurried = false;
  /** The index of the next consumer to wake. */
  #turn = 0;

  constructor(clock: Pick<Clock, 'schedule'> = systemClock) {
    this.#clock = clock;
  }

  readonly publish = (event: RackEvent): void => {
    const isBehind = this.#consumers.length > 0 && this.#next - this.#furthest >= BYSTANDERS_WAITING_MAX;
    if (isBehind && isOfBystander(event)) {
      this.#dropped += 1;
      return;
    }
    this.#ring[this.#next % EVENT_STREAM_MAX] = event;
    this.#next += 1;
    if (!this.#waking) this.#wakeSoon(this.#consumers.length, WAKE_MS);
  };

  /**
   * Returns a cursor at the present end of the stream. `onWake` is called in its own turn soon
   * after an event was published, and again in later turns while events are left; it should drain
   * EVENTS_PER_TURN_MAX at most.
   */
  subscribe(onWake?: () => void, name: EventConsumer = 'other'): EventCursor {
    const consumer: Consumer = { name, onWake, at: this.#next, droppedBefore: this.#dropped };
    this.#all.push(consumer);
    if (onWake !== undefined) {
      this.#consumers.push(consumer);
      this.#furthest = this.#next;
    }
    if (!this.#missed.has(name)) this.#missed.set(name, 0);
    return { drain: (limit = EVENT_STREAM_MAX) => this.#drain(consumer, limit) };
  }

  counters(): EventStreamCounters {
    return { published: this.#next + this.#dropped, missed: new Map(this.#missed) };
  }

  /** Resolves when the consumers have taken all events, after REST_TURNS_MAX turns at the latest. */
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
   * @param left how many consumers may take nothing in a row before waking stops
   * @param delayMs undefined for the next turn
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

  /** Wakes the next consumer that is behind, and schedules the others for later turns. */
  #wakeOne(left: number): void {
    for (let passed = 0; passed < this.#consumers.length; passed += 1) {
      const consumer = this.#consumers[this.#turn % this.#consumers.length];
      this.#turn += 1;
      if (consumer === undefined || consumer.at >= this.#next) continue;
      const before = Math.max(consumer.at, this.#next - EVENT_STREAM_MAX);
      // Events that it publishes itself wait like all others.
      consumer.onWake?.();
      this.#waking = false;
      const taken = consumer.at - before;
      // A consumer that took nothing waits for the next event; the others still get their turn.
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
    const missed = from - consumer.at + this.#dropped - consumer.droppedBefore;
    if (missed > 0) this.#missed.set(consumer.name, (this.#missed.get(consumer.name) ?? 0) + missed);
    const to = Math.min(this.#next, from + limit);
    const events: RackEvent[] = [];
    for (let index = from; index < to; index += 1) {
      const event = this.#ring[index % EVENT_STREAM_MAX];
      if (event !== undefined) events.push(event);
    }
    consumer.at = to;
    consumer.droppedBefore = this.#dropped;
    this.#clear();
    if (consumer.onWake !== undefined) this.#furthest = Math.max(this.#furthest, to);
    return { events, missed };
  }

  /** Releases the events that every consumer has taken. */
  #clear(): void {
    let taken = this.#next;
    for (const { at } of this.#all) taken = Math.min(taken, at);
    // Older slots already hold newer events.
    const from = Math.max(this.#cleared, this.#next - EVENT_STREAM_MAX);
    for (let index = from; index < taken; index += 1) this.#ring[index % EVENT_STREAM_MAX] = undefined;
    this.#cleared = Math.max(from, taken);
  }
}
