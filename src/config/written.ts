// The configuration file as the operator writes it: names, units and forms. Each value is checked
// alone; `resolve.ts` checks them together.
//
// 1. An unknown key is a problem and never ignored: a misspelt range must not silently vanish.
// 2. Unit, range and default of every key are here and in config/rackboot.yaml, which also says
//    whether a change applies on reload.
//
// To add a key, write its form and default here, and its type where the room that uses it reads it
// (`dhcp/networks/config.ts`, for instance). A test then demands its explanation in
// config/rackboot.yaml. Nothing demands these:
//
// - if only the file may have it, or a change waits for the next start: its row in `keys.ts`;
// - its way from here to that room: `resolve.ts`; for a key of a cluster interface `toSubnet` of
//   `cluster-interface.ts`; for lease times, options and classes of DHCP `dhcp-parameters.ts`;
// - if it gives clients a DHCP option: that option in `dhcp/networks/network-options.ts`, and the
//   key in `buildNetworkOptions` of `option-list.ts`;
// - if a region apart from its racks has it: config/region.yaml.

import { z } from 'zod';
import { parseImportedName } from '../boot/imported-images.ts';
import { QUIRK_NAMES } from '../boot/quirks.ts';
import { MENU_SECONDS_MAX } from '../boot/step.ts';
import { NEW_CLIENTS_PER_SECOND } from '../dhcp/limits/new-clients.ts';
import type { Seconds } from '../ground/clock.ts';
import { LOG_FORMATS, LOG_LEVELS, LOG_ROOMS } from '../observe/log-levels.ts';
import { DEFAULT_MIRRORS } from '../region/preseed/request.ts';
import { INTERFACE_SERVERS_MAX } from '../region/records/heartbeat-bounds.ts';
import { classList } from './class-list.ts';
import { optionList } from './option-list.ts';
import { profileList } from './profile-list.ts';
import { parseRegionUrl } from './region-url.ts';
import { DEFAULT_STATE_DIR } from './state-dir.ts';
import { host } from './written-host.ts';
import {
  domain,
  duration,
  endpoint,
  hostLabel,
  hostOrNetwork,
  ipv4,
  loaders,
  macPrefix,
  mappingOf,
  mask,
  network,
  plainName,
  port,
  recordName,
  server,
  textual,
  upstreamEntry,
  upstreamList,
  webUrl,
} from './written-values.ts';

/** Lease times: in `dhcp` for all networks, in a cluster interface for its own network. */
const leaseTimes = {
  lease_time: duration.optional(),
  pxe_lease_time: duration.optional(),
  deployed_lease_time: duration.optional(),
  lease_time_min: duration.optional(),
  lease_time_max: duration.optional(),
  t1: duration.optional(),
  t2: duration.optional(),
};

const FOREIGN_PROBE_SECONDS_MIN = 60;
const FOREIGN_PROBE_SECONDS_MAX = 86_400;
const IMPORT_SECONDS_MIN = 60;
const IMPORT_SECONDS_MAX = 30 * 86_400;
const IMPORT_PROBLEM = { error: 'expected a duration from 1m to 30d, or `no`' };
/** The most versions of an imported image that are kept. */
const IMPORT_KEEP_MAX = 100;
const DESCRIPTION_CHARACTERS_MAX = 1000;
const IMPORT_LIMIT_PROBLEM = { error: 'expected MiB per second from 0.1 to 10000, such as 2.5, or `no` (no limit)' };
const IMPORT_LIMIT_MIN = 0.1;
const IMPORT_LIMIT_MAX = 10_000;
const MIB = 1024 * 1024;
const FOREIGN_PROBE_PROBLEM = { error: 'expected a duration from 1m to 1d, or `no`' };
const NEVER = 0 as Seconds;
/** `no` is 0. */
const foreignProbe = z.union(
  [
    z.union([z.literal('no'), z.literal(false)]).transform(() => NEVER),
    duration.refine(
      (value) => value >= FOREIGN_PROBE_SECONDS_MIN && value <= FOREIGN_PROBE_SECONDS_MAX,
      FOREIGN_PROBE_PROBLEM,
    ),
  ],
  FOREIGN_PROBE_PROBLEM,
);

/** `no` is 0. */
const importEvery = z.union(
  [
    z.union([z.literal('no'), z.literal(false)]).transform(() => NEVER),
    duration.refine((value) => value >= IMPORT_SECONDS_MIN && value <= IMPORT_SECONDS_MAX, IMPORT_PROBLEM),
  ],
  IMPORT_PROBLEM,
);

