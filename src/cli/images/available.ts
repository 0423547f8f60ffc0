// `rackboot images available` and `check-sources`: the images that the sources offer, and whether each source answers as expected.

import { systemClock } from '../../clock.ts';
import { readImageSources, type SourceFlags } from '../../config/image-sources.ts';
import { counted } from '../../counted.ts';
import { RackError } from '../../errors.ts';
import { DownloadQueue } from '../../images/download/queue.ts';
import { DEFAULT_SETTINGS } from '../../images/download/settings.ts';
import {
  type ImageOffer,
  type InstallerOffer,
  installerName,
  type LoaderOffer,
  leftOutNote,
  loaderName,
  loaderNames,
  type OfferNames,
  type OfferWish,
  offerName,
  type SourceAnswer,
} from '../../images/import/offer.ts';
import { askSources, sourcesOf } from '../../images/import/offers.ts';
import type { ImageSource } from '../../images/sources/source.ts';
import { parseTagFilters } from '../../images/streams/tag-filter.ts';
import { formatBytes, print, printError, printJson, printTable } from '../terminal/output.ts';
import { configuredMirrors } from './configured-mirrors.ts';
import { configuredProxy } from './configured-proxy.ts';
import { readHostMirrors } from './host-mirrors.ts';
import { readImageConfig } from './image-tree.ts';

interface AvailableFlags extends SourceFlags {
  readonly os?: string | undefined;
  readonly arch?: string | undefined;
  /** Include releases whose support has ended. */
  readonly all: boolean;
  /** As in `sstream-mirror`: `arch=amd64`, `release~(noble|jammy)`. */
  readonly filters: readonly string[];
  readonly json: boolean;
}

/** Prints the offers of all sources, or of those with one system. @returns 0, or 1 if a source had a problem */
export async function listAvailable(flags: AvailableFlags): Promise<number> {
  const all = readImageSources(flags);
  const parsed = await parseTagFilters(flags.filters);
  if (!parsed.ok) throw new RackError('bad-argument', `--filter ${parsed.problem}`);
  const { filters } = parsed;
  // The sources choose by it, too: the newest version of a product may have another label than the wanted one.
  const isWanted = (names: OfferNames): boolean => filters.every(({ matches }) => matches([tagsOf(names)]));
  const [os, release] = flags.os?.split('/') ?? [];
  const answers = await ask(os === undefined ? all : sourcesOf(all, os), flags.config, release, flags.arch, [isWanted]);
  const today = new Date(systemClock.wallTimeMs()).toISOString().slice(0, 10);
  const offers = answers.flatMap((answer) => answer.offers).filter((offer) => isWanted(offer));
  const installers = answers
    .flatMap((answer) => answer.installers)
    .filter((offer) => filters.every(({ matches }) => matches([tagsOfInstaller(offer)])));
  const loaders = answers.flatMap((answer) => answer.loaders).filter((loader) => isWanted(loaderNames(loader)));
  const shown = offers.filter(({ supportEnds }) => flags.all || supportEnds === undefined || supportEnds >= today);
  const problems = answers.flatMap(problemsOf);
  if (flags.json) printJson({ offers: shown, installers, loaders, problems });
  else {
    printTable(
      ['IMAGE', 'DATE', 'SIZE', 'TITLE', 'SOURCE'],
      [...shown.toSorted(byName).map(rowOf), ...installers.map(rowOfInstaller), ...loaders.map(rowOfLoader)],
      'No source offers an image.',
    );
    const hidden = offers.length - shown.length;
    if (hidden > 0) print(`Not listed: ${counted(hidden, 'image')} whose support has ended (--all lists them).`);
    for (const note of installers.flatMap(notesOn)) printError(note);
    for (const problem of problems) printError(problem);
  }
  return problems.length > 0 ? 1 : 0;
}

const ask = async (
  sources: readonly ImageSource[],
  config: string,
  release?: string,
  arch?: string,
  choices?: OfferWish['choices'],
): Promise<readonly SourceAnswer[]> => {
  const inForce = readImageConfig({ config, tree: '' });
  const settings = { ...DEFAULT_SETTINGS, proxy: configuredProxy(inForce), roundsMax: 1 };
  const downloads = new DownloadQueue(settings, systemClock);
  const wish = { os: '', release, architectures: arch === undefined ? [] : [arch], choices };
  try {
    const configured = configuredMirrors(inForce);
    const mirrors = { mirrors: readHostMirrors(), configured };
    return await askSources(sources, wish, { downloads, clock: systemClock, ...mirrors });
  } finally {
    await downloads.close();
  }
};

const tagsOf = ({ os, release, architecture: arch, subarchitecture: subarch, label, source }: OfferNames) =>
  new Map(Object.entries({ os, release, arch, subarch, label, source }));

const byName = (a: ImageOffer, b: ImageOffer): number => (offerName(a) < offerName(b) ? -1 : 1);

const rowOf = (offer: ImageOffer): readonly string[] => [
  offerName(offer),
  offer.serial ?? '–',
  offer.bytes === undefined ? '–' : formatBytes(offer.bytes),
  offer.title,
  offer.source,
];

const tagsOfInstaller = ({ os, release, architecture: arch, source }: InstallerOffer) =>
  new Map(Object.entries({ os, release, arch, subarch: 'generic', label: 'release', source }));

const rowOfInstaller = (offer: InstallerOffer): readonly string[] => [
  installerName(offer),
  '–',
  '–',
  offer.title,
  offer.source,
];

const rowOfLoader = (offer: LoaderOffer): readonly string[] => [
  loaderName(offer),
  offer.serial ?? '–',
  '–',
  offer.title,
  offer.source,
];

/** Prints a line for each source: `ok` with the number of its offers, or its problem. @returns 0, or 1 if one does not answer as expected */
export async function checkSources(flags: SourceFlags & { readonly json: boolean }): Promise<number> {
  const sources = readImageSources(flags);
  if (sources.length === 0) throw new RackError('not-found', 'there are no image sources');
  const answers = await ask(sources, flags.config);
  if (flags.json)
    printJson(answers.map((one) => ({ source: one.source, offers: countOf(one), problems: problemsOf(one) })));
  else for (const answer of answers) print(lineOf(answer));
  return answers.some(({ problems }) => problems.length > 0) ? 1 : 0;
}

const notesOn = (offer: InstallerOffer): readonly string[] => {
  const note = leftOutNote(offer);
  return note === undefined ? [] : [`Note: ${note}`];
};

const problemsOf = ({ problems }: SourceAnswer): readonly string[] => problems.map(({ message }) => message);

const countOf = ({ offers, installers, loaders }: SourceAnswer): number =>
  offers.length + installers.length + loaders.length;

function lineOf(answer: SourceAnswer): string {
  const { source, installers } = answer;
  const [first, ...others] = problemsOf(answer);
  const offered = counted(countOf(answer), installers.length > 0 ? 'installer' : 'image');
  const [note] = installers.flatMap(notesOn);
  if (first === undefined) return `ok   ${source}: ${offered}${note === undefined ? '' : `. ${note}`}`;
  const more = others.length === 0 ? '' : `; ${counted(others.length, 'other problem')}`;
  return `BAD  ${source}: ${offered}; ${first}${more}`;
}
