// A site with simplestreams of disk images on loopback, signed by a real key, whose files come as slowly as wanted, and in parts.

import { createReadStream, existsSync, mkdirSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { GpgHome } from './gpg-home.ts';
import { type SiteProduct, writeStreamSite } from './stream-site.ts';

/** An image of the site. */
export interface SiteImage {
  readonly release: string;
  readonly serial: string;
  readonly content: Uint8Array;
}

export class ImageSite {
  readonly #gpg = new GpgHome();
  readonly #key: string;
  readonly #directory: string;
  readonly #server: Server;
  /** Bytes of images that were sent. */
  sent = 0;
  /** A pause after each piece of an image, in milliseconds. */
  pauseMs = 0;

  /** @param directory an existing one, in which the site is laid out */
  constructor(directory: string) {
    this.#directory = directory;
    this.#key = this.#gpg.makeKey('site');
    const sending = {
      onImage: (bytes: number): void => {
        this.sent += bytes;
      },
      pauseMs: (): number => this.pauseMs,
    };
    this.#server = createServer((request, response) => sendSiteFile(directory, request, response, sending));
  }

  /** The public keys of the site. */
  get keyring(): Uint8Array {
    return this.#gpg.export(['site']);
  }

  /** Lays out the site: Ubuntu's images for amd64. */
  write(images: readonly SiteImage[]): void {
    const products: Record<string, SiteProduct> = {};
    for (const { release, serial, content } of images) {
      const path = `server/${release}/${serial}/disk.img`;
      products[`com.example:${release}:amd64`] = {
        tags: { arch: 'amd64', os: 'ubuntu', release, version: release, label: 'release', release_title: release },
        versions: { [serial]: { files: { 'disk1.img': { ftype: 'disk1.img', path, content } } } },
      };
    }
    mkdirSync(this.#directory, { recursive: true });
    writeStreamSite(this.#directory, { 'com.example:download': products }, { home: this.#gpg, key: this.#key });
  }

  /** @returns its URL */
  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
    this.#gpg.remove();
  }
}

/** How the files of a site are sent. */
export interface Sending {
  /** Called with each piece of an image. */
  readonly onImage: (bytes: number) => void;
  /** A pause after each piece of an image, in milliseconds. */
  readonly pauseMs: () => number;
}

/** Answers a request for a file of a site, or for its bytes from a place on. */
export function sendSiteFile(
  directory: string,
  { url = '', headers }: IncomingMessage,
  response: ServerResponse,
  { onImage, pauseMs }: Sending,
): void {
  const file = join(directory, url);
  if (!existsSync(file)) {
    response.writeHead(404).end();
    return;
  }
  const { size } = statSync(file);
  const from = Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0);
  const tag = { ETag: `"${size}"`, 'Content-Length': size - from };
  if (from > 0) response.writeHead(206, { ...tag, 'Content-Range': `bytes ${from}-${size - 1}/${size}` });
  else response.writeHead(200, tag);
  const isImage = /\.(?:img|qcow2)$/.test(url);
  const stream = createReadStream(file, { start: from, highWaterMark: 64 * 1024 });
  stream.on('data', (bytes) => {
    if (isImage) onImage(bytes.length);
    const pause = isImage ? pauseMs() : 0;
    const isTaken = response.write(bytes);
    if (isTaken && pause === 0) return;
    stream.pause();
    if (pause > 0) setTimeout(() => stream.resume(), pause);
    else response.once('drain', () => stream.resume());
  });
  stream.on('end', () => response.end());
  response.on('close', () => stream.destroy());
}
