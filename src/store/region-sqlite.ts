// The region's store in SQLite: `region.db` in the state directory.
//
// Sources: sqlite.org/lang_transaction.html (IMMEDIATE), /rescode.html.
//
// 1. A method is one transaction. A writing one begins IMMEDIATE, so that two processes never interleave.
// 2. The file is readable by its owner only: it holds the passwords of power controllers.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { MacAddress } from '../net/address.ts';
import type { PowerLedger } from '../power/ledger.ts';
import type { LifeStore } from '../region/records/life-store.ts';
import type { LoginStore } from '../region/records/login-store.ts';
import type { Machine, MachineForRacks, MachineOutline } from '../region/records/machine.ts';
import type { MachineEvent, NewMachineEvent, RackReport } from '../region/records/machine-event.ts';
import type { RackStore } from '../region/records/rack-store.ts';
import type { ScriptStore } from '../region/records/script-store.ts';
import type {
  ApiKey,
  Conflict,
  DecideChange,
  EnlistmentDecision,
  EnlistmentKnowledge,
  EnlistmentOutcome,
  EventFilter,
  MachineChangeOutcome,
  MachineFilter,
  MergeDecision,
  RecordedReports,
  RegionStore,
  SettingsDecision,
  SettingsOutcome,
  SplitDecision,
  SplitKnowledge,
  SplitOutcome,
  StoredSetting,
  StrangerSeen,
  User,
  UserChange,
} from '../region/records/store.ts';
import { openDatabaseFile } from './database-file.ts';
import type { EventBounds } from './event-cuts.ts';
import { AccountTables } from './region-accounts.ts';
import { EventTable } from './region-events.ts';
import { IdentityTables } from './region-identity.ts';
import { LifeTables } from './region-life.ts';
import { LoginTable } from './region-logins.ts';
import { countVersion, MachineTable, machineQuery } from './region-machines.ts';
import { PowerTable } from './region-power.ts';
import { RackTable } from './region-racks.ts';
import { OUTLINE_COLUMNS, RACK_COLUMNS, readOutline, Statements } from './region-rows.ts';
import { REGION_DATABASE, REGION_FILE } from './region-schema.ts';
import { ScriptTables } from './region-scripts.ts';
import { SettingTable } from './region-settings.ts';
import { Transactions } from './region-transactions.ts';

export const EVENT_BOUNDS: EventBounds = {
  machineEventsMax: 200_000,
  deedEventsMax: 50_000,
  strangerEventsMax: 10_000,
  rackEventsMax: 10_000,
};

/**
 * Opens or creates `region.db` in a directory.
 * @throws RackError `store-newer`, `store-unreleased`, `store-broken`, `store-unwritable`, `store-unavailable`
 */
export function openRegionStore(options: {
  readonly stateDir: string;
  readonly bounds?: EventBounds | undefined;
}): RegionStore {
  const path = join(options.stateDir, REGION_FILE);
  const database = openDatabaseFile(path, REGION_DATABASE);
  database.exec('PRAGMA foreign_keys = ON');
  return new SqliteRegionStore(database, path, options.bounds ?? EVENT_BOUNDS);
}

/** Whether `region.db` exists. Also true if this user may not read the directory: opening the file then reports why. */
export function hasRegionStore(stateDir: string): boolean {
  try {
    return statSync(join(stateDir, REGION_FILE), { throwIfNoEntry: false }) !== undefined;
  } catch {
    return true;
  }
}

class SqliteRegionStore implements RegionStore {
  readonly #database: DatabaseSync;
  readonly #transactions: Transactions;
  readonly racks: RackStore;
  readonly life: LifeStore;
  readonly logins: LoginStore;
  readonly scripts: ScriptStore;
  readonly power: PowerLedger;
  readonly #sql: Statements;
  readonly #events: EventTable;
  readonly #accounts: AccountTables;
  readonly #settings: SettingTable;
  readonly #identity: IdentityTables;
  readonly #machines: MachineTable;

