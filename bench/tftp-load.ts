// A load of TFTP clients, each with an address of its own, that read one file repeatedly. Sources: RFC 1350, RFC 2347, RFC 2348, RFC 7440.
// Bytes are written and read here, so that the server's codec does not check itself; and by system calls, so that the load needs less
// of its core than any server of its own.
//
//   client: RRQ ─ OACK ─ ACK 0 ─ DATA … checked, the last of each window acknowledged ─ short block ─ ACK ─ RRQ …
//
// 1. Every block is compared with the file. Blocks out of order are dropped, and the last good one is acknowledged once per window.
// 2. A client without a packet for SILENCE_MS repeats its last packet; repetitions are counted.
// 3. A wrong byte or an ERROR ends the load with an error.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { later, systemClock } from '../src/clock.ts';
import { formatIpv4, type Ipv4, ipv4 } from '../src/net/address.ts';
import { errorName, loadLibc } from '../src/net/linux/libc.ts';
import {
  AF_INET,
  EPOLL_EVENT_BYTES,
  intBytes,
  SO_RCVBUF,
  SOCK_DGRAM,
  SOCK_FLAGS,
  SOL_SOCKET,
  socketAddress,
} from '../src/net/linux/wire-structs.ts';
import type { Figure } from './figure.ts';
import { addressOf, finishLoad, readSettings, Span } from './load.ts';

/** A span that is measured. */
interface Part {
  readonly name: string;
  readonly clients: number;
  readonly blockBytes: number;
  readonly windowBlocks: number;
  readonly warmupMs: number;
  readonly measureMs: number;
}

interface Settings {
  readonly server: string;
  /** The first client's; the others have the following ones. */
  readonly client: string;
  readonly networkPrefix: number;
  /** The requested name, and the path of the same content for this load. */
  readonly file: string;
  readonly content: string;
  readonly parts: readonly Part[];
}

const SILENCE_MS = 250;
const READY_MS_MAX = 20_000;
/** Until the server has forgotten the clients of a part. */
const REST_MS = 500;
const RECEIVE_BUFFER_BYTES = 1024 * 1024;
const EVENTS_MAX = 64;
const [EPOLLIN, EPOLL_CTL_ADD] = [1, 1] as const;
const OPCODE = { read: 1, data: 3, ack: 4, error: 5, options: 6 } as const;

const settings = readSettings<Settings>();
const server = addressOf(settings.server);
const content = readFileSync(settings.content);
const libc = loadLibc();
const packet = Buffer.allocUnsafeSlow(65_536);
let payloadBytes = 0;
let repeats = 0;

class Client {
  readonly fd: number;
  readonly #part: Part;
  readonly #request: Buffer;
  readonly #ack = Buffer.from([0, OPCODE.ack, 0, 0]);
  readonly #from = Buffer.alloc(16);
  readonly #fromLength = intBytes(16);
  /** 0: nothing has come yet, and the answer may come from any port. */
  #port = 0;
  #to = socketAddress(server, 69);
  #last: Buffer;
  /** Blocks received in order, and how many of them are acknowledged. */
  #taken = 0;
  #acknowledged = 0;
  #isOutOfTurn = false;
  #heardAt = systemClock.now();

  constructor(address: Ipv4, part: Part) {
    this.#part = part;
    const window = part.windowBlocks === 1 ? [] : ['windowsize', String(part.windowBlocks)];
    const words = [settings.file, 'octet', 'blksize', String(part.blockBytes), ...window];
    this.#request = Buffer.from(`\0\x01${words.join('\0')}\0`, 'latin1');
    this.#last = this.#request;
    this.fd = libc.socket(AF_INET, SOCK_DGRAM | SOCK_FLAGS, 0);
    const buffer = intBytes(RECEIVE_BUFFER_BYTES);
    libc.setsockopt(this.fd, SOL_SOCKET, SO_RCVBUF, buffer, buffer.length);
    const own = socketAddress(address, 0);
    if (libc.bind(this.fd, own, own.length) !== 0)
      throw new Error(`bind ${formatIpv4(address)}: ${errorName(libc.errno())}`);
    this.#begin();
  }

