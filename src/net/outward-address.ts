// The address at which other hosts most likely reach this one.

import { type Ipv4, isLoopback } from '../ground/address.ts';
import { readDefaultRouters } from './default-route.ts';
import { readHostInterfaces } from './present-interfaces.ts';

/**
 * This host's address on the way to the default router, where people are, else any; undefined: it
 * has loopback only.
 */
export function outwardAddress(): Ipv4 | undefined {
  const outward = readDefaultRouters();
  const usable = readHostInterfaces()
    .flatMap(({ name, addresses }) => addresses.map(({ address }) => ({ address, name })))
    .filter(({ address }) => !isLoopback(address));
  return (usable.find(({ name }) => outward.has(name)) ?? usable[0])?.address;
}
