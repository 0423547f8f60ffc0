// The daemon's process, the only module that knows every room. It loads the state, starts the
// servers, reloads and stops.
//
//   start       ─ log, control socket, journal ∥ network, interfaces, tree ─ bind ─ `rack-answers.ts` loads ─ region's thread ─ ready
//   reload      ─ configuration file ─ applyConfig (an invalid one is refused and nothing changes)
//   interfaces  ─ rack.setInterfaces, logged
//   stop        ─ finish work in progress (`daemon/start/shutdown.ts`), end the region, close the journal
//
// 1. A failed start closes everything it opened and throws one RackError: nothing is half-started.
// 2. The region starts after the rack answers and never delays it; whether it can start is checked
//    beforehand.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { formatProblems } from '../config/config-file.ts';
import { findHostOverlaps } from '../config/host-check.ts';
import { listPinnedKeys } from '../config/merge.ts';
import type { RackConfig } from '../config/rack-config.ts';
import type { UsableConfig } from '../config/resolve-file.ts';
import { type ConfigWatch, watchConfig } from '../config/watch.ts';
import { ControlServer } from '../control/server.ts';
import { formatIpv4 } from '../ground/address.ts';
import { type Clock, type Instant, withTimeout } from '../ground/clock.ts';
import { keepCompiledCode } from '../ground/compiled-code.ts';
import { RackError } from '../ground/errors.ts';
import type { DesiredState } from '../machines/machine.ts';
import type { HostInterface } from '../net/host-interface.ts';
import type { InterfaceWatch } from '../net/watch/interfaces.ts';
import { EventStream } from '../observe/event-stream.ts';
import { logEvents, openLog } from '../observe/log.ts';
import { LogLevels } from '../observe/log-levels.ts';
import { Timeline } from '../observe/timeline.ts';
import type { RegionConfig } from '../region/config.ts';
import { SERVERS_NAMED_MAX } from '../region/records/heartbeat-bounds.ts';
import type { RackDescription } from '../region/records/rack-description.ts';
import type { RackTask, ServerSearch, TaskAnswer } from '../region/records/rack-request.ts';
import type { DaemonEvent } from '../region/reports/daemon-events.ts';
import { type RackNote, withText } from '../region/reports/notes.ts';
import type { WorkerLeaseJournal } from '../store/leases/lease-journal.ts';
import { readDesiredState } from '../uplink/desired-state-cache.ts';
import { attributeEvents } from './observing/attribution.ts';
import { HostEvents } from './observing/host-events.ts';
import { watchClock } from './rack/clock-watch.ts';
import type { Configuration, ConfigurationDeps } from './rack/configuration.ts';
import { describeHost, describeRack } from './rack/description.ts';
import { InterfaceStates } from './rack/interface-states.ts';
import { loadLeases } from './rack/lease-loading.ts';
import { LiveTree } from './rack/live-tree.ts';
import { measureRack } from './rack/measures.ts';
import { Rack } from './rack/rack.ts';
import { makeConfigurationDeps } from './rack/reconfigure.ts';
import { describeKnownHosts, RegionSide } from './rack/region-side.ts';
import { returnMemory } from './rack/returned-memory.ts';
import type { ServerNames } from './rack/server-names.ts';
import type { RackAnswers } from './rack-answers.ts';
import type { Daemon, DaemonOptions } from './service.ts';
import type { BegunStart } from './start/begin-start.ts';
import type { DamagedLeases } from './start/damaged-leases.ts';
import { namePortOwners } from './start/name-port-owners.ts';
import { openServiceNotices, type ServiceNotices } from './start/service-notices.ts';
import { closeAll, finishWork, startProcess } from './start/shutdown.ts';

/**
 * How long the rehearsal waits for the start of an embedded region, in milliseconds. Both need the
 * processor.
 */
const REGION_WAIT_MS = 10_000;

type TreePorts = Parameters<typeof LiveTree.open>[1];

/**
 * Awaits the parts that `beginStart` began to open, and opens the tree meanwhile. Each opened part
 * is closed with the others, even if another part cannot be opened.
 * @param readiness a further check that must succeed
 * @throws RackError of the first part that cannot be opened
 */
