// The imports of a region. Requests of people and the schedule start runs of the importing thread;
// the progress of the runs is stored.
//
//   request, change, schedule, run of a killed process ─▶ look ─┬─▶ run ─▶ progress, events ─▶ store
//                                                               └─▶ delete, stop
//   suspend ends all of this; begin starts it again
//
// 1. Only the process with the region's duties imports. When it loses them, the next holder
//    continues its run.
// 2. Requests are in the store and are checked again after each change, so the end of a process loses none.
// 3. A run that fails, or ends with its process, loses no work: the next run continues its partial downloads.
// 4. A request, or the schedule, adds to a run that is still under way, so slow imports delay no others.

import type { Clock, Timer } from '../../ground/clock.ts';
import { assertOutside, errorText } from '../../ground/errors.ts';
import { workDirectory } from '../../images/engine/protocol.ts';
import { type FileProblem, resourceName } from '../../region/images/region-source.ts';
import { configuredMirrors } from '../../region/preseed/configured-mirrors.ts';
import {
  type BootResource,
  decideNextRun,
  type ImportProgress,
  type ImportRun,
} from '../../region/records/boot-store.ts';
import { type ImportReason, importText, isUncertain } from '../../region/records/import-reason.ts';
import type { Region } from '../../region/region.ts';
import type { RackNote } from '../../region/reports/notes.ts';
import { type ImageThread, ThreadEnded } from './image-thread.ts';
import {
  carryOver,
  endedFailures,
  endedWith,
  filesComing,
  leftOutEvents,
  listImportEvents,
  noteDeletion,
  UNDER_WAY,
} from './import-events.ts';
import { deletionReason, FailureReports, threadReason } from './import-failure.ts';
import type { RunEnd, RunOrder, RunReport, SkippedList } from './message.ts';
import { presentNames, removeOlderImages, removeResource } from './removal.ts';
import { beginRun, emptyReason, selectedSources, stillSkipped } from './run-request.ts';

/** How often the requests of other processes are checked, in milliseconds. */
const CHECK_MS = 2000;
/** The longest pause between two checks, in milliseconds: the configuration may have changed. */
const CHECK_MS_MAX = 60_000;
/** The pause after a failed check, in milliseconds. */
const RETRY_MS = 5000;
/** The longest name of a skipped image that is stored. */
export const NAME_MAX = 512;

interface ImportControlDeps {
  readonly region: Region;
  readonly clock: Clock;
  /** The thread that changes images. */
  readonly images: ImageThread;
  /** By which other processes know the images of this host. */
  readonly place: string;
  /**
   * Called with the problem of the site's file of sources, once, and with each error of our own in
   * the import of an image.
   */
  readonly onNote?: ((note: RackNote) => void) | undefined;
  /**
   * Called when images have been added, before the import is recorded: other processes know the
   * images by then.
   */
  readonly onImages?: (() => Promise<void>) | undefined;
  /** Called once for each failure of the file system, with its text. */
  readonly onProblem: (reason: string) => void;
  /** The thread of the runs, for tests; default: the same. */
  readonly runThread?: ImageThread | undefined;
}

/** The settings in force. */
interface ImportSettings extends Pick<RunOrder, 'bytesPerSecondMax' | 'httpProxy'> {
  /** Undefined: this host keeps no images. */
  readonly tree: string | undefined;
  /** 0: only on demand. */
  readonly everyMs: number;
}

/** The run under way. */
interface Run {
  readonly work: ReturnType<ImageThread['run']>;
  readonly stop: AbortController;
  /** How many orders it was given. */
  orders: number;
  /** By the name of an image that is dropped: called when nothing writes it any more. */
  readonly dropped: Map<string, () => void>;
}

export class ImportControl {
  readonly #deps: ImportControlDeps;
  readonly #thread: ImageThread;
  readonly #failures: FailureReports;
  #run: Run | undefined;
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;
  #lookAgain = false;
  #isActive = false;
  readonly #shown = new Map<string, ImportProgress>();
  /** The images of the last run; empty: all. */
  #images: readonly string[] = [];
  /** The problem of the site's file that was reported last. */
  #fileProblem: string | undefined;
  /** Settles with the last write: writes run one after the other. */
  #writing: Promise<void> = Promise.resolve();

