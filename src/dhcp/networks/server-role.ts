// This server's role on a network: how freely it tells a client that its address is wrong. Sources:
// RFC 2131 §4.3.2 (silence is for the sake of other servers on the wire).
//
// 1. On `auto` the rack presumes that it is alone, and is a guest while another server is seen. It
//    is always a guest to a client heard choosing another server.
// 2. Networks of one shared network share the humblest role: all their clients hear a broadcast.

import type { MacAddress } from '../../ground/address.ts';
import type { DhcpEvent } from '../events/events.ts';
import type { DhcpRefusal } from '../events/refusals.ts';
import type { DhcpMessage } from '../wire/message.ts';
import type { DhcpSubnet } from './config.ts';
import type { ServedSubnet } from './subnet.ts';

/**
 * - `sole`: the operator says that no other server gives addresses there.
 * - `presumed`: none is known.
 * - `guest`: the operator says that there are others, one was seen, or the client chose one.
 */
export type ServerRole = 'sole' | 'presumed' | 'guest';

export interface ForeignView {
  /** True while another server answers at a place (`sharedNetworkKey`), or seems to serve this client. */
  isSeenAt(place: string, client: MacAddress): boolean;
}

/** Learns of other servers, even from unanswered messages. */
export interface ForeignServerListener extends ForeignView {
  /** Notes a refused message that reveals another server. */
  hear(message: DhcpMessage, reason: DhcpRefusal, at: Pick<DhcpEvent, 'subnet' | 'interfaceName'>): void;
}

/** A network's shared network without `shared`: its interface, or the network itself if relayed. */
export const sharedNetworkKey = ({ interfaceName, name }: Pick<DhcpSubnet, 'interfaceName' | 'name'>): string =>
  interfaceName ?? `relayed ${name}`;

/** True for networks of one interface, or with one shared name. */
export const isOneSharedNetwork = (
  first: Pick<DhcpSubnet, 'interfaceName' | 'name' | 'shared'>,
  second: Pick<DhcpSubnet, 'interfaceName' | 'name' | 'shared'>,
): boolean =>
  sharedNetworkKey(first) === sharedNetworkKey(second) ||
  (first.shared !== undefined && first.shared === second.shared);

/** The role towards a client on its shared network; `foreign` undefined: nothing watches. */
export function roleOn(
  { sharedNetwork, mac }: { readonly sharedNetwork: readonly ServedSubnet[]; readonly mac: MacAddress },
  foreign: ForeignView | undefined,
): ServerRole {
  let role: ServerRole = 'sole';
  for (const { subnet } of sharedNetwork) {
    const { authoritative = 'auto' } = subnet;
    if (authoritative === 'no') return 'guest';
    if (authoritative === 'yes') continue;
    if (foreign?.isSeenAt(sharedNetworkKey(subnet), mac) === true) return 'guest';
    role = 'presumed';
  }
  return role;
}
