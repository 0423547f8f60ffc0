// Is a client new, and may it have an address? (`new-clients.ts` tells what bounds it.)

import { ANY, formatIpv4 } from '../../net/address.ts';
import { findFixedAddress, identityIn } from '../leases/allocate.ts';
import type { Place } from '../limits/new-clients.ts';
import type { ServedSubnet } from '../networks/subnet.ts';
import type { DhcpState, Inquiry } from './inquiry.ts';

/** Where a client is that nobody knows on its link; undefined: it is known, or new clients are not bounded. */
export function findNewcomer(inquiry: Inquiry, state: DhcpState): Place | undefined {
  if (state.newClients === undefined) return undefined;
  if (state.machines.findByMac(inquiry.mac) !== undefined) return undefined;
  return inquiry.link.some((served) => isKnownIn(served, inquiry, state)) ? undefined : clientPlace(inquiry);
}

function isKnownIn(served: ServedSubnet, inquiry: Inquiry, { leases, machines, offers }: DhcpState): boolean {
  const identity = identityIn(served, inquiry);
  if (offers.offeredTo(identity, inquiry.now) !== undefined) return true;
  if (leases.findByClient(identity, served.subnet.network) !== undefined) return true;
  return findFixedAddress(served, inquiry, machines) !== undefined;
}

/** True when one more new client of that place may have an address. */
export function isAdmitted(place: Place, { now }: Inquiry, state: DhcpState, served: ServedSubnet): boolean {
  const range = served.subnet.dynamic;
  const usage = range === undefined ? undefined : state.leases.usageOf(range);
  return state.newClients?.admits(place, usage, now) !== false;
}

/** Where a client is: behind the circuit of a relay, else the relay, else the socket. */
function clientPlace({ message, relay, arrival }: Inquiry): Place {
  const socket = arrival.interfaceName ?? formatIpv4(arrival.localAddress);
  if (message.giaddr === ANY && relay?.circuitId === undefined) return { name: socket, socket };
  const circuit = relay?.circuitId;
  const written = circuit === undefined ? '' : `, circuit ${Buffer.from(circuit, 'latin1').toString('hex')}`;
  return { name: `relay ${formatIpv4(message.giaddr)}${written}`, socket };
}
