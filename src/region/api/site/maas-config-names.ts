// MAAS's names of configuration values (`get_config`, `set_config`), mapped to Rackboot's keys.
//
// Source: MAAS's `maas/?op=get_config` and `set_config`, 1.7 to 3.6.
//
// 1. A name has a key only if its value changes what Rackboot does.
// 2. A name whose value here is always the same is read as that value. Setting it to that value is
//    done, and any other value is refused with the function that is missing. Names without such a
//    value are refused altogether.

import { NTP_SERVERS } from '../../general-options.ts';

/** The missing names by their function. */
export const MISSING_FUNCTIONS = {
  analytics: 'these reports: its metrics are always at /metrics',
  'bmc-account':
    'these settings of the account that it creates on a BMC: enlistment.bmc_user decides whether it creates one',
  discovery: 'this search for other hosts',
  hearing: 'a switch for this: its racks always note the hosts that they hear',
  scanning: 'scans by itself: scan when you want to know (discovery/?op=scan)',
  drivers: 'extra drivers for machines that it installs',
  enlisting: 'commissioning while a machine enlists: it is commissioned once it is accepted',
  erasing: 'a default for erasing disks: give erase=true with each release',
  guide: 'news of releases',
  'dns-ttl': 'one TTL for all names: give a name its own, address_ttl of dnsresources or ttl of dnsresourcerecords',
  'hardware-sync': 'regular reports of deployed machines',
  installer: 'this installer',
  kernel: 'dumps of kernels that crashed',
  network: 'this network setting',
  'rack-proxy': 'another way for machines: each asks the rack of its network',
  vlans: 'VLANs that make themselves: a person creates them (vlans)',
  ntp: 'an NTP server of its own',
  page: 'this page setting',
  sessions: 'sessions of another length: one ends after 12 hours without use, and after 7 days in any case',
  proxy: "a proxy of its own: set http_proxy to the site's proxy",
  results: 'another limit of stored results: a machine keeps those of its last 10 runs',
  storage: 'a default layout of disks for all machines: give each machine its own',
  syslog: 'a syslog server of its own',
  timeouts: 'one time limit for all work: each state has its own',
  tls: 'warnings before certificates expire',
  transfers: 'transfers of DNS zones: AXFR and IXFR are always refused',
  windows: 'Windows',
} as const;

type MissingFunction = keyof typeof MISSING_FUNCTIONS;

/** Rackboot's key for one of MAAS's names. */
export interface ConfigName {
  readonly key: string;
  readonly doc: string;
  /** True for a list, which MAAS writes as words separated by spaces. */
  readonly isList?: boolean;
  /** For a value that MAAS switches on and off: the two values of our key. */
  readonly flag?: { readonly on: boolean | string; readonly off: boolean | string };
  /** True if clients take the value for a text, so that it is empty rather than null if there is none. */
  readonly isText?: boolean;
  /** True if an empty value removes the key, so that its default applies. */
  readonly isCleared?: boolean;
  /** The key is a list of DHCP options, and the value that of the option with this code and name. */
  readonly option?: { readonly code: number; readonly name: string };
}

/** The configuration names of MAAS that Rackboot supports. */
export const CONFIG_NAMES: Readonly<Record<string, ConfigName>> = {
  boot_images_auto_import: {
    key: 'region.import_every',
    doc: 'true: the selected images are imported regularly',
    flag: { on: '1h', off: 'no' },
  },
  commissioning_distro_series: { key: 'boot.release', doc: 'the release of the ephemeral environment' },
  completed_intro: {
    key: 'region.first_run_done',
    doc: 'true: the page no longer offers the first steps',
    flag: { on: true, off: false },
  },
  default_distro_series: {
    key: 'deployment.release',
    doc: 'the release of a deployment that names none',
    isCleared: true,
    isText: true,
  },
  default_min_hwe_kernel: {
    key: 'deployment.kernel',
    doc: 'the oldest kernel of a deployment that names none, of a machine without min_hwe_kernel, if the release has it',
    isCleared: true,
    isText: true,
  },
  default_osystem: {
    key: 'deployment.osystem',
    doc: 'the distribution of that release',
    isCleared: true,
    isText: true,
  },
  dns_trusted_acl: { key: 'dns.allow_recursion', doc: 'additional networks that may use recursion', isList: true },
  dnssec_validation: { key: 'dns.dnssec_validation', doc: 'must be `no`; there is no validator' },
  enable_http_proxy: {
    key: 'enable_http_proxy',
    doc: 'false: no machine uses http_proxy',
    flag: { on: true, off: false },
  },
  enlistment_domain: { key: 'dns.domain', doc: 'the domain of machines' },
  http_proxy: { key: 'http_proxy', doc: 'the proxy of machines that install', isCleared: true },
  kernel_opts: { key: 'boot.kernel_params', doc: 'kernel parameters of every machine' },
  main_archive: { key: 'preseeds.ubuntu_mirror', doc: "Ubuntu's mirror for amd64 and i386", isCleared: true },
  maas_name: {
    key: 'region.name',
    doc: 'the name of the region, which its pages show; without one, that of the rack',
    isCleared: true,
  },
  ntp_servers: {
    key: 'dhcp.options',
    doc: 'NTP servers by address or name, separated by spaces; machines get names as they are, and by DHCP their addresses',
    isList: true,
    option: NTP_SERVERS,
  },
  ports_archive: {
    key: 'preseeds.ubuntu_ports_mirror',
    doc: "Ubuntu's mirror for every other architecture",
    isCleared: true,
  },
  upstream_dns: { key: 'dns.upstream', doc: 'upstream DNS servers, separated by spaces', isList: true },
};

