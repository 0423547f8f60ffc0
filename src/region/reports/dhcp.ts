// The sentences of DHCP events.
//
// 1. A sentence says what happened and why. The sentence of a refusal ends with its remedy.

import { findArchitecture } from '../../boot/architectures.ts';
import type { QuirkName } from '../../boot/quirks.ts';
import { counted } from '../../counted.ts';
import type { DhcpEventKind } from '../../dhcp/events/events.ts';
import { DHCP_REFUSALS, type DhcpRefusal } from '../../dhcp/events/refusals.ts';
import type { JournalFault } from '../../dhcp/leases/lease-journal.ts';
import type { Away } from '../../machines/machine.ts';
import { formatSpan } from '../../quantity.ts';
import type { DhcpParams } from './fields.ts';
import { noteText } from './notes.ts';

const rangeOf = ({ subnet, range, used, usable }: DhcpParams): string =>
  `Dynamic range of ${subnet ?? 'a network'} (${range ?? ''}): ${used ?? 0} of ${counted(usable ?? 0, 'address', 'addresses')} in use`;

/** How the allocation chose an address, by its source. */
export const ALLOCATION_REASONS: Readonly<Record<NonNullable<DhcpParams['source']>, string>> = {
  machine: 'fixed by the region',
  reservation: 'reserved',
  own: 'its previous address',
  requested: 'as requested',
  unused: 'new',
  reclaimed: 'free for longest',
};

/** Why DHCP gives no answer. English uses the texts of NAKs. */
export const DHCP_REASONS: Readonly<Record<DhcpRefusal, string>> = DHCP_REFUSALS;

/** A refusal as a sentence with its remedy; an unknown reason stays as it is. */
export function dhcpReason(reason: string | undefined): string {
  if (reason === undefined) return 'no reason given';
  const known = Object.entries(DHCP_REASONS).find(([name]) => name === reason);
  return known === undefined ? reason : `${lowerFirst(known[1]).replace(/\.$/, '')} (${reason})`;
}

/** Turns a sentence into part of another one; names in capitals keep their spelling. */
export const lowerFirst = (text: string): string =>
  /^[A-Z][a-z ]/.test(text) ? `${text.charAt(0).toLowerCase()}${text.slice(1)}` : text;

const addressOf = ({ address }: DhcpParams): string => address ?? 'an address';
const spanOf = (seconds: number | undefined): string =>
  seconds === undefined ? '' : ` for ${formatSpan(seconds * 1000)}`;

const serverOf = ({ server }: DhcpParams): string =>
  server === undefined ? 'another DHCP server' : `the DHCP server ${server}`;

export type PlanFacts = Pick<
  DhcpParams,
  'client' | 'architecture' | 'loaderKey' | 'loaderClass' | 'quirk' | 'quirkArchitecture' | 'loopFile' | 'loopLoads'
>;

/** The home of a machine that is elsewhere. */
export const homeText = ({ home, homeAddress = '' }: Pick<Away, 'home' | 'homeAddress'>): string =>
  home ?? `with another rack (${homeAddress})`;

/** The firmware with each quirk. */
export const QUIRK_FIRMWARE: Readonly<Record<QuirkName, string>> = {
  'raspberry-pi': 'Raspberry Pi boot ROM and bootloader',
  'boot-server': 'UEFI that ignores the boot file of an offer without an address',
  'plain-tftp': 'BIOS with a ROM under which lpxelinux cannot load by HTTP',
  none: 'firmware mistaken for another',
};

/** The kind of client for which a loader was chosen. @param client `undefined`: the architecture alone decided */
function clientOf(client: string | undefined, architecture: number): string {
  const cpu = findArchitecture(architecture)?.cpu;
  switch (client) {
    case 'bios':
      return 'BIOS, PXE';
    case 'ipxe':
      return 'iPXE';
    case 'uefi':
      return `UEFI ${cpu ?? architecture}, PXE`;
    case 'uefi-http':
      return `UEFI ${cpu ?? architecture}, HTTP boot`;
    case 'u-boot':
      return `U-Boot, architecture ${architecture}`;
    default:
      return `architecture ${architecture}`;
  }
}

