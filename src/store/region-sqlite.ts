// The region's store in SQLite: `region.db` in the state directory.
//
// Sources: sqlite.org/lang_transaction.html (IMMEDIATE), /rescode.html.
//
// 1. A method is one transaction, begun IMMEDIATE when it writes, so that two processes never meet in the middle of one.
// 2. The file is readable by its owner only: it holds the passwords of power controllers.

import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { isDeepStrictEqual } from 'node:util';
import type { MacAddress } from '../net/address.ts';
import { statusRow } from '../region/lifecycle.ts';
import type { Machine, MachineFields } from '../region/machine.ts';
import type { MachineEvent, NewMachineEvent, RackReport } from '../region/machine-event.ts';
import { toRackMachine } from '../region/rack-machine.ts';
import type { RackStore } from '../region/rack-store.ts';
import type {
  ApiKey,
  EnlistmentDecision,
  EnlistmentKnowledge,
  EnlistmentOutcome,
  EventFilter,
  MachineChange,
  MachineChangeOutcome,
  MachineFilter,
  RecordedReports,
  RegionStore,
  ReportedInterface,
  SettingsDecision,
  SettingsOutcome,
  StoredSetting,
  User,
} from '../region/store.ts';
import { openDatabaseFile } from './database-file.ts';
import { AccountTables } from './region-accounts.ts';
import { type EventBounds, EventTable } from './region-events.ts';
import { REGION_DATABASE, REGION_FILE } from './region-migrations.ts';
import { RackTable } from './region-racks.ts';
import {
  MACHINE_COLUMNS,
  machineValues,
  number,
  type Row,
  readInterface,
  readMachine,
  Statements,
} from './region-rows.ts';
import { SettingTable } from './region-settings.ts';
import { Transactions } from './region-transactions.ts';

const BOUNDS: EventBounds = { eventsMax: 200_000, strangerEventsMax: 10_000 };

/**
 * Opens or creates `region.db` in a directory.
 * @throws RackError `store-newer`, `store-broken`, `store-unwritable`, `store-unavailable`
 */
export function openRegionStore(options: {
  readonly stateDir: string;
  readonly bounds?: EventBounds | undefined;
}): RegionStore {
  const path = join(options.stateDir, REGION_FILE);
  const database = openDatabaseFile(path, REGION_DATABASE);
  database.exec('PRAGMA foreign_keys = ON');
  return new SqliteRegionStore(database, path, options.bounds ?? BOUNDS);
}

class SqliteRegionStore implements RegionStore {
  readonly #database: DatabaseSync;
  readonly #transactions: Transactions;
  readonly racks: RackStore;
  readonly #sql: Statements;
  readonly #events: EventTable;
  readonly #accounts: AccountTables;
  readonly #settings: SettingTable;

  constructor(database: DatabaseSync, path: string, bounds: EventBounds) {
    this.#database = database;
    this.#transactions = new Transactions(database, path);
    this.#sql = new Statements(database);
    this.#events = new EventTable(this.#sql, bounds);
    this.#accounts = new AccountTables(this.#sql);
    this.racks = new RackTable(this.#transactions, this.#sql, this.#events);
    this.#settings = new SettingTable(this.#sql);
  }

  enlist<R>(
    evidence: { readonly macs: readonly MacAddress[]; readonly uuid: string | undefined; readonly atMs: number },
    decide: (knowledge: EnlistmentKnowledge) => EnlistmentDecision<R>,
  ): EnlistmentOutcome<R> {
    return this.#write(() => {
      const decision = decide(this.#knowledge(evidence.macs, evidence.uuid));
      if (decision.kind === 'refuse') return decision;
      if (decision.kind === 'create') this.#create(decision.systemId, decision.fields, evidence.atMs);
      const before = this.#get(decision.systemId);
      if (decision.kind === 'amend') this.#update(before, decision.fields, evidence.atMs);
      if (decision.kind !== 'unchanged') this.#setInterfaces(before, decision.interfaces);
      if (decision.kind !== 'unchanged') this.#events.adopt(before.id, evidence.macs);
      for (const event of decision.events) this.#events.add(event, before.id);
      const machine = this.#get(decision.systemId);
      if (decision.kind === 'create' || looksDifferent(before, machine)) this.#countVersion();
      return { kind: decision.kind, machine };
    });
  }

