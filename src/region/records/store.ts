// Where the region's state outlives the process: the port. `store/region-sqlite.ts` implements it.
//
// 1. One method is one transaction: what it returns has happened whole and is on disk, or it threw and nothing happened.
// 2. `decide` functions run inside the transaction, synchronously, and may be pure: they get facts and return a decision.
// 3. Another process may write at the same time (the command line); every read sees what it committed.
// 4. Every method throws RackError `store-unavailable` when the disk is full or the database is held by somebody else, and the same
//    store works again once that is over.

import type { MachineAddress } from '../../machines/machine.ts';
import type { SettingValue } from '../../machines/settings.ts';
import type { Ipv4, MacAddress } from '../../net/address.ts';
import type { PowerLedger } from '../../power/ledger.ts';
import type { LifeStore } from './life-store.ts';
import type { MachineStatus } from './lifecycle.ts';
import type { LoginStore } from './login-store.ts';
import type { InterfaceSource, Machine, MachineFields, UntouchedMachine } from './machine.ts';
import type { MachineEvent, MachineEventLevel, NewMachineEvent, RackReport } from './machine-event.ts';
import type { RackStore } from './rack-store.ts';
import type { ScriptStore } from './script-store.ts';

/** A network interface as a machine reports it. */
export interface ReportedInterface {
  readonly mac: MacAddress;
  /** Empty: it did not say. */
  readonly name: string;
  /** Default: hearsay. */
  readonly source?: InterfaceSource | undefined;
}

/** What the store knows that bears on one enlistment. */
export interface EnlistmentKnowledge {
  /** Machines that have one of the addresses asked for, in the order of their ids. */
  readonly byMac: readonly Machine[];
  /** Machines that have one of the values asked for; few, for a value that many show says nothing. */
  readonly byValue: readonly Machine[];
  /** True for a value that several machines show, or have shown. */
  isShared(key: string): boolean;
  /** What is remembered of two machines; undefined: nothing. */
  verdictOn(a: Machine, b: Machine): PairVerdict | undefined;
  readonly machines: number;
  /** How many machines are New that no person made, changed or tagged: what reports may fill. */
  readonly newMachines: number;
  /** These machines, heard longest ago first. */
  untouched(): readonly UntouchedMachine[];
  isHostnameTaken(hostname: string): boolean;
  isSystemIdTaken(systemId: string): boolean;
}

/**
 * What is remembered of two machines: that they may be one, which a person is asked (`conflict`), or that a person has said that they
 * are two (`apart`).
 */
export type PairVerdict = 'conflict' | 'apart';

/** Two machines that may be one, or one that may be two (both ids are its own, until it is accepted or split), for a person. */
export interface Conflict {
  readonly systemId: string;
  readonly otherId: string;
  /** One sentence that says why. */
  readonly text: string;
  readonly atMs: number;
}

/** What an enlistment changes beside its own machine. */
export interface EnlistmentEffects {
  /** Addresses that go from these machines to this one. */
  readonly taken?: readonly MacAddress[];
  /** Values that turned out to be on several machines. */
  readonly shared?: readonly string[];
  /** Machines that may be this one, each with why. */
  readonly conflicts?: readonly { readonly with: string; readonly text: string }[];
}

/** What becomes of an enlistment. `R` names its refusals. */
export type EnlistmentDecision<R> =
  | ({
      readonly kind: 'create';
      readonly systemId: string;
      readonly fields: MachineFields;
      readonly interfaces: readonly ReportedInterface[];
      readonly events: readonly NewMachineEvent[];
      /** A New machine that gives its place to this one, and the event that says so. */
      readonly gone?: { readonly systemId: string; readonly event: NewMachineEvent } | undefined;
    } & EnlistmentEffects)
  | ({
      readonly kind: 'amend';
      readonly systemId: string;
      readonly fields: Partial<MachineFields>;
      /** The whole new list, the boot interface first; addresses kept keep their ids. */
      readonly interfaces: readonly ReportedInterface[];
      readonly events: readonly NewMachineEvent[];
    } & EnlistmentEffects)
  | { readonly kind: 'unchanged'; readonly systemId: string; readonly events: readonly NewMachineEvent[] }
  | { readonly kind: 'refuse'; readonly refusal: R };

