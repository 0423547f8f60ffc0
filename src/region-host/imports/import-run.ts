// One run of imports: asks the sources, and imports the items that the selections match,
// IMPORTS_MAX at a time.
//
//   queued ─▶ waiting, connecting, downloading, verifying ─┬─▶ done
//                             │                            ├─▶ failed ─────────────────▶ queued, if a further source has it
//                             └─ stop ─▶ cancelled         └─▶ waiting for the process that has its file locked, ─▶ queued
//                                                              or for a server that asks for a long pause
//
// 1. Stopping an import leaves its downloaded bytes (`images/run/image-import.ts`). A waiting
//    import takes no place.
// 2. Each answer of a source begins its imports, except of images for which an earlier source may
//    still answer (plan.ts).
// 3. Imports that need the same file run one after the other: the later one takes the bytes of the
//    earlier one.
// 4. A source has at most IMPORTS_OF_SOURCE_MAX places, and the last place is kept for a source
//    that has none.
// 5. The run ends when all sources have answered, and no import is queued or under way. It lists
//    what it left out.
// 6. `renew` asks the sources again, while imports continue. One whose attempt fails after further
//    sources have offered it begins again with their offers.
// 7. An error of our own in an import, or in the answer of a source, ends only that.

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
import { resourceName } from '../../region/images/region-source.ts';
import { type ImportProgress, SKIPPED_MAX } from '../../region/records/boot-store.ts';
import { type ImportReason, isUncertain } from '../../region/records/import-reason.ts';
import { buildRemark, downloadReason, failureReason, type OwnBug, OwnErrors } from './import-failure.ts';
import type { RunOrder, SkippedList } from './message.ts';
import { AWAITED_MS, buildWish, planImports, type SelectedSource, type Skipped } from './plan.ts';
import { findSender, hasPlace, IMPORTS_MAX, type Item, needSame, type Running, startingProgress } from './run-item.ts';

// The progress and the pauses of an import, as the state of its download shows them.

