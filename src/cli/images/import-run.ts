// The imports of a command: its downloads, the signals that stop it, and its progress.

import { systemClock } from '../../clock.ts';
import { RackError } from '../../errors.ts';
import { DownloadQueue } from '../../images/download/queue.ts';
import type { Download, DownloadState } from '../../images/download/request.ts';
import { DEFAULT_SETTINGS } from '../../images/download/settings.ts';
import type { Publication } from '../../images/environment.ts';
import type { ImageUse } from '../../images/image-removal.ts';
import type { StoredImage } from '../../images/image-store.ts';
import { type FirstImport, importFirst } from '../../images/run/first-import.ts';
import { type InstallerTerms, importOfferedInstaller } from '../../images/run/installer-import.ts';
import { importLoader } from '../../images/run/loader-import.ts';
import { KEPT_VERSIONS, removeOlder } from '../../images/run/older-images.ts';
import { readHostMirrors } from '../../images/sources/host-mirrors.ts';
import {
  bytesOf,
  contentOf,
  type ImageOffer,
  type InstallerOffer,
  type LoaderOffer,
  leftOutNote,
  type OfferWish,
  type Preferred,
  type SourceAnswer,
} from '../../images/sources/offer.ts';
import { askSource } from '../../images/sources/offers.ts';
import type { ConfiguredMirrors } from '../../images/sources/package-mirrors.ts';
import type { ImageSource } from '../../images/sources/source.ts';
import { SourceQuestions } from '../../images/sources/source-questions.ts';
import { configuredMirrors } from '../../region/preseed/configured-mirrors.ts';
import { formatBytes, print, printError } from '../terminal/output.ts';
import { configuredProxy } from './configured-proxy.ts';
import type { ImageTree } from './image-tree.ts';
import { ImportProgress } from './import-progress.ts';
import { SOURCE_NOTICES } from './source-notices.ts';
import { StopSignals } from './stop-signals.ts';

/** How an import chooses among the answers of the sources. */
interface Choice<T> {
  readonly choose: (answers: readonly SourceAnswer[]) => T;
  /** True for an answer that later sources need not add to; undefined: all answers are needed. */
  readonly isHit?: ((answer: SourceAnswer) => boolean) | undefined;
  /** Returns the rest of a choice after the offers of some answers were tried, or undefined; without it, one choice is tried. */
  readonly untried?: ((chosen: T, tried: readonly SourceAnswer[]) => T | undefined) | undefined;
}

/** One delivery, and its progress. */
class Delivery {
  readonly #progress: ImportProgress;
  readonly #onFault: () => void;
  readonly signal: AbortSignal;

  /** @param onFault called when an attempt has failed, before the next one */
  constructor(progress: ImportProgress, signal: AbortSignal, onFault: () => void) {
    this.#progress = progress;
    this.signal = signal;
    this.#onFault = onFault;
  }

  /** As `ImportProgress.show`. */
  readonly show = (download: Download, state?: DownloadState): void => {
    this.#progress.show(download, state);
    if (download.state.kind === 'waiting' && download.state.reason !== undefined) this.#onFault();
  };

  readonly restart = (): void => this.#progress.restart();
}

/** Imports images one after another. */
export class ImportRun {
  readonly tree: string;
  /** Wall time. */
  readonly nowMs = systemClock.wallTimeMs();
  readonly #use: () => Promise<ImageUse>;
  readonly #isSilent: boolean;
  readonly #downloads: DownloadQueue;
  readonly #stop = new StopSignals();
  /** The sources that an earlier import did not wait for any longer. */
  readonly #givenUp = new Set<string>();

  readonly #configured: ConfiguredMirrors;
  readonly #keptVersions: number;

  /** @param bytesPerSecondMax undefined: no limit */
  constructor(
    { tree, config }: Pick<ImageTree, 'tree' | 'config'>,
    use: () => Promise<ImageUse>,
    isSilent: boolean,
    bytesPerSecondMax?: number,
  ) {
    this.tree = tree;
    this.#configured = configuredMirrors(config);
    this.#keptVersions = config?.region.importKeptVersions ?? KEPT_VERSIONS;
    this.#use = use;
    this.#isSilent = isSilent;
    const settings = { ...DEFAULT_SETTINGS, bytesPerSecondMax, proxy: configuredProxy(config) };
    this.#downloads = new DownloadQueue(settings, systemClock);
  }