/** Written in MiB per second, used in bytes per second. `no` becomes `undefined`: there is no limit. */
const importLimit = z.union(
  [
    z.union([z.literal('no'), z.literal(false)]).transform(() => undefined),
    z
      .number()
      .min(IMPORT_LIMIT_MIN)
      .max(IMPORT_LIMIT_MAX)
      .transform((mebibytes) => Math.round(mebibytes * MIB)),
  ],
  IMPORT_LIMIT_PROBLEM,
);

/** Accepts true and false, too: YAML 1.1 reads yes and no as these, and people write them. */
const authoritative = z
  .union([z.enum(['auto', 'yes', 'no']), z.boolean()], {
    error: 'expected auto, yes (this is the only DHCP server) or no (there are others)',
  })
  .transform((value) => (typeof value === 'string' ? value : value ? 'yes' : 'no'));

const HOSTS_PROBLEM = { error: 'expected a list of addresses and networks: [198.51.100.0/24, 203.0.113.7]' };

const clusterInterface = z.strictObject({
  name: plainName,
  interface: textual('an interface name such as eth1', (text) =>
    /^[^\s/]{1,15}$/.test(text) ? text : undefined,
  ).optional(),
  relayed: z.boolean().default(false),
  shared: plainName.optional(),
  management: z.literal([0, 1, 2], { error: 'expected 0 (no DHCP), 1 (DHCP) or 2 (DHCP and DNS)' }).default(2),
  ip: ipv4.optional(),
  network: network.optional(),
  subnet_mask: mask.optional(),
  broadcast_ip: ipv4.optional(),
  router_ip: ipv4.optional(),
  ip_range_low: ipv4.optional(),
  ip_range_high: ipv4.optional(),
  static_ip_range_low: ipv4.optional(),
  static_ip_range_high: ipv4.optional(),
  relays: z.array(hostOrNetwork, HOSTS_PROBLEM).min(1).max(256).optional(),
  relay_sources: z.array(hostOrNetwork, HOSTS_PROBLEM).max(256).optional(),
  identity: z
    .enum(['mac', 'client-id'], {
      error: 'expected mac (identify clients by hardware address) or client-id (option 61)',
    })
    .default('mac'),
  domain: domain.optional(),
  dns_servers: z.array(ipv4).max(INTERFACE_SERVERS_MAX).optional(),
  ntp_servers: z.array(server).max(16).default([]),
  ...leaseTimes,
  options: optionList.default([]),
  mode: z
    .enum(['server', 'proxy'], {
      error: 'expected server, or proxy (boot information only; another DHCP server gives the addresses)',
    })
    .default('server'),
  authoritative: authoritative.default('auto'),
  conflict_check: z.boolean({ error: 'expected true or false' }).default(true),
  answer_router_solicitations: z.boolean({ error: 'expected true or false' }).default(true),
  hosts: z.array(host).max(65_536).default([]),
  classes: classList.default([]),
});

/** The fields of a cluster interface, except its name. */
export const clusterInterfaceFields: readonly string[] = Object.keys(clusterInterface.shape).filter(
  (key) => key !== 'name',
);

const record = z.strictObject({
  name: recordName,
  type: z.enum(['A', 'AAAA', 'CNAME', 'TXT', 'MX', 'NS', 'SRV', 'SSHFP', 'CAA', 'PTR']),
  data: z.string().min(1).max(1024),
  ttl: z.number().int().min(0).max(604_800).optional(),
  // The number that the API gave the record.
  id: z.int().min(1).optional(),
});

/** A domain, perhaps with the id that the API gave it. */
const furtherDomain = z.union(
  [domain, z.strictObject({ name: domain, id: z.int().min(0) }).transform(({ name }) => name)],
  { error: 'expected a domain name such as maas or lab.example.net' },
);

const dns = z.strictObject({
  listen: z.array(ipv4).max(64).optional(),
  listen_port: port.default(53),
  domain: domain.default('maas'),
  domains: z.array(furtherDomain).max(256).default([]),
  upstream: z
    .union([z.array(upstreamEntry).max(16), upstreamList], {
      error: 'expected upstream servers, each an address or address:port: a list, or one text with spaces between them',
    })
    .default([]),
  dnssec_validation: z
    .union([z.literal('no'), z.literal(false)], {
      error:
        'only `no` is accepted: Rackboot has no DNSSEC validator. For validated answers name an upstream that validates',
    })
    .default('no'),
  forward_zones: mappingOf(
    z.record(
      domain,
      z.union([z.array(upstreamEntry).min(1).max(16), upstreamList], {
        error: 'expected the servers of this domain, each an address or address:port',
      }),
    ),
  ).default({}),
  records: z.array(record).max(65_536).default([]),
  allow_recursion: z.array(network).max(256).default([]),
});

