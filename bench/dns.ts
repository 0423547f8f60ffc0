// DNS: authoritative answers per second from a zone of NAMES names and its reverse zone, Rackboot compared with Knot.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Benchmark } from './benchmark.ts';
import { BENCH_DOMAIN, benchAddress, benchName } from './dns-names.ts';
import { BRIDGE, CLIENT, CORES, type Contender, compare, NETWORK, NETWORK_PREFIX, rackboot, SERVER } from './ground.ts';
import { findProgram } from './peer.ts';

const ROUNDS = 3;
const NAMES = 10_000;
const LOAD = { server: SERVER, client: CLIENT, names: NAMES, warmupMs: 1500, measureMs: 3000 };
const REVERSE = '88.10.in-addr.arpa';

const indexes = Array.from({ length: NAMES }, (_, index) => index);

/** The names are reservations, as on a rack with that many machines. */
const ours = rackboot([
  'cluster_interfaces:',
  `  - name: bench`,
  `    interface: ${BRIDGE}`,
  '    management: 2',
  `    ip: ${SERVER}`,
  `    network: ${NETWORK}/${NETWORK_PREFIX}`,
  '    ip_range_low: 10.90.0.1',
  '    ip_range_high: 10.90.0.100',
  `    domain: ${BENCH_DOMAIN}`,
  '    hosts:',
  ...indexes.map((index) => {
    const mac = `02:be:00:00:${(index >> 8).toString(16).padStart(2, '0')}:${(index & 255).toString(16).padStart(2, '0')}`;
    const hostname = benchName(index).split('.')[0];
    return `      - { mac: "${mac}", ip: ${benchAddress(index)}, hostname: ${hostname} }`;
  }),
  `dns: { domain: ${BENCH_DOMAIN} }`,
]);

function knot(): Contender {
  const command = findProgram('knotd', 'knot');
  return {
    name: 'knot',
    start(ground, directory) {
      const soa = (zone: string): string =>
        `$ORIGIN ${zone}.\n$TTL 60\n@ SOA ns.${BENCH_DOMAIN}. admin.${BENCH_DOMAIN}. 1 3600 600 86400 60\n@ NS ns.${BENCH_DOMAIN}.\n`;
      const forward = indexes.map((index) => `${benchName(index)}. A ${benchAddress(index)}`);
      const reverse = indexes.map((index) => {
        const labels = benchAddress(index).split('.').toReversed();
        return `${labels.join('.')}.in-addr.arpa. PTR ${benchName(index)}.`;
      });
      writeFileSync(join(directory, 'forward'), `${soa(BENCH_DOMAIN)}ns A ${SERVER}\n${forward.join('\n')}\n`);
      writeFileSync(join(directory, 'reverse'), `${soa(REVERSE)}${reverse.join('\n')}\n`);
      mkdirSync(join(directory, 'run'));
      writeFileSync(join(directory, 'knot.conf'), knotConfig(directory));
      return ground.startPeer(command, ['-c', join(directory, 'knot.conf')]);
    },
  };
}

/** One UDP thread, no zone journal, warnings only. */
function knotConfig(directory: string): string {
  return [
    'server:',
    `    listen: ${SERVER}@53`,
    `    rundir: ${directory}/run`,
    '    udp-workers: 1',
    '    tcp-workers: 1',
    '    background-workers: 1',
    'log:',
    '  - target: stderr',
    '    any: warning',
    'database:',
    `    storage: ${directory}/run`,
    'template:',
    '  - id: default',
    `    storage: ${directory}`,
    '    journal-content: none',
    '    zonefile-sync: -1',
    'zone:',
    `  - domain: ${BENCH_DOMAIN}`,
    '    file: forward',
    `  - domain: ${REVERSE}`,
    '    file: reverse',
    '',
  ].join('\n');
}

/** Answers per second. */
export const dnsBenchmark: Benchmark = {
  what: 'dns',
  notes: [
    `${NAMES} names, asked in scattered order, 64 queries in flight; ${CORES}; ${ROUNDS} interleaved rounds, medians.`,
    "Where the load's core is all in use, the server could do more: then compare the CPU of each query.",
  ],
  run() {
    return compare(ROUNDS, [ours, knot()], (ground) => ground.runLoad('dns-load.ts', LOAD));
  },
};
