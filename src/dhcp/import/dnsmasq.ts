// dnsmasq's lease file: one lease per line, `END MAC ADDRESS NAME CLIENT-ID`. Source: dnsmasq(8)
// under --dhcp-leasefile and --dhcp-script, and the files of dnsmasq 2.90.
//
// 1. END is seconds since 1970, or 0 for endless. Without a clock dnsmasq writes the duration
//    instead: a number too small for a time.
// 2. `*` is unknown; a hardware address other than Ethernet begins with its type: `06-…`.
// 3. IPv6 leases follow `duid …`, the server's identifier. An IPv6 address anywhere marks one.

import { parseIpv4, parseMac } from '../../ground/address.ts';
import {
  FILE_LINE_MAX,
  type FileEntry,
  leaseEntry,
  macOfClientId,
  parseClientMac,
  parseOctets,
  problemAt,
} from './foreign-lease.ts';

/** September 2001: less is a duration. */
const TIME_SECONDS_MIN = 1_000_000_000;
/** A hardware address has this form, too. */
const IPV6 = /^[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}$/i;

export function* readDnsmasqLeases(lines: Iterable<string>, wallMs: number): Generator<FileEntry, void> {
  let line = 0;
  let isVersion6 = false;
  for (const text of lines) {
    line += 1;
    if (text.trim() === '') continue;
    if (text.trim() === 'duid' || text.startsWith('duid ')) isVersion6 = true;
    else {
      const entry = readLine(text, line, wallMs);
      yield isVersion6 && entry.kind === 'problem' ? problemAt(line, 'not-ipv4', text) : entry;
    }
  }
}

function readLine(text: string, line: number, wallMs: number): FileEntry {
  if (text.length > FILE_LINE_MAX) return problemAt(line, 'malformed', 'the line is too long');
  const [end = '', hardware = '', host = '', name, id = '*'] = text.trim().split(/ +/);
  if (IPV6.test(host) && parseMac(host) === undefined) return problemAt(line, 'not-ipv4', text);
  const address = parseIpv4(host);
  // A line that ends in its address was cut off, perhaps within it.
  if (!/^\d{1,11}$/.test(end) || address === undefined || name === undefined) return problemAt(line, 'malformed', text);
  const clientId = id === '*' ? undefined : parseOctets(id);
  const otherType = /^([0-9a-f]{2})-/i.exec(hardware)?.[1];
  const mac = (otherType === undefined ? parseClientMac(hardware) : undefined) ?? macOfClientId(clientId);
  if (mac === undefined) {
    if (otherType !== undefined && otherType !== '00') return problemAt(line, 'not-ethernet', text);
    return problemAt(line, hardware === '*' || otherType === '00' ? 'no-client' : 'malformed', text);
  }
  const seconds = Number(end);
  const isDuration = seconds > 0 && seconds < TIME_SECONDS_MIN;
  return leaseEntry({
    line,
    address,
    mac,
    state: 'bound',
    grantedWallMs: undefined,
    expiresWallMs: seconds === 0 ? undefined : isDuration ? wallMs + seconds * 1000 : seconds * 1000,
    hostname: name === '*' ? undefined : name,
    clientId,
    vendorClass: undefined,
    circuitId: undefined,
    remoteId: undefined,
  });
}
