// Chooses the boot HTTP listener's address and port for a machine.
//
// 1. A machine gets the rack's address in its own network, which it already talks to; another
//    address only if the listener has none there.

import { ANY, formatIpv4, type Ipv4 } from '../ground/address.ts';
import type { BootConfig, HttpEndpoint } from './config.ts';

const HTTP_PORT = 80;
const HTTPS_PORT = 443;

/**
 * The endpoint at `local`, the rack's address in the machine's network: bound to it or to every address.
 *
 * @returns `undefined` if the listener does not answer there
 */
export function findEndpointAt(endpoints: readonly HttpEndpoint[], local: Ipv4): HttpEndpoint | undefined {
  const endpointForLocal =
    endpoints.find((endpoint) => endpoint.address === local) ?? endpoints.find((endpoint) => endpoint.address === ANY);
  return endpointForLocal && { ...endpointForLocal, address: local };
}

/**
 * The endpoint at `local`, else any that is not loopback, since a router may lead there.
 *
 * @returns `undefined` if no boot HTTP listener is reachable for a machine
 */
export function findEndpointFor(endpoints: readonly HttpEndpoint[], local: Ipv4): HttpEndpoint | undefined {
  return findEndpointAt(endpoints, local) ?? endpoints.find((endpoint) => endpoint.address >>> 24 !== 127);
}

/**
 * The endpoint for firmware that loads by HTTP: over TLS if the site has it, else on port 80 if
 * possible. The firmware may load GRUB, which asks for the rest on port 80.
 */
export function findHttpBootEndpoint(
  { http, https = [] }: Pick<BootConfig, 'http' | 'https'>,
  local: Ipv4,
): HttpEndpoint | undefined {
  const secure = findEndpointFor(https, local);
  if (secure !== undefined) return secure;
  return answersOnPort80(http, local) ? { address: local, port: HTTP_PORT } : findEndpointFor(http, local);
}

/** True if the listener answers at `local` on port 80, the only port that GRUB's HTTP supports. */
export function answersOnPort80(endpoints: readonly HttpEndpoint[], local: Ipv4): boolean {
  return endpoints.some(
    (endpoint) => endpoint.port === HTTP_PORT && (endpoint.address === local || endpoint.address === ANY),
  );
}

/**
 * `http://a.b.c.d:port`, or with `https`; without the port when it is the usual one, without a
 * final slash.
 */
export function formatBaseUrl({ address, port, secure = false }: HttpEndpoint): string {
  const end = port === (secure ? HTTPS_PORT : HTTP_PORT) ? '' : `:${port}`;
  return `${secure ? 'https' : 'http'}://${formatIpv4(address)}${end}`;
}
