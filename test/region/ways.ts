// Every way into an instance of the region's API: the routes that it has, and the operations behind the one route of a version.

import type { FastifyInstance } from 'fastify';
import { API_VERSIONS, operationsByPath } from '../../src/region/api/operations.ts';

export interface Way {
  readonly method: string;
  /** With something in the place of each parameter. */
  readonly url: string;
}

const VERSION_ROUTE = /^\/MAAS\/api\/[\d.]+\/\*$/;

/** The ways into an instance. Call it before its routes are added; the list grows with them. */
export function waysInto(app: FastifyInstance): readonly Way[] {
  const ways: Way[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    const urls = VERSION_ROUTE.test(url) ? [url, ...operationUrls(url)] : [url];
    for (const one of [method].flat())
      for (const each of urls) ways.push({ method: one, url: each.replace(/:\w+/g, 'aaaaaa').replace('*', 'x') });
  });
  return ways;
}

/** The paths of the operations behind the route of a version. */
function operationUrls(url: string): readonly string[] {
  return API_VERSIONS.filter((version) => url === `/MAAS/api/${version}/*`).flatMap((version) =>
    [...operationsByPath(version).keys()].map((path) => `/MAAS/api/${version}/${path.replace(/\{(\w+)\}/g, ':$1')}/`),
  );
}
