// DHCP events: their kinds, the explanation of each for operators, and the reasons of refusals. Types and tables only.

import type { EventKind, RackEvent } from '../event.ts';
import { DHCP_SERVICE_EVENTS } from './service-events.ts';

/** Where a client's address came from. */
export type AllocationSource = 'machine' | 'reservation' | 'own' | 'requested' | 'unused' | 'reclaimed';

/** Why a client cannot have a particular address. */
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
  /** A client or a probe found another host using it. */
  | 'address-declined';

/** Why a client cannot have any address. */
export type AllocationRefusal = 'range-exhausted' | 'no-dynamic-range';

/** Why a message belongs to no served network. */
export type LinkRefusal =
  /** No configured subnet holds the address that names the network. */
  | 'network-unknown'
  /** The network does not know this relay agent. */
  | 'relay-unknown'
  /** The message names a relay agent, but its datagram comes from elsewhere. */
  | 'relay-source-unknown'
  /** Sent to the rack's own address from a network that is not served. */
  | 'source-unserved'
  /** The message concerns a network, but comes without a relay agent from a host of another wire. */
  | 'other-wire'
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

/** A sentence for each reason, with the remedy if there is one. */
export const DHCP_REFUSALS: Readonly<Record<DhcpRefusal, string>> = {
  'network-unknown': 'No served network holds the relay, client or selected address; add it to the cluster interfaces.',
  'relay-unknown':
    'The relay agent may not ask for this network: its address is in no served network, is missing from relays of the cluster interface, or is this rack’s own. If it is yours, add it to relays.',
  'relay-source-unknown':
    'The message names a relay agent but comes from another address, which the network does not name and which is not a host without a lease in a served network. If one of your relay agents sends from there, add it to relay_sources of the cluster interface; else find out who forges messages.',
  'source-unserved':
    'The message came to the rack’s own address, without a relay agent, from a network that is not served. No client does that: find out who forges messages, or add an access server of yours to relay_sources of the cluster interface.',
  'other-wire':
    'The message names this network (option 118 or 82.5) or came to an address of the rack there, without a relay agent, from a host of another wire. No client does that: find out who forges messages, or add an access server of yours to relay_sources of the cluster interface.',
  'interface-unserved':
    'The message came by an interface without a served network; add a cluster interface for it, or block DHCP on it.',
  'interface-without-address': 'The interface does not have its configured address yet; give it the address.',
  'range-exhausted': 'Every dynamic address is leased, offered or declined; enlarge the dynamic range.',
  'no-dynamic-range':
    'The client has no fixed address and the network has no dynamic range; add ip_range_low and ip_range_high, or a host.',
  'address-outside-range': 'The address belongs to no dynamic range and is not fixed for the client.',
  'address-excluded': 'The address is the rack’s own, the router’s, or the network’s; give the client another one.',
  'address-reserved': 'The address is fixed for another client, or in the static range.',
  'address-leased': 'Another client holds the address.',
  'address-offered': 'The address has just been offered to another client.',
  'address-declined': 'A host was found using the address without a lease; find that host.',
  'class-denied':
    'A configured class denies its clients every answer; if this client should get one, change `when` or `deny` of that class.',
  'not-a-request': 'The message is a reply of a server, not a request of a client.',
  'bootp-unsupported':
    'The client speaks BOOTP without DHCP; Rackboot serves DHCP only: switch the client to DHCP or give it a static address.',
  'hardware-unsupported':
    'The hardware address is not the six-byte Ethernet address of a single host; set a proper one on the client’s card.',
  'message-type-unknown': 'Clients do not send this DHCP message type to servers.',
  'other-server-chosen': 'The client took the offer of another DHCP server; two servers answer on this network.',
  'address-not-named': 'The message does not name the address it concerns.',
  'no-record':
    'This server has no record of the client for this address; it stays silent because another server may have one.',
  'wrong-network': 'The client asks with or for an address of another network; it has moved.',
  'fixed-address-differs': 'The client asks for a former address; another one is fixed for it now.',
  'lease-differs':
    'The client has a running lease and asks for another address. Either it gets its own address when it starts again, or another host speaks in its name.',
  'not-the-holder': 'The client names an address that it does not hold; rackboot leases show says who does.',
  'server-not-named':
    'The client released its address by broadcast without naming a server; a release must name this one.',
  'sent-from-elsewhere':
    'A message came to the rack from another address than its client names as its own (a renewal through address translation, for instance), a release did so by broadcast, or a decline came by unicast. Find out who forges messages, or add the translated address to relay_sources of the cluster interface; the client is answered when it broadcasts.',
  'client-address-impossible':
    'The client claims the first or last address of a served network, or this rack’s own. No client can have it: find out who forges messages, or find a host with a wrong static address.',
  'no-server-address':
    'The relayed network names no server address and the message shows none; set ip of its cluster interface.',
  'store-unavailable': 'Leases cannot be written, so no lease is given; rackboot status says why.',
  'queue-full': 'Too many replies wait for the disk; the client asks again.',
  superseded: 'A later message ended the lease before the answer to this one could leave.',
  'reply-late': 'Storing the lease took so long that the answer is useless; the disk is overloaded.',
  'interface-gone':
    'The interface went away before the answer could leave; when it is served again, the client asks and gets the same address.',
  'probe-running': 'The address is being probed for this client; the answer follows.',
  'probes-waiting':
    'Too many new clients came at once to probe addresses for all of them; the client is answered when it asks again.',
  'not-booting': 'The network is in proxy mode and the client does not boot from it; the other DHCP server answers.',
  'proxy-silent': 'The network is in proxy mode and the message is for the other DHCP server.',
  'network-not-proxied':
    'The client asks for a boot server on a network that is not in proxy mode; set mode: proxy there.',
  'no-loader': 'No loader is known for the client’s architecture; name one under boot.loaders.',
  'too-many-new-clients':
    'Too many unknown clients ask for addresses there; find out who sends for them, or raise dhcp.new_clients_per_second.',
  'address-in-use': 'Another host answered for every address probed for the client; find those hosts.',
};

