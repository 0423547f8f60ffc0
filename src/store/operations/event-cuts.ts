// Keeps the event log of region.db within its bounds. Each event belongs to one class, and within
// it to one share:
//
//   deeds      actions of people, and state changes of machines      by person, or by machine
//   machines   everything else about a known machine                 by machine
//   racks      the region's events about its racks                   by rack
//   strangers  everything else                                       by hardware address and kind
//
// 1. A class never displaces events of another: however many events machines cause, those of people stay.
// 2. At its bound a class loses the oldest events of its largest shares.
// 3. A bound may be exceeded by a tenth (`computeCutInterval`).
// 4. Shares of machines are counted from the index alone: reading events would take ten times as
//    long. Deeds are counted in memory. After a rollback a few too many events stay until the next
//    count.

import type { MachineEventType, NewMachineEvent } from '../../region/records/machine-event.ts';
import { number, type Row } from '../rows.ts';
import { all, one, readFirstNumber, run, type Steps } from '../steps.ts';

/** A tenth of the bound, at most this many. Deleting 10 000 takes 5 ms, and the 200 000 of machines 10 ms. */
const CUT_EVERY = 2000;
const computeCutInterval = (bound: number): number => Math.min(CUT_EVERY, Math.ceil(bound / 10));

export interface EventBounds {
  readonly machineEventsMax: number;
  readonly deedEventsMax: number;
  readonly strangerEventsMax: number;
  readonly rackEventsMax: number;
}

/**
 * Event types that only an accepted rack causes. Any host can register: without a person's name
 * RACK_REGISTERED belongs to the strangers.
 */
const RACK_TYPES: readonly MachineEventType[] = ['RACK_CHANGED', 'RACK_AWAY', 'RACK_BACK', 'RACK_EVENTS_LOST'];
/** A machine cannot cause these at will. */
const STATE_TYPES: readonly MachineEventType[] = ['NODE_CHANGED_STATUS', 'NODE_POWERED_ON', 'NODE_POWERED_OFF'];

const formatLiterals = (types: readonly MachineEventType[]): string => types.map((type) => `'${type}'`).join(', ');
const DEED_SQL = `(username <> '' OR type IN (${formatLiterals(STATE_TYPES)}))`;
const UNATTRIBUTED_SQL = `machine_id IS NULL AND NOT ${DEED_SQL}`;

type EventClass = 'deeds' | 'machines' | 'racks' | 'strangers';

/** Classes that are cut by reading their events. */
const RANKED_CLASSES: Readonly<
  Record<Exclude<EventClass, 'machines'>, { readonly whereSql: string; readonly share: string }>
> = {
  deeds: { whereSql: DEED_SQL, share: "username, CASE WHEN username = '' THEN machine_id END" },
  racks: { whereSql: `${UNATTRIBUTED_SQL} AND type IN (${formatLiterals(RACK_TYPES)})`, share: 'rack_id' },
  strangers: {
    whereSql: `${UNATTRIBUTED_SQL} AND type NOT IN (${formatLiterals(RACK_TYPES)})`,
    share: 'mac, coalesce(kind, type)',
  },
};