  changeMachine<R>(
    systemId: string,
    atMs: number,
    decide: (machine: Machine, isHostnameTaken: (hostname: string) => boolean) => MachineChange<R>,
  ): MachineChangeOutcome<R> {
    return this.#write(() => {
      const machine = this.#find(systemId);
      if (machine === undefined) return { kind: 'not-found' };
      const change = decide(machine, (hostname) => this.#isTaken('hostname', hostname));
      if (change.kind === 'refuse') return change;
      this.#update(machine, change.fields, atMs);
      for (const event of change.events) this.#events.add(event, machine.id);
      const after = this.#get(systemId);
      if (looksDifferent(machine, after)) this.#countVersion();
      return { kind: 'changed', machine: after };
    });
  }

  removeMachine(systemId: string, event: NewMachineEvent): boolean {
    return this.#write(() => {
      const id = this.#idOf(systemId);
      if (id === undefined) return false;
      this.#sql.run('DELETE FROM machine WHERE id = ?', id);
      this.#events.add(event, id);
      this.#countVersion();
      return true;
    });
  }

  findMachine(systemId: string): Machine | undefined {
    return this.#read(() => this.#find(systemId));
  }

  listMachines(filter: MachineFilter, afterId: number, limit: number): readonly Machine[] {
    const { sql, values } = machineQuery(filter, 'machine.*', ['machine.id > ?'], [afterId]);
    return this.#read(() => this.#machines(`${sql} ORDER BY machine.id LIMIT ?`, ...values, limit));
  }

  countMachines(filter: MachineFilter): number {
    const { sql, values } = machineQuery(filter, 'count(*)', [], []);
    return this.#read(() => this.#sql.number(sql, ...values));
  }

  listOverdue(nowMs: number, limit: number): readonly Machine[] {
    const sql = 'SELECT * FROM machine WHERE status_deadline_ms < ? ORDER BY status_deadline_ms LIMIT ?';
    return this.#read(() => this.#machines(sql, nowMs, limit));
  }

  desiredVersion(): number {
    return this.#read(() => this.#sql.number("SELECT value FROM counter WHERE name = 'desired-version'"));
  }

  listSettings(): readonly StoredSetting[] {
    return this.#read(() => this.#settings.list());
  }

  changeSettings<R>(
    atMs: number,
    decide: (current: readonly StoredSetting[]) => SettingsDecision<R>,
  ): SettingsOutcome<R> {
    return this.#write(() => {
      const decision = decide(this.#settings.list());
      if (decision.kind === 'refuse') return decision;
      for (const change of decision.changes) this.#settings.apply(change, atMs);
      for (const event of decision.events) this.#events.add(event, undefined);
      if (decision.changes.length > 0) this.#countVersion();
      return { kind: 'changed', settings: this.#settings.list() };
    });
  }

  atomically<T>(work: () => T): T {
    return this.#write(work);
  }

  acceptSequence(source: string, sequence: number, atMs: number): boolean {
    return this.#write(() => this.#events.acceptSequence(source, sequence, atMs));
  }

  recordReports(source: string, reports: readonly RackReport[]): RecordedReports {
    return this.#write(() => this.#events.addReports(source, reports));
  }

  recordEvent(event: NewMachineEvent, systemId: string | undefined): void {
    this.#write(() => this.#events.add(event, systemId === undefined ? undefined : this.#idOf(systemId)));
  }

  listEvents(filter: EventFilter): readonly MachineEvent[] {
    const machines = filter.machines === undefined ? undefined : machineQuery(filter.machines, 'machine.id', [], []);
    return this.#read(() => this.#events.list(filter, machines));
  }

  eventRange(): { readonly oldest: number; readonly newest: number } {
    return this.#read(() => this.#events.range());
  }

  newestEvents(systemIds: readonly string[]): ReadonlyMap<string, MachineEvent> {
    return this.#read(() => this.#events.newest(systemIds));
  }

  addUser(user: Omit<User, 'id'>): User | undefined {
    return this.#write(() => this.#accounts.addUser(user));
  }

  findUser(username: string): User | undefined {
    return this.#read(() => this.#accounts.findUser(username));
  }

  listUsers(): readonly User[] {
    return this.#read(() => this.#accounts.listUsers());
  }

  addKey(key: ApiKey, keysMax: number): void {
    this.#write(() => this.#accounts.addKey(key, keysMax));
  }

  findKey(tokenKey: string): ApiKey | undefined {
    return this.#read(() => this.#accounts.findKey(tokenKey));
  }

  listKeys(username: string): readonly ApiKey[] {
    return this.#read(() => this.#accounts.listKeys(username));
  }

  markKeyUsed(tokenKey: string, atMs: number): void {
    this.#write(() => this.#accounts.markKeyUsed(tokenKey, atMs));
  }

  removeKey(username: string, tokenKey: string): boolean {
    return this.#write(() => this.#accounts.removeKey(username, tokenKey));
  }

  close(): void {
    this.#database.close();
  }

  #knowledge(macs: readonly MacAddress[], uuid: string | undefined): EnlistmentKnowledge {
    const list = JSON.stringify(macs);
    const byMac = 'SELECT machine_id FROM interface WHERE mac IN (SELECT value FROM json_each(?))';
    return {
      byMac: this.#machines(`SELECT * FROM machine WHERE id IN (${byMac}) ORDER BY id`, list),
      byUuid: uuid === undefined ? [] : this.#machines('SELECT * FROM machine WHERE uuid = ? ORDER BY id', uuid),
      machines: this.#sql.number('SELECT count(*) FROM machine'),
      newMachines: this.#sql.number('SELECT count(*) FROM machine WHERE status = ?', statusRow('new').number),
      isHostnameTaken: (hostname) => this.#isTaken('hostname', hostname),
      isSystemIdTaken: (systemId) => this.#isTaken('system_id', systemId),
    };
  }

  #isTaken(column: 'hostname' | 'system_id', value: string): boolean {
    return this.#sql.one(`SELECT 1 FROM machine WHERE ${column} = ?`, value) !== undefined;
  }

  #idOf(systemId: string): number | undefined {
    const row = this.#sql.one('SELECT id FROM machine WHERE system_id = ?', systemId);
    return row === undefined ? undefined : number(row, 'id');
  }

  #find(systemId: string): Machine | undefined {
    return this.#machines('SELECT * FROM machine WHERE system_id = ?', systemId)[0];
  }

  #get(systemId: string): Machine {
    const machine = this.#find(systemId);
    if (machine === undefined) throw new Error(`no machine ${systemId} in its own transaction`);
    return machine;
  }

  /** The machines of a query, their interfaces in one further query. */
  #machines(sql: string, ...values: (string | number)[]): readonly Machine[] {
    const rows = this.#sql.all(sql, ...values);
    if (rows.length === 0) return [];
    const interfaces = new Map<number, Row[]>();
    const ids = JSON.stringify(rows.map((row) => number(row, 'id')));
    const query =
      'SELECT * FROM interface WHERE machine_id IN (SELECT value FROM json_each(?)) ORDER BY machine_id, position';
    for (const row of this.#sql.all(query, ids)) {
      const owner = number(row, 'machine_id');
      const list = interfaces.get(owner);
      if (list === undefined) interfaces.set(owner, [row]);
      else list.push(row);
    }
    return rows.map((row) => readMachine(row, (interfaces.get(number(row, 'id')) ?? []).map(readInterface)));
  }

  #create(systemId: string, fields: MachineFields, atMs: number): void {
    const columns = ['system_id', 'created_ms', 'updated_ms', ...MACHINE_COLUMNS];
    const sql = `INSERT INTO machine (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`;
    this.#sql.run(sql, systemId, atMs, atMs, ...machineValues(fields));
  }

  #update(machine: Machine, fields: Partial<MachineFields>, atMs: number): void {
    const sql = `UPDATE machine SET updated_ms = ?, ${MACHINE_COLUMNS.map((column) => `${column} = ?`).join(', ')} WHERE id = ?`;
    this.#sql.run(sql, atMs, ...machineValues({ ...machine, ...fields }), machine.id);
  }

  #setInterfaces(machine: Machine, interfaces: readonly ReportedInterface[]): void {
    const kept = new Set(interfaces.map((nic) => nic.mac));
    for (const nic of machine.interfaces) {
      if (!kept.has(nic.mac)) this.#sql.run('DELETE FROM interface WHERE id = ?', nic.id);
    }
    interfaces.forEach((nic, position) => {
      this.#sql.run(
        'INSERT INTO interface (machine_id, position, mac, name) VALUES (?1, ?2, ?3, ?4) ' +
          'ON CONFLICT (mac) DO UPDATE SET position = ?2, name = ?4 WHERE machine_id = ?1',
        machine.id,
        position,
        nic.mac,
        nic.name,
      );
    });
  }

  #countVersion(): void {
    this.#sql.run(
      "INSERT INTO counter (name, value) VALUES ('desired-version', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1",
    );
  }

  #write<T>(work: () => T): T {
    return this.#transactions.write(work);
  }

  #read<T>(work: () => T): T {
    return this.#transactions.read(work);
  }
}

