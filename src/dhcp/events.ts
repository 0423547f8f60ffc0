// What DHCP tells of itself: the kinds of events, what an operator is told of each, and the reasons of refusals. Types and
// tables only.

import type { EventKind, RackEvent } from '../event.ts';
import { DHCP_SERVICE_EVENTS } from './service-events.ts';

/** How a client came by its address. */
export type AllocationSource = 'machine' | 'reservation' | 'own' | 'requested' | 'unused' | 'reclaimed';

/** Why a client cannot have a certain address. */
export type AddressObjection =
  /** Not in the network, or in none of its ranges and not fixed for this client. */
  | 'address-outside-range'
  /** The rack's, the router's, the network's or the broadcast address. */
  | 'address-excluded'
  /** Fixed for another client. */
  | 'address-reserved'
  /** Leased to another client. */
  | 'address-leased'
  /** Just offered to another client. */
  | 'address-offered'
  /** A client or a probe found somebody else using it. */
  | 'address-declined';

/** Why a client can have no address at all. */
export type AllocationRefusal = 'range-exhausted' | 'no-dynamic-range';

/** Why a message belongs to no served network. */
export type LinkRefusal =
  /** No subnet of the configuration holds the address by which the network is named. */
  | 'network-unknown'
  /** The relay agent is none that the network knows, or there is none where one is needed. */
  | 'relay-unknown'
  /** A relay agent is named, and the datagram comes from somewhere else. */
  | 'relay-source-unknown'
  /** Sent to the rack's own address from a network that is not served. */
  | 'source-unserved'
  /** The interface has no subnet. */
  | 'interface-unserved'
  /** The interface lacks the configured address. */
  | 'interface-without-address';

/** Why a message got no answer, or a NAK. Stable strings: logs, metrics and timelines carry them. */
export type DhcpRefusal =
  | LinkRefusal
  | AllocationRefusal
  | AddressObjection
  | 'class-denied'
  | 'not-a-request'
  | 'bootp-unsupported'
  | 'hardware-unsupported'
  | 'message-type-unknown'
  | 'other-server-chosen'
  | 'address-not-named'
  | 'no-record'
  | 'wrong-network'
  | 'fixed-address-differs'
  | 'lease-differs'
  | 'not-the-holder'
  | 'server-not-named'
  | 'sent-from-elsewhere'
  | 'client-address-impossible'
  | 'no-server-address'
  | 'store-unavailable'
  | 'queue-full'
  | 'superseded'
  | 'reply-late'
  | 'interface-gone'
  | 'probe-running'
  | 'probes-waiting'
  | 'address-in-use'
  | 'too-many-new-clients'
  | 'not-booting'
  | 'proxy-silent'
  | 'network-not-proxied'
  | 'no-loader';

