// What shall be done with a message? Pure: a value tells what to answer, what to record and what to tell. Sources: RFC 2131
// §4.3 and its state diagram (§4.4, figure 5).
//
//   DISCOVER ─ decideDiscover ─→ OFFER
//   REQUEST  ─ decideRequest  ─→ ACK | NAK | silence         (decide-request.ts)
//   DECLINE  ─ decideDecline  ─→ record, the address is set aside
//   RELEASE  ─ decideRelease  ─→ record, the address is free
//   INFORM   ─ decideInform   ─→ ACK without an address
//   anything on a network in proxy mode, or to port 4011 ─ decideProxied                        (proxy.ts)
//
// 1. Nothing is changed here, no clock is read, nothing is logged.
// 2. A refusal always has a name.

import { type Instant, later, type Seconds, seconds } from '../../clock.ts';
import { ANY, type Ipv4, type MacAddress } from '../../net/address.ts';
import { type Allocation, chooseAddress, findFixedAddress, identityIn, isSameClient } from '../leases/allocate.ts';
import type { Lease } from '../leases/lease.ts';
import { isActive } from '../leases/lease-table.ts';
import { type Arrival, type ServedSubnet, subnetOf } from '../networks/subnet.ts';
import { chooseDestination } from '../wire/destination.ts';
import type { DhcpMessage } from '../wire/message.ts';
import { MESSAGE_TYPE, OPTION, optionAddress } from '../wire/options.ts';
import { decideRequest } from './decide-request.ts';
import { type DhcpDecision, ignore, ignoreNewcomer } from './decision.ts';
import { type DhcpState, type Inquiry, openInquiry, rackAddress } from './inquiry.ts';
import { findNewcomer, isAdmitted } from './newcomer.ts';
import { decideProxied } from './proxy.ts';
import { composeReply } from './reply.ts';
import { eventOf, isOwnIdentifier, settingsFor } from './terms.ts';

/** How long an address that somebody uses without a lease is set aside. */
export const DECLINE_SECONDS: Seconds = seconds(3600);

/** Decides on one message. */
export function decide(message: DhcpMessage, arrival: Arrival, state: DhcpState, now: Instant): DhcpDecision {
  const opened = openInquiry(message, arrival, state, now);
  if (opened.kind === 'refused') {
    const { mac, reason } = opened;
    const interfaceName = arrival.interfaceName;
    return { kind: 'ignore', reason, event: { kind: 'dhcp.refused', at: now, mac, interfaceName, reason } };
  }
  const { inquiry } = opened;
  const [served] = inquiry.link;
  if (served !== undefined && (served.subnet.proxy === true || arrival.bootServerPort !== undefined)) {
    return decideProxied(inquiry, state, served);
  }
  switch (inquiry.type) {
    case MESSAGE_TYPE.discover:
      return decideDiscover(inquiry, state);
    case MESSAGE_TYPE.request:
      return decideRequest(inquiry, state);
    case MESSAGE_TYPE.decline:
      return decideDecline(inquiry, state);
    case MESSAGE_TYPE.release:
      return decideRelease(inquiry, state);
    case MESSAGE_TYPE.inform:
      return decideInform(inquiry, state);
    default:
      return ignore(inquiry, 'message-type-unknown');
  }
}

/** RFC 2131 §4.3.1. */
function decideDiscover(inquiry: Inquiry, state: DhcpState): DhcpDecision {
  const { message, mac, now } = inquiry;
  const requested = optionAddress(message.options, OPTION.requestedAddress);
  let refusal: Extract<Allocation, { kind: 'refused' }> = { kind: 'refused', reason: 'no-dynamic-range' };
  for (const served of preferred(inquiry, state)) {
    const chosen = chooseAddress(served, inquiry, requested, state, now);
    if (chosen.kind === 'refused') {
      if (chosen.reason === 'range-exhausted') refusal = chosen;
      continue;
    }
    const { address, source } = chosen;
    const isKnown = source === 'machine' || source === 'reservation' || source === 'own';
    const newcomer = isKnown ? undefined : findNewcomer(inquiry, state, served);
    if (newcomer !== undefined && !isAdmitted(newcomer, inquiry, state, served)) {
      return ignoreNewcomer(inquiry, newcomer, address);
    }
    const settings = settingsFor(inquiry, state, served, 'offer', address);
    if (settings === undefined) return ignore(inquiry, 'no-server-address', address);
    const reply = composeReply(inquiry, settings);
    return {
      kind: 'reply',
      message: reply,
      destination: chooseDestination(message, 'settings', address, state.ports, served.subnet.network),
      served,
      records: [],
      newcomer,
      offer: {
        address,
        mac,
        client: identityIn(served, inquiry),
        probe: !isKnown,
      },
      event: { ...eventOf(inquiry, 'dhcp.offer', settings), source },
    };
  }
  return ignore(inquiry, refusal.reason);
}

