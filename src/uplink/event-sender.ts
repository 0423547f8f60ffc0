// Sends the outbox's entries to the region, batch by batch, in order, until each entry is stored or refused.
//
// 1. One batch is in flight at a time. Without an answer the same batch is sent again; the region
//    recognises repeats by source and sequence.
// 2. A batch that the region cannot read at all (400, 413, 415, 422) is halved until the region
//    reads it or one entry is left, which is buried. Problems of the region, the key or the network
//    (401, 403, 404, 429, 5xx …) never bury anything.
// 3. A refused entry is buried before the batch counts as stored, so that no power loss loses the reason.

import type { Clock } from '../ground/clock.ts';
import { errorText, isStoreUnavailable } from '../ground/errors.ts';
import { parseAnswerText, parseEventsAnswer } from './link-answers.ts';
import type { LinkAnswer, LinkRequest } from './link-transport.ts';
import type { OutboxEntry, OutboxStore } from './outbox-store.ts';
import type { RunOutcome } from './repeater.ts';

/** Entries of one batch, and their bytes on disk; a larger entry is sent alone. */
const BATCH_ENTRIES_MAX = 256;
const BATCH_BYTES_MAX = 1024 * 1024;
/** Ample for an answer that refuses every entry of a batch, with reasons. */
const ANSWER_BYTES_MAX = 1024 * 1024;
/** How often an empty outbox is checked, in milliseconds, although new entries are announced. */
const IDLE_MS = 30_000;
/** Statuses that repeating the batch cannot change. */
const UNREADABLE_STATUSES: ReadonlySet<number> = new Set([400, 413, 415, 422]);

interface EventSenderDeps {
  readonly clock: Clock;
  readonly outbox: OutboxStore;
  readonly path: () => string;
  readonly rack: () => string;
  /** `undefined` if there was no answer, or one about the link, which the link has handled. */
  readonly ask: (request: LinkRequest) => Promise<LinkAnswer | undefined>;
  readonly onBuried: (entry: OutboxEntry, reason: string) => void;
  /** Called when the region knows sequences that this outbox has not assigned yet. */
  readonly onRenumbered: () => void;
  /** Called with the reason why the outbox cannot be read or written; `undefined` if it can. */
  readonly onStoreProblem: (problem: string | undefined) => void;
}

export class EventSender {
  readonly #options: EventSenderDeps;
  #batchMax = BATCH_ENTRIES_MAX;

  constructor(options: EventSenderDeps) {
    this.#options = options;
  }

  /** Sends one batch. Rejects only on our own bugs. */
  async run(): Promise<RunOutcome> {
    const { outbox, onStoreProblem } = this.#options;
    try {
      const entries = outbox.take(this.#batchMax, BATCH_BYTES_MAX);
      onStoreProblem(undefined);
      return entries.length === 0 ? { kind: 'rest', ms: IDLE_MS } : await this.#send(entries, outbox.missed);
    } catch (error) {
      if (!isStoreUnavailable(error)) throw error;
      onStoreProblem(errorText(error));
      return { kind: 'failed' };
    }
  }

  async #send(entries: readonly OutboxEntry[], missed: number): Promise<RunOutcome> {
    const { outbox, ask, path, rack } = this.#options;
    const source = `${rack()}/${outbox.id}`;
    const answer = await ask({
      method: 'POST',
      path: path(),
      authorized: true,
      answerBytesMax: ANSWER_BYTES_MAX,
      body: { contentType: 'application/json', text: JSON.stringify({ source, missed, entries }) },
    });
    if (answer === undefined) return { kind: 'failed' };
    if (answer.status === 200) return this.#handleStored(entries, missed, answer);
    if (!UNREADABLE_STATUSES.has(answer.status)) return { kind: 'failed', retryAfterMs: answer.retryAfterMs };
    return this.#handleUnreadable(entries, answer);
  }

  #handleStored(entries: readonly OutboxEntry[], missed: number, answer: LinkAnswer): RunOutcome {
    const { outbox } = this.#options;
    const parsed = parseEventsAnswer(answer.body);
    const firstSequence = entries[0]?.sequence ?? 0;
    const lastSequence = entries.at(-1)?.sequence ?? 0;
    if (parsed === undefined || parsed.stored < firstSequence) return { kind: 'failed' };
    if (parsed.stored > lastSequence) {
      outbox.renumber();
      this.#options.onRenumbered();
      // Fail, so that the pauses grow: a server that claims this of every outbox is not our region,
      // and each renumbering writes to the disk.
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

  #handleUnreadable(entries: readonly OutboxEntry[], answer: LinkAnswer): RunOutcome {
    const [single] = entries;
    if (entries.length > 1) this.#batchMax = Math.ceil(entries.length / 2);
    else if (single !== undefined) this.#bury(single, `${answer.status}: ${parseAnswerText(answer.body)}`);
    return { kind: 'again' };
  }

  #bury(entry: OutboxEntry, reason: string): void {
    const { outbox, clock, onBuried } = this.#options;
    outbox.bury(entry.sequence, reason, clock.wallTimeMs());
    // A refused report of a refusal is not reported: the report would be refused in turn, without end.
    if (entry.kind !== 'report' || entry.report.kind !== 'outbox.dead-letter') onBuried(entry, reason);
  }
}
