// `rackboot status`: what the running rack serves, what waits, and what counts.

import type { z } from 'zod';
import { systemClock } from '../../clock.ts';
import { loadPlace } from '../../config/load.ts';
import { networkContains, parseIpv4, parseNetwork } from '../../net/address.ts';
import { askDaemon } from '../control.ts';
import { formatBytes, formatDuration, print, printJson, printTable } from '../output.ts';
import { statusShape } from '../shapes.ts';
import { regionLines } from './region-lines.ts';

type Status = z.output<typeof statusShape>;
type ForeignServer = NonNullable<NonNullable<Status['dhcp']>['foreign']>[number];

/** The other DHCP servers, each in a line. */
export function foreignLines(servers: readonly ForeignServer[], nowMs: number): readonly string[] {
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
    if (bootOnly) parts.push('it only tells what to boot');
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

/** How full the dynamic range of a network is; empty: it has none. */
function rangeInUse({ dhcp }: Status, network: string): string {
  const range = dhcp?.ranges.find((one) => one.network === network);
  if (range === undefined) return '';
  const note = range.level === 'full' ? ', FULL' : range.level === 'filling' ? ', nearly full' : '';
  return `${range.used} of ${range.usable}${note}`;
}

/** A network that is served, by what DHCP does there. */
const SERVED: Readonly<Record<string, string>> = {
  server: 'served',
  proxy: 'served: boot only (proxy)',
  none: 'no DHCP (management 0)',
};

/** Ports of DHCP that are not open, and will not be by waiting for an interface or address. */
const failures = ({ dhcp }: Pick<Status, 'dhcp'>) => (dhcp?.problems ?? []).filter(({ waitedFor }) => !waitedFor);

/** Whether a network is served, and how; or why not. */
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

/** True when every interface is served and there is one on a rack elsewhere, DHCP's ports are open, the boot tree is known, leases can be written and the region answers. */
export const isHealthy = (
  status: Pick<Status, 'interfaces' | 'dhcp' | 'tree' | 'region' | 'journal' | 'unserved' | 'diskProblem'>,
): boolean =>
  status.unserved === undefined &&
  status.diskProblem === undefined &&
  status.interfaces.every(({ serving }) => serving) &&
  failures(status).length === 0 &&
  status.tree?.problem === undefined &&
  status.region?.state === 'up' &&
  status.journal.available;

/** Whether leases reach the disk: a full one may not have been met yet, where nobody asked for a lease. */
export function leasesLine({ journal, diskProblem }: Pick<Status, 'journal' | 'diskProblem'>): string {
  if (!journal.available) return `Leases  cannot be written: ${journal.reason}`;
  return diskProblem === undefined ? 'Leases  are written to disk' : `BAD     ${diskProblem}`;
}

/** What is wrong with the boot tree, in a line; empty: nothing. */
export function treeLines({ tree }: Pick<Status, 'tree'>): readonly string[] {
  if (tree?.problem === undefined) return [];
  const { reason, since } = tree.problem;
  return [`BAD     ${reason} (since ${since}; it is read again by itself)`];
}

/** That a configuration is refused, in a line; empty: none is. */
export function refusedLines({ refused }: Pick<Status, 'refused'>): readonly string[] {
  if (refused === undefined) return [];
  const [first = '', ...more] = refused.problems;
  const [what, where] =
    refused.source === 'file'
      ? ['the configuration file', '`rackboot check` says why']
      : ["what the region's store owns", '`rackboot config show` says why'];
  const others = more.length === 0 ? '' : ` (and ${more.length} more)`;
  return [`BAD     ${what} is refused since ${refused.since}, the last good one stays: ${first}${others}; ${where}`];
}

/** Prints the state. @returns 0 when it is healthy, else 1 */
export async function showStatus(file: string, json: boolean): Promise<number> {
  const raw = await askDaemon(loadPlace(file).stateDir, '/status');
  const status = statusShape.parse(raw);
  const now = systemClock.wallTimeMs();
  const healthy = isHealthy(status);
  if (json) {
    printJson(raw);
    return healthy ? 0 : 1;
  }
  print(
    `${status.name}: Rackboot ${status.version}, process ${status.pid}, up ${formatDuration(status.uptimeMs)}, ${formatBytes(status.memoryBytes)}`,
  );
  print('');
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
  print(leasesLine(status));
  if (status.unserved !== undefined) print(`BAD     ${status.unserved}`);
  for (const line of [...treeLines(status), ...refusedLines(status)]) print(line);
  for (const problem of status.dhcp?.problems ?? []) print(`BAD     DHCP on ${problem.name}: ${problem.text}`);
  for (const line of foreignLines(status.dhcp?.foreign ?? [], now)) print(line);
  for (const note of status.notes) print(`Note    ${note}`);
  return healthy ? 0 : 1;
}
