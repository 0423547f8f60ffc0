// Plans the contents of a mirror: all signed documents, exactly as the site sends them, and the
// files that the filters choose.
//
// Source: `sstream-mirror` of simplestreams 0.1. The documents keep all entries, because the site's
// signature covers them.
//
// 1. The plan contains only what the site's signature covers. A file without SHA-256 or SHA-512 is a problem.
// 2. No file may have the path of a document, or a hidden name, such as that of the mirror's own directory.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import type { Downloads } from '../download/queue.ts';
import type { Digest } from '../download/request.ts';
import { parseWebUrl } from '../download/web-client.ts';
import { chooseImages } from '../sources/selection.ts';
import { SIGNED_INDEX, type StreamSource, streamSource } from '../sources/source.ts';
import { SourceDocuments } from '../sources/source-documents.ts';
import { getStrongestDigest } from '../sources/stream-offer.ts';
import type { StreamFile, StreamImage } from '../sources/stream-products.ts';
import { readStream } from '../sources/stream-reader.ts';
import type { TagFilter } from '../sources/tag-filter.ts';
import { getTag } from '../sources/tags.ts';

export interface MirrorRequest {
  readonly url: string;
  readonly keyring: string;
  readonly filters: readonly TagFilter[];
  /** The number of versions of each product to mirror. Infinity mirrors all. */
  readonly versions: number;
}

export interface MirrorFile {
  readonly path: string;
  readonly url: string;
  readonly bytes: number | undefined;
  readonly digest: Digest;
}

interface MirrorDocument {
  readonly path: string;
  readonly bytes: Uint8Array;
}

export interface MirrorPlan {
  readonly files: readonly MirrorFile[];
  /** The documents in the order of publication. The index is last. */
  readonly documents: readonly MirrorDocument[];
  readonly images: number;
  /**
   * If no image is chosen: each filter that matches no image by itself, with the values that the
   * site has.
   */
  readonly unmatched: readonly string[];
  readonly problems: readonly string[];
}

const VALUES_MAX = 1000;
const VALUES_SHOWN = 20;

/** Lets signals of the process arrive during long work. @throws RackError `cancelled` */
export async function throwIfStopped(signal: AbortSignal): Promise<void> {
  await nextTurn();
  if (signal.aborted) throw buildStoppedError();
}

export const buildStoppedError = (): RackError => new RackError('cancelled', 'the mirror was stopped');

/**
 * Reads the documents of a site, and chooses the files. @throws RackError `source-failed`,
 * `cancelled`, `bad-argument` for an unreadable keyring or an unusable URL
 */
export async function planMirror(
  request: MirrorRequest,
  downloads: Downloads,
  clock: Pick<Clock, 'wallTimeMs'>,
  signal: AbortSignal,
): Promise<MirrorPlan> {
  const { filters, versions } = request;
  const source = buildStreamSource(request);
  const documents = new SourceDocuments(source, downloads, clock, signal);
  const images: StreamImage[] = [];
  const filterProbes = filters.map((filter) => new FilterProbe(filter));
  const documentGroups: (readonly MirrorDocument[])[] = [];
  const stream = readStream(source, documents, (path, { bytes, signature }) => {
    if (path.startsWith('.')) throw documents.failure(`${path}: a document may not have a hidden name`);
    // The signature comes first: a client that finds the document then finds its signature too.
    documentGroups.push([
      ...(signature === undefined ? [] : [{ path: `${path}.gpg`, bytes: signature }]),
      { path, bytes },
    ]);
  });
  for await (const { products } of stream) {
    await throwIfStopped(signal);
    images.push(...chooseImages(products, { filters, versions }));
    const files = products.flatMap((product) => product.images.flatMap((image) => image.files));
    if (images.length === 0) for (const filter of filterProbes) filter.observe(files);
  }
  const [index = [], ...others] = documentGroups;
  const orderedDocuments = [...others.flat(), ...index];
  return {
    ...planFiles(source, images, new Set(orderedDocuments.map(({ path }) => path))),
    documents: orderedDocuments,
    images: images.length,
    unmatched: images.length > 0 ? [] : filterProbes.flatMap((filter) => filter.describe() ?? []),
  };
}

class FilterProbe {
  readonly #filter: TagFilter;
  readonly #values = new Set<string>();
  #hasMatched = false;

  constructor(filter: TagFilter) {
    this.#filter = filter;
  }

  observe(files: readonly StreamFile[]): void {
    const { tag, matches } = this.#filter;
    for (const { tags } of files) {
      this.#hasMatched ||= matches(tags);
      if (this.#values.size < VALUES_MAX) this.#values.add(getTag(tags, tag));
    }
  }

  /** Describes the filter. Undefined if it matches images. */
  describe(): string | undefined {
    if (this.#hasMatched) return undefined;
    const { text, tag } = this.#filter;
    const values = [...this.#values].filter((value) => value !== '').toSorted();
    if (values.length === 0) return `${text} matches none: the images of the site have no ${tag}`;
    const others = values.length > VALUES_SHOWN ? ' …' : '';
    return `${text} matches none: the site has ${tag} ${values.slice(0, VALUES_SHOWN).join(', ')}${others}`;
  }
}

function buildStreamSource({ url, keyring }: MirrorRequest): StreamSource {
  const { username, password } = parseWebUrl(url);
  if (username + password !== '' || /[?#]/.test(url))
    throw new RackError('bad-argument', 'the URL of a site has neither user name and password, nor query or fragment');
  const [, site = '', index] = /^(.*\/)(streams\/v1\/[^/]+\.s?json)$/.exec(url) ?? [];
  return streamSource({
    name: url,
    trust: { kind: 'signed', keyrings: [keyring], keyUrl: undefined, fingerprints: undefined },
    url: index === undefined ? (url.endsWith('/') ? url : `${url}/`) : site,
    index: index ?? SIGNED_INDEX,
  });
}

function planFiles(
  { url }: StreamSource,
  images: readonly StreamImage[],
  documents: ReadonlySet<string>,
): Pick<MirrorPlan, 'files' | 'problems'> {
  const files = new Map<string, MirrorFile>();
  const problems = new Set<string>();
  for (const file of images.flatMap((image) => image.files)) {
    const { path, bytes } = file;
    const digest = getStrongestDigest(file);
    const plannedFile = files.get(path);
    if (digest === undefined) problems.add(`${path} has neither SHA-256 nor SHA-512, so it cannot be verified`);
    else if (documents.has(path) || path.startsWith('.')) problems.add(`${path} is not allowed as the path of a file`);
    else if (plannedFile !== undefined && plannedFile.digest.hex !== digest.hex)
      problems.add(`${path} has two checksums`);
    else files.set(path, { path, url: `${url}${path}`, bytes, digest });
  }
  return { files: [...files.values()], problems: [...problems] };
}
