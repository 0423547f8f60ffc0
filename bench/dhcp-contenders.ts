// The compared DHCP servers, each configured for the same network and started with the same leases. Sources: the Kea Administrator
// Reference Manual, dhcpd.conf(5), dnsmasq(8).
//
// 1. None probes an address before it offers it, none logs its work, and each works in one thread.
// 2. Each stores every renewal: by default ISC and Kea would skip early ones.

import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WITHOUT_WARNING } from '../bin/daemon-flags.js';
import { formatIpv4, ipv4 } from '../src/ground/address.ts';
import { systemClock } from '../src/ground/clock.ts';
import {
  type ExistingLeases,
  type LeaseRange,
  writeDnsmasqLeases,
  writeIscLeases,
  writeKeaLeases,
} from './dhcp-existing.ts';
import { RACKBOOT } from './figure.ts';
import { BRIDGE, type Contender, rackboot, SERVER } from './ground.ts';
import { findProgram } from './peer.ts';

/** The network of all clients; the server's address and the load's are in it. */
const NETWORK = '10.64.0.0';
const ROOT = join(import.meta.dirname, '..');
const NETWORK_PREFIX = 10;
const NETMASK = '255.192.0.0';
/** The ends of leases lie beyond the longest run. */
const LEASE_SECONDS = 7200;

/** The leases at the start of a server. */
export interface Site {
  readonly range: LeaseRange;
  readonly existing: number;
  /** A directory for files that are created once and used in each round. */
  readonly workshop: string;
}

/** The names of all contenders, in the order of the report. */
export const CONTENDERS = [RACKBOOT, 'kea', 'isc', 'dnsmasq'] as const;
/** `before`: the Rackboot of the checkout that BENCH_BEFORE names. */
export type ContenderName = (typeof CONTENDERS)[number] | 'before';

/** A server that starts with the leases of `site`. @throws Error if it is not installed */
export function contenderOf(name: ContenderName, site: Site): Contender {
  return { ...MAKERS[name](site), networkPrefix: NETWORK_PREFIX };
}

const MAKERS: Readonly<Record<ContenderName, (site: Site) => Contender>> = {
  rackboot: (site) => ours(site),
  before: (site) => ours(site, process.env.BENCH_BEFORE),
  kea,
  isc,
  dnsmasq,
};

const leasesOf = ({ range, existing }: Site): ExistingLeases => ({
  range,
  count: existing,
  leaseSeconds: LEASE_SECONDS,
  wallSeconds: Math.floor(systemClock.wallTimeMs() / 1000),
});

const firstOf = ({ range }: Site): string => formatIpv4(ipv4(range.low));
const lastOf = ({ range }: Site): string => formatIpv4(ipv4(range.low + range.size - 1));

/** The rack imports its leases once from a Kea file; each round starts with a copy of the state. */
function ours(site: Site, checkout?: string): Contender {
  const extra = [
    'cluster_interfaces:',
    `  - { name: bench, interface: ${BRIDGE}, management: 1, ip: ${SERVER}, network: ${NETWORK}/${NETWORK_PREFIX},`,
    `      ip_range_low: ${firstOf(site)}, ip_range_high: ${lastOf(site)}, lease_time: ${LEASE_SECONDS}, conflict_check: false }`,
    // Counted as usual, but never too many.
    'dhcp: { new_clients_per_second: 1000000, foreign_probe: "no" }',
    'dns: { listen: [] }',
  ];
  let template: string | undefined;
  const current = rackboot(extra);
  const plain = checkout === undefined ? current : (current.from?.(checkout) ?? current);
  return {
    name: plain.name,
    start(ground, directory) {
      template ??= importedState(site, extra, checkout ?? ROOT);
      cpSync(template, join(directory, 'state'), { recursive: true });
      return plain.start(ground, directory);
    },
  };
}