  /** Asks the sources, and imports the first of the offers that `choose` selects. @throws RackError as `importFirst` and `choose`, and `cancelled` */
  async import(
    sources: readonly ImageSource[],
    wish: OfferWish,
    choice: Choice<Preferred<ImageOffer>>,
  ): Promise<FirstImport & { readonly removed: readonly StoredImage[] }> {
    const { tree, nowMs } = this;
    const images = sources.filter(({ kind }) => kind !== 'installer');
    // The servers of a tried offer may have what those of another source, with the same files, lack.
    const untried = (
      offers: Preferred<ImageOffer>,
      tried: readonly SourceAnswer[],
    ): Preferred<ImageOffer> | undefined => {
      const added = offers.filter((offer) => !tried.some((answer) => answer.offers.includes(offer)));
      const contents = new Set(added.map(contentOf));
      const [first, ...others] = offers.filter((offer) => contents.has(contentOf(offer)));
      return first === undefined ? undefined : [first, ...others];
    };
    return this.#deliver(images, wish, { ...choice, untried }, async (offers, { signal, show, restart }) => {
      const result = await importFirst(
        offers,
        { tree, downloads: this.#downloads, nowMs, signal, onProgress: show },
        (offer) => {
          restart();
          if (!this.#isSilent) print(describeOffer(offer));
        },
      );
      return {
        ...result,
        removed: result.added
          ? await removeOlder(result.image, { tree, nowMs, keptVersions: this.#keptVersions, use: this.#use })
          : [],
      };
    });
  }

  /** Asks the sources, and imports the installer that `choose` selects. @throws RackError as `importOfferedInstaller`, `choose`, and `cancelled` */
  async importInstaller(
    sources: readonly ImageSource[],
    wish: OfferWish,
    choice: Choice<InstallerOffer>,
    place: Pick<InstallerTerms, 'workDir' | 'packages'>,
  ): Promise<Publication & { readonly offer: InstallerOffer }> {
    return this.#deliver(sources, wish, choice, async (offer, { signal, show }) => {
      const say = (text: string): void => {
        if (!this.#isSilent) print(text);
      };
      const note = leftOutNote(offer);
      if (note !== undefined) printError(`Note: ${note}`);
      say(`${offer.title}: ${offer.files[1]?.url}`);
      const published = await importOfferedInstaller(offer, {
        ...place,
        tree: this.tree,
        onProgress: say,
        downloads: this.#downloads,
        signal,
        onDownload: (download) => show(download),
      });
      return { ...published, offer };
    });
  }

  /** Asks the sources, and imports the boot loader that `choose` selects. @throws RackError as `importLoader`, `choose`, and `cancelled` */
  async importLoader(
    sources: readonly ImageSource[],
    wish: OfferWish,
    choice: Choice<LoaderOffer>,
  ): Promise<Publication & { readonly offer: LoaderOffer }> {
    // The servers of further sources are mirrors.
    const untried = (offer: LoaderOffer): LoaderOffer => offer;
    return this.#deliver(sources, wish, { ...choice, untried }, async (offer, { signal, show }) => {
      if (!this.#isSilent) print(`${offer.title}: ${offer.files.map(({ url }) => url).join(' ')}`);
      const onDownload = (download: Download): void => show(download);
      const terms = { tree: this.tree, downloads: this.#downloads, signal, onDownload };
      return { ...(await importLoader(offer, terms)), offer };
    });
  }

  /**
   * Asks the sources, and delivers what is chosen from the answers that decide. If an attempt fails, it begins again with the sources that have
   * answered meanwhile; if no server has it, those that answer later are awaited.
   */
  async #deliver<T, R>(
    sources: readonly ImageSource[],
    wish: OfferWish,
    { choose, isHit = () => false, untried }: Choice<T>,
    deliver: (chosen: T, delivery: Delivery) => Promise<R>,
  ): Promise<R> {
    const stop = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, stop.signal]);
    const mirrors = { mirrors: readHostMirrors(), configured: this.#configured };
    const terms = { downloads: this.#downloads, clock: systemClock, ...mirrors, tree: this.tree, signal };
    const ask = (source: ImageSource): Promise<SourceAnswer> => askSource(source, wish, terms);
    const run = async (progress: ImportProgress): Promise<R> => {
      const questions = new SourceQuestions(sources, ask, systemClock, SOURCE_NOTICES, this.#givenUp);
      let tried = await questions.answers(isHit);
      const isFurther = (answer: SourceAnswer): boolean => isHit(answer) && !tried.includes(answer);
      const added = (answers: readonly SourceAnswer[]): T | undefined =>
        answers.some(isFurther) ? untried?.(choose(answers), tried) : undefined;
      for (let chosen = choose(tried); ; ) {
        const again = new AbortController();
        const onFault = (): void => {
          if (added(questions.come) !== undefined) again.abort();
        };
        try {
          return await deliver(chosen, new Delivery(progress, AbortSignal.any([signal, again.signal]), onFault));
        } catch (error) {
          const isUndelivered = error instanceof RackError && error.code === 'source-failed';
          if (signal.aborted || untried === undefined || !(isUndelivered || again.signal.aborted)) throw error;
          progress.restart();
          const answers = again.signal.aborted ? questions.come : await questions.answers(isFurther);
          const left = added(answers);
          if (left === undefined) throw error;
          [chosen, tried] = [left, answers];
        }
      }
    };
    return this.#attempt(run).finally(() => stop.abort());
  }

  /** Shows progress. If a signal ended the import, the error says that the person interrupted it. */
  async #attempt<T>(run: (progress: ImportProgress) => Promise<T>): Promise<T> {
    const { signal } = this.#stop;
    const progress = new ImportProgress(process.stderr.isTTY, this.#isSilent);
    try {
      return await run(progress);
    } catch (error) {
      if (!signal.aborted) throw error;
      throw new RackError('cancelled', 'interrupted; repeat the command to continue', { cause: error });
    } finally {
      progress.close();
    }
  }

  async close(): Promise<void> {
    this.#stop.close();
    await this.#downloads.close();
  }
}

function describeOffer(offer: ImageOffer): string {
  const { title, serial, source } = offer;
  const [{ url, digest }] = offer.files;
  const bytes = bytesOf(offer);
  const size = bytes === undefined ? undefined : formatBytes(bytes);
  const facts = [serial, size, `source ${source}`, `${digest.algorithm} ${digest.hex.slice(0, 16)}…`];
  return `${title}: ${facts.filter((fact) => fact !== undefined).join(', ')}\n${url}`;
}
