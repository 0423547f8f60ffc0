// Sources for tests, their documents and their offers, without a site.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { systemClock } from '../../src/ground/clock.ts';
import type { Downloads } from '../../src/images/download/queue.ts';
import type {
  ImageOffer,
  InstallerOffer,
  LoaderOffer,
  OfferedFile,
  OfferQuery,
  SourceAnswer,
} from '../../src/images/sources/offer.ts';
import { askSources } from '../../src/images/sources/offers.ts';
import {
  type FilesSource,
  type ImageSource,
  type InstallerSource,
  type StreamSource,
  streamSource,
} from '../../src/images/sources/source.ts';
import { DownloadPlace } from '../images/download/download-place.ts';

/** A file with this content, which a server has at a URL. */
export const offeredFile = (
  content: Uint8Array | string,
  url: string,
  more: Partial<OfferedFile> = {},
): OfferedFile => ({
  name: 'disk',
  url,
  mirrors: [],
  bytes: content.length,
  digest: { algorithm: 'sha256', hex: createHash('sha256').update(content).digest('hex') },
  ...more,
});

const NAMES = {
  source: 'site',
  os: 'tiny',
  release: 'one',
  architecture: 'amd64',
  subarchitecture: 'generic',
  label: 'release',
  serial: '20261101',
  title: 'Tiny',
  aliases: [],
} as const;

/** An image; the first file is its disk or its root. */
export const imageOffer = (files: ImageOffer['files'], more: Partial<ImageOffer> = {}): ImageOffer => ({
  ...NAMES,
  kind: 'image',
  supportEnds: undefined,
  files,
  ...more,
});

export const loaderOffer = (files: LoaderOffer['files'], more: Partial<LoaderOffer> = {}): LoaderOffer => ({
  ...NAMES,
  kind: 'loader',
  os: 'bootloader',
  release: 'uefi',
  label: 'stable',
  files,
  ...more,
});

export const installerOffer = (files: InstallerOffer['files'], more: Partial<InstallerOffer> = {}): InstallerOffer => ({
  ...NAMES,
  kind: 'installer',
  os: 'debian',
  label: 'installer',
  base: 'bookworm',
  serial: undefined,
  files,
  ...more,
});

/** A site with simplestreams, without signatures. */
export const unsignedStream = (more: Partial<StreamSource> = {}): StreamSource =>
  streamSource({
    name: 'site',
    url: 'https://site.example/',
    arches: new Map([['amd64', 'amd64']]),
    trust: { kind: 'unsigned', why: 'a test' },
    ...more,
  });

/** Downloads of documents alone: the one at each URL. */
export const documentsAt = (documentAt: (url: string) => object | Uint8Array): Downloads => ({
  fetch: () => assert.fail('only documents are read'),
  fetchDocument: async ({ url }) => {
    const document = documentAt(url);
    return document instanceof Uint8Array ? document : Buffer.from(JSON.stringify(document));
  },
});

const AMD64 = new Map([['amd64', 'amd64']]);

/** A site with the disk of a release, and a signed list of checksums. */
export const filesSource = (facts: Pick<FilesSource, 'directory' | 'trust'> & Partial<FilesSource>): FilesSource => ({
  kind: 'files',
  name: 'site',
  title: 'Site',
  os: 'debian',
  arches: AMD64,
  file: 'disk.img',
  checksums: 'SHA256SUMS',
  isListOfOne: false,
  signature: 'SHA256SUMS.gpg',
  releases: [{ name: 'one', version: 'one', title: 'One', serial: undefined, fingerprints: undefined }],
  ...facts,
});

/** A mirror of packages with the installer of a release. */
export const installerSource = (
  release: string,
  facts: Pick<InstallerSource, 'mirror' | 'trust'> & Partial<InstallerSource>,
): InstallerSource => ({
  kind: 'installer',
  name: 'site',
  title: 'Site',
  os: 'debian',
  arches: AMD64,
  defaultMirror: undefined,
  defaultPortsMirror: undefined,
  releases: [{ name: release, base: release, images: 'netboot', title: release }],
  ...facts,
});

/** Asks a source, by default for everything. */
export async function answerOf(
  source: ImageSource,
  wish: Partial<OfferQuery> = {},
  means: Partial<Parameters<typeof askSources>[2]> = {},
): Promise<SourceAnswer> {
  const place = new DownloadPlace();
  try {
    const all = { os: '*', release: undefined, architectures: [] };
    const own = { downloads: means.downloads ?? place.queue(), clock: systemClock, mirrors: [] };
    const [answer] = await askSources([source], { ...all, ...wish }, { ...own, ...means });
    return answer ?? assert.fail('no answer');
  } finally {
    await place.close();
  }
}
