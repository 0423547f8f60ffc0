// A load of TFTP clients, each with an address of its own, that read one file repeatedly.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { formatIpv4, type Ipv4, ipv4 } from '../src/ground/address.ts';
import { later, systemClock } from '../src/ground/clock.ts';
import { loadLibc } from '../src/net/linux/libc.ts';
import { EPOLL_EVENT_BYTES } from '../src/net/linux/wire-structs.ts';
import { ArrivingFile } from './arriving-file.ts';
import type { Figure } from './figure.ts';
import { addressOf, finishLoad, readSettings, Span } from './load.ts';
import { TftpClient } from './tftp-client.ts';

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
const EVENTS_MAX = 64;
const [EPOLLIN, EPOLL_CTL_ADD] = [1, 1] as const;

const settings = readSettings<Settings>();
const server = addressOf(settings.server);
const content = readFileSync(settings.content);
const libc = loadLibc();

class Client extends TftpClient {
  /** Of the files that were read completely. */
  #wholeBytes = 0;
  #current: ArrivingFile | undefined;

  constructor(address: Ipv4, part: Part) {
    super(libc, address, { ...part, server, silenceMs: SILENCE_MS });
    this.#read();
  }

  get payloadBytes(): number {
    return this.#wholeBytes + (this.#current?.bytes ?? 0);
  }

  /** Reads the file, and then again. */
  #read(): void {
    this.#current = new ArrivingFile(settings.file, content, ({ bytes }) => {
      this.#wholeBytes += bytes;
      this.#read();
    });
    this.begin(this.#current);
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

  get payloadBytes(): number {
    return this.#clients.reduce((sum, client) => sum + client.payloadBytes, 0);
  }

  get repeats(): number {
    return this.#clients.reduce((sum, client) => sum + client.repeats, 0);
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
  const [bytesBefore, repeatsBefore] = [clients.payloadBytes, clients.repeats];
  const span = new Span(settings);
  clients.run(part.measureMs);
  const { seconds, serverCpuSeconds, loadIdle } = span.end();
  const bytes = clients.payloadBytes - bytesBefore;
  const repeats = clients.repeats - repeatsBefore;
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
  clients.run(READY_MS_MAX, () => clients.payloadBytes > 0);
  clients.close();
  if (clients.payloadBytes === 0) throw new Error(`no block within ${READY_MS_MAX} ms`);
}

const most = Math.max(...settings.parts.map(({ clients }) => clients));
for (let index = 1; index < most; index += 1) {
  const address = formatIpv4(ipv4(addressOf(settings.client) + index));
  execFileSync('ip', ['address', 'replace', `${address}/${settings.networkPrefix}`, 'dev', 'eth0']);
}
awaitServer();
finishLoad(settings.parts.flatMap(measure));
