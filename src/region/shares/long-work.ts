// Answers that take long, and who holds a place among them: lists and searches, which continue in
// pieces over turns of the event loop, and followers of the event log.
//
// 1. Each turn of the event loop continues one piece of work of a kind. Users take turns, however
//    much work each has under way.

import { type Clock, later } from '../../ground/clock.ts';
import { FairShares } from '../../net/shares/fair-shares.ts';
import { LoopTurns } from './loop-turns.ts';

/** Time after which a piece ends, in milliseconds, so that others get the thread. */
const PIECE_MS = 4;

export interface PlaceHolder {
  end?: () => void;
}

/** The name in `username address`; user names contain no space. */
export const parseHolderUser = (holder: string | number): string => String(holder).split(' ', 1)[0] ?? '';

/** Begins a piece. @returns true once it must end */
export function beginPiece(clock: Clock): () => boolean {
  const until = later(clock.now(), PIECE_MS);
  return () => clock.now() >= until;
}

export class LongWork<Holder extends object> {
  readonly places: FairShares<Holder>;
  readonly #turns = new LoopTurns();

  constructor(max: number) {
    this.places = new FairShares({ max, networkKey: parseHolderUser });
  }

  nextTurn(holder: string): Promise<void> {
    return this.#turns.next(parseHolderUser(holder));
  }
}
