// DECLINE and RELEASE: a client gives up its address. Neither gets a reply, and a forged one takes
// an address from a client that may still use it. Sources: RFC 2131 §4.3.3, §4.3.4, §4.4.4, §4.4.6
// and table 5.
//
//                          option 54                   comes
//      RELEASE             this server                 from the address it releases, or by a relay
//      RELEASE             none                        from that address to this server's own
//      DECLINE             this server, or none        by broadcast, or by a relay
//      DECLINE of an offer this server                 the same
//
// 1. Only the address's holder may give it up, under the identifier it got it with (RFC 2131 §3.1
//    step 6), even where hardware addresses tell clients apart: a running lease with another
//    identifier may be another client's.
// 2. Deviates from RFC 2131 table 5, which demands the server identifier in both, because some
//    clients leave it out: Quirk: systemd-networkd 252 sends its RELEASE to the server alone
//    (fixtures/packets/dhcp-networkd-release.hex). Quirk: dhcpcd 9.4.1 declines a former address
//    without naming a server (fixtures/packets/dhcp-dhcpcd-decline.hex).
// 3. A client may find an address in use before it requests it: the address is set aside, and its
//    offer ends (RFC 2131 §4.3.3). Other servers may have offered it too, so it must name this one.

import { ANY, type Ipv4, networkContains } from '../../ground/address.ts';
import type { Instant } from '../../ground/clock.ts';
import { identityIn, isSameClient } from '../leases/allocate.ts';
import type { Lease } from '../leases/lease.ts';
import { isActive, isHeld } from '../leases/lease-table.ts';
import { setAside } from '../leases/set-aside.ts';
import { findServedSubnet, type ServedSubnet } from '../networks/subnet.ts';
import { OPTION, optionAddress } from '../wire/options.ts';
import { type DhcpDecision, ignore } from './decision.ts';
import type { DhcpState, Inquiry } from './inquiry.ts';
import { isRepeated } from './repeat.ts';
import { composeDhcpEvent, isOwnIdentifier } from './terms.ts';

/** RFC 2131 §4.3.3. */
export function decideDecline(inquiry: Inquiry, state: DhcpState): DhcpDecision {
  const { message, mac, now } = inquiry;
  const address = optionAddress(message.options, OPTION.requestedAddress);
  if (address === undefined) return ignore(inquiry, 'address-not-named');
  if (!isOwnIdentifier(inquiry, state)) return ignore(inquiry, 'other-server-chosen', address);
  // RFC 2131 §4.4.4: the client has no address to send from.
  if (isByUnicast(inquiry)) return ignore(inquiry, 'sent-from-elsewhere', address);
  const served = findHeld(inquiry, state, address)?.served ?? findOffering(inquiry, state, address);
  if (served === undefined) return ignore(inquiry, 'not-the-holder', address);
  const isOffer = !isHeld(state.leases.find(address), now);
  if (isOffer && !message.options.has(OPTION.serverIdentifier)) return ignore(inquiry, 'server-not-named', address);
  const range = served.subnet.dynamic;
  const usage = range === undefined ? undefined : state.leases.usageOf(range);
  const allowed = state.declines?.mayDecline(mac, usage, now) !== false;
  const record = setAside(address, mac, now);
  return {
    kind: 'record',
    // Beyond the limit the address is handed out last and is no longer the client's.
    records: [allowed ? record : { ...record, expiresAt: now }],
    declined: { by: mac, client: identityIn(served, inquiry), sharedNetwork: inquiry.sharedNetwork },
    event: { ...composeDhcpEvent(inquiry, allowed ? 'dhcp.decline' : 'dhcp.declines-limited'), address },
  };
}

/** RFC 2131 §4.3.4. The client expects no reply. */
export function decideRelease(inquiry: Inquiry, state: DhcpState): DhcpDecision {
  const { message, now, from } = inquiry;
  const address = message.ciaddr;
  if (address === ANY) return ignore(inquiry, 'address-not-named');
  if (!isOwnIdentifier(inquiry, state)) return ignore(inquiry, 'other-server-chosen', address);
  if (!message.options.has(OPTION.serverIdentifier) && !isByUnicast(inquiry)) {
    return ignore(inquiry, 'server-not-named', address);
  }
  if (message.giaddr === ANY && from !== undefined && from !== address) {
    return ignore(inquiry, 'sent-from-elsewhere', address);
  }
  const held = findHeld(inquiry, state, address);
  if (held === undefined) return ignore(inquiry, 'not-the-holder', address);
  return {
    kind: 'record',
    records: [givenBack(held.lease, now)],
    isRepeat: isRepeated(held.lease, now),
    event: { ...composeDhcpEvent(inquiry, 'dhcp.release'), address },
  };
}

/** True for a message to the rack's own address without a relay. */
const isByUnicast = ({ arrival, message }: Inquiry): boolean =>
  arrival.interfaceName === undefined && message.giaddr === ANY;

interface Held {
  readonly lease: Lease;
  readonly served: ServedSubnet;
}

/** The client's running lease on the address. */
function findHeld(inquiry: Inquiry, state: DhcpState, address: Ipv4): Held | undefined {
  const lease = state.leases.find(address);
  const served = findServedSubnet(inquiry.sharedNetwork, address);
  if (served === undefined || !isActive(lease, inquiry.now)) return undefined;
  return isSameClient(served, lease, inquiry) && !showsAnother(inquiry, lease) ? { lease, served } : undefined;
}

/** The subnet in which `address` is on offer to the client. */
function findOffering(inquiry: Inquiry, { leases, offers }: DhcpState, address: Ipv4): ServedSubnet | undefined {
  const { sharedNetwork, now } = inquiry;
  const served = findServedSubnet(sharedNetwork, address);
  if (served === undefined || isHeld(leases.find(address), now)) return undefined;
  return offers.holderOf(address, now) === identityIn(served, inquiry) ? served : undefined;
}

/** True if message and record carry different identifiers. */
const showsAnother = (inquiry: Inquiry, { clientId }: Lease): boolean =>
  inquiry.clientId !== undefined && clientId !== undefined && inquiry.clientId !== clientId;

export const givenBack = (lease: Lease, now: Instant): Lease => ({ ...lease, state: 'released', expiresAt: now });

/**
 * The client's other running leases on its shared network. One granted to another identifier is not
 * the client's (`client-identity.ts`).
 */
export function otherRunningLeases(inquiry: Inquiry, { leases }: DhcpState, address: Ipv4): readonly Lease[] {
  const { sharedNetwork, now } = inquiry;
  const running: Lease[] = [];
  for (const served of sharedNetwork) {
    for (const lease of leases.findAllByClient(identityIn(served, inquiry))) {
      const isOfNetwork = networkContains(served.subnet.network, lease.address);
      if (!isOfNetwork || lease.address === address || !isActive(lease, now)) continue;
      if (isSameClient(served, lease, inquiry)) running.push(lease);
    }
  }
  return running;
}
