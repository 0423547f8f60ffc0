// The region's store on any database: each method runs one operation (`region-steps.ts`) on a driver.

import type { MacAddress } from '../../net/address.ts';
import type { PowerLedger } from '../../power/ledger.ts';
import type { SshKeyStore } from '../../power/ssh-identity.ts';
import type { AccountStore } from '../../region/records/account-store.ts';
import type { AreaStore } from '../../region/records/area-store.ts';
import type { BootStore } from '../../region/records/boot-store.ts';
import type {
  EnlistmentDecision,
  EnlistmentOutcome,
  MachineChange,
  MachineChangeOutcome,
  MergeDecision,
  SplitDecision,
  SplitOutcome,
} from '../../region/records/decisions.ts';
import type { DutyStore } from '../../region/records/duty-store.ts';
import type { EventRange } from '../../region/records/event-range.ts';
import type { FileStore } from '../../region/records/file-store.ts';
import type { EventFilter, MachineFilter } from '../../region/records/filters.ts';
import type { HostImageStore } from '../../region/records/host-image-store.ts';
import type {
  ChangeKnowledge,
  ChangeQuestion,
  EnlistmentKnowledge,
  EnlistmentQuestion,
  NameQuestion,
  SplitKnowledge,
} from '../../region/records/knowledge.ts';
import type { LifeStore } from '../../region/records/life-store.ts';
import type { MachineStatus } from '../../region/records/lifecycle.ts';
import type { LoginStore } from '../../region/records/login-store.ts';
import type { Machine, MachineForRacks, MachineOutline } from '../../region/records/machine.ts';
import type { MachineEvent, NewMachineEvent, RackReport } from '../../region/records/machine-event.ts';
import type { NetworkStore } from '../../region/records/network-store.ts';
import type { RackStore } from '../../region/records/rack-store.ts';
import type { RateStore } from '../../region/records/rate-store.ts';
import type { ScriptStore } from '../../region/records/script-store.ts';
import type { SessionStore } from '../../region/records/session-store.ts';
import type {
  Conflict,
  EventOf,
  HeardHost,
  RecordedReports,
  RegionStore,
  SettledVersion,
  StrangerSeen,
} from '../../region/records/store.ts';
import type { StoreAvailability, StoreConfirmation, StoreNeighbours } from '../../region/records/store-state.ts';
import type {
  ListedSetting,
  SettingsDecision,
  SettingsOutcome,
  StoredSetting,
} from '../../region/records/stored-setting.ts';
import type { UploadStore } from '../../region/records/upload-store.ts';
import { StoreOutage } from '../../region/words/outage.ts';
import type { EventBounds } from '../operations/event-cuts.ts';
import type { RaisedCounter } from '../operations/region-counters.ts';
import { clearHeard, listHeard } from '../operations/region-heard.ts';
import { historyEnd } from '../operations/region-histories.ts';
import { listConflicts, sharedAmong } from '../operations/region-identity.ts';
import * as reads from '../operations/region-machine-reads.ts';
import { listStamped } from '../operations/region-machine-stamps.ts';
import { checkPostgresSequences, checkSqliteSequences } from '../operations/region-sequences.ts';
import { RegionTables } from '../operations/region-tables.ts';
import { desiredVersion, listGone, settledVersion } from '../operations/region-versions.ts';
import type { RegionDriver } from './region-driver.ts';
import {
  accountStore,
  areaStore,
  bootStore,
  dutyStore,
  fileStore,
  lifeStore,
  loginStore,
  networkStore,
  powerLedger,
  rackStore,
  scriptStore,
  sessionStore,
  sshKeyStore,
  uploadStore,
} from './region-sub-ports.ts';
import { ReportingDriver } from './reporting-driver.ts';

