// Requests that came through the site's load balancer (`region.proxies`): who asked, and whether
// the browser's connection is encrypted.
//
//   client ─► load balancer, adds `X-Forwarded-For: client` at the end ─► region: the last entry is the sender
//
// Sources: RFC 7239 §5.2 (its older form X-Forwarded-For), §6 (ports, brackets and quotes, which
// some proxies write there too), §8.1 (only what a known proxy added may be believed); HAProxy's
// `option forwardfor`, nginx's `$proxy_add_x_forwarded_for`.
//
// 1. Entries before that of a listed proxy come from the client; a rack names there the machine for
//    which it speaks.
// 2. A client has one address here, however a proxy spells it: limits and shares count by its text.
//    If an entry is no address, the request counts for the proxy that wrote it.

import { type Ipv4Network, networkContains, parseIpv4, withoutIpv4Mapping } from '../../../ground/address.ts';
import { parseHostAddress } from '../../../net/host-address.ts';
import type { RegionConfig } from '../../config.ts';

const FOR = 'x-forwarded-for';
/** Proxies in a row; entries before those are the client's own. */
const PROXIES_MAX = 4;

/** The sender of a request, before its load balancers are known. */
export interface Received {
  readonly socketAddress: string;
  readonly header: (name: string) => string | undefined;
}

function isProxy(address: string, proxies: readonly Ipv4Network[]) {
  const parsed = parseIpv4(withoutIpv4Mapping(address));
  return parsed !== undefined && proxies.some((network) => networkContains(network, parsed));
}

/** The request as its client sent it to the first listed proxy; unchanged if it came through none. */
export function beforeProxies<R extends Received>(facts: R, { proxies = [] }: Pick<RegionConfig, 'proxies'>): R {
  if (proxies.length === 0 || !isProxy(facts.socketAddress, proxies)) return facts;
  const entries = (facts.header(FOR) ?? '').split(',').map((entry) => entry.trim());
  let { socketAddress } = facts;
  for (let hops = 0; hops < PROXIES_MAX && isProxy(socketAddress, proxies); hops += 1) {
    const before = parseHostAddress(entries.pop() ?? '');
    if (before === undefined) break;
    socketAddress = before;
  }
  const forwarded = entries.filter((entry) => entry !== '').join(', ') || undefined;
  return {
    ...facts,
    socketAddress,
    header: (name: string) => (name === FOR ? forwarded : facts.header(name)),
  };
}

interface ReceivedRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly socket: { readonly remoteAddress?: string | undefined; readonly encrypted?: boolean };
}

/** True if the client's connection is encrypted: to the region itself, or to a listed proxy that says so. */
export function isEncrypted(
  { headers, socket }: ReceivedRequest,
  { proxies = [] }: Pick<RegionConfig, 'proxies'>,
): boolean {
  if (socket.encrypted === true) return true;
  const [proto] = [headers['x-forwarded-proto']].flat();
  return proto === 'https' && isProxy(socket.remoteAddress ?? '', proxies);
}
