// Which sockets a configuration needs: one per interface, bound to the device on 0.0.0.0, for broadcasts; one per rack address, bound to
// the address, for renewals and relays. The kernel prefers the address socket for unicasts. Networks in proxy mode need the same again on
// the boot server port.
//
// 1. Device sockets come first: only then does opening reveal another owner of the port on that device.
// 2. A device socket is planned only while its interface exists. An address socket is always planned, because it may be bound before the
//    address exists.

import { ANY, formatIpv4, type Ipv4 } from '../../net/address.ts';
import { type DhcpConfig, type DhcpSubnet, PROXY_PORT } from './config.ts';
import type { LocalInterface } from './subnet.ts';

/** A required socket. */
export interface WantedSocket {
  /** Identifies the socket; it changes with what the socket is bound to. */
  readonly key: string;
  /** For the log: the interface or the address. */
  readonly name: string;
  /** The device; undefined: bound to `address`. */
  readonly interfaceName: string | undefined;
  readonly address: Ipv4;
  readonly port: number;
  /** The source of what a device socket sends. */
  readonly source: Ipv4 | undefined;
  /** On the port where clients of networks in proxy mode ask for their boot server. */
  readonly bootServer: boolean;
}

/** @param interfaces the host's interfaces; undefined: not known, every configured one is assumed to exist */
export function planSockets(
  config: DhcpConfig,
  interfaces: readonly LocalInterface[] | undefined,
): readonly WantedSocket[] {
  const { subnets, serverPort, proxyPort = PROXY_PORT } = config;
  const proxied = subnets.filter(({ proxy }) => proxy === true);
  // A client behind a relay asks whichever rack address its relay points to.
  const reachable = proxied.some(({ serverAddress }) => serverAddress === undefined) ? subnets : proxied;
  return [
    ...planPort(serverPort, subnets, subnets, interfaces, false),
    ...planPort(proxyPort, proxied, reachable, interfaces, true),
  ];
}

/** The sockets of one port: for the devices of some subnets, then for the addresses of some. */
function planPort(
  port: number,
  onDevices: readonly DhcpSubnet[],
  atAddresses: readonly DhcpSubnet[],
  interfaces: readonly LocalInterface[] | undefined,
  bootServer: boolean,
): readonly WantedSocket[] {
  const wanted = new Map<string, WantedSocket>();
  for (const { interfaceName, serverAddress: source } of onDevices) {
    if (interfaceName === undefined || wanted.has(interfaceName)) continue;
    if (interfaces !== undefined && !interfaces.some(({ name }) => name === interfaceName)) continue;
    const key = `${interfaceName} ${port} ${source ?? ''}`;
    wanted.set(interfaceName, { key, name: interfaceName, interfaceName, address: ANY, port, source, bootServer });
  }
  for (const { serverAddress: address } of atAddresses) {
    if (address === undefined) continue;
    const name = formatIpv4(address);
    const key = `${name} ${port}`;
    wanted.set(name, { key, name, interfaceName: undefined, address, port, source: undefined, bootServer });
  }
  return [...wanted.values()];
}