export type EnlistmentOutcome<R> =
  | {
      readonly kind: 'create' | 'amend' | 'unchanged';
      readonly machine: Machine;
      /** Machines that gave addresses to this one, as they are now. */
      readonly others: readonly Machine[];
      /** A machine that gave its place to this one and is no more. */
      readonly goneId?: string | undefined;
    }
  | { readonly kind: 'refuse'; readonly refusal: R };

/** What becomes of two machines that are one. */
export type MergeDecision<R> =
  | { readonly kind: 'merge'; readonly fields: Partial<MachineFields>; readonly events: readonly NewMachineEvent[] }
  | { readonly kind: 'refuse'; readonly refusal: R };

/** What becomes of a machine that is two: a new one gets some of its interfaces. */
export type SplitDecision<R> =
  | {
      readonly kind: 'split';
      readonly systemId: string;
      /** Of the new machine. */
      readonly fields: MachineFields;
      readonly macs: readonly MacAddress[];
      /** Of the machine that there was. */
      readonly left: Partial<MachineFields>;
      /** Values that turned out to be on both. */
      readonly shared: readonly string[];
      readonly events: readonly NewMachineEvent[];
      readonly newEvents: readonly NewMachineEvent[];
    }
  | { readonly kind: 'refuse'; readonly refusal: R };

/** What the store knows that bears on a split. */
export type SplitKnowledge = Pick<EnlistmentKnowledge, 'machines' | 'isHostnameTaken' | 'isSystemIdTaken'>;

export type SplitOutcome<R> =
  | { readonly kind: 'changed'; readonly machine: Machine; readonly made: Machine }
  | { readonly kind: 'refuse'; readonly refusal: R }
  | { readonly kind: 'not-found' };

/** What becomes of one machine. */
export type MachineChange<R> =
  | {
      readonly kind: 'change';
      readonly fields: Partial<MachineFields>;
      readonly events: readonly NewMachineEvent[];
      /** All the addresses that it is given from now on. Default: those that it has. */
      readonly addresses?: readonly MachineAddress[] | undefined;
      /** What its system runs at its first start; null: nothing. Default: what it was. */
      readonly userData?: Uint8Array | null | undefined;
      /** The key by which the machine was known is worth nothing from now on. Default: it stays. */
      readonly endsKey?: boolean | undefined;
    }
  | { readonly kind: 'refuse'; readonly refusal: R };

/** What the store knows that bears on a change of one machine. */
export interface ChangeKnowledge {
  /** The addresses from `low` to `high` that other machines were given. */
  takenAddresses(low: Ipv4, high: Ipv4): ReadonlySet<Ipv4>;
  /** Those with which other machines were seen last: they may still use them. */
  seenAddresses(low: Ipv4, high: Ipv4): ReadonlySet<Ipv4>;
}

export type MachineChangeOutcome<R> =
  | { readonly kind: 'changed'; readonly machine: Machine }
  | { readonly kind: 'refuse'; readonly refusal: R }
  | { readonly kind: 'not-found' };

/** Which machines; every list given narrows, an empty list means none. */
export interface MachineFilter {
  readonly systemIds?: readonly string[] | undefined;
  readonly hostnames?: readonly string[] | undefined;
  readonly macs?: readonly MacAddress[] | undefined;
  readonly statuses?: readonly MachineStatus[] | undefined;
  /** Seen with one of these addresses. */
  readonly seenAt?: readonly Ipv4[] | undefined;
  /** Held by one of these users. */
  readonly owners?: readonly string[] | undefined;
  /** With one of these tags. */
  readonly tags?: readonly string[] | undefined;
}