/** Why a client is offered its boot file; empty if it does not boot from the network. */
export function planText(facts: PlanFacts): string {
  const { client, architecture, loaderKey, loaderClass, quirk, quirkArchitecture, loopFile, loopLoads = 0 } = facts;
  if (client === undefined || architecture === undefined) return '';
  const key = loaderClass === undefined ? `boot.loaders ${loaderKey}` : `loaders ${loaderKey} of class ${loaderClass}`;
  const firmware = Object.entries(QUIRK_FIRMWARE).find(([name]) => name === quirk)?.[1];
  const parts = [
    quirkArchitecture === undefined ? clientOf(client, architecture) : clientOf(undefined, quirkArchitecture),
    ...(loaderKey === undefined ? [] : [key]),
    ...(quirk === undefined ? [] : [`quirk ${quirk}${firmware === undefined ? '' : `: ${firmware}`}`]),
  ];
  const loop = loopFile === undefined ? '' : `, and ${loopFile} was loaded ${counted(loopLoads, 'time')} in a loop`;
  return `${parts.join('; ')}${loop}`;
}

/** The boot file and its origin; undefined if there is none. */
function bootFileOf(event: DhcpParams): string | undefined {
  const { file, fileServer } = event;
  if (file === undefined) return undefined;
  if (fileServer !== undefined) return `${file}${file.includes('://') ? '' : ` from ${fileServer}`} (configured)`;
  const why = planText(event);
  return `${file}${why === '' ? '' : ` (${why})`}`;
}

const noLoaderFor = ({ client, architecture = 0 }: DhcpParams): string =>
  client === 'u-boot'
    ? `none is set for ${clientOf(client, architecture)} (boot.loaders), so it asks for pxelinux.cfg/…`
    : `no loader for ${client ?? 'this client'}, architecture ${architecture}`;

/** What a boot client is taken for although its signs contradict each other. */
export const doubtText = ({ contradiction, client, architecture = 0 }: DhcpParams): string =>
  `its signs contradict each other (${contradiction ?? ''}): taken for ${clientOf(client, architecture)}`;

const doubtOf = (event: DhcpParams): string => (event.contradiction === undefined ? '' : `; ${doubtText(event)}`);

function classesOf({ classes }: DhcpParams): string {
  if (classes === undefined) return '';
  return classes.includes(',') ? `, in the classes ${classes}` : `, in class ${classes}`;
}

function waitedOf({ waitedSeconds }: DhcpParams): string {
  return waitedSeconds === undefined ? '' : `; it has been asking for ${formatSpan(waitedSeconds * 1000)}`;
}

function offer(event: DhcpParams): string {
  const file = bootFileOf(event);
  const tail = `${doubtOf(event)}${classesOf(event)}${waitedOf(event)}`;
  if (event.proxied === true) {
    return file === undefined
      ? `Offered no boot file in proxy mode: ${noLoaderFor(event)}${tail}`
      : `Offered only ${file}${classesOf(event)}; another DHCP server gives the address${doubtOf(event)}${waitedOf(event)}`;
  }
  const why = event.source === undefined ? '' : ` (${ALLOCATION_REASONS[event.source]})`;
  const lease = `Offered ${addressOf(event)}${why}`;
  if (event.client === undefined) return `${lease}${tail}`;
  return file === undefined
    ? `${lease} without a boot file: ${noLoaderFor(event)}${tail}`
    : `${lease} and ${file}${tail}`;
}

function bootServer(event: DhcpParams): string {
  const file = bootFileOf(event);
  if (event.client === undefined) return 'Asked this rack as its boot server';
  return file === undefined
    ? `Asked this rack as its boot server and got no boot file: ${noLoaderFor(event)}${doubtOf(event)}`
    : `Asked this rack as its boot server and got ${file}${doubtOf(event)}`;
}

function ack(event: DhcpParams): string {
  const name = event.hostname === undefined ? '' : ` (${event.hostname})`;
  const verb = event.renewal === true ? 'Renewed' : 'Leased';
  return `${verb} ${addressOf(event)}${spanOf(event.leaseSeconds)}${name}${classesOf(event)}${portOf(event)}`;
}

