// Decides whether a sender may speak for a network. Sources: RFC 2131 §4.1, §4.3.2, §4.4.4, §4.4.5; RFC 3011 §1.1; RFC 3527 §3.
//
// Through a relay agent: any sender can write giaddr, and RFC 2131 §4.1 sends the reply there. If the rack believed it blindly, any host
// could take addresses of a network it is not in, free the leases of that network's clients, and make this rack send datagrams to any host
// in the world. So giaddr must be a known relay agent, and the datagram must come from it.
//
//     giaddr   in relays of the network; if it names none: a host address of a network served here
//     source   in relays or relay_sources of the network; or an address that no client holds by lease: giaddr itself, or, if the network
//              names no relay_sources, one of a network served here;
//              for a network on an interface of this rack that names no relays: such an address of its shared network
//
// Without a relay agent: option 118, option 82.5 and ciaddr name a network just as well. So the message must come from the
// shared network of that network.
//
//     broadcast   it came by that shared network; or its source is in relays or relay_sources, and in the shared network by which it came
//     unicast     its source is in relays or relay_sources; or in that shared network, and ciaddr itself where ciaddr is filled in
//
// 1. If the network names its relay agents, only they get replies, and hosts of other shared networks without a relay agent get none.
// 2. If it names none, a relay agent needs an address in a network served here: the common case, whether giaddr or link selection names the
//    client's network (RFC 3527 §3 lets giaddr be an address of another network).
// 3. No relay agent has an address of this rack: a reply to it on the server port would come back to the rack itself. A relay agent on the
//    same host would have to own that port.
// 4. Many relay agents send from their interface towards the rack, whose address is in a served network if they are on an interface
//    of the rack. A host with a lease of this rack is its client and no relay agent, unless the network says so.
// 5. Clients on an interface of the rack need no relay agent. So only one on its shared network may speak for them, unless the network
//    names others: hosts behind other relay agents could otherwise end their leases. A network chosen by option (82.5, 118) is no
//    exception, with giaddr or without: no host speaks for a shared network it is not on.
// 6. A client sends to the rack's own address from its own address, its ciaddr (RFC 2131 §4.3.2, §4.4.5). A sender with another source is
//    forging, or its address is translated on the way, or it is an access server: the operator names the last two in relay_sources.
// 7. The interface by which a broadcast came cannot be forged, its source can. So a named source counts only on its own shared network.
// 8. The source of a unicast can also be forged, by any host that may send datagrams with any source into the rack's network:
//    docs/hostile-hosts.md says what stops that.

import { ANY, edgeOf, type Ipv4, type Ipv4Network, LIMITED_BROADCAST, networkContains } from '../../net/address.ts';
import type { DhcpRefusal } from '../events/refusals.ts';
import type { DhcpMessage } from '../wire/message.ts';
import { isOneSharedNetwork } from './server-role.ts';
import type { Arrival, ServedSubnet, SubnetIndex } from './subnet.ts';

/**
 * Why a message for a client of `network` is refused from its sender; undefined: it is accepted.
 *
 * @param from the source of the datagram; undefined: unknown and not checked
 * @param holdsLease whether a client of this rack has a running lease of the address
 */
export function judgeSender(
  message: DhcpMessage,
  from: Ipv4 | undefined,
  { interfaceName }: Arrival,
  network: ServedSubnet,
  index: SubnetIndex,
  holdsLease: (address: Ipv4) => boolean,
): DhcpRefusal | undefined {
  const { giaddr, ciaddr } = message;
  if (giaddr === ANY) {
    return interfaceName === undefined
      ? judgeUnicast(ciaddr, from, network, index)
      : judgeBroadcast(interfaceName, from, network, index);
  }
  if (!isKnownRelay(giaddr, network, index)) return 'relay-unknown';
  if (from === undefined || isNamed(from, network)) return undefined;
  if (holdsLease(from) || (namesNoRelays(network) && !isInSharedNetwork(from, network, index)))
    return 'relay-source-unknown';
  const mayBeAnywhere = network.subnet.relaySources === undefined;
  return from === giaddr || (mayBeAnywhere && isServed(from, index)) ? undefined : 'relay-source-unknown';
}

