// A load of DHCP clients behind one relay agent: each gets a lease by DISCOVER, OFFER, REQUEST, ACK, and renews it once.
// Sources: RFC 2131 §2, §3.1, §4.4.5. Bytes are written and read here, so that the server's codec does not check itself.
//
//   slot: idle ─ DISCOVER ─ OFFER checked ─ REQUEST ─ ACK checked ─ next client
//
// 1. Every answer is checked: xid, hardware address, type, the ACK's address against the OFFER's; no address is given twice.
// 2. At most SLOTS_MAX exchanges run; one that is not answered within LOST_MS counts as lost and its slot goes on.
// 3. A wrong answer ends the load with an error.

import { sleep, systemClock } from '../../src/clock.ts';
import { type Ipv4, parseIpv4 } from '../../src/net/address.ts';
import type { DatagramSocket, OutgoingDatagram, ReceivedDatagram } from '../../src/net/datagram.ts';
import { openNetwork } from '../../src/net/open-network.ts';
import { type Figure, quantile } from './figure.ts';
import { finishLoad, readSettings, Span } from './load.ts';

interface Settings {
  readonly server: string;
  readonly client: string;
  readonly warmup: number;
  readonly parallel: number;
  readonly alone: number;
}

const SLOTS_MAX = 32;
const LOST_MS = 1000;
const READY_MS_MAX = 20_000;
const PHASE_MS_MAX = 60_000;
const TYPE = { discover: 1, offer: 2, request: 3, ack: 5 } as const;
const OPTIONS_AT = 240;
const BYTES = 300;

type Kind = 'lease' | 'renew';

/** One exchange that runs. */
class Slot {
  readonly bytes = Buffer.alloc(BYTES);
  client = 0;
  xid = 0;
  stage: 'idle' | 'discover' | 'request' = 'idle';
  sentAt = 0;
  address = 0;
}

interface PhaseResult {
  readonly seconds: number;
  readonly serverCpuSeconds: number;
  readonly loadCores: number;
  readonly done: number;
  readonly lost: number;
  readonly offerMs: readonly number[];
  readonly ackMs: readonly number[];
}

const settings = readSettings<Settings>();
const server = addressOf(settings.server);
const relay = addressOf(settings.client);
/** The address of each client that has a lease. */
const leases = new Map<number, number>();
const holders = new Map<number, number>();
let serial = 0;

class Phase {
  readonly #socket: () => DatagramSocket;
  readonly #kind: Kind;
  readonly #slots: readonly Slot[];
  readonly #until: number;
  #next: number;
  #done = 0;
  #lost = 0;
  #active = 0;
  readonly #offerMs: number[] = [];
  readonly #ackMs: number[] = [];
  readonly #finished = Promise.withResolvers<void>();

  constructor(socket: () => DatagramSocket, kind: Kind, from: number, count: number, inFlight: number) {
    this.#socket = socket;
    this.#kind = kind;
    this.#next = from;
    this.#until = from + count;
    this.#slots = Array.from({ length: inFlight }, () => new Slot());
  }

