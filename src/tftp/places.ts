// Who may have a transfer: how many there are, and who gives way to whom.
// Sources: fair-shares.ts; RFC 4987 §3.4 (what TCP does about peers that never answer).
//
//   request ── admit ──▶ unanswered ── the client's first ACK: confirm ──▶ answered ── release ──▶ (gone)
//                            └────────────── release: timed out, or gave way ────────────────────────┘
//
// 1. A client that has not answered may not exist: its address may be forged. Such transfers have places of their own, so that
//    they cannot take one from a client that has answered.
// 2. Unanswered, a transfer loses nothing by giving way: its client asks again. So each of them counts as idle from the start, and
//    the oldest goes first.
// 3. Answered, the one heard least recently goes first, of the address that has the most. A transfer that waits in vain counts
//    as idle until it is heard again.
// 4. No address has more than its bound, also while there is room.

import type { Instant } from '../clock.ts';
import { type Admission, FairShares, type Place } from '../fair-shares.ts';
import type { Ipv4 } from '../net/address.ts';

/**
 * Transfers whose client has not answered yet. Anybody who may ask can fill it, also in the name of others. The others notice nothing
 * while fewer requests than this come within one round trip to them. It empties as clients answer, and after 7 s (with `timeout`
 * after 60 s).
 */
export const UNANSWERED_MAX = 1024;
/**
 * Transfers whose client has answered. Only hosts that hear the server's packets can fill it. The others notice nothing: a newcomer
 * gets a place of whoever has most. It empties as transfers end, and after SILENCE_MS_MAX without progress.
 */
export const TRANSFERS_MAX = 2048;
/**
 * Of UNANSWERED_MAX, those of one address. Whoever forges that address can fill it. The oldest gives way to the newest, and its client
 * asks again; other addresses notice nothing, nor do as many machines behind one router with address translation.
 */
export const UNANSWERED_OF_ADDRESS_MAX = 512;
/**
 * Of TRANSFERS_MAX, those of one address: one host does not hold the sockets and files of all while there is room. Only that host can fill
 * it, or a router with address translation before more machines that load at the same time. One that waits in vain for its client gives
 * way to the newest; if there is none, the newest is told to try again.
 */
export const TRANSFERS_OF_ADDRESS_MAX = 1024;
/**
 * Unanswered transfers of one address to which packets are repeated. Whoever forges that address can fill it. Machines behind one
 * address that are more than this, and of which each has lost its first packet, are answered when they ask again. It empties
 * as clients answer.
 */
export const REPEATED_TO_MAX = 32;
/** How old the knowledge of when a client was last heard may be: noting it at every ACK would cost more than it tells. */
export const HEARD_MS = 1000;

/** The place of one transfer. */
export interface Seat<T> {
  readonly answered: boolean;
  readonly place: Place<T>;
  notedAt: Instant;
}

/** What can have a place. `seat` belongs to the places. */
export interface Seated<T> {
  readonly origin: { readonly peer: Ipv4 };
  seat: Seat<T> | undefined;
}

/** The places of all transfers. */
export class TransferPlaces<T extends Seated<T>> {
  readonly #unanswered = new FairShares<T>({ max: UNANSWERED_MAX, addressMax: UNANSWERED_OF_ADDRESS_MAX });
  readonly #answered = new FairShares<T>({ max: TRANSFERS_MAX, addressMax: TRANSFERS_OF_ADDRESS_MAX });

  /** Places taken. */
  get size(): number {
    return this.#unanswered.size + this.#answered.size;
  }

  /** Gives a new transfer a place. The caller ends the one that had to give way. */
  admit(transfer: T, now: Instant): Admission<T> {
    const admission = this.#unanswered.admit(transfer.origin.peer, transfer);
    if (admission.kind === 'refused') return admission;
    this.#unanswered.touch(admission.place, true);
    transfer.seat = { answered: false, place: admission.place, notedAt: now };
    return admission;
  }

  /** Its client has answered. Refused, it has no place any more. */
  confirm(transfer: T, now: Instant): Admission<T> {
    this.release(transfer);
    const admission = this.#answered.admit(transfer.origin.peer, transfer);
    if (admission.kind === 'refused') return admission;
    transfer.seat = { answered: true, place: admission.place, notedAt: now };
    return admission;
  }

  /** Its client was heard. */
  heard({ seat }: T, now: Instant): void {
    if (seat?.answered !== true || (now - seat.notedAt < HEARD_MS && !seat.place.idle)) return;
    seat.notedAt = now;
    this.#answered.touch(seat.place, false);
  }

  /** Its client should have answered by now. */
  waitsInVain({ seat }: T): void {
    if (seat?.answered === true && !seat.place.idle) this.#answered.touch(seat.place, true);
  }

  /** False when so many transfers of this address are unanswered that somebody seems to forge it. */
  mayRepeat({ seat, origin }: T): boolean {
    return seat?.answered === true || this.#unanswered.countOf(origin.peer) <= REPEATED_TO_MAX;
  }

  release(transfer: T): void {
    const { seat } = transfer;
    transfer.seat = undefined;
    if (seat !== undefined) (seat.answered ? this.#answered : this.#unanswered).release(seat.place);
  }
}
