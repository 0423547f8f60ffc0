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
import { type Clock, type Instant, within } from '../ground/clock.ts';
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
import { reconfigurationPorts } from './rack/reconfigure.ts';
import { describeKnownHosts, RegionSide } from './rack/region-side.ts';
import { returnMemory } from './rack/returned-memory.ts';
import type { ServerNames } from './rack/server-names.ts';
import type { RackAnswers } from './rack-answers.ts';
import type { Daemon, DaemonOptions } from './service.ts';
import type { BegunStart } from './start/begin-start.ts';
import type { DamagedLeases } from './start/damaged-leases.ts';
import { namePortOwners } from './start/name-port-owners.ts';
import { openServiceNotices, type ServiceNotices } from './start/service-notices.ts';
import { closeAll, finishWork, startWhole } from './start/shutdown.ts';

/**
 * How long the rehearsal waits for the start of an embedded region, which needs the processor as
 * much, in milliseconds.
 */
const REGION_AWAITED_MS = 10_000;

type TreePorts = Parameters<typeof LiveTree.open>[1];

/**
 * Awaits the parts that `beginStart` began to open, and opens the tree meanwhile. Each opened part
 * is closed with the others, even if another one cannot be opened.
 * @param ready a further check that must succeed
 * @throws RackError the first part's that cannot be opened
 */
