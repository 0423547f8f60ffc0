// The image sources of a region and the selections among their images: those from files, which can
// be changed only in the file, and those of the API.

import { STREAM_ARCHITECTURES } from '../../boot/architectures.ts';
import { isPrintable } from '../../ground/clean-text.ts';
import { unreachable } from '../../ground/errors.ts';
import type { Selection } from '../../images/sources/offer.ts';
import type { ImageSource, StreamSource } from '../../images/sources/source.ts';
import type { ImageName } from '../../images/store/image-store.ts';
import { type BootSelection, type BootSource, type FilesInForce, KEYRING_BYTES_MAX } from '../records/boot-store.ts';
import { hashFnv1a } from '../records/digest.ts';

/** The name of an image without its serial: `ubuntu/noble/amd64/generic/release`. */
export const resourceName = (image: Omit<ImageName, 'serial'>): string =>
  [image.os, image.release, image.architecture, image.subarchitecture, image.label].join('/');

/** A source from a file. */
export interface FileSource {
  readonly source: ImageSource;
  /** The path of the file, and the key of the source in it. */
  readonly file: string;
  readonly key: string;
  /** The line on which it begins, from 1; undefined: unknown. */
  readonly line?: number | undefined;
  /** True for a file of Rackboot, which only an update changes; undefined: false. */
  readonly isShipped?: boolean | undefined;
}

/** A selection from the site's file. */
interface FileSelection {
  /** The name of its source. */
  readonly source: string;
  readonly selection: Selection;
  /** The path of the file, and the key of the selection in it. */
  readonly file: string;
  readonly key: string;
  /** The line on which it begins, from 1; undefined: unknown. */
  readonly line?: number | undefined;
}

/** The name of the site's file, which is next to the configuration. */
export const SITE_SOURCES = 'image-sources.yaml';

/** The sources and selections of all files. */
export interface FileSources {
  readonly sources: readonly FileSource[];
  readonly selections: readonly FileSelection[];
  /** Why the site's file cannot be used as a whole; `undefined` if it can, or does not exist. */
  readonly problem: string | undefined;
  readonly inForce: FilesInForce;
}

/** The problem of the site's file, and what is in force as long as it lasts. */
export interface FileProblem {
  readonly text: string;
  readonly inForce: FilesInForce;
}

/** A source of images. */
export interface RegionSource extends BootSource {
  /** The source for the import. */
  readonly images: ImageSource;
  /** The file and the key that define it; `undefined` if the API may change it. */
  readonly pin?: Omit<FileSource, 'source'> | undefined;
  /**
   * True if the URL is that of the package mirror of this host instead of the one that the file
   * names; undefined: false.
   */
  readonly isHostMirror?: boolean | undefined;
}

/** A selection among the images of a source. */
export interface RegionSelection extends BootSelection {
  /** The file and the key that define it; `undefined` if the API may change it. */
  readonly pin?: Pick<FileSelection, 'file' | 'key' | 'line'> | undefined;
}

/** The selections of files have the numbers from here to twice as many: the store counts its own from 1. */
const FILE_IDS_FROM = 2 ** 30;

const INDEX = 'streams/v1/index.sjson';
/** The index without a signature; `.sjson` would be clear-signed. */
const UNSIGNED_INDEX = 'streams/v1/index.json';

/**
 * Joins the sources of files, which come first, with the rows of the store. A row whose source has
 * left its file is skipped.
 */
export function joinSources(
  rows: readonly BootSource[],
  { sources }: Pick<FileSources, 'sources'>,
): readonly RegionSource[] {
  const named = new Map(rows.flatMap((row) => (row.name === undefined ? [] : [[row.name, row] as const])));
  const ofFiles = sources.flatMap(({ source, ...pin }): readonly RegionSource[] => {
    const row = named.get(source.name);
    if (row === undefined) return [];
    const { trust } = source;
    return [
      {
        ...row,
        url: formatSourceUrl(source),
        keyringFilename: trust.kind === 'signed' ? (trust.keyrings[0] ?? '') : '',
        images: source,
        pin,
      },
    ];
  });
  const own = rows.filter(({ name }) => name === undefined).map((row) => ({ ...row, images: buildStreamSource(row) }));
  return [...ofFiles, ...own];
}

/**
 * Joins the selections of the site's file, which come first, with those of the store. A stored one
 * is skipped while the file has the same system and release of its source. @param sources those
 * whose selections are joined
 */
