// The imports of a region. Requests of people and the schedule start runs in the thread of images.
// The progress of the runs is stored.
//
//   request, change, schedule, run of a killed process ─▶ check ┬─▶ run ─▶ progress, events ─▶ store
//                                                               └─▶ delete, stop
//   suspend ends all of this; begin starts it again
//
// 1. Only the process with the region's duties imports. When it loses them, the next holder
//    continues its run.
// 2. Requests are in the store and are checked again after each change, so no request is lost when
//    a process ends.
// 3. If a run fails, or ends with its process, the next run continues its partial downloads.
// 4. A request, or the schedule, adds to a run that is still under way, so that slow imports do not
//    delay others.

import type { Clock, Timer } from '../../ground/clock.ts';
import { assertOutside, errorText } from '../../ground/errors.ts';
import { workDirectory } from '../../images/engine/protocol.ts';
import { type FileProblem, formatResourceName } from '../../region/images/region-source.ts';
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
import { type ImageThread, ImageThreadEnded } from './image-thread.ts';
import {
  keepEarlierReasons,
  listCancelledImports,
  listExpectedFiles,
  listImportEvents,
  listLeftOutEvents,
  listOutdatedFailures,
  recordDeletionOutcome,
  UNDER_WAY,
} from './import-events.ts';
import { buildDeletionReason, buildThreadReason, FailureReports } from './import-failure.ts';
import type { RunEnd, RunOrder, RunReport, SkippedList } from './message.ts';
import { listPresentNames, removeOlderImages, removeResource } from './removal.ts';
import { beginRun, buildEmptyReason, listSelectedSources, listStillSkipped } from './run-request.ts';

/** How often the requests of other processes are checked, in milliseconds. */
const CHECK_MS = 2000;
/** The longest pause between two checks, in milliseconds. The configuration may have changed meanwhile. */
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
  /** The id by which other processes know the images of this host. */
  readonly locationId: string;
  /**
   * Called once for each problem of the site's file of sources, and for each error of our own in
   * the import of an image.
   */
  readonly onNote?: ((note: RackNote) => void) | undefined;
  /**
   * Called when images have been added, before the import is recorded, so that other processes
   * already know the images then.
   */
  readonly onImages?: (() => Promise<void>) | undefined;
  /** Called once for each failure of the file system, with its text. */
  readonly onProblem: (reason: string) => void;
  /** The thread of the runs, for tests. By default `images`. */
  readonly runThread?: ImageThread | undefined;
}

/** The settings in force. */
interface ImportSettings extends Pick<RunOrder, 'bytesPerSecondMax' | 'httpProxy'> {
  /** Undefined: this host keeps no images. */
  readonly tree: string | undefined;
  /** The interval of scheduled runs. 0 for runs only on demand. */
  readonly everyMs: number;
}

/** The run under way. */
interface ActiveRun {
  readonly work: ReturnType<ImageThread['run']>;
  readonly stop: AbortController;
  /** The number of orders that were sent to the run. */
  orders: number;
  /** Callbacks by the name of a dropped image. Called when nothing writes the image any more. */
  readonly dropped: Map<string, () => void>;
}

export class ImportControl {
  readonly #deps: ImportControlDeps;
  readonly #thread: ImageThread;
  readonly #failures: FailureReports;
  #run: ActiveRun | undefined;
  #timer: Timer | undefined;
  #pendingCheck: Promise<void> | undefined;
  #mustCheckAgain = false;
  #isActive = false;
  readonly #lastProgress = new Map<string, ImportProgress>();
  /** The names of the images of the last run. Empty for all. */
  #imageNames: readonly string[] = [];
  /** The problem of the site's file that was reported last. */
  #fileProblem: string | undefined;
  /** Settles with the last write. Writes run one after the other. */
  #pendingWrites: Promise<void> = Promise.resolve();

  constructor(deps: ImportControlDeps) {
    this.#deps = deps;
    this.#failures = new FailureReports(deps.onProblem);
    this.#thread = deps.runThread ?? deps.images;
  }

  /** Call when this process gets the duties. */
  begin(): void {
    this.#isActive = true;
    this.check();
  }

