// Sends the event log to clients that follow it, as it grows.
//
// 1. A follower holds a position in the stored log, not a queue, and is sent the events after it as
//    fast as it reads them.
// 2. It is sent a `gap` if the log dropped events before it read them, if its place belongs to
//    another history of the log (`EventRange`), or if the log ends before its place, because the
//    store is another one or was restored from a backup.
// 3. There are at most FOLLOWERS_MAX, shared out by user, and among a user's addresses. Without
//    followers the log is not read.
// 4. The log is read in pieces (`event-pieces.ts`), for a few milliseconds in each turn of the
//    event loop. Users take turns, however many followers each has, and so do the followers of a
//    user.
// 5. A follower whose key or account is removed gets no event that is logged more than RIGHTS_MS later.

import type { Instant, Timer } from '../../ground/clock.ts';
import { reachesStore } from '../../ground/errors.ts';
import { FairShares } from '../../net/shares/fair-shares.ts';
import type { EventFollowing } from '../api/call/answer.ts';
import { type EventPlace, formatEventPlace, idAt } from '../api/call/event-place.ts';
import { PIECE_IDS } from '../api/site/event-pieces.ts';
import type { EventRange } from '../records/machine-event.ts';
import type { Region } from '../region.ts';
import { beginPiece, type PlaceHolder, parseHolderUser } from '../shares/long-work.ts';
import { EventAnswer, type StreamResponse } from './event-stream.ts';

/**
 * Followers at a time. Users with a key fill it; at the bound the user with the most followers
 * loses one to each newcomer of another user. A client that reconnects resumes where it was, so
 * other users notice nothing. It empties as readers leave or stop reading.
 */
export const FOLLOWERS_MAX = 64;
/** How often the log is read while it has followers, in milliseconds. */
const POLL_MS = 200;
const POLL_EVENTS_MAX = 100;

/**
 * How long a check of a follower's rights stays valid, in milliseconds. Afterwards they are checked
 * again before anything more is sent.
 */
const RIGHTS_MS = 1000;

/**
 * How long a follower may be ahead of the log, in milliseconds: another process of the region may
 * have sent it events that this process does not see yet.
 */
const AHEAD_MS_MAX = 10_000;

interface Follower {
  readonly answer: EventAnswer;
  readonly following: EventFollowing;
  place: number;
  history: number | undefined;
  piece: number;
  ahead: { readonly at: Instant; readonly newest: number } | undefined;
  allowedAt: Instant;
}

export class EventFollowers {
  readonly #region: Region;
  readonly #followers = new Set<Follower>();
  readonly #places = new FairShares<PlaceHolder>({ max: FOLLOWERS_MAX, networkKey: parseHolderUser });
  #look: Timer | undefined;
  /** True while the log is being read: two concurrent reads would send a follower the same events. */
  #isLooking = false;
  #isAsked = false;
  #pieces = 0;

  constructor(region: Region) {
    this.#region = region;
  }

  /**
   * Sends events to a client until it leaves.
   * @returns false if all places are taken and this user has a fair share of them
   * @throws RackError `store-unavailable` before anything was sent
   */
  async open(response: StreamResponse, following: EventFollowing): Promise<boolean> {
    const { id: place, history } = following.after ?? (await this.#end());
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
    const follower: Follower = {
      answer,
      following,
      place,
      history,
      piece: 0,
      ahead: undefined,
      allowedAt: this.#region.clock.now(),
    };
    holder.end = () => {
      this.#followers.delete(follower);
      answer.close();
    };
    this.#followers.add(follower);
    this.#lookSoon(0);
    return true;
  }

  async #end(): Promise<EventPlace> {
    const { newest, history } = await this.#region.store.eventRange();
    return { id: newest, history };
  }