/** The networks of the link, those first that know the client: by a fixed address, then by a lease. */
function preferred(inquiry: Inquiry, state: DhcpState): readonly ServedSubnet[] {
  const { link } = inquiry;
  if (link.length === 1) return link;
  const weight = (served: ServedSubnet): number => {
    if (findFixedAddress(served, inquiry, state.machines) !== undefined) return 0;
    return state.leases.findByClient(identityIn(served, inquiry), served.subnet.network) === undefined ? 2 : 1;
  };
  return link.toSorted((a, b) => weight(a) - weight(b));
}

/** RFC 2131 §4.3.3. */
function decideDecline(inquiry: Inquiry, state: DhcpState): DhcpDecision {
  const { message, mac, now } = inquiry;
  const address = optionAddress(message.options, OPTION.requestedAddress);
  if (address === undefined) return ignore(inquiry, 'address-not-named');
  if (!isOwnIdentifier(inquiry, state)) return ignore(inquiry, 'other-server-chosen', address);
  const lease = state.leases.find(address);
  if (!isActive(lease, now) || !isHolder(inquiry, lease)) return ignore(inquiry, 'not-the-holder', address);
  const served = subnetOf(inquiry.link, address) ?? inquiry.link[0];
  const declinedBy = served === undefined ? mac : identityIn(served, inquiry);
  const range = served?.subnet.dynamic;
  const usage = range === undefined ? undefined : state.leases.usageOf(range);
  const allowed = state.declines?.mayDecline(declinedBy, usage, now) !== false;
  const record = setAside(address, mac, now);
  return {
    kind: 'record',
    // Beyond its bound nothing is set aside, but it is the last to be handed out again, and the client's no more.
    records: [allowed ? record : { ...record, expiresAt: now }],
    declinedBy,
    event: { ...eventOf(inquiry, allowed ? 'dhcp.decline' : 'dhcp.declines-limited'), address },
  };
}

/** True when the record is of the client that asks. */
function isHolder(inquiry: Inquiry, lease: Lease): boolean {
  const served = subnetOf(inquiry.link, lease.address);
  return served !== undefined && isSameClient(served, lease, inquiry);
}

/** The record of an address that somebody uses without a lease, found by or for the client `mac`. */
export function setAside(address: Ipv4, mac: MacAddress, now: Instant): Lease {
  const expiresAt = later(now, DECLINE_SECONDS * 1000);
  return { address, mac, state: 'declined', grantedAt: now, expiresAt, duration: DECLINE_SECONDS };
}

/** RFC 2131 §4.3.4. The client has stopped using the address and hears no answer. */
function decideRelease(inquiry: Inquiry, state: DhcpState): DhcpDecision {
  const { message, now } = inquiry;
  const address = message.ciaddr;
  if (address === ANY) return ignore(inquiry, 'address-not-named');
  if (!isOwnIdentifier(inquiry, state)) return ignore(inquiry, 'other-server-chosen', address);
  const lease = state.leases.find(address);
  if (!isActive(lease, now) || !isHolder(inquiry, lease)) return ignore(inquiry, 'not-the-holder', address);
  return {
    kind: 'record',
    records: [{ ...lease, state: 'released', expiresAt: now }],
    event: { ...eventOf(inquiry, 'dhcp.release'), address },
  };
}

/** RFC 2131 §4.3.5: no address is given and no lease time sent. */
function decideInform(inquiry: Inquiry, state: DhcpState): DhcpDecision {
  const { message } = inquiry;
  if (message.ciaddr === ANY) return ignore(inquiry, 'address-not-named');
  // RFC 2131 §3.4: the address is checked for consistency. A relay knows better than its giaddr where the host is.
  const served = subnetOf(inquiry.link, message.ciaddr) ?? (message.giaddr === ANY ? undefined : inquiry.link[0]);
  if (served === undefined) return ignore(inquiry, 'wrong-network', message.ciaddr);
  if (rackAddress(inquiry, served, state.subnets) === undefined) {
    return ignore(inquiry, 'no-server-address', message.ciaddr);
  }
  const settings = settingsFor(inquiry, state, served, 'ack', ANY);
  if (settings === undefined) return ignore(inquiry, 'no-server-address', message.ciaddr);
  return {
    kind: 'reply',
    message: composeReply(inquiry, { ...settings, leaseTime: undefined }),
    // RFC 2131 §4.3.5: unicast to the address in ciaddr; where a relay is on the way, by the relay.
    destination: chooseDestination(message, 'settings', ANY, state.ports),
    served,
    records: [],
    event: { ...eventOf(inquiry, 'dhcp.inform', settings), address: message.ciaddr, leaseSeconds: undefined },
  };
}
