// Decides whether a client is new, and may have an address (limits: `new-clients.ts`).

import { ANY, formatIpv4, type Ipv4 } from '../../ground/address.ts';
import { findFixedAddress, identityIn } from '../leases/allocate.ts';
import { OFFER_ANSWERED_MS, OFFER_PRESSED_MS } from '../leases/offers.ts';
import type { Admission, ClientPlace, NewClient } from '../limits/new-clients.ts';
import type { ServedSubnet } from '../networks/subnet.ts';
import type { DhcpState, Inquiry } from './inquiry.ts';

/**
 * The unknown client that would get `address` (0.0.0.0: any); undefined: known, or new clients are
 * not limited.
 */
export function findNewClient(inquiry: Inquiry, state: DhcpState, address: Ipv4): NewClient | undefined {
  const [first] = inquiry.sharedNetwork;
  if (state.newClients === undefined || first === undefined) return undefined;
  if (inquiry.sharedNetwork.some((served) => isKnownIn(served, inquiry, state, address))) return undefined;
  return { client: identityIn(first, inquiry), place: clientPlace(inquiry) };
}

function isKnownIn(served: ServedSubnet, inquiry: Inquiry, state: DhcpState, address: Ipv4): boolean {
  const { leases, machines, offers } = state;
  const identity = identityIn(served, inquiry);
  if (offers.offeredTo(identity, served, inquiry.now) !== undefined) return true;
  if (leases.findByClient(identity, served.subnet.network) !== undefined) return true;
  const { byClientId, byMac } = served.reservations;
  if (typeof identity === 'string' ? byClientId?.has(identity) === true : byMac.has(identity)) return true;
  if (identity === inquiry.mac && machines.findByMac(inquiry.mac) !== undefined) return true;
  // Any number of clients can show the same hardware address, identifier, DUID or circuit. So a
  // reservation by a property that identifies no client here makes a client known only at its fixed
  // address.
  return findFixedAddress(served, inquiry, machines)?.address === address;
}

/** Whether a new client may have one more address. */
export function judgeNewClient(
  newClient: NewClient,
  { now }: Inquiry,
  state: DhcpState,
  served: ServedSubnet,
): Admission {
  const range = served.subnet.dynamic;
  const usage = range === undefined ? undefined : state.leases.usageOf(range);
  return state.newClients?.judge(newClient, usage, now) ?? 'admitted';
}

/** A client that has waited this long may take over an offer still young enough to be requested. */
const PATIENT_MS = 10_000;

/**
 * The minimum age of an offer that gives way, in milliseconds; undefined: none does. Unanswered
 * offers give way to known or returning clients. A client that has waited long also takes over
 * younger offers: otherwise other clients would always be first.
 */
export function giveWayMs(
  newClient: NewClient | undefined,
  inquiry: Inquiry,
  state: DhcpState,
  served: ServedSubnet,
): number | undefined {
  if (newClient === undefined || state.newClients === undefined) return OFFER_ANSWERED_MS;
  const waitedMs = state.newClients.waitedMs(newClient, inquiry.now);
  if (waitedMs === 0 || judgeNewClient(newClient, inquiry, state, served) === 'too-many') return undefined;
  return waitedMs >= PATIENT_MS ? OFFER_PRESSED_MS : OFFER_ANSWERED_MS;
}

/** The client's place: its circuit, else its relay agent, else the socket. */
function clientPlace({ message, relay, arrival }: Inquiry): ClientPlace {
  const socket = arrival.interfaceName ?? formatIpv4(arrival.localAddress);
  const isRelayed = message.giaddr !== ANY;
  const way = isRelayed ? `relay ${formatIpv4(message.giaddr)}` : socket;
  const circuit = relay?.circuitId;
  if (circuit === undefined) return { name: way, socket, isRelayed };
  return { name: `${way}, circuit ${Buffer.from(circuit, 'latin1').toString('hex')}`, socket, isRelayed };
}
