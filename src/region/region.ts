// The region: machines and their life cycle, on one store. The API, the page and the uplink call it; it gives racks their desired state.
//
// 1. The desired state is an in-memory mirror of the store (`machine-mirror.ts`); every change goes to the store first.
// 2. `onDesiredState` is called after a change, at most once in DESIRED_STATE_PAUSE_MS, with versions that only grow, also across restarts.
// 3. Changes by another process (the command line) are seen within FOREIGN_CHANGE_MS.
// 4. Work that shows no sign of life for too long is restarted, or fails. The deadline is in the store, so it survives a restart of the
//    region; every boot of the machine renews it.

import type { Clock } from '../clock.ts';
import { RackError } from '../errors.ts';
import type { DesiredState } from '../machines/machine.ts';
import { Passwords } from './accounts/passwords.ts';
import type { RegionConfig } from './config.ts';
import { drawMissingTokens } from './identity/boot-token.ts';
import { decideEnlistment, type EnlistmentRefusal } from './identity/enlistment.ts';
import { EnlistmentLog, refusedEvent } from './identity/enlistment-log.ts';
import { type EnlistmentReport, weighReport } from './identity/enlistment-report.ts';
import { MachineIdentity } from './identity/machine-identity.ts';
import { isInUse } from './identity/merge.ts';
import type { FindImage, ListImages } from './life/deployment.ts';
import type { HasInstaller, ListInstallers } from './life/installer.ts';
import { MachineLife } from './life/machine-life.ts';
import type { PowerControl } from './life/power-life.ts';
import { StatusDeadlines } from './life/status-deadlines.ts';
import { MachinePreseeds } from './metadata/machine-preseeds.ts';
import { MachineMirror } from './racks/machine-mirror.ts';
import { Racks } from './racks/racks.ts';
import type { Machine, MachineFields } from './records/machine.ts';
import type { NewMachineEvent, RackReport } from './records/machine-event.ts';
import type { EnlistmentOutcome, MachineChangeOutcome, RegionStore } from './records/store.ts';
import { NO_RULES, RegionSettings, type SettingsRules } from './settings.ts';
import { Searches } from './shares/searches.ts';
import { type RefusalWord, refusal } from './words/refusal.ts';

const START_ID_BYTES = 9;
/** Changes within this time reach racks together. */
const DESIRED_STATE_PAUSE_MS = 20;
const FOREIGN_CHANGE_MS = 2000;

export interface RegionOptions {
  readonly config: RegionConfig;
  readonly store: RegionStore;
  readonly clock: Clock;
  /** Validates configurations; `undefined` if the store owns no settings. */
  readonly rules?: SettingsRules | undefined;
  /** Switches machines; `undefined` if only people do. */
  readonly power?: PowerControl | undefined;
  /** Looks up an image in the store; `undefined` if there is no image store. */
  readonly findImage?: FindImage | undefined;
  readonly listImages?: ListImages | undefined;
  /** Reports which installers exist; `undefined` if that is unknown. */
  readonly hasInstaller?: HasInstaller | undefined;
  readonly listInstallers?: ListInstallers | undefined;
  /** Called with each new desired state, never from within a call into the region. */
  readonly onDesiredState: (state: DesiredState) => void;
}

/** The fields of a machine that a person may edit. */
export type MachineEdit = Partial<
  Pick<
    MachineFields,
    | 'hostname'
    | 'domain'
    | 'description'
    | 'architecture'
    | 'subarchitecture'
    | 'powerType'
    | 'powerParameters'
    | 'kernelParams'
  >
>;

export type EditRefusal = RefusalWord<'field.hostname-taken'>;