  async run(): Promise<PhaseResult> {
    const span = new Span(settings);
    const out: OutgoingDatagram[] = [];
    for (let index = 0; index < this.#slots.length; index += 1) this.#begin(index, out);
    this.#socket().send(out);
    const startedAt = systemClock.now();
    let over = false;
    void this.#finished.promise.then(() => {
      over = true;
    });
    while (!over) {
      await Promise.race([this.#finished.promise, sleep(100)]);
      this.#giveUpLost();
      if (systemClock.now() - startedAt > PHASE_MS_MAX) throw new Error(`a phase takes over ${PHASE_MS_MAX} ms`);
    }
    return { ...span.end(), done: this.#done, lost: this.#lost, offerMs: this.#offerMs, ackMs: this.#ackMs };
  }

  receive(datagrams: readonly ReceivedDatagram[]): void {
    const out: OutgoingDatagram[] = [];
    const now = systemClock.now();
    for (const { bytes } of datagrams) {
      const message = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const xid = message.readUInt32BE(4);
      const index = xid & (SLOTS_MAX - 1);
      const slot = this.#slots[index];
      // Late answers to exchanges that were given up.
      if (slot === undefined || slot.xid !== xid || slot.stage === 'idle') continue;
      this.#take(index, slot, message, now, out);
    }
    if (out.length > 0) this.#socket().send(out);
  }

  #take(index: number, slot: Slot, message: Buffer, now: number, out: OutgoingDatagram[]): void {
    const { type, serverId } = readAnswer(message, slot);
    const address = message.readUInt32BE(16);
    if (slot.stage === 'discover') {
      if (type !== TYPE.offer || address === 0 || serverId === undefined)
        throw wrong(slot, `type ${type} for an OFFER`);
      this.#offerMs.push(now - slot.sentAt);
      slot.stage = 'request';
      slot.address = address;
      slot.sentAt = now;
      writeRequest(slot.bytes, address, serverId);
      out.push(datagram(slot));
      return;
    }
    if (type !== TYPE.ack || address !== slot.address) throw wrong(slot, `type ${type}, address ${address} for an ACK`);
    this.#ackMs.push(now - slot.sentAt);
    const holder = holders.get(address);
    if (holder !== undefined && holder !== slot.client) throw wrong(slot, `${address} is already client ${holder}'s`);
    holders.set(address, slot.client);
    leases.set(slot.client, address);
    this.#done += 1;
    this.#end(index, slot, out);
  }

  #end(index: number, slot: Slot, out: OutgoingDatagram[]): void {
    slot.stage = 'idle';
    this.#active -= 1;
    this.#begin(index, out);
    if (this.#active === 0) this.#finished.resolve();
  }

  #begin(index: number, out: OutgoingDatagram[]): void {
    const slot = this.#slots[index];
    if (slot === undefined || this.#next >= this.#until) return;
    slot.client = this.#next;
    this.#next += 1;
    serial += 1;
    slot.xid = ((serial * SLOTS_MAX + index) & 0x7fffffff) >>> 0;
    slot.sentAt = systemClock.now();
    if (this.#kind === 'lease') {
      slot.stage = 'discover';
      writeHeader(slot, 0);
      writeDiscover(slot.bytes);
    } else {
      slot.stage = 'request';
      slot.address = leases.get(slot.client) ?? 0;
      writeHeader(slot, slot.address);
      slot.bytes.set([53, 1, TYPE.request, 255], OPTIONS_AT);
    }
    this.#active += 1;
    out.push(datagram(slot));
  }

  #giveUpLost(): void {
    const out: OutgoingDatagram[] = [];
    const now = systemClock.now();
    this.#slots.forEach((slot, index) => {
      if (slot.stage === 'idle' || now - slot.sentAt < LOST_MS) return;
      this.#lost += 1;
      this.#end(index, slot, out);
    });
    if (out.length > 0) this.#socket().send(out);
  }
}

