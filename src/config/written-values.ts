// Single values of the configuration file (addresses, names, durations, ports), each with its error message.

import { z } from 'zod';
import type { Ipv4, Ipv4Network, MacAddress } from '../ground/address.ts';
import { maskToPrefix, parseIpv4, parseMac, parseNetwork } from '../ground/address.ts';
import type { Seconds } from '../ground/clock.ts';
import { hasUrlCredentials } from '../machines/settings.ts';
import { shortenFound } from './fault-words.ts';

/** A string that `parse` accepts. The problem of any other string says what was `expected`. */
export function textual<T>(expected: string, parse: (text: string) => T | undefined) {
  return z.string({ error: `expected ${expected}` }).transform((text, context): T => {
    const value = parse(text.trim());
    if (value !== undefined) return value;
    context.issues.push({
      code: 'custom',
      message: `expected ${expected}, found "${shortenFound(text, expected)}"`,
      input: text,
    });
    return z.NEVER;
  });
}

/** A mapping whose keys people choose. Refuses the key `__proto__`, which zod would silently skip. */
export function mappingOf<T extends z.ZodType>(mapping: T) {
  return z.preprocess((value, context) => {
    if (typeof value === 'object' && value !== null && Object.hasOwn(value, '__proto__')) {
      const message = 'no key may have this name; remove it';
      context.issues.push({ code: 'custom', message, input: value, path: ['__proto__'] });
    }
    return value;
  }, mapping);
}

export const ipv4 = textual<Ipv4>('an IPv4 address such as 10.20.0.1', parseIpv4);
export const mac = textual<MacAddress>('a hardware address such as 52:54:00:12:34:56', parseMac);
export const network = textual<Ipv4Network>(
  'a network such as 10.20.0.0/24, with no bit set beyond its prefix',
  (text) => parseNetwork(text),
);
export const hostOrNetwork = textual<Ipv4Network>(
  'an address such as 10.20.0.1, or a network such as 10.20.0.0/24, with no bit set beyond its prefix',
  (text) => {
    const address = parseIpv4(text);
    return address === undefined ? parseNetwork(text) : { address, prefix: 32 };
  },
);
export const mask = textual<number>('a subnet mask such as 255.255.255.0', (text) => {
  const address = parseIpv4(text);
  return address === undefined ? undefined : maskToPrefix(address);
});

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const DOMAIN_LENGTH_MAX = 200;

/** True for one lower-case DNS label that may name a host (RFC 1123 §2.1). */
export const isHostLabel = (text: string): boolean => LABEL.test(text);

/**
 * A domain name in lower case, without the final dot; `undefined` if the text is not a name of host
 * labels.
 */
function parseDomain(text: string): string | undefined {
  const name = text.toLowerCase().replace(/\.$/, '');
  return name.length <= DOMAIN_LENGTH_MAX && name.split('.').every(isHostLabel) ? name : undefined;
}

/**
 * A server by its address, or by its name in lower case; `undefined` if the text is neither. A name
 * does not end in a number (RFC 1123 §2.1).
 */
export function parseServer(text: string): Ipv4 | string | undefined {
  const name = parseDomain(text);
  return parseIpv4(text) ?? (name === undefined || /(?:^|\.)\d+$/.test(name) ? undefined : name);
}
export const server = textual<Ipv4 | string>(
  'an IPv4 address such as 10.20.0.1, or a name such as ntp.example.net',
  parseServer,
);

export const domain = textual('a domain name such as maas or lab.example.net', parseDomain);
export const hostLabel = textual('a host name of letters, digits and hyphens', (text) => {
  const name = text.toLowerCase();
  return isHostLabel(name) ? name : undefined;
});
/** A record's name: underscores are allowed (RFC 8552). */
export const recordName = textual('a domain name such as www.maas', (text) => {
  const name = text.toLowerCase().replace(/\.$/, '');
  return name.length <= 253 && /^[a-z0-9_*-]{1,63}(\.[a-z0-9_-]{1,63})*$/.test(name) ? name : undefined;
});

