// A load of DNS queries in a closed loop: QUERIES_IN_FLIGHT wait for their answer at any time, and each answer brings the next.
// Sources: RFC 1035 §4.1. Bytes are written and read here, so that the server's codec does not check itself.
//
// 1. Every answer is checked: id, QR, AA, rcode 0, one answer to the question asked, and the address or name in it.
// 2. A query without an answer within LOST_MS counts as lost, and its slot continues.
// 3. A wrong answer ends the load with an error.

import { parseIpv4 } from '../src/ground/address.ts';
import { copyBytes } from '../src/ground/borrowed-bytes.ts';
import { sleep, systemClock } from '../src/ground/clock.ts';
import type { OutgoingDatagram, ReceivedDatagram } from '../src/net/datagrams/datagram.ts';
import { openNetwork } from '../src/net/datagrams/udp-linux.ts';
import { benchAddress, benchName } from './dns-names.ts';
import { type Figure, quantile } from './figure.ts';
import { finishLoad, readSettings, Span } from './load.ts';

interface Settings {
  readonly server: string;
  readonly client: string;
  readonly names: number;
  readonly warmupMs: number;
  readonly measureMs: number;
}

const QUERIES_IN_FLIGHT = 64;
const LOST_MS = 500;
const READY_MS_MAX = 20_000;
const HEADER_BYTES = 12;
const TYPE = { A: 1, PTR: 12 } as const;

/** An encoded query, and its expected answer. */
interface Query {
  readonly bytes: Buffer;
  readonly type: number;
  /** The address's four bytes, or the name in wire form. */
  readonly expected: Buffer;
}

interface Slot {
  id: number;
  query: Query | undefined;
  sentAt: number;
}

const settings = readSettings<Settings>();
const server = required(parseIpv4(settings.server));
const slots: Slot[] = Array.from({ length: QUERIES_IN_FLIGHT }, () => ({ id: 0, query: undefined, sentAt: 0 }));
let queries: readonly Query[] = [];
let next = 0;
let round = 0;
let answered = 0;
let lost = 0;
let running = false;
let latencies: number[] = [];

const network = await openNetwork();
const socket = await network.open({ address: required(parseIpv4(settings.client)), port: 0, onDatagrams: receive });

function receive(datagrams: readonly ReceivedDatagram[]): void {
  const out: OutgoingDatagram[] = [];
  const now = systemClock.now();
  for (const { bytes } of datagrams) {
    const id = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);
    const index = id % QUERIES_IN_FLIGHT;
    const slot = slots[index];
    // Late answers to queries that were given up.
    if (slot?.query === undefined || slot.id !== id) continue;
    check(Buffer.from(copyBytes(bytes).buffer), slot.query);
    answered += 1;
    latencies.push(now - slot.sentAt);
    slot.query = undefined;
    if (running) out.push(ask(index, slot, now));
  }
  if (out.length > 0) socket.send(out);
}

function ask(index: number, slot: Slot, now: number): OutgoingDatagram {
  const query = required(queries[next % queries.length]);
  next += 1;
  round = (round + 1) % (65_536 / QUERIES_IN_FLIGHT);
  slot.id = round * QUERIES_IN_FLIGHT + index;
  slot.query = query;
  slot.sentAt = now;
  query.bytes.writeUInt16BE(slot.id, 0);
  return { bytes: query.bytes, to: { kind: 'unicast', address: server, port: 53 } };
}

function check(message: Buffer, query: Query): void {
  const questionEnd = query.bytes.length;
  const flags = message.readUInt16BE(2);
  if ((flags & 0x8000) === 0 || (flags & 0x000f) !== 0) throw wrong(query, `flags ${flags.toString(16)}`);
  if ((flags & 0x0400) === 0) throw wrong(query, 'not authoritative');
  if (message.readUInt16BE(4) !== 1 || message.readUInt16BE(6) !== 1) throw wrong(query, 'not one answer');
  if (message.compare(query.bytes, HEADER_BYTES, questionEnd, HEADER_BYTES, questionEnd) !== 0)
    throw wrong(query, 'another question');
  const at = skipName(message, questionEnd);
  if (message.readUInt16BE(at) !== query.type) throw wrong(query, 'another type');
  const data = at + 10;
  if (
    query.type === TYPE.A ? message.compare(query.expected, 0, 4, data, data + 4) !== 0 : !names(message, data, query)
  )
    throw wrong(query, 'another value');
}

