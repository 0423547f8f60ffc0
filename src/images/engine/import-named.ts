// Imports what a person names, or what a check found damaged, from the first source that delivers it.

import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import { formatBytes } from '../../ground/quantity.ts';
import type { Publication } from '../build/environment.ts';
import { openScratch, requireInstallerPrograms } from '../build/installer.ts';
import { DownloadQueue } from '../download/queue.ts';
import type { OnState } from '../download/request.ts';
import { DEFAULT_SETTINGS, type ProxySettings } from '../download/settings.ts';
import { type FirstImport, importFirst } from '../run/import-item.ts';
import { importOfferedInstaller } from '../run/installer-import.ts';
import { importLoader } from '../run/loader-import.ts';
import { readHostMirrors } from '../sources/apt-sources.ts';
import {
  EVERYTHING,
  type ImageOffer,
  type InstallerOffer,
  joinOffers,
  type LoaderOffer,
  leftOutNote,
  type Offer,
  type OfferWish,
  offerContentKey,
  type Preferred,
  pickOffers,
  type SourceAnswer,
  sumOfferBytes,
} from '../sources/offer.ts';
import { askSource, chooseOffers, hasOffer, offersAgain } from '../sources/offers.ts';
import type { ConfiguredMirrors } from '../sources/package-mirrors.ts';
import { Questions } from '../sources/questions.ts';
import type { ImageSource } from '../sources/source.ts';
import type { FileContent } from '../store/publication.ts';
import { buildPatience, DownloadReports, type OnReport } from './reports.ts';

/** What is wanted: something by its name, or the files of something damaged. */
export type Wanted =
  | {
      readonly kind: Offer['kind'];
      readonly os: string;
      /** Of a boot loader: its type. */
      readonly release: string;
      readonly architecture: string;
      readonly subarchitecture: string | undefined;
    }
  | { readonly lost: Lost };
type Lost = Parameters<typeof offersAgain>[1];

interface NamedImportOptions {
  readonly wanted: Wanted;
  /** In the order of preference. */
  readonly sources: readonly ImageSource[];
  readonly configured: ConfiguredMirrors;
  readonly proxy: ProxySettings;
  readonly bytesPerSecondMax?: number | undefined;
  /** `.deb` files with drivers; undefined: apt fetches them. */
  readonly packages?: readonly FileContent[] | undefined;
}

/** How an import and whoever asked for it talk. */
export interface ImportIo {
  /** Ends the work; what has arrived stays. */
  readonly signal: AbortSignal;
  readonly report: OnReport;
  /** Gives the directory for packages and unpacked files of installers. Undefined: none is imported. */
  readonly workDir?: (() => string) | undefined;
}

type Offers = Preferred<Offer>;
type Imported = FirstImport | (Publication & { readonly offer: InstallerOffer | LoaderOffer });

interface Choice {
  readonly wish: OfferWish;
  readonly choose: (answers: readonly SourceAnswer[]) => Offers;
  /** True for an answer that later sources need not add to. */
  readonly isHit: (answer: SourceAnswer) => boolean;
}

interface Delivery {
  readonly signal: AbortSignal;
  readonly show: DownloadReports['show'];
}

/** Imports what is wanted. @throws RackError as the imports, and `cancelled` */
export async function importNamed(tree: string, options: NamedImportOptions, io: ImportIo): Promise<Imported> {
  const { signal } = io;
  const { proxy, bytesPerSecondMax } = options;
  const downloads = new DownloadQueue({ ...DEFAULT_SETTINGS, bytesPerSecondMax, proxy }, systemClock);
  try {
    return await new NamedImport(tree, options, downloads, io).run(options.wanted);
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new RackError('cancelled', 'interrupted; repeat the command to continue', { cause: error });
  } finally {
    await downloads.close();
  }
}

class NamedImport {
  readonly #tree: string;
  readonly #options: NamedImportOptions;
  readonly #downloads: DownloadQueue;
  readonly #signal: AbortSignal;
  readonly #report: OnReport;
  readonly #workDir: ImportIo['workDir'];
  readonly #shown: DownloadReports;

  constructor(
    tree: string,
    options: NamedImportOptions,
    downloads: DownloadQueue,
    { signal, report, workDir }: ImportIo,
  ) {
    this.#tree = tree;
    this.#options = options;
    this.#downloads = downloads;
    this.#signal = signal;
    this.#report = report;
    this.#workDir = workDir;
    this.#shown = new DownloadReports(report);
  }

  run(wanted: Wanted): Promise<Imported> {
    const { kind } = 'lost' in wanted ? wanted.lost : wanted;
    const sources = this.#options.sources.filter((source) => kind === 'installer' || source.kind !== 'installer');
    return this.#deliver(sources, buildChoice(wanted), (offers, delivery) => this.#import(offers, delivery));
  }