/** The state created by a checkout's own Rackboot, because stores differ between versions. */
function importedState(site: Site, extra: readonly string[], checkout: string): string {
  const whose = checkout === ROOT ? RACKBOOT : 'before';
  const directory = join(site.workshop, `${whose}-${site.range.size}-${site.existing}`);
  const state = join(directory, 'state');
  mkdirSync(state, { recursive: true });
  const [config, file] = [join(directory, 'rackboot.yaml'), join(directory, 'leases.csv')];
  writeFileSync(config, ['name: bench', `state_dir: ${JSON.stringify(state)}`, ...extra, ''].join('\n'));
  writeKeaLeases(file, leasesOf(site));
  const main = join(checkout, 'src', 'main.ts');
  const words = [WITHOUT_WARNING, main, 'leases', 'import', file, '--config', config];
  execFileSync(process.execPath, words, { stdio: ['ignore', 'ignore', 'pipe'] });
  return state;
}

/** One thread, a lease file, warnings only; it reuses no lease that a client renews early unless told to. */
function kea(site: Site): Contender {
  const command = findProgram('kea-dhcp4', 'kea-dhcp4-server');
  return {
    name: 'kea',
    start(ground, directory) {
      const leases = join(directory, 'leases.csv');
      writeKeaLeases(leases, leasesOf(site));
      const config = {
        'interfaces-config': { interfaces: [BRIDGE], 'dhcp-socket-type': 'udp' },
        'lease-database': { type: 'memfile', persist: true, name: leases, 'lfc-interval': 0 },
        'multi-threading': { 'enable-multi-threading': false },
        'valid-lifetime': LEASE_SECONDS,
        subnet4: [
          { id: 1, subnet: `${NETWORK}/${NETWORK_PREFIX}`, pools: [{ pool: `${firstOf(site)} - ${lastOf(site)}` }] },
        ],
        loggers: [{ name: 'kea-dhcp4', severity: 'WARN', output_options: [{ output: 'stderr' }] }],
      };
      const file = join(directory, 'kea.json');
      writeFileSync(file, JSON.stringify({ Dhcp4: config }));
      const environment = { KEA_PIDFILE_DIR: directory, KEA_LOCKFILE_DIR: directory };
      return ground.startPeer(command, ['-c', file], environment);
    },
  };
}

/** The default configuration, except that it does not ping before an offer, and stores early renewals. */
function isc(site: Site): Contender {
  const command = findProgram('dhcpd', 'isc-dhcp-server');
  return {
    name: 'isc',
    start(ground, directory) {
      const [file, leases] = [join(directory, 'dhcpd.conf'), join(directory, 'dhcpd.leases')];
      writeIscLeases(leases, leasesOf(site));
      const config = [
        'authoritative;',
        'ping-check false;',
        'dhcp-cache-threshold 0;',
        `default-lease-time ${LEASE_SECONDS};`,
        `max-lease-time ${LEASE_SECONDS};`,
        `subnet ${NETWORK} netmask ${NETMASK} { range ${firstOf(site)} ${lastOf(site)}; }`,
        '',
      ];
      writeFileSync(file, config.join('\n'));
      const files = ['-cf', file, '-lf', leases, '-pf', join(directory, 'dhcpd.pid')];
      return ground.startPeer(command, ['-4', '-f', '-q', ...files, BRIDGE]);
    },
  };
}

/** Of a dnsmasq that serves DHCP: it does not log leases, and does not ping. */
export const DNSMASQ_DHCP: readonly string[] = [
  '--keep-in-foreground',
  '--conf-file=/dev/null',
  '--pid-file=',
  '--port=0',
  '--user=root',
  '--log-facility=/dev/null',
  '--quiet-dhcp',
  `--interface=${BRIDGE}`,
  '--no-ping',
  '--dhcp-authoritative',
];

/** It may have as many leases as the range has addresses. */
function dnsmasq(site: Site): Contender {
  const command = findProgram('dnsmasq', 'dnsmasq-base');
  return {
    name: 'dnsmasq',
    start(ground, directory) {
      const leases = join(directory, 'dnsmasq.leases');
      writeDnsmasqLeases(leases, leasesOf(site));
      return ground.startPeer(command, [
        ...DNSMASQ_DHCP,
        `--dhcp-range=${firstOf(site)},${lastOf(site)},${NETMASK},${LEASE_SECONDS}`,
        `--dhcp-lease-max=${site.range.size}`,
        `--dhcp-leasefile=${leases}`,
      ]);
    },
  };
}