  #begin(): void {
    this.#port = 0;
    this.#to = socketAddress(server, 69);
    this.#taken = 0;
    this.#acknowledged = 0;
    this.#isOutOfTurn = false;
    this.#send(this.#request);
  }

  /** Takes everything that has come. */
  receive(): void {
    this.#heardAt = systemClock.now();
    for (let most = this.#part.windowBlocks; most > 0; most -= 1) {
      const length = libc.recvfrom(this.fd, packet, packet.length, 0, this.#from, this.#fromLength);
      if (length < 0) return;
      const port = this.#from.readUInt16BE(2);
      if (this.#port !== 0 && port !== this.#port) continue;
      if (this.#port === 0) this.#to = socketAddress(server, port);
      this.#port = port;
      if (packet[1] === OPCODE.data) this.#takeBlock(length);
      else if (packet[1] === OPCODE.options) this.#takeOptions(length);
      else throw new Error(`opcode ${packet[1]}: ${packet.toString('latin1', 0, length)}`);
    }
  }

  /** Repeats lost packets; call it periodically. */
  wake(): void {
    if (systemClock.now() - this.#heardAt < SILENCE_MS) return;
    repeats += 1;
    this.#heardAt = systemClock.now();
    this.#send(this.#last);
  }

  close(): void {
    this.#send(Buffer.from('\0\x05\0\0done\0', 'latin1'));
    libc.close(this.fd);
  }

  #takeOptions(length: number): void {
    const granted = packet.toString('latin1', 0, length).toLowerCase();
    const { blockBytes, windowBlocks } = this.#part;
    const windowed = windowBlocks === 1 || granted.includes(`windowsize\0${windowBlocks}\0`);
    if (!granted.includes(`blksize\0${blockBytes}\0`) || !windowed) throw new Error(`options granted: ${granted}`);
    if (this.#taken === 0) this.#acknowledge();
  }

  #takeBlock(length: number): void {
    const block = packet.readUInt16BE(2);
    if (block !== ((this.#taken + 1) & 0xffff)) {
      if (!this.#isOutOfTurn) this.#acknowledge();
      this.#isOutOfTurn = true;
      return;
    }
    this.#isOutOfTurn = false;
    const { blockBytes, windowBlocks } = this.#part;
    const from = this.#taken * blockBytes;
    const end = from + length - 4;
    if (end > content.length || packet.compare(content, from, end, 4, length) !== 0)
      throw new Error(`block ${this.#taken + 1} of ${settings.file} differs`);
    this.#taken += 1;
    payloadBytes += end - from;
    const isLast = end - from < blockBytes;
    if (isLast && end !== content.length) throw new Error(`${settings.file} ends at ${end}`);
    if (isLast || this.#taken - this.#acknowledged >= windowBlocks) this.#acknowledge();
    if (isLast) this.#begin();
  }

  #acknowledge(): void {
    this.#acknowledged = this.#taken;
    this.#ack.writeUInt16BE(this.#taken & 0xffff, 2);
    this.#send(this.#ack);
  }

  #send(bytes: Buffer): void {
    this.#last = bytes;
    libc.sendto(this.fd, bytes, bytes.length, 0, this.#to, this.#to.length);
  }
}

const sleepMs = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

/** The clients of one part, until `close`. */
class Clients {
  readonly #clients: readonly Client[];
  readonly #epoll = libc.epoll_create1(0);
  readonly #events = Buffer.allocUnsafeSlow(EVENTS_MAX * EPOLL_EVENT_BYTES);

  constructor(part: Part) {
    const first = addressOf(settings.client);
    this.#clients = Array.from({ length: part.clients }, (_, index) => new Client(ipv4(first + index), part));
    for (const [index, { fd }] of this.#clients.entries()) {
      const event = Buffer.alloc(EPOLL_EVENT_BYTES);
      event.writeUInt32LE(EPOLLIN, 0);
      event.writeUInt32LE(index, EPOLL_EVENT_BYTES - 8);
      libc.epoll_ctl(this.#epoll, EPOLL_CTL_ADD, fd, event);
    }
  }

  run(ms: number, isDone: () => boolean = () => false): void {
    const until = systemClock.now() + ms;
    let wakeAt = systemClock.now();
    for (let now = wakeAt; now < until && !isDone(); now = systemClock.now()) {
      const count = libc.epoll_wait(this.#epoll, this.#events, EVENTS_MAX, 50);
      for (let at = 0; at < count; at += 1)
        this.#clients[this.#events.readUInt32LE((at + 1) * EPOLL_EVENT_BYTES - 8)]?.receive();
      if (now < wakeAt) continue;
      wakeAt = later(now, 50);
      for (const client of this.#clients) client.wake();
    }
  }

  close(): void {
    for (const client of this.#clients) client.close();
    libc.close(this.#epoll);
    sleepMs(REST_MS);
  }
}

function measure(part: Part): readonly Figure[] {
  const clients = new Clients(part);
  clients.run(part.warmupMs);
  payloadBytes = 0;
  repeats = 0;
  const span = new Span(settings);
  clients.run(part.measureMs);
  const { seconds, serverCpuSeconds, loadIdle } = span.end();
  const bytes = payloadBytes;
  clients.close();
  return [
    { metric: part.name, unit: 'MB/s', value: bytes / 1e6 / seconds },
    { metric: `${part.name}, server CPU`, unit: 's/GB', value: (serverCpuSeconds * 1e9) / bytes },
    { metric: `${part.name}, load's core`, unit: 'share', value: 1 - loadIdle },
    { metric: `${part.name}, sent again`, unit: '', value: repeats },
  ];
}

/** Reads until a block arrives. */
function awaitServer(): void {
  const clients = new Clients({ name: '', clients: 1, blockBytes: 512, windowBlocks: 1, warmupMs: 0, measureMs: 0 });
  clients.run(READY_MS_MAX, () => payloadBytes > 0);
  clients.close();
  if (payloadBytes === 0) throw new Error(`no block within ${READY_MS_MAX} ms`);
}

const most = Math.max(...settings.parts.map(({ clients }) => clients));
for (let index = 1; index < most; index += 1) {
  const address = formatIpv4(ipv4(addressOf(settings.client) + index));
  execFileSync('ip', ['address', 'replace', `${address}/${settings.networkPrefix}`, 'dev', 'eth0']);
}
awaitServer();
finishLoad(settings.parts.flatMap(measure));
