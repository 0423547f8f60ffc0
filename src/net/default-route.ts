// The routes of this host, and the default routers by the interface that leads to each. Source:
// proc(5) on /proc/net/route.

import { ANY, type Ipv4, maskToPrefix } from '../ground/address.ts';
import type { HostInterface } from './host-interface.ts';
import { parseHostOrder, readHostText } from './kernel-text.ts';

export interface HostRoute {
  readonly name: string;
  readonly destination: Ipv4;
  /** `undefined`: the network is attached, or a tunnel. */
  readonly router: Ipv4 | undefined;
  readonly prefix: number;
}

export const readRoutes = (): readonly HostRoute[] => parseRoutes(readHostText('/proc/net/route') ?? '');

/** Each row: interface, destination, router, flags, references, use, metric, mask. */
export function parseRoutes(text: string): readonly HostRoute[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [name = '', destination = '', router = '', , , , , mask = ''] = line.trim().split(/\s+/);
      const prefix = maskToPrefix(parseHostOrder(mask));
      if (mask === '' || prefix === undefined) return [];
      return [{ name, destination: parseHostOrder(destination), router: parseHostOrder(router) || undefined, prefix }];
    });
}

/**
 * The default routers by interface. A value is `undefined` if the interface leads to the world
 * without a router, as a tunnel does. Of two routers of an interface, the first row is the
 * preferred one.
 */
export function findDefaultRouters(routes: readonly HostRoute[]): ReadonlyMap<string, Ipv4 | undefined> {
  const outward = routes.filter(({ destination, prefix }) => destination === ANY && prefix === 0);
  const byName = Map.groupBy(outward, ({ name }) => name);
  return new Map([...byName].map(([name, [preferredRoute]]) => [name, preferredRoute?.router]));
}

export const readDefaultRouters = (): ReadonlyMap<string, Ipv4 | undefined> => findDefaultRouters(readRoutes());

/** Adds to each interface whether it leads to the world now. */
export function addDefaultRouters(interfaces: readonly HostInterface[]): readonly HostInterface[] {
  const routers = readDefaultRouters();
  return interfaces.map((hostInterface) =>
    routers.has(hostInterface.name)
      ? { ...hostInterface, outward: { router: routers.get(hostInterface.name) } }
      : hostInterface,
  );
}