  async #import(offers: Offers, { signal, show }: Delivery): Promise<Imported> {
    const { packages: given, sources } = this.#options;
    const deps = { tree: this.#tree, downloads: this.#downloads, signal };
    const [offer] = offers;
    if (offer.kind === 'image') {
      const options = { ...deps, nowMs: systemClock.wallTimeMs(), onState: show };
      const images = pickOffers(offers, 'image');
      return await importFirst([offer, ...images.slice(1)], options, (tried) => {
        this.#shown.restart();
        this.#report({ line: describeOffer(tried) });
      });
    }
    const [joined] = joinOffers(offers);
    const onProgress = (line: string): void => this.#report({ line });
    const note = joined.kind === 'installer' ? leftOutNote(joined) : undefined;
    if (note !== undefined) this.#report({ note: `Note: ${note}` });
    const files = joined.kind === 'installer' ? joined.files.slice(1, 2) : joined.files;
    onProgress(`${joined.title}: ${files.map(({ url }) => url).join(' ')}`);
    if (joined.kind === 'loader') return { ...(await importLoader(joined, { ...deps, onState: show })), offer: joined };
    if (joined.kind !== 'installer') throw new Error('the offers of an import are of one kind');
    const isOfMirror = sources.some(({ kind }) => kind === 'installer');
    if (isOfMirror && (joined.os === 'debian' || given !== undefined)) requireInstallerPrograms(given);
    if (this.#workDir === undefined) throw new Error('an import of an installer needs a directory');
    const workDir = this.#workDir();
    const scratch = await openScratch(workDir);
    try {
      const packages = given && (await Promise.all(given.map((file, at) => writeGiven(join(scratch, `${at}`), file))));
      const options = { ...deps, workDir, packages, onProgress, onState: show };
      return { ...(await importOfferedInstaller(joined, options)), offer: joined };
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  }

  /**
   * Delivers what is chosen from the answers that decide. After a failed attempt, it tries again
   * with the sources that have answered meanwhile, then awaits later ones.
   */
  async #deliver<R>(
    sources: readonly ImageSource[],
    { wish, choose, isHit }: Choice,
    deliver: (chosen: Offers, delivery: Delivery) => Promise<R>,
  ): Promise<R> {
    const signal = this.#signal;
    const mirrors = { mirrors: readHostMirrors(), configured: this.#options.configured };
    const options = { downloads: this.#downloads, clock: systemClock, ...mirrors, tree: this.#tree };
    const questions = new Questions(sources, {
      ask: (source, closed) => askSource(source, wish, { ...options, signal: AbortSignal.any([signal, closed]) }),
      clock: systemClock,
      ...buildPatience(this.#report),
    });
    try {
      let tried = await questions.until(isHit);
      const isFurther = (answer: SourceAnswer): boolean => isHit(answer) && !tried.includes(answer);
      const added = (answers: readonly SourceAnswer[]): Offers | undefined =>
        answers.some(isFurther) ? listUntried(choose(answers), tried) : undefined;
      for (let chosen = choose(tried); ; ) {
        const again = new AbortController();
        const show: OnState = (state, request) => {
          this.#shown.show(state, request);
          const hasFailed = state.kind === 'waiting' && state.reason !== undefined;
          if (hasFailed && added(questions.come) !== undefined) again.abort();
        };
        try {
          return await deliver(chosen, { signal: AbortSignal.any([signal, again.signal]), show });
        } catch (error) {
          const isUndelivered = error instanceof RackError && error.code === 'source-failed';
          if (signal.aborted || !(isUndelivered || again.signal.aborted)) throw error;
          this.#shown.restart();
          const answers = again.signal.aborted ? questions.come : await questions.until(isFurther);
          const left = added(answers);
          if (left === undefined) throw error;
          [chosen, tried] = [left, answers];
        }
      }
    } finally {
      questions.close();
    }
  }
}

/** Writes a file into a new directory. @returns its path */
async function writeGiven(directory: string, { name, data }: FileContent): Promise<string> {
  const path = join(directory, name);
  await mkdir(directory);
  await writeFile(path, data);
  return path;
}

/** Untried offers, and those of the same files from other servers. */
function listUntried(offers: Offers, tried: readonly SourceAnswer[]): Offers | undefined {
  const added = offers.filter((offer) => !tried.some((answer) => answer.offers.includes(offer)));
  const contents = new Set(added.map(offerContentKey));
  const [first, ...others] = offers.filter((offer) => contents.has(offerContentKey(offer)));
  return first === undefined ? undefined : [first, ...others];
}

function buildChoice(wanted: Wanted): Choice {
  if ('lost' in wanted) {
    const { lost } = wanted;
    const { kind, os, release, architecture, subarchitecture, label } = lost;
    const wish = { os, architectures: [architecture], isEveryVersion: true };
    const named =
      kind === 'image'
        ? { release, subarchitecture, selections: [{ ...EVERYTHING, labels: [label] }] }
        : { release: undefined };
    return {
      wish: { ...wish, ...(kind === 'installer' ? { release } : named) },
      choose: (answers) => offersAgain(answers, lost),
      isHit: () => false,
    };
  }
  const { kind, os, release, architecture, subarchitecture } = wanted;
  const wish: OfferWish = { os, release, architectures: [architecture], subarchitecture };
  return {
    // The name of a loader has its type in place of a release.
    wish: kind === 'loader' ? { ...wish, release: undefined } : wish,
    choose: (answers) => chooseOffers(answers, kind, wish),
    isHit: (answer) => hasOffer(answer, kind, wish),
  };
}

function describeOffer(offer: ImageOffer): string {
  const { title, serial, source, files } = offer;
  const [{ url, digest }] = files;
  const bytes = sumOfferBytes(offer);
  const size = bytes === undefined ? undefined : formatBytes(bytes);
  const facts = [serial, size, `source ${source}`, `${digest.algorithm} ${digest.hex.slice(0, 16)}…`];
  return `${title}: ${facts.filter((fact) => fact !== undefined).join(', ')}\n${url}`;
}
