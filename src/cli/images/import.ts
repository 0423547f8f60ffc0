// `rackboot images import ubuntu/noble`: finds the image at its source, downloads and verifies it, and adds it to the store.

import { systemClock } from '../../clock.ts';
import { RackError } from '../../errors.ts';
import type { Download } from '../../images/download/request.ts';
import { DEFAULT_SETTINGS, proxyOfEnvironment } from '../../images/download/settings.ts';
import { DownloadThread } from '../../images/download/thread.ts';
import { formatImageName } from '../../images/image-store.ts';
import { importImage } from '../../images/import/image-import.ts';
import type { ImageOffer, OfferWish } from '../../images/import/offer.ts';
import { askSources, chooseOffer, sourcesOf } from '../../images/import/offers.ts';
import { formatBytes, print, printJson } from '../terminal/output.ts';
import { readImageSources, type SourceFlags } from './image-sources.ts';
import { enterImageTree } from './image-tree.ts';
import { ImportProgress } from './import-progress.ts';

export interface ImportFlags extends SourceFlags {
  /** `ubuntu/noble`. */
  readonly image: string;
  readonly arch: string;
  readonly tree?: string | undefined;
  readonly limit?: string | undefined;
  readonly json: boolean;
}

const MEBIBYTE = 1024 * 1024;

/** Imports an image and prints its name. @returns 0 */
export async function importDiskImage(flags: ImportFlags): Promise<number> {
  const wish = parseWish(flags);
  // Read before switching users: the owner of the state directory may have no right to read it.
  const sources = sourcesOf(readImageSources(flags), wish.os);
  const bytesPerSecondMax = parseLimit(flags.limit);
  const { tree } = enterImageTree(flags);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort());
  const settings = { ...DEFAULT_SETTINGS, bytesPerSecondMax, proxy: proxyOfEnvironment(process.env) };
  const downloads = new DownloadThread(settings, systemClock);
  const progress = new ImportProgress(process.stderr.isTTY, flags.json);
  const nowMs = systemClock.wallTimeMs();
  try {
    const offer = chooseOffer(await askSources(sources, wish, { downloads, nowMs, signal: stop.signal }), wish);
    if (!flags.json) print(describeOffer(offer));
    const onProgress = (download: Download): void => progress.show(download);
    const result = await importImage(offer, { tree, downloads, nowMs, onProgress, signal: stop.signal });
    progress.close();
    if (flags.json) printJson({ ...result, source: offer.source, url: offer.url });
    else {
      const name = formatImageName(result.image);
      print(result.added ? `Imported ${name}: ${formatBytes(result.image.bytes)}` : `${name} is already there.`);
      for (const image of result.removed) print(`Removed the older ${formatImageName(image)}`);
    }
    return 0;
  } catch (error) {
    progress.close();
    if (!stop.signal.aborted) throw error;
    throw new RackError('cancelled', 'stopped by you; the same command goes on from here', { cause: error });
  } finally {
    await downloads.close();
  }
}

function describeOffer({ title, serial, url, bytes, digest, source }: ImageOffer): string {
  const size = bytes === undefined ? undefined : formatBytes(bytes);
  const facts = [serial, size, `source ${source}`, `${digest.algorithm} ${digest.hex.slice(0, 16)}…`];
  return `${title}: ${facts.filter((fact) => fact !== undefined).join(', ')}\n${url}`;
}

function parseWish({ image, arch }: ImportFlags): OfferWish {
  const [os = '', release, ...more] = image.split('/');
  if (release !== undefined && release !== '' && more.length === 0) return { os, release, architectures: [arch] };
  const remedy = 'name system and release, such as ubuntu/noble; `rackboot images available` lists all';
  throw new RackError('bad-argument', `${JSON.stringify(image)} is no image: ${remedy}`);
}

function parseLimit(limit: string | undefined): number | undefined {
  if (limit === undefined) return undefined;
  const mebibytes = Number(limit);
  if (mebibytes > 0 && Number.isFinite(mebibytes)) return Math.ceil(mebibytes * MEBIBYTE);
  throw new RackError('bad-argument', `--limit ${limit} is no rate: give MiB per second, such as 2.5`);
}
