// The port to the region's store. `store/sqlite/region-sqlite.ts` and `store/postgres/region-postgres.ts` open its implementations.
//
// 1. One method is one transaction: when its promise is fulfilled, all of it is on disk; when it is rejected, nothing happened. `transact`
//    joins several methods into one transaction.
// 2. `decide` functions run inside the transaction, synchronously and perhaps more than once. They get facts as data and return a
//    decision, or a question for further facts (`kind: 'ask'`). The store answers a question and calls `decide` again with all facts so
//    far.
// 3. Other processes may write at the same time; every read sees their commits.
// 4. Every method rejects with RackError `store-unavailable` when the disk is full or the database cannot be used at the moment, and the
//    same store works again afterwards.

import type { MacAddress } from '../../net/address.ts';
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
import type { EventRange } from './event-range.ts';
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
import type { MachineEvent, NewMachineEvent, RackReport } from './machine-event.ts';
import type { NetworkStore } from './network-store.ts';
import type { RackStore } from './rack-store.ts';
import type { RateStore } from './rate-store.ts';
import type { ScriptStore } from './script-store.ts';
import type { SessionStore } from './session-store.ts';
import type { StoreAvailability, StoreConfirmation, StoreNeighbours, StoreTroubles } from './store-state.ts';
import type { SettingsDecision, SettingsOutcome, StoredSetting } from './stored-setting.ts';
import type { UploadStore } from './upload-store.ts';

/** Two machines that may be one; or one machine that may be two: then both ids are the same, until a person accepts or splits it. */
export interface Conflict {
  readonly systemId: string;
  readonly otherId: string;
  readonly why: Doubt | Happening;
  readonly atMs: number;
}

/** An event of a machine. */
export interface EventOf {
  readonly systemId: string;
  readonly event: NewMachineEvent;
}

/** A machine of a list, and a stamp for all rows from which it was read. */
export interface StampedMachine {
  readonly id: number;
  /** Changes with each change of the machine in the store, whichever process made it. */
  readonly stamp: string;
  /** Undefined: the caller knows the machine with this stamp. */
  readonly machine: Machine | undefined;
}

export interface StampedMachines {
  /** In the order of their ids. */
  readonly machines: readonly StampedMachine[];
  /** The last id of this part of the list; undefined: the list has ended. */
  readonly lastId: number | undefined;
}

/** True if the caller has already read this machine with this stamp. The store may call it more than once. */
export type IsKnownMachine = (id: number, stamp: string) => boolean;

/** An unknown machine that a rack has reported. */
export interface StrangerSeen {
  readonly mac: MacAddress;
  /** Its description does not repeat the hardware address. */
  readonly event: MachineEvent;
}

/** A host that is not a machine, as a rack heard it last. */
export interface HeardHost extends StrangerSeen {
  /** Wall time of the first report of it that is still in the log, in milliseconds. */
  readonly firstMs: number;
}

/** The outcome of a batch of reports. */
export interface RecordedReports {
  /** How many were new and are now stored. */
  readonly added: number;
  /** Machines seen booting from the network, each with the wall time of its last sign. */
  readonly booting: ReadonlyMap<string, number>;
  /** Machines seen starting from the network, each with the wall time of its last start. */
  readonly started: ReadonlyMap<string, number>;
  /** Machines seen taking or keeping an address. */
  readonly leased: ReadonlySet<string>;
}

/**
 * The version up to which every change is stored: a process that has read all changes up to it has missed none. At most `desiredVersion`.
 */
