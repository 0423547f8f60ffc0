// The process of a region that runs apart from its racks: API, page and metadata, on `region.db` or
// on PostgreSQL. It serves no network. Racks on other hosts do, or a rack on this host with a state
// directory of its own.
//
//   startRegionProcess ─ configuration ─ lock, control socket, log ─ store ─ region ─ listeners ─ ready
//   reload             ─ configuration file ─ apply (an invalid one is refused and nothing changes)
//   stop               ─ end requests and power commands, close the store
//
// 1. A failed start closes everything that it opened, and throws one RackError.
// 2. The process notifies the service manager as a rack's process does, and notifies its watchdog
//    from the event loop.

import { join } from 'node:path';
import type { Logger } from 'pino';
import type { RegionFileConfig, UsableRegionFile } from '../config/region-file.ts';
import { type ConfigWatch, watchConfig } from '../config/watch.ts';
import { ControlServer } from '../control/server.ts';
import { makeLogLevelAnswers } from '../daemon/answers/log-level.ts';
import { ProcessInstruments, type ProcessMeasures } from '../daemon/observing/process-instruments.ts';
import { addProcess } from '../daemon/observing/process-metrics.ts';
import { addEvents, addRegion } from '../daemon/observing/shared-metrics.ts';
import type { Daemon } from '../daemon/service.ts';
import { ServiceNotices } from '../daemon/start/service-notices.ts';
import { closeAll, startProcess } from '../daemon/start/shutdown.ts';
import { isLoopback, parseIpv4 } from '../ground/address.ts';
import { type Clock, newUuid, withTimeout } from '../ground/clock.ts';
import { keepCompiledCode } from '../ground/compiled-code.ts';
import { withValue } from '../machines/settings.ts';
import type { NotifyOptions } from '../net/linux/notify-socket.ts';
import { EventStream } from '../observe/event-stream.ts';
import { Exposition } from '../observe/exposition.ts';
import type { Readiness } from '../observe/instrument-server.ts';
import { type Log, logEvents, openLog } from '../observe/log.ts';
import { LogLevels } from '../observe/log-levels.ts';
import { OPERATOR_SOCKET, type RegionConfig } from '../region/config.ts';
import type { UnopenedListener } from '../region/http/listening.ts';
import { pageUrl } from '../region/page-url.ts';
import type { DutyHolder } from '../region/records/duty-store.ts';
import type { RegionStore } from '../region/records/store.ts';
import type { Region } from '../region/region.ts';
import type { DaemonEvent } from '../region/reports/daemon-events.ts';
import { type Outage, type RackNote, withText } from '../region/reports/notes.ts';
import { lockState } from '../store/state-lock.ts';
import { RegionConfiguration, type RegionConfigurationDeps } from './configuration.ts';
import { openStore } from './open-store.ts';
import { buildOwnAnnouncement, OtherConfigurations } from './other-configurations.ts';
import { type ServedRegion, serveRegion } from './served-region.ts';
import { buildReadiness, createRegionAnswers, formatRegionLine, type RegionStatusSources } from './status.ts';
import { StoreProbe } from './store-probe.ts';

// The instruments of a region that runs apart from a rack: metrics, health and readiness, on their
// own listener.

interface RegionInstrumentDeps {
  readonly clock: Clock;
  readonly version: string;
  readonly startedWallMs: number;
  readonly stream: EventStream;
  readonly readiness: () => Promise<Readiness>;
  /** Which process has the duties. Undefined while unknown, or if only this process uses the store. */
  readonly dutyHolder: () => DutyHolder | undefined;
}

const createRegionInstruments = (deps: RegionInstrumentDeps): ProcessInstruments =>
  new ProcessInstruments({
    clock: deps.clock,
    stream: deps.stream,
    metrics: async (measured) => renderMetrics(deps, measured),
    readiness: deps.readiness,
  });

function renderMetrics(deps: RegionInstrumentDeps, { lags, region }: ProcessMeasures): string {
  const out = new Exposition();
  addProcess(out, { ...deps, lags });
  addEvents(out, deps.stream.counters(), 0);
  addRegion(out, region);
  const holder = deps.dutyHolder();
  if (holder !== undefined) {
    const help = '1 if this process has the duties of the region, otherwise 0: one of its processes has them.';
    out.gauge('rackboot_region_duties', help, holder.isHere ? 1 : 0);
  }
  return out.text();
}

