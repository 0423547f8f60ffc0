// Reports damage of `region.db` to the operator: found while the region runs, or when it cannot start.

import { systemClock } from '../clock.ts';
import { errorText, RackError } from '../errors.ts';
import { findRegionDamage } from '../store/region-damage.ts';

/** Reads the whole store once. @param isWanted false once the result is no longer needed @returns the damage with the remedy; undefined: none */
export async function damageText(stateDir: string, isWanted: () => boolean): Promise<string | undefined> {
  const damage = await findRegionDamage(stateDir, { clock: systemClock, isWanted });
  return damage === undefined
    ? undefined
    : `${damage}: the region works with the rest of it. Stop Rackboot and restore a backup; the disk may be failing, see the kernel's log (dmesg)`;
}

/** Why a region on `region.db` cannot start. Rows of a damaged file fail in many ways: then the damage is the reason. */
export async function startFailure(error: unknown, stateDir: string): Promise<RackError> {
  if (error instanceof RackError) return error;
  const damage = await findRegionDamage(stateDir, { clock: systemClock, isWanted: () => true });
  if (damage !== undefined) return new RackError('store-broken', `${damage}: restore a backup`, { cause: error });
  return new RackError('region-failed', errorText(error), { cause: error });
}
