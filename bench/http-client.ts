// An HTTP client of a load, with an address of its own, that reads one file at a time, each by a connection of its own as loaders do.
// Source: RFC 9112. By system calls, so that the load needs less of its core than any server of its own.
//
// 1. A status other than 200 and an answer without its length end the load with an error.
// 2. A connection that is refused or reset before the answer is tried again after RETRY_MS; such tries are counted.

import { formatIpv4, type Ipv4 } from '../src/ground/address.ts';
import { type Instant, later, systemClock } from '../src/ground/clock.ts';
import { findErrorName, type Libc } from '../src/net/linux/libc.ts';
import { AF_INET, encodeSocketAddress, SOCK_FLAGS } from '../src/net/linux/wire-structs.ts';
import type { ArrivingFile } from './arriving-file.ts';

const SOCK_STREAM = 1;
/** The connection is being made. */
const EINPROGRESS = 115;
const RETRY_MS = 100;
const HEAD_BYTES_MAX = 16 * 1024;
const piece = Buffer.allocUnsafeSlow(256 * 1024);

export class HttpClient {
  repeats = 0;
  readonly #libc: Libc;
  readonly #own: Uint8Array;
  readonly #server: Ipv4;
  readonly #port: number;
  /** Called with each new connection's descriptor. */
  readonly #onOpen: (fd: number) => void;
  #fd = -1;
  #file: ArrivingFile | undefined;
  #isAsked = false;
  /** The bytes of the answer's head so far; undefined once it is complete. */
  #head: Buffer | undefined;
  #length = 0;
  #retryAt: Instant | undefined;

  constructor(libc: Libc, address: Ipv4, server: Ipv4, port: number, onOpen: (fd: number) => void) {
    this.#libc = libc;
    this.#own = encodeSocketAddress(address, 0);
    this.#server = server;
    this.#port = port;
    this.#onOpen = onOpen;
  }

  /** Asks for a file. */
  begin(file: ArrivingFile): void {
    this.#file = file;
    this.#isAsked = false;
    this.#head = Buffer.alloc(0);
    this.#retryAt = undefined;
    this.#fd = this.#libc.socket(AF_INET, SOCK_STREAM | SOCK_FLAGS, 0);
    if (this.#libc.bind(this.#fd, this.#own, this.#own.length) !== 0)
      throw new Error(`bind: ${findErrorName(this.#libc.errno())}`);
    const to = encodeSocketAddress(this.#server, this.#port);
    if (this.#libc.connect(this.#fd, to, to.length) !== 0 && this.#libc.errno() !== EINPROGRESS)
      throw new Error(`connect: error ${this.#libc.errno()}`);
    this.#onOpen(this.#fd);
  }

  /** Takes what has come; to be called when the connection is open, too. */
  receive(): void {
    const file = this.#file;
    if (file === undefined) return;
    if (!this.#isAsked) this.#ask(file);
    for (;;) {
      const length = this.#libc.recv(this.#fd, piece, piece.length, 0);
      if (length < 0 && findErrorName(this.#libc.errno()) === 'EAGAIN') return;
      if (length <= 0) this.#lose(file);
      else this.#take(file, length);
      if (this.#file !== file || length < piece.length) return;
    }
  }

  /** Tries again where a connection failed; call it periodically. */
  wake(): void {
    if (this.#file === undefined || this.#retryAt === undefined || systemClock.now() < this.#retryAt) return;
    this.repeats += 1;
    this.begin(this.#file);
  }

  close(): void {
    if (this.#fd >= 0) this.#libc.close(this.#fd);
    this.#fd = -1;
  }

  #ask({ name }: ArrivingFile): void {
    const host = `${formatIpv4(this.#server)}:${this.#port}`;
    const request = Buffer.from(`GET /${name} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`, 'latin1');
    this.#isAsked = this.#libc.send(this.#fd, request, request.length, 0) === request.length;
  }

  #lose(file: ArrivingFile): void {
    if (file.bytes > 0) throw new Error(`${file.name}: the connection ended at ${file.bytes}`);
    this.close();
    this.#retryAt = later(systemClock.now(), RETRY_MS);
  }

  #take(file: ArrivingFile, length: number): void {
    const from = this.#head === undefined ? 0 : this.#takeHead(file, this.#head, length);
    if (from === undefined) return;
    file.take(piece, from, length);
    if (file.bytes < this.#length) return;
    this.close();
    this.#file = undefined;
    file.end();
  }

  /** @returns where the body begins in the latest piece */
  #takeHead({ name }: ArrivingFile, before: Buffer, length: number): number | undefined {
    const head = Buffer.concat([before, piece.subarray(0, Math.min(length, HEAD_BYTES_MAX))]);
    const end = head.indexOf('\r\n\r\n');
    this.#head = head;
    if (end < 0 && head.length < HEAD_BYTES_MAX) return undefined;
    const text = head.toString('latin1', 0, end);
    const size = /^content-length: *(\d+)\r?$/im.exec(text)?.[1];
    if (!/^HTTP\/1\.1 200 /.test(text) || size === undefined) throw new Error(`${name}: ${text}`);
    this.#length = Number(size);
    this.#head = undefined;
    return end + 4 - before.length;
  }
}
