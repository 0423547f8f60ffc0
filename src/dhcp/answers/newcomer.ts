// Is a client new, and may it have an address? (`new-clients.ts` tells what bounds it.)

import { ANY, formatIpv4, type Ipv4 } from '../../net/address.ts';
import { findFixedAddress, identityIn } from '../leases/allocate.ts';
import type { Place } from '../limits/new-clients.ts';
import type { ServedSubnet } from '../networks/subnet.ts';
import type { DhcpState, Inquiry } from './inquiry.ts';

/**
 * Where a client is that nobody knows on its link and that shall have `address`; undefined: it is known, or new clients are not bounded.
 */
export function findNewcomer(inquiry: Inquiry, state: DhcpState, address: Ipv4): Place | undefined {
  if (state.newClients === undefined) return undefined;
  return inquiry.link.some((served) => isKnownIn(served, inquiry, state, address)) ? undefined : clientPlace(inquiry);
}

function isKnownIn(served: ServedSubnet, inquiry: Inquiry, state: DhcpState, address: Ipv4): boolean {
  const { leases, machines, offers } = state;
  const identity = identityIn(served, inquiry);
  if (offers.offeredTo(identity, served, inquiry.now) !== undefined) return true;
  if (leases.findByClient(identity, served.subnet.network) !== undefined) return true;
  const { byClientId, byMac } = served.reservations;
  if (typeof identity === 'string' ? byClientId?.has(identity) === true : byMac.has(identity)) return true;
  if (identity === inquiry.mac && machines.findByMac(inquiry.mac) !== undefined) return true;
  // What does not tell clients apart there vouches for its fixed address alone: any number of clients can show the same hardware address,
  // identifier, DUID or circuit.
  return findFixedAddress(served, inquiry, machines)?.address === address;
}

/** True when one more new client of that place may have an address. */
export function isAdmitted(place: Place, { now }: Inquiry, state: DhcpState, served: ServedSubnet): boolean {
  const range = served.subnet.dynamic;
  const usage = range === undefined ? undefined : state.leases.usageOf(range);
  return state.newClients?.admits(place, usage, now) !== false;
}

/** Where a client is: behind a circuit of a relay agent or of the socket, else the relay agent, else the socket. */
function clientPlace({ message, relay, arrival }: Inquiry): Place {
  const socket = arrival.interfaceName ?? formatIpv4(arrival.localAddress);
  const isRelayed = message.giaddr !== ANY;
  const way = isRelayed ? `relay ${formatIpv4(message.giaddr)}` : socket;
  const circuit = relay?.circuitId;
  if (circuit === undefined) return { name: way, socket, isRelayed };
  return { name: `${way}, circuit ${Buffer.from(circuit, 'latin1').toString('hex')}`, socket, isRelayed };
}
