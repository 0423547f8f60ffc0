// Reads the offers of all sources, and chooses the offer that a person requests.

import type { Clock } from '../../clock.ts';
import { counted, listed } from '../../counted.ts';
import { RackError } from '../../errors.ts';
import { nearestHint } from '../../nearest-name.ts';
import type { Downloads } from '../download/queue.ts';
import { compareImages, isSameName, type StoredImage } from '../image-store.ts';
import { readFileOffers } from './file-offers.ts';
import { readInstallerOffers } from './installer-offers.ts';
import { type OffersOfImage, withInstallerMirrors, withLoaderMirrors } from './joined-offers.ts';
import {
  ANY,
  hasSubarchitecture,
  type ImageOffer,
  type InstallerOffer,
  importedContent,
  type LoaderOffer,
  NAMED_MAX,
  type NamedFile,
  nearestRelease,
  type OfferWish,
  offeredContent,
  offerName,
  type SourceAnswer,
} from './offer.ts';
import type { ConfiguredMirrors } from './package-mirrors.ts';
import { compareSerials } from './serial.ts';
import type { ImageSource } from './source.ts';
import { SourceDocuments } from './source-documents.ts';
import { readStreamOffers } from './stream-offers.ts';

/** The options of `askSources`. */
interface AskTerms {
  readonly downloads: Downloads;
  /** Signatures are judged at the time when they are verified: a site may sign its document when it is asked for. */
  readonly clock: Pick<Clock, 'wallTimeMs'>;
  /** The mirrors that this host's apt uses, for sources without their own. */
  readonly mirrors: readonly string[];
  /** The mirrors that the operator configured instead; default: none. */
  readonly configured?: ConfiguredMirrors | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The boot tree for which they are asked, which remembers their documents; undefined: older ones count, too. */
  readonly tree?: string | undefined;
}

/** Asks all sources concurrently. The failure of one source becomes a problem in its answer. */
export const askSources = (
  sources: readonly ImageSource[],
  wish: OfferWish,
  terms: AskTerms,
): Promise<readonly SourceAnswer[]> => Promise.all(sources.map((source) => askSource(source, wish, terms)));

/** Asks a source. Its failure becomes a problem in its answer. @throws RackError `cancelled` */
export async function askSource(
  source: ImageSource,
  wish: OfferWish,
  { downloads, clock, mirrors, configured = {}, signal, tree }: AskTerms,
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
    return { source: source.name, offers: [], installers: [], loaders: [], problems: [error], isUnread: true };
  }
}

/** The sources with a name or, if there is none, with a URL. @throws RackError `not-found` */
export function sourceNamed(sources: readonly ImageSource[], name: string): readonly ImageSource[] {
  const found = sources.filter((source) => source.name === name);
  if (found.length > 0) return found;
  const url = name.endsWith('/') ? name : `${name}/`;
  const at = sources.filter((source) => source.kind === 'simplestreams' && source.url === url);
  if (at.length > 0) return at;
  const names = sources.map((source) => source.name);
  const known = listed(names, NAMED_MAX);
  throw new RackError(
    'not-found',
    `there is no source ${JSON.stringify(name)}; ${nearestHint(name, names)}the sources are ${known}`,
  );
}

/**
 * The sources that offer a system, or may offer it among any others.
 * @throws RackError `not-found`, with the systems that the sources have
 */
export function sourcesOf(sources: readonly ImageSource[], os: string): readonly ImageSource[] {
  const found = sources.filter((source) => source.os === os || source.os === ANY);
  if (found.length > 0) return found;
  const names = [...new Set(sources.map((source) => source.os))];
  const hint = nearestHint(os, names);
  throw new RackError(
    'not-found',
    `no source has ${JSON.stringify(os)}; ${hint}the sources have ${listed(names, NAMED_MAX)}`,
  );
}

/** The images of an answer that a person may mean by a wish with a release and one architecture. */
const wishedImages = ({ offers }: SourceAnswer, { subarchitecture: wanted }: OfferWish): readonly ImageOffer[] =>
  offers.filter((offer) => wanted === undefined || hasSubarchitecture(offer, wanted));

/** The boot loaders of an answer that a person means: the type is the release of the wish. */
const wishedLoaders = ({ loaders }: SourceAnswer, { release }: OfferWish): readonly LoaderOffer[] =>
  loaders.filter(({ type }) => type === release);

