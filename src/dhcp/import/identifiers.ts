// The identifiers of clients and of switch ports as other DHCP servers write them, and as an entry
// of `hosts` does (`config/written-host.ts`). In between they are bytes, one a character.
//
// Sources: the Kea Administrator Reference Manual, "Host Reservations in DHCPv4" and "Flexible
// Identifiers"; the text forms that Kea 2.x reads and that `config-get` writes; dhcp-options(5) and
// dhcpd.conf(5) of ISC dhcpd 4.4 (`host-identifier`); dnsmasq(8) under --dhcp-host.

import { formatMac, isHostMac, macFromBytes } from '../../ground/address.ts';
import { parseOctets } from './foreign-lease.ts';
import type { IscToken } from './isc-tokens.ts';

const OCTETS_LIKE = /^[0-9a-f]{2}(?::[0-9a-f]{2})+$/i;
const PRINTABLE = /^[\x21-\x7e]+$/;
const IDENTIFIER_BYTES_MAX = 255;

const bytesToHex = (bytes: string): string => Buffer.from(bytes, 'latin1').toString('hex');
const formatOctets = (bytes: string): string => bytesToHex(bytes).replace(/..(?=.)/g, '$&:');
const isOneByteEach = (text: string): boolean => /^[\0-\xff]*$/.test(text);

/**
 * A client identifier as `hosts` writes it; undefined: no client sends it (RFC 2132 §9.14: at least
 * two bytes).
 */
export function writtenClientId(bytes: string): string | undefined {
  if (bytes.length < 2 || bytes.length > IDENTIFIER_BYTES_MAX) return undefined;
  return PRINTABLE.test(bytes) && !OCTETS_LIKE.test(bytes) ? bytes : formatOctets(bytes);
}

export const writtenDuid = (bytes: string): string | undefined => (bytes.length < 3 ? undefined : formatOctets(bytes));

/** A circuit id or remote id as `hosts` writes it. */
export function writtenRelayId(bytes: string): string | undefined {
  if (bytes.length === 0 || bytes.length > IDENTIFIER_BYTES_MAX) return undefined;
  return PRINTABLE.test(bytes) && !/^0x/i.test(bytes) ? bytes : `0x${bytesToHex(bytes)}`;
}

export function writtenMac(bytes: string): string | undefined {
  if (bytes.length !== 6) return undefined;
  const mac = macFromBytes(Buffer.from(bytes, 'latin1'), 0);
  return isHostMac(mac) ? formatMac(mac) : undefined;
}

/** Kea: a text between apostrophes, or hexadecimal digits: `01:a:b0`, `01 0a b0`, `010ab0`, `0x010ab0`. */
export function parseKeaIdentifier(written: string): string | undefined {
  const text = written.trim();
  const quoted = /^'(.+)'$/s.exec(text)?.[1];
  if (quoted !== undefined) return isOneByteEach(quoted) ? quoted : undefined;
  if (/[: ]/.test(text)) return parseOctets(text.replaceAll(' ', ':'));
  const digits = /^(?:0x)?([0-9a-f]+)$/i.exec(text)?.[1];
  if (digits === undefined) return undefined;
  return Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex').toString('latin1');
}

/**
 * ISC: a quoted text, or octets of one or two digits; `=` may precede it. Any other expression is
 * evaluated for each packet.
 */
export function parseIscIdentifier(tokens: readonly IscToken[]): string | undefined {
  const [value, more] = tokens[0]?.kind === 'mark' && tokens[0].text === '=' ? tokens.slice(1) : tokens;
  if (value === undefined || more !== undefined) return undefined;
  return value.kind === 'text' ? value.text : parseOctets(value.text);
}

/** dnsmasq: octets if it has colons, else a text. */
export const parseDnsmasqIdentifier = (text: string): string | undefined =>
  text.includes(':') ? parseOctets(text) : text;
