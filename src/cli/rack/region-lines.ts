// The lines of `rackboot status` about the region: where it is, the state of the link, and since when.

import type { z } from 'zod';
import { counted } from '../../counted.ts';
import { formatDuration, formatWallTime } from '../terminal/output.ts';
import type { statusShape } from '../terminal/shapes.ts';

type RegionStatus = z.infer<typeof statusShape>['region'];

type Addresses = NonNullable<NonNullable<RegionStatus>['link']>['addresses'];

/** @param nowMs wall time */
function addressLines(addresses: Addresses, nowMs: number): readonly string[] {
  if (addresses.length < 2) return [];
  const failed = failedAddresses(addresses, nowMs);
  const working = addresses
    .filter(({ failure }) => failure === undefined)
    .map(({ url, isInUse, answeredMs }) => {
      const answered =
        answeredMs === undefined ? 'not asked yet' : `answered ${formatDuration(nowMs - answeredMs)} ago`;
      return `        ${url} ${isInUse ? 'is in use, ' : ''}${answered}`;
    });
  return [...working, ...failed.map((text) => `Beware  ${text}`)];
}

/** Addresses at which no region answers: why, and for how long. @param nowMs wall time */
export function failedAddresses(addresses: Addresses, nowMs: number): readonly string[] {
  if (addresses.length < 2) return [];
  return addresses.flatMap(({ failure }) =>
    failure === undefined ? [] : [`${failure.text} (for ${formatDuration(nowMs - failure.sinceMs)})`],
  );
}

/** Why no address of a remote region serves this rack, and since when; undefined: one does, or the region does not accept the rack. */
export function awayText(region: RegionStatus): string | undefined {
  const { state, link } = region ?? {};
  if (state !== 'away' || link === undefined) return undefined;
  const since = `since ${formatWallTime(link.since)}`;
  return link.addresses.length < 2
    ? `does not serve this rack (${since}): ${link.text}`
    : `serves this rack at none of its ${counted(link.addresses.length, 'address', 'addresses')} (${since})`;
}

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
  if (region.problem !== undefined) lines.push(`BAD     the region is not running: ${region.problem}`);
  if (link === undefined) return lines;
  const ofAddresses = addressLines(link.addresses, nowMs);
  if (link.text !== '' && !ofAddresses.some((line) => line.includes(link.text))) lines.push(`        ${link.text}`);
  lines.push(...ofAddresses);
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
  if (region.eventsDropped > 0)
    lines.push(
      `BAD     ${counted(region.eventsDropped, 'event for the region was', 'events for the region were')} dropped: see rackboot outbox`,
    );
  if (link.deadLetters > 0)
    lines.push(`BAD     the region refused ${counted(link.deadLetters, 'event')} for good: see rackboot outbox --dead`);
  if (link.outboxProblem !== '') lines.push(`BAD     ${link.outboxProblem}`);
  return lines;
}