async function openParts(
  { opening: openingParts, open }: BegunStart,
  { boot }: RackConfig,
  ports: TreePorts,
  readiness: Promise<void>,
) {
  const opening = [...openingParts, open(LiveTree.open(boot.tree, ports), (tree) => tree.close()), readiness] as const;
  // Wait for all of them, so that parts that did open are closed when another failed.
  await Promise.allSettled(opening);
  return await Promise.all(opening);
}

function reportLostLeases(
  note: RackNote | undefined,
  { clock, publish }: { readonly clock: Clock; readonly publish: (event: DaemonEvent) => void },
): readonly RackNote[] {
  if (note === undefined) return [];
  publish({ kind: 'daemon.leases-lost', at: clock.now(), ...withText(note) });
  return [note];
}

/** @throws RackError `config-invalid`, naming each key of `file` that does not fit the host's interfaces */
function checkHost(file: string, usable: UsableConfig, host: readonly HostInterface[]): void {
  const problems = findHostOverlaps(usable, host);
  if (problems.length > 0) throw new RackError('config-invalid', formatProblems(file, problems));
}

/**
 * Starts the rack and resolves when it answers requests. If it fails, the caller closes everything
 * that was opened.
 * @throws RackError
 */
export async function startRackProcess(
  options: DaemonOptions,
  begunStart: BegunStart,
  startedAt: Instant,
): Promise<Daemon> {
  return await startProcess(new RackProcess(options, begunStart), startedAt);
}

class RackProcess implements Daemon {
  readonly #options: DaemonOptions;
  readonly #stream = new EventStream();
  readonly #hostEvents = new HostEvents((mac) => this.#rack?.machines.findByMac(mac) !== undefined);
  /** Functions that close what was opened, in order of opening; called in reverse. */
  readonly #closers: BegunStart['opened'];
  readonly #begunStart: BegunStart;
  readonly #configuration: Configuration;
  readonly #configurationPorts: ConfigurationDeps;
  #tree: LiveTree | undefined;
  readonly #log: Logger;
  readonly #levels: LogLevels;
  readonly #timeline: Timeline;
  /** `undefined` until the rack's sockets are open. */
  #answers: RackAnswers | undefined;
  readonly #reopenLog: () => void;
  readonly #notices: ServiceNotices;
  #journal: WorkerLeaseJournal | undefined;
  #rack: Rack | undefined;
  readonly #region: RegionSide;
  #configWatch: ConfigWatch | undefined;
  #hostInterfaces: readonly HostInterface[] = [];
  readonly #interfaces = new InterfaceStates(this.#stream.publish);
  readonly #damagedLeases: DamagedLeases;
  #notes: readonly RackNote[] = [];
  #watchNotes: Pick<InterfaceWatch, 'notes' | 'onNotesComplete'> | undefined;
  /** `undefined` if the configuration has named no server yet. */
  #serverNames: ServerNames | undefined;
  #stopping: Promise<void> | undefined;
  readonly #startedWallMs: number;
  readonly #publishNote = (note: RackNote): void =>
    this.#publish({ kind: 'daemon.note', at: this.#options.clock.now(), ...withText(note) });