async function openParts(
  { opening: begun, open }: BegunStart,
  { boot }: RackConfig,
  ports: TreePorts,
  ready: Promise<void>,
) {
  const opening = [...begun, open(LiveTree.open(boot.tree, ports), (tree) => tree.close()), ready] as const;
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
 * that was opened. @throws RackError
 */
export async function startRackProcess(options: DaemonOptions, begun: BegunStart, startedAt: Instant): Promise<Daemon> {
  return await startWhole(new RackProcess(options, begun), startedAt);
}

class RackProcess implements Daemon {
  readonly #options: DaemonOptions;
  readonly #stream = new EventStream();
  readonly #hostEvents = new HostEvents((mac) => this.#rack?.machines.findByMac(mac) !== undefined);
  /** Functions that close what was opened, in order of opening; called in reverse. */
  readonly #opened: BegunStart['opened'];
  readonly #begun: BegunStart;
  readonly #configuration: Configuration;
  readonly #configurationPorts: ConfigurationDeps;
  #tree: LiveTree | undefined;
  readonly #log: Logger;
  readonly #levels: LogLevels;
  readonly #timeline: Timeline;
  /** Undefined until the rack's sockets are open. */
  #answers: RackAnswers | undefined;
  readonly #reopenLog: () => void;
  readonly #notices: ServiceNotices;
  #journal: WorkerLeaseJournal | undefined;
  #rack: Rack | undefined;
  readonly #region: RegionSide;
  #watch: ConfigWatch | undefined;
  #host: readonly HostInterface[] = [];
  readonly #interfaces = new InterfaceStates(this.#stream.publish);
  readonly #damaged: DamagedLeases;
  #notes: readonly RackNote[] = [];
  #watchNotes: Pick<InterfaceWatch, 'notes' | 'onNotesComplete'> | undefined;
  /** Undefined: the configuration has named no server yet. */
  #serverNames: ServerNames | undefined;
  #stopping: Promise<void> | undefined;
  readonly #startedWallMs: number;
  readonly #note = (note: RackNote): void =>
    this.#publish({ kind: 'daemon.note', at: this.#options.clock.now(), ...withText(note) });

  constructor(options: DaemonOptions, begun: BegunStart) {
    this.#options = options;
    this.#begun = begun;
    this.#opened = begun.opened;
    this.#configuration = begun.configuration;
    this.#damaged = begun.damaged;
    this.#region = new RegionSide({
      clock: options.clock,
      version: options.version,
      stream: this.#stream,
      config: () => this.#config,
      regionConfig: (config) => this.#regionConfig(config),
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
    this.#configurationPorts = reconfigurationPorts({
      clock: options.clock,
      publish: this.#stream.publish,
      host: () => this.#host,
      rack: () => this.#rack,
      tree: () => this.#tree,
      log,
      uplink: () => this.#region.uplink,
      regionConfig: (config) => this.#regionConfig(config),
      applied: (config) => {
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
    const lost = reportLostLeases(this.#begun.lost, { clock, publish });
    this.#damaged.announce(publish);
    const ready = this.#region.check();
    const [stored, network, interfaces, tree] = await openParts(
      this.#begun,
      config,
      { clock, publish, outsideFiles: this.#options.given },
      ready,
    );
    this.#journal = stored.journal;
    this.#tree = tree;
    this.#host = interfaces.current();
    checkHost(configFile, this.#configuration.usable, this.#host);
    const sequence = (): number => stored.journal.status().durableSequence;
    const loading = { stateDir: config.stateDir, clock, publish, onProblem: this.#note, sequence };
    const { table, moment, ends, notes, close } = loadLeases(stored, loading);
    const rack = new Rack(
      {
        clock,
        network,
        wire: interfaces.wire,
        journal: stored.journal,
        table,
        tree,
        publish: attributeEvents(table, this.#hostEvents.before(publish)),
        passing: this.#region.passing(),
        onForeignChange: () => this.#region.uplink?.introduce(),
        onImported: (leases) => this.#region.uplink?.reportLeases(leases),
        onEndsReported: ends.note,
      },
      config,
    );
    this.#rack = rack;
    const watching = watchClock({ clock, publish, moment, dhcp: rack.dhcp });
    this.#opened.push(close, () => rack.close(), watching.close);
    const cached = readDesiredState(config.stateDir, (note) =>
      this.#publish({ kind: 'region.cache', at: clock.now(), ...withText(note) }),
    );
    void this.#apply(cached);
    this.#region.gather(cached);
    await rack.open(this.#host);
    this.#reportInterfaces();

    tree.watch();
    this.#opened.push(interfaces.onChange((host) => void this.#interfacesChanged(host)));
    // The first turn may only finish a poll of the sockets that began earlier; the second one
    // answers the requests that have arrived by now.
    await nextTurn();
    await nextTurn();
    await this.#openAnswers();
    void this.#lookUpServers();
    this.#notes = [...lost, ...notes, ...network.notes];
    this.#watchNotes = interfaces;
    this.#watch = watchConfig(configFile, clock, {
      onChange: () =>
        void this.#notices.around(() => {
          this.#configuration.readFile(this.#configurationPorts);
          return this.#configuration.whenSettled;
        }),
      onProblem: this.#note,
    });
    this.#opened.push(
      () => this.#watch?.close(),
      () => this.#region.close(),
    );
    this.#region.start();
    ends.reportMissed(rack.dhcp);
  }

  announce(startedAt: number): void {
    const { clock, version } = this.#options;
    for (const note of [...this.#notes, ...(this.#rack?.notes ?? [])]) this.#note(note);
    this.#watchNotes?.onNotesComplete(() => this.#watchNotes?.notes.forEach(this.#note));
    const startMs = Math.round(clock.now() - startedAt);
    this.#publish({ kind: 'daemon.ready', at: clock.now(), name: this.#config.name, version, startMs });
    this.#configuration.announce(this.#configurationPorts);
    this.#notices.ready();
    void (this.#options.isOfLab === true ? nextTurn() : this.#rehearse()).then(() => this.#settleDown());
  }

  async #rehearse(): Promise<void> {
    const { clock } = this.#options;
    await within(clock, REGION_AWAITED_MS, this.#region.begun, () => undefined);
    const { rehearseDhcp } = await import('./rehearsal.ts');
    await rehearseDhcp({
      clock,
      config: this.#config,
      asked: () =>
        Object.values(this.#rack?.dhcp.counters().messages ?? {}).reduce((sum, count) => sum + count, 0) +
        (this.#rack?.http.counters().requests ?? 0),
      isLoading: () => this.#stopping === undefined && (this.#rack?.transfers ?? 0) > 0,
      isEnding: () => this.#stopping !== undefined,
    });
  }

  #settleDown(): void {
    keepCompiledCode();
    if (this.#tree === undefined || this.#stopping !== undefined) return;
    const memory = returnMemory(this.#tree, this.#options.clock);
    this.#opened.push(() => memory.close());
  }

  reload(): void {
    void this.#notices.around(() => {
      this.#reopenLog();
      this.#watch?.reload();
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
    const cut = this.#rack === undefined ? 0 : await finishWork(this.#rack, parts);
    await this.#closeAll(() => {
      const milliseconds = Math.round(clock.now() - startedAt);
      this.#publish({ kind: 'daemon.stopped', at: clock.now(), milliseconds, cut });
    });
  }

  close(): Promise<void> {
    this.#stopping ??= this.#closeAll();
    return this.#stopping;
  }

  async #closeAll(onClosed?: () => void): Promise<void> {
    const parts = { logger: this.#log, notices: this.#notices, stream: this.#stream };
    // A failed start closes what was still being opened, too.
    await Promise.allSettled(this.#begun.opening);
    await closeAll(this.#opened, parts, onClosed);
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
      isServing: () => this.#watch !== undefined,
      answers: () => this.#answers?.control ?? {},
    });
    await control.open();
    this.#opened.push(() => control.close());
  }

  async #openAnswers(): Promise<void> {
    const { rackAnswers } = await import('./rack-answers.ts');
    const view = {
      clock: this.#options.clock,
      version: this.#options.version,
      startedWallMs: this.#startedWallMs,
      stream: this.#stream,
      timeline: this.#timeline,
      configuration: this.#configuration,
      host: () => this.#host,
      rack: () => this.#rack,
      journal: () => this.#journal?.status(),
      uplink: () => this.#region.status(),
      interfaces: () => this.#interfaces.states,
      notes: () => [
        ...this.#notes,
        ...this.#damaged.notes,
        ...(this.#watchNotes?.notes ?? []),
        ...(this.#serverNames?.notes ?? []),
      ],
      withheld: () => this.#hostEvents.withheld,
    };
    const answers = rackAnswers(view, this.#region, this.#levels, this.#begun.threads);
    const { instruments } = answers;
    this.#answers = answers;
    this.#opened.push(() => instruments.close());
    await instruments.configure(this.#config);
  }

  /** Looks up the servers that the configuration names. Without any, no code for it is loaded. */
  async #lookUpServers(): Promise<void> {
    if (this.#serverNames === undefined && this.#config.serverNames.length === 0) return;
    const { lookUpWith, ServerNames } = await import('./rack/server-names.ts');
    if (this.#stopping !== undefined) return;
    if (this.#serverNames === undefined) {
      const names = new ServerNames({
        clock: this.#options.clock,
        lookUp: lookUpWith(() => this.#config.dns),
        names: () => this.#config.serverNames,
        use: (addressesOf) => this.#configuration.useAddresses(this.#configurationPorts, addressesOf),
        report: this.#note,
      });
      this.#serverNames = names;
      this.#opened.push(() => names.close());
    }
    await this.#serverNames.look();
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
        const isHeard = await this.#rack?.neighbourhood?.hears(task);
        return isHeard === undefined ? { outcome: 'absent' } : { outcome: 'done', isHeard };
      }
      case 'end':
      case 'clear':
        return (await this.#rack?.leaseCommands.change(task)) ?? { outcome: 'unwritten' };
    }
  }

  async #searchServers({ interface: wanted }: ServerSearch): Promise<TaskAnswer> {
    const { name, mac } = this.#host.find((candidate) => candidate.name === wanted) ?? {};
    const outward =
      name === undefined || mac === undefined || mac === 0
        ? undefined
        : await this.#rack?.dhcp.searchServers(name, mac);
    if (outward === undefined) return { outcome: 'absent' };
    return { outcome: 'done', servers: outward.slice(0, SERVERS_NAMED_MAX).map(formatIpv4) };
  }

  #describe(uuid: string): RackDescription {
    const { usable, settingsRefused } = this.#configuration;
    const foreign = this.#rack?.dhcp.foreignServers();
    const pinned = listPinnedKeys(usable.file.values);
    const { version } = this.#options;
    return describeRack(this.#config, uuid, version, pinned, settingsRefused, foreign, this.#host);
  }

  #regionConfig(config: RackConfig): RegionConfig {
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

  /** Applies its machines at once. Resolves when its settings are in force or refused. */
  #apply(state: DesiredState): Promise<void> {
    const { version, machines, settings } = state;
    this.#rack?.setDesiredState(state);
    this.#configuration.useStored(this.#configurationPorts, settings);
    this.#publish({ kind: 'region.desired-state', at: this.#options.clock.now(), version, machines: machines.length });
    return this.#configuration.whenSettled;
  }

  async #interfacesChanged(host: readonly HostInterface[]): Promise<void> {
    const hadOthers = !isDeepStrictEqual(describeHost(host), describeHost(this.#host));
    this.#host = host;
    await this.#rack?.setInterfaces(host);
    if (hadOthers) this.#region.uplink?.introduce();
    this.#reportInterfaces();
  }

  #reportInterfaces(): void {
    this.#interfaces.update(this.#config.clusterInterfaces, this.#host, this.#options.clock.now());
  }
}