export class EventCuts {
  readonly #bounds: Readonly<Record<EventClass, number>>;
  /**
   * Events since the last cut. The first event after a start causes one, in case the previous
   * process missed one.
   */
  readonly #uncutCounts: Record<EventClass, number> = {
    deeds: CUT_EVERY,
    machines: CUT_EVERY,
    racks: CUT_EVERY,
    strangers: CUT_EVERY,
  };
  /** `undefined` until the next count. */
  #deedCounts: Map<number, number> | undefined;

  constructor(bounds: EventBounds) {
    this.#bounds = {
      deeds: bounds.deedEventsMax,
      machines: bounds.machineEventsMax,
      racks: bounds.rackEventsMax,
      strangers: bounds.strangerEventsMax,
    };
  }

  countAdded({ type, username }: NewMachineEvent, machineId: number | undefined): Steps<void> | undefined {
    const isDeed = username !== '' || STATE_TYPES.includes(type);
    if (isDeed && machineId !== undefined) this.#deedCounts?.set(machineId, (this.#deedCounts.get(machineId) ?? 0) + 1);
    if (isDeed) return this.#count('deeds');
    if (machineId !== undefined) return this.#count('machines');
    return this.#count(RACK_TYPES.includes(type) ? 'racks' : 'strangers');
  }

  /** Call after events moved between machines. */
  resetDeeds(): void {
    this.#deedCounts = undefined;
  }

  #count(kind: EventClass): Steps<void> | undefined {
    this.#uncutCounts[kind] += 1;
    if (this.#uncutCounts[kind] < computeCutInterval(this.#bounds[kind])) return undefined;
    this.#uncutCounts[kind] = 0;
    return kind === 'machines' ? this.#cutMachines() : this.#cutRanked(kind);
  }

  *#cutRanked(kind: Exclude<EventClass, 'machines'>): Steps<void> {
    const { whereSql, share } = RANKED_CLASSES[kind];
    const excess = readFirstNumber(yield one(`SELECT count(*) FROM event WHERE ${whereSql}`)) - this.#bounds[kind];
    if (excess <= 0) return;
    const rankedSql = `SELECT id, row_number() OVER (PARTITION BY ${share} ORDER BY id DESC) AS place FROM event WHERE ${whereSql}`;
    const excessSql = `SELECT id FROM (${rankedSql}) AS placed ORDER BY place DESC, id LIMIT ?`;
    yield run(`DELETE FROM event WHERE id IN (${excessSql})`, excess);
    if (kind === 'deeds') this.#deedCounts = undefined;
  }

  *#cutMachines(): Steps<void> {
    const { rows } = yield all(COUNT_SQL);
    const counts = new Map(rows.map(readCount));
    const deeds = this.#deedCounts ?? (yield* this.#countDeeds());
    for (const [machineId, events] of deeds) counts.set(machineId, (counts.get(machineId) ?? 0) - events);
    for (const [machineId, events] of computeFairCut(counts, this.#bounds.machines)) {
      const oldestSql = `SELECT id FROM event WHERE machine_id = ? AND NOT ${DEED_SQL} ORDER BY id LIMIT ?`;
      yield run(`DELETE FROM event WHERE id IN (${oldestSql})`, machineId, events);
    }
  }

  *#countDeeds(): Steps<ReadonlyMap<number, number>> {
    const { rows } = yield all(`${COUNT_PART_SQL} AND ${DEED_SQL} GROUP BY machine_id`);
    this.#deedCounts = new Map(rows.map(readCount));
    return this.#deedCounts;
  }
}

const COUNT_PART_SQL = 'SELECT machine_id, count(*) AS events FROM event WHERE machine_id IS NOT NULL';
const COUNT_SQL = `${COUNT_PART_SQL} GROUP BY machine_id`;

/**
 * Losses so that `max` remain: the largest shares shrink to the same size. Shares that lose none
 * are left out.
 */
export function computeFairCut<Key>(counts: ReadonlyMap<Key, number>, max: number): ReadonlyMap<Key, number> {
  const sizes = [...counts.values()];
  const countAbove = (level: number): number => sizes.reduce((sum, size) => sum + Math.max(0, size - level), 0);
  let excess = countAbove(0) - max;
  const losses = new Map<Key, number>();
  if (excess <= 0) return losses;
  // The highest level that removes enough.
  let level = 0;
  for (let upperLevel = Math.max(...sizes); upperLevel - level > 1; ) {
    const middle = Math.floor((level + upperLevel) / 2);
    if (countAbove(middle) >= excess) level = middle;
    else upperLevel = middle;
  }
  for (const [key, size] of counts) {
    const loss = Math.min(excess, size - level);
    if (loss <= 0) continue;
    losses.set(key, loss);
    excess -= loss;
  }
  return losses;
}

const readCount = (row: Row): readonly [machineId: number, events: number] => [
  number('machine_id').read(row),
  number('events').read(row),
];
