// What DHCP tells of itself: the kinds of events, what an operator is told of each, and the reasons of refusals. Types and
// tables only.

import type { EventKind, RackEvent } from '../event.ts';
import type { AddressObjection, AllocationRefusal, AllocationSource } from './allocate.ts';
import type { LinkRefusal } from './subnet.ts';

/** Why a message got no answer, or a NAK. Stable strings: logs, metrics and timelines carry them. */
export type DhcpRefusal =
  | LinkRefusal
  | AllocationRefusal
  | AddressObjection
  | 'not-a-request'
  | 'bootp-unsupported'
  | 'hardware-unsupported'
  | 'message-type-unknown'
  | 'other-server-chosen'
  | 'address-not-named'
  | 'no-record'
  | 'wrong-network'
  | 'fixed-address-differs'
  | 'not-the-holder'
  | 'no-server-address'
  | 'store-unavailable'
  | 'queue-full'
  | 'superseded'
  | 'reply-late'
  | 'probe-running'
  | 'address-in-use';

/** Each reason in a sentence, with the remedy where there is one. */
export const DHCP_REFUSALS: Readonly<Record<DhcpRefusal, string>> = {
  'network-unknown': 'No served network holds the relay, client or selected address; add it to the cluster interfaces.',
  'interface-unserved': 'The message came by an interface that has no network to serve.',
  'interface-without-address': 'The interface does not have its configured address yet; give it the address.',
  'range-exhausted': 'Every dynamic address is leased, offered or declined; enlarge the dynamic range.',
  'no-dynamic-range': 'The client has no fixed address and the network has no dynamic range.',
  'address-outside-range': 'The address belongs to no dynamic range and is not fixed for the client.',
  'address-excluded': 'The address is the rack’s own, the router’s, or the network’s.',
  'address-reserved': 'The address is fixed for another client, or in the static range.',
  'address-leased': 'Another client holds the address.',
  'address-offered': 'The address has just been offered to another client.',
  'address-declined': 'Somebody was found using the address without a lease; find that host.',
  'not-a-request': 'The message is a reply of a server, not a request of a client.',
  'bootp-unsupported': 'The client speaks BOOTP without DHCP; Rackboot serves DHCP only.',
  'hardware-unsupported': 'The hardware address is not an Ethernet address of six bytes, or is no single host’s.',
  'message-type-unknown': 'The DHCP message type is not one that clients send to servers.',
  'other-server-chosen': 'The client took the offer of another DHCP server; two servers answer on this network.',
  'address-not-named': 'The message does not say which address it is about.',
  'no-record':
    'The client asks for an address of which this server knows nothing; it stays silent for the other server.',
  'wrong-network': 'The client asks for an address of another network; it has moved.',
  'fixed-address-differs': 'The client asks for a former address; another one is fixed for it now.',
  'not-the-holder': 'The client speaks of an address that is not its own.',
  'no-server-address': 'The relayed network names no server address and the message shows none.',
  'store-unavailable': 'Leases cannot be written, so no lease is given; free disk space or repair the disk.',
  'queue-full': 'Too many replies wait for the disk; the client asks again by itself.',
  superseded: 'A later message took the lease back before the answer to this one could leave.',
  'reply-late': 'Storing the lease took so long that the answer is of no use; the disk is overloaded.',
  'probe-running': 'The address is being probed for this client; the answer follows.',
  'address-in-use': 'Every address probed for the client answered to somebody else; find those hosts.',
};

/** Every reason, for counting. */
export const DHCP_REFUSAL_NAMES: readonly DhcpRefusal[] = Object.keys(DHCP_REFUSALS).filter(isRefusal);

/** True for the name of a reason. */
export function isRefusal(name: string): name is DhcpRefusal {
  return Object.hasOwn(DHCP_REFUSALS, name);
}