  constructor(database: DatabaseSync, path: string, bounds: EventBounds) {
    this.#database = database;
    this.#transactions = new Transactions(database, path);
    this.#sql = new Statements(database);
    this.#events = new EventTable(this.#sql, bounds);
    this.#accounts = new AccountTables(this.#sql);
    this.racks = new RackTable(this.#transactions, this.#sql, this.#events);
    this.#settings = new SettingTable(this.#sql);
    this.#identity = new IdentityTables(this.#sql);
    this.#machines = new MachineTable(this.#sql, this.#events, this.#identity);
    this.life = new LifeTables(this.#transactions, this.#sql, this.#events);
    this.logins = new LoginTable(this.#transactions, this.#sql, this.#events);
    this.scripts = new ScriptTables(this.#transactions, this.#sql, this.#events);
    this.power = new PowerTable(this.#transactions, this.#sql);
  }

  enlist<R>(
    evidence: { readonly macs: readonly MacAddress[]; readonly values: readonly string[]; readonly atMs: number },
    decide: (knowledge: EnlistmentKnowledge) => EnlistmentDecision<R>,
  ): EnlistmentOutcome<R> {
    return this.#write(() => this.#machines.enlist(evidence, decide));
  }

  changeMachine<R>(systemId: string, atMs: number, decide: DecideChange<R>): MachineChangeOutcome<R> {
    return this.#write(() => this.#machines.change(systemId, atMs, decide));
  }

  mergeMachines<R>(
    keepId: string,
    otherId: string,
    atMs: number,
    decide: (keep: Machine, other: Machine) => MergeDecision<R>,
  ): MachineChangeOutcome<R> {
    return this.#write(() => this.#machines.merge(keepId, otherId, atMs, decide));
  }

  splitMachine<R>(
    systemId: string,
    atMs: number,
    decide: (machine: Machine, knowledge: SplitKnowledge) => SplitDecision<R>,
  ): SplitOutcome<R> {
    return this.#write(() => this.#machines.split(systemId, atMs, decide));
  }

  keepApart(systemId: string, otherId: string, event: NewMachineEvent): boolean {
    return this.#write(() => {
      const [one, other] = [this.#machines.idOf(systemId), this.#machines.idOf(otherId)];
      if (one === undefined || other === undefined || one === other) return false;
      this.#identity.setVerdict(one, other, 'apart', undefined, event.atMs);
      this.#events.add(event, one);
      return true;
    });
  }

  listConflicts(limit: number, systemId?: string): readonly Conflict[] {
    return this.#read(() => this.#identity.conflicts(limit, systemId));
  }

  sharedValues(keys: readonly string[]): ReadonlySet<string> {
    return this.#read(() => new Set(keys.filter((key) => this.#identity.isShared(key))));
  }

  removeMachine(systemId: string, event: NewMachineEvent): boolean {
    return this.#write(() => this.#machines.remove(systemId, event));
  }

  findMachine(systemId: string): Machine | undefined {
    return this.#read(() => this.#machines.find(systemId));
  }

  outlineMachines(systemIds: readonly string[]): readonly MachineOutline[] {
    const { sql, values } = machineQuery({ systemIds }, OUTLINE_COLUMNS, [], []);
    return this.#read(() => this.#sql.all(sql, ...values).map(readOutline));
  }

  listMachines(filter: MachineFilter, afterId: number, limit: number): readonly Machine[] {
    const { sql, values } = machineQuery(filter, 'machine.*', ['machine.id > ?'], [afterId]);
    return this.#read(() => this.#machines.list(`${sql} ORDER BY machine.id LIMIT ?`, ...values, limit));
  }

  listMachinesForRacks(afterId: number, limit: number): readonly MachineForRacks[] {
    const sql = `SELECT ${RACK_COLUMNS} FROM machine WHERE id > ? ORDER BY id LIMIT ?`;
    return this.#read(() => this.#machines.list(sql, afterId, limit));
  }

  countMachines(filter: MachineFilter): number {
    const { sql, values } = machineQuery(filter, 'count(*)', [], []);
    return this.#read(() => this.#sql.number(sql, ...values));
  }

  listOverdue(nowMs: number, limit: number): readonly Machine[] {
    const sql = 'SELECT * FROM machine WHERE status_deadline_ms < ? ORDER BY status_deadline_ms LIMIT ?';
    return this.#read(() => this.#machines.list(sql, nowMs, limit));
  }

  listPowerTasks(afterId: number, limit: number): readonly Machine[] {
    const sql = 'SELECT * FROM machine WHERE power_task IS NOT NULL AND id > ? ORDER BY id LIMIT ?';
    return this.#read(() => this.#machines.list(sql, afterId, limit));
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
      if (decision.changes.length > 0) countVersion(this.#sql);
      return { kind: 'changed', settings: this.#settings.list() };
    });
  }

  atomically<T>(work: () => T): T {
    return this.#write(work);
  }

  highestSequence(source: string): number {
    return this.#read(() => this.#events.highestSequence(source));
  }

  acceptSequence(source: string, sequence: number, atMs: number): boolean {
    return this.#write(() => this.#events.acceptSequence(source, sequence, atMs));
  }

  recordReports(source: string, reports: readonly RackReport[], rackUuid?: string): RecordedReports {
    return this.#write(() => this.#events.addReports(source, reports, rackUuid));
  }

  recordEvent(event: NewMachineEvent, systemId: string | undefined): void {
    this.#write(() => this.#events.add(event, systemId === undefined ? undefined : this.#machines.idOf(systemId)));
  }

  listEvents(filter: EventFilter): readonly MachineEvent[] {
    const machines = filter.machines === undefined ? undefined : machineQuery(filter.machines, 'machine.id', [], []);
    return this.#read(() => this.#events.list(filter, machines));
  }

  eventRange(): { readonly oldest: number; readonly newest: number } {
    return this.#read(() => this.#events.range());
  }

  listStrangers(sinceMs: number, limit: number): readonly StrangerSeen[] {
    return this.#read(() => this.#events.strangers(sinceMs, limit));
  }

  newestEvents(systemIds: readonly string[], isQuiet = false): ReadonlyMap<string, MachineEvent> {
    return this.#read(() => this.#events.newest(systemIds, isQuiet));
  }

  addUser(user: Omit<User, 'id'>): User | undefined {
    return this.#write(() => this.#accounts.addUser(user));
  }

  changeUser(username: string, change: UserChange, event: NewMachineEvent): boolean {
    return this.#write(() => {
      const isChanged = this.#accounts.changeUser(username, change);
      if (isChanged) this.#events.add(event, undefined);
      return isChanged;
    });
  }

  removeUser(username: string, event: NewMachineEvent): boolean {
    return this.#write(() => {
      const isRemoved = this.#accounts.removeUser(username);
      if (isRemoved) this.#events.add(event, undefined);
      return isRemoved;
    });
  }

  findUser(username: string): User | undefined {
    return this.#read(() => this.#accounts.findUser(username));
  }

  listUsers(): readonly User[] {
    return this.#read(() => this.#accounts.listUsers());
  }

  addKey(key: ApiKey, keysMax: number): boolean {
    return this.#write(() => this.#accounts.addKey(key, keysMax));
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

  #write<T>(work: () => T): T {
    return this.#transactions.write(work);
  }

  #read<T>(work: () => T): T {
    return this.#transactions.read(work);
  }
}