/** Which events; newest first. */
export interface EventFilter {
  readonly machines?: MachineFilter | undefined;
  /** This level and above; `audit`: audit events alone. */
  readonly level?: MachineEventLevel | undefined;
  /** Without DEBUG, and with audit events. */
  readonly isQuiet?: boolean | undefined;
  /** Only these users' events. */
  readonly usernames?: readonly string[] | undefined;
  /** Only ids above this. */
  readonly after?: number | undefined;
  /** Only ids below this. */
  readonly before?: number | undefined;
  readonly limit: number;
}

/** A machine that was heard of and is not known. */
export interface StrangerSeen {
  readonly mac: MacAddress;
  /** Its description does not repeat the hardware address. */
  readonly event: MachineEvent;
}

/** What came of a batch of reports. */
export interface RecordedReports {
  /** How many were new, and are stored. */
  readonly added: number;
  /** The machines that some of these show booting from the network, each with the wall time of its last sign. */
  readonly booting: ReadonlyMap<string, number>;
  /** Those that some of these show as they start to, each with the wall time of the last one. */
  readonly started: ReadonlyMap<string, number>;
  /** The machines that some of these show taking or keeping an address. */
  readonly leased: ReadonlySet<string>;
}

export interface User {
  readonly id: number;
  readonly username: string;
  readonly email: string;
  /** As `accounts.ts` makes it; never shown. */
  readonly passwordHash: string;
  readonly isAdmin: boolean;
  readonly createdMs: number;
}

/** What changes of a user. */
export type UserChange = Partial<Pick<User, 'passwordHash' | 'isAdmin'>>;

/** An API key: of a user, or of a machine. Of the secret only a digest is kept. */
export interface ApiKey {
  readonly tokenKey: string;
  readonly consumerKey: string;
  /** SHA-256 of the secret, 64 hexadecimal digits. */
  readonly secretDigest: string;
  readonly name: string;
  readonly username?: string | undefined;
  readonly systemId?: string | undefined;
  readonly createdMs: number;
  readonly usedMs: number;
}

/** One key of the configuration that the store owns. */
export interface StoredSetting {
  /** The rack's UUID; empty: for every rack. */
  readonly rack: string;
  /** As in the configuration file: `dns.upstream`; a cluster interface by its name: `cluster_interfaces.lab`. */
  readonly key: string;
  /** As the configuration file would hold it. */
  readonly value: SettingValue;
}

/** A value for a key, or with `value` undefined its removal. */
export interface SettingChange {
  readonly rack: string;
  readonly key: string;
  readonly value: SettingValue | undefined;
}

/** What becomes of the settings. */
export type SettingsDecision<R> =
  | { readonly kind: 'change'; readonly changes: readonly SettingChange[]; readonly events: readonly NewMachineEvent[] }
  | { readonly kind: 'refuse'; readonly refusal: R };

export type SettingsOutcome<R> =
  | { readonly kind: 'changed'; readonly settings: readonly StoredSetting[] }
  | { readonly kind: 'refuse'; readonly refusal: R };

export interface RegionStore {
  readonly racks: RackStore;
  readonly life: LifeStore;
  readonly logins: LoginStore;
  readonly scripts: ScriptStore;
  /** The power commands that were begun, and how they ended. */
  readonly power: PowerLedger;
  /** Runs `work`; all that it does with this store happens whole or not at all. What throws inside it undoes only itself. */
  atomically<T>(work: () => T): T;

