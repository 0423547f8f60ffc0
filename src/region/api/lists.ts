// Lists on their way out: written an entry at a time, in pieces, so that no list and no number of lists takes the memory or the time of
// the others, whatever its entries are.
//
// 1. A piece ends with the entry that fills it or its time; behind it the event loop goes round, and the client must have taken it.
// 2. One list at a time has its turn in a round of the event loop. Those who have lists under way take turns, whoever has how many.
// 3. A list that ends in its first piece takes no place; the others take one of LISTS_MAX.

import { Readable } from 'node:stream';
import type { Clock } from '../../clock.ts';
import { later } from '../../clock.ts';
import { FairShares } from '../../fair-shares.ts';
import { LoopTurns } from '../loop-turns.ts';

/**
 * Lists under way that are longer than a piece. Users with a key fill it; at the bound the user with most of them loses one to each
 * newcomer of another, so the others notice nothing. Lists whose readers do not read go first. It empties as they are read.
 */
export const LISTS_MAX = 32;
/** What ends a piece, in bytes; its last entry may exceed it. */
export const LIST_PIECE_BYTES = 64 * 1024;
/** What ends a piece that is not full, so that nobody waits longer for the thread. */
const PIECE_MS = 4;

/** A list: its entries, and for whom. `undefined` stands for an entry that was looked at and left out. */
export interface ListToSend {
  /** `username address` of who asks. */
  readonly holder: string;
  readonly entries: Iterator<unknown, void>;
}

/** What a list becomes. */
export type SentList =
  | { readonly kind: 'whole'; readonly text: Buffer }
  /** `release` gives its place back, once the answer is over however it ended. */
  | { readonly kind: 'stream'; readonly stream: Readable; readonly release: () => void }
  /** As many lists are under way as may, and this user has their share. */
  | { readonly kind: 'refused' };

/** Who holds a place; what ends it is there once it has begun. */
interface PlaceHolder {
  end?: () => void;
}

/** Of `username address` the name, which has no blank. */
const userOf = (holder: string | number): string => String(holder).split(' ', 1)[0] ?? '';

/** The lists that one region sends. */
export class Lists {
  readonly #clock: Clock;
  readonly #places = new FairShares<PlaceHolder>({ max: LISTS_MAX, networkOf: userOf });
  readonly #turns = new LoopTurns();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Lists under way. */
  get size(): number {
    return this.#places.size;
  }

  /** @throws RackError `store-unavailable` before anything was sent */
  send({ holder, entries }: ListToSend): SentList {
    const writer = new ListWriter(entries, this.#clock);
    const first = writer.next();
    if (writer.isDone) return { kind: 'whole', text: first };
    const place: PlaceHolder = {};
    const admission = this.#places.admit(holder, place);
    if (admission.kind === 'refused') {
      entries.return?.();
      return { kind: 'refused' };
    }
    admission.evicted?.end?.();
    const { place: held } = admission;
    const turns = this.#turns;
    const places = this.#places;
    async function* pieces(): AsyncGenerator<Buffer> {
      try {
        for (let piece = first; ; piece = writer.next()) {
          // While the client takes the piece, the list waits for nothing else.
          places.touch(held, true);
          if (piece.length > 0) yield piece;
          if (writer.isDone) return;
          places.touch(held, false);
          await turns.next(userOf(holder));
        }
      } finally {
        entries.return?.();
      }
    }
    const stream = Readable.from(pieces(), { objectMode: false });
    place.end = () => void stream.destroy(new Error('its place was needed for the list of another user'));
    return { kind: 'stream', stream, release: () => this.#places.release(held) };
  }
}

/** Makes the text of one list, a piece at a time. */
class ListWriter {
  readonly #entries: Iterator<unknown, void>;
  readonly #clock: Clock;
  #before = '[';
  #isDone = false;

  constructor(entries: Iterator<unknown, void>, clock: Clock) {
    this.#entries = entries;
    this.#clock = clock;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** The next piece; empty: nothing fitted yet. */
  next(): Buffer {
    const until = later(this.#clock.now(), PIECE_MS);
    const parts: string[] = [];
    let length = 0;
    do {
      const entry = this.#entries.next();
      if (entry.done === true) {
        this.#isDone = true;
        parts.push(this.#before === '[' ? '[]' : ']');
        break;
      }
      if (entry.value === undefined) continue;
      const text = JSON.stringify(entry.value);
      parts.push(this.#before, text);
      this.#before = ',';
      length += text.length;
    } while (length < LIST_PIECE_BYTES && this.#clock.now() < until);
    return Buffer.from(parts.join(''));
  }
}
