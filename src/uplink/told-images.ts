// The disk images that a rack tells its region: those of its store whose bytes are really there, and only when they have changed.
//
// 1. A store that cannot be read tells nothing: what the region was told before stays true for it.
// 2. After TOLD_AGAIN_BEATS heartbeats, and after each new link, they are told in any case: a region may have lost them.

import { errorText } from '../errors.ts';
import { blobPath, hasBlob, readImages } from '../images/image-store.ts';
import { RACK_IMAGES_MAX } from '../region/racks/rack-images.ts';
import type { RackImage } from '../region/records/rack.ts';
import type { RegionMessage } from './messages.ts';

/** Ten minutes. */
const TOLD_AGAIN_BEATS = 20;

/** What it needs of its link. */
export interface ToldImagesParts {
  /** @throws when the images cannot be read */
  readonly listImages: (tree: string) => readonly RackImage[];
  /** To the rack. */
  readonly send: (message: RegionMessage) => void;
}

/** The images of a boot tree, as a region is told of them; more than RACK_IMAGES_MAX are left out. */
export function listToldImages(tree: string): readonly RackImage[] {
  const { images } = readImages(tree);
  return images
    .filter((image) => hasBlob(tree, image))
    .slice(0, RACK_IMAGES_MAX)
    .map(({ title: _title, partitionTable: _table, ...image }) => ({
      ...image,
      path: `/${blobPath(image.sha256, image.format)}`,
    }));
}

/** What is told with the next heartbeat. */
export class ToldImages {
  readonly #parts: ToldImagesParts;
  #told: string | undefined;
  #beats = 0;
  #problem = '';
  /** Where the images are; undefined: there are none. */
  tree: string | undefined;

  constructor(parts: ToldImagesParts) {
    this.#parts = parts;
  }

  /** The images to tell now; undefined: nothing has changed. */
  next(): readonly RackImage[] | undefined {
    this.#beats += 1;
    const images = this.#list();
    const isTold = images === undefined || JSON.stringify(images) === this.#told;
    return isTold && (images === undefined || this.#beats < TOLD_AGAIN_BEATS) ? undefined : images;
  }

  /** The region has them. */
  taken(images: readonly RackImage[]): void {
    this.#told = JSON.stringify(images);
    this.#beats = 0;
  }

  /** The region may know nothing of them. */
  forget(): void {
    this.#told = undefined;
  }

  #list(): readonly RackImage[] | undefined {
    try {
      const images = this.tree === undefined ? [] : this.#parts.listImages(this.tree);
      this.#problem = '';
      return images;
    } catch (error) {
      const text = errorText(error);
      if (text !== this.#problem) this.#parts.send({ kind: 'problem', id: 'images', text });
      this.#problem = text;
      return undefined;
    }
  }
}
