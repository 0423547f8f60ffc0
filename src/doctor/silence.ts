// Explains why a probe got no offer from this rack. Pure.

import { counted } from '../ground/counted.ts';

/** How full the running rack's dynamic ranges are. */
export interface RangeUse {
  readonly network: string;
  /** The addresses that can be handed out at all, and how many of them are leased, on offer or set aside. */
  readonly usable: number;
  readonly used: number;
}

interface JudgedSilence {
  readonly text: string;
  readonly fix: string;
}

/**
 * Judges the missing offer on a network. @param ranges the ranges of the running rack; empty if
 * they are unknown @param commands as in `DoctorOptions`
 */
export function judgeSilence(
  silence: string,
  network: string,
  ranges: readonly RangeUse[],
  commands: { readonly start: string; readonly config: string },
): JudgedSilence {
  const networkRanges = ranges.filter((range) => range.network === network);
  const [used, usable] = [
    sumCounts(networkRanges.map((range) => range.used)),
    sumCounts(networkRanges.map((range) => range.usable)),
  ];
  if (usable > 0 && used >= usable) {
    const usageText = `no address is free: ${used} of ${counted(usable, 'address', 'addresses')} of the dynamic range in use`;
    const remedy = 'enlarge the range, or shorten lease_time';
    return {
      text: `${silence}: ${usageText}; ${remedy}. See \`rackboot leases${commands.config}\``,
      fix: `rackboot config show cluster_interfaces${commands.config} shows the range (ip_range_low to ip_range_high)`,
    };
  }
  const text = `${silence}; is Rackboot running, and is the interface up? See \`rackboot status${commands.config}\``;
  return { text, fix: commands.start };
}

/**
 * Describes why a stranger gets no address although the network has a dynamic range; undefined if a
 * stranger may get one. @param ranges as for `judgeSilence`
 */
export function describeFullRange(network: string, ranges: readonly RangeUse[]): string | undefined {
  const networkRanges = ranges.filter((range) => range.network === network);
  const isUnavailable = networkRanges.length > 0 && networkRanges.every(({ usable }) => usable <= 0);
  return isUnavailable
    ? 'has a dynamic range without a free address for a probe: each is reserved or in use by the network itself'
    : undefined;
}

const sumCounts = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);
