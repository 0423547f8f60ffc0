// `rackboot images available` and `check-sources`: the images that the sources offer, and whether
// each source answers as expected.

import { readImageSources } from '../../config/image-sources.ts';
import type { RackConfig } from '../../config/rack-config.ts';
import { systemClock } from '../../ground/clock.ts';
import { counted, joinNames } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import { composeNearestHint } from '../../ground/nearest-name.ts';
import { findNetworkFault } from '../../images/download/fault.ts';
import { type DatedOffer, OfferLookup } from '../../images/engine/asking.ts';
import {
  ANY,
  describeLeftOutUpdates,
  NAMES_SHOWN_MAX,
  type Offer,
  type OfferNames,
  offerName,
  type SourceAnswer,
} from '../../images/sources/offer.ts';
import { findSourcesByName, findSourcesOfSystem } from '../../images/sources/offers.ts';
import type { ImageSource } from '../../images/sources/source.ts';
import { parseTagFilters } from '../../images/sources/tag-filter.ts';
import { configuredMirrors } from '../../region/preseed/configured-mirrors.ts';
import { formatBytes, print, printError, printJson, printTable } from '../terminal/output.ts';
import { readSourcesOrWarn } from './boot-sources.ts';
import { configuredProxy } from './download-options.ts';
import { readImageConfig } from './image-tree.ts';
import { ImportProgress } from './import-progress.ts';
import type { AvailableFlags, CheckFlags } from './options.ts';

/**
 * Prints the offers of all sources, or of those with one system. @returns 0, or 1 if a source had a
 * problem
 */
export async function listAvailable(flags: AvailableFlags): Promise<number> {
  const fileSources = readImageSources(flags);
  const parsed = await parseTagFilters(flags.filter ?? []);
  if (!parsed.ok) throw new RackError('bad-argument', `--filter ${parsed.problem}`);
  const { filters } = parsed;
  const unknown = filters.find(({ tag }) => !TAGS.includes(tag));
  if (unknown !== undefined) {
    const hint = composeNearestHint(unknown.tag, TAGS);
    throw new RackError(
      'bad-argument',
      `--filter ${unknown.text}: no image has a ${unknown.tag}; ${hint}use ${TAGS.join(', ')}`,
    );
  }
  // Sources choose by labels, too, because the newest version may have another label.
  const matchesFilters = (names: OfferNames): boolean => filters.every(({ matches }) => matches([tagValues(names)]));
  const [os = ANY, release] = flags.os?.split('/') ?? [];
  const config = await readImageConfig({ config: flags.config, tree: '' });
  const catalog = openCatalog(config);
  const sources = await readSourcesOrWarn(fileSources, config);
  const candidateSources = flags.source === undefined ? sources : findSourcesByName(sources, flags.source);
  const request = {
    os,
    release,
    architectures: flags.arch === undefined ? [] : [flags.arch],
    isAccepted: matchesFilters,
  };
  const answers = await catalog.ask(os === ANY ? candidateSources : findSourcesOfSystem(candidateSources, os), request);
  const today = new Date(systemClock.wallTimeMs()).toISOString().slice(0, 10);
  const offers = answers.flatMap((answer) => answer.offers).filter(matchesFilters);
  const isCurrent = (offer: Offer): boolean =>
    flags.all || offer.kind !== 'image' || offer.supportEnds === undefined || offer.supportEnds >= today;
  const dated = await catalog.addSizesAndDates(offers.filter(isCurrent));
  const selectKind = (kind: Offer['kind']): readonly DatedOffer[] => dated.filter((offer) => offer.kind === kind);
  const [images, installers, loaders] = [selectKind('image'), selectKind('installer'), selectKind('loader')];
  const problems = answers.flatMap(listProblems);
  const isOffered = answers.some((answer) => countOffers(answer) > 0);
  if (flags.os !== undefined && filters.length === 0 && problems.length === 0 && !isOffered)
    throw toNotOfferedError(flags, candidateSources);
  if (flags.json) {
    const [ofImages, ofInstallers, ofLoaders] = [images, installers, loaders].map((ones) => ones.map(offerJson));
    printJson({ offers: ofImages, installers: ofInstallers, loaders: ofLoaders, problems });
  } else {
    printTable(
      ['IMAGE', 'DATE', 'SIZE', 'TITLE', 'SOURCE'],
      [...images.toSorted((a, b) => (offerName(a) < offerName(b) ? -1 : 1)), ...installers, ...loaders].map(formatRow),
      problems.length > 0 && !isOffered ? 'No image can be listed.' : 'No source offers an image.',
    );
    const hiddenCount = offers.length - dated.length;
    if (hiddenCount > 0)
      print(`Not listed: ${counted(hiddenCount, 'image')} whose support has ended (--all lists them).`);
    for (const note of dated.flatMap(listNotes)) printError(note);
    for (const line of problemLines(answers)) printError(line);
  }
  return problems.length > 0 ? 1 : 0;
}

function toNotOfferedError({ os: wanted = ANY, arch }: AvailableFlags, sources: readonly ImageSource[]): RackError {
  const names = [...new Set(sources.map(({ os }) => os).filter((os) => os !== ANY))];
  const [os = ''] = wanted.split('/');
  const hint = names.includes(os) ? '' : composeNearestHint(os, names);
  const architectureText = arch === undefined ? '' : ` for ${arch}`;
  const remedy = '`rackboot images available` lists all';
  return new RackError('not-found', `no source offers ${JSON.stringify(wanted)}${architectureText}; ${hint}${remedy}`);
}

const openCatalog = (config: RackConfig | undefined): OfferLookup =>
  new OfferLookup(
    { configured: configuredMirrors(config), proxy: configuredProxy(config) },
    new ImportProgress(false, true).showReport,
  );

