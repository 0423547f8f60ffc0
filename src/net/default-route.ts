// The default routers of this host, by the interface that leads to each. Source: proc(5) on /proc/net/route.

import { readFileSync } from 'node:fs';
import { ANY, type Ipv4, ipv4 } from './address.ts';
import type { HostInterface } from './host-interface.ts';

/** By interface; `undefined`: it leads to the world without a router, as a tunnel does. Empty where the system does not say. */
export function readDefaultRouters(): ReadonlyMap<string, Ipv4 | undefined> {
  let text = '';
  try {
    text = readFileSync('/proc/net/route', 'latin1');
  } catch {
    // Not Linux: the default route is unknown.
  }
  return parseDefaultRoutes(text);
}

/** Says of the interfaces which lead to the world now. */
export function withDefaultRouters(interfaces: readonly HostInterface[]): readonly HostInterface[] {
  const routers = readDefaultRouters();
  return interfaces.map((one) =>
    routers.has(one.name) ? { ...one, outward: { router: routers.get(one.name) } } : one,
  );
}

export const readDefaultRouteInterfaces = (): ReadonlySet<string> => new Set(readDefaultRouters().keys());

/** Each row: interface, destination, router, flags … mask (the eighth). Of two routers of an interface the first row is the preferred one. */
export function parseDefaultRoutes(text: string): ReadonlyMap<string, Ipv4 | undefined> {
  const routers = new Map<string, Ipv4 | undefined>();
  for (const row of text.split('\n').map((line) => line.split(/\s+/))) {
    const [name = '', destination, router = '', , , , , mask] = row;
    if (destination !== '00000000' || mask !== '00000000' || routers.has(name)) continue;
    routers.set(name, routerIn(router));
  }
  return routers;
}

/** The kernel prints the address as a number in the order of the host's bytes, which is little-endian on every supported one. */
function routerIn(text: string): Ipv4 | undefined {
  const bytes = text.match(/../g) ?? [];
  const address = ipv4(Number.parseInt(bytes.reverse().join(''), 16));
  return address === ANY ? undefined : address;
}
