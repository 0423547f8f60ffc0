// The region: machines and their life cycle, on one store. The API, the page and the uplink call
// it; it gives racks their desired state.
//
// 1. The desired state comes from an in-memory mirror of the store (`machine-mirror.ts`), which
//    reads what has changed there.
// 2. The versions of the desired state only grow. A restart does not lower them.
//    `state-announcements.ts` calls `onDesiredState` after a change.
// 3. Several processes on one store answer requests alike; one of them is on duty.
// 4. Work that shows no sign of life for too long is restarted, or fails. The deadline is in the
//    store, so it survives a restart of the region; every boot of the machine renews it.

import type { Clock } from '../ground/clock.ts';
import type { DesiredState, RackMachine } from '../machines/machine.ts';
import type { FetchKeys } from './accounts/key-sources.ts';
import { Passwords } from './accounts/passwords.ts';
import type { RegionConfig } from './config.ts';
import { decideEnlistment, type EnlistmentRefusal } from './identity/enlistment.ts';
import { EnlistmentLog, refusedEvent } from './identity/enlistment-log.ts';
import { type EnlistmentReport, weighReport } from './identity/enlistment-report.ts';
import { MachineIdentity } from './identity/machine-identity.ts';
import { type Removal, removeWithDevices, type Spared } from './identity/removal.ts';
import { BootImages, type BootImagesDeps } from './images/boot-images.ts';
import type { FindImage, ListImages } from './life/deployment.ts';
import type { HasInstaller, ListInstallers } from './life/installer.ts';
import { MachineLife } from './life/machine-life.ts';
import type { PowerControl } from './life/power-life.ts';
import { StatusDeadlines } from './life/status-deadlines.ts';
import { tagByHardware } from './life/tagging.ts';
import { MachinePreseeds } from './metadata/machine-preseeds.ts';
import { Networks } from './networks/networks.ts';
import { listDynamicRanges } from './racks/cluster-interface.ts';
import { reservedForRacks } from './racks/desired-machine.ts';
import { MachineMirror } from './racks/machine-mirror.ts';
import { Racks } from './racks/racks.ts';
import { SetAsideAddresses } from './racks/set-aside-addresses.ts';
import { knownMark, type StateRequest, type StateUpdate, stateTag } from './racks/state-update.ts';
import { UpstreamStates } from './racks/upstream-states.ts';
import type { EnlistmentOutcome, MachineChangeOutcome } from './records/decisions.ts';
import type { MachineEdit } from './records/machine.ts';
import type { NewMachineEvent, RackReport } from './records/machine-event.ts';
import type { NetworkScan, ScanOutcome } from './records/network-scan.ts';
import { fieldRefusal, type RefusalWord } from './records/refusal.ts';
import { hostnameTakenText } from './records/report-refusal.ts';
import type { RegionStore } from './records/store.ts';
import { NO_RULES, RegionSettings, type SettingsRules } from './settings.ts';
import { LatestRun } from './shares/latest-run.ts';
import { Searches } from './shares/searches.ts';
import { StateAnnouncements } from './state-announcements.ts';

const START_ID_BYTES = 9;
export interface RegionOptions extends BootImagesDeps {
  readonly config: RegionConfig;
  /** Validates configurations; `undefined` if the store owns no settings. */
  readonly rules?: SettingsRules | undefined;
  /** Switches machines; `undefined` if only people do. */
  readonly power?: PowerControl | undefined;
  /** Looks up an image in the store; `undefined` if there is no image store. */
  readonly findImage?: FindImage | undefined;
  /** Reports which installers exist; `undefined` if that is unknown. */
  readonly hasInstaller?: HasInstaller | undefined;
  readonly listInstallers?: ListInstallers | undefined;
  /** Reads published SSH keys; `undefined`: this region reads none. */
  readonly fetchKeys?: FetchKeys | undefined;
  /** Asks the rack of this process to scan networks; `undefined`: it has none. */
  readonly scan?: ((scan: NetworkScan) => Promise<ScanOutcome>) | undefined;
  /** Never called from within a call into the region. */
  readonly onDesiredState: (state: DesiredState) => void;
  /** Given if other processes share the store. */
  readonly isOnDuty?: (() => boolean) | undefined;
}

type EditRefusal = RefusalWord;

