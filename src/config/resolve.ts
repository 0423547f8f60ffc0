// From the written configuration to the one in use: fills in defaults that depend on other values,
// and reports contradictions. A result without problems can be served, so no other validation is
// needed.

import { hostname } from 'node:os';
import { join } from 'node:path';
import { kernelParamsText, refuseKernelParams } from '../boot/quotable.ts';
import type { DhcpSubnet } from '../dhcp/networks/config.ts';
import { OPTION } from '../dhcp/wire/options.ts';
import type { ConfiguredRecord, DnsConfig } from '../dns/config.ts';
import { parseName } from '../dns/name.ts';
import { parseRdata } from '../dns/record-text.ts';
import { isSelf } from '../dns/self-upstream.ts';
import type { Ipv4, Ipv4Network } from '../ground/address.ts';
import { ANY, formatIpv4, formatNetwork, ipv4, isLoopback, LOOPBACK, networksOverlap } from '../ground/address.ts';
import { LOG_ROOMS } from '../observe/log-levels.ts';
import type { PreseedConfig } from '../region/preseed/request.ts';
import { findMtu } from '../region/racks/cluster-interface.ts';
import type { TftpConfig } from '../tftp/config.ts';
import { type ResolvedInterface, resolveInterface, toSubnet } from './cluster-interface.ts';
import { type NetworkParameters, resolveGeneralParameters, resolveNetworkParameters } from './dhcp-parameters.ts';
import { type AddressesOf, SERVER_NAMES_MAX } from './option-list.ts';
import type { ClusterInterface, RackConfig } from './rack-config.ts';
import { checkSecureListeners, makeListeners, resolveRegion } from './region-place.ts';
import { type FindSharedNetwork, resolveSharedNetworks } from './shared-networks.ts';
import { chooseProxy, type WrittenClusterInterface, type WrittenConfig } from './written.ts';
import { isHostLabel } from './written-values.ts';

const LOOPBACK_NETWORK: Ipv4Network = { address: ipv4(0x7f000000), prefix: 8 };
const BOOT_HTTP_PORT = 5248;
const METRICS_PORT = 5249;
/** The port of MAAS's API in old instructions, and the only one that GRUB's HTTP knows. */
const HTTP_PORT = 80;
const HTTPS_PORT = 443;

/** The place of a problem: keys and indexes from the top of the file. */
export type ProblemPath = readonly (string | number)[];
export type ReportProblem = (path: ProblemPath, message: string) => void;

interface Managed {
  readonly written: WrittenClusterInterface;
  readonly resolved: ResolvedInterface;
  readonly parameters: NetworkParameters;
  readonly index: number;
}

/**
 * Resolves a written configuration and reports every problem. The result is usable only if there is
 * none.
 * @param fileInterfaces the number of the file's cluster interfaces; the store's follow
 * @param knownAddresses the known addresses of the servers that the configuration names
 */
