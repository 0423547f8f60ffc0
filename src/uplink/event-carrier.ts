// Carries what waits in the outbox to the region, batch by batch, in order, until each entry is stored or refused.
//
// 1. One batch is on the way at a time. An answer that does not come makes the same batch go again; the region knows repeats by
//    source and sequence.
// 2. A batch that the region cannot read at all (400, 413, 415, 422) is halved until it reads it, or one entry is left: that one is
//    buried. What is wrong with the region, the key or the way to it (401, 403, 404, 429, 5xx …) never buries anything.
// 3. A refused entry is buried before the batch counts as stored, so that no power cut loses the reason.

import type { Clock } from '../clock.ts';
import { errorText, RackError } from '../errors.ts';
import { parseEventsAnswer, textOf } from './link-answers.ts';
import type { LinkAnswer, LinkRequest } from './link-transport.ts';
import type { OutboxEntry, OutboxStore } from './outbox-store.ts';
import type { RunOutcome } from './repeater.ts';

/** Entries of one batch, and their bytes on disk; an entry larger than that goes alone. */
export const BATCH_ENTRIES_MAX = 256;
const BATCH_BYTES_MAX = 1024 * 1024;
/** The judgement of a batch in which every entry is refused with its reason. */
const ANSWER_BYTES_MAX = 1024 * 1024;
/** With nothing to carry it looks again after this time, though it is told when something comes. */
const IDLE_MS = 30_000;
/** What no repetition makes better. */
const UNREADABLE: ReadonlySet<number> = new Set([400, 413, 415, 422]);

export interface EventCarrierOptions {
  readonly clock: Clock;
  readonly outbox: OutboxStore;
  /** The link's own address of events. */
  readonly path: () => string;
  /** The rack's UUID. */
  readonly rack: () => string;
  /** Undefined: no answer, or one that is not about this batch; the link has dealt with it. */
  readonly ask: (request: LinkRequest) => Promise<LinkAnswer | undefined>;
  readonly onBuried: (entry: OutboxEntry, reason: string) => void;
  /** The region knows sequences that this outbox has not given yet. */
  readonly onRenumbered: () => void;
  /** Why the outbox cannot be read or written; undefined: it can. */
  readonly onStore: (problem: string | undefined) => void;
}

export class EventCarrier {
  readonly #options: EventCarrierOptions;
  #batchMax = BATCH_ENTRIES_MAX;

  constructor(options: EventCarrierOptions) {
    this.#options = options;
  }

  /** Carries one batch. Never rejects for a reason of the world. */
  async run(): Promise<RunOutcome> {
    const { outbox, onStore } = this.#options;
    try {
      const entries = outbox.take(this.#batchMax, BATCH_BYTES_MAX);
      onStore(undefined);
      return entries.length === 0 ? { kind: 'rest', ms: IDLE_MS } : await this.#carry(entries, outbox.missed);
    } catch (error) {
      if (!(error instanceof RackError && error.code === 'store-unavailable')) throw error;
      onStore(errorText(error));
      return { kind: 'failed' };
    }
  }

  async #carry(entries: readonly OutboxEntry[], missed: number): Promise<RunOutcome> {
    const { outbox, ask, path, rack } = this.#options;
    const source = `${rack()}/${outbox.id}`;
    const answer = await ask({
      method: 'POST',
      path: path(),
      authorized: true,
      answerBytesMax: ANSWER_BYTES_MAX,
      body: { contentType: 'application/json', text: encodeBatch(source, missed, entries) },
    });
    if (answer === undefined) return { kind: 'failed' };
    if (answer.status === 200) return this.#stored(entries, missed, answer);
    if (!UNREADABLE.has(answer.status)) return { kind: 'failed', retryAfterMs: answer.retryAfterMs };
    return this.#unreadable(entries, answer);
  }

  #stored(entries: readonly OutboxEntry[], missed: number, answer: LinkAnswer): RunOutcome {
    const { outbox } = this.#options;
    const parsed = parseEventsAnswer(answer.body);
    const first = entries[0]?.sequence ?? 0;
    const last = entries.at(-1)?.sequence ?? 0;
    if (parsed === undefined || parsed.stored < first) return { kind: 'failed' };
    if (parsed.stored > last) {
      outbox.renumber();
      this.#options.onRenumbered();
      // After a pause that grows: what says so of every outbox is no region, and each beginning is written to the disk.
      return { kind: 'failed' };
    }
    for (const entry of entries) {
      const refusal = parsed.refused.find(({ sequence }) => sequence === entry.sequence);
      if (refusal !== undefined) this.#bury(entry, refusal.reason);
    }
    outbox.acknowledge(parsed.stored, missed);
    this.#batchMax = Math.min(BATCH_ENTRIES_MAX, this.#batchMax * 2);
    return { kind: 'again' };
  }

  #unreadable(entries: readonly OutboxEntry[], answer: LinkAnswer): RunOutcome {
    const [only] = entries;
    if (entries.length > 1) this.#batchMax = Math.ceil(entries.length / 2);
    else if (only !== undefined) this.#bury(only, `${answer.status}: ${textOf(answer.body)}`);
    return { kind: 'again' };
  }

  #bury(entry: OutboxEntry, reason: string): void {
    const { outbox, clock, onBuried } = this.#options;
    outbox.bury(entry.sequence, reason, clock.wallTimeMs());
    // What tells of a refusal and is refused itself is not told: that would be refused, and so on.
    if (entry.kind !== 'report' || entry.report.kind !== 'outbox.dead-letter') onBuried(entry, reason);
  }
}

/** The body of a batch. */
function encodeBatch(source: string, missed: number, entries: readonly OutboxEntry[]): string {
  return JSON.stringify({ source, missed, entries });
}
