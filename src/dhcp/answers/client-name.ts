// The answer to option 81: the client's name here, and whether this DNS holds it. Pure. Source: RFC
// 4702 §3.1, §4.
//
//   a machine of the region      its name and domain; entered at its own address if it has one, else at the address DHCP gives it
//   a host with a name           that name in the network's domain; entered at its reserved address if the rack names clients. The name of an
//                                address that a user of the region reserved has its own domain, and
//                                is always entered
//   any other client             the first label of option 81, or of option 12 without it, in the network's domain; entered if
//                                the rack names clients, unless the client forbids it (N) or the
//                                name belongs to a machine or a host
//
// 1. An operator's name is entered whatever the client wants (O); the client's own only if it allows that.
// 2. The rack enters both records or neither: S and N always differ. A name without a record here
//    is marked (N): the client may enter it elsewhere.
// 3. The DNS is not asked: of two clients with one name both are told that they are entered, but
//    only the first is (`claims.ts`; event `dns.name-conflict`).

import { type Ipv4, rangeContains } from '../../ground/address.ts';
import { findReservation } from '../leases/allocate.ts';
import type { ServedSubnet } from '../networks/subnet.ts';
import { clientFqdn, clientFqdnBytes, clientName, type NamedClient } from '../wire/client-fqdn.ts';
import type { DhcpState, Inquiry } from './inquiry.ts';

export function answerFqdn(
  inquiry: Inquiry,
  state: DhcpState,
  served: ServedSubnet,
  address: Ipv4,
): Uint8Array | undefined {
  const requestedName = clientFqdn(inquiry.message.options);
  return (
    requestedName &&
    clientFqdnBytes(requestedName, nameClient(inquiry, state, served, address, requestedName.wantsNobody))
  );
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
    const isNamed = isNamedHere || reservation.domain !== undefined;
    const domain = reservation.domain ?? subnet.domain;
    return { label: reservation.hostname, domain, isEntered: isNamed && reservation.address === address };
  }
  const label = clientName(inquiry.message.options);
  const isOthers = label !== undefined && (machines.isProtectedName(label) || served.hostnames.has(label));
  const isEntered = isNamedHere && label !== undefined && !wantsNobody && !isOthers;
  return { label, domain: subnet.domain, isEntered };
}

/** True if the configuration, not the region, gives the address. */
function isConfigured({ subnet: { dynamic }, reservations }: ServedSubnet, address: Ipv4): boolean {
  return dynamic === undefined || rangeContains(dynamic, address) || reservations.byAddress.has(address);
}