  close(): void {
    this.#look?.cancel();
    for (const { answer } of this.#followers) answer.close();
  }

  #lookSoon(ms: number) {
    this.#isAsked ||= ms === 0;
    if (this.#isLooking) return;
    this.#look?.cancel();
    this.#look = this.#region.clock.schedule(ms, () => void this.#lookOnce());
  }

  async #lookOnce() {
    this.#isLooking = true;
    this.#isAsked = false;
    try {
      await reachesStore(async () => {
        const isBehind = await this.#lookNow();
        this.#isAsked ||= isBehind;
      });
    } finally {
      this.#isLooking = false;
    }
    if (this.#followers.size > 0) this.#lookSoon(this.#isAsked ? 0 : POLL_MS);
  }

  /**
   * Looks for one piece. @returns true if some follower is still behind, so that the next look
   * follows at once
   */
  async #lookNow() {
    const range = await this.#region.store.eventRange();
    for (const follower of this.#followers) {
      await this.#enterHistory(follower, range);
      this.#moveBack(follower, range);
    }
    const isOver = beginPiece(this.#region.clock);
    for (;;) {
      const follower = this.#nextBehind(range);
      if (follower === undefined) return false;
      await this.#send(follower, range);
      if (isOver()) return true;
    }
  }

  /**
   * Moves a follower from another history of the log to this one, at the last event that both have
   * in common.
   */
  async #enterHistory(follower: Follower, range: EventRange) {
    if (follower.history === range.history || !follower.answer.isReady) return;
    const id = await idAt(this.#region.store, { id: follower.place, history: follower.history }, range);
    follower.history = range.history;
    if (id < follower.place) this.#sendGap(follower, Math.max(id + 1, range.oldest));
  }

  /**
   * Moves a follower that stays ahead of the log back to the end that the log had when this was
   * first noticed.
   */
  #moveBack(follower: Follower, { newest }: EventRange) {
    if (follower.place <= newest) {
      follower.ahead = undefined;
      return;
    }
    const now = this.#region.clock.now();
    follower.ahead ??= { at: now, newest };
    if (now - follower.ahead.at >= AHEAD_MS_MAX && follower.answer.isReady)
      this.#sendGap(follower, follower.ahead.newest + 1);
  }

  #sendGap(follower: Follower, oldest: number) {
    const { answer, place, history = 0 } = follower;
    answer.send({ id: formatEventPlace(history, oldest - 1), event: 'gap', data: { after: place, oldest } });
    follower.place = oldest - 1;
    follower.ahead = undefined;
  }

  /**
   * The next follower to serve: one that is behind and has read everything it was sent. The user
   * who has waited longest comes first, and of this user's followers the one that has waited
   * longest.
   */
  #nextBehind({ newest, history }: EventRange) {
    const ofUsers = new Map<string, number>();
    for (const { following, piece } of this.#followers)
      ofUsers.set(following.username, Math.max(piece, ofUsers.get(following.username) ?? 0));
    const ofUser = ({ following }: Follower) => ofUsers.get(following.username) ?? 0;
    let next: Follower | undefined;
    for (const follower of this.#followers) {
      if (follower.history !== history || follower.place >= newest || !follower.answer.isReady) continue;
      const wait = next === undefined ? -1 : ofUser(follower) - ofUser(next) || follower.piece - next.piece;
      if (wait < 0) next = follower;
    }
    return next;
  }

  /**
   * Checks the rights of a follower, and ends its stream if it has lost them. @returns true if it
   * may continue
   */
  async #mayFollow(follower: Follower) {
    const now = this.#region.clock.now();
    if (now - follower.allowedAt < RIGHTS_MS) return true;
    if (await follower.following.isAllowed()) {
      follower.allowedAt = now;
      return true;
    }
    this.#followers.delete(follower);
    follower.answer.close();
    return false;
  }

  async #send(follower: Follower, range: EventRange) {
    const { answer, following } = follower;
    this.#pieces += 1;
    follower.piece = this.#pieces;
    if (!(await this.#mayFollow(follower))) return;
    if (follower.place < range.oldest - 1) this.#sendGap(follower, range.oldest);
    const upTo = Math.min(follower.place + PIECE_IDS, range.newest);
    const filter = { ...following.filter, after: follower.place, upTo, limit: POLL_EVENTS_MAX };
    const { store } = this.#region;
    const events = (await store.listEvents(filter)).toReversed();
    for (const event of events) {
      const id = formatEventPlace(range.history, event.id);
      answer.send({ id, event: 'event', data: following.render(event) });
    }
    const last = events.at(-1);
    if (last !== undefined) follower.place = events.length < POLL_EVENTS_MAX ? upTo : last.id;
    else follower.place = Math.min(range.newest, ((await store.nearestEvent('after', upTo)) ?? range.newest + 1) - 1);
  }
}
