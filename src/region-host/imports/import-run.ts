// One run of imports. It asks the sources, and imports the items that the selections match,
// IMPORTS_MAX at a time.
//
//   queued ─▶ waiting, connecting, downloading, verifying ─┬─▶ done
//                             │                            ├─▶ failed ─────────────────▶ queued, if a further source has it
//                             └─ stop ─▶ cancelled         └─▶ waiting for the process that has its file locked, ─▶ queued
//                                                              or for a server that asks for a long pause
//
// 1. Stopping an import leaves its downloaded bytes (`images/run/image-import.ts`). A waiting
//    import has no place.
// 2. Each answer of a source begins imports, except of images for which an earlier source may still
//    answer (plan.ts).
// 3. Imports that need the same file run one after the other. The later one uses the bytes of the
//    earlier one.
// 4. A source has at most IMPORTS_OF_SOURCE_MAX places, and the last place is kept for a source
//    that has none.
// 5. The run ends when all sources have answered, and no import is queued or under way. It lists
//    the items that it skipped.
// 6. `renew` asks the sources again, while imports continue. If an attempt fails after further
//    sources have offered the item, its import begins again with their offers.
// 7. A bug of our own in an import, or in the answer of a source, ends only that import or answer.

import { isDeepStrictEqual } from 'node:util';
import { type Clock, type Instant, later, type Timer } from '../../ground/clock.ts';
import type { Downloads } from '../../images/download/queue.ts';
import type { DownloadState } from '../../images/download/request.ts';
import { DEFAULT_SETTINGS } from '../../images/download/settings.ts';
import { sleepUntil } from '../../images/download/sleep-until.ts';
import { holdTree } from '../../images/engine/tree-lock.ts';
import {
  type FirstItem,
  importFirstItem,
  isStoredItem,
  listInstallersIfPossible,
  readImagesIfPossible,
} from '../../images/run/import-item.ts';
import { countArrivedBytes } from '../../images/run/left-downloads.ts';
import { readHostMirrors } from '../../images/sources/apt-sources.ts';
import { listDigests, type Offer, type Preferred, type SourceAnswer } from '../../images/sources/offer.ts';
import { askSources } from '../../images/sources/offers.ts';
import { SourceQuestions } from '../../images/sources/questions.ts';
import type { HeldLock } from '../../images/store/file-lock.ts';
import type { StoredImage } from '../../images/store/image-store.ts';
import { formatResourceName } from '../../region/images/region-source.ts';
import { type ImportProgress, SKIPPED_MAX } from '../../region/records/boot-store.ts';
import { type ImportReason, isUncertain } from '../../region/records/import-reason.ts';
import {
  BugReports,
  buildDownloadReason,
  buildFailureReason,
  buildRemark,
  type ReportedBug,
} from './import-failure.ts';
import type { RunOrder, SkippedList } from './message.ts';
import { AWAITED_MS, buildQuery, planImports, type SelectedSource, type Skipped } from './plan.ts';
import {
  buildStartingProgress,
  findSender,
  hasPlace,
  IMPORTS_MAX,
  needSameFile,
  type RunItem,
  type RunningImport,
} from './run-item.ts';

// The progress and the pauses of an import, derived from the state of its download.

/** Derives the change of the progress. Undefined if the state changes nothing. */
function toProgressChange(
  state: DownloadState,
  clock: Clock,
): (Pick<ImportProgress, 'state'> & Partial<ImportProgress>) | undefined {
  switch (state.kind) {
    case 'waiting': {
      const { nextAt, reason } = state;
      return {
        state: 'waiting',
        ...(reason === undefined ? {} : { reason: buildDownloadReason(reason) }),
        ...(nextAt === undefined ? {} : { nextMs: clock.wallTimeMs() + (nextAt - clock.now()) }),
      };
    }
    case 'connecting':
      return { state: 'connecting' };
    case 'downloading':
    case 'verifying': {
      const rate = state.kind === 'downloading' ? { bytesPerSecond: Math.round(state.bytesPerSecond) } : {};
      const total = state.total === undefined ? {} : { total: state.total };
      return { state: state.kind, bytes: state.bytes, ...total, ...rate };
    }
    // The download is complete, but the conversion is not.
    case 'done':
      return { state: 'verifying', bytes: state.bytes };
    default:
      return undefined;
  }
}