/** The client's switch and port. */
function portOf({ circuitId, remoteId }: DhcpParams): string {
  if (circuitId === undefined) return remoteId === undefined ? '' : `, behind ${remoteId}`;
  return `, at port ${circuitId}${remoteId === undefined ? '' : ` of ${remoteId}`}`;
}

/** The reason of a refusal, with the address that it concerns. */
function refusalOf({ reason, relay, wanted }: DhcpParams): string {
  if (reason !== 'network-unknown' || wanted === undefined) return dhcpReason(reason);
  const whose = wanted === relay ? ", the relay's address" : '';
  return `no served network holds ${wanted}${whose}; add it to the cluster interfaces (${reason})`;
}

/** The hardware type of RFC 4391 §4. */
const INFINIBAND = 32;

/** The origin of an unanswered message, unless the reason names it. */
function originOf(event: DhcpParams): string {
  const { relay, wanted, reason, from, hardwareType, clientId } = event;
  const isSaid = reason === 'network-unknown' && relay === wanted;
  const through = relay === undefined || isSaid ? '' : `, through the relay ${relay}`;
  const hardware =
    hardwareType === undefined
      ? ''
      : `, from hardware of type ${hardwareType}${hardwareType === INFINIBAND ? ' (InfiniBand)' : ''}`;
  const client = clientId === undefined ? '' : `, client ${clientId}`;
  return `${hardware}${client}${from === undefined ? '' : `, from ${from}`}${through}${portOf(event)}`;
}

/** How another server was detected. */
const EVIDENCE: Readonly<Record<NonNullable<DhcpParams['evidence']>, string>> = {
  probe: 'it answered a probe',
  client: 'a client chose it',
  reply: 'a reply from it arrived',
};

function foreignServer(event: DhcpParams): string {
  const { mac, interfaceName, subnet, evidence, offered, leaseSeconds, file, isBootOnly } = event;
  const whose = mac === undefined ? '' : ` (${mac})`;
  const where = interfaceName ?? (subnet === undefined ? 'the network' : `network ${subnet}`);
  const gives =
    offered === undefined
      ? isBootOnly === true
        ? ', boot information only'
        : ''
      : `, offering ${offered}${spanOf(leaseSeconds)}`;
  const boots = file === undefined ? '' : ` and ${file}`;
  const why = evidence === undefined ? '' : ` (${EVIDENCE[evidence]})`;
  return `Another DHCP server is on ${where}: ${addressOf(event)}${whose}${gives}${boots}${why}; switch it off, or separate its range`;
}

type Journal = Pick<DhcpParams, 'reason' | 'database' | 'milliseconds' | 'said'>;
const JOURNAL_FAULTS: Readonly<Record<JournalFault['reason'], (fault: Journal) => string>> = {
  'write-failed': ({ said = '' }) => said,
  'thread-ended': ({ said = '' }) => `the journal's thread ended: ${said}`,
  'disk-slow': ({ milliseconds = 0 }) => `the disk has not taken a write within ${formatSpan(milliseconds)}`,
  'host-busy': ({ milliseconds = 0 }) =>
    `a write has not finished after ${formatSpan(milliseconds)}, though the disk is fast: the processors of this host are too busy`,
  'probe-slow': ({ milliseconds = 0 }) => `a write to the disk took ${formatSpan(milliseconds)}`,
};
/** Why leases cannot be written. */
export const journalText = (fault: Journal): string =>
  `${fault.database ?? ''}: ${Object.entries(JOURNAL_FAULTS).find(([code]) => code === fault.reason)?.[1](fault) ?? fault.reason}`;

