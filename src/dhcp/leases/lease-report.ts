// A lease as commands and scripts see it, and which of many they want to see. Pure.
//
// 1. Fields are added, never renamed or removed: scripts read them.
// 2. An identifier, which a client or a switch may fill with any bytes, is text where all of it is printable ASCII, else `0x` and digits.
// 3. A vendor class is text whatever it holds: clean, so that what cannot be shown stands there as an escape.

import { cleanText, isPrintable } from '../../clean-text.ts';
import type { Instant } from '../../clock.ts';
import {
  formatIpv4,
  formatMac,
  type Ipv4Network,
  networkContains,
  parseIpv4,
  parseMac,
  parseNetwork,
} from '../../net/address.ts';
import { ENDLESS_SECONDS, type Lease } from './lease.ts';
import { isHeld } from './lease-table.ts';
import type { ReservedName } from './reserved-name.ts';
import { NOBODY } from './set-aside.ts';

/** What a lease's record says now: `bound` is `expired` once its time is over. */
export const LEASE_STATES = ['bound', 'expired', 'released', 'declined'] as const;

export type ShownState = (typeof LEASE_STATES)[number];

/** A lease for people and scripts; what is not known is left out. */
export interface LeaseReport {
  readonly address: string;
  /** `nobody` of an address that was set aside by another server, whose file names nobody. */
  readonly mac: string;
  readonly state: ShownState;
  /** The cluster interface in whose network the address is; undefined: in none of those configured now. */
  readonly network: string | undefined;
  /** The machine's name in the region. */
  readonly machine: string | undefined;
  /** What the client calls itself. */
  readonly hostname: string | undefined;
  /** ISO 8601. */
  readonly grantedAt: string;
  /** ISO 8601, or `never`. */
  readonly expiresAt: string;
  readonly seconds: number;
  readonly clientId: string | undefined;
  readonly vendorClass: string | undefined;
  /** Option 82, circuit id and remote id: the switch's port and the switch. */
  readonly circuitId: string | undefined;
  readonly remoteId: string | undefined;
  /** The name that its reservation gives it. */
  readonly reservedName: string | undefined;
}

/** A configured network by its cluster interface. */
export interface NamedNetwork {
  readonly name: string;
  readonly network: Ipv4Network;
}

/** What is known beside the lease itself. */
export interface ReportFacts {
  readonly now: Instant;
  /** The wall clock at `now`, milliseconds since 1970. */
  readonly wallMs: number;
  readonly networks: readonly NamedNetwork[];
  /** A machine's name by its hardware address. */
  readonly machineName: (mac: Lease['mac']) => string | undefined;
  readonly reservedName: ReservedName;
}

/** Says what is known of a lease. */
export function reportLease(lease: Lease, facts: ReportFacts): LeaseReport {
  const { now, wallMs, networks } = facts;
  const at = (moment: Instant): string => new Date(wallMs + (moment - now)).toISOString();
  return {
    address: formatIpv4(lease.address),
    mac: lease.mac === NOBODY ? 'nobody' : formatMac(lease.mac),
    state: stateOf(lease, now),
    network: networks.find(({ network }) => networkContains(network, lease.address))?.name,
    machine: facts.machineName(lease.mac),
    hostname: lease.hostname,
    grantedAt: at(lease.grantedAt),
    expiresAt: lease.duration === ENDLESS_SECONDS ? 'never' : at(lease.expiresAt),
    seconds: lease.duration,
    clientId: lease.clientId === undefined ? undefined : octetsOf(lease.clientId),
    vendorClass: shownClass(lease.vendorClass),
    circuitId: wireText(lease.circuitId),
    remoteId: wireText(lease.remoteId),
    reservedName: facts.reservedName(lease),
  };
}

const stateOf = (lease: Lease, now: Instant): ShownState =>
  lease.state === 'bound' && !isHeld(lease, now) ? 'expired' : lease.state;

const octetsOf = (bytes: string): string =>
  Array.from(bytes, (byte) => byte.charCodeAt(0).toString(16).padStart(2, '0')).join(':');

/** Text where it is printable, else `0x` and hexadecimal digits. */
export function wireText(bytes: string | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  return isPrintable(bytes) && !bytes.startsWith('0x') ? bytes : `0x${octetsOf(bytes).replaceAll(':', '')}`;
}

/** A vendor class for people. */
export const shownClass = (vendorClass: string | undefined): string | undefined =>
  vendorClass === undefined ? undefined : cleanText(vendorClass);

/** A circuit id as Cisco's switches write it: type 0, four octets, the VLAN in two, the module, the port. */
const CISCO_CIRCUIT = /^0x0004([0-9a-f]{4})([0-9a-f]{2})([0-9a-f]{2})$/;

/** What a reported circuit id says in the form of Cisco's switches; undefined: it has another form. */
export function ciscoPort(circuitId: string): string | undefined {
  const [, vlan, module, port] = CISCO_CIRCUIT.exec(circuitId) ?? [];
  if (vlan === undefined || module === undefined || port === undefined) return undefined;
  const [v, m, p] = [vlan, module, port].map((digits) => Number.parseInt(digits, 16));
  return `VLAN ${v}, port ${m}/${p}`;
}

