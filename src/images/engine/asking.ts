// Asks sources what they offer, for a person who waits: a command, or the page of images.
//
// 1. No request is repeated, and connection attempts are short. An import tries longer.
// 2. No boot tree remembers the documents: a question changes nothing.

import { systemClock } from '../../ground/clock.ts';
import { DownloadQueue } from '../download/queue.ts';
import { DEFAULT_SETTINGS, type DownloadSettings } from '../download/settings.ts';
import { WebClient } from '../download/web-client.ts';
import { readHostMirrors } from '../sources/apt-sources.ts';
import { ANY, type Offer, type OfferQuery, type SourceAnswer, sumOfferBytes, sumOfSizes } from '../sources/offer.ts';
import { askSource } from '../sources/offers.ts';
import type { ConfiguredMirrors } from '../sources/package-mirrors.ts';
import { SourceQuestions } from '../sources/questions.ts';
import { parseSerialDay } from '../sources/serial.ts';
import { readServedFacts, type ServedFacts } from '../sources/served-facts.ts';
import type { ImageSource } from '../sources/source.ts';
import { buildPatience, type OnReport } from './reports.ts';

/** Short, because a person waits. */
const CONNECT_MS = 5000;
/** Bounds what is listed of one source; MAAS's site has some 100. */
const OFFERED_MAX = 1000;
/** Problems of one source that are listed. */
const PROBLEMS_MAX = 3;

/** An offer with size and date, as the server of its files states them if the source does not. */
export type DatedOffer = Offer & { readonly bytes: number | undefined; readonly modified?: string | undefined };

export interface OfferLookupOptions {
  readonly configured: ConfiguredMirrors;
  readonly proxy: DownloadSettings['proxy'];
}

export class OfferLookup {
  readonly #settings: DownloadSettings;
  readonly #configured: ConfiguredMirrors;
  readonly #report: OnReport;

  constructor({ configured, proxy }: OfferLookupOptions, report: OnReport) {
    this.#settings = { ...DEFAULT_SETTINGS, proxy, roundsMax: 1, connectMs: CONNECT_MS };
    this.#configured = configured;
    this.#report = report;
  }

  async ask(
    sources: readonly ImageSource[],
    query: OfferQuery,
    signal?: AbortSignal,
  ): Promise<readonly SourceAnswer[]> {
    const downloads = new DownloadQueue(this.#settings, systemClock);
    try {
      const options = {
        downloads,
        clock: systemClock,
        mirrors: readHostMirrors(),
        configured: this.#configured,
        signal,
      };
      const ask = (source: ImageSource): Promise<SourceAnswer> => askSource(source, query, options);
      return await new SourceQuestions(sources, { ask, clock: systemClock, ...buildPatience(this.#report) }).until();
    } finally {
      await downloads.close();
    }
  }

  async addSizesAndDates(offers: readonly Offer[]): Promise<readonly DatedOffer[]> {
    const hasUnknownFacts = (offer: Offer): boolean =>
      offer.kind !== 'loader' && (sumOfferBytes(offer) === undefined || offer.serial === undefined);
    const listUrls = ({ files }: Offer): readonly string[] => files.map(({ url }) => url);
    const urls = offers.filter(hasUnknownFacts).flatMap(listUrls);
    const web = new WebClient(this.#settings);
    const facts = urls.length === 0 ? new Map() : await readServedFacts(urls, web, systemClock);
    return offers.map((offer) => {
      const { bytes, ...found } = hasUnknownFacts(offer) ? sumFacts(listUrls(offer), facts) : { bytes: undefined };
      return { ...found, ...offer, bytes: sumOfferBytes(offer) ?? bytes };
    });
  }
}

/** Sums the sizes and takes the latest change. Each is left out unless it is known for every URL. */
function sumFacts(urls: readonly string[], facts: ReadonlyMap<string, ServedFacts>) {
  const perUrl = urls.map((url) => facts.get(url));
  const times = perUrl.flatMap((served) => served?.modifiedMs ?? []);
  const isDated = times.length === urls.length;
  return {
    bytes: sumOfSizes(perUrl.map((served) => served?.bytes)),
    ...(isDated ? { modified: new Date(Math.max(...times)).toISOString() } : {}),
  };
}

/**
 * A release of a system for one architecture, with all its kernels and labels: what a selection of
 * its name imports.
 */
export interface OfferedImage extends Pick<Offer, 'kind' | 'os' | 'release' | 'architecture' | 'title' | 'aliases'> {
  /** The day of the newest version, such as `2024-01-31`. Undefined if unknown. */
  readonly day: string | undefined;
  /** The size of all its files, each counted once. Undefined if unknown. */
  readonly bytes: number | undefined;
  /** The day on which support ends, such as `2029-05-31`. Undefined if unknown. */
  readonly supportEnds: string | undefined;
}

/** What one source offers. */
export interface SourceOffers {
  readonly images: readonly OfferedImage[];
  /** Why images are missing, with remedies. At most PROBLEMS_MAX. */
  readonly problems: readonly string[];
}

/**
 * Lists what a source offers, one entry for all that a selection of a release and an architecture
 * imports.
 */
export async function listOffers(
  { source, ...options }: OfferLookupOptions & { readonly source: ImageSource },
  signal: AbortSignal,
): Promise<SourceOffers> {
  const lookup = new OfferLookup(options, () => undefined);
  const [answer] = await lookup.ask([source], { os: ANY, release: undefined, architectures: [] }, signal);
  const offers = await lookup.addSizesAndDates(answer?.offers ?? []);
  const byName = Map.groupBy(offers, ({ os, release, architecture }) => [os, release, architecture].join('/'));
  return {
    images: [...byName.values()].slice(0, OFFERED_MAX).map(joinVariants),
    problems: (answer?.problems ?? []).slice(0, PROBLEMS_MAX).map(({ message }) => message),
  };
}

function joinVariants(variants: readonly DatedOffer[]): OfferedImage {
  const [first, ...others] = variants.toSorted(
    (offer, other) => Number(other.subarchitecture === 'generic') - Number(offer.subarchitecture === 'generic'),
  );
  if (first === undefined) throw new Error('a group has an entry');
  const { kind, os, release, architecture, title, aliases } = first;
  const sizes = new Map(
    variants.flatMap(({ files }) => files.map(({ digest, bytes }) => [digest.hex, bytes] as const)),
  );
  const days = variants.flatMap(({ serial = '', modified }) => parseSerialDay(serial) ?? modified?.slice(0, 10) ?? []);
  return {
    kind,
    os,
    release,
    architecture,
    title,
    aliases,
    day: days.toSorted().at(-1),
    bytes: sumOfSizes([...sizes.values()]) ?? (others.length === 0 ? first.bytes : undefined),
    supportEnds: first.kind === 'image' ? first.supportEnds : undefined,
  };
}
