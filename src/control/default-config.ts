// The default place of the configuration.

import { existsSync } from 'node:fs';
import { REGION_CONFIG } from '../config/region-config-place.ts';
import { RACK_CONFIG } from '../region/config.ts';

/** The file that the environment names; undefined: none. An empty name counts as no name. */
const environmentConfig = (): string | undefined => process.env.RACKBOOT_CONFIG || undefined;

/** The file of a command that names none: a rack's, or the region's on a host that has only that. */
export function defaultConfig(has: (file: string) => boolean = existsSync): string {
  const isOfRegion = !has(RACK_CONFIG) && has(REGION_CONFIG);
  return environmentConfig() ?? (isOfRegion ? REGION_CONFIG : RACK_CONFIG);
}

/** The same for a command that is only about a rack. */
export const defaultRackConfig = (): string => environmentConfig() ?? RACK_CONFIG;

/**
 * The same for a command about the store of a region: that of the region apart or, on a host
 * without its file, the rack's own.
 */
export const defaultStoreConfig = (has: (file: string) => boolean = existsSync): string =>
  environmentConfig() ?? (has(REGION_CONFIG) ? REGION_CONFIG : RACK_CONFIG);

/** The same for a command that is only about a region apart from its racks. */
export const defaultRegionConfig = (): string => environmentConfig() ?? REGION_CONFIG;
