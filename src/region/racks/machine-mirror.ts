// An in-memory mirror of the store: the machines as racks get them.
//
// 1. It contains exactly the machines that racks get (`desired-machine.ts`), as of one version of
//    the desired state.
// 2. `refresh` reads everything that has changed since that version, whichever process changed it.
//    If the store fails half-way, the old contents stay.
// 3. The mirror knows which machines changed in the last versions, so a change need not send all
//    machines to the racks.
// 4. If the store has another history, or an older version than before, the mirror reads all of it again.
// 5. The mirror reads no facts and no owner data, so users and machines cannot enlarge its memory
//    with data that they store.

import { BoundedMap } from '../../ground/bounded-map.ts';
import type { RackMachine } from '../../machines/machine.ts';
import type { MachineForRacks } from '../records/machine.ts';
import type { RegionStore } from '../records/store.ts';
import { LatestRun } from '../shares/latest-run.ts';
import { toRackMachine } from './desired-machine.ts';

const CHUNK = 500;
/**
 * Reads whose changes are remembered. The oldest is forgotten first; a rack with an older version
 * gets all machines.
 */
export const CHANGES_KEPT_MAX = 64;
/** A read with more changed machines is not remembered: racks then get all machines. */
export const CHANGED_MACHINES_MAX = 1000;

type MirrorStore = Pick<RegionStore, 'settledVersion' | 'listGone' | 'listMachinesForRacks'>;

export class MachineMirror {
  readonly #store: MirrorStore;
  readonly #onChanged: ((systemIds: readonly string[]) => void) | undefined;
  #stored = new Map<string, RackMachine>();
  #shown = new Map<string, RackMachine>();
  /** The machines that show a UUID, by that UUID. */
  #holders = new Map<string, Set<string>>();
  #list: readonly RackMachine[] | undefined;
  /**
   * The machines that each read changed, by the version before the read, oldest first. Each read
   * begins at the version where the last ended.
   */
  readonly #changes = new BoundedMap<number, ReadonlySet<string>>(CHANGES_KEPT_MAX, 'set longest ago');
  #version = -1;
  /** The history of the store to which `#version` belongs. */
  #history = '';
  #rewinds = 0;
  readonly #reads = new LatestRun(() => this.#read());

  constructor(store: MirrorStore, onChanged?: (systemIds: readonly string[]) => void) {
    this.#store = store;
    this.#onChanged = onChanged;
  }

  /** The version of the contents; -1: nothing has been read yet. */
  get version(): number {
    return this.#version;
  }

  /** Counts the reads after which racks must get all machines: another history, or an older version. */
  get rewinds(): number {
    return this.#rewinds;
  }

  list(): readonly RackMachine[] {
    this.#list ??= [...this.#shown.values()];
    return this.#list;
  }

  find(systemId: string): RackMachine | undefined {
    return this.#shown.get(systemId);
  }

  changedSince(version: number): ReadonlySet<string> | undefined {
    if (version === this.#version) return new Set();
    if (!this.#changes.has(version)) return undefined;
    return new Set([...this.#changes].flatMap(([from, systemIds]) => (from < version ? [] : [...systemIds])));
  }

  /** Reads everything that was stored before the call. */
  refresh(): Promise<void> {
    return this.#reads.run();
  }

  async #read(): Promise<void> {
    // Read the version first: any change in the meantime then has a newer version.
    const { version, history } = await this.#store.settledVersion();
    const isFirst = this.#version < 0;
    const isOther = !isFirst && (version < this.#version || history !== this.#history);
    if (version === this.#version && !isOther) return;
    const gone = isFirst || isOther ? undefined : await this.#store.listGone(this.#version);
    const since = gone === undefined ? 0 : this.#version;
    const changed: MachineForRacks[] = [];
    for (let afterId = 0; ; ) {
      const chunk = await this.#store.listMachinesForRacks(since, afterId, CHUNK);
      changed.push(...chunk);
      const last = chunk.at(-1);
      if (last === undefined) break;
      afterId = last.id;
    }
    if (isOther) this.#rewinds += 1;
    const forgotten = gone ?? [...this.#stored.keys()];
    if (gone === undefined) this.#forgetAll();
    const differing = new Set<string>();
    for (const systemId of gone ?? []) this.#put(systemId, undefined, differing);
    for (const machine of changed) this.#put(machine.systemId, toRackMachine(machine), differing);
    this.#list = undefined;
    if (gone === undefined || differing.size > CHANGED_MACHINES_MAX) this.#changes.clear();
    else this.#changes.set(this.#version, differing);
    this.#version = version;
    this.#history = history;
    if (!isFirst) this.#onChanged?.([...new Set([...forgotten, ...changed.map(({ systemId }) => systemId)])]);
  }

  #forgetAll(): void {
    this.#stored = new Map();
    this.#shown = new Map();
    this.#holders = new Map();
  }

  #put(systemId: string, machine: RackMachine | undefined, differing: Set<string>): void {
    const before = this.#stored.get(systemId);
    if (before === undefined && machine === undefined) return;
    if (machine === undefined) this.#stored.delete(systemId);
    else this.#stored.set(systemId, machine);
    const isOther = before?.uuid !== machine?.uuid;
    const touched = isOther ? [this.#leave(before?.uuid, systemId), this.#join(machine?.uuid, systemId)] : [];
    for (const each of [systemId, ...touched]) {
      if (each === undefined) continue;
      this.#show(each);
      differing.add(each);
    }
  }

  /** @returns the machine that is now the only one to show the UUID */
  #leave(uuid: string | undefined, systemId: string): string | undefined {
    const holders = uuid === undefined ? undefined : this.#holders.get(uuid);
    if (uuid === undefined || holders === undefined) return undefined;
    holders.delete(systemId);
    if (holders.size === 0) this.#holders.delete(uuid);
    return holders.size === 1 ? [...holders][0] : undefined;
  }

  /** @returns the machine that was the only one to show the UUID until now */
  #join(uuid: string | undefined, systemId: string): string | undefined {
    if (uuid === undefined) return undefined;
    const holders = this.#holders.get(uuid) ?? new Set();
    holders.add(systemId);
    this.#holders.set(uuid, holders);
    return holders.size === 2 ? [...holders][0] : undefined;
  }

  #show(systemId: string): void {
    const machine = this.#stored.get(systemId);
    const isShared = (this.#holders.get(machine?.uuid ?? '')?.size ?? 0) > 1;
    if (machine === undefined) this.#shown.delete(systemId);
    else this.#shown.set(systemId, isShared ? { ...machine, uuid: undefined } : machine);
  }
}
