// A load of DHCP clients behind one relay agent: new clients get leases, and existing ones renew theirs, with a fixed concurrency.
//
//   wait for the server ─ check that it knows its existing leases ─ parts, one after the other, each until the server is idle again
//
// 1. After each part the load waits until the server is idle: deferred work is charged to the part.

import { sleep, systemClock } from '../src/ground/clock.ts';
import { openNetwork } from '../src/net/datagrams/udp-linux.ts';
import { Clients } from './dhcp-clients.ts';
import type { LeaseRange } from './dhcp-existing.ts';
import { type Part, Phase, type PhaseResult, type Surroundings, WINDOW_MS } from './dhcp-phase.ts';
import { type Figure, quantile } from './figure.ts';
import { addressOf, finishLoad, readSettings, Span, type SpanResult, serverCpuSeconds } from './load.ts';

/** The settings of the load. */
export interface DhcpLoad {
  readonly server: string;
  readonly client: string;
  readonly range: LeaseRange;
  readonly existing: number;
  readonly parts: readonly Part[];
  readonly naksAllowed: boolean;
  /** How long the load waits after the server has answered for the first time, in milliseconds. Default: 0. */
  readonly restMs?: number | undefined;
  /** The number of new clients used by earlier loads. Default: 0. */
  readonly skip?: number | undefined;
  /** A prefix of each figure's name. */
  readonly prefix: string;
}

const READY_MS_MAX = 400_000;
/** A loading server may later find all queries since its start in its queue: the longer it loads, the fewer are sent. */
const READY_EACH_MS_MIN = 100;
const READY_EACH_SHARE = 0.1;
/** The silence after which a server has answered everything. */
const SILENCE_MS = 3000;
const KNOWN_CHECKED = 20;
/**
 * Clients that renew. A server that does 30 000 a second finishes 1 000 at once, and each may renew again only RENEW_AFTER_MS later: clients
 * of the warm-up and of earlier parts make up the rest.
 */
const RENEWING_MAX = 100_000;
const REST_LOOK_MS = 250;
const REST_SHARE_MAX = 0.03;
/** Long enough for a slow server to empty its queue. */
const REST_MS_MAX = 20_000;

const settings = readSettings<DhcpLoad>();
const server = addressOf(settings.server);
const relay = addressOf(settings.client);
const clients = new Clients(settings.range, settings.existing, settings.skip);

let phase: Phase | undefined;
const network = await openNetwork();
const socket = await network.open({
  address: relay,
  port: 67,
  onDatagrams: (datagrams) => phase?.receive(datagrams),
});
const around: Surroundings = {
  socket: () => socket,
  clients,
  server,
  relay,
  naksAllowed: settings.naksAllowed,
  silenceMs: SILENCE_MS,
};

function run(part: Part, silenceMs = SILENCE_MS): Promise<PhaseResult> {
  phase = new Phase(part, { ...around, silenceMs });
  return phase.run();
}

/** Retries until one client has a lease. @returns seconds since the server was started */
async function awaitServer(): Promise<number> {
  const startedAt = systemClock.now();
  for (;;) {
    const waitedMs = systemClock.now() - startedAt;
    const patienceMs = Math.max(READY_EACH_MS_MIN, waitedMs * READY_EACH_SHARE);
    const { done } = await run({ kind: 'lease', inFlight: 1, ms: 1000, count: 1 }, patienceMs);
    if (done > 0) return (systemClock.wallTimeMs() - (settings.serverStartedWallMs ?? 0)) / 1000;
    if (waitedMs > READY_MS_MAX) throw new Error(`no lease within ${READY_MS_MAX} ms`);
  }
}

/** Checks the existing leases: a server that did not load them would have less work. */
async function checkExisting(): Promise<void> {
  if (settings.existing === 0) return;
  clients.shuffle();
  const count = Math.min(KNOWN_CHECKED, settings.existing);
  const { done } = await run({ kind: 'renew', inFlight: 1, ms: READY_MS_MAX, count });
  if (done < count) throw new Error(`only ${done} of ${count} existing leases could be renewed`);
}

/** @returns the CPU seconds that the server used until it was idle */
async function awaitRest(): Promise<number> {
  const from = serverCpuSeconds(settings);
  const startedAt = systemClock.now();
  let [quiet, before] = [0, from];
  while (quiet < 2 && systemClock.now() - startedAt < REST_MS_MAX) {
    await sleep(REST_LOOK_MS);
    const now = serverCpuSeconds(settings);
    quiet = now - before < (REST_LOOK_MS / 1000) * REST_SHARE_MAX ? quiet + 1 : 0;
    before = now;
  }
  return before - from;
}

function figuresOf(part: Part, result: PhaseResult, span: SpanResult, laterSeconds: number): readonly Figure[] {
  const { done, seconds, offerMs, ackMs, wholeMs, perWindow } = result;
  const named = (name: string, unit: string, value: number): Figure => ({
    metric: `${settings.prefix}${part.label}${name}`,
    unit,
    value,
  });
  const latency = (name: string, values: readonly number[]): Figure[] =>
    values.length === 0
      ? []
      : [named(`, ${name} p50`, 'ms', quantile(values, 0.5)), named(`, ${name} p99`, 'ms', quantile(values, 0.99))];
  const whole = perWindow.slice(0, Math.floor(part.ms / WINDOW_MS));
  const last = whole.slice(-Math.ceil(whole.length / 4));
  // Wait for lost exchanges to time out once all other clients are done.
  const idle = (share: number): number => Math.max(0, 1 - ((1 - share) * span.seconds) / seconds);
  const each = (cpuSeconds: number): number => (cpuSeconds * 1e6) / done;
  return [
    named('', 'leases/s', done / seconds),
    ...(part.lasting
      ? [named(', last quarter', 'leases/s', (last.reduce((a, b) => a + b, 0) / last.length) * (1000 / WINDOW_MS))]
      : []),
    ...latency('OFFER', offerMs),
    ...latency('ACK', ackMs),
    ...(part.kind === 'lease' ? latency('all', wholeMs) : []),
    named(', server CPU each', 'µs', each(span.serverCpuSeconds + laterSeconds)),
    named(', of it after the last', 'µs', each(laterSeconds)),
    named(", server's core idle", 'share', idle(span.serverIdle)),
    named(", load's core idle", 'share', idle(span.loadIdle)),
    named(', exchanges', '', done),
    named(', load CPU each', 'µs', each(span.loadCores * span.seconds)),
  ];
}

const figures: Figure[] = [];
const counts = { lost: 0, naks: 0 };
const total = (name: string, unit: string, value: number): Figure => ({
  metric: `${settings.prefix}${name}`,
  unit,
  value,
});
figures.push(total('from start to first lease', 's', await awaitServer()));
await checkExisting();
await sleep(settings.restMs ?? 0);
let renewing = false;
for (const part of settings.parts) {
  if (part.kind === 'renew' && !renewing) {
    renewing = true;
    await sleep(1200);
    clients.shuffle(RENEWING_MAX);
  }
  if (part.kind === 'renew') await sleep(clients.renewalWaitMs(systemClock.now()) + 1);
  const span = new Span(settings);
  const result = await run(part);
  const spent = span.end();
  const laterSeconds = await awaitRest();
  counts.lost += result.lost;
  counts.naks += result.naks;
  if (part.label !== undefined) figures.push(...figuresOf(part, result, spent, laterSeconds));
}
figures.push(
  total('exchanges lost or not finished', '', counts.lost),
  total('offered and then refused (NAK)', '', counts.naks),
);
finishLoad(figures);
