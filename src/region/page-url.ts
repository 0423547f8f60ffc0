// The URL of the page, as a command and the log name it.

import { formatIpv4, type Ipv4, LOOPBACK } from '../ground/address.ts';
import { findOutwardAddress } from '../net/outward-address.ts';
import type { RegionConfig } from './config.ts';

const isOfHost = (host: string): boolean => host === 'localhost' || host === '[::1]' || host.startsWith('127.');

/**
 * `region.public_url`, else the page where the person reaches it, if other hosts do too, else at a
 * listener that other hosts reach, else at one that only this host does. It ends in a slash.
 * @param origin of a request; empty: it is unknown
 * @param own the address of this host for a listener at all of them
 */
export function pageUrl(
  { publicUrl, listen, tls }: Pick<RegionConfig, 'publicUrl' | 'listen' | 'tls'>,
  origin = '',
  own: () => Ipv4 | undefined = findOutwardAddress,
): string {
  if (publicUrl !== undefined) return publicUrl.endsWith('/') ? publicUrl : `${publicUrl}/`;
  const reached = URL.parse(origin);
  if (reached !== null && !isOfHost(reached.hostname)) return `${reached.origin}/MAAS/`;
  const endpoints = tls?.listen ?? listen;
  const isForOthers = ({ host }: { readonly host: string }): boolean => host !== '0.0.0.0' && !isOfHost(host);
  const { host, port } = endpoints.find(isForOthers) ?? endpoints[0] ?? { host: '127.0.0.1', port: 0 };
  const reachable = host === '0.0.0.0' ? formatIpv4(own() ?? LOOPBACK) : host;
  return `http${tls === undefined ? '' : 's'}://${reachable}:${port}/MAAS/`;
}