const DURATION_UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
const durationText = textual<Seconds>('a duration such as 600, 90s, 10m, 12h or 7d', (text) => {
  const match = /^(\d{1,9})([smhdw])$/.exec(text);
  const unit = DURATION_UNITS[match?.[2] ?? ''];
  return match === null || unit === undefined ? undefined : ((Number(match[1]) * unit) as Seconds);
});
export const duration = z.union(
  [
    z
      .number()
      .int()
      .transform((value) => value as Seconds),
    durationText,
  ],
  {
    error: 'expected a duration: seconds, or a number with a unit such as 90s, 10m, 12h, 7d',
  },
);

const PORT_PROBLEM = { error: 'expected a port number, 1 to 65535' };
export const port = z.number(PORT_PROBLEM).int(PORT_PROBLEM).min(1, PORT_PROBLEM).max(65_535, PORT_PROBLEM);

/** `address:port`. */
export const endpoint = textual('an address and port such as 10.20.0.1:5248', (text) => {
  const match = /^([\d.]+):(\d{1,5})$/.exec(text);
  const address = parseIpv4(match?.[1] ?? '');
  const number = Number(match?.[2]);
  return address === undefined || number < 1 || number > 65_535 ? undefined : { address, port: number };
});

/** `address` or `address:port`. */
const upstream = (text: string): { address: Ipv4; port: number } | undefined => {
  const [addressText = '', portText = '53', ...extraParts] = text.split(':');
  if (extraParts.length > 0) return undefined;
  const address = parseIpv4(addressText);
  const number = Number(portText);
  return address === undefined || !/^\d{1,5}$/.test(portText) || number < 1 || number > 65_535
    ? undefined
    : { address, port: number };
};
export const upstreamEntry = textual('an upstream server such as 192.0.2.53 or 192.0.2.53:5353', upstream);
export const upstreamList = textual('upstream servers separated by spaces, each an address or address:port', (text) => {
  const entries = text
    .split(/[\s,]+/)
    .filter((word) => word !== '')
    .map(upstream);
  return entries.every((entry) => entry !== undefined) ? entries : undefined;
});

/** An http or https URL that everybody may see: machines, their users, events and logs show it. */
export const webUrl = (expected: string) =>
  textual(`${expected}, without a user name and password and without ? and #`, (text) => {
    const url = URL.parse(text);
    const isUsable = url !== null && /^https?:$/.test(url.protocol) && !/[?#]/.test(text) && !hasUrlCredentials(text);
    return isUsable ? text : undefined;
  });

/**
 * The first bytes of a hardware address, or all of it. `*` stands for no bytes, with which every
 * address begins.
 */
export const macPrefix = textual(
  'a hardware address or its first bytes, such as b8:27:eb, or * for every one',
  (text) => {
    if (text === '*') return { value: 0, bits: 0 };
    if (!/^[0-9a-f]{2}(?:[:-][0-9a-f]{2}){0,5}$/i.test(text)) return undefined;
    const digits = text.replace(/[:-]/g, '');
    return { value: Number.parseInt(digits, 16), bits: digits.length * 4 };
  },
);

/** The name of a cluster interface, a shared network or a class. */
export const plainName = textual('a name of letters, digits and _ : . -', (text) =>
  /^[\w:.-]{1,64}$/.test(text) ? text : undefined,
);

/** `ipxe`, or 16 bits in canonical decimal: any other spelling of the number would never match. */
const isLoaderKey = (key: string): boolean =>
  key === 'ipxe' || (/^(0|[1-9]\d{0,4})$/.test(key) && Number(key) <= 0xffff);

/** Loaders by number of option 93, or `ipxe`. */
export const loaders = mappingOf(
  z.record(
    z.string().refine(isLoaderKey, { error: 'expected a number of option 93, 0 to 65535, or ipxe' }),
    z
      .string()
      .regex(/^[\x21-\x7e]{1,127}$/, { error: 'expected a file name or URL of at most 127 printable characters' })
      .refine((text) => !hasUrlCredentials(text), {
        error: 'expected a URL without a user name and password, which every client would see',
      }),
  ),
);