export function joinSelections(
  rows: readonly BootSelection[],
  sources: readonly Pick<BootSource, 'id' | 'name'>[],
  selections: readonly FileSelection[],
): readonly RegionSelection[] {
  const ids = new Map(sources.map(({ id, name }) => [name, id]));
  const ofFile = selections.flatMap(({ source, selection, ...pin }): readonly RegionSelection[] => {
    const sourceId = ids.get(source);
    if (sourceId === undefined) return [];
    const id = FILE_IDS_FROM + (hashFnv1a(`${source} ${selection.os}/${selection.release}`) % FILE_IDS_FROM);
    return [{ ...selection, id, sourceId, pin }];
  });
  const imageOf = ({ sourceId, os, release }: BootSelection): string => `${sourceId} ${os}/${release}`;
  const imageNames = new Set(ofFile.map(imageOf));
  return [...ofFile, ...rows.filter((row) => !imageNames.has(imageOf(row)))];
}

/** The URL of a source; empty: packages come from the mirror that apt uses on the importing host. */
function formatSourceUrl(source: ImageSource): string {
  switch (source.kind) {
    case 'files':
      return source.directory;
    case 'installer':
      return source.mirror ?? source.defaultMirror ?? '';
    case 'simplestreams':
      return source.url;
    default:
      return unreachable(source);
  }
}

/** The system of boot loaders in selections: `LOADER` of images/sources/offer.ts. */
const LOADER = 'bootloader';

/**
 * True if images of this system may be among those of a source; `*` stands for all. Any stream may
 * have boot loaders.
 */
export const mayHave = ({ kind, os }: ImageSource, wanted: string): boolean =>
  [wanted, os].includes('*') || wanted === os || (wanted === LOADER && kind === 'simplestreams');

/** The name of a source for people and in the manifests of its images. */
export const sourceTitle = ({ name, url }: Pick<RegionSource, 'name' | 'url'>): string => name ?? url;

/** True for a URL that names the index of a site, as in MAAS, and not its directory. */
export const namesIndex = (url: string): boolean => /\/[^/]+\.s?json$/.test(url);

/**
 * Divides the URL of an index into the site, to which the paths in its documents belong, and the
 * path of the index. Source: `path_from_mirror_url` of simplestreams.
 */
function dividedUrl(url: string): readonly [site: string, index: string] {
  const at = /\/(?:streams\/v1\/.+|[^/]+)$/.exec(url)?.index ?? url.length;
  return [url.slice(0, at + 1), url.slice(at + 1)];
}

/** The source for a row of the API: a simplestreams site, which may have any systems. */
export function buildStreamSource(row: Omit<BootSource, 'id' | 'name' | 'createdMs' | 'updatedMs'>): StreamSource {
  const { why, keyringFilename, keyring } = row;
  const { index: place = why === undefined ? INDEX : UNSIGNED_INDEX } = row;
  const [url, index] = namesIndex(row.url) ? dividedUrl(row.url) : [row.url, place];
  return {
    kind: 'simplestreams',
    name: row.url,
    title: '',
    os: '*',
    arches: STREAM_ARCHITECTURES,
    trust:
      why === undefined
        ? {
            kind: 'signed',
            keyrings: keyringFilename === '' ? [] : [keyringFilename],
            keys: keyring.length === 0 ? undefined : keyring,
            keyUrl: undefined,
            fingerprints: undefined,
          }
        : { kind: 'unsigned', why },
    url: url.endsWith('/') ? url : `${url}/`,
    index,
    contentIds: [],
    ftypes: [],
    isByName: false,
  };
}

/**
 * The URL of a site. Paths are appended to it, and everybody sees it, so it has no query or
 * fragment. @returns undefined for any other text
 */
export function parseSourceUrl(text: string): string | undefined {
  const url = URL.parse(text);
  const isUsable = url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
  return isUsable && isPrintable(text) && !/[ ?#]/.test(text) ? text : undefined;
}

/** Keys in armor or Base64; undefined: neither, or too many. */
export function parseKeyring(text: string): Uint8Array | undefined {
  const trimmed = text.trim();
  const isBase64 = /^[A-Za-z0-9+/\s]*={0,2}$/.test(trimmed);
  if (!isBase64 && !trimmed.startsWith('-----BEGIN PGP')) return undefined;
  const bytes = Buffer.from(trimmed, isBase64 ? 'base64' : 'utf8');
  return bytes.length <= KEYRING_BYTES_MAX ? bytes : undefined;
}
