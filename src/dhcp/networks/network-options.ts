// What the keys of a network say to each of its clients, as the bytes of options: made once for each network that is served, because
// most of a reply is the same for all. Sources: RFC 2132, RFC 3397 (119).
//
// 1. The bytes are shared by all replies: nobody writes into them.

import type { Seconds } from '../../clock.ts';
import { maskOf } from '../../net/address.ts';
import { addressBytes, addressListBytes, domainNameBytes, OPTION, textBytes, u32Bytes } from '../wire/options.ts';
import type { DhcpSubnet } from './config.ts';
import { renewalTimesOf } from './lease-time.ts';

/** Options 51, 58 and 59 of one lease time. */
export interface LeaseTimeBytes {
  readonly lease: Uint8Array;
  readonly renewal: Uint8Array;
  readonly rebinding: Uint8Array;
}

/** A network's own options. */
export interface NetworkOptions {
  /** Those that a client may ask for, by code; one that the network has no value for is not there. */
  readonly byCode: ReadonlyMap<number, Uint8Array>;
  /** Option 54, where the rack's address is known. */
  readonly serverIdentifier: Uint8Array | undefined;
  /** Of the network's lease time. */
  readonly times: LeaseTimeBytes;
}

/** Encodes what a network says. */
export function networkOptionsOf(subnet: DhcpSubnet): NetworkOptions {
  const { network, router, dnsServers, ntpServers, broadcast, domain, serverAddress } = subnet;
  const values: readonly (readonly [number, Uint8Array | undefined])[] = [
    [OPTION.subnetMask, addressBytes(maskOf(network.prefix))],
    [OPTION.router, router === undefined ? undefined : addressBytes(router)],
    [OPTION.domainNameServer, addressListBytes(dnsServers)],
    [OPTION.broadcastAddress, addressBytes(broadcast)],
    [OPTION.ntpServers, addressListBytes(ntpServers)],
    [OPTION.domainName, textBytes(domain)],
    [OPTION.domainSearch, domainNameBytes(domain)],
  ];
  return {
    byCode: new Map(
      values.flatMap(([code, value]) => (value === undefined || value.length === 0 ? [] : [[code, value]])),
    ),
    serverIdentifier: serverAddress === undefined ? undefined : addressBytes(serverAddress),
    times: leaseTimeBytes(subnet, subnet.leaseTime),
  };
}

/** Encodes a lease time of a network, and the times of renewal that follow from it. */
export function leaseTimeBytes(subnet: DhcpSubnet, leaseTime: Seconds): LeaseTimeBytes {
  const { renewal, rebinding } = renewalTimesOf(subnet, leaseTime);
  return { lease: u32Bytes(leaseTime), renewal: u32Bytes(renewal), rebinding: u32Bytes(rebinding) };
}