/** Each reason in a sentence, with the remedy where there is one. */
export const DHCP_REFUSALS: Readonly<Record<DhcpRefusal, string>> = {
  'network-unknown': 'No served network holds the relay, client or selected address; add it to the cluster interfaces.',
  'relay-unknown':
    'No relay agent that may ask for the network: its address is in no served network, not in relays of the cluster interface, or this rack’s own, or a host of another wire asked without one; add it to relays, if it is one of yours.',
  'relay-source-unknown':
    'The message names a relay agent and comes from another address, which the network does not name and which is no free-standing host of a served network; add it to relay_sources of the cluster interface if a relay agent of yours sends from there, else look for who forges messages.',
  'source-unserved':
    'The message came to the rack’s own address, through no relay agent, from a network that is not served: no client does that; look for who forges messages, or add an access server of yours to relay_sources of the cluster interface.',
  'interface-unserved':
    'The message came by an interface that has no network to serve; add a cluster interface for it, or close it to DHCP.',
  'interface-without-address': 'The interface does not have its configured address yet; give it the address.',
  'range-exhausted': 'Every dynamic address is leased, offered or declined; enlarge the dynamic range.',
  'no-dynamic-range':
    'The client has no fixed address and the network has no dynamic range; add ip_range_low and ip_range_high, or a host.',
  'address-outside-range': 'The address belongs to no dynamic range and is not fixed for the client.',
  'address-excluded': 'The address is the rack’s own, the router’s, or the network’s; give the client another one.',
  'address-reserved': 'The address is fixed for another client, or in the static range.',
  'address-leased': 'Another client holds the address.',
  'address-offered': 'The address has just been offered to another client.',
  'address-declined': 'Somebody was found using the address without a lease; find that host.',
  'class-denied':
    'A class of the configuration denies its clients every answer; change `when` or `deny` of that class, if this one is meant to have one.',
  'not-a-request': 'The message is a reply of a server, not a request of a client.',
  'bootp-unsupported':
    'The client speaks BOOTP without DHCP; Rackboot serves DHCP only: switch the client to DHCP or give it a static address.',
  'hardware-unsupported':
    'The hardware address is not an Ethernet address of six bytes, or is no single host’s; set a proper one on the client’s card.',
  'message-type-unknown': 'The DHCP message type is not one that clients send to servers.',
  'other-server-chosen': 'The client took the offer of another DHCP server; two servers answer on this network.',
  'address-not-named': 'The message does not say which address it is about.',
  'no-record':
    'This server has no record of the client that asks for the address; it stays silent for another server that may have one.',
  'wrong-network': 'The client asks with or for an address of another network; it has moved.',
  'fixed-address-differs': 'The client asks for a former address; another one is fixed for it now.',
  'lease-differs':
    'The client has a running lease and asks for another address; it is offered its own when it starts again, or somebody speaks in its name.',
  'not-the-holder': 'The client speaks of an address that is not its own; rackboot leases show says whose it is.',
  'server-not-named':
    'The client gives its address back by broadcast and does not say to which server; only what names this one is believed.',
  'sent-from-elsewhere':
    'An address is given back from another address, or declined by a datagram to the rack alone: no client does that; look for who forges messages.',
  'client-address-impossible':
    'The client says that it has the first or last address of a served network, or this rack’s own: no client can; look for who forges messages, or for a host with a wrong static address.',
  'no-server-address':
    'The relayed network names no server address and the message shows none; set ip of its cluster interface.',
  'store-unavailable': 'Leases cannot be written, so no lease is given; rackboot status says why.',
  'queue-full': 'Too many replies wait for the disk; the client asks again by itself.',
  superseded: 'A later message took the lease back before the answer to this one could leave.',
  'reply-late': 'Storing the lease took so long that the answer is of no use; the disk is overloaded.',
  'interface-gone':
    'The interface went away before the answer could leave; where it is served again, the client asks and gets the same address.',
  'probe-running': 'The address is being probed for this client; the answer follows.',
  'probes-waiting':
    'So many new clients came at once that addresses cannot be probed for all of them; the client gets an offer when it asks again.',
  'not-booting': 'The network is in proxy mode and the client does not boot from it; the other DHCP server answers.',
  'proxy-silent': 'The network is in proxy mode and the message is for the other DHCP server.',
  'network-not-proxied':
    'The client asks for a boot server on a network that is not in proxy mode; set mode: proxy there.',
  'no-loader': 'There is no loader for the architecture of the client; name one under boot.loaders.',
  'too-many-new-clients':
    'Too many clients that nobody knows ask for addresses there; find who sends for them, or raise dhcp.new_clients_per_second.',
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
  /** Where the file is, when options of the configuration say what boots (66, 67) and not the plan. */
  readonly fileServer?: string | undefined;
  readonly hostname?: string | undefined;
  /** The classes of the configuration that the client is in; of a refusal, the one that denies. */
  readonly classes?: string | undefined;
  /** Through a relay, of an ack or a refusal: which port of which switch, as the relay says (option 82); text, or `0x` and hexadecimal digits. */
  readonly circuitId?: string | undefined;
  readonly remoteId?: string | undefined;
  /** A refusal: the relay through which the message came. */
  readonly relay?: string | undefined;
  /** A refusal: the address by which the message names its network: link selection, subnet selection, the relay's, the client's. */
  readonly wanted?: string | undefined;
  /** Of what no client sends: the source of the datagram. */
  readonly from?: string | undefined;
  readonly vendorClass?: string | undefined;
  /** DISCOVER: for how long the client says that it has been asking, in seconds; undefined: it has just begun. */
  readonly waitedSeconds?: number | undefined;
  /** Only what to load was offered: another server gives the address. */
  readonly proxied?: boolean | undefined;
  /** Another DHCP server, as it names itself. */
  readonly server?: string | undefined;
  /** A conflict: the hardware address of the host that has the address, as text. */
  readonly usedBy?: string | undefined;
  /** Of a range: its addresses, how many are in use, how many can be handed out at all. */
  readonly range?: string | undefined;
  readonly used?: number | undefined;
  readonly usable?: number | undefined;
  /** Where new clients are: an interface, a relay agent, or a circuit of either. */
  readonly place?: string | undefined;
  /** Why, where something was refused. */
  readonly reason?: string | undefined;
  /** How many leases of another server were taken over. */
  readonly imported?: number | undefined;
  /** Codes of options for which the reply had no room. */
  readonly omitted?: string | undefined;
  /** Another server: what it offered, how it was noticed, and whether it only tells what to boot. `mac`, `address` are its own. */
  readonly offered?: string | undefined;
  readonly evidence?: 'probe' | 'client' | 'reply' | undefined;
  readonly isBootOnly?: boolean | undefined;
}

