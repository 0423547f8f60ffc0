// The image sources of a region: sources from files, which can be changed only in the file, and sources of the API.

import { STREAM_ARCHITECTURES } from '../../boot/architectures.ts';
import { unreachable } from '../../errors.ts';
import type { ImageName } from '../../images/image-store.ts';
import type { ImageSource, StreamSource } from '../../images/sources/source.ts';
import type { BootSource } from '../records/boot-store.ts';

/** The name of an image without its serial: `ubuntu/noble/amd64/generic/release`. */
export const resourceName = (image: Omit<ImageName, 'serial'>): string =>
  [image.os, image.release, image.architecture, image.subarchitecture, image.label].join('/');

/** A source from a file. */
export interface FileSource {
  readonly source: ImageSource;
  /** The path of the file, and the key of the source in it. */
  readonly file: string;
  readonly key: string;
}

/** The sources of all files. */
export interface FileSources {
  readonly sources: readonly FileSource[];
  /** Why the site's file is ignored; `undefined` if it is used or does not exist. */
  readonly problem: string | undefined;
}

/** A source of images. */
export interface RegionSource extends BootSource {
  /** The source for the import. Only the command line imports installers. */
  readonly images: ImageSource;
  /** The file and the key that define it; `undefined` if the API may change it. */
  readonly pin?: { readonly file: string; readonly key: string } | undefined;
}

const INDEX = 'streams/v1/index.sjson';

/** Joins the sources of files, which come first, with the rows of the store. A row whose source has left its file is skipped. */
export function joinSources(
  rows: readonly BootSource[],
  { sources }: Pick<FileSources, 'sources'>,
): readonly RegionSource[] {
  const named = new Map(rows.flatMap((row) => (row.name === undefined ? [] : [[row.name, row] as const])));
  const ofFiles = sources.flatMap(({ source, file, key }): readonly RegionSource[] => {
    const row = named.get(source.name);
    if (row === undefined) return [];
    const { trust } = source;
    return [
      {
        ...row,
        url: urlOf(source),
        keyringFilename: trust.kind === 'signed' ? (trust.keyrings[0] ?? '') : '',
        images: source,
        pin: { file, key },
      },
    ];
  });
  const own = rows.filter(({ name }) => name === undefined).map((row) => ({ ...row, images: streamOf(row) }));
  return [...ofFiles, ...own];
}

/** The URL of a source; empty: packages come from the mirror that apt uses on the importing host. */
function urlOf(source: ImageSource): string {
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

/** The name of a source for people and in the manifests of its images. */
export const sourceTitle = ({ name, url }: Pick<RegionSource, 'name' | 'url'>): string => name ?? url;

/** The source for a row of the API: a simplestreams site, which may have any systems. */
function streamOf(row: BootSource): StreamSource {
  return {
    kind: 'simplestreams',
    name: row.url,
    title: '',
    os: '*',
    arches: STREAM_ARCHITECTURES,
    trust: {
      kind: 'signed',
      keyrings: row.keyringFilename === '' ? [] : [row.keyringFilename],
      keys: row.keyring.length === 0 ? undefined : row.keyring,
      keyUrl: undefined,
      fingerprints: undefined,
    },
    url: row.url.endsWith('/') ? row.url : `${row.url}/`,
    index: INDEX,
    contentIds: [],
    ftypes: [],
    isByName: false,
  };
}
