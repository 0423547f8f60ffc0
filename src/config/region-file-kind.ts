// Decides whether a configuration file is that of a region apart from its racks. Loads no schemas
// of values, as most commands do not need them.

import { type Settings, valueAt } from '../machines/settings.ts';
import { readConfigFile, readConfigText } from './config-file.ts';
import { REGION_CONFIG } from './region-config-place.ts';

/**
 * True for the file of a region apart from its racks: it names a store, or it is REGION_CONFIG and
 * has no key of a rack. False for a file that cannot be read.
 */
export const isRegionFile = (path: string): boolean => hasStoreName(path, () => true);

/** Like `isRegionFile`, but false for a rack's file that names a store by mistake. */
export const isRegionOnlyFile = (path: string): boolean => hasStoreName(path, (values) => !hasRackKey(values));

/** Every rack has these keys, in its file or in its store; a region apart from its racks has none of them. */
const RACK_KEYS = ['cluster_interfaces', 'region.mode'];
const hasRackKey = (values: Settings): boolean => RACK_KEYS.some((key) => valueAt(values, key) !== undefined);

function hasStoreName(path: string, isAccepted: (values: Settings) => boolean): boolean {
  try {
    const readResult = readConfigFile(readConfigText(path));
    if (!readResult.ok) return false;
    const { values } = readResult.file;
    if (path === REGION_CONFIG && !hasRackKey(values)) return true;
    return valueAt(values, 'region.store') !== undefined && isAccepted(values);
  } catch {
    // The reader that needs the file reports why.
    return false;
  }
}
