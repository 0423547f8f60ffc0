// Which sockets a configuration needs: one per interface, bound to the device on 0.0.0.0, for
// broadcasts; one per rack address, for renewals and relays. The kernel prefers the address socket
// for unicasts. Proxy mode needs the same on the boot server port.
//
// 1. Device sockets come first: only then does opening reveal another owner of the port.
// 2. A device socket needs its interface; an address socket may be bound before its address exists.

import { ANY, formatIpv4, type Ipv4 } from '../../ground/address.ts';
import { type DhcpConfig, type DhcpSubnet, PROXY_PORT } from './config.ts';
import type { LocalInterface } from './subnet.ts';

export interface WantedSocket {
  /** Changes with what the socket is bound to. */
  readonly key: string;
  /** For the log. */
  readonly name: string;
  /** Undefined: bound to `address`. */
  readonly interfaceName: string | undefined;
  readonly address: Ipv4;
  readonly port: number;
  /** The source address of a device socket. */
  readonly source: Ipv4 | undefined;
  /** On the port where clients in proxy mode ask for their boot server. */
  readonly bootServer: boolean;
}

/** @param interfaces undefined: not known, all configured ones are assumed to exist */
export function planSockets(
  config: DhcpConfig,
  interfaces: readonly LocalInterface[] | undefined,
): readonly WantedSocket[] {
  const { subnets, serverPort, proxyPort = PROXY_PORT } = config;
  const proxied = subnets.filter(({ proxy }) => proxy === true);
  // A relayed client asks whichever rack address its relay points to.
  const reachable = proxied.some(({ serverAddress }) => serverAddress === undefined) ? subnets : proxied;
  return [
    ...planPort(serverPort, subnets, subnets, interfaces, false),
    ...planPort(proxyPort, proxied, reachable, interfaces, true),
  ];
}

/** One port's sockets, for devices, then for addresses. */
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
