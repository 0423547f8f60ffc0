// `rackboot status`: what the running rack serves, what it waits for, and its problems.

import type { z } from 'zod';
import { systemClock } from '../../clock.ts';
import { listed } from '../../counted.ts';
import { networkContains, parseIpv4, parseNetwork } from '../../net/address.ts';
import { apartLines, isApart } from '../region/status-lines.ts';
import { ask, type Where } from '../terminal/asking.ts';
import { formatBytes, formatDuration, print, printJson, printTable } from '../terminal/output.ts';
import { statusShape } from '../terminal/shapes.ts';
import { regionLines } from './region-lines.ts';

/** The most keys in one line; the rest are counted. */
const KEYS_SHOWN_MAX = 8;

type Status = z.output<typeof statusShape>;
type ForeignServer = NonNullable<NonNullable<Status['dhcp']>['foreign']>[number];

function foreignLines(servers: readonly ForeignServer[], nowMs: number): readonly string[] {
  return servers.map((server) => {
    const {
      address,
      mac,
      network,
      interface: name,
      offered,
      leaseSeconds,
      file,
      bootOnly,
      firstSeen,
      lastSeen,
    } = server;
    const ago = (time: string): string => formatDuration(Math.max(0, nowMs - Date.parse(time)));
    const parts = [
      `another DHCP server on ${name ?? `network ${network}`}: ${address}${mac === undefined ? '' : ` (${mac})`}`,
    ];
    if (bootOnly) parts.push('it only sends boot information');
    if (offered !== undefined) {
      parts.push(
        `it offers ${offered}${leaseSeconds === undefined ? '' : ` for ${formatDuration(leaseSeconds * 1000)}`}`,
      );
    }
    if (file !== undefined) parts.push(`to load ${file}`);
    parts.push(`seen ${ago(lastSeen)} ago, first ${ago(firstSeen)} ago`);
    return `Beware  ${parts.join(', ')}`;
  });
}

/** How full a network's dynamic range is. */
function rangeInUse({ dhcp }: Status, network: string): string {
  const range = dhcp?.ranges.find((one) => one.network === network);
  if (range === undefined) return '';
  const note = range.level === 'full' ? ', FULL' : range.level === 'filling' ? ', nearly full' : '';
  return `${range.used} of ${range.usable}${note}`;
}

/** By DHCP mode. */
const SERVED: Readonly<Record<string, string>> = {
  server: 'served',
  proxy: 'served: boot only (proxy)',
  none: 'no DHCP (management 0)',
};

/** DHCP ports that failed to open for another reason than a missing interface or address. */
const failures = ({ dhcp }: Pick<Status, 'dhcp'>) => (dhcp?.problems ?? []).filter(({ waitedFor }) => !waitedFor);

/** How a network is served, or why it is not. */
export function stateOf(entry: Status['interfaces'][number], status: Pick<Status, 'dhcp'>): string {
  if (!entry.serving) return `waits: ${entry.reason}`;
  const network = parseNetwork(entry.network);
  const closed = failures(status).filter(({ name }) => {
    const address = parseIpv4(name);
    if (address === undefined) return name === entry.interface;
    return network !== undefined && networkContains(network, address);
  });
  if (closed.length === 0) return SERVED[entry.mode] ?? 'served';
  return `DHCP cannot listen on ${[...new Set(closed.map(({ name }) => name))].join(', ')}`;
}

/**
 * Why listeners of the region are not open. Those at an address of a waiting network are left out: the network's own
 * line names the cause.
 */
export const unopenedListeners = ({
  region,
  interfaces,
}: Pick<Status, 'region' | 'interfaces'>): NonNullable<Status['region']>['unopened'] =>
  (region?.unopened ?? []).filter(({ host }) => {
    const address = parseIpv4(host);
    return !interfaces.some(({ serving, network: written }) => {
      const network = serving || address === undefined ? undefined : parseNetwork(written);
      return network !== undefined && address !== undefined && networkContains(network, address);
    });
  });

/**
 * Every interface is served, DHCP's ports and the region's listeners are open, the boot tree and the disk have no
 * problem, leases can be written, and the region answers. A rack with a remote region must also serve a network.
 */
