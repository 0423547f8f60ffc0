// A TFTP client like a PXE ROM's (RFC 1350, RFC 2347 to 2349). It does not use the server's codec,
// so that the two cannot share mistakes. Sans-IO.

import type { Ipv4 } from '../ground/address.ts';
import { copyBytes } from '../ground/borrowed-bytes.ts';
import { type Instant, later } from '../ground/clock.ts';
import { counted } from '../ground/counted.ts';

type DownloadResult =
  | { readonly kind: 'done'; readonly bytes: Uint8Array }
  | { readonly kind: 'failed'; readonly reason: string; readonly isSilent?: true };

interface Outgoing {
  readonly bytes: Uint8Array;
  readonly to: Ipv4;
  /** 0 for the server's well-known port. */
  readonly port: number;
}

const REQUEST_BLOCK_BYTES = 1432;
const RETRY_MS = 1000;
/**
 * The longest wait before the last datagram is sent again. With TRIES_MAX tries, the client gives
 * up on a silent server after 27 s.
 */
const RETRY_MS_MAX = 4000;
const TRIES_MAX = 8;
const FILE_BYTES_MAX = 64 * 1024 * 1024;

export class TftpDownload {
  readonly #server: Ipv4;
  readonly #request: Buffer;
  #port: number | undefined;
  #blockBytes = 512;
  #received = 0;
  #blocks: Buffer[] = [];
  #bytes = 0;
  #lastSent: Outgoing;
  #tries = 1;
  #deadline: Instant | undefined;
  #result: DownloadResult | undefined;
  #outgoing: Outgoing[] = [];

  constructor(file: string, server: Ipv4, now: Instant) {
    this.#server = server;
    const requestFields = [file, 'octet', 'blksize', String(REQUEST_BLOCK_BYTES), 'tsize', '0'];
    this.#request = Buffer.concat([Buffer.of(0, 1), Buffer.from(`${requestFields.join('\0')}\0`, 'latin1')]);
    this.#lastSent = { bytes: this.#request, to: server, port: 0 };
    this.#send(this.#lastSent, now);
  }

  get deadline(): Instant | undefined {
    return this.#deadline;
  }
  get result(): DownloadResult | undefined {
    return this.#result;
  }
  get blockBytes(): number {
    return this.#blockBytes;
  }

  takeOutgoing(): readonly Outgoing[] {
    const outgoing = this.#outgoing;
    this.#outgoing = [];
    return outgoing;
  }

  timeout(now: Instant): void {
    if (this.#deadline === undefined || now < this.#deadline) return;
    this.#tries += 1;
    if (this.#tries > TRIES_MAX)
      this.#finish({ kind: 'failed', reason: 'the server stopped answering', isSilent: true });
    else this.#send(this.#lastSent, now);
  }

  receive(datagram: Uint8Array, from: Ipv4, fromPort: number, now: Instant): void {
    if (this.#result !== undefined || from !== this.#server || (this.#port !== undefined && fromPort !== this.#port))
      return;
    const bytes = Buffer.from(datagram);
    if (bytes.length < 4) return;
    const opcode = bytes.readUInt16BE(0);
    if (opcode === 5)
      this.#finish({
        kind: 'failed',
        reason: `error ${bytes.readUInt16BE(2)} ${bytes.toString('latin1', 4).replace(/\0.*$/s, '')}`,
      });
    else if (opcode === 6 && this.#received === 0) this.#acceptOptions(bytes, fromPort, now);
    else if (opcode === 3) this.#acceptBlock(bytes, fromPort, now);
  }

  #acceptOptions(bytes: Buffer, port: number, now: Instant): void {
    const optionFields = bytes.toString('latin1', 2).split('\0');
    for (let index = 0; index + 1 < optionFields.length; index += 2) {
      const value = Number(optionFields[index + 1]);
      if (optionFields[index]?.toLowerCase() === 'blksize' && value >= 8 && value <= REQUEST_BLOCK_BYTES)
        this.#blockBytes = value;
      if (optionFields[index]?.toLowerCase() === 'tsize' && value > FILE_BYTES_MAX) {
        this.#finish({ kind: 'failed', reason: `the file has ${counted(value, 'byte')}` });
        return;
      }
    }
    this.#port = port;
    this.#acknowledge(0, now);
  }

  #acceptBlock(bytes: Buffer, port: number, now: Instant): void {
    this.#port ??= port;
    const block = bytes.readUInt16BE(2);
    if (block !== ((this.#received + 1) & 0xffff)) {
      // A repeated block: our acknowledgement was lost. Ignore anything else.
      if (block === (this.#received & 0xffff)) this.#acknowledge(block, now);
      return;
    }
    const data = Buffer.from(copyBytes(bytes, 4));
    this.#received += 1;
    this.#bytes += data.length;
    this.#blocks.push(data);
    if (this.#bytes > FILE_BYTES_MAX)
      this.#finish({ kind: 'failed', reason: `the file has more than ${FILE_BYTES_MAX} bytes` });
    else {
      this.#acknowledge(block, now);
      if (data.length < this.#blockBytes) this.#finish({ kind: 'done', bytes: Buffer.concat(this.#blocks) });
    }
  }

  #acknowledge(block: number, now: Instant): void {
    this.#tries = 1;
    this.#lastSent = { bytes: Buffer.of(0, 4, block >> 8, block & 255), to: this.#server, port: this.#port ?? 0 };
    this.#send(this.#lastSent, now);
  }

  #send(outgoing: Outgoing, now: Instant): void {
    this.#outgoing.push(outgoing);
    this.#deadline = later(now, Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** (this.#tries - 1)));
  }

  #finish(result: DownloadResult): void {
    this.#result = result;
    this.#deadline = undefined;
  }
}
