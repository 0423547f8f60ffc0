// The process of a region that runs apart from its racks: API, page and metadata, on `region.db` or
// on PostgreSQL. It serves no network: racks on other hosts do, or a rack on this one with a state
// directory of its own.
//
//   startRegionProcess ─ configuration ─ lock, control socket, log ─ store ─ region ─ listeners ─ ready
//   reload             ─ configuration file ─ apply (an invalid one is refused and nothing changes)
//   stop               ─ end requests and power commands, close the store
//
// 1. A failed start closes everything it opened and throws one RackError: nothing is half-started.
// 2. The process notifies the service manager as a rack's process does, and feeds its watchdog from
//    the event loop.

import { join } from 'node:path';
import type { Logger } from 'pino';
import type { RegionFileConfig, UsableRegionFile } from '../config/region-file.ts';
import { type ConfigWatch, watchConfig } from '../config/watch.ts';
import { ControlServer } from '../control/server.ts';
import { logLevelAnswers } from '../daemon/answers/log-level.ts';
import { type Measured, ProcessInstruments } from '../daemon/observing/process-instruments.ts';
import { addProcess } from '../daemon/observing/process-metrics.ts';
import { addEvents, addRegion } from '../daemon/observing/shared-metrics.ts';
import type { Daemon } from '../daemon/service.ts';
import { ServiceNotices } from '../daemon/start/service-notices.ts';
import { closeAll, startWhole } from '../daemon/start/shutdown.ts';
import { isLoopback, parseIpv4 } from '../ground/address.ts';
import { type Clock, newUuid, within } from '../ground/clock.ts';
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
import { OtherConfigurations, ownMessage } from './other-configurations.ts';
import { type ServedRegion, serveRegion } from './served-region.ts';
import { type RegionStatusSources, regionAnswers, regionLine, regionReadiness } from './status.ts';
import { StoreProbe } from './store-probe.ts';

// The instruments of a region that runs apart from a rack: metrics, health and readiness, on their
// own listener.

interface RegionInstrumentDeps {
  readonly clock: Clock;
  readonly version: string;
  readonly startedWallMs: number;
  readonly stream: EventStream;
  readonly readiness: () => Promise<Readiness>;
  /** Which process has the duties; undefined while unknown, or if this one alone has the store. */
  readonly dutyHolder: () => DutyHolder | undefined;
}

const regionInstruments = (deps: RegionInstrumentDeps): ProcessInstruments =>
  new ProcessInstruments({
    clock: deps.clock,
    stream: deps.stream,
    metrics: async (measured) => renderMetrics(deps, measured),
    readiness: deps.readiness,
  });

