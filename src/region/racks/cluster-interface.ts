// A rack's cluster interface as values, from the form of a configuration file, in which racks also
// report theirs. Pure.
//
// 1. An entry without a name or a network is no network. An address, a router or a range that is
//    not inside the network is none: a file has no such entry, but a hostile rack would report one
//    to take the addresses of others.

import {
  formatNetwork,
  type Ipv4,
  type Ipv4Network,
  type Ipv4Range,
  type MacAddress,
  maskToPrefix,
  networkContains,
  networkWithPrefix,
  parseIpv4,
  parseMac,
  parseNetwork,
} from '../../ground/address.ts';
import { isFields } from '../../ground/fields.ts';
import { INTERFACES_KEY, isSettings, NO_SETTINGS, type Settings, type SettingValue } from '../../machines/settings.ts';

/** An entry of `hosts`. */
export interface ConfiguredHost {
  /** `undefined`: it is not known by its hardware address. */
  readonly mac: MacAddress | undefined;
  readonly address: Ipv4 | undefined;
  readonly hostname: string | undefined;
}

export interface ClusterInterface {
  readonly name: string;
  readonly network: Ipv4Network;
  /** `10.20.0.0/24`. */
  readonly cidr: string;
  readonly management: 0 | 1 | 2;
  /** Another DHCP server gives the addresses; the rack only says what to boot. */
  readonly isProxy: boolean;
  /** The rack's own address there; `undefined`: it is behind relay agents. */
  readonly address: Ipv4 | undefined;
  readonly router: Ipv4 | undefined;
  readonly dnsServers: readonly string[];
  readonly dynamic: Ipv4Range | undefined;
  readonly fixed: Ipv4Range | undefined;
  /** The MTU that it hands out; `undefined`: none, which means 1500. */
  readonly mtu: number | undefined;
  /** The same of a remote rack's file, which decides for no other network. */
  readonly reportedMtu: number | undefined;
  readonly options: readonly SettingValue[];
  /**
   * Its entries of `hosts`, in their order. They are read when they are needed, because there may
   * be 65 536.
   */
  readonly writtenHosts: () => readonly ConfiguredHost[];
  /** `cluster_interfaces.lab`. */
  readonly key: string;
}

export const parseClusterInterfaces = (entries: readonly Settings[]): readonly ClusterInterface[] =>
  entries.flatMap((entry) => {
    const network = networkIn(entry);
    const name = textIn(entry, 'name');
    if (network === undefined || name === '') return [];
    const { management, dns_servers: servers, options = [] } = entry;
    const written = Array.isArray(options) ? options : [];
    return [
      {
        name,
        network,
        cidr: formatNetwork(network),
        management: management === 0 || management === 1 ? management : 2,
        isProxy: entry.mode === 'proxy',
        address: addressIn(entry, network, 'ip'),
        router: addressIn(entry, network, 'router_ip'),
        dnsServers: Array.isArray(servers) ? servers.filter((server) => typeof server === 'string') : [],
        dynamic: rangeIn(entry, network, 'ip_range'),
        fixed: rangeIn(entry, network, 'static_ip_range'),
        mtu: findMtu(written),
        reportedMtu: typeof entry.mtu === 'number' ? entry.mtu : undefined,
        options: written,
        writtenHosts: () => hostsIn(entry),
        key: `${INTERFACES_KEY}.${name}`,
      },
    ];
  });

export const listDynamicRanges = (entries: readonly Settings[]): readonly Ipv4Range[] =>
  parseClusterInterfaces(entries).flatMap(({ dynamic }) => dynamic ?? []);

export function networkIn(entry: Settings): Ipv4Network | undefined {
  const written = textIn(entry, 'network');
  if (written !== '') return parseNetwork(written);
  const address = parseIpv4(textIn(entry, 'ip'));
  const mask = parseIpv4(textIn(entry, 'subnet_mask'));
  const prefix = mask === undefined ? undefined : maskToPrefix(mask);
  return address === undefined || prefix === undefined ? undefined : networkWithPrefix(address, prefix);
}

/** The entry with another mask, from which its network follows unless the rack has no address there. */
export function withMask(entry: Settings, mask: SettingValue): Settings {
  const { network: _, ...others } = entry;
  return { ...(entry.relayed === true ? entry : others), subnet_mask: mask };
}

function textIn(entry: Settings, field: string): string {
  const value = entry[field];
  return typeof value === 'string' ? value.trim() : '';
}

export function addressIn(entry: Settings, network: Ipv4Network, field: string): Ipv4 | undefined {
  const address = parseIpv4(textIn(entry, field));
  return address !== undefined && networkContains(network, address) ? address : undefined;
}

export function rangeIn(entry: Settings, network: Ipv4Network, field: string): Ipv4Range | undefined {
  const [low, high] = [parseIpv4(textIn(entry, `${field}_low`)), parseIpv4(textIn(entry, `${field}_high`))];
  if (low === undefined || high === undefined || low > high) return undefined;
  return networkContains(network, low) && networkContains(network, high) ? { low, high } : undefined;
}

/** By the lists that they were read from, which do not change. */
const READ_HOSTS = new WeakMap<object, readonly ConfiguredHost[]>();

/** The hosts of a list, read once. */
export function readHosts<T>(list: readonly T[], read: (entry: T) => ConfiguredHost): readonly ConfiguredHost[] {
  const hosts = READ_HOSTS.get(list) ?? list.map(read);
  READ_HOSTS.set(list, hosts);
  return hosts;
}

/** The entries of `hosts`, in their order. */
export const hostsIn = ({ hosts }: Settings): readonly ConfiguredHost[] =>
  readHosts(Array.isArray(hosts) ? hosts : NO_HOSTS, (host) => {
    const { mac, ip, hostname } = isSettings(host) ? host : NO_SETTINGS;
    return {
      mac: parseMac(String(mac ?? '')),
      address: parseIpv4(String(ip ?? '')),
      hostname: typeof hostname === 'string' ? hostname : undefined,
    };
  });

const NO_HOSTS: readonly SettingValue[] = [];

export interface OptionId {
  readonly code: number;
  readonly name: string;
}

/** RFC 2132 §5.1. */
export const MTU_OPTION: OptionId = { code: 26, name: 'interface-mtu' };
/** RFC 3442. */
export const ROUTES_OPTION: OptionId = { code: 121, name: 'classless-static-routes' };

/** False for one that only some clients get. */
export const isOption = (option: unknown, { code, name }: OptionId): boolean =>
  isFields(option) && option.when === undefined && (option.code === code || option.name === name);

/** True if all clients get it. */
export const hasOption = (options: readonly unknown[], id: OptionId): boolean =>
  options.some((option) => isOption(option, id));

/** The MTU that options hand out to all clients. */
export function findMtu(options: readonly unknown[]): number | undefined {
  const option = options.find((entry) => isOption(entry, MTU_OPTION));
  const value = isFields(option) ? option.value : undefined;
  return typeof value === 'number' ? value : undefined;
}
