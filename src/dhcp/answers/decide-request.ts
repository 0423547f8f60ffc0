// REQUEST, in the four states in which a client sends it (RFC 2131 §4.3.2, table 4):
//
//   server identifier                       SELECTING    accepts an offer
//   no identifier, ciaddr 0, option 50      INIT-REBOOT  asks whether its former address is still valid
//   no identifier, ciaddr, unicast          RENEWING     ┐ extend: decideExtension
//   no identifier, ciaddr, broadcast        REBINDING    ┘
//
// 1. A client with a running lease gets an ACK for its address unless `judgeAddress` objects, even
//    if another address is now fixed for it: a NAK would stop firmware in the middle of its boot.
//    It gets the fixed address with its next DISCOVER.
// 2. Other replies depend on this server's role on the network (`server-role.ts`). A record is an
//    address fixed for the client there, or its running lease:
//
//                                                    sole    presumed  guest
//      SELECTING an unavailable address              NAK     NAK       NAK       the client chose this server (§3.1 step 4)
//      asks for a wrong address, with a record       NAK     NAK       NAK       INIT-REBOOT (§4.3.2), RENEWING, REBINDING
//      asks for another address than its lease's     NAK     NAK       NAK       the same: the record says which is its own
//      INIT-REBOOT, not its lease, another is fixed  NAK     NAK       NAK       if the fixed one is free: the record says that
//                                                                                the address is
//                                                                                wrong (§4.3.2);
//                                                                                else as below
//      INIT-REBOOT on a wrong network, no record     NAK     NAK       silence   §4.3.2 says SHOULD; a guest cannot tell
//      INIT-REBOOT, another's address, no record     NAK     silence   silence   §4.3.2: no record, remain silent
//      extends another client's address, no record   NAK     NAK       silence
//      INIT-REBOOT, free dynamic address, no record  ACK     silence   silence   §4.3.2: no record, remain silent
//      extends a free dynamic address, no record     ACK     ACK       silence   a range belongs to one rack: it was ours;
//                                                                                a guest asked by
//                                                                                unicast also sends
//                                                                                ACK
//      asks for an address of no range, no record    NAK     silence   silence   §4.3.2: no record, remain silent
//      extends an address of another network         NAK     silence   silence
//
//    An ACK without a record (the client never had the address here, or the leases were lost) rests
//    on the client's word alone. So the address is probed first, and held for the client meanwhile:
//    an answer of the client is not a conflict, but if another host answers, the address is set
//    aside and the client gets a NAK. SELECTING an offer is not probed again (§3.1 step 4): the
//    offer was. SELECTING an address that is not on offer is probed, too: its offer was forgotten
//    in a restart, or never made.
//
//    Deviates from RFC 2131 §4.3.2 for a sole server: the RFC demands silence for the sake of other
//    servers on the wire, and the operator has said that there are none.
// 3. A client holds one address on a shared network. If its hardware address identifies it, its
//    identifiers change nothing. While its lease runs, it gets only addresses offered to it or
//    fixed for it: any other request contradicts its record (§4.3.2). Otherwise one host could take
//    every address of a range.
// 4. Only a REQUEST that accepts our offer ends a running lease: a client in SELECTING has no
//    address (figure 5), and its old lease is recorded as released together with the new one.
//    Anybody can forge any other REQUEST in its name. A REQUEST that names another server only
//    declines an offer. A client still using its former address keeps both.

