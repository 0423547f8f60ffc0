// What the list of machines filters and sorts by, of all machines and devices, in memory.
//
//   request ── was the last walk short ago? ─┬─ yes ──────────────────────────────────────────────────┬─► choose
//                                            ├─ no, and it was slow: another begins, nobody waits ─────┤
//                                            └─ no, and it was quick, or is old: another is waited for ┘
//
// A walk reads the stamps of all machines, and with them the machines whose stamp is another.
//
// 1. The index only chooses and orders machines. What a page says of a machine is read from the
//    store for that page.
// 2. A walk finds what any process changed. Its result is used for REUSED_SHARE times as long as it
//    took: however many people look, walks take about a tenth of the time. Nobody waits for a walk
//    of more than QUICK_MS, unless the last one is older than OLD_MS: a list may lack the changes
//    of that time, and its rows do not.
// 3. An index that nobody used for KEPT_MS is forgotten.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Clock, type Instant, later, type Timer } from '../../../ground/clock.ts';
import type { Machine } from '../../records/machine.ts';
import { searchWords } from '../../records/machine-search.ts';
import type { RegionStore } from '../../records/store.ts';
import type { Region } from '../../region.ts';
import { LatestRun } from '../../shares/latest-run.ts';
import { isWorkWaiting } from './work-part.ts';

const REUSED_SHARE = 9;
/** About a walk through 10 000 machines that did not change, in SQLite. */
const QUICK_MS = 30;
const OLD_MS = 3000;
const KEPT_MS = 120_000;

/** About 1 KB of a machine: without its facts, notes and parameters. */
export interface IndexedMachine
  extends Pick<
    Machine,
    | 'id'
    | 'systemId'
    | 'hostname'
    | 'status'
    | 'owner'
    | 'isLocked'
    | 'architecture'
    | 'powerType'
    | 'powerState'
    | 'powerTask'
    | 'createdMs'
    | 'home'
    | 'addresses'
    | 'interfaces'
  > {
  readonly stamp: string;
  readonly isDevice: boolean;
  /** At work, but somebody must switch it on first. */
  readonly isWaiting: boolean;
  /** Since when it boots for its work, without a report (`MachineWork`). */
  readonly bootMs: number | undefined;
  /** Undefined: the default one. */
  readonly zone: string | undefined;
  readonly pool: string | undefined;
  readonly tags: readonly string[];
  /** Zeros: unknown. */
  readonly cores: number;
  readonly memoryMib: number;
  readonly storageBytes: number;
  /** In the order in which people read names: `node-2` before `node-10`. */
  readonly nameKey: string;
  /** In lower case, all that a search looks through, each on a line of its own. */
  readonly words: string;
}

/** No number in a name is longer. */
const DIGITS_MAX = 12;
const sortKey = (name: string): string =>
  name.toLowerCase().replace(/\d+/g, (digits) => digits.padStart(DIGITS_MAX, '0'));

function indexed(machine: Machine, stamp: string): IndexedMachine {
  const { facts } = machine;
  return {
    id: machine.id,
    systemId: machine.systemId,
    hostname: machine.hostname,
    status: machine.status,
    owner: machine.owner,
    isLocked: machine.isLocked,
    architecture: machine.architecture,
    powerType: machine.powerType,
    powerState: machine.powerState,
    powerTask: machine.powerTask,
    createdMs: machine.createdMs,
    home: machine.home,
    addresses: machine.addresses,
    interfaces: machine.interfaces,
    stamp,
    isDevice: machine.device !== undefined,
    isWaiting: isWorkWaiting(machine),
    bootMs: machine.work?.bootMs,
    zone: machine.zone?.name,
    pool: machine.pool?.name,
    tags: machine.tags.map(({ name }) => name),
    cores: facts?.cpu.count ?? 0,
    memoryMib: facts?.memory_mib ?? 0,
    storageBytes: (facts?.disks ?? []).reduce((sum, { bytes }) => sum + bytes, 0),
    nameKey: sortKey(machine.hostname),
    words: searchWords(machine).join('\n'),
  };
}

/** Of one region. */
class MachineIndex {
  readonly #store: RegionStore;
  readonly #clock: Clock;
  readonly #walks: LatestRun;
  #byId = new Map<number, IndexedMachine>();
  #list: readonly IndexedMachine[] = [];
  /** Undefined: another walk is needed, and waited for. */
  #last: { readonly endedAt: Instant; readonly tookMs: number } | undefined;
  #usedAt: Instant;
  #timer: Timer | undefined;

  constructor({ store, clock }: Pick<Region, 'store' | 'clock'>) {
    this.#store = store;
    this.#clock = clock;
    this.#usedAt = clock.now();
    this.#walks = new LatestRun(() => this.#walk());
  }

  /** In the order of their ids. */
  async list(): Promise<readonly IndexedMachine[]> {
    this.#usedAt = this.#clock.now();
    this.#timer ??= this.#clock.schedule(KEPT_MS, () => this.#forgetUnused());
    const isOlderThan = (ms: number): boolean => this.#usedAt >= later(this.#last?.endedAt ?? this.#usedAt, ms);
    if (this.#last === undefined || isOlderThan(OLD_MS)) await this.#walks.run();
    else if (isOlderThan(REUSED_SHARE * this.#last.tookMs)) {
      const walk = this.#walks.run();
      if (this.#last.tookMs <= QUICK_MS) await walk;
      // The next request says what is wrong with the store.
      else walk.catch(() => this.expire());
    }
    return this.#list;
  }

  /** The next list shows all that is stored now. */
  expire(): void {
    this.#last = undefined;
  }

  async #walk(): Promise<void> {
    const begunAt = this.#clock.now();
    const ids = new Set<number>();
    const byId = this.#byId;
    const isKnown = (id: number, stamp: string): boolean => byId.get(id)?.stamp === stamp;
    for (let afterId: number | undefined = 0; afterId !== undefined; ) {
      const part = await this.#store.listStamped({ isDevice: 'either' }, afterId, isKnown);
      for (const { id, stamp, machine } of part.machines) {
        ids.add(id);
        if (machine !== undefined) byId.set(id, indexed(machine, stamp));
      }
      afterId = part.lastId;
      await nextTurn();
    }
    for (const id of byId.keys()) if (!ids.has(id)) byId.delete(id);
    // A machine that was read again keeps its place in the map, and new ones have the highest ids.
    this.#list = [...byId.values()];
    const endedAt = this.#clock.now();
    this.#last = { endedAt, tookMs: endedAt - begunAt };
  }

  #forgetUnused(): void {
    this.#timer = undefined;
    if (later(this.#usedAt, KEPT_MS) > this.#clock.now()) {
      this.#timer = this.#clock.schedule(KEPT_MS, () => this.#forgetUnused());
      return;
    }
    this.#byId = new Map();
    this.#list = [];
    this.expire();
  }
}

const indexes = new WeakMap<Region, MachineIndex>();

export function getMachineIndex(region: Region): MachineIndex {
  const index = indexes.get(region) ?? new MachineIndex(region);
  indexes.set(region, index);
  return index;
}
