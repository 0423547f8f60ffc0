// The boots of machines with their verdicts, and of each machine whether its last boot failed: for
// its page, its row in the list and the overview.
//
//   machines ─ their newest events ─ drawBoots ─ boots with verdicts ─ of the newest one, why it failed
//
// 1. A machine costs the reading of at most LAST_EVENTS events, which the index of the log has together.
// 2. The list and the overview ask only about machines that boot for their work, not about all.

import { shownTo } from '../../records/events.ts';
import type { Machine } from '../../records/machine.ts';
import type { MachineEvent } from '../../records/machine-event.ts';
import { isWork } from '../../records/machine-search.ts';
import type { View } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { splitBoots, startsWithBoot } from './timeline.ts';
import { type BootRow, type BootVerdict, buildBootRows, judgeBoot, spanOfBoot } from './waterfall.ts';

/** A boot has 30 to 60, of which the end tells what it came to. */
const LAST_EVENTS = 40;

export interface DrawnBoot {
  /** The id of its first event, which names it in an address. */
  readonly id: number;
  readonly startMs: number;
  readonly rows: readonly BootRow[];
  readonly verdict: BootVerdict;
}

export const BOOT_COLOURS: Readonly<Record<BootVerdict['kind'], string>> = {
  good: 'green',
  bad: 'red',
  'going-on': 'amber',
  stopped: 'amber',
};

/**
 * The boots among events, the newest first. @param events the newest first @param max no further
 * ones are drawn
 */
export function drawBoots(
  { region, nowMs, viewer }: View,
  events: readonly MachineEvent[],
  max = Number.POSITIVE_INFINITY,
): readonly DrawnBoot[] {
  const ownRack = region.racks.own?.name ?? '';
  const visible = events.map(shownTo(viewer));
  const drawn: DrawnBoot[] = [];
  for (const [index, boot] of splitBoots(visible).entries()) {
    const [first] = boot;
    if (first === undefined || !startsWithBoot(boot)) continue;
    const before = visible.find((event) => event.code === 'status-changed' && event.atMs <= first.atMs);
    const state = before?.code === 'status-changed' ? words.values.state(before.params.to) : undefined;
    const rows = buildBootRows(boot, { ownRack, state });
    if (rows.length === 0) continue;
    // The next boot ended it.
    const verdict = judgeBoot(boot, rows, index === 0 ? nowMs : Number.POSITIVE_INFINITY);
    drawn.push({ id: first.id, startMs: spanOfBoot(rows).startMs, rows, verdict });
    if (drawn.length === max) break;
  }
  return drawn;
}

/**
 * Before it, nothing is a boot of what the machine does now: it came into its state, or was
 * restarted. A failed state says how its work ended.
 */
const getBootsSinceMs = ({ status, statusSinceMs, work }: Machine): number =>
  status.startsWith('failed') ? 0 : Math.max(statusSinceMs, work?.bootMs ?? 0);

/**
 * The verdicts of the last boots that failed, by system id; a machine whose last boot went well or
 * goes on has no entry.
 */
export async function findFailedBoots(
  view: View,
  machines: readonly Machine[],
): Promise<ReadonlyMap<string, BootVerdict>> {
  const failed = new Map<string, BootVerdict>();
  if (machines.length === 0) return failed;
  const systemIds = machines.map(({ systemId }) => systemId);
  const events = await view.region.store.recentEvents(systemIds, LAST_EVENTS);
  for (const machine of machines) {
    const [last] = drawBoots(view, events.get(machine.systemId) ?? [], 1);
    if (last === undefined || last.startMs + spanOfBoot(last.rows).spanMs < getBootsSinceMs(machine)) continue;
    const { kind } = last.verdict;
    if (kind === 'bad' || kind === 'stopped') failed.set(machine.systemId, last.verdict);
  }
  return failed;
}

/** True for a machine that boots for its work and has not reported since: its last boot may have failed. */
export const isBooting = ({ status, work }: Machine): boolean =>
  isWork(status) && work?.waitsForBoot === false && work.bootMs !== undefined;