export interface SettledVersion {
  readonly version: number;
  /**
   * Identifies the history of the database. In another history the same versions may mean other changes: a server that took over lacked
   * some.
   */
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
  /** Images that people are uploading. */
  readonly uploads: UploadStore;
  readonly areas: AreaStore;
  /** The files of users. */
  readonly files: FileStore;
  readonly sessions: SessionStore;
  /** The power commands begun, and their outcomes. */
  readonly power: PowerLedger;
  /** The SSH key with which its processes log in to hypervisors. */
  readonly sshKey: SshKeyStore;
  /** Undefined: one process has the store, and all duties. Otherwise only the process that has them may begin a power command. */
  readonly duties?: DutyStore | undefined;
  /** Undefined: one process has the store, and the images of the region are those of its host. */
  readonly hostImages?: HostImageStore | undefined;
  /** Undefined: one process has the store, and counts in memory. */
  readonly rates?: RateStore | undefined;
  /** Undefined: one process has the store. */
  readonly neighbours?: StoreNeighbours | undefined;
  /** Undefined if the store is on this host, and needs no server. */
  readonly availability?: StoreAvailability | undefined;
  /** Undefined if the promise of each method already confirms the change. */
  readonly confirmation?: StoreConfirmation | undefined;
  readonly troubles: StoreTroubles;
  /**
   * Runs `work` in one transaction. Every method of this store that `work` calls, directly or indirectly, is part of it: either all changes
   * happen or none. The store may run `work` again, so `work` must change nothing else and wait only for this store. It must not continue
   * after a method has failed.
   */
  transact<T>(work: () => Promise<T>): Promise<T>;
  /**
   * Runs `effect` once the caller's transaction is on disk, and never if that transaction fails; `transact` waits for `effect`. Outside a
   * transaction, `effect` runs at once, and the caller waits for it.
   */
  afterCommit(effect: () => void | Promise<void>): Promise<void>;
  /** True if the caller is within a transaction: it must not wait for a read that it shares with others, which may wait for that transaction. */
  isInTransaction(): boolean;

  /** Collects the facts for these addresses and values, and applies the decision. */
  enlist<R>(
    evidence: { readonly macs: readonly MacAddress[]; readonly values: readonly string[]; readonly atMs: number },
    decide: (knowledge: EnlistmentKnowledge) => EnlistmentDecision<R> | EnlistmentQuestion,
  ): Promise<EnlistmentOutcome<R>>;
  /** Moves one machine's interfaces and events to another, and removes it. */
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
  /** Stores that two machines are distinct. @returns false if one of them does not exist */
  keepApart(systemId: string, otherId: string, event: NewMachineEvent): Promise<boolean>;
  /** The newest conflicts. @param systemId lists only conflicts of this machine */
  listConflicts(limit: number, systemId?: string): Promise<readonly Conflict[]>;
  /** Selects the keys whose values several machines show or have shown. */
  sharedValues(keys: readonly string[]): Promise<ReadonlySet<string>>;
  changeMachine<R>(
    systemId: string,
    atMs: number,
    decide: (machine: Machine, knowledge: ChangeKnowledge) => MachineChange<R> | ChangeQuestion,
  ): Promise<MachineChangeOutcome<R>>;
  /** Changes several machines, each by its own decision, which may not ask questions. @returns the outcomes, in the order of `systemIds` */
  changeMachines<R>(
    systemIds: readonly string[],
    atMs: number,
    decide: (machine: Machine) => MachineChange<R>,
  ): Promise<readonly MachineChangeOutcome<R>[]>;
  /** Removes a machine, its interfaces and keys; its events stay. @returns false if there is no such machine */
  removeMachine(systemId: string, event: NewMachineEvent): Promise<boolean>;
  findMachine(systemId: string): Promise<Machine | undefined>;
  /** The machines with these ids that exist, in any order and without their large fields. */
  outlineMachines(systemIds: readonly string[]): Promise<readonly MachineOutline[]>;
  /**
   * At most `limit` machines with an id above `afterId`, in the order of their ids; fewer than `limit` mean the end of the list.
   */
  listMachines(filter: MachineFilter, afterId: number, limit: number): Promise<readonly Machine[]>;
  /** A part of the same list, for a caller that already knows most of the machines: known machines are not read again. */
  listStamped(filter: MachineFilter, afterId: number, isKnown: IsKnownMachine): Promise<StampedMachines>;
  /**
   * Like `listMachines`, but with only the fields that racks need: facts and owner data are many times larger.
   * @param since only machines whose record for racks changed since this version of the desired state; 0: all
   */
  listMachinesForRacks(since: number, afterId: number, limit: number): Promise<readonly MachineForRacks[]>;
  countMachines(filter: MachineFilter): Promise<number>;
  /** The number of machines per state; empty states have no entry. */
  countStatuses(): Promise<ReadonlyMap<MachineStatus, number>>;
  /** At most `limit` machines whose state should have ended before `nowMs`, the longest overdue first. */
  listOverdue(nowMs: number, limit: number): Promise<readonly Machine[]>;
  /** Moves the deadlines of all states in progress by `byMs`, but none beyond the full timeout of its state from `nowMs`. */
  shiftDeadlines(byMs: number, nowMs: number): Promise<void>;
  /** At most `limit` machines with an id above `afterId` and a power task, in the order of their ids. */
  listPowerTasks(afterId: number, limit: number): Promise<readonly Machine[]>;
  /** The version of the newest change of the racks' desired state, from the database. Each further change gets a higher version. */
  desiredVersion(): Promise<number>;
  settledVersion(): Promise<SettledVersion>;
  /** The system ids of the machines deleted since a version of the desired state; undefined: they are no longer known. */
  listGone(since: number): Promise<readonly string[] | undefined>;