const SECRET_BYTES = 24;
const STORE_WITHOUT_STATE: Partial<Pick<RegionStore, 'availability' | 'confirmation'>> = {};
/**
 * How long closing may take, in milliseconds, because a database that hangs must not delay the end
 * of the process.
 */
const CLOSE_MS_MAX = 10_000;
const DATABASE_ACCEPTS = { kind: 'region.database-accepts' } as const;
/** The control socket's answer for a path that only a rack has. */
const NO_RACK = 'this is a region without a rack: run the command on the host of a rack';

interface RegionProcessOptions {
  readonly configFile: string;
  readonly version: string;
  readonly clock: Clock;
  /** How to notify the service manager. If undefined, no notifications are sent. */
  readonly notify?: NotifyOptions | undefined;
}

/** Starts the region and resolves when it answers requests. @throws RackError */
export async function startRegionProcess(options: RegionProcessOptions): Promise<Daemon> {
  const startedAt = options.clock.now();
  return await startProcess(new RegionProcess(options), startedAt);
}

class RegionProcess implements Daemon {
  readonly #options: RegionProcessOptions;
  readonly #stream = new EventStream();
  /** Functions that close what was opened, in order of opening. They are called in reverse order. */
  readonly #closers: (() => Promise<void> | void)[] = [];
  readonly #configuration: RegionConfiguration;
  readonly #deps: RegionConfigurationDeps;
  readonly #log: Log;
  readonly #logger: Logger;
  readonly #levels: LogLevels;
  readonly #instruments: ProcessInstruments;
  readonly #notices: ServiceNotices;
  readonly #status: RegionStatusSources;
  readonly #secrets: Pick<RegionConfig, 'rackSecret' | 'controlSecret'> & { readonly controlSecret: string };
  /** Set before `#served`, because the region opens before its listeners. */
  #region: Region | undefined;
  #served: ServedRegion | undefined;
  #unavailableSince = 0;
  #unopenedListeners: readonly UnopenedListener[] = [];
  /** Undefined if no other process can use the store. */
  #otherConfigurations: OtherConfigurations | undefined;
  #configWatch: ConfigWatch | undefined;
  #pendingStop: Promise<void> | undefined;