/** Opens a region on an open store; closing the region does not close the store. */
export async function openRegion(options: RegionOptions): Promise<Region> {
  const region = new RegionOnStore(options);
  await region.begin();
  return region;
}

/** A region on an open store. */
class RegionOnStore {
  readonly store: RegionStore;
  readonly clock: Clock;
  readonly racks: Racks;
  /** Checks passwords, at a limited rate. */
  readonly passwords: Passwords;
  /** The part of the racks' configuration that the store owns. */
  readonly settings: RegionSettings;
  /** Fabrics, VLANs, subnets, ranges and addresses as objects. */
  readonly networks: Networks;
  /** Merges and splits machines. */
  readonly identity: MachineIdentity;
  /** Reads published SSH keys; `undefined`: this region reads none. */
  readonly fetchKeys: FetchKeys | undefined;
  /** Long searches for machines. */
  readonly searches: Searches;
  /** Renders the files of machines that install. */
  readonly preseeds: MachinePreseeds;
  /** Changes of machines' states, by people and by the machines themselves. */
  readonly life: MachineLife;
  /** Switches machines; `undefined` if only people do. */
  readonly power: PowerControl | undefined;
  /** The sources of images, the selections among them, and the import. */
  readonly bootImages: BootImages;
  /** Lists the deployable images; `undefined` if there is no image store. */
  readonly images: ListImages | undefined;
  /** Lists the installers for a machine; `undefined` if that is unknown. */
  readonly installers: ListInstallers | undefined;
  /** Asks the rack of this process to scan networks; `undefined`: it has none. */
  readonly scan: RegionOptions['scan'];
  /** The upstream DNS servers that do not answer the racks. */
  readonly upstreams = new UpstreamStates();
  /** The addresses that racks have set aside, because a host uses them without a lease. */
  readonly setAside = new SetAsideAddresses();
  readonly #startId: string;
  readonly #isOnDuty: () => boolean;
  readonly #deadlines: StatusDeadlines;
  readonly #enlistmentLog = new EnlistmentLog();
  readonly #mirror: MachineMirror;
  readonly #reads = new LatestRun(() => this.#read());
  /** The contents of the mirror whose settings have been read; empty: none. */
  #settingsOf = '';
  readonly #announcements: StateAnnouncements;
  #config: RegionConfig;

