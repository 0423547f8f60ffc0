// Decides on a message: what to reply, record and report. Pure. Sources: RFC 2131 §4.3 and its
// state diagram (§4.4, figure 5).
//
//   DISCOVER ─ decideDiscover ─→ OFFER
//   REQUEST  ─ decideRequest  ─→ ACK | NAK | silence         (decide-request.ts)
//   DECLINE  ─ decideDecline  ─→ record, the address is set aside   (give-back.ts)
//   RELEASE  ─ decideRelease  ─→ record, the address is free        (give-back.ts)
//   INFORM   ─ decideInform   ─→ ACK without an address
//   anything on a network in proxy mode, or to port 4011 ─ decideProxied                        (proxy.ts)
//
// 2. A refusal always has a name.

import { ANY, type Ipv4, networkContains } from '../../ground/address.ts';
import type { Instant } from '../../ground/clock.ts';
import type { DhcpEvent } from '../events/events.ts';
import type { AllocationSource } from '../events/fields.ts';
import {
  type AllocatedAddress,
  type Allocation,
  chooseAddress,
  findFixedAddress,
  findOwn,
  findUnanswered,
  identityIn,
  isSameClient,
  judgeFixed,
} from '../leases/allocate.ts';
import { shownClass, wireText } from '../leases/lease-report.ts';
import { isActive } from '../leases/lease-table.ts';
import type { NewClient } from '../limits/new-clients.ts';
import { denyingAmong } from '../networks/classes.ts';
import { type Arrival, findServedSubnet, type ServedSubnet } from '../networks/subnet.ts';
import { clientName } from '../wire/client-fqdn.ts';
import { chooseDestination } from '../wire/destination.ts';
import type { DhcpMessage } from '../wire/message.ts';
import { MESSAGE_TYPE, OPTION, optionAddress, optionIdentifier, vendorClass } from '../wire/options.ts';
import { decideRequest } from './decide-request.ts';
import { type DhcpDecision, ignore, ignoreNewClient } from './decision.ts';
import { decideDecline, decideRelease } from './give-back.ts';
import { type DhcpState, encodeIntroduction, type Inquiry, openInquiry, rackAddress } from './inquiry.ts';
import { findNewClient, giveWayMs, judgeNewClient } from './new-client.ts';
import { decideProxied } from './proxy.ts';
import { isRepeated } from './repeat.ts';
import { composeReply } from './reply.ts';
import { eventOfReply, findClientClasses, isOwnIdentifier, settingsFor } from './terms.ts';

