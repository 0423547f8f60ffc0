// Plans the contents of a mirror: all signed documents, exactly as the site sends them, and the files that the filters choose.
//
// Source: `sstream-mirror` of simplestreams 0.1. It copies the documents with the site's signature, so they keep all their entries.
//
// 1. The plan contains only what the site's signature covers. A file without SHA-256 or SHA-512 is a problem, and is not mirrored.
// 2. No file may have the path of a document, or a hidden name: the name of the mirror's own directory is hidden.
// 3. No file may have a path through which that of another file or of a document leads, or that leads through a document.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../clock.ts';
import { RackError } from '../../errors.ts';
import type { Digest } from '../download/digest.ts';
import type { Downloads } from '../download/queue.ts';
import { parseWebUrl } from '../download/web-client.ts';
import { decodeStreamProducts } from '../sources/decode-products.ts';
import { describeDocumentFault } from '../sources/document-fault.ts';
import { chooseImages } from '../sources/selection.ts';
import type { StreamSource } from '../sources/source.ts';
import { type KeyPlace, SourceDocuments } from '../sources/source-documents.ts';
import { decodeStreamIndex, judgeDocument } from '../sources/stream-index.ts';
import type { StreamFile, StreamImage } from '../sources/stream-products.ts';
import type { TagFilter } from '../sources/tag-filter.ts';
import { tagOf } from '../sources/tags.ts';

/** The chosen part of a site. */
export interface MirrorRequest {
  /** The URL of the site, or of its index. */
  readonly url: string;
  /** A file with the keys of the site. */
  readonly keyring: string;
  readonly filters: readonly TagFilter[];
  /** How many versions of each product to mirror; Infinity: all. */
  readonly versions: number;
}

/** A file of the mirror. */
export interface MirrorFile {
  /** The path below the mirror's directory. */
  readonly path: string;
  readonly url: string;
  readonly bytes: number | undefined;
  readonly digest: Digest;
}

/** A document of the mirror. */
interface MirrorDocument {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** The whole contents of a mirror. */
export interface MirrorPlan {
  readonly files: readonly MirrorFile[];
  /** In the order in which they are published: the index last. */
  readonly documents: readonly MirrorDocument[];
  readonly images: number;
  /** If no image is chosen: each filter that alone already matches none, with values that the site has. */
  readonly unmatched: readonly string[];
  readonly problems: readonly string[];
}

/** How many values of a filter's tag are read, and how many a message shows. */
const VALUES_MAX = 1000;
const VALUES_SHOWN = 20;
const INDEX = 'streams/v1/index.sjson';
const KEYS: KeyPlace = { keyUrl: undefined, fingerprints: undefined };

/** Lets the signals of the process arrive during long work. @throws RackError `cancelled` */
export async function heedStop(signal: AbortSignal): Promise<void> {
  await nextTurn();
  if (signal.aborted) throw stopped();
}

export const stopped = (): RackError => new RackError('cancelled', 'the mirror was stopped');

/** Reads the documents of a site, and chooses the files. @throws RackError `source-failed`, `cancelled`, `bad-argument` for an unreadable keyring or an unusable URL */
export async function planMirror(
  request: MirrorRequest,
  downloads: Downloads,
  clock: Pick<Clock, 'wallTimeMs'>,
  signal: AbortSignal,
): Promise<MirrorPlan> {
  const source = sourceOf(request);
  const reader = new DocumentReader(source, new SourceDocuments(source, downloads, clock, signal));
  const index = decodeStreamIndex(await reader.read(source.index));
  if (!index.ok) throw reader.failure(source.index, describeDocumentFault(index.fault));
  const indexDocuments = reader.taken();
  const images: StreamImage[] = [];
  const tried = request.filters.map((filter) => new TriedFilter(filter));
  // Entries may share a document.
  for (const [path, entries] of Map.groupBy(index.value.entries, (entry) => entry.path)) {
    const products = decodeStreamProducts(await reader.read(path));
    await heedStop(signal);
    if (!products.ok) throw reader.failure(path, describeDocumentFault(products.fault));
    const wrong = judgeDocument(products.value, entries);
    if (wrong !== undefined) throw reader.failure(path, wrong);
    const wishes = { selections: [], filters: request.filters, ftypes: [], versions: request.versions };
    images.push(...chooseImages(products.value.products, wishes));
    const files = products.value.products.flatMap((product) => product.images.flatMap((image) => image.files));
    if (images.length === 0) for (const one of tried) one.note(files);
  }
  const unmatched = images.length > 0 ? [] : tried.flatMap((one) => one.describe() ?? []);
  const documents = [...reader.taken(), ...indexDocuments];
  return {
    ...planFiles(source, images, new Set(documents.map(({ path }) => path))),
    documents,
    images: images.length,
    unmatched,
  };
}

/** The values of the tag of a filter that chooses no image. */
class TriedFilter {
  readonly #filter: TagFilter;
  readonly #values = new Set<string>();
  #isMet = false;

  constructor(filter: TagFilter) {
    this.#filter = filter;
  }