/** True if a source has the image that `chooseOffers` chooses from its answer. */
export const hasImage = (answer: SourceAnswer, wish: OfferWish): boolean => wishedImages(answer, wish).length > 0;

/** As `hasImage`, for `chooseLoader`. */
export const hasLoader = (answer: SourceAnswer, wish: OfferWish): boolean => wishedLoaders(answer, wish).length > 0;

/** As `hasImage`, for `chooseInstaller`. */
export const hasInstaller = ({ installers }: SourceAnswer): boolean => installers.length > 0;

/**
 * The offers that match a wish with a release and one architecture. Those of the first source that has the image come first.
 * @throws RackError `source-failed` if a source had a problem, `not-found` if all answered and none has the image
 */
export function chooseOffers(answers: readonly SourceAnswer[], wish: OfferWish): OffersOfImage {
  const offers = answers.flatMap((answer) => wishedImages(answer, wish));
  const isFirst = ({ source }: ImageOffer): boolean => source === offers[0]?.source;
  const own = offers.filter(isFirst);
  const named = own.filter(({ release }) => release === wish.release);
  // Several releases have the alias `lts`; the newest one is meant.
  const [offer, ...others] = [
    ...(named.length > 0 ? named : own).toSorted(newestFirst),
    ...offers.filter((other) => !isFirst(other)).toSorted(newestFirst),
  ];
  if (offer === undefined) return refuseAll(answers, wish);
  return [offer, ...others.filter((other) => isSameName(other, offer))];
}

/**
 * The installer that matches a wish with a release and one architecture, from the first source that has it.
 * @throws RackError as `chooseOffers`
 */
export function chooseInstaller(answers: readonly SourceAnswer[], wish: OfferWish): InstallerOffer {
  return answers.flatMap((answer) => answer.installers)[0] ?? refuseAll(answers, wish);
}

/**
 * The boot loader of a type for one architecture, from the first source that has it. The same files at other sources are its mirrors.
 * @throws RackError as `chooseOffers`
 */
export function chooseLoader(answers: readonly SourceAnswer[], wish: OfferWish): LoaderOffer {
  const [first, ...others] = answers.flatMap((answer) => wishedLoaders(answer, wish));
  if (first === undefined) return refuseAll(answers, wish);
  return withLoaderMirrors(first, others);
}

/**
 * @param lacking what the sources without a problem lack; empty: not said
 * @throws RackError `source-failed` with the problems of the answers, one a line, if they have any
 */
function refuseProblems(answers: readonly SourceAnswer[], lacking = ''): void {
  const texts = answers.flatMap(({ problems }) => problems.map(({ message }) => message));
  if (texts.length === 0) return;
  const more = texts.length - NAMED_MAX;
  const rest = more > 0 ? [`\`rackboot images check-sources --verbose\` shows ${counted(more, 'other problem')}`] : [];
  const last = lacking === '' ? [] : [lacking];
  throw new RackError('source-failed', [...texts.slice(0, NAMED_MAX), ...rest, ...last].join('\n'));
}

/** @throws RackError that says why no source has the image */
function refuseAll(answers: readonly SourceAnswer[], { os, release = '', architectures }: OfferWish): never {
  // The name may be wrong, whatever the problem of another source is.
  const names = answers.filter(({ problems }) => problems.length === 0).map(({ source }) => source);
  const asked = `${os}/${release} for ${listed(architectures, NAMED_MAX)}`;
  const nearest = nearestRelease(answers, { os, release });
  const hint = nearest === undefined ? '' : `did you mean ${nearest}? `;
  const remedy = `${hint}\`rackboot images available ${os}\` lists all`;
  const have = names.length === 1 ? 'has' : 'have';
  const lacking = names.length === 0 ? '' : `${listed(names, NAMED_MAX)} ${have} no ${asked}: ${remedy}`;
  refuseProblems(answers, lacking);
  throw new RackError('not-found', lacking);
}

/**
 * The offers from which an image can be imported again: those of its own files, at any source, of which its own comes first. If no source has
 * these files any more, the newer offers of its name at its own source: another source may mean another image by this name.
 * @throws RackError `source-failed` if its own source had a problem, `not-found` if it has no such offer
 */