import { ANY, type Ipv4 } from '../../ground/address.ts';
import { type AddressObjection, DHCP_REFUSALS, type DhcpRefusal } from '../events/refusals.ts';
import { findFixedAddress, findOwn, identityIn, isSameClient, judgeAddress } from '../leases/allocate.ts';
import type { Lease } from '../leases/lease.ts';
import { isActive } from '../leases/lease-table.ts';
import { roleOn } from '../networks/server-role.ts';
import { findServedSubnet, type ServedSubnet } from '../networks/subnet.ts';
import { chooseDestination } from '../wire/destination.ts';
import { OPTION, optionAddress } from '../wire/options.ts';
import { type DhcpDecision, ignore, ignoreNewClient } from './decision.ts';
import { givenBack, otherRunningLeases } from './give-back.ts';
import type { DhcpState, Inquiry } from './inquiry.ts';
import { findNewClient, judgeNewClient } from './new-client.ts';
import { isRepeated, remainingTime } from './repeat.ts';
import { composeNak, composeReply } from './reply.ts';
import {
  composeDhcpEvent,
  describeSwitchPort,
  eventOfReply,
  identifierFor,
  isOwnIdentifier,
  leaseFor,
  settingsFor,
} from './terms.ts';

export function decideRequest(inquiry: Inquiry, state: DhcpState): DhcpDecision {
  const { message } = inquiry;
  const requested = optionAddress(message.options, OPTION.requestedAddress);
  if (message.options.has(OPTION.serverIdentifier)) {
    const address = requested ?? (message.ciaddr === ANY ? undefined : message.ciaddr);
    if (address === undefined) return ignore(inquiry, 'address-not-named');
    if (!isOwnIdentifier(inquiry, state)) return ignore(inquiry, 'other-server-chosen', address);
    return decideSelecting(inquiry, state, address);
  }
  if (message.ciaddr !== ANY) return decideExtension(inquiry, state, message.ciaddr);
  if (requested === undefined) return ignore(inquiry, 'address-not-named');
  return decideInitReboot(inquiry, state, requested);
}

function decideSelecting(inquiry: Inquiry, state: DhcpState, address: Ipv4): DhcpDecision {
  const served = findServedSubnet(inquiry.sharedNetwork, address);
  if (served === undefined) return nak(inquiry, state, address, 'wrong-network');
  const objection = judgeAddress(served, inquiry, address, state, inquiry.now);
  if (objection !== undefined) return nak(inquiry, state, address, objection);
  if (isOwnLease(inquiry, state, served, address)) return ack(inquiry, state, served, address);
  if (!isOnOffer(inquiry, state, served, address)) {
    const excess = judgeOtherLeases(inquiry, state, served, address);
    return excess === undefined ? ackUnoffered(inquiry, state, served, address) : nak(inquiry, state, address, excess);
  }
  const former = otherRunningLeases(inquiry, state, address).map((lease) => givenBack(lease, inquiry.now));
  return ack(inquiry, state, served, address, former);
}

function decideInitReboot(inquiry: Inquiry, state: DhcpState, address: Ipv4): DhcpDecision {
  const served = findServedSubnet(inquiry.sharedNetwork, address);
  if (served === undefined) return decideWrongNetwork(inquiry, state, address);
  const fixed = findFixedAddress(served, inquiry, state.machines);
  // Otherwise a system that asks for its former address would cost the machine the fixed address
  // its firmware just took.
  if (!isOwnLease(inquiry, state, served, address) && canHaveAnother(inquiry, state, address)) {
    return nak(inquiry, state, address, 'fixed-address-differs');
  }
  const objection = judgeAddress(served, inquiry, address, state, inquiry.now);
  if (objection !== undefined) {
    const isWrong = roleOn(inquiry, state.foreign) === 'sole';
    return decideObjection(inquiry, state, address, objection, isWrong);
  }
  const excess = judgeOtherLeases(inquiry, state, served, address);
  if (excess !== undefined) return nak(inquiry, state, address, excess);
  const isKnown = fixed !== undefined || findOwn(served, inquiry, state.leases, inquiry.now).newest !== undefined;
  return isKnown || roleOn(inquiry, state.foreign) === 'sole'
    ? ackUnoffered(inquiry, state, served, address)
    : ignore(inquiry, 'no-record', address);
}

/** True if another address of the shared network is fixed for the client and available to it. */
function canHaveAnother(inquiry: Inquiry, state: DhcpState, address: Ipv4): boolean {
  let another = false;
  for (const served of inquiry.sharedNetwork) {
    const fixed = findFixedAddress(served, inquiry, state.machines);
    if (fixed === undefined) continue;
    if (fixed.address === address) return false;
    another ||= judgeAddress(served, inquiry, fixed.address, state, inquiry.now) === undefined;
  }
  return another;
}