/** The changes of the progress; `undefined`: the state shows nothing. */
function shownDownload(
  state: DownloadState,
  clock: Clock,
): (Pick<ImportProgress, 'state'> & Partial<ImportProgress>) | undefined {
  switch (state.kind) {
    case 'waiting': {
      const { nextAt, reason } = state;
      return {
        state: 'waiting',
        ...(reason === undefined ? {} : { reason: downloadReason(reason) }),
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

/** A wait without a place. */
interface Wait {
  readonly reason: ImportReason;
  readonly until: Instant;
}

/**
 * An import gives up its place for a longer pause than this, in milliseconds: only a server that
 * asks for it causes one.
 */
const PAUSE_MS_MAX = DEFAULT_SETTINGS.pauseMsMax;

/** The pause for which an import gives up its place. @returns undefined: it keeps the place */
function longPause(state: DownloadState, clock: Clock): Wait | undefined {
  if (state.kind !== 'waiting' || state.nextAt === undefined || state.reason === undefined) return undefined;
  if (state.nextAt - clock.now() <= PAUSE_MS_MAX) return undefined;
  return { reason: downloadReason(state.reason), until: state.nextAt };
}

// The items and sources that a run leaves out, with the reasons: at most SKIPPED_MAX are listed,
// further ones counted.

class LeftOut {
  /** Those that the plan leaves out; they come first. */
  #planned: readonly Skipped[] = [];
  #plannedMore = 0;
  readonly #skipped: Skipped[] = [];
  #more = 0;
  #reported: SkippedList | undefined;

  plan(planned: readonly Skipped[]): void {
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

  /** The list, if it has changed since it was reported last. */
  change(): SkippedList | undefined {
    const list = this.list();
    if (isDeepStrictEqual(list, this.#reported)) return undefined;
    this.#reported = list;
    return list;
  }
}

// Asks a source of a run what it offers.

interface AskDeps {
  readonly downloads: Downloads;
  readonly clock: Clock;
  readonly bugs: OwnErrors;
}

/** Asks a source. An error of our own becomes a problem of its answer. */
async function askSelected(
  selected: SelectedSource,
  signal: AbortSignal,
  { tree, configured }: RunOrder,
  { downloads, clock, bugs }: AskDeps,
): Promise<SourceAnswer> {
  const { source } = selected;
  const mirrors = source.kind === 'installer' ? readHostMirrors() : [];
  const deps = { downloads, clock, mirrors, configured, tree, signal };
  const none: SourceAnswer = { source: source.name, offers: [], problems: [] };
  try {
    const [answer = none] = await askSources([source], buildWish(selected), deps);
    return answer;
  } catch (error) {
    return { ...none, problems: [bugs.take(error, source.name)], isUnread: true };
  }
}

/** The pause before the next try if another process has locked a file, in milliseconds. */
const LOCKED_MS = 60_000;
/**
 * How long sources may take to answer before those without an answer, and the images that wait for
 * them, are listed, in milliseconds.
 */
const LISTED_MS = 5000;
/** The most tries to lock the files of an image. After them it has failed until the next run. */
const LOCKED_TRIES_MAX = 60;
/** The most pauses that servers ask for. After them the import has failed until the next run. */
const PAUSES_MAX = 8;

interface ImportRunDeps {
  readonly downloads: Downloads;
  readonly clock: Clock;
  /** Called after each change of an image's progress; at a renewal also for those under way. */
  readonly onProgress: (name: string, progress: ImportProgress) => void;
  /**
   * Called when all sources have answered or are late, or after LISTED_MS, and after each later
   * change of this list.
   */
  readonly onLeft: (left: SkippedList) => void;
  /** Called once for each error of our own that ended one import, or the reading of one source. */
  readonly onBug: (bug: OwnBug) => void;
}

export class ImportRun {
  readonly #deps: ImportRunDeps;
  #order: RunOrder;
  readonly #items = new Map<string, Item>();
  readonly #stop = new AbortController();
  readonly #running = new Map<Item, Promise<void>>();
  #questions: SourceQuestions<SelectedSource>;
  readonly #ended = Promise.withResolvers<void>();
  #isEnded = false;
  #listing: Timer | undefined;
  #isListed = false;
  #leftOut = new LeftOut();
  readonly #bugs: OwnErrors;
  /** The names of the images that were removed since the run began, or was renewed. */
  readonly #removed = new Set<string>();

  constructor(order: RunOrder, deps: ImportRunDeps) {
    this.#order = order;
    this.#deps = deps;
    this.#bugs = new OwnErrors(deps.onBug);
    this.#questions = this.#ask();
  }

  /** Runs to the end. @returns the images that were left out */
  async run(): Promise<SkippedList> {
    this.#advance();
    await this.#ended.promise;
    const { skipped, more } = this.#leftOut.list();
    // A stopped run waits for nothing any more.
    return { skipped: skipped.filter(({ reason }) => !isUncertain(reason)), more };
  }

  /** Asks the sources again. @returns false if the run has ended, or was stopped */
  renew(order: RunOrder): boolean {
    if (this.#isEnded || this.#stop.signal.aborted) return false;
    for (const item of [...this.#items.values()]) if (item.running === undefined) this.#items.delete(item.name);
    this.#order = order;
    this.#questions.close();
    this.#questions = this.#ask();
    for (const { name, progress } of this.#items.values()) this.#deps.onProgress(name, progress);
    this.#plan();
    this.#advance();
    return true;
  }

  /** Asks the sources of the order. */
  #ask(): SourceQuestions<SelectedSource> {
    const { clock } = this.#deps;
    this.#removed.clear();
    this.#leftOut = new LeftOut();
    this.#isListed = false;
    this.#listing?.cancel();
    this.#listing = clock.schedule(LISTED_MS, () => {
      this.#isListed = true;
      this.#plan();
      this.#advance();
    });
    return new SourceQuestions(this.#order.sources, {
      ask: (selected, signal) => askSelected(selected, signal, this.#order, { ...this.#deps, bugs: this.#bugs }),
      clock,
      patienceMs: AWAITED_MS,
      onChange: () => {
        this.#plan();
        this.#advance();
      },
    });
  }

  /** Advances the run at the end of a part of its work. A bug there ends the run. */
  #follow(work: Promise<void>, onEnd: () => void): Promise<void> {
    return work.finally(onEnd).then(
      () => this.#advance(),
      (error: unknown) => this.#ended.reject(error),
    );
  }

  #advance(): void {
    this.#startNext();
    this.#reportLeft();
    if (!this.#questions.hasEnded || this.#running.size > 0) return;
    this.#isEnded = true;
    this.#listing?.cancel();
    this.#ended.resolve();
  }

  #reportLeft(): void {
    const left = this.#questions.isSettled || this.#isListed ? this.#leftOut.change() : undefined;
    if (left !== undefined) this.#deps.onLeft(left);
  }

  /** Ends all imports under way, and with them the run. */
  stop(): void {
    this.#stop.abort();
    this.#listing?.cancel();
    this.#questions.close();
    for (const item of this.#items.values()) {
      item.running?.stop.abort();
      if (item.progress.state === 'queued') this.#end(item);
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

  #plan(): void {
    const stored = readImagesIfPossible(this.#order.tree);
    const installed = listInstallersIfPossible(this.#order.tree).map(resourceName);
    const begun = [...this.#items.values()].filter(
      ({ running, progress }) => running !== undefined || progress.state === 'done',
    );
    const delivered = new Map(begun.map(({ name, progress }) => [name, progress.source]));
    const facts = { delivered, installed, only: this.#order.images };
    const plan = planImports(this.#questions.answers, new Set(this.#items.keys()), facts);
    this.#leftOut.plan(plan.skipped);
    for (const [name, offers] of plan.offers) {
      const item = this.#items.get(name);
      if (item !== undefined) this.#offer(item, offers);
      else if (!this.#removed.has(name)) this.#add(name, offers, stored);
    }
  }

  #add(name: string, offers: Preferred<Offer>, stored: readonly StoredImage[]): void {
    const progress = this.#progressAtStart(offers, 'queued');
    const item: Item = {
      name,
      offers,
      progress,
      running: undefined,
      waits: 0,
      isUndelivered: false,
      isStored: isStoredItem(offers[0], stored),
    };
    this.#items.set(name, item);
    this.#show(item, progress);
  }

  /** @param tried the offer that is tried first, or now */
  #progressAtStart(offers: Preferred<Offer>, state: ImportProgress['state'], tried = offers[0]): ImportProgress {
    const begun = startingProgress(tried, state, offers);
    return { ...begun, bytes: countArrivedBytes(this.#order.tree, listDigests(tried), begun.total) };
  }

  /** Gives an item what has not been offered for it yet. Then a source may deliver what others did not. */
  #offer(item: Item, offers: Preferred<Offer>): void {
    if (offers.every((offer) => item.offers.some((own) => isDeepStrictEqual(own, offer)))) return;
    item.offers = offers;
    if (item.progress.state === 'failed' && item.isUndelivered) this.#show(item, { state: 'queued' });
  }

  #next(): Item | undefined {
    if (this.#stop.signal.aborted) return undefined;
    const queued = [...this.#items.values()].filter(
      ({ progress, running }) => progress.state === 'queued' && running === undefined,
    );
    const all = [...this.#running.keys()];
    // One at a time takes a moment.
    const stored = queued.find(({ isStored }) => isStored);
    if (stored !== undefined && !all.some(({ isStored }) => isStored)) return stored;
    const placed = all.filter(({ running, isStored }) => running?.place !== undefined && !isStored);
    if (placed.length >= IMPORTS_MAX) return undefined;
    return queued.find(
      (item) =>
        !item.isStored && hasPlace(item, placed) && !placed.some((other) => needSame(item.offers, other.offers)),
    );
  }

  #startNext(): void {
    for (let item = this.#next(); item !== undefined; item = this.#next()) {
      const started = item;
      started.running = { stop: new AbortController(), place: { sender: undefined } };
      const end = this.#import(started, started.running);
      const onEnd = (): void => {
        started.running = undefined;
        this.#running.delete(started);
      };
      this.#running.set(started, this.#follow(end, onEnd));
    }
  }

  async #import(item: Item, running: Running): Promise<void> {
    const { downloads, clock } = this.#deps;
    const { signal } = running.stop;
    const { offers } = item;
    const pause = new AbortController();
    let wait: Wait | undefined;
    let hold: HeldLock | undefined;
    try {
      const { tree, workDir } = this.#order;
      hold = await holdTree(tree);
      const either = AbortSignal.any([signal, pause.signal]);
      const options = { tree, workDir, downloads, nowMs: clock.wallTimeMs(), signal: either };
      const onState = (state: DownloadState): void => {
        wait ??= longPause(state, clock);
        if (state.kind === 'downloading') running.place &&= { sender: findSender(offers, state.url) };
        if (wait === undefined) this.#showDownload(item, state);
        else pause.abort();
        // It begins again, with the mirrors that have become known meanwhile.
        if (state.kind === 'waiting' && state.reason !== undefined && item.offers !== offers) running.stop.abort();
      };
      const onTurn = (): void => {
        running.place = undefined;
        this.#startNext();
      };
      const result = await importFirstItem(offers, { ...options, onState, onWaitForTurn: onTurn }, (tried) => {
        const { source, state } = item.progress;
        item.progress = this.#progressAtStart(offers, state, tried);
        if (tried.source === source) return;
        // The list names the source that delivers an item.
        this.#plan();
        this.#reportLeft();
      });
      this.#done(item, result);
    } catch (raw) {
      if (signal.aborted) {
        this.#leave(item);
        return;
      }
      const error = this.#bugs.take(raw, item.name);
      const { code } = error;
      const reason = wait?.reason ?? failureReason(error, this.#order.tree);
      item.waits += 1;
      if (code === 'already-running') wait = { reason, until: later(clock.now(), LOCKED_MS) };
      if (wait !== undefined && item.waits < (code === 'already-running' ? LOCKED_TRIES_MAX : PAUSES_MAX)) {
        await this.#wait(item, wait, running);
        return;
      }
      item.isUndelivered = code === 'source-failed';
      this.#show(
        item,
        item.isUndelivered && item.offers !== offers ? { state: 'queued' } : { state: 'failed', reason },
      );
    } finally {
      hold?.release();
    }
  }

  #done(item: Item, { failures, serial, bytes, added, note }: FirstItem): void {
    for (const error of failures) this.#leftOut.add({ name: item.name, reason: failureReason(error) });
    if (note !== undefined) this.#leftOut.add({ name: item.name, reason: buildRemark(note) });
    const size = item.progress.total ?? bytes;
    const done = { state: 'done', serial, bytes: size, total: size } as const;
    this.#show(item, added ? done : { ...done, reason: { code: 'present', params: { serial } } });
  }

  /** Gives the place to another import for a while. Then the import is queued again. */
  async #wait(item: Item, { reason, until }: Wait, running: Running): Promise<void> {
    const { clock } = this.#deps;
    running.place = undefined;
    this.#show(item, { state: 'waiting', reason, nextMs: clock.wallTimeMs() + (until - clock.now()) });
    this.#startNext();
    await sleepUntil(until, clock, running.stop.signal);
    if (!running.stop.signal.aborted) this.#show(item, { state: 'queued' });
    else this.#leave(item);
  }

  /** Shows that an import was stopped. If it was ended for other offers, it begins again with them. */
  #leave(item: Item): void {
    if (this.#removed.has(item.name)) return;
    if (this.#stop.signal.aborted) {
      this.#end(item);
      return;
    }
    item.progress = this.#progressAtStart(item.offers, 'queued');
    this.#show(item, item.progress);
  }

  #end(item: Item): void {
    this.#show(item, { state: 'cancelled', reason: { code: 'stopped', params: {} } });
  }

  #showDownload(item: Item, state: DownloadState): void {
    const download = shownDownload(state, this.#deps.clock);
    if (item.running?.stop.signal.aborted !== false || download === undefined) return;
    // First, the kept part is hashed: it has arrived, however little of it is hashed.
    const bytes = download.state === 'verifying' ? { bytes: Math.max(item.progress.bytes, download.bytes ?? 0) } : {};
    this.#show(item, { ...download, ...bytes });
  }

  /** Replaces the state, and with it the rate, the reason and the time of the next attempt. */
  #show(item: Item, change: Pick<ImportProgress, 'state'> & Partial<ImportProgress>): void {
    const { bytesPerSecond: _rate, reason: _reason, nextMs: _next, ...kept } = item.progress;
    item.progress = { ...kept, ...change };
    this.#deps.onProgress(item.name, item.progress);
  }
}
