// Decides whether a relay agent, or a host without one, may ask here. Any sender can write giaddr, and RFC 2131 §4.1 sends the reply there.
// Believed blindly, it lets any host take addresses of a network it is not in, free the leases of its clients, and make this rack send
// datagrams to any host in the world. So giaddr must be a known relay agent, and the datagram must come from it.
//
//     giaddr   in relays of the network; if it names none: a host address of a network served here
//     source   giaddr itself, or in relays or relay_sources of the network;
//              if it names no relay_sources: an address of a network served here, which no client holds by lease;
//              for a network on a wire of this rack that names neither: an address of that wire
//
// 1. If the network names its relay agents, only they get replies, and hosts of other wires without a relay agent get none (`subnet.ts`).
// 2. If it names none, a relay agent needs an address in a network served here: the common case, whether giaddr or link selection names the
//    client's network (RFC 3527 §3 lets giaddr be an address of another network).
// 3. No relay agent has an address of this rack: a reply to it on the server port would come back to the rack itself. A relay agent on the
//    same host would have to own that port.
// 4. Many relay agents send from their interface towards the rack, whose address is in a served network if they are on a wire of the rack.
//    A host with a lease of this rack is its client and no relay agent, unless the network says so.
// 5. Clients on a wire of the rack need no relay agent. So only one on that wire may speak for them, unless the network names others: hosts
//    behind other relay agents could otherwise end their leases. A network chosen by option (82.5, 118) is no exception.
// 6. A client sends to the rack's own address from its own address, which lies in a served network (RFC 2131 §4.4.5). A host elsewhere that
//    sends without a relay agent is forging, or is an access server named in relay_sources.
// 7. A source can also be forged, by any host that may send datagrams with any source into the rack's network: docs/security.md says what
//    stops that.

import {
  ANY,
  broadcastOf,
  type Ipv4,
  type Ipv4Network,
  LIMITED_BROADCAST,
  networkContains,
} from '../../net/address.ts';
import type { LinkRefusal } from '../events.ts';
import type { ServedSubnet, SubnetIndex } from './subnet.ts';

/** Where a message claims to come from, and where its datagram comes from. */
export interface Sender {
  /** 0.0.0.0: no relay agent. */
  readonly giaddr: Ipv4;
  /** The source of the datagram; undefined: unknown and not checked. */
  readonly from: Ipv4 | undefined;
  /** True if it came to an address of the rack, false for a broadcast on a wire. */
  readonly isUnicast: boolean;
}

/**
 * Why a message for a client of `network` is refused from its sender; undefined: it is accepted.
 *
 * @param holdsLease whether a client of this rack has a running lease of the address
 */
export function judgeSender(
  sender: Sender,
  network: ServedSubnet | undefined,
  index: SubnetIndex,
  holdsLease: (address: Ipv4) => boolean,
): LinkRefusal | undefined {
  const { giaddr, from, isUnicast } = sender;
  if (giaddr !== ANY && !isKnownRelay(giaddr, network, index)) return 'relay-unknown';
  if (from === undefined || isNamed(from, network)) return undefined;
  if (giaddr === ANY) return !isUnicast || isServed(from, index) ? undefined : 'source-unserved';
  if (network !== undefined && isUnnamedWire(network) && !isOnWire(from, network, index)) return 'relay-source-unknown';
  if (from === giaddr) return undefined;
  const mayBeAnywhere = network?.subnet.relaySources === undefined;
  return mayBeAnywhere && isServed(from, index) && !holdsLease(from) ? undefined : 'relay-source-unknown';
}

function isKnownRelay(giaddr: Ipv4, network: ServedSubnet | undefined, { served, ownAddresses }: SubnetIndex): boolean {
  if (ownAddresses.has(giaddr)) return false;
  const relays = network?.subnet.relays;
  if (relays !== undefined) return isIn(relays, giaddr);
  return served.some(({ subnet }) => {
    const { network: place, broadcast } = subnet;
    if (!networkContains(place, giaddr)) return false;
    return giaddr !== place.address && giaddr !== broadcastOf(place) && giaddr !== broadcast;
  });
}

/**
 * True for an address that no client can have: 255.255.255.255, one of this rack, and the first and last of a served network. A reply to it
 * would go to the rack itself, or to all hosts of a wire.
 */
export function isNoHost(address: Ipv4, { served, ownAddresses }: SubnetIndex): boolean {
  if (address === LIMITED_BROADCAST || ownAddresses.has(address)) return true;
  return served.some(({ subnet: { network, broadcast } }) => {
    if (address === broadcast) return true;
    return network.prefix < 31 && (address === network.address || address === broadcastOf(network));
  });
}

/** True for a network on an interface of the rack whose configuration names no relay agents. */
const isUnnamedWire = ({ subnet }: ServedSubnet): boolean =>
  subnet.interfaceName !== undefined && subnet.relays === undefined && subnet.relaySources === undefined;

/** True for an address of the network, or of another one on its wire. */
const isOnWire = (from: Ipv4, { subnet }: ServedSubnet, { served }: SubnetIndex): boolean =>
  served.some(({ subnet: other }) => {
    const sharesWire = subnet.shared !== undefined && other.shared === subnet.shared;
    return (other.interfaceName === subnet.interfaceName || sharesWire) && networkContains(other.network, from);
  });

/** True for a source the operator named. */
const isNamed = (from: Ipv4, network: ServedSubnet | undefined): boolean =>
  isIn(network?.subnet.relaySources, from) || isIn(network?.subnet.relays, from);

const isServed = (from: Ipv4, { served }: SubnetIndex): boolean =>
  served.some(({ subnet }) => networkContains(subnet.network, from));

const isIn = (networks: readonly Ipv4Network[] | undefined, address: Ipv4): boolean =>
  networks?.some((one) => networkContains(one, address)) === true;
