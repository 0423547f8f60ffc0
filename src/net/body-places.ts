// Shares out the places of what an HTTP door holds for its clients, bodies above all, so that nobody denies them to the others by being
// slow. Every such door uses this one rule. Sources: `fair-shares.ts`; RFC 9110 §15.5.9 (408), §15.6.4 (503).
//
//   take ─┬─ a place is free, or somebody holds too many, or is late ─▶ held ─┬─ release
//         └─ none ─▶ waits ─┬─ somebody released a place, or is late ─▶ held  └─ gives way
//                           └─ the queue is full, or BODY_WAIT_MS_MAX ─▶ refused
//
// 1. The places are shared by network and address. Who holds more than a fair share gives way to a newcomer.
// 2. At equal shares, who is late gives way: a client that lags behind BODY_PACE by more than BODY_LAG_MS_MAX, or that one has waited for
//    longer than BODY_HELD_MS_MAX in all. Nobody else is cut for an equal. Without a newcomer nobody is.
// 3. Only the time counts in which the client is what one waits for: while its body comes, or its answer is not read.
// 4. Of those who wait, whoever holds the fewest places is served first, then whoever came first. A place that is released counts for its
//    holder until the next one has it: so who gives it up does not take it back before somebody who has none.
// 5. Hence clients that stop or lag keep the places for some 6 s, and clients that send as slowly as they may for BODY_HELD_MS_MAX;
//    if they come from more addresses than there are places, for as long again for each further round of them.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Clock, type Instant, later, type Timer } from '../clock.ts';
import { FairShares, type Place } from '../fair-shares.ts';
import type { Ipv4 } from './address.ts';

/**
 * Where others wait for a place, a body has to come at this speed, in bytes a second. 16 KiB a second are 131 kbit/s, less than the
 * slowest link by which a machine boots from the network; the largest report (2 MiB) comes in BODY_HELD_MS_MAX with 17.5 KiB a second.
 */
export const BODY_PACE = 16 * 1024;
/** So far a client may lag behind that speed, in milliseconds: a lost packet and its retransmissions take less. */
export const BODY_LAG_MS_MAX = 5000;
/** For so long in all a client may keep a place for which others wait, in milliseconds. */
export const BODY_HELD_MS_MAX = 120_000;
/** For so long a request may take to come in any case, in milliseconds: 2 MiB at 7 KiB a second. Its listener ends it then. */
export const REQUEST_MS_MAX = 300_000;
/** For so long a request may wait for a place, in milliseconds. */
export const BODY_WAIT_MS_MAX = 20_000;
/**
 * The most requests that wait at one door, each with up to 128 KiB of its body. Hosts of hundreds of addresses fill it; beyond it
 * others are answered 503. It empties as places are released, and after BODY_WAIT_MS_MAX. All hosts of a /24 have room in it.
 */
export const BODIES_WAITING_MAX = 256;
/** How often all places are looked at, in milliseconds. */
const LOOK_MS = 1000;

/** The client of one request, as far as its place is concerned. */
export interface PlacedClient {
  /** True while it is the client for which one waits. */
  isAwaited(): boolean;
  /** How much its connection has moved, in bytes: only the growth counts. */
  movedBytes(): number;
  /** True when its connection has ended. */
  isGone(): boolean;
  /** Calls `action` when its connection ends. @returns what takes that back */
  onGone(action: () => void): () => void;
}

/** True for a request that announces a body. */
export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/** What a connection has moved, in bytes. */
export const movedBy = ({ bytesRead, bytesWritten, writableLength }: Socket): number =>
  bytesRead + bytesWritten - writableLength;

/** The client of a request of node:http. */
export function clientOf(request: IncomingMessage, response: ServerResponse): PlacedClient {
  const { socket } = request;
  return {
    // What was read and not taken, or is not to be read now, shows that one waits for somebody else.
    isAwaited: () =>
      request.complete ? response.writableLength > 0 : request.readableLength === 0 && !request.isPaused(),
    movedBytes: () => movedBy(socket),
    isGone: () => socket.destroyed,
    onGone: (action) => {
      socket.on('close', action);
      return () => void socket.off('close', action);
    },
  };
}

/** A place that somebody has. */
export interface BodyPlace {
  /** Resolves when somebody else has it now; never after it was released. */
  readonly lost: Promise<'lost'>;
  /** A second call, and one after it was lost, does nothing. */
  release(): void;
}

interface Holder {
  readonly client: PlacedClient;
  readonly lose: (word: 'lost') => void;
  /** Undefined: it has none any more. */
  place: Place<Holder> | undefined;
  lookedAt: Instant;
  movedBytes: number;
  /** How far it lags behind BODY_PACE, in milliseconds. */
  lagMs: number;
  /** For how long it was awaited, in milliseconds. */
  awaitedMs: number;
}

interface Waiting {
  readonly address: string | Ipv4;
  readonly client: PlacedClient;
  readonly since: Instant;
  readonly answer: (got: BodyPlace | 'refused' | 'gone') => void;
}