/** The sentences by kind. */
export const DHCP_SENTENCES: Readonly<Record<DhcpEventKind, (event: DhcpParams) => string>> = {
  'dhcp.offer': offer,
  'dhcp.ack': ack,
  'dhcp.elsewhere': (event) => `Took ${addressOf(event)} from ${serverOf(event)}`,
  'dhcp.boot-server': bootServer,
  'dhcp.nak': (event) => `Denied ${addressOf(event)}: ${dhcpReason(event.reason)}`,
  'dhcp.release': (event) => `Released ${addressOf(event)}`,
  'dhcp.decline': (event) =>
    `Declined ${addressOf(event)}, which another host uses: find that host, or exclude the address from the range`,
  'dhcp.declines-limited': (event) => `Declined ${addressOf(event)} after too many others: it stays in the range`,
  'dhcp.declined-back': (event) => `${addressOf(event)} is no longer set aside`,
  'dhcp.new-clients-limited': ({ place }) => `Too many unknown clients ask for addresses: ${place ?? 'unknown place'}`,
  'dhcp.range-filling': rangeOf,
  'dhcp.range-full': (event) => `${rangeOf(event)}; none is left for new clients`,
  'dhcp.range-eased': (event) => `${rangeOf(event)}; there is room again`,
  'dhcp.conflict': (event) =>
    `Another host${event.usedBy === undefined ? '' : `, ${event.usedBy},`} answered at ${addressOf(event)}, so it was not offered: find that host, or exclude the address from the range`,
  'dhcp.fixed-address-used': (event) =>
    `Could not get its fixed address ${addressOf(event)}: ${event.usedBy ?? 'another host'} answers there; find that host, or fix another address`,
  'dhcp.still-used': (event) =>
    `Not offered ${addressOf(event)}: ${event.usedBy ?? 'its last holder'} still uses it and keeps it for another minute`,
  'dhcp.cleared': (event) => `A person returned ${addressOf(event)}, which was set aside, to its range`,
  'dhcp.probes-distrusted': ({ subnet, usedBy }) =>
    `Too many addresses of ${subnet ?? 'a network'} answer probes (last ${usedBy ?? 'one host'}): answers are ignored for a while; look for proxy ARP`,
  'dhcp.inform': (event) => `Has ${addressOf(event)} from elsewhere and asked for the network settings`,
  'dhcp.refused': (event) =>
    `Got no answer: ${refusalOf(event)}${classesOf(event)}${originOf(event)}${waitedOf(event)}`,
  'dhcp.malformed': ({ reason, field, offset, interfaceName, from }) =>
    `Invalid DHCP message on ${interfaceName ?? 'the DHCP port'}${from === undefined ? '' : ` from ${from}`}: ` +
    `${reason ?? 'unknown fault'}${field === undefined ? '' : ` in ${field} at byte ${offset ?? 0}`}`,
  'dhcp.expired': (event) => `Lease of ${addressOf(event)} expired`,
  'dhcp.foreign-server': foreignServer,
  'dhcp.probe-blind': () => noteText({ note: 'probes-blind' }),
  'dhcp.foreign-server-gone': (event) =>
    `The other DHCP server ${addressOf(event)} on ${event.interfaceName ?? event.subnet ?? 'the network'} no longer answers`,
  'dhcp.ended': (event) => `Lease of ${addressOf(event)} was ended by a person`,
  'dhcp.imported': ({ imported }) => `Imported ${counted(imported ?? 0, 'lease')} of another DHCP server`,
  'dhcp.store-unavailable': (event) =>
    `Leases cannot be written (${journalText(event)}): none is granted until they can be, except renewals of fixed addresses`,
  'dhcp.ballast-freed': () =>
    'The disk of the state directory is full: leases now use the 8 MiB that were set aside for them. Free some space there',
  'dhcp.ballast-kept': () => 'The disk of the state directory has room again: 8 MiB are set aside for leases',
  'dhcp.store-restored': () => 'Leases can be written again',
  'dhcp.socket-open': (event) => `DHCP listens on ${event.interfaceName ?? addressOf(event)}`,
  'dhcp.socket-failed': (event) =>
    `DHCP cannot listen on ${event.interfaceName ?? addressOf(event)}: ${event.reason ?? 'unknown'}`,
  'dhcp.send-failed': (event) =>
    `A DHCP reply could not be sent on ${event.interfaceName ?? addressOf(event)}: ${event.reason ?? 'unknown'}`,
};
