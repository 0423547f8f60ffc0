// Writes the leases that a server has when it starts, in its own lease file format. Sources: dhcpd.leases(5), dnsmasq(8), the Kea
// Administrator Reference Manual ("Memfile - Basic Storage for Leases").
//
//   low ─ client 0 ─ gap ─ client 1 ─ gap ─ … ─ high         all running; ends spread over the second half of the lease time
//
// 1. The same clients have the same addresses with every server.
// 2. Ends are spread as on a network with clients that renew at half their lease time, ascending with the address: ISC, which sorts leases by
//    their end while reading, takes most of a minute for 100 000 leases in another order.

import { closeSync, openSync, writeSync } from 'node:fs';
import { formatIpv4, formatMac, ipv4, mac } from '../src/ground/address.ts';
import { MAC_PREFIX } from './dhcp-client.ts';

/** The range of addresses. */
export interface LeaseRange {
  readonly low: number;
  readonly size: number;
}

/** Leases to write. */
export interface ExistingLeases {
  readonly range: LeaseRange;
  readonly count: number;
  readonly leaseSeconds: number;
  /** Now, in seconds since 1970. */
  readonly wallSeconds: number;
}

/** The lines of one lease in a lease file. */
type Row = (address: string, hardware: string, endSeconds: number) => string;

/** The address of client number `client` (0 to count - 1). */
export const existingAddress = (range: LeaseRange, count: number, client: number): number =>
  range.low + Math.floor((client * range.size) / count);

const hardwareOf = (client: number): string => formatMac(mac(MAC_PREFIX * 2 ** 32 + client));

/** Kea's memfile, which the rack imports as well. */
export function writeKeaLeases(file: string, leases: ExistingLeases): void {
  const { leaseSeconds } = leases;
  writeRows(
    file,
    'address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context\n',
    leases,
    (address, hardware, end) => `${address},${hardware},,${leaseSeconds},${end},1,0,0,,0,\n`,
  );
}

/** ISC's dhcpd.leases. */
export function writeIscLeases(file: string, leases: ExistingLeases): void {
  const row: Row = (address, hardware, end) => {
    const start = end - leases.leaseSeconds;
    return `lease ${address} {
  starts epoch ${start};
  ends epoch ${end};
  cltt epoch ${start};
  binding state active;
  next binding state free;
  rewind binding state free;
  hardware ethernet ${hardware};
}
`;
  };
  writeRows(file, 'authoring-byte-order little-endian;\n', leases, row);
}

/** Dnsmasq's lease file. */
export function writeDnsmasqLeases(file: string, leases: ExistingLeases): void {
  writeRows(file, '', leases, (address, hardware, end) => `${end} ${hardware} ${address} * *\n`);
}

function writeRows(file: string, head: string, { range, count, leaseSeconds, wallSeconds }: ExistingLeases, row: Row) {
  const fd = openSync(file, 'w');
  let text = head;
  for (let client = 0; client < count; client += 1) {
    const end = wallSeconds + Math.floor((leaseSeconds / 2) * (1 + client / count));
    text += row(formatIpv4(ipv4(existingAddress(range, count, client))), hardwareOf(client), end);
    if (text.length < 65_536) continue;
    writeSync(fd, text);
    text = '';
  }
  writeSync(fd, text);
  closeSync(fd);
}
