// The numbers that the transfer engine (`transfer-engine.ts`) and the server share, perhaps between
// two threads. They lie in shared memory, so that no block costs a message.
//
// 1. The engine writes, the server reads. The server writes only to a slot that it has not handed over yet.
// 2. The 64-bit values are aligned, so each is read whole.

import { type Instant, instant } from '../ground/clock.ts';
import { Counters, createSharedCounterMemory } from '../ground/counters.ts';
import { type Progress, TRANSFERS_MAX, UNANSWERED_MAX } from './places.ts';

/**
 * Running transfers: every place, and as many that have lost their place and are about to end.
 * Floods fill it while the engine is behind; requests then wait for their client to retry. It
 * empties as the engine ends them.
 */
export const SLOTS_MAX: number = 2 * (UNANSWERED_MAX + TRANSFERS_MAX);

/** `packets`: those sent that hold no block. */
const COUNTED = ['blocks', 'malformed', 'send-errors', 'received', 'packets'] as const;
const FIELDS = 5;
const [HEARD_AT, ANSWERED, OVERDUE, ACKED_BYTES, REPEATED_BLOCKS] = [0, 1, 2, 3, 4] as const;

/** Memory for a state, to be handed to another thread. */
export interface TransferMemory {
  readonly counters: SharedArrayBuffer;
  readonly slots: SharedArrayBuffer;
}

export const allocateTransferMemory = (): TransferMemory => ({
  counters: createSharedCounterMemory(COUNTED),
  slots: new SharedArrayBuffer(SLOTS_MAX * FIELDS * Float64Array.BYTES_PER_ELEMENT),
});

export class SharedTransferState {
  readonly counters: Counters<(typeof COUNTED)[number]>;
  readonly #slots: Float64Array;

  constructor({ counters, slots }: TransferMemory) {
    this.counters = new Counters(COUNTED, counters);
    this.#slots = new Float64Array(slots);
  }

  /** Resets a slot before its transfer starts. */
  reset(slot: number, now: Instant): void {
    this.#slots.fill(0, slot * FIELDS, (slot + 1) * FIELDS);
    this.#slots[slot * FIELDS] = now;
  }

  noteHeard(slot: number, now: Instant): void {
    this.#slots[slot * FIELDS] = now;
    this.#slots[slot * FIELDS + OVERDUE] = 0;
  }

  noteOverdue(slot: number): void {
    this.#slots[slot * FIELDS + OVERDUE] = 1;
  }

  noteProgress(slot: number, answered: boolean, ackedBytes: number, repeatedBlocks: number): void {
    const at = slot * FIELDS;
    this.#slots[at + ANSWERED] = answered ? 1 : 0;
    this.#slots[at + ACKED_BYTES] = ackedBytes;
    this.#slots[at + REPEATED_BLOCKS] = repeatedBlocks;
  }

  read(slot: number): Progress {
    const field = (index: number): number => this.#slots[slot * FIELDS + index] ?? 0;
    return {
      heardAt: instant(field(HEARD_AT)),
      answered: field(ANSWERED) === 1,
      overdue: field(OVERDUE) === 1,
      ackedBytes: field(ACKED_BYTES),
      repeatedBlocks: field(REPEATED_BLOCKS),
    };
  }
}