export function offersAgain(answers: readonly SourceAnswer[], image: StoredImage): OffersOfImage {
  const { origin, serial } = image;
  const isOwn = (one: { readonly source: string }): boolean => one.source === origin?.source;
  const named = answers.flatMap(({ offers }) => offers).filter((offer) => isSameName(offer, image));
  const content = importedContent(image);
  const [same, ...others] = named
    .filter((offer) => offeredContent(offer) === content)
    .toSorted((a, b) => Number(isOwn(b)) - Number(isOwn(a)))
    // They have the same bytes, whatever day the source names.
    .map((offer) => ({ ...offer, serial }));
  if (same !== undefined) return [same, ...others];
  const isNewer = (offer: ImageOffer): boolean =>
    offer.serial === undefined || compareImages({ ...image, serial: offer.serial }, image) <= 0;
  const [newer, ...more] = named.filter((offer) => isOwn(offer) && isNewer(offer));
  if (newer !== undefined) return [newer, ...more];
  return refuseAgain(answers, origin?.source, 'remove it, and import another version of the system');
}

/** The remedy for a boot loader or an installer, whose directory an import replaces. */
const OTHER_PART = 'import another one in its place, which `rackboot images available` lists';

/** @throws RackError that says why nothing can take the place of what came from a source */
function refuseAgain(answers: readonly SourceAnswer[], source = '', remedy = OTHER_PART): never {
  refuseProblems(answers.filter((one) => one.source === source));
  throw new RackError('not-found', `no source has its files, and its source ${source} has no newer ones: ${remedy}`);
}

/** A boot loader or an installer of a tree, to import again. */
interface LostPart {
  readonly source: string;
  /** Undefined: unknown. */
  readonly serial: string | undefined;
  /** The digests of the files that were downloaded for it. */
  readonly fetched: readonly string[];
}

/** As `offersAgain`, for a boot loader of this type, architecture and label. */
export function loaderAgain(
  answers: readonly SourceAnswer[],
  part: LostPart & Pick<LoaderOffer, 'type' | 'architecture' | 'label'>,
): LoaderOffer {
  const named = answers
    .flatMap(({ loaders }) => loaders)
    .filter(
      ({ type, architecture, label }) =>
        type === part.type && architecture === part.architecture && label === part.label,
    );
  const [first, ...others] = partsAgain(named, part, (offer) => [offer.serial, offer.files]);
  return first === undefined ? refuseAgain(answers, part.source) : withLoaderMirrors(first, others);
}

/** As `offersAgain`, for the installer of a system with this name in the boot tree. */
export function installerAgain(
  answers: readonly SourceAnswer[],
  part: LostPart & Pick<InstallerOffer, 'os' | 'release' | 'architecture'>,
): InstallerOffer {
  const named = answers
    .flatMap(({ installers }) => installers)
    .filter(
      ({ os, release, architecture }) =>
        os === part.os && release === part.release && architecture === part.architecture,
    );
  const [first, ...others] = partsAgain(named, part, ({ finished, kernel, initrd }) => [
    finished?.serial,
    [kernel, initrd],
  ]);
  return first === undefined ? refuseAgain(answers, part.source) : withInstallerMirrors(first, others);
}

/** The offers of the same files, of which that of its own source comes first; or the newest of its own source, unless that is older. */
function partsAgain<T extends { readonly source: string }>(
  named: readonly T[],
  { source, serial, fetched }: LostPart,
  factsOf: (offer: T) => readonly [serial: string | undefined, files: readonly Pick<NamedFile, 'digest'>[]],
): readonly T[] {
  const isOwn = (offer: T): boolean => offer.source === source;
  const wanted = new Set(fetched);
  const same = named
    .filter((offer) => {
      const [, files] = factsOf(offer);
      const digests = new Set(files.map(({ digest }) => digest.hex));
      return digests.size === wanted.size && digests.isSubsetOf(wanted);
    })
    .toSorted((a, b) => Number(isOwn(b)) - Number(isOwn(a)));
  if (same.length > 0) return same;
  return named
    .filter((offer) => {
      const [offered] = factsOf(offer);
      const isOlder = offered !== undefined && serial !== undefined && compareSerials(offered, serial) < 0;
      return isOwn(offer) && !isOlder;
    })
    .toSorted((a, b) => compareSerials(factsOf(b)[0] ?? '', factsOf(a)[0] ?? ''))
    .slice(0, 1);
}

const newestFirst = (a: ImageOffer, b: ImageOffer): number =>
  (b.supportEnds ?? '').localeCompare(a.supportEnds ?? '') || orderOf(a).localeCompare(orderOf(b));

/** Sorts the generic subarchitecture first. */
const orderOf = (offer: ImageOffer): string => `${Number(offer.subarchitecture !== 'generic')} ${offerName(offer)}`;