function skipName(message: Buffer, from: number): number {
  let at = from;
  for (;;) {
    const length = message[at] ?? 0;
    if (length >= 0xc0) return at + 2;
    at += 1 + length;
    if (length === 0) return at;
  }
}

/** True if the name at `from`, with pointers followed, is the expected one. */
function names(message: Buffer, from: number, { expected }: Query): boolean {
  let at = from;
  let offset = 0;
  for (let steps = 0; steps < 64; steps += 1) {
    const length = message[at] ?? 0;
    if (length >= 0xc0) {
      at = ((length & 0x3f) << 8) | (message[at + 1] ?? 0);
      continue;
    }
    if (message.compare(expected, offset, offset + 1 + length, at, at + 1 + length) !== 0) return false;
    if (length === 0) return offset + 1 === expected.length;
    at += 1 + length;
    offset += 1 + length;
  }
  return false;
}

const wrong = (query: Query, text: string): Error =>
  new Error(`a wrong answer to ${query.bytes.subarray(HEADER_BYTES).toString('latin1')}: ${text}`);

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a value is missing');
  return value;
}

function wireName(name: string): Buffer {
  return Buffer.concat([
    ...name.split('.').map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label, 'latin1')])),
    Buffer.of(0),
  ]);
}

function makeQuery(name: string, type: number, expected: Buffer): Query {
  const header = Buffer.from([0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  return { bytes: Buffer.concat([header, wireName(name), Buffer.of(0, type, 0, 1)]), type, expected };
}

/** Every name once, in an order that defeats caches. */
function makeQueries(type: number): readonly Query[] {
  return Array.from({ length: settings.names }, (_, position) => {
    const index = (position * 7919) % settings.names;
    const octets = benchAddress(index).split('.');
    return type === TYPE.A
      ? makeQuery(benchName(index), type, Buffer.from(octets.map(Number)))
      : makeQuery(`${octets.toReversed().join('.')}.in-addr.arpa`, type, wireName(benchName(index)));
  });
}

function fillSlots(): void {
  const now = systemClock.now();
  const out: OutgoingDatagram[] = [];
  slots.forEach((slot, index) => {
    if (slot.query !== undefined && now - slot.sentAt < LOST_MS) return;
    if (slot.query !== undefined) lost += 1;
    out.push(ask(index, slot, now));
  });
  socket.send(out);
}

async function runFor(ms: number): Promise<void> {
  running = true;
  const until = systemClock.now() + ms;
  while (systemClock.now() < until) {
    fillSlots();
    await sleep(100);
  }
}

async function measure(name: string, type: number): Promise<readonly Figure[]> {
  queries = makeQueries(type);
  await runFor(settings.warmupMs);
  answered = 0;
  lost = 0;
  latencies = [];
  const span = new Span(settings);
  await runFor(settings.measureMs);
  const { seconds, serverCpuSeconds, loadCores } = span.end();
  running = false;
  const figures: Figure[] = [
    { metric: name, unit: 'queries/s', value: answered / seconds },
    { metric: `${name}, p50`, unit: 'ms', value: quantile(latencies, 0.5) },
    { metric: `${name}, p99`, unit: 'ms', value: quantile(latencies, 0.99) },
    { metric: `${name}, server CPU each`, unit: 'µs', value: (serverCpuSeconds * 1e6) / answered },
    { metric: `${name}, load's core`, unit: 'share', value: loadCores },
    { metric: `${name}, lost`, unit: '', value: lost },
  ];
  await sleep(LOST_MS);
  return figures;
}

/** Queries the last name until it is answered. */
async function awaitServer(): Promise<void> {
  queries = makeQueries(TYPE.A).slice(-1);
  for (let waitedMs = 0; answered === 0; waitedMs += 100) {
    if (waitedMs > READY_MS_MAX) throw new Error(`no answer within ${READY_MS_MAX} ms`);
    const slot = required(slots[0]);
    socket.send([ask(0, slot, systemClock.now())]);
    await sleep(100);
  }
}

await awaitServer();
finishLoad([...(await measure('A', TYPE.A)), ...(await measure('PTR', TYPE.PTR))]);