  constructor(options: DaemonOptions, begunStart: BegunStart) {
    this.#options = options;
    this.#begunStart = begunStart;
    this.#closers = begunStart.opened;
    this.#configuration = begunStart.configuration;
    this.#damagedLeases = begunStart.damagedLeases;
    this.#region = new RegionSide({
      clock: options.clock,
      version: options.version,
      stream: this.#stream,
      config: () => this.#config,
      regionConfig: (config) => this.#buildRegionConfig(config),
      describe: (uuid) => this.#describe(uuid),
      measure: () =>
        this.#rack === undefined
          ? undefined
          : { ...measureRack(this.#rack, this.#startedWallMs), host: this.#answers?.hostState() },
      knownHosts: describeKnownHosts(() => this.#rack),
      apply: (state) => this.#apply(state),
      scan: (scan) => this.#rack?.neighbourhood?.scan(scan) ?? 'unheard',
      doTask: (task) => this.#doTask(task),
      onFatal: (error) => {
        if (this.#stopping === undefined) void this.close().then(() => options.onFatal(error));
      },
    });
    this.#startedWallMs = options.clock.wallTimeMs();
    const log = openLog(this.#config.log);
    this.#log = log.logger;
    this.#reopenLog = log.reopen;
    const levels = new LogLevels(this.#config.log, { clock: options.clock, publish: this.#stream.publish });
    this.#levels = levels;
    this.#configurationPorts = makeConfigurationDeps({
      clock: options.clock,
      publish: this.#stream.publish,
      host: () => this.#hostInterfaces,
      rack: () => this.#rack,
      tree: () => this.#tree,
      log,
      uplink: () => this.#region.uplink,
      regionConfig: (config) => this.#buildRegionConfig(config),
      onConfigApplied: (config) => {
        levels.configure(config.log);
        void this.#answers?.instruments.configure(config);
        this.#reportInterfaces();
        void this.#lookUpServers();
      },
    });
    logEvents(this.#log, this.#stream, levels);
    this.#timeline = new Timeline(this.#stream.publish);
    this.#timeline.read(this.#stream);
    this.#notices = openServiceNotices({
      clock: options.clock,
      notify: options.notify,
      interfaces: () => this.#interfaces.states,
      region: () => this.#region.status(),
      journal: () => this.#journal,
      publish: this.#stream.publish,
    });
  }

  async start(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      throw namePortOwners(error, this.#config);
    }
  }

  async #start(): Promise<void> {
    const { clock, configFile } = this.#options;
    const { publish } = this.#stream;
    const config = this.#config;
    await this.#openControl(config);
    this.#region.identify();
    const lostNotes = reportLostLeases(this.#begunStart.lostLeases, { clock, publish });
    this.#damagedLeases.announce(publish);
    const readiness = this.#region.check();
    const [leaseFile, network, interfaces, tree] = await openParts(
      this.#begunStart,
      config,
      { clock, publish, outsideFiles: this.#options.outsideFiles },
      readiness,
    );
    this.#journal = leaseFile.journal;
    this.#tree = tree;
    this.#hostInterfaces = interfaces.current();
    checkHost(configFile, this.#configuration.usable, this.#hostInterfaces);
    const sequence = (): number => leaseFile.journal.status().durableSequence;
    const loadingDeps = { stateDir: config.stateDir, clock, publish, onProblem: this.#publishNote, sequence };
    const { table, moment, leaseEnds, notes, close } = loadLeases(leaseFile, loadingDeps);
    const rack = new Rack(
      {
        clock,
        network,
        wire: interfaces.wire,
        journal: leaseFile.journal,
        table,
        tree,
        publish: attributeEvents(table, this.#hostEvents.createFilter(publish)),
        passing: this.#region.makePassing(),
        onForeignChange: () => this.#region.uplink?.introduce(),
        onImported: (leases) => this.#region.uplink?.reportLeases(leases),
        onEndsReported: leaseEnds.noteReported,
      },
      config,
    );
    this.#rack = rack;
    const clockWatch = watchClock({ clock, publish, moment, dhcp: rack.dhcp });
    this.#closers.push(close, () => rack.close(), clockWatch.close);
    const cachedState = readDesiredState(config.stateDir, (note) =>
      this.#publish({ kind: 'region.cache', at: clock.now(), ...withText(note) }),
    );
    void this.#apply(cachedState);
    this.#region.openUplink(cachedState);
    await rack.open(this.#hostInterfaces);
    this.#reportInterfaces();

    tree.watch();
    this.#closers.push(interfaces.onChange((host) => void this.#handleInterfaceChange(host)));
    // The first turn may only finish a poll of the sockets that began earlier; the second one
    // answers the requests that have arrived by now.
    await nextTurn();
    await nextTurn();
    await this.#openAnswers();
    void this.#lookUpServers();
    this.#notes = [...lostNotes, ...notes, ...network.notes];
    this.#watchNotes = interfaces;
    this.#configWatch = watchConfig(configFile, clock, {
      onChange: () =>
        void this.#notices.duringReload(() => {
          this.#configuration.readFile(this.#configurationPorts);
          return this.#configuration.whenSettled;
        }),
      onProblem: this.#publishNote,
    });
    this.#closers.push(
      () => this.#configWatch?.close(),
      () => this.#region.close(),
    );
    this.#region.start();
    leaseEnds.reportMissed(rack.dhcp);
  }

  announce(startedAt: number): void {
    const { clock, version } = this.#options;
    for (const note of [...this.#notes, ...(this.#rack?.notes ?? [])]) this.#publishNote(note);
    this.#watchNotes?.onNotesComplete(() => this.#watchNotes?.notes.forEach(this.#publishNote));
    const startMs = Math.round(clock.now() - startedAt);
    this.#publish({ kind: 'daemon.ready', at: clock.now(), name: this.#config.name, version, startMs });
    this.#configuration.announce(this.#configurationPorts);
    this.#notices.reportReady();
    void (this.#options.isLab === true ? nextTurn() : this.#rehearse()).then(() => this.#finishStart());
  }

  async #rehearse(): Promise<void> {
    const { clock } = this.#options;
    await withTimeout(clock, REGION_WAIT_MS, this.#region.whenBegun, () => undefined);
    const { rehearseDhcp } = await import('./rehearsal.ts');
    await rehearseDhcp({
      clock,
      config: this.#config,
      countRequests: () =>
        Object.values(this.#rack?.dhcp.counters().messages ?? {}).reduce((sum, count) => sum + count, 0) +
        (this.#rack?.http.counters().requests ?? 0),
      isLoading: () => this.#stopping === undefined && (this.#rack?.transfers ?? 0) > 0,
      isEnding: () => this.#stopping !== undefined,
    });
  }

  #finishStart(): void {
    keepCompiledCode();
    if (this.#tree === undefined || this.#stopping !== undefined) return;
    const memory = returnMemory(this.#tree, this.#options.clock);
    this.#closers.push(() => memory.close());
  }

  reload(): void {
    void this.#notices.duringReload(() => {
      this.#reopenLog();
      this.#configWatch?.reload();
      return this.#configuration.whenSettled;
    });
  }

  stop(signal: string): Promise<void> {
    this.#publish({ kind: 'daemon.stopping', at: this.#options.clock.now(), signal });
    this.#stopping ??= this.#finishAndClose();
    return this.#stopping;
  }

  async #finishAndClose(): Promise<void> {
    const { clock } = this.#options;
    const startedAt = clock.now();
    const parts = { clock, publish: this.#stream.publish, notices: this.#notices };
    const cutTransfers = this.#rack === undefined ? 0 : await finishWork(this.#rack, parts);
    await this.#closeAll(() => {
      const milliseconds = Math.round(clock.now() - startedAt);
      this.#publish({ kind: 'daemon.stopped', at: clock.now(), milliseconds, cut: cutTransfers });
    });
  }

  close(): Promise<void> {
    this.#stopping ??= this.#closeAll();
    return this.#stopping;
  }

  async #closeAll(onClosed?: () => void): Promise<void> {
    const parts = { logger: this.#log, notices: this.#notices, stream: this.#stream };
    // A failed start closes what was still being opened, too.
    await Promise.allSettled(this.#begunStart.opening);
    await closeAll(this.#closers, parts, onClosed);
  }

  get #config(): RackConfig {
    return this.#configuration.config;
  }

  #publish(event: DaemonEvent): void {
    this.#stream.publish(event);
  }

  async #openControl(config: RackConfig): Promise<void> {
    const control = new ControlServer({
      stateDir: config.stateDir,
      secret: this.#region.controlSecret,
      region: () => this.#region.operatorEndpoint,
      elsewhere: this.#region.elsewhere,
      isServing: () => this.#configWatch !== undefined,
      answers: () => this.#answers?.control ?? {},
    });
    await control.open();
    this.#closers.push(() => control.close());
  }

  async #openAnswers(): Promise<void> {
    const { makeRackAnswers } = await import('./rack-answers.ts');
    const view = {
      clock: this.#options.clock,
      version: this.#options.version,
      startedWallMs: this.#startedWallMs,
      stream: this.#stream,
      timeline: this.#timeline,
      configuration: this.#configuration,
      host: () => this.#hostInterfaces,
      rack: () => this.#rack,
      journal: () => this.#journal?.status(),
      uplink: () => this.#region.status(),
      interfaces: () => this.#interfaces.states,
      notes: () => [
        ...this.#notes,
        ...this.#damagedLeases.notes,
        ...(this.#watchNotes?.notes ?? []),
        ...(this.#serverNames?.notes ?? []),
      ],
      withheld: () => this.#hostEvents.withheld,
    };
    const answers = makeRackAnswers(view, this.#region, this.#levels, this.#begunStart.threads);
    const { instruments } = answers;
    this.#answers = answers;
    this.#closers.push(() => instruments.close());
    await instruments.configure(this.#config);
  }

  /** Looks up the servers that the configuration names. Without any, no code for it is loaded. */
  async #lookUpServers(): Promise<void> {
    if (this.#serverNames === undefined && this.#config.serverNames.length === 0) return;
    const { makeLookUp, ServerNames } = await import('./rack/server-names.ts');
    if (this.#stopping !== undefined) return;
    if (this.#serverNames === undefined) {
      const names = new ServerNames({
        clock: this.#options.clock,
        lookUp: makeLookUp(() => this.#config.dns),
        names: () => this.#config.serverNames,
        useAddresses: (addressesOf) => this.#configuration.useAddresses(this.#configurationPorts, addressesOf),
        report: this.#publishNote,
      });
      this.#serverNames = names;
      this.#closers.push(() => names.close());
    }
    await this.#serverNames.lookUpNew();
  }

  async #doTask(task: RackTask): Promise<TaskAnswer> {
    switch (task.kind) {
      case 'search':
        return await this.#searchServers(task);
      case 'wake': {
        const interfaces = this.#rack?.neighbourhood?.wake(task) ?? [];
        return interfaces.length === 0 ? { outcome: 'absent' } : { outcome: 'done', interfaces: [...interfaces] };
      }
      case 'hear': {
        const isHeard = await this.#rack?.neighbourhood?.isHeard(task);
        return isHeard === undefined ? { outcome: 'absent' } : { outcome: 'done', isHeard };
      }
      case 'end':
      case 'clear':
        return (await this.#rack?.leaseCommands.applyChange(task)) ?? { outcome: 'unwritten' };
    }
  }

  async #searchServers({ interface: interfaceName }: ServerSearch): Promise<TaskAnswer> {
    const { name, mac } = this.#hostInterfaces.find((candidate) => candidate.name === interfaceName) ?? {};
    const servers =
      name === undefined || mac === undefined || mac === 0
        ? undefined
        : await this.#rack?.dhcp.searchServers(name, mac);
    if (servers === undefined) return { outcome: 'absent' };
    return { outcome: 'done', servers: servers.slice(0, SERVERS_NAMED_MAX).map(formatIpv4) };
  }

  #describe(uuid: string): RackDescription {
    const { usable, settingsRefused } = this.#configuration;
    const foreign = this.#rack?.dhcp.foreignServers();
    const pinned = listPinnedKeys(usable.file.values);
    const { version } = this.#options;
    return describeRack(this.#config, uuid, version, pinned, settingsRefused, foreign, this.#hostInterfaces);
  }

  #buildRegionConfig(config: RackConfig): RegionConfig {
    const { path: file, usable } = this.#configuration;
    const ownRack = { uuid: this.#region.uuid, name: config.name, file, values: usable.file.values };
    return {
      ...config.region,
      rackSecret: this.#region.secret,
      controlSecret: this.#region.controlSecret,
      ownRack,
      counterMemory: this.#answers?.instruments.memory,
    };
  }

  /** Applies the state's machines at once. Resolves when its settings are in force or refused. */
  #apply(state: DesiredState): Promise<void> {
    const { version, machines, settings } = state;
    this.#rack?.setDesiredState(state);
    this.#configuration.useStored(this.#configurationPorts, settings);
    this.#publish({ kind: 'region.desired-state', at: this.#options.clock.now(), version, machines: machines.length });
    return this.#configuration.whenSettled;
  }

  async #handleInterfaceChange(host: readonly HostInterface[]): Promise<void> {
    const hasChanged = !isDeepStrictEqual(describeHost(host), describeHost(this.#hostInterfaces));
    this.#hostInterfaces = host;
    await this.#rack?.setInterfaces(host);
    if (hasChanged) this.#region.uplink?.introduce();
    this.#reportInterfaces();
  }

  #reportInterfaces(): void {
    this.#interfaces.update(this.#config.clusterInterfaces, this.#hostInterfaces, this.#options.clock.now());
  }
}
