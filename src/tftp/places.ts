// The places for transfers: how many, and which transfer gives way to a newcomer. Sources:
// net/shares/fair-shares.ts; RFC 4987 §3.4 (how TCP treats peers that never answer).
//
//   request ── admit ──▶ unanswered ── the client's first ACK: confirm ──▶ answered ── release ──▶ (gone)
//                            └────────────── release: timed out, or gave way ────────────────────────┘
//
// 1. The address of a client that has not answered may be forged. Such transfers have separate
//    places, so they take none from a client that has answered.
// 2. An unanswered transfer loses nothing by giving way, so it counts as idle, and the oldest goes first.
// 3. Of answered transfers, the address with the most loses the one heard least recently. A
//    transfer whose client is overdue counts as idle.
// 4. No address exceeds its own bound, even while there is room.

import type { Ipv4 } from '../ground/address.ts';
import type { Instant } from '../ground/clock.ts';
import { type Admission, FairShares, type Place } from '../net/shares/fair-shares.ts';

/**
 * Transfers whose client has not answered yet. Any served client can fill it, even with forged
 * addresses. Others notice nothing while fewer requests than this arrive within their round trip.
 * It empties as clients answer, and after 7 s (with `timeout` after 60 s).
 */
export const UNANSWERED_MAX = 1024;
/**
 * Transfers whose client has answered. Only hosts that receive the server's packets can fill it.
 * Others notice nothing: a newcomer gets a place of the address with the most. It empties as
 * transfers end, and after SILENCE_MS_MAX without progress.
 */
export const TRANSFERS_MAX = 2048;
/**
 * One address's part of UNANSWERED_MAX. A host that forges the address can fill it. The oldest
 * gives way to the newest, and its client retries. Other addresses notice nothing.
 */
const UNANSWERED_OF_ADDRESS_MAX = 512;
/**
 * One address's part of TRANSFERS_MAX, so that one host never holds all sockets and files. Only
 * that host, or a NAT router with more loading machines, can fill it. A transfer whose client is
 * overdue gives way to the newest; if there is none, the newest client is told to try again.
 */
export const TRANSFERS_OF_ADDRESS_MAX = 1024;
/**
 * Unanswered transfers of one address whose packets are repeated. A host that forges the address
 * can fill it. With more machines at an address that each lost a first packet, the rest are
 * answered when they retry. It empties as clients answer.
 */
const REPEATED_TO_MAX = 32;
/** How far the order of the answered transfers may lag, in milliseconds. */
const HEARD_MS = 1000;

export interface Seat<T> {
  readonly answered: boolean;
  readonly place: Place<T>;
}

/** Only `TransferPlaces` writes `seat`. */
export interface Seated<T> {
  readonly origin: { readonly peer: Ipv4 };
  readonly progress: Pick<Progress, 'heardAt' | 'overdue'>;
  seat: Seat<T> | undefined;
}

/** How far a transfer has come. */
export interface Progress {
  /** When the client's last packet arrived. */
  readonly heardAt: Instant;
  /** The client has acknowledged something, so it exists. */
  readonly answered: boolean;
  /** A deadline has passed since the client's last packet. */
  readonly overdue: boolean;
  readonly ackedBytes: number;
  readonly repeatedBlocks: number;
}

export class TransferPlaces<T extends Seated<T>> {
  readonly #unanswered = new FairShares<T>({ max: UNANSWERED_MAX, addressMax: UNANSWERED_OF_ADDRESS_MAX });
  readonly #answered = new FairShares<T>({ max: TRANSFERS_MAX, addressMax: TRANSFERS_OF_ADDRESS_MAX });
  readonly #answerers = new Set<T>();
  #orderedAt: Instant | undefined;

  /** Places taken. */
  get size(): number {
    return this.#unanswered.size + this.#answered.size;
  }

  /** The caller must end the evicted transfer. */
  admit(transfer: T): Admission<T> {
    const admission = this.#unanswered.admit(transfer.origin.peer, transfer);
    if (admission.kind === 'refused') return admission;
    this.#unanswered.touch(admission.place, true);
    transfer.seat = { answered: false, place: admission.place };
    return admission;
  }

  /** Moves a transfer whose client has answered; if refused, it has lost its place. */
  confirm(transfer: T, now: Instant): Admission<T> {
    this.release(transfer);
    const { peer } = transfer.origin;
    if (this.#answered.size >= TRANSFERS_MAX || this.#answered.getCount(peer) >= TRANSFERS_OF_ADDRESS_MAX)
      this.#order(now);
    const admission = this.#answered.admit(peer, transfer);
    if (admission.kind === 'refused') return admission;
    transfer.seat = { answered: true, place: admission.place };
    this.#answerers.add(transfer);
    return admission;
  }

  /** False if the address has so many unanswered transfers that it is probably forged. */
  mayRepeat({ seat, origin }: T): boolean {
    return seat?.answered === true || this.#unanswered.getCount(origin.peer) <= REPEATED_TO_MAX;
  }

  release(transfer: T): void {
    const { seat } = transfer;
    transfer.seat = undefined;
    this.#answerers.delete(transfer);
    if (seat !== undefined) (seat.answered ? this.#answered : this.#unanswered).release(seat.place);
  }

  /**
   * Orders the answered transfers by their clients' last packets, which is needed only when one
   * must give way.
   */
  #order(now: Instant): void {
    if (this.#orderedAt !== undefined && now - this.#orderedAt < HEARD_MS) return;
    this.#orderedAt = now;
    const heard = Array.from(this.#answerers, (transfer) => ({ transfer, ...transfer.progress }));
    for (const { transfer, overdue } of heard.sort((a, b) => a.heardAt - b.heardAt))
      if (transfer.seat !== undefined) this.#answered.touch(transfer.seat.place, overdue);
  }
}
