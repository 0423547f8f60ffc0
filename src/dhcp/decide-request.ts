// REQUEST, in the four states a client sends it from (RFC 2131 §4.3.2, table 4):
//
//   server identifier                       SELECTING    takes up an offer
//   no identifier, ciaddr 0, option 50      INIT-REBOOT  asks whether its former address still holds
//   no identifier, ciaddr, unicast          RENEWING     ┐ extend: decideExtension
//   no identifier, ciaddr, broadcast        REBINDING    ┘
//
// 1. A client gets ACK whenever `judgeAddress` has no objection to the address; NAK stops firmware in the middle of its boot.
// 2. NAK: SELECTING of what cannot be had (§3.1 step 4); INIT-REBOOT on a wrong network or with an address that is known to be
//    wrong (§4.3.2); an extension of an address that another client holds, or that this client holds and may not keep.
// 3. Silence where this server has no record of the client (§4.3.2): another server may.
// 4. An address of our own dynamic range is extended without a record: a range belongs to one rack, so the lease was ours.
// 5. A client holds one address in a network: what it held before is recorded as released together with the new lease.

import { ANY, type Ipv4 } from '../net/address.ts';
import { type AddressObjection, findFixedAddress, judgeAddress } from './allocate.ts';
import { type DhcpDecision, ignore } from './decision.ts';
import { chooseDestination } from './destination.ts';
import { DHCP_REFUSALS, type DhcpRefusal } from './events.ts';
import type { DhcpState, Inquiry } from './inquiry.ts';
import type { Lease } from './lease.ts';
import { isActive } from './lease-table.ts';
import { OPTION, optionAddress } from './options.ts';
import { composeNak, composeReply } from './reply.ts';
import { type ServedSubnet, subnetOf } from './subnet.ts';
import { eventOf, identifierFor, isOwnIdentifier, leaseFor, settingsFor } from './terms.ts';

/** Tells the state of the client and decides in it. */
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
  const served = subnetOf(inquiry.link, address);
  if (served === undefined) return nak(inquiry, state, address, 'wrong-network');
  const objection = judgeAddress(served, inquiry.mac, address, state, inquiry.now);
  return objection === undefined ? ack(inquiry, state, served, address) : nak(inquiry, state, address, objection);
}

function decideInitReboot(inquiry: Inquiry, state: DhcpState, address: Ipv4): DhcpDecision {
  const { mac, now } = inquiry;
  const served = subnetOf(inquiry.link, address);
  if (served === undefined) return nak(inquiry, state, address, 'wrong-network');
  const fixed = findFixedAddress(served, mac, state.machines);
  if (fixed !== undefined && fixed.address !== address) {
    const free = judgeAddress(served, mac, fixed.address, state, now) === undefined;
    // The one case in which an address that could still be had is denied: a machine that starts is to get its fixed address.
    if (free) return nak(inquiry, state, address, 'fixed-address-differs');
  }
  const objection = judgeAddress(served, mac, address, state, now);
  const known = fixed !== undefined || state.leases.findByMac(mac, served.subnet.network) !== undefined;
  if (objection === undefined) {
    return known ? ack(inquiry, state, served, address) : ignore(inquiry, 'no-record', address);
  }
  return isKnownWrong(inquiry, state, served, objection)
    ? nak(inquiry, state, address, objection)
    : ignore(inquiry, 'no-record', address);
}

function decideExtension(inquiry: Inquiry, state: DhcpState, address: Ipv4): DhcpDecision {
  const served = subnetOf(inquiry.link, address);
  if (served === undefined) return ignore(inquiry, 'no-record', address);
  const objection = judgeAddress(served, inquiry.mac, address, state, inquiry.now);
  if (objection === undefined) return ack(inquiry, state, served, address);
  return isKnownWrong(inquiry, state, served, objection)
    ? nak(inquiry, state, address, objection)
    : ignore(inquiry, 'no-record', address);
}

/** True when this server knows that the client must not use the address, and not merely knows nothing of it. */
function isKnownWrong(inquiry: Inquiry, state: DhcpState, served: ServedSubnet, objection: AddressObjection): boolean {
  if (objection !== 'address-outside-range') return true;
  const { mac, now, link } = inquiry;
  if (findFixedAddress(served, mac, state.machines) !== undefined) return true;
  return link.some(({ subnet }) => isActive(state.leases.findByMac(mac, subnet.network), now));
}

function ack(inquiry: Inquiry, state: DhcpState, served: ServedSubnet, address: Ipv4): DhcpDecision {
  const { message, mac, now } = inquiry;
  const settings = settingsFor(inquiry, state, served, 'ack', address);
  if (settings === undefined) return ignore(inquiry, 'no-server-address', address);
  const before = state.leases.find(address);
  const renewal = isActive(before, now) && before.mac === mac;
  const released = state.leases
    .findAllByMac(mac)
    .filter((lease) => lease.address !== address && isActive(lease, now))
    .filter((lease) => subnetOf([served], lease.address) !== undefined)
    .map((lease): Lease => ({ ...lease, state: 'released', expiresAt: now }));
  return {
    kind: 'reply',
    message: composeReply(inquiry, settings),
    destination: chooseDestination(message, 'settings', address, state.ports),
    served,
    records: [...released, leaseFor(inquiry, settings, state)],
    event: { ...eventOf(inquiry, 'dhcp.ack', settings), renewal },
  };
}

function nak(inquiry: Inquiry, state: DhcpState, address: Ipv4, reason: DhcpRefusal): DhcpDecision {
  const identifier = identifierFor(inquiry, state);
  const [served] = inquiry.link;
  if (identifier === undefined || served === undefined) return ignore(inquiry, 'no-server-address', address);
  return {
    kind: 'reply',
    message: composeNak(inquiry.message, identifier, DHCP_REFUSALS[reason]),
    destination: chooseDestination(inquiry.message, 'nak', ANY, state.ports),
    served,
    records: [],
    event: { ...eventOf(inquiry, 'dhcp.nak'), address, reason },
  };
}
