// The open downloads of a queue, and the checks of a request before its download begins.

import { basename, join } from 'node:path';
import { cleanText } from '../../clean-text.ts';
import { counted } from '../../counted.ts';
import { RackError } from '../../errors.ts';
import type { DigestAlgorithm } from './digest.ts';
import type { Download, DownloadRequest } from './request.ts';
import { parseWebUrl } from './web-client.ts';

/** Downloads of a queue that are neither done nor cancelled; further ones are refused. */
const DOWNLOADS_MAX = 1000;
/** Mirrors of one file. */
const URLS_MAX = 32;
/** Leaves room for the size and `.part.json.new` in a name of 255 bytes. */
const NAME_BYTES_MAX = 200;
const HEX_LENGTH: Readonly<Record<DigestAlgorithm, number>> = { sha256: 64, sha512: 128, md5: 32 };

/** Downloads by the path of their file. */
export class OpenDownloads<D extends Download> {
  readonly #byPlace = new Map<string, D>();

  /** All that are neither done nor cancelled, in the order in which they were added. */
  get all(): readonly D[] {
    return [...this.#byPlace.values()];
  }

  /**
   * Adds a download.
   * @throws RackError `bad-argument`; `already-exists` if another download has this directory and name; `limit-reached`
   */
  add(request: DownloadRequest, make: () => D): D {
    checkRequest(request);
    const place = join(request.directory, request.name);
    if (this.#byPlace.has(place)) {
      throw new RackError('already-exists', `${place} is being downloaded: wait for it, or cancel it first`);
    }
    if (this.#byPlace.size >= DOWNLOADS_MAX) {
      throw new RackError('limit-reached', `there are already ${DOWNLOADS_MAX} downloads: cancel unneeded ones`);
    }
    const download = make();
    this.#byPlace.set(place, download);
    const unwatch = download.watch(() => {
      if (download.state.kind !== 'done' && download.state.kind !== 'cancelled') return;
      unwatch();
      if (this.#byPlace.get(place) === download) this.#byPlace.delete(place);
    });
    return download;
  }
}

/** @throws RackError `bad-argument` */
function checkRequest({ urls, bytes, bytesMax, digest, name }: DownloadRequest): void {
  const refuse = (why: string): never => {
    throw new RackError('bad-argument', `${JSON.stringify(cleanText(name))} cannot be downloaded: ${why}`);
  };
  if (urls.length === 0 || urls.length > URLS_MAX) refuse(`give 1 to ${URLS_MAX} URLs, not ${urls.length}`);
  for (const url of urls) parseWebUrl(url);
  if (
    basename(name) !== name ||
    /^\.*$/.test(name) ||
    name.includes('\0') ||
    Buffer.byteLength(name) > NAME_BYTES_MAX
  ) {
    refuse(`use a file name of 1 to ${NAME_BYTES_MAX} bytes without a directory`);
  }
  if (digest !== undefined && !new RegExp(`^[0-9a-f]{${HEX_LENGTH[digest.algorithm]}}$`).test(digest.hex)) {
    refuse(`${JSON.stringify(cleanText(digest.hex))} is not a ${digest.algorithm} in lower-case hexadecimal digits`);
  }
  if (bytes !== undefined && bytes > bytesMax) refuse(`it has ${counted(bytes, 'byte')}, but the limit is ${bytesMax}`);
}
