// `rackboot status`: what the running rack serves, what it waits for, and its problems.

import type { z } from 'zod';
import { systemClock } from '../../ground/clock.ts';
import { counted } from '../../ground/counted.ts';
import { apartLines, isApart } from '../region/status-lines.ts';
import { askRegion, type Where } from '../terminal/asking.ts';
import { formatBytes, formatDuration, formatWallTime, print, printJson, printTable } from '../terminal/output.ts';
import { statusShape } from '../terminal/shapes.ts';

type Status = z.output<typeof statusShape>;

/** How full a network's dynamic range is. */
function rangeInUse({ dhcp }: Status, network: string): string {
  const range = dhcp?.ranges.find((candidate) => candidate.network === network);
  if (range === undefined) return '';
  const note = range.level === 'full' ? ', FULL' : range.level === 'filling' ? ', nearly full' : '';
  return `${range.used} of ${range.usable}${note}`;
}

/** What is served, by DHCP mode. */
const SERVED: Readonly<Record<string, string>> = {
  server: 'served',
  proxy: 'served: boot only (proxy)',
  none: 'no DHCP (management 0)',
};

/** @returns 0 if nothing is wrong, else 1 */
export async function showStatus(where: Where): Promise<number> {
  const raw = await askRegion(where, '/status');
  const status = statusShape.parse(raw);
  const { findings, region } = status;
  const isWell = findings.every(({ isNote }) => isNote);
  if (where.json) {
    printJson(raw);
    return isWell ? 0 : 1;
  }
  print(
    `${status.name}: Rackboot ${status.version}, process ${status.pid}, up ${formatDuration(status.uptimeMs)}, ${formatBytes(status.memoryBytes)}`,
  );
  print('');
  if (isApart(region)) for (const line of apartLines(region, status.machinesKnown)) print(line);
  else printServed(status, systemClock.wallTimeMs());
  const inTable = isApart(region) ? [] : status.interfaces.map(({ name }) => networkCheck(name));
  for (const { check, text, isNote } of findings)
    if (isNote || !inTable.includes(check)) print(`${isNote ? 'Note   ' : 'BAD    '} ${check}: ${text}`);
  return isWell ? 0 : 1;
}

const networkCheck = (name: string): string => `network ${name}`;

function printServed(status: Status, now: number): void {
  printTable(
    ['NETWORK', 'INTERFACE', 'STATE', 'RANGE IN USE'],
    status.interfaces.map((entry) => [
      `${entry.name} ${entry.network}`,
      entry.interface || '(relayed)',
      findProblem(status, entry.name) ?? SERVED[entry.mode] ?? 'served',
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
  if (status.findings.every(({ cause }) => cause !== 'state directory')) print('Leases  are written to disk');
}

const findProblem = ({ findings }: Status, network: string): string | undefined =>
  findings.find(({ check, isNote }) => !isNote && check === networkCheck(network))?.text;

/**
 * The lines about the region: where it is, the state of the link, and since when. @param nowMs wall
 * time
 */
function regionLines(region: Status['region'], machines: number, nowMs: number): readonly string[] {
  if (region === undefined) return ['Region  not started'];
  const ago = (atMs: number): string => `${formatDuration(nowMs - atMs)} ago`;
  const { link } = region;
  const inUse = link?.addresses.find(({ isInUse }) => isInUse)?.url;
  const places = inUse === undefined ? region.addresses : [inUse];
  const at = places.length > 0 ? ` at ${places.join(', ')}` : '';
  const since = link === undefined ? '' : ` since ${formatWallTime(link.since)}`;
  const lines = [
    `Region  ${region.state}${at}${since}, ${counted(machines, 'machine')}, ${counted(region.eventsWaiting, 'event')} waiting`,
  ];
  if (link === undefined) return lines;
  if (region.state === 'up' && link.text !== '') lines.push(`        ${link.text}`);
  for (const { url, isInUse, answeredMs, failure } of link.addresses.length < 2 ? [] : link.addresses) {
    if (failure !== undefined) continue;
    const answered = answeredMs === undefined ? 'not asked yet' : `answered ${ago(answeredMs)}`;
    lines.push(`        ${url} ${isInUse ? 'is in use, ' : ''}${answered}`);
  }
  const state =
    region.desiredSince === undefined
      ? ': none received yet'
      : `, version ${region.desiredVersion}, received ${ago(region.desiredSince)}`;
  lines.push(`        machines, names and settings of the region${state}`);
  const beat =
    link.lastHeartbeat === undefined
      ? 'none yet'
      : `${ago(link.lastHeartbeat)}, answered in ${link.heartbeatMs ?? 0} ms`;
  const contact = link.lastContact === undefined ? 'not since the start' : ago(link.lastContact);
  lines.push(`        last contact ${contact}; last heartbeat ${beat}`);
  return lines;
}
