// Reads the offers of all sources, and chooses the offer that a person requests.

import type { Clock } from '../../ground/clock.ts';
import { counted, joinNames } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import { composeNearestHint } from '../../ground/nearest-name.ts';
import type { Downloads } from '../download/queue.ts';
import { type ImageName, isSameName } from '../store/image-store.ts';
import { readFileOffers } from './file-offers.ts';
import { readInstallerOffers } from './installer-offers.ts';
import {
  ANY,
  formatFilesKey,
  hasSubarchitecture,
  listDigests,
  NAMES_SHOWN_MAX,
  nearestRelease,
  type Offer,
  type OfferOf,
  type OfferQuery,
  offerName,
  type Preferred,
  pickOffers,
  type SourceAnswer,
} from './offer.ts';
import type { ConfiguredMirrors } from './package-mirrors.ts';
import { compareSerials } from './serial.ts';
import type { ImageSource } from './source.ts';
import { SourceDocuments } from './source-documents.ts';
import { readStreamOffers } from './stream-offers.ts';

interface QueryOptions {
  readonly downloads: Downloads;
  /**
   * Gives the time at which a signature is verified: a site may sign only when asked, after the
   * query began.
   */
  readonly clock: Pick<Clock, 'wallTimeMs'>;
  readonly mirrors: readonly string[];
  readonly configured?: ConfiguredMirrors | undefined;
  readonly signal?: AbortSignal | undefined;
  /**
   * The boot tree that remembers the documents of the sources. If undefined, older documents are
   * accepted.
   */
  readonly tree?: string | undefined;
}

/** Asks all sources concurrently. A failed source becomes a problem in its answer. */
export const askSources = (
  sources: readonly ImageSource[],
  query: OfferQuery,
  options: QueryOptions,
): Promise<readonly SourceAnswer[]> => Promise.all(sources.map((source) => askSource(source, query, options)));

/** Asks one source. @throws RackError `cancelled` */
export async function askSource(
  source: ImageSource,
  query: OfferQuery,
  { downloads, clock, mirrors, configured = {}, signal, tree }: QueryOptions,
): Promise<SourceAnswer> {
  const seenRecords = tree === undefined ? undefined : { tree, nowMs: clock.wallTimeMs() };
  const documents = new SourceDocuments(source, downloads, clock, signal, seenRecords);
  try {
    if (source.kind === 'files') return await readFileOffers(source, query, documents);
    if (source.kind === 'installer')
      return await readInstallerOffers(source, query, documents, { clock, mirrors, configured, seen: seenRecords });
    return await readStreamOffers(source, query, documents);
  } catch (error) {
    if (!(error instanceof RackError && error.code === 'source-failed')) throw error;
    return { source: source.name, offers: [], problems: [error], isUnread: true };
  }
}

/** Finds a source by name or, if none has it, by URL. @throws RackError `not-found` */
export function findSourcesByName(sources: readonly ImageSource[], name: string): readonly ImageSource[] {
  const sourcesByName = sources.filter((source) => source.name === name);
  if (sourcesByName.length > 0) return sourcesByName;
  const url = name.endsWith('/') ? name : `${name}/`;
  const sourcesByUrl = sources.filter((source) => source.kind === 'simplestreams' && source.url === url);
  if (sourcesByUrl.length > 0) return sourcesByUrl;
  const names = sources.map((source) => source.name);
  const list = joinNames(names, NAMES_SHOWN_MAX);
  throw new RackError(
    'not-found',
    `there is no source ${JSON.stringify(name)}; ${composeNearestHint(name, names)}the sources are ${list}`,
  );
}

/**
 * Finds the sources that offer a system, or that may offer any system.
 * @throws RackError `not-found`, with the systems that the sources have
 */
export function findSourcesOfSystem(sources: readonly ImageSource[], os: string): readonly ImageSource[] {
  const offering = sources.filter((source) => source.os === os || source.os === ANY);
  if (offering.length > 0) return offering;
  const names = [...new Set(sources.map((source) => source.os))];
  const hint = composeNearestHint(os, names);
  throw new RackError(
    'not-found',
    `no source has ${JSON.stringify(os)}; ${hint}the sources have ${joinNames(names, NAMES_SHOWN_MAX)}`,
  );
}

const pickMatchingOffers = <Kind extends Offer['kind']>(
  { offers }: SourceAnswer,
  kind: Kind,
  { release, subarchitecture: requestedName }: OfferQuery,
): readonly OfferOf<Kind>[] =>
  pickOffers(offers, kind).filter(
    // The `release` of a query is the type of a boot loader. Other loaders may have it as an alias.
    (offer) =>
      (kind !== 'loader' || offer.release === release) &&
      (requestedName === undefined || hasSubarchitecture(offer, requestedName)),
  );

/** True if a source has what `chooseOffers` chooses from its answer. */
export const hasOffer = (answer: SourceAnswer, kind: Offer['kind'], query: OfferQuery): boolean =>
  pickMatchingOffers(answer, kind, query).length > 0;

/**
 * Chooses the offers of a kind that match a query for a release and one architecture. Offers of the
 * first source that has a match come first.
 * @throws RackError `source-failed` if a source had a problem, `not-found` if all answered and none
 * has a match
 */
