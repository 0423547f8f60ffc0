// TFTP: one client and twenty, a block at a time and sixteen, Rackboot compared with atftpd (which supports windows) and dnsmasq (the fastest
// of those that do not).

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Benchmark } from './benchmark.ts';
import { BRIDGE, CLIENT, CORES, type Contender, compare, NETWORK, NETWORK_PREFIX, rackboot, SERVER } from './ground.ts';
import { findProgram } from './peer.ts';

const ROUNDS = 3;
const FILE = 'initrd.gz';
const FILE_BYTES = 32 * 1024 * 1024;
const LOCK_STEP = [
  { name: 'lock step, 1 client', clients: 1, windowBlocks: 1 },
  { name: 'lock step, 20 clients', clients: 20, windowBlocks: 1 },
];
const WINDOWS = [
  { name: 'window 16, 1 client', clients: 1, windowBlocks: 16 },
  { name: 'window 16, 20 clients', clients: 20, windowBlocks: 16 },
];

function contenders(tree: string): readonly Contender[] {
  const atftpd = findProgram('atftpd', 'atftpd');
  const dnsmasq = findProgram('dnsmasq', 'dnsmasq-base');
  return [
    rackboot([
      'cluster_interfaces:',
      `  - { name: bench, interface: ${BRIDGE}, management: 0, ip: ${SERVER}, network: ${NETWORK}/${NETWORK_PREFIX} }`,
      'dns: { listen: [] }',
      `boot: { tree: ${JSON.stringify(tree)} }`,
    ]),
    {
      name: 'atftpd',
      // Without these it runs as `nobody`, and ends after five idle minutes.
      start: (ground) =>
        ground.startPeer(atftpd, [
          '--daemon',
          '--no-fork',
          '--logfile',
          '/dev/null',
          '--verbose=0',
          '--no-multicast',
          '--maxthread',
          '100',
          '--user',
          'root',
          '--group',
          'root',
          '--bind-address',
          SERVER,
          tree,
        ]),
    },
    {
      name: 'dnsmasq',
      start: (ground) =>
        ground.startPeer(dnsmasq, [
          '--keep-in-foreground',
          '--conf-file=/dev/null',
          '--pid-file=',
          '--port=0',
          '--user=root',
          '--no-resolv',
          '--enable-tftp',
          `--tftp-root=${tree}`,
          '--log-facility=/dev/null',
          '--tftp-max=100',
        ]),
    },
  ];
}

/** Megabytes per second. */
export const tftpBenchmark: Benchmark = {
  what: 'tftp',
  notes: [
    `A file of ${FILE_BYTES / 1024 / 1024} MiB, blksize 1428, every byte compared; ${CORES}; ${ROUNDS} interleaved rounds, medians.`,
    "Where the load's core is all in use, the server could do more: then compare the CPU of each GB. dnsmasq has no windows.",
  ],
  async run() {
    const tree = mkdtempSync(join(tmpdir(), 'rackboot-bench-tree-'));
    try {
      const content = Buffer.alloc(FILE_BYTES);
      // Each 32-bit word is its own number, so that a block in the wrong place is noticed.
      for (let at = 0; at < FILE_BYTES; at += 4) content.writeUInt32BE(at, at);
      writeFileSync(join(tree, FILE), content);
      const load = { server: SERVER, client: CLIENT, file: FILE, content: join(tree, FILE) };
      const times = { warmupMs: 700, measureMs: 2500 };
      return await compare(ROUNDS, contenders(tree), (ground, { name }) =>
        ground.runLoad('tftp-load.ts', {
          ...load,
          ...times,
          parts: name === 'dnsmasq' ? LOCK_STEP : [...LOCK_STEP, ...WINDOWS],
        }),
      );
    } finally {
      rmSync(tree, { recursive: true, force: true });
    }
  },
};
