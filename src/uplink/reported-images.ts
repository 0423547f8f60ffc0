// Decides when a rack reports its images to its region: only images whose bytes are in its store,
// and only when the list has changed.
//
// 1. If the store cannot be read, nothing is reported, and the last report stays valid.
// 2. After REPEAT_HEARTBEATS heartbeats, and after each new link, the images are reported even if
//    unchanged: the region may have lost them.

import { errorText } from '../ground/errors.ts';
import { blobPath, COPY_SOURCE, findStartFiles, hasBlob, readImages } from '../images/store/image-store.ts';
import { listKernelNames, type StoredSystem } from '../images/store/stored-system.ts';
import { RACK_IMAGES_MAX } from '../region/records/heartbeat-bounds.ts';
import type { RackImage } from '../region/records/rack.ts';
import type { RegionMessage } from './messages.ts';

/** Heartbeats between repeated reports: ten minutes. */
const REPEAT_HEARTBEATS = 20;

interface ReportedImagesDeps {
  /** @throws if the images cannot be read */
  readonly listImages: (tree: string) => readonly RackImage[];
  /** Sends a message to the rack. */
  readonly send: (message: RegionMessage) => void;
}

/** The images of a boot tree, in the form reported to a region; at most RACK_IMAGES_MAX. */
export function listReportedImages(tree: string): readonly RackImage[] {
  const { images } = readImages(tree);
  return images
    .filter((image) => hasBlob(tree, image))
    .slice(0, RACK_IMAGES_MAX)
    .map((storedImage) => {
      const { title: _title, partitionTable: _table, origin, system, ...image } = storedImage;
      const kernel = system === undefined ? {} : { system: describeKernel(system) };
      const copy = origin?.source === COPY_SOURCE ? { isCopy: true } : {};
      return {
        ...image,
        ...findStartFiles(storedImage),
        ...kernel,
        ...copy,
        path: `/${blobPath(image.sha256, image.format)}`,
      };
    });
}

/** The names of a system's kernel; only one that has several needs a list. */
function describeKernel(system: StoredSystem): RackImage['system'] {
  const { subarch } = system;
  const names = listKernelNames(system);
  return names.length === 1 ? { subarch } : { subarch, subarches: names };
}

/** Tracks what the region knows of the images. */
export class ReportedImages {
  readonly #deps: ReportedImagesDeps;
  #reportedJson: string | undefined;
  #heartbeatCount = 0;
  #problem = '';
  /** The directory of the images; `undefined` if there are none. */
  tree: string | undefined;

  constructor(deps: ReportedImagesDeps) {
    this.#deps = deps;
  }

  /** The images to report with the next heartbeat; `undefined` if there is nothing to report. */
  nextReport(): readonly RackImage[] | undefined {
    this.#heartbeatCount += 1;
    const images = this.#list();
    const isKnown = images === undefined || JSON.stringify(images) === this.#reportedJson;
    return isKnown && (images === undefined || this.#heartbeatCount < REPEAT_HEARTBEATS) ? undefined : images;
  }

  /** Call when the region has received a report. */
  acknowledge(images: readonly RackImage[]): void {
    this.#reportedJson = JSON.stringify(images);
    this.#heartbeatCount = 0;
  }

  /** Call when the region may have lost the images. */
  forget(): void {
    this.#reportedJson = undefined;
  }

  #list(): readonly RackImage[] | undefined {
    try {
      const images = this.tree === undefined ? [] : this.#deps.listImages(this.tree);
      this.#problem = '';
      return images;
    } catch (error) {
      const reason = errorText(error);
      if (reason !== this.#problem)
        this.#deps.send({ kind: 'problem', id: 'images', note: { note: 'images-unread', reason } });
      this.#problem = reason;
      return undefined;
    }
  }
}
