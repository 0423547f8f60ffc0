// A lease from another DHCP server's file, whatever the format, and what else the file may hold.
//
// 1. Times are the other host's wall times; wire texts are one byte a character.
// 2. A reader throws nothing: an unusable entry carries its reason and line.
// 3. A reader passes on only what is within these bounds: the running rack accepts no more.
// 4. Later entries of an address replace earlier ones: most formats are logs.

import { type Ipv4, isHostMac, type MacAddress, macFromBytes, parseMac } from '../../ground/address.ts';
import type { LeaseState } from '../leases/lease.ts';
import { IDENTIFIER_CHARACTERS_MAX } from '../wire/options.ts';

/** How many addresses one import takes; a file with more is refused. */
export const FOREIGN_LEASES_MAX = 4_194_304;
/** The longest line read, in characters; a longer one counts as malformed. */
export const FILE_LINE_MAX = 65_536;
/** The longest text passed on, in characters. */
export const FOREIGN_TEXT_MAX = IDENTIFIER_CHARACTERS_MAX;
/** The latest time passed on, in milliseconds since 1970: the year 33 658. The earliest is 0. */
export const FOREIGN_WALL_MS_MAX = 1e15;
/** Option 61 with a hardware address: type 1 and six bytes (RFC 2132 §9.14). */
const HARDWARE_CLIENT_ID_BYTES = 7;

/** One lease of a file. */
export interface ForeignLease {
  /** Where its entry begins, from 1. */
  readonly line: number;
  readonly address: Ipv4;
  /** Undefined only for an address set aside without a client. */
  readonly mac: MacAddress | undefined;
  readonly state: LeaseState;
  /** The last grant or renewal, milliseconds since 1970; undefined: unknown. */
  readonly grantedWallMs: number | undefined;
  /** When it ends: milliseconds since 1970; undefined: never. */
  readonly expiresWallMs: number | undefined;
  readonly hostname: string | undefined;
  readonly clientId: string | undefined;
  readonly vendorClass: string | undefined;
  readonly circuitId: string | undefined;
  readonly remoteId: string | undefined;
}

/** Why an entry of a file cannot be taken. */
export const FILE_PROBLEMS = {
  malformed: 'The entry cannot be read.',
  'line-unread': 'This line is unknown or cannot be read; the rest of its entry counts.',
  'not-ethernet': 'The client has no Ethernet address.',
  'not-ipv4': 'The entry is for IPv6; this server gives IPv4 addresses only.',
  'file-of-ipv6': 'The file holds only IPv6 leases; name the one with the IPv4 leases.',
  'no-client': 'The entry names no hardware address.',
  reservation: 'The entry is a reservation, not a lease: write it under hosts of its cluster interface.',
} as const;

export type FileProblem = keyof typeof FILE_PROBLEMS;

/** An entry that a reader finds. */
export type FileEntry =
  | { readonly kind: 'lease'; readonly lease: ForeignLease }
  | { readonly kind: 'problem'; readonly line: number; readonly problem: FileProblem; readonly text: string };

/** Reads one format. @param wallMs now, milliseconds since 1970 */
export type ReadLeaseFile = (lines: Iterable<string>, wallMs: number) => Iterable<FileEntry>;

/** A lease's entry, with texts and times limited to the bounds. */
export const leaseEntry = (lease: ForeignLease): FileEntry => ({
  kind: 'lease',
  lease: {
    ...lease,
    grantedWallMs: boundedMs(lease.grantedWallMs),
    expiresWallMs: boundedMs(lease.expiresWallMs),
    hostname: lease.hostname?.slice(0, FOREIGN_TEXT_MAX),
    clientId: lease.clientId?.slice(0, FOREIGN_TEXT_MAX),
    vendorClass: lease.vendorClass?.slice(0, FOREIGN_TEXT_MAX),
    circuitId: lease.circuitId?.slice(0, FOREIGN_TEXT_MAX),
    remoteId: lease.remoteId?.slice(0, FOREIGN_TEXT_MAX),
  },
});

const boundedMs = (ms: number | undefined): number | undefined =>
  ms === undefined ? undefined : Math.max(0, Math.min(ms, FOREIGN_WALL_MS_MAX));

/** An entry not taken; `text` quotes the fault. */
export const problemAt = (line: number, problem: FileProblem, text: string): FileEntry => ({
  kind: 'problem',
  line,
  problem,
  text: text.slice(0, 120),
});

/** One host's Ethernet address. */
export function parseClientMac(text: string): MacAddress | undefined {
  const mac = parseMac(text);
  return mac !== undefined && isHostMac(mac) ? mac : undefined;
}

/** The hardware address in a client identifier of type 1. */
export function macOfClientId(clientId: string | undefined): MacAddress | undefined {
  if (clientId?.length !== HARDWARE_CLIENT_ID_BYTES || clientId.charCodeAt(0) !== 1) return undefined;
  const mac = macFromBytes(Buffer.from(clientId, 'latin1'), 1);
  return isHostMac(mac) ? mac : undefined;
}

/** Hexadecimal octets between colons, as one character a byte. */
export function parseOctets(text: string): string | undefined {
  if (!/^[0-9a-f]{1,2}(:[0-9a-f]{1,2})*$/i.test(text)) return undefined;
  return String.fromCharCode(...text.split(':').map((octet) => Number.parseInt(octet, 16)));
}