export interface Region {
  readonly store: RegionStore;
  readonly clock: Clock;
  readonly racks: Racks;
  /** Checks passwords, at a limited rate. */
  readonly passwords: Passwords;
  /** The part of the racks' configuration that the store owns. */
  readonly settings: RegionSettings;
  /** Merges and splits machines. */
  readonly identity: MachineIdentity;
  /** Long searches for machines. */
  readonly searches: Searches;
  /** Changes of machines' states, by people and by the machines themselves. */
  readonly life: MachineLife;
  /** Switches machines; `undefined` if only people do. */
  readonly power: PowerControl | undefined;
  /** Lists the deployable images; `undefined` if there is no image store. */
  readonly images: ListImages | undefined;
  /** Lists the installers for a machine; `undefined` if that is unknown. */
  readonly installers: ListInstallers | undefined;
  /** The configuration in force. */
  config(): RegionConfig;
  /** Replaces the configuration; work in flight keeps the old one. */
  configure(config: RegionConfig): void;
  /**
   * Drawn at random at each start. Together with the version it identifies a desired state: after a restore of an older database, the same
   * version may stand for another state.
   */
  readonly startId: string;
  /** The desired state for one rack. @param rackUuid undefined: the rack of this process */
  desiredState(rackUuid?: string): DesiredState;
  /** Calls `listener` after each change of the desired state, with its version. @returns unsubscribes */
  subscribe(listener: (version: number) => void): () => void;
  /** Runs `work`; all of its changes to this region happen, or none. */
  atomically<T>(work: () => T): T;
  /**
   * Stores a rack's reports. Reports at or below the highest sequence stored for `source` are skipped; a rack that restarts its sequence
   * uses a new source.
   * @param rackUuid as for `desiredState`
   * @returns how many were new
   */
  observe(reports: readonly RackReport[], source?: string, rackUuid?: string): number;
  enlist(report: EnlistmentReport): EnlistmentOutcome<EnlistmentRefusal>;
  editMachine(systemId: string, edit: MachineEdit, username: string): MachineChangeOutcome<EditRefusal>;
  /** Removes a machine and its allocations. `in-use`: it is owned, locked or at work, and `isForced` is not set. */
  removeMachine(systemId: string, username: string, isForced?: boolean): 'removed' | 'in-use' | 'not-found';
  /** Reads all machines again, after a change in the store that bypassed this object. */
  machinesChanged(): void;
  close(): void;
}

/** Opens a region on an open store; closing the region does not close the store. */
export function openRegion(options: RegionOptions): Region {
  return new RegionOnStore(options);
}

class RegionOnStore implements Region {
  readonly store: RegionStore;
  readonly clock: Clock;
  readonly racks: Racks;
  readonly passwords: Passwords;
  readonly settings: RegionSettings;
  readonly identity: MachineIdentity;
  readonly searches: Searches;
  readonly life: MachineLife;
  readonly power: PowerControl | undefined;
  readonly images: ListImages | undefined;
  readonly startId: string;
  readonly installers: ListInstallers | undefined;
  readonly #onDesiredState: (state: DesiredState) => void;
  readonly #deadlines: StatusDeadlines;
  readonly #enlistmentLog = new EnlistmentLog();
  readonly #mirror = new MachineMirror();
  #config: RegionConfig;
  /** The store's version at which the mirror was filled. */
  #version = 0;
  /** True if the mirror may show changes that were rolled back; it must be refilled before its next use. */
  #isStale = false;
  readonly #listeners = new Set<(version: number) => void>();
  #state: DesiredState | undefined;
  #announcement: { cancel(): void } | undefined;
  #watch: { cancel(): void } | undefined;

