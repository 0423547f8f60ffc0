// Which parts of what a machine shows of itself really identify it. Firmware vendors ship whole series with one UUID, and write
// the same placeholder where a serial number belongs.
//
// Sources: SMBIOS 3.7 §7.2.1 (all zeros: not present; all ones: not set); values seen on boards of many owners.
//
// 1. What is returned identifies: undefined stands for absent, malformed and known to be shared.

import { BROADCAST_MAC, formatMac, type MacAddress } from '../net/address.ts';

/** UUIDs that vendors left in many machines, lower case. */
const SHARED_UUIDS: ReadonlySet<string> = new Set([
  '00000000-0000-0000-0000-000000000000',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
  '03000200-0400-0500-0006-000700080009',
  '00020003-0004-0005-0006-000700080009',
  '4c4c4544-0000-2010-8020-80c04f202020',
  '44454c4c-0000-1020-8020-80c04f202020',
  '12345678-1234-5678-90ab-cddeefaabbcc',
  '12345678-1234-1234-1234-123456789abc',
  '01234567-8910-1112-1314-151617181920',
  '11111111-2222-3333-4444-000000000000',
  'fefefefe-fefe-fefe-fefe-fefefefefefe',
  '00112233-4455-6677-8899-aabbccddeeff',
]);

/** Placeholders in place of a serial number, lower case. */
const PLACEHOLDER_SERIALS: ReadonlySet<string> = new Set([
  'none',
  'n/a',
  'na',
  'null',
  'unknown',
  'default',
  'default string',
  'empty',
  'invalid',
  'not specified',
  'not applicable',
  'not available',
  'not settable',
  'serial',
  'serial number',
  'chassis serial number',
  'system serial number',
  'to be filled by o.e.m.',
  'to be filled by o.e.m',
  'o.e.m.',
  'oem',
  'oem default000000',
  'xxxxxxxxxxxx',
]);

/** Hardware addresses that every unit of a series has: an internal link to the BMC. */
const SHARED_MACS: ReadonlySet<string> = new Set(['02:00:00:00:00:01']);

/** The UUID in lower case, when it identifies one machine. */
export function identifyingUuid(text: string | undefined): string | undefined {
  const uuid = text?.trim().toLowerCase();
  if (uuid === undefined || !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid)) return undefined;
  return SHARED_UUIDS.has(uuid) ? undefined : uuid;
}

/** The serial number, when it identifies one machine among those of its UUID. */
export function identifyingSerial(text: string | undefined): string | undefined {
  const serial = text?.trim();
  if (serial === undefined || serial.length < 2 || PLACEHOLDER_SERIALS.has(serial.toLowerCase())) return undefined;
  // One repeated character (0000, ....) and counting up from 0 or 1 are placeholders too.
  if (/^(.)\1*$/.test(serial) || '01234567890123456789'.includes(serial)) return undefined;
  return serial;
}

/** True for the address of one interface in the world: neither all zeros nor a group's, nor one that a whole series shares. */
export function isIdentifyingMac(mac: MacAddress): boolean {
  const isGroup = Math.floor(mac / 2 ** 40) % 2 === 1;
  return mac !== 0 && mac !== BROADCAST_MAC && !isGroup && !SHARED_MACS.has(formatMac(mac));
}
