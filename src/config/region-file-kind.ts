// Whether a configuration file is that of a region apart from its racks. Judged without the schemas of values, which most commands do not load.

import { type Settings, valueAt } from '../machines/settings.ts';
import { readConfigFile, readConfigText } from './config-file.ts';
import { REGION_CONFIG } from './region-config-place.ts';

/**
 * True for the file of a region apart from its racks: it names a store, or is the file of that service and has no key of a rack. False also for
 * a file that cannot be read.
 */
export const isRegionFile = (path: string): boolean => namesStore(path, () => true);

/** The same, but false for a rack's file that names a store by mistake. */
export const isOnlyOfRegion = (path: string): boolean => namesStore(path, (values) => !hasRackKey(values));

/** Keys of every rack's file, or its store, that a region apart has not. */
const RACK_KEYS = ['cluster_interfaces', 'region.mode'];
const hasRackKey = (values: Settings): boolean => RACK_KEYS.some((key) => valueAt(values, key) !== undefined);

function namesStore(path: string, isRight: (values: Settings) => boolean): boolean {
  try {
    const read = readConfigFile(readConfigText(path));
    if (!read.ok) return false;
    const { values } = read.file;
    if (path === REGION_CONFIG && !hasRackKey(values)) return true;
    return valueAt(values, 'region.store') !== undefined && isRight(values);
  } catch {
    // The reader that needs the file reports why.
    return false;
  }
}
