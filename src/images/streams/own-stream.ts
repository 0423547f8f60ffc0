// Describes this host's image store as simplestreams documents: the counterpart of the decoders in this folder.
//
// Sources: the format of simplestreams 0.1; MAAS's products (os, release, arch, subarch, label; a region serves them below images-stream).
//
// 1. A raw image has the type `root-dd.raw`, which MAAS knows. An image compressed with Zstandard has a type of our own, `root-dd.zst`, so that
//    nobody mistakes the compressed bytes for a disk.

import { blobPath, blobsOf, type ImageBlob, type StoredImage } from '../image-store.ts';

const CONTENT_ID = 'io.rackboot:images:download';
/** The path of the document of products, without its extension. */
const PRODUCTS = `streams/v1/${CONTENT_ID}`;
const DATATYPE = 'image-downloads';

/** The documents, and the files of the images by their path below the site's URL. */
interface OwnStream {
  /** The texts of the documents, by path without extension. The paths inside the texts end in `end`. */
  readonly documents: (end: 'json' | 'sjson') => ReadonlyMap<string, string>;
  readonly files: ReadonlyMap<string, ImageBlob>;
}

/** Describes images. @param nowMs wall time */
export function describeStore(images: readonly StoredImage[], nowMs: number): OwnStream {
  const updated = new Date(nowMs).toUTCString().replace('GMT', '+0000');
  const products: Record<string, { versions: Record<string, unknown>; [tag: string]: unknown }> = {};
  for (const image of images) {
    const { os, release, architecture: arch, label, serial, title } = image;
    const subarch = image.system?.subarch ?? image.subarchitecture;
    const name = ['io.rackboot', os, release, arch, subarch, label].join(':');
    const subarches = [...new Set([subarch, image.subarchitecture, ...(image.system?.subarches ?? [])])].join(',');
    products[name] ??= { os, release, version: release, arch, subarch, subarches, label, versions: {} };
    products[name].versions[serial] = { release_title: title, items: itemsOf(image) };
  }
  const head = { content_id: CONTENT_ID, datatype: DATATYPE, format: 'products:1.0', updated };
  const document = textOf({ ...head, products });
  const indexOf = (end: string): string => {
    const entry = { datatype: DATATYPE, format: 'products:1.0', updated, path: `${PRODUCTS}.${end}` };
    const index = { [CONTENT_ID]: { ...entry, products: Object.keys(products) } };
    return textOf({ format: 'index:1.0', updated, index });
  };
  return {
    documents: (end) =>
      new Map([
        ['streams/v1/index', indexOf(end)],
        [PRODUCTS, document],
      ]),
    files: new Map(images.flatMap(blobsOf).map((blob) => [blob.path, blob])),
  };
}

/** The files of an image by their types. */
function itemsOf({ format, sha256, bytes, system }: StoredImage): object {
  const disk = format === 'raw' ? 'root-dd.raw' : 'root-dd.zst';
  const root = { ftype: system?.rootName ?? disk, path: blobPath(sha256, format), sha256, size: bytes };
  const others = (system?.files ?? []).map((file) => ({
    ...{ ftype: file.name, path: blobPath(file.sha256, 'file'), sha256: file.sha256, size: file.bytes },
  }));
  return Object.fromEntries([root, ...others].map((item) => [item.ftype, item]));
}

const textOf = (document: unknown): string => `${JSON.stringify(document, undefined, 1)}\n`;
