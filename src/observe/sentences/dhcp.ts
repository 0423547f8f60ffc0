// What DHCP tells, as a person reads it.
//
// 1. A sentence says what happened and why; a refusal's sentence ends with its remedy.

import { DHCP_EVENTS, DHCP_REFUSALS, type DhcpEvent, type DhcpEventKind } from '../../dhcp/events.ts';
import type { RackEvent } from '../../event.ts';
import { formatIpv4 } from '../../net/address.ts';
import { formatSpan } from '../quantity.ts';

/** How a client comes by an address, by the allocation's name of it. */
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

function bootOf({ client, file, planReason, architecture }: DhcpEvent): string {
  if (client === undefined) return '';
  if (file === undefined)
    return `; nothing to load: there is no loader for ${client}, architecture ${architecture ?? 0}`;
  return `; to load ${file}${planReason === undefined ? '' : `, because it is ${planReason}`}`;
}

function waitedOf({ waitedSeconds }: DhcpEvent): string {
  return waitedSeconds === undefined ? '' : `; it has been asking for ${formatSpan(waitedSeconds * 1000)}`;
}

function offer(event: DhcpEvent): string {
  const why = event.source === undefined ? '' : `, ${ALLOCATION_REASONS[event.source]}`;
  return `Asked for an address and was offered ${addressOf(event)}${why}${bootOf(event)}${waitedOf(event)}`;
}

function ack(event: DhcpEvent): string {
  const name = event.hostname === undefined ? '' : ` as ${event.hostname}`;
  if (event.renewal === true) return `Keeps ${addressOf(event)}${name}${spanOf(event.leaseSeconds)}`;
  return `Has ${addressOf(event)}${name}${spanOf(event.leaseSeconds)}`;
}

/** The sentence of each kind of this room. */
export const DHCP_SENTENCES: Readonly<Partial<Record<DhcpEventKind, (event: DhcpEvent) => string>>> = {
  'dhcp.offer': offer,
  'dhcp.ack': ack,
  'dhcp.nak': (event) => `Was denied ${addressOf(event)}: ${dhcpReason(event.reason)}`,
  'dhcp.release': (event) => `Gave ${addressOf(event)} back`,
  'dhcp.decline': (event) =>
    `Found another host at ${addressOf(event)} and declined it: find that host, or take the address out of the range`,
  'dhcp.conflict': (event) =>
    `Another host answered at ${addressOf(event)}, so it was not offered: find that host, or take the address out of the range`,
  'dhcp.inform': (event) => `Has ${addressOf(event)} from elsewhere, and asked for the settings of the network`,
  'dhcp.refused': (event) => `Got no answer: ${dhcpReason(event.reason)}${waitedOf(event)}`,
  'dhcp.malformed': ({ reason, interfaceName }) =>
    `Something on ${interfaceName ?? 'the DHCP port'} was no DHCP message: ${reason ?? 'unknown fault'}`,
  'dhcp.expired': (event) => `Its lease of ${addressOf(event)} ended without being renewed`,
  'dhcp.store-unavailable': ({ reason }) =>
    `Leases cannot be written (${reason ?? 'unknown'}): none is given until they can; free disk space or repair the disk`,
  'dhcp.store-restored': () => 'Leases can be written again',
  'dhcp.socket-open': (event) => `DHCP listens on ${event.interfaceName ?? addressOf(event)}`,
  'dhcp.socket-failed': (event) =>
    `DHCP cannot listen on ${event.interfaceName ?? addressOf(event)}: ${event.reason ?? 'unknown'}`,
  'dhcp.send-failed': (event) =>
    `A DHCP reply could not be sent on ${event.interfaceName ?? addressOf(event)}: ${event.reason ?? 'unknown'}`,
};
