// People and programs that follow the event log as it grows.
//
// 1. A follower holds a place in the stored log and no queue: it is sent what is stored beyond that place, as fast as it reads.
// 2. Events that the log dropped before a follower read them are told as a gap.
// 3. At most FOLLOWERS_MAX at a time, shared out by user, and by the addresses of a user; while there is none, nothing is looked at.

import type { Timer } from '../../clock.ts';
import { RackError } from '../../errors.ts';
import { FairShares } from '../../fair-shares.ts';
import type { MachineEvent } from '../records/machine-event.ts';
import type { EventFilter } from '../records/store.ts';
import type { Region } from '../region.ts';
import { EventAnswer, type StreamResponse } from './event-stream.ts';

/**
 * Followers at a time. Users with a key fill it; at the bound the user with most of them loses one to each newcomer of another, which
 * reads on from where it was when it comes back, so the others notice nothing. It empties as readers leave or stop reading.
 */
export const FOLLOWERS_MAX = 64;
/** How often the log is looked at for somebody. */
const LOOK_MS = 200;
/** Events for one follower in one look; the next look is then at once. */
const LOOK_EVENTS_MAX = 100;

/** What somebody wants to follow. */
export interface EventFollowing {
  /** Who follows, and from where. */
  readonly username: string;
  readonly address: string;
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

/** Who holds a place; what ends it is there once it has begun. */
interface PlaceHolder {
  end?: () => void;
}

/** Of `username address` the name, which has no blank. */
const userOf = (holder: string | number): string => String(holder).split(' ', 1)[0] ?? '';

/** Those who follow the log of one region. */
export class EventFollowers {
  readonly #region: Region;
  readonly #followers = new Set<Follower>();
  readonly #places = new FairShares<PlaceHolder>({ max: FOLLOWERS_MAX, networkOf: userOf });
  #look: Timer | undefined;

  constructor(region: Region) {
    this.#region = region;
  }

  /**
   * Sends events to somebody until they leave; false: as many follow as may, and this user has no fewer of them than others.
   * @throws RackError `store-unavailable` before anything was sent
   */
  open(response: StreamResponse, following: EventFollowing): boolean {
    const place = following.after ?? this.#region.store.eventRange().newest;
    const holder: PlaceHolder = {};
    const admission = this.#places.admit(`${following.username} ${following.address}`, holder);
    if (admission.kind === 'refused') return false;
    admission.evicted?.end?.();
    const answer = new EventAnswer(response, {
      clock: this.#region.clock,
      onReady: () => this.#lookSoon(0),
      onEnd: () => {
        this.#places.release(admission.place);
        this.#followers.delete(follower);
      },
    });
    const follower: Follower = { answer, following, place };
    holder.end = () => {
      this.#followers.delete(follower);
      answer.close();
    };
    this.#followers.add(follower);
    this.#lookSoon(0);
    return true;
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
