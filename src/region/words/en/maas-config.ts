// The functions of MAAS that Rackboot lacks, in words: each continues "Rackboot does not have".

/** By function. */
export const MISSING_FUNCTIONS = {
  analytics: 'these reports: its metrics are always at /metrics',
  'bmc-account':
    'these settings of the account that it creates on a BMC: enlistment.bmc_user decides whether it creates one',
  discovery: 'this search for other hosts',
  drivers: 'extra drivers for machines that it installs',
  enlisting: 'commissioning while a machine enlists: it is commissioned once it is accepted',
  erasing: 'a default for erasing disks: give erase=true with each release',
  guide: 'a guide to the first steps, or news of releases',
  'dns-ttl': 'one TTL for all names: give a name its own, address_ttl of dnsresources or ttl of dnsresourcerecords',
  'hardware-sync': 'regular reports of deployed machines',
  installer: 'this installer',
  kernel: 'dumps of kernels that crashed',
  network: 'this network setting',
  ntp: 'an NTP server of its own',
  page: 'this page setting',
  proxy: "a proxy of its own: set http_proxy to the site's proxy",
  results: 'another limit of stored results: a machine keeps those of its last 10 runs',
  storage: 'a default layout of disks for all machines: give each machine its own',
  syslog: 'a syslog server of its own',
  timeouts: 'one time limit for all work: each state has its own',
  tls: 'warnings before certificates expire',
  transfers: 'transfers of DNS zones: AXFR and IXFR are always refused',
  windows: 'Windows',
} as const;

export type MissingFunction = keyof typeof MISSING_FUNCTIONS;
