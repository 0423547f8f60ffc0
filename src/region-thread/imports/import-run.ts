// One run of imports: asks the sources, and imports the items that the selections match: images, boot loaders, installers, IMPORTS_MAX at a time.
//
//   queued ─▶ waiting, connecting, downloading, verifying ─┬─▶ done
//     ▲  │                    │                            ├─▶ failed ─────────────────▶ queued, if a further source has it
//     │  └──── hold ──────────┴─▶ paused, cancelled        └─▶ waiting for the process ─▶ queued
//     └──────── resume ──────────────┘                         that has its file locked
//
// 1. Holding an import ends it, but its downloaded bytes stay, and a resumed import continues from them (`images/import/image-import.ts`).
//    So a held import takes none of the IMPORTS_MAX places.
// 2. Each answer of a source begins its imports. The images for which an earlier source may still answer wait (plan.ts).
// 3. Imports that need the same file run one after the other: the later one takes the bytes of the earlier one. Systems, which share files,
//    do so anyway (`images/import/system-import.ts`), and take only one place.
// 4. The run ends when all sources have answered, and no import is queued or under way. It returns a reason for every image that it left out.

import { type Clock, later } from '../../clock.ts';
import { RackError } from '../../errors.ts';
import type { Downloads } from '../../images/download/queue.ts';
import type { Download, DownloadState } from '../../images/download/request.ts';
import { sleepUntil } from '../../images/download/sleep-until.ts';
import {
  bytesOfItem,
  digestsOfItem,
  type FirstItem,
  type ItemOffer,
  importFirstItem,
  type OffersOfItem,
} from '../../images/import/import-item.ts';
import { LOADER, type OfferWish, type SourceAnswer } from '../../images/import/offer.ts';
import { askSources } from '../../images/import/offers.ts';
import { readHostMirrors } from '../../images/sources/host-mirrors.ts';
import { type ImportProgress, PROGRESS_FILES_MAX, SKIPPED_MAX } from '../../region/records/boot-store.ts';
import type { ImportReason } from '../../region/records/import-reason.ts';
import { downloadReason, failureReason, saidReason } from './import-failure.ts';
import type { Hold, RunOrder, SkippedList } from './message.ts';
import { matches, planImports, type SelectedSource, type Skipped } from './plan.ts';

/** How many images are imported at a time. */
const IMPORTS_MAX = 2;
/** The pause before the next try if another process has locked a file, in milliseconds. */
const LOCKED_MS = 60_000;
/** The most tries to lock the files of an image. After them it has failed until the next run. */
const LOCKED_TRIES_MAX = 60;

interface ImportRunParts {
  readonly downloads: Downloads;
  readonly clock: Clock;
  /** Called after each change of an image's progress. */
  readonly onProgress: (name: string, progress: ImportProgress) => void;
}

interface Item {
  readonly name: string;
  /** Sources that answer later add theirs. */
  offers: OffersOfItem;
  progress: ImportProgress;
  /** Ends the import under way; undefined if it is not running. */
  stop: AbortController | undefined;
  hold: Hold | 'removed' | undefined;
  /** True while another process has a file locked. Then it takes no place. */
  isLocked: boolean;
  lockedTries: number;
  /** True if no source delivered it, so that a further one may. */
  isUndelivered: boolean;
}

type Asked = readonly [SelectedSource, SourceAnswer | undefined];

export class ImportRun {
  readonly #parts: ImportRunParts;
  readonly #order: RunOrder;
  readonly #items = new Map<string, Item>();
  readonly #stop = new AbortController();
  readonly #running = new Map<Item, Promise<void>>();
  /** In the order of the sources; undefined: it has not answered yet. */
  readonly #answers: Asked[];
  readonly #asking = new Set<Promise<void>>();
  readonly #skipped: Skipped[] = [];
  #skippedMore = 0;
  readonly #held: Map<string, Hold | 'removed'>;

  constructor(order: RunOrder, parts: ImportRunParts) {
    this.#order = order;
    this.#parts = parts;
    this.#held = new Map(order.held);
    this.#answers = order.sources.map((selected) => [selected, undefined]);
  }