  /** Looks up what bears on these addresses and values, asks what shall happen, and makes it so. */
  enlist<R>(
    evidence: { readonly macs: readonly MacAddress[]; readonly values: readonly string[]; readonly atMs: number },
    decide: (knowledge: EnlistmentKnowledge) => EnlistmentDecision<R>,
  ): EnlistmentOutcome<R>;
  /** Gives the interfaces and events of one machine to another, and removes it. */
  mergeMachines<R>(
    keepId: string,
    otherId: string,
    atMs: number,
    decide: (keep: Machine, other: Machine) => MergeDecision<R>,
  ): MachineChangeOutcome<R>;
  splitMachine<R>(
    systemId: string,
    atMs: number,
    decide: (machine: Machine, knowledge: SplitKnowledge) => SplitDecision<R>,
  ): SplitOutcome<R>;
  /** Remembers that two machines are two. False: one of them does not exist. */
  keepApart(systemId: string, otherId: string, event: NewMachineEvent): boolean;
  /** The newest machines that may be one; those of one machine when it is named. */
  listConflicts(limit: number, systemId?: string): readonly Conflict[];
  /** Which of these values several machines show, or have shown. */
  sharedValues(keys: readonly string[]): ReadonlySet<string>;
  changeMachine<R>(
    systemId: string,
    atMs: number,
    decide: (
      machine: Machine,
      isHostnameTaken: (hostname: string) => boolean,
      knowledge: ChangeKnowledge,
    ) => MachineChange<R>,
  ): MachineChangeOutcome<R>;
  /** Removes a machine, its interfaces and keys; its events stay. False: there is none. */
  removeMachine(systemId: string, event: NewMachineEvent): boolean;
  findMachine(systemId: string): Machine | undefined;
  /** At most `limit` machines with an id above `afterId`, in the order of their ids. */
  listMachines(filter: MachineFilter, afterId: number, limit: number): readonly Machine[];
  countMachines(filter: MachineFilter): number;
  /** At most `limit` machines whose state should have ended before `nowMs`, the longest overdue first. */
  listOverdue(nowMs: number, limit: number): readonly Machine[];
  /** At most `limit` machines with an id above `afterId` whose power is to be switched, in the order of their ids. */
  listPowerTasks(afterId: number, limit: number): readonly Machine[];
  /** Grows with every change of what a rack would be told; a number of the database, not of the process. */
  desiredVersion(): number;

  /** What the store owns of every rack's configuration, in the order in which it was first written. */
  listSettings(): readonly StoredSetting[];
  changeSettings<R>(
    atMs: number,
    decide: (current: readonly StoredSetting[]) => SettingsDecision<R>,
  ): SettingsOutcome<R>;

  /** Stores the reports whose sequence is above the highest one of this source. @param rackUuid undefined: of the region's own rack */
  recordReports(source: string, reports: readonly RackReport[], rackUuid?: string): RecordedReports;
  /** The highest sequence that is stored of a source; -1: none. */
  highestSequence(source: string): number;
  /** Counts one number of a source as stored, as `recordReports` does. False: it is, or a higher one is. */
  acceptSequence(source: string, sequence: number, atMs: number): boolean;
  recordEvent(event: NewMachineEvent, systemId: string | undefined): void;
  listEvents(filter: EventFilter): readonly MachineEvent[];
  /** The ids of the oldest and the newest event that are kept; both 0 when there is none. */
  eventRange(): { readonly oldest: number; readonly newest: number };
  /** Machines that booted from the network and are not known, heard of since `sinceMs`, the latest first, each with its newest event. */
  listStrangers(sinceMs: number, limit: number): readonly StrangerSeen[];
  /** The newest event of each of these machines. @param isQuiet without DEBUG */
  newestEvents(systemIds: readonly string[], isQuiet?: boolean): ReadonlyMap<string, MachineEvent>;

  /** Undefined: the name is taken. */
  addUser(user: Omit<User, 'id'>): User | undefined;
  findUser(username: string): User | undefined;
  listUsers(): readonly User[];
  /** False: there is no such user. */
  changeUser(username: string, change: UserChange, event: NewMachineEvent): boolean;
  /** Removes a user with their API keys and SSH keys. False: there is none. */
  removeUser(username: string, event: NewMachineEvent): boolean;
  /** Adds a key; beyond `keysMax` keys of its owner the ones unused for longest go. */
  addKey(key: ApiKey, keysMax: number): void;
  findKey(tokenKey: string): ApiKey | undefined;
  listKeys(username: string): readonly ApiKey[];
  markKeyUsed(tokenKey: string, atMs: number): void;
  /** False: this user has no such key. */
  removeKey(username: string, tokenKey: string): boolean;
  close(): void;
}
