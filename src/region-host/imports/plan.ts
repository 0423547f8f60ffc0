// Chooses the items to import: the images, boot loaders and installers that a selection of their
// source matches. Each comes from the first source that has it and delivers it, as from MAAS's boot
// sources.
//
// 1. Every selected item that is not imported, and every selection without an item, is listed with
//    the reason. Of an unreadable source only the source is listed.
// 2. The boot tree has one boot loader for a type and architecture: the first label that is
//    selected and offered counts.
// 3. It has one installer for a release and architecture. One that is there keeps its place; else
//    the first source counts. A mirror of packages has the places of its selected releases even if
//    it cannot be read.
// 4. A source that has not answered yet delays only what its selections match and later sources
//    have, for at most AWAITED_MS, and installers of the same place. Both are listed.

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
import { resourceName } from '../../region/images/region-source.ts';
import type { ImportReason } from '../../region/records/import-reason.ts';
import { failureReason } from './import-failure.ts';

/**
 * After how long a source of a run is late, in milliseconds: then images of later sources do not
 * wait for it any more.
 */
export const AWAITED_MS = 180_000;
/** The most items of one run; further ones are skipped. */
const IMAGES_OF_RUN_MAX = 500;

/** A source and its selections. */
export interface SelectedSource {
  readonly source: ImageSource;
  readonly selections: readonly Selection[];
}

/** An item or source that is left out, and why. */
export interface Skipped {
  /** Empty: the whole run. */
  readonly name: string;
  readonly reason: ImportReason;
}

interface ImportPlan {
  /** By name, such as `ubuntu/noble/amd64/generic/release`. */
  readonly offers: ReadonlyMap<string, Preferred<Offer>>;
  readonly skipped: readonly Skipped[];
}

const AWAITED: ImportReason = { code: 'awaited', params: { minutes: AWAITED_MS / 60_000 } };
const UNANSWERED: ImportReason = { code: 'unanswered', params: {} };

const waitReason = ({ source }: SelectedSource): ImportReason => ({
  code: 'waits-for-source',
  params: { source: source.name, minutes: AWAITED_MS / 60_000 },
});

/** The state of the run and of the boot tree. */
interface PlanFacts {
  /** By the name of an item that is under way or done: the source that delivers it. */
  readonly delivered?: ReadonlyMap<string, string> | undefined;
  /** The names of the installers in the boot tree. */
  readonly installed?: readonly string[] | undefined;
  /** The names of the only items that the run imports; empty: it imports all. */
  readonly only?: readonly string[] | undefined;
}

/** Why a selection matches nothing of an answer. */
function missingReason(answer: SourceAnswer, selection: Selection): ImportReason {
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
 * @param answers in the order of the sources
 * @param begun the items that are already in the run
 */
export function planImports(
  answers: SourceQuestions<SelectedSource>['answers'],
  begun: ReadonlySet<string> = new Set(),
  { delivered = new Map(), installed = [], only = [] }: PlanFacts = {},
): ImportPlan {
  const offers = new Map<string, Preferred<Offer>>();
  const skipped: Skipped[] = [];
  for (const [{ source }, answer] of answers) {
    const reason = answer === 'late' ? AWAITED : answer === 'open' ? UNANSWERED : undefined;
    if (reason !== undefined) skipped.push({ name: source.name, reason });
  }
  const awaited: SelectedSource[] = [];
  const waiting = new Set<string>();
  /** The names of the items that get a boot loader or an installer, by its directory. */
  const places = new Map(
    [...begun, ...installed].flatMap((name) => listPartDirectories(name).map((place) => [place, name])),
  );
  let free = IMAGES_OF_RUN_MAX - begun.size;
  for (const [{ source, selections }, answer] of answers) {
    for (const name of claimedBy(source, selections))
      for (const place of listPartDirectories(name)) if (!places.has(place)) places.set(place, name);
    if (answer === 'open') awaited.push({ source, selections });
    if (answer === 'open' || answer === 'late') continue;
    skipped.push(...answer.problems.map((problem) => ({ name: source.name, reason: failureReason(problem) })));
    for (const selection of selections) {
      const wanted = answer.offers.filter((item) => matchesSelection(selection, item));
      if (wanted.length === 0 && answer.isUnread !== true)
        skipped.push({ name: `${selection.os}/${selection.release}`, reason: missingReason(answer, selection) });
      for (const item of wanted) {
        const name = resourceName(item);
        const isSimilar = item.kind === 'installer' ? { os: ANY } : {};
        const earlier = awaited.find((former) =>
          former.selections.some((chosen) => matchesSelection({ ...chosen, ...isSimilar }, item)),
        );
        if (earlier !== undefined) {
          if (!begun.has(name) && !waiting.has(name)) skipped.push({ name, reason: waitReason(earlier) });
          waiting.add(name);
          continue;
        }
        const before = offers.get(name);
        const [place = ''] = item.kind === 'image' ? [] : listPartDirectories(name);
        const holder = places.get(place) ?? name;
        if (holder !== name) {
          const code = item.kind === 'loader' ? 'place-taken' : 'release-taken';
          skipped.push({ name, reason: { code, params: { place, holder } } });
        } else if (before === undefined && (begun.has(name) || free > 0)) {
          offers.set(name, [item]);
          if (!begun.has(name)) free -= 1;
          if (place !== '') places.set(place, name);
        } else if (before === undefined) {
          skipped.push({ name, reason: { code: 'run-full', params: { max: IMAGES_OF_RUN_MAX } } });
        } else if (before.every(({ source }) => source !== item.source)) {
          offers.set(name, [...before, item]);
          const params = { first: before[0].source, source: item.source };
          const code = delivered.get(name) === params.source ? 'later-source' : 'earlier-source';
          skipped.push({ name, reason: { code, params } });
        }
      }
    }
  }
  const isMeant = (name: string): boolean => only.length === 0 || only.includes(name);
  return {
    offers: new Map([...offers].filter(([name]) => isMeant(name))),
    // The others wait for nothing.
    skipped: skipped.filter(({ name, reason }) => reason.code !== 'waits-for-source' || isMeant(name)),
  };
}

/**
 * The directory of the boot loader or the installer with this name, such as
 * `bootloader/uefi/amd64`; empty: it is an image.
 */
function listPartDirectories(name: string): readonly string[] {
  const [os = '', release = '', architecture = '', , label] = name.split('/');
  if (os === LOADER) return [`${os}/${release}/${architecture}`];
  return label === INSTALLER ? [getInstallerDirectory({ architecture, release })] : [];
}

/** The names of the installers that a mirror of packages has by its description, if they are selected. */
const claimedBy = (source: ImageSource, selections: readonly Selection[]): readonly string[] =>
  source.kind !== 'installer'
    ? []
    : source.releases
        .flatMap(({ name: release }) =>
          [...source.arches.keys()].map((architecture) =>
            installerNames({ source: source.name, os: source.os, release, architecture }),
          ),
        )
        .filter((names) => selections.some((selection) => matchesSelection(selection, names)))
        .map(resourceName);

/**
 * Limits the question to the selected releases and architectures: on a site with plain files, each
 * of them costs a document.
 */
export function buildWish({ selections }: SelectedSource): OfferQuery {
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
