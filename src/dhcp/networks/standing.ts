// What this server is on a network: the only one that gives addresses there, or one beside others. It decides how freely a client
// is told that its address is wrong. Sources: RFC 2131 §4.3.2 (silence is for the sake of other servers on the wire).
//
// 1. A network that says nothing (`auto`) presumes no other server until one is seen there, and is a guest while one is. To a client that
//    was heard to choose another server it is a guest, whoever else is there.
// 2. Networks of one wire have one standing, the humblest: a broadcast is heard by the clients of all of them.

import type { MacAddress } from '../../net/address.ts';
import type { DhcpEvent, DhcpRefusal } from '../events.ts';
import type { DhcpMessage } from '../wire/message.ts';
import type { DhcpSubnet } from './config.ts';
import type { ServedSubnet } from './subnet.ts';

/**
 * What this server is on a network.
 *
 * - `sole`: the operator says that no other server gives addresses there.
 * - `presumed`: none is known.
 * - `guest`: the operator says that there are others, or one was seen, or the client chose one.
 */
export type Standing = 'sole' | 'presumed' | 'guest';

/** What deciders may ask of the other DHCP servers that were seen. */
export interface ForeignView {
  /** True while another server answers at a place (`wireOf`), or seems to be this client's. */
  isSeenAt(place: string, client: MacAddress): boolean;
}

/** Knows of other DHCP servers, also by the messages that this server does not answer. */
export interface ForeignEar extends ForeignView {
  /** Takes note of a refused message that shows another server; of any other it takes none. */
  hear(message: DhcpMessage, reason: DhcpRefusal, at: Pick<DhcpEvent, 'subnet' | 'interfaceName'>): void;
}

/** The wire of a network: its interface, or for a relayed network the network itself. */
export const wireOf = ({ interfaceName, name }: Pick<DhcpSubnet, 'interfaceName' | 'name'>): string =>
  interfaceName ?? `relayed ${name}`;

/** The standing towards a client on its shared network, which has at least one network; `foreign` undefined: nobody looks. */
export function standingOn(
  { sharedNetwork, mac }: { readonly sharedNetwork: readonly ServedSubnet[]; readonly mac: MacAddress },
  foreign: ForeignView | undefined,
): Standing {
  let standing: Standing = 'sole';
  for (const { subnet } of sharedNetwork) {
    const { authoritative = 'auto' } = subnet;
    if (authoritative === 'no') return 'guest';
    if (authoritative === 'yes') continue;
    if (foreign?.isSeenAt(wireOf(subnet), mac) === true) return 'guest';
    standing = 'presumed';
  }
  return standing;
}