  /** The stored settings of all racks, in the order in which they were first written. */
  listSettings(): Promise<readonly StoredSetting[]>;
  /** Decides on all settings. */
  changeSettings<R>(
    atMs: number,
    decide: (current: readonly StoredSetting[]) => SettingsDecision<R>,
  ): Promise<SettingsOutcome<R>>;

  /** Stores the reports above the source's highest stored sequence. @param rackUuid undefined: the region's own rack */
  recordReports(source: string, reports: readonly RackReport[], rackUuid?: string): Promise<RecordedReports>;
  /** The highest stored sequence of a source; -1: none. */
  highestSequence(source: string): Promise<number>;
  /** Marks a source's sequence as stored, as `recordReports` does. @returns false if this sequence or a higher one is stored already */
  acceptSequence(source: string, sequence: number, atMs: number): Promise<boolean>;
  /** Stores one event. If the event belongs to a change of a machine, pass it to `changeMachine` with that change instead. */
  recordEvent(event: NewMachineEvent, systemId: string | undefined): Promise<void>;
  /** Stores events of machines. */
  recordEvents(events: readonly EventOf[]): Promise<void>;
  listEvents(filter: EventFilter): Promise<readonly MachineEvent[]>;
  eventRange(): Promise<EventRange>;
  /** The id of the nearest event on one side of an id; undefined: there is none. */
  nearestEvent(side: 'after' | 'before', id: number): Promise<number | undefined>;
  /** The last event that the log shares with this history; undefined: the log contains the whole history. */
  historyEnd(history: number): Promise<number | undefined>;
  /** Unknown machines that booted from the network since `sinceMs`, the latest first, each with its newest event. */
  listStrangers(sinceMs: number, limit: number): Promise<readonly StrangerSeen[]>;
  /** Hosts that are not machines and that racks have heard since `sinceMs`, by a lease or on the wire; the latest first. */
  listHeard(sinceMs: number, limit: number): Promise<readonly HeardHost[]>;
  /** Forgets the hosts heard so far. A host is listed again once a rack hears it again. @param mac only the one with this hardware address */
  clearHeard(mac?: MacAddress): Promise<void>;
  /** At most `limit` events of each of these machines, the newest first. */
  recentEvents(systemIds: readonly string[], limit: number): Promise<ReadonlyMap<string, readonly MachineEvent[]>>;
  /**
   * The newest event of each of these machines.
   * @param isQuiet true leaves out DEBUG events, and AUDIT events, which do not show a machine's state
   */
  newestEvents(systemIds: readonly string[], isQuiet?: boolean): Promise<ReadonlyMap<string, MachineEvent>>;
  close(): Promise<void>;
}