  constructor(options: RegionProcessOptions) {
    const { clock, version, configFile } = options;
    this.#options = options;
    this.#configuration = new RegionConfiguration(configFile);
    const { publish } = this.#stream;
    const { log: settings } = this.#config;
    this.#log = openLog(settings);
    this.#logger = this.#log.logger;
    this.#levels = new LogLevels(settings, { clock, publish });
    logEvents(this.#logger, this.#stream, this.#levels);
    this.#deps = { clock, publish, apply: (next, before) => this.#apply(next, before) };
    const drawSecret = (): string => Buffer.from(clock.randomBytes(SECRET_BYTES)).toString('base64url');
    this.#secrets = { rackSecret: drawSecret(), controlSecret: drawSecret() };
    const startedWallMs = clock.wallTimeMs();
    this.#status = {
      clock,
      version,
      startedWallMs,
      configuration: this.#configuration,
      region: () => this.#served?.region,
      dutyHolder: () => this.#served?.dutyHolder(),
      addresses: () => this.#served?.api.addresses ?? [],
      unopened: () => this.#unopenedListeners,
      notes: () => this.#otherConfigurations?.notes ?? [],
      metricsProblems: () => this.#instruments.problems,
    };
    const probe = new StoreProbe(clock, async () => this.#region?.store.desiredVersion());
    const storeProblem = async () => {
      const { availability, confirmation } = this.#region?.store ?? STORE_WITHOUT_STATE;
      return availability?.problem ?? (await probe.problem()) ?? confirmation?.problem;
    };
    const readiness = async () => buildReadiness(this.#status, await storeProblem());
    const { dutyHolder } = this.#status;
    this.#instruments = createRegionInstruments({
      clock,
      version,
      startedWallMs,
      stream: this.#stream,
      readiness,
      dutyHolder,
    });
    this.#notices = new ServiceNotices({
      clock,
      notify: options.notify,
      statusLine: () => formatRegionLine(this.#status),
      // Without a journal, the watchdog is notified as long as the event loop runs.
      journalSilentMs: () => 0,
      onTrouble: (note) => this.#publishNote(note),
    });
  }

  async start(): Promise<void> {
    const { stateDir } = this.#config;
    const lock = lockState(stateDir);
    this.#closers.push(() => lock.release());
    await this.#openControl(stateDir);
    const served = await this.#serve();
    this.#closers.push(() => this.#closeServed(served));
    this.#served = served;
    await this.#instruments.configure(this.#config);
    this.#closers.push(() => this.#instruments.close());
    this.#configWatch = watchConfig(this.#configuration.path, this.#options.clock, {
      onChange: () => void this.#notices.duringReload(() => this.#readFile()),
      onProblem: (note) => this.#publishNote(note),
    });
    this.#closers.push(() => this.#configWatch?.close());
  }

  async #serve(): Promise<ServedRegion> {
    return await serveRegion({
      config: this.#buildRegionConfig(this.#configuration.usable),
      store: await openStore(this.#config, this.#config.name),
      hasRack: false,
      onDesiredState: ({ settings }) => this.#configuration.useStored(this.#deps, settings),
      onDuties: (holder, fromHere) => this.#publish({ ...buildDutyEvent(holder, fromHere), at: this.#now }),
      onProblem: (id, note) => this.#publishProblem(id, note),
      prepare: async (region) => {
        this.#region = region;
        region.store.availability?.watch((problem) => this.#reportAvailability(problem));
        region.store.confirmation?.watch((problem) => this.#reportConfirmation(problem));
        for (const part of [region.store.availability, region.store.confirmation])
          part?.watchRefusals((ms) => this.#publish({ ...DATABASE_ACCEPTS, at: this.#now, refusedMs: Math.round(ms) }));
        await region.racks.removeOwn();
        const state = await region.desiredState();
        this.#configuration.begin(this.#deps, state.settings);
        this.#levels.configure(this.#config.log);
        region.configure(this.#buildRegionConfig(this.#configuration.usable));
        this.#compareConfigurations(region);
      },
    });
  }

  announce(startedAt: number): void {
    const { version } = this.#options;
    const { name, region } = this.#config;
    const { api } = this.#served ?? {};
    api?.watch(
      (addresses) => {
        const page = pageUrl(this.#config.region);
        this.#publish({ kind: 'region.up', at: this.#now, addresses: addresses.join(' '), page });
      },
      (listeners) => {
        this.#unopenedListeners = listeners;
      },
    );
    const hosts = [...region.listen, ...(region.tls?.listen ?? [])].map(({ host }) => parseIpv4(host));
    if (hosts.every((host) => host !== undefined && isLoopback(host))) this.#publishNote({ note: 'loopback-only' });
    const startMs = Math.round(this.#now - startedAt);
    this.#publish({ kind: 'daemon.ready', at: this.#now, name, version, startMs });
    this.#notices.reportReady();
    keepCompiledCode();
  }

  reload(): void {
    void this.#notices.duringReload(() => {
      this.#log.reopen();
      this.#configWatch?.reload();
      return this.#configuration.whenSettled;
    });
  }

  stop(signal: string): Promise<void> {
    const startedAt = this.#now;
    this.#publish({ kind: 'daemon.stopping', at: startedAt, signal });
    this.#notices.reportStopping('stopping: finishing requests and closing the database');
    this.#pendingStop ??= this.#closeAll(() => {
      const milliseconds = Math.round(this.#now - startedAt);
      this.#publish({ kind: 'daemon.stopped', at: this.#now, milliseconds, cut: 0 });
    });
    return this.#pendingStop;
  }

  close(): Promise<void> {
    this.#pendingStop ??= this.#closeAll();
    return this.#pendingStop;
  }

  async #closeAll(onClosed?: () => void): Promise<void> {
    const parts = { logger: this.#logger, notices: this.#notices, stream: this.#stream };
    await closeAll(this.#closers, parts, onClosed);
  }

  async #closeServed(served: ServedRegion): Promise<void> {
    await withTimeout(this.#options.clock, CLOSE_MS_MAX, served.close(), () =>
      this.#publishNote({ note: 'database-slow', seconds: CLOSE_MS_MAX / 1000 }),
    );
  }

  get #config(): RegionFileConfig {
    return this.#configuration.config;
  }

  get #now() {
    return this.#options.clock.now();
  }

  #publish(event: DaemonEvent): void {
    this.#stream.publish(event);
  }

  #reportAvailability(problem: Outage | undefined): void {
    const at = this.#now;
    const awayMs = Math.round(at - this.#unavailableSince);
    if (problem !== undefined) this.#unavailableSince = at;
    this.#publish(
      problem === undefined
        ? { kind: 'region.database-back', at, awayMs }
        : { kind: 'region.database-away', at, ...withText(problem) },
    );
  }

  #reportConfirmation(problem: Outage | undefined): void {
    const at = this.#now;
    this.#publish(
      problem === undefined
        ? { kind: 'region.confirmed', at }
        : { kind: 'region.unconfirmed', at, ...withText(problem) },
    );
  }

  #publishNote(note: RackNote): void {
    this.#publish({ kind: 'daemon.note', at: this.#now, ...withText(note) });
  }

  #publishProblem(id: string, note: RackNote): void {
    this.#publish({ kind: 'region.problem', at: this.#now, id, ...withText(note) });
  }

  async #openControl(stateDir: string): Promise<void> {
    const answers = {
      ...createRegionAnswers(this.#status),
      ...makeLogLevelAnswers(this.#levels),
      'POST /images': () => this.#served?.openImages(),
    };
    const control = new ControlServer({
      stateDir,
      secret: this.#secrets.controlSecret,
      region: () => {
        const [listener] = this.#config.region.listen;
        return listener && { ...listener, secure: false, socketPath: join(stateDir, OPERATOR_SOCKET) };
      },
      isServing: () => this.#configWatch !== undefined,
      unknownPath: NO_RACK,
      answers: () => answers,
    });
    await control.open();
    this.#closers.push(() => control.close());
  }

  #buildRegionConfig({ config, file }: UsableRegionFile): RegionConfig {
    const values = withValue(file.values, 'region.store', undefined);
    const ownFile = { file: this.#configuration.path, values };
    return { ...config.region, ...this.#secrets, ownFile, counterMemory: this.#instruments.memory };
  }

  #readFile(): Promise<void> {
    this.#configuration.readFile(this.#deps);
    return this.#configuration.whenSettled;
  }

  /** Puts a configuration in force, or restores the former one. */
  async #apply(next: UsableRegionFile, previous: UsableRegionFile): Promise<void> {
    const putInForce = async (usable: UsableRegionFile): Promise<void> => {
      await this.#log.moveTo(usable.config.log);
      await this.#served?.api.configure(this.#buildRegionConfig(usable));
      this.#region?.configure(this.#buildRegionConfig(usable));
    };
    try {
      await putInForce(next);
    } catch (error) {
      await putInForce(previous).catch(() => undefined);
      throw error;
    }
    this.#levels.configure(next.config.log);
    if (this.#served !== undefined) await this.#instruments.configure(next.config);
  }

  /** Begins to compare this configuration with the configurations of the region's other processes. */
  #compareConfigurations({ store: { neighbours } }: Region): void {
    if (neighbours === undefined) return;
    const { clock, version } = this.#options;
    const others = new OtherConfigurations({
      clock,
      neighbours,
      id: newUuid(),
      getOwn: () => buildOwnAnnouncement(this.#configuration, version),
      onFault: (note) => this.#publishProblem('configurations', note),
    });
    this.#otherConfigurations = others;
    this.#closers.push(() => others.close());
    others.announce();
  }
}

function buildDutyEvent({ isHere, name, former }: DutyHolder, wasHere: boolean) {
  if (!isHere)
    return wasHere
      ? ({ kind: 'region.duties-lost', holder: name } as const)
      : ({ kind: 'region.duties-elsewhere', holder: name } as const);
  return {
    kind: 'region.duties-here',
    ...(former === undefined ? {} : { former: former.name, hasLeft: former.hasLeft }),
  } as const;
}
