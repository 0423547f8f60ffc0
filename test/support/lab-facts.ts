// Addresses from text, and a machine of the region, for the labs of several rooms.

import { type Ipv4, type MacAddress, parseIpv4, parseMac } from '../../src/ground/address.ts';
import type { RackMachine } from '../../src/machines/machine.ts';

export function ip(text: string): Ipv4 {
  const address = parseIpv4(text);
  if (address === undefined) throw new Error(`not an address: ${text}`);
  return address;
}

export function hw(text: string): MacAddress {
  const address = parseMac(text);
  if (address === undefined) throw new Error(`not a hardware address: ${text}`);
  return address;
}

/** The rack of the labs. */
export const RACK = ip('10.20.0.1');

/** A machine of the region without addresses that has nothing to boot, but for these facts. */
export function rackMachine(facts: Pick<RackMachine, 'macs'> & Partial<RackMachine>): RackMachine {
  return {
    systemId: 'abc123',
    hostname: 'web1',
    domain: 'maas',
    statusName: 'Ready',
    purpose: 'poweroff',
    architecture: 'amd64',
    subarchitecture: 'generic',
    addresses: [],
    ...facts,
  };
}
