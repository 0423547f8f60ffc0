// DHCP events: for each kind its fields, its sentence, and its explanation for operators.

import { counted } from '../../ground/counted.ts';
import { eventsWith, type ParamsOf, type RackEvent } from '../../ground/event.ts';
import { DHCP_FIELDS } from './fields.ts';
import {
  ack,
  addressText,
  bootServer,
  classesText,
  dhcpReason,
  foreignServer,
  journalText,
  messageOriginText,
  offer,
  rangeUsageText,
  refusalReasonText,
  serverText,
  waitedText,
} from './sentences.ts';

const event = eventsWith(DHCP_FIELDS);

const PLAN = ['loaderKey', 'loaderClass', 'quirk', 'quirkArchitecture', 'loopFile', 'loopLoads'] as const;
const BOOT_FILE = ['client', 'architecture', 'contradiction', 'file', 'fileServer', ...PLAN] as const;
const PORT = ['circuitId', 'remoteId'] as const;
const RANGE = ['subnet', 'range', 'used', 'usable'] as const;

/** The same as the note of the host (`region/reports/notes.ts`). */
export const PROBES_BLIND =
  'Other DHCP servers are noticed only when a client chooses one, because probing for them needs Linux and CAP_NET_RAW.';

/** The kinds of DHCP events. */
export const DHCP_EVENTS = {
  'dhcp.offer': event({
    level: 'info',
    message: 'DHCP offer',
    fields: ['source', ...BOOT_FILE, 'proxied', 'classes', 'waitedSeconds'],
    text: offer,
    explanation:
      'A client looked for an address and was offered one, with the boot file it needs. If no lease follows, the client took another offer or did not hear this one. In proxy mode (proxied) it was offered the boot file only. In a flood of repeated offers only some are published; count says how many each represents.',
  }),
  'dhcp.ack': event({
    level: 'info',
    message: 'DHCP lease',
    fields: ['renewal', 'leaseSeconds', 'hostname', 'nameRefused', 'classes', ...PORT],
    text: ack,
    explanation:
      'A client got or renewed its address. The lease was on disk before the answer left. If the client gives itself a name that is not a host name (nameRefused), it has none in the DNS here: rename it there, or reserve its address under a name. If a client asks repeatedly within a second, only some of these are published; count says how many each represents.',
  }),
  'dhcp.elsewhere': event({
    level: 'info',
    message: 'DHCP address from another server',
    fields: ['server'],
    text: (event) => `Took ${addressText(event)} from ${serverText(event)}`,
    explanation:
      'On a network in proxy mode a machine asked another DHCP server (server) for this address. The rack now knows the machine by it, and a machine of the region gets its name for it. In a flood only some are published; count says how many each represents.',
  }),
  'dhcp.boot-server': event({
    level: 'info',
    message: 'DHCP boot server asked',
    fields: BOOT_FILE,
    text: bootServer,
    explanation:
      'On a network in proxy mode a machine asked this rack, on port 4011, what to load, and got an answer. Firmware does so if the offer named no boot file. In a flood only some are published; count says how many each represents.',
  }),
  'dhcp.nak': event({
    level: 'warning',
    message: 'DHCP request denied',
    fields: ['reason'],
    text: (event) => `Denied ${addressText(event)}: ${dhcpReason(event.reason)}`,
    explanation:
      'A client asked for an address it cannot have; it starts again at once. The reason says why. During a network boot this stops firmware of some vendors. In a flood only some are published; count says how many each represents.',
  }),
  'dhcp.release': event({
    level: 'info',
    message: 'DHCP lease given back',
    fields: [],
    text: (event) => `Released ${addressText(event)}`,
    explanation:
      'A client released its address. Other clients may now have it. If a client takes and releases it repeatedly within a second, only some of these are published; count says how many each represents.',
  }),
  'dhcp.decline': event({
    level: 'warning',
    message: 'DHCP address in use by another host',
    fields: [],
    text: (event) =>
      `Declined ${addressText(event)}, which another host uses: find that host, or exclude the address from the range`,
    explanation:
      'A client found that another host uses the address it was given. The address is not handed out for a while. Find the other host, or take its address out of the dynamic range.',
  }),
  'dhcp.declines-limited': event({
    level: 'warning',
    message: 'DHCP address declined and kept in use',
    fields: [],
    text: (event) => `Declined ${addressText(event)} after too many others: it stays in the range`,
    explanation:
      'A client repeatedly says that another host uses its address, or a quarter of the range is already set aside for that reason. This address is not set aside; it is handed out again last. Either many hosts use addresses of their own in the dynamic range, or a client lies; look at its switch port.',
  }),
  'dhcp.declined-back': event({
    level: 'info',
    message: 'DHCP address handed out again',
    fields: [],
    text: (event) => `${addressText(event)} is no longer set aside`,
    explanation:
      'An address that a host was found using without a lease has been set aside long enough. The rack probes it and hands it out again.',
  }),
  'dhcp.new-clients-limited': event({
    level: 'warning',
    message: 'DHCP new clients held back',
    fields: ['place'],
    text: ({ place }) => `Too many unknown clients ask for addresses: ${place ?? 'unknown place'}`,
    explanation:
      'More unknown clients ask for addresses at this place than dhcp.new_clients_per_second allows, or most of the range is on offer and not taken. (place is an interface or a circuit of it, a relay agent or its circuit, or an interface or address of the rack for all that relays bring there.) Known machines are served as usual, and a client that asks again is served before one that asks for the first time. Unless a whole hall was just powered on, a host is trying to use up the addresses: find its switch port. Published at most once a minute per place; of many places that come by one way, a few at first and then one a minute.',
  }),
  'dhcp.range-filling': event({
    level: 'warning',
    message: 'DHCP range is nearly full',
    fields: RANGE,
    text: rangeUsageText,
    explanation:
      'Nine tenths of the addresses of a dynamic range are in use (used of usable). When none is left, unknown machines get no address. Enlarge the range, or shorten lease_time.',
  }),
  'dhcp.range-full': event({
    level: 'error',
    message: 'DHCP range is full',
    fields: RANGE,
    text: (event) => `${rangeUsageText(event)}; none is left for new clients`,
    explanation:
      'Every address of a dynamic range is leased, on offer or set aside. An unknown client gets no address until a lease ends; machines that have one keep it. Enlarge the range, or shorten lease_time.',
  }),
  'dhcp.range-eased': event({
    level: 'info',
    message: 'DHCP range has room again',
    fields: RANGE,
    text: (event) => `${rangeUsageText(event)}; there is room again`,
    explanation: 'A dynamic range that was full or nearly so has free addresses again.',
  }),
  'dhcp.conflict': event({
    level: 'warning',
    message: 'DHCP address answered a probe',
    fields: ['usedBy'],
    text: (event) =>
      `Another host${event.usedBy === undefined ? '' : `, ${event.usedBy},`} answered at ${addressText(event)}, so it was not offered: find that host, or exclude the address from the range`,
    explanation:
      'Before an address was offered, another host (usedBy) answered for it. The address is not handed out for a while and the client gets another; without a client, the rack asked ahead of need. Find the host, or take its address out of the dynamic range.',
  }),
  'dhcp.fixed-address-used': event({
    level: 'error',
    message: 'Fixed DHCP address answered a probe',
    fields: ['usedBy'],
    text: (event) =>
      `Could not get its fixed address ${addressText(event)}: ${event.usedBy ?? 'another host'} answers there; find that host, or fix another address`,
    explanation:
      'The rack was about to offer a client the address that the region or a reservation fixes for it, and another host (usedBy) answered for it on the wire. The client gets a dynamic address if there is a range, and DNS continues naming the fixed one. When the client asks again, at most once a minute, the rack probes again, and the client gets its address back as soon as no host answers. Find usedBy by its switch port: it has the address by mistake, or forges answers (ARP inspection on the switch stops that). If it should keep the address, fix another one for the client.',
  }),
  'dhcp.still-used': event({
    level: 'info',
    message: 'DHCP address still used by its last holder',
    fields: ['usedBy'],
    text: (event) =>
      `Not offered ${addressText(event)}: ${event.usedBy ?? 'its last holder'} still uses it and keeps it for another minute`,
    explanation:
      'The lease of an address had ended, another client was about to get it, and its last holder (usedBy) answered for it on the wire. That is not a conflict: the holder keeps the address for another minute, so it can continue loading or ask again, and the other client gets another address. That continues for 5 minutes without a DHCP message of the holder; after that its answers are a conflict like any other. Such a host runs without renewing its lease: restart its DHCP client, or reserve the address for it.',
  }),
  'dhcp.cleared': event({
    level: 'info',
    message: 'DHCP address cleared by a person',
    fields: [],
    text: (event) => `A person returned ${addressText(event)}, which was set aside, to its range`,
    explanation:
      'A person returned an address to its range early (rackboot leases clear). It had been set aside because a client or a probe found a host using it. The rack probes it before offering it.',
  }),
  'dhcp.probes-distrusted': event({
    level: 'warning',
    message: 'Too many addresses answer probes',
    fields: ['subnet', 'usedBy'],
    text: ({ subnet, usedBy }) =>
      `Too many addresses of ${subnet ?? 'a network'} answer probes (last ${usedBy ?? 'one host'}): answers are ignored for a while; look for proxy ARP`,
    explanation:
      'Within an hour a quarter of a dynamic range was set aside because hosts answered probes, or kept for hosts whose leases had ended and that seemed to answer. The rack disbelieves such answers until the first of these are an hour old. Either many hosts have fixed addresses inside the dynamic range, or one device (usedBy answered last) answers for all: a router with proxy ARP, or an attack. Move the range, repair the device, or set `conflict_check: false`.',
  }),
  'dhcp.inform': event({
    level: 'debug',
    message: 'DHCP settings given',
    fields: [],
    text: (event) => `Has ${addressText(event)} from elsewhere and asked for the network settings`,
    explanation:
      'A host with an address of its own asked for the settings of the network and got them. In a flood only some are published; count says how many each represents.',
  }),
  'dhcp.refused': event({
    level: 'warning',
    message: 'DHCP message not answered',
    fields: ['reason', 'relay', 'wanted', 'from', 'hardwareType', 'clientId', 'classes', ...PORT, 'waitedSeconds'],
    text: (event) =>
      `Got no answer: ${refusalReasonText(event)}${classesText(event)}${messageOriginText(event)}${waitedText(event)}`,
    explanation:
      'A message got no answer. The reason says why and what to do; relay, wanted (the address by which it names its network) and circuitId say where it came from. In a flood only some are published; count says how many each represents.',
  }),
  'dhcp.malformed': event({
    level: 'warning',
    message: 'DHCP message not understood',
    fields: ['reason', 'field', 'offset', 'interfaceName', 'from'],
    text: ({ reason, field, offset, interfaceName, from }) =>
      `Invalid DHCP message on ${interfaceName ?? 'the DHCP port'}${from === undefined ? '' : ` from ${from}`}: ` +
      `${reason ?? 'unknown fault'}${field === undefined ? '' : ` in ${field} at byte ${offset ?? 0}`}`,
    explanation:
      'A datagram on the DHCP port was not a valid message; reason gives the fault, field and offset its place. One now and then is a broken device; many are a scan or an attack.',
  }),
  'dhcp.expired': event({
    level: 'info',
    message: 'DHCP lease ended',
    fields: [],
    text: (event) => `Lease of ${addressText(event)} expired`,
    explanation:
      'A client did not renew its lease: it was switched off, left the network, or continued its boot without asking again. Leases that ended while the rack was down are reported when it runs again.',
  }),
  'dhcp.foreign-server': event({
    level: 'warning',
    message: 'Another DHCP server answers here',
    fields: ['interfaceName', 'subnet', 'evidence', 'offered', 'leaseSeconds', 'file', 'isBootOnly'],
    text: foreignServer,
    explanation:
      'Another DHCP server was seen on a network that this rack serves; address is its own, mac that of the frame its answer came in. Machines take whichever offer comes first, so some may not boot from here. This rack continues serving, but with `authoritative: auto` it stays silent towards clients whose address the other server may have given. A server known only by hearsay (evidence client or reply) counts for a minute and a half in an hour, while the rack probes for it, and for clients that chose it themselves. Switch the other server off, or leave the addresses to it with `mode: proxy` of the cluster interface, or keep its range apart and set `authoritative: no`.',
  }),
  'dhcp.probe-blind': event({
    level: 'info',
    message: 'DHCP cannot ask for other servers',
    fields: [],
    text: () => PROBES_BLIND,
    explanation:
      'The rack finds other DHCP servers by sending raw frames, which this process may not do: it lacks CAP_NET_RAW, or the system is not Linux. The rack still notices a server that a client chooses. Published once.',
  }),
  'dhcp.foreign-server-gone': event({
    level: 'info',
    message: 'Another DHCP server is gone',
    fields: ['interfaceName', 'subnet'],
    text: (event) =>
      `The other DHCP server ${addressText(event)} on ${event.interfaceName ?? event.subnet ?? 'the network'} no longer answers`,
    explanation:
      'A DHCP server that was seen here has not answered three probes, and no client has named it since. With `authoritative: auto` this rack counts as the only one again.',
  }),
  'dhcp.imported': event({
    level: 'info',
    message: 'DHCP leases of another server taken over',
    fields: ['imported'],
    text: ({ imported }) => `Imported ${counted(imported ?? 0, 'lease')} of another DHCP server`,
    explanation:
      'A person imported leases from the file of another DHCP server (rackboot leases import). Their clients keep their addresses; imported says how many there were.',
  }),
  'dhcp.ended': event({
    level: 'info',
    message: 'DHCP lease ended by a person',
    fields: [],
    text: (event) => `Lease of ${addressText(event)} was ended by a person`,
    explanation:
      'A person ended a lease before its time (rackboot leases end), for example of a machine that is gone. Other clients may now have its address. If the client still uses it and asks again, it keeps the address unless another client has it by then.',
  }),
  'dhcp.store-unavailable': event({
    level: 'error',
    message: 'DHCP leases cannot be written',
    fields: ['reason', 'database', 'milliseconds', 'said'],
    text: (event) =>
      `Leases cannot be written (${journalText(event)}): none is granted until they can be, except renewals of fixed addresses`,
    explanation:
      'Leases cannot be stored; reason says why. Either the disk refused them or took longer than 2 s: free disk space, or repair the disk. Or the processors of this host are too busy for the write: find out what else runs there. The rack gives no lease until a write is fast again, and renews only those of addresses that are fixed for their clients; other clients keep their addresses until their leases end.',
  }),
  'dhcp.store-restored': event({
    level: 'info',
    message: 'DHCP leases can be written again',
    fields: [],
    text: () => 'Leases can be written again',
    explanation: 'The disk stores leases again. Clients that got no answer ask again.',
  }),
  'dhcp.ballast-freed': event({
    level: 'error',
    message: 'the disk is full: leases use the room that was set aside',
    fields: [],
    text: () =>
      'The disk of the state directory is full: leases now use the 8 MiB that were set aside for them. Free some space there',
    explanation:
      'The disk of the state directory is full. The rack has removed its file leases.ballast (8 MiB), so leases are written until that room is used, too. Free disk space now. The file comes back by itself when there is room.',
  }),
  'dhcp.ballast-kept': event({
    level: 'info',
    message: 'room for leases is set aside again',
    fields: [],
    text: () => 'The disk of the state directory has room again: 8 MiB are set aside for leases',
    explanation: 'The disk of the state directory has room again, and the file leases.ballast is back.',
  }),
  'dhcp.socket-open': event({
    level: 'info',
    message: 'DHCP listens',
    fields: ['interfaceName'],
    text: (event) => `DHCP listens on ${event.interfaceName ?? addressText(event)}`,
    explanation: 'DHCP answers on this interface or address.',
  }),
  'dhcp.socket-failed': event({
    level: 'error',
    message: 'DHCP cannot listen',
    fields: ['interfaceName', 'reason'],
    text: (event) => `DHCP cannot listen on ${event.interfaceName ?? addressText(event)}: ${event.reason ?? 'unknown'}`,
    explanation:
      'The rack could not open a DHCP socket; the reason says why. It keeps trying, and serves the other interfaces meanwhile.',
  }),
  'dhcp.send-failed': event({
    level: 'warning',
    message: 'DHCP reply could not be sent',
    fields: ['interfaceName', 'reason'],
    text: (event) =>
      `A DHCP reply could not be sent on ${event.interfaceName ?? addressText(event)}: ${event.reason ?? 'unknown'}`,
    explanation:
      'The operating system refused to send a reply; the reason is its error code. The interface may be down or its address gone. The client asks again.',
  }),
};

export type DhcpEventKind = keyof typeof DHCP_EVENTS;

/** Every kind, for counting. */
export const DHCP_EVENT_KINDS: readonly DhcpEventKind[] = Object.keys(DHCP_EVENTS).filter(isEventKind);

function isEventKind(name: string): name is DhcpEventKind {
  return Object.hasOwn(DHCP_EVENTS, name);
}

/** An event of this room. */
export interface DhcpEvent extends RackEvent, ParamsOf<typeof DHCP_FIELDS> {
  readonly kind: DhcpEventKind;
}