/** The kinds of events of this room. */
export const DHCP_EVENTS = {
  'dhcp.offer': {
    level: 'info',
    message: 'DHCP offer',
    explanation:
      'A client looked for an address and was offered one, with the boot file it needs. If no lease follows, the client took another offer or did not hear this one. In proxy mode (proxied) it was offered the boot file only. Of offers that are repeated in a flood only some are published; count says for how many each stands.',
  },
  'dhcp.ack': {
    level: 'info',
    message: 'DHCP lease',
    explanation:
      'A client got or renewed its address. The lease was on disk before the answer left. Of a client that comes again and again within a second only some are published; count says for how many each stands.',
  },
  'dhcp.elsewhere': {
    level: 'info',
    message: 'DHCP address from another server',
    explanation:
      'On a network in proxy mode a machine asked another DHCP server (server) for this address. From here on it is known by it; a machine that the region knows gets its name for it. In a flood only some are published; count says for how many each stands.',
  },
  'dhcp.boot-server': {
    level: 'info',
    message: 'DHCP boot server asked',
    explanation:
      'On a network in proxy mode a machine asked this rack, on port 4011, what to load, and was told. Firmware does so when the offer named no boot file. In a flood only some are published; count says for how many each stands.',
  },
  'dhcp.nak': {
    level: 'warning',
    message: 'DHCP request denied',
    explanation:
      'A client asked for an address it cannot have; it starts again at once. The reason says why. During a network boot this stops firmware of some vendors. In a flood only some are published; count says for how many each stands.',
  },
  'dhcp.release': {
    level: 'info',
    message: 'DHCP lease given back',
    explanation:
      'A client gave its address back. Other clients may have it from now on. Of a client that takes and gives it back again and again within a second only some are published; count says for how many each stands.',
  },
  'dhcp.decline': {
    level: 'warning',
    message: 'DHCP address in use by another host',
    explanation:
      'A client found that another host uses the address it was given. The address is not handed out for a while. Find the other host, or take its address out of the dynamic range.',
  },
  'dhcp.declines-limited': {
    level: 'warning',
    message: 'DHCP address declined and kept in use',
    explanation:
      'A client says again and again that its address is used by another host, or a quarter of the range is set aside for that reason. This address is not set aside: it is the last one that is handed out again. Either there are many hosts with addresses of their own in the dynamic range, or a client lies; look at its switch port.',
  },
  'dhcp.declined-back': {
    level: 'info',
    message: 'DHCP address handed out again',
    explanation:
      'An address that somebody was found using without a lease has been set aside long enough. It is handed out again, after it was looked at.',
  },
  'dhcp.new-clients-limited': {
    level: 'warning',
    message: 'DHCP new clients held back',
    explanation:
      'More clients that nobody knows ask for addresses there (place: an interface or a circuit of it, a relay agent or its circuit, or an interface or address of the rack for all that relays bring there) than dhcp.new_clients_per_second allows, or most of the range is on offer and not taken. Machines that are known are served as ever, and a client that asks again is served before those that ask for the first time. When it is no hall that was just switched on, somebody tries to use up the addresses: find the switch port. Told at most once a minute for a place, and of many places that come by one way a few at first and then one a minute.',
  },
  'dhcp.range-filling': {
    level: 'warning',
    message: 'DHCP range is nearly full',
    explanation:
      'Nine tenths of the addresses of a dynamic range are in use (used of usable). When none is left, machines that nobody knows get no address. Enlarge the range, or shorten lease_time.',
  },
  'dhcp.range-full': {
    level: 'error',
    message: 'DHCP range is full',
    explanation:
      'Every address of a dynamic range is leased, on offer or set aside. A client that nobody knows gets no address until a lease ends; machines that have one keep it. Enlarge the range, or shorten lease_time.',
  },
  'dhcp.range-eased': {
    level: 'info',
    message: 'DHCP range has room again',
    explanation: 'A dynamic range that was full or nearly so has free addresses again.',
  },
  'dhcp.conflict': {
    level: 'warning',
    message: 'DHCP address answered a probe',
    explanation:
      'Before an address was offered, another host (usedBy) answered for it. The address is not handed out for a while and the client gets another; without a client, the rack asked ahead of need. Find the host, or take its address out of the dynamic range.',
  },
  'dhcp.fixed-address-used': {
    level: 'error',
    message: 'Fixed DHCP address answered a probe',
    explanation:
      'An address that the region or a reservation fixes for a client was to be offered to it, and another host (usedBy) answered for it on the wire. The client gets a dynamic address, where there is a range, and DNS goes on naming the fixed one. Whenever the client asks anew, once a minute at most, the wire is asked again, and the client has its address back as soon as nobody answers. Find usedBy by its switch port: it has the address by mistake, or forges answers (ARP inspection on the switch stops that). If it is to keep the address, fix another one for the client.',
  },
  'dhcp.still-used': {
    level: 'info',
    message: 'DHCP address still used by its last holder',
    explanation:
      'The lease of an address had ended, another client was to get it, and its last holder (usedBy) answered for it on the wire. That is no conflict: the holder keeps the address for another minute, so it can go on loading or ask again, and the other client gets another address. That goes on for 5 minutes without a DHCP message of the holder; after that its answers are a conflict like any other. Such a host runs without renewing its lease: restart its DHCP client, or reserve the address for it.',
  },
  'dhcp.cleared': {
    level: 'info',
    message: 'DHCP address cleared by a person',
    explanation:
      'A person gave an address that was set aside, because a client or a probe found somebody using it, back to its range before its time (rackboot leases clear). It is looked at again before it is offered.',
  },
  'dhcp.probes-distrusted': {
    level: 'warning',
    message: 'Too many addresses answer probes',
    explanation:
      'Within an hour a quarter of a dynamic range was set aside because somebody answered when the wire was asked, or kept for hosts whose leases had ended and that seemed to answer. Until that is over, such answers are not believed. Either many hosts have fixed addresses inside the dynamic range, or one device (usedBy answered last) answers for all: a router with proxy ARP, or an attack. Move the range, mend the device, or say `conflict_check: false`.',
  },
  'dhcp.inform': {
    level: 'debug',
    message: 'DHCP settings given',
    explanation:
      'A host with an address of its own asked for the settings of the network and got them. In a flood only some are published; count says for how many each stands.',
  },
  'dhcp.refused': {
    level: 'warning',
    message: 'DHCP message not answered',
    explanation:
      'A message got no answer. The reason says why and what to do; relay, wanted (the address by which it names its network) and circuitId say where it came from. In a flood only some are published; count says for how many each stands.',
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
    explanation:
      'A client did not renew its lease: it was switched off, left the network, or went on booting. What ended while the rack was down is told when it runs again.',
  },
  'dhcp.foreign-server': {
    level: 'warning',
    message: 'Another DHCP server answers here',
    explanation:
      'Another DHCP server was seen on a network that this rack serves; the address is its own, the hardware address whose frame its answer came in. Machines take whichever offer comes first, so some may not boot from here. This rack goes on serving, but with `authoritative: auto` it no longer says anything to clients whose address the other server may have given; what is only heard of a server (evidence client or reply) counts for a minute and a half in an hour, while it is asked for, and for clients that chose it themselves. Switch the other server off, or keep its range apart and say `authoritative: no`, or leave the addresses to it.',
  },
  'dhcp.probe-blind': {
    level: 'info',
    message: 'DHCP cannot ask for other servers',
    explanation:
      'Other DHCP servers are looked for by frames of their own, and this process may not send them: it lacks CAP_NET_RAW, or the system is not Linux. A server that a client chooses is noticed all the same. Told once.',
  },
  'dhcp.foreign-server-gone': {
    level: 'info',
    message: 'Another DHCP server is gone',
    explanation:
      'A DHCP server that was seen here has left three probes unanswered, and no client has named it meanwhile. With `authoritative: auto` this rack counts as the only one again.',
  },
  'dhcp.imported': {
    level: 'info',
    message: 'DHCP leases of another server taken over',
    explanation:
      'A person had leases read from the file of another DHCP server (rackboot leases import). Their clients keep their addresses; imported says how many there were.',
  },
  'dhcp.ended': {
    level: 'info',
    message: 'DHCP lease ended by a person',
    explanation:
      'A person ended a lease before its time (rackboot leases end), as for a machine that is gone. Other clients may have its address from now on. A client that uses it after all and asks again keeps it, unless another one has it by then.',
  },
  ...DHCP_SERVICE_EVENTS,
} as const satisfies Readonly<Record<string, EventKind>>;

export type DhcpEventKind = keyof typeof DHCP_EVENTS;

/** Every kind, for counting. */
export const DHCP_EVENT_KINDS: readonly DhcpEventKind[] = Object.keys(DHCP_EVENTS).filter(isEventKind);

function isEventKind(name: string): name is DhcpEventKind {
  return Object.hasOwn(DHCP_EVENTS, name);
}
