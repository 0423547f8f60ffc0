// Which sockets a configuration needs: for each interface one bound to the device, on 0.0.0.0, for broadcasts; for each address
// of the rack one bound to the address, for renewals and relays. The kernel prefers the address for unicasts. Networks in proxy mode
// need the same once more at the port of boot servers.
//
// 1. Device sockets come first: only so is another owner of the port on that device noticed.
// 2. A device socket is planned only while its interface exists; an address socket always, because it may be bound before the
//    address is there.

import { ANY, formatIpv4, type Ipv4 } from '../../net/address.ts';
import { type DhcpConfig, type DhcpSubnet, PROXY_PORT } from './config.ts';
import type { LocalInterface } from './subnet.ts';

/** A socket that is needed. */
export interface WantedSocket {
  /** Names the socket; a change of what it is bound to changes it. */
  readonly key: string;
  /** For the log: the interface or the address. */
  readonly name: string;
  /** The device; undefined: bound to `address`. */
  readonly interfaceName: string | undefined;
  readonly address: Ipv4;
  readonly port: number;
  /** The source of what a device socket sends. */
  readonly source: Ipv4 | undefined;
  /** It is at the port where clients of networks in proxy mode ask for their boot server. */
  readonly bootServer: boolean;
}

/** @param interfaces the host's interfaces; undefined: not known, every configured one is taken to exist */
export function planSockets(
  config: DhcpConfig,
  interfaces: readonly LocalInterface[] | undefined,
): readonly WantedSocket[] {
  const { subnets, serverPort, proxyPort = PROXY_PORT } = config;
  const proxied = subnets.filter(({ proxy }) => proxy === true);
  // Who boots from behind a relay asks whichever address of the rack the relay led to.
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
