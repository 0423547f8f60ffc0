// One cluster interface: from the written form to the network it describes, and its contradictions.
//
// 1. Every address lies inside the network and is neither its first nor its last, except in a
//    network of two addresses (RFC 3021 §2.1), which has no broadcast address but 255.255.255.255
//    (§2.2).
// 2. The dynamic and the static range are disjoint and contain neither the rack nor the router.
// 3. A managed network (1 or 2) has a range or reservations and, unless relayed, an interface with
//    an address. Without a dynamic range only known clients get an address.
// 4. In proxy mode another server gives the addresses: a range or a reservation there is a contradiction.

import type { DhcpSubnet } from '../dhcp/networks/config.ts';
import type { Ipv4, Ipv4Network, Ipv4Range } from '../ground/address.ts';
import {
  computeBroadcastAddress,
  findNetworkEdge,
  formatIpv4,
  formatMac,
  formatNetwork,
  LIMITED_BROADCAST,
  networkContains,
  networkWithPrefix,
  rangeContains,
  rangesOverlap,
} from '../ground/address.ts';
import type { NetworkParameters } from './dhcp-parameters.ts';
import { type AddressesOf, resolveServers } from './option-list.ts';
import type { WrittenClusterInterface } from './written.ts';

type Report = (key: string, message: string) => void;

export interface ResolvedInterface {
  readonly network: Ipv4Network;
  readonly broadcast: Ipv4;
  readonly dynamic: Ipv4Range | undefined;
  readonly static: Ipv4Range | undefined;
}

const RANGE_KEYS = ['ip_range_low', 'ip_range_high', 'static_ip_range_low', 'static_ip_range_high'] as const;

/** Checks one cluster interface alone; `undefined` if it has no usable network. */
export function resolveInterface(written: WrittenClusterInterface, report: Report): ResolvedInterface | undefined {
  checkInterface(written, report);
  const network = resolveNetwork(written, report);
  if (network === undefined) return undefined;
  const lastAddress = computeBroadcastAddress(network);
  const broadcast = findNetworkEdge(network, lastAddress) === undefined ? LIMITED_BROADCAST : lastAddress;
  const checkInside = (key: string, address: Ipv4 | undefined, hostKind: 'machine' | 'client'): void => {
    if (address === undefined) return;
    if (!networkContains(network, address)) {
      const remedy = key === 'ip' ? '; to move the network, set network or subnet_mask with it' : '';
      report(key, `${formatIpv4(address)} is not inside ${formatNetwork(network)}${remedy}`);
      return;
    }
    const edge = findNetworkEdge(network, address);
    if (edge === undefined) return;
    report(
      key,
      `${formatIpv4(address)} is the ${edge} address of ${formatNetwork(network)}, which no ${hostKind} can have`,
    );
  };
  checkInside('ip', written.ip, 'machine');
  checkInside('router_ip', written.router_ip, 'machine');
  if (
    written.broadcast_ip !== undefined &&
    written.broadcast_ip !== broadcast &&
    written.broadcast_ip !== lastAddress
  ) {
    const expectedText = `the broadcast address of ${formatNetwork(network)} is ${formatIpv4(broadcast)}`;
    report(
      'broadcast_ip',
      `${formatIpv4(written.broadcast_ip)} is another address: ${expectedText}; give that, or leave the key out`,
    );
  }
  for (const key of RANGE_KEYS) {
    checkInside(key, written[key], 'client');
  }
  const dynamic = resolveRange(written, 'ip_range', report);
  const staticRange = resolveRange(written, 'static_ip_range', report);
  if (written.mode === 'proxy') checkProxy(written, report);
  else if (
    written.management > 0 &&
    written.hosts.length === 0 &&
    RANGE_KEYS.every((key) => written[key] === undefined)
  ) {
    report('ip_range_low', 'a managed interface needs a dynamic range, ip_range_low and ip_range_high, or hosts');
  }
  if (dynamic !== undefined && staticRange !== undefined && rangesOverlap(dynamic, staticRange)) {
    report('static_ip_range_low', 'the static range and the dynamic range share addresses; make them disjoint');
  }
  checkHosts(written, network, report);
  return { network, broadcast, dynamic, static: staticRange };
}

