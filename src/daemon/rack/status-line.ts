// The rack's state in one line for the service manager: the served networks, waiting interfaces,
// and faults. Pure.

import type { Clock } from '../../ground/clock.ts';
import { joinNames } from '../../ground/counted.ts';
import { formatWallTime } from '../../ground/quantity.ts';
import type { UplinkStatus } from '../../uplink/link-status.ts';
import type { InterfaceState } from './interface-states.ts';

/** The most networks or racks named in a status; the rest are counted. */
export const NAMED_MAX = 4;

interface StatusLineFacts {
  readonly interfaces: readonly InterfaceState[];
  /** `undefined` until the link to the region exists. */
  readonly region: UplinkStatus | undefined;
  readonly regionAwaySinceMs: number | undefined;
  readonly journal: { readonly available: boolean; readonly reason: string | undefined };
}

/** `serving 10.20.0.0/24; waiting: eth2 has no carrier; region away since 2026-11-20T11:02:03Z`. */
export function formatStatusLine({ interfaces, region, regionAwaySinceMs, journal }: StatusLineFacts): string {
  const servedNetworks = interfaces.filter(({ serving }) => serving).map(({ network }) => network);
  const parts = [
    servedNetworks.length === 0 ? 'serving no network' : `serving ${joinNames(servedNetworks, NAMED_MAX)}`,
  ];
  const waitReasons = interfaces.filter(({ serving }) => !serving).map(({ reason }) => reason);
  if (waitReasons.length > 0) parts.push(`waiting: ${joinNames(waitReasons, NAMED_MAX)}`);
  if (!journal.available) parts.push(`cannot grant leases: ${journal.reason ?? 'too many wait for the disk'}`);
  const regionStatus = describeRegion(region, regionAwaySinceMs);
  if (regionStatus !== undefined) parts.push(regionStatus);
  return parts.join('; ');
}

/** `undefined` if the region answers. */
function describeRegion(region: UplinkStatus | undefined, awaySinceMs: number | undefined): string | undefined {
  if (region?.state === 'up') return undefined;
  switch (region?.state) {
    case undefined:
    case 'starting':
    case 'registering':
      return 'region is starting';
    case 'pending':
      return 'region: an administrator must accept this rack';
    case 'rejected':
    case 'incompatible':
      return `region: ${region.link?.text ?? region.state}`;
    case 'waiting':
    case 'away': {
      const sinceMs = region.link?.since ?? awaySinceMs;
      return sinceMs === undefined ? 'region is away' : `region away since ${formatWallTime(sinceMs)}`;
    }
  }
}

export interface StatusLineSources {
  readonly clock: Clock;
  readonly interfaces: () => readonly InterfaceState[];
  readonly region: () => UplinkStatus | undefined;
  /** `undefined` until it is open. */
  readonly journal: () => StatusLineFacts['journal'] | undefined;
}

/** Returns a function that renders the line, and remembers since when the region is away. */
export function makeStatusLine(sources: StatusLineSources): () => string {
  let regionAwaySinceMs: number | undefined;
  return () => {
    const region = sources.region();
    const isAway = region?.state === 'waiting' || region?.state === 'away';
    regionAwaySinceMs = isAway ? (regionAwaySinceMs ?? sources.clock.wallTimeMs()) : undefined;
    const journal = sources.journal() ?? { available: true, reason: undefined };
    return formatStatusLine({ interfaces: sources.interfaces(), region, regionAwaySinceMs, journal });
  };
}