  /** Runs to the end. @returns the images that were left out */
  async run(): Promise<SkippedList> {
    for (const [at, selected] of this.#order.sources.entries()) {
      const asking = this.#ask(at, selected).finally(() => this.#asking.delete(asking));
      this.#asking.add(asking);
    }
    while (this.#asking.size + this.#running.size > 0) {
      await Promise.race([...this.#asking, ...this.#running.values()]);
      this.#startNext();
    }
    const all = [...this.#plan().skipped, ...this.#skipped];
    const skipped = all.slice(0, SKIPPED_MAX);
    return { skipped, more: all.length - skipped.length + this.#skippedMore };
  }

  /** Ends all imports under way, and with them the run. */
  stop(): void {
    this.#stop.abort();
    for (const item of this.#items.values()) {
      item.stop?.abort();
      if (item.progress.state === 'queued') this.#end(item);
    }
  }

  /** Holds an import, and waits until it has ended. */
  async hold(name: string, hold: Hold): Promise<void> {
    const item = await this.#endItem(name, hold);
    if (item !== undefined && item.progress.state !== 'done') this.#show(item, { state: hold });
  }

  /** Removes an image from the run, and waits until its import has ended. */
  async remove(name: string): Promise<void> {
    await this.#endItem(name, 'removed');
    this.#items.delete(name);
  }

  /** Ends an import under way, and waits for that. @returns undefined if the run does not have it */
  async #endItem(name: string, hold: Hold | 'removed'): Promise<Item | undefined> {
    this.#held.set(name, hold);
    const item = this.#items.get(name);
    if (item === undefined) return undefined;
    item.hold = hold;
    const running = this.#running.get(item);
    item.stop?.abort();
    await running;
    return item;
  }

  /** Queues a held or failed import again. */
  resume(name: string): void {
    this.#held.delete(name);
    const item = this.#items.get(name);
    if (item === undefined) return;
    item.hold = undefined;
    item.lockedTries = 0;
    if (item.stop !== undefined || item.progress.state === 'done') return;
    this.#show(item, { state: 'queued' });
    if (this.#running.size + this.#asking.size > 0) this.#startNext();
  }

  #skip(skipped: Skipped): void {
    if (this.#skipped.length < SKIPPED_MAX) this.#skipped.push(skipped);
    else this.#skippedMore += 1;
  }

  /** Asks a source, and begins the imports that its answer allows. */
  async #ask(at: number, selected: SelectedSource): Promise<void> {
    const { downloads, clock } = this.#parts;
    const { source } = selected;
    const { tree, configured } = this.#order;
    const mirrors = source.kind === 'installer' ? readHostMirrors() : [];
    const means = { downloads, clock, mirrors, configured, tree, signal: this.#stop.signal };
    const none: SourceAnswer = { source: source.name, offers: [], installers: [], loaders: [], problems: [] };
    let answer: SourceAnswer | undefined;
    try {
      [answer] = await askSources([source], wishOf(selected), means);
    } catch (error) {
      if (!(error instanceof RackError)) throw error;
      answer = { ...none, problems: [error] };
    }
    if (this.#stop.signal.aborted) return;
    this.#answers[at] = [selected, answer ?? none];
    for (const [name, offers] of this.#plan().offers) {
      const item = this.#items.get(name);
      if (item === undefined) this.#add(name, offers);
      else this.#addOffers(item, offers);
    }
  }

  #plan(): ReturnType<typeof planImports> {
    return planImports(this.#answers, new Set(this.#items.keys()));
  }

  #add(name: string, offers: OffersOfItem): void {
    const hold = this.#held.get(name);
    if (hold === 'removed') return;
    const progress = progressOf(offers[0], hold ?? 'queued', offers);
    const item: Item = {
      ...{ name, offers, progress, stop: undefined, hold, isLocked: false, lockedTries: 0, isUndelivered: false },
    };
    this.#items.set(name, item);
    this.#show(item, progress);
    if (hold !== undefined) this.#skip({ name, reason: { code: 'held', params: { hold } } });
  }

  /** Adds the offers of a source that answered later. */
  #addOffers(item: Item, offers: OffersOfItem): void {
    if (offers.length === item.offers.length) return;
    item.offers = offers;
    if (item.progress.state === 'failed' && item.isUndelivered) this.#show(item, { state: 'queued' });
  }

  #next(): Item | undefined {
    if (this.#stop.signal.aborted) return undefined;
    const running = [...this.#running.keys()].filter(({ isLocked }) => !isLocked);
    if (running.length >= IMPORTS_MAX) return undefined;
    return [...this.#items.values()].find(
      (item) =>
        item.progress.state === 'queued' &&
        item.stop === undefined &&
        !running.some((other) => needSame(item.offers, other.offers)),
    );
  }

  #startNext(): void {
    for (let item = this.#next(); item !== undefined; item = this.#next()) {
      const started = item;
      started.stop = new AbortController();
      const end = this.#import(started, started.stop.signal).finally(() => {
        started.stop = undefined;
        this.#running.delete(started);
      });
      this.#running.set(started, end);
    }
  }

  async #import(item: Item, signal: AbortSignal): Promise<void> {
    const { downloads, clock } = this.#parts;
    const { offers } = item;
    try {
      const { tree, workDir } = this.#order;
      const terms = { tree, workDir, downloads, nowMs: clock.wallTimeMs(), signal };
      const onProgress = (_: Download, state: DownloadState): void => this.#follow(item, state);
      const onWait = (pid = 0): void => this.#showWait(item, pid);
      const result = await importFirstItem(offers, { ...terms, onProgress, onWait }, (tried) => {
        item.progress = progressOf(tried, item.progress.state, offers);
      });
      this.#done(item, result);
    } catch (error) {
      if (signal.aborted) {
        if (item.hold === undefined) this.#end(item);
        return;
      }
      const code = error instanceof RackError ? error.code : undefined;
      const reason = failureReason(error);
      item.lockedTries += 1;
      if (code === 'already-running' && item.lockedTries < LOCKED_TRIES_MAX) {
        await this.#awaitLock(item, reason, signal);
        return;
      }
      this.#skip({ name: item.name, reason });
      item.isUndelivered = code === 'source-failed';
      this.#show(
        item,
        item.isUndelivered && item.offers !== offers ? { state: 'queued' } : { state: 'failed', reason },
      );
    }
  }

  #done(item: Item, { failures, serial, bytes, added, note }: FirstItem): void {
    for (const error of failures) this.#skip({ name: item.name, reason: failureReason(error) });
    if (note !== undefined) this.#skip({ name: item.name, reason: saidReason(note) });
    const size = item.progress.total ?? bytes;
    const done = { state: 'done', serial, bytes: size, total: size } as const;
    if (added) {
      this.#show(item, done);
      return;
    }
    const reason = { code: 'present', params: { serial } } as const;
    this.#show(item, { ...done, reason });
    this.#skip({ name: item.name, reason });
  }

  /** Gives the place to another import for a while, because another process has a file locked. Then the import is queued again. */
  async #awaitLock(item: Item, reason: ImportReason, signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    item.isLocked = true;
    this.#show(item, { state: 'waiting', reason, nextMs: clock.wallTimeMs() + LOCKED_MS });
    this.#startNext();
    await sleepUntil(later(clock.now(), LOCKED_MS), clock, signal);
    item.isLocked = false;
    if (!signal.aborted) this.#show(item, { state: 'queued' });
    else if (item.hold === undefined) this.#end(item);
  }

  /** Shows that another process has a file locked. The import continues as soon as the file is free. @param pid 0: unknown */
  #showWait(item: Item, pid: number): void {
    const reason = { code: 'locked', params: { pid } } as const;
    if (item.stop?.signal.aborted === false) this.#show(item, { state: 'waiting', reason });
  }

  /** Reports an import as cancelled because the whole run was stopped. */
  #end(item: Item): void {
    const reason = { code: 'stopped', params: {} } as const;
    this.#show(item, { state: 'cancelled', reason });
    this.#skip({ name: item.name, reason });
  }

  #follow(item: Item, state: DownloadState): void {
    const shown = this.#describe(state);
    if (item.stop !== undefined && !item.stop.signal.aborted && shown !== undefined) this.#show(item, shown);
  }

  #describe(state: DownloadState): (Pick<ImportProgress, 'state'> & Partial<ImportProgress>) | undefined {
    const { clock } = this.#parts;
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

  /** Replaces the state, and with it the rate, the reason and the time of the next attempt. */
  #show(item: Item, change: Pick<ImportProgress, 'state'> & Partial<ImportProgress>): void {
    const { bytesPerSecond: _rate, reason: _reason, nextMs: _next, ...kept } = item.progress;
    item.progress = { ...kept, ...change };
    this.#parts.onProgress(item.name, item.progress);
  }
}

