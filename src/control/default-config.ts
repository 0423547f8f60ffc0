// The default place of the configuration.

/** The file that the service reads. */
export const DEFAULT_CONFIG = '/etc/rackboot/rackboot.yaml';

/** The file that the service of a region apart from its racks reads. */
export const REGION_CONFIG = '/etc/rackboot/region.yaml';
