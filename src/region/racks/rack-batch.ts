// A batch of a remote rack's events: stored once, in order, whole or not at all.
//
// 1. Everything of a batch is one transaction: its reports, the enlistments it brings, and how far the rack has come.
// 2. What is at or below the highest sequence of its source was stored before, and is not run again; what was refused then is told again.
// 3. A rack's clock is not believed beyond ours: nothing happened in the future.

import { counted } from '../../counted.ts';
import type { RackReport } from '../machine-event.ts';
import type { Region } from '../region.ts';
import type { Rack, RefusedEntry } from './rack.ts';
import type { KeptPost, LinkBatch } from './rack-news.ts';

const REASON_MAX = 300;

/** What came of a batch. */
export interface BatchOutcome {
  /** The highest sequence that is stored of this source, which may be beyond this batch; -1: none. */
  readonly stored: number;
  readonly refused: readonly RefusedEntry[];
}

/** Runs a machine's post as the API would; undefined: it was taken, else why not. */
export type RunPost = (post: KeptPost) => string | undefined;

/** Stores a batch of an accepted rack. @throws RackError `store-unavailable`: nothing of it was stored */
export function takeBatch(region: Region, rack: Rack, batch: LinkBatch, runPost: RunPost): BatchOutcome {
  return region.atomically(() => {
    const nowMs = region.clock.wallTimeMs();
    const { source, entries, missed } = batch;
    const refused: RefusedEntry[] = [];
    let reports: RackReport[] = [];
    let added = 0;
    const flush = (): void => {
      added += region.observe(reports, source, rack.uuid);
      reports = [];
    };
    // Before the first of them is counted, so that this source is one of those that are never forgotten.
    if (rack.source !== source) region.racks.keepRefused(rack.uuid, source, []);
    for (const entry of entries) {
      if (entry.kind === 'report') {
        reports.push({ ...entry.report, at: Math.min(entry.report.at, nowMs), sequence: entry.sequence });
        continue;
      }
      flush();
      if (!region.store.acceptSequence(source, entry.sequence, nowMs)) continue;
      added += 1;
      const reason = entry.kind === 'fault' ? entry.reason : runPost(entry.post);
      if (reason !== undefined) refused.push({ sequence: entry.sequence, reason: reason.slice(0, REASON_MAX) });
    }
    flush();
    if (missed > 0 && added > 0) tellLost(region, rack, missed, nowMs);
    if (refused.length > 0) region.racks.keepRefused(rack.uuid, source, refused);
    const first = entries[0]?.sequence ?? 0;
    const last = entries.at(-1)?.sequence ?? -1;
    const before = rack.source === source ? rack.refused : [];
    const again = before.filter(({ sequence }) => sequence >= first && sequence <= last);
    return { stored: Math.max(last, region.store.highestSequence(source)), refused: [...again, ...refused] };
  });
}

function tellLost(region: Region, rack: Rack, missed: number, atMs: number): void {
  const description = `rack ${rack.name} lost ${counted(missed, 'event')}, because more waited than it keeps`;
  region.store.recordEvent({ type: 'RACK_EVENTS_LOST', description, atMs, username: '' }, undefined);
}
