// Stores a batch of a remote rack's events once and in order, in turns, so that other requests
// never wait for the whole batch.
//
//   batch ──► turn ──► turn ──► … ──► the answer says how much was stored; the rack sends the rest again
//                 └ other requests, and turns of other racks (batch-turns.ts), run in between
//
// 1. A turn is one transaction: its reports, its enlistments, and the sequence it reached.
// 2. Entries at or below the highest stored sequence of their source are not stored again; their
//    earlier refusals are repeated.
// 3. A report with a time in the future, by our clock, gets the current time.
// 4. One batch per rack is stored at a time.

import { later } from '../../ground/clock.ts';
import { isStoreUnavailable } from '../../ground/errors.ts';
import { type KeptPost, type LinkBatch, parseLinkEntry } from '../racks/rack-news.ts';
import type { RackReport } from '../records/machine-event.ts';
import type { Rack, RefusedEntry } from '../records/rack.ts';
import type { Region } from '../region.ts';

/**
 * How long one turn keeps taking entries, in milliseconds. An accepted rack fills it; other
 * requests wait for a turn or two.
 */
export const TURN_MS_MAX = 20;
/**
 * How long a batch takes turns before the answer says how far it was stored, in milliseconds: well
 * below a rack's timeout. Racks that send much at the same time fill it; each sends the rest again.
 */
export const BATCH_MS_MAX = 10_000;
/** Reports stored together before the time is checked again. */
export const REPORTS_AT_ONCE = 32;
const REASON_MAX = 300;

interface BatchOutcome {
  /**
   * The highest stored sequence of this source; -1: none. The rack sends the entries of the batch
   * beyond it again.
   */
  readonly stored: number;
  readonly refused: readonly RefusedEntry[];
}

type RunPost = (post: KeptPost) => Promise<string | undefined>;

/**
 * Stores a batch of an accepted rack; a short one at once. Returns `undefined` if another batch of
 * this rack is being stored.
 * @throws RackError `store-unavailable`: nothing of it was stored
 */
export async function takeBatch(
  region: Region,
  rack: Rack,
  batch: LinkBatch,
  runPost: RunPost,
): Promise<BatchOutcome | undefined> {
  const { turns } = region.racks;
  if (!turns.enter(rack.uuid)) return undefined;
  try {
    const taking = new BatchTaking(region, rack, batch, runPost);
    if (turns.isAlone) await taking.turn();
    return taking.isDone ? await taking.outcome() : await goOn(region, rack.uuid, taking);
  } finally {
    turns.leave(rack.uuid);
  }
}

async function goOn(region: Region, uuid: string, taking: BatchTaking) {
  const endsAt = later(region.clock.now(), BATCH_MS_MAX);
  do {
    await region.racks.turns.next(uuid);
    if (region.racks.find(uuid)?.state !== 'accepted') break;
    try {
      await taking.turn();
    } catch (error) {
      if (!taking.hasBegun || !isStoreUnavailable(error)) throw error;
      // The answer covers what is on disk; the rest comes again.
      break;
    }
  } while (!taking.isDone && region.clock.now() < endsAt);
  return taking.outcome();
}

async function recordLoss(region: Region, rack: Rack, missed: number, atMs: number) {
  const params = { rack: rack.name, events: missed };
  const event = { type: 'RACK_EVENTS_LOST', code: 'events-lost', params, atMs, username: '' } as const;
  await region.store.recordEvent(event, undefined);
}

class BatchTaking {
  readonly #region: Region;
  readonly #rack: Rack;
  readonly #batch: LinkBatch;
  readonly #runPost: RunPost;
  #next = 0;
  #isLossRecorded = false;
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

  /** Stores the entries of one turn. @throws RackError `store-unavailable`: none of these is stored */
  async turn(): Promise<void> {
    const { next, added, refused } = await this.#region.transact(() => this.#take());
    this.#next = next;
    this.#isLossRecorded ||= added > 0;
    this.#refused.push(...refused);
  }

  async outcome(): Promise<BatchOutcome> {
    const { source, entries } = this.#batch;
    const stored = Math.max(entries[this.#next - 1]?.sequence ?? -1, await this.#region.store.highestSequence(source));
    const first = entries[0]?.sequence ?? 0;
    const last = Math.min(stored, entries.at(-1)?.sequence ?? -1);
    const before = this.#rack.source === source ? this.#rack.refused : [];
    const again = before.filter(({ sequence }) => sequence >= first && sequence <= last);
    return { stored, refused: [...again, ...this.#refused] };
  }

  async #take(): Promise<{ readonly next: number; readonly added: number; readonly refused: readonly RefusedEntry[] }> {
    const region = this.#region;
    const rack = this.#rack;
    const { source, entries, missed } = this.#batch;
    const nowMs = region.clock.wallTimeMs();
    const endsAt = later(region.clock.now(), TURN_MS_MAX);
    const refused: RefusedEntry[] = [];
    let reports: RackReport[] = [];
    let added = 0;
    const flush = async () => {
      added += await region.observe(reports, source, rack.uuid);
      reports = [];
    };
    // Do this before the first entry is counted, so that this source is one of those that are never
    // forgotten.
    if (this.#next === 0 && rack.source !== source) await region.racks.keepRefused(rack.uuid, source, []);
    const mine = entries.slice(this.#next);
    let taken = 0;
    for (const raw of mine) {
      if (taken > 0 && region.clock.now() >= endsAt) break;
      taken += 1;
      const entry = parseLinkEntry(raw);
      if (entry.kind === 'report') {
        reports.push({ ...entry.report, at: Math.min(entry.report.at, nowMs), sequence: entry.sequence });
        if (reports.length >= REPORTS_AT_ONCE) await flush();
        continue;
      }
      await flush();
      if (!(await region.store.acceptSequence(source, entry.sequence, nowMs))) continue;
      added += 1;
      const reason = entry.kind === 'fault' ? entry.reason : await this.#runPost(entry.post);
      if (reason !== undefined) refused.push({ sequence: entry.sequence, reason: reason.slice(0, REASON_MAX) });
    }
    await flush();
    if (missed > 0 && added > 0 && !this.#isLossRecorded) await recordLoss(region, rack, missed, nowMs);
    if (refused.length > 0) await region.racks.keepRefused(rack.uuid, source, refused);
    return { next: this.#next + taken, added, refused };
  }
}
