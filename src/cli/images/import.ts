// `rackboot images import ubuntu/noble`: finds the image at its source, downloads and verifies it, and adds it to the store.
// `rackboot images import FILE.tar`: adds the images of a bundle (bundle-files.ts).

import { RackError } from '../../errors.ts';
import { formatImageName } from '../../images/image-store.ts';
import type { OfferWish } from '../../images/import/offer.ts';
import { chooseOffer, sourcesOf } from '../../images/import/offers.ts';
import { formatBytes, print, printJson } from '../terminal/output.ts';
import { importBundle, isBundleName } from './bundle-files.ts';
import { readImageSources, type SourceFlags } from './image-sources.ts';
import { enterImageTree } from './image-tree.ts';
import { readImageUse } from './image-use.ts';
import { ImportRun } from './import-run.ts';

export interface ImportFlags extends SourceFlags {
  /** `ubuntu/noble`, or a bundle: `/media/images.tar`. */
  readonly image: string;
  readonly arch: string;
  readonly tree?: string | undefined;
  readonly limit?: string | undefined;
  readonly json: boolean;
}

const MEBIBYTE = 1024 * 1024;

/** Imports an image, or those of a bundle, and prints their names. @returns 0 */
export async function importDiskImage(flags: ImportFlags): Promise<number> {
  if (isBundleName(flags.image)) return importBundle({ ...flags, file: flags.image });
  const wish = parseWish(flags);
  // Read before switching users: the owner of the state directory may have no right to read it.
  const sources = sourcesOf(readImageSources(flags), wish.os);
  const bytesPerSecondMax = parseLimit(flags.limit);
  const place = enterImageTree(flags);
  const run = new ImportRun(place.tree, await readImageUse(place), flags.json, bytesPerSecondMax);
  try {
    const { offer, ...result } = await run.import(sources, wish, (answers) => chooseOffer(answers, wish));
    if (flags.json) printJson({ ...result, source: offer.source, url: offer.url });
    else {
      const name = formatImageName(result.image);
      print(result.added ? `Imported ${name}: ${formatBytes(result.image.bytes)}` : `${name} is already there.`);
      for (const image of result.removed) print(`Removed the older ${formatImageName(image)}`);
    }
    return 0;
  } finally {
    await run.close();
  }
}

function parseWish({ image, arch }: ImportFlags): OfferWish {
  const [os = '', release, ...more] = image.split('/');
  if (release !== undefined && release !== '' && more.length === 0) return { os, release, architectures: [arch] };
  const remedy =
    'name system and release, such as ubuntu/noble (`rackboot images available` lists all), or a bundle, such as ./images.tar';
  throw new RackError('bad-argument', `${JSON.stringify(image)} is no image: ${remedy}`);
}

function parseLimit(limit: string | undefined): number | undefined {
  if (limit === undefined) return undefined;
  const mebibytes = Number(limit);
  if (mebibytes > 0 && Number.isFinite(mebibytes)) return Math.ceil(mebibytes * MEBIBYTE);
  throw new RackError('bad-argument', `--limit ${limit} is no rate: give MiB per second, such as 2.5`);
}
