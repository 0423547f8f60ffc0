// An item of a run, and the rules of which items are imported at the same time.

import { listDigests, type Offer, type Preferred, sumOfferBytes } from '../../images/sources/offer.ts';
import { type ImportProgress, PROGRESS_FILES_MAX } from '../../region/records/boot-store.ts';

/** How many images are imported at a time, in total and of one source. */
export const IMPORTS_MAX = 4;
const IMPORTS_OF_SOURCE_MAX = 2;

/** An import under way. */
export interface Running {
  readonly stop: AbortController;
  /**
   * One of IMPORTS_MAX; undefined while it waits for another process that has a file locked, for a
   * busy server, or for its turn. `sender` is the source whose server sends the files; undefined:
   * none does yet, or it is not one of the offers.
   */
  place: { readonly sender: string | undefined } | undefined;
}

export interface Item {
  readonly name: string;
  /** Each answer of a source may change them. */
  offers: Preferred<Offer>;
  progress: ImportProgress;
  running: Running | undefined;
  /** How often it has given up its place. */
  waits: number;
  /** True if no source delivered it, so that a further one may. */
  isUndelivered: boolean;
  /** True if the store had it when the run began. Then it needs no place. */
  readonly isStored: boolean;
}

/** The progress with which an import starts. */
export function startingProgress(
  offer: Offer,
  state: ImportProgress['state'],
  offers: Preferred<Offer>,
): ImportProgress {
  const { source, title } = offer;
  // An installer has none before it is in the tree.
  const serial = offer.kind === 'installer' ? undefined : offer.serial;
  const bytes = sumOfferBytes(offer);
  const facts = { ...(serial === undefined ? {} : { serial }), ...(bytes === undefined ? {} : { total: bytes }) };
  return { state, source, title, bytes: 0, files: listFileDigests(offers).slice(0, PROGRESS_FILES_MAX), ...facts };
}

/** The digests of all files that the offers name. */
const listFileDigests = (offers: Preferred<Offer>): readonly string[] => [...new Set(offers.flatMap(listDigests))];

/** True if two imports may need the same file. */
export const needSame = (offers: Preferred<Offer>, other: Preferred<Offer>): boolean =>
  listFileDigests(offers).some((file) => listFileDigests(other).includes(file));

/** The source whose server has a URL. */
export function findSender(offers: Preferred<Offer>, url: string): string | undefined {
  const origin = URL.parse(url)?.origin;
  return offers.find(({ files: [{ url: own }] }) => URL.parse(own)?.origin === origin)?.source;
}

/**
 * True if there is a place for an import of its source. The place of another import is that of the
 * source that sends it.
 */
export function hasPlace({ progress }: Item, running: readonly Item[]): boolean {
  const own = running.filter(
    (other) => (other.running?.place?.sender ?? other.progress.source) === progress.source,
  ).length;
  return own < IMPORTS_OF_SOURCE_MAX && running.length + (own === 0 ? 0 : 1) < IMPORTS_MAX;
}
