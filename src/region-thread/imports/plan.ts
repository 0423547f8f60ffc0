// Chooses the images to import: those that a selection of their source matches. Each is imported from the first source that has it and delivers it.
//
// 1. Every selected image that the run does not import, and every selection without an image, is listed with the reason.
// 2. Boot loaders are left to the command line: a region keeps and copies images, but the boot loaders of a rack are in its own boot tree.
// 3. Sources that have not answered yet delay only the images that their selections match, and only those of later sources.
//
// Source: MAAS's boot sources, of which the first that has an image delivers it.

import type { OffersOfImage } from '../../images/import/first-import.ts';
import { loaderName, loaderNames, type OfferNames, type SourceAnswer } from '../../images/import/offer.ts';
import type { ImageSource } from '../../images/sources/source.ts';
import { resourceName } from '../../region/images/region-source.ts';
import type { WrittenBootSelection } from '../../region/records/boot-store.ts';
import type { ImportReason } from '../../region/records/import-reason.ts';
import { failureReason } from './import-failure.ts';

/** The most images of one run; further ones are skipped. */
const IMAGES_OF_RUN_MAX = 500;

/** A source and its selections. */
export interface SelectedSource {
  readonly source: ImageSource;
  readonly selections: readonly WrittenBootSelection[];
}

/** An image or source that is left out, and why. */
export interface Skipped {
  /** Empty: the whole run. */
  readonly name: string;
  readonly reason: ImportReason;
}

interface ImportPlan {
  /** By name, such as `ubuntu/noble/amd64/generic/release`. */
  readonly offers: ReadonlyMap<string, OffersOfImage>;
  readonly skipped: readonly Skipped[];
}

const has = (wanted: readonly string[], ...texts: readonly string[]): boolean =>
  wanted.includes('*') || texts.some((text) => wanted.includes(text));

/** True if a selection matches an offer. */
export const matches = ({ os, release, arches, subarches, labels }: WrittenBootSelection, offer: OfferNames): boolean =>
  has([os], offer.os) &&
  has([release], offer.release, ...offer.aliases) &&
  has(arches, offer.architecture) &&
  has(subarches, offer.subarchitecture, ...(offer.subarches ?? [])) &&
  has(labels, offer.label);

/**
 * @param answers in the order of the sources; undefined: it has not answered yet
 * @param begun the images that are already in the run
 */
export function planImports(
  answers: readonly (readonly [SelectedSource, SourceAnswer | undefined])[],
  begun: ReadonlySet<string> = new Set(),
): ImportPlan {
  const offers = new Map<string, OffersOfImage>();
  const skipped: Skipped[] = [];
  const awaited: WrittenBootSelection[] = [];
  let places = IMAGES_OF_RUN_MAX - begun.size;
  for (const [{ source, selections }, answer] of answers) {
    if (answer === undefined) {
      awaited.push(...selections);
      continue;
    }
    skipped.push(...answer.problems.map((problem) => ({ name: source.name, reason: failureReason(problem) })));
    for (const selection of selections) {
      const wanted = answer.offers.filter((offer) => matches(selection, offer));
      const loaders = answer.loaders.filter((loader) => matches(selection, loaderNames(loader)));
      for (const loader of loaders) {
        const { type, architecture } = loader;
        skipped.push({ name: loaderName(loader), reason: { code: 'boot-loader', params: { type, architecture } } });
      }
      if (wanted.length === 0 && loaders.length === 0) {
        const { os, release, arches } = selection;
        const params = { source: source.name, arches: has(arches) ? [] : arches };
        const code = answer.problems.length === 0 ? 'not-offered' : 'not-in-part';
        skipped.push({ name: `${os}/${release}`, reason: { code, params } });
      }
      for (const offer of wanted) {
        if (awaited.some((earlier) => matches(earlier, offer))) continue;
        const name = resourceName(offer);
        const before = offers.get(name);
        if (before === undefined && (begun.has(name) || places > 0)) {
          offers.set(name, [offer]);
          if (!begun.has(name)) places -= 1;
        } else if (before === undefined) {
          skipped.push({ name, reason: { code: 'run-full', params: { max: IMAGES_OF_RUN_MAX } } });
        } else if (before.every((one) => one.source !== offer.source)) {
          offers.set(name, [...before, offer]);
          const params = { first: before[0].source, source: source.name };
          skipped.push({ name, reason: { code: 'earlier-source', params } });
        }
      }
    }
  }
  return { offers, skipped };
}