/**
 * Judges a message to an address of the rack, without a relay agent. Which address it was sent to proves nothing, because every host
 * reaches all of them.
 */
function judgeUnicast(
  ciaddr: Ipv4,
  from: Ipv4 | undefined,
  network: ServedSubnet,
  index: SubnetIndex,
): DhcpRefusal | undefined {
  if (from === undefined) return undefined;
  const isOwn = ciaddr === ANY || from === ciaddr;
  if ((isOwn && isInSharedNetwork(from, network, index)) || isNamed(from, network)) return undefined;
  if (!isServed(from, index)) return 'source-unserved';
  return isOwn ? 'other-wire' : 'sent-from-elsewhere';
}

/** Judges a broadcast that came by an interface, without a relay agent. */
function judgeBroadcast(
  interfaceName: string,
  from: Ipv4 | undefined,
  network: ServedSubnet,
  index: SubnetIndex,
): DhcpRefusal | undefined {
  if (isReachedBy(interfaceName, network, index)) return undefined;
  if (from === undefined || !isNamed(from, network)) return 'other-wire';
  const isOfSharedNetwork = index.served.some(
    (near) => networkContains(near.subnet.network, from) && isReachedBy(interfaceName, near, index),
  );
  return isOfSharedNetwork ? undefined : 'other-wire';
}

function isKnownRelay(giaddr: Ipv4, network: ServedSubnet, { served, ownAddresses }: SubnetIndex): boolean {
  if (ownAddresses.has(giaddr)) return false;
  const { relays } = network.subnet;
  if (relays !== undefined) return isIn(relays, giaddr);
  return served.some(({ subnet }) => {
    const { network: place, broadcast } = subnet;
    if (!networkContains(place, giaddr)) return false;
    return edgeOf(place, giaddr) === undefined && giaddr !== broadcast;
  });
}

/**
 * True for an address that no client can have: 255.255.255.255, one of this rack, and the first and last of a served network. A reply to it
 * would go to the rack itself, or to all hosts of a shared network.
 */
export function isNoHost(address: Ipv4, { served, ownAddresses }: SubnetIndex): boolean {
  if (address === LIMITED_BROADCAST || ownAddresses.has(address)) return true;
  return served.some(({ subnet: { network, broadcast } }) => {
    return address === broadcast || edgeOf(network, address) !== undefined;
  });
}

/** True for a network on an interface of the rack whose configuration names no relay agents. */
const namesNoRelays = ({ subnet }: ServedSubnet): boolean =>
  subnet.interfaceName !== undefined && subnet.relays === undefined;

/** True for an address of the network, or of another one on its shared network. */
const isInSharedNetwork = (from: Ipv4, { subnet }: ServedSubnet, { served }: SubnetIndex): boolean =>
  networkContains(subnet.network, from) ||
  served.some(({ subnet: other }) => networkContains(other.network, from) && isOneSharedNetwork(other, subnet));

/** True if the hosts of the network are on the shared network of this interface. */
const isReachedBy = (interfaceName: string, { subnet }: ServedSubnet, { served }: SubnetIndex): boolean =>
  subnet.interfaceName === interfaceName ||
  (subnet.shared !== undefined &&
    served.some(({ subnet: other }) => other.interfaceName === interfaceName && isOneSharedNetwork(other, subnet)));

/** True for a source the operator named. */
const isNamed = (from: Ipv4, { subnet }: ServedSubnet): boolean =>
  isIn(subnet.relaySources, from) || isIn(subnet.relays, from);

const isServed = (from: Ipv4, { served }: SubnetIndex): boolean =>
  served.some(({ subnet }) => networkContains(subnet.network, from));

const isIn = (networks: readonly Ipv4Network[] | undefined, address: Ipv4): boolean =>
  networks?.some((one) => networkContains(one, address)) === true;
