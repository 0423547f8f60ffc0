// Which sockets a configuration needs: for each interface one bound to the device, on 0.0.0.0, for broadcasts; for each address
// of the rack one bound to the address, for renewals and relays. The kernel prefers the address for unicasts.
//
// 1. Device sockets come first: only so is another owner of the port on that device noticed.
// 2. A device socket is planned only while its interface exists; an address socket always, because it may be bound before the
//    address is there.

import { ANY, formatIpv4, type Ipv4 } from '../net/address.ts';
import type { DhcpConfig } from './config.ts';
import type { LinkState } from './subnet.ts';

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
}

/** @param links the host's interfaces; undefined: not known, every configured one is taken to exist */
export function planSockets(config: DhcpConfig, links: readonly LinkState[] | undefined): readonly WantedSocket[] {
  const port = config.serverPort;
  const wanted = new Map<string, WantedSocket>();
  for (const { interfaceName, serverAddress: source } of config.subnets) {
    if (interfaceName === undefined || wanted.has(interfaceName)) continue;
    if (links !== undefined && !links.some(({ name }) => name === interfaceName)) continue;
    const key = `${interfaceName} ${port} ${source ?? ''}`;
    wanted.set(interfaceName, { key, name: interfaceName, interfaceName, address: ANY, port, source });
  }
  for (const { serverAddress: address } of config.subnets) {
    if (address === undefined) continue;
    const name = formatIpv4(address);
    wanted.set(name, { key: `${name} ${port}`, name, interfaceName: undefined, address, port, source: undefined });
  }
  return [...wanted.values()];
}
