// A load of TFTP clients that read one file repeatedly. Sources: RFC 1350, RFC 2347, RFC 2348, RFC 7440. Bytes are written
// and read here, so that the server's codec does not check itself.
//
//   client: RRQ ─ OACK ─ ACK 0 ─ DATA … checked, the last of each window acknowledged ─ short block ─ ACK ─ RRQ …
//
// 1. Every block is compared with the file. Blocks out of order are dropped, and the last good one is acknowledged once per window.
// 2. A client without a packet for SILENCE_MS repeats its last packet; repetitions are counted.
// 3. A wrong byte or an ERROR ends the load with an error.

import { readFileSync } from 'node:fs';
import { sleep, systemClock } from '../src/clock.ts';
import { copyBytes } from '../src/net/borrowed-bytes.ts';
import type { DatagramNetwork, DatagramSocket, ReceivedDatagram } from '../src/net/datagrams/datagram.ts';
import { openNetwork } from '../src/net/datagrams/open-network.ts';
import type { Figure } from './figure.ts';
import { addressOf, finishLoad, readSettings, Span } from './load.ts';

interface Settings {
  readonly server: string;
  readonly client: string;
  /** The requested name, and the path of the same content for this load. */
  readonly file: string;
  readonly content: string;
  readonly parts: readonly {
    readonly name: string;
    readonly clients: number;
    readonly windowBlocks: number;
  }[];
  readonly warmupMs: number;
  readonly measureMs: number;
}

const BLOCK_BYTES = 1428;
const SILENCE_MS = 250;
const READY_MS_MAX = 20_000;
const OPCODE = { read: 1, data: 3, ack: 4, error: 5, options: 6 } as const;

const settings = readSettings<Settings>();
const server = addressOf(settings.server);
const content = readFileSync(settings.content);
let payloadBytes = 0;
let repeats = 0;
let running = true;

class Client {
  readonly #socket: DatagramSocket;
  readonly #request: Buffer;
  readonly #ack = Buffer.from([0, OPCODE.ack, 0, 0]);
  readonly #windowBlocks: number;
  #port = 69;
  #last: Buffer;
  /** Blocks received in order, and how many of them are acknowledged. */
  #taken = 0;
  #acknowledged = 0;
  #outOfTurn = false;
  #heardAt = systemClock.now();
  /** The number of complete files. */
  files = 0;

  private constructor(socket: DatagramSocket, windowBlocks: number) {
    this.#socket = socket;
    this.#windowBlocks = windowBlocks;
    const window = windowBlocks === 1 ? [] : ['windowsize', String(windowBlocks)];
    const words = [settings.file, 'octet', 'blksize', String(BLOCK_BYTES), ...window];
    this.#request = Buffer.from(`\0\x01${words.join('\0')}\0`, 'latin1');
    this.#last = this.#request;
  }

  static async open(network: DatagramNetwork, windowBlocks: number): Promise<Client> {
    let client: Client | undefined;
    const socket = await network.open({
      address: addressOf(settings.client),
      port: 0,
      onDatagrams: (datagrams) => client?.receive(datagrams),
    });
    client = new Client(socket, windowBlocks);
    return client;
  }

  begin(): void {
    this.#port = 69;
    this.#taken = 0;
    this.#acknowledged = 0;
    this.#send(this.#request);
  }

  receive(datagrams: readonly ReceivedDatagram[]): void {
    this.#heardAt = systemClock.now();
    for (const { bytes, fromPort } of datagrams) {
      if (this.#port !== 69 && fromPort !== this.#port) continue;
      const opcode = bytes[1];
      if (opcode === OPCODE.data) this.#takeBlock(copyBytes(bytes), fromPort);
      else if (opcode === OPCODE.options) this.#takeOptions(copyBytes(bytes), fromPort);
      else if (running) throw new Error(`opcode ${opcode}: ${Buffer.from(bytes).toString('latin1')}`);
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
    this.#socket.close();
  }

  #takeOptions(bytes: Uint8Array, port: number): void {
    const granted = Buffer.from(bytes).toString('latin1').toLowerCase();
    if (!granted.includes(`blksize\0${BLOCK_BYTES}\0`)) throw new Error(`options granted: ${granted}`);
    if (this.#windowBlocks > 1 && !granted.includes(`windowsize\0${this.#windowBlocks}\0`))
      throw new Error(`options granted: ${granted}`);
    this.#port = port;
    if (this.#taken === 0) this.#acknowledge();
  }

  #takeBlock(bytes: Uint8Array, port: number): void {
    this.#port = port;
    const block = ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0);
    if (block !== ((this.#taken + 1) & 0xffff)) {
      if (!this.#outOfTurn) this.#acknowledge();
      this.#outOfTurn = true;
      return;
    }
    this.#outOfTurn = false;
    const from = this.#taken * BLOCK_BYTES;
    const length = bytes.length - 4;
    if (Buffer.compare(bytes.subarray(4), content.subarray(from, from + length)) !== 0)
      throw new Error(`block ${this.#taken + 1} of ${settings.file} differs`);
    this.#taken += 1;
    payloadBytes += length;
    const isLast = length < BLOCK_BYTES;
    if (isLast && from + length !== content.length) throw new Error(`${settings.file} ends at ${from + length}`);
    if (isLast || this.#taken - this.#acknowledged >= this.#windowBlocks) this.#acknowledge();
    if (!isLast) return;
    this.files += 1;
    if (running) this.begin();
  }

  #acknowledge(): void {
    this.#acknowledged = this.#taken;
    this.#ack.writeUInt16BE(this.#taken & 0xffff, 2);
    this.#send(this.#ack);
  }

  #send(bytes: Buffer): void {
    this.#last = bytes;
    this.#socket.send([{ bytes, to: { kind: 'unicast', address: server, port: this.#port } }]);
  }
}

async function attend(clients: readonly Client[], ms: number): Promise<void> {
  const until = systemClock.now() + ms;
  while (systemClock.now() < until) {
    await sleep(50);
    for (const client of clients) client.wake();
  }
}

async function measure(part: Settings['parts'][number]): Promise<readonly Figure[]> {
  running = true;
  const clients = await Promise.all(
    Array.from({ length: part.clients }, () => Client.open(network, part.windowBlocks)),
  );
  for (const client of clients) client.begin();
  await attend(clients, settings.warmupMs);
  payloadBytes = 0;
  repeats = 0;
  const span = new Span(settings);
  await attend(clients, settings.measureMs);
  const { seconds, serverCpuSeconds, loadCores } = span.end();
  const bytes = payloadBytes;
  running = false;
  for (const client of clients) client.close();
  await sleep(500);
  return [
    { metric: part.name, unit: 'MB/s', value: bytes / 1e6 / seconds },
    { metric: `${part.name}, server CPU`, unit: 's/GB', value: (serverCpuSeconds * 1e9) / bytes },
    { metric: `${part.name}, load's core`, unit: 'share', value: loadCores },
    { metric: `${part.name}, sent again`, unit: '', value: repeats },
  ];
}

/** Reads until blocks arrive. */
async function awaitServer(): Promise<void> {
  const client = await Client.open(network, 1);
  for (let waitedMs = 0; payloadBytes === 0; waitedMs += 100) {
    if (waitedMs > READY_MS_MAX) throw new Error(`no block within ${READY_MS_MAX} ms`);
    client.begin();
    await sleep(100);
  }
  running = false;
  client.close();
  await sleep(500);
}

const network = await openNetwork();
await awaitServer();
const figures: Figure[] = [];
for (const part of settings.parts) figures.push(...(await measure(part)));
finishLoad(figures);
