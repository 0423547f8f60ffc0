// Chooses the items to import: the images, boot loaders and installers that a selection of their
// source matches. Each item comes from the first source that has it and delivers it, as with MAAS's
// boot sources.
//
// 1. Every selected item that is not imported, and every selection without an item, is listed with
//    the reason. If a source is unreadable, only the source is listed.
// 2. The boot tree has one boot loader for a type and architecture. If several labels are selected
//    and offered, the first one counts.
// 3. The boot tree has one installer for a release and architecture. An existing installer keeps
//    its directory. Otherwise the first source counts. A mirror of packages claims the directories
//    of its selected releases even if it cannot be read.
// 4. A source that has not answered yet delays items of later sources that its selections match,
//    and installers for the same directory, for at most AWAITED_MS. The source and the delayed
//    items are listed.

import { getInstallerDirectory } from '../../images/run/tree-parts.ts';
import {
  ANY,
  INSTALLER,
  installerNames,
  LOADER,
  matchesSelection,
  nearestRelease,
  type Offer,
  type OfferQuery,
  type Preferred,
  type Selection,
  type SourceAnswer,
} from '../../images/sources/offer.ts';
import type { SourceQuestions } from '../../images/sources/questions.ts';
import type { ImageSource } from '../../images/sources/source.ts';
import { formatResourceName } from '../../region/images/region-source.ts';
import type { ImportReason } from '../../region/records/import-reason.ts';
import { buildFailureReason } from './import-failure.ts';

/**
 * The time after which a source of a run is late, in milliseconds. Images of later sources then no
 * longer wait for it.
 */
export const AWAITED_MS = 180_000;
/** The most items of one run. Further ones are skipped. */
const IMAGES_OF_RUN_MAX = 500;

/** A source and its selections. */
export interface SelectedSource {
  readonly source: ImageSource;
  readonly selections: readonly Selection[];
}

/** An item or source that a run skips, and why. */
export interface Skipped {
  /** The name of the item or source. Empty for the whole run. */
  readonly name: string;
  readonly reason: ImportReason;
}

interface ImportPlan {
  /** The offers by the name of the item, such as `ubuntu/noble/amd64/generic/release`. */
  readonly offers: ReadonlyMap<string, Preferred<Offer>>;
  readonly skipped: readonly Skipped[];
}

const AWAITED_REASON: ImportReason = { code: 'awaited', params: { minutes: AWAITED_MS / 60_000 } };
const UNANSWERED_REASON: ImportReason = { code: 'unanswered', params: {} };

const buildWaitReason = ({ source }: SelectedSource): ImportReason => ({
  code: 'waits-for-source',
  params: { source: source.name, minutes: AWAITED_MS / 60_000 },
});

/** The state of the run and of the boot tree. */
interface PlanFacts {
  /** The source that delivers an item, by the name of an item that is under way or done. */
  readonly sourceByItem?: ReadonlyMap<string, string> | undefined;
  /** The names of the installers in the boot tree. */
  readonly installedNames?: readonly string[] | undefined;
  /** The names of the items that the run imports. Empty for all. */
  readonly onlyNames?: readonly string[] | undefined;
}

/** Builds the reason why a selection matches nothing of an answer. */
function buildMissingReason(answer: SourceAnswer, selection: Selection): ImportReason {
  const { os, arches, labels, subarches } = selection;
  const params = {
    source: answer.source,
    arches: arches.includes(ANY) ? [] : arches,
    ...(labels.includes(ANY) ? {} : { labels }),
    ...(subarches.includes(ANY) ? {} : { subarches }),
  };
  if (answer.problems.length > 0) return { code: 'not-in-part', params };
  const nearest = nearestRelease([answer], selection);
  return { code: 'not-offered', params: { ...params, os, ...(nearest === undefined ? {} : { nearest }) } };
}

/**
 * Plans a run.
 * @param answers in the order of the sources
 * @param begunNames the items that are already in the run
 */
