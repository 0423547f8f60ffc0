// DHCP events: their kinds, and the explanation of each for operators. Types and tables only.

import type { EventKind, RackEvent } from '../../event.ts';
import { DHCP_SERVICE_EVENTS } from './service-events.ts';

/** Where a client's address came from. */
export type AllocationSource = 'machine' | 'reservation' | 'own' | 'requested' | 'unused' | 'reclaimed';

/** An event and its fields. */
export interface DhcpEvent extends RackEvent {
  readonly kind: DhcpEventKind;
  /** The network, by the name of its cluster interface. */
  readonly subnet?: string | undefined;
  /** The interface by which the message came, or that of the network. */
  readonly interfaceName?: string | undefined;
  /** For an offer or ack: the lease time, in seconds. */
  readonly leaseSeconds?: number | undefined;
  /** For an offer: where its address comes from. */
  readonly source?: AllocationSource | undefined;
  /** For an ack: whether it extends a running lease. */
  readonly renewal?: boolean | undefined;
  /** For leases that cannot be written: their database. */
  readonly database?: string | undefined;
  /** For leases that cannot be written: how long a write lasts, in milliseconds. */
  readonly milliseconds?: number | undefined;
  /** For leases that cannot be written: the words of the database. */
  readonly said?: string | undefined;
  /** The kind of the boot client, if it boots from the network. */
  readonly client?: string | undefined;
  /** The architecture of the boot client, as the number of option 93. */
  readonly architecture?: number | undefined;
  /** What the boot client showed of itself, if its signs contradict each other; `client` and `architecture` are what it was taken for. */
  readonly contradiction?: string | undefined;
  /** The file it is given to load. */
  readonly file?: string | undefined;
  /** Why it gets another file than the built-in loader: the key that overrides this loader. */
  readonly loaderKey?: string | undefined;
  /** The class that has `loaderKey`; undefined: `boot.loaders` has it. */
  readonly loaderClass?: string | undefined;
  /** Why it gets another file than the built-in loader: the quirk of its firmware. */
  readonly quirk?: string | undefined;
  /** The real architecture of the client, according to its quirk. */
  readonly quirkArchitecture?: number | undefined;
  /** Why it gets another file than the built-in loader: the loader that it loaded again and again. */
  readonly loopFile?: string | undefined;
  /** How many times it loaded `loopFile`. */
  readonly loopLoads?: number | undefined;
  /** The server of the file, if configured options (66, 67) replace the plan. */
  readonly fileServer?: string | undefined;
  /** The client's name here, else the one it gives itself. */
  readonly hostname?: string | undefined;
  /** The configured classes the client is in; for a refusal, the class that denies. */
  readonly classes?: string | undefined;
  /** An ack or refusal through a relay: the switch port that it reports (option 82), as text, or `0x` and hexadecimal digits. */
  readonly circuitId?: string | undefined;
  /** An ack or refusal through a relay: the switch that it reports, in the same form. */
  readonly remoteId?: string | undefined;
  /** For a refusal: the relay through which the message came. */
  readonly relay?: string | undefined;
  /** For a refusal: the address that names its network: link selection, subnet selection, the relay's, the client's. */
  readonly wanted?: string | undefined;
  /** For messages no client sends: the source of the datagram. */
  readonly from?: string | undefined;
  /** For hardware that is not Ethernet: its type (RFC 1700), and the client's identifier (option 61) as text, or `0x` and hexadecimal digits. */
  readonly hardwareType?: number | undefined;
  readonly clientId?: string | undefined;
  /** The client's vendor class (option 60). */
  readonly vendorClass?: string | undefined;
  /** For a DISCOVER: how long the client says it has been asking, in seconds; undefined: it has just begun. */
  readonly waitedSeconds?: number | undefined;
  /** Only boot information was offered: another server gives the address. */
  readonly proxied?: boolean | undefined;
  /** Another DHCP server, by its own identifier. */
  readonly server?: string | undefined;
  /** For a conflict: the hardware address of the host that has the address, as text. */
  readonly usedBy?: string | undefined;
  /** For a range: its first and last address. */
  readonly range?: string | undefined;
  /** For a range: how many of its addresses are in use. */
  readonly used?: number | undefined;
  /** For a range: how many of its addresses can be handed out at all. */
  readonly usable?: number | undefined;
  /** Where the new clients are: an interface, a relay agent, or a circuit of either. */
  readonly place?: string | undefined;
  /** Why something was refused. */
  readonly reason?: string | undefined;
  /** The invalid field of a message. */
  readonly field?: string | undefined;
  /** The place of that field's first byte in the message, from 0. */
  readonly offset?: number | undefined;
  /** How many leases of another server were imported. */
  readonly imported?: number | undefined;
  /** Codes of options that did not fit in the reply. */
  readonly omitted?: string | undefined;
  /** For another server: the address that it offered. `mac` and `address` are the server's own. */
  readonly offered?: string | undefined;
  /** For another server: how it was noticed. */
  readonly evidence?: 'probe' | 'client' | 'reply' | undefined;
  /** For another server: whether it gives boot information only. */
  readonly isBootOnly?: boolean | undefined;
}

