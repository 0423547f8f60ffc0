// The port to the region's store (`store/sqlite/region-sqlite.ts`, `store/postgres/region-postgres.ts`).
//
// 1. One method is one transaction: fulfilled, all of it is on disk; rejected, nothing happened.
//    `transact` joins several.
// 2. `decide` functions run inside the transaction, synchronously and perhaps more than once. They
//    get facts as data and return a decision, or a question for further facts (`kind: 'ask'`),
//    after which they are called with all facts so far.
// 3. Other processes may write at the same time; every read sees their commits.
// 4. Every method rejects with RackError `store-unavailable` while the disk is full or the database
//    cannot be used; the same store works again afterwards.

import type { MacAddress } from '../../ground/address.ts';
import type { PowerLedger } from '../../power/ledger.ts';
import type { SshKeyStore } from '../../power/ssh-identity.ts';
import type { AccountStore } from './account-store.ts';
import type { AreaStore } from './area-store.ts';
import type { BootStore } from './boot-store.ts';
import type {
  EnlistmentDecision,
  EnlistmentOutcome,
  MachineChange,
  MachineChangeOutcome,
  MergeDecision,
  SplitDecision,
  SplitOutcome,
} from './decisions.ts';
import type { DutyStore } from './duty-store.ts';
import type { Doubt, Happening } from './events.ts';
import type { FileStore } from './file-store.ts';
import type { EventFilter, MachineFilter } from './filters.ts';
import type { HostImageStore } from './host-image-store.ts';
import type {
  ChangeKnowledge,
  ChangeQuestion,
  EnlistmentKnowledge,
  EnlistmentQuestion,
  NameQuestion,
  SplitKnowledge,
} from './knowledge.ts';
import type { LifeStore } from './life-store.ts';
import type { MachineStatus } from './lifecycle.ts';
import type { LoginStore } from './login-store.ts';
import type { Machine, MachineForRacks, MachineOutline } from './machine.ts';
import type { EventRange, MachineEvent, NewMachineEvent, RackReport } from './machine-event.ts';
import type { NetworkStore } from './network-store.ts';
import type { RackStore } from './rack-store.ts';
import type { RateStore } from './rate-store.ts';
import type { ScriptStore } from './script-store.ts';
import type { SessionStore } from './session-store.ts';
import type { StoreAvailability, StoreConfirmation, StoreNeighbours, StoreTroubles } from './store-state.ts';
import type { SettingsDecision, SettingsOutcome, StoredSetting } from './stored-setting.ts';
import type { UploadStore } from './upload-store.ts';

/** Two machines that may be one; with equal ids, one that may be two, until a person accepts or splits it. */
export interface Conflict {
  readonly systemId: string;
  readonly otherId: string;
  readonly why: Doubt | Happening;
  readonly atMs: number;
}

export interface EventOf {
  readonly systemId: string;
  readonly event: NewMachineEvent;
}

export interface StampedMachine {
  readonly id: number;
  /** Changes with each change of the machine, whichever process made it. */
  readonly stamp: string;
  /** Undefined: the caller knows the machine with this stamp. */
  readonly machine: Machine | undefined;
}

export interface StampedMachines {
  /** In the order of their ids. */
  readonly machines: readonly StampedMachine[];
  /** Undefined: the list has ended. */
  readonly lastId: number | undefined;
}

/** The store may call it more than once. */
export type IsKnownMachine = (id: number, stamp: string) => boolean;

export interface StrangerSeen {
  readonly mac: MacAddress;
  /** Its sentence does not repeat the hardware address. */
  readonly event: MachineEvent;
}

/** No machine, as a rack heard it last. */
export interface HeardHost extends StrangerSeen {
  /** Of the first report that is still in the log, wall time in milliseconds. */
  readonly firstMs: number;
}

export interface RecordedReports {
  /** How many were new. */
  readonly added: number;
  /** Seen booting from the network, with the wall time of the last sign. */
  readonly booting: ReadonlyMap<string, number>;
  /** Seen starting from the network, with the wall time of the last start. */
  readonly started: ReadonlyMap<string, number>;
  /** Seen taking or keeping an address. */
  readonly leased: ReadonlySet<string>;
}

