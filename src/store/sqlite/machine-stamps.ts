// Stamps of machines, which differ after each change of their rows: in memory, for one connection.
//
//   a change by this connection ── a trigger of the connection ──► the machine has another stamp
//   a change by another ── `PRAGMA data_version` differs ────────► every machine has another stamp
//
// Sources: sqlite.org/lang_createtrigger.html (TEMP triggers), /pragma.html#pragma_data_version.
//
// 1. Nothing is watched before a list asks for stamps.
// 2. A rollback gives every machine another stamp: its rows may have been read meanwhile.

import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite';

/** How many changed machines are remembered; beyond it every machine gets another stamp. */
export const CHANGED_MAX = 50_000;

/** The tables with rows of one machine, and the column with its id. */
const MACHINE_COLUMNS = { machine: 'id', interface: 'machine_id', allocation: 'machine_id', machine_tag: 'machine_id' };
const SHARED_TABLES = ['tag', 'area'];

const EVENT_ROWS = { insert: ['NEW'], update: ['OLD', 'NEW'], delete: ['OLD'] } as const;

export class MachineStamps {
  readonly #database: DatabaseSync;
  readonly #changedMax: number;
  #versionStatement: StatementSync | undefined;
  #dataVersion: SQLOutputValue | undefined;
  #changes = 0;
  /** The last change when every machine got another stamp. */
  #lastOfAll = 0;
  /** Each machine's last change since `#ofAll`. */
  readonly #lastByMachine = new Map<number, number>();

  constructor(database: DatabaseSync, changedMax = CHANGED_MAX) {
    this.#database = database;
    this.#changedMax = changedMax;
    database.function('machine_stamp', (id) =>
      String(Math.max(this.#lastOfAll, this.#lastByMachine.get(Number(id)) ?? 0)),
    );
  }

  /** Call before a query that reads stamps. */
  updateVersion(): void {
    this.#versionStatement ??= this.#installTriggers();
    const version = this.#versionStatement.get()?.data_version;
    if (version !== this.#dataVersion) this.changeAll();
    this.#dataVersion = version;
  }

  get changes(): number {
    return this.#changes;
  }

  /** @returns the number of changes */
  changeAll(): number {
    this.#changes += 1;
    this.#lastOfAll = this.#changes;
    this.#lastByMachine.clear();
    return this.#changes;
  }

  #changeMachine(id: number): number {
    if (this.#lastByMachine.size >= this.#changedMax) this.changeAll();
    this.#changes += 1;
    this.#lastByMachine.set(id, this.#changes);
    return this.#changes;
  }

  #installTriggers(): StatementSync {
    const database = this.#database;
    database.function('machine_changed', (id) => this.#changeMachine(Number(id)));
    database.function('machines_changed', () => this.changeAll());
    const triggers = [
      ...Object.entries(MACHINE_COLUMNS).flatMap(([table, column]) =>
        Object.entries(EVENT_ROWS).map(([event, rows]) => {
          const calls = rows.map((row) => `machine_changed(${row}.${column})`).join(', ');
          return composeTrigger(table, event, calls);
        }),
      ),
      ...SHARED_TABLES.flatMap((table) =>
        ['update', 'delete'].map((event) => composeTrigger(table, event, 'machines_changed()')),
      ),
    ];
    database.exec(`PRAGMA temp_store = MEMORY; ${triggers.join(';')}`);
    return database.prepare('PRAGMA data_version');
  }
}

const composeTrigger = (table: string, event: string, calls: string): string =>
  `CREATE TEMP TRIGGER watched_${table}_${event} AFTER ${event} ON main.${table} BEGIN SELECT ${calls}; END`;
