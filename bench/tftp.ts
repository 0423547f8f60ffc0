// TFTP: one client and twenty, a block at a time and sixteen, Rackboot compared with dnsmasq (the fastest of those without windows) and atftpd
// (which has windows). tftpd-hpa cannot be installed beside atftpd.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Benchmark } from './benchmark.ts';
import { BRIDGE, CLIENT, CORES, type Contender, compare, NETWORK, NETWORK_PREFIX, rackboot, SERVER } from './ground.ts';
import { findProgram } from './peer.ts';

const ROUNDS = 3;
const FILE = 'initrd.gz';
const FILE_BYTES = 32 * 1024 * 1024;
const TIMES = { warmupMs: 700, measureMs: 2500 };
const LOCK_STEP = [
  // Before anything else: what a rack gives that has just got its power back.
  { name: '512, 20 clients, just ready', clients: 20, blockBytes: 512, windowBlocks: 1, warmupMs: 0, measureMs: 1000 },
  { name: '512, 20 clients', clients: 20, blockBytes: 512, windowBlocks: 1, ...TIMES },
  { name: '1428, 20 clients', clients: 20, blockBytes: 1428, windowBlocks: 1, ...TIMES },
  { name: '512, 1 client', clients: 1, blockBytes: 512, windowBlocks: 1, ...TIMES },
  { name: '1428, 1 client', clients: 1, blockBytes: 1428, windowBlocks: 1, ...TIMES },
];
const WINDOWS = [
  { name: '1428 window 16, 1 client', clients: 1, blockBytes: 1428, windowBlocks: 16, ...TIMES },
  { name: '1428 window 16, 20 clients', clients: 20, blockBytes: 1428, windowBlocks: 16, ...TIMES },
];
const WITH_WINDOWS = new Set(['rackboot', 'before', 'atftpd']);

function contenders(tree: string): readonly Contender[] {
  const atftpd = findProgram('atftpd', 'atftpd');
  const dnsmasq = findProgram('dnsmasq', 'dnsmasq-base');
  // Without a user and a group it runs as `nobody`, and ends after five idle minutes.
  const atftpdWords =
    '--daemon --no-fork --logfile /dev/null --verbose=0 --no-multicast --maxthread 100 --user root --group root';
  const dnsmasqWords =
    '--keep-in-foreground --conf-file=/dev/null --pid-file= --port=0 --user=root --no-resolv --enable-tftp --log-facility=/dev/null --tftp-max=100';
  return [
    rackboot([
      'cluster_interfaces:',
      `  - { name: bench, interface: ${BRIDGE}, management: 0, ip: ${SERVER}, network: ${NETWORK}/${NETWORK_PREFIX} }`,
      'dns: { listen: [] }',
      `boot: { tree: ${JSON.stringify(tree)} }`,
    ]),
    {
      name: 'dnsmasq',
      start: (ground) => ground.startPeer(dnsmasq, [...dnsmasqWords.split(' '), `--tftp-root=${tree}`]),
    },
    {
      name: 'atftpd',
      start: (ground) => ground.startPeer(atftpd, [...atftpdWords.split(' '), '--bind-address', SERVER, tree]),
    },
  ];
}

/** Megabytes per second. */
export const tftpBenchmark: Benchmark = {
  what: 'tftp',
  notes: [
    `A file of ${FILE_BYTES / 1024 / 1024} MiB, clients with an address each, every byte compared; ${CORES}; ${ROUNDS} interleaved rounds, medians.`,
    "Where the load's core is all in use, the server could do more: then compare the CPU of each GB. dnsmasq has no windows.",
    'BENCH_BEFORE=CHECKOUT measures the Rackboot of another checkout as well.',
  ],
  async run() {
    const tree = mkdtempSync(join(tmpdir(), 'rackboot-bench-tree-'));
    try {
      const content = Buffer.alloc(FILE_BYTES);
      // Each 32-bit word is its own number, so that a block in the wrong place is noticed.
      for (let at = 0; at < FILE_BYTES; at += 4) content.writeUInt32BE(at, at);
      writeFileSync(join(tree, FILE), content);
      const load = {
        server: SERVER,
        client: CLIENT,
        networkPrefix: NETWORK_PREFIX,
        file: FILE,
        content: join(tree, FILE),
      };
      return await compare(ROUNDS, contenders(tree), (ground, { name }) =>
        ground.runLoad('tftp-load.ts', {
          ...load,
          parts: WITH_WINDOWS.has(name) ? [...LOCK_STEP, ...WINDOWS] : LOCK_STEP,
        }),
      );
    } finally {
      rmSync(tree, { recursive: true, force: true });
    }
  },
};
