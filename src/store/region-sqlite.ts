// The region's store in SQLite: `region.db` in the state directory.
//
// Sources: sqlite.org/lang_transaction.html (IMMEDIATE), /rescode.html.
//
// 1. A method runs one operation (`region-steps.ts`) to its end, in one transaction. A writing one begins IMMEDIATE, so that two processes
//    never interleave.
// 2. The file is readable by its owner only: it holds the passwords of power controllers.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { MacAddress } from '../net/address.ts';
import type { PowerLedger } from '../power/ledger.ts';
import type {
  ChangeKnowledge,
  ChangeQuestion,
  EnlistmentKnowledge,
  EnlistmentQuestion,
  NameQuestion,
  SplitKnowledge,
} from '../region/records/knowledge.ts';
import type { LifeStore } from '../region/records/life-store.ts';
import type { LoginStore } from '../region/records/login-store.ts';
import type { Machine, MachineForRacks, MachineOutline } from '../region/records/machine.ts';
import type { MachineEvent, NewMachineEvent, RackReport } from '../region/records/machine-event.ts';
import type { RackStore } from '../region/records/rack-store.ts';
import type { ScriptStore } from '../region/records/script-store.ts';
import type {
  ApiKey,
  Conflict,
  EnlistmentDecision,
  EnlistmentOutcome,
  EventFilter,
  MachineChange,
  MachineChangeOutcome,
  MachineFilter,
  MergeDecision,
  RecordedReports,
  RegionStore,
  SettingsDecision,
  SettingsOutcome,
  SplitDecision,
  SplitOutcome,
  StoredSetting,
  StrangerSeen,
  User,
  UserChange,
} from '../region/records/store.ts';
import { openDatabaseFile } from './database-file.ts';
import type { EventBounds } from './event-cuts.ts';
import { listConflicts, sharedAmong } from './region-identity.ts';
import * as reads from './region-machine-reads.ts';
import { REGION_DATABASE, REGION_FILE } from './region-schema.ts';
import { lifeStore, loginStore, powerLedger, rackStore, scriptStore } from './region-sub-ports.ts';
import { RegionTables } from './region-tables.ts';
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
  readonly #tables: RegionTables;
  readonly racks: RackStore;
  readonly life: LifeStore;
  readonly logins: LoginStore;
  readonly scripts: ScriptStore;
  readonly power: PowerLedger;

  constructor(database: DatabaseSync, path: string, bounds: EventBounds) {
    this.#database = database;
    this.#transactions = new Transactions(database, path);
    this.#tables = new RegionTables(bounds);
    const { racks, life, logins, scripts, power } = this.#tables;
    this.racks = rackStore(racks, this.#transactions);
    this.life = lifeStore(life, this.#transactions);
    this.logins = loginStore(logins, this.#transactions);
    this.scripts = scriptStore(scripts, this.#transactions);
    this.power = powerLedger(power, this.#transactions);
  }

  enlist<R>(
    evidence: { readonly macs: readonly MacAddress[]; readonly values: readonly string[]; readonly atMs: number },
    decide: (knowledge: EnlistmentKnowledge) => EnlistmentDecision<R> | EnlistmentQuestion,
  ): EnlistmentOutcome<R> {
    return this.#transactions.write(this.#tables.machines.enlist(evidence, decide));
  }

  changeMachine<R>(
    systemId: string,
    atMs: number,
    decide: (machine: Machine, knowledge: ChangeKnowledge) => MachineChange<R> | ChangeQuestion,
  ): MachineChangeOutcome<R> {
    return this.#transactions.write(this.#tables.machines.change(systemId, atMs, decide));
  }

  mergeMachines<R>(
    keepId: string,
    otherId: string,
    atMs: number,
    decide: (keep: Machine, other: Machine) => MergeDecision<R>,
  ): MachineChangeOutcome<R> {
    return this.#transactions.write(this.#tables.machines.merge(keepId, otherId, atMs, decide));
  }

  splitMachine<R>(
    systemId: string,
    atMs: number,
    decide: (machine: Machine, knowledge: SplitKnowledge) => SplitDecision<R> | NameQuestion,
  ): SplitOutcome<R> {
    return this.#transactions.write(this.#tables.machines.split(systemId, atMs, decide));
  }

  keepApart(systemId: string, otherId: string, event: NewMachineEvent): boolean {
    return this.#transactions.write(this.#tables.machines.keepApart(systemId, otherId, event));
  }

  listConflicts(limit: number, systemId?: string): readonly Conflict[] {
    return this.#transactions.read(listConflicts(limit, systemId));
  }

  sharedValues(keys: readonly string[]): ReadonlySet<string> {
    return this.#transactions.read(sharedAmong(keys));
  }

  removeMachine(systemId: string, event: NewMachineEvent): boolean {
    return this.#transactions.write(this.#tables.machines.remove(systemId, event));
  }

  findMachine(systemId: string): Machine | undefined {
    return this.#transactions.read(reads.findMachine(systemId));
  }

  outlineMachines(systemIds: readonly string[]): readonly MachineOutline[] {
    return this.#transactions.read(reads.outlineMachines(systemIds));
  }

  listMachines(filter: MachineFilter, afterId: number, limit: number): readonly Machine[] {
    return this.#transactions.read(reads.listMachines(filter, afterId, limit));
  }

  listMachinesForRacks(afterId: number, limit: number): readonly MachineForRacks[] {
    return this.#transactions.read(reads.listMachinesForRacks(afterId, limit));
  }

  countMachines(filter: MachineFilter): number {
    return this.#transactions.read(reads.countMachines(filter));
  }

  listOverdue(nowMs: number, limit: number): readonly Machine[] {
    return this.#transactions.read(reads.listOverdue(nowMs, limit));
  }

  listPowerTasks(afterId: number, limit: number): readonly Machine[] {
    return this.#transactions.read(reads.listPowerTasks(afterId, limit));
  }

  desiredVersion(): number {
    return this.#transactions.read(reads.desiredVersion());
  }

  listSettings(): readonly StoredSetting[] {
    return this.#transactions.read(this.#tables.settings.list());
  }

  changeSettings<R>(
    atMs: number,
    decide: (current: readonly StoredSetting[]) => SettingsDecision<R>,
  ): SettingsOutcome<R> {
    return this.#transactions.write(this.#tables.settings.change(atMs, decide));
  }

  atomically<T>(work: () => T): T {
    return this.#transactions.atomically(work);
  }

  highestSequence(source: string): number {
    return this.#transactions.read(this.#tables.events.highestSequence(source));
  }

  acceptSequence(source: string, sequence: number, atMs: number): boolean {
    return this.#transactions.write(this.#tables.events.acceptSequence(source, sequence, atMs));
  }

  recordReports(source: string, reports: readonly RackReport[], rackUuid?: string): RecordedReports {
    return this.#transactions.write(this.#tables.events.addReports(source, reports, rackUuid));
  }

  recordEvent(event: NewMachineEvent, systemId: string | undefined): void {
    this.#transactions.write(this.#tables.events.record(event, systemId));
  }

  listEvents(filter: EventFilter): readonly MachineEvent[] {
    return this.#transactions.read(this.#tables.events.list(filter));
  }

  eventRange(): { readonly oldest: number; readonly newest: number } {
    return this.#transactions.read(this.#tables.events.range());
  }

  listStrangers(sinceMs: number, limit: number): readonly StrangerSeen[] {
    return this.#transactions.read(this.#tables.events.strangers(sinceMs, limit));
  }

  newestEvents(systemIds: readonly string[], isQuiet = false): ReadonlyMap<string, MachineEvent> {
    return this.#transactions.read(this.#tables.events.newest(systemIds, isQuiet));
  }

  addUser(user: Omit<User, 'id'>): User | undefined {
    return this.#transactions.write(this.#tables.accounts.addUser(user));
  }

  changeUser(username: string, change: UserChange, event: NewMachineEvent): boolean {
    return this.#transactions.write(this.#tables.accounts.changeUser(username, change, event));
  }

  removeUser(username: string, event: NewMachineEvent): boolean {
    return this.#transactions.write(this.#tables.accounts.removeUser(username, event));
  }

  findUser(username: string): User | undefined {
    return this.#transactions.read(this.#tables.accounts.findUser(username));
  }

  listUsers(): readonly User[] {
    return this.#transactions.read(this.#tables.accounts.listUsers());
  }

  addKey(key: ApiKey, keysMax: number): boolean {
    return this.#transactions.write(this.#tables.accounts.addKey(key, keysMax));
  }

  findKey(tokenKey: string): ApiKey | undefined {
    return this.#transactions.read(this.#tables.accounts.findKey(tokenKey));
  }

  listKeys(username: string): readonly ApiKey[] {
    return this.#transactions.read(this.#tables.accounts.listKeys(username));
  }

  markKeyUsed(tokenKey: string, atMs: number): void {
    this.#transactions.write(this.#tables.accounts.markKeyUsed(tokenKey, atMs));
  }

  removeKey(username: string, tokenKey: string): boolean {
    return this.#transactions.write(this.#tables.accounts.removeKey(username, tokenKey));
  }

  close(): void {
    this.#database.close();
  }
}