/** The places of one door. */
export class BodyPlaces {
  readonly #clock: Clock;
  readonly #places: FairShares<Holder>;
  readonly #queue = new FairShares<Waiting>({ max: BODIES_WAITING_MAX });
  readonly #holders = new Set<Holder>();
  /** First come first. */
  readonly #waiting = new Map<Waiting, Place<Waiting>>();
  #look: Timer | undefined;

  constructor(clock: Clock, max: number) {
    this.#clock = clock;
    this.#places = new FairShares({ max });
  }

  /** Places taken. */
  get size(): number {
    return this.#places.size;
  }

  /** Requests that wait for one. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Gives the client a place, if need be after it has waited for one. Never rejects.
   * @param waits false: it is refused rather than kept waiting
   */
  take(address: string | Ipv4, client: PlacedClient, waits = true): Promise<BodyPlace | 'refused' | 'gone'> {
    this.#lookLater();
    const place = this.#tryToPlace(address, client);
    if (place !== undefined) return Promise.resolve(place);
    if (!waits) return Promise.resolve('refused');
    return new Promise((resolve) => {
      const forget = client.onGone(() => waiting.answer('gone'));
      const waiting: Waiting = {
        address,
        client,
        since: this.#clock.now(),
        answer: (got) => {
          forget();
          this.#unqueue(waiting);
          resolve(got);
        },
      };
      const admission = this.#queue.admit(address, waiting);
      if (admission.kind === 'refused') {
        waiting.answer('refused');
        return;
      }
      this.#waiting.set(waiting, admission.place);
      admission.evicted?.answer('refused');
      if (client.isGone()) waiting.answer('gone');
    });
  }

  #unqueue(waiting: Waiting): void {
    const queued = this.#waiting.get(waiting);
    if (queued === undefined) return;
    this.#waiting.delete(waiting);
    this.#queue.release(queued);
  }

  #tryToPlace(address: string | Ipv4, client: PlacedClient): BodyPlace | undefined {
    const { promise: lost, resolve: lose } = Promise.withResolvers<'lost'>();
    const start = { lookedAt: this.#clock.now(), movedBytes: client.movedBytes(), lagMs: 0, awaitedMs: 0 };
    const holder: Holder = { client, lose, place: undefined, ...start };
    const admission = this.#places.admit(address, holder);
    if (admission.kind === 'refused') return undefined;
    holder.place = admission.place;
    this.#holders.add(holder);
    const { evicted } = admission;
    if (evicted !== undefined) {
      this.#holders.delete(evicted);
      evicted.place = undefined;
      evicted.lose('lost');
    }
    return { lost, release: () => this.#release(holder) };
  }

  #release(holder: Holder): void {
    if (holder.place === undefined) return;
    const [next] = this.#inTurn();
    this.#places.release(holder.place);
    holder.place = undefined;
    this.#holders.delete(holder);
    if (next !== undefined) this.#serve(next);
  }

  /** Those who wait, in the order in which they are served (invariant 4). */
  #inTurn(): Waiting[] {
    if (this.#waiting.size === 0) return [];
    const counted = [...this.#waiting.keys()].map((waiting) => ({
      waiting,
      count: this.#places.countOf(waiting.address),
    }));
    return counted.sort((one, other) => one.count - other.count).map(({ waiting }) => waiting);
  }

  #serve(waiting: Waiting): void {
    const place = this.#tryToPlace(waiting.address, waiting.client);
    if (place !== undefined) waiting.answer(place);
  }

  #lookLater(): void {
    this.#look ??= this.#clock.schedule(LOOK_MS, () => {
      this.#look = undefined;
      const now = this.#clock.now();
      for (const holder of this.#holders) this.#lookAt(holder, now);
      for (const waiting of this.#inTurn()) this.#serve(waiting);
      for (const waiting of [...this.#waiting.keys()]) {
        if (now < later(waiting.since, BODY_WAIT_MS_MAX)) break;
        waiting.answer('refused');
      }
      if (this.#holders.size > 0 || this.#waiting.size > 0) this.#lookLater();
    });
  }

  #lookAt(holder: Holder, now: Instant): void {
    const { client, place } = holder;
    if (place === undefined) return;
    const moved = client.movedBytes();
    const passedMs = client.isAwaited() ? now - holder.lookedAt : 0;
    const paidMs = ((moved - holder.movedBytes) / BODY_PACE) * 1000;
    // What came faster than it had to is not saved up: else who sent much at first could stop for minutes.
    holder.lagMs = Math.max(0, holder.lagMs + passedMs - paidMs);
    holder.awaitedMs += passedMs;
    holder.lookedAt = now;
    holder.movedBytes = moved;
    const isLate = holder.lagMs > BODY_LAG_MS_MAX || holder.awaitedMs > BODY_HELD_MS_MAX;
    if (isLate !== place.idle) this.#places.touch(place, isLate);
  }
}
