// The default configuration file of a region apart from its racks.

/** The file that the region's service reads. */
export const REGION_CONFIG = '/etc/rackboot/region.yaml';
