// A hall of machines whose power comes back at once: DHCP, then all that a machine boots by TFTP, and in a second case by HTTP. Rackboot
// compared with dnsmasq, and with dnsmasq and nginx.
//
//   each round, a fresh server: storm (just ready) ─ rest ─ the same machines again (warmed)
//
// 1. The machines boot a profile, so that Rackboot renders each one's configuration; the peers send a file of the same size.
// 2. Nobody asks the wire before an offer, because the load has all addresses of the range. Every other setting of Rackboot is its default.
// 3. After BUDGET_MS no round is repeated because others disturbed it.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { formatMac, mac } from '../src/ground/address.ts';
import { systemClock } from '../src/ground/clock.ts';
import type { Benchmark } from './benchmark.ts';
import { DNSMASQ_DHCP } from './dhcp-contenders.ts';
import { type Figure, Figures, RACKBOOT, type Result } from './figure.ts';
import {
  BRIDGE,
  CORES,
  type Contender,
  compare,
  type Ground,
  type Measure,
  measureQuietly,
  NETWORK,
  NETWORK_PREFIX,
  rackboot,
  SERVER,
} from './ground.ts';
import { HTTP_PORT, nginxFor } from './http.ts';
import { findProgram } from './peer.ts';
import { threadSecondsOf } from './process-cpu.ts';
import { Profiles } from './profiles.ts';
import type { StormLoad } from './storm-load.ts';

const ROUNDS = 3;
const MACHINES = 200;
const BLOCK_BYTES = 1428;
const RANGE = { prefix: '10.88.4.0/22', low: '10.88.4.1', high: '10.88.7.254', mask: '255.252.0.0' };
const FIRST_MAC = 0x5254005a0000;
/** One machine more asks first. */
const MACS = Array.from({ length: MACHINES + 1 }, (_, number) => mac(FIRST_MAC + number));
const LEASE_SECONDS = 7200;
const BUDGET_MS = 180_000;

/** A loader as large as lpxelinux, and a kernel and an initrd of 10 MB together. */
const LOADER = 'lpxelinux.0';
const KERNEL = 'profiles/storm/vmlinuz';
const INITRD = 'profiles/storm/initrd.img';
const FILES = [
  { name: LOADER, bytes: 92_000 },
  { name: KERNEL, bytes: 4_000_000 },
  { name: INITRD, bytes: 6_000_000 },
];
/** With `--quick`. */
const SMALL_FILES = FILES.map(({ name, bytes }) => ({ name, bytes: name === LOADER ? bytes : bytes / 5 }));
/** As long as the one that Rackboot renders. */
const PEER_CONFIG = [
  '# storm',
  'DEFAULT boot',
  'PROMPT 0',
  'TIMEOUT 600',
  `SAY ${'x'.repeat(60)}`,
  'LABEL boot',
  `  KERNEL ${KERNEL}`,
  `  INITRD ${INITRD}`,
  '  APPEND console=ttyS0 quiet',
  '  IPAPPEND 2',
  '',
].join('\n');

const ourselves = (tree: string): Contender =>
  rackboot([
    'cluster_interfaces:',
    `  - { name: bench, interface: ${BRIDGE}, management: 1, ip: ${SERVER}, network: ${NETWORK}/${NETWORK_PREFIX},`,
    `      ip_range_low: ${RANGE.low}, ip_range_high: ${RANGE.high}, lease_time: ${LEASE_SECONDS}, conflict_check: false }`,
    'dns: { listen: [] }',
    'boot:',
    `  tree: ${JSON.stringify(tree)}`,
    `  http: { listen: ["${SERVER}:${HTTP_PORT}"] }`,
    '  profiles:',
    `    - { name: storm, file: ${KERNEL}, initrds: [${INITRD}], arguments: console=ttyS0 quiet, machines: ${JSON.stringify(MACS.map((address) => formatMac(address)))} }`,
  ]);

/** How dnsmasq starts: DHCP, and TFTP for at most twice the machines instead of 50. */
function dnsmasqFor(tree: string): Contender['start'] {
  const command = findProgram('dnsmasq', 'dnsmasq-base');
  return (ground, directory) =>
    ground.startPeer(command, [
      ...DNSMASQ_DHCP,
      `--dhcp-range=${RANGE.low},${RANGE.high},${RANGE.mask},${LEASE_SECONDS}`,
      `--dhcp-leasefile=${join(directory, 'dnsmasq.leases')}`,
      `--dhcp-boot=${LOADER}`,
      '--enable-tftp',
      `--tftp-root=${tree}`,
      `--tftp-max=${2 * MACHINES}`,
    ]);
}

/** The peer of each case. */
function peerOf(by: StormLoad['by'], tree: string): Contender {
  const startDnsmasq = dnsmasqFor(tree);
  if (by === 'TFTP') return { name: 'dnsmasq', start: startDnsmasq };
  const startNginx = nginxFor(tree);
  return {
    name: 'dnsmasq, nginx',
    async start(ground, directory) {
      const servers = [await startNginx(ground, directory), await startDnsmasq(ground, directory)];
      return { stop: async () => void (await Promise.all(servers.map((server) => server.stop()))) };
    },
  };
}