const tftp = z.strictObject({
  listen: z.array(ipv4).max(64).optional(),
  listen_port: port.default(69),
  allow: z.array(hostOrNetwork, HOSTS_PROBLEM).max(256).default([]),
});

/** The most entries of `boot.quirks`. Each boot is compared with all of them. */
const QUIRK_RULES_MAX = 256;
const quirk = z
  .strictObject({
    mac: macPrefix.optional(),
    uuid: textual('a UUID such as 4c4c4544-0043-3010-8052-b4c04f564d31', (text) =>
      /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text) ? text.toLowerCase() : undefined,
    ).optional(),
    vendor_class: z.string().min(1).max(64).optional(),
    quirk: z.enum(QUIRK_NAMES, { error: `expected one of ${QUIRK_NAMES.join(', ')}` }),
  })
  .refine(({ mac, uuid, vendor_class }) => mac !== undefined || uuid !== undefined || vendor_class !== undefined, {
    error: 'names no machine: add mac, uuid or vendor_class',
  });

const MENU_PROBLEM = { error: `expected a duration from 1s to ${MENU_SECONDS_MAX}s, or \`no\`` };
/** `no` is 0. */
const menu = z.union(
  [
    z.union([z.literal('no'), z.literal(false)]).transform(() => NEVER),
    duration.refine((value) => value >= 1 && value <= MENU_SECONDS_MAX, MENU_PROBLEM),
  ],
  MENU_PROBLEM,
);

const ENLIST_WITH =
  "environment (Rackboot's own), installer (Debian's, see rackboot images import-installer) or an imported system such as ubuntu/noble";

/** A listener over TLS, besides one without. */
const tls = z.strictObject({
  cert: z.string().startsWith('/', { error: 'expected an absolute path' }),
  key: z.string().startsWith('/', { error: 'expected an absolute path' }),
  listen: z.array(endpoint).max(64).optional(),
});

const boot = z.strictObject({
  tree: z.string().min(1).optional(),
  loaders: loaders.default({}),
  quirks: z.array(quirk).max(QUIRK_RULES_MAX).default([]),
  kernel_params: z.string().max(1024).default(''),
  release: textual('a release name such as bookworm', (text) =>
    /^[a-z0-9][a-z0-9.+-]{0,62}$/i.test(text) ? text : undefined,
  ).default('bookworm'),
  enlist_with: textual(ENLIST_WITH, (text) =>
    text === 'environment' || text === 'installer' ? text : parseImportedName(text),
  ).default('environment'),
  copy_images: z.boolean().default(true),
  profiles: profileList.default([]),
  menu: menu.prefault('no'),
  http: z.strictObject({ listen: z.array(endpoint).max(64).optional(), tls: tls.optional() }).default({}),
});

const enlistment = z.strictObject({
  bmc_user: z.boolean().default(true),
  name: z
    .enum(['generated', 'serial', 'asset-tag'], {
      error: 'expected generated (two words), serial or asset-tag: the source of the name of an enlisted machine',
    })
    .default('generated'),
});

/** The most URLs of one region. */
const REGIONS_MAX = 16;
const REGION_URL = `the URL of a region, http://host:5240/MAAS or https://host:5443/MAAS, or a list of at most ${REGIONS_MAX} such URLs of one region`;
const regionUrl = textual(REGION_URL, (text) => parseRegionUrl(text)?.text);
/** The longest name of a region, which the page shows. */
const NAME_CHARACTERS_MAX = 64;
const region = z.strictObject({
  mode: z
    .enum(['embedded', 'remote'], {
      error: 'expected embedded (the region runs in this process) or remote (region.url)',
    })
    .default('embedded'),
  url: z.union([regionUrl, z.array(regionUrl).min(1).max(REGIONS_MAX)], { error: `expected ${REGION_URL}` }).optional(),
  api_key_file: z.string().startsWith('/', { error: 'expected an absolute path' }).optional(),
  ca_file: z.string().startsWith('/', { error: 'expected an absolute path' }).optional(),
  listen: z.array(endpoint).max(64).optional(),
  tls: tls.optional(),
  public_url: webUrl('a URL, such as http://rack.example:5240/MAAS').optional(),
  proxies: z.array(hostOrNetwork, HOSTS_PROBLEM).max(64).default([]),
  new_machines_max: z.number().int().min(1).max(1_000_000).default(1000),
  retries: z.number().int().min(0).max(5).default(1),
  import_every: importEvery.prefault('1h'),
  import_limit: importLimit.prefault('no'),
  import_keep: z.number().int().min(1).max(IMPORT_KEEP_MAX).default(2),
  default_zone_description: z.string().max(DESCRIPTION_CHARACTERS_MAX).default(''),
  default_pool_description: z.string().max(DESCRIPTION_CHARACTERS_MAX).default('Default pool'),
  first_run_done: z.boolean().default(false),
  name: z.string().trim().max(NAME_CHARACTERS_MAX).default(''),
});

