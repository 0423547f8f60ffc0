// Sites on loopback whose files come as slowly as wanted, and in parts: of any files, and with signed simplestreams of disk images.

import { once } from 'node:events';
import { createReadStream, mkdirSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { GpgHome } from './gpg-home.ts';
import { type SiteProduct, writeStreamSite } from './stream-site.ts';

/** An image of the site. */
export interface SiteImage {
  readonly release: string;
  readonly serial: string;
  readonly content: Uint8Array;
}

/** The files of a directory on loopback. */
export class FileSite {
  protected readonly directory: string;
  readonly #server: Server;
  /** The paths that were asked for. */
  readonly asked: string[] = [];
  /** Bytes of images that were sent. */
  sent = 0;
  /** A pause after each piece of an image, in milliseconds. */
  pauseMs = 0;
  /** A pause before each answer, in milliseconds. */
  delayMs = 0;
  /** True: it accepts connections, and answers nothing. */
  isSilent = false;
  /** The paths that are refused with a status, after a second. */
  refused: { readonly paths: RegExp; readonly status: number } | undefined;

  /** @param directory in which the site is laid out */
  constructor(directory: string) {
    this.directory = directory;
    this.#server = createServer((request, response) => {
      if (this.delayMs === 0) this.#send(request, response);
      else setTimeout(() => this.#send(request, response), this.delayMs);
    });
  }

  /** @returns its URL, with a slash at the end */
  async open(): Promise<string> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** Sends a file, or its bytes from a place on. */
  #send({ url = '', headers }: IncomingMessage, response: ServerResponse): void {
    this.asked.push(url);
    if (this.isSilent) return;
    const { refused } = this;
    if (refused?.paths.test(url) === true) {
      setTimeout(() => response.writeHead(refused.status).end(), 1000);
      return;
    }
    const file = join(this.directory, url);
    const size = statSync(file, { throwIfNoEntry: false })?.isFile() === true ? statSync(file).size : undefined;
    if (size === undefined) {
      response.writeHead(404).end();
      return;
    }
    const from = Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0);
    const tag = { ETag: `"${size}"`, 'Content-Length': size - from };
    if (from > 0) response.writeHead(206, { ...tag, 'Content-Range': `bytes ${from}-${size - 1}/${size}` });
    else response.writeHead(200, tag);
    const isImage = /\.(?:img|qcow2)$/.test(url);
    const stream = createReadStream(file, { start: from, highWaterMark: 64 * 1024 });
    stream.on('data', (bytes) => {
      if (isImage) this.sent += bytes.length;
      const pause = isImage ? this.pauseMs : 0;
      const isTaken = response.write(bytes);
      if (isTaken && pause === 0) return;
      stream.pause();
      if (pause > 0) setTimeout(() => stream.resume(), pause);
      else response.once('drain', () => stream.resume());
    });
    stream.on('end', () => response.end());
    response.on('close', () => stream.destroy());
  }
}

/** A site of Ubuntu's images, signed. */
export class ImageSite extends FileSite {
  readonly #gpg = new GpgHome();
  readonly #key = this.#gpg.makeKey('site');

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
    mkdirSync(this.directory, { recursive: true });
    writeStreamSite(this.directory, { 'com.example:download': products }, { home: this.#gpg, key: this.#key });
  }

  override close(): void {
    super.close();
    this.#gpg.remove();
  }
}