/** Writes the files into both trees, and a configuration for each machine into the peers'. */
function writeTrees(ours: string, peers: string, files: typeof FILES): void {
  for (const { name, bytes } of files) {
    const content = Buffer.alloc(bytes);
    // Each 32-bit word is its own number, so that a block in the wrong place is noticed.
    for (let at = 0; at < bytes; at += 4) content.writeUInt32BE(at, at);
    for (const tree of [ours, peers]) {
      mkdirSync(dirname(join(tree, name)), { recursive: true });
      writeFileSync(join(tree, name), content);
    }
  }
  mkdirSync(join(peers, 'pxelinux.cfg'));
  for (const address of MACS) writeFileSync(join(peers, 'pxelinux.cfg', `01-${formatMac(address, '-')}`), PEER_CONFIG);
}

/** The time until the last machine has everything. */
export const stormBenchmark: Benchmark = {
  what: 'storm',
  options: ['--quick', '--profile'],
  notes: [
    `${MACHINES} machines at the same instant, each DISCOVER to ACK and then ${FILES.map(({ bytes }) => `${bytes / 1e6} MB`).join(', ')} and its configuration, from the address of its lease;`,
    `TFTP a block of ${BLOCK_BYTES} at a time, HTTP by a connection for each file; every byte compared; ${CORES}; ${ROUNDS} interleaved rounds, medians.`,
    '"just ready": the first storm of a server just started. "warmed": the same machines, again.',
    "Where the load's core is all in use, the server could do more: then compare the CPU. Machines repeat a DISCOVER after 4, 8, 16 s.",
    'BENCH_BEFORE=CHECKOUT measures the Rackboot of another checkout as well. --quick: one round with a fifth of kernel and initrd. --profile: where Rackboot spends its time.',
  ],
  async run(options) {
    const directory = mkdtempSync(join(tmpdir(), 'rackboot-bench-storm-'));
    const [ours, peers] = [join(directory, 'ours'), join(directory, 'peers')];
    const startedAt = systemClock.now();
    const isQuick = options.has('--quick');
    const mayRepeat = (): boolean => !isQuick && systemClock.now() - startedAt < BUDGET_MS;
    try {
      writeTrees(ours, peers, isQuick ? SMALL_FILES : FILES);
      const results: Result[] = [];
      for (const by of ['TFTP', 'HTTP'] as const) {
        const load = loadOf(by, ours);
        if (options.has('--profile')) results.push(...(await profile(ours, load)));
        else
          results.push(
            ...(await compare(
              isQuick ? 1 : ROUNDS,
              [ourselves(ours), peerOf(by, peers)],
              (ground, { name }) => measure(ground, name, load),
              mayRepeat,
            )),
          );
      }
      return results;
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

const loadOf = (by: StormLoad['by'], tree: string): StormLoad => ({
  server: SERVER,
  range: RANGE.prefix,
  machines: MACHINES,
  firstMac: FIRST_MAC,
  by,
  storms: ['just ready', 'warmed'],
  httpPort: HTTP_PORT,
  blockBytes: BLOCK_BYTES,
  files: FILES.map(({ name }) => ({ name, path: join(tree, name) })),
});

/** Prints the figures as they come as well: on a busy host a run may take long. */
async function measure(ground: Ground, name: string, load: StormLoad): Promise<readonly Figure[]> {
  const figures = await ground.runLoad('storm-load.ts', load);
  for (const { metric, unit, value } of figures)
    console.error(`storm: ${name}, ${metric}: ${value.toPrecision(3)} ${unit}`);
  return figures;
}

/** Rackboot alone, once: where it spends its time in the storms. */
async function profile(tree: string, load: StormLoad): Promise<readonly Result[]> {
  const profiles = new Profiles();
  const figures = new Figures();
  const run = (ground: Ground, storms: readonly string[]): Promise<readonly Figure[]> =>
    ground.runLoad('storm-load.ts', { ...load, storms });
  const once: Measure = async (ground) => {
    await run(ground, []);
    const before = threadSecondsOf(ground.serverPid);
    const storms = await profiles.sample(() => run(ground, load.storms));
    const threads = [...threadSecondsOf(ground.serverPid)].map(([id, { name, seconds }]) => ({
      metric: `${load.by}, thread ${name} (${id}): CPU`,
      unit: 's',
      value: seconds - (before.get(id)?.seconds ?? 0),
    }));
    return [...storms, ...threads.filter(({ value }) => value >= 0.05)];
  };
  figures.add(RACKBOOT, await profiles.around(() => measureQuietly(ourselves(tree), once, () => false)));
  for (const thread of ['main', 'lease-journal', 'region']) figures.add(RACKBOOT, profiles.functionsOf(thread));
  console.error(`storm: the profiles are in ${profiles.directory}`);
  return figures.results();
}
