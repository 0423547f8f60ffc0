// People and programs that follow the event log as it grows.
//
// 1. A follower holds a place in the stored log and no queue: it is sent what is stored beyond that place, as fast as it reads.
// 2. Events that the log dropped before a follower read them are told as a gap.
// 3. At most FOLLOWERS_MAX at a time; while there is none, nothing is looked at.

import type { Timer } from '../../clock.ts';
import { RackError } from '../../errors.ts';
import type { MachineEvent } from '../machine-event.ts';
import type { Region } from '../region.ts';
import type { EventFilter } from '../store.ts';
import { EventAnswer, type StreamResponse } from './event-stream.ts';

export const FOLLOWERS_MAX = 64;
/** How often the log is looked at for somebody. */
const LOOK_MS = 200;
/** Events for one follower in one look; the next look is then at once. */
const LOOK_EVENTS_MAX = 100;

/** What somebody wants to follow. */
export interface EventFollowing {
  readonly filter: Omit<EventFilter, 'after' | 'before' | 'limit'>;
  /** From behind this event on; undefined: from now on. */
  readonly after: number | undefined;
  readonly render: (event: MachineEvent) => unknown;
}

interface Follower {
  readonly answer: EventAnswer;
  readonly following: EventFollowing;
  /** The last event that it was sent, or that is none of its. */
  place: number;
}

/** Those who follow the log of one region. */
export class EventFollowers {
  readonly #region: Region;
  readonly #followers = new Set<Follower>();
  #look: Timer | undefined;

  constructor(region: Region) {
    this.#region = region;
  }

  get isFull(): boolean {
    return this.#followers.size >= FOLLOWERS_MAX;
  }

  /** Sends events to somebody until they leave. @throws RackError `store-unavailable` before anything was sent */
  open(response: StreamResponse, following: EventFollowing): void {
    const place = following.after ?? this.#region.store.eventRange().newest;
    const answer = new EventAnswer(response, {
      clock: this.#region.clock,
      onReady: () => this.#lookSoon(0),
      onEnd: () => void this.#followers.delete(follower),
    });
    const follower: Follower = { answer, following, place };
    this.#followers.add(follower);
    this.#lookSoon(0);
  }

  close(): void {
    this.#look?.cancel();
    for (const { answer } of this.#followers) answer.close();
  }

  #lookSoon(ms: number): void {
    this.#look?.cancel();
    this.#look = this.#region.clock.schedule(ms, () => {
      let hasMore = false;
      try {
        hasMore = this.#lookNow();
      } catch (error) {
        // The log that cannot be read now is looked at again.
        if (!(error instanceof RackError && error.code === 'store-unavailable')) throw error;
      }
      if (this.#followers.size > 0) this.#lookSoon(hasMore ? 0 : LOOK_MS);
    });
  }

  /** @returns true when some follower has not been sent everything yet */
  #lookNow(): boolean {
    const range = this.#region.store.eventRange();
    let hasMore = false;
    for (const follower of this.#followers) {
      if (follower.place < range.newest && follower.answer.isReady) hasMore = this.#send(follower, range) || hasMore;
    }
    return hasMore;
  }

  #send(follower: Follower, range: { readonly oldest: number; readonly newest: number }): boolean {
    const { answer, following } = follower;
    if (follower.place < range.oldest - 1) {
      answer.send({ event: 'gap', data: { after: follower.place, oldest: range.oldest } });
    }
    const events = this.#region.store
      .listEvents({ ...following.filter, after: follower.place, limit: LOOK_EVENTS_MAX })
      .toReversed();
    for (const event of events) answer.send({ id: event.id, event: 'event', data: following.render(event) });
    const isFull = events.length >= LOOK_EVENTS_MAX;
    follower.place = isFull ? (events.at(-1)?.id ?? range.newest) : Math.max(range.newest, events.at(-1)?.id ?? 0);
    return isFull;
  }
}
