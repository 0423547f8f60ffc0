// A TFTP client of a load, with an address of its own. Sources: RFC 1350, RFC 2347, RFC 2348, RFC 7440. Bytes are written and read here, so
// that the server's codec does not check itself; and by system calls, so that the load needs less of its core than any server of its own.
//
//   RRQ ─ OACK ─ ACK 0 ─ DATA … checked, the last of each window acknowledged ─ short block ─ ACK
//
// 1. Blocks out of order are dropped, and the last good one is acknowledged once per window.
// 2. A client without a packet for `silenceMs` repeats its last packet; repetitions are counted.
// 3. A wrong byte or an ERROR ends the load with an error.

import { formatIpv4, type Ipv4 } from '../src/ground/address.ts';
import { systemClock } from '../src/ground/clock.ts';
import { findErrorName, type Libc } from '../src/net/linux/libc.ts';
import {
  AF_INET,
  encodeInt,
  encodeSocketAddress,
  SO_RCVBUF,
  SOCK_DGRAM,
  SOCK_FLAGS,
  SOL_SOCKET,
} from '../src/net/linux/wire-structs.ts';
import type { ArrivingFile } from './arriving-file.ts';

/** How a client reads. */
export interface TftpTerms {
  readonly server: Ipv4;
  readonly blockBytes: number;
  readonly windowBlocks: number;
  readonly silenceMs: number;
}

const RECEIVE_BUFFER_BYTES = 1024 * 1024;
const OPCODE = { read: 1, data: 3, ack: 4, error: 5, options: 6 } as const;
/** Shared by all clients: each packet is used before the next is received. */
const packet = Buffer.allocUnsafeSlow(65_536);

export class TftpClient {
  readonly fd: number;
  repeats = 0;
  readonly #libc: Libc;
  readonly #terms: TftpTerms;
  readonly #ack = Buffer.from([0, OPCODE.ack, 0, 0]);
  readonly #from = Buffer.alloc(16);
  readonly #fromLength = encodeInt(16);
  /** Undefined between two files. */
  #file: ArrivingFile | undefined;
  /** 0: nothing has come yet, and the answer may come from any port but that of the previous file. */
  #port = 0;
  #previousPort = 0;
  #to: Uint8Array = new Uint8Array();
  #last: Buffer = Buffer.alloc(0);
  /** Blocks received in order, and how many of them are acknowledged. */
  #taken = 0;
  #acknowledged = 0;
  #isOutOfTurn = false;
  #heardAt = systemClock.now();

  constructor(libc: Libc, address: Ipv4, terms: TftpTerms) {
    this.#libc = libc;
    this.#terms = terms;
    this.fd = libc.socket(AF_INET, SOCK_DGRAM | SOCK_FLAGS, 0);
    const buffer = encodeInt(RECEIVE_BUFFER_BYTES);
    libc.setsockopt(this.fd, SOL_SOCKET, SO_RCVBUF, buffer, buffer.length);
    const own = encodeSocketAddress(address, 0);
    if (libc.bind(this.fd, own, own.length) !== 0)
      throw new Error(`bind ${formatIpv4(address)}: ${findErrorName(libc.errno())}`);
  }

  /** Asks for a file. */
  begin(file: ArrivingFile): void {
    const { server, blockBytes, windowBlocks } = this.#terms;
    const window = windowBlocks === 1 ? [] : ['windowsize', String(windowBlocks)];
    const words = [file.name, 'octet', 'blksize', String(blockBytes), ...window];
    this.#file = file;
    this.#previousPort = this.#port;
    this.#port = 0;
    this.#to = encodeSocketAddress(server, 69);
    this.#taken = 0;
    this.#acknowledged = 0;
    this.#isOutOfTurn = false;
    this.#heardAt = systemClock.now();
    this.#send(Buffer.from(`\0\x01${words.join('\0')}\0`, 'latin1'));
  }

  /** Takes everything that has come. */
  receive(): void {
    this.#heardAt = systemClock.now();
    for (let most = this.#terms.windowBlocks; most > 0 && this.#file !== undefined; most -= 1) {
      const length = this.#libc.recvfrom(this.fd, packet, packet.length, 0, this.#from, this.#fromLength);
      if (length < 0) return;
      const port = this.#from.readUInt16BE(2);
      if (this.#port === 0 ? port === this.#previousPort : port !== this.#port) continue;
      if (this.#port === 0) this.#to = encodeSocketAddress(this.#terms.server, port);
      this.#port = port;
      if (packet[1] === OPCODE.data) this.#takeBlock(length);
      else if (packet[1] === OPCODE.options) this.#takeOptions(length);
      else throw new Error(`${this.#file?.name}: opcode ${packet[1]}: ${packet.toString('latin1', 4, length)}`);
    }
  }

  /** Repeats lost packets; call it periodically. */
  wake(): void {
    if (this.#file === undefined || systemClock.now() - this.#heardAt < this.#terms.silenceMs) return;
    this.repeats += 1;
    this.#heardAt = systemClock.now();
    this.#send(this.#last);
  }

  close(): void {
    if (this.#file !== undefined) this.#send(Buffer.from('\0\x05\0\0done\0', 'latin1'));
    this.#libc.close(this.fd);
  }

  #takeOptions(length: number): void {
    const granted = packet.toString('latin1', 0, length).toLowerCase();
    const { blockBytes, windowBlocks } = this.#terms;
    const windowed = windowBlocks === 1 || granted.includes(`windowsize\0${windowBlocks}\0`);
    if (!granted.includes(`blksize\0${blockBytes}\0`) || !windowed) throw new Error(`options granted: ${granted}`);
    if (this.#taken === 0) this.#acknowledge();
  }

  #takeBlock(length: number): void {
    const block = packet.readUInt16BE(2);
    if (this.#file === undefined || block !== ((this.#taken + 1) & 0xffff)) {
      if (!this.#isOutOfTurn) this.#acknowledge();
      this.#isOutOfTurn = true;
      return;
    }
    this.#isOutOfTurn = false;
    const { blockBytes, windowBlocks } = this.#terms;
    const file = this.#file;
    file.take(packet, 4, length);
    this.#taken += 1;
    const isLast = length - 4 < blockBytes;
    if (isLast || this.#taken - this.#acknowledged >= windowBlocks) this.#acknowledge();
    if (!isLast) return;
    this.#file = undefined;
    file.end();
  }

  #acknowledge(): void {
    this.#acknowledged = this.#taken;
    this.#ack.writeUInt16BE(this.#taken & 0xffff, 2);
    this.#send(this.#ack);
  }

  #send(bytes: Buffer): void {
    this.#last = bytes;
    this.#libc.sendto(this.fd, bytes, bytes.length, 0, this.#to, this.#to.length);
  }
}