export function resolveConfig(
  written: WrittenConfig,
  report: ReportProblem,
  fileInterfaces = written.cluster_interfaces.length,
  knownAddresses: AddressesOf = () => [],
): RackConfig {
  const { addressesOf, serverNames } = trackServerNames(knownAddresses, report);
  const managed = resolveInterfaces(written, report, fileInterfaces, addressesOf);
  const ownAddresses = unique(managed.flatMap(({ written: entry }) => (entry.ip === undefined ? [] : [entry.ip])));
  const servedEntries = managed.filter(({ written: entry }) => entry.management > 0);
  const findSharedNetwork = resolveSharedNetworks(managed, ({ index }, key, message) =>
    report(['cluster_interfaces', index, key], message),
  );
  const boot = written.boot;
  const http = boot.http.listen ?? makeDefaultListeners(written, ownAddresses);
  const https = resolveSecureListeners(boot.http.tls, http, report);
  const resolvedRegion = resolveRegion(written, ownAddresses, (key, message) => report(['region', key], message));
  const kernelParamsRefusal = refuseKernelParams(boot.kernel_params);
  if (kernelParamsRefusal !== undefined) report(['boot', 'kernel_params'], kernelParamsText(kernelParamsRefusal));
  const dns = resolveDns(written, managed, ownAddresses);
  checkRecords(dns, report);
  checkUpstreams(dns, report);
  return {
    ...resolveProcess(written, METRICS_PORT, {
      listen: resolvedRegion.listen,
      tls: resolvedRegion.tls,
      // All configured networks, even with management 0: machines that boot there with another DHCP
      // server get the loader and the script from this rack, and should enlist.
      managedNetworks: managed.map(({ resolved }) => resolved.network),
      imageTree: boot.tree ?? join(written.state_dir, 'boot'),
    }),
    clusterInterfaces: managed.map(toClusterInterface),
    dhcp: {
      subnets: servedEntries.map((entry) =>
        resolveSubnet(entry, written, { dns, addressesOf }, findSharedNetwork, report),
      ),
      newClientsPerSecond: written.dhcp.new_clients_per_second,
      serverPort: written.dhcp.server_port,
      clientPort: written.dhcp.client_port,
      foreignProbe: written.dhcp.foreign_probe === 0 ? undefined : written.dhcp.foreign_probe,
      proxyPort: written.dhcp.proxy_port,
    },
    tftp: resolveTftp(written, managed, ownAddresses),
    dns,
    boot: resolveBoot(written, http, https),
    http: { listen: [...http, ...https], tls: boot.http.tls, region: resolvedRegion.endpoint },
    uplink: resolvedRegion.uplink,
    preseeds: resolvePreseeds(written),
    serverNames: [...serverNames],
  };
}

/**
 * The listeners for boot files and `/MAAS/` if none are configured: at BOOT_HTTP_PORT, and at
 * HTTP_PORT where it is free, unless the region's listeners are at named addresses.
 */
function makeDefaultListeners({ region }: WrittenConfig, ownAddresses: readonly Ipv4[]): RackConfig['boot']['http'] {
  const listen = ownAddresses.map((address) => ({ address, port: BOOT_HTTP_PORT }));
  if (region.listen?.every(({ address }) => address !== ANY) === true) return listen;
  const addresses = region.mode === 'embedded' ? unique([LOOPBACK, ...ownAddresses]) : ownAddresses;
  return [...listen, ...addresses.map((address) => ({ address, port: HTTP_PORT, optional: true }))];
}

/** The listeners of `boot.http.tls`; by default at the addresses of those without TLS, at HTTPS_PORT. */
function resolveSecureListeners(
  tls: WrittenConfig['boot']['http']['tls'],
  plainListeners: RackConfig['boot']['http'],
  report: ReportProblem,
): RackConfig['boot']['http'] {
  if (tls === undefined) return [];
  const addresses = plainListeners.map(({ address }) => address).filter((address) => !isLoopback(address));
  const listen = tls.listen ?? makeListeners(addresses, HTTPS_PORT);
  checkSecureListeners('boot.http', listen, plainListeners, (key, message) => report(['boot', 'http', key], message));
  return listen.map((listener) => ({ ...listener, secure: true }));
}

/**
 * Collects the names of servers that are looked up. The set is complete once everything that names
 * a server is resolved.
 */
function trackServerNames(knownAddresses: AddressesOf, report: ReportProblem) {
  const serverNames = new Set<string>();
  const addressesOf: AddressesOf = (name) => {
    if (serverNames.add(name).size === SERVER_NAMES_MAX + 1) {
      const scope = 'the networks and hosts included';
      report(['dhcp', 'options'], `names more than ${SERVER_NAMES_MAX} NTP servers, ${scope}: give some by address`);
    }
    return knownAddresses(name);
  };
  return { addressesOf, serverNames };
}

