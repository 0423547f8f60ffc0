// What a client that sends option 81 is told of its name: which name it has here, and whether this rack's DNS knows it by that. Pure.
// Source: RFC 4702 §3.1, §4.
//
//   a machine of the region      its name and domain; entered at an address of its own, else at whatever DHCP gives it
//   a host with a name           that, in the network's domain; entered at its reserved address where the rack names clients
//   everybody else               the first label of option 81, else of option 12, in the network's domain; entered where the rack names
//                                clients, unless the client forbids it (N) or the name is a machine's or a host's
//
// 1. An operator's name is entered whatever the client wants; the client is told so (O). What only the client says is entered only if it
//    does not mind.
// 2. The rack enters both records or neither: S and N are never alike. A name without a record here is told as such (N), so a client that
//    can enter it elsewhere may do so.
// 3. The DNS is not asked: of two clients that call themselves the same, both are told that they are entered, and the first is
//    (`claims.ts`; the event `dns.name-conflict` tells a person).

import { type Ipv4, rangeContains } from '../../net/address.ts';
import { findReservation } from '../leases/allocate.ts';
import type { ServedSubnet } from '../networks/subnet.ts';
import { clientFqdn, clientFqdnBytes, clientName, type NamedClient } from '../wire/client-fqdn.ts';
import type { DhcpState, Inquiry } from './inquiry.ts';

/** The value of option 81 in an answer that gives `address`; undefined: the client sent none. */
export function answerFqdn(
  inquiry: Inquiry,
  state: DhcpState,
  served: ServedSubnet,
  address: Ipv4,
): Uint8Array | undefined {
  const asked = clientFqdn(inquiry.message.options);
  return asked && clientFqdnBytes(asked, nameClient(inquiry, state, served, address, asked.wantsNobody));
}

function nameClient(
  inquiry: Inquiry,
  { machines }: DhcpState,
  served: ServedSubnet,
  address: Ipv4,
  wantsNobody: boolean,
): NamedClient {
  const { subnet } = served;
  const machine = machines.findByMac(inquiry.mac);
  if (machine !== undefined) {
    const { hostname: label, domain, addresses } = machine;
    const isOwn = addresses.some((own) => own.address === address);
    return { label, domain, isEntered: isOwn || (addresses.length === 0 && isConfigured(served, address)) };
  }
  const isNamedHere = subnet.namesClients === true;
  const reservation = findReservation(served, inquiry);
  if (reservation?.hostname !== undefined) {
    const isEntered = isNamedHere && reservation.address === address;
    return { label: reservation.hostname, domain: subnet.domain, isEntered };
  }
  const label = clientName(inquiry.message.options);
  const isOthers = label !== undefined && (machines.isKeptName(label) || served.hostnames.has(label));
  const isEntered = isNamedHere && label !== undefined && !wantsNobody && !isOthers;
  return { label, domain: subnet.domain, isEntered };
}

/** True for an address that the configuration gives, and not the region. */
function isConfigured({ subnet: { dynamic }, reservations }: ServedSubnet, address: Ipv4): boolean {
  return dynamic === undefined || rangeContains(dynamic, address) || reservations.byAddress.has(address);
}
