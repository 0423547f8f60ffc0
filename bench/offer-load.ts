// A steady load of DHCP clients behind one relay agent, for latency: a fixed number of DISCOVERs a second, with or without answers, from
// clients that have leases; now and then one of them renews. Sources: RFC 2131 §2, §4.4.
//
// 1. An answer counts only for the query it belongs to: xid, hardware address and type are checked; one that does not arrive within LOST_MS
//    is lost.

import { parseIpv4 } from '../src/ground/address.ts';
import { sleep, systemClock } from '../src/ground/clock.ts';
import { openNetwork } from '../src/net/datagrams/udp-linux.ts';
import { quantile } from './figure.ts';
import { finishLoad, readSettings, Span } from './load.ts';
import { busySecondsOfHost } from './process-cpu.ts';

interface Settings {
  readonly server: string;
  readonly client: string;
  readonly seconds: number;
  readonly perSecond: number;
  readonly clients: number;
  /** One query in this number is a renewal. */
  readonly renewEvery: number;
  /** Before the figures' names. */
  readonly label: string;
}

const LOST_MS = 1000;
const READY_MS_MAX = 20_000;
const OPTIONS_AT = 240;

const settings = readSettings<Settings>();
const addressOf = (text: string) =>
  parseIpv4(text) ??
  ((): never => {
    throw new Error(`${text} is not an address`);
  })();
const server = addressOf(settings.server);
const relay = addressOf(settings.client);

interface Asked {
  readonly client: number;
  readonly type: 1 | 3;
  readonly at: number;
}

const asked = new Map<number, Asked>();
/** The address of each client. */
const addresses = new Map<number, number>();
const offerMs: number[] = [];
const ackMs: number[] = [];
let xid = 0;
let measuring = false;
/** The cores that other processes of the host took meanwhile. */
let foreignCores = 0;

const network = await openNetwork();
const socket = await network.open({
  address: relay,
  port: 67,
  onDatagrams: (datagrams) => {
    const now = systemClock.now();
    for (const { bytes } of datagrams) take(Buffer.from(bytes), now);
  },
});

function take(bytes: Buffer, now: number): void {
  const known = asked.get(bytes.readUInt32BE(4));
  if (known === undefined) return;
  if (bytes[0] !== 2 || bytes.readUInt32BE(30) !== known.client) throw new Error('an answer is another client’s');
  const type = bytes[OPTIONS_AT + 2];
  if (bytes[OPTIONS_AT] !== 53 || type !== (known.type === 1 ? 2 : 5))
    throw new Error(`type ${type} in answer to ${known.type}`);
  asked.delete(bytes.readUInt32BE(4));
  addresses.set(known.client, bytes.readUInt32BE(16));
  if (measuring) (known.type === 1 ? offerMs : ackMs).push(now - known.at);
}

function ask(client: number, type: 1 | 3): void {
  xid += 1;
  const bytes = Buffer.alloc(300);
  bytes.set([1, 1, 6, 1]);
  bytes.writeUInt32BE(xid, 4);
  bytes.writeUInt32BE(relay, 24);
  bytes.writeUInt16BE(0x02be, 28);
  bytes.writeUInt32BE(client, 30);
  bytes.writeUInt32BE(0x63825363, 236);
  bytes.set([53, 1, type], OPTIONS_AT);
  if (type === 3) bytes.writeUInt32BE(addresses.get(client) ?? 0, 12);
  bytes.set([255], OPTIONS_AT + 3);
  asked.set(xid, { client, type, at: systemClock.now() });
  socket.send([{ bytes, to: { kind: 'unicast', address: server, port: 67 } }]);
}

/** A lease for each client, so that none is unknown afterwards: offered, then requested as a renewal of the same address. */
async function introduce(): Promise<void> {
  const until = systemClock.now() + READY_MS_MAX;
  for (const type of [1, 3] as const) {
    const done = new Set<number>();
    while (done.size < settings.clients) {
      if (systemClock.now() > until)
        throw new Error(`${settings.clients - done.size} clients got no answer to type ${type}`);
      for (let client = 0; client < settings.clients; client += 1) {
        if (done.has(client)) continue;
        ask(client, type);
        if (client % 32 === 31) await sleep(2);
      }
      await sleep(300);
      const open = new Set([...asked.values()].filter((one) => one.type === type).map(({ client }) => client));
      for (let client = 0; client < settings.clients; client += 1) if (!open.has(client)) done.add(client);
      asked.clear();
    }
  }
}

async function run(): Promise<number> {
  measuring = true;
  const span = new Span(settings);
  const busy = busySecondsOfHost();
  let lost = 0;
  let sent = 0;
  const startedAt = systemClock.now();
  while (systemClock.now() - startedAt < settings.seconds * 1000) {
    const due = Math.floor(((systemClock.now() - startedAt) / 1000) * settings.perSecond);
    for (; sent < due; sent += 1) ask(sent % settings.clients, sent % settings.renewEvery === 0 ? 3 : 1);
    await sleep(1);
  }
  const { seconds, serverCpuSeconds, loadCores } = span.end();
  foreignCores = (busySecondsOfHost() - busy - serverCpuSeconds) / seconds - loadCores;
  await sleep(LOST_MS);
  for (const { type } of asked.values()) if (type === 1) lost += 1;
  return lost;
}

await introduce();
const lost = await run();
const { label } = settings;
const latency = (name: string, values: readonly number[], share: number) => ({
  metric: `${label}, ${name}`,
  unit: 'ms',
  value: quantile(values, share),
});
finishLoad([
  latency('OFFER p50', offerMs, 0.5),
  latency('OFFER p99', offerMs, 0.99),
  latency('OFFER p99.9', offerMs, 0.999),
  latency('ACK p50', ackMs, 0.5),
  latency('ACK p99', ackMs, 0.99),
  { metric: `${label}, lost`, unit: '', value: lost },
  { metric: `${label}, other processes meanwhile`, unit: 'cores', value: Math.max(0, foreignCores) },
]);
