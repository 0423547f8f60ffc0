// The time from the start of a rack's process to its first OFFER, and the memory of an idle rack.
//
//   spawn ─ DISCOVER each PROBE_MS ─ first OFFER ─ (warm starts) RSS_AFTER_MS ─ VmRSS ─ stop
//
// 1. The whole daemon starts, journal and region too; the time ends at the first OFFER, which a machine sees.
// 2. A cold start has no code cache; the warm ones use the cache of a first start, which does not count.
// 3. Everything is on loopback and needs no privilege.
// 4. With BENCH_BEFORE, the top folder of another checkout, each round also starts the Rackboot of that checkout, with the flags of this one.
// 5. Both as they are installed: from dist/, another checkout from its sources if it was not built.

import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ANY, mac } from '../src/ground/address.ts';
import { copyBytes } from '../src/ground/borrowed-bytes.ts';
import { sleep, systemClock } from '../src/ground/clock.ts';
import { DaemonProcess } from '../src/lab/daemon-process.ts';
import { DhcpClient } from '../src/lab/dhcp-client.ts';
import { labConfig, labPlace } from '../src/lab/safe-lab.ts';
import type { HostNetwork } from '../src/net/datagrams/datagram.ts';
import { openNetwork } from '../src/net/datagrams/udp-linux.ts';
import type { Benchmark } from './benchmark.ts';
import { type Figure, Figures, RACKBOOT } from './figure.ts';
import { builtMain, mainOf } from './ground.ts';
import { findProgram } from './peer.ts';
import { cpuSecondsOf } from './process-cpu.ts';

const ROUNDS = 7;
const PROBE_MS = 2;
/** How long a start may take. */
const START_MS_MAX = 20_000;
/** When memory is read for the first time, after the first OFFER. */
const RSS_AFTER_MS = 10_000;
/** When it is read again, once, after the collections of an idle V8. */
const RSS_QUIET_AFTER_MS = 45_000;
/** How long the first start of a version may fill its code cache, after the first OFFER. */
const FIRST_START_MS = 3000;
const PLACE = labPlace(31);

