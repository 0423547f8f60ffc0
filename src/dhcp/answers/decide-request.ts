// REQUEST, in the four states a client sends it from (RFC 2131 §4.3.2, table 4):
//
//   server identifier                       SELECTING    takes up an offer
//   no identifier, ciaddr 0, option 50      INIT-REBOOT  asks whether its former address still holds
//   no identifier, ciaddr, unicast          RENEWING     ┐ extend: decideExtension
//   no identifier, ciaddr, broadcast        REBINDING    ┘
//
// 1. A client with a running lease gets ACK for its address whenever `judgeAddress` has no objection, also when another address
//    is fixed for it meanwhile: NAK stops firmware in the middle of its boot. It takes the fixed one with its next DISCOVER, with
//    which firmware begins.
// 2. What else it gets depends on this server's standing on its network (`standing.ts`); a record of a client is an address
//    fixed for it there, or a running lease:
//
//                                                    sole    presumed  guest
//      SELECTING what cannot be had                  NAK     NAK       NAK       the client chose this server (§3.1 step 4)
//      asks for what is wrong, with a record         NAK     NAK       NAK       INIT-REBOOT (§4.3.2), RENEWING, REBINDING
//      asks for another address than its lease's     NAK     NAK       NAK       the same: the record says which is its own
//      INIT-REBOOT, not its lease, another is fixed  NAK     NAK       NAK       if the fixed one is free: the record says that
//                                                                                the address is wrong (§4.3.2); else as below
//      INIT-REBOOT on a wrong network, no record     NAK     NAK       silence   §4.3.2 says SHOULD; a guest cannot tell
//      INIT-REBOOT, another's address, no record     NAK     silence   silence   §4.3.2: no record, remain silent
//      extends another client's address, no record   NAK     NAK       silence
//      INIT-REBOOT, free dynamic address, no record  ACK     silence   silence   §4.3.2: no record, remain silent
//      extends a free dynamic address, no record     ACK     ACK       silence   a range belongs to one rack: it was ours;
//                                                                                asked by unicast a guest gives ACK, too
//      asks for an address of no range, no record    NAK     silence   silence   §4.3.2: no record, remain silent
//      extends an address of another network         NAK     silence   silence
//
//    Deviates from RFC 2131 §4.3.2 where the standing is sole, because the rule of silence is there for other servers on the
//    wire, and the operator has said that there are none.
// 3. A client holds one address on a shared network, also where several networks share it and whatever identifiers it shows where its hardware
//    address counts. While its lease runs it gets no other address but one that is on offer to it or fixed for it: what it asks for is not
//    what is recorded for it (§4.3.2). Otherwise one hardware address could take every address of a range, a request each.
// 4. No REQUEST ends a running lease but that by which its client takes up an offer of this server: a client in SELECTING has no address
//    (figure 5), and what it held is recorded as released together with the new lease. Anybody can say anything else in its name. A REQUEST
//    that names another server declines an offer, and no more. A client that is found to use its former address after all keeps both.

import { ANY, type Ipv4 } from '../../net/address.ts';
import { type AddressObjection, DHCP_REFUSALS, type DhcpRefusal } from '../events.ts';
import { findFixedAddress, findOwn, identityIn, isSameClient, judgeAddress } from '../leases/allocate.ts';
import type { Lease } from '../leases/lease.ts';
import { isActive } from '../leases/lease-table.ts';
import { standingOn } from '../networks/standing.ts';
import { type ServedSubnet, subnetOf } from '../networks/subnet.ts';
import { chooseDestination } from '../wire/destination.ts';
import { OPTION, optionAddress } from '../wire/options.ts';
import { type DhcpDecision, ignore, ignoreNewcomer } from './decision.ts';
import { givenBack, runningBeside } from './give-back.ts';
import type { DhcpState, Inquiry } from './inquiry.ts';
import { findNewcomer, judgeNewcomer } from './newcomer.ts';
import { isRepeated, standingTime } from './repeat.ts';
import { composeNak, composeReply } from './reply.ts';
import { eventOf, eventOfReply, identifierFor, isOwnIdentifier, leaseFor, settingsFor, switchPortOf } from './terms.ts';

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
  const served = subnetOf(inquiry.sharedNetwork, address);
  if (served === undefined) return nak(inquiry, state, address, 'wrong-network');
  const objection = judgeAddress(served, inquiry, address, state, inquiry.now);
  if (objection !== undefined) return nak(inquiry, state, address, objection);
  if (isOwnLease(inquiry, state, served, address)) return ack(inquiry, state, served, address);
  if (!isOnOffer(inquiry, state, served, address)) {
    const beside = judgeBeside(inquiry, state, served, address);
    return beside === undefined ? ack(inquiry, state, served, address) : nak(inquiry, state, address, beside);
  }
  const former = runningBeside(inquiry, state, address).map((lease) => givenBack(lease, inquiry.now));
  return ack(inquiry, state, served, address, former);
}

