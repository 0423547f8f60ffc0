// A lease as commands and scripts see it, and filters to select leases. Pure.
//
// 1. Fields are added, never renamed or removed: scripts read them.
// 2. An identifier is text if all printable ASCII, else `0x` and digits.
// 3. A vendor class is text with escapes.

import { z } from 'zod';
import {
  formatIpv4,
  formatMac,
  type Ipv4Network,
  networkContains,
  parseIpv4,
  parseMac,
  parseNetwork,
} from '../../ground/address.ts';
import { cleanText, isPrintable } from '../../ground/clean-text.ts';
import type { Instant } from '../../ground/clock.ts';
import { ENDLESS_SECONDS, type Lease } from './lease.ts';
import { isHeld } from './lease-table.ts';
import type { ReservedName } from './reserved-name.ts';
import { NOBODY } from './set-aside.ts';

/** `bound` becomes `expired` when its time is over. */
const LEASE_STATES = ['bound', 'expired', 'released', 'declined'] as const;

type ShownState = (typeof LEASE_STATES)[number];

/** Unknown fields are left out. */
export const leaseReport = z.object({
  address: z.string(),
  /** `nobody` for an imported address set aside without a client. */
  mac: z.string(),
  state: z.enum(LEASE_STATES),
  /** Its cluster interface; undefined: none configured now. */
  network: z.string().optional(),
  /** The machine's name in the region. */
  machine: z.string().optional(),
  /** The name the client gives itself. */
  hostname: z.string().optional(),
  /** ISO 8601. */
  grantedAt: z.string(),
  /** ISO 8601, or `never`. */
  expiresAt: z.string(),
  seconds: z.number(),
  clientId: z.string().optional(),
  vendorClass: z.string().optional(),
  /** Option 82: the switch port and the switch. */
  circuitId: z.string().optional(),
  remoteId: z.string().optional(),
  /** The name from its reservation. */
  reservedName: z.string().optional(),
});
export type LeaseReport = Readonly<z.output<typeof leaseReport>>;

/** A configured network by its cluster interface. */
interface NamedNetwork {
  readonly name: string;
  readonly network: Ipv4Network;
}

/** The facts a report needs besides the lease. */
export interface ReportFacts {
  readonly now: Instant;
  /** The wall clock at `now`, milliseconds since 1970. */
  readonly wallMs: number;
  readonly networks: readonly NamedNetwork[];
  /** A machine's name by its hardware address. */
  readonly machineName: (mac: Lease['mac']) => string | undefined;
  readonly reservedName: ReservedName;
}

/** Reports a lease. */
export function reportLease(lease: Lease, facts: ReportFacts): Required<LeaseReport> {
  const { now, wallMs, networks } = facts;
  const at = (moment: Instant): string => new Date(wallMs + (moment - now)).toISOString();
  return {
    address: formatIpv4(lease.address),
    mac: lease.mac === NOBODY ? 'nobody' : formatMac(lease.mac),
    state: reportedState(lease, now),
    network: networks.find(({ network }) => networkContains(network, lease.address))?.name,
    machine: facts.machineName(lease.mac),
    hostname: lease.hostname,
    grantedAt: at(lease.grantedAt),
    expiresAt: lease.duration === ENDLESS_SECONDS ? 'never' : at(lease.expiresAt),
    seconds: lease.duration,
    clientId: lease.clientId === undefined ? undefined : formatByteString(lease.clientId),
    vendorClass: shownClass(lease.vendorClass),
    circuitId: wireText(lease.circuitId),
    remoteId: wireText(lease.remoteId),
    reservedName: facts.reservedName(lease),
  };
}

const reportedState = (lease: Lease, now: Instant): ShownState =>
  lease.state === 'bound' && !isHeld(lease, now) ? 'expired' : lease.state;

const formatByteString = (bytes: string): string =>
  Array.from(bytes, (byte) => byte.charCodeAt(0).toString(16).padStart(2, '0')).join(':');

/** Printable text as it is, else `0x` and digits. */
export function wireText(bytes: string | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  return isPrintable(bytes) && !bytes.startsWith('0x') ? bytes : `0x${formatByteString(bytes).replaceAll(':', '')}`;
}

/** A vendor class for people. */
export const shownClass = (vendorClass: string | undefined): string | undefined =>
  vendorClass === undefined ? undefined : cleanText(vendorClass);

/** Cisco's circuit id: type 0, four octets, the VLAN in two, the module, the port. */
const CISCO_CIRCUIT = /^0x0004([0-9a-f]{4})([0-9a-f]{2})([0-9a-f]{2})$/;

/** The port in a Cisco circuit id. */
export function ciscoPort(circuitId: string): string | undefined {
  const [, vlan, module, port] = CISCO_CIRCUIT.exec(circuitId) ?? [];
  if (vlan === undefined || module === undefined || port === undefined) return undefined;
  const [v, m, p] = [vlan, module, port].map((digits) => Number.parseInt(digits, 16));
  return `VLAN ${v}, port ${m}/${p}`;
}