/** Starts, and memory at rest. */
export const startBenchmark: Benchmark = {
  what: 'start',
  notes: [
    'From spawn to the first OFFER on loopback, no core pinned. The rack serves DHCP, TFTP, HTTP and DNS and starts its region.',
    'Cold: no code cache (NODE_COMPILE_CACHE unset). Warm: a code cache of an earlier start. Dnsmasq, for scale, serves DHCP, DNS and TFTP.',
  ],
  async run() {
    const dnsmasq = findProgram('dnsmasq', 'dnsmasq-base');
    const figures = new Figures();
    const directory = mkdtempSync(join(tmpdir(), 'rackboot-bench-start-'));
    const network = await openNetwork();
    try {
      const versions = versionsIn(directory);
      for (const version of versions) await startRackboot(network, directory, { ...version, quietMs: FIRST_START_MS });
      for (let round = 0; round < ROUNDS; round += 1)
        for (const version of versions) figures.add(version.name, await measureStarts(network, directory, version));
      for (const version of versions) {
        const { rssMib } = await startRackboot(network, directory, { ...version, quietMs: RSS_QUIET_AFTER_MS });
        figures.add(version.name, [{ metric: 'RSS idle, 45 s', unit: 'MiB', value: rssMib }]);
      }
      figures.add('dnsmasq', await measureDnsmasq(dnsmasq));
      return figures.results();
    } finally {
      await network.close();
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

/** A Rackboot that is started. */
interface Version {
  readonly name: string;
  readonly main: string;
  /** The directory of its compiled code. */
  readonly cache: string;
}

function versionsIn(directory: string): readonly Version[] {
  const own = { name: RACKBOOT, main: builtMain(), cache: join(directory, 'cache') };
  const checkout = process.env.BENCH_BEFORE;
  if (checkout === undefined) return [own];
  return [own, { name: 'before', main: mainOf(checkout), cache: join(directory, 'cache-before') }];
}

/** A cold and a warm start. */
async function measureStarts(network: HostNetwork, directory: string, version: Version): Promise<readonly Figure[]> {
  const cold = await startRackboot(network, directory, { ...version, cache: '', quietMs: 0 });
  const warm = await startRackboot(network, directory, { ...version, quietMs: RSS_AFTER_MS });
  return [
    { metric: 'first OFFER, cold', unit: 'ms', value: cold.firstOfferMs },
    { metric: 'CPU until then, cold', unit: 'ms', value: cold.cpuMs },
    { metric: 'first OFFER, warm', unit: 'ms', value: warm.firstOfferMs },
    { metric: 'CPU until then, warm', unit: 'ms', value: warm.cpuMs },
    { metric: 'RSS idle, 10 s', unit: 'MiB', value: warm.rssMib },
    { metric: 'of it anonymous', unit: 'MiB', value: warm.anonMib },
  ];
}

interface Start {
  readonly firstOfferMs: number;
  /** Of all threads, until the first OFFER; a busy host changes it less than the time. */
  readonly cpuMs: number;
  readonly rssMib: number;
  readonly anonMib: number;
}

/** One start with a state of its own; memory is read `quietMs` after the first OFFER. */
async function startRackboot(
  network: HostNetwork,
  directory: string,
  options: Pick<Version, 'main' | 'cache'> & { readonly quietMs: number },
): Promise<Start> {
  const state = mkdtempSync(join(directory, 'state-'));
  mkdirSync(join(state, 'boot'));
  const config = join(state, 'rackboot.yaml');
  writeFileSync(config, labConfig(PLACE, state));
  const startedAt = systemClock.now();
  const daemon = await DaemonProcess.start({
    config,
    main: options.main,
    compileCache: options.cache,
    belongsToLab: false,
    awaitReady: false,
    onLine: () => undefined,
  });
  try {
    await firstOffer(network);
    const firstOfferMs = systemClock.now() - startedAt;
    const cpuMs = cpuSecondsOf(daemon.pid ?? 0) * 1000;
    await sleep(options.quietMs);
    return { firstOfferMs, cpuMs, ...memoryOf(daemon.pid ?? 0) };
  } finally {
    await daemon.stop();
  }
}

/** Asks as a machine until it is offered an address. */
async function firstOffer(network: HostNetwork): Promise<void> {
  const client = new DhcpClient({ mac: mac(0x525400b00001), uuid: new Uint8Array(16), architecture: 0 }, 1);
  client.start(systemClock.now());
  const discover = client.takeOutgoing();
  const socket = await network.open({
    address: ANY,
    port: PLACE.dhcpClientPort,
    device: 'lo',
    source: PLACE.source,
    broadcast: true,
    onDatagrams: (datagrams) => {
      for (const { bytes } of datagrams) client.receive(copyBytes(bytes), systemClock.now());
    },
  });
  try {
    for (let waitedMs = 0; client.offeredAddress === undefined; waitedMs += PROBE_MS) {
      if (waitedMs > START_MS_MAX) throw new Error(`no OFFER within ${START_MS_MAX} ms of the start`);
      socket.send(discover.map((bytes) => ({ bytes, to: { kind: 'broadcast', port: PLACE.dhcpServerPort } })));
      await sleep(PROBE_MS);
    }
  } finally {
    socket.close();
  }
}

function memoryOf(pid: number): { readonly rssMib: number; readonly anonMib: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mib = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
  return { rssMib: mib('VmRSS'), anonMib: mib('RssAnon') };
}

async function measureDnsmasq(command: string): Promise<readonly Figure[]> {
  const version = execFileSync(command, ['--version'], { encoding: 'utf8' });
  if (!version.includes('Dnsmasq')) throw new Error(`${command} is not dnsmasq`);
  const { octets, dnsPort } = PLACE;
  const network = [`--listen-address=${octets}.1`, '--bind-interfaces', `--port=${dnsPort}`, '--no-resolv'];
  const child = spawn(command, ['--keep-in-foreground', '--conf-file=/dev/null', '--pid-file=', ...network], {
    stdio: 'ignore',
  });
  const exited = new Promise((resolve) => child.on('exit', resolve));
  try {
    await sleep(1000);
    if (child.pid === undefined || child.exitCode !== null) throw new Error('dnsmasq did not start');
    const { rssMib, anonMib } = memoryOf(child.pid);
    return [
      { metric: 'RSS idle, 10 s', unit: 'MiB', value: rssMib },
      { metric: 'of it anonymous', unit: 'MiB', value: anonMib },
    ];
  } finally {
    child.kill('SIGTERM');
    await exited;
  }
}
