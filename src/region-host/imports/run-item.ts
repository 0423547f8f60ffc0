// An item of a run, and the rules of which items are imported at the same time.

import { listDigests, type Offer, type Preferred, sumOfferBytes } from '../../images/sources/offer.ts';
import { type ImportProgress, PROGRESS_FILES_MAX } from '../../region/records/boot-store.ts';

/** The number of images that are imported at a time. IMPORTS_OF_SOURCE_MAX is the bound for one source. */
export const IMPORTS_MAX = 4;
const IMPORTS_OF_SOURCE_MAX = 2;

/** An import under way. */
export interface RunningImport {
  readonly stop: AbortController;
  /**
   * One of the IMPORTS_MAX places. Undefined while the import waits for another process that has a
   * file locked, for a busy server, or for its turn. `sender` is the source whose server sends the
   * files. It is undefined if none sends yet, or the server belongs to no offer.
   */
  place: { readonly sender: string | undefined } | undefined;
}

export interface RunItem {
  readonly name: string;
  /** The offers. Each answer of a source may change them. */
  offers: Preferred<Offer>;
  progress: ImportProgress;
  running: RunningImport | undefined;
  /** How often the import has given up its place. */
  waitCount: number;
  /** True if no source delivered the item, so that a further source may. */
  isUndelivered: boolean;
  /** True if the store had the item when the run began. It then needs no place. */
  readonly isStored: boolean;
}

/** Builds the progress with which an import starts. */
export function buildStartingProgress(
  offer: Offer,
  state: ImportProgress['state'],
  offers: Preferred<Offer>,
): ImportProgress {
  const { source, title } = offer;
  // An installer has no serial before it is in the tree.
  const serial = offer.kind === 'installer' ? undefined : offer.serial;
  const bytes = sumOfferBytes(offer);
  const facts = { ...(serial === undefined ? {} : { serial }), ...(bytes === undefined ? {} : { total: bytes }) };
  return { state, source, title, bytes: 0, files: listFileDigests(offers).slice(0, PROGRESS_FILES_MAX), ...facts };
}

/** Lists the digests of all files that the offers name. */
const listFileDigests = (offers: Preferred<Offer>): readonly string[] => [...new Set(offers.flatMap(listDigests))];

/** True if two imports may need the same file. */
export const needSameFile = (offers: Preferred<Offer>, otherOffers: Preferred<Offer>): boolean =>
  listFileDigests(offers).some((file) => listFileDigests(otherOffers).includes(file));

/** Finds the source whose server has a URL. */
export function findSender(offers: Preferred<Offer>, url: string): string | undefined {
  const origin = URL.parse(url)?.origin;
  return offers.find(({ files: [{ url: fileUrl }] }) => URL.parse(fileUrl)?.origin === origin)?.source;
}

/**
 * True if there is a place for another import from the item's source. A running import counts for
 * the source that sends its files.
 */
export function hasPlace({ progress }: RunItem, running: readonly RunItem[]): boolean {
  const ofSameSource = running.filter(
    (other) => (other.running?.place?.sender ?? other.progress.source) === progress.source,
  ).length;
  return ofSameSource < IMPORTS_OF_SOURCE_MAX && running.length + (ofSameSource === 0 ? 0 : 1) < IMPORTS_MAX;
}
