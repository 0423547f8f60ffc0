// May an answer be sent to this relay agent? What is in giaddr comes from whoever sent the message, and RFC 2131 §4.1 sends the answer
// there: without a bound anybody could have any host of the world sent datagrams by this rack.
//
// 1. Where the network names its relay agents, only they are answered, and nobody of another wire who comes without one (`subnet.ts`).
// 2. Where it does not, a relay agent is one that has an address in a network that is served here: the common case, whether giaddr or
//    link selection names the client's network (RFC 3527 §3 lets giaddr be an address of another one).
// 3. None has an address of this rack: what goes there to the port of servers comes back to the rack itself. A relay agent on the same
//    host would have to own that port.

import { broadcastOf, type Ipv4, networkContains } from '../../net/address.ts';
import type { ServedSubnet, SubnetIndex } from './subnet.ts';

/**
 * True when a message for a client of `network` may come through the relay agent.
 */
export function isKnownRelay(
  giaddr: Ipv4,
  network: ServedSubnet | undefined,
  { served, ownAddresses }: SubnetIndex,
): boolean {
  if (ownAddresses.has(giaddr)) return false;
  const relays = network?.subnet.relays;
  if (relays !== undefined) return relays.some((one) => networkContains(one, giaddr));
  return served.some(({ subnet }) => {
    const { network: place, broadcast } = subnet;
    if (!networkContains(place, giaddr)) return false;
    return giaddr !== place.address && giaddr !== broadcastOf(place) && giaddr !== broadcast;
  });
}