/** Every reason, for counting. */
export const DHCP_REFUSAL_NAMES: readonly DhcpRefusal[] = Object.keys(DHCP_REFUSALS).filter(isRefusal);

/** True for the name of a reason. */
export function isRefusal(name: string): name is DhcpRefusal {
  return Object.hasOwn(DHCP_REFUSALS, name);
}

/** An event and its fields. */
export interface DhcpEvent extends RackEvent {
  readonly kind: DhcpEventKind;
  readonly subnet?: string | undefined;
  readonly interfaceName?: string | undefined;
  /** Offer, ack. */
  readonly leaseSeconds?: number | undefined;
  readonly source?: AllocationSource | undefined;
  readonly renewal?: boolean | undefined;
  /** The kind of the boot client, if it boots from the network. */
  readonly client?: string | undefined;
  readonly architecture?: number | undefined;
  /** The file it is given to load, and why. */
  readonly file?: string | undefined;
  readonly planReason?: string | undefined;
  /** The server of the file, if configured options (66, 67) replace the plan. */
  readonly fileServer?: string | undefined;
  readonly hostname?: string | undefined;
  /** The configured classes the client is in; for a refusal, the class that denies. */
  readonly classes?: string | undefined;
  /** An ack or refusal through a relay: the switch port and switch it reports (option 82), as text, or `0x` and hexadecimal digits. */
  readonly circuitId?: string | undefined;
  readonly remoteId?: string | undefined;
  /** For a refusal: the relay through which the message came. */
  readonly relay?: string | undefined;
  /** For a refusal: the address that names its network: link selection, subnet selection, the relay's, the client's. */
  readonly wanted?: string | undefined;
  /** For messages no client sends: the source of the datagram. */
  readonly from?: string | undefined;
  readonly vendorClass?: string | undefined;
  /** For a DISCOVER: how long the client says it has been asking, in seconds; undefined: it has just begun. */
  readonly waitedSeconds?: number | undefined;
  /** Only boot information was offered: another server gives the address. */
  readonly proxied?: boolean | undefined;
  /** Another DHCP server, by its own identifier. */
  readonly server?: string | undefined;
  /** For a conflict: the hardware address of the host that has the address, as text. */
  readonly usedBy?: string | undefined;
  /** For a range: its addresses, how many are in use, how many can be handed out at all. */
  readonly range?: string | undefined;
  readonly used?: number | undefined;
  readonly usable?: number | undefined;
  /** Where the new clients are: an interface, a relay agent, or a circuit of either. */
  readonly place?: string | undefined;
  /** Why something was refused. */
  readonly reason?: string | undefined;
  /** How many leases of another server were imported. */
  readonly imported?: number | undefined;
  /** Codes of options that did not fit in the reply. */
  readonly omitted?: string | undefined;
  /**
   * For another server: what it offered, how it was noticed, and whether it gives boot information only. `mac` and `address` are its own.
   */
  readonly offered?: string | undefined;
  readonly evidence?: 'probe' | 'client' | 'reply' | undefined;
  readonly isBootOnly?: boolean | undefined;
}

