// Sends lists in pieces, rendered one entry at a time, so no list exhausts the memory or delays
// other requests, however large it is.
//
// 1. A piece ends with the entry that fills it or uses up its time. The next one begins after the
//    client has taken it and the event loop has run.
// 2. A list that ends in its first piece takes no place; all others take one of LISTS_MAX.

import { Readable } from 'node:stream';
import type { Clock } from '../../ground/clock.ts';
import { entryText, JsonText, jsonText, type ListToSend } from '../api/call/answer.ts';
import { beginPiece, LongWork, type PlaceHolder } from '../shares/long-work.ts';

/**
 * Lists under way that are longer than a piece. Users with a key fill it; at the bound the user
 * with the most lists loses one to each newcomer of another user, so the others notice nothing.
 * Lists whose readers do not read go first. It empties as they are read.
 */
export const LISTS_MAX = 32;
/** Size at which a piece ends, in bytes; its last entry may exceed it. */
export const LIST_PIECE_BYTES = 64 * 1024;

export type SentList =
  | { readonly kind: 'whole'; readonly text: Buffer }
  /** Call `release` when the answer is over, however it ended: it frees the place. */
  | { readonly kind: 'stream'; readonly stream: Readable; readonly release: () => void }
  /** All places are taken, and this user has a fair share of them. */
  | { readonly kind: 'refused' };

export class Lists {
  readonly #clock: Clock;
  readonly #work = new LongWork<PlaceHolder>(LISTS_MAX);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws RackError `store-unavailable` before anything was sent */
  async send({ holder, entries }: ListToSend, isCompact: boolean): Promise<SentList> {
    const work = this.#work;
    const writer = new ListWriter(entries, isCompact, this.#clock);
    const first = await writer.next();
    if (writer.isDone) return { kind: 'whole', text: first };
    const place: PlaceHolder = {};
    const admission = work.places.admit(holder, place);
    if (admission.kind === 'refused') {
      await entries.return?.();
      return { kind: 'refused' };
    }
    admission.evicted?.end?.();
    const { place: held } = admission;
    async function* pieces(): AsyncGenerator<Buffer> {
      try {
        for (let piece = first; ; piece = await writer.next()) {
          // From here the list waits only for the client to take the piece.
          work.places.touch(held, true);
          if (piece.length > 0) yield piece;
          // An entry that is left out yields no piece, so check here whether the client has left.
          if (writer.isDone || stream.destroyed) return;
          work.places.touch(held, false);
          await work.nextTurn(holder);
        }
      } finally {
        await entries.return?.();
      }
    }
    const stream = Readable.from(pieces(), { objectMode: false });
    place.end = () => void stream.destroy(new Error('its place was needed for the list of another user'));
    return { kind: 'stream', stream, release: () => work.places.release(held) };
  }
}

class ListWriter {
  readonly #entries: AsyncIterator<unknown, void>;
  readonly #isCompact: boolean;
  readonly #clock: Clock;
  #before = '[';
  #isDone = false;

  constructor(entries: AsyncIterator<unknown, void>, isCompact: boolean, clock: Clock) {
    this.#entries = entries;
    this.#isCompact = isCompact;
    this.#clock = clock;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** The next piece; empty if every entry so far was left out. */
  async next(): Promise<Buffer> {
    const isOver = beginPiece(this.#clock);
    const parts: Buffer[] = [];
    let length = 0;
    do {
      const entry = await this.#entries.next();
      if (entry.done === true) {
        this.#isDone = true;
        parts.push(Buffer.from(this.#before === '[' ? '[]' : this.#isCompact ? ']' : '\n]'));
        break;
      }
      if (entry.value === undefined) continue;
      const { text, rest } = this.#textOf(entry.value);
      const beginning = Buffer.from(this.#before + text);
      parts.push(beginning, rest);
      this.#before = ',';
      length += beginning.length + rest.length;
    } while (length < LIST_PIECE_BYTES && !isOver());
    return Buffer.concat(parts);
  }

  #textOf(entry: unknown) {
    if (!(entry instanceof JsonText)) return new JsonText(this.#isCompact ? jsonText(entry, true) : entryText(entry));
    return this.#isCompact ? new JsonText(jsonText(JSON.parse(entry.text + String(entry.rest)), true)) : entry;
  }
}