const mirrorUrl = (standard: string) =>
  webUrl('the URL of a mirror such as http://mirror.example/debian').default(standard);
const preseeds = z.strictObject({
  directory: z.string().startsWith('/', { error: 'expected an absolute path' }).default('/etc/rackboot/preseeds'),
  debian_mirror: mirrorUrl(DEFAULT_MIRRORS.debian),
  ubuntu_mirror: mirrorUrl(DEFAULT_MIRRORS.ubuntu),
  ubuntu_ports_mirror: mirrorUrl(DEFAULT_MIRRORS.ubuntuPorts),
});

/** `none` means no proxy. A password would be visible to everyone who reads a preseed. */
const httpProxy = textual('the URL of a proxy, http://host:8000/, without a password, or none', (text) => {
  if (text === 'none') return '';
  const url = URL.parse(text);
  const isPlain =
    url?.protocol === 'http:' && url.username === '' && url.password === '' && url.search + url.hash === '';
  return url !== null && isPlain && url.hostname !== '' ? url.href : undefined;
});

/** A part of a system's name; empty: none. */
const systemPart = (example: string) =>
  textual(`a name such as ${example}, or nothing`, (text) =>
    /^(?:[a-z0-9][a-z0-9_.+-]{0,62})?$/.test(text) ? text : undefined,
  ).default('');
/** A kernel of Ubuntu, as `kernelRank` of the region knows them; empty: none. */
const kernelName = textual('a kernel such as hwe-24.04 or ga-24.04, or nothing', (text) =>
  /^(?:(?:ga|hwe)-(?:\d{2}\.\d{2}|[p-z]|rolling)(?:-[a-z0-9.]{1,32}){0,3})?$/.test(text) ? text : undefined,
).default('');
const deployment = z.strictObject({
  osystem: systemPart('debian'),
  release: systemPart('trixie'),
  kernel: kernelName,
});

/** The URL of the proxy in force; empty: none. */
export const chooseProxy = (
  written: Pick<z.output<typeof writtenConfigSchema>, 'http_proxy' | 'enable_http_proxy'>,
): string => (written.enable_http_proxy ? (written.http_proxy ?? '') : '');

const metrics = z.strictObject({ listen: z.array(endpoint).max(16).optional() });

const logLevel = z.enum(LOG_LEVELS, { error: `expected one of ${LOG_LEVELS.join(', ')}` });
const log = z.strictObject({
  level: logLevel.default('info'),
  levels: mappingOf(
    z.partialRecord(z.enum(LOG_ROOMS, { error: `expected one of ${LOG_ROOMS.join(', ')}` }), logLevel),
  ).default({}),
  file: z.string().startsWith('/').optional(),
  format: z.enum(LOG_FORMATS, { error: `expected one of ${LOG_FORMATS.join(', ')}` }).default('auto'),
});

export const writtenConfigSchema = z.strictObject({
  name: hostLabel.optional(),
  state_dir: z.string().startsWith('/', { error: 'expected an absolute path' }).default(DEFAULT_STATE_DIR),
  cluster_interfaces: z.array(clusterInterface).max(256).default([]),
  dhcp: z
    .strictObject({
      server_port: port.default(67),
      client_port: port.default(68),
      foreign_probe: foreignProbe.default(600 as Seconds),
      proxy_port: port.default(4011),
      new_clients_per_second: z
        .number({ error: 'expected the number of new clients per second, 0 to 1000000; 0: no limit' })
        .min(0)
        .max(1_000_000)
        .default(NEW_CLIENTS_PER_SECOND),
      ...leaseTimes,
      options: optionList.default([]),
      classes: classList.default([]),
    })
    .prefault({}),
  dns: dns.prefault({}),
  tftp: tftp.prefault({}),
  boot: boot.prefault({}),
  enlistment: enlistment.prefault({}),
  http_proxy: httpProxy.optional(),
  enable_http_proxy: z.boolean().default(true),
  deployment: deployment.prefault({}),
  preseeds: preseeds.prefault({}),
  region: region.prefault({}),
  metrics: metrics.prefault({}),
  log: log.prefault({}),
});

/** The file's values, parsed one by one, defaults filled in. */
export type WrittenConfig = z.output<typeof writtenConfigSchema>;
export type WrittenClusterInterface = WrittenConfig['cluster_interfaces'][number];
