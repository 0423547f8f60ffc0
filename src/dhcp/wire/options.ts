// The codes of the options that the server's own logic uses, and readers of their values. OPTION is
// not the table of options: a new option needs a row of `option-table.ts`, and an entry here only
// if the server itself reads or decides it. Sources: RFC 2132 (most), RFC 3004 (77), RFC 3011
// (118), RFC 3397 (119), RFC 4578 (93, 94, 97), RFC 5071 (210); 175 is iPXE's own.
//
// 1. A reader returns undefined for an option that is absent or has a length its type forbids: a
//    client with one bad option is served without it.
// 2. Readers return text or numbers, never a view of the datagram.

import { type Ipv4, ipv4 } from '../../ground/address.ts';
import type { DhcpOptions } from './message-options.ts';

/** Option codes. */
export const OPTION = {
  subnetMask: 1,
  router: 3,
  domainNameServer: 6,
  hostName: 12,
  domainName: 15,
  interfaceMtu: 26,
  broadcastAddress: 28,
  staticRoutes: 33,
  ntpServers: 42,
  vendorSpecific: 43,
  requestedAddress: 50,
  leaseTime: 51,
  messageType: 53,
  serverIdentifier: 54,
  parameterRequestList: 55,
  message: 56,
  maximumMessageSize: 57,
  renewalTime: 58,
  rebindingTime: 59,
  vendorClass: 60,
  clientIdentifier: 61,
  tftpServerName: 66,
  bootFileName: 67,
  userClass: 77,
  clientFqdn: 81,
  relayAgentInformation: 82,
  clientArchitecture: 93,
  clientUuid: 97,
  subnetSelection: 118,
  domainSearch: 119,
  classlessRoutes: 121,
  ipxe: 175,
  pathPrefix: 210,
  classlessRoutesMicrosoft: 249,
} as const;

/** Values of option 53 (RFC 2132 §9.6). */
export const MESSAGE_TYPE = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
} as const;

/** How many characters of a client's vendor class are kept. */
const VENDOR_CLASS_CHARACTERS_MAX = 64;
/** How many characters of a client identifier, circuit id or remote id are kept. */
export const IDENTIFIER_CHARACTERS_MAX = 255;
/** RFC 1035 §2.3.4: the longest label. */
const LABEL_CHARACTERS_MAX = 63;

export function optionU8(options: DhcpOptions, code: number): number | undefined {
  const value = options.get(code);
  return value?.length === 1 ? value[0] : undefined;
}

export function optionU16(options: DhcpOptions, code: number): number | undefined {
  const value = options.get(code);
  return value?.length === 2 ? u16At(value, 0) : undefined;
}

export function optionU32(options: DhcpOptions, code: number): number | undefined {
  const value = options.get(code);
  return value?.length === 4 ? u16At(value, 0) * 0x1_0000 + u16At(value, 2) : undefined;
}

/** One address; undefined: absent or not four bytes. */
export function optionAddress(options: DhcpOptions, code: number): Ipv4 | undefined {
  const value = options.get(code);
  return value?.length === 4 ? ipv4((u16At(value, 0) << 16) | u16At(value, 2)) : undefined;
}

const UUID_TYPE = 0;
const UUID_BYTES = 16;

/**
 * Option 97, the client's UUID in lower case in the order of its octets (RFC 4578 §2.3); undefined:
 * absent, or of another form.
 */