  note(files: readonly StreamFile[]): void {
    const { tag, matches } = this.#filter;
    for (const { tags } of files) {
      this.#isMet ||= matches(tags);
      if (this.#values.size < VALUES_MAX) this.#values.add(tagOf(tags, tag));
    }
  }

  /** Undefined: it matches images, as other filters do not. */
  describe(): string | undefined {
    if (this.#isMet) return undefined;
    const { text, tag } = this.#filter;
    const values = [...this.#values].filter((value) => value !== '').toSorted();
    if (values.length === 0) return `${text} matches none: the images of the site have no ${tag}`;
    const others = values.length > VALUES_SHOWN ? ' …' : '';
    return `${text} matches none: the site has ${tag} ${values.slice(0, VALUES_SHOWN).join(', ')}${others}`;
  }
}

/** The documents of a site, with their signatures next to them. */
class DocumentReader {
  readonly #source: StreamSource;
  readonly #documents: SourceDocuments;
  #taken: MirrorDocument[] = [];

  constructor(source: StreamSource, documents: SourceDocuments) {
    this.#source = source;
    this.#documents = documents;
  }

  /** `.sjson` is clear-signed; `.json` has a detached signature next to it. */
  async read(path: string): Promise<Uint8Array | string> {
    if (path.startsWith('.')) throw this.failure(path, 'a document may not have a hidden name');
    const url = `${this.#source.url}${path}`;
    const isClear = path.endsWith('.sjson');
    const sent = await this.#documents.readSent(url, isClear ? undefined : `${url}.gpg`, KEYS);
    // Publish the signature first, so that a reader who finds the document also finds its signature.
    if (sent.signature !== undefined) this.#taken.push({ path: `${path}.gpg`, bytes: sent.signature });
    this.#taken.push({ path, bytes: sent.bytes });
    return sent.content;
  }

  /** The documents that were read since the last call. */
  taken(): readonly MirrorDocument[] {
    const taken = this.#taken;
    this.#taken = [];
    return taken;
  }

  failure(path: string, why: string): Error {
    return this.#documents.failure(`${this.#source.url}${path}: ${why}`);
  }
}

/** @throws RackError `bad-argument` for a URL with user name, password, query or fragment: paths are appended to it, and errors show it */
function sourceOf({ url, keyring }: MirrorRequest): StreamSource {
  const { username, password } = parseWebUrl(url);
  if (username + password !== '' || /[?#]/.test(url))
    throw new RackError('bad-argument', 'the URL of a site has neither user name and password, nor query or fragment');
  const [, site = '', index] = /^(.*\/)(streams\/v1\/[^/]+\.s?json)$/.exec(url) ?? [];
  return {
    kind: 'simplestreams',
    name: url,
    title: '',
    os: '*',
    arches: new Map(),
    contentIds: [],
    ftypes: [],
    isByName: false,
    trust: { kind: 'signed', keyrings: [keyring], keyUrl: undefined, fingerprints: undefined },
    url: index === undefined ? (url.endsWith('/') ? url : `${url}/`) : site,
    index: index ?? INDEX,
  };
}

function planFiles(
  { url }: StreamSource,
  images: readonly StreamImage[],
  documents: ReadonlySet<string>,
): Pick<MirrorPlan, 'files' | 'problems'> {
  const files = new Map<string, MirrorFile>();
  const problems = new Set<string>();
  for (const { path, bytes, ...file } of images.flatMap((image) => image.files)) {
    const digest = digestOf(file);
    const known = files.get(path);
    if (digest === undefined) problems.add(`${path} has neither SHA-256 nor SHA-512, so it cannot be verified`);
    else if (documents.has(path) || path.startsWith('.')) problems.add(`${path} is not allowed as the path of a file`);
    else if (known !== undefined && known.digest.hex !== digest.hex) problems.add(`${path} has two checksums`);
    else files.set(path, { path, url: `${url}${path}`, bytes, digest });
  }
  const sorted = sortPaths([...documents, ...files.keys()]);
  let document: string | undefined;
  for (const [index, path] of sorted.entries()) {
    const isThrough = document !== undefined && path.startsWith(`${document}/`);
    if (!isThrough && documents.has(path)) document = path;
    if (documents.has(path)) continue;
    if (isThrough) problems.add(`${document} is a document of the site, so no file may be below it, such as ${path}`);
    else if (sorted[index + 1]?.startsWith(`${path}/`) === true)
      problems.add(`${path} is not allowed as the path of a file: the site has files below it`);
    else continue;
    files.delete(path);
  }
  return { files: [...files.values()], problems: [...problems] };
}

/** Sorts paths so that all those below a path follow it directly: `a`, `a/b`, `a-b`. */
function sortPaths(paths: readonly string[]): readonly string[] {
  // No other character of a path may come before the separator (contained-path.ts).
  const keys = paths.map((path) => path.replaceAll('/', '\0')).toSorted();
  return keys.map((key) => key.replaceAll('\0', '/'));
}

function digestOf({ sha256, sha512 }: Pick<StreamFile, 'sha256' | 'sha512'>): Digest | undefined {
  if (sha256 !== undefined) return { algorithm: 'sha256', hex: sha256 };
  return sha512 === undefined ? undefined : { algorithm: 'sha512', hex: sha512 };
}
