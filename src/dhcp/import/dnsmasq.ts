// dnsmasq's lease file: a line a lease, `END MAC ADDRESS NAME CLIENT-ID`. Source: dnsmasq(8) under --dhcp-leasefile and
// --dhcp-script, and the files of dnsmasq 2.90.
//
// 1. END is seconds since 1970, or 0 for a lease that never ends. dnsmasq built for hosts without a clock writes the length instead:
//    a number too small for a time, which then counts from now on.
// 2. `*` stands for what is not known. A hardware address of another kind than Ethernet has its type in front: `06-…`.
// 3. After the line `duid …`, the server's own identifier, come the leases of IPv6; an IPv6 address tells one wherever it stands.

import { parseIpv4, parseMac } from '../../net/address.ts';
import {
  FILE_LINE_MAX,
  type FileEntry,
  leaseEntry,
  macOfClientId,
  parseClientMac,
  parseOctets,
  problemAt,
} from './foreign-lease.ts';

/** September 2001: a smaller number of seconds is a length. */
const TIME_SECONDS_MIN = 1_000_000_000;
/** What an address of IPv6 looks like; a hardware address does, too. */
const IPV6 = /^[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}$/i;

/** Reads the leases of dnsmasq. */
export function* readDnsmasqLeases(lines: Iterable<string>, wallMs: number): Generator<FileEntry, void> {
  let line = 0;
  let isVersion6 = false;
  for (const text of lines) {
    line += 1;
    if (text.trim() === '') continue;
    if (text.trim() === 'duid' || text.startsWith('duid ')) isVersion6 = true;
    else if (isVersion6) yield problemAt(line, 'not-ipv4', text);
    else yield readLine(text, line, wallMs);
  }
}

function readLine(text: string, line: number, wallMs: number): FileEntry {
  if (text.length > FILE_LINE_MAX) return problemAt(line, 'malformed', 'the line is too long');
  const [end = '', hardware = '', host = '', name, id = '*'] = text.trim().split(/ +/);
  if (IPV6.test(host) && parseMac(host) === undefined) return problemAt(line, 'not-ipv4', text);
  const address = parseIpv4(host);
  // A line that ends in its address was cut off while it was written, and that may have more digits.
  if (!/^\d{1,11}$/.test(end) || address === undefined || name === undefined) return problemAt(line, 'malformed', text);
  const clientId = id === '*' ? undefined : parseOctets(id);
  const otherType = /^([0-9a-f]{2})-/i.exec(hardware)?.[1];
  const mac = (otherType === undefined ? parseClientMac(hardware) : undefined) ?? macOfClientId(clientId);
  if (mac === undefined) {
    if (otherType !== undefined && otherType !== '00') return problemAt(line, 'not-ethernet', text);
    return problemAt(line, hardware === '*' || otherType === '00' ? 'no-client' : 'malformed', text);
  }
  const seconds = Number(end);
  const isLength = seconds > 0 && seconds < TIME_SECONDS_MIN;
  return leaseEntry({
    line,
    address,
    mac,
    state: 'bound',
    grantedWallMs: undefined,
    expiresWallMs: seconds === 0 ? undefined : isLength ? wallMs + seconds * 1000 : seconds * 1000,
    hostname: name === '*' ? undefined : name,
    clientId,
    vendorClass: undefined,
    circuitId: undefined,
    remoteId: undefined,
  });
}