export function optionUuid(options: DhcpOptions): string | undefined {
  const value = options.get(OPTION.clientUuid);
  if (value === undefined || value.length !== 1 + UUID_BYTES || value[0] !== UUID_TYPE) return undefined;
  const digits = Buffer.from(value.buffer, value.byteOffset + 1, UUID_BYTES).toString('hex');
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** Text, one character a byte, without the zero bytes some clients append; undefined: absent. */
export function optionText(options: DhcpOptions, code: number): string | undefined {
  const value = options.get(code);
  return value === undefined ? undefined : decodeLatin1(value).replace(/\0+$/, '');
}

/** 16-bit numbers; an odd last byte is dropped. */
export function optionU16List(options: DhcpOptions, code: number): readonly number[] {
  const value = options.get(code);
  if (value === undefined) return [];
  return Array.from({ length: value.length >> 1 }, (_, index) => u16At(value, index * 2));
}

/**
 * Option 77 as a list (RFC 3004 §4), or the whole option as one class. Quirk: iPXE and others send
 * the bare name.
 */
export function userClasses(options: DhcpOptions): readonly string[] {
  const value = options.get(OPTION.userClass);
  if (value === undefined || value.length === 0) return [];
  const classes: string[] = [];
  let offset = 0;
  while (offset < value.length) {
    const length = value[offset] ?? 0;
    if (length === 0 || offset + 1 + length > value.length) return [decodeLatin1(value)];
    classes.push(decodeLatin1(value.subarray(offset + 1, offset + 1 + length)));
    offset += 1 + length;
  }
  return classes;
}

/** Option 12 as a valid label. */
export const clientHostname = (options: DhcpOptions): string | undefined =>
  hostLabel(optionText(options, OPTION.hostName));

/** The first label in lower case, if a valid host name (RFC 1123 §2.1). */
export function hostLabel(name: string | undefined): string | undefined {
  const label = name?.split('.', 1)[0]?.toLowerCase();
  if (label === undefined || label.length > LABEL_CHARACTERS_MAX) return undefined;
  return /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(label) ? label : undefined;
}

/** One character a byte, at most IDENTIFIER_CHARACTERS_MAX; undefined: absent or empty. */
export function optionIdentifier(options: DhcpOptions, code: number): string | undefined {
  const value = options.get(code);
  if (value === undefined || value.length === 0) return undefined;
  return decodeLatin1(value.subarray(0, IDENTIFIER_CHARACTERS_MAX));
}

/** The vendor class as sent, cut to VENDOR_CLASS_CHARACTERS_MAX; undefined: absent or empty. */
export const vendorClass = (options: DhcpOptions): string | undefined =>
  keptVendorClass(optionText(options, OPTION.vendorClass));

/** Cut to VENDOR_CLASS_CHARACTERS_MAX; undefined: absent or empty. */
export function keptVendorClass(text: string | undefined): string | undefined {
  const prefix = text?.slice(0, VENDOR_CLASS_CHARACTERS_MAX);
  return prefix === '' ? undefined : prefix;
}

export const u8Bytes = (value: number): Uint8Array => Uint8Array.of(value);

export const u32Bytes = (value: number): Uint8Array =>
  Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);

export const addressBytes = (address: Ipv4): Uint8Array => u32Bytes(address);

export function addressListBytes(addresses: readonly Ipv4[]): Uint8Array {
  const bytes = new Uint8Array(addresses.length * 4);
  addresses.forEach((address, index) => {
    bytes.set(addressBytes(address), index * 4);
  });
  return bytes;
}

/** Text as bytes; a character above U+00FF becomes `?`. */
export const textBytes = (text: string): Uint8Array =>
  Uint8Array.from(Buffer.from(text.replace(/[^\0-\xff]/g, '?'), 'latin1'));

/** A domain name as in RFC 1035 §3.1, uncompressed, as in option 119 (RFC 3397 §2). */
export function domainNameBytes(name: string): Uint8Array | undefined {
  const labels = name.replace(/\.$/, '').split('.');
  if (labels.some((label) => label.length === 0 || label.length > LABEL_CHARACTERS_MAX)) return undefined;
  const parts = labels.map((label) => [label.length, ...textBytes(label)]);
  const bytes = Uint8Array.from([...parts.flat(), 0]);
  return bytes.length > 255 ? undefined : bytes;
}

const u16At = (bytes: Uint8Array, offset: number): number => ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);

const decodeLatin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