export function planImports(
  answers: SourceQuestions<SelectedSource>['answers'],
  begunNames: ReadonlySet<string> = new Set(),
  { sourceByItem: delivered = new Map(), installedNames: installed = [], onlyNames: only = [] }: PlanFacts = {},
): ImportPlan {
  const offers = new Map<string, Preferred<Offer>>();
  const skipped: Skipped[] = [];
  for (const [{ source }, answer] of answers) {
    const reason = answer === 'late' ? AWAITED_REASON : answer === 'open' ? UNANSWERED_REASON : undefined;
    if (reason !== undefined) skipped.push({ name: source.name, reason });
  }
  const awaitedSources: SelectedSource[] = [];
  const waitingNames = new Set<string>();
  /** The names of the items that own the directory of a boot loader or an installer, by that directory. */
  const ownersByDirectory = new Map(
    [...begunNames, ...installed].flatMap((name) => listPartDirectories(name).map((place) => [place, name])),
  );
  let freeItems = IMAGES_OF_RUN_MAX - begunNames.size;
  for (const [{ source, selections }, answer] of answers) {
    for (const name of listClaimedNames(source, selections))
      for (const place of listPartDirectories(name))
        if (!ownersByDirectory.has(place)) ownersByDirectory.set(place, name);
    if (answer === 'open') awaitedSources.push({ source, selections });
    if (answer === 'open' || answer === 'late') continue;
    skipped.push(...answer.problems.map((problem) => ({ name: source.name, reason: buildFailureReason(problem) })));
    for (const selection of selections) {
      const matching = answer.offers.filter((item) => matchesSelection(selection, item));
      if (matching.length === 0 && answer.isUnread !== true)
        skipped.push({ name: `${selection.os}/${selection.release}`, reason: buildMissingReason(answer, selection) });
      for (const item of matching) {
        const name = formatResourceName(item);
        const isSimilar = item.kind === 'installer' ? { os: ANY } : {};
        const earlierSource = awaitedSources.find((earlierCandidate) =>
          earlierCandidate.selections.some((earlierSelection) =>
            matchesSelection({ ...earlierSelection, ...isSimilar }, item),
          ),
        );
        if (earlierSource !== undefined) {
          if (!begunNames.has(name) && !waitingNames.has(name))
            skipped.push({ name, reason: buildWaitReason(earlierSource) });
          waitingNames.add(name);
          continue;
        }
        const earlierOffers = offers.get(name);
        const [directory = ''] = item.kind === 'image' ? [] : listPartDirectories(name);
        const owner = ownersByDirectory.get(directory) ?? name;
        if (owner !== name) {
          const code = item.kind === 'loader' ? 'place-taken' : 'release-taken';
          skipped.push({ name, reason: { code, params: { place: directory, holder: owner } } });
        } else if (earlierOffers === undefined && (begunNames.has(name) || freeItems > 0)) {
          offers.set(name, [item]);
          if (!begunNames.has(name)) freeItems -= 1;
          if (directory !== '') ownersByDirectory.set(directory, name);
        } else if (earlierOffers === undefined) {
          skipped.push({ name, reason: { code: 'run-full', params: { max: IMAGES_OF_RUN_MAX } } });
        } else if (earlierOffers.every(({ source }) => source !== item.source)) {
          offers.set(name, [...earlierOffers, item]);
          const params = { first: earlierOffers[0].source, source: item.source };
          const code = delivered.get(name) === params.source ? 'later-source' : 'earlier-source';
          skipped.push({ name, reason: { code, params } });
        }
      }
    }
  }
  const isIncluded = (name: string): boolean => only.length === 0 || only.includes(name);
  return {
    offers: new Map([...offers].filter(([name]) => isIncluded(name))),
    // Items that the run does not import wait for nothing.
    skipped: skipped.filter(({ name, reason }) => reason.code !== 'waits-for-source' || isIncluded(name)),
  };
}

/**
 * Lists the directory of the boot loader or the installer with this name, such as
 * `bootloader/uefi/amd64`. Empty for an image.
 */
function listPartDirectories(name: string): readonly string[] {
  const [os = '', release = '', architecture = '', , label] = name.split('/');
  if (os === LOADER) return [`${os}/${release}/${architecture}`];
  return label === INSTALLER ? [getInstallerDirectory({ architecture, release })] : [];
}

/** Lists the names of the selected installers that a mirror of packages has according to its description. */
const listClaimedNames = (source: ImageSource, selections: readonly Selection[]): readonly string[] =>
  source.kind !== 'installer'
    ? []
    : source.releases
        .flatMap(({ name: release }) =>
          [...source.arches.keys()].map((architecture) =>
            installerNames({ source: source.name, os: source.os, release, architecture }),
          ),
        )
        .filter((names) => selections.some((selection) => matchesSelection(selection, names)))
        .map(formatResourceName);

/**
 * Builds the query for a source. It is limited to the selected releases and architectures, because
 * on a site with plain files each of them costs a document.
 */
export function buildQuery({ selections }: SelectedSource): OfferQuery {
  const releases = new Set(selections.map(({ release }) => release));
  const arches = new Set(selections.flatMap((selection) => selection.arches));
  const [release] = releases;
  return {
    os: ANY,
    // Boot loaders have no release.
    release:
      releases.size === 1 && release !== ANY && selections.every(({ os }) => os !== LOADER) ? release : undefined,
    architectures: arches.has(ANY) ? [] : [...arches],
    selections,
  };
}
