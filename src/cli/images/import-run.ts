// Imports by a command: the download thread, the signals that stop it, and its progress.

import { systemClock } from '../../clock.ts';
import { RackError } from '../../errors.ts';
import { DEFAULT_SETTINGS, proxyOfEnvironment } from '../../images/download/settings.ts';
import { DownloadThread } from '../../images/download/thread.ts';
import type { ImageUse } from '../../images/image-store.ts';
import { type ImportResult, importImage } from '../../images/import/image-import.ts';
import type { ImageOffer, OfferWish, SourceAnswer } from '../../images/import/offer.ts';
import { askSources } from '../../images/import/offers.ts';
import type { ImageSource } from '../../images/sources/source.ts';
import { formatBytes, print } from '../terminal/output.ts';
import { ImportProgress } from './import-progress.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Imports one image after the other. */
export class ImportRun {
  readonly tree: string;
  /** Wall time. */
  readonly nowMs = systemClock.wallTimeMs();
  readonly #use: ImageUse;
  readonly #isSilent: boolean;
  readonly #downloads: DownloadThread;
  readonly #stop = new AbortController();
  readonly #onSignal = (): void => this.#stop.abort();

  /** @param bytesPerSecondMax undefined: no limit */
  constructor(tree: string, use: ImageUse, isSilent: boolean, bytesPerSecondMax?: number) {
    this.tree = tree;
    this.#use = use;
    this.#isSilent = isSilent;
    const settings = { ...DEFAULT_SETTINGS, bytesPerSecondMax, proxy: proxyOfEnvironment(process.env) };
    this.#downloads = new DownloadThread(settings, systemClock);
    for (const signal of SIGNALS) process.once(signal, this.#onSignal);
  }

  /** Asks the sources, and imports the offer that `choose` takes. @throws RackError as `importImage` and `choose`, and `cancelled` */
  async import(
    sources: readonly ImageSource[],
    wish: OfferWish,
    choose: (answers: readonly SourceAnswer[]) => ImageOffer,
  ): Promise<ImportResult & { readonly offer: ImageOffer }> {
    const { tree, nowMs } = this;
    const { signal } = this.#stop;
    const downloads = this.#downloads;
    const progress = new ImportProgress(process.stderr.isTTY, this.#isSilent);
    try {
      const offer = choose(await askSources(sources, wish, { downloads, nowMs, signal }));
      if (!this.#isSilent) print(describeOffer(offer));
      const terms = { tree, downloads, nowMs, signal, use: this.#use };
      return { ...(await importImage(offer, { ...terms, onProgress: (download) => progress.show(download) })), offer };
    } catch (error) {
      if (!signal.aborted) throw error;
      throw new RackError('cancelled', 'stopped by you; the same command goes on from here', { cause: error });
    } finally {
      progress.close();
    }
  }

  async close(): Promise<void> {
    for (const signal of SIGNALS) process.removeListener(signal, this.#onSignal);
    await this.#downloads.close();
  }
}

function describeOffer({ title, serial, url, bytes, digest, source }: ImageOffer): string {
  const size = bytes === undefined ? undefined : formatBytes(bytes);
  const facts = [serial, size, `source ${source}`, `${digest.algorithm} ${digest.hex.slice(0, 16)}…`];
  return `${title}: ${facts.filter((fact) => fact !== undefined).join(', ')}\n${url}`;
}
