// Finds the address at which other hosts most likely reach this one.

import { type Ipv4, isLoopback } from '../ground/address.ts';
import { readDefaultRouters } from './default-route.ts';
import { readHostInterfaces } from './present-interfaces.ts';

/**
 * This host's address on the way to the default router, where people are, or else any address;
 * `undefined` if it has loopback only.
 */
export function findOutwardAddress(): Ipv4 | undefined {
  const outwardRouters = readDefaultRouters();
  const candidates = readHostInterfaces()
    .flatMap(({ name, addresses }) => addresses.map(({ address }) => ({ address, name })))
    .filter(({ address }) => !isLoopback(address));
  return (candidates.find(({ name }) => outwardRouters.has(name)) ?? candidates[0])?.address;
}
