// Facts about a network device by its name, from Node alone, for hosts without native calls.

import { existsSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { type Ipv4, parseIpv4 } from './address.ts';
import type { HostInterface } from './host-interface.ts';

/** True if the device exists. Outside Linux a device without an address counts as missing. */
export function deviceExists(device: string): boolean {
  return networkInterfaces()[device] !== undefined || existsSync(`/sys/class/net/${device}`);
}

/** The first IPv4 address of a device. */
export function firstAddress(device: string, interfaces: readonly HostInterface[] | undefined): Ipv4 | undefined {
  if (interfaces !== undefined) return interfaces.find((each) => each.name === device)?.addresses[0]?.address;
  const address = networkInterfaces()[device]?.find((each) => each.family === 'IPv4')?.address;
  return address === undefined ? undefined : parseIpv4(address);
}
