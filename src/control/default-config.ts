// Chooses the default configuration file.

import { existsSync } from 'node:fs';
import { REGION_CONFIG } from '../config/region-config-place.ts';
import { RACK_CONFIG } from '../region/config.ts';

/** Returns the file that the environment names. Undefined if it names none. An empty name counts as none. */
const environmentConfig = (): string | undefined => process.env.RACKBOOT_CONFIG || undefined;

/**
 * Returns the configuration file for a command that names none: the rack's, or the region's on a
 * host that has only a region's file.
 */
export function defaultConfig(has: (file: string) => boolean = existsSync): string {
  const isRegionOnly = !has(RACK_CONFIG) && has(REGION_CONFIG);
  return environmentConfig() ?? (isRegionOnly ? REGION_CONFIG : RACK_CONFIG);
}

/** Returns the configuration file for a command that is only about a rack. */
export const defaultRackConfig = (): string => environmentConfig() ?? RACK_CONFIG;

/**
 * Returns the configuration file for a command about the store of a region: the file of the region
 * apart from racks or, if the host has none, the rack's file.
 */
export const defaultStoreConfig = (has: (file: string) => boolean = existsSync): string =>
  environmentConfig() ?? (has(REGION_CONFIG) ? REGION_CONFIG : RACK_CONFIG);

/** Returns the configuration file for a command that is only about a region apart from its racks. */
export const defaultRegionConfig = (): string => environmentConfig() ?? REGION_CONFIG;
