// Detects that a region has lost its database: `region.db` holds nothing, though the rack's cache of the desired state shows that the region
// had machines or settings. A region that began anew would replace that cache, the last copy, by an empty one.
//
// 1. Every command that writes settings into the cache writes them into `region.db` first, so that no new state directory looks like this.
// 2. A cache of a remote region proves nothing: a rack that comes back from there begins its own region.

import { counted } from '../counted.ts';
import { desiredStateFile, readCachedState } from '../uplink/desired-state-cache.ts';
import type { Loss } from './database-file.ts';

/** Says which cache shows that a region was here; undefined if none does. */
export function findLostRegion(stateDir: string): Loss | undefined {
  const cached = readCachedState(stateDir);
  if (cached === undefined || cached.origin === 'remote') return undefined;
  const { version, machines, settings } = cached.state;
  if (version === 0 && machines.length === 0 && settings === undefined) return undefined;
  const witness = desiredStateFile(stateDir);
  const had = `${counted(machines.length, 'machine')}${settings === undefined ? '' : ', and settings'}`;
  return { shownBy: `${witness} (version ${version}, ${had})`, witness };
}
