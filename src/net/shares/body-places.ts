// Shares out the places for what an HTTP server holds for its clients, mainly request bodies.
// Sources: `net/shares/fair-shares.ts`; RFC 9110 §15.5.9 (408), §15.6.4 (503).
//
//   take ─┬─ a place is free, or a holder has too many, or is late ─▶ held ─┬─ release
//         └─ none ─▶ waits ─┬─ a place is released, or a holder late ─▶ held └─ gives way
//                           └─ the queue is full, or BODY_WAIT_MS_MAX ─▶ refused
//
// 1. Places are shared by network and address: a client above its fair share gives way to a newcomer.
// 2. At equal shares, late clients give way: those that lag behind BODY_PACE by more than
//    BODY_LAG_MS_MAX, or that were awaited for more than BODY_HELD_MS_MAX in all. A client gives
//    way only to a newcomer, and a punctual one never to an equal.
// 3. Only time in which the server waits for the client counts: while its body arrives, or while it
//    does not read its answer.
// 4. Of the waiting clients, the one with the fewest places is served first, then the one that came
//    first. A released place counts for its holder until another client gets it, so a client cannot
//    take its place back before a client that has none.
// 5. So clients that stop or lag keep the places for some 6 s, and the slowest allowed clients for
//    BODY_HELD_MS_MAX. With more addresses than places, each further round takes as long again.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Ipv4 } from '../../ground/address.ts';
import { type Clock, type Instant, later, type Timer } from '../../ground/clock.ts';
import { FairQueue, FairShares, type Place } from './fair-shares.ts';

/**
 * The slowest pace of a body while others wait for a place, in bytes a second. 16 KiB a second (131
 * kbit/s) is less than the slowest link on which a machine boots. The largest report (2 MiB)
 * arrives within BODY_HELD_MS_MAX at 17.5 KiB a second.
 */
export const BODY_PACE = 16 * 1024;
/**
 * How far a client may lag behind that pace, in milliseconds: a lost packet and its retransmissions
 * take less.
 */
export const BODY_LAG_MS_MAX = 5000;
/** How long a client may keep a place in all while others wait, in milliseconds. */
export const BODY_HELD_MS_MAX = 120_000;
/** How long a request may take to arrive, in milliseconds: 2 MiB at 7 KiB a second. */
export const REQUEST_MS_MAX = 300_000;
export const BODY_WAIT_MS_MAX = 20_000;
/**
 * The most requests that wait at one server, each with up to 128 KiB of its body. Hosts with hundreds
 * of addresses can fill it; further requests are answered 503. It empties as places are released,
 * and after BODY_WAIT_MS_MAX.
 */
export const BODIES_WAITING_MAX = 256;
/** How often all places are checked, in milliseconds. */
const CHECK_MS = 1000;

export interface PlacedClient {
  isAwaited(): boolean;
  movedBytes(): number;
  isGone(): boolean;
  /** Calls `action` when its connection ends. @returns a function that cancels this */
  onGone(action: () => void): () => void;
}

export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

export const countMovedBytes = ({ bytesRead, bytesWritten, writableLength }: Socket): number =>
  bytesRead + bytesWritten - writableLength;

export function createPlacedClient(request: IncomingMessage, response: ServerResponse): PlacedClient {
  const { socket } = request;
  return {
    // Bytes read but not consumed, or a paused request, mean that the server waits for something else.
    isAwaited: () =>
      request.complete ? response.writableLength > 0 : request.readableLength === 0 && !request.isPaused(),
    movedBytes: () => countMovedBytes(socket),
    isGone: () => socket.destroyed,
    onGone: (action) => {
      socket.on('close', action);
      return () => void socket.off('close', action);
    },
  };
}

export interface BodyPlace {
  /** Resolves when another client takes the place; never after `release`. */
  readonly whenLost: Promise<'lost'>;
  /** Does nothing on a second call, or after the place was lost. */
  release(): void;
}

interface Holder {
  readonly client: PlacedClient;
  readonly notifyLost: (word: 'lost') => void;
  place: Place<Holder> | undefined;
  checkedAt: Instant;
  movedBytes: number;
  /** How far it lags behind BODY_PACE, in milliseconds. */
  lagMs: number;
  awaitedMs: number;
}

interface Waiting {
  readonly address: string | Ipv4;
  readonly client: PlacedClient;
  readonly waitingSince: Instant;
  readonly settle: (got: BodyPlace | 'refused' | 'gone') => void;
}

