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
// 3. A bound may be exceeded by a tenth (`cutEvery`).
// 4. Shares of machines are counted from the index alone: reading events would take ten times as
//    long. Deeds are counted in memory. After a rollback a few too many events stay until the next
//    count.

import type { MachineEventType, NewMachineEvent } from '../../region/records/machine-event.ts';
import { number, type Row } from '../rows.ts';
import { all, numberIn, one, run, type Steps } from '../steps.ts';

/** A tenth of the bound, at most this many. Deleting 10 000 takes 5 ms, and the 200 000 of machines 10 ms. */
const CUT_EVERY = 2000;
const cutEvery = (bound: number): number => Math.min(CUT_EVERY, Math.ceil(bound / 10));

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

const literals = (types: readonly MachineEventType[]): string => types.map((type) => `'${type}'`).join(', ');
const DEED = `(username <> '' OR type IN (${literals(STATE_TYPES)}))`;
const UNATTRIBUTED = `machine_id IS NULL AND NOT ${DEED}`;

type Class = 'deeds' | 'machines' | 'racks' | 'strangers';

/** Classes that are cut by reading their events. */
const RANKED: Readonly<Record<Exclude<Class, 'machines'>, { readonly where: string; readonly share: string }>> = {
  deeds: { where: DEED, share: "username, CASE WHEN username = '' THEN machine_id END" },
  racks: { where: `${UNATTRIBUTED} AND type IN (${literals(RACK_TYPES)})`, share: 'rack_id' },
  strangers: {
    where: `${UNATTRIBUTED} AND type NOT IN (${literals(RACK_TYPES)})`,
    share: 'mac, coalesce(kind, type)',
  },
};

export class EventCuts {
  readonly #bounds: Readonly<Record<Class, number>>;
  /**
   * Events since the last cut. The first event after a start causes one, in case the previous
   * process missed one.
   */
  readonly #uncut: Record<Class, number> = {
    deeds: CUT_EVERY,
    machines: CUT_EVERY,
    racks: CUT_EVERY,
    strangers: CUT_EVERY,
  };
  /** Undefined until the next count. */
  #deeds: Map<number, number> | undefined;

  constructor(bounds: EventBounds) {
    this.#bounds = {
      deeds: bounds.deedEventsMax,
      machines: bounds.machineEventsMax,
      racks: bounds.rackEventsMax,
      strangers: bounds.strangerEventsMax,
    };
  }

  added({ type, username }: NewMachineEvent, machineId: number | undefined): Steps<void> | undefined {
    const isDeed = username !== '' || STATE_TYPES.includes(type);
    if (isDeed && machineId !== undefined) this.#deeds?.set(machineId, (this.#deeds.get(machineId) ?? 0) + 1);
    if (isDeed) return this.#count('deeds');
    if (machineId !== undefined) return this.#count('machines');
    return this.#count(RACK_TYPES.includes(type) ? 'racks' : 'strangers');
  }

  /** Call after events moved between machines. */
  moved(): void {
    this.#deeds = undefined;
  }

  #count(kind: Class): Steps<void> | undefined {
    this.#uncut[kind] += 1;
    if (this.#uncut[kind] < cutEvery(this.#bounds[kind])) return undefined;
    this.#uncut[kind] = 0;
    return kind === 'machines' ? this.#cutMachines() : this.#cutRanked(kind);
  }

  *#cutRanked(kind: Exclude<Class, 'machines'>): Steps<void> {
    const { where, share } = RANKED[kind];
    const excess = numberIn(yield one(`SELECT count(*) FROM event WHERE ${where}`)) - this.#bounds[kind];
    if (excess <= 0) return;
    const places = `SELECT id, row_number() OVER (PARTITION BY ${share} ORDER BY id DESC) AS place FROM event WHERE ${where}`;
    const gone = `SELECT id FROM (${places}) AS placed ORDER BY place DESC, id LIMIT ?`;
    yield run(`DELETE FROM event WHERE id IN (${gone})`, excess);
    if (kind === 'deeds') this.#deeds = undefined;
  }

  *#cutMachines(): Steps<void> {
    const { rows } = yield all(COUNTED);
    const counts = new Map(rows.map(readCount));
    const deeds = this.#deeds ?? (yield* this.#countDeeds());
    for (const [machineId, events] of deeds) counts.set(machineId, (counts.get(machineId) ?? 0) - events);
    for (const [machineId, events] of fairCut(counts, this.#bounds.machines)) {
      const oldest = `SELECT id FROM event WHERE machine_id = ? AND NOT ${DEED} ORDER BY id LIMIT ?`;
      yield run(`DELETE FROM event WHERE id IN (${oldest})`, machineId, events);
    }
  }

  *#countDeeds(): Steps<ReadonlyMap<number, number>> {
    const { rows } = yield all(`${COUNTED_PART} AND ${DEED} GROUP BY machine_id`);
    this.#deeds = new Map(rows.map(readCount));
    return this.#deeds;
  }
}

const COUNTED_PART = 'SELECT machine_id, count(*) AS events FROM event WHERE machine_id IS NOT NULL';
const COUNTED = `${COUNTED_PART} GROUP BY machine_id`;

/**
 * Losses so that `max` remain: the largest shares shrink to the same size. Shares that lose none
 * are left out.
 */
export function fairCut<Key>(counts: ReadonlyMap<Key, number>, max: number): ReadonlyMap<Key, number> {
  const sizes = [...counts.values()];
  const above = (level: number): number => sizes.reduce((sum, size) => sum + Math.max(0, size - level), 0);
  let excess = above(0) - max;
  const cut = new Map<Key, number>();
  if (excess <= 0) return cut;
  // The highest level that removes enough.
  let level = 0;
  for (let beyond = Math.max(...sizes); beyond - level > 1; ) {
    const middle = Math.floor((level + beyond) / 2);
    if (above(middle) >= excess) level = middle;
    else beyond = middle;
  }
  for (const [key, size] of counts) {
    const taken = Math.min(excess, size - level);
    if (taken <= 0) continue;
    cut.set(key, taken);
    excess -= taken;
  }
  return cut;
}

const readCount = (row: Row): readonly [machineId: number, events: number] => [
  number('machine_id').read(row),
  number('events').read(row),
];