function decideWrongNetwork(inquiry: Inquiry, state: DhcpState, address: Ipv4): DhcpDecision {
  return roleOn(inquiry, state.foreign) !== 'guest' || hasRecord(inquiry, state)
    ? nak(inquiry, state, address, 'wrong-network')
    : ignore(inquiry, 'no-record', address);
}

function decideExtension(inquiry: Inquiry, state: DhcpState, address: Ipv4): DhcpDecision {
  const role = roleOn(inquiry, state.foreign);
  const served = findServedSubnet(inquiry.sharedNetwork, address);
  if (served === undefined) {
    return role === 'sole' ? nak(inquiry, state, address, 'wrong-network') : ignore(inquiry, 'no-record', address);
  }
  const objection = judgeAddress(served, inquiry, address, state, inquiry.now);
  if (objection !== undefined) {
    // An address outside all ranges may be another server's.
    const isWrong = role === 'sole' || (role === 'presumed' && objection !== 'address-outside-range');
    return decideObjection(inquiry, state, address, objection, isWrong);
  }
  // A client that still uses its former address may hold one other lease, because somebody may have
  // released the former one in its name.
  const excess = judgeOtherLeases(inquiry, state, served, address, wasOwn(inquiry, state, served, address) ? 1 : 0);
  if (excess !== undefined) return nak(inquiry, state, address, excess);
  // A client renews by unicast at the server that gave the lease: it takes this rack for that server.
  const asksUs = inquiry.arrival.interfaceName === undefined && inquiry.message.giaddr === ANY;
  return role !== 'guest' || asksUs || knowsHolder(inquiry, state, served, address)
    ? ackUnoffered(inquiry, state, served, address)
    : ignore(inquiry, 'no-record', address);
}

/** True if the address is fixed for the client, or the client was its last holder. */
function knowsHolder(inquiry: Inquiry, state: DhcpState, served: ServedSubnet, address: Ipv4): boolean {
  const lease = state.leases.find(address);
  if (lease !== undefined && isSameClient(served, lease, inquiry) && lease.state === 'bound') return true;
  return findFixedAddress(served, inquiry, state.machines)?.address === address;
}

/** Denies an address; a client without a record gets a NAK only if `isWrong`. */
function decideObjection(
  inquiry: Inquiry,
  state: DhcpState,
  address: Ipv4,
  objection: AddressObjection,
  isWrong: boolean,
): DhcpDecision {
  return isWrong || hasRecord(inquiry, state)
    ? nak(inquiry, state, address, objection)
    : ignore(inquiry, 'no-record', address);
}

function isOwnLease(inquiry: Inquiry, { leases }: DhcpState, served: ServedSubnet, address: Ipv4): boolean {
  const lease = leases.find(address);
  return isActive(lease, inquiry.now) && isSameClient(served, lease, inquiry);
}

function wasOwn(inquiry: Inquiry, { leases }: DhcpState, served: ServedSubnet, address: Ipv4): boolean {
  const lease = leases.find(address);
  return lease !== undefined && lease.state !== 'declined' && isSameClient(served, lease, inquiry);
}

/**
 * True for an address that is fixed for the client and that it had last. No other client gets it,
 * so the machine can boot even while the disk is full.
 */
const isKept = (inquiry: Inquiry, state: DhcpState, served: ServedSubnet, address: Ipv4): boolean =>
  findFixedAddress(served, inquiry, state.machines)?.address === address && wasOwn(inquiry, state, served, address);

const isOnOffer = (inquiry: Inquiry, { offers }: DhcpState, served: ServedSubnet, address: Ipv4): boolean =>
  offers.sentTo(address, inquiry.now) === identityIn(served, inquiry);

/**
 * Refuses a free address to a client with more than `othersMax` other running leases on its shared
 * network.
 */