function resolveBoot(
  { boot, enlistment, state_dir }: WrittenConfig,
  http: RackConfig['boot']['http'],
  https: RackConfig['boot']['http'],
): RackConfig['boot'] {
  return {
    tree: boot.tree ?? join(state_dir, 'boot'),
    loaders: new Map(Object.entries(boot.loaders)),
    quirks: boot.quirks.map(({ mac, uuid, vendor_class: vendorClass, quirk }) => {
      return { prefix: mac, uuid, vendorClass, quirk };
    }),
    kernelParams: boot.kernel_params,
    commissioningRelease: boot.release,
    enlistWith: boot.enlist_with,
    copiesImages: boot.copy_images,
    bmcUser: enlistment.bmc_user,
    profiles: boot.profiles,
    menuSeconds: boot.menu,
    http,
    https,
  };
}

function resolveTftp({ tftp }: WrittenConfig, managed: readonly Managed[], ownAddresses: readonly Ipv4[]): TftpConfig {
  return {
    listen: tftp.listen ?? ownAddresses,
    listenPort: tftp.listen_port,
    // All networks, even with management 0, relayed or in proxy mode: their machines load files
    // from this rack.
    clients: [...managed.map(({ resolved }) => resolved.network), LOOPBACK_NETWORK, ...tftp.allow],
  };
}

function resolveInterfaces(
  written: WrittenConfig,
  report: ReportProblem,
  fileInterfaces: number,
  addressesOf: AddressesOf,
): Managed[] {
  const managed: Managed[] = [];
  const reportDhcp = (key: string, message: string): void => report(['dhcp', ...splitKeys(key)], message);
  const general = resolveGeneralParameters(written.dhcp, reportDhcp, addressesOf);
  written.cluster_interfaces.forEach((entry, index) => {
    const reportEntry = (key: string, message: string): void =>
      report(['cluster_interfaces', index, ...splitKeys(key)], message);
    const resolved = resolveInterface(entry, reportEntry);
    const parameters = resolveNetworkParameters(entry, general, reportEntry, addressesOf);
    for (const earlierEntry of managed) {
      if (earlierEntry.written.name === entry.name) {
        report(
          ['cluster_interfaces', index, 'name'],
          `"${entry.name}" is also the name of cluster_interfaces[${earlierEntry.index}]`,
        );
      }
      if (resolved !== undefined && networksOverlap(resolved.network, earlierEntry.resolved.network)) {
        report(
          ['cluster_interfaces', index, 'network'],
          `${formatNetwork(resolved.network)} overlaps ${describeOverlap({ written: entry, resolved, parameters, index }, earlierEntry, fileInterfaces)}`,
        );
      }
    }
    if (resolved !== undefined) managed.push({ written: entry, resolved, parameters, index });
  });
  return managed;
}

/**
 * Names the other network and the remedy. If the file and the store have the same network under two
 * names, one name must go.
 */
function describeOverlap(entry: Managed, otherEntry: Managed, fileInterfaces: number): string {
  const { name } = otherEntry.written;
  const location =
    otherEntry.index < fileInterfaces ? `cluster_interfaces[${otherEntry.index}]` : `cluster_interfaces.${name}`;
  const overlap = `${formatNetwork(otherEntry.resolved.network)} of "${name}" (${location})`;
  const isSame = formatNetwork(entry.resolved.network) === formatNetwork(otherEntry.resolved.network);
  if (!isSame || otherEntry.index >= fileInterfaces || entry.index < fileInterfaces)
    return `${overlap}; addresses would belong to both`;
  const storedName = entry.written.name;
  return `${overlap}; name it ${storedName} in the file, too, or run \`rackboot config unset cluster_interfaces.${storedName}\``;
}

function toClusterInterface({ written, resolved }: Managed): ClusterInterface {
  return {
    name: written.name,
    interfaceName: written.relayed ? undefined : written.interface,
    management: written.management,
    ip: written.ip,
    network: resolved.network,
    proxy: written.mode === 'proxy',
    router: written.router_ip,
    domain: written.domain,
    dnsServers: written.dns_servers,
    mtu: findMtu(written.options),
    answersRouterSolicitations: written.management > 0 && !written.relayed && written.answer_router_solicitations,
  };
}

