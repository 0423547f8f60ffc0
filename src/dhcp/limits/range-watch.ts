// Reports when a dynamic range fills up, is full, and has room again: once each.
//
//   ok ── FILLING_SHARE in use ──▶ filling ── nothing free ──▶ full ── FREE_SHARE_MIN free again ──▶ filling, or ok
//    ◀────── under EASED_SHARE in use ──┘
//
// 1. In use means leased, on offer, or set aside.

import type { Ipv4 } from '../../ground/address.ts';
import type { RangeUsage } from '../leases/address-pool.ts';

/** From this share in use a range is filling. */
export const FILLING_SHARE = 0.9;
/** Below this share it no longer is. */
export const EASED_SHARE = 0.8;
/** A full range has room once this share and at least two addresses are free. */
const FREE_SHARE_MIN = 0.05;

export type RangeLevel = 'ok' | 'filling' | 'full';

export interface RangeNotice {
  readonly kind: 'dhcp.range-filling' | 'dhcp.range-full' | 'dhcp.range-eased';
  readonly usage: RangeUsage;
}

export class RangeWatch {
  /** Other than `ok`, by the range's first address. */
  readonly #levels = new Map<Ipv4, Exclude<RangeLevel, 'ok'>>();

  getLevel({ range }: Pick<RangeUsage, 'range'>): RangeLevel {
    return this.#levels.get(range.low) ?? 'ok';
  }

  look(usage: RangeUsage): RangeNotice | undefined {
    const before = this.getLevel(usage);
    const level = levelAfter(before, usage);
    if (level === before) return undefined;
    if (level === 'ok') this.#levels.delete(usage.range.low);
    else this.#levels.set(usage.range.low, level);
    if (level === 'full') return { kind: 'dhcp.range-full', usage };
    return { kind: before === 'ok' ? 'dhcp.range-filling' : 'dhcp.range-eased', usage };
  }

  keep(usages: readonly RangeUsage[]): void {
    const served = new Set(usages.map(({ range }) => range.low));
    for (const low of this.#levels.keys()) if (!served.has(low)) this.#levels.delete(low);
  }
}

function levelAfter(before: RangeLevel, { usable, free }: RangeUsage): RangeLevel {
  if (usable <= 0) return 'ok';
  if (free === 0) return 'full';
  const used = (usable - free) / usable;
  if (before === 'full' && free < Math.min(usable, Math.max(2, usable * FREE_SHARE_MIN))) return 'full';
  if (used >= FILLING_SHARE) return 'filling';
  return before !== 'ok' && used >= EASED_SHARE ? 'filling' : 'ok';
}
