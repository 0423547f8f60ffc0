// Reads the offers of all sources, and chooses the offer that a person requests.

import type { Clock } from '../../ground/clock.ts';
import { counted, joinNames } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import { nearestHint } from '../../ground/nearest-name.ts';
import type { Downloads } from '../download/queue.ts';
import { type ImageName, isSameName } from '../store/image-store.ts';
import { readFileOffers } from './file-offers.ts';
import { readInstallerOffers } from './installer-offers.ts';
import {
  ANY,
  contentOfFiles,
  hasSubarchitecture,
  listDigests,
  NAMED_MAX,
  nearestRelease,
  type Offer,
  type OfferOf,
  type OfferWish,
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

interface AskOptions {
  readonly downloads: Downloads;
  /** Judges signatures when they are verified: a site may sign only when asked. */
  readonly clock: Pick<Clock, 'wallTimeMs'>;
  readonly mirrors: readonly string[];
  readonly configured?: ConfiguredMirrors | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The boot tree that remembers their documents; undefined: older ones are accepted. */
  readonly tree?: string | undefined;
}

/** Asks all sources concurrently. A failed source becomes a problem in its answer. */
export const askSources = (
  sources: readonly ImageSource[],
  wish: OfferWish,
  options: AskOptions,
): Promise<readonly SourceAnswer[]> => Promise.all(sources.map((source) => askSource(source, wish, options)));

/** @throws RackError `cancelled` */
export async function askSource(
  source: ImageSource,
  wish: OfferWish,
  { downloads, clock, mirrors, configured = {}, signal, tree }: AskOptions,
): Promise<SourceAnswer> {
  const seen = tree === undefined ? undefined : { tree, nowMs: clock.wallTimeMs() };
  const documents = new SourceDocuments(source, downloads, clock, signal, seen);
  try {
    if (source.kind === 'files') return await readFileOffers(source, wish, documents);
    if (source.kind === 'installer')
      return await readInstallerOffers(source, wish, documents, { clock, mirrors, configured, seen });
    return await readStreamOffers(source, wish, documents);
  } catch (error) {
    if (!(error instanceof RackError && error.code === 'source-failed')) throw error;
    return { source: source.name, offers: [], problems: [error], isUnread: true };
  }
}

/** Finds a source by name or, if none has it, by URL. @throws RackError `not-found` */
export function sourceNamed(sources: readonly ImageSource[], name: string): readonly ImageSource[] {
  const named = sources.filter((source) => source.name === name);
  if (named.length > 0) return named;
  const url = name.endsWith('/') ? name : `${name}/`;
  const at = sources.filter((source) => source.kind === 'simplestreams' && source.url === url);
  if (at.length > 0) return at;
  const names = sources.map((source) => source.name);
  const list = joinNames(names, NAMED_MAX);
  throw new RackError(
    'not-found',
    `there is no source ${JSON.stringify(name)}; ${nearestHint(name, names)}the sources are ${list}`,
  );
}

/**
 * The sources that offer a system, or any.
 * @throws RackError `not-found`, with the systems that the sources have
 */
export function findSourcesOfSystem(sources: readonly ImageSource[], os: string): readonly ImageSource[] {
  const offering = sources.filter((source) => source.os === os || source.os === ANY);
  if (offering.length > 0) return offering;
  const names = [...new Set(sources.map((source) => source.os))];
  const hint = nearestHint(os, names);
  throw new RackError(
    'not-found',
    `no source has ${JSON.stringify(os)}; ${hint}the sources have ${joinNames(names, NAMED_MAX)}`,
  );
}

const wishedOffers = <Kind extends Offer['kind']>(
  { offers }: SourceAnswer,
  kind: Kind,
  { release, subarchitecture: wanted }: OfferWish,
): readonly OfferOf<Kind>[] =>
  pickOffers(offers, kind).filter(
    // The type of a boot loader is the wish's release; others may have it as an alias.
    (offer) =>
      (kind !== 'loader' || offer.release === release) && (wanted === undefined || hasSubarchitecture(offer, wanted)),
  );

/** True if a source has what `chooseOffers` chooses from its answer. */
export const hasOffer = (answer: SourceAnswer, kind: Offer['kind'], wish: OfferWish): boolean =>
  wishedOffers(answer, kind, wish).length > 0;

/**
 * The offers of a kind that match a wish with a release and one architecture. Those of the first
 * source that has it come first.
 * @throws RackError `source-failed` if a source had a problem, `not-found` if all answered and none has it
 */
export function chooseOffers<Kind extends Offer['kind']>(
  answers: readonly SourceAnswer[],
  kind: Kind,
  wish: OfferWish,
): Preferred<OfferOf<Kind>> {
  const offers = answers.flatMap((answer) => wishedOffers(answer, kind, wish));
  const isFirst = ({ source }: Offer): boolean => source === offers[0]?.source;
  const own = offers.filter(isFirst);
  const named = own.filter(({ release }) => release === wish.release);
  // Several releases have the alias `lts`; the newest is meant.
  const [offer, ...others] = [
    ...(named.length > 0 ? named : own).toSorted(newestFirst),
    ...offers.filter((other) => !isFirst(other)).toSorted(newestFirst),
  ];
  if (offer === undefined) return refuseAll(answers, wish);
  return [offer, ...others.filter((other) => isSameName(other, offer))];
}

/** @param lacking what the other sources lack; empty: not said */
function refuseProblems(answers: readonly SourceAnswer[], lacking = ''): void {
  const texts = answers.flatMap(({ problems }) => problems.map(({ message }) => message));
  if (texts.length === 0) return;
  const more = texts.length - NAMED_MAX;
  const rest = more > 0 ? [`\`rackboot images check-sources --verbose\` shows ${counted(more, 'other problem')}`] : [];
  const last = lacking === '' ? [] : [lacking];
  throw new RackError('source-failed', [...texts.slice(0, NAMED_MAX), ...rest, ...last].join('\n'));
}

function refuseAll(answers: readonly SourceAnswer[], { os, release = '', architectures }: OfferWish): never {
  // The name may be wrong, whatever another source's problem.
  const names = answers.filter(({ problems }) => problems.length === 0).map(({ source }) => source);
  const request = `${os}/${release} for ${joinNames(architectures, NAMED_MAX)}`;
  const nearest = nearestRelease(answers, { os, release });
  const hint = nearest === undefined ? '' : `did you mean ${nearest}? `;
  const remedy = `${hint}\`rackboot images available ${os}\` lists all`;
  const have = names.length === 1 ? 'has' : 'have';
  const lacking = names.length === 0 ? '' : `${joinNames(names, NAMED_MAX)} ${have} no ${request}: ${remedy}`;
  refuseProblems(answers, lacking);
  throw new RackError('not-found', lacking);
}

interface LostItem<Kind extends Offer['kind']> extends Omit<ImageName, 'serial'> {
  readonly kind: Kind;
  readonly source: string;
  /** Undefined: unknown. */
  readonly serial: string | undefined;
  readonly fetched: readonly string[];
}

/**
 * The offers of its own files at any source, its own first; if there are none, newer offers of its
 * name at its own source: elsewhere the name may mean something else.
 * @throws RackError `source-failed` if its own source had a problem, `not-found` if it has no such offer
 */
export function offersAgain<Kind extends Offer['kind']>(
  answers: readonly SourceAnswer[],
  lost: LostItem<Kind>,
): Preferred<OfferOf<Kind>> {
  const { kind, source, serial, fetched } = lost;
  const isOwn = (offer: Offer): boolean => offer.source === source;
  const named = answers.flatMap(({ offers }) => pickOffers(offers, kind)).filter((offer) => isSameName(offer, lost));
  const wanted = contentOfFiles(fetched);
  const [same, ...others] = named
    .filter((offer) => contentOfFiles(listDigests(offer)) === wanted)
    .toSorted((a, b) => Number(isOwn(b)) - Number(isOwn(a)))
    // The same bytes, whatever day the source names.
    .map((offer) => ({ ...offer, serial: serial ?? offer.serial }));
  if (same !== undefined) return [same, ...others];
  const isOlder = (offer: Offer): boolean =>
    offer.serial !== undefined && serial !== undefined && compareSerials(offer.serial, serial) < 0;
  const [newer, ...more] = named
    .filter((offer) => isOwn(offer) && !isOlder(offer))
    .toSorted((a, b) => compareSerials(b.serial ?? '', a.serial ?? ''));
  if (newer !== undefined) return [newer, ...more];
  refuseProblems(answers.filter((answer) => answer.source === source));
  const remedy =
    kind === 'image'
      ? 'remove it, and import another version of the system'
      : 'import another one in its place, which `rackboot images available` lists';
  throw new RackError('not-found', `no source has its files, and its source ${source} has no newer ones: ${remedy}`);
}

const newestFirst = (a: Offer, b: Offer): number =>
  supportEnd(b).localeCompare(supportEnd(a)) || sortKey(a).localeCompare(sortKey(b));

const supportEnd = (offer: Offer): string => (offer.kind === 'image' ? offer.supportEnds : undefined) ?? '';

const sortKey = (offer: Offer): string => `${Number(offer.subarchitecture !== 'generic')} ${offerName(offer)}`;