function addressOf(text: string): Ipv4 {
  const address = parseIpv4(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  return address;
}

const wrong = (slot: Slot, text: string): Error => new Error(`client ${slot.client} got a wrong answer: ${text}`);

const datagram = (slot: Slot): OutgoingDatagram => ({
  bytes: slot.bytes,
  to: { kind: 'unicast', address: server, port: 67 },
});

/** A locally administered hardware address: 02:be, then the client's number. */
function writeHeader({ bytes, xid, client }: Slot, ciaddr: number): void {
  bytes.fill(0);
  bytes.set([1, 1, 6, 1]);
  bytes.writeUInt32BE(xid, 4);
  bytes.writeUInt32BE(ciaddr, 12);
  bytes.writeUInt32BE(relay, 24);
  bytes.writeUInt16BE(0x02be, 28);
  bytes.writeUInt32BE(client, 30);
  bytes.writeUInt32BE(0x63825363, 236);
}

function writeDiscover(bytes: Buffer): void {
  bytes.set([53, 1, TYPE.discover, 55, 5, 1, 3, 6, 15, 51, 255], OPTIONS_AT);
}

function writeRequest(bytes: Buffer, address: number, serverId: number): void {
  bytes.set([53, 1, TYPE.request, 55, 5, 1, 3, 6, 15, 51, 50, 4], OPTIONS_AT);
  bytes.writeUInt32BE(address, OPTIONS_AT + 12);
  bytes.set([54, 4], OPTIONS_AT + 16);
  bytes.writeUInt32BE(serverId, OPTIONS_AT + 18);
  bytes[OPTIONS_AT + 22] = 255;
}

/** The type and the server identifier of an answer to `slot`. */
function readAnswer(message: Buffer, slot: Slot): { readonly type: number; readonly serverId: number | undefined } {
  const own = message[0] === 2 && message.readUInt16BE(28) === 0x02be && message.readUInt32BE(30) === slot.client;
  if (!own || message.readUInt32BE(236) !== 0x63825363) throw wrong(slot, 'not a reply to this client');
  let type = 0;
  let serverId: number | undefined;
  for (let at = OPTIONS_AT; at + 1 < message.length && message[at] !== 255; ) {
    const code = message[at] ?? 0;
    if (code === 0) {
      at += 1;
      continue;
    }
    if (code === 53) type = message[at + 2] ?? 0;
    if (code === 54) serverId = message.readUInt32BE(at + 2);
    at += 2 + (message[at + 1] ?? 0);
  }
  return { type, serverId };
}

function figuresOf(name: string, unit: string, result: PhaseResult): readonly Figure[] {
  const { seconds, serverCpuSeconds, loadCores, done, lost, offerMs, ackMs } = result;
  const latency = (label: string, values: readonly number[], share: number): Figure[] =>
    values.length === 0 ? [] : [{ metric: `${name}, ${label}`, unit: 'ms', value: quantile(values, share) }];
  return [
    { metric: name, unit, value: done / seconds },
    ...latency('OFFER p50', offerMs, 0.5),
    ...latency('OFFER p99', offerMs, 0.99),
    ...latency('ACK p50', ackMs, 0.5),
    ...latency('ACK p99', ackMs, 0.99),
    { metric: `${name}, server CPU each`, unit: 'µs', value: (serverCpuSeconds * 1e6) / done },
    { metric: `${name}, load's core`, unit: 'share', value: loadCores },
    { metric: `${name}, lost`, unit: '', value: lost },
  ];
}

let phase: Phase | undefined;
const network = await openNetwork();
const socket = await network.open({
  address: relay,
  port: 67,
  onDatagrams: (datagrams) => phase?.receive(datagrams),
});

async function run(kind: Kind, from: number, count: number, inFlight: number): Promise<PhaseResult> {
  phase = new Phase(() => socket, kind, from, count, inFlight);
  return phase.run();
}

/** Tries until one client has a lease. */
async function awaitServer(): Promise<void> {
  const startedAt = systemClock.now();
  for (let client = 0xff0000; !leases.has(client); client += 1) {
    if (systemClock.now() - startedAt > READY_MS_MAX) throw new Error(`no lease within ${READY_MS_MAX} ms`);
    const { done } = await run('lease', client, 1, 1);
    if (done > 0) return;
  }
}

await awaitServer();
const { warmup, parallel, alone } = settings;
await run('lease', 0, warmup, SLOTS_MAX);
const busy = await run('lease', warmup, parallel, SLOTS_MAX);
const single = await run('lease', warmup + parallel, alone, 1);
// Half a lease's second later the stored end of each lease is another.
await sleep(1500);
const renewed = await run('renew', warmup, parallel, SLOTS_MAX);
finishLoad([
  ...figuresOf('DORA, 32 in flight', 'leases/s', busy),
  ...figuresOf('DORA, 1 in flight', 'leases/s', single),
  ...figuresOf('renew, 32 in flight', 'leases/s', renewed),
]);