function decideInitReboot(inquiry: Inquiry, state: DhcpState, address: Ipv4): DhcpDecision {
  const served = subnetOf(inquiry.sharedNetwork, address);
  if (served === undefined) return decideWrongNetwork(inquiry, state, address);
  const fixed = findFixedAddress(served, inquiry, state.machines);
  // A system that asks for what it had before its firmware took the fixed address would lose that again.
  if (!isOwnLease(inquiry, state, served, address) && canHaveAnother(inquiry, state, address)) {
    return nak(inquiry, state, address, 'fixed-address-differs');
  }
  const objection = judgeAddress(served, inquiry, address, state, inquiry.now);
  if (objection !== undefined) {
    const isWrong = standingOn(inquiry, state.foreign) === 'sole';
    return decideObjection(inquiry, state, address, objection, isWrong);
  }
  const beside = judgeBeside(inquiry, state, served, address);
  if (beside !== undefined) return nak(inquiry, state, address, beside);
  const known = fixed !== undefined || findOwn(served, inquiry, state.leases, inquiry.now).newest !== undefined;
  return known || standingOn(inquiry, state.foreign) === 'sole'
    ? ack(inquiry, state, served, address)
    : ignore(inquiry, 'no-record', address);
}

/** True when some address of the shared network is fixed for the client and it can have it, and not this one. */
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
  return standingOn(inquiry, state.foreign) !== 'guest' || hasRecord(inquiry, state)
    ? nak(inquiry, state, address, 'wrong-network')
    : ignore(inquiry, 'no-record', address);
}

function decideExtension(inquiry: Inquiry, state: DhcpState, address: Ipv4): DhcpDecision {
  const standing = standingOn(inquiry, state.foreign);
  const served = subnetOf(inquiry.sharedNetwork, address);
  if (served === undefined) {
    return standing === 'sole' ? nak(inquiry, state, address, 'wrong-network') : ignore(inquiry, 'no-record', address);
  }
  const objection = judgeAddress(served, inquiry, address, state, inquiry.now);
  if (objection !== undefined) {
    // Of an address outside all ranges this server knows nothing: another may have given it.
    const isWrong = standing === 'sole' || (standing === 'presumed' && objection !== 'address-outside-range');
    return decideObjection(inquiry, state, address, objection, isWrong);
  }
  // Who uses its former address had it given back in its name.
  const beside = judgeBeside(inquiry, state, served, address, wasOwn(inquiry, state, served, address) ? 1 : 0);
  if (beside !== undefined) return nak(inquiry, state, address, beside);
  // RENEWING is sent to the server that gave the lease, by unicast: who asks us takes us for it.
  const asksUs = inquiry.arrival.interfaceName === undefined && inquiry.message.giaddr === ANY;
  return standing !== 'guest' || asksUs || knowsHolder(inquiry, state, served, address)
    ? ack(inquiry, state, served, address)
    : ignore(inquiry, 'no-record', address);
}