/** The kinds of DHCP events. */
export const DHCP_EVENTS = {
  'dhcp.offer': {
    level: 'info',
    message: 'DHCP offer',
    explanation:
      'A client looked for an address and was offered one, with the boot file it needs. If no lease follows, the client took another offer or did not hear this one. In proxy mode (proxied) it was offered the boot file only. In a flood of repeated offers only some are published; count says how many each stands for.',
  },
  'dhcp.ack': {
    level: 'info',
    message: 'DHCP lease',
    explanation:
      'A client got or renewed its address. The lease was on disk before the answer left. If a client asks repeatedly within a second, only some of these are published; count says how many each stands for.',
  },
  'dhcp.elsewhere': {
    level: 'info',
    message: 'DHCP address from another server',
    explanation:
      'On a network in proxy mode a machine asked another DHCP server (server) for this address. The rack now knows the machine by it, and a machine of the region gets its name for it. In a flood only some are published; count says how many each stands for.',
  },
  'dhcp.boot-server': {
    level: 'info',
    message: 'DHCP boot server asked',
    explanation:
      'On a network in proxy mode a machine asked this rack, on port 4011, what to load, and got an answer. Firmware does so if the offer named no boot file. In a flood only some are published; count says how many each stands for.',
  },
  'dhcp.nak': {
    level: 'warning',
    message: 'DHCP request denied',
    explanation:
      'A client asked for an address it cannot have; it starts again at once. The reason says why. During a network boot this stops firmware of some vendors. In a flood only some are published; count says how many each stands for.',
  },
  'dhcp.release': {
    level: 'info',
    message: 'DHCP lease given back',
    explanation:
      'A client released its address. Other clients may now have it. If a client takes and releases it repeatedly within a second, only some of these are published; count says how many each stands for.',
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
      'A client repeatedly says that another host uses its address, or a quarter of the range is already set aside for that reason. This address is not set aside; it is handed out again last. Either many hosts use addresses of their own in the dynamic range, or a client lies; look at its switch port.',
  },
  'dhcp.declined-back': {
    level: 'info',
    message: 'DHCP address handed out again',
    explanation:
      'An address that a host was found using without a lease has been set aside long enough. The rack probes it and hands it out again.',
  },
  'dhcp.new-clients-limited': {
    level: 'warning',
    message: 'DHCP new clients held back',
    explanation:
      'More unknown clients ask for addresses at this place than dhcp.new_clients_per_second allows, or most of the range is on offer and not taken. (place is an interface or a circuit of it, a relay agent or its circuit, or an interface or address of the rack for all that relays bring there.) Known machines are served as usual, and a client that asks again is served before one that asks for the first time. Unless a whole hall was just powered on, a host is trying to use up the addresses: find its switch port. Published at most once a minute per place; of many places that come by one way, a few at first and then one a minute.',
  },
  'dhcp.range-filling': {
    level: 'warning',
    message: 'DHCP range is nearly full',
    explanation:
      'Nine tenths of the addresses of a dynamic range are in use (used of usable). When none is left, unknown machines get no address. Enlarge the range, or shorten lease_time.',
  },
  'dhcp.range-full': {
    level: 'error',
    message: 'DHCP range is full',
    explanation:
      'Every address of a dynamic range is leased, on offer or set aside. An unknown client gets no address until a lease ends; machines that have one keep it. Enlarge the range, or shorten lease_time.',
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
      'The rack was about to offer a client the address that the region or a reservation fixes for it, and another host (usedBy) answered for it on the wire. The client gets a dynamic address if there is a range, and DNS goes on naming the fixed one. When the client asks again, at most once a minute, the rack probes again, and the client gets its address back as soon as no host answers. Find usedBy by its switch port: it has the address by mistake, or forges answers (ARP inspection on the switch stops that). If it should keep the address, fix another one for the client.',
  },
  'dhcp.still-used': {
    level: 'info',
    message: 'DHCP address still used by its last holder',
    explanation:
      'The lease of an address had ended, another client was about to get it, and its last holder (usedBy) answered for it on the wire. That is no conflict: the holder keeps the address for another minute, so it can go on loading or ask again, and the other client gets another address. That goes on for 5 minutes without a DHCP message of the holder; after that its answers are a conflict like any other. Such a host runs without renewing its lease: restart its DHCP client, or reserve the address for it.',
  },
  'dhcp.cleared': {
    level: 'info',
    message: 'DHCP address cleared by a person',
    explanation:
      'A person returned an address to its range early (rackboot leases clear). It had been set aside because a client or a probe found a host using it. The rack probes it before offering it.',
  },
  'dhcp.probes-distrusted': {
    level: 'warning',
    message: 'Too many addresses answer probes',
    explanation:
      'Within an hour a quarter of a dynamic range was set aside because hosts answered probes, or kept for hosts whose leases had ended and that seemed to answer. Until then the rack disbelieves such answers. Either many hosts have fixed addresses inside the dynamic range, or one device (usedBy answered last) answers for all: a router with proxy ARP, or an attack. Move the range, repair the device, or set `conflict_check: false`.',
  },
  'dhcp.inform': {
    level: 'debug',
    message: 'DHCP settings given',
    explanation:
      'A host with an address of its own asked for the settings of the network and got them. In a flood only some are published; count says how many each stands for.',
  },
  'dhcp.refused': {
    level: 'warning',
    message: 'DHCP message not answered',
    explanation:
      'A message got no answer. The reason says why and what to do; relay, wanted (the address by which it names its network) and circuitId say where it came from. In a flood only some are published; count says how many each stands for.',
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
      'A client did not renew its lease: it was switched off, left the network, or went on booting. Leases that ended while the rack was down are reported when it runs again.',
  },
  'dhcp.foreign-server': {
    level: 'warning',
    message: 'Another DHCP server answers here',
    explanation:
      'Another DHCP server was seen on a network that this rack serves; address is its own, mac that of the frame its answer came in. Machines take whichever offer comes first, so some may not boot from here. This rack goes on serving, but with `authoritative: auto` it stays silent towards clients whose address the other server may have given. A server known only by hearsay (evidence client or reply) counts for a minute and a half in an hour, while the rack probes for it, and for clients that chose it themselves. Switch the other server off, or keep its range apart and set `authoritative: no`, or leave the addresses to it.',
  },
  'dhcp.probe-blind': {
    level: 'info',
    message: 'DHCP cannot ask for other servers',
    explanation:
      'The rack finds other DHCP servers by sending raw frames, which this process may not do: it lacks CAP_NET_RAW, or the system is not Linux. The rack still notices a server that a client chooses. Published once.',
  },
  'dhcp.foreign-server-gone': {
    level: 'info',
    message: 'Another DHCP server is gone',
    explanation:
      'A DHCP server that was seen here has not answered three probes, and no client has named it since. With `authoritative: auto` this rack counts as the only one again.',
  },
  'dhcp.imported': {
    level: 'info',
    message: 'DHCP leases of another server taken over',
    explanation:
      'A person imported leases from the file of another DHCP server (rackboot leases import). Their clients keep their addresses; imported says how many there were.',
  },
  'dhcp.ended': {
    level: 'info',
    message: 'DHCP lease ended by a person',
    explanation:
      'A person ended a lease before its time (rackboot leases end), for example of a machine that is gone. Other clients may now have its address. If the client still uses it and asks again, it keeps the address unless another client has it by then.',
  },
  ...DHCP_SERVICE_EVENTS,
} as const satisfies Readonly<Record<string, EventKind>>;

export type DhcpEventKind = keyof typeof DHCP_EVENTS;

/** Every kind, for counting. */
export const DHCP_EVENT_KINDS: readonly DhcpEventKind[] = Object.keys(DHCP_EVENTS).filter(isEventKind);

function isEventKind(name: string): name is DhcpEventKind {
  return Object.hasOwn(DHCP_EVENTS, name);
}
