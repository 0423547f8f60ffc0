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
const DRAIN_TURNS_MAX = 1024;

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
  /** The position of the next event that it takes. */
  position: number;
  /** The stream's count of dropped events when this consumer last drained. */
  droppedBefore: number;
}

/** The ring. A consumer's `onWake`, if given, is called at most once per turn. */
export class EventStream {
  readonly #ring: (RackEvent | undefined)[] = new Array<RackEvent | undefined>(EVENT_STREAM_MAX).fill(undefined);
  readonly #wokenConsumers: Consumer[] = [];
  /** All consumers, including those without `onWake`. */
  readonly #consumers: Consumer[] = [];
  /** Every event before this number was taken by all consumers and released. */
  #clearedUntil = 0;
  readonly #missed = new Map<EventConsumer, number>();
  #endPosition = 0;
  #droppedCount = 0;
  /** The position of the most advanced consumer. */
  #furthestPosition = 0;
  readonly #clock: Pick<Clock, 'schedule'>;
  #isWakeScheduled = false;
  #wakeTimer: Timer | undefined;
  /** The process is ending, so consumers are woken without pauses. */
  #isEnding = false;
  /** The index of the next consumer to wake. */
  #wakeIndex = 0;

  constructor(clock: Pick<Clock, 'schedule'> = systemClock) {
    this.#clock = clock;
  }

  readonly publish = (event: RackEvent): void => {
    const isBehind =
      this.#wokenConsumers.length > 0 && this.#endPosition - this.#furthestPosition >= BYSTANDERS_WAITING_MAX;
    if (isBehind && isOfBystander(event)) {
      this.#droppedCount += 1;
      return;
    }
    this.#ring[this.#endPosition % EVENT_STREAM_MAX] = event;
    this.#endPosition += 1;
    if (!this.#isWakeScheduled) this.#scheduleWake(this.#wokenConsumers.length, WAKE_MS);
  };

  /**
   * Returns a cursor at the present end of the stream. `onWake` is called in its own turn soon
   * after an event was published, and again in later turns while events are left; it should drain
   * EVENTS_PER_TURN_MAX at most.
   */
  subscribe(onWake?: () => void, name: EventConsumer = 'other'): EventCursor {
    const consumer: Consumer = { name, onWake, position: this.#endPosition, droppedBefore: this.#droppedCount };
    this.#consumers.push(consumer);
    if (onWake !== undefined) {
      this.#wokenConsumers.push(consumer);
      this.#furthestPosition = this.#endPosition;
    }
    if (!this.#missed.has(name)) this.#missed.set(name, 0);
    return { drain: (limit = EVENT_STREAM_MAX) => this.#drain(consumer, limit) };
  }

  counters(): EventStreamCounters {
    return { published: this.#endPosition + this.#droppedCount, missed: new Map(this.#missed) };
  }

  /** Resolves when the consumers have taken all events, after DRAIN_TURNS_MAX turns at the latest. */
  async waitUntilDrained(): Promise<void> {
    this.#isEnding = true;
    if (this.#wakeTimer !== undefined) {
      this.#wakeTimer.cancel();
      this.#wakeTimer = undefined;
      this.#isWakeScheduled = false;
      this.#scheduleWake(this.#wokenConsumers.length);
    }
    for (let turns = 0; this.#isWakeScheduled && turns < DRAIN_TURNS_MAX; turns += 1) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /**
   * @param #attemptsLeft how many consumers may take nothing in a row before waking stops
   * @param delayMs `undefined` for the next turn
   */
  #scheduleWake(attemptsLeft: number, delayMs?: number): void {
    if (this.#isWakeScheduled || attemptsLeft === 0) return;
    this.#isWakeScheduled = true;
    const wake = (): void => {
      this.#wakeTimer = undefined;
      this.#wakeOne(attemptsLeft);
    };
    if (delayMs !== undefined && !this.#isEnding) this.#wakeTimer = this.#clock.schedule(delayMs, wake);
    else setImmediate(wake);
  }

  /** Wakes the next consumer that is behind, and schedules the others for later turns. */
  #wakeOne(attemptsLeft: number): void {
    for (let skippedCount = 0; skippedCount < this.#wokenConsumers.length; skippedCount += 1) {
      const consumer = this.#wokenConsumers[this.#wakeIndex % this.#wokenConsumers.length];
      this.#wakeIndex += 1;
      if (consumer === undefined || consumer.position >= this.#endPosition) continue;
      const positionBefore = Math.max(consumer.position, this.#endPosition - EVENT_STREAM_MAX);
      // Events that it publishes itself wait like all others.
      consumer.onWake?.();
      this.#isWakeScheduled = false;
      const takenCount = consumer.position - positionBefore;
      // A consumer that took nothing waits for the next event; the others still get their turn.
      this.#scheduleWake(
        takenCount > 0 ? this.#wokenConsumers.length : attemptsLeft - 1,
        takenCount >= EVENTS_PER_TURN_MAX ? PAUSE_MS : undefined,
      );
      return;
    }
    this.#isWakeScheduled = false;
  }

  #drain(consumer: Consumer, limit: number): EventBatch {
    const start = Math.max(consumer.position, this.#endPosition - EVENT_STREAM_MAX);
    const missed = start - consumer.position + this.#droppedCount - consumer.droppedBefore;
    if (missed > 0) this.#missed.set(consumer.name, (this.#missed.get(consumer.name) ?? 0) + missed);
    const end = Math.min(this.#endPosition, start + limit);
    const events: RackEvent[] = [];
    for (let index = start; index < end; index += 1) {
      const event = this.#ring[index % EVENT_STREAM_MAX];
      if (event !== undefined) events.push(event);
    }
    consumer.position = end;
    consumer.droppedBefore = this.#droppedCount;
    this.#releaseTaken();
    if (consumer.onWake !== undefined) this.#furthestPosition = Math.max(this.#furthestPosition, end);
    return { events, missed };
  }

  /** Releases the events that every consumer has taken. */
  #releaseTaken(): void {
    let takenByAll = this.#endPosition;
    for (const { position } of this.#consumers) takenByAll = Math.min(takenByAll, position);
    // Older slots already hold newer events.
    const start = Math.max(this.#clearedUntil, this.#endPosition - EVENT_STREAM_MAX);
    for (let index = start; index < takenByAll; index += 1) this.#ring[index % EVENT_STREAM_MAX] = undefined;
    this.#clearedUntil = Math.max(start, takenByAll);
  }
}