/** The parts of a store that several processes share. */
interface SharedStore {
  /** Names this process. */
  readonly holder: string;
  /** How it reaches the others; closed with the store. */
  readonly neighbours: StoreNeighbours & { close(): Promise<void> };
  /** Closed with the store. */
  readonly availability: StoreAvailability & { close(): void };
  readonly confirmation: StoreConfirmation;
  /** Closed with the store. */
  readonly rates: RateStore & { close(): Promise<void> };
  /** Runs the operations on duties, which must not wait for those of clients; closed with the store. */
  readonly dutyDriver: RegionDriver;
  /** The images of the hosts, on the driver of the store. */
  readonly hostImages: (run: ReportingDriver) => HostImageStore;
}

/** The region's store on a driver. */
export class StoredRegion implements RegionStore {
  readonly #driver: ReportingDriver;
  readonly #tables: RegionTables;
  readonly #onRaised: (raised: RaisedCounter) => void;
  readonly accounts: AccountStore;
  readonly racks: RackStore;
  readonly life: LifeStore;
  readonly logins: LoginStore;
  readonly scripts: ScriptStore;
  readonly boot: BootStore;
  readonly networks: NetworkStore;
  readonly uploads: UploadStore;
  readonly areas: AreaStore;
  readonly files: FileStore;
  readonly sessions: SessionStore;
  readonly power: PowerLedger;
  readonly sshKey: SshKeyStore;
  readonly duties: DutyStore | undefined;
  readonly hostImages: HostImageStore | undefined;
  readonly rates: SharedStore['rates'] | undefined;
  readonly #dutyDriver: RegionDriver | undefined;
  readonly neighbours: SharedStore['neighbours'] | undefined;
  readonly availability: SharedStore['availability'] | undefined;
  readonly confirmation: StoreConfirmation | undefined;
  readonly troubles: ReportingDriver;

