// The default place of the configuration.

/** The file that the service reads. */
export const DEFAULT_CONFIG = '/etc/rackboot/rackboot.yaml';