/** Every change up to this version is stored: who has read them has missed none. At most `desiredVersion`. */
export interface SettledVersion {
  readonly version: number;
  /** In another history the same versions may mean other changes: a server that took over lacked some. */
  readonly history: string;
}

export interface RegionStore {
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
  /** With it, its processes log in to hypervisors. */
  readonly sshKey: SshKeyStore;
  /**
   * Undefined: one process has the store, and all duties. Only the one that has them may begin a
   * power command.
   */
  readonly duties?: DutyStore | undefined;
  /** Undefined: the images of the region are those of one host. */
  readonly hostImages?: HostImageStore | undefined;
  /** Undefined: one process counts in memory. */
  readonly rates?: RateStore | undefined;
  /** Undefined: one process has the store. */
  readonly neighbours?: StoreNeighbours | undefined;
  /** Undefined: the store needs no server. */
  readonly availability?: StoreAvailability | undefined;
  /** Undefined: the promise of each method confirms the change. */
  readonly confirmation?: StoreConfirmation | undefined;
  readonly troubles: StoreTroubles;
  /**
   * Every method that `work` calls is part of one transaction: all changes happen or none. The
   * store may run `work` again, so it must change nothing else, wait only for this store, and not
   * continue after a method has failed.
   */
  transact<T>(work: () => Promise<T>): Promise<T>;
  /**
   * Runs `effect` once the caller's transaction is on disk, and never if that fails; `transact`
   * waits for it. Outside a transaction it runs at once, and the caller waits.
   */
  afterCommit(effect: () => void | Promise<void>): Promise<void>;
  /**
   * The caller must not wait then for a read that it shares with others, which may wait for that
   * transaction.
   */
  isInTransaction(): boolean;

  enlist<R>(
    evidence: { readonly macs: readonly MacAddress[]; readonly values: readonly string[]; readonly atMs: number },
    decide: (knowledge: EnlistmentKnowledge) => EnlistmentDecision<R> | EnlistmentQuestion,
  ): Promise<EnlistmentOutcome<R>>;
  /** Moves interfaces and events to `keepId`, and removes the other machine. */
  mergeMachines<R>(
    keepId: string,
    otherId: string,
    atMs: number,
    decide: (keep: Machine, other: Machine) => MergeDecision<R>,
  ): Promise<MachineChangeOutcome<R>>;
  splitMachine<R>(
    systemId: string,
    atMs: number,
    decide: (machine: Machine, knowledge: SplitKnowledge) => SplitDecision<R> | NameQuestion,
  ): Promise<SplitOutcome<R>>;
  /** @returns false if one of them does not exist */
  keepApart(systemId: string, otherId: string, event: NewMachineEvent): Promise<boolean>;
  /** The newest ones. @param systemId only of this machine */
  listConflicts(limit: number, systemId?: string): Promise<readonly Conflict[]>;
  /** The values that several machines show or have shown. */
  sharedValues(keys: readonly string[]): Promise<ReadonlySet<string>>;
  changeMachine<R>(
    systemId: string,
    atMs: number,
    decide: (machine: Machine, knowledge: ChangeKnowledge) => MachineChange<R> | ChangeQuestion,
  ): Promise<MachineChangeOutcome<R>>;
  /** Each by its own decision, which may not ask questions. @returns in the order of `systemIds` */
  changeMachines<R>(
    systemIds: readonly string[],
    atMs: number,
    decide: (machine: Machine) => MachineChange<R>,
  ): Promise<readonly MachineChangeOutcome<R>[]>;
  /** Removes a machine; its events stay. @returns false if there is no such machine */
  removeMachine(systemId: string, event: NewMachineEvent): Promise<boolean>;
  findMachine(systemId: string): Promise<Machine | undefined>;
  /** The machines that exist, in any order. */
  outlineMachines(systemIds: readonly string[]): Promise<readonly MachineOutline[]>;
  /** Above `afterId`, in the order of their ids; fewer than `limit` mean the end. */
  listMachines(filter: MachineFilter, afterId: number, limit: number): Promise<readonly Machine[]>;
  /** A part of the same list: known machines are not read again. */
  listStamped(filter: MachineFilter, afterId: number, isKnown: IsKnownMachine): Promise<StampedMachines>;
  /**
   * Facts and owner data are many times larger than what racks need. @param since only those whose
   * record for racks changed since this version of the desired state; 0: all
   */
  listMachinesForRacks(since: number, afterId: number, limit: number): Promise<readonly MachineForRacks[]>;
  countMachines(filter: MachineFilter): Promise<number>;
  /** Empty states have no entry. */
  countStatuses(): Promise<ReadonlyMap<MachineStatus, number>>;
  /** The machines whose state should have ended before `nowMs`, the longest overdue first. */
  listOverdue(nowMs: number, limit: number): Promise<readonly Machine[]>;
  /** Moves all deadlines by `byMs`, but none beyond the full timeout of its state from `nowMs`. */
  shiftDeadlines(byMs: number, nowMs: number): Promise<void>;
  /** Above `afterId`, in the order of their ids. */
  listPowerTasks(afterId: number, limit: number): Promise<readonly Machine[]>;
  /**
   * The version of the newest change of the racks' desired state; each further change gets a higher
   * one.
   */
  desiredVersion(): Promise<number>;
  settledVersion(): Promise<SettledVersion>;
  /** Deleted since a version of the desired state; undefined: they are no longer known. */
  listGone(since: number): Promise<readonly string[] | undefined>;