/** What happened, in the fields of an event. */
export interface DhcpEvent extends RackEvent {
  readonly kind: DhcpEventKind;
  readonly subnet?: string | undefined;
  readonly interfaceName?: string | undefined;
  /** Offer, ack. */
  readonly leaseSeconds?: number | undefined;
  readonly source?: AllocationSource | undefined;
  readonly renewal?: boolean | undefined;
  /** The kind of the boot client, when it boots from the network. */
  readonly client?: string | undefined;
  readonly architecture?: number | undefined;
  /** What it shall load, and why. */
  readonly file?: string | undefined;
  readonly planReason?: string | undefined;
  readonly hostname?: string | undefined;
  readonly vendorClass?: string | undefined;
  /** DISCOVER: for how long the client says that it has been asking, in seconds; undefined: it has just begun. */
  readonly waitedSeconds?: number | undefined;
  /** Why, where something was refused. */
  readonly reason?: string | undefined;
  /** Codes of options for which the reply had no room. */
  readonly omitted?: string | undefined;
}

/** The kinds of events of this room. */
export const DHCP_EVENTS = {
  'dhcp.offer': {
    level: 'info',
    message: 'DHCP offer',
    explanation:
      'A client looked for an address and was offered one, with the boot file it needs. If no lease follows, the client took another offer or did not hear this one.',
  },
  'dhcp.ack': {
    level: 'info',
    message: 'DHCP lease',
    explanation: 'A client got or renewed its address. The lease was on disk before the answer left.',
  },
  'dhcp.nak': {
    level: 'warning',
    message: 'DHCP request denied',
    explanation:
      'A client asked for an address it cannot have; it starts again at once. The reason says why. During a network boot this stops firmware of some vendors.',
  },
  'dhcp.release': {
    level: 'info',
    message: 'DHCP lease given back',
    explanation: 'A client gave its address back. Other clients may have it from now on.',
  },
  'dhcp.decline': {
    level: 'warning',
    message: 'DHCP address in use by another host',
    explanation:
      'A client found that another host uses the address it was given. The address is not handed out for a while. Find the other host, or take its address out of the dynamic range.',
  },
  'dhcp.conflict': {
    level: 'warning',
    message: 'DHCP address answered a probe',
    explanation:
      'Before an address was offered, another host answered for it. The address is not handed out for a while and the client gets another. Find the host, or take its address out of the dynamic range.',
  },
  'dhcp.inform': {
    level: 'debug',
    message: 'DHCP settings given',
    explanation: 'A host with an address of its own asked for the settings of the network and got them.',
  },
  'dhcp.refused': {
    level: 'warning',
    message: 'DHCP message not answered',
    explanation:
      'A message got no answer. The reason says why and what to do. In a flood only some are published; count says for how many each stands.',
  },
  'dhcp.malformed': {
    level: 'warning',
    message: 'DHCP message not understood',
    explanation:
      'A datagram on the DHCP port was not a valid message; the reason gives the fault and its place. One now and then is a broken device; many are a scan or an attack.',
  },
  'dhcp.expired': {
    level: 'info',
    message: 'DHCP lease ended',
    explanation: 'A client did not renew its lease: it was switched off, left the network, or went on booting.',
  },
  'dhcp.store-unavailable': {
    level: 'error',
    message: 'DHCP leases cannot be written',
    explanation:
      'The disk refused to store leases. No lease is given or renewed until it accepts them again; clients keep the address they have until it ends. Free disk space, or repair the disk.',
  },
  'dhcp.store-restored': {
    level: 'info',
    message: 'DHCP leases can be written again',
    explanation: 'The disk stores leases again. Clients that were left without an answer ask again by themselves.',
  },
  'dhcp.socket-open': {
    level: 'info',
    message: 'DHCP listens',
    explanation: 'DHCP answers on this interface or address.',
  },
  'dhcp.socket-failed': {
    level: 'error',
    message: 'DHCP cannot listen',
    explanation:
      'A socket for DHCP could not be opened; the reason says why. It is tried again by itself. The other interfaces are served meanwhile.',
  },
  'dhcp.send-failed': {
    level: 'warning',
    message: 'DHCP reply could not be sent',
    explanation:
      'The operating system refused to send a reply; the reason is its error code. The interface may be down or its address gone. The client asks again by itself.',
  },
} as const satisfies Readonly<Record<string, EventKind>>;

export type DhcpEventKind = keyof typeof DHCP_EVENTS;

/** Every kind, for counting. */
export const DHCP_EVENT_KINDS: readonly DhcpEventKind[] = Object.keys(DHCP_EVENTS).filter(isEventKind);

function isEventKind(name: string): name is DhcpEventKind {
  return Object.hasOwn(DHCP_EVENTS, name);
}