export const isHealthy = (
  status: Pick<Status, 'interfaces' | 'dhcp' | 'tree' | 'region' | 'journal' | 'unserved' | 'diskProblem'>,
): boolean =>
  status.unserved === undefined &&
  status.diskProblem === undefined &&
  status.interfaces.every(({ serving }) => serving) &&
  failures(status).length === 0 &&
  status.tree?.problem === undefined &&
  status.region?.state === 'up' &&
  status.region.problem === undefined &&
  unopenedListeners(status).length === 0 &&
  status.journal.available;

/** A full disk counts even before the first write fails. */
function leasesLine({ journal, diskProblem }: Pick<Status, 'journal' | 'diskProblem'>): string {
  if (!journal.available) return `Leases  cannot be written: ${journal.reason}`;
  return diskProblem === undefined ? 'Leases  are written to disk' : `BAD     ${diskProblem}`;
}

export function treeLines({ tree }: Pick<Status, 'tree'>): readonly string[] {
  if (tree?.problem === undefined) return [];
  const { reason, since } = tree.problem;
  return [`BAD     ${reason} (since ${since}; the rack rereads it automatically)`];
}

export function refusedLines({ refused }: Pick<Status, 'refused'>): readonly string[] {
  if (refused === undefined) return [];
  const [first = '', ...more] = refused.problems;
  const [what, where] =
    refused.source === 'file'
      ? ['the configuration file', '`rackboot check` says why']
      : ["the configuration in the region's store", '`rackboot config show` says why'];
  const others = more.length === 0 ? '' : ` (and ${more.length} more)`;
  return [`BAD     ${what} is refused since ${refused.since}; the last good one stays: ${first}${others}; ${where}`];
}

const restartLines = (keys: readonly string[]): readonly string[] =>
  keys.length === 0
    ? []
    : [`Note    changed in the configuration, and in force when the service restarts: ${listed(keys, KEYS_SHOWN_MAX)}`];

/** @returns 0 if it is healthy, else 1 */
export async function showStatus(where: Where): Promise<number> {
  const raw = await ask(where, '/status');
  const status = statusShape.parse(raw);
  const now = systemClock.wallTimeMs();
  const healthy = isHealthy(status);
  if (where.json) {
    printJson(raw);
    return healthy ? 0 : 1;
  }
  print(
    `${status.name}: Rackboot ${status.version}, process ${status.pid}, up ${formatDuration(status.uptimeMs)}, ${formatBytes(status.memoryBytes)}`,
  );
  print('');
  if (isApart(status.region)) for (const line of apartLines(status.region, status.machinesKnown)) print(line);
  else printServed(status, now);
  for (const { text } of unopenedListeners(status)) print(`BAD     ${text}`);
  if (!isApart(status.region)) print(leasesLine(status));
  else if (status.diskProblem !== undefined) print(`BAD     ${status.diskProblem}`);
  if (status.unserved !== undefined) print(`BAD     ${status.unserved}`);
  for (const line of [...treeLines(status), ...refusedLines(status)]) print(line);
  for (const line of restartLines(status.restartKeys)) print(line);
  for (const problem of status.dhcp?.problems ?? []) print(`BAD     DHCP on ${problem.name}: ${problem.text}`);
  for (const line of foreignLines(status.dhcp?.foreign ?? [], now)) print(line);
  for (const text of status.metricsProblems) print(`Beware  metrics, health and readiness are not served: ${text}`);
  for (const note of status.notes) print(`Note    ${note}`);
  return healthy ? 0 : 1;
}

function printServed(status: Status, now: number): void {
  printTable(
    ['NETWORK', 'INTERFACE', 'STATE', 'RANGE IN USE'],
    status.interfaces.map((entry) => [
      `${entry.name} ${entry.network}`,
      entry.interface || '(relayed)',
      stateOf(entry, status),
      rangeInUse(status, entry.name),
    ]),
    'No cluster interface is configured.',
  );
  print('');
  for (const [name, part] of [
    ['TFTP', status.tftp],
    ['HTTP', status.http],
    ['DNS', status.dns],
  ] as const) {
    print(
      `${name.padEnd(8)}${part === undefined || part.listening.length === 0 ? 'not served' : part.listening.join(', ')}`,
    );
  }
  for (const line of regionLines(status.region, status.machinesKnown, now)) print(line);
}