  /** The settings of all racks, in the order in which they were first written. */
  listSettings(): Promise<readonly StoredSetting[]>;
  changeSettings<R>(
    atMs: number,
    decide: (current: readonly StoredSetting[]) => SettingsDecision<R>,
  ): Promise<SettingsOutcome<R>>;

  /**
   * Stores reports, only those above the source's highest stored sequence. @param rackUuid
   * undefined: the region's own rack
   */
  recordReports(source: string, reports: readonly RackReport[], rackUuid?: string): Promise<RecordedReports>;
  /** -1: none. */
  highestSequence(source: string): Promise<number>;
  /**
   * Accepts a sequence as `recordReports` does. @returns false if this sequence or a higher one is
   * stored already
   */
  acceptSequence(source: string, sequence: number, atMs: number): Promise<boolean>;
  /** An event that belongs to a change of a machine goes to `changeMachine` with it. */
  recordEvent(event: NewMachineEvent, systemId: string | undefined): Promise<void>;
  recordEvents(events: readonly EventOf[]): Promise<void>;
  listEvents(filter: EventFilter): Promise<readonly MachineEvent[]>;
  eventRange(): Promise<EventRange>;
  /** The nearest id on one side; undefined: none. */
  nearestEvent(side: 'after' | 'before', id: number): Promise<number | undefined>;
  /**
   * The last event that the log shares with this history; undefined: it contains the whole history.
   */
  historyEnd(history: number): Promise<number | undefined>;
  /**
   * The strangers that booted from the network since `sinceMs`, the latest first, each with its
   * newest event that is not the end of a lease.
   */
  listStrangers(sinceMs: number, limit: number): Promise<readonly StrangerSeen[]>;
  /** The hosts that are not machines, heard by a lease or on the wire; the latest first. */
  listHeard(sinceMs: number, limit: number): Promise<readonly HeardHost[]>;
  /**
   * The hosts that are not machines, and whose last report about an address is that they took or
   * renewed it; the latest first. The lease may have ended.
   */
  listLeases(sinceMs: number, limit: number): Promise<readonly HeardHost[]>;
  /** A host is listed again once a rack hears it. @param mac only this one */
  clearHeard(mac?: MacAddress): Promise<void>;
  /** The events of machines: at most `limit` of each, the newest first. */
  recentEvents(systemIds: readonly string[], limit: number): Promise<ReadonlyMap<string, readonly MachineEvent[]>>;
  /**
   * @param isQuiet true leaves out events that do not explain a machine's state: DEBUG, AUDIT, and
   * that its power was seen to change
   */
  newestEvents(systemIds: readonly string[], isQuiet?: boolean): Promise<ReadonlyMap<string, MachineEvent>>;
  close(): Promise<void>;
}