/** A wait during which the import has no place. */
interface LongWait {
  readonly reason: ImportReason;
  readonly until: Instant;
}

/**
 * An import gives up its place for a pause that is longer than this, in milliseconds. Only a server
 * that asks for a pause causes such a long one.
 */
const PAUSE_MS_MAX = DEFAULT_SETTINGS.pauseMsMax;

/** Finds the pause for which an import gives up its place. @returns undefined if it keeps the place */
function findLongPause(state: DownloadState, clock: Clock): LongWait | undefined {
  if (state.kind !== 'waiting' || state.nextAt === undefined || state.reason === undefined) return undefined;
  if (state.nextAt - clock.now() <= PAUSE_MS_MAX) return undefined;
  return { reason: buildDownloadReason(state.reason), until: state.nextAt };
}

// The items and sources that a run skips, with the reasons. At most SKIPPED_MAX are listed. Further
// ones are only counted.

class SkippedItems {
  /** The entries of the plan, which come first in the list. */
  #planned: readonly Skipped[] = [];
  #plannedMore = 0;
  readonly #skipped: Skipped[] = [];
  #more = 0;
  #reported: SkippedList | undefined;

  setPlanned(planned: readonly Skipped[]): void {
    this.#planned = planned.slice(0, SKIPPED_MAX);
    this.#plannedMore = planned.length - this.#planned.length;
  }