function resolveSubnet(
  entry: Managed,
  written: WrittenConfig,
  { dns, addressesOf }: { readonly dns: DnsConfig; readonly addressesOf: AddressesOf },
  findSharedNetwork: FindSharedNetwork,
  report: ReportProblem,
): DhcpSubnet {
  const hasOwnDns =
    entry.written.management === 2 && entry.written.ip !== undefined && dns.listen.includes(entry.written.ip);
  // DHCP carries no port, so a rack whose DNS listens on a port other than 53 cannot be offered.
  const ownServers = hasOwnDns && dns.listenPort === 53 && entry.written.ip !== undefined ? [entry.written.ip] : [];
  const upstream = written.dns.upstream.filter(({ port }) => port === 53).map(({ address }) => address);
  const isConfigured =
    entry.written.dns_servers !== undefined || entry.parameters.options?.byCode.has(OPTION.domainNameServer) === true;
  if (entry.written.relayed && !isConfigured && upstream.length === 0) {
    report(
      ['cluster_interfaces', entry.index, 'dns_servers'],
      'missing: a relayed network has no address of this rack to offer, and dns.upstream is empty',
    );
  }
  const defaults = {
    domain: written.dns.domain,
    dnsServers: ownServers.length > 0 ? ownServers : upstream,
    addressesOf,
  };
  return {
    ...toSubnet(entry.written, entry.resolved, defaults, entry.parameters),
    shared: findSharedNetwork(entry.written),
  };
}

function resolveDns(written: WrittenConfig, managed: readonly Managed[], ownAddresses: readonly Ipv4[]): DnsConfig {
  const namedEntries = managed.filter(({ written: entry }) => entry.management === 2);
  const domains = unique([
    written.dns.domain,
    ...namedEntries.flatMap(({ written: entry }) => (entry.domain === undefined ? [] : [entry.domain])),
    ...written.dns.domains,
  ]);
  const listen =
    written.dns.listen ??
    unique([
      ...namedEntries.flatMap(({ written: entry }) => (entry.ip === undefined ? [] : [entry.ip])),
      ...(namedEntries.length > 0 ? [LOOPBACK] : []),
    ]);
  return {
    listen,
    listenPort: written.dns.listen_port,
    domains,
    reverseNetworks: namedEntries.map(({ resolved }) => resolved.network),
    generated: namedEntries.flatMap(({ written: entry, resolved }) =>
      resolved.dynamic === undefined ? [] : [{ range: resolved.dynamic, domain: entry.domain ?? written.dns.domain }],
    ),
    upstream: written.dns.upstream,
    forwardZones: Object.entries(written.dns.forward_zones).map(([zone, upstream]) => ({ domain: zone, upstream })),
    records: written.dns.records,
    clients: [...managed.map(({ resolved }) => resolved.network), LOOPBACK_NETWORK, ...written.dns.allow_recursion],
    selfAddresses: ownAddresses,
    selfName: written.name ?? composeDefaultName(),
  };
}

/** The form of each record type's data, in words. */
const RECORD_FORMS: Readonly<Record<ConfiguredRecord['type'], string>> = {
  A: 'an IPv4 address such as 10.20.0.5',
  AAAA: 'an IPv6 address such as 2001:db8::5',
  CNAME: 'a domain name',
  NS: 'a domain name',
  PTR: 'a domain name',
  TXT: 'text, or strings in double quotes',
  MX: 'a preference and a name: 10 mail.example.net',
  SRV: 'priority, weight, port and name: 0 5 5060 sip.example.net',
  SSHFP:
    'algorithm, type and hexadecimal fingerprint, of 20 bytes for type 1 and 32 for type 2, as `ssh-keygen -r` prints them: 4 2 9f86…',
  CAA: 'flags, tag and value: 0 issue "ca.example.net"',
};

/** Refuses records that the DNS room cannot parse: it would report them but never serve them. */
function checkRecords({ records }: DnsConfig, report: ReportProblem): void {
  records.forEach(({ type, data, name }, index) => {
    if (parseName(name) === undefined) report(['dns', 'records', index, 'name'], `"${name}" is not a domain name`);
    if (parseRdata(type, data) === undefined)
      report(
        ['dns', 'records', index, 'data'],
        `"${data.slice(0, 80)}" is not ${type} data: expected ${RECORD_FORMS[type]}`,
      );
  });
}

