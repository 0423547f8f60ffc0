// What DHCP tells, as a person reads it.
//
// 1. A sentence says what happened and why; a refusal's sentence ends with its remedy.

import { counted } from '../../counted.ts';
import { DHCP_EVENTS, DHCP_REFUSALS, type DhcpEvent, type DhcpEventKind } from '../../dhcp/events.ts';
import type { RackEvent } from '../../event.ts';
import { formatIpv4, formatMac } from '../../net/address.ts';
import { formatSpan } from '../quantity.ts';

/** How a client comes by an address, by the allocation's name of it. */
const rangeOf = ({ subnet, range, used, usable }: DhcpEvent): string =>
  `${subnet ?? 'a network'}, ${range ?? ''}, has ${used ?? 0} of ${counted(usable ?? 0, 'address', 'addresses')}`;

export const ALLOCATION_REASONS: Readonly<Record<NonNullable<DhcpEvent['source']>, string>> = {
  machine: 'the address that the region fixed for it',
  reservation: 'its reserved address',
  own: 'the address it had before',
  requested: 'the address it asked for',
  unused: 'an address that nobody had before',
  reclaimed: 'the address that was free for longest',
};

export const isDhcpEvent = (event: RackEvent): event is DhcpEvent => Object.hasOwn(DHCP_EVENTS, event.kind);

/** A refusal in words: its sentence and remedy, or the reason as it is. */
export function dhcpReason(reason: string | undefined): string {
  if (reason === undefined) return 'no reason was given';
  const known = Object.entries(DHCP_REFUSALS).find(([name]) => name === reason);
  return known === undefined ? reason : `${lowerFirst(known[1]).replace(/\.$/, '')} (${reason})`;
}

/** Makes a sentence into a part of another one; names in capitals stay. */
export const lowerFirst = (text: string): string =>
  /^[A-Z][a-z ]/.test(text) ? `${text.charAt(0).toLowerCase()}${text.slice(1)}` : text;

const addressOf = (event: RackEvent): string =>
  event.address === undefined ? 'an address' : formatIpv4(event.address);
const spanOf = (seconds: number | undefined): string =>
  seconds === undefined ? '' : ` for ${formatSpan(seconds * 1000)}`;

const serverOf = ({ server }: DhcpEvent): string =>
  server === undefined ? 'another DHCP server' : `the DHCP server ${server}`;

function bootOf({ client, file, fileServer, planReason, architecture }: DhcpEvent): string {
  if (client === undefined) return '';
  if (file === undefined)
    return `; nothing to load: there is no loader for ${client}, architecture ${architecture ?? 0}`;
  if (fileServer !== undefined) {
    const where = file.includes('://') ? '' : ` from ${fileServer}`;
    return `; to load ${file}${where}, as options of the configuration say`;
  }
  return `; to load ${file}${planReason === undefined ? '' : `, because it is ${planReason}`}`;
}

function classesOf({ classes }: DhcpEvent): string {
  if (classes === undefined) return '';
  return classes.includes(',') ? `, in the classes ${classes}` : `, in class ${classes}`;
}

function waitedOf({ waitedSeconds }: DhcpEvent): string {
  return waitedSeconds === undefined ? '' : `; it has been asking for ${formatSpan(waitedSeconds * 1000)}`;
}

function offer(event: DhcpEvent): string {
  if (event.proxied === true)
    return `Asked for an address, which another DHCP server gives, and was told what to boot${classesOf(event)}${bootOf(event)}${waitedOf(event)}`;
  const why = event.source === undefined ? '' : `, ${ALLOCATION_REASONS[event.source]}`;
  return `Asked for an address and was offered ${addressOf(event)}${why}${classesOf(event)}${bootOf(event)}${waitedOf(event)}`;
}

function ack(event: DhcpEvent): string {
  const name = event.hostname === undefined ? '' : ` as ${event.hostname}`;
  const verb = event.renewal === true ? 'Keeps' : 'Has';
  return `${verb} ${addressOf(event)}${name}${spanOf(event.leaseSeconds)}${classesOf(event)}${portOf(event)}`;
}

/** Which port of which switch. */
function portOf({ circuitId, remoteId }: DhcpEvent): string {
  if (circuitId === undefined) return remoteId === undefined ? '' : `, behind ${remoteId}`;
  return `, at port ${circuitId}${remoteId === undefined ? '' : ` of ${remoteId}`}`;
}

/** A refusal with the address that it is about. */
function refusalOf({ reason, relay, wanted }: DhcpEvent): string {
  if (reason !== 'network-unknown' || wanted === undefined) return dhcpReason(reason);
  const whose = wanted === relay ? ", the relay's address" : '';
  return `no served network holds ${wanted}${whose}; add it to the cluster interfaces (${reason})`;
}

/** Where a message without an answer came from, as far as it is not said yet. */
function cameBy(event: DhcpEvent): string {
  const { relay, wanted, reason, from } = event;
  const isSaid = reason === 'network-unknown' && relay === wanted;
  const through = relay === undefined || isSaid ? '' : `, through the relay ${relay}`;
  return `${from === undefined ? '' : `, from ${from}`}${through}${portOf(event)}`;
}

/** How another server was noticed. */
const EVIDENCE: Readonly<Record<NonNullable<DhcpEvent['evidence']>, string>> = {
  probe: 'it answered a probe',
  client: 'a client chose it',
  reply: 'an answer of it came here',
};

