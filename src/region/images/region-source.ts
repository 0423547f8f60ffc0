// The image sources of a region and the selections among their images. Sources and selections from
// files can be changed only in the file. Others are changed by the API.

import { STREAM_ARCHITECTURES } from '../../boot/architectures.ts';
import { isPrintable } from '../../ground/clean-text.ts';
import { unreachable } from '../../ground/errors.ts';
import type { Selection } from '../../images/sources/offer.ts';
import type { ImageSource, StreamSource } from '../../images/sources/source.ts';
import type { ImageName } from '../../images/store/image-store.ts';
import { type BootSelection, type BootSource, type FilesInForce, KEYRING_BYTES_MAX } from '../records/boot-store.ts';
import { hashFnv1a } from '../records/digest.ts';

/** Formats the name of an image without its serial, such as `ubuntu/noble/amd64/generic/release`. */
export const formatResourceName = (image: Omit<ImageName, 'serial'>): string =>
  [image.os, image.release, image.architecture, image.subarchitecture, image.label].join('/');

/** A source from a file. */
export interface FileSource {
  readonly source: ImageSource;
  /** The path of the file, and the key of the source in it. */
  readonly file: string;
  readonly key: string;
  /** The line on which it begins, from 1; undefined: unknown. */
  readonly line?: number | undefined;
  /** True for a file of Rackboot, which only an update changes. */
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
  /** Why the site's file cannot be used. Undefined if it can be used, or does not exist. */
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
  readonly definingFile?: Omit<FileSource, 'source'> | undefined;
  /**
   * True if the URL is that of this host's package mirror, instead of the mirror that the file names.
   */
  readonly isHostMirror?: boolean | undefined;
}

/** A selection among the images of a source. */
export interface RegionSelection extends BootSelection {
  /** The file and the key that define it; `undefined` if the API may change it. */
  readonly definingFile?: Pick<FileSelection, 'file' | 'key' | 'line'> | undefined;
}

/**
 * The first id of selections from files. The last is less than twice as high. The store numbers its
 * own selections from 1.
 */
const FILE_IDS_START = 2 ** 30;

const SIGNED_INDEX_PATH = 'streams/v1/index.sjson';
/** The index without a signature. `.sjson` would be clear-signed. */
const UNSIGNED_INDEX_PATH = 'streams/v1/index.json';

/**
 * Joins the sources of files, which come first, with the rows of the store. A row is skipped if its
 * source is no longer in its file.
 */
export function joinSources(
  rows: readonly BootSource[],
  { sources }: Pick<FileSources, 'sources'>,
): readonly RegionSource[] {
  const rowsByName = new Map(rows.flatMap((row) => (row.name === undefined ? [] : [[row.name, row] as const])));
  const fileSources = sources.flatMap(({ source, ...pin }): readonly RegionSource[] => {
    const row = rowsByName.get(source.name);
    if (row === undefined) return [];
    const { trust } = source;
    return [
      {
        ...row,
        url: formatSourceUrl(source),
        keyringFilename: trust.kind === 'signed' ? (trust.keyrings[0] ?? '') : '',
        images: source,
        definingFile: pin,
      },
    ];
  });
  const apiSources = rows
    .filter(({ name }) => name === undefined)
    .map((row) => ({ ...row, images: buildStreamSource(row) }));
  return [...fileSources, ...apiSources];
}

/**
 * Joins the selections of the site's file, which come first, with the selections of the store. A
 * stored selection is skipped while the file selects the same system and release of its source.
 * @param sources the sources whose selections are joined
 */
export function joinSelections(
  rows: readonly BootSelection[],
  sources: readonly Pick<BootSource, 'id' | 'name'>[],
  selections: readonly FileSelection[],
): readonly RegionSelection[] {
  const ids = new Map(sources.map(({ id, name }) => [name, id]));
  const fileSelections = selections.flatMap(({ source, selection, ...pin }): readonly RegionSelection[] => {
    const sourceId = ids.get(source);
    if (sourceId === undefined) return [];
    const id = FILE_IDS_START + (hashFnv1a(`${source} ${selection.os}/${selection.release}`) % FILE_IDS_START);
    return [{ ...selection, id, sourceId, definingFile: pin }];
  });
  const formatSelectionKey = ({ sourceId, os, release }: BootSelection): string => `${sourceId} ${os}/${release}`;
  const imageNames = new Set(fileSelections.map(formatSelectionKey));
  return [...fileSelections, ...rows.filter((row) => !imageNames.has(formatSelectionKey(row)))];
}

/**
 * Formats the URL of a source. Empty if packages come from the mirror that apt uses on the
 * importing host.
 */
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
 * True if a source may offer images of a system. `*` stands for all systems. Any stream may have
 * boot loaders.
 */
export const mayOfferSystem = ({ kind, os }: ImageSource, system: string): boolean =>
  [system, os].includes('*') || system === os || (system === LOADER && kind === 'simplestreams');

/** Returns the name of a source for people, and for the manifests of its images. */
export const getSourceTitle = ({ name, url }: Pick<RegionSource, 'name' | 'url'>): string => name ?? url;

/** True for a URL that names the index of a site, as in MAAS, instead of its directory. */
export const isIndexUrl = (url: string): boolean => /\/[^/]+\.s?json$/.test(url);

/**
 * Divides the URL of an index into the site, to which the paths in its documents belong, and the
 * path of the index. Source: `path_from_mirror_url` of simplestreams.
 */
function splitIndexUrl(url: string): readonly [site: string, index: string] {
  const slashIndex = /\/(?:streams\/v1\/.+|[^/]+)$/.exec(url)?.index ?? url.length;
  return [url.slice(0, slashIndex + 1), url.slice(slashIndex + 1)];
}

/** Builds the source for a row of the API: a simplestreams site, which may have any systems. */
export function buildStreamSource(row: Omit<BootSource, 'id' | 'name' | 'createdMs' | 'updatedMs'>): StreamSource {
  const { why, keyringFilename, keyring } = row;
  const { index: indexPath = why === undefined ? SIGNED_INDEX_PATH : UNSIGNED_INDEX_PATH } = row;
  const [url, index] = isIndexUrl(row.url) ? splitIndexUrl(row.url) : [row.url, indexPath];
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
 * Parses the URL of a site. It may have no query or fragment, because paths are appended to it, and
 * everybody sees it. @returns undefined for any other text
 */
export function parseSourceUrl(text: string): string | undefined {
  const url = URL.parse(text);
  const isUsable = url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
  return isUsable && isPrintable(text) && !/[ ?#]/.test(text) ? text : undefined;
}

/** Parses keys in armor or Base64. Undefined if the text is neither, or too long. */
export function parseKeyring(text: string): Uint8Array | undefined {
  const trimmed = text.trim();
  const isBase64 = /^[A-Za-z0-9+/\s]*={0,2}$/.test(trimmed);
  if (!isBase64 && !trimmed.startsWith('-----BEGIN PGP')) return undefined;
  const bytes = Buffer.from(trimmed, isBase64 ? 'base64' : 'utf8');
  return bytes.length <= KEYRING_BYTES_MAX ? bytes : undefined;
}