/** @param from the datagram's source; undefined: not checked */
export function decide(
  message: DhcpMessage,
  arrival: Arrival,
  state: DhcpState,
  now: Instant,
  from?: Ipv4,
): DhcpDecision {
  const opened = openInquiry(message, arrival, state, now, from);
  if (opened.kind === 'refused') {
    const { mac, reason } = opened;
    const interfaceName = arrival.interfaceName;
    const named = reason === 'hardware-unsupported' ? nameWithoutMac(message) : NAMELESS;
    return { kind: 'ignore', reason, event: { kind: 'dhcp.refused', at: now, mac, ...named, interfaceName, reason } };
  }
  const { inquiry } = opened;
  const [served] = inquiry.sharedNetwork;
  if (served !== undefined && (served.subnet.proxy === true || arrival.bootServerPort !== undefined)) {
    return decideProxied(inquiry, state, served);
  }
  const denied = judgeClasses(inquiry, state);
  if (denied !== undefined) return denied;
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

const NAMELESS: Partial<DhcpEvent> = {};

/** InfiniBand clients have the identifier alone (RFC 4390 §2.1). */
const nameWithoutMac = ({ htype, options }: DhcpMessage): Partial<DhcpEvent> => ({
  hardwareType: htype,
  clientId: wireText(optionIdentifier(options, OPTION.clientIdentifier)),
  vendorClass: shownClass(vendorClass(options)),
  hostname: clientName(options),
});

/**
 * Why a class leaves the client unanswered. A denied client may still give an address back, and a
 * class has no say in messages to another server.
 */
function judgeClasses(inquiry: Inquiry, state: DhcpState): DhcpDecision | undefined {
  const { sharedNetwork, message, type } = inquiry;
  if (type !== MESSAGE_TYPE.discover && type !== MESSAGE_TYPE.request && type !== MESSAGE_TYPE.inform) return undefined;
  if (sharedNetwork.every(({ subnet }) => subnet.classes === undefined)) return undefined;
  if (type === MESSAGE_TYPE.request && !isOwnIdentifier(inquiry, state)) return undefined;
  const requested = type === MESSAGE_TYPE.request ? optionAddress(message.options, OPTION.requestedAddress) : undefined;
  const address = requested ?? message.ciaddr;
  // A DISCOVER may be answered from any subnet, so it is denied only if all of them deny it.
  const requestedSubnet = type === MESSAGE_TYPE.discover ? undefined : findServedSubnet(sharedNetwork, address);
  const denying = (requestedSubnet === undefined ? sharedNetwork : [requestedSubnet]).map((served) =>
    denyingAmong(findClientClasses(inquiry, state, served)),
  );
  const [first] = denying;
  if (first === undefined || denying.includes(undefined)) return undefined;
  return ignore(inquiry, 'class-denied', address === ANY ? undefined : address, { classes: first.name });
}

/** RFC 2131 §4.3.1. */
function decideDiscover(inquiry: Inquiry, state: DhcpState): DhcpDecision {
  const { message, now } = inquiry;
  const requested = optionAddress(message.options, OPTION.requestedAddress);
  let refusal: RefusedAllocation = { kind: 'refused', reason: 'no-dynamic-range' };
  let limited: DhcpDecision | undefined;
  let full: readonly ServedSubnet[] = NONE;
  for (const served of preferred(inquiry, state, requested)) {
    const chosen = chooseAddress(served, inquiry, requested, state, now);
    if (chosen.kind === 'refused') {
      if (chosen.reason === 'range-exhausted' || refusal.reason === 'no-dynamic-range') refusal = chosen;
      if (chosen.reason === 'range-exhausted') full = [...full, served];
      continue;
    }
    const newClient = isKnownBy(chosen.source) ? undefined : findNewClient(inquiry, state, chosen.address);
    const admission = newClient === undefined ? 'admitted' : judgeNewClient(newClient, inquiry, state, served);
    if (newClient !== undefined && admission !== 'admitted') {
      // The next range may still have room.
      limited ??= ignoreNewClient(inquiry, newClient, chosen.address);
      if (admission === 'range-on-offer') full = [...full, served];
      continue;
    }
    return composeOffer(inquiry, state, served, chosen, newClient);
  }
  return decideInFull(inquiry, state, full) ?? limited ?? refuseDiscover(inquiry, state, refusal);
}

/**
 * Takes over an address another client was offered and has not requested, when all ranges are
 * exhausted or at their limit of offers.
 */
function decideInFull(inquiry: Inquiry, state: DhcpState, networks: readonly ServedSubnet[]): DhcpDecision | undefined {
  if (networks.length === 0) return undefined;
  const newClient = findNewClient(inquiry, state, ANY);
  for (const served of networks) {
    const ageMs = giveWayMs(newClient, inquiry, state, served);
    const chosen = ageMs === undefined ? undefined : findUnanswered(served, inquiry, state, inquiry.now, ageMs);
    if (chosen !== undefined) return composeOffer(inquiry, state, served, chosen, newClient);
  }
  return undefined;
}

function refuseDiscover(inquiry: Inquiry, state: DhcpState, { reason, address }: RefusedAllocation): DhcpDecision {
  const newClient = reason === 'range-exhausted' ? findNewClient(inquiry, state, ANY) : undefined;
  return ignore(inquiry, reason, address, { newClient });
}

type RefusedAllocation = Extract<Allocation, { kind: 'refused' }>;
const NONE: readonly ServedSubnet[] = [];

/** True if the address was the client's before it asked. */
const isKnownBy = (source: AllocationSource): boolean =>
  source === 'machine' || source === 'reservation' || source === 'own';

/**
 * True if the address must be probed, because a host without a lease may use it (RFC 2131 §2.2,
 * §3.1 step 2). This includes the client's former or fixed address, and a running lease from a
 * restored copy. The client's own answer is no conflict.
 */
function needsProbe(inquiry: Inquiry, state: DhcpState, served: ServedSubnet, chosen: AllocatedAddress): boolean {
  const { now } = inquiry;
  const record = state.leases.find(chosen.address);
  if (isActive(record, now) && isSameClient(served, record, inquiry) && record.isDoubted !== true) return false;
  // An address on offer to the client was probed when it was offered.
  return chosen.source !== 'own' || state.offers.offeredTo(identityIn(served, inquiry), served, now) !== chosen.address;
}

function composeOffer(
  inquiry: Inquiry,
  state: DhcpState,
  served: ServedSubnet,
  chosen: AllocatedAddress,
  newClient: NewClient | undefined,
): DhcpDecision {
  const { address, source } = chosen;
  const { message, mac } = inquiry;
  const settings = settingsFor(inquiry, state, served, 'offer', address);
  if (settings === undefined) return ignore(inquiry, 'no-server-address', address);
  const reply = composeReply(inquiry, settings);
  return {
    kind: 'reply',
    message: reply,
    destination: chooseDestination(message, 'settings', address, state.ports, served.subnet.network),
    served,
    sharedNetwork: inquiry.sharedNetwork,
    records: [],
    newClient,
    isRepeat: isRepeated(findOwn(served, inquiry, state.leases, inquiry.now).newest, inquiry.now),
    offer: {
      address,
      mac,
      client: identityIn(served, inquiry),
      probe: needsProbe(inquiry, state, served, chosen),
      isFixed: source === 'machine' || source === 'reservation',
    },
    introduction: encodeIntroduction(inquiry, address),
    event: eventOfReply(inquiry, 'dhcp.offer', settings, reply, { source }),
  };
}

/**
 * The subnets in which no class denies the client, in the order tried: first that of its available
 * fixed address, its lease, its offer, its former address, the address it requests; then the
 * others.
 */
function preferred(inquiry: Inquiry, state: DhcpState, requested: Ipv4 | undefined): readonly ServedSubnet[] {
  const { now } = inquiry;
  if (inquiry.sharedNetwork.length === 1) return inquiry.sharedNetwork;
  const sharedNetwork = inquiry.sharedNetwork.filter(
    (served) => denyingAmong(findClientClasses(inquiry, state, served)) === undefined,
  );
  const weight = (served: ServedSubnet): number => {
    const { network } = served.subnet;
    const fixed = findFixedAddress(served, inquiry, state.machines);
    if (fixed !== undefined && judgeFixed(served, inquiry, fixed, state, now) === undefined) return 0;
    const own = findOwn(served, inquiry, state.leases, now);
    if (own.running !== undefined) return 1;
    if (state.offers.offeredTo(identityIn(served, inquiry), served, now) !== undefined) return 2;
    if (fixed !== undefined || own.newest !== undefined) return 3;
    return requested !== undefined && networkContains(network, requested) ? 4 : 5;
  };
  const weights = new Map(sharedNetwork.map((served) => [served, weight(served)]));
  return sharedNetwork.toSorted((a, b) => (weights.get(a) ?? 0) - (weights.get(b) ?? 0));
}

/** RFC 2131 §4.3.5: the reply gives no address and no lease time. */
function decideInform(inquiry: Inquiry, state: DhcpState): DhcpDecision {
  const { message } = inquiry;
  if (message.ciaddr === ANY) return ignore(inquiry, 'address-not-named');
  // RFC 2131 §3.4: check the address for consistency. The relay's choice of network is more
  // reliable than giaddr.
  const served =
    findServedSubnet(inquiry.sharedNetwork, message.ciaddr) ??
    (message.giaddr === ANY ? undefined : inquiry.sharedNetwork[0]);
  if (served === undefined) return ignore(inquiry, 'wrong-network', message.ciaddr);
  if (rackAddress(inquiry, served, state.subnets) === undefined) {
    return ignore(inquiry, 'no-server-address', message.ciaddr);
  }
  const settings = settingsFor(inquiry, state, served, 'ack', ANY);
  if (settings === undefined) return ignore(inquiry, 'no-server-address', message.ciaddr);
  const reply = composeReply(inquiry, { ...settings, leaseTime: undefined });
  const event = eventOfReply(inquiry, 'dhcp.inform', settings, reply);
  return {
    kind: 'reply',
    message: reply,
    // RFC 2131 §4.3.5: unicast to ciaddr, or through the relay.
    destination: chooseDestination(message, 'settings', ANY, state.ports),
    served,
    sharedNetwork: inquiry.sharedNetwork,
    records: [],
    event: { ...event, address: message.ciaddr, leaseSeconds: undefined },
  };
}