/** The subnet that DHCP serves on a cluster interface. */
export function toSubnet(
  written: WrittenClusterInterface,
  resolved: ResolvedInterface,
  defaults: {
    readonly domain: string;
    readonly dnsServers: readonly Ipv4[];
    readonly addressesOf: AddressesOf;
  },
  parameters: NetworkParameters,
): DhcpSubnet {
  return {
    name: written.name,
    interfaceName: written.relayed ? undefined : written.interface,
    serverAddress: written.relayed ? undefined : written.ip,
    network: resolved.network,
    broadcast: resolved.broadcast,
    router: written.router_ip,
    dynamic: resolved.dynamic,
    static: resolved.static,
    domain: written.domain ?? defaults.domain,
    namesClients: written.management === 2,
    dnsServers: written.dns_servers ?? defaults.dnsServers,
    ntpServers: resolveServers(written.ntp_servers, defaults.addressesOf),
    ...parameters.times,
    options: parameters.options,
    classes: parameters.classes,
    identity: written.identity,
    reservations: written.hosts.map((host, index) => {
      const { mac, client_id: clientId, duid, circuit_id: circuitId, remote_id: remoteId, ip, hostname } = host;
      const options = parameters.hostOptions.get(index);
      const reservation = { mac, clientId, duid, circuitId, remoteId, address: ip, hostname };
      return options === undefined ? reservation : { ...reservation, options };
    }),
    proxy: written.mode === 'proxy',
    relays: written.relays,
    relaySources: written.relay_sources,
    authoritative: written.authoritative,
    conflictCheck: written.conflict_check,
  };
}

function checkInterface(written: WrittenClusterInterface, report: Report): void {
  if (written.relayed) {
    if (written.interface !== undefined)
      report('interface', 'a relayed network is on no interface of this host; remove this key or `relayed`');
    if (written.ip !== undefined)
      report('ip', 'this host has no address in a relayed network; remove this key or `relayed`');
    if (written.network === undefined) report('network', 'a relayed network needs `network`');
  } else {
    if (written.interface === undefined) report('interface', 'missing: name the interface, or add `relayed: true`');
    if (written.ip === undefined) report('ip', "missing: the rack's own address on this interface");
  }
}

/** Reports keys that would silently have no effect because another server gives the addresses. */
function checkProxy(written: WrittenClusterInterface, report: Report): void {
  const remedy = 'remove this key or `mode: proxy`';
  if (written.management === 0) {
    report('mode', 'proxy mode answers DHCP, but management 0 turns DHCP off; set it to 1 or 2, or remove mode');
  }
  for (const key of RANGE_KEYS) {
    if (written[key] !== undefined) report(key, `in proxy mode another DHCP server gives the addresses; ${remedy}`);
  }
  if (written.hosts.length > 0) {
    report('hosts', `in proxy mode another DHCP server gives the addresses: reserve them there; ${remedy}`);
  }
  written.classes.forEach((dhcpClass, index) => {
    for (const key of ['options', 'lease_time'] as const) {
      if (dhcpClass[key] !== undefined)
        report(
          `classes[${index}].${key}`,
          `in proxy mode another DHCP server gives the addresses and options; ${remedy}`,
        );
    }
  });
  if (written.options.length > 0) {
    report('options', `in proxy mode another DHCP server gives the options: configure them there; ${remedy}`);
  }
}

function resolveNetwork(written: WrittenClusterInterface, report: Report): Ipv4Network | undefined {
  const maskNetwork =
    written.subnet_mask === undefined || written.ip === undefined
      ? undefined
      : networkWithPrefix(written.ip, written.subnet_mask);
  const network = written.network ?? maskNetwork;
  if (network === undefined) {
    if (!written.relayed) report('network', 'missing: add `network`, or `subnet_mask` next to `ip`');
    return undefined;
  }
  if (written.network !== undefined && written.subnet_mask !== undefined && written.subnet_mask !== network.prefix) {
    report('subnet_mask', `contradicts network ${formatNetwork(network)}; keep one of them`);
  }
  return network;
}

