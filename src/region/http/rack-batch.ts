// A batch of a remote rack's events: stored once and in order, in turns, so that nobody waits for the whole of it.
//
//   batch ──► turn ──► turn ──► … ──► the answer says how far it was stored; the rack sends what is left
//                 └ requests of others, and turns of other racks (batch-turns.ts), run in between
//
// 1. A turn is one transaction: its reports, the enlistments it brings, and how far the rack has come. What is told as stored is on disk.
// 2. What is at or below the highest sequence of its source was stored before, and is not run again; what was refused then is told again.
// 3. A rack's clock is not believed beyond ours: nothing happened in the future.
// 4. Of one rack one batch is stored at a time.

import { later } from '../../clock.ts';
import { counted } from '../../counted.ts';
import { RackError } from '../../errors.ts';
import { type KeptPost, type LinkBatch, readEntry } from '../racks/rack-news.ts';
import type { RackReport } from '../records/machine-event.ts';
import type { Rack, RefusedEntry } from '../records/rack.ts';
import type { Region } from '../region.ts';

/** How long one turn goes on with further entries. An accepted rack fills it; a request of others waits for a turn or two. */
export const TURN_MS_MAX = 20;
/**
 * How long a batch takes turns before it is answered with what is stored of it: well below the time for which a rack waits for an answer. Racks
 * that send much at the same time fill it; each sends the rest once more.
 */
export const BATCH_MS_MAX = 10_000;
/** Reports that are stored together, before the time is looked at again. */
const REPORTS_AT_ONCE = 32;
const REASON_MAX = 300;

/** What came of a batch. */
export interface BatchOutcome {
  /** The highest sequence that is stored of this source: within this batch when the rest is to be sent again, or beyond it; -1: none. */
  readonly stored: number;
  readonly refused: readonly RefusedEntry[];
}

/** Runs a machine's post as the API would; undefined: it was taken, else why not. */
export type RunPost = (post: KeptPost) => string | undefined;

/**
 * Stores a batch of an accepted rack; a short one at once. Undefined: one of this rack is being stored.
 * @throws RackError `store-unavailable`: nothing of it was stored; the promise is rejected with the same
 */
export function takeBatch(
  region: Region,
  rack: Rack,
  batch: LinkBatch,
  runPost: RunPost,
): BatchOutcome | Promise<BatchOutcome> | undefined {
  const { turns } = region.racks;
  if (!turns.enter(rack.uuid)) return undefined;
  const taking = new BatchTaking(region, rack, batch, runPost);
  let isUnderWay = false;
  try {
    if (turns.isAlone) taking.turn();
    if (taking.isDone) return taking.outcome();
    isUnderWay = true;
    return goOn(region, rack.uuid, taking).finally(() => turns.leave(rack.uuid));
  } finally {
    if (!isUnderWay) turns.leave(rack.uuid);
  }
}

async function goOn(region: Region, uuid: string, taking: BatchTaking): Promise<BatchOutcome> {
  const endsAt = later(region.clock.now(), BATCH_MS_MAX);
  do {
    await region.racks.turns.next(uuid);
    // An administrator may have rejected it meanwhile.
    if (region.racks.find(uuid)?.state !== 'accepted') break;
    try {
      taking.turn();
    } catch (error) {
      if (!taking.hasBegun || !(error instanceof RackError && error.code === 'store-unavailable')) throw error;
      // What is on disk is told; the rest comes again.
      break;
    }
  } while (!taking.isDone && region.clock.now() < endsAt);
  return taking.outcome();
}

function tellLost(region: Region, rack: Rack, missed: number, atMs: number): void {
  const description = `rack ${rack.name} lost ${counted(missed, 'event')}, because more waited than it keeps`;
  region.store.recordEvent({ type: 'RACK_EVENTS_LOST', description, atMs, username: '' }, undefined);
}

/** How far a batch has been stored. */
class BatchTaking {
  readonly #region: Region;
  readonly #rack: Rack;
  readonly #batch: LinkBatch;
  readonly #runPost: RunPost;
  /** The first entry that is not stored. */
  #next = 0;
  #isLossTold = false;
  readonly #refused: RefusedEntry[] = [];

  constructor(region: Region, rack: Rack, batch: LinkBatch, runPost: RunPost) {
    this.#region = region;
    this.#rack = rack;
    this.#batch = batch;
    this.#runPost = runPost;
  }

  get isDone(): boolean {
    return this.#next >= this.#batch.entries.length && this.hasBegun;
  }

  get hasBegun(): boolean {
    return this.#next > 0 || this.#batch.entries.length === 0;
  }

  /** Stores some more of it. @throws RackError `store-unavailable`: nothing of these */
  turn(): void {
    const { next, added, refused } = this.#region.atomically(() => this.#take());
    this.#next = next;
    this.#isLossTold ||= added > 0;
    this.#refused.push(...refused);
  }

  outcome(): BatchOutcome {
    const { source, entries } = this.#batch;
    const stored = Math.max(entries[this.#next - 1]?.sequence ?? -1, this.#region.store.highestSequence(source));
    const first = entries[0]?.sequence ?? 0;
    const last = Math.min(stored, entries.at(-1)?.sequence ?? -1);
    const before = this.#rack.source === source ? this.#rack.refused : [];
    const again = before.filter(({ sequence }) => sequence >= first && sequence <= last);
    return { stored, refused: [...again, ...this.#refused] };
  }

  #take(): { readonly next: number; readonly added: number; readonly refused: readonly RefusedEntry[] } {
    const region = this.#region;
    const rack = this.#rack;
    const { source, entries, missed } = this.#batch;
    const nowMs = region.clock.wallTimeMs();
    const endsAt = later(region.clock.now(), TURN_MS_MAX);
    const refused: RefusedEntry[] = [];
    let reports: RackReport[] = [];
    let added = 0;
    const flush = (): void => {
      added += region.observe(reports, source, rack.uuid);
      reports = [];
    };
    // Before the first of them is counted, so that this source is one of those that are never forgotten.
    if (this.#next === 0 && rack.source !== source) region.racks.keepRefused(rack.uuid, source, []);
    const mine = entries.slice(this.#next);
    let taken = 0;
    for (const raw of mine) {
      if (taken > 0 && region.clock.now() >= endsAt) break;
      taken += 1;
      const entry = readEntry(raw);
      if (entry.kind === 'report') {
        reports.push({ ...entry.report, at: Math.min(entry.report.at, nowMs), sequence: entry.sequence });
        if (reports.length >= REPORTS_AT_ONCE) flush();
        continue;
      }
      flush();
      if (!region.store.acceptSequence(source, entry.sequence, nowMs)) continue;
      added += 1;
      const reason = entry.kind === 'fault' ? entry.reason : this.#runPost(entry.post);
      if (reason !== undefined) refused.push({ sequence: entry.sequence, reason: reason.slice(0, REASON_MAX) });
    }
    flush();
    if (missed > 0 && added > 0 && !this.#isLossTold) tellLost(region, rack, missed, nowMs);
    if (refused.length > 0) region.racks.keepRefused(rack.uuid, source, refused);
    return { next: this.#next + taken, added, refused };
  }
}