export function chooseOffers<Kind extends Offer['kind']>(
  answers: readonly SourceAnswer[],
  kind: Kind,
  query: OfferQuery,
): Preferred<OfferOf<Kind>> {
  const offers = answers.flatMap((answer) => pickMatchingOffers(answer, kind, query));
  const isOfFirstSource = ({ source }: Offer): boolean => source === offers[0]?.source;
  const firstSourceOffers = offers.filter(isOfFirstSource);
  const offersByRelease = firstSourceOffers.filter(({ release }) => release === query.release);
  // Several releases have the alias `lts`. The newest is meant.
  const [offer, ...others] = [
    ...(offersByRelease.length > 0 ? offersByRelease : firstSourceOffers).toSorted(compareNewestFirst),
    ...offers.filter((other) => !isOfFirstSource(other)).toSorted(compareNewestFirst),
  ];
  if (offer === undefined) return refuseAll(answers, query);
  return [offer, ...others.filter((other) => isSameName(other, offer))];
}

/** @param absenceText what the other sources lack. Empty to leave it out */
function refuseProblems(answers: readonly SourceAnswer[], absenceText = ''): void {
  const texts = answers.flatMap(({ problems }) => problems.map(({ message }) => message));
  if (texts.length === 0) return;
  const hiddenProblems = texts.length - NAMES_SHOWN_MAX;
  const hiddenProblemsLine =
    hiddenProblems > 0
      ? [`\`rackboot images check-sources --verbose\` shows ${counted(hiddenProblems, 'other problem')}`]
      : [];
  const absenceLines = absenceText === '' ? [] : [absenceText];
  throw new RackError(
    'source-failed',
    [...texts.slice(0, NAMES_SHOWN_MAX), ...hiddenProblemsLine, ...absenceLines].join('\n'),
  );
}

function refuseAll(answers: readonly SourceAnswer[], { os, release = '', architectures }: OfferQuery): never {
  // The name may be wrong even if another source had a problem, so both are reported.
  const names = answers.filter(({ problems }) => problems.length === 0).map(({ source }) => source);
  const request = `${os}/${release} for ${joinNames(architectures, NAMES_SHOWN_MAX)}`;
  const nearest = nearestRelease(answers, { os, release });
  const hint = nearest === undefined ? '' : `did you mean ${nearest}? `;
  const remedy = `${hint}\`rackboot images available ${os}\` lists all`;
  const have = names.length === 1 ? 'has' : 'have';
  const absenceText = names.length === 0 ? '' : `${joinNames(names, NAMES_SHOWN_MAX)} ${have} no ${request}: ${remedy}`;
  refuseProblems(answers, absenceText);
  throw new RackError('not-found', absenceText);
}

interface LostItem<Kind extends Offer['kind']> extends Omit<ImageName, 'serial'> {
  readonly kind: Kind;
  readonly source: string;
  /** Undefined if unknown. */
  readonly serial: string | undefined;
  readonly fetched: readonly string[];
}

/**
 * Chooses offers that can replace a lost item: offers of the same files at any source, its own
 * source first. If there are none, newer offers of the same name at its own source, because
 * elsewhere the name may mean something else.
 * @throws RackError `source-failed` if its own source had a problem, `not-found` if it has no such offer
 */
export function chooseReplacements<Kind extends Offer['kind']>(
  answers: readonly SourceAnswer[],
  lost: LostItem<Kind>,
): Preferred<OfferOf<Kind>> {
  const { kind, source, serial, fetched } = lost;
  const isOfOwnSource = (offer: Offer): boolean => offer.source === source;
  const sameNameOffers = answers
    .flatMap(({ offers }) => pickOffers(offers, kind))
    .filter((offer) => isSameName(offer, lost));
  const contentKey = formatFilesKey(fetched);
  const [sameContent, ...others] = sameNameOffers
    .filter((offer) => formatFilesKey(listDigests(offer)) === contentKey)
    .toSorted((a, b) => Number(isOfOwnSource(b)) - Number(isOfOwnSource(a)))
    // The bytes are the same, so the serial stays, whatever day the source names.
    .map((offer) => ({ ...offer, serial: serial ?? offer.serial }));
  if (sameContent !== undefined) return [sameContent, ...others];
  const isOlder = (offer: Offer): boolean =>
    offer.serial !== undefined && serial !== undefined && compareSerials(offer.serial, serial) < 0;
  const [newerOffer, ...otherNewer] = sameNameOffers
    .filter((offer) => isOfOwnSource(offer) && !isOlder(offer))
    .toSorted((a, b) => compareSerials(b.serial ?? '', a.serial ?? ''));
  if (newerOffer !== undefined) return [newerOffer, ...otherNewer];
  refuseProblems(answers.filter((answer) => answer.source === source));
  const remedy =
    kind === 'image'
      ? 'remove it, and import another version of the system'
      : 'import another one in its place, which `rackboot images available` lists';
  throw new RackError('not-found', `no source has its files, and its source ${source} has no newer ones: ${remedy}`);
}

const compareNewestFirst = (a: Offer, b: Offer): number =>
  getSupportEnd(b).localeCompare(getSupportEnd(a)) || buildSortKey(a).localeCompare(buildSortKey(b));

const getSupportEnd = (offer: Offer): string => (offer.kind === 'image' ? offer.supportEnds : undefined) ?? '';

const buildSortKey = (offer: Offer): string => `${Number(offer.subarchitecture !== 'generic')} ${offerName(offer)}`;