  constructor(deps: ImportControlDeps) {
    this.#deps = deps;
    this.#failures = new FailureReports(deps.onProblem);
    this.#thread = deps.runThread ?? deps.images;
  }

  /** Call when this process gets the duties. */
  begin(): void {
    this.#isActive = true;
    this.look();
  }

  /** Call when another process has taken the duties. */
  suspend(): void {
    this.#isActive = false;
    this.#timer?.cancel();
    void this.#leaveRun();
  }

  look(): void {
    if (!this.#isActive) return;
    this.#lookAgain = true;
    this.#looking ??= this.#lookUntilDone().finally(() => {
      this.#looking = undefined;
    });
  }

  async close(): Promise<void> {
    this.suspend();
    await this.#leaveRun();
    await this.#looking;
    await this.#writing;
  }

  async #lookUntilDone(): Promise<void> {
    while (this.#lookAgain && this.#isActive) {
      this.#lookAgain = false;
      try {
        this.#schedule(await this.#lookOnce());
      } catch (error) {
        this.#failures.note(error);
        this.#schedule(RETRY_MS);
      }
    }
  }

  #schedule(delayMs: number | undefined): void {
    this.#timer?.cancel();
    if (!this.#isActive) return;
    // Other processes may store requests, too.
    const max = this.#deps.region.store.duties === undefined ? CHECK_MS_MAX : CHECK_MS;
    this.#timer = this.#deps.clock.schedule(Math.min(delayMs ?? max, max), () => this.look());
  }

  async #reportFileProblem(): Promise<FileProblem | undefined> {
    const problem = await this.#deps.region.bootImages.fileProblem();
    if (problem !== undefined && problem.text !== this.#fileProblem)
      this.#deps.onNote?.({ note: 'sources-unusable', reason: problem.text, kept: problem.inForce });
    this.#fileProblem = problem?.text;
    return problem;
  }

  /** @returns the time until the next scheduled run, in milliseconds; undefined if none is scheduled */
  async #lookOnce(): Promise<number | undefined> {
    const { boot } = this.#deps.region.store;
    await this.#reportFileProblem();
    const { tree, everyMs } = this.#settings();
    if (tree === undefined) return undefined;
    // Waits for what is being written: a run that just ended would look like one of a killed process.
    await this.#writing;
    const isRunning = this.#run !== undefined;
    // Read the run before the resources: then they include every deletion made before the request,
    // and it is carried out before the run begins.
    const run = await boot.findRun();
    const resources = await boot.listResources();
    for (const { name, wish } of resources) {
      if (!this.#isActive) return undefined;
      if (wish === 'delete') await this.#remove(name, tree);
    }
    const nowMs = this.#deps.clock.wallTimeMs();
    if (run.stoppedMs > run.begunMs) this.#run?.stop.abort();
    this.#run?.work.tell({ limit: this.#settings().bytesPerSecondMax });
    const { dueMs, isNow } = decideNextRun(run, everyMs, isRunning, nowMs);
    if (isNow) {
      await this.#startRun(run, resources, tree, dueMs);
      return undefined;
    }
    const nextMs = everyMs === 0 ? 0 : dueMs;
    if (isRunning) return everyMs === 0 ? undefined : dueMs - nowMs;
    if (run.nextMs !== nextMs || run.begunMs > run.endedMs) {
      await boot.changeRun({ nextMs, endedMs: Math.max(run.endedMs, run.begunMs) });
    }
    return everyMs === 0 ? undefined : dueMs - nowMs;
  }

  async #startRun(run: ImportRun, resources: readonly BootResource[], tree: string, dueMs: number): Promise<void> {
    const { region, clock } = this.#deps;
    const sources = await selectedSources(region);
    if (!this.#isActive) return;
    const isRunning = this.#run !== undefined;
    for (const [name, { state }] of this.#shown) if (!isRunning || !UNDER_WAY.has(state)) this.#shown.delete(name);
    const isEmpty = sources.length === 0 && !isRunning;
    const skipped = isEmpty
      ? carryOver([{ name: '', reason: emptyReason(await this.#reportFileProblem()) }], run.skipped)
      : stillSkipped(run.skipped, sources, resources);
    const images = await beginRun(region.store, skipped, { nowMs: clock.wallTimeMs(), dueMs, isEmpty });
    if (isEmpty) this.look();
    if (isEmpty || !this.#isActive) return;
    this.#images = images;
    const { stateDir, install } = region.config();
    const place = { tree, workDir: workDirectory(stateDir), configured: configuredMirrors(install) };
    const { bytesPerSecondMax, httpProxy } = this.#settings();
    this.#order({ ...place, bytesPerSecondMax, httpProxy, sources, images });
  }

  /** Begins a run, or gives the one under way another order. */
  #order(order: RunOrder): void {
    if (this.#run !== undefined) {
      this.#run.orders += 1;
      this.#run.work.tell({ again: order });
      return;
    }
    const stop = new AbortController();
    const dropped: Run['dropped'] = new Map();
    const onReport = (report: RunReport): void => this.#hear(report, dropped);
    const run = { work: this.#thread.run(order, { signal: stop.signal, onReport }), stop, orders: 1, dropped };
    this.#run = run;
    run.work.done.then(
      (end) => this.#endRun(run, end),
      (error: unknown) => this.#loseRun(run, error),
    );
  }

  #hear(report: RunReport, dropped: Run['dropped']): void {
    if ('items' in report) this.#write(() => this.#note(report.items));
    else if ('left' in report) this.#write(() => this.#noteLeft(report.left));
    else if ('dropped' in report) dropped.get(report.dropped)?.();
    else this.#deps.onNote?.({ note: 'import-bug', name: report.bug.name, reason: report.bug.stack });
  }

  #endRun(run: Run, { left, orders }: RunEnd): void {
    if (this.#run !== run) return;
    this.#run = undefined;
    // An order that came too late begins the next run: in the store the run is still under way.
    if (orders < run.orders) this.look();
    else this.#write(() => this.#end(left));
  }

  #loseRun(run: Run, error: unknown): void {
    if (this.#run !== run) return;
    this.#run = undefined;
    const how = error instanceof ThreadEnded ? error.how : 'broken';
    if (how === 'closed') return;
    const reason = threadReason(error instanceof ThreadEnded ? error.cause : error);
    this.#write(async () => {
      await this.#noteEnded(reason);
      // The next run would break the thread again.
      if (how === 'broken') await this.#end({ skipped: [{ name: '', reason }], more: 0 });
      // Unless people stopped the run, another begins for its imports.
      else this.look();
    });
  }

  /**
   * Ends the run at once. It does not count as ended: the next one continues from the bytes that
   * have arrived.
   */
  async #leaveRun(): Promise<void> {
    this.#run = undefined;
    await this.#thread.end();
  }

  /** Ends the import of an image, if one is under way. */
  async #drop(name: string): Promise<void> {
    if (this.#run === undefined) return;
    const { work, dropped } = this.#run;
    const { promise, resolve } = Promise.withResolvers<void>();
    const drop = (): void => resolve();
    dropped.set(name, drop);
    work.done.then(drop, drop);
    work.tell({ drop: name }, promise);
    await promise;
  }

  async #remove(name: string, tree: string): Promise<void> {
    await this.#drop(name);
    await this.#writing;
    const { region, place, images } = this.#deps;
    const { store } = region;
    const files = new Map((await store.boot.listResources()).map((resource) => [resource.name, filesComing(resource)]));
    try {
      await removeResource({ region, tree, images }, name);
      const own = files.get(name) ?? [];
      files.delete(name);
      const names = own.filter((file) => ![...files.values()].flat().includes(file));
      await images.do('remove-left', tree, { names });
    } catch (error) {
      // The next check tries again.
      await noteDeletion(store, name, deletionReason(error));
      return;
    }
    await noteDeletion(store, name, undefined);
    await store.transact(async () => {
      await store.hostImages?.condemn(name, place);
      await store.boot.forget([name]);
    });
  }

  /**
   * Forgets the images that no source offers any more and that no host has, and the failures of
   * those that a host has.
   * @param leftOut the names of sources that answered incompletely, and of images that the run
   * skipped
   */
  async #forgetGone(leftOut: ReadonlySet<string>): Promise<void> {
    const { tree } = this.#settings();
    const present = tree === undefined ? undefined : presentNames(tree);
    if (present === undefined) return;
    const { boot, hostImages } = this.#deps.region.store;
    const elsewhere = new Set((await hostImages?.list())?.flatMap(({ images }) => images.map(resourceName)));
    const unoffered = (await boot.listResources())
      .filter(({ name }) => !this.#shown.has(name) && (this.#images.length === 0 || this.#images.includes(name)))
      .filter(({ progress }) => progress === undefined || !leftOut.has(progress.source));
    const hasHost = ({ name }: BootResource): boolean => elsewhere.has(name) || present.has(name);
    await boot.forget(unoffered.filter((resource) => !hasHost(resource)).map(({ name }) => name));
    const ended = endedFailures(unoffered.filter((resource) => hasHost(resource) && !leftOut.has(resource.name)));
    await boot.noteProgress(ended, this.#deps.clock.wallTimeMs());
  }

  async #sweepDownloads(): Promise<void> {
    const { tree } = this.#settings();
    if (tree === undefined) return;
    try {
      await this.#deps.images.do('sweep-downloads', tree, {});
    } catch (error) {
      assertOutside(error);
      this.#deps.onProblem(errorText(error));
    }
  }

  #settings(): ImportSettings {
    const { imageStore, imageTree, importEverySeconds = 0, ...config } = this.#deps.region.config();
    return {
      tree: imageStore ?? imageTree,
      everyMs: importEverySeconds * 1000,
      bytesPerSecondMax: config.importBytesPerSecondMax,
      httpProxy: config.install?.httpProxy ?? '',
    };
  }

  async #note(entries: ReadonlyMap<string, ImportProgress>): Promise<void> {
    // After the duties are lost, another process reports the progress.
    if (!this.#isActive) return;
    const { store } = this.#deps.region;
    const atMs = this.#deps.clock.wallTimeMs();
    const events = [...entries].flatMap(([name, progress]) => {
      const before = this.#shown.get(name);
      this.#shown.set(name, progress);
      return listImportEvents(name, progress, before, atMs);
    });
    if (events.some(({ code }) => code === 'image-imported')) await this.#deps.onImages?.();
    await store.transact(async () => {
      await store.boot.noteProgress(entries, atMs);
      for (const event of events) await store.recordEvent(event, undefined);
    });
    for (const { code, params } of events) if (code === 'image-imported') await this.#removeOlder(params);
  }

  /** An image that cannot be removed now is removed after the next import of its name. */
  async #removeOlder(image: { readonly image: string; readonly serial: string }): Promise<void> {
    const { tree } = this.#settings();
    if (tree === undefined) return;
    try {
      const { region, images } = this.#deps;
      await removeOlderImages({ region, tree, images }, image);
      this.#failures.end();
    } catch (error) {
      this.#failures.note(error);
    }
  }

  /** Notes the images that were left out, even if slow imports continue for long. */
  async #noteLeft({ skipped, more }: SkippedList): Promise<void> {
    if (!this.#isActive) return;
    const { store } = this.#deps.region;
    const run = await store.boot.findRun();
    const entries = carryOver(skipped, run.skipped).map((entry) => ({ ...entry, name: entry.name.slice(0, NAME_MAX) }));
    await store.transact(async () => {
      await store.boot.changeRun({ skipped: entries, skippedMore: more });
      const atMs = this.#deps.clock.wallTimeMs();
      for (const event of leftOutEvents(entries, run.skipped, atMs)) await store.recordEvent(event, undefined);
    });
    // Only sources that have answered can have withdrawn an image.
    const isUndecided = entries.some(({ reason }) => reason.code === 'thread-ended' || isUncertain(reason));
    if (!isUndecided && run.stoppedMs <= run.begunMs) await this.#forgetGone(new Set(entries.map(({ name }) => name)));
  }

  async #end(left: SkippedList): Promise<void> {
    if (!this.#isActive) return;
    const { boot } = this.#deps.region.store;
    await this.#noteLeft(left);
    const { begunMs } = await boot.findRun();
    await boot.changeRun({ endedMs: Math.max(this.#deps.clock.wallTimeMs(), begunMs) });
    await this.#sweepDownloads();
    this.look();
  }

  /** Notes the imports that ended with the thread. */
  async #noteEnded(reason: ImportReason): Promise<void> {
    if (!this.#isActive) return;
    await this.#note(endedWith(reason, this.#shown));
    this.#deps.onProblem(importText(reason));
  }

  /** Writes one after the other. If the store is unavailable, the next change writes the progress again. */
  #write(work: () => Promise<void>): void {
    this.#writing = this.#writing.then(work).catch((error: unknown) => {
      this.#failures.note(error);
      this.#schedule(RETRY_MS);
    });
  }
}
