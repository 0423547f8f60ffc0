// Describes this host's image store, boot loaders and installers as simplestreams documents, for
// the decoders in this folder.
//
// Sources: the format of simplestreams 0.1; MAAS's products (os, release, arch, subarch, label; a
// region serves them below images-stream), and its products of boot loaders.
//
// 1. A raw image has the type `root-dd.raw`, which MAAS knows. A compressed image has our own type,
//    `root-dd.zst`, so that nobody mistakes it for a raw disk.
// 2. Boot loaders and installers have their own documents. A host that has none does not list these
//    documents. The types of an installer's files are our own.
// 3. Only what a reader accepts is described, because after one problem a reader would doubt the whole site.

import {
  blobPath,
  type ImageBlob,
  type ImageName,
  judgeImageName,
  listBlobs,
  type StoredImage,
} from '../store/image-store.ts';
import type { PublishedFile } from '../store/publication.ts';

const IMAGES_CONTENT_ID = 'io.rackboot:images:download';
const LOADERS_CONTENT_ID = 'io.rackboot:bootloaders:download';
const INSTALLERS_CONTENT_ID = 'io.rackboot:installers:download';
const DATATYPE = 'image-downloads';
/** The first part of the names of products. */
const OWN_PREFIX = 'io.rackboot';
const INSTALLER_FILES = ['initrd.gz', 'linux'];
const DISC_NAME = 'installer.iso';

interface OwnStream {
  /** Renders texts by path without extension. Paths inside the texts end in `extension`. */
  readonly documents: (extension: 'json' | 'sjson') => ReadonlyMap<string, string>;
  readonly files: ReadonlyMap<string, ImageBlob>;
}

interface StreamedPart extends ImageName {
  readonly kind: 'loader' | 'installer';
  readonly title: string;
  readonly files: readonly PublishedFile[];
  readonly directory: string;
}

interface Product {
  readonly versions: Record<string, unknown>;
  readonly [tag: string]: unknown;
}
type Products = Record<string, Product>;

/** Describes images, boot loaders and installers. @param nowMs wall time */
export function describeStore(
  images: readonly StoredImage[],
  nowMs: number,
  parts: readonly StreamedPart[] = [],
): OwnStream {
  const updated = new Date(nowMs).toUTCString().replace('GMT', '+0000');
  const readableParts = parts.filter(isReadable);
  const buildProducts = (kind: StreamedPart['kind']): Products =>
    Object.fromEntries(readableParts.filter((part) => part.kind === kind).map(buildProduct));
  const partDocuments = Object.entries({
    [LOADERS_CONTENT_ID]: buildProducts('loader'),
    [INSTALLERS_CONTENT_ID]: buildProducts('installer'),
  });
  const documentsById: readonly (readonly [contentId: string, products: Products])[] = [
    [IMAGES_CONTENT_ID, buildImageProducts(images)],
    ...partDocuments.filter(([, products]) => Object.keys(products).length > 0),
  ];
  const renderIndex = (extension: string): string => {
    const entries = documentsById.map(([contentId, products]) => {
      const entry = {
        datatype: DATATYPE,
        format: 'products:1.0',
        updated,
        path: `${formatContentPath(contentId)}.${extension}`,
      };
      return [contentId, { ...entry, products: Object.keys(products) }];
    });
    return renderDocument({ format: 'index:1.0', updated, index: Object.fromEntries(entries) });
  };
  const documents = documentsById.map(([contentId, products]): [string, string] => {
    const header = { content_id: contentId, datatype: DATATYPE, format: 'products:1.0', updated };
    return [formatContentPath(contentId), renderDocument({ ...header, products })];
  });
  return {
    documents: (end) => new Map([['streams/v1/index', renderIndex(end)], ...documents]),
    files: new Map([
      ...images.flatMap(listBlobs).map((blob): [string, ImageBlob] => [blob.path, blob]),
      ...readableParts.flatMap(({ directory, files }) =>
        files.map(({ name, bytes, sha256 }): [string, ImageBlob] => [
          formatStreamPartPath(sha256),
          { path: `${directory}/${name}`, bytes, sha256 },
        ]),
      ),
    ]),
  };
}

/** True for the name of a product that a Rackboot describes. */
export const isOwnProduct = (product: string): boolean => product.startsWith(`${OWN_PREFIX}:`);

const formatContentPath = (contentId: string): string => `streams/v1/${contentId}`;

const formatStreamPartPath = (sha256: string): string => `parts/${sha256}`;

/** False for a name that no import would give, and for an installer with unknown files. */
const isReadable = (part: StreamedPart): boolean =>
  judgeImageName(part) === undefined &&
  (part.kind === 'loader' ||
    JSON.stringify(
      part.files
        .map(({ name }) => name)
        .filter((name) => name !== DISC_NAME)
        .toSorted(),
    ) === JSON.stringify(INSTALLER_FILES));

function buildImageProducts(images: readonly StoredImage[]): Products {
  const products: Products = {};
  for (const image of images) {
    const { os, release, architecture: arch, label, serial, title } = image;
    const subarch = image.system?.subarch ?? image.subarchitecture;
    const name = [OWN_PREFIX, os, release, arch, subarch, label].join(':');
    const subarches = [...new Set([subarch, image.subarchitecture, ...(image.system?.subarches ?? [])])].join(',');
    products[name] ??= { os, release, version: release, arch, subarch, subarches, label, versions: {} };
    products[name].versions[serial] = { release_title: title, items: buildItems(image) };
  }
  return products;
}

function buildItems({ format, sha256, bytes, system }: StoredImage): object {
  const disk = format === 'raw' ? 'root-dd.raw' : 'root-dd.zst';
  const root = { ftype: system?.rootName ?? disk, path: blobPath(sha256, format), sha256, size: bytes };
  const others = (system?.files ?? []).map((file) => ({
    ftype: file.name,
    path: blobPath(file.sha256, 'file'),
    sha256: file.sha256,
    size: file.bytes,
  }));
  return Object.fromEntries([root, ...others].map((item) => [item.ftype, item]));
}

/** Builds a product. A boot loader gets MAAS's tags, and its files are not packed. */
function buildProduct(part: StreamedPart): [name: string, product: Product] {
  const { kind, os, release, architecture: arch, label, serial, title } = part;
  const items = part.files.map(({ name, bytes, sha256 }) => [
    name,
    { ftype: kind === 'loader' ? 'bootloader' : name, path: formatStreamPartPath(sha256), sha256, size: bytes },
  ]);
  const version = { release_title: title, items: Object.fromEntries(items) };
  const tags =
    kind === 'loader'
      ? { os: title, arch, arches: arch, label, 'bootloader-type': release }
      : { os, release, version: release, arch, subarch: 'generic', subarches: 'generic', label };
  return [[OWN_PREFIX, kind, os, release, arch, label].join(':'), { ...tags, versions: { [serial]: version } }];
}

const renderDocument = (document: unknown): string => `${JSON.stringify(document, undefined, 1)}\n`;