/** The progress with which an import starts. */
function progressOf(item: ItemOffer, state: ImportProgress['state'], offers: OffersOfItem): ImportProgress {
  const { source, title } = item.offer;
  // An installer has none before it is in the tree.
  const serial = item.kind === 'installer' ? undefined : item.offer.serial;
  const bytes = bytesOfItem(item);
  const facts = { ...(serial === undefined ? {} : { serial }), ...(bytes === undefined ? {} : { total: bytes }) };
  return { state, source, title, bytes: 0, files: filesOf(offers).slice(0, PROGRESS_FILES_MAX), ...facts };
}

/** The digests of all files that the offers name. */
const filesOf = (offers: OffersOfItem): readonly string[] => [...new Set(offers.flatMap(digestsOfItem))];

/** True if two imports may need the same file, or if both are of systems, or of installers, which need the host's package manager. */
const needSame = (one: OffersOfItem, other: OffersOfItem): boolean =>
  [isSystem, isInstaller].some((isSuch) => [one, other].every((offers) => offers.some(isSuch))) ||
  filesOf(one).some((file) => filesOf(other).includes(file));

const isSystem = (item: ItemOffer): boolean => item.kind === 'image' && item.offer.system !== undefined;

const isInstaller = (item: ItemOffer): boolean => item.kind === 'installer';

/** Limits the question to the selected releases and architectures: on a site with plain files, each of them costs a document. */
function wishOf({ selections }: SelectedSource): OfferWish {
  const releases = new Set(selections.map(({ release }) => release));
  const arches = new Set(selections.flatMap((selection) => selection.arches));
  const [release] = releases;
  return {
    os: '*',
    // Boot loaders have no release.
    release:
      releases.size === 1 && release !== '*' && selections.every(({ os }) => os !== LOADER) ? release : undefined,
    architectures: arches.has('*') ? [] : [...arches],
    choices: selections.map((selection) => (names) => matches(selection, names)),
  };
}
