// The dynamic ranges of racks, and those that two racks share; a dynamic range may belong to only one rack. Pure.

import { formatIpv4, type Ipv4Range, parseIpv4 } from '../../net/address.ts';
import type { Rack } from '../records/rack.ts';
import { believedInterfaces } from './rack-networks.ts';

/** The ranges from which a rack leases addresses to any host, in its believed networks. */
export function rangesOf(rack: Rack): readonly Ipv4Range[] {
  return believedInterfaces(rack).flatMap(({ management, ip_range_low, ip_range_high }) => {
    const low = parseIpv4(ip_range_low);
    const high = parseIpv4(ip_range_high);
    return management === 0 || low === undefined || high === undefined ? [] : [{ low, high }];
  });
}

interface SharedRange extends Ipv4Range {
  readonly rack: string;
}

export const rangeSharedText = ({ rack, low, high }: SharedRange): string =>
  `${rack} also hands out ${formatIpv4(low)} to ${formatIpv4(high)}: give these addresses to one of them`;

/** The dynamic addresses that an accepted rack shares with another; undefined: none. */
export function findSharedRange(rack: Rack, racks: readonly Rack[]): SharedRange | undefined {
  if (rack.state !== 'accepted') return undefined;
  for (const other of racks) {
    if (other.uuid === rack.uuid || other.state !== 'accepted') continue;
    for (const a of rangesOf(rack)) {
      const b = rangesOf(other).find(({ low, high }) => low <= a.high && a.low <= high);
      if (b === undefined) continue;
      return { rack: other.name, low: a.low > b.low ? a.low : b.low, high: a.high < b.high ? a.high : b.high };
    }
  }
  return undefined;
}