function resolveRange(
  written: WrittenClusterInterface,
  key: 'ip_range' | 'static_ip_range',
  report: Report,
): Ipv4Range | undefined {
  const low = written[`${key}_low`];
  const high = written[`${key}_high`];
  if (low === undefined && high === undefined) return undefined;
  if (low === undefined || high === undefined) {
    const missingKey = low === undefined ? 'low' : 'high';
    report(`${key}_${missingKey}`, `missing: a range needs ${key}_low and ${key}_high`);
    return undefined;
  }
  if (low > high) {
    report(`${key}_low`, `${formatIpv4(low)} is above ${key}_high ${formatIpv4(high)}`);
    return undefined;
  }
  for (const [name, address] of [
    ['ip', written.ip],
    ['router_ip', written.router_ip],
  ] as const) {
    if (address !== undefined && rangeContains({ low, high }, address)) {
      report(`${key}_low`, `the range contains ${name} ${formatIpv4(address)}; choose a range without it`);
    }
  }
  return { low, high };
}

function checkHosts(written: WrittenClusterInterface, network: Ipv4Network, report: Report): void {
  const firstUses = new Map<string, string>();
  const reportRepeat = (entryKey: string, key: string, description: string): void => {
    const firstUse = firstUses.get(description);
    if (firstUse === undefined) firstUses.set(description, `${entryKey}.${key}`);
    else
      report(
        `${entryKey}.${key}`,
        `${description} is also in ${firstUse}; in a network each client and each address has one entry`,
      );
  };
  written.hosts.forEach((host, index) => {
    const entryKey = `hosts[${index}]`;
    if (!networkContains(network, host.ip))
      report(`${entryKey}.ip`, `${formatIpv4(host.ip)} is not inside ${formatNetwork(network)}`);
    if (host.ip === written.ip) report(`${entryKey}.ip`, `${formatIpv4(host.ip)} is the rack's own address`);
    if (host.ip === written.router_ip) report(`${entryKey}.ip`, `${formatIpv4(host.ip)} is the router's address`);
    if (findNetworkEdge(network, host.ip) !== undefined)
      report(
        `${entryKey}.ip`,
        `${formatIpv4(host.ip)} is an address of ${formatNetwork(network)} that no client can have`,
      );
    reportRepeat(entryKey, 'ip', formatIpv4(host.ip));
    for (const [key, description] of describeReservedKeys(host)) reportRepeat(entryKey, key, description);
  });
}

/** The clients or places that a host entry names: for each key, its words in messages. */
function describeReservedKeys(host: WrittenClusterInterface['hosts'][number]): readonly (readonly [string, string])[] {
  const { mac, client_id, duid, circuit_id, remote_id } = host;
  const descriptions: (readonly [string, string])[] = [];
  if (mac !== undefined) descriptions.push(['mac', `the hardware address ${formatMac(mac)}`]);
  if (client_id !== undefined) descriptions.push(['client_id', `the client identifier ${formatBytesText(client_id)}`]);
  if (duid !== undefined) descriptions.push(['duid', `the DUID ${formatBytesText(duid)}`]);
  const circuit = circuit_id === undefined ? '' : `the circuit id ${formatBytesText(circuit_id)}`;
  const remote = remote_id === undefined ? '' : `the remote id ${formatBytesText(remote_id)}`;
  const hasBoth = circuit !== '' && remote !== '';
  if (circuit !== '') descriptions.push(['circuit_id', hasBoth ? `${circuit} with ${remote}` : circuit]);
  else if (remote !== '') descriptions.push(['remote_id', remote]);
  return descriptions;
}

/** Bytes, one per character of `text`, in a form that the file accepts. */
const formatBytesText = (text: string): string =>
  /^[\x21-\x7e]+$/.test(text) ? text : `0x${Buffer.from(text, 'latin1').toString('hex')}`;
