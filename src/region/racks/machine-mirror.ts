// An in-memory mirror of the store: the machines as racks get them.
//
// 1. It contains exactly the machines that racks get (`desired-machine.ts`), as of one version of the desired state.
// 2. `refresh` reads what has changed since that version, whichever process changed it. If the store fails half-way, the old contents stay.
// 3. Reading needs neither facts nor owner data, so the mirror's memory depends on nothing that users or machines can store.

import type { RackMachine } from '../../machines/machine.ts';
import type { MachineForRacks } from '../records/machine.ts';
import type { RegionStore } from '../records/store.ts';
import { LatestRun } from '../shares/latest-run.ts';
import { toRackMachine, withoutSharedUuids } from './desired-machine.ts';

/** Machines read in one query. */
const CHUNK = 500;

type MirrorStore = Pick<RegionStore, 'settledVersion' | 'listGone' | 'listMachinesForRacks'>;

/** The machines that racks get, by system id. */
export class MachineMirror {
  readonly #store: MirrorStore;
  readonly #onChanged: ((systemIds: readonly string[]) => void) | undefined;
  #machines = new Map<string, RackMachine>();
  /** As racks get them, until the machines change. */
  #list: readonly RackMachine[] | undefined;
  #version = -1;
  readonly #reads = new LatestRun(() => this.#read());

  /** @param onChanged called with the machines that another process may have changed */
  constructor(store: MirrorStore, onChanged?: (systemIds: readonly string[]) => void) {
    this.#store = store;
    this.#onChanged = onChanged;
  }

  /** The version of the contents; -1: none have been read. */
  get version(): number {
    return this.#version;
  }

  /** The machines as racks get them. */
  list(): readonly RackMachine[] {
    this.#list ??= withoutSharedUuids([...this.#machines.values()]);
    return this.#list;
  }

  /** Reads all that was stored before the call. */
  refresh(): Promise<void> {
    return this.#reads.run();
  }

  async #read(): Promise<void> {
    // Read the version first: anything written meanwhile has a newer one.
    const version = await this.#store.settledVersion();
    if (version === this.#version) return;
    const gone = this.#version < 0 || version < this.#version ? undefined : await this.#store.listGone(this.#version);
    const since = gone === undefined ? 0 : this.#version;
    const changed: MachineForRacks[] = [];
    for (let afterId = 0; ; ) {
      const chunk = await this.#store.listMachinesForRacks(since, afterId, CHUNK);
      changed.push(...chunk);
      const last = chunk.at(-1);
      if (last === undefined) break;
      afterId = last.id;
    }
    if (gone === undefined) this.#machines = new Map();
    for (const systemId of gone ?? []) this.#machines.delete(systemId);
    for (const machine of changed) this.#show(machine);
    this.#list = undefined;
    const isFirst = this.#version < 0;
    this.#version = version;
    if (!isFirst) this.#onChanged?.([...(gone ?? []), ...changed.map(({ systemId }) => systemId)]);
  }

  #show(machine: MachineForRacks): void {
    const mirrored = toRackMachine(machine);
    if (mirrored === undefined) this.#machines.delete(machine.systemId);
    else this.#machines.set(machine.systemId, mirrored);
  }
}