function judgeOtherLeases(
  inquiry: Inquiry,
  state: DhcpState,
  served: ServedSubnet,
  address: Ipv4,
  othersMax = 0,
): 'lease-differs' | undefined {
  if (isOwnLease(inquiry, state, served, address) || isOnOffer(inquiry, state, served, address)) return undefined;
  if (otherRunningLeases(inquiry, state, address).length <= othersMax) return undefined;
  return findFixedAddress(served, inquiry, state.machines)?.address === address ? undefined : 'lease-differs';
}

/** True if an address of this shared network is fixed for the client or leased to it. */
function hasRecord(inquiry: Inquiry, state: DhcpState): boolean {
  return inquiry.sharedNetwork.some(
    (served) =>
      findFixedAddress(served, inquiry, state.machines) !== undefined ||
      findOwn(served, inquiry, state.leases, inquiry.now).running !== undefined,
  );
}

/** An ACK for an address not offered. It is probed first, unless the client had it last. */
function ackUnoffered(inquiry: Inquiry, state: DhcpState, served: ServedSubnet, address: Ipv4): DhcpDecision {
  const decision = ack(inquiry, state, served, address);
  if (decision.kind !== 'reply' || wasOwn(inquiry, state, served, address)) return decision;
  const isFixed = findFixedAddress(served, inquiry, state.machines)?.address === address;
  const client = identityIn(served, inquiry);
  return { ...decision, offer: { address, mac: inquiry.mac, client, probe: true, isFixed } };
}

/** @param former the client's leases that end in exchange */
function ack(
  inquiry: Inquiry,
  state: DhcpState,
  served: ServedSubnet,
  address: Ipv4,
  former: readonly Lease[] = [],
): DhcpDecision {
  const { message, now } = inquiry;
  const held = isOwnLease(inquiry, state, served, address) ? state.leases.find(address) : undefined;
  const newClient = held !== undefined ? undefined : findNewClient(inquiry, state, address);
  if (newClient !== undefined && judgeNewClient(newClient, inquiry, state, served) !== 'admitted') {
    return ignoreNewClient(inquiry, newClient, address);
  }
  const full = settingsFor(inquiry, state, served, 'ack', address);
  if (full === undefined) return ignore(inquiry, 'no-server-address', address);
  const lease = leaseFor(inquiry, full, state);
  const remaining = held && remainingTime(held, lease, now);
  const settings = remaining === undefined ? full : { ...full, leaseTime: remaining };
  const isWithoutRecord = state.cannotRecord === true && former.length === 0 && isKept(inquiry, state, served, address);
  const reply = composeReply(inquiry, settings);
  const extra = { renewal: held !== undefined, ...describeSwitchPort(inquiry.relay) };
  return {
    kind: 'reply',
    message: reply,
    destination: chooseDestination(message, 'settings', address, state.ports, served.subnet.network),
    served,
    sharedNetwork: inquiry.sharedNetwork,
    newClient,
    records: remaining === undefined && !isWithoutRecord ? [...former, lease] : [],
    restsOn: remaining === undefined ? undefined : held,
    isRepeat: isRepeated(findOwn(served, inquiry, state.leases, now).newest, now),
    event: eventOfReply(inquiry, 'dhcp.ack', settings, reply, extra),
  };
}

function nak(inquiry: Inquiry, state: DhcpState, address: Ipv4, reason: DhcpRefusal): DhcpDecision {
  const identifier = identifierFor(inquiry, state);
  const [served] = inquiry.sharedNetwork;
  if (identifier === undefined || served === undefined) return ignore(inquiry, 'no-server-address', address);
  return {
    kind: 'reply',
    message: composeNak(inquiry.message, identifier, DHCP_REFUSALS[reason]),
    destination: chooseDestination(inquiry.message, 'nak', ANY, state.ports),
    served,
    sharedNetwork: inquiry.sharedNetwork,
    records: [],
    event: { ...composeDhcpEvent(inquiry, 'dhcp.nak'), address, reason },
  };
}
