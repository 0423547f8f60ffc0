// Chooses the images to import: those that a selection of their source matches. Each is imported from the first source that has it and delivers it.
//
// Source: MAAS's boot sources, of which the first that has an image delivers it.

import { listed } from '../../counted.ts';
import type { OffersOfImage } from '../../images/import/first-import.ts';
import type { ImageOffer, SourceAnswer } from '../../images/import/offer.ts';
import type { ImageSource } from '../../images/sources/source.ts';
import { resourceName } from '../../region/images/region-source.ts';
import type { WrittenBootSelection } from '../../region/records/boot-store.ts';

/** The most images of one run; further ones are skipped. */
const IMAGES_OF_RUN_MAX = 500;

/** A source and its selections. */
export interface SelectedSource {
  readonly source: ImageSource;
  readonly selections: readonly WrittenBootSelection[];
}

/** An image or source that is left out, and why. */
export interface Skipped {
  readonly name: string;
  readonly reason: string;
}

interface ImportPlan {
  /** By name, such as `ubuntu/noble/amd64/generic/release`. */
  readonly offers: ReadonlyMap<string, OffersOfImage>;
  readonly skipped: readonly Skipped[];
}

const has = (wanted: readonly string[], ...texts: readonly string[]): boolean =>
  wanted.includes('*') || texts.some((text) => wanted.includes(text));

const matches = ({ os, release, arches, subarches, labels }: WrittenBootSelection, offer: ImageOffer): boolean =>
  has([os], offer.os) &&
  has([release], offer.release, ...offer.aliases) &&
  has(arches, offer.architecture) &&
  has(subarches, offer.subarchitecture, ...(offer.system?.subarches ?? [])) &&
  has(labels, offer.label);

/** @param answers in the order of the sources */
export function planImports(answers: readonly (readonly [SelectedSource, SourceAnswer])[]): ImportPlan {
  const offers = new Map<string, OffersOfImage>();
  const skipped: Skipped[] = [];
  for (const [{ source, selections }, answer] of answers) {
    skipped.push(...answer.problems.map((reason) => ({ name: source.name, reason })));
    for (const selection of selections) {
      const wanted = answer.offers.filter((offer) => matches(selection, offer));
      if (wanted.length === 0 && answer.problems.length === 0) {
        const { os, release, arches } = selection;
        const of = has(arches) ? '' : ` for ${listed(arches, 8)}`;
        skipped.push({ name: `${os}/${release}`, reason: `${source.name} has no disk image of it${of}` });
      }
      for (const offer of wanted) {
        const name = resourceName(offer);
        const before = offers.get(name);
        if (before === undefined && offers.size < IMAGES_OF_RUN_MAX) offers.set(name, [offer]);
        else if (before === undefined) {
          skipped.push({ name, reason: `a run imports at most ${IMAGES_OF_RUN_MAX} images: select fewer` });
        } else if (before.every((one) => one.source !== offer.source)) {
          offers.set(name, [...before, offer]);
          skipped.push({ name, reason: `${before[0].source} has it, too, and stands before ${source.name}` });
        }
      }
    }
  }
  return { offers, skipped };
}