/** True when the address is fixed for the client, or was its own the last time. */
function knowsHolder(inquiry: Inquiry, state: DhcpState, served: ServedSubnet, address: Ipv4): boolean {
  const lease = state.leases.find(address);
  if (lease !== undefined && isSameClient(served, lease, inquiry) && lease.state === 'bound') return true;
  return findFixedAddress(served, inquiry, state.machines)?.address === address;
}

/** Denies an address; a client without a record is told so only where `isWrong`. */
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

/** True while the client holds that very address. */
function isOwnLease(inquiry: Inquiry, { leases }: DhcpState, served: ServedSubnet, address: Ipv4): boolean {
  const lease = leases.find(address);
  return isActive(lease, inquiry.now) && isSameClient(served, lease, inquiry);
}

/** True when the address was the client's the last time that it was anybody's. */
function wasOwn(inquiry: Inquiry, { leases }: DhcpState, served: ServedSubnet, address: Ipv4): boolean {
  const lease = leases.find(address);
  return lease !== undefined && lease.state !== 'declined' && isSameClient(served, lease, inquiry);
}

const isOnOffer = (inquiry: Inquiry, { offers }: DhcpState, served: ServedSubnet, address: Ipv4): boolean =>
  offers.holderOf(address, inquiry.now) === identityIn(served, inquiry);

/** Why a client cannot have an address though it is free: more than `besideMax` other leases of its own run on its shared network. */
function judgeBeside(
  inquiry: Inquiry,
  state: DhcpState,
  served: ServedSubnet,
  address: Ipv4,
  besideMax = 0,
): 'lease-differs' | undefined {
  if (isOwnLease(inquiry, state, served, address) || isOnOffer(inquiry, state, served, address)) return undefined;
  if (runningBeside(inquiry, state, address).length <= besideMax) return undefined;
  return findFixedAddress(served, inquiry, state.machines)?.address === address ? undefined : 'lease-differs';
}

/** True when an address of this shared network is fixed for the client, or leased to it. */
function hasRecord(inquiry: Inquiry, state: DhcpState): boolean {
  return inquiry.sharedNetwork.some(
    (served) =>
      findFixedAddress(served, inquiry, state.machines) !== undefined ||
      findOwn(served, inquiry, state.leases, inquiry.now).running !== undefined,
  );
}

/** @param former what the client gives up for the address */
function ack(
  inquiry: Inquiry,
  state: DhcpState,
  served: ServedSubnet,
  address: Ipv4,
  former: readonly Lease[] = [],
): DhcpDecision {
  const { message, now } = inquiry;
  const held = isOwnLease(inquiry, state, served, address) ? state.leases.find(address) : undefined;
  const newcomer = held !== undefined ? undefined : findNewcomer(inquiry, state, address);
  if (newcomer !== undefined && judgeNewcomer(newcomer, inquiry, state, served) !== 'admitted') {
    return ignoreNewcomer(inquiry, newcomer, address);
  }
  const full = settingsFor(inquiry, state, served, 'ack', address);
  if (full === undefined) return ignore(inquiry, 'no-server-address', address);
  const lease = leaseFor(inquiry, full, state);
  const standing = held && standingTime(held, lease, now);
  const settings = standing === undefined ? full : { ...full, leaseTime: standing };
  const reply = composeReply(inquiry, settings);
  const beside = { renewal: held !== undefined, ...switchPortOf(inquiry.relay) };
  return {
    kind: 'reply',
    message: reply,
    destination: chooseDestination(message, 'settings', address, state.ports, served.subnet.network),
    served,
    sharedNetwork: inquiry.sharedNetwork,
    newcomer,
    records: standing === undefined ? [...former, lease] : [],
    restsOn: standing === undefined ? undefined : held,
    isRepeat: isRepeated(findOwn(served, inquiry, state.leases, now).newest, now),
    event: eventOfReply(inquiry, 'dhcp.ack', settings, reply, beside),
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
    event: { ...eventOf(inquiry, 'dhcp.nak'), address, reason },
  };
}