function foreignServer(event: DhcpEvent): string {
  const { mac, interfaceName, subnet, evidence, offered, leaseSeconds, file, isBootOnly } = event;
  const whose = mac === undefined ? '' : ` (${formatMac(mac)})`;
  const where = interfaceName ?? (subnet === undefined ? 'the network' : `network ${subnet}`);
  const gives =
    offered === undefined
      ? isBootOnly === true
        ? ', which only tells what to boot'
        : ''
      : `, which offers ${offered}${spanOf(leaseSeconds)}`;
  const boots = file === undefined ? '' : `, to load ${file}`;
  const why = evidence === undefined ? '' : ` (${EVIDENCE[evidence]})`;
  return `Another DHCP server is on ${where}: ${addressOf(event)}${whose}${gives}${boots}${why}; switch it off, or keep its addresses apart`;
}

/** The sentence of each kind of this room. */
export const DHCP_SENTENCES: Readonly<Partial<Record<DhcpEventKind, (event: DhcpEvent) => string>>> = {
  'dhcp.offer': offer,
  'dhcp.ack': ack,
  'dhcp.elsewhere': (event) => `Takes ${addressOf(event)} from ${serverOf(event)}`,
  'dhcp.boot-server': (event) => `Asked this rack as its boot server${bootOf(event)}`,
  'dhcp.nak': (event) => `Was denied ${addressOf(event)}: ${dhcpReason(event.reason)}`,
  'dhcp.release': (event) => `Gave ${addressOf(event)} back`,
  'dhcp.decline': (event) =>
    `Found another host at ${addressOf(event)} and declined it: find that host, or take the address out of the range`,
  'dhcp.declines-limited': (event) =>
    `Declined ${addressOf(event)} as used by another host, after too many others: it stays in the range`,
  'dhcp.declined-back': (event) => `${addressOf(event)} was set aside long enough and is handed out again`,
  'dhcp.new-clients-limited': ({ place }) =>
    `Too many clients that nobody knows ask for addresses: ${place ?? 'somewhere'}`,
  'dhcp.range-filling': (event) => `The dynamic range of ${rangeOf(event)} in use`,
  'dhcp.range-full': (event) => `The dynamic range of ${rangeOf(event)} in use: none is left for a new client`,
  'dhcp.range-eased': (event) => `The dynamic range of ${rangeOf(event)} in use: there is room again`,
  'dhcp.conflict': (event) =>
    `Another host${event.usedBy === undefined ? '' : `, ${event.usedBy},`} answered at ${addressOf(event)}, so it was not offered: find that host, or take the address out of the range`,
  'dhcp.fixed-address-used': (event) =>
    `Could not get its fixed address: ${event.usedBy ?? 'another host'} answers at ${addressOf(event)}; find that host, or fix another address`,
  'dhcp.still-used': (event) =>
    `Was not offered ${addressOf(event)}: ${event.usedBy ?? 'its last holder'} still uses it, and keeps it for another minute`,
  'dhcp.cleared': (event) => `${addressOf(event)} was set aside, and a person gave it back to its range`,
  'dhcp.probes-distrusted': ({ subnet, usedBy }) =>
    `So many addresses of ${subnet ?? 'a network'} answer, ${usedBy ?? 'one host'} last, that such answers are not believed for a while: look for a proxy ARP`,
  'dhcp.inform': (event) => `Has ${addressOf(event)} from elsewhere, and asked for the settings of the network`,
  'dhcp.refused': (event) => `Got no answer: ${refusalOf(event)}${classesOf(event)}${cameBy(event)}${waitedOf(event)}`,
  'dhcp.malformed': ({ reason, interfaceName, from }) =>
    `Something on ${interfaceName ?? 'the DHCP port'}${from === undefined ? '' : `, from ${from},`} was no DHCP message: ${reason ?? 'unknown fault'}`,
  'dhcp.expired': (event) => `Its lease of ${addressOf(event)} ended without being renewed`,
  'dhcp.foreign-server': foreignServer,
  'dhcp.probe-blind': ({ reason }) => reason ?? 'Other DHCP servers cannot be asked for',
  'dhcp.foreign-server-gone': (event) =>
    `The other DHCP server ${addressOf(event)} on ${event.interfaceName ?? event.subnet ?? 'the network'} answers no more`,
  'dhcp.ended': (event) => `Its lease of ${addressOf(event)} was ended by a person`,
  'dhcp.imported': ({ imported }) =>
    `${counted(imported ?? 0, 'lease')} of another DHCP server ${imported === 1 ? 'was' : 'were'} taken over`,
  'dhcp.store-unavailable': ({ reason }) =>
    `Leases cannot be written (${reason ?? 'unknown'}): none is given until they can be`,
  'dhcp.store-restored': () => 'Leases can be written again',
  'dhcp.socket-open': (event) => `DHCP listens on ${event.interfaceName ?? addressOf(event)}`,
  'dhcp.socket-failed': (event) =>
    `DHCP cannot listen on ${event.interfaceName ?? addressOf(event)}: ${event.reason ?? 'unknown'}`,
  'dhcp.send-failed': (event) =>
    `A DHCP reply could not be sent on ${event.interfaceName ?? addressOf(event)}: ${event.reason ?? 'unknown'}`,
};