/** Refuses this rack as its own upstream. */
function checkUpstreams(dns: DnsConfig, report: ReportProblem): void {
  const check = (path: ProblemPath, upstream: DnsConfig['upstream']): void => {
    for (const { address, port } of upstream.filter((server) => isSelf(server, dns)))
      report(
        path,
        `${formatIpv4(address)}:${port} is this rack's own name server, which would ask itself; name a server that resolves outside names, such as your router or your provider's`,
      );
  };
  check(['dns', 'upstream'], dns.upstream);
  for (const { domain, upstream } of dns.forwardZones ?? []) check(['dns', 'forward_zones', domain], upstream);
}

/** The rack's name if the file has none: the first label of the host's name. */
export function composeDefaultName(): string {
  const label = hostname().split('.')[0]?.toLowerCase() ?? '';
  return isHostLabel(label) ? label : 'rack';
}

const unique = <T>(values: readonly T[]): T[] => [...new Set(values)];

/** `hosts[3].ip` as keys. */
function splitKeys(key: string): (string | number)[] {
  return key
    .split(/[.[\]]+/)
    .filter((part) => part !== '')
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}

/** The part of a written configuration that the file of a region apart from its racks has, too. */
interface WrittenProcess
  extends Pick<
    WrittenConfig,
    'name' | 'state_dir' | 'preseeds' | 'http_proxy' | 'enable_http_proxy' | 'metrics' | 'log'
  > {
  readonly region: Omit<WrittenConfig['region'], 'mode' | 'url' | 'api_key_file' | 'ca_file'>;
  readonly dns: Pick<WrittenConfig['dns'], 'domain'>;
  readonly boot: Pick<WrittenConfig['boot'], 'kernel_params'>;
  readonly enlistment: Pick<WrittenConfig['enlistment'], 'name'>;
}

/** Resolves the part that a rack's file and the file of a region apart have in common. */
export const resolveProcess = (
  written: WrittenProcess,
  metricsPort: number,
  region: Pick<RackConfig['region'], 'listen' | 'tls' | 'managedNetworks' | 'imageTree' | 'imageStore'>,
): Pick<RackConfig, 'name' | 'stateDir' | 'region' | 'metrics' | 'log'> => ({
  name: written.name ?? composeDefaultName(),
  stateDir: written.state_dir,
  region: {
    ...region,
    stateDir: written.state_dir,
    publicUrl: written.region.public_url,
    proxies: written.region.proxies,
    domain: written.dns.domain,
    newMachinesMax: written.region.new_machines_max,
    retries: written.region.retries,
    importEverySeconds: written.region.import_every,
    importBytesPerSecondMax: written.region.import_limit,
    importKeptVersions: written.region.import_keep,
    nameFrom: written.enlistment.name,
    install: {
      preseeds: resolvePreseeds(written),
      httpProxy: chooseProxy(written),
      kernelParams: written.boot.kernel_params,
    },
  },
  metrics: { listen: written.metrics.listen ?? [{ address: LOOPBACK, port: metricsPort }] },
  log: { ...written.log, levels: mapRoomLevels(written) },
});

function resolvePreseeds({ preseeds }: Pick<WrittenConfig, 'preseeds'>): PreseedConfig {
  const [debian = '', ubuntu = '', ubuntuPorts = ''] = [
    preseeds.debian_mirror,
    preseeds.ubuntu_mirror,
    preseeds.ubuntu_ports_mirror,
  ].map((url) => url.replace(/\/+$/, ''));
  return { directory: preseeds.directory, mirrors: { debian, ubuntu, ubuntuPorts } };
}

function mapRoomLevels(written: Pick<WrittenConfig, 'log'>): RackConfig['log']['levels'] {
  const { levels } = written.log;
  return new Map(
    LOG_ROOMS.flatMap((room) => {
      const level = levels[room];
      return level === undefined ? [] : [[room, level] as const];
    }),
  );
}