/** Selects leases; every given criterion must match. */
export interface LeaseFilter {
  readonly state: ShownState | undefined;
  /** An address or a network; undefined: any. */
  readonly address: Ipv4Network | undefined;
  /** The network, by its cluster interface or prefix. */
  readonly network: Ipv4Network | undefined;
  /** Lower-case hexadecimal digits that the hardware address begins with. */
  readonly mac: string | undefined;
  readonly hostname: Pattern | undefined;
  readonly circuitId: Pattern | undefined;
  readonly remoteId: Pattern | undefined;
  readonly vendorClass: Pattern | undefined;
  /** Its octets, as the report shows them. */
  readonly clientId: Pattern | undefined;
}

/** What a person can filter by; `*` in a name matches anything. */
export const LEASE_CRITERIA = [
  ...(['state', 'network', 'address', 'mac', 'hostname'] as const),
  ...(['circuit-id', 'remote-id', 'vendor-class', 'client-id'] as const),
] as const;

export type LeaseCriterion = (typeof LEASE_CRITERIA)[number];

/** A filter, or the fault in the criteria. */
export type ParsedFilter =
  | { readonly ok: true; readonly filter: LeaseFilter }
  | { readonly ok: false; readonly reason: string };

/** The longest criterion, in characters. */
const CRITERION_CHARACTERS_MAX = 512;

/** Parses criteria as a person writes them. */
export function parseLeaseFilter(
  getCriterion: (criterion: LeaseCriterion) => string | undefined,
  networks: readonly NamedNetwork[],
): ParsedFilter {
  const refuse = (reason: string): ParsedFilter => ({ ok: false, reason });
  if (LEASE_CRITERIA.some((name) => (getCriterion(name)?.length ?? 0) > CRITERION_CHARACTERS_MAX))
    return refuse(`a criterion has at most ${CRITERION_CHARACTERS_MAX} characters`);
  const [stateText, networkText, addressText, macText] = (['state', 'network', 'address', 'mac'] as const).map(
    getCriterion,
  );
  const state = LEASE_STATES.find((name) => name === stateText);
  if (stateText !== undefined && state === undefined)
    return refuse(`${stateText} is not a lease state: ${LEASE_STATES.join(', ')}`);
  const address = addressText === undefined ? undefined : writtenNetwork(addressText);
  if (addressText !== undefined && address === undefined)
    return refuse(`${addressText} is neither an IPv4 address nor a network such as 10.20.0.0/24`);
  const network =
    networkText === undefined
      ? undefined
      : (networks.find(({ name }) => name === networkText)?.network ?? writtenNetwork(networkText));
  if (networkText !== undefined && network === undefined)
    return refuse(
      `${networkText} is neither a cluster interface (${networks.map(({ name }) => name).join(', ')}) nor a network`,
    );
  const mac = macText === undefined ? undefined : parseMacDigits(macText);
  if (macText !== undefined && mac === undefined)
    return refuse(`${macText} is neither a hardware address such as 52:54:00:12:34:56 nor the beginning of one`);
  const pattern = (name: LeaseCriterion) => parsePattern(getCriterion(name));
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

/** A hardware address in any notation, or its first octets. */
function parseMacDigits(text: string): string | undefined {
  const whole = parseMac(text);
  if (whole !== undefined) return formatMac(whole, '');
  return /^[0-9a-f]{2}([:-]?[0-9a-f]{2}){0,4}[:-]?$/i.test(text) ? text.replace(/[:-]/g, '').toLowerCase() : undefined;
}

/** A name split at each `*`. Matching takes linear time, whatever the pattern. */
type Pattern = readonly string[];

const parsePattern = (text: string | undefined): Pattern | undefined =>
  text?.toLowerCase().replace(/\*+/g, '*').split('*');

function matchesPattern([first = '', ...rest]: Pattern, name: string): boolean {
  const text = name.toLowerCase();
  const last = rest.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const index = text.indexOf(part, at);
    if (index === -1) return false;
    at = index + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}

/** True if the filter selects a lease. */
export function matchesLease(
  lease: Lease,
  filter: LeaseFilter,
  facts: Pick<ReportFacts, 'now' | 'machineName' | 'reservedName'>,
): boolean {
  const { state, address, network, mac, hostname, circuitId, remoteId, vendorClass, clientId } = filter;
  if (state !== undefined && reportedState(lease, facts.now) !== state) return false;
  if (address !== undefined && !networkContains(address, lease.address)) return false;
  if (network !== undefined && !networkContains(network, lease.address)) return false;
  if (mac !== undefined && !formatMac(lease.mac, '').startsWith(mac)) return false;
  if (circuitId !== undefined && !matchesPattern(circuitId, wireText(lease.circuitId) ?? '')) return false;
  if (remoteId !== undefined && !matchesPattern(remoteId, wireText(lease.remoteId) ?? '')) return false;
  if (vendorClass !== undefined && !matchesPattern(vendorClass, shownClass(lease.vendorClass) ?? '')) return false;
  if (clientId !== undefined && !matchesPattern(clientId, formatByteString(lease.clientId ?? ''))) return false;
  if (hostname === undefined) return true;
  return [facts.machineName(lease.mac), facts.reservedName(lease), lease.hostname].some(
    (name) => name !== undefined && matchesPattern(hostname, name),
  );
}
