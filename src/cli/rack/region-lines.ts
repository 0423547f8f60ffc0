// The lines of `rackboot status` about the region: where it is, the state of the link, and since when.

import type { z } from 'zod';
import { counted } from '../../ground/counted.ts';
import { formatDuration, formatWallTime } from '../terminal/output.ts';
import type { statusShape } from '../terminal/shapes.ts';

type RegionStatus = z.infer<typeof statusShape>['region'];

/** @param nowMs wall time */
export function regionLines(region: RegionStatus, machines: number, nowMs: number): readonly string[] {
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
