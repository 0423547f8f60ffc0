// The rule of each configuration key: its possible owners, and whether a change applies while the daemon runs.
//
// 1. Every key of the file has a rule here; a test compares this table with the schema and with config/rackboot.yaml.
// 2. The store may own the keys that people change in daily work. Keys that decide where this process is found (paths, sockets, names)
//    belong to the file: a change in the store must never make a rack unreachable.

/** The owner of a key: only the rack's file, or either the file or the region's store. */
type KeyOwner = 'file' | 'either';

interface KeyRule {
  readonly owner: KeyOwner;
  /** Why a change waits for the next start; undefined: it applies on reload. */
  readonly restart?: string;
}

const FILE: KeyRule = { owner: 'file' };
const EITHER: KeyRule = { owner: 'either' };

/** The rules by key. A rule also applies to the keys below its own that have none. */
export const KEY_RULES: ReadonlyMap<string, KeyRule> = new Map<string, KeyRule>([
  ['name', FILE],
  ['state_dir', { owner: 'file', restart: 'the lock, the databases and the control socket are in it' }],
  ['cluster_interfaces', EITHER],
  ['dhcp.server_port', FILE],
  ['dhcp.client_port', FILE],
  ['dhcp.foreign_probe', EITHER],
  ['dhcp.proxy_port', FILE],
  ['dhcp.new_clients_per_second', EITHER],
  ['dhcp.lease_time', EITHER],
  ['dhcp.pxe_lease_time', EITHER],
  ['dhcp.deployed_lease_time', EITHER],
  ['dhcp.lease_time_min', EITHER],
  ['dhcp.lease_time_max', EITHER],
  ['dhcp.t1', EITHER],
  ['dhcp.t2', EITHER],
  ['dhcp.options', EITHER],
  ['dhcp.classes', EITHER],
  ['dns.listen', FILE],
  ['dns.listen_port', FILE],
  ['dns.domain', EITHER],
  ['dns.domains', EITHER],
  ['dns.upstream', EITHER],
  ['dns.forward_zones', EITHER],
  ['dns.dnssec_validation', EITHER],
  ['dns.records', EITHER],
  ['dns.allow_recursion', EITHER],
  ['tftp', FILE],
  ['tftp.allow', EITHER],
  ['boot.tree', FILE],
  ['boot.http', FILE],
  ['boot.loaders', EITHER],
  ['boot.quirks', EITHER],
  ['boot.kernel_params', EITHER],
  ['boot.release', EITHER],
  ['boot.enlist_with', EITHER],
  ['boot.copy_images', EITHER],
  ['enlistment.bmc_user', EITHER],
  ['enlistment.name', EITHER],
  ['http_proxy', EITHER],
  ['enable_http_proxy', EITHER],
  ['deployment.osystem', EITHER],
  ['deployment.release', EITHER],
  ['deployment.kernel', EITHER],
  ['preseeds.directory', FILE],
  ['preseeds.debian_mirror', EITHER],
  ['preseeds.ubuntu_mirror', EITHER],
  ['preseeds.ubuntu_ports_mirror', EITHER],
  ['region.mode', { owner: 'file', restart: 'it decides which thread serves the region' }],
  ['region.url', { owner: 'file', restart: 'events that wait for one region must not go to another' }],
  ['region.api_key_file', { owner: 'file', restart: 'the region knows the rack by this key' }],
  ['region.ca_file', { owner: 'file', restart: 'connections to the region are verified with it' }],
  ['region.listen', FILE],
  ['region.tls', FILE],
  ['region.public_url', EITHER],
  ['region.proxies', FILE],
  ['region.new_machines_max', EITHER],
  ['region.retries', EITHER],
  ['region.import_every', EITHER],
  ['region.import_limit', EITHER],
  ['region.import_keep', EITHER],
  ['region.default_zone_description', EITHER],
  ['region.default_pool_description', EITHER],
  ['metrics', FILE],
  ['log.level', EITHER],
  ['log.levels', EITHER],
  ['log.file', FILE],
]);

/** The rule of a key: its own, or that of the nearest key above it; undefined: the key is unknown. */
export function findKeyRule(key: string): KeyRule | undefined {
  for (let end = key.length; end > 0; end = key.lastIndexOf('.', end - 1)) {
    const rule = KEY_RULES.get(key.slice(0, end));
    if (rule !== undefined) return rule;
  }
  return undefined;
}

/** True if a key below this one has its own rule. */
export function hasRuleBelow(key: string): boolean {
  for (const rule of KEY_RULES.keys()) if (rule.startsWith(`${key}.`)) return true;
  return false;
}

/** The keys that the store may own, including `cluster_interfaces`. */
export const STORE_KEYS: readonly string[] = [...KEY_RULES]
  .filter(([, { owner }]) => owner === 'either')
  .map(([key]) => key);

/** The keys whose change waits for the next start. */
export const RESTART_KEYS: readonly string[] = [...KEY_RULES]
  .filter(([, { restart }]) => restart !== undefined)
  .map(([key]) => key);

/** Fields that no log, difference or listing shows, wherever they stand. */
const SECRET_FIELD = /(^|\.)(secret|password|token|api_key)$/;

export const isSecretKey = (key: string): boolean => SECRET_FIELD.test(key);