  /** @param shared if several processes share the store */
  constructor(
    driver: RegionDriver,
    bounds: EventBounds,
    shared?: SharedStore,
    confirmation: StoreConfirmation | undefined = shared?.confirmation,
  ) {
    const holder = shared?.holder;
    this.neighbours = shared?.neighbours;
    this.availability = shared?.availability;
    this.confirmation = confirmation;
    this.#driver = new ReportingDriver(driver);
    this.troubles = this.#driver;
    this.#onRaised = (raised) => this.#driver.report(new StoreOutage({ note: 'counter-raised', ...raised }));
    this.#tables = new RegionTables(bounds, this.#onRaised);
    const { accounts, racks, life, logins, scripts, boot, uploads, areas, power, networks } = this.#tables;
    this.accounts = accountStore(accounts, this.#driver);
    this.racks = rackStore(racks, this.#driver);
    this.life = lifeStore(life, this.#driver);
    this.logins = loginStore(logins, this.#driver);
    this.scripts = scriptStore(scripts, this.#driver);
    this.boot = bootStore(boot, this.#driver);
    this.networks = networkStore(networks, this.#driver);
    this.uploads = uploadStore(uploads, this.#driver);
    this.areas = areaStore(areas, this.#driver);
    this.files = fileStore(this.#driver);
    this.sessions = sessionStore(this.#driver);
    this.power = powerLedger(power, this.#driver, holder);
    this.sshKey = sshKeyStore(this.#driver);
    this.#dutyDriver = shared?.dutyDriver;
    this.duties = shared === undefined ? undefined : dutyStore(shared.dutyDriver, shared.holder);
    this.hostImages = shared?.hostImages(this.#driver);
    this.rates = shared?.rates;
  }

  enlist<R>(
    evidence: { readonly macs: readonly MacAddress[]; readonly values: readonly string[]; readonly atMs: number },
    decide: (knowledge: EnlistmentKnowledge) => EnlistmentDecision<R> | EnlistmentQuestion,
  ): Promise<EnlistmentOutcome<R>> {
    return this.#driver.write(() => this.#tables.machines.enlist(evidence, decide));
  }

  changeMachine<R>(
    systemId: string,
    atMs: number,
    decide: (machine: Machine, knowledge: ChangeKnowledge) => MachineChange<R> | ChangeQuestion,
  ): Promise<MachineChangeOutcome<R>> {
    return this.#driver.write(() => this.#tables.machines.change(systemId, atMs, decide));
  }

  async changeMachines<R>(
    systemIds: readonly string[],
    atMs: number,
    decide: (machine: Machine) => MachineChange<R>,
  ): Promise<readonly MachineChangeOutcome<R>[]> {
    if (systemIds.length === 0) return [];
    return await this.#driver.write(() => this.#tables.machines.changeAll(systemIds, atMs, decide));
  }

  mergeMachines<R>(
    keepId: string,
    otherId: string,
    atMs: number,
    decide: (keep: Machine, other: Machine) => MergeDecision<R>,
  ): Promise<MachineChangeOutcome<R>> {
    return this.#driver.write(() => this.#tables.machines.merge(keepId, otherId, atMs, decide));
  }

  splitMachine<R>(
    systemId: string,
    atMs: number,
    decide: (machine: Machine, knowledge: SplitKnowledge) => SplitDecision<R> | NameQuestion,
  ): Promise<SplitOutcome<R>> {
    return this.#driver.write(() => this.#tables.machines.split(systemId, atMs, decide));
  }

  keepApart(systemId: string, otherId: string, event: NewMachineEvent): Promise<boolean> {
    return this.#driver.write(() => this.#tables.machines.keepApart(systemId, otherId, event));
  }

  listConflicts(limit: number, systemId?: string): Promise<readonly Conflict[]> {
    return this.#driver.readable(() => listConflicts(limit, systemId));
  }

  sharedValues(keys: readonly string[]): Promise<ReadonlySet<string>> {
    return this.#driver.read(() => sharedAmong(keys));
  }

  removeMachine(systemId: string, event: NewMachineEvent): Promise<boolean> {
    return this.#driver.write(() => this.#tables.machines.remove(systemId, event));
  }

  findMachine(systemId: string): Promise<Machine | undefined> {
    return this.#driver.read(() => reads.findMachine(systemId));
  }

  outlineMachines(systemIds: readonly string[]): Promise<readonly MachineOutline[]> {
    return this.#driver.read(() => reads.outlineMachines(systemIds));
  }

  listMachines(filter: MachineFilter, afterId: number, limit: number, needsAll = false): Promise<readonly Machine[]> {
    return this.#driver.readable(() => reads.listMachines(filter, afterId, limit, needsAll));
  }

  listStamped(...asked: Parameters<RegionStore['listStamped']>): ReturnType<RegionStore['listStamped']> {
    return this.#driver.readable(() => listStamped(...asked));
  }

  listMachinesForRacks(since: number, afterId: number, limit: number): Promise<readonly MachineForRacks[]> {
    return this.#driver.readable(() => reads.listMachinesForRacks(since, afterId, limit));
  }

  countMachines(filter: MachineFilter): Promise<number> {
    return this.#driver.read(() => reads.countMachines(filter));
  }

  countStatuses(): Promise<ReadonlyMap<MachineStatus, number>> {
    return this.#driver.read(() => reads.countStatuses());
  }

  listOverdue(nowMs: number, limit: number): Promise<readonly Machine[]> {
    return this.#driver.readable(() => reads.listOverdue(nowMs, limit));
  }

  shiftDeadlines(byMs: number, nowMs: number): Promise<void> {
    return this.#driver.write(() => this.#tables.machines.shiftDeadlines(byMs, nowMs));
  }

  listPowerTasks(afterId: number, limit: number): Promise<readonly Machine[]> {
    return this.#driver.readable(() => reads.listPowerTasks(afterId, limit));
  }

  desiredVersion(): Promise<number> {
    return this.#driver.read(() => desiredVersion());
  }

  async settledVersion(): Promise<SettledVersion> {
    const { isLow, ...settled } = await this.#driver.read(() => settledVersion());
    if (!isLow) return settled;
    await this.checkCounters();
    const { isLow: _isLow, ...raised } = await this.#driver.read(() => settledVersion());
    return raised;
  }

  async checkCounters(): Promise<void> {
    const checkSequences = this.duties === undefined ? checkSqliteSequences : checkPostgresSequences;
    await this.#driver.write(() => this.#tables.counters.check());
    await this.#driver.write(() => checkSequences(this.#onRaised));
  }

  listGone(since: number): Promise<readonly string[] | undefined> {
    return this.#driver.read(() => listGone(since));
  }

  listSettings(): Promise<readonly ListedSetting[]> {
    return this.#driver.readable(() => this.#tables.settings.list());
  }

  changeSettings<R>(
    atMs: number,
    decide: (current: readonly StoredSetting[]) => SettingsDecision<R>,
  ): Promise<SettingsOutcome<R>> {
    return this.#driver.write(() => this.#tables.settings.change(atMs, decide));
  }

  transact<T>(work: () => Promise<T>): Promise<T> {
    return this.#driver.transact(work);
  }

  afterCommit(effect: () => void | Promise<void>): Promise<void> {
    return this.#driver.afterCommit(effect);
  }

  isInTransaction(): boolean {
    return this.#driver.isInTransaction();
  }

  highestSequence(source: string): Promise<number> {
    return this.#driver.read(() => this.#tables.events.highestSequence(source));
  }

  acceptSequence(source: string, sequence: number, atMs: number): Promise<boolean> {
    return this.#driver.write(() => this.#tables.events.acceptSequence(source, sequence, atMs));
  }

  recordReports(source: string, reports: readonly RackReport[], rackUuid?: string): Promise<RecordedReports> {
    return this.#driver.write(() => this.#tables.events.addReports(source, reports, rackUuid));
  }

  async recordEvent(event: NewMachineEvent, systemId: string | undefined): Promise<void> {
    await this.#driver.write(() => this.#tables.events.record(event, systemId));
  }

  async recordEvents(events: readonly EventOf[]): Promise<void> {
    if (events.length > 0) await this.#driver.write(() => this.#tables.events.recordAll(events));
  }

  listEvents(filter: EventFilter): Promise<readonly MachineEvent[]> {
    return this.#driver.readable(() => this.#tables.events.list(filter));
  }

  eventRange(): Promise<EventRange> {
    return this.#driver.read(() => this.#tables.events.range());
  }

  nearestEvent(side: 'after' | 'before', id: number): Promise<number | undefined> {
    return this.#driver.read(() => this.#tables.events.nearest(side, id));
  }

  historyEnd(history: number): Promise<number | undefined> {
    return this.#driver.read(() => historyEnd(history));
  }

  listStrangers(sinceMs: number, limit: number): Promise<readonly StrangerSeen[]> {
    return this.#driver.readable(() => this.#tables.events.strangers(sinceMs, limit));
  }

  listHeard(sinceMs: number, limit: number): Promise<readonly HeardHost[]> {
    return this.#driver.readable(() => listHeard(sinceMs, limit));
  }

  clearHeard(mac?: MacAddress): Promise<void> {
    return this.#driver.write(() => clearHeard(mac));
  }

  recentEvents(systemIds: readonly string[], limit: number): Promise<ReadonlyMap<string, readonly MachineEvent[]>> {
    return this.#driver.readable(() => this.#tables.events.recent(systemIds, limit));
  }

  newestEvents(systemIds: readonly string[], isQuiet = false): Promise<ReadonlyMap<string, MachineEvent>> {
    return this.#driver.readable(() => this.#tables.events.newest(systemIds, isQuiet));
  }

  async close(): Promise<void> {
    this.availability?.close();
    await this.neighbours?.close();
    await this.rates?.close();
    await this.#dutyDriver?.close();
    await this.#driver.close();
  }
}
