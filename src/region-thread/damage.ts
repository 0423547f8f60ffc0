// Reports damage of `region.db` to the operator: found while the region runs, or when it cannot start.

import { systemClock } from '../clock.ts';
import { errorText, RackError } from '../errors.ts';
import type { RackNote } from '../region/records/rack-note.ts';
import { findRegionDamage } from '../store/sqlite/region-damage.ts';

/** Reads the whole store once. @param isWanted false once the result is no longer needed @returns undefined: no damage */
export async function findDamage(stateDir: string, isWanted: () => boolean): Promise<RackNote | undefined> {
  const damage = await findRegionDamage(stateDir, { clock: systemClock, isWanted });
  return damage && { note: 'region-damaged', ...damage };
}

/** Why a region on `region.db` cannot start. A damaged file fails in many ways, so if the file is damaged, that is the reason given. */
export async function startFailure(error: unknown, stateDir: string): Promise<RackError> {
  if (error instanceof RackError) return error;
  const damage = await findRegionDamage(stateDir, { clock: systemClock, isWanted: () => true });
  if (damage !== undefined) {
    const text = `${damage.file} is damaged in places (${damage.reason}): restore a backup`;
    return new RackError('store-broken', text, { cause: error });
  }
  return new RackError('region-failed', errorText(error), { cause: error });
}
