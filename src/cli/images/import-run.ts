// The imports of a command: the download thread, the signals that stop it, and its progress.

import { systemClock } from '../../clock.ts';
import { RackError } from '../../errors.ts';
import type { Download } from '../../images/download/request.ts';
import { DEFAULT_SETTINGS } from '../../images/download/settings.ts';
import { DownloadThread } from '../../images/download/thread.ts';
import type { Publication } from '../../images/environment.ts';
import type { ImageUse } from '../../images/image-removal.ts';
import type { StoredImage } from '../../images/image-store.ts';
import { type FirstImport, importFirst, type OffersOfImage } from '../../images/import/first-import.ts';
import { type InstallerTerms, importOfferedInstaller } from '../../images/import/installer-import.ts';
import { importLoader } from '../../images/import/loader-import.ts';
import {
  type ImageOffer,
  type InstallerOffer,
  type LoaderOffer,
  leftOutNote,
  type OfferWish,
  type SourceAnswer,
} from '../../images/import/offer.ts';
import { askSources } from '../../images/import/offers.ts';
import { KEPT_VERSIONS, removeOlder } from '../../images/import/older-images.ts';
import { readHostMirrors } from '../../images/sources/host-mirrors.ts';
import type { ConfiguredMirrors } from '../../images/sources/package-mirrors.ts';
import type { ImageSource } from '../../images/sources/source.ts';
import { configuredMirrors } from '../../region/preseed/configured-mirrors.ts';
import { formatBytes, print, printError } from '../terminal/output.ts';
import { configuredProxy } from './configured-proxy.ts';
import type { ImageTree } from './image-tree.ts';
import { ImportProgress } from './import-progress.ts';
import { StopSignals } from './stop-signals.ts';

/** Imports images one after another. */
export class ImportRun {
  readonly tree: string;
  /** Wall time. */
  readonly nowMs = systemClock.wallTimeMs();
  readonly #use: () => Promise<ImageUse>;
  readonly #isSilent: boolean;
  readonly #downloads: DownloadThread;
  readonly #stop = new StopSignals();

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
    this.#downloads = new DownloadThread(settings, systemClock);
  }

  /** Asks the sources, and imports the first of the offers that `choose` selects. @throws RackError as `importFirst` and `choose`, and `cancelled` */
  async import(
    sources: readonly ImageSource[],
    wish: OfferWish,
    choose: (answers: readonly SourceAnswer[]) => OffersOfImage,
  ): Promise<FirstImport & { readonly removed: readonly StoredImage[] }> {
    return this.#attempt(async (progress) => {
      const images = sources.filter(({ kind }) => kind !== 'installer');
      const offers = choose(await this.#ask(images, wish));
      const { tree, nowMs } = this;
      const terms = { tree, downloads: this.#downloads, nowMs, signal: this.#stop.signal };
      const result = await importFirst(
        offers,
        {
          ...terms,
          onProgress: (download, state) => progress.show(download, state),
          onWait: (pid) => progress.waits(pid),
        },
        (offer) => {
          progress.restart();
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
    choose: (answers: readonly SourceAnswer[]) => InstallerOffer,
    place: Pick<InstallerTerms, 'workDir' | 'packages'>,
  ): Promise<Publication & { readonly offer: InstallerOffer }> {
    return this.#attempt(async (progress) => {
      const offer = choose(await this.#ask(sources, wish));
      const say = (text: string): void => {
        if (!this.#isSilent) print(text);
      };
      const note = leftOutNote(offer);
      if (note !== undefined) printError(`Note: ${note}`);
      say(`${offer.title}: ${offer.initrd.url}`);
      const published = await importOfferedInstaller(offer, {
        ...{ ...place, tree: this.tree, onProgress: say, downloads: this.#downloads, signal: this.#stop.signal },
        onDownload: (download) => progress.show(download),
        onWait: (pid) => progress.waits(pid),
      });
      return { ...published, offer };
    });
  }

  /** Asks the sources, and imports the boot loader that `choose` selects. @throws RackError as `importLoader`, `choose`, and `cancelled` */
  async importLoader(
    sources: readonly ImageSource[],
    wish: OfferWish,
    choose: (answers: readonly SourceAnswer[]) => LoaderOffer,
  ): Promise<Publication & { readonly offer: LoaderOffer }> {
    return this.#attempt(async (progress) => {
      const offer = choose(await this.#ask(sources, wish));
      if (!this.#isSilent) print(`${offer.title}: ${offer.files.map(({ url }) => url).join(' ')}`);
      const follow = {
        onDownload: (download: Download): void => progress.show(download),
        onWait: (pid?: number): void => progress.waits(pid),
      };
      const terms = { tree: this.tree, downloads: this.#downloads, signal: this.#stop.signal, ...follow };
      return { ...(await importLoader(offer, terms)), offer };
    });
  }

  #ask(sources: readonly ImageSource[], wish: OfferWish): Promise<readonly SourceAnswer[]> {
    const mirrors = { mirrors: readHostMirrors(), configured: this.#configured };
    return askSources(sources, wish, {
      downloads: this.#downloads,
      clock: systemClock,
      ...mirrors,
      tree: this.tree,
      signal: this.#stop.signal,
    });
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

function describeOffer({ title, serial, url, bytes, digest, source }: ImageOffer): string {
  const size = bytes === undefined ? undefined : formatBytes(bytes);
  const facts = [serial, size, `source ${source}`, `${digest.algorithm} ${digest.hex.slice(0, 16)}…`];
  return `${title}: ${facts.filter((fact) => fact !== undefined).join(', ')}\n${url}`;
}