/** Names of MAAS 1, with those that they have now. */
export const FORMER_NAMES: Readonly<Record<string, string>> = { ntp_server: 'ntp_servers' };

/** A value as MAAS answers it: a time in seconds. */
type FixedValue = boolean | number | string | null;

/** The values that are always in force here. */
const FIXED: readonly (readonly [missing: MissingFunction, values: Readonly<Record<string, FixedValue>>])[] = [
  [
    'analytics',
    { enable_analytics: false, prometheus_enabled: true, prometheus_push_gateway: null, promtail_enabled: false },
  ],
  ['bmc-account', { maas_auto_ipmi_user: 'maas' }],
  ['hearing', { network_discovery: 'enabled' }],
  ['scanning', { active_discovery_interval: 0 }],
  ['dns-ttl', { default_dns_ttl: 30 }],
  [
    'drivers',
    {
      enable_third_party_drivers: false,
      vcenter_server: null,
      vcenter_username: null,
      vcenter_password: null,
      vcenter_datacenter: null,
    },
  ],
  ['enlisting', { enlist_commissioning: false }],
  [
    'erasing',
    {
      enable_disk_erasing_on_release: false,
      disk_erase_with_secure_erase: false,
      disk_erase_with_quick_erase: false,
    },
  ],
  ['guide', { release_notifications: false }],
  ['installer', { force_v1_network_yaml: false }],
  ['kernel', { enable_kernel_crash_dump: false }],
  ['vlans', { auto_vlan_creation: false }],
  ['rack-proxy', { use_rack_proxy: true }],
  ['ntp', { ntp_external_only: true }],
  ['sessions', { session_length: 604_800 }],
  ['proxy', { use_peer_proxy: false, prefer_v4_proxy: false, boot_images_no_proxy: false }],
  [
    'results',
    {
      max_node_commissioning_results: 10,
      max_node_testing_results: 10,
      max_node_installation_results: 10,
      max_node_release_results: 10,
      max_node_deployment_results: 10,
    },
  ],
  ['storage', { default_storage_layout: 'flat' }],
  ['syslog', { remote_syslog: null }],
  ['tls', { tls_cert_expiration_notification_enabled: false }],
  ['transfers', { allow_only_trusted_transfers: true }],
  ['windows', { windows_kms_host: null }],
];

/** Names without a value here. */
const MISSING: readonly (readonly [missing: MissingFunction, names: string])[] = [
  ['analytics', 'prometheus_push_interval promtail_port'],
  [
    'bmc-account',
    'maas_auto_ipmi_user_privilege_level maas_auto_ipmi_k_g_bmc_key maas_auto_ipmi_cipher_suite_id maas_auto_ipmi_workaround_flags',
  ],
  ['discovery', 'active_discovery_last_scan subnet_ip_exhaustion_threshold_count'],
  ['hardware-sync', 'hardware_sync_interval'],
  ['installer', 'curtin_verbose ephemeral_deployments cloud_images_on_demand commissioning_osystem'],
  ['network', 'default_boot_interface_link_type maas_internal_domain dhcp_snippets ipv6'],
  ['page', 'theme max_idle_time refresh_token_duration'],
  ['proxy', 'maas_proxy_port squid_port'],
  ['syslog', 'maas_syslog_port'],
  ['timeouts', 'node_timeout'],
  ['tls', 'tls_cert_expiration_notification_interval tls_port'],
];

const FUNCTIONS: ReadonlyMap<string, MissingFunction> = new Map(
  MISSING.flatMap(([missing, names]) => names.split(' ').map((name) => [name, missing] as const)),
);

/** The function that one of MAAS's names is for, if Rackboot lacks it; `undefined`: MAAS has no such name. */
export const missingFunction = (name: string): MissingFunction | undefined => FUNCTIONS.get(name);

interface FixedSetting {
  readonly value: FixedValue;
  readonly missing: MissingFunction;
}

const FIXED_SETTINGS: ReadonlyMap<string, FixedSetting> = new Map(
  FIXED.flatMap(([missing, values]) =>
    Object.entries(values).map(([name, value]) => [name, { value, missing }] as const),
  ),
);

/** The value of MAAS's name that is always in force; `undefined`: there is none. */
export const fixedSetting = (name: string): FixedSetting | undefined => FIXED_SETTINGS.get(name);
