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
  describeLeftOutUpdates,
  EVERYTHING,
  formatOfferContentKey,
  type ImageOffer,
  type InstallerOffer,
  joinOffers,
  type LoaderOffer,
  type Offer,
  type OfferQuery,
  type Preferred,
  pickOffers,
  type SourceAnswer,
  sumOfferBytes,
} from '../sources/offer.ts';
import { askSource, chooseOffers, chooseReplacements, hasOffer } from '../sources/offers.ts';
import type { ConfiguredMirrors } from '../sources/package-mirrors.ts';
import { SourceQuestions } from '../sources/questions.ts';
import type { ImageSource } from '../sources/source.ts';
import type { FileContent } from '../store/publication.ts';
import { buildPatience, DownloadReports, type OnReport } from './reports.ts';

/** What to import: something by its name, or the files of something damaged. */
export type ImportTarget =
  | {
      readonly kind: Offer['kind'];
      readonly os: string;
      /** Of a boot loader: its type. */
      readonly release: string;
      readonly architecture: string;
      readonly subarchitecture: string | undefined;
    }
  | { readonly lost: LostContent };
type LostContent = Parameters<typeof chooseReplacements>[1];

interface NamedImportOptions {
  readonly wanted: ImportTarget;
  /** In the order of preference. */
  readonly sources: readonly ImageSource[];
  readonly configured: ConfiguredMirrors;
  readonly proxy: ProxySettings;
  readonly bytesPerSecondMax?: number | undefined;
  /** `.deb` files with drivers. If undefined, apt fetches them. */
  readonly packages?: readonly FileContent[] | undefined;
}

/** How an import is cancelled, and how it reports. */
export interface ImportIo {
  /** Ends the work; what has arrived stays. */
  readonly signal: AbortSignal;
  readonly report: OnReport;
  /**
   * Returns the directory for packages and unpacked files of installers. If undefined, no installer
   * can be imported.
   */
  readonly workDir?: (() => string) | undefined;
}

type Offers = Preferred<Offer>;
type NamedImportResult = FirstImport | (Publication & { readonly offer: InstallerOffer | LoaderOffer });

interface OfferChoice {
  readonly query: OfferQuery;
  readonly choose: (answers: readonly SourceAnswer[]) => Offers;
  /** True for an answer after which no further source need be awaited. */
  readonly isHit: (answer: SourceAnswer) => boolean;
}

interface AttemptIo {
  readonly signal: AbortSignal;
  readonly show: DownloadReports['show'];
}