function renderMetrics(deps: RegionInstrumentDeps, { lags, region }: Measured): string {
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
const NO_STORE: Partial<Pick<RegionStore, 'availability' | 'confirmation'>> = {};
/** How long closing may take, in milliseconds: a database that hangs must not hold the process. */
const CLOSE_MS_MAX = 10_000;
const ACCEPTS = { kind: 'region.database-accepts' } as const;
/** The control socket's answer for a path that only a rack has. */
const NO_RACK = 'this is a region without a rack: run the command on the host of a rack';

interface RegionProcessOptions {
  readonly configFile: string;
  readonly version: string;
  readonly clock: Clock;
  /** How to notify the service manager; undefined to send no notifications. */
  readonly notify?: NotifyOptions | undefined;
}

/** Starts the region and resolves when it answers requests. @throws RackError */
export async function startRegionProcess(options: RegionProcessOptions): Promise<Daemon> {
  const startedAt = options.clock.now();
  return await startWhole(new RegionProcess(options), startedAt);
}

class RegionProcess implements Daemon {
  readonly #options: RegionProcessOptions;
  readonly #stream = new EventStream();
  /** Functions that close what was opened, in order of opening; called in reverse. */
  readonly #opened: (() => Promise<void> | void)[] = [];
  readonly #configuration: RegionConfiguration;
  readonly #deps: RegionConfigurationDeps;
  readonly #log: Log;
  readonly #logger: Logger;
  readonly #levels: LogLevels;
  readonly #instruments: ProcessInstruments;
  readonly #notices: ServiceNotices;
  readonly #status: RegionStatusSources;
  readonly #secrets: Pick<RegionConfig, 'rackSecret' | 'controlSecret'> & { readonly controlSecret: string };
  /** Set before `#served`: the region opens before its listeners do. */
  #region: Region | undefined;
  #served: ServedRegion | undefined;
  #awaySince = 0;
  #unopened: readonly UnopenedListener[] = [];
  /** Undefined if no other process can have the store. */
  #others: OtherConfigurations | undefined;
  #watch: ConfigWatch | undefined;
  #stopping: Promise<void> | undefined;

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
    const draw = (): string => Buffer.from(clock.randomBytes(SECRET_BYTES)).toString('base64url');
    this.#secrets = { rackSecret: draw(), controlSecret: draw() };
    const startedWallMs = clock.wallTimeMs();
    this.#status = {
      clock,
      version,
      startedWallMs,
      configuration: this.#configuration,
      region: () => this.#served?.region,
      dutyHolder: () => this.#served?.dutyHolder(),
      addresses: () => this.#served?.api.addresses ?? [],
      unopened: () => this.#unopened,
      notes: () => this.#others?.notes ?? [],
      metricsProblems: () => this.#instruments.problems,
    };
    const probe = new StoreProbe(clock, async () => this.#region?.store.desiredVersion());
    const storeProblem = async () => {
      const { availability, confirmation } = this.#region?.store ?? NO_STORE;
      return availability?.problem ?? (await probe.problem()) ?? confirmation?.problem;
    };
    const readiness = async () => regionReadiness(this.#status, await storeProblem());
    const { dutyHolder } = this.#status;
    this.#instruments = regionInstruments({
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
      statusLine: () => regionLine(this.#status),
      // No journal: the watchdog is fed as long as the loop runs.
      journalSilentMs: () => 0,
      onTrouble: (note) => this.#note(note),
    });
  }

  async start(): Promise<void> {
    const { stateDir } = this.#config;
    const lock = lockState(stateDir);
    this.#opened.push(() => lock.release());
    await this.#openControl(stateDir);
    const served = await this.#serve();
    this.#opened.push(() => this.#closeServed(served));
    this.#served = served;
    await this.#instruments.configure(this.#config);
    this.#opened.push(() => this.#instruments.close());
    this.#watch = watchConfig(this.#configuration.path, this.#options.clock, {
      onChange: () => void this.#notices.around(() => this.#readFile()),
      onProblem: (note) => this.#note(note),
    });
    this.#opened.push(() => this.#watch?.close());
  }

  async #serve(): Promise<ServedRegion> {
    return await serveRegion({
      config: this.#regionConfig(this.#configuration.usable),
      store: await openStore(this.#config, this.#config.name),
      hasRack: false,
      onDesiredState: ({ settings }) => this.#configuration.useStored(this.#deps, settings),
      onDuties: (holder, fromHere) => this.#publish({ ...dutyEvent(holder, fromHere), at: this.#now }),
      onProblem: (id, note) => this.#problem(id, note),
      prepare: async (region) => {
        this.#region = region;
        region.store.availability?.watch((problem) => this.#reaches(problem));
        region.store.confirmation?.watch((problem) => this.#confirms(problem));
        for (const part of [region.store.availability, region.store.confirmation])
          part?.watchRefusals((ms) => this.#publish({ ...ACCEPTS, at: this.#now, refusedMs: Math.round(ms) }));
        await region.racks.removeOwn();
        const state = await region.desiredState();
        this.#configuration.begin(this.#deps, state.settings);
        this.#levels.configure(this.#config.log);
        region.configure(this.#regionConfig(this.#configuration.usable));
        this.#compare(region);
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
        this.#unopened = listeners;
      },
    );
    const hosts = [...region.listen, ...(region.tls?.listen ?? [])].map(({ host }) => parseIpv4(host));
    if (hosts.every((host) => host !== undefined && isLoopback(host))) this.#note({ note: 'loopback-only' });
    const startMs = Math.round(this.#now - startedAt);
    this.#publish({ kind: 'daemon.ready', at: this.#now, name, version, startMs });
    this.#notices.ready();
    keepCompiledCode();
  }

  reload(): void {
    void this.#notices.around(() => {
      this.#log.reopen();
      this.#watch?.reload();
      return this.#configuration.settled;
    });
  }

  stop(signal: string): Promise<void> {
    const startedAt = this.#now;
    this.#publish({ kind: 'daemon.stopping', at: startedAt, signal });
    this.#notices.stopping('stopping: finishing requests and closing the database');
    this.#stopping ??= this.#closeAll(() => {
      const milliseconds = Math.round(this.#now - startedAt);
      this.#publish({ kind: 'daemon.stopped', at: this.#now, milliseconds, cut: 0 });
    });
    return this.#stopping;
  }

  close(): Promise<void> {
    this.#stopping ??= this.#closeAll();
    return this.#stopping;
  }

  async #closeAll(onClosed?: () => void): Promise<void> {
    const parts = { logger: this.#logger, notices: this.#notices, stream: this.#stream };
    await closeAll(this.#opened, parts, onClosed);
  }

  async #closeServed(served: ServedRegion): Promise<void> {
    await within(this.#options.clock, CLOSE_MS_MAX, served.close(), () =>
      this.#note({ note: 'database-slow', seconds: CLOSE_MS_MAX / 1000 }),
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

  #reaches(problem: Outage | undefined): void {
    const at = this.#now;
    const awayMs = Math.round(at - this.#awaySince);
    if (problem !== undefined) this.#awaySince = at;
    this.#publish(
      problem === undefined
        ? { kind: 'region.database-back', at, awayMs }
        : { kind: 'region.database-away', at, ...withText(problem) },
    );
  }

  #confirms(problem: Outage | undefined): void {
    const at = this.#now;
    this.#publish(
      problem === undefined
        ? { kind: 'region.confirmed', at }
        : { kind: 'region.unconfirmed', at, ...withText(problem) },
    );
  }

  #note(note: RackNote): void {
    this.#publish({ kind: 'daemon.note', at: this.#now, ...withText(note) });
  }

  #problem(id: string, note: RackNote): void {
    this.#publish({ kind: 'region.problem', at: this.#now, id, ...withText(note) });
  }

  async #openControl(stateDir: string): Promise<void> {
    const answers = {
      ...regionAnswers(this.#status),
      ...logLevelAnswers(this.#levels),
      'POST /images': () => this.#served?.openImages(),
    };
    const control = new ControlServer({
      stateDir,
      secret: this.#secrets.controlSecret,
      region: () => {
        const [listener] = this.#config.region.listen;
        return listener && { ...listener, secure: false, socketPath: join(stateDir, OPERATOR_SOCKET) };
      },
      isServing: () => this.#watch !== undefined,
      unknownPath: NO_RACK,
      answers: () => answers,
    });
    await control.open();
    this.#opened.push(() => control.close());
  }

  #regionConfig({ config, file }: UsableRegionFile): RegionConfig {
    const values = withValue(file.values, 'region.store', undefined);
    const ownFile = { file: this.#configuration.path, values };
    return { ...config.region, ...this.#secrets, ownFile, counterMemory: this.#instruments.memory };
  }

  #readFile(): Promise<void> {
    this.#configuration.readFile(this.#deps);
    return this.#configuration.settled;
  }

  /** Puts a configuration in force, or restores the former one. */
  async #apply(next: UsableRegionFile, before: UsableRegionFile): Promise<void> {
    const put = async (usable: UsableRegionFile): Promise<void> => {
      await this.#log.moveTo(usable.config.log);
      await this.#served?.api.configure(this.#regionConfig(usable));
      this.#region?.configure(this.#regionConfig(usable));
    };
    try {
      await put(next);
    } catch (error) {
      await put(before).catch(() => undefined);
      throw error;
    }
    this.#levels.configure(next.config.log);
    if (this.#served !== undefined) await this.#instruments.configure(next.config);
  }

  /** Begins to compare this configuration with those of the region's other processes. */
  #compare({ store: { neighbours } }: Region): void {
    if (neighbours === undefined) return;
    const { clock, version } = this.#options;
    const others = new OtherConfigurations({
      clock,
      neighbours,
      id: newUuid(),
      own: () => ownMessage(this.#configuration, version),
      onFault: (note) => this.#problem('configurations', note),
    });
    this.#others = others;
    this.#opened.push(() => others.close());
    others.say();
  }
}

function dutyEvent({ isHere, name, former }: DutyHolder, fromHere: boolean) {
  if (!isHere)
    return fromHere
      ? ({ kind: 'region.duties-lost', holder: name } as const)
      : ({ kind: 'region.duties-elsewhere', holder: name } as const);
  return {
    kind: 'region.duties-here',
    ...(former === undefined ? {} : { former: former.name, hasLeft: former.hasLeft }),
  } as const;
}
