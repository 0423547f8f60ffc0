// Describes the region's own images, boot loaders and installers as a signed simplestreams site:
// `/MAAS/images-stream/streams/v1/index.sjson` and all files that it names.
//
//   request ─▶ has the store changed? ─┬─ no ─▶ the signed documents that exist
//                                      └─ yes ─▶ describe ─▶ sign ─▶ keep
//
// Source: MAAS, whose region serves its images at this URL.
//
// 1. Only files of images, imported boot loaders and installers are named and served, by their
//    hash. No part of a request becomes a path.
// 2. Documents are signed once for each state of the store, however many clients request them.

import { join } from 'node:path';
import { type Clock, type Instant, later } from '../ground/clock.ts';
import { readImagePart } from '../images/content/image-file.ts';
import { hasAllFiles, listTreeParts, type TreePart } from '../images/run/tree-parts.ts';
import { type OwnSigner, openOwnSigner } from '../images/sources/own-signer.ts';
import { describeStore } from '../images/sources/own-stream.ts';
import { hasBlob, readImages, type StoredImage } from '../images/store/image-store.ts';
import type { ImageStream, StreamedFile } from '../region/images/boot-images.ts';

/**
 * How long the documents are served before the tree is checked again, in milliseconds. The check
 * reads each manifest.
 */
const CHECK_MS = 2000;
const KEY_PATH = 'key.asc';

interface SignedStream {
  readonly documents: ReadonlyMap<string, string>;
  readonly files: ReadonlyMap<string, StreamedFile>;
}

interface OwnImageStreamDeps {
  readonly stateDir: string;
  readonly clock: Clock;
  /** The boot tree; undefined if this host has none. */
  readonly tree: () => string | undefined;
}

export class OwnImageStream implements ImageStream {
  readonly #deps: OwnImageStreamDeps;
  #signer: Promise<OwnSigner> | undefined;
  #signed: Promise<SignedStream> | undefined;
  /** The state of the store that the signed documents describe. */
  #signedState = '';
  #nextCheck: Instant | undefined;

  constructor(deps: OwnImageStreamDeps) {
    this.#deps = deps;
  }

  async find(path: string): Promise<StreamedFile | undefined> {
    if (path === KEY_PATH) return { kind: 'document', text: (await this.#openSigner()).publicKey };
    const { documents, files } = await this.#getCurrent();
    const text = documents.get(path);
    return text === undefined ? files.get(path) : { kind: 'document', text };
  }

  #openSigner(): Promise<OwnSigner> {
    this.#signer ??= openOwnSigner(this.#deps.stateDir).catch((error: unknown) => {
      // The next request tries again.
      this.#signer = undefined;
      throw error;
    });
    return this.#signer;
  }

  #getCurrent(): Promise<SignedStream> {
    const { tree: getTree, clock } = this.#deps;
    const now = clock.now();
    if (this.#signed !== undefined && this.#nextCheck !== undefined && now < this.#nextCheck) return this.#signed;
    this.#nextCheck = later(now, CHECK_MS);
    const tree = getTree();
    const images = tree === undefined ? [] : readImages(tree).images.filter((image) => hasBlob(tree, image));
    const parts = tree === undefined ? [] : listTreeParts(tree).filter((part) => hasAllFiles(tree, part));
    const state = JSON.stringify([tree, images, parts]);
    if (this.#signed === undefined || this.#signedState !== state) {
      this.#signedState = state;
      this.#signed = this.#sign(tree ?? '', images, parts).catch((error: unknown) => {
        if (this.#signedState === state) this.#signed = undefined;
        throw error;
      });
    }
    return this.#signed;
  }

  async #sign(tree: string, images: readonly StoredImage[], parts: readonly TreePart[]): Promise<SignedStream> {
    const signer = await this.#openSigner();
    const stream = describeStore(images, this.#deps.clock.wallTimeMs(), parts);
    const documents = new Map<string, string>();
    for (const [path, text] of stream.documents('sjson')) documents.set(`${path}.sjson`, await signer.clearSign(text));
    for (const [path, text] of stream.documents('json')) {
      documents.set(`${path}.json`, text);
      documents.set(`${path}.json.gpg`, await signer.detach(text));
    }
    const files = new Map(
      [...stream.files].map(([path, { path: filePath, bytes, sha256 }]) => [
        path,
        {
          kind: 'image',
          bytes,
          sha256,
          read: (start: number, end: number) => readImagePart(join(tree, filePath), start, end),
        } as const,
      ]),
    );
    return { documents, files };
  }
}