  /** Call when another process has taken the duties. */
  suspend(): void {
    this.#isActive = false;
    this.#timer?.cancel();
    void this.#abandonRun();
  }

  check(): void {
    if (!this.#isActive) return;
    this.#mustCheckAgain = true;
    this.#pendingCheck ??= this.#checkUntilDone().finally(() => {
      this.#pendingCheck = undefined;
    });
  }

  async close(): Promise<void> {
    this.suspend();
    await this.#abandonRun();
    await this.#pendingCheck;
    await this.#pendingWrites;
  }

  async #checkUntilDone(): Promise<void> {
    while (this.#mustCheckAgain && this.#isActive) {
      this.#mustCheckAgain = false;
      try {
        this.#schedule(await this.#checkOnce());
      } catch (error) {
        this.#failures.report(error);
        this.#schedule(RETRY_MS);
      }
    }
  }

  #schedule(delayMs: number | undefined): void {
    this.#timer?.cancel();
    if (!this.#isActive) return;
    // Other processes may store requests, too.
    const max = this.#deps.region.store.duties === undefined ? CHECK_MS_MAX : CHECK_MS;
    this.#timer = this.#deps.clock.schedule(Math.min(delayMs ?? max, max), () => this.check());
  }

  async #reportFileProblem(): Promise<FileProblem | undefined> {
    const problem = await this.#deps.region.bootImages.fileProblem();
    if (problem !== undefined && problem.text !== this.#fileProblem)
      this.#deps.onNote?.({ note: 'sources-unusable', reason: problem.text, kept: problem.inForce });
    this.#fileProblem = problem?.text;
    return problem;
  }

  /** @returns the time until the next scheduled run, in milliseconds; undefined if none is scheduled */
  async #checkOnce(): Promise<number | undefined> {
    const { boot } = this.#deps.region.store;
    await this.#reportFileProblem();
    const { tree, everyMs } = this.#settings();
    if (tree === undefined) return undefined;
    // Wait for pending writes. Otherwise a run that just ended would look like a run of a killed process.
    await this.#pendingWrites;
    const isRunning = this.#run !== undefined;
    // The run is read before the resources. So the resources include every deletion that was
    // requested before the run, and it is carried out before the run begins.
    const run = await boot.findRun();
    const resources = await boot.listResources();
    for (const { name, wish } of resources) {
      if (!this.#isActive) return undefined;
      if (wish === 'delete') await this.#removeImage(name, tree);
    }
    const nowMs = this.#deps.clock.wallTimeMs();
    if (run.stoppedMs > run.begunMs) this.#run?.stop.abort();
    this.#run?.work.sendCommand({ limit: this.#settings().bytesPerSecondMax });
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
    const sources = await listSelectedSources(region);
    if (!this.#isActive) return;
    const isRunning = this.#run !== undefined;
    for (const [name, { state }] of this.#lastProgress)
      if (!isRunning || !UNDER_WAY.has(state)) this.#lastProgress.delete(name);
    const isEmpty = sources.length === 0 && !isRunning;
    const skipped = isEmpty
      ? keepEarlierReasons([{ name: '', reason: buildEmptyReason(await this.#reportFileProblem()) }], run.skipped)
      : listStillSkipped(run.skipped, sources, resources);
    const images = await beginRun(region.store, skipped, { nowMs: clock.wallTimeMs(), dueMs, isEmpty });
    if (isEmpty) this.check();
    if (isEmpty || !this.#isActive) return;
    this.#imageNames = images;
    const { stateDir, install } = region.config();
    const directories = { tree, workDir: workDirectory(stateDir), configured: configuredMirrors(install) };
    const { bytesPerSecondMax, httpProxy } = this.#settings();
    this.#submitOrder({ ...directories, bytesPerSecondMax, httpProxy, sources, images });
  }

  /** Begins a run, or sends another order to the run under way. */
  #submitOrder(order: RunOrder): void {
    if (this.#run !== undefined) {
      this.#run.orders += 1;
      this.#run.work.sendCommand({ again: order });
      return;
    }
    const stop = new AbortController();
    const dropped: ActiveRun['dropped'] = new Map();
    const onReport = (report: RunReport): void => this.#receive(report, dropped);
    const run = { work: this.#thread.run(order, { signal: stop.signal, onReport }), stop, orders: 1, dropped };
    this.#run = run;
    run.work.done.then(
      (end) => this.#finishRun(run, end),
      (error: unknown) => this.#recordLostRun(run, error),
    );
  }

  #receive(report: RunReport, dropped: ActiveRun['dropped']): void {
    if ('items' in report) this.#write(() => this.#storeProgress(report.items));
    else if ('left' in report) this.#write(() => this.#storeSkipped(report.left));
    else if ('dropped' in report) dropped.get(report.dropped)?.();
    else this.#deps.onNote?.({ note: 'import-bug', name: report.bug.name, reason: report.bug.stack });
  }

  #finishRun(run: ActiveRun, { left, orders }: RunEnd): void {
    if (this.#run !== run) return;
    this.#run = undefined;
    // An order that came too late begins the next run. In the store the run is still under way, so
    // the next check starts it.
    if (orders < run.orders) this.check();
    else this.#write(() => this.#recordEnd(left));
  }

  #recordLostRun(run: ActiveRun, error: unknown): void {
    if (this.#run !== run) return;
    this.#run = undefined;
    const how = error instanceof ImageThreadEnded ? error.endKind : 'broken';
    if (how === 'closed') return;
    const reason = buildThreadReason(error instanceof ImageThreadEnded ? error.cause : error);
    this.#write(async () => {
      await this.#recordThreadEnd(reason);
      // The next run would break the thread again.
      if (how === 'broken') await this.#recordEnd({ skipped: [{ name: '', reason }], more: 0 });
      // Unless a person stopped the run, another one begins for its imports.
      else this.check();
    });
  }

  /**
   * Ends the run at once. It does not count as ended, so the next run continues from the bytes that
   * have arrived.
   */
  async #abandonRun(): Promise<void> {
    this.#run = undefined;
    await this.#thread.end();
  }

  /** Ends the import of an image, if one is under way. */
  async #dropImport(name: string): Promise<void> {
    if (this.#run === undefined) return;
    const { work, dropped } = this.#run;
    const { promise, resolve } = Promise.withResolvers<void>();
    const resolveDrop = (): void => resolve();
    dropped.set(name, resolveDrop);
    work.done.then(resolveDrop, resolveDrop);
    work.sendCommand({ drop: name }, promise);
    await promise;
  }

  async #removeImage(name: string, tree: string): Promise<void> {
    await this.#dropImport(name);
    await this.#pendingWrites;
    const { region, locationId: place, images } = this.#deps;
    const { store } = region;
    const files = new Map(
      (await store.boot.listResources()).map((resource) => [resource.name, listExpectedFiles(resource)]),
    );
    try {
      await removeResource({ region, tree, images }, name);
      const ownFiles = files.get(name) ?? [];
      files.delete(name);
      const names = ownFiles.filter((file) => ![...files.values()].flat().includes(file));
      await images.do('remove-left', tree, { names });
    } catch (error) {
      // The next check tries again.
      await recordDeletionOutcome(store, name, buildDeletionReason(error));
      return;
    }
    await recordDeletionOutcome(store, name, undefined);
    await store.transact(async () => {
      await store.hostImages?.condemn(name, place);
      await store.boot.forget([name]);
    });
  }

  /**
   * Forgets images that no source offers any more and that no host has. Of images that a host has,
   * forgets the failures.
   * @param undecidedNames the names of sources that answered incompletely, and of images that the run
   * skipped
   */
  async #forgetWithdrawn(undecidedNames: ReadonlySet<string>): Promise<void> {
    const { tree } = this.#settings();
    const presentImageNames = tree === undefined ? undefined : listPresentNames(tree);
    if (presentImageNames === undefined) return;
    const { boot, hostImages } = this.#deps.region.store;
    const elsewhere = new Set((await hostImages?.list())?.flatMap(({ images }) => images.map(formatResourceName)));
    const unoffered = (await boot.listResources())
      .filter(
        ({ name }) =>
          !this.#lastProgress.has(name) && (this.#imageNames.length === 0 || this.#imageNames.includes(name)),
      )
      .filter(({ progress }) => progress === undefined || !undecidedNames.has(progress.source));
    const hasHost = ({ name }: BootResource): boolean => elsewhere.has(name) || presentImageNames.has(name);
    await boot.forget(unoffered.filter((resource) => !hasHost(resource)).map(({ name }) => name));
    const outdatedFailures = listOutdatedFailures(
      unoffered.filter((resource) => hasHost(resource) && !undecidedNames.has(resource.name)),
    );
    await boot.noteProgress(outdatedFailures, this.#deps.clock.wallTimeMs());
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

  async #storeProgress(entries: ReadonlyMap<string, ImportProgress>): Promise<void> {
    // Another process reports the progress if this one has lost the duties.
    if (!this.#isActive) return;
    const { store } = this.#deps.region;
    const atMs = this.#deps.clock.wallTimeMs();
    const events = [...entries].flatMap(([name, progress]) => {
      const previous = this.#lastProgress.get(name);
      this.#lastProgress.set(name, progress);
      return listImportEvents(name, progress, previous, atMs);
    });
    if (events.some(({ code }) => code === 'image-imported')) await this.#deps.onImages?.();
    await store.transact(async () => {
      await store.boot.noteProgress(entries, atMs);
      for (const event of events) await store.recordEvent(event, undefined);
    });
    for (const { code, params } of events) if (code === 'image-imported') await this.#removeOlder(params);
  }

  /**
   * Removes older images. An image that cannot be removed now is removed after the next import of
   * its name.
   */
  async #removeOlder(image: { readonly image: string; readonly serial: string }): Promise<void> {
    const { tree } = this.#settings();
    if (tree === undefined) return;
    try {
      const { region, images } = this.#deps;
      await removeOlderImages({ region, tree, images }, image);
      this.#failures.clear();
    } catch (error) {
      this.#failures.report(error);
    }
  }

  /** Stores which images were skipped. Slow imports may still be under way. */
  async #storeSkipped({ skipped, more }: SkippedList): Promise<void> {
    if (!this.#isActive) return;
    const { store } = this.#deps.region;
    const run = await store.boot.findRun();
    const entries = keepEarlierReasons(skipped, run.skipped).map((entry) => ({
      ...entry,
      name: entry.name.slice(0, NAME_MAX),
    }));
    await store.transact(async () => {
      await store.boot.changeRun({ skipped: entries, skippedMore: more });
      const atMs = this.#deps.clock.wallTimeMs();
      for (const event of listLeftOutEvents(entries, run.skipped, atMs)) await store.recordEvent(event, undefined);
    });
    // Images are forgotten only if all sources have answered, because only then is it known that
    // none offers them.
    const isUndecided = entries.some(({ reason }) => reason.code === 'thread-ended' || isUncertain(reason));
    if (!isUndecided && run.stoppedMs <= run.begunMs)
      await this.#forgetWithdrawn(new Set(entries.map(({ name }) => name)));
  }

  async #recordEnd(skippedList: SkippedList): Promise<void> {
    if (!this.#isActive) return;
    const { boot } = this.#deps.region.store;
    await this.#storeSkipped(skippedList);
    const { begunMs } = await boot.findRun();
    await boot.changeRun({ endedMs: Math.max(this.#deps.clock.wallTimeMs(), begunMs) });
    await this.#sweepDownloads();
    this.check();
  }

  /** Records the imports that ended with the thread. */
  async #recordThreadEnd(reason: ImportReason): Promise<void> {
    if (!this.#isActive) return;
    await this.#storeProgress(listCancelledImports(reason, this.#lastProgress));
    this.#deps.onProblem(importText(reason));
  }

  /** Queues a write. If the store is unavailable, the next change writes the progress again. */
  #write(work: () => Promise<void>): void {
    this.#pendingWrites = this.#pendingWrites.then(work).catch((error: unknown) => {
      this.#failures.report(error);
      this.#schedule(RETRY_MS);
    });
  }
}