  add(skipped: Skipped): void {
    if (this.#skipped.length < SKIPPED_MAX) this.#skipped.push(skipped);
    else this.#more += 1;
  }

  list(): SkippedList {
    const all = [...this.#planned, ...this.#skipped];
    const skipped = all.slice(0, SKIPPED_MAX);
    return { skipped, more: all.length - skipped.length + this.#plannedMore + this.#more };
  }

  /** Returns the list if it has changed since it was last reported. */
  takeChange(): SkippedList | undefined {
    const list = this.list();
    if (isDeepStrictEqual(list, this.#reported)) return undefined;
    this.#reported = list;
    return list;
  }
}

// Asks the sources of a run what they offer.

interface QueryDeps {
  readonly downloads: Downloads;
  readonly clock: Clock;
  readonly bugs: BugReports;
}

/** Asks a source what it offers. A bug of our own becomes a problem of its answer. */
async function askSelectedSource(
  selected: SelectedSource,
  signal: AbortSignal,
  { tree, configured }: RunOrder,
  { downloads, clock, bugs }: QueryDeps,
): Promise<SourceAnswer> {
  const { source } = selected;
  const mirrors = source.kind === 'installer' ? readHostMirrors() : [];
  const deps = { downloads, clock, mirrors, configured, tree, signal };
  const emptyAnswer: SourceAnswer = { source: source.name, offers: [], problems: [] };
  try {
    const [answer = emptyAnswer] = await askSources([source], buildQuery(selected), deps);
    return answer;
  } catch (error) {
    return { ...emptyAnswer, problems: [bugs.toFailure(error, source.name)], isUnread: true };
  }
}

/** The pause before the next try if another process has locked a file, in milliseconds. */
const LOCK_RETRY_MS = 60_000;
/**
 * The time after which sources without an answer, and the images that wait for them, are listed, in
 * milliseconds.
 */
const LIST_DELAY_MS = 5000;
/** The most attempts to lock the files of an image. After them the import has failed until the next run. */
const LOCKED_TRIES_MAX = 60;
/** The most pauses that servers ask for. After them the import has failed until the next run. */
const PAUSES_MAX = 8;

interface ImportRunDeps {
  readonly downloads: Downloads;
  readonly clock: Clock;
  /** Called after each change of an image's progress. At a renewal, also called for the imports under way. */
  readonly onProgress: (name: string, progress: ImportProgress) => void;
  /**
   * Called with the list of skipped items when all sources have answered or are late, or after
   * LIST_DELAY_MS. Then called after each change of the list.
   */
  readonly onLeft: (left: SkippedList) => void;
  /** Called once for each bug of our own that ended one import, or the reading of one source. */
  readonly onBug: (bug: ReportedBug) => void;
}

export class ImportRun {
  readonly #deps: ImportRunDeps;
  #order: RunOrder;
  readonly #items = new Map<string, RunItem>();
  readonly #stop = new AbortController();
  readonly #running = new Map<RunItem, Promise<void>>();
  #questions: SourceQuestions<SelectedSource>;
  readonly #completion = Promise.withResolvers<void>();
  #isEnded = false;
  #listTimer: Timer | undefined;
  #mayList = false;
  #skippedItems = new SkippedItems();
  readonly #bugs: BugReports;
  /** The names of the images that were removed since the run began, or was renewed. */
  readonly #removed = new Set<string>();

  constructor(order: RunOrder, deps: ImportRunDeps) {
    this.#order = order;
    this.#deps = deps;
    this.#bugs = new BugReports(deps.onBug);
    this.#questions = this.#askSources();
  }

  /** Runs to the end. @returns the items that were skipped */
  async run(): Promise<SkippedList> {
    this.#advance();
    await this.#completion.promise;
    const { skipped, more } = this.#skippedItems.list();
    // A stopped run waits for no source any more.
    return { skipped: skipped.filter(({ reason }) => !isUncertain(reason)), more };
  }

  /** Asks the sources again. @returns false if the run has ended, or was stopped */
  renew(order: RunOrder): boolean {
    if (this.#isEnded || this.#stop.signal.aborted) return false;
    for (const item of [...this.#items.values()]) if (item.running === undefined) this.#items.delete(item.name);
    this.#order = order;
    this.#questions.close();
    this.#questions = this.#askSources();
    for (const { name, progress } of this.#items.values()) this.#deps.onProgress(name, progress);
    this.#planItems();
    this.#advance();
    return true;
  }

  /** Asks the sources of the order. */
  #askSources(): SourceQuestions<SelectedSource> {
    const { clock } = this.#deps;
    this.#removed.clear();
    this.#skippedItems = new SkippedItems();
    this.#mayList = false;
    this.#listTimer?.cancel();
    this.#listTimer = clock.schedule(LIST_DELAY_MS, () => {
      this.#mayList = true;
      this.#planItems();
      this.#advance();
    });
    return new SourceQuestions(this.#order.sources, {
      ask: (selected, signal) => askSelectedSource(selected, signal, this.#order, { ...this.#deps, bugs: this.#bugs }),
      clock,
      patienceMs: AWAITED_MS,
      onChange: () => {
        this.#planItems();
        this.#advance();
      },
    });
  }

  /** Advances the run when `work` has ended. A bug in `onEnd` or in `work` ends the run. */
  #advanceAfter(work: Promise<void>, onEnd: () => void): Promise<void> {
    return work.finally(onEnd).then(
      () => this.#advance(),
      (error: unknown) => this.#completion.reject(error),
    );
  }

  #advance(): void {
    this.#startNext();
    this.#reportSkipped();
    if (!this.#questions.hasEnded || this.#running.size > 0) return;
    this.#isEnded = true;
    this.#listTimer?.cancel();
    this.#completion.resolve();
  }

  #reportSkipped(): void {
    const changedList = this.#questions.isSettled || this.#mayList ? this.#skippedItems.takeChange() : undefined;
    if (changedList !== undefined) this.#deps.onLeft(changedList);
  }

  /** Stops all imports under way. The run then ends. */
  stop(): void {
    this.#stop.abort();
    this.#listTimer?.cancel();
    this.#questions.close();
    for (const item of this.#items.values()) {
      item.running?.stop.abort();
      if (item.progress.state === 'queued') this.#cancel(item);
    }
    this.#advance();
  }

  /** Removes an image from the run, and waits until its import has ended. */
  async remove(name: string): Promise<void> {
    this.#removed.add(name);
    const item = this.#items.get(name);
    if (item === undefined) return;
    item.running?.stop.abort();
    await this.#running.get(item);
    this.#items.delete(name);
  }

  #planItems(): void {
    const storedImages = readImagesIfPossible(this.#order.tree);
    const installedNames = listInstallersIfPossible(this.#order.tree).map(formatResourceName);
    const begunItems = [...this.#items.values()].filter(
      ({ running, progress }) => running !== undefined || progress.state === 'done',
    );
    const sourceByItem = new Map(begunItems.map(({ name, progress }) => [name, progress.source]));
    const facts = { sourceByItem, installedNames, onlyNames: this.#order.images };
    const plan = planImports(this.#questions.answers, new Set(this.#items.keys()), facts);
    this.#skippedItems.setPlanned(plan.skipped);
    for (const [name, offers] of plan.offers) {
      const item = this.#items.get(name);
      if (item !== undefined) this.#updateOffers(item, offers);
      else if (!this.#removed.has(name)) this.#addItem(name, offers, storedImages);
    }
  }

  #addItem(name: string, offers: Preferred<Offer>, stored: readonly StoredImage[]): void {
    const progress = this.#buildStartProgress(offers, 'queued');
    const item: RunItem = {
      name,
      offers,
      progress,
      running: undefined,
      waitCount: 0,
      isUndelivered: false,
      isStored: isStoredItem(offers[0], stored),
    };
    this.#items.set(name, item);
    this.#changeProgress(item, progress);
  }

  /** @param triedOffer the offer that is tried first, or now */
  #buildStartProgress(
    offers: Preferred<Offer>,
    state: ImportProgress['state'],
    triedOffer = offers[0],
  ): ImportProgress {
    const startProgress = buildStartingProgress(triedOffer, state, offers);
    return {
      ...startProgress,
      bytes: countArrivedBytes(this.#order.tree, listDigests(triedOffer), startProgress.total),
    };
  }

  /**
   * Updates the offers of an item if there are new ones. A failed item is queued again, because
   * another source may deliver it.
   */
  #updateOffers(item: RunItem, offers: Preferred<Offer>): void {
    if (offers.every((offer) => item.offers.some((known) => isDeepStrictEqual(known, offer)))) return;
    item.offers = offers;
    if (item.progress.state === 'failed' && item.isUndelivered) this.#changeProgress(item, { state: 'queued' });
  }

  #chooseNext(): RunItem | undefined {
    if (this.#stop.signal.aborted) return undefined;
    const queued = [...this.#items.values()].filter(
      ({ progress, running }) => progress.state === 'queued' && running === undefined,
    );
    const runningItems = [...this.#running.keys()];
    // Imports of stored items run one at a time, because each takes only a moment.
    const stored = queued.find(({ isStored }) => isStored);
    if (stored !== undefined && !runningItems.some(({ isStored }) => isStored)) return stored;
    const placedItems = runningItems.filter(({ running, isStored }) => running?.place !== undefined && !isStored);
    if (placedItems.length >= IMPORTS_MAX) return undefined;
    return queued.find(
      (item) =>
        !item.isStored &&
        hasPlace(item, placedItems) &&
        !placedItems.some((other) => needSameFile(item.offers, other.offers)),
    );
  }

  #startNext(): void {
    for (let item = this.#chooseNext(); item !== undefined; item = this.#chooseNext()) {
      const startedItem = item;
      startedItem.running = { stop: new AbortController(), place: { sender: undefined } };
      const importing = this.#importItem(startedItem, startedItem.running);
      const onEnd = (): void => {
        startedItem.running = undefined;
        this.#running.delete(startedItem);
      };
      this.#running.set(startedItem, this.#advanceAfter(importing, onEnd));
    }
  }

  async #importItem(item: RunItem, running: RunningImport): Promise<void> {
    const { downloads, clock } = this.#deps;
    const { signal } = running.stop;
    const { offers } = item;
    const pause = new AbortController();
    let wait: LongWait | undefined;
    let hold: HeldLock | undefined;
    try {
      const { tree, workDir } = this.#order;
      hold = await holdTree(tree);
      const eitherSignal = AbortSignal.any([signal, pause.signal]);
      const options = { tree, workDir, downloads, nowMs: clock.wallTimeMs(), signal: eitherSignal };
      const onState = (state: DownloadState): void => {
        wait ??= findLongPause(state, clock);
        if (state.kind === 'downloading') running.place &&= { sender: findSender(offers, state.url) };
        if (wait === undefined) this.#showDownload(item, state);
        else pause.abort();
        // The import is stopped, and begins again with the offers that have become known meanwhile.
        if (state.kind === 'waiting' && state.reason !== undefined && item.offers !== offers) running.stop.abort();
      };
      const onWaitForTurn = (): void => {
        running.place = undefined;
        this.#startNext();
      };
      const result = await importFirstItem(
        offers,
        { ...options, onState, onWaitForTurn: onWaitForTurn },
        (triedOffer) => {
          const { source, state } = item.progress;
          item.progress = this.#buildStartProgress(offers, state, triedOffer);
          if (triedOffer.source === source) return;
          // The plan depends on the source that delivers an item.
          this.#planItems();
          this.#reportSkipped();
        },
      );
      this.#recordDone(item, result);
    } catch (thrown) {
      if (signal.aborted) {
        this.#recordStop(item);
        return;
      }
      const error = this.#bugs.toFailure(thrown, item.name);
      const { code } = error;
      const reason = wait?.reason ?? buildFailureReason(error, this.#order.tree);
      item.waitCount += 1;
      if (code === 'already-running') wait = { reason, until: later(clock.now(), LOCK_RETRY_MS) };
      if (wait !== undefined && item.waitCount < (code === 'already-running' ? LOCKED_TRIES_MAX : PAUSES_MAX)) {
        await this.#waitWithoutPlace(item, wait, running);
        return;
      }
      item.isUndelivered = code === 'source-failed';
      this.#changeProgress(
        item,
        item.isUndelivered && item.offers !== offers ? { state: 'queued' } : { state: 'failed', reason },
      );
    } finally {
      hold?.release();
    }
  }

  #recordDone(item: RunItem, { failures, serial, bytes, added, note }: FirstItem): void {
    for (const error of failures) this.#skippedItems.add({ name: item.name, reason: buildFailureReason(error) });
    if (note !== undefined) this.#skippedItems.add({ name: item.name, reason: buildRemark(note) });
    const size = item.progress.total ?? bytes;
    const done = { state: 'done', serial, bytes: size, total: size } as const;
    this.#changeProgress(item, added ? done : { ...done, reason: { code: 'present', params: { serial } } });
  }

  /** Waits without a place, which another import may get meanwhile. Then queues the import again. */
  async #waitWithoutPlace(item: RunItem, { reason, until }: LongWait, running: RunningImport): Promise<void> {
    const { clock } = this.#deps;
    running.place = undefined;
    this.#changeProgress(item, { state: 'waiting', reason, nextMs: clock.wallTimeMs() + (until - clock.now()) });
    this.#startNext();
    await sleepUntil(until, clock, running.stop.signal);
    if (!running.stop.signal.aborted) this.#changeProgress(item, { state: 'queued' });
    else this.#recordStop(item);
  }

  /**
   * Records that an import was stopped. If it was stopped because of new offers, it begins again
   * with them.
   */
  #recordStop(item: RunItem): void {
    if (this.#removed.has(item.name)) return;
    if (this.#stop.signal.aborted) {
      this.#cancel(item);
      return;
    }
    item.progress = this.#buildStartProgress(item.offers, 'queued');
    this.#changeProgress(item, item.progress);
  }

  #cancel(item: RunItem): void {
    this.#changeProgress(item, { state: 'cancelled', reason: { code: 'stopped', params: {} } });
  }

  #showDownload(item: RunItem, state: DownloadState): void {
    const download = toProgressChange(state, this.#deps.clock);
    if (item.running?.stop.signal.aborted !== false || download === undefined) return;
    // At first the kept part is hashed. All its bytes have arrived, however few of them are hashed yet.
    const bytes = download.state === 'verifying' ? { bytes: Math.max(item.progress.bytes, download.bytes ?? 0) } : {};
    this.#changeProgress(item, { ...download, ...bytes });
  }

  /**
   * Changes the progress. The rate, the reason and the time of the next attempt are replaced
   * together with the state.
   */
  #changeProgress(item: RunItem, change: Pick<ImportProgress, 'state'> & Partial<ImportProgress>): void {
    const { bytesPerSecond: _rate, reason: _reason, nextMs: _next, ...kept } = item.progress;
    item.progress = { ...kept, ...change };
    this.#deps.onProgress(item.name, item.progress);
  }
}