/** Imports what is wanted. @throws RackError as the imports, and `cancelled` */
export async function importNamed(tree: string, options: NamedImportOptions, io: ImportIo): Promise<NamedImportResult> {
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
  readonly #downloadReports: DownloadReports;

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
    this.#downloadReports = new DownloadReports(report);
  }

  run(wanted: ImportTarget): Promise<NamedImportResult> {
    const { kind } = 'lost' in wanted ? wanted.lost : wanted;
    const sources = this.#options.sources.filter((source) => kind === 'installer' || source.kind !== 'installer');
    return this.#deliver(sources, buildChoice(wanted), (offers, delivery) => this.#import(offers, delivery));
  }

  async #import(offers: Offers, { signal, show }: AttemptIo): Promise<NamedImportResult> {
    const { packages: driverPackages, sources } = this.#options;
    const deps = { tree: this.#tree, downloads: this.#downloads, signal };
    const [offer] = offers;
    if (offer.kind === 'image') {
      const options = { ...deps, nowMs: systemClock.wallTimeMs(), onState: show };
      const images = pickOffers(offers, 'image');
      return await importFirst([offer, ...images.slice(1)], options, (tried) => {
        this.#downloadReports.restart();
        this.#report({ line: describeOffer(tried) });
      });
    }
    const [joined] = joinOffers(offers);
    const onProgress = (line: string): void => this.#report({ line });
    const note = joined.kind === 'installer' ? describeLeftOutUpdates(joined) : undefined;
    if (note !== undefined) this.#report({ note: `Note: ${note}` });
    const files = joined.kind === 'installer' ? joined.files.slice(1, 2) : joined.files;
    onProgress(`${joined.title}: ${files.map(({ url }) => url).join(' ')}`);
    if (joined.kind === 'loader') return { ...(await importLoader(joined, { ...deps, onState: show })), offer: joined };
    if (joined.kind !== 'installer') throw new Error('the offers of an import are of one kind');
    const isOfMirror = sources.some(({ kind }) => kind === 'installer');
    if (isOfMirror && (joined.os === 'debian' || driverPackages !== undefined))
      requireInstallerPrograms(driverPackages);
    if (this.#workDir === undefined) throw new Error('an import of an installer needs a directory');
    const workDir = this.#workDir();
    const scratch = await openScratch(workDir);
    try {
      const packages =
        driverPackages &&
        (await Promise.all(driverPackages.map((file, index) => writeGiven(join(scratch, `${index}`), file))));
      const options = { ...deps, workDir, packages, onProgress, onState: show };
      return { ...(await importOfferedInstaller(joined, options)), offer: joined };
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  }

  /**
   * Delivers the offers that `choose` takes from the answers. After a failed attempt, it tries again
   * with the sources that have answered meanwhile, then awaits later ones.
   */
  async #deliver<R>(
    sources: readonly ImageSource[],
    { query, choose, isHit }: OfferChoice,
    deliver: (chosen: Offers, delivery: AttemptIo) => Promise<R>,
  ): Promise<R> {
    const signal = this.#signal;
    const mirrors = { mirrors: readHostMirrors(), configured: this.#options.configured };
    const options = { downloads: this.#downloads, clock: systemClock, ...mirrors, tree: this.#tree };
    const questions = new SourceQuestions(sources, {
      ask: (source, closed) => askSource(source, query, { ...options, signal: AbortSignal.any([signal, closed]) }),
      clock: systemClock,
      ...buildPatience(this.#report),
    });
    try {
      let triedAnswers = await questions.until(isHit);
      const isUntriedHit = (answer: SourceAnswer): boolean => isHit(answer) && !triedAnswers.includes(answer);
      const listNewOffers = (answers: readonly SourceAnswer[]): Offers | undefined =>
        answers.some(isUntriedHit) ? listUntried(choose(answers), triedAnswers) : undefined;
      for (let chosen = choose(triedAnswers); ; ) {
        const nextAttempt = new AbortController();
        const show: OnState = (state, request) => {
          this.#downloadReports.show(state, request);
          const hasFailed = state.kind === 'waiting' && state.reason !== undefined;
          if (hasFailed && listNewOffers(questions.received) !== undefined) nextAttempt.abort();
        };
        try {
          return await deliver(chosen, { signal: AbortSignal.any([signal, nextAttempt.signal]), show });
        } catch (error) {
          const isUndelivered = error instanceof RackError && error.code === 'source-failed';
          if (signal.aborted || !(isUndelivered || nextAttempt.signal.aborted)) throw error;
          this.#downloadReports.restart();
          const answers = nextAttempt.signal.aborted ? questions.received : await questions.until(isUntriedHit);
          const untriedOffers = listNewOffers(answers);
          if (untriedOffers === undefined) throw error;
          [chosen, triedAnswers] = [untriedOffers, answers];
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

/** Lists untried offers, and offers of the same files from other servers. */
function listUntried(offers: Offers, tried: readonly SourceAnswer[]): Offers | undefined {
  const added = offers.filter((offer) => !tried.some((answer) => answer.offers.includes(offer)));
  const contents = new Set(added.map(formatOfferContentKey));
  const [first, ...others] = offers.filter((offer) => contents.has(formatOfferContentKey(offer)));
  return first === undefined ? undefined : [first, ...others];
}

function buildChoice(wanted: ImportTarget): OfferChoice {
  if ('lost' in wanted) {
    const { lost } = wanted;
    const { kind, os, release, architecture, subarchitecture, label } = lost;
    const query = { os, architectures: [architecture], isEveryVersion: true };
    const nameFilter =
      kind === 'image'
        ? { release, subarchitecture, selections: [{ ...EVERYTHING, labels: [label] }] }
        : { release: undefined };
    return {
      query: { ...query, ...(kind === 'installer' ? { release } : nameFilter) },
      choose: (answers) => chooseReplacements(answers, lost),
      isHit: () => false,
    };
  }
  const { kind, os, release, architecture, subarchitecture } = wanted;
  const query: OfferQuery = { os, release, architectures: [architecture], subarchitecture };
  return {
    // The name of a loader has its type in place of a release.
    query: kind === 'loader' ? { ...query, release: undefined } : query,
    choose: (answers) => chooseOffers(answers, kind, query),
    isHit: (answer) => hasOffer(answer, kind, query),
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