/** True when a rack would be told something else of the machine than before. */
function looksDifferent(before: Machine, after: Machine): boolean {
  return !isDeepStrictEqual(toRackMachine(before), toRackMachine(after));
}

/** A query for machines; each list of the filter narrows. */
function machineQuery(
  filter: MachineFilter,
  columns: string,
  conditions: readonly string[],
  values: readonly (string | number)[],
): { readonly sql: string; readonly values: readonly (string | number)[] } {
  const all = [...conditions];
  const given = [...values];
  const oneOf = (condition: string, list: readonly (string | number)[] | undefined): void => {
    if (list === undefined) return;
    all.push(condition);
    given.push(JSON.stringify(list));
  };
  const listed = 'IN (SELECT value FROM json_each(?))';
  oneOf(`machine.system_id ${listed}`, filter.systemIds);
  oneOf(`machine.hostname ${listed}`, filter.hostnames);
  oneOf(`machine.id IN (SELECT machine_id FROM interface WHERE mac ${listed})`, filter.macs);
  oneOf(
    `machine.status ${listed}`,
    filter.statuses?.map((status) => statusRow(status).number),
  );
  return {
    sql: `SELECT ${columns} FROM machine${all.length === 0 ? '' : ` WHERE ${all.join(' AND ')}`}`,
    values: given,
  };
}
