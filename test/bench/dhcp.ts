// DHCP: leases and renewals a second, Rackboot beside Kea. Clients are behind one relay agent, so both answer by unicast.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Benchmark } from './benchmark.ts';
import { BRIDGE, CLIENT, CORES, type Contender, compare, NETWORK, NETWORK_PREFIX, rackboot, SERVER } from './ground.ts';
import { findProgram } from './peer.ts';

const ROUNDS = 3;
const RANGE = ['10.89.0.0', '10.91.255.0'] as const;
const LEASE_SECONDS = 600;
/** Clients of each part: before measuring, 32 at a time (and again as renewals), one at a time. */
const LOAD = { server: SERVER, client: CLIENT, warmup: 3000, parallel: 30_000, alone: 3000 };

const ours = rackboot([
  'cluster_interfaces:',
  `  - { name: bench, interface: ${BRIDGE}, management: 1, ip: ${SERVER}, network: ${NETWORK}/${NETWORK_PREFIX},`,
  `      ip_range_low: ${RANGE[0]}, ip_range_high: ${RANGE[1]}, lease_time: ${LEASE_SECONDS}, conflict_check: false }`,
  // Counted as ever, and never too many.
  'dhcp: { new_clients_per_second: 1000000 }',
  'dns: { listen: [] }',
]);

function kea(): Contender {
  const command = findProgram('kea-dhcp4', 'kea-dhcp4-server');
  return {
    name: 'kea',
    start(ground, directory) {
      const file = join(directory, 'kea.json');
      writeFileSync(file, JSON.stringify({ Dhcp4: keaConfig(directory) }));
      process.env.KEA_PIDFILE_DIR = directory;
      process.env.KEA_LOCKFILE_DIR = directory;
      return ground.startPeer(command, ['-c', file]);
    },
  };
}

/** One thread, a lease file, warnings only; it reuses no lease that a client renews early unless told to. */
function keaConfig(directory: string): object {
  return {
    'interfaces-config': { interfaces: [BRIDGE], 'dhcp-socket-type': 'udp' },
    'lease-database': { type: 'memfile', persist: true, name: join(directory, 'leases.csv'), 'lfc-interval': 0 },
    'multi-threading': { 'enable-multi-threading': false },
    'valid-lifetime': LEASE_SECONDS,
    subnet4: [{ id: 1, subnet: `${NETWORK}/${NETWORK_PREFIX}`, pools: [{ pool: `${RANGE[0]} - ${RANGE[1]}` }] }],
    loggers: [{ name: 'kea-dhcp4', severity: 'WARN', output_options: [{ output: 'stderr' }] }],
  };
}

/** Leases and renewals. */
export const dhcpBenchmark: Benchmark = {
  what: 'dhcp',
  notes: [
    `Relayed clients never seen before, then each renews once; ${CORES}; ${ROUNDS} interleaved rounds, medians.`,
    'Rackboot is the whole daemon and every ACK is on disk (fsync) before it leaves; Kea (memfile) writes its lease file without fsync.',
    'Neither asks the wire who uses an address before it is offered: Kea does not, and Rackboot is told not to (conflict_check: false).',
  ],
  run() {
    return compare(ROUNDS, [ours, kea()], (ground) => ground.runLoad('dhcp-load.ts', LOAD));
  },
};
