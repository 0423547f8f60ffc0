// Why a probe got no offer of this rack. Pure.

import { counted } from '../ground/counted.ts';

/** How full the running rack's dynamic ranges are. */
export interface RangeUse {
  readonly network: string;
  /** The addresses that can be handed out at all, and how many of them are leased, on offer or set aside. */
  readonly usable: number;
  readonly used: number;
}

interface Silence {
  readonly text: string;
  readonly fix: string;
}

/**
 * Judges the silence on a network. @param ranges the running rack's; empty: unknown @param commands
 * as in `DoctorOptions`
 */
export function judgeSilence(
  silence: string,
  network: string,
  ranges: readonly RangeUse[],
  commands: { readonly start: string; readonly config: string },
): Silence {
  const own = ranges.filter((range) => range.network === network);
  const [used, usable] = [sumCounts(own.map((range) => range.used)), sumCounts(own.map((range) => range.usable))];
  if (usable > 0 && used >= usable) {
    const state = `no address is free: ${used} of ${counted(usable, 'address', 'addresses')} of the dynamic range in use`;
    const remedy = 'enlarge the range, or shorten lease_time';
    return {
      text: `${silence}: ${state}; ${remedy}. See \`rackboot leases${commands.config}\``,
      fix: `rackboot config show cluster_interfaces${commands.config} shows the range (ip_range_low to ip_range_high)`,
    };
  }
  const text = `${silence}; is Rackboot running, and is the interface up? See \`rackboot status${commands.config}\``;
  return { text, fix: commands.start };
}

/**
 * Why a stranger gets no address although the network has a dynamic range; undefined: it may get
 * one. @param ranges as for `judgeSilence`
 */
export function describeLack(network: string, ranges: readonly RangeUse[]): string | undefined {
  const own = ranges.filter((range) => range.network === network);
  const isKept = own.length > 0 && own.every(({ usable }) => usable <= 0);
  return isKept
    ? 'has a dynamic range without a free address for a probe: each is reserved or in use by the network itself'
    : undefined;
}

const sumCounts = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);
