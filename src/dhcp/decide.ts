// What shall be done with a message? Pure: a value tells what to answer, what to record and what to tell. Sources: RFC 2131
// §4.3 and its state diagram (§4.4, figure 5).
//
//   DISCOVER ─ decideDiscover ─→ OFFER
//   REQUEST  ─ decideRequest  ─→ ACK | NAK | silence         (decide-request.ts)
//   DECLINE  ─ decideDecline  ─→ record, the address is set aside
//   RELEASE  ─ decideRelease  ─→ record, the address is free
//   INFORM   ─ decideInform   ─→ ACK without an address
//
// 1. Nothing is changed here, no clock is read, nothing is logged.
// 2. A refusal always has a name.

import { type Instant, later, type Seconds, seconds } from '../clock.ts';
import { ANY, type Ipv4, type MacAddress } from '../net/address.ts';
import { type Allocation, chooseAddress, findFixedAddress } from './allocate.ts';
import { decideRequest } from './decide-request.ts';
import { type DhcpDecision, ignore } from './decision.ts';
import { chooseDestination } from './destination.ts';
import { type DhcpState, type Inquiry, openInquiry, rackAddress } from './inquiry.ts';
import type { Lease } from './lease.ts';
import { isActive } from './lease-table.ts';
import type { DhcpMessage } from './message.ts';
import { MESSAGE_TYPE, OPTION, optionAddress } from './options.ts';
import { composeReply } from './reply.ts';
import type { Arrival, ServedSubnet } from './subnet.ts';
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
    const chosen = chooseAddress(served, mac, requested, state, now);
    if (chosen.kind === 'refused') {
      if (chosen.reason === 'range-exhausted') refusal = chosen;
      continue;
    }
    const { address, source } = chosen;
    const settings = settingsFor(inquiry, state, served, 'offer', address);
    if (settings === undefined) return ignore(inquiry, 'no-server-address', address);
    const reply = composeReply(inquiry, settings);
    return {
      kind: 'reply',
      message: reply,
      destination: chooseDestination(message, 'settings', address, state.ports),
      served,
      records: [],
      offer: { address, mac, probe: source === 'unused' || source === 'reclaimed' || source === 'requested' },
      event: { ...eventOf(inquiry, 'dhcp.offer', settings), source },
    };
  }
  return ignore(inquiry, refusal.reason);
}

/** The networks of the link, those first that know the client: by a fixed address, then by a lease. */
function preferred({ link, mac }: Inquiry, state: DhcpState): readonly ServedSubnet[] {
  if (link.length === 1) return link;
  const weight = (served: ServedSubnet): number => {
    if (findFixedAddress(served, mac, state.machines) !== undefined) return 0;
    return state.leases.findByMac(mac, served.subnet.network) === undefined ? 2 : 1;
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
  if (!isActive(lease, now) || lease.mac !== mac) return ignore(inquiry, 'not-the-holder', address);
  return {
    kind: 'record',
    records: [setAside(address, mac, now)],
    event: { ...eventOf(inquiry, 'dhcp.decline'), address },
  };
}

/** The record of an address that somebody uses without a lease, found by or for the client `mac`. */
export function setAside(address: Ipv4, mac: MacAddress, now: Instant): Lease {
  const expiresAt = later(now, DECLINE_SECONDS * 1000);
  return { address, mac, state: 'declined', grantedAt: now, expiresAt, duration: DECLINE_SECONDS };
}

/** RFC 2131 §4.3.4. The client has stopped using the address and hears no answer. */
function decideRelease(inquiry: Inquiry, state: DhcpState): DhcpDecision {
  const { message, mac, now } = inquiry;
  const address = message.ciaddr;
  if (address === ANY) return ignore(inquiry, 'address-not-named');
  if (!isOwnIdentifier(inquiry, state)) return ignore(inquiry, 'other-server-chosen', address);
  const lease = state.leases.find(address);
  if (!isActive(lease, now) || lease.mac !== mac) return ignore(inquiry, 'not-the-holder', address);
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
  const [first] = inquiry.link;
  const served = inquiry.link.find((one) => one.subnet.serverAddress === inquiry.arrival.localAddress) ?? first;
  if (served === undefined || rackAddress(inquiry, served, state.subnets) === undefined) {
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