/** The kinds of DHCP events. */
export const DHCP_EVENTS = {
  'dhcp.offer': {
    level: 'info',
    message: 'DHCP offer',
    explanation:
      'A client looked for an address and was offered one, with the boot file it needs. If no lease follows, the client took another offer or did not hear this one. In proxy mode (proxied) it was offered the boot file only. In a flood of repeated offers only some are published; count says how many each represents.',
  },
  'dhcp.ack': {
    level: 'info',
    message: 'DHCP lease',
    explanation:
      'A client got or renewed its address. The lease was on disk before the answer left. If a client asks repeatedly within a second, only some of these are published; count says how many each represents.',
  },
  'dhcp.elsewhere': {
    level: 'info',
    message: 'DHCP address from another server',
    explanation:
      'On a network in proxy mode a machine asked another DHCP server (server) for this address. The rack now knows the machine by it, and a machine of the region gets its name for it. In a flood only some are published; count says how many each represents.',
  },
  'dhcp.boot-server': {
    level: 'info',
    message: 'DHCP boot server asked',
    explanation:
      'On a network in proxy mode a machine asked this rack, on port 4011, what to load, and got an answer. Firmware does so if the offer named no boot file. In a flood only some are published; count says how many each represents.',
  },
  'dhcp.nak': {
    level: 'warning',
    message: 'DHCP request denied',
    explanation:
      'A client asked for an address it cannot have; it starts again at once. The reason says why. During a network boot this stops firmware of some vendors. In a flood only some are published; count says how many each represents.',
  },
  'dhcp.release': {
    level: 'info',
    message: 'DHCP lease given back',
    explanation:
      'A client released its address. Other clients may now have it. If a client takes and releases it repeatedly within a second, only some of these are published; count says how many each represents.',
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
      'The rack was about to offer a client the address that the region or a reservation fixes for it, and another host (usedBy) answered for it on the wire. The client gets a dynamic address if there is a range, and DNS continues naming the fixed one. When the client asks again, at most once a minute, the rack probes again, and the client gets its address back as soon as no host answers. Find usedBy by its switch port: it has the address by mistake, or forges answers (ARP inspection on the switch stops that). If it should keep the address, fix another one for the client.',
  },
  'dhcp.still-used': {
    level: 'info',
    message: 'DHCP address still used by its last holder',
    explanation:
      'The lease of an address had ended, another client was about to get it, and its last holder (usedBy) answered for it on the wire. That is not a conflict: the holder keeps the address for another minute, so it can continue loading or ask again, and the other client gets another address. That continues for 5 minutes without a DHCP message of the holder; after that its answers are a conflict like any other. Such a host runs without renewing its lease: restart its DHCP client, or reserve the address for it.',
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
      'Within an hour a quarter of a dynamic range was set aside because hosts answered probes, or kept for hosts whose leases had ended and that seemed to answer. The rack disbelieves such answers until the first of these are an hour old. Either many hosts have fixed addresses inside the dynamic range, or one device (usedBy answered last) answers for all: a router with proxy ARP, or an attack. Move the range, repair the device, or set `conflict_check: false`.',
  },
  'dhcp.inform': {
    level: 'debug',
    message: 'DHCP settings given',
    explanation:
      'A host with an address of its own asked for the settings of the network and got them. In a flood only some are published; count says how many each represents.',
  },
  'dhcp.refused': {
    level: 'warning',
    message: 'DHCP message not answered',
    explanation:
      'A message got no answer. The reason says why and what to do; relay, wanted (the address by which it names its network) and circuitId say where it came from. In a flood only some are published; count says how many each represents.',
  },
  'dhcp.malformed': {
    level: 'warning',
    message: 'DHCP message not understood',
    explanation:
      'A datagram on the DHCP port was not a valid message; reason gives the fault, field and offset its place. One now and then is a broken device; many are a scan or an attack.',
  },
  'dhcp.expired': {
    level: 'info',
    message: 'DHCP lease ended',
    explanation:
      'A client did not renew its lease: it was switched off, left the network, or continued its boot without asking again. Leases that ended while the rack was down are reported when it runs again.',
  },
  'dhcp.foreign-server': {
    level: 'warning',
    message: 'Another DHCP server answers here',
    explanation:
      'Another DHCP server was seen on a network that this rack serves; address is its own, mac that of the frame its answer came in. Machines take whichever offer comes first, so some may not boot from here. This rack continues serving, but with `authoritative: auto` it stays silent towards clients whose address the other server may have given. A server known only by hearsay (evidence client or reply) counts for a minute and a half in an hour, while the rack probes for it, and for clients that chose it themselves. Switch the other server off, or keep its range apart and set `authoritative: no`, or leave the addresses to it.',
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
