// Where the configuration is unless something else is said.

/** The file that the service reads. */
export const DEFAULT_CONFIG = '/etc/rackboot/rackboot.yaml';
