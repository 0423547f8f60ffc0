// Decides which reported values identify a machine. Firmware vendors ship whole series with one
// UUID, and put the same placeholder in place of serial numbers.
//
// Sources: SMBIOS 3.7 §7.2.1 (all zeros: not present; all ones: not set); values seen on boards of
// many owners; the IEEE's register of address prefixes; the USB network drivers of Linux.
//
// 1. A returned value identifies a machine. `undefined` means that the value is absent, malformed
//    or known to be shared.

import { BROADCAST_MAC, formatMac, type MacAddress } from '../../ground/address.ts';

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
  'xxxxxxx',
  'asset tag',
  'asset tag number',
  'asset-1234567890',
  'board serial number',
  'base board serial number',
  'chassis asset tag',
  'no asset tag',
  'no asset information',
  'no enclosure tag',
  'product asset tag',
  'not used',
  'fill by oem',
  'filled by o.e.m.',
  'type2 - board serial number',
  'type3 - chassis serial number',
  'mb-1234567890',
  'nb-1234567890',
]);

/**
 * Hardware addresses shared by whole series: internal links to the BMC, and interfaces without a
 * programmed address.
 */
const SHARED_MACS: ReadonlySet<string> = new Set([
  '02:00:00:00:00:01',
  '00:00:00:00:00:01',
  '00:01:02:03:04:05',
  '00:10:18:00:00:00',
  '00:11:22:33:44:55',
  '00:12:34:56:78:9a',
  '00:e0:4c:00:00:01',
  '00:e0:4c:68:00:01',
  '12:34:56:78:9a:bc',
]);

/** Drivers of the link between host and BMC, whose address is the same throughout a series. */
const BMC_INTERFACE_DRIVERS: ReadonlySet<string> = new Set([
  'cdc_ether',
  'cdc_ncm',
  'cdc_subset',
  'cdc_eem',
  'rndis_host',
]);

/** Drivers of USB adapters and docking stations, which people carry between machines. */
const PORTABLE_DRIVERS: ReadonlySet<string> = new Set([
  ...BMC_INTERFACE_DRIVERS,
  'aqc111',
  'asix',
  'ax88179_178a',
  'ch9200',
  'cx82310_eth',
  'dm9601',
  'kalmia',
  'lan78xx',
  'mcs7830',
  'pegasus',
  'r8152',
  'r8153_ecm',
  'rtl8150',
  'smsc75xx',
  'smsc95xx',
  'sr9700',
  'sr9800',
]);

/** Address prefixes of vendors that make only such adapters. */
const PORTABLE_PREFIXES: ReadonlySet<string> = new Set(['00:50:b6', '00:24:9b', '00:0e:c6', '8c:ae:4c', '00:13:3b']);

export function identifyingUuid(text: string | undefined): string | undefined {
  const uuid = text?.trim().toLowerCase();
  if (uuid === undefined || !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid)) return undefined;
  return SHARED_UUIDS.has(uuid) ? undefined : uuid;
}

/** The serial number, if it identifies one machine among those of its maker. */
export function identifyingSerial(text: string | undefined): string | undefined {
  const serial = text?.trim();
  if (serial === undefined || serial.length < 2 || PLACEHOLDER_SERIALS.has(serial.toLowerCase())) return undefined;
  // One repeated character (0000, ....) and counting up from 0 or 1 are placeholders too.
  if (/^(.)\1*$/.test(serial) || '01234567890123456789'.includes(serial)) return undefined;
  return serial;
}

export const isBmcInterface = (driver: string): boolean => BMC_INTERFACE_DRIVERS.has(driver);

/** True for an interface that people carry between machines. */
export const isPortableNic = (mac: MacAddress, driver: string): boolean =>
  PORTABLE_DRIVERS.has(driver) || PORTABLE_PREFIXES.has(formatMac(mac).slice(0, 8));

/** True for a unique address: not all zeros, not a group address, and not shared by a whole series. */
export function isIdentifyingMac(mac: MacAddress): boolean {
  const isGroup = Math.floor(mac / 2 ** 40) % 2 === 1;
  return mac !== 0 && mac !== BROADCAST_MAC && !isGroup && !SHARED_MACS.has(formatMac(mac));
}