  constructor(options: RegionOptions) {
    this.store = options.store;
    this.clock = options.clock;
    this.startId = Buffer.from(options.clock.randomBytes(START_ID_BYTES)).toString('base64url');
    this.racks = new Racks(options.store, options.clock);
    this.racks.homes.subscribe((machine) => this.#mirrorChange(machine));
    this.passwords = new Passwords(options.clock);
    this.searches = new Searches(options.clock);
    this.identity = new MachineIdentity(options.store, options.clock, (changed, removed) => {
      for (const systemId of removed) this.#mirror.forget(systemId);
      this.power?.follow(removed);
      this.#mirrorChange(...changed);
    });
    this.#config = options.config;
    this.settings = new RegionSettings({
      store: options.store,
      clock: options.clock,
      racks: this.racks,
      rules: options.rules ?? NO_RULES,
      ownRack: () => this.#config.ownRack,
      onChange: () => this.#announceOwnChange(),
    });
    this.#onDesiredState = options.onDesiredState;
    this.#deadlines = new StatusDeadlines(options.store, options.clock);
    this.power = options.power;
    this.images = options.listImages;
    this.installers = options.listInstallers;
    const preseeds = new MachinePreseeds({ store: options.store, clock: options.clock, config: () => this.#config });
    this.life = new MachineLife({
      store: options.store,
      clock: options.clock,
      deadlines: this.#deadlines,
      racks: this.racks,
      power: options.power,
      findImage: options.findImage,
      listImages: options.listImages,
      hasInstaller: options.hasInstaller,
      installProblem: (machine) => preseeds.installProblem(machine),
      retries: () => this.#config.retries,
      onChange: (machine) => this.#mirrorChange(machine),
    });
    this.#fillMirror();
    this.#watchOthers();
    drawMissingTokens(this.store, this.clock, (machine) => this.#mirrorChange(machine));
  }

  config(): RegionConfig {
    return this.#config;
  }

  configure(config: RegionConfig): void {
    this.#config = config;
  }

  desiredState(rackUuid?: string): DesiredState {
    if (this.#isStale) this.#fillMirror();
    this.#state ??= {
      schema: 2,
      version: this.#version,
      machines: this.#mirror.list(),
    };
    const settings = this.settings.of(rackUuid);
    const machines = this.racks.homes.machinesFor(rackUuid, this.#state.machines);
    return { ...this.#state, machines, ...(settings === undefined ? {} : { settings }) };
  }

  subscribe(listener: (version: number) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  atomically<T>(work: () => T): T {
    try {
      return this.store.atomically(work);
    } catch (error) {
      this.#isStale = true;
      throw error;
    }
  }

  observe(reports: readonly RackReport[], source = 'rack', rackUuid?: string): number {
    if (reports.length === 0) return 0;
    const weighed = this.racks.homes.weigh(reports, source, rackUuid);
    const { added, booting, started, leased } = this.store.recordReports(source, weighed, rackUuid);
    if (booting.size > 0) this.#deadlines.follow();
    for (const [systemId, atMs] of started) this.life.started(systemId, atMs);
    for (const [systemId, atMs] of booting) this.life.alive(systemId, atMs);
    for (const systemId of leased) this.life.leased(systemId);
    return added;
  }

  enlist(report: EnlistmentReport): EnlistmentOutcome<EnlistmentRefusal> {
    const atMs = this.clock.wallTimeMs();
    const { newMachinesMax, nameFrom } = this.#config;
    const terms = { clock: this.clock, atMs, newMachinesMax, nameFrom };
    const weighed = weighReport(report);
    const asked = { macs: weighed.evidence.macs, values: weighed.keys, atMs };
    const outcome = this.store.enlist(asked, (knowledge) =>
      this.#enlistmentLog.thin(decideEnlistment(weighed, knowledge, terms), this.clock.now()),
    );
    if (outcome.kind !== 'refuse' && outcome.goneId !== undefined) {
      this.#mirror.forget(outcome.goneId);
      this.power?.follow([outcome.goneId]);
    }
    if (outcome.kind === 'create' || outcome.kind === 'amend') {
      this.#mirrorChange(outcome.machine, ...outcome.others);
    }
    if (outcome.kind === 'refuse' && report.username === undefined) {
      this.store.recordEvent(refusedEvent(report, outcome.refusal, atMs), undefined);
    }
    return outcome;
  }

  editMachine(systemId: string, edit: MachineEdit, username: string): MachineChangeOutcome<EditRefusal> {
    const atMs = this.clock.wallTimeMs();
    const outcome = this.store.changeMachine<EditRefusal>(systemId, atMs, (machine, { hostnames }) => {
      const hostname = edit.hostname;
      if (hostname !== undefined && hostname !== machine.hostname) {
        const isTaken = hostnames.get(hostname);
        if (isTaken === undefined) return { kind: 'ask', hostnames: [hostname] };
        if (isTaken) return { kind: 'refuse', refusal: refusal('field.hostname-taken', { hostname }) };
      }
      const event: NewMachineEvent = {
        ...{ type: 'NODE', atMs, username },
        ...{ code: 'machine-edited', params: { fields: Object.keys(edit) } },
      };
      const isSet = edit.powerType !== undefined || edit.powerParameters !== undefined;
      const fields = isSet ? { ...edit, powerIsProposed: false } : edit;
      return { kind: 'change', fields, events: [event] };
    });
    if (outcome.kind === 'changed') this.#mirrorChange(outcome.machine);
    return outcome;
  }

  removeMachine(systemId: string, username: string, isForced = false): 'removed' | 'in-use' | 'not-found' {
    const outcome = this.store.atomically(() => {
      const machine = this.store.findMachine(systemId);
      if (machine === undefined) return 'not-found';
      const isUsed = isInUse(machine) || machine.isLocked === true;
      if (isUsed && !isForced) return 'in-use';
      const params = { hostname: machine.hostname, systemId, ...(isUsed ? { status: machine.status } : {}) };
      const atMs = this.clock.wallTimeMs();
      const event = { type: 'NODE_REMOVED', code: 'machine-deleted', params, atMs, username } as const;
      return this.store.removeMachine(systemId, event) ? 'removed' : 'not-found';
    });
    if (outcome !== 'removed') return outcome;
    this.#mirror.forget(systemId);
    this.power?.follow([systemId]);
    this.#announceOwnChange();
    return outcome;
  }

  machinesChanged(): void {
    this.#fillMirror();
    this.#announce();
  }

  close(): void {
    this.#announcement?.cancel();
    this.#watch?.cancel();
  }

  #fillMirror(): void {
    // Read the version first: anything written meanwhile has a newer one.
    const version = this.store.desiredVersion();
    this.#mirror.fill(this.store);
    this.settings.load();
    this.#version = version;
    this.#state = undefined;
    this.#isStale = false;
  }

  #mirrorChange(...machines: readonly Machine[]): void {
    for (const machine of machines) this.#mirror.show(machine);
    this.power?.follow(machines.map(({ systemId }) => systemId));
    this.#announceOwnChange();
  }

  /** A change that concerns racks raises the version by one; a larger step means that another process has also written. */
  #announceOwnChange(): void {
    const version = this.store.desiredVersion();
    if (version === this.#version) return;
    if (version === this.#version + 1) this.#version = version;
    else this.#fillMirror();
    this.#announce();
  }

  #announce(): void {
    this.#state = undefined;
    this.#announcement ??= this.clock.schedule(DESIRED_STATE_PAUSE_MS, () => {
      this.#announcement = undefined;
      if (this.#isStale) return;
      this.#onDesiredState(this.desiredState());
      for (const listener of this.#listeners) listener(this.#version);
    });
  }

  /** Polls for changes by other processes and adopts them; also notices silent racks and ends overdue states. */
  #watchOthers(): void {
    this.#watch = this.clock.schedule(FOREIGN_CHANGE_MS, () => {
      this.#watchOthers();
      try {
        this.racks.lookForAway();
        this.life.endOverdue();
        if (!this.#isStale && this.store.desiredVersion() === this.#version) return;
        this.#fillMirror();
        this.#announce();
      } catch (error) {
        // An unreadable store is tried again next time; requests meanwhile get the error themselves.
        if (!(error instanceof RackError && error.code === 'store-unavailable')) throw error;
      }
    });
  }
}