/** Which leases are wanted; each given criterion must hold. */
export interface LeaseFilter {
  readonly state: ShownState | undefined;
  /** An address or a network; undefined: any. */
  readonly address: Ipv4Network | undefined;
  /** The network's, by its cluster interface or prefix. */
  readonly network: Ipv4Network | undefined;
  /** Lower-case hexadecimal digits with which the hardware address begins. */
  readonly mac: string | undefined;
  readonly hostname: Pattern | undefined;
  readonly circuitId: Pattern | undefined;
  readonly remoteId: Pattern | undefined;
  readonly vendorClass: Pattern | undefined;
  /** Its octets as the report shows them. */
  readonly clientId: Pattern | undefined;
}

/** The criteria as they are given; `*` in a name stands for anything. */
export const LEASE_CRITERIA = [
  ...(['state', 'network', 'address', 'mac', 'hostname'] as const),
  ...(['circuit-id', 'remote-id', 'vendor-class', 'client-id'] as const),
] as const;

export type LeaseCriterion = (typeof LEASE_CRITERIA)[number];

/** A filter, or what is wrong with what was given. */
export type ParsedFilter =
  | { readonly ok: true; readonly filter: LeaseFilter }
  | { readonly ok: false; readonly reason: string };

/** The longest criterion, in characters. */
const CRITERION_CHARACTERS_MAX = 512;

/** Understands criteria as a person writes them. */
export function parseLeaseFilter(
  given: (criterion: LeaseCriterion) => string | undefined,
  networks: readonly NamedNetwork[],
): ParsedFilter {
  const refuse = (reason: string): ParsedFilter => ({ ok: false, reason });
  if (LEASE_CRITERIA.some((name) => (given(name)?.length ?? 0) > CRITERION_CHARACTERS_MAX))
    return refuse(`a criterion has at most ${CRITERION_CHARACTERS_MAX} characters`);
  const [stateText, networkText, addressText, macText] = (['state', 'network', 'address', 'mac'] as const).map(given);
  const state = LEASE_STATES.find((name) => name === stateText);
  if (stateText !== undefined && state === undefined)
    return refuse(`${stateText} is no state of a lease: ${LEASE_STATES.join(', ')}`);
  const address = addressText === undefined ? undefined : writtenNetwork(addressText);
  if (addressText !== undefined && address === undefined)
    return refuse(`${addressText} is no IPv4 address, nor a network such as 10.20.0.0/24`);
  const network =
    networkText === undefined
      ? undefined
      : (networks.find(({ name }) => name === networkText)?.network ?? writtenNetwork(networkText));
  if (networkText !== undefined && network === undefined)
    return refuse(
      `${networkText} is no cluster interface (${networks.map(({ name }) => name).join(', ')}) and no network`,
    );
  const mac = macText === undefined ? undefined : digitsOf(macText);
  if (macText !== undefined && mac === undefined)
    return refuse(`${macText} is no hardware address such as 52:54:00:12:34:56, nor the beginning of one`);
  const pattern = (name: LeaseCriterion) => patternOf(given(name));
  const port = { circuitId: pattern('circuit-id'), remoteId: pattern('remote-id') };
  const client = {
    hostname: pattern('hostname'),
    vendorClass: pattern('vendor-class'),
    clientId: pattern('client-id'),
  };
  return { ok: true, filter: { state, address, network, mac, ...port, ...client } };
}

function writtenNetwork(text: string): Ipv4Network | undefined {
  const address = parseIpv4(text);
  return address === undefined ? parseNetwork(text) : { address, prefix: 32 };
}

/** A hardware address in any spelling, or the first octets of one. */
function digitsOf(text: string): string | undefined {
  const whole = parseMac(text);
  if (whole !== undefined) return formatMac(whole, '');
  return /^[0-9a-f]{2}([:-]?[0-9a-f]{2}){0,4}[:-]?$/i.test(text) ? text.replace(/[:-]/g, '').toLowerCase() : undefined;
}

/** A name with `*` for anything, in the parts between; matching it takes time in proportion to the text, whatever was given. */
type Pattern = readonly string[];

const patternOf = (text: string | undefined): Pattern | undefined =>
  text?.toLowerCase().replace(/\*+/g, '*').split('*');

function matchesPattern([first = '', ...rest]: Pattern, name: string): boolean {
  const text = name.toLowerCase();
  const last = rest.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}

/** True when a lease is wanted. */
export function matchesLease(
  lease: Lease,
  filter: LeaseFilter,
  facts: Pick<ReportFacts, 'now' | 'machineName' | 'reservedName'>,
): boolean {
  const { state, address, network, mac, hostname, circuitId, remoteId, vendorClass, clientId } = filter;
  if (state !== undefined && stateOf(lease, facts.now) !== state) return false;
  if (address !== undefined && !networkContains(address, lease.address)) return false;
  if (network !== undefined && !networkContains(network, lease.address)) return false;
  if (mac !== undefined && !formatMac(lease.mac, '').startsWith(mac)) return false;
  if (circuitId !== undefined && !matchesPattern(circuitId, wireText(lease.circuitId) ?? '')) return false;
  if (remoteId !== undefined && !matchesPattern(remoteId, wireText(lease.remoteId) ?? '')) return false;
  if (vendorClass !== undefined && !matchesPattern(vendorClass, shownClass(lease.vendorClass) ?? '')) return false;
  if (clientId !== undefined && !matchesPattern(clientId, octetsOf(lease.clientId ?? ''))) return false;
  if (hostname === undefined) return true;
  return [facts.machineName(lease.mac), facts.reservedName(lease), lease.hostname].some(
    (name) => name !== undefined && matchesPattern(hostname, name),
  );
}