export class BodyPlaces {
  readonly #clock: Clock;
  readonly #places: FairShares<Holder>;
  readonly #queue = new FairQueue<Waiting>(BODIES_WAITING_MAX);
  readonly #holders = new Set<Holder>();
  #checkTimer: Timer | undefined;

  constructor(clock: Clock, max: number) {
    this.#clock = clock;
    this.#places = new FairShares({ max });
  }

  /** Places taken. */
  get size(): number {
    return this.#places.size;
  }

  /**
   * Gives the client a place, perhaps after a wait. Never rejects.
   * @param waits false to refuse instead of waiting
   */
  take(address: string | Ipv4, client: PlacedClient, waits = true): Promise<BodyPlace | 'refused' | 'gone'> {
    this.#scheduleCheck();
    const place = this.#tryToPlace(address, client);
    if (place !== undefined) return Promise.resolve(place);
    if (!waits) return Promise.resolve('refused');
    return new Promise((resolve) => {
      const stopWatching = client.onGone(() => waiting.settle('gone'));
      const waiting: Waiting = {
        address,
        client,
        waitingSince: this.#clock.now(),
        settle: (outcome) => {
          stopWatching();
          this.#queue.leave(waiting);
          resolve(outcome);
        },
      };
      this.#queue.enter(address, waiting)?.settle('refused');
      if (client.isGone()) waiting.settle('gone');
    });
  }

  #tryToPlace(address: string | Ipv4, client: PlacedClient): BodyPlace | undefined {
    const { promise: whenLost, resolve: lose } = Promise.withResolvers<'lost'>();
    const initialState = { checkedAt: this.#clock.now(), movedBytes: client.movedBytes(), lagMs: 0, awaitedMs: 0 };
    const holder: Holder = { client, notifyLost: lose, place: undefined, ...initialState };
    const admission = this.#places.admit(address, holder);
    if (admission.kind === 'refused') return undefined;
    holder.place = admission.place;
    this.#holders.add(holder);
    const { evicted } = admission;
    if (evicted !== undefined) {
      this.#holders.delete(evicted);
      evicted.place = undefined;
      evicted.notifyLost('lost');
    }
    return { whenLost, release: () => this.#release(holder) };
  }

  #release(holder: Holder): void {
    if (holder.place === undefined) return;
    const [nextWaiting] = this.#listWaiting();
    this.#places.release(holder.place);
    holder.place = undefined;
    this.#holders.delete(holder);
    if (nextWaiting !== undefined) this.#serve(nextWaiting);
  }

  /** Waiting clients in the order in which they are served (invariant 4). */
  #listWaiting(): Waiting[] {
    if (this.#queue.size === 0) return [];
    const withCounts = [...this.#queue].map((waiting) => ({
      waiting,
      count: this.#places.getCount(waiting.address),
    }));
    return withCounts.sort((left, right) => left.count - right.count).map(({ waiting }) => waiting);
  }

  #serve(waiting: Waiting): void {
    const place = this.#tryToPlace(waiting.address, waiting.client);
    if (place !== undefined) waiting.settle(place);
  }

  #scheduleCheck(): void {
    this.#checkTimer ??= this.#clock.schedule(CHECK_MS, () => {
      this.#checkTimer = undefined;
      const now = this.#clock.now();
      for (const holder of this.#holders) this.#checkHolder(holder, now);
      for (const waiting of this.#listWaiting()) this.#serve(waiting);
      for (const waiting of [...this.#queue]) {
        if (now < later(waiting.waitingSince, BODY_WAIT_MS_MAX)) break;
        waiting.settle('refused');
      }
      if (this.#holders.size > 0 || this.#queue.size > 0) this.#scheduleCheck();
    });
  }

  #checkHolder(holder: Holder, now: Instant): void {
    const { client, place } = holder;
    if (place === undefined) return;
    const movedBytes = client.movedBytes();
    const passedMs = client.isAwaited() ? now - holder.checkedAt : 0;
    const earnedMs = ((movedBytes - holder.movedBytes) / BODY_PACE) * 1000;
    // A faster pace earns no credit, or a client could send much at first and then stop for minutes.
    holder.lagMs = Math.max(0, holder.lagMs + passedMs - earnedMs);
    holder.awaitedMs += passedMs;
    holder.checkedAt = now;
    holder.movedBytes = movedBytes;
    const isLate = holder.lagMs > BODY_LAG_MS_MAX || holder.awaitedMs > BODY_HELD_MS_MAX;
    if (isLate !== place.isIdle) this.#places.touch(place, isLate);
  }
}
