// The default place of the configuration of a region apart from its racks.

/** The file that its service reads. */
export const REGION_CONFIG = '/etc/rackboot/region.yaml';