  constructor(options: RegionOptions) {
    this.store = options.store;
    this.clock = options.clock;
    this.#startId = Buffer.from(options.clock.randomBytes(START_ID_BYTES)).toString('base64url');
    const isShared = options.isOnDuty !== undefined;
    this.#mirror = new MachineMirror(
      options.store,
      isShared ? (systemIds) => options.power?.follow(systemIds) : undefined,
    );
    this.racks = new Racks(options.store, options.clock);
    this.racks.homes.subscribe(({ systemId }) => this.#changed([systemId]));
    this.passwords = new Passwords(options.clock, options.store.rates);
    this.fetchKeys = options.fetchKeys;
    this.searches = new Searches(options.clock);
    this.identity = new MachineIdentity(options.store, options.clock, (systemIds) => this.#changed(systemIds));
    this.#config = options.config;
    const ownRack = () => this.#config.ownRack;
    const onChange = (): void => this.#announcements.announce();
    this.settings = new RegionSettings({
      ...options,
      racks: this.racks,
      rules: options.rules ?? NO_RULES,
      ownRack,
      ownFile: () => this.#config.ownFile,
      onChange,
    });
    this.networks = new Networks({
      ...options,
      racks: this.racks,
      settings: this.settings,
      config: () => this.#config,
      onChange,
    });
    this.#isOnDuty = options.isOnDuty ?? (() => true);
    this.#deadlines = new StatusDeadlines(options.store, options.clock, this.#isOnDuty);
    this.power = options.power;
    this.bootImages = new BootImages(options);
    this.images = options.listImages;
    this.installers = options.listInstallers;
    this.scan = options.scan;
    this.preseeds = new MachinePreseeds({
      ...options,
      config: () => this.#config,
      ntpServers: () => this.settings.ntpServers(),
    });
    this.life = new MachineLife({
      ...options,
      deadlines: this.#deadlines,
      racks: this.racks,
      networks: this.networks,
      installProblem: (machine) => this.preseeds.installProblem(machine),
      retries: () => this.#config.retries,
      onChange: ({ systemId }) => this.#changed([systemId]),
    });
    this.#announcements = new StateAnnouncements({
      clock: options.clock,
      isShared,
      state: () => this.desiredState(),
      rewinds: () => this.#mirror.rewinds,
      onState: options.onDesiredState,
      tellOthers: () => this.store.neighbours?.announce(),
      readOthers: () => this.racks.refresh(),
      poll: () => this.#poll(),
    });
  }

  /** Reads the store; call it once, before anything else. */
  async begin(): Promise<void> {
    await this.racks.refresh();
    await this.#reads.run();
    this.#announcements.begin(this.#mirror.version);
    this.racks.subscribe(() => this.store.neighbours?.announce());
    this.store.neighbours?.listen(() => this.#announcements.heard());
  }

  /** The version of the desired state that was announced last. */
  get announcedVersion(): number {
    return this.#announcements.version;
  }

  /** The configuration in force. */
  config(): RegionConfig {
    return this.#config;
  }

  /** Replaces the configuration; work in flight keeps the old one. */
  configure(config: RegionConfig): void {
    this.#config = config;
  }

  /**
   * The desired state for one rack, with all that is stored. @param rackUuid undefined: the rack of
   * this process
   */
  async desiredState(rackUuid?: string): Promise<DesiredState> {
    await this.#reads.run();
    return this.#stateFor(rackUuid, this.#mirror.list());
  }

  /** The desired state of a rack: whole, or the differences from the state that the rack has. */
  async stateUpdate(rackUuid: string, { ifNoneMatch, takesChanges }: StateRequest): Promise<StateUpdate> {
    await this.#reads.run();
    const { version } = this.#mirror;
    const basis = this.racks.networksVersion + this.#mirror.rewinds;
    const stateMark = knownMark(ifNoneMatch, this.#startId);
    const tag = stateTag({ version, basis, startId: this.#startId });
    const isOnBasis = stateMark?.basis === basis;
    if (isOnBasis && stateMark.version === version) return { kind: 'unchanged', tag };
    const changed = takesChanges && isOnBasis ? this.#mirror.changedSince(stateMark.version) : undefined;
    if (changed === undefined) return { kind: 'state', tag, state: this.#stateFor(rackUuid, this.#mirror.list()) };
    const present = [...changed].flatMap((systemId) => this.#mirror.find(systemId) ?? []);
    const gone = [...changed].filter((systemId) => this.#mirror.find(systemId) === undefined);
    return { kind: 'state-changes', tag, changes: { ...this.#stateFor(rackUuid, present), gone } };
  }

  #stateFor(rackUuid: string | undefined, among: readonly RackMachine[]): DesiredState {
    const settings = this.settings.of(rackUuid);
    const machines = this.racks.homes.machinesFor(rackUuid, among);
    const reserved = reservedForRacks(this.networks.stored);
    const state = { schema: 2, version: this.#mirror.version, machines } as const;
    return {
      ...state,
      ...(settings === undefined ? {} : { settings }),
      ...(reserved === undefined ? {} : { reserved }),
    };
  }

  /** Calls `listener` after each change of the desired state, with its version. @returns unsubscribes */
  subscribe(listener: (version: number) => void): () => void {
    return this.#announcements.subscribe(listener);
  }

  /**
   * As the store's; follows the clock first, because a rolled back adjustment of deadlines would be
   * lost (`status-deadlines.ts`).
   */
  async transact<T>(work: () => Promise<T>): Promise<T> {
    await this.#deadlines.follow();
    return await this.store.transact(work);
  }

  /**
   * Reports at or below the highest sequence stored for `source` are skipped; a rack that restarts
   * its sequence uses a new source.
   * @param rackUuid as for `desiredState`
   * @returns how many were new
   */
  async observe(reports: readonly RackReport[], source = 'rack', rackUuid?: string): Promise<number> {
    if (reports.length === 0) return 0;
    // The consequences of reports are stored in the same transaction: after a crash between the two
    // nothing would bring them back.
    return await this.transact(async () => {
      const uuid = rackUuid ?? this.#config.ownRack?.uuid;
      const ranges = uuid === undefined ? undefined : () => listDynamicRanges(this.settings.interfacesOf(uuid));
      const weighed = await this.racks.homes.weigh(reports, source, rackUuid, ranges);
      const { added, booting, started, leased } = await this.store.recordReports(source, weighed, rackUuid);
      await this.life.seen({ started, seen: booting, leased });
      this.upstreams.note(uuid === undefined ? source : (this.racks.find(uuid)?.name ?? source), reports);
      this.setAside.note(uuid ?? '', reports);
      return added;
    });
  }

  async enlist(report: EnlistmentReport): Promise<EnlistmentOutcome<EnlistmentRefusal>> {
    const atMs = this.clock.wallTimeMs();
    const { newMachinesMax, nameFrom } = this.#config;
    const options = { clock: this.clock, atMs, newMachinesMax, nameFrom };
    const weighed = weighReport(report);
    const query = { macs: weighed.evidence.macs, values: weighed.keys, atMs };
    const thin = this.#enlistmentLog.thinning(this.clock.now());
    const outcome = await this.store.enlist(query, (knowledge) => thin(decideEnlistment(weighed, knowledge, options)));
    if (outcome.kind === 'create' || outcome.kind === 'amend') {
      const others = outcome.others.map(({ systemId }) => systemId);
      const gone = outcome.goneId === undefined ? [] : [outcome.goneId];
      if (report.facts !== undefined) await tagByHardware(this.store, outcome.machine, atMs);
      await this.#changed([outcome.machine.systemId, ...others, ...gone]);
    }
    if (outcome.kind === 'refuse' && report.username === undefined) {
      await this.store.recordEvent(refusedEvent(report, outcome.refusal, atMs), undefined);
    }
    return outcome;
  }

  async editMachine(systemId: string, edit: MachineEdit, username: string): Promise<MachineChangeOutcome<EditRefusal>> {
    const atMs = this.clock.wallTimeMs();
    const outcome = await this.store.changeMachine<EditRefusal>(systemId, atMs, (machine, { hostnames }) => {
      const hostname = edit.hostname;
      if (hostname !== undefined && hostname !== machine.hostname) {
        const isTaken = hostnames.get(hostname);
        if (isTaken === undefined) {
          const macs = machine.interfaces.map(({ mac }) => mac);
          return { kind: 'ask', hostnames: [hostname], host: { macs, username: undefined } };
        }
        if (isTaken) return { kind: 'refuse', refusal: fieldRefusal(hostnameTakenText(hostname)) };
      }
      const event: NewMachineEvent = {
        type: 'NODE',
        atMs,
        username,
        code: 'machine-edited',
        params: { fields: [] },
      };
      const isSet = edit.powerType !== undefined || edit.powerParameters !== undefined;
      const fields = isSet ? { ...edit, powerIsProposed: false } : edit;
      return { kind: 'change', fields, events: [event] };
    });
    if (outcome.kind === 'changed') await this.#changed([systemId]);
    return outcome;
  }

  /** Removes a machine and its allocations. */
  async removeMachine(systemId: string, username: string, spared: Spared = 'owned'): Promise<Removal> {
    const options = { username, spared, atMs: this.clock.wallTimeMs() };
    const outcome = await this.store.transact(() => removeWithDevices(this.store, systemId, options));
    if (outcome === 'removed') await this.#changed([systemId]);
    return outcome;
  }

  /** After a change in the store directly. */
  machinesChanged(): Promise<void> {
    return this.#changed([]);
  }

  close(): void {
    this.#announcements.close();
  }

  /**
   * Reads what has changed in the store. Machines, settings and networks of one state are read
   * together, in one run at a time.
   */
  async #read(): Promise<void> {
    await this.#mirror.refresh();
    const { version, rewinds } = this.#mirror;
    const contents = `${version}.${rewinds}`;
    // The networks read the settings first.
    if (contents !== this.#settingsOf) await this.networks.look();
    // Only now: if they could not be read, the next run reads them.
    this.#settingsOf = contents;
  }

  /**
   * Machines were changed, or removed; once that is on disk, their power is followed and racks hear
   * of it.
   */
  #changed(systemIds: readonly string[]): Promise<void> {
    return this.store.afterCommit(() => {
      this.power?.follow(systemIds);
      this.#announcements.announce();
    });
  }

  /** Notices silent racks, and ends overdue states. */
  async #poll(): Promise<void> {
    if (!this.#isOnDuty()) return;
    await this.racks.logAway();
    await this.life.endOverdue();
  }
}

/** A region on an open store, as other rooms see it. */
export type Region = Omit<RegionOnStore, 'begin'>;
