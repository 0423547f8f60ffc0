// One run of imports: asks the sources, and imports the images that the selections match, IMPORTS_MAX at a time.
//
//   queued ─▶ waiting, connecting, downloading, verifying ─┬─▶ done
//     ▲  │                    │                            └─▶ failed
//     │  └──── hold ──────────┴─▶ paused, cancelled
//     └──────── resume ──────────────┘
//
// 1. Holding an import ends it, but its downloaded bytes stay, and a resumed import continues from them (`images/import/image-import.ts`).
//    So a held import takes none of the IMPORTS_MAX places.
// 2. The run ends when no import is queued or under way. It returns a reason for every image that it left out.

import type { Clock } from '../../clock.ts';
import type { Downloads } from '../../images/download/queue.ts';
import type { Download, DownloadState } from '../../images/download/request.ts';
import { importFirst, type OffersOfImage } from '../../images/import/first-import.ts';
import { type ImageOffer, LOADER, type OfferWish } from '../../images/import/offer.ts';
import { askSources } from '../../images/import/offers.ts';
import { type ImportProgress, SKIPPED_MAX } from '../../region/records/boot-store.ts';
import { downloadReason, failureReason } from './import-failure.ts';
import type { Hold, RunOrder, SkippedList } from './message.ts';
import { matches, planImports, type SelectedSource, type Skipped } from './plan.ts';

/** How many images are imported at a time. */
const IMPORTS_MAX = 2;

interface ImportRunParts {
  readonly downloads: Downloads;
  readonly clock: Clock;
  /** Called after each change of an image's progress. */
  readonly onProgress: (name: string, progress: ImportProgress) => void;
}

interface Item {
  readonly name: string;
  readonly offers: OffersOfImage;
  progress: ImportProgress;
  /** Ends the import under way; undefined if it is not running. */
  stop: AbortController | undefined;
  hold: Hold | 'removed' | undefined;
}

export class ImportRun {
  readonly #parts: ImportRunParts;
  readonly #order: RunOrder;
  readonly #items = new Map<string, Item>();
  readonly #stop = new AbortController();
  readonly #running = new Map<Item, Promise<void>>();
  readonly #skipped: Skipped[] = [];
  #skippedMore = 0;
  readonly #held: Map<string, Hold | 'removed'>;

  constructor(order: RunOrder, parts: ImportRunParts) {
    this.#order = order;
    this.#parts = parts;
    this.#held = new Map(order.held);
  }

  /** Runs to the end. @returns the images that were left out */
  async run(): Promise<SkippedList> {
    try {
      const { offers, skipped } = planImports(await this.#ask());
      for (const one of skipped) this.#skip(one);
      for (const [name, one] of offers) this.#add(name, one);
      for (this.#startNext(); this.#running.size > 0; this.#startNext()) await Promise.race(this.#running.values());
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#skip({ name: '', reason: failureReason(error) });
    }
    return { skipped: this.#skipped, more: this.#skippedMore };
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
    if (item.stop !== undefined || item.progress.state === 'done') return;
    this.#show(item, { state: 'queued' });
    if (this.#running.size > 0) this.#startNext();
  }

  #skip(skipped: Skipped): void {
    if (this.#skipped.length < SKIPPED_MAX) this.#skipped.push(skipped);
    else this.#skippedMore += 1;
  }

  #ask(): Promise<readonly (readonly [SelectedSource, Awaited<ReturnType<typeof askSources>>[number]])[]> {
    const { downloads, clock } = this.#parts;
    const means = { downloads, clock, mirrors: [], signal: this.#stop.signal };
    return Promise.all(
      this.#order.sources.map(async (selected) => {
        const [answer] = await askSources([selected.source], wishOf(selected), means);
        return [
          selected,
          answer ?? { source: selected.source.name, offers: [], installers: [], loaders: [], problems: [] },
        ] as const;
      }),
    );
  }

  #add(name: string, offers: OffersOfImage): void {
    const hold = this.#held.get(name);
    if (hold === 'removed') return;
    const progress = progressOf(offers[0], hold ?? 'queued');
    const item: Item = { name, offers, progress, stop: undefined, hold };
    this.#items.set(name, item);
    this.#show(item, progress);
    if (hold !== undefined) this.#skip({ name, reason: { code: 'held', params: { hold } } });
  }

  #next(): Item | undefined {
    if (this.#stop.signal.aborted) return undefined;
    return [...this.#items.values()].find(({ progress, stop }) => progress.state === 'queued' && stop === undefined);
  }

  #startNext(): void {
    for (let item = this.#next(); item !== undefined && this.#running.size < IMPORTS_MAX; item = this.#next()) {
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
    try {
      const terms = { tree: this.#order.tree, downloads, nowMs: clock.wallTimeMs(), signal };
      const onProgress = (download: Download): void => this.#follow(item, download);
      const result = await importFirst(item.offers, { ...terms, onProgress }, (offer) => {
        item.progress = progressOf(offer, item.progress.state);
      });
      for (const error of result.failures) this.#skip({ name: item.name, reason: failureReason(error) });
      const { bytes, serial } = result.image;
      const size = item.progress.total ?? bytes;
      const done = { state: 'done', serial, bytes: size, total: size } as const;
      if (result.added) {
        this.#show(item, done);
        return;
      }
      const reason = { code: 'present', params: { serial } } as const;
      this.#show(item, { ...done, reason });
      this.#skip({ name: item.name, reason });
    } catch (error) {
      if (!signal.aborted) {
        const reason = failureReason(error);
        this.#show(item, { state: 'failed', reason });
        this.#skip({ name: item.name, reason });
      } else if (item.hold === undefined) {
        this.#end(item);
      }
    }
  }

  /** Reports an import as cancelled because the whole run was stopped. */
  #end(item: Item): void {
    const reason = { code: 'stopped', params: {} } as const;
    this.#show(item, { state: 'cancelled', reason });
    this.#skip({ name: item.name, reason });
  }

  #follow(item: Item, { state }: Download): void {
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
function progressOf({ source, serial, title, bytes }: ImageOffer, state: ImportProgress['state']): ImportProgress {
  const facts = { ...(serial === undefined ? {} : { serial }), ...(bytes === undefined ? {} : { total: bytes }) };
  return { state, source, title, bytes: 0, ...facts };
}

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