const TAGS = ['os', 'release', 'arch', 'subarch', 'label', 'source'];

const tagValues = ({ os, release, architecture: arch, subarchitecture: subarch, label, source }: OfferNames) =>
  new Map(Object.entries({ os, release, arch, subarch, label, source }));

const formatRow = (offer: DatedOffer): readonly string[] => [
  offerName(offer),
  offer.serial ?? offer.modified?.slice(0, 10).replaceAll('-', '') ?? '–',
  offer.bytes === undefined ? '–' : formatBytes(offer.bytes),
  offer.title,
  offer.source,
];

function offerJson(offer: DatedOffer): object {
  const [firstFile, secondFile] = offer.files;
  if (offer.kind === 'loader') return { ...offer, type: offer.release };
  if (offer.kind === 'installer') return { ...offer, kernel: firstFile, initrd: secondFile };
  const { url, mirrors, digest } = firstFile;
  return { ...offer, url, mirrors, digest };
}

/**
 * Prints a line for each source: `ok` with the number of its offers, or its problem. @returns 0, or
 * 1 if one does not answer as expected
 */
export async function checkSources(flags: CheckFlags): Promise<number> {
  const config = await readImageConfig({ config: flags.config, tree: '' });
  const allSources = await readSourcesOrWarn(readImageSources(flags), config);
  const sources = flags.source === undefined ? allSources : findSourcesByName(allSources, flags.source);
  if (sources.length === 0) throw new RackError('not-found', 'there are no image sources');
  const answers = await openCatalog(config).ask(sources, { os: ANY, release: undefined, architectures: [] });
  if (flags.json)
    printJson(
      answers.map((answer) => ({ source: answer.source, offers: countOffers(answer), problems: listProblems(answer) })),
    );
  else for (const line of answers.flatMap((answer) => formatSourceLines(answer, flags.verbose))) print(line);
  return answers.some(({ problems }) => problems.length > 0) ? 1 : 0;
}

const listNotes = (offer: Offer): readonly string[] => {
  const note = offer.kind === 'installer' ? describeLeftOutUpdates(offer) : undefined;
  return note === undefined ? [] : [`Note: ${note}`];
};

const listProblems = ({ problems }: SourceAnswer): readonly string[] => problems.map(({ message }) => message);

const countOffers = ({ offers }: SourceAnswer): number => offers.length;

const inOneLine = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trim())
    .join(' ');

/** The problems, without repetitions of the first one's network fault. */
function distinctProblems({ problems: [first, ...others] }: SourceAnswer): readonly Error[] {
  if (first === undefined) return [];
  const fault = findNetworkFault(first);
  return [first, ...(fault === undefined ? others : others.filter((other) => findNetworkFault(other) !== fault))];
}

/** Describes the first problem in one line; undefined if there is none. */
function describeProblem(answer: SourceAnswer): string | undefined {
  const [first, ...others] = distinctProblems(answer);
  const moreHint = `; \`rackboot images check-sources --verbose\` shows ${counted(others.length, 'other problem')}`;
  if (first === undefined) return undefined;
  // Other releases of this source are listed.
  const hasOffers = countOffers(answer) > 0;
  const message = inOneLine(first.message).replace(
    /^the source (\S+) cannot be used: /,
    hasOffers ? 'a part of the source $1 cannot be used: ' : '$&',
  );
  return `${message}${others.length === 0 ? '' : moreHint}`;
}

/** Describes the problems. Sources that cannot be reached for the same reason share a line. */
function problemLines(answers: readonly SourceAnswer[]): readonly string[] {
  const unreachedByCode = new Map<string, SourceAnswer[]>();
  const ownLines: string[] = [];
  for (const answer of answers) {
    const problem = describeProblem(answer);
    const code = countOffers(answer) === 0 ? findNetworkFault(answer.problems[0]) : undefined;
    if (code !== undefined) unreachedByCode.set(code, [...(unreachedByCode.get(code) ?? []), answer]);
    else if (problem !== undefined) ownLines.push(problem);
  }
  return [...[...unreachedByCode.values()].map(unreachedLine), ...ownLines];
}

function unreachedLine(answers: readonly SourceAnswer[]): string {
  const [first] = answers.flatMap(({ problems }) => problems);
  if (answers.length === 1 || first === undefined)
    return answers.flatMap((answer) => describeProblem(answer) ?? []).join('');
  const names = answers.map(({ source }) => source);
  const why = inOneLine(first.message).replace(/^the source \S+ cannot be used: (?:https?:\S+: )?/, '');
  return `${joinNames(names, NAMES_SHOWN_MAX)} cannot be reached. Of the first of them: ${why}`;
}

function formatSourceLines(answer: SourceAnswer, isVerbose: boolean): readonly string[] {
  const { source, offers } = answer;
  const offered = counted(offers.length, offers.some(({ kind }) => kind === 'installer') ? 'installer' : 'image');
  const [first, ...others] = distinctProblems(answer);
  const [note] = offers.flatMap(listNotes);
  if (first === undefined) return [`ok   ${source}: ${offered}${note === undefined ? '' : `. ${note}`}`];
  const describe = ({ message }: Error): string =>
    inOneLine(message).replace(`the source ${source} cannot be used: `, '');
  if (others.length === 0 || isVerbose)
    return [`BAD  ${source}: ${offered}; ${describe(first)}`, ...others.map((other) => `     ${describe(other)}`)];
  const count = counted(others.length + 1, 'problem');
  return [`BAD  ${source}: ${offered}, ${count} (--verbose shows all); the first: ${describe(first)}`];
}
