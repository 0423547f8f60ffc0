// The options a network's keys give every client, as bytes, made once per served network. Sources:
// RFC 2132, RFC 3397 (119).
//
// 1. All replies share the bytes: nothing may write into them.

import { prefixToMask } from '../../ground/address.ts';
import type { Seconds } from '../../ground/clock.ts';
import { addressBytes, addressListBytes, domainNameBytes, OPTION, textBytes, u32Bytes } from '../wire/options.ts';
import type { DhcpSubnet } from './config.ts';
import { computeRenewalTimes } from './lease-time.ts';

/** Options 51, 58 and 59. */
interface LeaseTimeBytes {
  readonly lease: Uint8Array;
  readonly renewal: Uint8Array;
  readonly rebinding: Uint8Array;
}

export interface NetworkOptions {
  /** By code; absent if the network has no value. */
  readonly byCode: ReadonlyMap<number, Uint8Array>;
  /** Option 54. */
  readonly serverIdentifier: Uint8Array | undefined;
  readonly times: LeaseTimeBytes;
}

export function encodeNetworkOptions(subnet: DhcpSubnet): NetworkOptions {
  const { network, router, dnsServers, ntpServers, broadcast, domain, serverAddress } = subnet;
  const values: readonly (readonly [number, Uint8Array | undefined])[] = [
    [OPTION.subnetMask, addressBytes(prefixToMask(network.prefix))],
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

export function leaseTimeBytes(subnet: DhcpSubnet, leaseTime: Seconds): LeaseTimeBytes {
  const { renewal, rebinding } = computeRenewalTimes(subnet, leaseTime);
  return { lease: u32Bytes(leaseTime), renewal: u32Bytes(renewal), rebinding: u32Bytes(rebinding) };
}
