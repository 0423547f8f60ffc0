// Decides whether a sender may speak for a network. Sources: RFC 2131 §4.1, §4.3.2, §4.4.4, §4.4.5;
// RFC 3011 §1.1; RFC 3527 §3.
//
// Any sender can write giaddr, and RFC 2131 §4.1 sends the reply there. If the rack believed it,
// any host could take addresses of other networks, free their clients' leases, and make this rack
// send datagrams anywhere. So giaddr must be a known relay agent, and the datagram must come from
// it.
//
//     giaddr   in relays of the network; if it names none: a host address of a network served here
//     source   in relays or relay_sources of the network; or an address that no client holds by lease: giaddr itself, or, if the network
//              names no relay_sources, one of a network served here; for a network on an interface
//              of this rack that names no relays: such an address of its shared network
//
// Option 118, option 82.5 and ciaddr name a network just as well: without a relay agent the message
// must come from that shared network.
//
//     broadcast   it came by that shared network; or its source is in relays or relay_sources, and in the shared network by which it came
//     unicast     its source is in relays or relay_sources; or in that shared network, and ciaddr itself where ciaddr is filled in
//
// 1. If the network names its relay agents, only they get replies, and hosts of other shared
//    networks get none without a relay agent.
// 2. If it names none, a relay agent needs an address in a network served here, whether giaddr or
//    link selection names the client's network (RFC 3527 §3).
// 3. No relay agent has an address of this rack: the reply would come back to the rack itself.
// 4. Many relay agents send from their interface towards the rack, whose address may be in a served
//    network. A host with a lease of this rack is no relay agent, unless the network says so.
// 5. Clients on an interface of the rack need no relay agent. Only one on its shared network may
//    speak for them, unless the network names others: hosts elsewhere could otherwise end their
//    leases. The same holds for a network chosen by option (82.5, 118).
// 6. A client sends to the rack's address from its ciaddr (RFC 2131 §4.3.2, §4.4.5). Another source
//    is forged, translated on the way, or an access server: relay_sources names the last two.
// 7. The interface of a broadcast cannot be forged, its source can: a named source counts only on
//    its own shared network.
// 8. The source of a unicast can also be forged: docs/hostile-hosts.md says what stops that.

import {
  ANY,
  findNetworkEdge,
  type Ipv4,
  type Ipv4Network,
  LIMITED_BROADCAST,
  networkContains,
} from '../../ground/address.ts';
import type { DhcpRefusal } from '../events/refusals.ts';
import type { DhcpMessage } from '../wire/message.ts';
import { isOneSharedNetwork } from './server-role.ts';
import type { Arrival, ServedSubnet, SubnetIndex } from './subnet.ts';

/**
 * Why a message for a client of `network` is refused; undefined: it is accepted.
 * @param from the datagram's source; undefined: unknown, not checked
 * @param holdsLease whether the address has a running lease of this rack
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
  if (from === undefined || isNamedRelay(from, network)) return undefined;
  if (holdsLease(from) || (namesNoRelays(network) && !isInSharedNetwork(from, network, index)))
    return 'relay-source-unknown';
  const mayBeAnywhere = network.subnet.relaySources === undefined;
  return from === giaddr || (mayBeAnywhere && isServedAddress(from, index)) ? undefined : 'relay-source-unknown';
}

/**
 * Judges a message without a relay agent to an address of the rack, whichever: every host reaches
 * all of them.
 */
function judgeUnicast(
  ciaddr: Ipv4,
  from: Ipv4 | undefined,
  network: ServedSubnet,
  index: SubnetIndex,
): DhcpRefusal | undefined {
  if (from === undefined) return undefined;
  const isOwn = ciaddr === ANY || from === ciaddr;
  if ((isOwn && isInSharedNetwork(from, network, index)) || isNamedRelay(from, network)) return undefined;
  if (!isServedAddress(from, index)) return 'source-unserved';
  return isOwn ? 'other-wire' : 'sent-from-elsewhere';
}

/** Judges a broadcast without a relay agent. */
function judgeBroadcast(
  interfaceName: string,
  from: Ipv4 | undefined,
  network: ServedSubnet,
  index: SubnetIndex,
): DhcpRefusal | undefined {
  if (isReachedBy(interfaceName, network, index)) return undefined;
  if (from === undefined || !isNamedRelay(from, network)) return 'other-wire';
  const isOfSharedNetwork = index.served.some(
    (near) => networkContains(near.subnet.network, from) && isReachedBy(interfaceName, near, index),
  );
  return isOfSharedNetwork ? undefined : 'other-wire';
}

function isKnownRelay(giaddr: Ipv4, network: ServedSubnet, { served, ownAddresses }: SubnetIndex): boolean {
  if (ownAddresses.has(giaddr)) return false;
  const { relays } = network.subnet;
  if (relays !== undefined) return isInNetworks(relays, giaddr);
  return served.some(({ subnet }) => {
    const { network: place, broadcast } = subnet;
    if (!networkContains(place, giaddr)) return false;
    return findNetworkEdge(place, giaddr) === undefined && giaddr !== broadcast;
  });
}

/**
 * True for an address no client can have: 255.255.255.255, the rack's own, and the first and last
 * of a served network.
 */
export function isNoHost(address: Ipv4, { served, ownAddresses }: SubnetIndex): boolean {
  if (address === LIMITED_BROADCAST || ownAddresses.has(address)) return true;
  return served.some(({ subnet: { network, broadcast } }) => {
    return address === broadcast || findNetworkEdge(network, address) !== undefined;
  });
}

/** True if the network is on an interface of the rack and names no relay agents. */
const namesNoRelays = ({ subnet }: ServedSubnet): boolean =>
  subnet.interfaceName !== undefined && subnet.relays === undefined;

/** True for an address on the network's shared network. */
const isInSharedNetwork = (from: Ipv4, { subnet }: ServedSubnet, { served }: SubnetIndex): boolean =>
  networkContains(subnet.network, from) ||
  served.some(({ subnet: other }) => networkContains(other.network, from) && isOneSharedNetwork(other, subnet));

const isReachedBy = (interfaceName: string, { subnet }: ServedSubnet, { served }: SubnetIndex): boolean =>
  subnet.interfaceName === interfaceName ||
  (subnet.shared !== undefined &&
    served.some(({ subnet: other }) => other.interfaceName === interfaceName && isOneSharedNetwork(other, subnet)));

/** True for a source the operator named. */
const isNamedRelay = (from: Ipv4, { subnet }: ServedSubnet): boolean =>
  isInNetworks(subnet.relaySources, from) || isInNetworks(subnet.relays, from);

const isServedAddress = (from: Ipv4, { served }: SubnetIndex): boolean =>
  served.some(({ subnet }) => networkContains(subnet.network, from));

const isInNetworks = (networks: readonly Ipv4Network[] | undefined, address: Ipv4): boolean =>
  networks?.some((network) => networkContains(network, address)) === true;
